/* Exports blocks and restores them: as a bundle, encrypted with a passphrase, or as a template, with masked secrets. */

#include "passphrase_internal.h"
#include "stored.h"

#include <dowel/text.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUNDLE "dowel-bundle"
#define TEMPLATE "dowel-template"
#define VERSION 1
#define DEEPEST 64

/* ---- export ---- */

static int collect(dowel *d, const dowel_table *table, const json_t *document, json_t *list, int depth,
                   dowel_error *err);

static int add_reference(const dowel_field *field, const char *text, json_t *list, dowel_error *err) {
    bool single = field->blocks && !strchr(field->blocks, '|');
    if (!strchr(text, '/') && !single) return 0;
    json_t *reference = strchr(text, '/') ? json_string(text) : json_sprintf("%s/%s", field->blocks, text);
    return json_array_append_new(list, reference) ? dowel_no_memory(err) : 0;
}

static int collect_block(dowel *d, const dowel_field *field, const json_t *value, json_t *list, int depth,
                         dowel_error *err) {
    const json_t *named = json_object_get(value, "$block");
    const char *reference = json_string_value(json_is_string(value) ? value : named),
               *name = json_string_value(json_object_get(value, "$type"));
    const dowel_block_type *type;
    if (reference) return add_reference(field, reference, list, err);
    if (!name && field->blocks && !strchr(field->blocks, '|')) name = field->blocks;
    return name && !dowel_find_block_type(d, name, &type, NULL) ? collect(d, type->table, value, list, depth + 1, err)
                                                                : 0;
}

/* Appends every "type/name" that a document refers to. JSON fields contain no references. */
static int collect(dowel *d, const dowel_table *table, const json_t *document, json_t *list, int depth,
                   dowel_error *err) {
    int rc = depth > DEEPEST ? dowel_fail(err, DOWEL_E_INVALID, "nested too deeply") : 0;
    for (const dowel_field *field = table->fields; !rc && field->name; field++) {
        const json_t *value = json_object_get(document, field->name);
        if (!value) continue;
        if (field->kind == DOWEL_BLOCK) rc = collect_block(d, field, value, list, depth, err);
        if (field->kind == DOWEL_TABLE) rc = collect(d, field->table, value, list, depth + 1, err);
        for (size_t i = 0; field->kind == DOWEL_TABLES && !rc && i < json_array_size(value); i++)
            rc = collect(d, field->table, json_array_get(value, i), list, depth + 1, err);
    }
    return rc;
}

static int collect_of(dowel *d, const char *reference, const json_t *document, json_t *list, dowel_error *err) {
    const dowel_block_type *type;
    char name[DOWEL_NAME_SIZE];
    /* If the reference is wrong, saving the block reports it. */
    return dowel_reference_parse(d, reference, &type, name, NULL) ? 0 : collect(d, type->table, document, list, 0, err);
}

static int add_block(dowel *d, const char *reference, bool masked, json_t *blocks, json_t *wanted, dowel_error *err) {
    json_t *shown;
    int rc = dowel_block_show(d, reference, masked ? DOWEL_SECRETS_MASKED : DOWEL_SECRETS_SHOWN, &shown, err);
    if (rc) return rc;
    json_t *document = json_object_get(shown, "document");
    json_t *block =
        json_pack("{s:O,s:O,s:O,s:O}", "type", json_object_get(shown, "type"), "name", json_object_get(shown, "name"),
                  "version", json_object_get(shown, "version"), "document", document);
    if (!block || json_object_set_new(blocks, reference, block)) rc = dowel_no_memory(err);
    /* In a read-only block, a reference may be a text. The masked document has the form {"$block": "type/name"}. */
    if (!rc && !masked) {
        json_t *normal = NULL;
        rc = dowel_block_show(d, reference, DOWEL_SECRETS_MASKED, &normal, err);
        if (!rc) rc = collect_of(d, reference, json_object_get(normal, "document"), wanted, err);
        json_decref(normal);
    } else if (!rc) {
        rc = collect_of(d, reference, document, wanted, err);
    }
    json_decref(shown);
    return rc;
}

static int want_all(dowel *d, json_t *wanted, dowel_error *err) {
    json_t *list, *entry;
    size_t i;
    int rc = dowel_block_list(d, NULL, &list, err);
    if (rc) return rc;
    json_array_foreach(list, i, entry) {
        if (rc) break;
        json_t *reference = json_sprintf("%s/%s", json_string_value(json_object_get(entry, "type")),
                                         json_string_value(json_object_get(entry, "name")));
        if (json_array_append_new(wanted, reference)) rc = dowel_no_memory(err);
    }
    json_decref(list);
    return rc;
}

static int gather(dowel *d, const char *const *references, bool masked, json_t **found, dowel_error *err) {
    json_t *wanted = json_array(), *blocks = json_object();
    int rc = wanted && blocks ? 0 : dowel_no_memory(err);
    for (; !rc && references && *references; references++)
        if (json_array_append_new(wanted, json_string(*references))) rc = dowel_no_memory(err);
    if (!rc && !json_array_size(wanted)) rc = want_all(d, wanted, err);
    /* The list grows: the blocks that a block refers to are exported too. */
    for (size_t i = 0; !rc && i < json_array_size(wanted); i++) {
        const char *reference = json_string_value(json_array_get(wanted, i));
        if (!json_object_get(blocks, reference)) rc = add_block(d, reference, masked, blocks, wanted, err);
    }
    json_t *list = json_array(), *block;
    const char *key;
    json_object_foreach(blocks, key, block) if (!rc && json_array_append(list, block)) rc = dowel_no_memory(err);
    json_decref(wanted);
    if (rc) dowel_json_cleanse(list);
    dowel_json_cleanse(blocks);
    if (!rc) *found = list;
    return rc;
}

int dowel_blocks_export(dowel *d, const char *const *references, const char *passphrase, json_t **exported,
                        dowel_error *err) {
    json_t *blocks = NULL;
    int rc = gather(d, references, !passphrase, &blocks, err);
    if (rc) return rc;
    if (!passphrase) {
        *exported = json_pack("{s:s,s:i,s:o}", "format", TEMPLATE, "version", VERSION, "blocks", blocks);
        return *exported ? 0 : dowel_no_memory(err);
    }
    char *text = dowel_json_dump(blocks, 0);
    rc = text ? dowel_wrap(BUNDLE, passphrase, text, strlen(text), exported, err) : dowel_no_memory(err);
    dowel_wipe(text);
    dowel_json_cleanse(blocks);
    return rc;
}

/* ---- restore ---- */

static int damaged(const char *origin, const char *why, dowel_error *err) {
    return dowel_fail(err, DOWEL_E_INVALID, "%s: %s", origin, why);
}

/* *blocks: the array of blocks in a result of dowel_blocks_export(), a new reference; release it with dowel_json_cleanse(). `passphrase` may be
 * NULL for a template. */
static int read_blocks(const json_t *exported, const char *origin, const char *passphrase, json_t **blocks,
                       dowel_error *err) {
    const char *format = json_string_value(json_object_get(exported, "format"));
    if (format && !strcmp(format, TEMPLATE)) {
        if (json_integer_value(json_object_get(exported, "version")) != VERSION)
            return damaged(origin, "this version of dowel does not support the version of the template", err);
        json_t *list = json_object_get(exported, "blocks");
        if (!json_is_array(list)) return damaged(origin, "the template has no \"blocks\"", err);
        *blocks = json_incref(list);
        return 0;
    }
    if (!format || strcmp(format, BUNDLE) != 0) {
        int rc = damaged(origin, "neither a bundle nor a template", err);
        dowel_error_hint(err, "`dowel block export` creates them");
        return rc;
    }
    void *plain;
    size_t size;
    int rc = dowel_wrapped_check(BUNDLE, exported, origin, err);
    if (rc) return rc;
    if (!passphrase) {
        rc = dowel_fail(err, DOWEL_E_KEY, "%s: the bundle needs its passphrase", origin);
        dowel_error_hint(err, "use --passphrase, or enter it on a terminal");
        return rc;
    }
    rc = dowel_unwrap(BUNDLE, exported, origin, passphrase, &plain, &size, err);
    if (rc) return rc;
    rc = dowel_json_read(plain, size, DOWEL_JSON_EXACT | DOWEL_JSON_NUL, origin, blocks, err);
    dowel_wipe_bytes(plain, size);
    if (!rc && !json_is_array(*blocks)) {
        dowel_json_cleanse(*blocks);
        rc = damaged(origin, "the bundle does not contain an array of blocks", err);
    }
    return rc;
}

/* {"type/name": document}. */
static int by_reference(const json_t *blocks, const char *origin, json_t **documents, dowel_error *err) {
    json_t *found = json_object(), *block;
    size_t i;
    int rc = found ? 0 : dowel_no_memory(err);
    json_array_foreach((json_t *)blocks, i, block) {
        const char *type = json_string_value(json_object_get(block, "type")),
                   *name = json_string_value(json_object_get(block, "name"));
        json_t *document = json_object_get(block, "document");
        char reference[2 * DOWEL_NAME_SIZE];
        if (rc) break;
        if (!type || !name || !json_is_object(document) ||
            (size_t)snprintf(reference, sizeof reference, "%s/%s", type, name) >= sizeof reference)
            rc = dowel_fail(err, DOWEL_E_INVALID, "%s: blocks[%zu]: expected an object with type, name and document",
                            origin, i);
        else if (json_object_get(found, reference))
            rc = dowel_fail(err, DOWEL_E_INVALID, "%s: duplicate block %s", origin, reference);
        else if (json_object_set(found, reference, document))
            rc = dowel_no_memory(err);
    }
    if (rc)
        json_decref(found);
    else
        *documents = found;
    return rc;
}

/* Appends a block after the blocks of the set that it refers to, so that each is saved after what it needs. A cycle ends at a block that was
 * visited before; saving then reports the cycle. */
static int put_in_order(dowel *d, const json_t *documents, const char *reference, json_t *begun, json_t *list,
                        int depth, dowel_error *err) {
    json_t *document = json_object_get(documents, reference), *needed = NULL;
    if (!document || json_object_get(begun, reference)) return 0;
    if (depth > DEEPEST)
        return dowel_fail(err, DOWEL_E_INVALID, "block %s: references are nested too deeply", reference);
    int rc = json_object_set_new(begun, reference, json_true()) || !(needed = json_array()) ? dowel_no_memory(err) : 0;
    if (!rc) rc = collect_of(d, reference, document, needed, err);
    for (size_t i = 0; !rc && i < json_array_size(needed); i++)
        rc = put_in_order(d, documents, json_string_value(json_array_get(needed, i)), begun, list, depth + 1, err);
    json_decref(needed);
    if (!rc && json_array_append_new(list, json_pack("{s:s,s:O}", "block", reference, "document", document)))
        rc = dowel_no_memory(err);
    return rc;
}

/* The argument of dowel_blocks_save(). */
static int in_order(dowel *d, const json_t *documents, json_t **list, dowel_error *err) {
    json_t *begun = json_object(), *found = json_array(), *document;
    const char *reference;
    int rc = begun && found ? 0 : dowel_no_memory(err);
    json_object_foreach((json_t *)documents, reference, document) if (!rc) rc =
        put_in_order(d, documents, reference, begun, found, 0, err);
    json_decref(begun);
    if (rc)
        json_decref(found);
    else
        *list = found;
    return rc;
}

int dowel_blocks_restore(dowel *d, const json_t *exported, const char *origin, const char *passphrase,
                         dowel_save_mode mode, json_t **saved, dowel_error *err) {
    json_t *blocks = NULL, *documents = NULL, *list = NULL;
    int rc = read_blocks(exported, origin, passphrase, &blocks, err);
    if (rc) return rc;
    rc = by_reference(blocks, origin, &documents, err);
    if (!rc) rc = in_order(d, documents, &list, err);
    if (!rc) rc = dowel_blocks_save(d, list, mode, saved, err);
    json_decref(list);
    json_decref(documents);
    dowel_json_cleanse(blocks);
    return rc;
}
