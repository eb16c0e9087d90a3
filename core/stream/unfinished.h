/* Names of temporary files, also of those that a killed process left. */
#ifndef DOWEL_UNFINISHED_H
#define DOWEL_UNFINISHED_H

#include <stdbool.h>

/* The temporary name beside `name`: always the same one, or a random one. Newly allocated; NULL: out of memory, or no random numbers. */
char *dowel_unfinished_name(const char *name, bool random);

#endif
