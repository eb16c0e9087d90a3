/* From a C caller's struct to a record, by its table. */
#include "decoding.h"

#include <dowel/text.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The range of RFC 3339 in microseconds: years of four digits. */
#define FIRST_TIME (-62167219200 * INT64_C(1000000))
#define END_OF_TIME (253402300800 * INT64_C(1000000))

static int copy_struct(const dowel_table *table, const char *root, const char *path, const void *from, size_t size,
                       int depth, dowel_arena *arena, void *to, const dowel_resolver *resolver, const json_t *given,
                       dowel_error *err);

/* The history stores arguments as JSON, which needs UTF-8. File names may be any bytes. */
static int copy_text(const decoding *at, const dowel_field *field, const char *text, const char **copy) {
    size_t size = strlen(text);
    bool any = field->kind == DOWEL_PATH || field->flags & DOWEL_PLACE;
    if (!any && !dowel_is_utf8(text, size))
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": expected UTF-8 text", at->root, at->path,
                          field->name);
    *copy = dowel_arena_text(at->arena, text, size);
    return *copy ? 0 : dowel_no_memory(at->err);
}

static int copy_bytes(const decoding *at, const dowel_field *field, const void *from, void *to) {
    const dowel_bytes *bytes = from;
    dowel_bytes *copy = to;
    if (!bytes->data && bytes->size)
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": %zu bytes at NULL", at->root, at->path,
                          field->name, bytes->size);
    copy->data = dowel_arena_copy(at->arena, bytes->data, bytes->size);
    copy->size = bytes->size;
    return copy->data ? 0 : dowel_no_memory(at->err);
}

static int copy_list(const decoding *at, const dowel_field *field, const void *from, void *to) {
    const char *const *list = *(const char *const *const *)from;
    size_t count = 0;
    while (list[count]) count++;
    const char **copy = dowel_arena_alloc(at->arena, (count + 1) * sizeof *copy);
    if (!copy) return dowel_no_memory(at->err);
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) rc = copy_text(at, field, list[i], &copy[i]);
    *(const char *const **)to = copy;
    return rc;
}

static int copy_map(const decoding *at, const dowel_field *field, const void *from, void *to) {
    const dowel_pair *pairs = *(const dowel_pair *const *)from;
    size_t count = 0;
    while (pairs[count].name) count++;
    dowel_pair *copy = dowel_arena_alloc(at->arena, (count + 1) * sizeof *copy);
    if (!copy) return dowel_no_memory(at->err);
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) {
        rc = copy_text(at, field, pairs[i].name, &copy[i].name);
        if (!rc) rc = copy_text(at, field, pairs[i].value ? pairs[i].value : "", &copy[i].value);
    }
    *(const dowel_pair **)to = copy;
    return rc;
}

static int copy_table(const decoding *at, const dowel_field *field, const void *from, void *to) {
    char path[512];
    void *copy = dowel_arena_alloc(at->arena, field->table->size);
    if (!copy) return dowel_no_memory(at->err);
    *(void **)to = copy;
    snprintf(path, sizeof path, "%s%s.", at->path, field->name);
    return copy_struct(field->table, at->root, path, *(const void *const *)from, field->table->size, at->depth + 1,
                       at->arena, copy, NULL, NULL, at->err);
}

static int copy_tables(const decoding *at, const dowel_field *field, const void *from, void *to) {
    char path[512];
    const void *const *items = *(const void *const *const *)from;
    size_t count = 0;
    while (items[count]) count++;
    void **copies = dowel_arena_alloc(at->arena, (count + 1) * sizeof *copies);
    if (!copies) return dowel_no_memory(at->err);
    *(void ***)to = copies;
    for (size_t i = 0; i < count; i++) {
        if (!(copies[i] = dowel_arena_alloc(at->arena, field->table->size))) return dowel_no_memory(at->err);
        snprintf(path, sizeof path, "%s%s[%zu].", at->path, field->name, i);
        int rc = copy_struct(field->table, at->root, path, items[i], field->table->size, at->depth + 1, at->arena,
                             copies[i], NULL, NULL, at->err);
        if (rc) return rc;
    }
    return 0;
}

static int copy_block(const decoding *at, const dowel_field *field, const void *from, void *to) {
    dowel_block *block = dowel_block_retain(*(dowel_block *const *)from);
    const char *type = dowel_block_type_of(block)->name, *accepted = field->blocks;
    size_t length = strlen(type);
    bool fits = !accepted;
    while (accepted && !fits) {
        fits = !strncmp(accepted, type, length) && (!accepted[length] || accepted[length] == '|');
        accepted = strchr(accepted, '|');
        if (accepted) accepted++;
    }
    if (dowel_arena_defer(at->arena, dowel_fields_end_block, block)) return dowel_no_memory(at->err);
    if (!fits)
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": expected a block of type %s, got %s", at->root,
                          at->path, field->name, field->blocks, dowel_block_reference(block));
    *(dowel_block **)to = block;
    return 0;
}

static int copy_enum(const decoding *at, const dowel_field *field, const void *from, void *to) {
    int value = *(const int *)from, count = 0;
    while (field->values[count]) count++;
    if (value < 0 || value >= count)
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": %d is not one of its %d values", at->root,
                          at->path, field->name, value, count);
    *(int *)to = value;
    return 0;
}

static int copy_member(const decoding *at, const dowel_field *field, const void *from, void *to) {
    dowel_arena *arena = at->arena;
    switch (field->kind) {
    case DOWEL_STRING:
    case DOWEL_PATH: return copy_text(at, field, *(const char *const *)from, to);
    case DOWEL_BYTES: return copy_bytes(at, field, from, to);
    case DOWEL_LIST: return copy_list(at, field, from, to);
    case DOWEL_MAP: return copy_map(at, field, from, to);
    case DOWEL_TABLE: return copy_table(at, field, from, to);
    case DOWEL_TABLES: return copy_tables(at, field, from, to);
    case DOWEL_JSON: {
        json_t *copy = json_deep_copy(*(json_t *const *)from);
        if (!copy || dowel_arena_defer(arena, dowel_fields_end_json, copy)) return dowel_no_memory(at->err);
        *(json_t **)to = copy;
        return 0;
    }
    case DOWEL_BLOCK: return copy_block(at, field, from, to);
    case DOWEL_ENUM: return copy_enum(at, field, from, to);
    case DOWEL_GIVEN: {
        const char *names = *(const char *const *)from;
        *(const char **)to = dowel_arena_text(arena, names, strlen(names));
        return *(const char **)to ? 0 : dowel_no_memory(at->err);
    }
    case DOWEL_INT:
    case DOWEL_SIZE:
        *(int64_t *)to = *(const int64_t *)from;
        return dowel_fields_check_number(at, field, (double)*(const int64_t *)from);
    case DOWEL_FLOAT:
    case DOWEL_DURATION:
        *(double *)to = *(const double *)from;
        return dowel_fields_check_number(at, field, *(const double *)from);
    case DOWEL_TIME:
        *(int64_t *)to = *(const int64_t *)from;
        if (*(const int64_t *)from >= FIRST_TIME && *(const int64_t *)from < END_OF_TIME) return 0;
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": %lld is not a time in the years 0 to 9999",
                          at->root, at->path, field->name, (long long)*(const int64_t *)from);
    default: memcpy(to, from, dowel_kind_size(field->kind)); return 0;
    }
}

/* The `given` of a caller's struct of that size. */
static const char *given_in(const dowel_table *table, const void *data, size_t size) {
    const dowel_field *holder = dowel_given_field(table);
    return holder && holder->offset + sizeof(const char *) <= size ? dowel_given_of(table, data) : NULL;
}

int dowel_fields_copy_members(const dowel_table *table, const char *root, const char *path, const void *from,
                              size_t size, int depth, dowel_arena *arena, void *to, dowel_error *err) {
    decoding at = {table, root, path, NULL, depth, arena, err};
    if (depth > DOWEL_FIELDS_DEPTH)
        return dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s\": nested too deeply", root, path);
    const char *named = from ? given_in(table, from, size) : NULL;
    for (const dowel_field *field = table->fields; from && field->name; field++) {
        const void *member = (const char *)from + field->offset;
        /* Members that an older caller's struct does not have keep their zero. */
        if (field->offset + dowel_kind_size(field->kind) > size) continue;
        bool sized = field->kind == DOWEL_BYTES && ((const dowel_bytes *)member)->size; /* an error if it is NULL */
        if (dowel_member_is_zero(field, member) && !sized &&
            !(dowel_kind_has_zero(field->kind) && dowel_given(named, field->name)))
            continue;
        int rc = copy_member(&at, field, member, (char *)to + field->offset);
        if (rc) return rc;
    }
    return dowel_given_check(table, root, path, to, err);
}

static int copy_struct(const dowel_table *table, const char *root, const char *path, const void *from, size_t size,
                       int depth, dowel_arena *arena, void *to, const dowel_resolver *resolver, const json_t *given,
                       dowel_error *err) {
    int rc = dowel_fields_copy_members(table, root, path, from, size, depth, arena, to, err);
    return rc ? rc : dowel_fields_finish(table, root, path, to, arena, resolver, given != NULL, given, err);
}

int dowel_record_copy_expecting(const dowel_table *table, const void *data, size_t size, const dowel_resolver *resolver,
                                const json_t *expected, dowel_record **record, dowel_error *err) {
    dowel_record *made;
    int rc = dowel_record_new(table, &made, err);
    if (rc) return rc;
    rc = copy_struct(table, table->name, "", data, data ? size : 0, 0, &made->arena, made->data, resolver, expected,
                     err);
    if (rc)
        dowel_record_free(made);
    else
        *record = made;
    return rc;
}

int dowel_record_copy(const dowel_table *table, const void *data, size_t size, dowel_record **record,
                      dowel_error *err) {
    return dowel_record_copy_expecting(table, data, size, NULL, NULL, record, err);
}

bool dowel_record_gives(const dowel_table *table, const dowel_field *field, const void *data, size_t size,
                        const json_t *document) {
    const json_t *value = json_object_get(document, field->name);
    if (value) return !json_is_null(value);
    if (!data || field->offset + dowel_kind_size(field->kind) > size) return false;
    return !dowel_member_is_zero(field, (const char *)data + field->offset) ||
           dowel_given(given_in(table, data, size), field->name);
}
