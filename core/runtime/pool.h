/* The worker threads of a handle. */
#ifndef DOWEL_POOL_H
#define DOWEL_POOL_H

#include "handle_internal.h"

enum { DOWEL_MOST_WORKERS = 1024 };

typedef struct dowel_pool {
    pid_t pid;              /* the process that its threads are in */
    dowel_core *core;       /* NULL once the handle is closed */
    atomic_int references;  /* by the handle, and by futures, which may outlive it */
    pthread_mutex_t lock;   /* guards the queue and every future's state */
    pthread_cond_t changed; /* something was queued or ended */
    struct dowel_future *first, *last;
    int queued; /* from first to last */
    pthread_t *threads;
    int count, limit; /* threads, and how many of them may work at a time */
    /* Numbers of threads: started but not looking for work yet; idle; blocked in a task that waits for another thread. */
    int starting, idle, blocked;
    bool closing;
} dowel_pool;

dowel_pool *dowel_pool_of(dowel_core *core);
void dowel_pool_release(dowel_pool *pool);
/* Runs queued futures and ends the threads. */
void dowel_pool_close(dowel_core *core);
/* Whether this thread is one of the workers. */
bool dowel_pool_has_thread(dowel_core *core);
/* Queues a future. This and the following functions are called with the lock held. */
void dowel_pool_push(dowel_pool *pool, struct dowel_future *future);
/* Removes `wanted` (NULL: the first) from the queue; NULL if it is not queued. */
struct dowel_future *dowel_pool_take(dowel_pool *pool, struct dowel_future *wanted);
/* Waits for a change, at most `seconds` (0: no limit). Another worker may start while a worker waits. */
void dowel_pool_wait(dowel_pool *pool, double seconds);

#endif
