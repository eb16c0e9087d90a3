/* Text in header values: encoded words (RFC 2047), and bytes of the old ISO-8859-1. */
#include <dowel/ascii.h>
#include <dowel/http.h>
#include <dowel/text.h>

#include <stdlib.h>
#include <string.h>

/* ---- ISO-8859-1 ---- */

/* As UTF-8. Newly allocated. */
static char *from_latin1(const char *text, size_t size) {
    dowel_text out = {0};
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        const char two[2] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};
        dowel_text_add(&out, c < 0x80 ? text + i : two, c < 0x80 ? 1 : 2);
    }
    return dowel_text_take(&out, NULL);
}

char *dowel_http_header_text(const char *value) {
    size_t size = strlen(value);
    return dowel_is_utf8(value, size) ? strdup(value) : from_latin1(value, size);
}

/* ---- encoded words ---- */

/* =?CHARSET?ENCODING?TEXT?= */
typedef struct word {
    const char *charset, *text, *end;
    size_t charset_size, text_size;
    bool base64;
} word;

static bool find_word(const char *at, word *w) {
    if (strncmp(at, "=?", 2)) return false;
    w->charset = at + 2;
    w->charset_size = strcspn(w->charset, "?* \t");
    const char *encoding = w->charset + strcspn(w->charset, "? \t"); /* may have a language suffix: UTF-8*de */
    if (!w->charset_size || *encoding != '?' || !encoding[1] || encoding[2] != '?') return false;
    w->base64 = encoding[1] == 'B' || encoding[1] == 'b';
    if (!w->base64 && encoding[1] != 'Q' && encoding[1] != 'q') return false;
    w->text = encoding + 3;
    w->text_size = strcspn(w->text, "? \t");
    w->end = w->text + w->text_size + 2;
    return !strncmp(w->text + w->text_size, "?=", 2);
}

static bool is_charset(const word *w, const char *name) {
    return strlen(name) == w->charset_size && !dowel_ncasecmp(w->charset, name, w->charset_size);
}

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* Appends the bytes of a word. False: they cannot be read, and nothing was appended. */
static bool add_bytes(const word *w, dowel_text *out) {
    char *text = strndup(w->text, w->text_size);
    size_t before = out->size;
    bool good = text != NULL;
    if (good && w->base64) {
        void *bytes = NULL;
        size_t count = 0;
        good = !dowel_base64_decode(text, &bytes, &count);
        if (good) dowel_text_add(out, bytes, count);
        free(bytes);
    }
    for (const char *p = text; good && !w->base64 && *p; p++) {
        char c = *p == '_' ? ' ' : *p;
        if (*p == '=') {
            good = hex(p[1]) >= 0 && hex(p[2]) >= 0;
            if (!good) break;
            c = (char)(hex(p[1]) << 4 | hex(p[2]));
            p += 2;
        }
        dowel_text_add(out, &c, 1);
    }
    if (!good) out->size = before;
    free(text);
    return good && !out->failed;
}

/* Decodes a word and the following words of the same charset to UTF-8; a character may be split between two words. *end: after the last word.
 * NULL: not an encoded word, so it is plain text. */
static char *read_words(const char *at, const char **end) {
    word first, next;
    if (!find_word(at, &first)) return NULL;
    bool latin1 = is_charset(&first, "ISO-8859-1") || is_charset(&first, "Latin1");
    if (!latin1 && !is_charset(&first, "UTF-8") && !is_charset(&first, "UTF8") && !is_charset(&first, "US-ASCII"))
        return NULL;
    dowel_text bytes = {0};
    if (!add_bytes(&first, &bytes)) {
        dowel_text_free(&bytes);
        return NULL;
    }
    *end = first.end;
    while (find_word(*end + strspn(*end, " \t"), &next)) {
        bool same =
            next.charset_size == first.charset_size && !dowel_ncasecmp(next.charset, first.charset, first.charset_size);
        if (!same || !add_bytes(&next, &bytes)) break;
        *end = next.end;
    }
    size_t size = bytes.size;
    char *held = dowel_text_take(&bytes, NULL), *text = NULL;
    if (held && !memchr(held, 0, size)) {
        if (latin1)
            text = from_latin1(held, size);
        else if (dowel_is_utf8(held, size))
            text = strdup(held);
    }
    free(held);
    return text;
}

char *dowel_http_decode_text(const char *value) {
    char *plain = dowel_http_header_text(value);
    dowel_text out = {.failed = !plain};
    for (const char *at = plain; at && *at;) {
        const char *end, *after;
        char *text = read_words(at, &end);
        if (!text) {
            dowel_text_add(&out, at++, 1);
            continue;
        }
        dowel_text_put(&out, text);
        free(text);
        /* Blanks between two words only separate them. */
        const char *behind = end + strspn(end, " \t");
        char *next = behind > end ? read_words(behind, &after) : NULL;
        at = next ? behind : end;
        free(next);
    }
    free(plain);
    return dowel_text_take(&out, NULL);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Whether a header cannot carry the text unchanged. */
static bool needs_words(const char *text) {
    size_t size = strlen(text);
    if (size && (is_blank(text[0]) || is_blank(text[size - 1]))) return true;
    for (const char *p = text; *p; p++)
        if (*p < ' ' || *p > '~' || !strncmp(p, "=?", 2)) return true;
    return false;
}

enum { WORD_BYTES = 45 }; /* a word has at most 75 characters */

char *dowel_http_encode_text(const char *text) {
    size_t size = strlen(text);
    if (!dowel_is_utf8(text, size)) return NULL;
    if (!needs_words(text)) return strdup(text);
    dowel_text out = {0};
    for (size_t at = 0; at < size && !out.failed;) {
        size_t count = size - at < WORD_BYTES ? size - at : WORD_BYTES;
        while (at + count < size && ((unsigned char)text[at + count] & 0xc0) == 0x80) count--;
        char *base64 = dowel_base64(text + at, count);
        out.failed |= !base64;
        if (base64) dowel_text_format(&out, "%s=?UTF-8?B?%s?=", at ? " " : "", base64);
        free(base64);
        at += count;
    }
    return dowel_text_take(&out, NULL);
}
