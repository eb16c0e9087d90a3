/* What decoding JSON and copying a caller's struct share. */
#ifndef DOWEL_FIELDS_DECODING_H
#define DOWEL_FIELDS_DECODING_H

#include "fields_internal.h"

enum { DOWEL_FIELDS_DEPTH = 16 };

/* Where in which table, for whom. */
typedef struct decoding {
    const dowel_table *table;
    const char *root, *path;
    const dowel_resolver *resolver;
    int depth;
    dowel_arena *arena;
    dowel_error *err;
} decoding;

/* What every number is held to, whether it comes from JSON or from a C struct. */
int dowel_fields_check_number(const decoding *at, const dowel_field *field, double value);
void dowel_fields_end_json(void *value);
void dowel_fields_end_block(void *value);
/* An empty record of the table's size. */
int dowel_record_new(const dowel_table *table, dowel_record **record, dowel_error *err);
/* Copies what the struct has, without filling in the rest. */
int dowel_fields_copy_members(const dowel_table *table, const char *root, const char *path, const void *from,
                              size_t size, int depth, dowel_arena *arena, void *to, dowel_error *err);

#endif
