/* From JSON to a struct, by its table. */
#include "decoding.h"

#include <dowel/stream.h>
#include <dowel/text.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER = 32 }; /* bytes of a number as text */

static int decode_member(const decoding *at, const dowel_field *field, const json_t *value, void *member);
static int decode_into(const dowel_table *table, const char *root, const char *path, const json_t *document,
                       const dowel_resolver *resolver, int depth, dowel_arena *arena, void *data, dowel_error *err);

static const char *type_name(const json_t *value) {
    if (dowel_json_is_exact(value)) return "a number";
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "text";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    default: return "null";
    }
}

static int wrong_value(const decoding *at, const dowel_field *field, const char *expected, const json_t *value) {
    const char *text = dowel_json_is_exact(value) ? NULL : json_string_value(value);
    if (text && !(field->flags & DOWEL_SECRET) && strlen(text) <= 60)
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": expected %s, got \"%s\"", at->root, at->path,
                          field->name, expected, text);
    return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": expected %s, got %s", at->root, at->path,
                      field->name, expected, type_name(value));
}

/* Text without a NUL in it, copied. */
static int decode_text(const decoding *at, const dowel_field *field, const json_t *value, const char **out) {
    if (!json_is_string(value) || dowel_json_is_exact(value)) return wrong_value(at, field, "text", value);
    size_t length = json_string_length(value);
    if (strlen(json_string_value(value)) != length)
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": text with a NUL character", at->root, at->path,
                          field->name);
    *out = dowel_arena_text(at->arena, json_string_value(value), length);
    return *out ? 0 : dowel_no_memory(at->err);
}

/* A whole number without an exponent, as people write it. */
static void write_number(double value, char text[NUMBER]) {
    bool whole = value == floor(value) && fabs(value) < 1e19;
    dowel_format(text, NUMBER, whole ? "%.0f" : "%.15g", value);
}

/* As on a command line: 7d, 90s, 64MiB. */
static void write_value(const dowel_field *field, double value, char text[NUMBER]) {
    static const struct {
        double size;
        const char *name;
    } times[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}},
      sizes[] = {{0x1p40, "TiB"}, {0x1p30, "GiB"}, {0x1p20, "MiB"}, {0x1p10, "KiB"}, {1, "B"}}, *unit;
    bool has_unit = field->kind == DOWEL_DURATION || field->kind == DOWEL_SIZE;
    unit = field->kind == DOWEL_DURATION ? times : sizes;
    while (has_unit && unit->size > 1 && (value < unit->size || fmod(value, unit->size) != 0)) unit++;
    write_number(has_unit ? value / unit->size : value, text);
    size_t used = strlen(text);
    if (has_unit) snprintf(text + used, NUMBER - used, "%s", unit->name);
}

int dowel_fields_check_number(const decoding *at, const dowel_field *field, double value) {
    if (!isfinite(value))
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": %g is not a finite number", at->root, at->path,
                          field->name, value);
    if ((field->kind == DOWEL_SIZE || field->kind == DOWEL_DURATION) && value < 0)
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": %g is negative", at->root, at->path,
                          field->name, value);
    if (field->kind == DOWEL_DURATION && value > DOWEL_LONGEST)
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": %g s is longer than 100 years", at->root,
                          at->path, field->name, value);
    if ((field->minimum != 0 || field->maximum != 0) &&
        (value < field->minimum || (field->maximum > field->minimum && value > field->maximum))) {
        char given[NUMBER], least[NUMBER], most[NUMBER];
        write_value(field, value, given);
        write_value(field, field->minimum, least);
        write_value(field, field->maximum, most);
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": %s is not between %s and %s", at->root,
                          at->path, field->name, given, least, most);
    }
    return 0;
}

static int decode_integer(const decoding *at, const dowel_field *field, const json_t *value, int64_t *out) {
    if (field->kind == DOWEL_SIZE && json_is_string(value)) {
        if (dowel_parse_size(json_string_value(value), out))
            return wrong_value(at, field, "a size such as 64MiB", value);
    } else if (field->kind == DOWEL_TIME) {
        if (!json_is_string(value) || dowel_parse_time(json_string_value(value), out))
            return wrong_value(at, field, "a time such as 2026-01-31T12:00:00Z", value);
        return 0;
    } else if (json_is_integer(value)) {
        *out = json_integer_value(value);
    } else if (json_is_real(value) && json_real_value(value) == floor(json_real_value(value)) &&
               fabs(json_real_value(value)) < 9e15) {
        *out = (int64_t)json_real_value(value);
    } else {
        return wrong_value(at, field, "a whole number", value);
    }
    return dowel_fields_check_number(at, field, (double)*out);
}

static int decode_real(const decoding *at, const dowel_field *field, const json_t *value, double *out) {
    if (field->kind == DOWEL_DURATION && json_is_string(value)) {
        if (dowel_parse_duration(json_string_value(value), out))
            return wrong_value(at, field, "a duration such as 90s or 1h30m", value);
    } else if (json_is_number(value)) {
        *out = json_number_value(value);
    } else {
        return wrong_value(at, field, field->kind == DOWEL_DURATION ? "a duration such as 90s" : "a number", value);
    }
    return dowel_fields_check_number(at, field, *out);
}

/* Whether `text` is one of the words that are joined by |. Case does not count, and - is the same as _. */
static bool is_word_of(const char *words, const char *text) {
    size_t length = strlen(text);
    for (const char *p = words; *p; p += strcspn(p, "|"), p += *p == '|') {
        size_t same = 0;
        while (same < length && (dowel_lower((unsigned char)p[same]) == dowel_lower((unsigned char)text[same]) ||
                                 (p[same] == '-' && text[same] == '_') || (p[same] == '_' && text[same] == '-')))
            same++;
        if (same == length && strcspn(p, "|") == length) return true;
    }
    return false;
}

enum { WORDS = 64, WORD = 40 };

/* Adds the words that are joined by |, as they are written and in the form that is compared: lower case with dashes. */
static size_t add_words(const char *joined, char written[][WORD], char plain[][WORD], size_t count) {
    for (const char *p = joined; *p && count < WORDS; p += strcspn(p, "|"), p += *p == '|') {
        size_t size = strcspn(p, "|");
        if (size >= WORD) continue;
        memcpy(written[count], p, size);
        written[count][size] = 0;
        for (size_t i = 0; i <= size; i++)
            plain[count][i] = (char)(written[count][i] == '_' ? '-' : dowel_lower((unsigned char)written[count][i]));
        count++;
    }
    return count;
}

/* Hints at the nearest of a field's values and of their synonyms. */
static void hint_at_word(const dowel_field *field, const char *text, dowel_error *err) {
    char written[WORDS][WORD], plain[WORDS][WORD], given[1][WORD], unused[1][WORD];
    const char *candidates[WORDS + 1] = {NULL};
    size_t count = 0;
    for (int i = 0; field->values[i]; i++) count = add_words(field->values[i], written, plain, count);
    for (int i = 0; field->synonyms && field->values[i]; i++)
        count = add_words(field->synonyms[i], written, plain, count);
    if (strchr(text, '|') || !add_words(text, unused, given, 0)) return;
    for (size_t i = 0; i < count; i++) candidates[i] = plain[i];
    const char *near = dowel_nearest(given[0], candidates);
    for (size_t i = 0; near && i < count; i++) {
        if (near != candidates[i]) continue;
        dowel_error_hint(err, "did you mean \"%s\"?", written[i]);
    }
}

static int decode_enum(const decoding *at, const dowel_field *field, const json_t *value, int *out) {
    const char *text = json_string_value(value);
    for (int i = 0; text && field->values[i]; i++) {
        if (is_word_of(field->values[i], text) || (field->synonyms && is_word_of(field->synonyms[i], text))) {
            *out = i;
            return 0;
        }
    }
    char *expected = dowel_field_kind_name(field);
    if (!expected) return dowel_no_memory(at->err);
    int rc = wrong_value(at, field, expected, value);
    if (text) hint_at_word(field, text, at->err);
    free(expected);
    return rc;
}

static int decode_bytes(const decoding *at, const dowel_field *field, const json_t *value, dowel_bytes *out) {
    void *data;
    size_t size;
    if (!json_is_string(value) || dowel_base64_decode(json_string_value(value), &data, &size))
        return json_is_string(value)
                   ? dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": the text is not base64", at->root,
                                at->path, field->name)
                   : wrong_value(at, field, "base64 text", value);
    out->data = dowel_arena_copy(at->arena, data, size);
    out->size = size;
    dowel_wipe_bytes(data, size);
    return out->data ? 0 : dowel_no_memory(at->err);
}

static int decode_list(const decoding *at, const dowel_field *field, const json_t *value, const char *const **out) {
    if (!json_is_array(value)) return wrong_value(at, field, "an array of texts", value);
    size_t count = json_array_size(value);
    const char **items = dowel_arena_alloc(at->arena, (count + 1) * sizeof *items);
    if (!items) return dowel_no_memory(at->err);
    for (size_t i = 0; i < count; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s[%zu]", field->name, i);
        const dowel_field item = {.name = name, .flags = field->flags};
        int rc = decode_text(at, &item, json_array_get(value, i), &items[i]);
        if (rc) return rc;
    }
    *out = items;
    return 0;
}

static int decode_map(const decoding *at, const dowel_field *field, const json_t *value, const dowel_pair **out) {
    if (!json_is_object(value)) return wrong_value(at, field, "an object of texts", value);
    dowel_pair *pairs = dowel_arena_alloc(at->arena, (json_object_size(value) + 1) * sizeof *pairs);
    if (!pairs) return dowel_no_memory(at->err);
    *out = pairs;
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member) {
        pairs->name = dowel_arena_text(at->arena, key, strlen(key));
        if (!pairs->name) return dowel_no_memory(at->err);
        char name[128];
        snprintf(name, sizeof name, "%s.%s", field->name, key);
        const dowel_field item = {.name = name, .flags = field->flags};
        int rc = decode_text(at, &item, member, &pairs->value);
        if (rc) return rc;
        pairs++;
    }
    return 0;
}

static int decode_nested(const decoding *at, const dowel_field *field, const json_t *value, const char *path,
                         const void **out) {
    if (!json_is_object(value)) return wrong_value(at, field, "an object", value);
    void *data = dowel_arena_alloc(at->arena, field->table->size);
    if (!data) return dowel_no_memory(at->err);
    *out = data;
    return decode_into(field->table, at->root, path, value, at->resolver, at->depth + 1, at->arena, data, at->err);
}

static int decode_tables(const decoding *at, const dowel_field *field, const json_t *value, const void ***out) {
    if (!json_is_array(value)) return wrong_value(at, field, "an array of objects", value);
    size_t count = json_array_size(value);
    const void **items = dowel_arena_alloc(at->arena, (count + 1) * sizeof *items);
    if (!items) return dowel_no_memory(at->err);
    *out = items;
    for (size_t i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s%s[%zu].", at->path, field->name, i);
        int rc = decode_nested(at, field, json_array_get(value, i), path, &items[i]);
        if (rc) return rc;
    }
    return 0;
}

void dowel_fields_end_json(void *value) {
    dowel_json_cleanse(value);
}

void dowel_fields_end_block(void *value) {
    dowel_block_free(value);
}

static int decode_block(const decoding *at, const dowel_field *field, const json_t *value, dowel_block **out) {
    const char *reference = json_string_value(value);
    if (json_is_object(value) && json_object_get(value, "$block")) {
        reference = json_string_value(json_object_get(value, "$block"));
        if (!reference || json_object_size(value) != 1)
            return dowel_fail(at->err, DOWEL_E_INVALID,
                              "%s: field \"%s%s\": expected {\"$block\": \"type/name\"} and nothing else", at->root,
                              at->path, field->name);
    }
    if (!reference && !json_is_object(value))
        return wrong_value(at, field, "a block (\"type/name\" or an object)", value);
    if (reference && !*reference) return wrong_value(at, field, "a block as \"type/name\"", value);
    if (!at->resolver) return 0;
    dowel_block *block = NULL;
    int rc = reference ? at->resolver->by_name(at->resolver->context, reference, field->blocks, &block, at->err)
                       : at->resolver->by_document(at->resolver->context, value, field->blocks, &block, at->err);
    if (rc) {
        dowel_error_prefix(at->err, "%s: field \"%s%s\": ", at->root, at->path, field->name);
        return rc;
    }
    if (dowel_arena_defer(at->arena, dowel_fields_end_block, block)) return dowel_no_memory(at->err);
    *out = block;
    return 0;
}

/* A number that only a field of kind JSON takes as it was written. */
static int decode_exact(const decoding *at, const dowel_field *field, const json_t *value, void *member) {
    json_t *nearest = json_real(dowel_json_double(value)); /* NULL: infinite */
    int rc = nearest ? decode_member(at, field, nearest, member) : wrong_value(at, field, "a finite number", value);
    json_decref(nearest);
    return rc;
}

static int decode_member(const decoding *at, const dowel_field *field, const json_t *value, void *member) {
    if (field->kind != DOWEL_JSON && dowel_json_is_exact(value)) return decode_exact(at, field, value, member);
    switch (field->kind) {
    case DOWEL_STRING:
    case DOWEL_PATH: return decode_text(at, field, value, (const char **)member);
    case DOWEL_BOOL:
        if (!json_is_boolean(value)) return wrong_value(at, field, "true or false", value);
        *(bool *)member = json_is_true(value);
        return 0;
    case DOWEL_INT:
    case DOWEL_SIZE:
    case DOWEL_TIME: return decode_integer(at, field, value, member);
    case DOWEL_FLOAT:
    case DOWEL_DURATION: return decode_real(at, field, value, member);
    case DOWEL_ENUM: return decode_enum(at, field, value, member);
    case DOWEL_BYTES: return decode_bytes(at, field, value, member);
    case DOWEL_LIST: return decode_list(at, field, value, (const char *const **)member);
    case DOWEL_MAP: return decode_map(at, field, value, (const dowel_pair **)member);
    case DOWEL_TABLE: {
        char path[512];
        snprintf(path, sizeof path, "%s%s.", at->path, field->name);
        return decode_nested(at, field, value, path, (const void **)member);
    }
    case DOWEL_TABLES: return decode_tables(at, field, value, (const void ***)member);
    case DOWEL_JSON: {
        json_t *copy = field->flags & DOWEL_VERBATIM ? dowel_json_unwrap(value, false) : json_deep_copy(value);
        if (!copy || dowel_arena_defer(at->arena, dowel_fields_end_json, copy)) return dowel_no_memory(at->err);
        *(json_t **)member = copy;
        return 0;
    }
    case DOWEL_BLOCK: return decode_block(at, field, value, (dowel_block **)member);
    default:
        return dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\" can only be given in C", at->root, at->path,
                          field->name);
    }
}

static int unknown_field(const decoding *at, const char *key) {
    size_t count = 0;
    while (at->table->fields[count].name) count++;
    const char **names = calloc(count + 1, sizeof *names);
    if (!names) return dowel_no_memory(at->err);
    size_t known = 0;
    for (size_t i = 0; i < count; i++)
        if (!dowel_field_c_only(&at->table->fields[i])) names[known++] = at->table->fields[i].name;
    const char *near = dowel_nearest(key, names);
    int rc = dowel_fail(at->err, DOWEL_E_INVALID, "%s: unknown field \"%s%s\"%s%s%s", at->root, at->path, key,
                        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    free(names);
    return rc;
}

/* Decodes the members of the document, without defaults. */
static int decode_members(const dowel_table *table, const char *root, const char *path, const json_t *document,
                          const dowel_resolver *resolver, int depth, dowel_arena *arena, void *data, dowel_error *err) {
    decoding at = {table, root, path, resolver, depth, arena, err};
    if (depth > DOWEL_FIELDS_DEPTH)
        return dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s\": nested too deeply", root, path);
    if (!json_is_object(document))
        return dowel_fail(err, DOWEL_E_INVALID, "%s: expected an object, got %s", root, type_name(document));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)document, key, value) {
        const dowel_field *field = table->fields;
        while (field->name && strcmp(field->name, key)) field++;
        if (!field->name) return unknown_field(&at, key);
        if (json_is_null(value) && field->kind != DOWEL_JSON) continue;
        int rc = decode_member(&at, field, value, (char *)data + field->offset);
        if (rc) return rc;
    }
    return dowel_given_collect(table, data, document, arena, err);
}

static int decode_into(const dowel_table *table, const char *root, const char *path, const json_t *document,
                       const dowel_resolver *resolver, int depth, dowel_arena *arena, void *data, dowel_error *err) {
    int rc = decode_members(table, root, path, document, resolver, depth, arena, data, err);
    return rc ? rc : dowel_fields_finish(table, root, path, data, arena, resolver, !resolver, document, err);
}

size_t dowel_kind_size(dowel_kind kind) {
    switch (kind) {
    case DOWEL_BOOL: return sizeof(bool);
    case DOWEL_INT:
    case DOWEL_SIZE:
    case DOWEL_TIME: return sizeof(int64_t);
    case DOWEL_FLOAT:
    case DOWEL_DURATION: return sizeof(double);
    case DOWEL_ENUM: return sizeof(int);
    case DOWEL_BYTES: return sizeof(dowel_bytes);
    default: return sizeof(void *);
    }
}

bool dowel_member_is_zero(const dowel_field *field, const void *member) {
    static const unsigned char zeros[sizeof(dowel_bytes)];
    if (field->kind == DOWEL_BYTES) return !((const dowel_bytes *)member)->data;
    return !memcmp(member, zeros, dowel_kind_size(field->kind));
}

static bool is_empty(const dowel_field *field, const void *member) {
    switch (field->kind) {
    case DOWEL_STRING:
    case DOWEL_PATH: return !**(const char *const *)member;
    case DOWEL_LIST: return !**(const char *const *const *)member;
    default: return false;
    }
}

static bool is_blank(const char *text) {
    return !text[strspn(text, " \t\r\n")];
}

/* Usually a variable that is not set: without this check the request would go to the cloud itself. */
static int empty_address(const decoding *at, const dowel_field *field) {
    dowel_fail(at->err, DOWEL_E_INVALID, "%s: field \"%s%s\": the address is empty", at->root, at->path, field->name);
    dowel_error_hint(at->err, "leave the field out to mean the service's own address");
    return DOWEL_E_INVALID;
}

int dowel_fields_finish(const dowel_table *table, const char *root, const char *path, void *data, dowel_arena *arena,
                        const dowel_resolver *resolver, bool refs_unresolved, const json_t *given, dowel_error *err) {
    decoding at = {table, root, path, resolver, 0, arena, err};
    const char *named = dowel_given_of(table, data);
    int filled = dowel_fields_fill(&at, data, given);
    if (filled) return filled;
    for (const dowel_field *field = table->fields; field->name; field++) {
        void *member = (char *)data + field->offset;
        bool zero = dowel_member_is_zero(field, member);
        /* A value in the document counts even if it is zero: only missing members get the default. */
        const json_t *said = given ? json_object_get(given, field->name) : NULL;
        bool absent = zero && (!said || json_is_null(said)) && !dowel_given(named, field->name);
        if (absent && field->fallback) {
            json_t *object = json_object();
            int rc = object ? dowel_field_parse(table, field, field->fallback, object, err) : dowel_no_memory(err);
            if (!rc) rc = decode_member(&at, field, json_object_get(object, field->name), member);
            json_decref(object);
            if (rc) return rc;
            continue;
        }
        if (field->flags & DOWEL_REQUIRED && (absent || (!zero && is_empty(field, member))))
            return dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s%s\" is required", root, path, field->name);
        if (field->kind == DOWEL_PATH && !zero && is_empty(field, member)) /* as of a variable that is not set */
            return dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s%s\": the path is empty", root, path, field->name);
        if (field->flags & DOWEL_ADDRESS && !zero && is_blank(*(const char *const *)member))
            return empty_address(&at, field);
    }
    if (table->check && !refs_unresolved) {
        int rc = table->check(data, err);
        if (rc) {
            dowel_error_prefix(err, "%s: ", root);
            return rc;
        }
    }
    return 0;
}

int dowel_record_new(const dowel_table *table, dowel_record **record, dowel_error *err) {
    dowel_record *made = calloc(1, sizeof *made);
    if (made) made->data = dowel_arena_alloc(&made->arena, table->size ? table->size : 1);
    if (!made || !made->data) {
        free(made);
        return dowel_no_memory(err);
    }
    made->table = table;
    *record = made;
    return 0;
}

int dowel_record_decode(const dowel_table *table, const json_t *document, const dowel_resolver *resolver,
                        dowel_record **record, dowel_error *err) {
    dowel_record *made;
    int rc = dowel_record_new(table, &made, err);
    if (rc) return rc;
    rc = decode_into(table, table->name, "", document, resolver, 0, &made->arena, made->data, err);
    if (rc)
        dowel_record_free(made);
    else
        *record = made;
    return rc;
}

int dowel_record_decode_expecting(const dowel_table *table, const json_t *document, const dowel_resolver *resolver,
                                  const json_t *expected, dowel_record **record, dowel_error *err) {
    if (!expected) return dowel_record_decode(table, document, resolver, record, err);
    dowel_record *made;
    json_t *said = json_is_object(document) ? json_copy((json_t *)document) : json_object();
    if (!said || json_object_update_missing(said, (json_t *)expected)) {
        json_decref(said);
        return dowel_no_memory(err);
    }
    int rc = dowel_record_new(table, &made, err);
    if (!rc) {
        rc = decode_members(table, table->name, "", document, resolver, 0, &made->arena, made->data, err);
        if (!rc) rc = dowel_fields_finish(table, table->name, "", made->data, &made->arena, resolver, true, said, err);
        if (rc)
            dowel_record_free(made);
        else
            *record = made;
    }
    json_decref(said);
    return rc;
}

int dowel_record_complete(const dowel_record *partial, const json_t *members, const dowel_resolver *resolver,
                          dowel_record **record, dowel_error *err) {
    const dowel_table *table = partial->table;
    dowel_record *made;
    int rc = dowel_record_new(table, &made, err);
    if (rc) return rc;
    decoding at = {table, table->name, "", resolver, 0, &made->arena, err};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)members, key, value) {
        const dowel_field *field = dowel_field_find(table, key);
        if (!rc)
            rc = field ? decode_member(&at, field, value, (char *)made->data + field->offset) : unknown_field(&at, key);
    }
    if (!rc)
        rc = dowel_fields_copy_members(table, table->name, "", partial->data, table->size, 0, &made->arena, made->data,
                                       err);
    if (!rc) rc = dowel_given_collect(table, made->data, members, &made->arena, err);
    if (!rc) rc = dowel_fields_finish(table, table->name, "", made->data, &made->arena, NULL, false, members, err);
    if (rc)
        dowel_record_free(made);
    else
        *record = made;
    return rc;
}

const void *dowel_record_data(const dowel_record *record) {
    return record->data;
}

void dowel_record_free(dowel_record *record) {
    if (!record) return;
    dowel_arena_clear(&record->arena);
    free(record);
}
