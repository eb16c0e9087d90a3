/* Input files of tasks. A pipe can be read only once, so an attempt after the one that read it must not send the rest of it. */
#include "handle_internal.h"

#include <dowel/transfer.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REMEMBERED 64 /* pipes of running tasks; the oldest makes room */

/* A pipe, and the run that read of it. */
typedef struct spent {
    char run[48];
    dev_t device;
    ino_t inode;
    char why[256]; /* that attempt failed */
} spent;

typedef struct inputs {
    pthread_mutex_t lock;
    spent items[REMEMBERED];
    size_t next;
} inputs;

static void *make_inputs(dowel *d) {
    (void)d;
    inputs *all = calloc(1, sizeof *all);
    if (all) pthread_mutex_init(&all->lock, NULL);
    return all;
}

static void end_inputs(void *value) {
    inputs *all = value;
    pthread_mutex_destroy(&all->lock);
    free(all);
}

static inputs *inputs_of(dowel *d) {
    static const char key;
    return dowel_attach(d, &key, make_inputs, end_inputs);
}

static bool identify(dowel *d, const char *path, spent *s) {
    struct stat st;
    memset(s, 0, sizeof *s);
    snprintf(s->run, sizeof s->run, "%s", dowel_run_id(d));
    if (!*s->run || (strcmp(path, "-") ? stat(path, &st) : fstat(STDIN_FILENO, &st))) return false;
    s->device = st.st_dev;
    s->inode = st.st_ino;
    return true;
}

/* Fills why. */
static bool is_spent(inputs *all, spent *s) {
    bool found = false;
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < REMEMBERED && !found; i++) {
        const spent *other = &all->items[i];
        found = !strcmp(other->run, s->run) && other->device == s->device && other->inode == s->inode;
        if (found) memcpy(s->why, other->why, sizeof s->why);
    }
    pthread_mutex_unlock(&all->lock);
    return found;
}

static const char *shown(const char *path) {
    return strcmp(path, "-") ? path : "standard input";
}

int dowel_input_open(dowel *d, const char *path, dowel_source **source, dowel_error *err) {
    spent s;
    inputs *all = inputs_of(d);
    *source = NULL;
    if (!all) return dowel_no_memory(err);
    /* Asked before it is opened: opening a named pipe a second time would wait for another writer. */
    if (identify(d, path, &s) && is_spent(all, &s)) {
        int rc = dowel_fail(err, DOWEL_E_IO, "%s%s%s was read by an earlier attempt and cannot be read again", s.why,
                            *s.why ? "; " : "", shown(path));
        dowel_error_hint(err, "run the whole pipeline again, or give a regular file");
        if (err) err->permanent = true;
        return rc;
    }
    return dowel_source_file(path, source, err);
}

void dowel_input_close(dowel *d, const char *path, dowel_source *source, int rc, dowel_error *err) {
    spent s;
    if (!source) return;
    /* A redirected file was taken from its beginning: the next attempt takes it from there too. */
    if (rc && !strcmp(path, "-") && dowel_source_can_seek(source)) (void)lseek(STDIN_FILENO, 0, SEEK_SET);
    inputs *all = dowel_source_can_restart(source) ? NULL : inputs_of(d);
    if (all && identify(d, path, &s)) {
        if (rc && err) snprintf(s.why, sizeof s.why, "%.200s", err->message);
        pthread_mutex_lock(&all->lock);
        all->items[all->next++ % REMEMBERED] = s;
        pthread_mutex_unlock(&all->lock);
    }
    if (all && rc && err) {
        err->retryable = false;
        err->permanent = true;
        if (!*err->hint) dowel_error_hint(err, "%s cannot be read again: run the whole pipeline again", shown(path));
    }
    dowel_source_close(source);
}
