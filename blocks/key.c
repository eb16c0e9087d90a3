/* Where sealing keys come from: the environment, a file, or a file made on first need. */
#include "sealing.h"

#include <dowel/stream.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_TEXT_LARGEST 65536

static int no_memory(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

void dowel_keys_clear(dowel_keys *keys) {
    if (keys->list) OPENSSL_cleanse(keys->list, keys->count * sizeof *keys->list);
    free(keys->list);
    *keys = (dowel_keys){0};
}

/* A name for the key that tells nothing about it. */
static int name_key(dowel_key *key, dowel_error *err) {
    static const char purpose[] = "dowel key id";
    unsigned char text[sizeof purpose + DOWEL_KEY_SIZE], digest[EVP_MAX_MD_SIZE];
    memcpy(text, purpose, sizeof purpose);
    memcpy(text + sizeof purpose, key->bytes, DOWEL_KEY_SIZE);
    int ok = EVP_Digest(text, sizeof text, digest, NULL, EVP_sha256(), NULL);
    OPENSSL_cleanse(text, sizeof text);
    if (!ok) return dowel_fail(err, DOWEL_E_INTERNAL, "cannot name the sealing key");
    for (size_t i = 0; i < (DOWEL_KEY_ID_SIZE - 1) / 2; i++) snprintf(key->id + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool decode_key(const char *word, size_t length, unsigned char bytes[DOWEL_KEY_SIZE]) {
    if (length == 2 * (size_t)DOWEL_KEY_SIZE) {
        for (size_t i = 0; i < DOWEL_KEY_SIZE; i++) {
            int high = hex_digit(word[2 * i]), low = hex_digit(word[2 * i + 1]);
            if (high < 0 || low < 0) return false;
            bytes[i] = (unsigned char)(high << 4 | low);
        }
        return true;
    }
    char text[45];
    if (length != sizeof text - 1) return false;
    memcpy(text, word, length);
    text[length] = 0;
    void *data = NULL;
    size_t size = 0;
    bool good = !dowel_base64_decode(text, &data, &size) && size == DOWEL_KEY_SIZE;
    if (good) memcpy(bytes, data, DOWEL_KEY_SIZE);
    if (data) OPENSSL_cleanse(data, size);
    free(data);
    OPENSSL_cleanse(text, sizeof text);
    return good;
}

int dowel_keys_parse(const char *text, size_t size, const char *origin, dowel_keys *keys, dowel_error *err) {
    dowel_keys found = {0};
    int rc = 0;
    for (size_t i = 0; i < size && !rc;) {
        if (isspace((unsigned char)text[i]) || text[i] == ',') {
            i++;
            continue;
        }
        size_t start = i;
        while (i < size && !isspace((unsigned char)text[i]) && text[i] != ',') i++;
        dowel_key key;
        if (!decode_key(text + start, i - start, key.bytes)) {
            rc = dowel_fail(err, DOWEL_E_KEY, "%s: not a sealing key: expected 32 bytes as base64 or hexadecimal",
                            origin);
            dowel_error_hint(err, "make one with `openssl rand -base64 32`");
            break;
        }
        rc = name_key(&key, err);
        dowel_key *grown = rc ? NULL : malloc((found.count + 1) * sizeof *grown);
        if (grown) {
            /* Not realloc: it could leave a copy of the keys behind. */
            if (found.count) memcpy(grown, found.list, found.count * sizeof *grown);
            grown[found.count] = key;
            size_t count = found.count + 1;
            dowel_keys_clear(&found);
            found = (dowel_keys){count, grown};
        } else if (!rc) {
            rc = no_memory(err);
        }
        OPENSSL_cleanse(&key, sizeof key);
    }
    if (!rc && !found.count) {
        rc = dowel_fail(err, DOWEL_E_KEY, "%s: holds no sealing key", origin);
        dowel_error_hint(err, "make one with `openssl rand -base64 32`");
    }
    if (rc)
        dowel_keys_clear(&found);
    else
        *keys = found;
    return rc;
}

static int read_file(const char *path, dowel_keys *keys, dowel_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        int why = errno;
        if (fd >= 0) close(fd);
        return dowel_fail(err, DOWEL_E_KEY, "cannot read the key file %s: %s", path, strerror(why));
    }
    if (!S_ISREG(st.st_mode) || st.st_mode & 077) {
        close(fd);
        int rc = dowel_fail(err, DOWEL_E_KEY, "the key file %s can be read by others (mode %03o)", path,
                            (unsigned)st.st_mode & 0777);
        dowel_error_hint(err, "chmod 600 %s", path);
        return rc;
    }
    char *text = malloc(KEY_TEXT_LARGEST);
    size_t size = 0;
    ssize_t got = 1;
    while (text && size < KEY_TEXT_LARGEST && (got = read(fd, text + size, KEY_TEXT_LARGEST - size)) > 0)
        size += (size_t)got;
    int why = errno;
    close(fd);
    int rc = !text     ? no_memory(err)
             : got < 0 ? dowel_fail(err, DOWEL_E_KEY, "cannot read the key file %s: %s", path, strerror(why))
                       : dowel_keys_parse(text, size, path, keys, err);
    if (text) OPENSSL_cleanse(text, KEY_TEXT_LARGEST);
    free(text);
    return rc;
}

static bool default_path(char path[PATH_MAX]) {
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int length = config && *config == '/' ? snprintf(path, PATH_MAX, "%s/dowel/key", config)
                 : home && *home == '/'   ? snprintf(path, PATH_MAX, "%s/.config/dowel/key", home)
                                          : -1;
    return length > 0 && length < PATH_MAX - 32;
}

static int make_folders(const char *path) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(folder, 0700) && errno != EEXIST) return -1;
        *slash = '/';
    }
    return 0;
}

static int write_new_key(int fd) {
    unsigned char bytes[DOWEL_KEY_SIZE];
    char *text = RAND_bytes(bytes, sizeof bytes) == 1 ? dowel_base64(bytes, sizeof bytes) : NULL;
    OPENSSL_cleanse(bytes, sizeof bytes);
    if (!text) {
        errno = ENOMEM;
        return -1;
    }
    char line[64];
    int length = snprintf(line, sizeof line, "%s\n", text);
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    int failed = write(fd, line, (size_t)length) != length || fsync(fd);
    OPENSSL_cleanse(line, sizeof line);
    return failed ? -1 : 0;
}

static void sync_folder(const char *path) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

/* link(2) puts a whole file under the name or fails because another process was first; its key is then the one. */
static int make_file(const char *path, dowel_error *err) {
    unsigned char noise[8];
    char temporary[PATH_MAX];
    if (RAND_bytes(noise, sizeof noise) != 1)
        return dowel_fail(err, DOWEL_E_KEY, "no random numbers for a sealing key");
    int length = snprintf(temporary, sizeof temporary, "%s.%02x%02x%02x%02x%02x%02x%02x%02x", path, noise[0], noise[1],
                          noise[2], noise[3], noise[4], noise[5], noise[6], noise[7]);
    int fd =
        length < PATH_MAX && !make_folders(path) ? open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    int failed = fd < 0, why = errno;
    if (!failed) {
        failed = write_new_key(fd);
        why = errno;
        close(fd);
        if (!failed && link(temporary, path) && errno != EEXIST) {
            failed = 1;
            why = errno;
        }
        unlink(temporary);
        if (!failed) sync_folder(path);
    }
    if (!failed) return 0;
    int rc = dowel_fail(err, DOWEL_E_KEY, "there is no sealing key, and %s cannot be made: %s", path, strerror(why));
    dowel_error_hint(err, "set DOWEL_KEY to the output of `openssl rand -base64 32`, and keep it");
    return rc;
}

static int find_keys(bool make, dowel_keys *keys, dowel_error *err) {
    const char *text = getenv("DOWEL_KEY"), *file = getenv("DOWEL_KEY_FILE");
    if (text && *text) return dowel_keys_parse(text, strlen(text), "DOWEL_KEY", keys, err);
    if (file && *file) {
        int rc = read_file(file, keys, err);
        if (rc) dowel_error_prefix(err, "DOWEL_KEY_FILE: ");
        return rc;
    }
    char path[PATH_MAX];
    bool known = default_path(path);
    struct stat st;
    if (known && stat(path, &st) && errno == ENOENT && make) {
        int rc = make_file(path, err);
        if (rc) return rc;
    } else if (!known || (stat(path, &st) && errno == ENOENT)) {
        int rc = dowel_fail(
            err, DOWEL_E_KEY, "there is no sealing key: DOWEL_KEY and DOWEL_KEY_FILE are not set, and %s%s",
            known ? path : "neither HOME nor XDG_CONFIG_HOME tells where one could be", known ? " does not exist" : "");
        dowel_error_hint(
            err, "give the key that sealed the blocks, or set DOWEL_KEY to the output of `openssl rand -base64 32`");
        return rc;
    }
    return read_file(path, keys, err);
}

/* ---- the handle's keys ---- */

typedef struct keyring {
    pthread_mutex_t lock;
    dowel_keys keys;
} keyring;

static void *make_ring(dowel *d) {
    (void)d;
    keyring *ring = calloc(1, sizeof *ring);
    if (ring) pthread_mutex_init(&ring->lock, NULL);
    return ring;
}

static void end_ring(void *value) {
    keyring *ring = value;
    dowel_keys_clear(&ring->keys);
    pthread_mutex_destroy(&ring->lock);
    free(ring);
}

int dowel_keys_get(dowel *d, bool make, const dowel_keys **keys, dowel_error *err) {
    static const char ring_key;
    keyring *ring = dowel_attach(d, &ring_key, make_ring, end_ring);
    if (!ring) return no_memory(err);
    pthread_mutex_lock(&ring->lock);
    /* Once read they never change, so they may be used without the lock. A failure is not remembered: a key may be added. */
    int rc = ring->keys.count ? 0 : find_keys(make, &ring->keys, err);
    pthread_mutex_unlock(&ring->lock);
    if (!rc) *keys = &ring->keys;
    return rc;
}
