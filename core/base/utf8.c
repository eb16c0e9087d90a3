/* UTF-8: reading characters, and checking text that came from a file. */
#include <dowel/json.h>
#include <dowel/text.h>

#include <string.h>

size_t dowel_utf8_read(const unsigned char *p, size_t size, uint32_t *character) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = !size ? 0 : *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
    if (!length || length > size) return 0;
    uint32_t value = length == 1 ? *p : *p & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (p[i] >> 6 != 2) return 0;
        value = value << 6 | (p[i] & 0x3fu);
    }
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 0;
    *character = value;
    return length;
}

bool dowel_is_utf8(const char *text, size_t size) {
    uint32_t character;
    for (size_t at = 0, length; at < size; at += length)
        if (!(length = dowel_utf8_read((const unsigned char *)text + at, size - at, &character))) return false;
    return true;
}

int dowel_text_check(const char *origin, const char **text, size_t *size, dowel_error *err) {
    const unsigned char *p = (const unsigned char *)*text;
    size_t at = 0;
    if (*size >= 2 && (!memcmp(p, "\xff\xfe", 2) || !memcmp(p, "\xfe\xff", 2))) {
        (void)dowel_fail(err, DOWEL_E_INVALID, "%s: the text is UTF-16, not UTF-8 (its byte order mark says so)",
                         origin);
        dowel_error_hint(err, "save it as UTF-8");
        return DOWEL_E_INVALID;
    }
    if (*size >= 3 && !memcmp(p, "\xef\xbb\xbf", 3)) at = 3;
    size_t start = at;
    while (at < *size) {
        uint32_t character = 0;
        size_t length = dowel_utf8_read(p + at, *size - at, &character);
        if (!length) {
            (void)dowel_fail(err, DOWEL_E_INVALID, "%s: the text is not UTF-8 at byte offset %zu", origin, at);
            dowel_error_hint(err, "save it as UTF-8; Latin-1 and Windows-1252 are not");
            return DOWEL_E_INVALID;
        }
        if (!character && at < 2) { /* UTF-16 without a mark: every other byte of ASCII text is NUL */
            (void)dowel_fail(err, DOWEL_E_INVALID, "%s: the text is UTF-16, not UTF-8", origin);
            dowel_error_hint(err, "save it as UTF-8");
            return DOWEL_E_INVALID;
        }
        if (!character)
            return dowel_fail(err, DOWEL_E_INVALID, "%s: there is a NUL byte in the text at byte offset %zu", origin,
                              at);
        at += length;
    }
    *text += start;
    *size -= start;
    return 0;
}
