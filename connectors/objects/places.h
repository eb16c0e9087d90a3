/* The places of a task that takes one or several. */
#ifndef DOWEL_PLACES_H
#define DOWEL_PLACES_H

#include "place.h"

#include <dowel/object_tasks.h>

size_t dowel_places_count(const dowel_objects_place_args *args);
const char *dowel_places_text(const dowel_objects_place_args *args, size_t index);
/* Opens one; a stream is an error. */
int dowel_places_open(dowel *d, const dowel_objects_place_args *args, size_t index, dowel_place_use use,
                      dowel_place *place, dowel_error *err);
/* The same without patterns, and a folder is an error. */
int dowel_places_open_object(dowel *d, const dowel_objects_place_args *args, dowel_place *place, dowel_error *err);
/* An object as JSON. `name` is what to call it; `all` also tells metadata and the time that was recorded for the source. NULL: out of memory. */
json_t *dowel_object_describe(const dowel_object *object, const char *name, bool all);
/* A name as JSON; bytes that are not UTF-8 are escaped. */
json_t *dowel_name_json(const char *text);

#endif
