/* CRC32C (Castagnoli), CRC32 (ISO 3309) and CRC64NVME (NVM Express): eight bytes a step, and the joining of two. */
#include "crc.h"

#include <pthread.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct kind {
    uint64_t polynomial; /* reflected */
    uint64_t all;        /* ones */
    size_t bytes;
    uint64_t tables[8][256];
    uint64_t moves[3][2]; /* constants that fold 16 bytes onto the bytes at that distance */
} kind;

enum { FOLDED = 64, WIDE = 256 }; /* bytes a step */
enum { BY_16, BY_FOLDED, BY_WIDE };

static kind kinds[] = {
    {.polynomial = 0x82f63b78u, .all = 0xffffffffu, .bytes = 4},
    {.polynomial = 0xedb88320u, .all = 0xffffffffu, .bytes = 4},
    {.polynomial = 0x9a6c9329ac4bc9b5u, .all = UINT64_MAX, .bytes = 8},
};
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* x to the n, modulo the polynomial; the top bit is the coefficient of 1. */
static uint64_t power(const kind *k, int n) {
    uint64_t x = (uint64_t)1 << (k->bytes * 8 - 1);
    while (n--) x = x & 1 ? x >> 1 ^ k->polynomial : x >> 1;
    return x << (64 - k->bytes * 8);
}

static void make_tables(void) {
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (unsigned i = 0; i < 256; i++) {
            uint64_t crc = i;
            for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ kinds[k].polynomial : crc >> 1;
            kinds[k].tables[0][i] = crc;
        }
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        /* The product of two reflected numbers is one place off: hence the - 1. */
        const int bytes[] = {[BY_16] = 16, [BY_FOLDED] = FOLDED, [BY_WIDE] = WIDE};
        for (int i = 0; i < 3; i++) {
            kinds[k].moves[i][0] = power(&kinds[k], bytes[i] * 8 + 64 - 1);
            kinds[k].moves[i][1] = power(&kinds[k], bytes[i] * 8 - 1);
        }
    }
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (unsigned i = 0; i < 256; i++)
            for (int t = 1; t < 8; t++) {
                uint64_t before = kinds[k].tables[t - 1][i];
                kinds[k].tables[t][i] = before >> 8 ^ kinds[k].tables[0][before & 255];
            }
}

static const kind *find(dowel_digest_kind which) {
    pthread_once(&once, make_tables);
    switch (which) {
    case DOWEL_CRC32C: return &kinds[0];
    case DOWEL_CRC32: return &kinds[1];
    case DOWEL_CRC64NVME: return &kinds[2];
    default: return NULL;
    }
}

size_t dowel_crc_bytes(dowel_digest_kind which) {
    const kind *k = find(which);
    return k ? k->bytes : 0;
}

static uint64_t by_tables(const kind *k, uint64_t crc, const unsigned char *p, size_t size) {
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t word = 0;
        for (int i = 7; i >= 0; i--) word = word << 8 | p[i];
        word ^= crc;
        crc = 0;
        for (int i = 0; i < 8; i++) crc ^= k->tables[7 - i][word >> (8 * i) & 255];
    }
    while (size--) crc = crc >> 8 ^ k->tables[0][(crc ^ *p++) & 255];
    return crc;
}

#if defined(__x86_64__)
/* Folding: what 64 bytes stand for in the remainder is moved onto the next 64 by carry-less products with powers of x. What is left at the end
 * is 16 bytes with the same remainder as everything before them. (V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using
 * PCLMULQDQ Instruction", 2009.) */
__attribute__((target("pclmul,sse4.1"))) static __m128i move(__m128i block, __m128i by) {
    return _mm_xor_si128(_mm_clmulepi64_si128(block, by, 0x00), _mm_clmulepi64_si128(block, by, 0x11));
}

/* The same with four registers at once. Leaves 64 bytes with the same remainder, and the rest of `size`. */
__attribute__((target("vpclmulqdq,avx512f"))) static __m512i move_wide(__m512i block, __m512i by) {
    return _mm512_xor_si512(_mm512_clmulepi64_epi128(block, by, 0x00), _mm512_clmulepi64_epi128(block, by, 0x11));
}

__attribute__((target("vpclmulqdq,avx512f"))) static size_t fold_wide(const kind *k, uint64_t crc,
                                                                      const unsigned char *p, size_t size,
                                                                      unsigned char left[FOLDED]) {
    const __m512i far = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)k->moves[BY_WIDE])),
                  near = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)k->moves[BY_FOLDED]));
    __m512i a = _mm512_xor_si512(_mm512_loadu_si512(p), _mm512_set_epi64(0, 0, 0, 0, 0, 0, 0, (long long)crc)),
            b = _mm512_loadu_si512(p + 64), c = _mm512_loadu_si512(p + 128), d = _mm512_loadu_si512(p + 192);
    for (p += WIDE, size -= WIDE; size >= WIDE; p += WIDE, size -= WIDE) {
        a = _mm512_xor_si512(move_wide(a, far), _mm512_loadu_si512(p));
        b = _mm512_xor_si512(move_wide(b, far), _mm512_loadu_si512(p + 64));
        c = _mm512_xor_si512(move_wide(c, far), _mm512_loadu_si512(p + 128));
        d = _mm512_xor_si512(move_wide(d, far), _mm512_loadu_si512(p + 192));
    }
    b = _mm512_xor_si512(b, move_wide(a, near));
    c = _mm512_xor_si512(c, move_wide(b, near));
    d = _mm512_xor_si512(d, move_wide(c, near));
    _mm512_storeu_si512(left, d);
    return size;
}

__attribute__((target("pclmul,sse4.1"))) static uint64_t by_folding(const kind *k, uint64_t crc, const unsigned char *p,
                                                                    size_t size) {
    const __m128i far = _mm_loadu_si128((const __m128i *)k->moves[BY_FOLDED]),
                  near = _mm_loadu_si128((const __m128i *)k->moves[BY_16]);
    unsigned char left[FOLDED];
    const unsigned char *end = p + size, *first = p;
    if (size >= WIDE && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq")) {
        size = fold_wide(k, crc, p, size, left);
        first = left;
        crc = 0;
    } else {
        size -= FOLDED;
    }
    const __m128i *in = (const __m128i *)first;
    __m128i a = _mm_xor_si128(_mm_loadu_si128(in), _mm_set_epi64x(0, (long long)crc)), b = _mm_loadu_si128(in + 1),
            c = _mm_loadu_si128(in + 2), d = _mm_loadu_si128(in + 3);
    for (in = (const __m128i *)(end - size); size >= FOLDED; in += 4, size -= FOLDED) {
        a = _mm_xor_si128(move(a, far), _mm_loadu_si128(in));
        b = _mm_xor_si128(move(b, far), _mm_loadu_si128(in + 1));
        c = _mm_xor_si128(move(c, far), _mm_loadu_si128(in + 2));
        d = _mm_xor_si128(move(d, far), _mm_loadu_si128(in + 3));
    }
    b = _mm_xor_si128(b, move(a, near));
    c = _mm_xor_si128(c, move(b, near));
    d = _mm_xor_si128(d, move(c, near));
    _mm_storeu_si128((__m128i *)left, d);
    return by_tables(k, by_tables(k, 0, left, 16), (const unsigned char *)in, size);
}
#endif

uint64_t dowel_crc_update(dowel_digest_kind which, uint64_t crc, const void *data, size_t size) {
    const kind *k = find(which);
    crc ^= k->all;
#if defined(__x86_64__)
    if (size >= FOLDED && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"))
        return by_folding(k, crc, data, size) ^ k->all;
#endif
    return by_tables(k, crc, data, size) ^ k->all;
}

/* Product of two polynomials modulo the check's own, both reflected: the highest bit is x to the power 0. */
static uint64_t multiply(const kind *k, uint64_t a, uint64_t b) {
    uint64_t top = k->all ^ k->all >> 1, product = 0;
    for (uint64_t bit = top; bit; bit >>= 1) {
        if (a & bit) product ^= b;
        b = b & 1 ? b >> 1 ^ k->polynomial : b >> 1;
    }
    return product;
}

uint64_t dowel_crc_join(dowel_digest_kind which, uint64_t first, uint64_t second, int64_t second_size) {
    const kind *k = find(which);
    uint64_t top = k->all ^ k->all >> 1;
    /* `first` has to be moved past what follows it: times x to the power of that many bits. */
    uint64_t power = top, square = top >> 8; /* x to 0, x to 8 */
    for (uint64_t n = second_size > 0 ? (uint64_t)second_size : 0; n; n >>= 1) {
        if (n & 1) power = multiply(k, power, square);
        square = multiply(k, square, square);
    }
    return multiply(k, power, first) ^ second;
}
