/* Where Amazon's shared files are, and reading small files with secrets. */
#include "aws.h"
#include "profile_internal.h"

#include <dowel/file.h>
#include <dowel/stream.h>

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool dowel_aws_home(const char *below, char path[DOWEL_AWS_PATH_SIZE]) {
    const char *home = getenv("HOME");
    int n = home && *home ? snprintf(path, DOWEL_AWS_PATH_SIZE, "%s/%s", home, below) : -1;
    return n > 0 && n < DOWEL_AWS_PATH_SIZE;
}

bool dowel_aws_profiles_path(bool credentials, char path[DOWEL_AWS_PATH_SIZE]) {
    const char *named = getenv(credentials ? "AWS_SHARED_CREDENTIALS_FILE" : "AWS_CONFIG_FILE");
    if (!named || !*named) return dowel_aws_home(credentials ? ".aws/credentials" : ".aws/config", path);
    if (named[0] == '~' && named[1] == '/') return dowel_aws_home(named + 2, path);
    int n = snprintf(path, DOWEL_AWS_PATH_SIZE, "%s", named);
    return n > 0 && n < DOWEL_AWS_PATH_SIZE;
}

/* ---- the shared files ---- */

/* Which file it was: another inode, size or time is another file. */
typedef struct signature {
    char path[DOWEL_AWS_PATH_SIZE];
    bool there;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
} signature;

static void look_at(bool credentials, signature *s) {
    struct stat st;
    memset(s, 0, sizeof *s);
    if (!dowel_aws_profiles_path(credentials, s->path)) *s->path = 0;
    if (!*s->path || stat(s->path, &st)) return;
    s->there = true;
    s->device = st.st_dev;
    s->inode = st.st_ino;
    s->size = st.st_size;
    s->modified = st.st_mtim;
    s->changed = st.st_ctim;
}

static bool same_time(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const signature *a, const signature *b) {
    return a->there == b->there && !strcmp(a->path, b->path) && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}

static int load(dowel_aws_profiles *profiles, bool credentials, const signature *file, dowel_error *err) {
    char *text;
    size_t size;
    if (!*file->path) return 0;
    if (!file->there) {
        dowel_aws_profiles_looked_at(profiles, file->path, "not there");
        return 0;
    }
    dowel_error *why = calloc(1, sizeof *why);
    if (!why) return dowel_no_memory(err);
    int rc = dowel_file_read(file->path, 1u << 20, &text, &size, why);
    /* Absent, or not for us to read: as if it were empty, as the AWS CLI has it. */
    dowel_aws_profiles_looked_at(profiles, file->path,
                                 !rc                       ? NULL
                                 : rc == DOWEL_E_NOT_FOUND ? "not there"
                                                           : "unreadable");
    if (rc == DOWEL_E_INVALID) { /* too large */
        why->code = DOWEL_E_CREDENTIALS;
        dowel_aws_profiles_note(profiles, why);
    }
    if (rc == DOWEL_E_NO_MEMORY && err) *err = *why;
    free(why);
    if (rc) return rc == DOWEL_E_NO_MEMORY ? rc : 0;
    rc = dowel_aws_profiles_read(profiles, text, size, credentials, file->path, err);
    dowel_wipe_bytes(text, size);
    return rc;
}

static int load_both(dowel *d, const signature files[2], dowel_aws_profiles **profiles, dowel_error *err) {
    dowel_aws_profiles *p = dowel_aws_profiles_new();
    if (!p) return dowel_no_memory(err);
    int rc = load(p, false, &files[0], err);
    if (!rc) rc = load(p, true, &files[1], err);
    if (rc) {
        dowel_aws_profiles_free(p);
        return rc;
    }
    const dowel_error *problem = dowel_aws_profiles_problem(p);
    if (problem && d) dowel_log(d, DOWEL_LOG_WARNING, "%s; the line is ignored", problem->message);
    *profiles = p;
    return 0;
}

/* What a handle read last, and of which files. */
typedef struct cache {
    pthread_mutex_t lock;
    dowel_aws_profiles *profiles;
    signature files[2];
} cache;

static void *make_cache(dowel *d) {
    (void)d;
    cache *c = calloc(1, sizeof *c);
    if (c) pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void end_cache(void *value) {
    cache *c = value;
    dowel_aws_profiles_release(c->profiles);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static int load_cached(dowel *d, cache *c, const signature files[2], dowel_aws_profiles **profiles, dowel_error *err) {
    int rc = 0;
    pthread_mutex_lock(&c->lock);
    if (!c->profiles || !same_file(&files[0], &c->files[0]) || !same_file(&files[1], &c->files[1])) {
        dowel_aws_profiles_release(c->profiles);
        c->profiles = NULL;
        rc = load_both(d, files, &c->profiles, err);
        memcpy(c->files, files, sizeof c->files);
    }
    *profiles = rc ? NULL : dowel_aws_profiles_retain(c->profiles);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

int dowel_aws_profiles_load(dowel *d, dowel_aws_profiles **profiles, dowel_error *err) {
    static const char key;
    cache *c = d ? dowel_attach(d, &key, make_cache, end_cache) : NULL;
    signature *files = calloc(2, sizeof *files);
    *profiles = NULL;
    if (!files || (d && !c)) {
        free(files);
        return dowel_no_memory(err);
    }
    look_at(false, &files[0]);
    look_at(true, &files[1]);
    int rc = c ? load_cached(d, c, files, profiles, err) : load_both(d, files, profiles, err);
    free(files);
    return rc;
}

int dowel_aws_read_token(const char *path, char **token, dowel_error *err) {
    size_t size;
    *token = NULL;
    dowel_error why;
    int rc = dowel_file_read(path, 1u << 16, token, &size, &why);
    if (rc)
        return dowel_fail(err, rc == DOWEL_E_NO_MEMORY ? rc : DOWEL_E_CREDENTIALS, "the token file: %s", why.message);
    while (size && strchr(" \t\r\n", (*token)[size - 1])) (*token)[--size] = 0;
    if (size && strlen(*token) == size) return 0;
    dowel_wipe_bytes(*token, size);
    *token = NULL;
    return dowel_fail(err, DOWEL_E_CREDENTIALS, "the token file %s %s", path, size ? "has a NUL byte" : "is empty");
}
