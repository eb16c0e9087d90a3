/* What a saved block holds instead of what was given: absolute paths, and the name of a bucket instead of its URL. */
#include "cli.h"

#include <dowel/objects.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const dowel_objects *objects_of(const dowel_block_type *type) {
    return type->size >= offsetof(dowel_block_type, objects) + sizeof type->objects ? type->objects : NULL;
}

static void note(const cli *c, const char *what, const char *name, const char *text, const char *how) {
    char *shown = dowel_printable(text, false);
    if (!c->quiet) fprintf(stderr, "%s: %s: %s%s%s\n", c->program, what, name, how, shown ? shown : "");
    free(shown);
}

/* ---- paths ---- */

static void compare(const cli *c, const json_t *given, const json_t *saved, const char *name) {
    const char *before = json_string_value(given), *after = json_string_value(saved), *key;
    json_t *inner;
    size_t i;
    if (before && after && *after == '/' && *before != '/') note(c, "note", name, after, " is saved as ");
    json_object_foreach((json_t *)given, key, inner) compare(c, inner, json_object_get(saved, key), key);
    json_array_foreach(given, i, inner) compare(c, inner, json_array_get(saved, i), name);
}

/* A folder that holds objects is made when it is missing; every other file must be there when the block is used. A type with a check
 * of what is saved says so itself. */
static void warn_of_missing(const cli *c, const dowel_block_type *type, const json_t *saved) {
    const dowel_objects *objects = objects_of(type);
    if (type->size >= offsetof(dowel_block_type, check_save) + sizeof type->check_save && type->check_save) return;
    for (const dowel_field *field = type->table->fields; field->name; field++) {
        const char *path = json_string_value(json_object_get(saved, field->name));
        if (field->kind != DOWEL_PATH || !path || *path != '/' || (objects && !strcmp(objects->place, field->name)))
            continue;
        if (access(path, F_OK)) note(c, "warning", field->name, path, ": there is no file ");
    }
}

void cli_note_paths(cli *c, const char *reference, const json_t *given) {
    json_t *shown = NULL;
    const dowel_block_type *type;
    if (dowel_block_show(c->d, reference, DOWEL_SECRETS_MASKED, &shown, NULL)) return;
    compare(c, given, json_object_get(shown, "document"), "");
    if (!dowel_find_block_type(c->d, json_string_value(json_object_get(shown, "type")), &type, NULL))
        warn_of_missing(c, type, json_object_get(shown, "document"));
    json_decref(shown);
}

/* ---- URLs ---- */

static const dowel_block_type *type_of_scheme(cli *c, const char *url, size_t size) {
    const dowel_block_type *type;
    for (size_t i = 0; (type = dowel_block_type_at(c->d, i)); i++) {
        const dowel_objects *objects = objects_of(type);
        if (objects && strlen(objects->scheme) == size && !strncmp(objects->scheme, url, size)) return type;
    }
    return NULL;
}

static int refuse(cli *c, const dowel_block_type *type, const char *field, const char *url, const char *name) {
    const dowel_block_type *other = type_of_scheme(c, url, (size_t)(name - 3 - url));
    dowel_fail(&c->err, DOWEL_E_INVALID, "%s: field \"%s\": \"%.200s\" is not a place of this type", type->name, field,
               url);
    if (other)
        dowel_error_hint(&c->err, "save it as %s: `dowel block save %s/NAME --%s %.*s`", other->name, other->name,
                         objects_of(other)->place, (int)strcspn(name, "/"), name);
    else
        dowel_error_hint(&c->err, "give the name of the %s alone", field);
    return DOWEL_E_INVALID;
}

/* "a/b/" is the folder "a/b"; false: the block has another one already, or its type has none. */
static bool set_folder(const dowel_block_type *type, json_t *fields, const char *path) {
    size_t size = strlen(path);
    while (size && path[size - 1] == '/') size--;
    if (!size) return true;
    if (!dowel_field_find(type->table, "folder") || json_object_get(fields, "folder")) return false;
    return !json_object_set_new(fields, "folder", json_stringn(path, size));
}

int cli_take_url(cli *c, const dowel_block_type *type, json_t *fields) {
    const dowel_objects *objects = objects_of(type);
    const char *url = objects ? json_string_value(json_object_get(fields, objects->place)) : NULL,
               *mark = url ? strstr(url, "://") : NULL;
    if (!mark) return 0;
    const char *name = mark + 3, *field = objects->place;
    bool file = !strcmp(objects->scheme, "file");
    size_t size = file ? strlen(name) : strcspn(name, "/");
    if (strlen(objects->scheme) != (size_t)(mark - url) || strncmp(url, objects->scheme, (size_t)(mark - url)) ||
        !size || (file && *name != '/'))
        return refuse(c, type, field, url, name);
    const char *path = file ? "" : name + size + (name[size] == '/');
    json_t *alone = json_stringn(name, size);
    if (!set_folder(type, fields, path)) {
        json_decref(alone);
        return dowel_fail(&c->err, DOWEL_E_INVALID,
                          "%s: field \"%s\": \"%.200s\" names a folder, and so does --folder: give one of them",
                          type->name, field, url);
    }
    if (*path) note(c, "note", "folder", json_string_value(json_object_get(fields, "folder")), " is saved as ");
    if (!alone || json_object_set_new(fields, field, alone)) return dowel_no_memory(&c->err); /* `url` is freed here */
    note(c, "note", field, json_string_value(alone), " is saved as ");
    return 0;
}

/* ---- defaults ---- */

int cli_fill_defaults(cli *c, const dowel_block_type *type, json_t *fields) {
    json_t *filled, *value;
    const char *name;
    int rc = dowel_defaults_fill(c->d, type->table, fields, &filled, &c->err);
    if (rc) return rc;
    json_object_foreach(filled, name, value) {
        char *shown = dowel_printable(json_string_value(value), false);
        if (!c->quiet)
            fprintf(stderr, "%s: note: %s is saved as %s, the default\n", c->program, name, shown ? shown : "");
        free(shown);
    }
    json_decref(filled);
    return 0;
}
