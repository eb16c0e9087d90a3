/* Futures: submitted runs, what they wait for, who waits for them. */
#define _GNU_SOURCE /* pipe2 */
#include "future.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void release(dowel_future *future);

static void destroy(dowel_future *future) {
    for (dowel_binding *b = future->bindings; b && b->field; b++) {
        free((void *)b->field);
        free((void *)b->member);
    }
    free(future->bindings);
    for (dowel_future **up = future->upstream; up && *up; up++) release(*up);
    free(future->upstream);
    free(future->dependents);
    if (future->fd[0] >= 0) {
        close(future->fd[0]);
        close(future->fd[1]);
    }
    json_decref(future->result);
    dowel_run_release(future->run);
    free(future);
}

static void release(dowel_future *future) {
    if (future && atomic_fetch_sub(&future->references, 1) == 1) destroy(future);
}

static dowel_future *retain(dowel_future *future) {
    atomic_fetch_add(&future->references, 1);
    return future;
}

/* Copies what the options say of bindings and wait_for. */
static int link_upstream(dowel_future *future, const dowel_call_options *options) {
    size_t bound = 0, waited = 0;
    while (options && options->bindings && options->bindings[bound].field) bound++;
    while (options && options->wait_for && options->wait_for[waited]) waited++;
    future->bindings = calloc(bound + 1, sizeof *future->bindings);
    future->upstream = calloc(bound + waited + 1, sizeof *future->upstream);
    if (!future->bindings || !future->upstream) return -1;
    size_t n = 0;
    for (size_t i = 0; i < bound; i++) {
        const dowel_binding *b = &options->bindings[i];
        dowel_binding *copy = &future->bindings[i];
        future->upstream[n++] = copy->future = retain(b->future);
        if (!(copy->field = strdup(b->field)) || (b->member && !(copy->member = strdup(b->member)))) return -1;
    }
    for (size_t i = 0; i < waited; i++) future->upstream[n++] = retain(options->wait_for[i]);
    return 0;
}

/* Among the dependents of those upstream, of whom one may be there several times. */
static int make_room(const dowel_future *future) {
    size_t most = 0;
    while (future->upstream[most]) most++;
    for (dowel_future **up = future->upstream; *up; up++) {
        dowel_future **grown = realloc((*up)->dependents, ((*up)->dependent_count + most) * sizeof *grown);
        if (!grown) return -1;
        (*up)->dependents = grown;
    }
    return 0;
}

int dowel_future_start(dowel_run *run, const dowel_call_options *options, dowel_future **out, dowel_error *err) {
    dowel_pool *pool = dowel_pool_of(run->scope.core);
    dowel_future *future = pool ? calloc(1, sizeof *future) : NULL;
    if (!future) {
        dowel_run_release(run);
        return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    atomic_init(&future->references, 2); /* the caller's and the work's */
    future->pool = pool;
    future->run = run;
    future->fd[0] = future->fd[1] = -1;
    if (link_upstream(future, options)) {
        release(future);
        release(future);
        return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    pthread_mutex_lock(&pool->lock);
    if (make_room(future)) {
        pthread_mutex_unlock(&pool->lock);
        release(future);
        release(future);
        return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    for (dowel_future **up = future->upstream; *up; up++) {
        (*up)->observed = true; /* its failure becomes ours */
        if ((*up)->state == FUTURE_DONE) continue;
        (*up)->dependents[(*up)->dependent_count++] = future; /* its work is before it, and holds it */
        future->unfinished++;
    }
    if (run->parent && run->parent->flow) {
        future->next_child = run->parent->children;
        run->parent->children = retain(future);
    }
    if (!future->unfinished) dowel_pool_push(pool, future);
    pthread_mutex_unlock(&pool->lock);
    *out = future;
    return 0;
}

/* Fails when something upstream failed, and fills bound arguments otherwise. */
static int prepare(dowel_future *future, dowel_error *err) {
    for (dowel_future **up = future->upstream; *up; up++) {
        if (!(*up)->rc) continue;
        char why[sizeof err->message];
        snprintf(why, sizeof why, "%s", (*up)->error.message);
        return dowel_fail(err, DOWEL_E_DEPENDENCY, "%s was not run: %s, which it depends on, failed: %s",
                          future->run->task->name, (*up)->run->task->name, why);
    }
    if (!future->bindings->field) return 0;
    json_t *members = json_object();
    int rc = members ? 0 : dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    for (dowel_binding *b = future->bindings; b->field && !rc; b++) {
        json_t *value = b->member ? json_object_get(b->future->result, b->member) : b->future->result;
        if (!value)
            rc = dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s\": the result of %s has no member \"%s\"",
                            future->run->task->name, b->field, b->future->run->task->name, b->member);
        else
            json_object_set(members, b->field, value);
    }
    dowel_record *whole = NULL;
    if (!rc)
        rc = dowel_record_complete(future->run->args, members, dowel_get_resolver(&future->run->scope), &whole, err);
    json_decref(members);
    if (rc) return rc;
    dowel_record_free(future->run->args);
    future->run->args = whole;
    return 0;
}

void dowel_future_run(dowel_future *future) {
    json_t *result = NULL;
    dowel_error error;
    memset(&error, 0, sizeof error);
    int rc = prepare(future, &error);
    if (rc)
        dowel_run_failed_early(future->run, &error);
    else
        rc = dowel_run_by_key(future->run, &result, &error);

    dowel_pool *pool = future->pool;
    pthread_mutex_lock(&pool->lock);
    future->rc = rc;
    future->result = result;
    if (rc) future->error = error;
    future->state = FUTURE_DONE;
    if (future->fd[1] >= 0 && write(future->fd[1], "", 1) < 0) { /* the pipe is empty: this cannot fill it */
    }
    for (size_t i = 0; i < future->dependent_count; i++)
        if (--future->dependents[i]->unfinished == 0) dowel_pool_push(pool, future->dependents[i]);
    future->dependent_count = 0;
    pthread_cond_broadcast(&pool->changed);
    /* Let go of before anyone can learn that it is done: whoever got the result is then the last to hold it, and frees it in their own thread. */
    bool unwanted = atomic_fetch_sub(&future->references, 1) == 1;
    pthread_mutex_unlock(&pool->lock);
    if (unwanted) destroy(future);
}

/* What is to be done first so that the future can be: itself, or something that it waits for, and that nobody has begun. NULL: others are at
 * it. One unfinished way upstream is followed: when what is at its end has ended, it is looked for again. */
static dowel_future *first_to_do(dowel_future *future) {
    while (future && future->state == FUTURE_WAITING) {
        dowel_future *next = NULL;
        for (dowel_future **up = future->upstream; *up; up++) {
            if ((*up)->state == FUTURE_QUEUED) return *up;
            if ((*up)->state == FUTURE_WAITING) next = *up;
        }
        future = next;
    }
    return future && future->state == FUTURE_QUEUED ? future : NULL;
}

/* Called with the lock held; returns with it held. What nobody has begun is done here, so that any number of workers is enough. Other work is not:
 * it could wait in its turn for what this thread was called from. */
static void wait_done(dowel_future *future) {
    dowel_pool *pool = future->pool;
    while (future->state != FUTURE_DONE) {
        dowel_future *next = first_to_do(future), *work = next ? dowel_pool_take(pool, next) : NULL;
        if (work) {
            pthread_mutex_unlock(&pool->lock);
            dowel_future_run(work);
            pthread_mutex_lock(&pool->lock);
        } else {
            dowel_pool_wait(pool);
        }
    }
}

int dowel_wait(dowel_future *future, json_t **result, dowel_error *err) {
    pthread_mutex_lock(&future->pool->lock);
    wait_done(future);
    future->observed = true;
    int rc = future->rc;
    if (rc && err) *err = future->error;
    if (!rc && result) *result = json_incref(future->result);
    pthread_mutex_unlock(&future->pool->lock);
    return rc;
}

bool dowel_done(dowel_future *future) {
    pthread_mutex_lock(&future->pool->lock);
    bool done = future->state == FUTURE_DONE;
    pthread_mutex_unlock(&future->pool->lock);
    return done;
}

int dowel_future_fd(dowel_future *future) {
    pthread_mutex_lock(&future->pool->lock);
    if (future->fd[0] < 0 && !pipe2(future->fd, O_CLOEXEC | O_NONBLOCK)) {
        if (future->state == FUTURE_DONE && write(future->fd[1], "", 1) < 0) { /* an empty pipe has room */
        }
    }
    int fd = future->fd[0];
    pthread_mutex_unlock(&future->pool->lock);
    return fd;
}

void dowel_future_cancel(dowel_future *future) {
    atomic_store(&future->run->cancelled, true);
}

const char *dowel_future_run_id(const dowel_future *future) {
    if (!future->run->key) return future->run->id;
    pthread_mutex_lock(&future->pool->lock);
    bool known = future->state == FUTURE_DONE;
    pthread_mutex_unlock(&future->pool->lock);
    return known ? future->run->id : "";
}

void dowel_future_free(dowel_future *future) {
    release(future);
}

int dowel_flow_settle(dowel_run *run, int rc, dowel_error *err) {
    dowel_core *core = run->scope.core;
    pthread_mutex_lock(&core->lock);
    dowel_pool *pool = core->pool;
    pthread_mutex_unlock(&core->lock);
    if (!pool) return rc;
    pthread_mutex_lock(&pool->lock);
    dowel_future *child = run->children;
    run->children = NULL;
    for (dowel_future *next; child; child = next) {
        next = child->next_child;
        wait_done(child);
        if (child->rc && !child->observed && !rc) {
            rc = child->rc;
            if (err) *err = child->error;
            dowel_error_prefix(err, "task %s: ", child->run->name);
        }
        pthread_mutex_unlock(&pool->lock);
        release(child);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return rc;
}
