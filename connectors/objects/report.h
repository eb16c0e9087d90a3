/* Counts what a run did and reports it as it happens. */
#ifndef DOWEL_REPORT_H
#define DOWEL_REPORT_H

#include "glob.h"
#include "place.h"

#include <dowel/object_tasks.h>

#include <pthread.h>

enum { DOWEL_REPORT_NAMED = 10 };    /* failures that the error names */
enum { DOWEL_REPORT_REFUSALS = 4 };  /* refusals with no success before them: perhaps all will be refused */
enum { DOWEL_REPORT_TROUBLES = 20 }; /* network failures in a row: the service or the network is down */

typedef struct dowel_refusal {
    char *name;
    dowel_error error;
} dowel_refusal;

typedef struct dowel_report {
    const dowel_object_reporter *reporter;
    pthread_mutex_t lock;
    int64_t copied, bytes, unchanged, skipped, removed, failed;
    bool moves;          /* the copies are moves: reported when the source is removed */
    bool removes;        /* nothing is copied */
    int64_t kept;        /* extraneous objects that were not removed because something failed */
    int64_t incomplete;  /* objects that were copied without a part of their metadata */
    int64_t known_bytes; /* of what was copied or is on its way */
    int first;           /* code of the first failure; 0: none */
    bool mixed;          /* not all failures have that code */
    dowel_error error;   /* of the first */
    char named[1024];    /* the first failures, a line each */
    /* Refusals (401, 403) before the first success are held back: if everything is refused, one error says it. */
    dowel_refusal *held;
    int holding, room, troubles;
    bool hopeless;
    dowel_error last;  /* that made it so */
    int64_t unnamed;   /* failures after that */
    char stopped[320]; /* why the run ended early; "": it did not */
    unsigned said;     /* DOWEL_REPORT_BLIND ... that were reported */
} dowel_report;

enum { DOWEL_REPORT_BLIND = 1 }; /* reported once, for any number of objects */

void dowel_report_open(dowel_report *report, const dowel_object_reporter *reporter);
void dowel_report_close(dowel_report *report);
void dowel_report_copied(dowel_report *report, const char *from, const char *to, int64_t size);
/* An object was copied without these parts of its metadata, one a line. */
void dowel_report_incomplete(dowel_report *report, const char *name, char *lines);
void dowel_report_removed(dowel_report *report, const char *name);
/* Nothing was removed below this place, which has `count` objects that the source does not have. */
void dowel_report_kept(dowel_report *report, const char *place, int64_t count, const char *why);
/* Names the include patterns of the filter that matched nothing. */
void dowel_tell_unmatched(dowel *d, const dowel_object_reporter *reporter, const dowel_place *place,
                          const dowel_filter *filter);
void dowel_report_unmatched(dowel *d, dowel_report *report, const dowel_place *place, const dowel_filter *filter);
void dowel_report_skipped(dowel_report *report, const char *name, const char *why);
void dowel_report_unchanged(dowel_report *report, const char *name);
void dowel_report_failed(dowel_report *report, const char *name, const dowel_error *why);
/* The number of failed objects so far. */
int64_t dowel_report_failures(dowel_report *report);
/* Whether everything was refused so far: then objects much later in the listing are tried first. */
bool dowel_report_doubts(dowel_report *report);
/* These were refused too. */
void dowel_report_refused(dowel_report *report);
/* An error when the rest would fail like everything before it. */
int dowel_report_hopeless(dowel_report *report, dowel_error *err);
/* All other objects would fail like this one. */
void dowel_report_stopped(dowel_report *report, const char *name);
/* True for the first call with this bit. */
bool dowel_report_first(dowel_report *report, unsigned what);
/* The outcome of a run that ended with `rc` and `err`. A failure says how much was done before it; if single objects failed, the error counts and
 * names them. */
int dowel_report_end(dowel_report *report, int rc, dowel_error *err);

#endif
