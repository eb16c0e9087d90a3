/* Blocks that the platform gives, in front of the database: variables and files that dowel only reads. */
#ifndef DOWEL_READONLY_H
#define DOWEL_READONLY_H

#include <dowel/runtime.h>

#include <limits.h>

#define DOWEL_ORIGIN_SIZE (PATH_MAX + 64)

/* Looks into the variable DOWEL_BLOCK_TYPE__NAME, then into DOWEL_BLOCKS_DIR/TYPE/NAME.json. 1: there, with its document (secrets as
 * they are; cleanse it) and where it is from, 0: not there, negative: there, but it cannot be used. */
int dowel_readonly_read(const dowel_block_type *type, const char *name, json_t **document,
                        char origin[DOWEL_ORIGIN_SIZE], dowel_error *err);
/* The same without reading what it holds: 1 or 0. */
int dowel_readonly_find(const dowel_block_type *type, const char *name, char origin[DOWEL_ORIGIN_SIZE]);
/* Adds {type, name, source} of each to the array; `type` NULL: all. Warns of what is there but can be no block. */
int dowel_readonly_list(dowel *d, const char *type, json_t *list, dowel_error *err);

#endif
