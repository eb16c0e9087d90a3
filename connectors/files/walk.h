/* Listing of files in the byte order of their names. */
#ifndef DOWEL_LOCAL_WALK_H
#define DOWEL_LOCAL_WALK_H

#include "file_system.h"

#include <sys/stat.h>

int dowel_local_list(dowel *d, dowel_block *block, const dowel_objects_query *query, dowel_object_visitor visit,
                     void *context, dowel_error *err);
/* When the file was changed, in µs since the epoch. */
int64_t dowel_local_time(const struct stat *st);

#endif
