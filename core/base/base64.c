/* Base64 and hexadecimal digits. */
#include <dowel/stream.h>
#include <dowel/text.h>

#include <stdlib.h>
#include <string.h>

char *dowel_base64(const void *data, size_t size) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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
        *q++ = size == 2 ? alphabet[(second & 15) << 2] : '=';
        *q++ = '=';
    }
    *q = 0;
    return text;
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
            dowel_wipe_bytes(out, (size_t)(q - out));
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
