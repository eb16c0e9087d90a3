/* Patterns of names: * and ? stay between slashes, ** crosses them, [a-z] and [!a] are one character, \ takes the next one literally. A leading or
 * inner "**" and slash also match no folder at all; a pattern that ends with a slash means everything below. */
#ifndef DOWEL_GLOB_H
#define DOWEL_GLOB_H

#include <stdbool.h>

bool dowel_glob_match(const char *pattern, const char *name);
/* Whether a name is wanted: some `include` matches (NULL: all), and no `exclude`. */
bool dowel_glob_wanted(const char *const *include, const char *const *exclude, const char *name);

#endif
