/* Several threads at the parts of one thing, as each thread's view of the handle sees it. */
#ifndef DOWEL_GANG_H
#define DOWEL_GANG_H

#include "handle_internal.h"

#include <dowel/transfer.h>

/* Of a width that is chosen here: how many to begin with, and at most. */
enum { DOWEL_GANG_FEW = 8, DOWEL_GANG_MANY = 32, DOWEL_GANG_MOST = 64 };

typedef struct dowel_member {
    dowel view;
    pthread_t thread;
    bool started;
} dowel_member;

typedef struct dowel_gang {
    dowel *d; /* whose progress it is */
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

/* A thread's share of the whole grew. */
void dowel_gang_progress(dowel_gang *gang, int slot, int64_t done);

#endif
