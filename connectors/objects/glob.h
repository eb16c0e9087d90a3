/* Patterns of names: * and ? stop at slashes, ** crosses them, [a-z] and [!a] are one character, {a,b} is either, \ makes the next character
 * literal. A leading or inner "**" with a slash also matches no folder at all. A pattern that ends with a slash matches everything below. */
#ifndef DOWEL_GLOB_H
#define DOWEL_GLOB_H

#include <dowel/error.h>

#include <stdbool.h>
#include <stddef.h>

/* Patterns with their braces expanded. */
typedef struct dowel_globs {
    char **patterns;
    size_t *given; /* which of the patterns that the caller gave each one comes from */
    size_t count, room;
} dowel_globs;

enum { DOWEL_GLOB_MOST = 1024 }; /* patterns that one pattern's braces may expand to */

/* Adds what the pattern expands to. */
int dowel_glob_expand(dowel_globs *globs, const char *pattern, size_t given, dowel_error *err);
void dowel_globs_free(dowel_globs *globs);
/* Whether a text has a character that makes it a pattern. */
bool dowel_glob_is_pattern(const char *text);
/* What every name that matches begins with. Newly allocated, NULL when out of memory. */
char *dowel_glob_prefix(const char *pattern);

/* Which names of a place are wanted. */
typedef struct dowel_filter {
    dowel_globs place, include, exclude; /* of the place's own pattern, and of the caller's fields */
    const char *const *given;            /* the caller's include; NULL: all */
    bool *matched;                       /* those of `given` that matched something */
    bool shallow;                        /* names with a slash cannot match */
} dowel_filter;

/* `pattern` NULL: all names. `deep`: also everything below a folder that matches. Borrows `include`. */
int dowel_filter_open(dowel_filter *filter, const char *pattern, bool deep, const char *const *include,
                      const char *const *exclude, dowel_error *err);
/* Whether a name is wanted. One thread at a time. */
bool dowel_filter_wants(dowel_filter *filter, const char *name);
/* Whether the place's own pattern matches this name; true without one. */
bool dowel_filter_fits_place(const dowel_filter *filter, const char *name);
/* Whether the fields want a single file, by the last part of its name. */
int dowel_filter_wants_file(const char *const *include, const char *const *exclude, const char *name, bool *wanted,
                            dowel_error *err);
void dowel_filter_close(dowel_filter *filter);

#endif
