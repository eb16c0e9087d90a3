/* Shared by the files about fields. */
#ifndef DOWEL_FIELDS_PRIVATE_H
#define DOWEL_FIELDS_PRIVATE_H

#include "arena_internal.h"

#include <dowel/block.h>

#define DOWEL_MASK "********"

/* Seconds. Longer durations are mistakes and would overflow counters of milliseconds. */
#define DOWEL_LONGEST (100 * 365.25 * 86400)

struct dowel_record {
    dowel_arena arena;
    const dowel_table *table;
    void *data;
};

/* Bytes of a member of that kind. */
size_t dowel_kind_size(dowel_kind kind);
bool dowel_member_is_zero(const dowel_field *field, const void *member);
/* Whether a value must not be shown: a secret, or a block's document given as text, which may hold one. */
bool dowel_field_is_secret(const dowel_field *field, const void *member);

/* Zeros that were given (given.c). Whether a zero of this kind is a value, unlike NULL. */
bool dowel_kind_has_zero(dowel_kind kind);
/* The table's field of kind DOWEL_GIVEN; NULL: there is none. */
const dowel_field *dowel_given_field(const dowel_table *table);
/* The value of the struct's `given`; NULL: nothing is given. */
const char *dowel_given_of(const dowel_table *table, const void *data);
/* Whether every name in it is that of a field that can be zero on purpose. */
int dowel_given_check(const dowel_table *table, const char *root, const char *path, const void *data, dowel_error *err);
/* Adds the names of the zeros that a document gives. */
int dowel_given_collect(const dowel_table *table, void *data, const json_t *document, dowel_arena *arena,
                        dowel_error *err);

/* Fills in defaults and checks the table's rules. `path` is "" at the top, "a.b." in nested tables. */
int dowel_fields_finish(const dowel_table *table, const char *root, const char *path, void *data, dowel_arena *arena,
                        const dowel_resolver *resolver, bool refs_unresolved, const json_t *given, dowel_error *err);

/* Copies a struct some of whose members (the names in `expected`) come later, with dowel_record_complete. */
int dowel_record_copy_expecting(const dowel_table *table, const void *data, size_t size, const dowel_resolver *resolver,
                                const json_t *expected, dowel_record **record, dowel_error *err);
int dowel_record_decode_expecting(const dowel_table *table, const json_t *document, const dowel_resolver *resolver,
                                  const json_t *expected, dowel_record **record, dowel_error *err);
/* Whether a caller's struct, or document, gives the field a value. */
bool dowel_record_gives(const dowel_table *table, const dowel_field *field, const void *data, size_t size,
                        const json_t *document);
/* Makes the relative paths (DOWEL_PATH) of a record absolute, also in nested tables. Only before the record is shared. */
int dowel_record_anchor(dowel_record *record, const char *folder, dowel_error *err);
/* A new record from a partial one and the members that it lacked. */
int dowel_record_complete(const dowel_record *partial, const json_t *members, const dowel_resolver *resolver,
                          dowel_record **record, dowel_error *err);

#endif
