/* References between blocks are followed while documents are decoded: by name from the registry, or inline. */
#include "stored.h"

#include <stdio.h>
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
    return dowel_fail(err, DOWEL_E_INVALID, "blocks refer to each other in a circle: %s", chain);
}

int dowel_load_below(const dowel_loading *at, const char *reference, const char *types, dowel_block **block,
                     dowel_error *err) {
    const dowel_block_type *type;
    dowel_stored stored;
    char name[DOWEL_NAME_SIZE];
    int rc = dowel_reference_parse(at->d, reference, &type, name, err);
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
        dowel_loading here = {at->d, at->db, at, reference, at->depth + 1};
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
    if (given && !name) return dowel_fail(err, DOWEL_E_INVALID, "an inline block's \"$type\" is text");
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
    if (!plain) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    json_object_del(plain, "$type");
    dowel_loading here = {at->d, at->db, at, NULL, at->depth + 1};
    dowel_resolver resolver = dowel_resolver_below(&here);
    rc = dowel_block_new(type, NULL, plain, &resolver, block, err);
    json_decref(plain);
    return rc;
}

dowel_resolver dowel_resolver_below(const dowel_loading *at) {
    return (dowel_resolver){by_name, by_document, (void *)at};
}

/* ---- the handle's own ---- */

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

void dowel_resolver_install(dowel *d) {
    dowel_set_resolver(d, &(dowel_resolver){handle_by_name, handle_by_document, d});
}
