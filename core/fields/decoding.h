/* What decoding JSON and copying a caller's struct share. */
#ifndef DOWEL_FIELDS_DECODING_H
#define DOWEL_FIELDS_DECODING_H

#include "fields_internal.h"

enum { DOWEL_FIELDS_DEPTH = 16 };

/* The position in a table, and the caller's resolver and error. */
typedef struct decoding {
    const dowel_table *table;
    const char *root, *path;
    const dowel_resolver *resolver;
    int depth;
    dowel_arena *arena;
    dowel_error *err;
} decoding;

/* Checks a number from JSON or from a C struct. */
int dowel_fields_check_number(const decoding *at, const dowel_field *field, double value);
void dowel_fields_end_json(void *value);
void dowel_fields_end_block(void *value);
/* Fills members that neither the struct nor the document `said` (may be NULL) gives from the saved defaults. */
int dowel_fields_fill(const decoding *at, void *data, const json_t *said);
/* An empty record of the table's size. */
int dowel_record_new(const dowel_table *table, dowel_record **record, dowel_error *err);
/* Copies the members of the struct, without defaults. */
int dowel_fields_copy_members(const dowel_table *table, const char *root, const char *path, const void *from,
                              size_t size, int depth, dowel_arena *arena, void *to, dowel_error *err);

#endif
