/* A download that a killed process left: which parts of its temporary file are there. */
#ifndef DOWEL_PARTIAL_H
#define DOWEL_PARTIAL_H

#include <dowel/transfer.h>
#include <pthread.h>

typedef struct dowel_partial {
    dowel *d;
    const dowel_download *plan; /* NULL: nothing is kept */
    const char *version;        /* borrowed from the first answer */
    int64_t start, total, count;
    unsigned char *done; /* a bit for each part after the first range */
    bool resumed;
    double written; /* when the record was last written */
    pthread_mutex_t lock;
} dowel_partial;

/* Called before anything is written. The size of what a killed process of this run left in the temporary file; 0: nothing. */
int64_t dowel_partial_keep(dowel *d, const dowel_download *plan);
/* Reads the run's record for the parts of this version among the `kept` bytes. Cannot fail: without a record everything is fetched. `checked`: the whole
 * content will be verified; only then are earlier bytes trusted. */
void dowel_partial_begin(dowel_partial *partial, dowel *d, const dowel_download *plan, const dowel_http_response *first,
                         int64_t start, int64_t total, int64_t kept, bool checked);
bool dowel_partial_has(dowel_partial *partial, int64_t index);
/* A part was received. The record is written at most twice a second. */
void dowel_partial_note(dowel_partial *partial, int64_t index);
void dowel_partial_end(dowel_partial *partial);

#endif
