/* Text that came from elsewhere, made safe to show: nothing in it can drive a terminal or reorder what is read. */
#include <dowel/error.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads one character; 0 bytes where the text is not UTF-8 (overlong forms and surrogates among it). */
static size_t decode(const unsigned char *p, uint32_t *character) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
    if (!length) return 0;
    uint32_t value = length == 1 ? *p : *p & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (p[i] >> 6 != 2) return 0;
        value = value << 6 | (p[i] & 0x3fu);
    }
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 0;
    *character = value;
    return length;
}

bool dowel_is_printable(unsigned long c) {
    return !(c < 0x20 || (c >= 0x7f && c < 0xa0) /* controls */
             || c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
             (c >= 0x2066 && c <= 0x2069) /* direction */
             || c == 0x2028 || c == 0x2029 || c == 0xfeff);
}

char *dowel_printable(const char *text, bool lines) {
    const unsigned char *p = (const unsigned char *)text;
    char *out = malloc(strlen(text) * 4 + 1), *q = out;
    while (out && *p) {
        uint32_t c = 0;
        size_t length = decode(p, &c);
        if (length && (dowel_is_printable(c) || (lines && (c == '\n' || c == '\t')))) {
            memcpy(q, p, length);
            q += length;
        } else if (!length || c < 0x100) {
            const char *named = length ? strchr("\nn\tt\rr", (int)c) : NULL;
            q += named ? sprintf(q, "\\%c", named[1]) : sprintf(q, "\\x%02x", length ? (unsigned)c : *p);
        } else {
            q += sprintf(q, "\\u%04x", (unsigned)c);
        }
        p += length ? length : 1;
    }
    if (q) *q = 0;
    return out;
}
