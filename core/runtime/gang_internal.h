/* The threads of one transfer. */
#ifndef DOWEL_GANG_H
#define DOWEL_GANG_H

#include "handle_internal.h"

#include <dowel/transfer.h>

/* Numbers of threads: to start with, the limit if none is given, and the limit of all. */
enum { DOWEL_GANG_FEW = 8, DOWEL_GANG_MANY = 32, DOWEL_GANG_MOST = 64 };

typedef struct dowel_member {
    dowel view;
    pthread_t thread;
    bool started;
} dowel_member;

typedef struct dowel_gang {
    dowel *d; /* the caller's handle, to which progress is reported */
    const dowel_parts *parts;
    pthread_mutex_t lock;
    int width, most;  /* members by now, and at most */
    atomic_int busy;  /* members that are at work */
    int64_t count;    /* of parts; -1: not known yet */
    int64_t next;     /* the part to begin next */
    int64_t finished; /* bytes of parts that have ended, and of before */
    int64_t current[DOWEL_GANG_MOST];
    /* To see whether more members help. */
    double since, best; /* since when bytes are counted, and the best rate so far */
    int64_t before;     /* bytes by then */
    atomic_bool stop;
    int rc;
    dowel_error error; /* of the first failure */
    dowel_member members[DOWEL_GANG_MOST];
} dowel_gang;

/* Reports the bytes of a thread's current part. */
void dowel_gang_progress(dowel_gang *gang, int slot, int64_t done);

#endif
