/* Matching of names. Time is at most the product of both lengths for each **: no pattern can take for ever. */
#include "glob.h"

#include <stddef.h>
#include <string.h>

/* One character of UTF-8, or one byte where it is none. */
static size_t character(const char *p, unsigned long *code) {
    const unsigned char *s = (const unsigned char *)p;
    size_t length = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 1;
    *code = length == 1 ? *s : *s & (0x7ful >> length);
    for (size_t i = 1; i < length; i++) {
        if (s[i] >> 6 != 2) {
            *code = *s;
            return 1;
        }
        *code = *code << 6 | (s[i] & 0x3fu);
    }
    return length;
}

/* Behind the class that begins at p ("[...]"), or NULL when it has no end: then the bracket is itself. */
static const char *class_end(const char *p) {
    const char *q = p + 1;
    if (*q == '!' || *q == '^') q++;
    if (*q == ']') q++;
    while (*q && *q != ']' && *q != '/') q += *q == '\\' && q[1] ? 2 : 1;
    return *q == ']' ? q + 1 : NULL;
}

static bool in_class(const char *p, const char *end, unsigned long wanted) {
    const char *q = p + 1;
    bool negated = *q == '!' || *q == '^', found = false;
    if (negated) q++;
    while (q < end - 1) {
        unsigned long low, high;
        if (*q == '\\' && q + 1 < end - 1) q++;
        q += character(q, &low);
        high = low;
        if (*q == '-' && q + 1 < end - 1) {
            q++;
            if (*q == '\\' && q + 1 < end - 1) q++;
            q += character(q, &high);
        }
        found |= wanted >= low && wanted <= high;
    }
    return found != negated;
}

/* Matches one character of the name with one element of the pattern; moves both on. */
static bool single(const char **pattern, const char **name) {
    const char *p = *pattern, *end;
    unsigned long want, have;
    size_t length = character(*name, &have);
    if (*p == '?') {
        if (have == '/') return false;
        *pattern = p + 1;
    } else if (*p == '[' && (end = class_end(p))) {
        if (have == '/' || !in_class(p, end, have)) return false;
        *pattern = end;
    } else {
        if (*p == '\\' && p[1]) p++;
        size_t size = character(p, &want);
        if (!*p || want != have || size != length) return false;
        *pattern = p + size;
    }
    *name += length;
    return true;
}

bool dowel_glob_match(const char *pattern, const char *name) {
    const char *start = pattern, *n = name, *p = pattern;
    /* Where to go on when it does not fit: behind the last star with one more character in it; then behind the last double star. */
    const char *star = NULL, *star_name = NULL, *deep = NULL, *deep_name = NULL;
    bool folders = false; /* the double star takes whole folders only */
    size_t length = strlen(pattern);
    bool below = length && pattern[length - 1] == '/';
    for (;;) {
        if (p[0] == '*' && p[1] == '*') {
            bool first = p == start || p[-1] == '/';
            while (p[0] == '*') p++;
            folders = first && *p == '/';
            if (folders) p++;
            deep = p;
            deep_name = n;
            star = NULL;
            if (!*p && !(folders && below)) return true;
            if (!*p) return *n != 0; /* "**" and a slash at the end: everything below */
            continue;
        }
        if (*p == '*') {
            star = ++p;
            star_name = n;
            continue;
        }
        if (!*p && (!*n || (below && p > start && n > name))) return true;
        if (*p && *n && single(&p, &n)) continue;
        if (star && *star_name && *star_name != '/') {
            p = star;
            n = ++star_name;
        } else if (deep && *deep_name) {
            star = NULL;
            if (folders) {
                deep_name = strchr(deep_name, '/');
                if (!deep_name) return false;
            }
            p = deep;
            n = ++deep_name;
        } else {
            return false;
        }
    }
}

static bool any(const char *const *patterns, const char *name) {
    for (; patterns && *patterns; patterns++)
        if (dowel_glob_match(*patterns, name)) return true;
    return false;
}

bool dowel_glob_wanted(const char *const *include, const char *const *exclude, const char *name) {
    return (!include || !*include || any(include, name)) && !any(exclude, name);
}
