/* Copies from a provider that writes to a sink to one that reads from a source, without using the disk. */
#ifndef DOWEL_PIPE_H
#define DOWEL_PIPE_H

#include "way.h"

/* Fetches the object in a second thread while the calling thread stores it. */
int dowel_pipe_copy(dowel *d, const dowel_way *way, const dowel_object *object, const char *to_name,
                    const dowel_object_put_options *options, dowel_error *err);

#endif
