/* Runs the parts of a transfer on several threads, which end with the transfer. */
#include "gang_internal.h"
#include "run.h"

#include <assert.h>
#include <dowel/thread.h>
#include <stdlib.h>
#include <string.h>

#define OBSERVED 1.0 /* seconds, before it is decided whether more threads help */
#define HELPS 1.1    /* times the rate */

/* Invariants while the lock is free. */
static void check(dowel_gang *gang) {
    (void)gang;
    assert(gang->width >= 1 && gang->width <= DOWEL_GANG_MOST);
    assert(gang->next >= 0 && (gang->count < 0 || gang->next <= gang->count));
    assert(atomic_load(&gang->busy) >= 0 && atomic_load(&gang->busy) <= gang->width);
}

static int64_t sum(const dowel_gang *gang) {
    int64_t all = gang->finished;
    for (int i = 0; i < gang->width; i++) all += gang->current[i];
    return all;
}

void dowel_gang_progress(dowel_gang *gang, int slot, int64_t done) {
    pthread_mutex_lock(&gang->lock);
    gang->current[slot] = done;
    const dowel_parts *parts = gang->parts;
    dowel_progress(gang->d, sum(gang), parts->total_now ? parts->total_now(parts->context) : parts->total);
    pthread_mutex_unlock(&gang->lock);
}

/* The number of threads at work on the caller's level of nested transfers. */
static int others(const dowel *d) {
    int all = 1;
    for (const dowel *at = d; at->gang; at = at->gang->d) {
        int busy = atomic_load(&at->gang->busy);
        if (busy > 1) all *= busy;
    }
    return all;
}

/* This transfer's share of the threads that concurrent transfers may use together. */
static int share_of(const dowel *d) {
    int all = others(d);
    return all < DOWEL_GANG_MOST ? DOWEL_GANG_MOST / all : 1;
}

static void *run_member(void *context);

/* If no thread can be started, the other members do its work. */
static void start_member(dowel_gang *gang) {
    dowel_member *m = &gang->members[gang->width];
    m->view = *gang->d;
    m->view.gang = gang;
    m->view.slot = gang->width++;
    atomic_fetch_add(&gang->busy, 1);
    m->started = m->view.slot > 0 && !dowel_thread_start(&m->thread, run_member, m);
    if (m->view.slot > 0 && !m->started) atomic_fetch_sub(&gang->busy, 1);
}

static void start_members(dowel_gang *gang, int width) {
    while (gang->width < width) start_member(gang);
}

/* Starts more threads if the last ones increased the rate. */
static void grow(dowel_gang *gang) {
    double now = dowel_clock(), past = now - gang->since;
    if (gang->width >= gang->most || past < OBSERVED) return;
    int share = share_of(gang->d);
    if (gang->width >= share) return;
    int64_t bytes = sum(gang), left = gang->count - gang->next;
    double rate = (double)(bytes - gang->before) / past;
    int width = gang->width + (gang->width + 1) / 2;
    if (rate < gang->best * HELPS) gang->most = gang->width;
    gang->best = rate;
    gang->before = bytes;
    gang->since = now;
    if (width > gang->most) width = gang->most;
    if (width > share) width = share;
    if (gang->count >= 0 && width > gang->width + left) width = (int)(gang->width + left);
    start_members(gang, width);
}

/* The next part's index, or -1. */
static int64_t take(dowel_gang *gang, int slot) {
    pthread_mutex_lock(&gang->lock);
    gang->finished += gang->current[slot];
    gang->current[slot] = 0;
    int64_t index = gang->rc || gang->next == gang->count ? -1 : gang->next++;
    if (index >= 0) grow(gang);
    check(gang);
    pthread_mutex_unlock(&gang->lock);
    return index;
}

static void failed(dowel_gang *gang, int rc, const dowel_error *error) {
    pthread_mutex_lock(&gang->lock);
    if (!gang->rc) {
        gang->rc = rc;
        gang->error = *error;
        atomic_store(&gang->stop, true);
    }
    pthread_mutex_unlock(&gang->lock);
}

static void no_more(dowel_gang *gang) {
    pthread_mutex_lock(&gang->lock);
    gang->count = gang->next;
    check(gang);
    pthread_mutex_unlock(&gang->lock);
}

static void work(dowel_member *m) {
    dowel_gang *gang = m->view.gang;
    int64_t index;
    while ((index = take(gang, m->view.slot)) >= 0) {
        dowel_error error;
        memset(&error, 0, sizeof error);
        int rc = dowel_check(&m->view, &error);
        if (!rc) rc = gang->parts->part(&m->view, gang->parts->context, index, &error);
        if (rc > 0)
            no_more(gang);
        else if (rc)
            failed(gang, rc, &error);
    }
    atomic_fetch_sub(&gang->busy, 1);
}

static void *run_member(void *context) {
    work(context);
    return NULL;
}

/* Joined in order of index: a member that may have started others has ended before they are looked up. */
static dowel_member *next_member(dowel_gang *gang, int index) {
    pthread_mutex_lock(&gang->lock);
    dowel_member *m = index < gang->width ? &gang->members[index] : NULL;
    pthread_mutex_unlock(&gang->lock);
    return m;
}

static int within(int64_t width, int64_t count) {
    if (count >= 0 && width > count) width = count;
    return width > DOWEL_GANG_MOST ? DOWEL_GANG_MOST : width < 1 ? 1 : (int)width;
}

/* Concurrent transfers share the threads; one gets more when others have ended. */
static int choose_width(dowel_gang *gang) {
    const dowel_parts *parts = gang->parts;
    int share = share_of(gang->d), few = share < DOWEL_GANG_FEW ? share : DOWEL_GANG_FEW;
    gang->most = within(parts->width ? parts->width : DOWEL_GANG_MANY, parts->count);
    return within(parts->width ? parts->width : few, parts->count);
}

int dowel_parts_run(dowel *d, const dowel_parts *parts, dowel_error *err) {
    dowel_gang *gang = calloc(1, sizeof *gang);
    if (!gang) return dowel_no_memory(err);
    gang->d = d;
    gang->parts = parts;
    gang->count = parts->count;
    gang->finished = gang->before = parts->done;
    gang->since = dowel_clock();
    atomic_init(&gang->busy, 0);
    int width = choose_width(gang);
    pthread_mutex_init(&gang->lock, NULL);
    pthread_mutex_lock(&gang->lock);
    start_members(gang, width);
    pthread_mutex_unlock(&gang->lock);
    work(&gang->members[0]);
    dowel_member *m;
    for (int i = 1; (m = next_member(gang, i)); i++)
        if (m->started) pthread_join(m->thread, NULL);
    pthread_mutex_destroy(&gang->lock);
    int rc = gang->rc;
    if (rc && err) *err = gang->error;
    free(gang);
    return rc;
}

void dowel_progress(dowel *d, int64_t done, int64_t total) {
    if (d->gang) {
        dowel_gang_progress(d->gang, d->slot, done);
        return;
    }
    for (dowel_run *run = d->run; run; run = run->parent) {
        if (!run->options.progress || atomic_load(&run->ended)) continue;
        run->options.progress(run->options.progress_context, done, total);
        return;
    }
}
