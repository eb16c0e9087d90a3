/* Group commit: the thread that commits takes all files that arrived since the last commit. No file waits for later ones, and batches grow with the
 * load. */
#include "commits.h"

#include <string.h>
#include <sys/resource.h>

typedef struct batch {
    dowel *d;
    const dowel_commits *of;
    void *files[DOWEL_COMMITS_MOST];
    int rc;
    dowel_error *err;
} batch;

static void committed(void *context, size_t index, const dowel_error *why) {
    batch *b = context;
    dowel_error one;
    int rc = b->of->done(b->d, b->of->context, b->files[index], why, &one);
    if (rc && !b->rc && b->err) *b->err = one;
    if (!b->rc) b->rc = rc;
}

/* Called with the lock held; releases it while it commits. */
static int commit(dowel *d, dowel_commits *c, dowel_error *err) {
    dowel_sink *sinks[DOWEL_COMMITS_MOST];
    batch b = {.d = d, .of = c, .err = err};
    size_t count = c->count;
    memcpy(sinks, c->sinks, count * sizeof *sinks);
    memcpy(b.files, c->files, count * sizeof *b.files);
    c->count = 0;
    c->busy = true;
    pthread_mutex_unlock(&c->lock);
    dowel_error why;
    if (dowel_sink_commit_all(sinks, count, committed, &b, &why))
        for (size_t i = 0; i < count; i++) committed(&b, i, &why);
    for (size_t i = 0; i < count; i++) dowel_sink_close(sinks[i]);
    pthread_mutex_lock(&c->lock);
    c->busy = false;
    pthread_cond_broadcast(&c->changed);
    return b.rc;
}

void dowel_commits_open(dowel_commits *c) {
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    c->count = 0;
    c->busy = false;
    struct rlimit files;
    rlim_t most = getrlimit(RLIMIT_NOFILE, &files) ? 0 : files.rlim_cur / 64;
    c->most = most < 1 ? 1 : most > DOWEL_COMMITS_MOST ? DOWEL_COMMITS_MOST : (size_t)most;
}

int dowel_commits_add(dowel *d, dowel_commits *c, dowel_sink *sink, void *file, dowel_error *err) {
    int rc = 0;
    pthread_mutex_lock(&c->lock);
    while (c->count == c->most) pthread_cond_wait(&c->changed, &c->lock);
    c->sinks[c->count] = sink;
    c->files[c->count++] = file;
    while (!c->busy && c->count) {
        int failed = commit(d, c, rc ? NULL : err);
        if (!rc) rc = failed;
    }
    pthread_mutex_unlock(&c->lock);
    return rc;
}

void dowel_commits_close(dowel_commits *c) {
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
}
