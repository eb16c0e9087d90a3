/* Read-only blocks, looked up before the database: variables and files. */
#ifndef DOWEL_READONLY_H
#define DOWEL_READONLY_H

#include <dowel/runtime.h>

#include <limits.h>

#define DOWEL_ORIGIN_SIZE (PATH_MAX + 64)

/* Reads the variable DOWEL_BLOCK_TYPE__NAME, or else the file DOWEL_BLOCKS_DIR/TYPE/NAME.json. Returns 1 if the block exists, with its document
 * (secrets in the clear; release it with dowel_json_cleanse()) and its origin; 0 if it does not exist; negative if it cannot be used. */
int dowel_readonly_read(const dowel_block_type *type, const char *name, json_t **document,
                        char origin[DOWEL_ORIGIN_SIZE], dowel_error *err);
/* The same without reading the content: 1 or 0. */
int dowel_readonly_find(const dowel_block_type *type, const char *name, char origin[DOWEL_ORIGIN_SIZE]);
/* Appends {"type", "name", "source"} of each block to the array. `type` NULL: all types. Logs a warning for names that are not block names. */
int dowel_readonly_list(dowel *d, const char *type, json_t *list, dowel_error *err);

#endif
