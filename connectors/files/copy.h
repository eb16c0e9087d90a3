/* Copies between files of this machine. */
#ifndef DOWEL_LOCAL_COPY_H
#define DOWEL_LOCAL_COPY_H

#include <dowel/runtime.h>
#include <sys/stat.h>

/* Fills the empty file `to` with what `from` holds, and gives it its permission bits, as far as the umask lets. `st` is of `from`. */
int dowel_local_copy(dowel *d, const char *name, int from, const struct stat *st, int to, dowel_error *err);

#endif
