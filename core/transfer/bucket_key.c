/* Encryption keys that the customer sends with each request and the service does not store. */
#include <dowel/buckets.h>
#include <dowel/text.h>

#include <stdio.h>
#include <stdlib.h>

enum { KEY_SIZE = 32 };

int dowel_bucket_check_key(const char *field, const char *key, dowel_error *err) {
    void *bytes = NULL;
    size_t size = 0;
    if (!key) return 0;
    int rc = dowel_base64_decode(key, &bytes, &size);
    if (!rc) dowel_wipe_bytes(bytes, size);
    return !rc && size == KEY_SIZE
               ? 0
               : dowel_fail(err, DOWEL_E_INVALID, "field \"%s\": expected 32 bytes in base64", field);
}

static char *digest_of(const void *bytes, size_t size, dowel_digest_kind kind) {
    unsigned char result[DOWEL_DIGEST_MAX];
    dowel_digest *digest = dowel_digest_new(kind);
    if (digest) dowel_digest_update(digest, bytes, size);
    char *text = digest ? dowel_base64(result, dowel_digest_end(digest, result)) : NULL;
    dowel_digest_free(digest);
    return text;
}

int dowel_bucket_set_key(dowel_http_request *r, const char *prefix, const char *key, dowel_digest_kind kind,
                         const char *suffix, dowel_error *err) {
    void *bytes;
    size_t size;
    char name[96];
    if (!key) return 0;
    if (dowel_base64_decode(key, &bytes, &size))
        return dowel_fail(err, DOWEL_E_INVALID, "the encryption key is not base64");
    char *digest = digest_of(bytes, size, kind);
    dowel_wipe_bytes(bytes, size);
    if (!digest) return dowel_no_memory(err);
    snprintf(name, sizeof name, "%s-algorithm", prefix);
    dowel_http_header(r, name, "AES256");
    snprintf(name, sizeof name, "%s-key", prefix);
    dowel_http_secret_header(r, name, key);
    snprintf(name, sizeof name, "%s-%s", prefix, suffix);
    dowel_http_header(r, name, digest);
    free(digest);
    return 0;
}
