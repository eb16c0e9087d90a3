/* dowel/ascii.h: <ctype.h> and strcasecmp() for ASCII, independent of the locale. In a Turkish locale tolower('I') is not 'i', and in a
 * Latin-1 locale isalnum() is true for umlauts: names of headers, hosts and fields must not depend on that. */
#ifndef DOWEL_ASCII_H
#define DOWEL_ASCII_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline int dowel_lower(int c) {
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}
static inline int dowel_upper(int c) {
    return c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c;
}
static inline bool dowel_is_alpha(int c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
static inline bool dowel_is_alnum(int c) {
    return dowel_is_alpha(c) || (c >= '0' && c <= '9');
}
static inline bool dowel_is_space(int c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* strncasecmp() and strcasecmp() for ASCII. */
static inline int dowel_ncasecmp(const char *a, const char *b, size_t size) {
    for (; size; size--, a++, b++) {
        int difference = dowel_lower((unsigned char)*a) - dowel_lower((unsigned char)*b);
        if (difference || !*a) return difference;
    }
    return 0;
}
static inline int dowel_casecmp(const char *a, const char *b) {
    return dowel_ncasecmp(a, b, (size_t)-1);
}

#ifdef __cplusplus
}
#endif
#endif
