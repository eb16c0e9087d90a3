/* JSON envelopes encrypted with a passphrase: protected key files, bundles. */
#include "passphrase_internal.h"

#include <dowel/stream.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define SALT 16
/* Each guess of the passphrase costs 128 MiB and a few tenths of a second. */
#define COST_N 131072
#define COST_R 8
#define COST_P 1
/* Limits for the parameters in a file, so that a hostile file cannot exhaust the machine. */
#define LARGEST_MEMORY ((uint64_t)512 << 20)
#define LARGEST_P 16
#define LARGEST_PLAIN ((size_t)64 << 20)

typedef struct envelope {
    const char *format;
    json_int_t n, r, p;
    unsigned char salt[SALT];
    void *sealed;
    size_t size;
} envelope;

/* The additional authenticated data. */
static size_t associated(const envelope *e, char text[256]) {
    int length = snprintf(text, 128, "%s%c%d%cscrypt%c%lld%c%lld%c%lld%c", e->format, 0, VERSION, 0, 0, (long long)e->n,
                          0, (long long)e->r, 0, (long long)e->p, 0);
    memcpy(text + length, e->salt, SALT);
    return (size_t)length + SALT;
}

static bool derive(const envelope *e, const char *passphrase, unsigned char key[DOWEL_KEY_SIZE]) {
    return EVP_PBE_scrypt(passphrase, strlen(passphrase), e->salt, SALT, (uint64_t)e->n, (uint64_t)e->r, (uint64_t)e->p,
                          LARGEST_MEMORY + ((uint64_t)64 << 20), key, DOWEL_KEY_SIZE) == 1;
}

int dowel_wrap(const char *format, const char *passphrase, const void *plain, size_t size, json_t **out,
               dowel_error *err) {
    envelope e = {.format = format, .n = COST_N, .r = COST_R, .p = COST_P};
    unsigned char key[DOWEL_KEY_SIZE];
    char bound[256];
    if (!*passphrase) return dowel_fail(err, DOWEL_E_INVALID, "the passphrase is empty");
    if (size > LARGEST_PLAIN) return dowel_fail(err, DOWEL_E_INVALID, "too large to seal: %zu bytes", size);
    e.size = DOWEL_GCM_NONCE + size + DOWEL_GCM_TAG;
    if (!(e.sealed = malloc(e.size))) return dowel_no_memory(err);
    bool ok = RAND_bytes(e.salt, SALT) == 1 && derive(&e, passphrase, key) &&
              dowel_gcm_seal(key, bound, associated(&e, bound), plain, size, e.sealed);
    OPENSSL_cleanse(key, sizeof key);
    char *salt = ok ? dowel_base64(e.salt, SALT) : NULL, *sealed = ok ? dowel_base64(e.sealed, e.size) : NULL;
    free(e.sealed);
    *out = salt && sealed ? json_pack("{s:s,s:i,s:s,s:I,s:I,s:I,s:s,s:s}", "format", format, "version", VERSION, "kdf",
                                      "scrypt", "n", e.n, "r", e.r, "p", e.p, "salt", salt, "sealed", sealed)
                          : NULL;
    free(salt);
    free(sealed);
    return *out ? 0
           : ok ? dowel_no_memory(err)
                : dowel_fail(err, DOWEL_E_INTERNAL, "encryption with a passphrase failed (out of memory?)");
}

static int damaged(const char *origin, const char *why, dowel_error *err) {
    return dowel_fail(err, DOWEL_E_CORRUPT, "%s: %s", origin, why);
}

static bool decode_salt(const char *text, unsigned char salt[SALT]) {
    void *data = NULL;
    size_t size = 0;
    bool good = text && !dowel_base64_decode(text, &data, &size) && size == SALT;
    if (good) memcpy(salt, data, SALT);
    free(data);
    return good;
}

/* The caller frees e->sealed. */
static int read_envelope(const char *format, const json_t *object, const char *origin, envelope *e, dowel_error *err) {
    const char *said = json_string_value(json_object_get(object, "format")),
               *kdf = json_string_value(json_object_get(object, "kdf")),
               *sealed = json_string_value(json_object_get(object, "sealed"));
    json_int_t version = json_integer_value(json_object_get(object, "version"));
    *e = (envelope){.format = format,
                    .n = json_integer_value(json_object_get(object, "n")),
                    .r = json_integer_value(json_object_get(object, "r")),
                    .p = json_integer_value(json_object_get(object, "p"))};
    if (!said || strcmp(said, format) != 0) {
        int rc = damaged(origin, "not a file of this kind", err);
        dowel_error_hint(err, "expected a JSON object whose \"format\" is \"%s\"", format);
        return rc;
    }
    if (version != VERSION) {
        int rc = damaged(origin, "has a version that this dowel does not support", err);
        dowel_error_hint(err, "use the dowel version that created it, or a newer one");
        return rc;
    }
    if (!kdf || strcmp(kdf, "scrypt") != 0) return damaged(origin, "damaged (\"kdf\" is not \"scrypt\")", err);
    if (e->n < 1024 || e->n & (e->n - 1) || e->r < 1 || e->r > 64 || e->p < 1 || e->p > LARGEST_P ||
        (uint64_t)e->n > LARGEST_MEMORY / 128 / (uint64_t)e->r)
        return damaged(origin, "damaged (\"n\", \"r\" or \"p\" is out of range)", err);
    if (!decode_salt(json_string_value(json_object_get(object, "salt")), e->salt))
        return damaged(origin, "damaged (\"salt\" is not 16 bytes in base64)", err);
    if (!sealed || dowel_base64_decode(sealed, &e->sealed, &e->size))
        return damaged(origin, "damaged (\"sealed\" is not base64)", err);
    if (e->size < DOWEL_GCM_NONCE + DOWEL_GCM_TAG || e->size > LARGEST_PLAIN + 64) {
        free(e->sealed);
        e->sealed = NULL;
        return damaged(origin, "damaged (\"sealed\" has an impossible size)", err);
    }
    return 0;
}

int dowel_wrapped_check(const char *format, const json_t *object, const char *origin, dowel_error *err) {
    envelope e;
    int rc = read_envelope(format, object, origin, &e, err);
    if (!rc) free(e.sealed);
    return rc;
}

int dowel_unwrap(const char *format, const json_t *object, const char *origin, const char *passphrase, void **plain,
                 size_t *size, dowel_error *err) {
    envelope e;
    unsigned char key[DOWEL_KEY_SIZE];
    char bound[256];
    int rc = read_envelope(format, object, origin, &e, err);
    if (rc) return rc;
    size_t length = e.size - DOWEL_GCM_NONCE - DOWEL_GCM_TAG;
    unsigned char *out = malloc(length + 1);
    if (!out)
        rc = dowel_no_memory(err);
    else if (!derive(&e, passphrase, key))
        rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "%s: scrypt needs %lld MiB of memory", origin,
                        (long long)(e.n * e.r * 128 >> 20));
    else if (!dowel_gcm_open(key, bound, associated(&e, bound), e.sealed, e.size, out))
        rc = dowel_fail(err, DOWEL_E_KEY, "%s: the passphrase is wrong, or the file was changed", origin);
    OPENSSL_cleanse(key, sizeof key);
    free(e.sealed);
    if (rc) {
        free(out);
        return rc;
    }
    out[length] = 0;
    *plain = out;
    *size = length;
    return 0;
}
