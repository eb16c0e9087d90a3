/* dowel/file.h: small files, read as a whole. For modules of dowel, not for programs. */
#ifndef DOWEL_FILE_H
#define DOWEL_FILE_H

#include <dowel/error.h>

/* Reads a file of at most `limit` bytes; a larger one is CREDENTIALS. *text is newly allocated and followed by a NUL that *size does not count;
 * cleanse it before free() if it holds secrets. */
int dowel_file_read(const char *path, size_t limit, char **text, size_t *size, dowel_error *err);

#endif
