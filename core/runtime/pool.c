/* The worker threads of a handle: started on demand, up to the limit. */
#include "pool.h"

#include "future.h"

#include <assert.h>
#include <dowel/thread.h>
#include <stdlib.h>
#include <time.h>

enum { WORKERS = 8 };

/* Invariants while the lock is free. */
static void check(const dowel_pool *pool) {
    (void)pool;
    assert(pool->queued >= 0 && (pool->queued == 0) == (pool->first == NULL));
    assert(!pool->last || !pool->last->next);
    assert(pool->starting >= 0 && pool->idle >= 0 && pool->blocked >= 0);
    assert(pool->starting + pool->idle + pool->blocked <= pool->count && pool->count <= pool->limit * 2);
}

static void *make_pool(dowel *d) {
    dowel_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    char *wanted = dowel_variable("DOWEL_WORKERS");
    pool->core = d->core;
    pool->pid = d->core->pid;
    atomic_init(&pool->references, 1);
    pool->limit = d->core->options.workers > 0 ? d->core->options.workers : WORKERS;
    if (d->core->options.workers <= 0 && wanted && *wanted) {
        char *end;
        long number = strtol(wanted, &end, 10);
        if (*end || number < 1 || number > DOWEL_MOST_WORKERS)
            dowel_log(d, DOWEL_LOG_WARNING, "DOWEL_WORKERS: \"%.60s\" is not a number from 1 to %d; using %d", wanted,
                      DOWEL_MOST_WORKERS, WORKERS);
        else
            pool->limit = (int)number;
    }
    free(wanted);
    pool->threads = calloc((size_t)pool->limit * 2, sizeof *pool->threads);
    if (!pool->threads) {
        free(pool);
        return NULL;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->changed, &steady);
    pthread_condattr_destroy(&steady);
    return pool;
}

dowel_pool *dowel_pool_of(dowel_core *core) {
    pthread_mutex_lock(&core->lock);
    if (!core->pool) core->pool = make_pool(&core->top);
    dowel_pool *pool = core->pool;
    pthread_mutex_unlock(&core->lock);
    return pool;
}

static void *work(void *context) {
    dowel_pool *pool = context;
    pthread_mutex_lock(&pool->lock);
    pool->starting--;
    for (;;) {
        /* Threads that waited run again: more threads may be at work than the limit allows. */
        bool too_many = pool->count - pool->idle - pool->blocked > pool->limit;
        dowel_future *future = too_many && !pool->closing ? NULL : dowel_pool_take(pool, NULL);
        if (future) {
            pthread_mutex_unlock(&pool->lock);
            dowel_future_run(future);
            pthread_mutex_lock(&pool->lock);
        } else if (pool->closing) {
            break;
        } else {
            pool->idle++;
            pthread_cond_wait(&pool->changed, &pool->lock);
            pool->idle--;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* False: no thread can be created now; the existing ones do the work. */
static bool start_worker(dowel_pool *pool) {
    bool made = !dowel_thread_start(&pool->threads[pool->count], work, pool);
    pool->count += made;
    pool->starting += made;
    return made;
}

/* Starts queued futures while there is a free worker slot: an idle thread takes one future, however long the queue is. */
static void start_queued(dowel_pool *pool) {
    bool made = !pool->closing;
    while (made && pool->queued > pool->idle + pool->starting && pool->count - pool->blocked < pool->limit &&
           pool->count < pool->limit * 2)
        made = start_worker(pool);
    pthread_cond_broadcast(&pool->changed);
}

void dowel_pool_push(dowel_pool *pool, dowel_future *future) {
    assert(future->state == FUTURE_WAITING && !future->unfinished);
    future->state = FUTURE_QUEUED;
    future->next = NULL;
    if (pool->last)
        pool->last->next = future;
    else
        pool->first = future;
    pool->last = future;
    pool->queued++;
    start_queued(pool);
    check(pool);
}

dowel_future *dowel_pool_take(dowel_pool *pool, dowel_future *wanted) {
    dowel_future *before = NULL, *future = pool->first;
    while (wanted && future && future != wanted) {
        before = future;
        future = future->next;
    }
    if (!future) return NULL;
    if (before)
        before->next = future->next;
    else
        pool->first = future->next;
    if (pool->last == future) pool->last = before;
    pool->queued--;
    assert(future->state == FUTURE_QUEUED);
    future->state = FUTURE_RUNNING;
    check(pool);
    return future;
}

static bool is_worker(const dowel_pool *pool) {
    for (int i = 0; i < pool->count; i++)
        if (pthread_equal(pool->threads[i], pthread_self())) return true;
    return false;
}

void dowel_pool_wait(dowel_pool *pool, double seconds) {
    bool worker = is_worker(pool);
    pool->blocked += worker;
    if (worker) start_queued(pool);
    check(pool);
    if (seconds > 0) {
        struct timespec until = dowel_deadline(CLOCK_MONOTONIC, seconds);
        pthread_cond_timedwait(&pool->changed, &pool->lock, &until);
    } else {
        pthread_cond_wait(&pool->changed, &pool->lock);
    }
    pool->blocked -= worker;
}

bool dowel_pool_has_thread(dowel_core *core) {
    pthread_mutex_lock(&core->lock);
    dowel_pool *pool = core->pool;
    pthread_mutex_unlock(&core->lock);
    if (!pool) return false;
    pthread_mutex_lock(&pool->lock);
    bool has = is_worker(pool);
    pthread_mutex_unlock(&pool->lock);
    return has;
}

void dowel_pool_release(dowel_pool *pool) {
    if (atomic_fetch_sub(&pool->references, 1) != 1) return;
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool);
}

void dowel_pool_close(dowel_core *core) {
    dowel_pool *pool = core->pool;
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->count; i++) pthread_join(pool->threads[i], NULL);
    pthread_mutex_lock(&pool->lock);
    pool->count = 0;
    /* Futures that no worker took, because no thread could be started. */
    for (dowel_future *future; (future = dowel_pool_take(pool, NULL));) {
        pthread_mutex_unlock(&pool->lock);
        dowel_future_run(future);
        pthread_mutex_lock(&pool->lock);
    }
    pool->core = NULL;
    pthread_mutex_unlock(&pool->lock);
}
