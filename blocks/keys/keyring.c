/* The sealing keys of a handle: where they come from, and reading them again when their file changes. */
#include "keyring_internal.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool default_path(char path[PATH_MAX]) {
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int length = config && *config == '/' ? snprintf(path, PATH_MAX, "%s/dowel/key", config)
                 : home && *home == '/'   ? snprintf(path, PATH_MAX, "%s/.config/dowel/key", home)
                                          : -1;
    return length > 0 && length < PATH_MAX - 32;
}

int dowel_key_source_find(dowel_key_source *source, dowel_error *err) {
    const char *text = getenv("DOWEL_KEY");
    char *file = dowel_variable("DOWEL_KEY_FILE");
    source->variable = text && *text ? text : NULL;
    source->named = !source->variable && file;
    *source->path = 0;
    bool too_long = source->named && strlen(file) >= PATH_MAX - 32;
    if (source->named && !too_long) snprintf(source->path, sizeof source->path, "%s", file);
    free(file);
    if (too_long) return dowel_fail(err, DOWEL_E_KEY, "DOWEL_KEY_FILE: the path is too long");
    if (source->variable || source->named) return 0;
    if (default_path(source->path)) return 0;
    int rc = dowel_fail(err, DOWEL_E_KEY,
                        "there is no sealing key: DOWEL_KEY, DOWEL_KEY_FILE, HOME and XDG_CONFIG_HOME are not set");
    dowel_error_hint(err, "set DOWEL_KEY to the output of `openssl rand -base64 32`, and keep it");
    return rc;
}

bool dowel_keys_absent(void) {
    dowel_key_source source;
    struct stat st;
    if (dowel_key_source_find(&source, NULL)) return true;
    return !source.variable && !source.named && stat(source.path, &st) && (errno == ENOENT || errno == ENOTDIR);
}

/* One reading of the keys. It lives as long as the handle, because callers borrow its keys. */
typedef struct reading {
    struct reading *older;
    dowel_keys keys;
    struct stat file; /* the file before it was read */
} reading;

typedef struct keyring {
    pthread_mutex_t lock;
    reading *newest;
} keyring;

static void *make_ring(dowel *d) {
    (void)d;
    keyring *ring = calloc(1, sizeof *ring);
    if (ring) pthread_mutex_init(&ring->lock, NULL);
    return ring;
}

static void end_ring(void *value) {
    keyring *ring = value;
    for (reading *r = ring->newest, *older; r; r = older) {
        older = r->older;
        dowel_keys_clear(&r->keys);
        free(r);
    }
    pthread_mutex_destroy(&ring->lock);
    free(ring);
}

static keyring *ring_of(dowel *d, dowel_error *err) {
    static const char ring_key;
    keyring *ring = dowel_attach(d, &ring_key, make_ring, end_ring);
    if (!ring) (void)dowel_no_memory(err);
    return ring;
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int no_file(const dowel_key_source *source, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_KEY,
                        "there is no sealing key: DOWEL_KEY and DOWEL_KEY_FILE are not set, and %s does not exist",
                        source->path);
    dowel_error_hint(err, "set DOWEL_KEY or DOWEL_KEY_FILE to the key that sealed the blocks; for a new registry, set "
                          "DOWEL_KEY to the output of `openssl rand -base64 32`");
    return rc;
}

static int read_source(dowel *d, const dowel_key_source *source, bool make, reading *r, const char *known,
                       dowel_error *err) {
    if (source->variable)
        return dowel_keys_parse(source->variable, strlen(source->variable), "DOWEL_KEY", &r->keys, err);
    int rc = 0;
    /* Before reading, so that a change during the reading is noticed later. */
    if (stat(source->path, &r->file) && errno == ENOENT && !source->named) {
        rc = make ? dowel_key_file_make(source->path, NULL, err) : no_file(source, err);
        if (!rc) (void)stat(source->path, &r->file);
    }
    if (!rc) rc = dowel_key_file_read(d, source->path, known, &r->keys, err);
    if (rc && source->named) dowel_error_prefix(err, "DOWEL_KEY_FILE: ");
    return rc;
}

/* Reads the keys again if their file has changed. The caller holds the lock. */
static int refresh(dowel *d, keyring *ring, bool make, dowel_error *err) {
    dowel_key_source source;
    struct stat st;
    assert(pthread_mutex_trylock(&ring->lock) == EBUSY);
    int rc = dowel_key_source_find(&source, err);
    if (rc) return rc;
    if (ring->newest && (source.variable || (!stat(source.path, &st) && same_file(&st, &ring->newest->file)))) return 0;
    reading *r = calloc(1, sizeof *r);
    if (!r) return dowel_no_memory(err);
    rc = read_source(d, &source, make, r, ring->newest ? ring->newest->keys.passphrase : NULL, err);
    if (rc) {
        free(r);
        return rc;
    }
    r->older = ring->newest;
    ring->newest = r;
    return 0;
}

int dowel_keys_get(dowel *d, bool seal, const dowel_keys **keys, dowel_error *err) {
    keyring *ring = ring_of(d, err);
    if (!ring) return DOWEL_E_NO_MEMORY;
    pthread_mutex_lock(&ring->lock);
    /* To seal, the file's current first key is needed: another process may have put a new one there. */
    int rc = ring->newest && !seal ? 0 : refresh(d, ring, seal, err);
    if (!rc) *keys = &ring->newest->keys;
    assert(rc || (*keys)->count); /* dowel_keys_parse() refuses an empty list */
    pthread_mutex_unlock(&ring->lock);
    return rc;
}

/* Whether the file has changed since these keys were read, and *keys was replaced. */
static bool newer(dowel *d, const dowel_keys **keys) {
    keyring *ring = ring_of(d, NULL);
    const dowel_keys *before = *keys;
    if (!ring) return false;
    pthread_mutex_lock(&ring->lock);
    if (!refresh(d, ring, false, NULL)) *keys = &ring->newest->keys;
    pthread_mutex_unlock(&ring->lock);
    return *keys != before;
}

int dowel_open_sealed(dowel *d, const dowel_sealed_for *owner, const char *key_id, const void *sealed,
                      size_t sealed_size, void **plain, size_t *size, dowel_error *err) {
    const dowel_keys *keys;
    int rc = dowel_keys_get(d, false, &keys, err);
    if (rc) {
        dowel_error_prefix(err, "%s/%s was sealed with key %s: ", owner->type, owner->name, key_id);
        /* The hint to make a new key would not help. */
        if (dowel_keys_absent())
            dowel_error_hint(err, "provide that key: `dowel key add`, DOWEL_KEY or DOWEL_KEY_FILE");
        return rc;
    }
    if (!dowel_keys_find(keys, key_id)) (void)newer(d, &keys);
    return dowel_unseal(keys, owner, key_id, sealed, sealed_size, plain, size, err);
}
