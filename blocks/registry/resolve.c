/* Follows references to blocks while documents are decoded: by name from the registry, or inline. */
#include "stored.h"
#include "types.h"

#include <dowel/objects.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 16

static bool accepts(const char *types, const char *type) {
    size_t length = strlen(type);
    while (types) {
        if (!strncmp(types, type, length) && (!types[length] || types[length] == '|')) return true;
        types = strchr(types, '|');
        if (types) types++;
    }
    return false;
}

static int check_type(const char *types, const char *type, const char *what, dowel_error *err) {
    if (!types || accepts(types, type)) return 0;
    return dowel_fail(err, DOWEL_E_INVALID, "expected a block of type %s, got %s", types, what);
}

/* ---- names without a type ---- */

static int add_once(json_t *types, const char *type, dowel_error *err) {
    size_t i;
    json_t *known;
    json_array_foreach(types, i, known) if (!strcmp(json_string_value(known), type)) return 0;
    return json_array_append_new(types, json_string(type)) ? dowel_no_memory(err) : 0;
}

static int add_saved(dowel_db *db, const char *name, const char *types, json_t *found, dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(db, "SELECT type FROM blocks WHERE name = $1 ORDER BY type", DOWEL_VALUES(DOWEL_TEXT(name)),
                            &rows, err);
    if (rc) return rc;
    while ((rc = dowel_rows_next(rows, err)) == 1) {
        const char *type = dowel_rows_text(rows, 0);
        rc = !types || accepts(types, type) ? add_once(found, type, err) : 0;
        if (rc) break;
    }
    dowel_rows_free(rows);
    return rc;
}

/* Finds the types that have a block of that name. If exactly one variable or file matches, a database that cannot be read is not an error. */
static int find_types(dowel *d, dowel_db *db, const char *name, const char *types, json_t *found, dowel_error *err) {
    const dowel_block_type *type;
    char origin[DOWEL_ORIGIN_SIZE];
    int rc = 0;
    for (size_t i = 0; !rc && (type = dowel_block_type_at(d, i)); i++)
        if ((!types || accepts(types, type->name)) && dowel_readonly_find(type, name, origin))
            rc = add_once(found, type->name, err);
    if (rc) return rc;
    size_t in_front = json_array_size(found);
    dowel_db *borrowed = NULL;
    rc = db ? 0 : dowel_registry_database(d, &borrowed, err);
    if (!rc) rc = add_saved(db ? db : borrowed, name, types, found, err);
    dowel_database_release(d, borrowed);
    return rc && in_front == 1 ? 0 : rc;
}

/* NOT_FOUND with the nearest of the names that blocks of these types have. `d` NULL: none is looked for. */
static int none(dowel *d, const char *name, const char *types, dowel_error *err) {
    json_t *blocks = NULL, *block;
    char said[256] = "", *bar;
    size_t i, count = 0;
    if (d) (void)dowel_block_list(d, NULL, &blocks, NULL);
    const char **names = calloc(json_array_size(blocks) + 1, sizeof *names);
    json_array_foreach(blocks, i, block) {
        const char *type = json_string_value(json_object_get(block, "type"));
        if (names && (!types || accepts(types, type)))
            names[count++] = json_string_value(json_object_get(block, "name"));
    }
    const char *near = names ? dowel_nearest(name, names) : NULL;
    snprintf(said, sizeof said, "%s%.200s", types ? " of type " : "", types ? types : "");
    while ((bar = strchr(said, '|'))) *bar = ',';
    int rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "no block \"%.100s\"%s%s%s%s", name, said,
                        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    if (!near) dowel_error_hint(err, "`dowel block list` shows the saved blocks");
    free(names);
    json_decref(blocks);
    return rc;
}

static int not_one(dowel *d, const char *name, const char *types, const json_t *found, dowel_error *err) {
    char list[512] = "";
    size_t i, used = 0;
    json_t *type;
    if (!json_array_size(found)) return none(d, name, types, err);
    json_array_foreach(found, i, type) {
        int size = snprintf(list + used, sizeof list - used, "%s%s/%s", i ? ", " : "", json_string_value(type), name);
        if (size > 0 && used + (size_t)size < sizeof list) used += (size_t)size;
    }
    int rc = dowel_fail(err, DOWEL_E_INVALID, "several blocks are called \"%.100s\": %s", name, list);
    dowel_error_hint(err, "add the type: type/name");
    return rc;
}

static int check_name(const char *name, dowel_error *err) {
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (size && size < DOWEL_NAME_SIZE && !name[size]) return 0;
    return dowel_fail(err, DOWEL_E_INVALID,
                      "\"%.100s\" is not a block name: expected 1 to 63 of the characters a-z, 0-9 and -", name);
}

/* gs://bucket where a saved block is expected. */
static int is_url(dowel *d, const char *url, const char *types, dowel_error *err) {
    const char *name = strstr(url, "://") + 3;
    const dowel_block_type *type;
    dowel_fail(err, DOWEL_E_INVALID, "\"%.200s\" is a URL; a block is expected here%s%s", url, types ? ": " : "",
               types ? types : "");
    for (size_t i = 0; (type = dowel_block_type_at(d, i)); i++) {
        bool holds = type->size >= offsetof(dowel_block_type, objects) + sizeof type->objects && type->objects;
        size_t size = holds ? strlen(type->objects->scheme) : 0;
        if (!holds || size != (size_t)(name - 3 - url) || strncmp(url, type->objects->scheme, size)) continue;
        dowel_error_hint(err, "save it first: `dowel block save %s/NAME --%s %.*s`", type->name, type->objects->place,
                         (int)strcspn(name, "/"), name);
    }
    return DOWEL_E_INVALID;
}

int dowel_reference_complete(dowel *d, dowel_db *db, const char *reference, const char *types,
                             char full[DOWEL_REFERENCE_SIZE], dowel_error *err) {
    if (strstr(reference, "://")) return is_url(d, reference, types, err);
    if (strchr(reference, '/')) {
        if (strlen(reference) >= DOWEL_REFERENCE_SIZE)
            return dowel_fail(err, DOWEL_E_INVALID, "block reference \"%.100s...\" is too long", reference);
        snprintf(full, DOWEL_REFERENCE_SIZE, "%s", reference);
        return 0;
    }
    int rc = check_name(reference, err);
    if (rc) return rc;
    /* With a single accepted type, there is nothing to search. */
    if (types && !strchr(types, '|')) {
        snprintf(full, DOWEL_REFERENCE_SIZE, "%s/%s", types, reference);
        return 0;
    }
    json_t *found = json_array();
    rc = found ? find_types(d, db, reference, types, found, err) : dowel_no_memory(err);
    if (!rc && json_array_size(found) != 1) rc = not_one(db ? NULL : d, reference, types, found, err);
    if (!rc) snprintf(full, DOWEL_REFERENCE_SIZE, "%s/%s", json_string_value(json_array_get(found, 0)), reference);
    json_decref(found);
    return rc;
}

/* ---- loading ---- */

/* "a refers to b refers to a" */
static int cycle(const dowel_loading *at, const char *reference, dowel_error *err) {
    char chain[512];
    snprintf(chain, sizeof chain, "%s", reference);
    for (const dowel_loading *frame = at; frame; frame = frame->parent) {
        if (!frame->reference) continue;
        char longer[512];
        if ((size_t)snprintf(longer, sizeof longer, "%s -> %s", frame->reference, chain) >= sizeof longer) break;
        memcpy(chain, longer, sizeof chain);
        if (!strcmp(frame->reference, reference)) break;
    }
    return dowel_fail(err, DOWEL_E_INVALID, "blocks refer to each other in a cycle: %s", chain);
}

/* A bucket's own name, such as "acme_landing", where the name of a block is expected. */
static void hint_at_place(dowel *d, const char *reference, dowel_error *err) {
    char type_name[DOWEL_NAME_SIZE];
    const char *slash = strchr(reference, '/');
    const dowel_block_type *type;
    if (!slash || !slash[1] || !check_name(slash + 1, NULL)) return;
    snprintf(type_name, sizeof type_name, "%.*s", (int)(slash - reference), reference);
    if (dowel_find_block_type(d, type_name, &type, NULL) ||
        type->size < offsetof(dowel_block_type, objects) + sizeof type->objects || !type->objects)
        return;
    dowel_error_hint(err, "for a %s of this name, save a block first: `dowel block save %s/NAME --%s %.100s`",
                     type->objects->place, type->name, type->objects->place, slash + 1);
}

int dowel_load_below(const dowel_loading *at, const char *given, const char *types, dowel_block **block,
                     dowel_error *err) {
    const dowel_block_type *type;
    dowel_stored stored;
    char name[DOWEL_NAME_SIZE], reference[DOWEL_REFERENCE_SIZE];
    int rc = dowel_reference_complete(at->d, at->db, given, types, reference, err);
    if (!rc && (rc = dowel_reference_parse(at->d, reference, &type, name, err))) hint_at_place(at->d, reference, err);
    if (!rc) rc = check_type(types, type->name, reference, err);
    if (rc) return rc;
    if (at->depth >= DEEPEST)
        return dowel_fail(err, DOWEL_E_INVALID, "block %s: references are nested too deeply", reference);
    for (const dowel_loading *frame = at; frame; frame = frame->parent)
        if (frame->reference && !strcmp(frame->reference, reference)) return cycle(at, reference, err);
    rc = dowel_stored_read(at->d, at->db, type, name, &stored, err);
    if (rc) return rc;
    rc = dowel_stored_open(at->d, &stored, !at->db, err);
    if (!rc) {
        dowel_loading here = {at->d, at->db, at, reference, at->depth + 1, false};
        dowel_resolver resolver = dowel_resolver_below(&here);
        rc = dowel_block_new(type, name, stored.document, &resolver, block, err);
        if (rc) dowel_error_prefix(err, "block %s: ", reference);
    }
    dowel_stored_clear(&stored);
    return rc;
}

static int by_name(void *context, const char *reference, const char *types, dowel_block **block, dowel_error *err) {
    return dowel_load_below(context, reference, types, block, err);
}

static int by_document(void *context, const json_t *document, const char *types, dowel_block **block,
                       dowel_error *err) {
    const dowel_loading *at = context;
    const json_t *given = json_object_get(document, "$type");
    const char *name = json_string_value(given);
    if (given && !name) return dowel_fail(err, DOWEL_E_INVALID, "an inline block: \"$type\" is not text");
    if (!name && types && !strchr(types, '|')) name = types;
    if (!name)
        return dowel_fail(err, DOWEL_E_INVALID, "an inline block needs a \"$type\" here: %s",
                          types ? types : "any type");
    if (at->depth >= DEEPEST) return dowel_fail(err, DOWEL_E_INVALID, "blocks are nested too deeply");
    const dowel_block_type *type;
    int rc = check_type(types, name, name, err);
    if (!rc) rc = dowel_find_block_type(at->d, name, &type, err);
    if (rc) return rc;
    json_t *plain = json_copy((json_t *)document);
    if (!plain) return dowel_no_memory(err);
    json_object_del(plain, "$type");
    dowel_loading here = {at->d, at->db, at, NULL, at->depth + 1, at->call};
    dowel_resolver resolver = dowel_resolver_below(&here);
    rc = dowel_block_new(type, NULL, plain, &resolver, block, err);
    json_decref(plain);
    return rc;
}

static int preset_below(void *context, const char *setting, char **text, dowel_error *err) {
    return dowel_preset(((const dowel_loading *)context)->d, setting, text, err);
}

dowel_resolver dowel_resolver_below(const dowel_loading *at) {
    return (dowel_resolver){by_name, by_document, (void *)at, at->call ? preset_below : NULL};
}

/* ---- the resolver of a handle ---- */

static int handle_by_name(void *context, const char *reference, const char *types, dowel_block **block,
                          dowel_error *err) {
    dowel_loading top = {.d = context};
    return dowel_load_below(&top, reference, types, block, err);
}

static int handle_by_document(void *context, const json_t *document, const char *types, dowel_block **block,
                              dowel_error *err) {
    dowel_loading top = {.d = context};
    return by_document(&top, document, types, block, err);
}

/* The same in the arguments of a call. */
static int call_by_document(void *context, const json_t *document, const char *types, dowel_block **block,
                            dowel_error *err) {
    dowel_loading top = {.d = context, .call = true};
    return by_document(&top, document, types, block, err);
}

void dowel_resolver_install(dowel *d) {
    dowel_set_resolver(d, &(dowel_resolver){handle_by_name, handle_by_document, d, NULL});
    dowel_set_call_resolver(d, &(dowel_resolver){handle_by_name, call_by_document, d, dowel_preset});
}
