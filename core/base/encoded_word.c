/* Text in header values: encoded words (RFC 2047), and bytes of the old ISO-8859-1. */
#include <dowel/ascii.h>
#include <dowel/http.h>
#include <dowel/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ISO-8859-1 ---- */

/* Newly allocated; *size becomes that of the UTF-8 text. */
static char *from_latin1(const char *text, size_t *size) {
    char *out = malloc(2 * *size + 1), *p = out;
    for (size_t i = 0; out && i < *size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x80) {
            *p++ = (char)c;
        } else {
            *p++ = (char)(0xc0 | c >> 6);
            *p++ = (char)(0x80 | (c & 0x3f));
        }
    }
    if (!out) return NULL;
    *p = 0;
    *size = (size_t)(p - out);
    return out;
}

char *dowel_http_header_text(const char *value) {
    size_t size = strlen(value);
    return dowel_is_utf8(value, size) ? strdup(value) : from_latin1(value, &size);
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
    const char *encoding = w->charset + strcspn(w->charset, "? \t"); /* behind a language: UTF-8*de */
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

/* Appends the bytes of a word to `out`, which has room for its text. False: they cannot be read. */
static bool add_bytes(const word *w, char *out, size_t *size) {
    char *text = strndup(w->text, w->text_size);
    bool good = text != NULL;
    if (good && w->base64) {
        void *bytes = NULL;
        size_t count = 0;
        good = !dowel_base64_decode(text, &bytes, &count);
        if (good && count) memcpy(out + *size, bytes, count);
        if (good) *size += count;
        free(bytes);
    }
    for (const char *p = text; good && !w->base64 && *p; p++) {
        if (*p == '=') {
            good = hex(p[1]) >= 0 && hex(p[2]) >= 0;
            if (!good) break;
            out[(*size)++] = (char)(hex(p[1]) << 4 | hex(p[2]));
            p += 2;
        } else {
            out[(*size)++] = *p == '_' ? ' ' : *p;
        }
    }
    free(text);
    return good;
}

/* What a word and those of the same charset that follow it hold, as UTF-8; a character may be split between two. *end: behind the last.
 * NULL: it cannot be read, and is text like any other. */
static char *read_words(const char *at, const char **end) {
    word first, next;
    if (!find_word(at, &first)) return NULL;
    bool latin1 = is_charset(&first, "ISO-8859-1") || is_charset(&first, "Latin1");
    if (!latin1 && !is_charset(&first, "UTF-8") && !is_charset(&first, "UTF8") && !is_charset(&first, "US-ASCII"))
        return NULL;
    char *bytes = malloc(strlen(at) + 1);
    size_t size = 0;
    if (!bytes || !add_bytes(&first, bytes, &size)) {
        free(bytes);
        return NULL;
    }
    *end = first.end;
    for (size_t before = size; find_word(*end + strspn(*end, " \t"), &next); before = size) {
        bool same =
            next.charset_size == first.charset_size && !dowel_ncasecmp(next.charset, first.charset, first.charset_size);
        if (!same || !add_bytes(&next, bytes, &size)) {
            size = before;
            break;
        }
        *end = next.end;
    }
    bool good = !memchr(bytes, 0, size) && (latin1 || dowel_is_utf8(bytes, size));
    char *text = !good ? NULL : latin1 ? from_latin1(bytes, &size) : bytes;
    if (text == bytes)
        bytes[size] = 0;
    else
        free(bytes);
    return text;
}

char *dowel_http_decode_text(const char *value) {
    char *plain = dowel_http_header_text(value), *out = plain ? malloc(2 * strlen(plain) + 1) : NULL, *p = out;
    const char *at = plain;
    while (out && *at) {
        const char *end;
        char *text = read_words(at, &end);
        if (!text) {
            *p++ = *at++;
            continue;
        }
        size_t size = strlen(text);
        memcpy(p, text, size);
        p += size;
        free(text);
        /* Blanks between two words only separate them. */
        const char *behind = end + strspn(end, " \t"), *after;
        char *next = behind > end ? read_words(behind, &after) : NULL;
        at = next ? behind : end;
        free(next);
    }
    if (out) *p = 0;
    free(plain);
    return out;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Whether a header would not give the text back as it is. */
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
    char *out = malloc((size / (WORD_BYTES - 3) + 1) * 76 + 80), *p = out;
    for (size_t at = 0; out && at < size;) {
        size_t count = size - at < WORD_BYTES ? size - at : WORD_BYTES;
        while (at + count < size && ((unsigned char)text[at + count] & 0xc0) == 0x80) count--;
        char *base64 = dowel_base64(text + at, count);
        if (!base64) {
            free(out);
            return NULL;
        }
        p += snprintf(p, 80, "%s=?UTF-8?B?%s?=", at ? " " : "", base64);
        free(base64);
        at += count;
    }
    if (out) *p = 0;
    return out;
}
