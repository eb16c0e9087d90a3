/* A ring of bytes between two threads. The last byte is held back until everything was fetched and verified: what arrives damaged is
 * never stored. */
#include "pipe.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 20 };

typedef struct ring {
    dowel *d;
    const dowel_way *way;
    const dowel_object *object;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t first, count;
    int64_t written;
    bool ended;   /* all was fetched, or fetching failed */
    bool stopped; /* nobody reads any more */
    int rc;
    dowel_error error; /* of fetching */
    char data[ROOM];
} ring;

static int ring_write(void *context, const void *data, size_t size, dowel_error *err) {
    ring *r = context;
    const char *from = data;
    int rc = 0;
    pthread_mutex_lock(&r->lock);
    r->written += (int64_t)size;
    if (r->object->size >= 0 && r->written > r->object->size)
        rc = dowel_fail(err, DOWEL_E_CONFLICT, "%s: more than the %lld bytes that were listed: it was replaced",
                        r->object->name, (long long)r->object->size);
    while (size && !rc) {
        while (r->count == ROOM && !r->stopped) pthread_cond_wait(&r->changed, &r->lock);
        if (r->stopped) {
            rc = dowel_fail(err, DOWEL_E_CANCELLED, "storing it has failed");
            break;
        }
        size_t at = (r->first + r->count) % ROOM, space = ROOM - r->count, straight = ROOM - at;
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
    if (n > ROOM - r->first) n = ROOM - r->first;
    if (r->ended && r->rc) {
        if (err) *err = r->error;
        rc = r->rc;
        n = 0;
    }
    memcpy(buffer, r->data + r->first, n);
    r->first = (r->first + n) % ROOM;
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
                  : dowel_fail(&error, DOWEL_E_NO_MEMORY, "out of memory");
    dowel_sink_close(sink);
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    r->rc = rc;
    r->error = error;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

int dowel_pipe_copy(dowel *d, const dowel_way *way, const dowel_object *object, const char *to_name,
                    const dowel_object_put_options *options, dowel_error *err) {
    ring *r = malloc(sizeof *r);
    dowel_source *source = r ? dowel_source_new(&source_ops, r, object->size) : NULL;
    if (!source) {
        free(r);
        return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    memset(r, 0, offsetof(ring, data));
    r->d = d;
    r->way = way;
    r->object = object;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&thread, NULL, fetch, r), rc;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why) {
        rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "cannot start a thread: %s", strerror(why));
    } else {
        rc = way->to->objects->put(d, way->to->block, to_name, source, options, NULL, NULL, err);
        pthread_mutex_lock(&r->lock);
        r->stopped = true;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
        pthread_join(thread, NULL);
        /* Why fetching failed says more than that storing then did. */
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
    free(r);
    return rc;
}
