/* The worker threads of a handle. */
#ifndef DOWEL_POOL_H
#define DOWEL_POOL_H

#include "handle_internal.h"

enum { DOWEL_MOST_WORKERS = 1024 };

typedef struct dowel_pool {
    pid_t pid;              /* the process that its threads are in */
    dowel_core *core;       /* NULL once the handle is closed */
    atomic_int references;  /* the handle's and those of futures, which may outlive it */
    pthread_mutex_t lock;   /* guards the queue and every future's state */
    pthread_cond_t changed; /* something was queued or ended */
    struct dowel_future *first, *last;
    int queued; /* from first to last */
    pthread_t *threads;
    int count, limit; /* threads, and how many of them may work at a time */
    /* Of the threads: just made, and yet to look for work; without work; waiting within work for what another thread does. */
    int starting, idle, blocked;
    bool closing;
} dowel_pool;

dowel_pool *dowel_pool_of(dowel_core *core);
void dowel_pool_release(dowel_pool *pool);
/* Does what is queued and ends the threads. */
void dowel_pool_close(dowel_core *core);
/* Whether this thread is one of the workers. */
bool dowel_pool_has_thread(dowel_core *core);
/* Called with the lock held. */
void dowel_pool_push(dowel_pool *pool, struct dowel_future *future);
/* Takes `wanted` (NULL: any) off the queue; NULL when it is not there. */
struct dowel_future *dowel_pool_take(dowel_pool *pool, struct dowel_future *wanted);
/* Waits for a change; at most `seconds`, where that is not 0. A worker that waits makes room for another. */
void dowel_pool_wait(dowel_pool *pool, double seconds);

#endif
