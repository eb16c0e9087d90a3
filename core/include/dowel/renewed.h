/* dowel/renewed.h: values that expire (keys, tokens). Cached in memory, and renewed before they expire, by one thread while the others wait. For modules of
 * dowel, not for programs. */
#ifndef DOWEL_RENEWED_H
#define DOWEL_RENEWED_H

#include <dowel/runtime.h>

typedef struct dowel_renewed dowel_renewed; /* a cache of values by digest */

/* Passed to `fetch`. */
typedef struct dowel_renewal {
    void *context;   /* of dowel_renewed_get */
    const void *old; /* the current value; NULL: none */
    bool holds;      /* the current value is still valid: do not wait or retry for long */
    bool again;      /* the current value was refused */
} dowel_renewal;

typedef struct dowel_renewed_type {
    const char *name; /* for messages: "access keys" */
    int64_t early;    /* µs before expiry at which a value is renewed */
    bool quarter;     /* values with a lifetime below 4 * early are renewed in its last quarter */
    /* Fetches a new value. *expires: µs since the epoch; 0: never. */
    int (*fetch)(dowel *d, const dowel_renewal *renewal, void **value, int64_t *expires, dowel_error *err);
    void *(*copy)(const void *value); /* returns NULL when out of memory */
    void (*end)(void *value);
    /* Whether `value` is the refused one that the caller of dowel_renewed_get named. NULL: unknown. */
    bool (*is)(const void *value, const char *refused);
} dowel_renewed_type;

/* For dowel_attach: NULL when out of memory. */
dowel_renewed *dowel_renewed_new(const dowel_renewed_type *type);
void dowel_renewed_end(void *set);

/* A copy of the value under `digest`; the caller ends it. `again`: the value `refused` (may be NULL) was refused: it is fetched anew, once, unless
 * another thread has replaced it already. If renewing fails while the value is still valid, the failure is logged and the value returned. */
int dowel_renewed_get(dowel *d, dowel_renewed *set, const unsigned char digest[32], void *context, const char *refused,
                      bool again, void **value, dowel_error *err);

#endif
