/* Text that came from elsewhere, made safe to show: nothing in it can drive a terminal or reorder what is read. */

#include <dowel/error.h>
#include <dowel/text.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool dowel_is_printable(unsigned long c) {
    return !(c < 0x20 || (c >= 0x7f && c < 0xa0) /* controls */
             || c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
             (c >= 0x2066 && c <= 0x2069) /* direction */
             || c == 0x2028 || c == 0x2029 || c == 0xfeff);
}

char *dowel_printable_bytes(const char *text, size_t size, bool lines) {
    const unsigned char *p = (const unsigned char *)text, *end = p + size;
    char *out = malloc(size * 4 + 1), *q = out;
    while (out && p < end) {
        uint32_t c = 0;
        size_t length = dowel_utf8_read(p, (size_t)(end - p), &c);
        if (length && (dowel_is_printable(c) || (lines && (c == '\n' || c == '\t')))) {
            memcpy(q, p, length);
            q += length;
        } else if (!length || c < 0x100) {
            const char *named = length && c ? strchr("\nn\tt\rr", (int)c) : NULL;
            q += named ? sprintf(q, "\\%c", named[1]) : sprintf(q, "\\x%02x", length ? (unsigned)c : *p);
        } else {
            q += sprintf(q, "\\u%04x", (unsigned)c);
        }
        p += length ? length : 1;
    }
    if (q) *q = 0;
    return out;
}

char *dowel_printable(const char *text, bool lines) {
    return dowel_printable_bytes(text, strlen(text), lines);
}
