/* Parts of one thing, several at a time, on threads that live as long as the work. */
#include "gang.h"

#include <signal.h>
#include <string.h>

typedef struct member {
    dowel view;
    pthread_t thread;
    bool started;
} member;

static int64_t sum(const dowel_gang *gang) {
    int64_t all = gang->finished;
    for (int i = 0; i < gang->parts->width; i++) all += gang->current[i];
    return all;
}

void dowel_gang_progress(dowel_gang *gang, int slot, int64_t done) {
    pthread_mutex_lock(&gang->lock);
    gang->current[slot] = done;
    const dowel_parts *parts = gang->parts;
    dowel_progress(gang->d, sum(gang), parts->total_now ? parts->total_now(parts->context) : parts->total);
    pthread_mutex_unlock(&gang->lock);
}

/* The next part's index, or -1. */
static int64_t take(dowel_gang *gang, int slot) {
    pthread_mutex_lock(&gang->lock);
    gang->finished += gang->current[slot];
    gang->current[slot] = 0;
    int64_t index = gang->rc || gang->next == gang->count ? -1 : gang->next++;
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
    pthread_mutex_unlock(&gang->lock);
}

static void work(member *m) {
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
}

static void *run_member(void *context) {
    work(context);
    return NULL;
}

int dowel_parts_run(dowel *d, const dowel_parts *parts, dowel_error *err) {
    dowel_parts own = *parts;
    if (own.width > DOWEL_GANG_MOST) own.width = DOWEL_GANG_MOST;
    if (own.count >= 0 && own.width > own.count) own.width = (int)own.count;
    if (own.width < 1) own.width = 1;
    dowel_gang gang = {.d = d, .parts = &own, .count = own.count, .finished = own.done};
    member members[DOWEL_GANG_MOST];
    pthread_mutex_init(&gang.lock, NULL);
    /* Signals are for the threads that the program made. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < own.width; i++) {
        members[i] = (member){.view = *d};
        members[i].view.gang = &gang;
        members[i].view.slot = i;
        /* Where no thread can be had, the others do its share. */
        members[i].started = i > 0 && !pthread_create(&members[i].thread, NULL, run_member, &members[i]);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    work(&members[0]);
    for (int i = 1; i < own.width; i++)
        if (members[i].started) pthread_join(members[i].thread, NULL);
    pthread_mutex_destroy(&gang.lock);
    if (gang.rc && err) *err = gang.error;
    return gang.rc;
}
