/* Names of files that are being written, and of what a killed process leaves of them. */
#ifndef DOWEL_UNFINISHED_H
#define DOWEL_UNFINISHED_H

#include <stdbool.h>

/* The name beside `name` for the time until all bytes are there: always the same one, or a random one. Newly allocated; NULL: out of memory, or no
 * random numbers. */
char *dowel_unfinished_name(const char *name, bool random);

#endif
