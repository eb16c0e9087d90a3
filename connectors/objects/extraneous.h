/* Objects that only the destination has. They are collected, and removed after the listing of the source is complete. */
#ifndef DOWEL_EXTRANEOUS_H
#define DOWEL_EXTRANEOUS_H

#include "spool.h"
#include "tree.h"

/* Names of the source that are not objects (links, unreadable folders). The source below them was not listed, so that the destination's objects below
 * them are not extraneous. Names arrive in byte order, so that only prefixes of the current name are kept. */
typedef struct dowel_shadow {
    char **names;
    size_t count, room;
} dowel_shadow;

int dowel_shadow_add(dowel_shadow *shadow, const char *name, dowel_error *err);
bool dowel_shadow_covers(dowel_shadow *shadow, const char *name);
void dowel_shadow_close(dowel_shadow *shadow);

int dowel_extraneous_add(dowel_spool *spool, const dowel_place *place, const dowel_object *object, dowel_error *err);
/* Removes the collected objects, except files that changed since they were listed. */
int dowel_extraneous_remove(dowel *d, const dowel_tree *tree, dowel_spool *spool, dowel_error *err);

#endif
