/* Group commit: many commits, one flush. */
#include "backend_internal.h"

#include <assert.h>
#include <stdlib.h>

dowel_flushes *dowel_flushes_new(void) {
    dowel_flushes *flushes = calloc(1, sizeof *flushes);
    if (!flushes) return NULL;
    pthread_mutex_init(&flushes->lock, NULL);
    pthread_cond_init(&flushes->changed, NULL);
    return flushes;
}

void dowel_flushes_free(dowel_flushes *flushes) {
    if (!flushes) return;
    pthread_cond_destroy(&flushes->changed);
    pthread_mutex_destroy(&flushes->lock);
    free(flushes);
}

/* With the lock held, which is released meanwhile. */
static int flush_all(dowel_flushes *flushes, int (*flush)(dowel_db *db, dowel_error *err), dowel_db *db,
                     dowel_error *err) {
    uint64_t there = flushes->commits;
    assert(!flushes->busy && flushes->flushed < there);
    flushes->busy = true;
    pthread_mutex_unlock(&flushes->lock);
    int rc = flush(db, err);
    pthread_mutex_lock(&flushes->lock);
    flushes->busy = false;
    if (!rc && flushes->flushed < there) flushes->flushed = there;
    pthread_cond_broadcast(&flushes->changed);
    return rc;
}

int dowel_flushes_wait(dowel_flushes *flushes, int (*flush)(dowel_db *db, dowel_error *err), dowel_db *db,
                       dowel_error *err) {
    int rc = 0;
    pthread_mutex_lock(&flushes->lock);
    uint64_t mine = ++flushes->commits;
    while (!rc && flushes->flushed < mine) {
        if (flushes->busy)
            pthread_cond_wait(&flushes->changed, &flushes->lock);
        else
            rc = flush_all(flushes, flush, db, err);
    }
    pthread_mutex_unlock(&flushes->lock);
    return rc;
}
