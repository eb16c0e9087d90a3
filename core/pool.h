/* The worker threads of a handle. */
#ifndef DOWEL_POOL_H
#define DOWEL_POOL_H

#include "handle.h"

typedef struct dowel_pool {
    dowel_core *core;
    pthread_mutex_t lock;   /* guards the queue and every future's state */
    pthread_cond_t changed; /* something was queued or ended */
    struct dowel_future *first, *last;
    pthread_t *threads;
    int count, limit;  /* threads, and how many of them may work at a time */
    int idle, blocked; /* of the threads: without work; waiting within work for what another thread does */
    bool closing;
} dowel_pool;

dowel_pool *dowel_pool_of(dowel_core *core);
void dowel_pool_close(dowel_core *core);
/* Called with the lock held. */
void dowel_pool_push(dowel_pool *pool, struct dowel_future *future);
/* Takes `wanted` (NULL: any) off the queue; NULL when it is not there. */
struct dowel_future *dowel_pool_take(dowel_pool *pool, struct dowel_future *wanted);
/* Waits for a change. A worker that waits makes room for another. */
void dowel_pool_wait(dowel_pool *pool);

#endif
