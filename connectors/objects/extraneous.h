/* What only the destination has: kept until the source is known as a whole, and then removed. */
#ifndef DOWEL_EXTRANEOUS_H
#define DOWEL_EXTRANEOUS_H

#include "spool.h"
#include "tree.h"

/* Names of the source that are no objects (links, folders that cannot be read): what the destination has below them is not extraneous, because
 * nobody looked. Names come in byte order, so only those that the present one begins with are kept. */
typedef struct dowel_shadow {
    char **names;
    size_t count, room;
} dowel_shadow;

int dowel_shadow_add(dowel_shadow *shadow, const char *name, dowel_error *err);
bool dowel_shadow_covers(dowel_shadow *shadow, const char *name);
void dowel_shadow_close(dowel_shadow *shadow);

int dowel_extraneous_add(dowel_spool *spool, const dowel_place *place, const dowel_object *object, dowel_error *err);
/* Removes them, but for files that have changed since they were listed. */
int dowel_extraneous_remove(dowel *d, const dowel_tree *tree, dowel_spool *spool, dowel_error *err);

#endif
