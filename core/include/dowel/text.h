/* dowel/text.h: text that grows, secrets that are wiped, and UTF-8. For modules of dowel and its command, not for programs.
 *
 *     dowel_text text = {.limit = 4096};
 *     dowel_text_put(&text, "region=");
 *     dowel_text_add_encoded(&text, region, NULL);
 *     char *query = dowel_text_take(&text, err);
 *
 * The first failure is remembered and later additions do nothing, so one check at the end is enough. */
#ifndef DOWEL_TEXT_H
#define DOWEL_TEXT_H

#include <dowel/error.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Starts as {0} or {.limit = N}. End it with dowel_text_free() or dowel_text_take(). */
typedef struct dowel_text {
    char *data;        /* NULL while nothing was added; otherwise followed by a NUL */
    size_t size, room; /* bytes used, without the NUL; bytes allocated */
    size_t limit;      /* maximum of `size`; 0: no limit */
    bool failed;       /* out of memory, or longer than `limit` */
    bool too_long;     /* it failed because of `limit` */
} dowel_text;

/* Adds `size` bytes. They may include NULs, and must not be part of the same text. */
DOWEL_API void dowel_text_add(dowel_text *text, const char *data, size_t size);
/* Adds a string. */
DOWEL_API void dowel_text_put(dowel_text *text, const char *string);
/* Adds what printf() would write, with a decimal point in every locale. */
DOWEL_API void dowel_text_format(dowel_text *text, const char *format, ...) DOWEL_PRINTF(2, 3);
/* Adds a string percent-encoded: every byte but letters, digits, `-._~` and the characters of `keep` (may be NULL). */
DOWEL_API void dowel_text_add_encoded(dowel_text *text, const char *string, const char *keep);
/* Adds NAME=VALUE for application/x-www-form-urlencoded, both percent-encoded, with a `&` before it unless the text is empty. */
DOWEL_API void dowel_text_add_pair(dowel_text *text, const char *name, const char *value);

/* The text, never NULL on success ("" if nothing was added); the caller frees it. On failure: NULL, with NO_MEMORY or INVALID
 * (longer than the limit). Either way `text` is empty afterwards and keeps its limit. */
DOWEL_API char *dowel_text_take(dowel_text *text, dowel_error *err);
/* Overwrites the bytes and frees them. So does growing: no copy of a secret stays behind. */
DOWEL_API void dowel_text_free(dowel_text *text);

/* Overwrites a string and frees it. NULL is allowed. */
DOWEL_API void dowel_wipe(char *string);
/* The same for `size` bytes of any kind. */
DOWEL_API void dowel_wipe_bytes(void *bytes, size_t size);

/* Reads the character at `bytes`, of at most `size` bytes. Returns its length, or 0 if it is not UTF-8 (overlong forms and surrogates
 * are not). */
DOWEL_API size_t dowel_utf8_read(const unsigned char *bytes, size_t size, uint32_t *character);
/* Whether all of it is UTF-8. NULs are allowed. */
DOWEL_API bool dowel_is_utf8(const char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
