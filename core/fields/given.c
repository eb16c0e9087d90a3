/* Distinguishes a zero that was given from a member that was left out: a struct's `given` names the former. */
#include "fields_internal.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\n\r"

/* The next name in *text, which moves behind it; NULL when there is none left. */
static const char *next_name(const char **text, size_t *length) {
    const char *name = *text + strspn(*text, BLANKS);
    *length = strcspn(name, BLANKS);
    *text = name + *length;
    return *length ? name : NULL;
}

bool dowel_given(const char *given, const char *member) {
    const char *name;
    size_t length, wanted = strlen(member);
    while (given && (name = next_name(&given, &length)))
        if (length == wanted && !memcmp(name, member, length)) return true;
    return false;
}

bool dowel_field_c_only(const dowel_field *field) {
    return field->kind == DOWEL_POINTER || field->kind == DOWEL_GIVEN;
}

const dowel_field *dowel_given_field(const dowel_table *table) {
    const dowel_field *field = table->fields;
    while (field->name && field->kind != DOWEL_GIVEN) field++;
    return field->name ? field : NULL;
}

const char *dowel_given_of(const dowel_table *table, const void *data) {
    const dowel_field *field = dowel_given_field(table);
    return field ? *(const char *const *)((const char *)data + field->offset) : NULL;
}

bool dowel_kind_has_zero(dowel_kind kind) {
    switch (kind) {
    case DOWEL_BOOL:
    case DOWEL_INT:
    case DOWEL_SIZE:
    case DOWEL_TIME:
    case DOWEL_FLOAT:
    case DOWEL_DURATION:
    case DOWEL_ENUM: return true;
    default: return false;
    }
}

/* The field of exactly that name. */
static const dowel_field *field_of(const dowel_table *table, const char *name, size_t length) {
    for (const dowel_field *field = table->fields; field->name; field++)
        if (!strncmp(field->name, name, length) && !field->name[length]) return field;
    return NULL;
}

static int unknown_name(const dowel_table *table, const char *root, const char *path, const char *name, size_t length,
                        dowel_error *err) {
    size_t count = 0;
    for (const dowel_field *field = table->fields; field->name; field++) count++;
    const char **names = calloc(count + 1, sizeof *names);
    char *word = strndup(name, length);
    count = 0;
    for (const dowel_field *field = table->fields; names && field->name; field++)
        if (dowel_kind_has_zero(field->kind)) names[count++] = field->name;
    const char *near = names && word ? dowel_nearest(word, names) : NULL;
    int rc = dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%sgiven\": no field \"%.*s\"%s%s%s", root, path,
                        length < 100 ? (int)length : 100, name, near ? "; did you mean \"" : "", near ? near : "",
                        near ? "\"?" : "");
    free(names);
    free(word);
    return rc;
}

int dowel_given_check(const dowel_table *table, const char *root, const char *path, const void *data,
                      dowel_error *err) {
    const char *given = dowel_given_of(table, data), *name;
    size_t length;
    while (given && (name = next_name(&given, &length))) {
        const dowel_field *field = field_of(table, name, length);
        if (!field || dowel_field_c_only(field)) return unknown_name(table, root, path, name, length, err);
        if (!dowel_kind_has_zero(field->kind) && dowel_member_is_zero(field, (const char *)data + field->offset)) {
            dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s%s\" is NULL although \"given\" names it", root, path,
                       field->name);
            dowel_error_hint(err, "only numbers, times, truth values and enumerations have a zero that can be given; "
                                  "give an empty text, list or object to say \"empty\"");
            return DOWEL_E_INVALID;
        }
    }
    return 0;
}

int dowel_given_collect(const dowel_table *table, void *data, const json_t *document, dowel_arena *arena,
                        dowel_error *err) {
    const dowel_field *holder = dowel_given_field(table);
    if (!holder) return 0;
    const char **given = (const char **)((char *)data + holder->offset);
    size_t room = *given ? strlen(*given) + 1 : 1;
    for (const dowel_field *field = table->fields; field->name; field++) room += strlen(field->name) + 1;
    char *text = dowel_arena_alloc(arena, room);
    if (!text) return dowel_no_memory(err);
    size_t used = *given ? strlen(*given) : 0;
    if (used) memcpy(text, *given, used);
    for (const dowel_field *field = table->fields; field->name; field++) {
        const json_t *value = json_object_get(document, field->name);
        if (!value || json_is_null(value) || !dowel_kind_has_zero(field->kind) ||
            !dowel_member_is_zero(field, (const char *)data + field->offset) || dowel_given(text, field->name))
            continue;
        if (used) text[used++] = ' ';
        size_t length = strlen(field->name);
        memcpy(text + used, field->name, length);
        used += length;
    }
    if (used) *given = text;
    return 0;
}
