/* Makes the relative paths in documents and arguments absolute. */
#include "handle_internal.h"
#include "path_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- in documents ---- */

typedef struct anchoring {
    dowel *d;
    const char *folder;
    bool *relative;
    dowel_error *err;
} anchoring;

/* The block type called by the first `length` bytes of `name`; NULL: none. */
static const dowel_block_type *type_called(dowel *d, const char *name, size_t length) {
    const dowel_block_type *type;
    for (size_t i = 0; d && (type = dowel_block_type_at(d, i)); i++)
        if (strlen(type->name) == length && !strncmp(type->name, name, length)) return type;
    return NULL;
}

size_t dowel_place_block_name(const char *place) {
    size_t size = strspn(place, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return size && size < 64 && place[size] == ':' && strcspn(place, "/") > size && strncmp(place + size, "://", 3)
               ? size
               : 0;
}

bool dowel_place_is_path(dowel *d, const char *place) {
    const char *scheme = strstr(place, "://"), *slash = strchr(place, '/'), *colon = strchr(place, ':');
    if (!strcmp(place, "-") || (scheme && slash == scheme + 1) || dowel_place_block_name(place)) return false;
    return !slash || !colon || colon < slash || !type_called(d, place, (size_t)(slash - place));
}

/* What text in a field names, as a path with `*skip` bytes in front of it; NULL: no path. */
static const char *path_in(dowel *d, const dowel_field *field, const char *text) {
    if (field->kind == DOWEL_PATH) return text;
    if (field->flags & DOWEL_PLACE) return dowel_place_is_path(d, text) ? text : NULL;
    return field->flags & DOWEL_BLOCK_TEXT && *text == '@' ? text + 1 : NULL;
}

/* "~" or "~/...", which only a shell expands, unless a folder of that name exists. */
static bool is_home(const char *path) {
    struct stat st;
    return *path == '~' && (!path[1] || path[1] == '/') && lstat("~", &st);
}

static int unexpanded(const anchoring *at, const dowel_field *field, const char *path) {
    const char *home = getenv("HOME");
    int rc = dowel_fail(at->err, DOWEL_E_INVALID, "field \"%s\": \"%.200s\" begins with ~, which only a shell expands",
                        field->name, path);
    dowel_error_hint(at->err, "write %.400s%.200s", home && *home ? home : "the full path, without ~",
                     home && *home ? path + 1 : "");
    return rc;
}

/* The value of a text with its path made absolute; NULL: it stays. */
static int anchor_text(const anchoring *at, const dowel_field *field, const json_t *value, json_t **anchored) {
    const char *text = json_string_value(value), *path = text ? path_in(at->d, field, text) : NULL;
    *anchored = NULL;
    if (!path || !dowel_path_is_relative(path)) return 0;
    *at->relative = true;
    if (at->folder && is_home(path)) return unexpanded(at, field, path);
    char *absolute = at->folder ? dowel_path_absolute(path, at->folder) : NULL;
    if (!at->folder) return 0;
    if (absolute) *anchored = json_sprintf("%.*s%s", (int)(path - text), text, absolute);
    free(absolute);
    return *anchored ? 0 : dowel_no_memory(at->err);
}

static int anchor_table(const anchoring *at, const dowel_table *table, json_t *document);

static int anchor_list(const anchoring *at, const dowel_field *field, json_t *list) {
    int rc = 0;
    for (size_t i = 0; !rc && i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i), *anchored = NULL;
        if (field->kind == DOWEL_TABLES)
            rc = anchor_table(at, field->table, item);
        else
            rc = anchor_text(at, field, item, &anchored);
        if (anchored && json_array_set_new(list, i, anchored)) rc = dowel_no_memory(at->err);
    }
    return rc;
}

/* An inline block says its type, or the field takes one type only. */
static int anchor_block(const anchoring *at, const dowel_field *field, json_t *document) {
    const char *name = json_string_value(json_object_get(document, "$type"));
    if (!name && json_is_object(document) && field->blocks && !strchr(field->blocks, '|')) name = field->blocks;
    const dowel_block_type *type = name ? type_called(at->d, name, strlen(name)) : NULL;
    return type ? anchor_table(at, type->table, document) : 0;
}

static int anchor_table(const anchoring *at, const dowel_table *table, json_t *document) {
    int rc = 0;
    for (const dowel_field *field = table->fields; !rc && field->name; field++) {
        json_t *value = json_object_get(document, field->name), *anchored = NULL;
        if (!value) continue;
        switch (field->kind) {
        case DOWEL_TABLE: rc = anchor_table(at, field->table, value); break;
        case DOWEL_BLOCK: rc = anchor_block(at, field, value); break;
        case DOWEL_TABLES:
        case DOWEL_LIST: rc = anchor_list(at, field, value); break;
        default: rc = anchor_text(at, field, value, &anchored); break;
        }
        if (anchored && json_object_set_new(document, field->name, anchored)) rc = dowel_no_memory(at->err);
    }
    return rc;
}

int dowel_fields_anchor(dowel *d, const dowel_table *table, json_t *document, const char *folder, bool *relative,
                        dowel_error *err) {
    bool found = false;
    const anchoring at = {d, folder, &found, err};
    int rc = anchor_table(&at, table, document);
    if (relative) *relative = found;
    return rc;
}

/* ---- in structs ---- */

static int anchor_struct(const dowel_table *table, void *data, dowel_arena *arena, const char *folder) {
    int rc = 0;
    for (const dowel_field *field = table->fields; !rc && field->name; field++) {
        void *member = (char *)data + field->offset;
        if (dowel_member_is_zero(field, member)) continue;
        if (field->kind == DOWEL_TABLE) {
            rc = anchor_struct(field->table, *(void **)member, arena, folder);
        } else if (field->kind == DOWEL_TABLES) {
            for (void **item = *(void ***)member; !rc && *item; item++)
                rc = anchor_struct(field->table, *item, arena, folder);
        } else if (field->kind == DOWEL_PATH && dowel_path_is_relative(*(const char **)member)) {
            char *absolute = dowel_path_absolute(*(const char **)member, folder);
            const char *kept = absolute ? dowel_arena_text(arena, absolute, strlen(absolute)) : NULL;
            free(absolute);
            if (kept) *(const char **)member = kept;
            rc = kept ? 0 : -1;
        }
    }
    return rc;
}

int dowel_record_anchor(dowel_record *record, const char *folder, dowel_error *err) {
    return anchor_struct(record->table, record->data, &record->arena, folder) ? dowel_no_memory(err) : 0;
}
