/* Futures: submitted runs, what they wait for, and the threads that wait for them. */
#define _GNU_SOURCE /* pipe2 */
#include "future.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void release(dowel_future *future);

/* Seconds between checks whether a waiting call was cancelled. */
#define LOOK_EVERY 0.05

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
    dowel_pool_release(future->pool);
    free(future);
}

static void release(dowel_future *future) {
    if (future && atomic_fetch_sub(&future->references, 1) == 1) destroy(future);
}

/* Only the process that submitted a future runs, asks and frees it. */
static bool is_forked(const dowel_future *future, dowel_error *err) {
    return dowel_check_pid(future->pool->pid, err) != 0;
}

static dowel_future *retain(dowel_future *future) {
    atomic_fetch_add(&future->references, 1);
    return future;
}

/* Copies bindings and wait_for from the options. */
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

/* In the upstream futures' lists of dependents. One future may be upstream several times. */
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

/* A run ends after its children: one of them that waits for it would wait for ever. Handles do not wait for each other. */
static int check_upstream(const dowel_future *future, dowel_error *err) {
    for (dowel_future **up = future->upstream; *up; up++) {
        if ((*up)->pool != future->pool)
            return dowel_fail(err, DOWEL_E_INVALID, "%s depends on %s, which belongs to another handle",
                              future->run->task->name, (*up)->run->task->name);
        for (const dowel_run *above = future->run->parent; above; above = above->parent)
            if ((*up)->run == above)
                return dowel_fail(err, DOWEL_E_INVALID,
                                  "%s cannot wait for %s, which called it: both would wait forever",
                                  future->run->task->name, above->task->name);
    }
    return 0;
}

/* With `references` holders. Takes the run. */
static int new_future(dowel_run *run, const dowel_call_options *options, int references, dowel_future **out,
                      dowel_error *err) {
    dowel_pool *pool = dowel_pool_of(run->scope.core);
    dowel_future *future = pool ? calloc(1, sizeof *future) : NULL;
    if (!future) {
        dowel_run_release(run);
        return dowel_no_memory(err);
    }
    atomic_init(&future->references, references);
    atomic_fetch_add(&pool->references, 1);
    future->pool = pool;
    future->run = run;
    future->fd[0] = future->fd[1] = -1;
    if (link_upstream(future, options)) {
        destroy(future);
        return dowel_no_memory(err);
    }
    int rc = check_upstream(future, err);
    if (rc)
        destroy(future);
    else
        *out = future;
    return rc;
}

/* With the pool's lock held: the run does not end before its child. */
static void add_child(dowel_run *parent, dowel_future *future) {
    future->is_child = true;
    future->next_child = parent->children;
    if (parent->children) parent->children->previous_child = future;
    parent->children = retain(future);
}

/* With the pool's lock held. True: the caller releases it. */
static bool remove_child(dowel_future *future) {
    if (!future->is_child) return false;
    assert(future->previous_child || future->run->parent->children == future);
    if (future->previous_child)
        future->previous_child->next_child = future->next_child;
    else
        future->run->parent->children = future->next_child;
    if (future->next_child) future->next_child->previous_child = future->previous_child;
    future->is_child = false;
    return true;
}

int dowel_future_start(dowel_run *run, const dowel_call_options *options, dowel_future **out, dowel_error *err) {
    dowel_future *future;
    int rc = new_future(run, options, 2 /* the caller and the work */, &future, err);
    if (rc) return rc;
    dowel_pool *pool = future->pool;
    pthread_mutex_lock(&pool->lock);
    if (make_room(future)) {
        pthread_mutex_unlock(&pool->lock);
        destroy(future);
        return dowel_no_memory(err);
    }
    for (dowel_future **up = future->upstream; *up; up++) {
        (*up)->observed = true; /* its failure becomes ours */
        if ((*up)->state == FUTURE_DONE) continue;
        (*up)->dependents[(*up)->dependent_count++] = future; /* its work is before it, and holds it */
        future->unfinished++;
    }
    if (run->parent) add_child(run->parent, future);
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
    int rc = members ? 0 : dowel_no_memory(err);
    for (dowel_binding *b = future->bindings; b->field && !rc; b++) {
        json_t *value = b->member ? json_object_get(b->future->result, b->member) : b->future->result;
        if (!value)
            rc = dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s\": the result of %s has no member \"%s\"",
                            future->run->task->name, b->field, b->future->run->task->name, b->member);
        else
            json_object_set(members, dowel_field_find(future->run->task->args, b->field)->name, value);
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
    assert(future->state == FUTURE_RUNNING); /* and so no other thread's */
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
    for (size_t i = 0; i < future->dependent_count; i++) {
        dowel_future *dependent = future->dependents[i];
        assert(dependent->state == FUTURE_WAITING && dependent->unfinished > 0);
        if (--dependent->unfinished == 0) dowel_pool_push(pool, dependent);
    }
    future->dependent_count = 0;
    pthread_cond_broadcast(&pool->changed);
    /* The parent need not wait for a child that completed. */
    if (!rc && remove_child(future)) atomic_fetch_sub(&future->references, 1);
    /* Drop the run's reference before signalling completion, so that the waiter holds the last one. */
    bool unwanted = atomic_fetch_sub(&future->references, 1) == 1;
    pthread_mutex_unlock(&pool->lock);
    if (unwanted) destroy(future);
}

/* The queued future to run first so that `future` can complete: itself, or one of its dependencies. NULL: other threads are at work on them. Follows
 * one unfinished dependency; the caller looks again after each change. */
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

/* Runs a queued dependency in this thread, so that any number of workers is enough, or else waits for a change (at most `seconds`; 0: no limit). Never
 * runs unrelated work, which could wait for the task that called this thread. Called with the lock held, and returns with it held. */
static void help(dowel_future *future, double seconds) {
    dowel_pool *pool = future->pool;
    dowel_future *next = first_to_do(future), *work = next ? dowel_pool_take(pool, next) : NULL;
    if (!work) {
        dowel_pool_wait(pool, seconds);
        return;
    }
    pthread_mutex_unlock(&pool->lock);
    dowel_future_run(work);
    pthread_mutex_lock(&pool->lock);
}

static void wait_done(dowel_future *future) {
    while (future->state != FUTURE_DONE) help(future, 0);
}

int dowel_wait(dowel_future *future, json_t **result, dowel_error *err) {
    dowel_inside inside;
    if (is_forked(future, err)) return DOWEL_E_INVALID;
    pthread_mutex_lock(&future->pool->lock);
    dowel_core *core = future->pool->core; /* NULL: the handle is closed, and so everything has ended */
    if (core) dowel_enter_anyway(core, &inside);
    wait_done(future);
    future->observed = true;
    int rc = future->rc;
    if (rc && err) *err = future->error;
    if (!rc && result) *result = json_incref(future->result);
    pthread_mutex_unlock(&future->pool->lock);
    if (core) dowel_leave(core, &inside);
    return rc;
}

bool dowel_done(dowel_future *future) {
    if (is_forked(future, NULL)) return false;
    pthread_mutex_lock(&future->pool->lock);
    bool done = future->state == FUTURE_DONE;
    pthread_mutex_unlock(&future->pool->lock);
    return done;
}

int dowel_future_fd(dowel_future *future) {
    if (is_forked(future, NULL)) return -1;
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
    if (!future->run->key || is_forked(future, NULL)) return future->run->id;
    pthread_mutex_lock(&future->pool->lock);
    bool known = future->state == FUTURE_DONE;
    pthread_mutex_unlock(&future->pool->lock);
    return known ? future->run->id : "";
}

void dowel_future_free(dowel_future *future) {
    if (future && !is_forked(future, NULL)) release(future);
}

int dowel_run_settle(dowel_run *run, int rc, dowel_error *err) {
    dowel_core *core = run->scope.core;
    if (dowel_check_process(&core->top, err)) return DOWEL_E_INVALID;
    pthread_mutex_lock(&core->lock);
    dowel_pool *pool = core->pool;
    pthread_mutex_unlock(&core->lock);
    if (!pool) return rc;
    pthread_mutex_lock(&pool->lock);
    while (run->children) {
        dowel_future *child = retain(run->children);
        wait_done(child);
        bool held = remove_child(child);
        if (child->rc && !child->observed && !rc) {
            rc = child->rc;
            if (err) *err = child->error;
            dowel_error_prefix(err, "task %s: ", child->run->name);
        }
        pthread_mutex_unlock(&pool->lock);
        if (held) release(child);
        release(child);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return rc;
}

/* Waits for a dependency of a run in this thread, unless the run is cancelled. dowel_check may call the program: not with the lock held. */
static int wait_before(dowel_run *run, dowel_future *first, dowel_error *err) {
    int rc = 0;
    bool done = false;
    while (!rc && !done) {
        rc = dowel_check(&run->scope, err);
        pthread_mutex_lock(&first->pool->lock);
        first->observed = true; /* its failure becomes ours */
        if (!rc && first->state != FUTURE_DONE) help(first, LOOK_EVERY);
        done = first->state == FUTURE_DONE;
        pthread_mutex_unlock(&first->pool->lock);
    }
    return rc;
}

int dowel_future_call(dowel_run *run, const dowel_call_options *options, json_t **result, dowel_error *err) {
    dowel_future *future;
    dowel_error local;
    if (!err) err = &local;
    int rc = new_future(run, options, 1, &future, err);
    if (rc) return rc;
    run->deadline = run->parent ? run->parent->deadline : 0;
    for (dowel_future **up = future->upstream; *up && !rc; up++) rc = wait_before(run, *up, err);
    if (!rc) rc = prepare(future, err);
    if (rc)
        dowel_run_failed_early(run, err);
    else
        rc = dowel_run_by_key(run, result, err);
    release(future);
    return rc;
}
