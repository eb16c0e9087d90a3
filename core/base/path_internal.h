/* Relative and absolute paths. */
#ifndef DOWEL_PATH_INTERNAL_H
#define DOWEL_PATH_INTERNAL_H

#include <limits.h>
#include <stdbool.h>

/* The working directory; false and "" if it has no path from the root. */
bool dowel_working_folder(char folder[PATH_MAX]);
bool dowel_path_is_relative(const char *path);

#endif
