/* Copies the content of one local file to another. */
#ifndef DOWEL_LOCAL_COPY_H
#define DOWEL_LOCAL_COPY_H

#include <dowel/runtime.h>
#include <sys/stat.h>

/* Fills the empty file `to` with the content of `from` (whose state is `st`) and copies its permission bits, limited by the umask. */
int dowel_local_copy(dowel *d, const char *name, int from, const struct stat *st, int to, dowel_error *err);

#endif
