/* Matching takes at most the product of both lengths for each **, so that no pattern takes forever. */
#include "glob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One character of UTF-8, or one byte of anything else. */
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

/* The end of the class that begins at p ("[...]"), or NULL when the class is not closed: then the bracket is literal. */
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

/* Matches one character of the name with one element of the pattern, and advances both. */
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

/* `pattern` is one of those that dowel_glob_expand made: braces are literal here. */
static bool pattern_fits(const char *pattern, const char *name) {
    const char *start = pattern, *n = name, *p = pattern;
    /* Where to continue after a mismatch: after the last star with one more character in it, then after the last double star. */
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

/* ---- braces ---- */

/* The end of the class, or of the escaped or plain character, at p. */
static const char *element_end(const char *p) {
    const char *end = *p == '[' ? class_end(p) : NULL;
    return end ? end : *p == '\\' && p[1] ? p + 2 : p + 1;
}

/* The brace that closes the one at p, or NULL when it has none, or has no comma in it: then it is literal. */
static const char *brace_end(const char *p) {
    int depth = 0;
    bool comma = false;
    for (; *p; p = element_end(p)) {
        if (*p == '{') depth++;
        if (*p == ',' && depth == 1) comma = true;
        if (*p == '}' && !--depth) return comma ? p : NULL;
    }
    return NULL;
}

/* Takes the text over. */
static int add_pattern(dowel_globs *g, char *text, size_t given, dowel_error *err) {
    if (!text) return dowel_no_memory(err);
    if (g->count == g->room) {
        size_t room = g->room ? g->room * 2 : 8;
        char **patterns = realloc(g->patterns, room * sizeof *patterns);
        if (patterns) g->patterns = patterns;
        size_t *indexes = patterns ? realloc(g->given, room * sizeof *indexes) : NULL;
        if (indexes) g->given = indexes;
        if (!indexes) {
            free(text);
            return dowel_no_memory(err);
        }
        g->room = room;
    }
    g->patterns[g->count] = text;
    g->given[g->count++] = given;
    return 0;
}

static char *with_alternative(const char *pattern, const char *open, const char *alternative, size_t length,
                              const char *close) {
    size_t front = (size_t)(open - pattern), size = front + length + strlen(close);
    char *text = malloc(size);
    if (text) snprintf(text, size, "%.*s%.*s%s", (int)front, pattern, (int)length, alternative, close + 1);
    return text;
}

static int expand(dowel_globs *g, const char *pattern, size_t given, size_t first, dowel_error *err) {
    const char *open = pattern, *close = NULL;
    while (*open && !(*open == '{' && (close = brace_end(open)))) open = element_end(open);
    if (g->count - first >= DOWEL_GLOB_MOST)
        return dowel_fail(err, DOWEL_E_INVALID, "the braces of a pattern expand to more than %d patterns",
                          DOWEL_GLOB_MOST);
    if (!*open) return add_pattern(g, strdup(pattern), given, err);
    int depth = 0, rc = 0;
    const char *start = open + 1;
    for (const char *p = open; !rc && p <= close; p = element_end(p)) {
        if (*p == '{') depth++;
        if ((*p == ',' && depth == 1) || p == close) {
            char *text = with_alternative(pattern, open, start, (size_t)(p - start), close);
            rc = text ? expand(g, text, given, first, err) : dowel_no_memory(err);
            free(text);
            start = p + 1;
        }
        if (*p == '}') depth--;
    }
    return rc;
}

int dowel_glob_expand(dowel_globs *globs, const char *pattern, size_t given, dowel_error *err) {
    int rc = expand(globs, pattern, given, globs->count, err);
    return rc == DOWEL_E_INVALID ? dowel_error_prefix(err, "%.200s: ", pattern) : rc;
}

void dowel_globs_free(dowel_globs *g) {
    while (g->count) free(g->patterns[--g->count]);
    free(g->patterns);
    free(g->given);
    *g = (dowel_globs){0};
}

bool dowel_glob_is_pattern(const char *text) {
    return strpbrk(text, "*?[{") != NULL;
}

char *dowel_glob_prefix(const char *pattern) {
    char *text = malloc(strlen(pattern) + 1), *to = text;
    for (const char *p = pattern; text && *p && !strchr("*?[{", *p);) {
        if (*p == '\\' && p[1]) p++;
        *to++ = *p++;
    }
    if (text) *to = 0;
    return text;
}

/* ---- filters ---- */

static int expand_all(dowel_globs *globs, const char *const *patterns, dowel_error *err) {
    int rc = 0;
    for (size_t i = 0; !rc && patterns && patterns[i]; i++) rc = dowel_glob_expand(globs, patterns[i], i, err);
    return rc;
}

/* The pattern itself, and with `deep` also the one that means everything below what it matches. */
static int add_place(dowel_globs *globs, const char *pattern, bool deep, dowel_error *err) {
    size_t length = strlen(pattern), size = length + 2;
    char *below = malloc(size);
    if (!below) return dowel_no_memory(err);
    while (length && pattern[length - 1] == '/') length--;
    snprintf(below, size, "%.*s", (int)length, pattern);
    int rc = dowel_glob_expand(globs, below, 0, err);
    snprintf(below, size, "%.*s/", (int)length, pattern);
    if (!rc && deep) rc = dowel_glob_expand(globs, below, 0, err);
    free(below);
    return rc;
}

int dowel_filter_open(dowel_filter *f, const char *pattern, bool deep, const char *const *include,
                      const char *const *exclude, dowel_error *err) {
    *f = (dowel_filter){.given = include && *include ? include : NULL};
    size_t count = 0;
    while (f->given && f->given[count]) count++;
    f->matched = calloc(count + 1, sizeof *f->matched);
    int rc = f->matched ? 0 : dowel_no_memory(err);
    if (!rc && pattern) rc = add_place(&f->place, pattern, deep, err);
    if (!rc) rc = expand_all(&f->include, f->given, err);
    if (!rc) rc = expand_all(&f->exclude, exclude, err);
    f->shallow = pattern && !deep && !strchr(pattern, '/') && !strstr(pattern, "**");
    if (rc) dowel_filter_close(f);
    return rc;
}

static bool any(const dowel_globs *globs, const char *name) {
    for (size_t i = 0; i < globs->count; i++)
        if (pattern_fits(globs->patterns[i], name)) return true;
    return false;
}

bool dowel_filter_fits_place(const dowel_filter *f, const char *name) {
    return !f->place.count || any(&f->place, name);
}

bool dowel_filter_wants(dowel_filter *f, const char *name) {
    if (!dowel_filter_fits_place(f, name)) return false;
    bool wanted = !f->given;
    for (size_t i = 0; i < f->include.count; i++) {
        size_t given = f->include.given[i];
        if (wanted && f->matched[given]) continue;
        if (!pattern_fits(f->include.patterns[i], name)) continue;
        wanted = f->matched[given] = true;
    }
    return wanted && !any(&f->exclude, name);
}

int dowel_filter_wants_file(const char *const *include, const char *const *exclude, const char *name, bool *wanted,
                            dowel_error *err) {
    dowel_filter f;
    const char *slash = strrchr(name, '/');
    int rc = dowel_filter_open(&f, NULL, false, include, exclude, err);
    if (rc) return rc;
    *wanted = dowel_filter_wants(&f, slash ? slash + 1 : name);
    dowel_filter_close(&f);
    return 0;
}

void dowel_filter_close(dowel_filter *f) {
    dowel_globs_free(&f->place);
    dowel_globs_free(&f->include);
    dowel_globs_free(&f->exclude);
    free(f->matched);
    *f = (dowel_filter){0};
}
