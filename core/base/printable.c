/* Untrusted text made safe to show: no control sequences, no reordering of characters. */
#include <dowel/error.h>
#include <dowel/text.h>

#include <string.h>

bool dowel_is_printable(unsigned long c) {
    return !(c < 0x20 || (c >= 0x7f && c < 0xa0) /* controls */
             || c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
             (c >= 0x2066 && c <= 0x2069) /* direction */
             || c == 0x2028 || c == 0x2029 || c == 0xfeff);
}

char *dowel_printable_bytes(const char *text, size_t size, bool lines) {
    dowel_text out = {0};
    for (size_t at = 0, length; at < size; at += length ? length : 1) {
        uint32_t c = 0;
        length = dowel_utf8_read((const unsigned char *)text + at, size - at, &c);
        const char *named = length && c ? strchr("\nn\tt\rr", (int)c) : NULL;
        if (length && (dowel_is_printable(c) || (lines && (c == '\n' || c == '\t'))))
            dowel_text_add(&out, text + at, length);
        else if (length && c < 0x100 && named)
            dowel_text_format(&out, "\\%c", named[1]);
        else if (length && c >= 0x100)
            dowel_text_format(&out, "\\u%04x", (unsigned)c);
        else
            dowel_text_format(&out, "\\x%02x", length ? (unsigned)c : (unsigned)(unsigned char)text[at]);
    }
    return dowel_text_take(&out, NULL);
}

char *dowel_printable(const char *text, bool lines) {
    return dowel_printable_bytes(text, strlen(text), lines);
}
