/* Checksums. */
#include "crc.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct dowel_digest {
    dowel_digest_kind kind;
    uint64_t crc;
    EVP_MD_CTX *context;
    struct dowel_digest *outer; /* of the checks of parts; NULL: the check is of the whole */
    int64_t *sizes;             /* of the parts */
    size_t count, at;           /* of them; the one that bytes go to */
    int64_t left;               /* bytes of it still to come */
};

dowel_digest *dowel_digest_new(dowel_digest_kind kind) {
    dowel_digest *digest = calloc(1, sizeof *digest);
    if (!digest) return NULL;
    digest->kind = kind;
    if (!dowel_crc_bytes(kind) && !(digest->context = EVP_MD_CTX_new())) {
        free(digest);
        return NULL;
    }
    dowel_digest_reset(digest);
    return digest;
}

dowel_digest *dowel_digest_of_parts(dowel_digest_kind kind, const int64_t *sizes, size_t count) {
    dowel_digest *digest = count ? dowel_digest_new(kind) : NULL;
    if (!digest) return NULL;
    digest->outer = dowel_digest_new(kind);
    digest->sizes = malloc(count * sizeof *sizes);
    if (!digest->outer || !digest->sizes) {
        dowel_digest_free(digest);
        return NULL;
    }
    memcpy(digest->sizes, sizes, count * sizeof *sizes);
    digest->count = count;
    digest->left = sizes[0];
    return digest;
}

static void start(dowel_digest *digest) {
    digest->crc = 0;
    if (digest->context) EVP_DigestInit_ex(digest->context, digest->kind == DOWEL_MD5 ? EVP_md5() : EVP_sha256(), NULL);
}

void dowel_digest_reset(dowel_digest *digest) {
    start(digest);
    if (!digest->outer) return;
    digest->at = 0;
    digest->left = digest->sizes[0];
    start(digest->outer);
}

static void update(dowel_digest *digest, const void *data, size_t size) {
    if (digest->context)
        EVP_DigestUpdate(digest->context, data, size);
    else
        digest->crc = dowel_crc_update(digest->kind, digest->crc, data, size);
}

static size_t end(dowel_digest *digest, unsigned char out[DOWEL_DIGEST_MAX]) {
    if (digest->context) {
        unsigned size = 0;
        EVP_DigestFinal_ex(digest->context, out, &size);
        return size;
    }
    return dowel_crc_write(digest->kind, digest->crc, out);
}

static void end_part(dowel_digest *digest) {
    unsigned char check[DOWEL_DIGEST_MAX];
    update(digest->outer, check, end(digest, check));
    start(digest);
    /* Bytes after the last part count as one more part, so that the checksum differs. */
    digest->left = ++digest->at < digest->count ? digest->sizes[digest->at] : INT64_MAX;
}

void dowel_digest_update(dowel_digest *digest, const void *data, size_t size) {
    if (!digest->outer) {
        update(digest, data, size);
        return;
    }
    const char *p = data;
    while (size) {
        size_t n = (uint64_t)digest->left < size ? (size_t)digest->left : size;
        update(digest, p, n);
        p += n;
        size -= n;
        digest->left -= (int64_t)n;
        if (!digest->left) end_part(digest);
    }
}

size_t dowel_digest_end(dowel_digest *digest, unsigned char out[DOWEL_DIGEST_MAX]) {
    if (!digest->outer) return end(digest, out);
    bool begun = digest->left != (digest->at < digest->count ? digest->sizes[digest->at] : INT64_MAX);
    if (begun) end_part(digest);
    return end(digest->outer, out);
}

size_t dowel_crc_write(dowel_digest_kind kind, uint64_t crc, unsigned char out[DOWEL_DIGEST_MAX]) {
    size_t size = dowel_crc_bytes(kind);
    for (size_t i = 0; i < size; i++) out[i] = (unsigned char)(crc >> (8 * (size - 1 - i)));
    return size;
}

bool dowel_digest_joins(dowel_digest_kind kind) {
    return dowel_crc_bytes(kind) != 0;
}

uint64_t dowel_digest_crc(const dowel_digest *digest) {
    return digest->crc;
}

void dowel_digest_free(dowel_digest *digest) {
    if (!digest) return;
    dowel_digest_free(digest->outer);
    free(digest->sizes);
    EVP_MD_CTX_free(digest->context);
    free(digest);
}
