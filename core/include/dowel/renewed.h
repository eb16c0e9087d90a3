/* Values that run out (keys, tokens): kept in memory, and got anew ahead of their end by one thread for all that wait. */
#ifndef DOWEL_RENEWED_H
#define DOWEL_RENEWED_H

#include <dowel/runtime.h>

typedef struct dowel_renewed dowel_renewed; /* a set of them, each under its digest */

/* What a fetch is told. */
typedef struct dowel_renewal {
    void *context;   /* as dowel_renewed_get was given it */
    const void *old; /* the value until now; NULL: none */
    bool holds;      /* it could still be used: a failure does no harm, waiting does */
    bool again;      /* it was refused */
} dowel_renewal;

typedef struct dowel_renewed_type {
    const char *name; /* for messages: "access keys" */
    int64_t early;    /* µs before the end at which a value is renewed */
    bool quarter;     /* values that live shorter than four times this are renewed in their last quarter */
    /* Gets a value. *expires: µs since the epoch, 0: it does not run out. */
    int (*fetch)(dowel *d, const dowel_renewal *renewal, void **value, int64_t *expires, dowel_error *err);
    void *(*copy)(const void *value); /* NULL: out of memory */
    void (*end)(void *value);
    /* Whether a value is the one that was refused; `refused` is what dowel_renewed_get was given. NULL: nobody tells. */
    bool (*is)(const void *value, const char *refused);
} dowel_renewed_type;

/* For dowel_attach: NULL when out of memory. */
dowel_renewed *dowel_renewed_new(const dowel_renewed_type *type);
void dowel_renewed_end(void *set);

/* A copy of the value under `digest`, for the caller to end. `again`: the value was refused; it is got anew once, unless it is no longer
 * the one that `refused` (may be NULL) tells. A failure to renew what still holds is logged, and what holds is given. */
int dowel_renewed_get(dowel *d, dowel_renewed *set, const unsigned char digest[32], void *context, const char *refused,
                      bool again, void **value, dowel_error *err);

#endif
