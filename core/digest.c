/* Checksums, and bytes as text. */
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
    /* What comes behind the last part is one more: the check will differ, as it should. */
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

/* ---- text forms ---- */

static char *encode64(const void *data, size_t size, const char *alphabet, bool pad) {
    const unsigned char *p = data;
    char *text = malloc(size / 3 * 4 + 5), *q = text;
    if (!text) return NULL;
    for (; size >= 3; p += 3, size -= 3) {
        *q++ = alphabet[p[0] >> 2];
        *q++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
        *q++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
        *q++ = alphabet[p[2] & 63];
    }
    if (size) {
        unsigned second = size == 2 ? p[1] : 0;
        *q++ = alphabet[p[0] >> 2];
        *q++ = alphabet[(p[0] & 3u) << 4 | second >> 4];
        if (size == 2)
            *q++ = alphabet[(second & 15) << 2];
        else if (pad)
            *q++ = '=';
        if (pad) *q++ = '=';
    }
    *q = 0;
    return text;
}

char *dowel_base64(const void *data, size_t size) {
    return encode64(data, size, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
}

char *dowel_base64url(const void *data, size_t size) {
    return encode64(data, size, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);
}

char *dowel_hex(const void *data, size_t size) {
    const unsigned char *p = data;
    char *text = malloc(size * 2 + 1);
    for (size_t i = 0; text && i < size; i++) {
        text[2 * i] = "0123456789abcdef"[p[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
    }
    if (text) text[size * 2] = 0;
    return text;
}

static int value64(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int dowel_base64_decode(const char *text, void **data, size_t *size) {
    size_t length = strlen(text);
    if (length % 4) return DOWEL_E_INVALID;
    unsigned char *out = malloc(length / 4 * 3 + 1), *q = out;
    if (!out) return DOWEL_E_NO_MEMORY;
    for (size_t i = 0; i < length; i += 4) {
        bool last = i + 4 == length;
        int pad = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
        int v[4] = {value64(text[i]), value64(text[i + 1]), pad == 2 ? 0 : value64(text[i + 2]),
                    pad ? 0 : value64(text[i + 3])};
        if (v[0] < 0 || v[1] < 0 || v[2] < 0 || v[3] < 0) {
            OPENSSL_cleanse(out, (size_t)(q - out));
            free(out);
            return DOWEL_E_INVALID;
        }
        unsigned bits = (unsigned)v[0] << 18 | (unsigned)v[1] << 12 | (unsigned)v[2] << 6 | (unsigned)v[3];
        *q++ = (unsigned char)(bits >> 16);
        if (pad < 2) *q++ = (unsigned char)(bits >> 8);
        if (!pad) *q++ = (unsigned char)bits;
    }
    *size = (size_t)(q - out);
    *data = out;
    return 0;
}
