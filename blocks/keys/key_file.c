/* Key files: one key a line, or an envelope under a passphrase around that. */
#include "keyring_internal.h"
#include "passphrase_internal.h"

#include <dowel/file.h>
#include <dowel/stream.h>
#include <dowel/text.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LARGEST ((size_t)1 << 16)
#define FORMAT "dowel-key-file"
#define PASSPHRASE_SIZE 1024

/* ---- reading ---- */

static int open_with(const json_t *envelope, const char *path, const char *passphrase, dowel_keys *keys,
                     dowel_error *err) {
    void *plain;
    size_t size;
    int rc = dowel_unwrap(FORMAT, envelope, path, passphrase, &plain, &size, err);
    if (rc) return rc;
    rc = dowel_keys_parse(plain, size, path, keys, err);
    dowel_wipe_bytes(plain, size);
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
        if (size && passphrase[size - 1] == '\n') passphrase[--size] = 0; /* a mounted secret ends with a line break */
        if (size && passphrase[size - 1] == '\r') passphrase[--size] = 0;
        rc = strlen(variable) < sizeof passphrase
                 ? open_with(envelope, path, passphrase, keys, err)
                 : dowel_fail(err, DOWEL_E_KEY, "longer than %d bytes", PASSPHRASE_SIZE - 1);
        OPENSSL_cleanse(passphrase, sizeof passphrase);
        if (rc) dowel_error_prefix(err, "DOWEL_KEY_PASSPHRASE: ");
        return rc;
    }
    char answer[PASSPHRASE_SIZE], what[PATH_MAX + 32];
    snprintf(what, sizeof what, "passphrase of %s", path);
    if (dowel_ask_secret(d, what, answer, sizeof answer)) {
        rc = dowel_fail(err, DOWEL_E_KEY, "the key file %s is protected by a passphrase, and none was given", path);
        dowel_error_hint(err, "enter it on a terminal, or set DOWEL_KEY_PASSPHRASE");
    } else {
        rc = open_with(envelope, path, answer, keys, err);
    }
    OPENSSL_cleanse(answer, sizeof answer);
    return rc;
}

int dowel_key_file_read(dowel *d, const char *path, const char *known, dowel_keys *keys, dowel_error *err) {
    const dowel_small_file file = {
        .path = path, .what = "key file", .code = DOWEL_E_KEY, .limit = LARGEST, .secret = true};
    char *bytes = NULL;
    size_t size = 0;
    int rc = dowel_file_load(&file, &bytes, &size, err);
    if (rc) return rc;
    bool marked = size >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3); /* byte order mark */
    const char *text = bytes + (marked ? 3 : 0);
    size_t length = size - (marked ? 3 : 0);
    if (*text == '{') {
        json_t *envelope = NULL;
        rc = dowel_json_parse(text, length, path, &envelope, err);
        if (rc && err) err->code = rc = DOWEL_E_KEY;
        if (!rc) rc = open_protected(d, envelope, path, known, keys, err);
        json_decref(envelope);
    } else {
        rc = dowel_keys_parse(text, length, path, keys, err);
    }
    dowel_wipe_bytes(bytes, size);
    return rc;
}

/* ---- writing ---- */

/* One key a line; wipe it. */
static char *keys_text(const dowel_keys *keys, dowel_error *err) {
    dowel_text text = {0};
    for (size_t i = 0; i < keys->count; i++) {
        char *key = dowel_base64(keys->list[i].bytes, DOWEL_KEY_SIZE);
        if (!key) text.failed = true;
        if (key) dowel_text_format(&text, "%s\n", key);
        dowel_wipe(key);
    }
    return dowel_text_take(&text, err);
}

/* The content of the file; wipe it. */
static int file_text(const dowel_keys *keys, char **text, dowel_error *err) {
    json_t *envelope = NULL;
    if (!(*text = keys_text(keys, err))) return DOWEL_E_NO_MEMORY;
    if (!keys->passphrase) return 0;
    int rc = dowel_wrap(FORMAT, keys->passphrase, *text, strlen(*text), &envelope, err);
    dowel_wipe(*text);
    *text = rc ? NULL : dowel_json_dump(envelope, JSON_INDENT(1));
    json_decref(envelope);
    return rc ? rc : *text ? 0 : dowel_no_memory(err);
}

/* A file that could not be saved, as a problem of the key; `prefix` is for one that was not written. */
static int not_saved(int rc, bool written, const char *prefix, const char *hint, dowel_error *err) {
    if (rc == DOWEL_E_NO_MEMORY) return rc;
    if (err) err->code = DOWEL_E_KEY;
    dowel_error_prefix(err, "%s", written ? "key file " : prefix);
    dowel_error_hint(err, "%s", written ? "copy the file to a safe place before anything is sealed with it" : hint);
    return DOWEL_E_KEY;
}

int dowel_key_file_make(const char *path, const dowel_key *first, dowel_error *err) {
    dowel_keys keys = {0};
    dowel_key key;
    char *text = NULL;
    bool written = false;
    int rc = first ? 0 : dowel_key_random(&key, err);
    if (!rc) rc = dowel_keys_insert(&keys, first ? first : &key, true, err);
    if (!rc) rc = file_text(&keys, &text, err);
    if (!rc) {
        int why = dowel_file_folders(path);
        rc = why ? dowel_fail_system(err, DOWEL_E_IO, why, "cannot create the folder of %s", path)
                 : dowel_file_save(path, text, strlen(text), DOWEL_FILE_NEW, &written, err);
        if (rc == DOWEL_E_EXISTS)
            rc = 0; /* another process was first: its key is the one to use */
        else if (rc)
            rc = not_saved(rc, written, "there is no sealing key, and a key file cannot be created: ",
                           "set DOWEL_KEY to the output of `openssl rand -base64 32`, and keep it", err);
    }
    dowel_wipe(text);
    OPENSSL_cleanse(&key, sizeof key);
    dowel_keys_clear(&keys);
    return rc;
}

int dowel_key_file_write(const char *path, const dowel_keys *keys, dowel_error *err) {
    char *text;
    bool written = false;
    int rc = file_text(keys, &text, err);
    if (rc) return rc;
    rc = dowel_file_save(path, text, strlen(text), 0, &written, err);
    dowel_wipe(text);
    return rc ? not_saved(rc, written, "key file: ", "no block was changed", err) : 0;
}

int dowel_key_file_lock(const char *path, int *lock, dowel_error *err) {
    int fd = dowel_file_open_folder(AT_FDCWD, path), failed = -1;
    while (fd >= 0 && (failed = flock(fd, LOCK_EX)) && errno == EINTR) continue;
    if (failed) {
        int rc = dowel_fail(err, DOWEL_E_KEY, "cannot lock the folder of the key file %s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return rc;
    }
    *lock = fd;
    return 0;
}
