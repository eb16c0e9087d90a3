/* Checksums, and bytes as text. */
#include <dowel/stream.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

struct dowel_digest {
    dowel_digest_kind kind;
    uint32_t crc;
    EVP_MD_CTX *context;
};

/* ---- CRC32C (Castagnoli), eight bytes a step ---- */

static uint32_t crc_tables[8][256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_init(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        crc_tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            crc_tables[t][i] = crc_tables[t - 1][i] >> 8 ^ crc_tables[0][crc_tables[t - 1][i] & 255];
}

static uint32_t crc_software(uint32_t crc, const unsigned char *p, size_t size) {
    pthread_once(&crc_once, crc_init);
    for (; size >= 8; p += 8, size -= 8) {
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        crc = crc_tables[7][low & 255] ^ crc_tables[6][low >> 8 & 255] ^ crc_tables[5][low >> 16 & 255] ^
              crc_tables[4][low >> 24] ^ crc_tables[3][p[4]] ^ crc_tables[2][p[5]] ^ crc_tables[1][p[6]] ^
              crc_tables[0][p[7]];
    }
    while (size--) crc = crc >> 8 ^ crc_tables[0][(crc ^ *p++) & 255];
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_hardware(uint32_t crc, const unsigned char *p, size_t size) {
    uint64_t wide = crc;
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    while (size--) crc = _mm_crc32_u8(crc, *p++);
    return crc;
}
#endif

static uint32_t crc_update(uint32_t crc, const void *data, size_t size) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return crc_hardware(crc, data, size);
#endif
    return crc_software(crc, data, size);
}

dowel_digest *dowel_digest_new(dowel_digest_kind kind) {
    dowel_digest *digest = calloc(1, sizeof *digest);
    if (!digest) return NULL;
    digest->kind = kind;
    if (kind != DOWEL_CRC32C && !(digest->context = EVP_MD_CTX_new())) {
        free(digest);
        return NULL;
    }
    dowel_digest_reset(digest);
    return digest;
}

void dowel_digest_reset(dowel_digest *digest) {
    digest->crc = 0xffffffffu;
    if (digest->context) EVP_DigestInit_ex(digest->context, digest->kind == DOWEL_MD5 ? EVP_md5() : EVP_sha256(), NULL);
}

void dowel_digest_update(dowel_digest *digest, const void *data, size_t size) {
    if (digest->context)
        EVP_DigestUpdate(digest->context, data, size);
    else
        digest->crc = crc_update(digest->crc, data, size);
}

size_t dowel_digest_end(dowel_digest *digest, unsigned char out[DOWEL_DIGEST_MAX]) {
    if (digest->context) {
        unsigned size = 0;
        EVP_DigestFinal_ex(digest->context, out, &size);
        return size;
    }
    uint32_t crc = ~digest->crc;
    for (int i = 0; i < 4; i++) out[i] = (unsigned char)(crc >> (24 - 8 * i));
    return 4;
}

void dowel_digest_free(dowel_digest *digest) {
    if (!digest) return;
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
