/* Copies one object from one place to another. */
#ifndef DOWEL_WAY_H
#define DOWEL_WAY_H

#include "report.h"

#include <pthread.h>

/* Limits the memory that all copies through memory use together. */
typedef struct dowel_gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t left;
} dowel_gate;

typedef struct dowel_way {
    const dowel_place *from, *to;
    const char *content_type, *cache_control, *storage_class;
    const dowel_pair *metadata;
    bool if_absent; /* CONFLICT where there is such an object already */
    bool named;     /* one object that the caller named, not one of a tree */
    bool whole;     /* metadata that the destination cannot hold is an error, because the source will be removed */
    dowel_object_parts parts;
    dowel_gate *gate;     /* NULL: one object alone */
    dowel_report *report; /* receives metadata that could not be copied */
} dowel_way;

/* pipe.c */
void dowel_gate_open(dowel_gate *gate);
void dowel_gate_close(dowel_gate *gate);

/* `object` describes the source: its whole name, size, time, version. *size: bytes that were copied. For a small file, *open is its sink, which the
 * caller commits and closes; `open` NULL: the sink is committed here. */
int dowel_way_copy(dowel *d, const dowel_way *way, const dowel_object *object, const char *to_name, int64_t *size,
                   dowel_sink **open, dowel_error *err);
/* From a stream ("-") to an object, and from an object to a stream. */
int dowel_way_from_stream(dowel *d, const dowel_way *way, const char *to_name, int64_t *size, dowel_error *err);
int dowel_way_to_stream(dowel *d, const dowel_way *way, const char *name, int64_t *size, dowel_error *err);

#endif
