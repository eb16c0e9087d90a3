/* Seals secret handles of runs (upload sessions) with the registry's keys. */
#include "keyring_internal.h"

#include <dowel/stream.h>
#include <dowel/text.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the seal of a handle authenticates: run and name, or their digest if they are long. */
typedef struct binding {
    char text[80];
    dowel_sealed_for to;
} binding;

static int bind_to(const char *owner, binding *b, dowel_error *err) {
    /* A handle has no public part, so format 1 misses nothing. */
    b->to = (dowel_sealed_for){.type = "run", .name = owner, .revision = 1, .old_accepted = true};
    if (strlen(owner) <= 160) return 0;
    unsigned char bytes[DOWEL_DIGEST_MAX];
    dowel_digest *digest = dowel_digest_new(DOWEL_SHA256);
    if (digest) dowel_digest_update(digest, owner, strlen(owner));
    char *hex = digest ? dowel_hex(bytes, dowel_digest_end(digest, bytes)) : NULL;
    dowel_digest_free(digest);
    if (!hex) return dowel_no_memory(err);
    snprintf(b->text, sizeof b->text, "sha256 %s", hex);
    free(hex);
    b->to.name = b->text;
    return 0;
}

static int seal_with(const dowel_key *key, const char *owner, const char *plain, char **sealed, dowel_error *err) {
    binding bound;
    void *blob = NULL;
    size_t size = 0;
    int rc = bind_to(owner, &bound, err);
    if (!rc) rc = dowel_seal(key, &bound.to, plain, strlen(plain), &blob, &size, err);
    if (!rc && !(*sealed = dowel_base64(blob, size))) rc = dowel_no_memory(err);
    free(blob);
    return rc;
}

static int seal(dowel *d, const char *owner, const char *plain, char **sealed, dowel_error *err) {
    const dowel_keys *keys;
    int rc = dowel_keys_get(d, true, &keys, err);
    return rc ? rc : seal_with(&keys->list[0], owner, plain, sealed, err);
}

static int key_of(const char *sealed, char id[DOWEL_KEY_ID_SIZE], dowel_error *err) {
    void *blob = NULL;
    size_t size = 0;
    if (dowel_base64_decode(sealed, &blob, &size))
        return dowel_fail(err, DOWEL_E_CORRUPT, "sealed data is damaged: it has no valid header");
    int rc = dowel_sealed_key_id(blob, size, id, err);
    free(blob);
    return rc;
}

static int open_sealed(dowel *d, const char *owner, const char *sealed, char **plain, dowel_error *err) {
    binding bound;
    void *blob = NULL, *text = NULL;
    size_t size = 0, length = 0;
    char id[DOWEL_KEY_ID_SIZE];
    int rc = bind_to(owner, &bound, err);
    if (!rc) rc = dowel_base64_decode(sealed, &blob, &size);
    if (!rc) rc = dowel_sealed_key_id(blob, size, id, err);
    if (!rc) rc = dowel_open_sealed(d, &bound.to, id, blob, size, &text, &length, err);
    if (!rc) *plain = text;
    free(blob);
    return rc;
}

/* ---- digests of arguments ---- */

static int no_digest_key(const char *id, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_KEY, "key %s, which was used then, is not available", id);
    dowel_error_hint(err, "provide the key (`dowel key add`, DOWEL_KEY or DOWEL_KEY_FILE)");
    return rc;
}

/* The key of the earlier digest `like`, or the first key. */
static int digest_key(dowel *d, const char *like, const dowel_key **key, dowel_error *err) {
    const dowel_keys *keys;
    char id[DOWEL_KEY_ID_SIZE] = "";
    int rc = dowel_keys_get(d, !like, &keys, err);
    if (rc) return rc;
    if (like) snprintf(id, sizeof id, "%.*s", (int)strcspn(like, ":"), like);
    /* Another process may have added the key to the file since it was read. */
    if (like && !dowel_keys_find(keys, id) && (rc = dowel_keys_get(d, true, &keys, err))) return rc;
    *key = like ? dowel_keys_find(keys, id) : keys->count ? &keys->list[0] : NULL;
    return *key ? 0 : no_digest_key(like ? id : "(none)", err);
}

/* "KEY-ID:HMAC". The HMAC key is derived, so that no key serves two purposes. */
static int keyed_digest(dowel *d, const void *data, size_t size, const char *like, char **digest, dowel_error *err) {
    static const unsigned char purpose[] = "dowel digest of arguments, version 1";
    const dowel_key *key;
    unsigned char derived[EVP_MAX_MD_SIZE], code[EVP_MAX_MD_SIZE];
    unsigned int derived_size = 0, code_size = 0;
    int rc = digest_key(d, like, &key, err);
    if (rc) return rc;
    bool ok = HMAC(EVP_sha256(), key->bytes, DOWEL_KEY_SIZE, purpose, sizeof purpose - 1, derived, &derived_size) &&
              HMAC(EVP_sha256(), derived, (int)derived_size, data, size, code, &code_size);
    OPENSSL_cleanse(derived, sizeof derived);
    char *hex = ok ? dowel_hex(code, code_size) : NULL;
    size_t room = DOWEL_KEY_ID_SIZE + 2 * (size_t)code_size + 1;
    *digest = hex ? malloc(room) : NULL;
    if (*digest) snprintf(*digest, room, "%s:%s", key->id, hex);
    free(hex);
    return *digest ? 0 : dowel_no_memory(err);
}

const dowel_sealer dowel_handle_sealer = {seal, open_sealed, keyed_digest};

/* ---- all handles, for changes of keys ---- */

static int count(void *context, const char *owner, const char *sealed, char **anew, dowel_error *err) {
    (void)owner, (void)anew;
    json_t *counts = context;
    char id[DOWEL_KEY_ID_SIZE];
    if (key_of(sealed, id, NULL)) return 0; /* damaged: no key opens it */
    json_int_t before = json_integer_value(json_object_get(counts, id));
    if (!json_object_set_new(counts, id, json_integer(before + 1))) return 0;
    return dowel_no_memory(err);
}

int dowel_handles_count(dowel *d, json_t *counts, dowel_error *err) {
    return dowel_remembered(d, count, counts, err);
}

typedef struct rotation {
    dowel *d;
    const dowel_key *key;
    json_int_t sealed;
} rotation;

static int rotate(void *context, const char *owner, const char *sealed, char **anew, dowel_error *err) {
    rotation *r = context;
    char id[DOWEL_KEY_ID_SIZE] = "", *plain = NULL;
    dowel_error why;
    int rc = key_of(sealed, id, &why);
    if (!rc && !strcmp(id, r->key->id)) return 0;
    if (!rc) rc = open_sealed(r->d, owner, sealed, &plain, &why);
    if (rc) {
        dowel_log(r->d, DOWEL_LOG_WARNING,
                  "a handle of run %.36s is left unchanged, and the run cannot resume from it: %s", owner, why.message);
        return 0;
    }
    rc = seal_with(r->key, owner, plain, anew, err);
    dowel_wipe(plain);
    if (!rc) r->sealed++;
    return rc;
}

int dowel_handles_rotate(dowel *d, const dowel_key *key, json_int_t *sealed, dowel_error *err) {
    rotation r = {.d = d, .key = key};
    int rc = dowel_remembered(d, rotate, &r, err);
    *sealed = r.sealed;
    return rc;
}
