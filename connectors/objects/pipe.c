/* A ring buffer between a fetching and a storing thread. The reader gets the last byte only after the whole object was fetched and verified, so that a
 * damaged object is never stored. */
#include "pipe.h"

#include <dowel/clock.h>
#include <dowel/thread.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 20, SHARE = 10 << 20, ALL = 36 << 20 };

typedef struct ring {
    dowel *d;
    const dowel_way *way;
    const dowel_object *object;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t first, count;
    int64_t written;
    bool ended;   /* fetching is complete, or failed */
    bool stopped; /* the reader stopped */
    int rc;
    dowel_error error; /* of fetching */
    size_t room;       /* of `data` */
    char data[];
} ring;

static int ring_write(void *context, const void *data, size_t size, dowel_error *err) {
    ring *r = context;
    const char *from = data;
    int rc = 0;
    pthread_mutex_lock(&r->lock);
    r->written += (int64_t)size;
    if (r->object->size >= 0 && r->written > r->object->size)
        rc = dowel_fail(err, DOWEL_E_CONFLICT, "%s: has more than the %lld bytes that were listed: it was replaced",
                        r->object->name, (long long)r->object->size);
    while (size && !rc) {
        while (r->count == r->room && !r->stopped) pthread_cond_wait(&r->changed, &r->lock);
        if (r->stopped) {
            rc = dowel_fail(err, DOWEL_E_CANCELLED, "storing the object failed");
            break;
        }
        size_t at = (r->first + r->count) % r->room, space = r->room - r->count, straight = r->room - at;
        size_t n = size < space ? size : space;
        if (n > straight) n = straight;
        memcpy(r->data + at, from, n);
        from += n;
        size -= n;
        r->count += n;
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

static int ring_read(void *context, void *buffer, size_t size, size_t *got, dowel_error *err) {
    ring *r = context;
    int rc = 0;
    pthread_mutex_lock(&r->lock);
    while (r->count < 2 && !r->ended) pthread_cond_wait(&r->changed, &r->lock);
    size_t n = r->ended ? r->count : r->count - 1;
    if (n > size) n = size;
    if (n > r->room - r->first) n = r->room - r->first;
    if (r->ended && r->rc) {
        if (err) *err = r->error;
        rc = r->rc;
        n = 0;
    }
    memcpy(buffer, r->data + r->first, n);
    r->first = (r->first + n) % r->room;
    r->count -= n;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    *got = n;
    return rc;
}

static const dowel_sink_ops sink_ops = {ring_write, NULL, NULL, NULL};
static const dowel_source_ops source_ops = {ring_read, NULL, NULL};

static void *fetch(void *context) {
    ring *r = context;
    dowel_error error;
    memset(&error, 0, sizeof error);
    dowel_sink *sink = dowel_sink_new(&sink_ops, r);
    int rc = sink ? r->way->from->objects->get(r->d, r->way->from->block, r->object->name, r->object->version,
                                               &r->way->parts, sink, &error)
                  : dowel_no_memory(&error);
    dowel_sink_close(sink);
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    r->rc = rc;
    r->error = error;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- the memory limit of all copies ---- */

void dowel_gate_open(dowel_gate *gate) {
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    gate->left = ALL;
}

void dowel_gate_close(dowel_gate *gate) {
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
}

/* Waits until `bytes` are free. A cancelled run gets no signal, so that the wait has a time limit. */
static int enter(dowel *d, dowel_gate *gate, int64_t bytes, dowel_error *err) {
    int rc = 0;
    if (!gate) return 0;
    pthread_mutex_lock(&gate->lock);
    while (!rc && gate->left < bytes) {
        struct timespec until = dowel_deadline(CLOCK_REALTIME, 1);
        pthread_cond_timedwait(&gate->changed, &gate->lock, &until);
        rc = dowel_check(d, err);
    }
    if (!rc) gate->left -= bytes;
    pthread_mutex_unlock(&gate->lock);
    return rc;
}

static void leave(dowel_gate *gate, int64_t bytes) {
    if (!gate) return;
    pthread_mutex_lock(&gate->lock);
    gate->left += bytes;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* ---- one object ---- */

static int copy_through(dowel *d, const dowel_way *way, const dowel_object *object, const char *to_name,
                        const dowel_object_put_options *options, size_t room, dowel_error *err) {
    const size_t size = sizeof(ring) + room;
    ring *r = dowel_buffer_new(size);
    dowel_source *source = r ? dowel_source_new(&source_ops, r, object->size) : NULL;
    if (!source) {
        dowel_buffer_free(r, size);
        return dowel_no_memory(err);
    }
    memset(r, 0, sizeof *r);
    r->room = room;
    r->d = d;
    r->way = way;
    r->object = object;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    pthread_t thread;
    int why = dowel_thread_start(&thread, fetch, r), rc;
    if (why) {
        rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "cannot start a thread: %s", strerror(why));
    } else {
        rc = way->to->objects->put(d, way->to->block, to_name, source, options, NULL, NULL, err);
        pthread_mutex_lock(&r->lock);
        r->stopped = true;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
        pthread_join(thread, NULL);
        /* The error of fetching is the cause; that of storing only follows from it. */
        if (rc && r->rc && r->rc != DOWEL_E_CANCELLED) {
            rc = r->rc;
            if (err) *err = r->error;
        } else if (!rc && r->rc) {
            rc = dowel_fail(err, DOWEL_E_CORRUPT, "%s: %s", object->name, r->error.message);
        }
    }
    dowel_source_close(source);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    dowel_buffer_free(r, size);
    return rc;
}

int dowel_pipe_copy(dowel *d, const dowel_way *way, const dowel_object *object, const char *to_name,
                    const dowel_object_put_options *options, dowel_error *err) {
    dowel_object_put_options own = *options;
    int64_t share = way->parts.size > SHARE / 2 ? way->parts.size * 2 : SHARE;
    if (share > ALL - ROOM) share = ALL - ROOM;
    bool small = object->size >= 0 && object->size < ROOM;
    size_t room = small ? (size_t)object->size + 2 : ROOM;
    int64_t held = (object->size >= 0 && object->size < share ? object->size : share) + (int64_t)room;
    if (way->gate) own.memory = share;
    int rc = enter(d, way->gate, held, err);
    if (rc) return rc;
    rc = copy_through(d, way, object, to_name, &own, room, err);
    leave(way->gate, held);
    return rc;
}
