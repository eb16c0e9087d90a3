/* Lists the files below a folder in the byte order of their names. */
#ifndef DOWEL_LOCAL_WALK_H
#define DOWEL_LOCAL_WALK_H

#include "file_system.h"

int dowel_local_list(dowel *d, dowel_block *block, const dowel_objects_query *query, dowel_object_visitor visit,
                     void *context, dowel_error *err);

#endif
