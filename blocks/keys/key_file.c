/* Key files: one key a line, or an envelope under a passphrase around that. */
#include "keyring_internal.h"
#include "passphrase_internal.h"

#include <dowel/stream.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST 65536
#define FORMAT "dowel-key-file"
#define PASSPHRASE_SIZE 1024

/* ---- reading ---- */

static bool is_member(gid_t group) {
    gid_t groups[256];
    int count = getgroups(256, groups);
    bool member = group == getegid();
    for (int i = 0; i < count && !member; i++) member = groups[i] == group;
    return member;
}

/* A secret that Kubernetes mounts belongs to root and is readable by the pod's group (0440): that is how the process gets it. The group of a file of the
 * user's own holds others. */
static bool others_can_read(const struct stat *st) {
    bool mounted = st->st_uid == 0 && (st->st_mode & 077) == 040 && is_member(st->st_gid);
    return st->st_mode & 077 && !mounted;
}

static int load(const char *path, char text[LARGEST + 1], size_t *size, dowel_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        int why = errno;
        if (fd >= 0) close(fd);
        return dowel_fail(err, DOWEL_E_KEY, "cannot read the key file %s: %s", path, strerror(why));
    }
    if (!S_ISREG(st.st_mode) || others_can_read(&st)) {
        close(fd);
        if (!S_ISREG(st.st_mode)) return dowel_fail(err, DOWEL_E_KEY, "the key file %s is no file", path);
        int rc = dowel_fail(err, DOWEL_E_KEY, "the key file %s can be read by others (mode %03o)", path,
                            (unsigned)st.st_mode & 0777);
        dowel_error_hint(err, "chmod 600 %s (mounted by root: 0440 with a group of this process)", path);
        return rc;
    }
    ssize_t got = 1;
    *size = 0;
    while (*size < LARGEST && (got = read(fd, text + *size, LARGEST - *size)) > 0) *size += (size_t)got;
    int why = errno;
    close(fd);
    text[*size] = 0;
    return got < 0 ? dowel_fail(err, DOWEL_E_KEY, "cannot read the key file %s: %s", path, strerror(why)) : 0;
}

static int open_with(const json_t *envelope, const char *path, const char *passphrase, dowel_keys *keys,
                     dowel_error *err) {
    void *plain;
    size_t size;
    int rc = dowel_unwrap(FORMAT, envelope, path, passphrase, &plain, &size, err);
    if (rc) return rc;
    rc = dowel_keys_parse(plain, size, path, keys, err);
    OPENSSL_cleanse(plain, size);
    free(plain);
    if (!rc && !(keys->passphrase = strdup(passphrase))) {
        dowel_keys_clear(keys);
        rc = dowel_no_memory(err);
    }
    return rc;
}

static int open_protected(dowel *d, const json_t *envelope, const char *path, const char *known, dowel_keys *keys,
                          dowel_error *err) {
    const char *variable = getenv("DOWEL_KEY_PASSPHRASE");
    int rc = dowel_wrapped_check(FORMAT, envelope, path, err);
    if (rc) return rc;
    if (known && !open_with(envelope, path, known, keys, NULL)) return 0;
    if (variable && *variable) {
        char passphrase[PASSPHRASE_SIZE];
        snprintf(passphrase, sizeof passphrase, "%s", variable);
        size_t size = strlen(passphrase);
        if (size && passphrase[size - 1] == '\n') passphrase[--size] = 0; /* as a mounted secret ends */
        if (size && passphrase[size - 1] == '\r') passphrase[--size] = 0;
        rc = strlen(variable) < sizeof passphrase ? open_with(envelope, path, passphrase, keys, err)
                                                  : dowel_fail(err, DOWEL_E_KEY, "too long");
        OPENSSL_cleanse(passphrase, sizeof passphrase);
        if (rc) dowel_error_prefix(err, "DOWEL_KEY_PASSPHRASE: ");
        return rc;
    }
    char answer[PASSPHRASE_SIZE], what[PATH_MAX + 32];
    snprintf(what, sizeof what, "passphrase of %s", path);
    if (dowel_ask_secret(d, what, answer, sizeof answer)) {
        rc = dowel_fail(err, DOWEL_E_KEY, "the key file %s is protected by a passphrase, and none was given", path);
        dowel_error_hint(err, "type it on a terminal, or set DOWEL_KEY_PASSPHRASE");
    } else {
        rc = open_with(envelope, path, answer, keys, err);
    }
    OPENSSL_cleanse(answer, sizeof answer);
    return rc;
}

int dowel_key_file_read(dowel *d, const char *path, const char *known, dowel_keys *keys, dowel_error *err) {
    char *text = malloc(LARGEST + 1);
    size_t size = 0;
    if (!text) return dowel_no_memory(err);
    int rc = load(path, text, &size, err);
    if (!rc && !memcmp(text, "\xef\xbb\xbf", 3)) memmove(text, text + 3, (size -= 3) + 1); /* a byte order mark */
    if (!rc && *text == '{') {
        json_t *envelope = NULL;
        rc = dowel_json_parse(text, size, path, &envelope, err);
        if (rc && err) err->code = rc = DOWEL_E_KEY;
        if (!rc) rc = open_protected(d, envelope, path, known, keys, err);
        json_decref(envelope);
    } else if (!rc) {
        rc = dowel_keys_parse(text, size, path, keys, err);
    }
    OPENSSL_cleanse(text, LARGEST + 1);
    free(text);
    return rc;
}

/* ---- writing ---- */

static void folder_of(const char *path, char folder[PATH_MAX]) {
    snprintf(folder, PATH_MAX, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == folder)
        folder[1] = 0;
    else if (slash)
        *slash = 0;
    else
        snprintf(folder, PATH_MAX, ".");
}

/* 0; -1 and errno: a loss of power may take the name away. Some file systems flush no folders, and say so. */
static int sync_folder(const char *path) {
    char folder[PATH_MAX];
    folder_of(path, folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno == EACCES ? 0 : -1;
    int failed = fsync(fd), why = errno;
    close(fd);
    errno = why;
    return failed && why != EINVAL && why != EOPNOTSUPP && why != ENOSYS ? -1 : 0;
}

static int make_folders(const char *path) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int failed = mkdir(folder, 0700), why = errno;
        /* The new folder's name is in its parent. */
        if (!failed) (void)sync_folder(folder);
        struct stat st;
        if (failed && why != EEXIST && stat(folder, &st)) {
            errno = why;
            return -1;
        }
        *slash = '/';
    }
    return 0;
}

static char *keys_text(const dowel_keys *keys, dowel_error *err) {
    char *text = malloc(keys->count * 64 + 1), *end = text;
    for (size_t i = 0; text && i < keys->count; i++) {
        char *key = dowel_base64(keys->list[i].bytes, DOWEL_KEY_SIZE);
        if (!key) {
            OPENSSL_cleanse(text, (size_t)(end - text));
            free(text);
            text = NULL;
            break;
        }
        end += snprintf(end, 64, "%s\n", key);
        OPENSSL_cleanse(key, strlen(key));
        free(key);
    }
    if (!text) (void)dowel_no_memory(err);
    return text;
}

/* What the file will hold; cleanse it before free(). */
static int file_text(const dowel_keys *keys, char **text, dowel_error *err) {
    json_t *envelope = NULL;
    if (!(*text = keys_text(keys, err))) return DOWEL_E_NO_MEMORY;
    if (!keys->passphrase) return 0;
    int rc = dowel_wrap(FORMAT, keys->passphrase, *text, strlen(*text), &envelope, err);
    OPENSSL_cleanse(*text, strlen(*text));
    free(*text);
    *text = rc ? NULL : dowel_json_dump(envelope, JSON_INDENT(1));
    json_decref(envelope);
    return rc ? rc : *text ? 0 : dowel_no_memory(err);
}

static int write_all(int fd, const char *text) {
    for (size_t size = strlen(text), done = 0; done < size;) {
        ssize_t put = write(fd, text + done, size - done);
        if (put < 0 && errno != EINTR) return -1;
        if (put > 0) done += (size_t)put;
    }
    return fsync(fd);
}

enum { NOT_FLUSHED = 1 }; /* it is in place, but its folder could not be flushed */

/* Writes beside the path, whole and on the disk; `finish` puts it in place and returns 0, or -1 with errno. */
static int write_beside(const char *path, const char *text, int (*finish)(const char *temporary, const char *path)) {
    unsigned char noise[8];
    char temporary[PATH_MAX];
    if (RAND_bytes(noise, sizeof noise) != 1) {
        errno = EIO;
        return -1;
    }
    int length = snprintf(temporary, sizeof temporary, "%s.%02x%02x%02x%02x%02x%02x%02x%02x", path, noise[0], noise[1],
                          noise[2], noise[3], noise[4], noise[5], noise[6], noise[7]);
    if (length >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    int failed = write_all(fd, text), why = errno;
    close(fd);
    if (!failed) {
        failed = finish(temporary, path);
        why = errno;
    }
    unlink(temporary);
    if (!failed && sync_folder(path)) return NOT_FLUSHED;
    errno = why;
    return failed;
}

/* link(2) puts a whole file under the name or fails because another process was first; its key is then the one. */
static int put_new(const char *temporary, const char *path) {
    return link(temporary, path) && errno != EEXIST ? -1 : 0;
}

static int not_flushed(const char *path, dowel_error *err) {
    int rc =
        dowel_fail(err, DOWEL_E_KEY, "the key file %s is written, but its folder cannot be flushed to the disk: %s",
                   path, strerror(errno));
    dowel_error_hint(err, "copy the file to a safe place before anything is sealed with it");
    return rc;
}

int dowel_key_file_make(const char *path, const dowel_key *first, dowel_error *err) {
    dowel_keys keys = {0};
    dowel_key key;
    char *text = NULL;
    int rc = first ? 0 : dowel_key_random(&key, err);
    if (!rc) rc = dowel_keys_insert(&keys, first ? first : &key, true, err);
    if (!rc) rc = file_text(&keys, &text, err);
    int failed = rc ? 0 : make_folders(path) ? -1 : write_beside(path, text, put_new);
    if (failed == NOT_FLUSHED) {
        rc = not_flushed(path, err);
    } else if (failed) {
        rc = dowel_fail(err, DOWEL_E_KEY, "there is no sealing key, and %s cannot be made: %s", path, strerror(errno));
        dowel_error_hint(err, "set DOWEL_KEY to the output of `openssl rand -base64 32`, and keep it");
    }
    if (text) OPENSSL_cleanse(text, strlen(text));
    free(text);
    OPENSSL_cleanse(&key, sizeof key);
    dowel_keys_clear(&keys);
    return rc;
}

int dowel_key_file_write(const char *path, const dowel_keys *keys, dowel_error *err) {
    char *text, real[PATH_MAX];
    int rc = file_text(keys, &text, err);
    if (rc) return rc;
    /* A link stays a link: what it leads to is exchanged. */
    const char *target = realpath(path, real) ? real : path;
    int failed = write_beside(target, text, rename);
    if (failed == NOT_FLUSHED) {
        rc = not_flushed(path, err);
    } else if (failed) {
        rc = dowel_fail(err, DOWEL_E_KEY, "cannot write the key file %s: %s", path, strerror(errno));
        dowel_error_hint(err, "no block was changed");
    }
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    return rc;
}

int dowel_key_file_lock(const char *path, int *lock, dowel_error *err) {
    char folder[PATH_MAX];
    folder_of(path, folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed = -1;
    while (fd >= 0 && (failed = flock(fd, LOCK_EX)) && errno == EINTR) continue;
    if (failed) {
        int rc = dowel_fail(err, DOWEL_E_KEY, "cannot lock %s for a change of keys: %s", folder, strerror(errno));
        if (fd >= 0) close(fd);
        return rc;
    }
    *lock = fd;
    return 0;
}
