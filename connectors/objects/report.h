/* What was done, counted and told as it happens. */
#ifndef DOWEL_REPORT_H
#define DOWEL_REPORT_H

#include "place.h"

#include <dowel/object_tasks.h>

#include <pthread.h>

enum { DOWEL_REPORT_NAMED = 10 };    /* failures that the error names */
enum { DOWEL_REPORT_REFUSALS = 4 };  /* from the start, and nothing else: perhaps nobody is let in */
enum { DOWEL_REPORT_TROUBLES = 20 }; /* in a row: the service or the way to it is down */

typedef struct dowel_refusal {
    char *name;
    dowel_error error;
} dowel_refusal;

typedef struct dowel_report {
    const dowel_object_reporter *reporter;
    pthread_mutex_t lock;
    int64_t copied, bytes, unchanged, skipped, removed, failed;
    int64_t kept;        /* of what only the destination has: not removed, because something failed */
    int64_t incomplete;  /* objects that were copied without something that went along with them */
    int64_t known_bytes; /* of what was copied or is on its way */
    int first;           /* code of the first failure; 0: none */
    bool mixed;          /* not all failures have that code */
    dowel_error error;   /* of the first */
    char named[1024];    /* the first failures, a line each */
    /* Refusals (401, 403) before anything was done are told only when something is, or at the end: they may be all that there is to say. */
    dowel_refusal *held;
    int holding, room, troubles;
    bool hopeless;
    dowel_error last;  /* that made it so */
    int64_t unnamed;   /* failures after that */
    char stopped[320]; /* why the work ended before its time; "": it did not */
    unsigned said;     /* DOWEL_REPORT_BLIND ... that were told */
} dowel_report;

enum { DOWEL_REPORT_BLIND = 1 }; /* what is told once, however many objects it is about */

void dowel_report_open(dowel_report *report, const dowel_object_reporter *reporter);
void dowel_report_close(dowel_report *report);
void dowel_report_copied(dowel_report *report, const char *from, const char *to, int64_t size);
/* Of an object that was copied: what of its description is not at the destination, a line each. */
void dowel_report_incomplete(dowel_report *report, const char *name, char *lines);
void dowel_report_removed(dowel_report *report, const char *name);
/* Nothing was removed below this place, which has so many objects that the source has not. */
void dowel_report_kept(dowel_report *report, const char *place, int64_t count, const char *why);
void dowel_report_skipped(dowel_report *report, const char *name, const char *why);
void dowel_report_unchanged(dowel_report *report, const char *name);
void dowel_report_failed(dowel_report *report, const char *name, const dowel_error *why);
/* How many single objects have failed by now. */
int64_t dowel_report_failures(dowel_report *report);
/* Whether everything was refused so far, so that it is time to try what comes much later before all is. */
bool dowel_report_doubts(dowel_report *report);
/* What came much later was refused, too. */
void dowel_report_refused(dowel_report *report);
/* Whether to stop, because what is still to be done would fail like what was tried; then with the error that says so. */
int dowel_report_hopeless(dowel_report *report, dowel_error *err);
/* The failure of this object is that of all. */
void dowel_report_stopped(dowel_report *report, const char *name);
/* Whether it is told for the first time. */
bool dowel_report_first(dowel_report *report, unsigned what);
/* After everything has ended, with `rc` (and `err`, if that is a failure). A failure says how much was done before; where single objects failed, the
 * error counts and names them. */
int dowel_report_end(dowel_report *report, int rc, dowel_error *err);

#endif
