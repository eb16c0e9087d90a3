/* Saves, loads, shows, lists and deletes blocks. */
#include "stored.h"

#include "keyring_internal.h"
#include "reseal.h"

#include <dowel/clock.h>
#include <dowel/objects.h>
#include <dowel/stream.h>
#include <dowel/text.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- save ---- */

typedef struct saving {
    dowel *d;
    const char *reference;
    dowel_db *db;
    const dowel_block_type *type;
    char name[DOWEL_NAME_SIZE];
    const json_t *document;
    json_t *anchored; /* a copy with absolute paths; NULL: the document had no relative ones */
    json_t *shown;
    json_t *secrets;
    const dowel_keys *keys; /* NULL: no secrets, and no key available */
    int64_t revision;       /* the new one */
} saving;

/* Decodes the document and every block that it refers to, so that a saved block can be loaded. */
static int validate(const saving *s, dowel_error *err) {
    dowel_loading here = {s->d, s->db, NULL, s->reference, 1, false};
    dowel_resolver resolver = dowel_resolver_below(&here);
    dowel_block *block;
    int rc = dowel_block_new(s->type, s->name, s->document, &resolver, &block, err);
    if (rc) return rc;
    bool can = s->type->size >= offsetof(dowel_block_type, check_save) + sizeof s->type->check_save;
    if (can && s->type->check_save) rc = s->type->check_save(s->d, block, err);
    if (rc) dowel_error_prefix(err, "block %s was not saved: ", s->reference);
    dowel_block_free(block);
    return rc;
}

/* Seals the secrets (maybe none) and authenticates the public document. */
static int seal(const saving *s, int64_t revision, const char *shown, char **sealed, dowel_error *err) {
    *sealed = NULL;
    if (!s->keys) return 0;
    char *plain = dowel_json_dump(s->secrets, JSON_SORT_KEYS);
    if (!plain) return dowel_no_memory(err);
    dowel_sealed_for owner = {s->type->name, s->name, revision, s->type->version, shown, false};
    void *blob = NULL;
    size_t size = 0;
    int rc = dowel_seal(&s->keys->list[0], &owner, plain, strlen(plain), &blob, &size, err);
    dowel_wipe(plain);
    if (!rc && !(*sealed = dowel_base64(blob, size))) rc = dowel_no_memory(err);
    free(blob);
    return rc;
}

static int current_revision(const saving *s, int64_t *revision, dowel_error *err) {
    dowel_rows *rows = NULL;
    *revision = 0;
    int rc = dowel_db_query(s->db, "SELECT revision FROM blocks WHERE type = $1 AND name = $2",
                            DOWEL_VALUES(DOWEL_TEXT(s->type->name), DOWEL_TEXT(s->name)), &rows, err);
    if (rc) return rc;
    rc = dowel_rows_next(rows, err);
    if (rc == 1) *revision = dowel_rows_int(rows, 0);
    dowel_rows_free(rows);
    if (rc == 1 && (*revision < 1 || *revision == INT64_MAX))
        return dowel_fail(err, DOWEL_E_CORRUPT, "block %s: the record is damaged (revision %lld)", s->reference,
                          (long long)*revision);
    return rc < 0 ? rc : 0;
}

static int write_row(const saving *s, int64_t revision, dowel_error *err) {
    char *sealed = NULL, *shown = dowel_document_text(s->shown);
    int rc = shown ? seal(s, revision, shown, &sealed, err) : dowel_no_memory(err);
    if (!rc)
        rc = dowel_db_exec(
            s->db,
            "INSERT INTO blocks (type, name, revision, version, document, sealed, key_id, created, updated) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (type, name) DO UPDATE SET "
            "revision = excluded.revision, version = excluded.version, document = excluded.document, "
            "sealed = excluded.sealed, key_id = excluded.key_id, updated = excluded.updated",
            DOWEL_VALUES(DOWEL_TEXT(s->type->name), DOWEL_TEXT(s->name), DOWEL_INTEGER(revision),
                         DOWEL_INTEGER(s->type->version), DOWEL_TEXT(shown), DOWEL_TEXT(sealed),
                         DOWEL_TEXT(s->keys ? s->keys->list[0].id : NULL), DOWEL_INTEGER(dowel_now())),
            NULL, err);
    free(sealed);
    free(shown);
    return rc;
}

/* Inside a write transaction, so that nothing changes between the checks and the write. */
static int save_row(saving *s, dowel_save_mode mode, dowel_error *err) {
    int64_t current;
    int rc = current_revision(s, &current, err);
    if (!rc && current && mode == DOWEL_SAVE_NEW) {
        rc = dowel_fail(err, DOWEL_E_EXISTS, "block %s already exists (revision %lld)", s->reference,
                        (long long)current);
        dowel_error_hint(err, "use --overwrite (in C DOWEL_SAVE_OVERWRITE) to replace it");
    }
    if (!rc) rc = validate(s, err);
    if (!rc) rc = write_row(s, current + 1, err);
    if (!rc) s->revision = current + 1;
    return rc;
}

static int refuse_readonly(const dowel_block_type *type, const char *name, dowel_error *err) {
    char origin[DOWEL_ORIGIN_SIZE];
    if (!dowel_readonly_find(type, name, origin)) return 0;
    int rc =
        dowel_fail(err, DOWEL_E_CONFLICT, "block %s/%s is read-only: it comes from the %s", type->name, name, origin);
    dowel_error_hint(err, "change it there, or remove it there to use the block of the database");
    return rc;
}

/* A relative path would mean another file when the block is used in another folder. */
static int anchor(saving *s, dowel_error *err) {
    bool relative = false;
    int rc = dowel_fields_anchor(s->d, s->type->table, (json_t *)s->document, NULL, &relative, err);
    if (rc || !relative) return rc;
    char *folder = dowel_path_absolute(".", NULL);
    if (!folder || !(s->anchored = json_deep_copy(s->document)))
        rc = dowel_no_memory(err);
    else if (*folder != '/')
        rc = dowel_fail(err, DOWEL_E_INVALID, "cannot save a relative path: the working directory has no path");
    else
        rc = dowel_fields_anchor(s->d, s->type->table, s->anchored, folder, NULL, err);
    free(folder);
    if (rc) return dowel_error_prefix(err, "block %s was not saved: ", s->reference);
    s->document = s->anchored;
    return 0;
}

/* The service would say that there is no such bucket. */
static int refuse_url(const saving *s, dowel_error *err) {
    const dowel_block_type *type = s->type;
    bool holds = type->size >= offsetof(dowel_block_type, objects) + sizeof type->objects && type->objects;
    const char *name = holds ? json_string_value(json_object_get(s->document, type->objects->place)) : NULL;
    if (!name || !strstr(name, "://")) return 0;
    dowel_fail(err, DOWEL_E_INVALID, "block %s: field \"%s\": \"%.200s\" is a URL", s->reference, type->objects->place,
               name);
    dowel_error_hint(err, "give the name of the %s alone, without %s://", type->objects->place, type->objects->scheme);
    return DOWEL_E_INVALID;
}

/* Everything that can be checked without the database. */
static int prepare(saving *s, dowel_error *err) {
    int rc = dowel_reference_parse(s->d, s->reference, &s->type, s->name, err);
    if (!rc) rc = refuse_readonly(s->type, s->name, err);
    if (!rc && !json_is_object(s->document))
        rc = dowel_fail(err, DOWEL_E_INVALID, "block %s: the document is not a JSON object", s->reference);
    if (!rc) rc = refuse_url(s, err);
    if (!rc) rc = anchor(s, err);
    if (rc) return rc;
    return dowel_secrets_split(s->d, s->type, s->document, &s->shown, &s->secrets, err);
}

static bool have_secrets(const saving *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (json_object_size(list[i].secrets)) return true;
    return false;
}

/* If a machine without the registry's key sealed a block with its own key, it could not use the other blocks any more. For a block without secrets
 * that is refused. *other: the registry's key, or "". Called twice: with `db` NULL before a key is created, and inside the write transaction, because
 * two machines may create a key at once. */
static int refuse_other_key(dowel *d, dowel_db *db, const saving *list, size_t count, char other[DOWEL_KEY_ID_SIZE],
                            dowel_error *err) {
    bool foreign;
    *other = 0;
    /* find_keys() reports errors of the keys. */
    if (dowel_registry_is_foreign(d, db, &foreign, NULL) || !foreign) return 0;
    int rc = dowel_registry_key(d, db, other, err);
    if (rc || !*other || !count || have_secrets(list, count)) return rc;
    rc =
        dowel_fail(err, DOWEL_E_KEY,
                   "block %s was not saved: this registry seals every block, and its key %s is missing on this machine",
                   list[0].reference, other);
    dowel_error_hint(err,
                     "provide that key (`dowel key add`, DOWEL_KEY or DOWEL_KEY_FILE). If it is lost, set DOWEL_KEY "
                     "to a new one (`openssl rand -base64 32`) and save every block again");
    return rc;
}

/* Gets the keys before the database is locked, because a passphrase may have to be entered. A block without secrets can be saved without keys;
 * *why then has the reason. */
static int find_keys(saving *s, const char *other, dowel_error *why, dowel_error *err) {
    if (!dowel_keys_get(s->d, true, &s->keys, why)) return 0;
    s->keys = NULL;
    if (!json_object_size(s->secrets)) return 0;
    if (err) *err = *why;
    if (*other)
        dowel_error_hint(err, "this registry is sealed with key %s: set DOWEL_KEY or DOWEL_KEY_FILE to it", other);
    return dowel_error_prefix(err, "block %s has secrets and was not saved: ", s->reference);
}

/* Inside the write transaction, gets the keys again. A rotation starts its transactions after it has written the key file, so a block either gets the
 * new key here or is in the database before the rotation looks for blocks. */
static int settle_keys(dowel *d, dowel_db *db, saving *list, size_t count, const dowel_error *why, dowel_error *err) {
    const dowel_keys *keys;
    bool sealed = false, have = count && list[0].keys;
    int rc = have ? dowel_keys_get(d, true, &keys, err) : dowel_registry_is_sealed(db, &sealed, err);
    if (!rc && have) rc = dowel_registry_reseal(d, db, keys, err);
    for (size_t i = 0; !rc && have && i < count; i++) list[i].keys = keys;
    if (rc || !sealed || !count) return rc;
    if (err) *err = *why;
    return dowel_error_prefix(err,
                              "block %s was not saved, because this registry seals every block: ", list[0].reference);
}

/* Inside a write transaction. */
static int write_rows(dowel *d, dowel_db *db, saving *list, size_t count, dowel_save_mode mode, const dowel_error *why,
                      char other[DOWEL_KEY_ID_SIZE], dowel_error *err) {
    int rc = count && list[0].keys ? refuse_other_key(d, db, list, count, other, err) : 0;
    if (!rc) rc = settle_keys(d, db, list, count, why, err);
    for (size_t i = 0; !rc && i < count; i++) {
        list[i].db = db;
        rc = save_row(&list[i], mode, err);
    }
    return rc;
}

static int save_rows(dowel *d, dowel_db *db, saving *list, size_t count, dowel_save_mode mode, const dowel_error *why,
                     char other[DOWEL_KEY_ID_SIZE], dowel_error *err) {
    int rc = dowel_db_begin(db, err);
    if (rc) return rc;
    rc = write_rows(d, db, list, count, mode, why, other, err);
    if (!rc) rc = dowel_db_commit(db, err);
    if (rc) dowel_db_rollback(db);
    return rc;
}

static void clear(saving *s) {
    dowel_json_cleanse(s->shown);
    dowel_json_cleanse(s->secrets);
    dowel_json_cleanse(s->anchored);
}

/* All of them, or none. */
static int save_all(dowel *d, saving *list, size_t count, dowel_save_mode mode, dowel_error *err) {
    dowel_db *db = NULL;
    dowel_error why = {.code = 0};
    char other[DOWEL_KEY_ID_SIZE] = "";
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++) rc = prepare(&list[i], err);
    if (!rc) rc = refuse_other_key(d, NULL, list, count, other, err);
    /* After all documents were checked: a wrong one must not create a key. */
    for (size_t i = 0; !rc && i < count; i++) rc = find_keys(&list[i], other, &why, err);
    if (!rc) rc = dowel_registry_database(d, &db, err);
    if (!rc) rc = save_rows(d, db, list, count, mode, &why, other, err);
    dowel_database_release(d, db);
    if (!rc && count && !list[0].keys)
        dowel_log(d, DOWEL_LOG_WARNING,
                  "block %s was saved without a seal, so changes outside of dowel cannot be detected: %s",
                  list[0].reference, why.message);
    if (!rc && *other)
        dowel_log(d, DOWEL_LOG_WARNING,
                  "block %s was sealed with a key that exists only on this machine; other blocks of this registry are "
                  "sealed with key %s, "
                  "which is missing here, and cannot be used here",
                  list[0].reference, other);
    for (size_t i = 0; i < count; i++) clear(&list[i]);
    return rc;
}

int dowel_block_save(dowel *d, const char *reference, const json_t *document, dowel_save_mode mode, int64_t *revision,
                     dowel_error *err) {
    saving one = {.d = d, .reference = reference, .document = document};
    int rc = save_all(d, &one, 1, mode, err);
    if (!rc && revision) *revision = one.revision;
    return rc;
}

int dowel_blocks_save(dowel *d, const json_t *blocks, dowel_save_mode mode, json_t **saved, dowel_error *err) {
    size_t count = json_array_size(blocks), i;
    saving *list = calloc(count + 1, sizeof *list);
    if (!list) return dowel_no_memory(err);
    json_t *entry;
    int rc = 0;
    json_array_foreach((json_t *)blocks, i, entry) {
        list[i] = (saving){.d = d,
                           .reference = json_string_value(json_object_get(entry, "block")),
                           .document = json_object_get(entry, "document")};
        if (!list[i].reference) rc = dowel_fail(err, DOWEL_E_INVALID, "entry %zu has no \"block\"", i);
    }
    if (!rc) rc = save_all(d, list, count, mode, err);
    dowel_builder report = dowel_build(json_array());
    for (i = 0; !rc && saved && i < count; i++)
        dowel_build_item(&report,
                         json_pack("{s:s,s:I}", "block", list[i].reference, "revision", (json_int_t)list[i].revision));
    free(list);
    int built = dowel_build_end(&report, rc ? NULL : saved, rc ? NULL : err);
    return rc ? rc : built;
}

int dowel_block_save_struct(dowel *d, const char *reference, const void *data, size_t size, dowel_save_mode mode,
                            int64_t *revision, dowel_error *err) {
    const dowel_block_type *type;
    char name[DOWEL_NAME_SIZE];
    dowel_block *block;
    int rc = dowel_reference_parse(d, reference, &type, name, err);
    if (!rc) rc = dowel_block_from(type, name, data, size, &block, err);
    if (rc) return rc;
    json_t *document = dowel_block_document(block, DOWEL_SECRETS_SHOWN);
    rc = document ? dowel_block_save(d, reference, document, mode, revision, err) : dowel_no_memory(err);
    dowel_json_cleanse(document);
    dowel_block_free(block);
    return rc;
}

/* ---- load, show, list ---- */

int dowel_block_load(dowel *d, const char *reference, dowel_block **block, dowel_error *err) {
    dowel_loading top = {.d = d};
    const dowel_block_type *type;
    char name[DOWEL_NAME_SIZE];
    int rc = dowel_reference_parse(d, reference, &type, name, err);
    if (rc) return rc;
    return dowel_load_below(&top, reference, NULL, block, err);
}

static json_t *time_text(int64_t time) {
    char text[DOWEL_TIME_TEXT_SIZE];
    dowel_format_time(time, text);
    return json_string(text);
}

static int describe(const dowel_stored *stored, json_t **shown, dowel_error *err) {
    dowel_builder b = dowel_build(json_object());
    dowel_build_text(&b, "type", stored->type->name);
    dowel_build_text(&b, "name", stored->name);
    if (!stored->readonly) dowel_build_int(&b, "revision", stored->revision);
    dowel_build_int(&b, "version", stored->version);
    if (!stored->readonly) {
        dowel_build_json(&b, "created", time_text(stored->created));
        dowel_build_json(&b, "updated", time_text(stored->updated));
    }
    dowel_build_json(&b, "source", dowel_json_text(stored->origin));
    dowel_build_json(&b, "document", json_incref(stored->document));
    return dowel_build_end(&b, shown, err);
}

int dowel_block_show(dowel *d, const char *reference, dowel_secrets secrets, json_t **shown, dowel_error *err) {
    const dowel_block_type *type;
    char name[DOWEL_NAME_SIZE];
    dowel_stored stored;
    int rc = dowel_reference_parse(d, reference, &type, name, err);
    if (!rc) rc = dowel_stored_read(d, NULL, type, name, &stored, err);
    if (rc) return rc;
    rc = secrets == DOWEL_SECRETS_SHOWN ? dowel_stored_open(d, &stored, true, err)
                                        : dowel_stored_mask(d, &stored, secrets == DOWEL_SECRETS_OMITTED, err);
    if (!rc) rc = describe(&stored, shown, err);
    dowel_stored_clear(&stored);
    return rc;
}

static int by_type_and_name(const void *a, const void *b) {
    const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
    int order =
        strcmp(json_string_value(json_object_get(left, "type")), json_string_value(json_object_get(right, "type")));
    return order ? order
                 : strcmp(json_string_value(json_object_get(left, "name")),
                          json_string_value(json_object_get(right, "name")));
}

/* Bytewise: not every database sorts like that. */
static int sort(json_t **list, dowel_error *err) {
    size_t count = json_array_size(*list);
    json_t **items = malloc((count + 1) * sizeof(json_t *)), *old = *list;
    if (!items) return dowel_no_memory(err);
    for (size_t i = 0; i < count; i++) items[i] = json_array_get(old, i);
    qsort(items, count, sizeof(json_t *), by_type_and_name);
    dowel_builder sorted = dowel_build(json_array());
    for (size_t i = 0; i < count; i++) dowel_build_item(&sorted, json_incref(items[i]));
    free(items);
    int rc = dowel_build_end(&sorted, list, err);
    json_decref(old);
    return rc;
}

static bool is_listed(const json_t *list, size_t count, const char *type, const char *name) {
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        if (!strcmp(json_string_value(json_object_get(entry, "type")), type) &&
            !strcmp(json_string_value(json_object_get(entry, "name")), name))
            return true;
    }
    return false;
}

static int list_stored(dowel *d, const char *type, json_t *list, dowel_error *err) {
    dowel_db *db = NULL;
    dowel_rows *rows = NULL;
    int rc = dowel_registry_database(d, &db, err);
    if (!rc)
        rc = dowel_db_query(db, "SELECT type, name, revision, updated FROM blocks WHERE $1 IS NULL OR type = $1",
                            DOWEL_VALUES(DOWEL_TEXT(type)), &rows, err);
    size_t in_front = json_array_size(list);
    while (!rc && (rc = dowel_rows_next(rows, err)) == 1) {
        if (is_listed(list, in_front, dowel_rows_text(rows, 0), dowel_rows_text(rows, 1))) {
            rc = 0;
            continue;
        }
        json_t *entry = json_pack("{s:s,s:s,s:I,s:o,s:s}", "type", dowel_rows_text(rows, 0), "name",
                                  dowel_rows_text(rows, 1), "revision", (json_int_t)dowel_rows_int(rows, 2), "updated",
                                  time_text(dowel_rows_int(rows, 3)), "source", "database");
        rc = json_array_append_new(list, entry) ? dowel_no_memory(err) : 0;
    }
    dowel_rows_free(rows);
    dowel_database_release(d, db);
    return rc;
}

int dowel_block_list(dowel *d, const char *type, json_t **blocks, dowel_error *err) {
    const dowel_block_type *known;
    int rc = type ? dowel_find_block_type(d, type, &known, err) : 0;
    if (rc) return rc;
    json_t *list = json_array();
    rc = list ? dowel_readonly_list(d, type, list, err) : dowel_no_memory(err);
    if (!rc) rc = list_stored(d, type, list, err);
    if (!rc) rc = sort(&list, err);
    if (rc)
        json_decref(list);
    else
        *blocks = list;
    return rc;
}

/* ---- delete ---- */

/* Adds the references of all blocks that refer to this one. Stored references have one form, without characters that are special
 * in LIKE or JSON. */
static int referring(dowel_db *db, const char *reference, json_t *list, dowel_error *err) {
    char pattern[2 * DOWEL_NAME_SIZE + 32];
    snprintf(pattern, sizeof pattern, "%%\"$block\":\"%s\"%%", reference);
    dowel_rows *rows = NULL;
    int rc = dowel_db_query(db, "SELECT type, name FROM blocks WHERE document LIKE $1 ORDER BY type, name",
                            DOWEL_VALUES(DOWEL_TEXT(pattern)), &rows, err);
    if (rc) return rc;
    while ((rc = dowel_rows_next(rows, err)) == 1)
        if (json_array_append_new(list, json_sprintf("%s/%s", dowel_rows_text(rows, 0), dowel_rows_text(rows, 1)))) {
            rc = dowel_no_memory(err);
            break;
        }
    dowel_rows_free(rows);
    return rc;
}

static int refuse_if_referred_to(dowel_db *db, const char *reference, dowel_error *err) {
    json_t *list = json_array();
    int rc = list ? referring(db, reference, list, err) : dowel_no_memory(err);
    if (!rc && json_array_size(list)) {
        rc = dowel_fail(err, DOWEL_E_CONFLICT, "block %s is in use: %s refers to it", reference,
                        json_string_value(json_array_get(list, 0)));
        dowel_error_hint(err, "delete or change that block first, or delete with --force");
    }
    json_decref(list);
    return rc;
}

int dowel_block_delete(dowel *d, const char *reference, bool force, dowel_error *err) {
    const dowel_block_type *type;
    char name[DOWEL_NAME_SIZE];
    dowel_db *db = NULL;
    dowel_stored stored;
    int rc = dowel_reference_parse(d, reference, &type, name, err);
    if (!rc) rc = refuse_readonly(type, name, err);
    if (!rc) rc = dowel_registry_database(d, &db, err);
    if (rc) return rc;
    rc = dowel_db_begin(db, err);
    if (!rc) {
        rc = dowel_stored_read(d, db, type, name, &stored, err);
        if (!rc) dowel_stored_clear(&stored);
        /* A damaged block can be deleted. */
        if (rc == DOWEL_E_CORRUPT) rc = 0;
        if (!rc && !force) rc = refuse_if_referred_to(db, reference, err);
        if (!rc)
            rc = dowel_db_exec(db, "DELETE FROM blocks WHERE type = $1 AND name = $2",
                               DOWEL_VALUES(DOWEL_TEXT(type->name), DOWEL_TEXT(name)), NULL, err);
        if (!rc) rc = dowel_db_commit(db, err);
        if (rc) dowel_db_rollback(db);
    }
    dowel_database_release(d, db);
    return rc;
}

/* ---- rename ---- */

/* Names the block `from` as `to`, everywhere in the document. */
static int rewrite(json_t *value, const char *from, const char *to, dowel_error *err) {
    const char *key;
    json_t *member;
    size_t i;
    int rc = 0;
    const char *reference = json_string_value(json_object_get(value, "$block"));
    if (reference && !strcmp(reference, from))
        return json_object_set_new(value, "$block", json_string(to)) ? dowel_no_memory(err) : 0;
    json_object_foreach(value, key, member) if (!rc) rc = rewrite(member, from, to, err);
    json_array_foreach(value, i, member) if (!rc) rc = rewrite(member, from, to, err);
    return rc;
}

typedef struct renaming {
    dowel *d;
    dowel_db *db;
    const char *from, *to;
    const dowel_error *why; /* there is no key */
    const dowel_keys *keys;
} renaming;

/* Saves what is stored as `source` as `target`, with the new name in its references. Inside a write transaction. */
static int save_as(const renaming *r, const char *source, const char *target, dowel_save_mode mode, dowel_error *err) {
    saving one = {.d = r->d, .reference = target, .db = r->db, .keys = r->keys};
    char name[DOWEL_NAME_SIZE], other[DOWEL_KEY_ID_SIZE] = "";
    dowel_stored stored;
    int rc = dowel_reference_parse(r->d, source, &one.type, name, err);
    if (!rc) rc = dowel_stored_read(r->d, r->db, one.type, name, &stored, err);
    if (rc) return rc;
    rc = dowel_stored_open(r->d, &stored, false, err);
    if (!rc) rc = rewrite(stored.document, r->from, r->to, err);
    one.document = stored.document;
    if (!rc) rc = prepare(&one, err);
    if (!rc) rc = write_rows(r->d, r->db, &one, 1, mode, r->why, other, err);
    clear(&one);
    dowel_stored_clear(&stored);
    return rc;
}

/* Every block that refers to the old name gets the new one, and a new seal. *changed gets their references. */
static int rename_in_others(const renaming *r, json_t *changed, dowel_error *err) {
    int rc = referring(r->db, r->from, changed, err);
    size_t i;
    json_t *one;
    json_array_foreach(changed, i, one) if (!rc) {
        rc = save_as(r, json_string_value(one), json_string_value(one), DOWEL_SAVE_OVERWRITE, err);
        if (rc) dowel_error_prefix(err, "%s refers to %s: ", json_string_value(one), r->from);
    }
    return rc;
}

static int rename_rows(const renaming *r, const dowel_block_type *type, const char *name, json_t *changed,
                       dowel_error *err) {
    int rc = dowel_db_begin(r->db, err);
    if (rc) return rc;
    rc = save_as(r, r->from, r->to, DOWEL_SAVE_NEW, err);
    if (rc == DOWEL_E_EXISTS) dowel_error_hint(err, "choose another name, or delete %s first", r->to);
    if (!rc) rc = rename_in_others(r, changed, err);
    if (!rc)
        rc = dowel_db_exec(r->db, "DELETE FROM blocks WHERE type = $1 AND name = $2",
                           DOWEL_VALUES(DOWEL_TEXT(type->name), DOWEL_TEXT(name)), NULL, err);
    if (!rc) rc = dowel_db_commit(r->db, err);
    if (rc) dowel_db_rollback(r->db);
    return rc;
}

int dowel_block_rename(dowel *d, const char *from, const char *to, json_t **rewritten, dowel_error *err) {
    const dowel_block_type *type, *same;
    char name[DOWEL_NAME_SIZE], new_name[DOWEL_NAME_SIZE];
    dowel_error why = {.code = 0};
    renaming r = {.d = d, .from = from, .to = to, .why = &why};
    int rc = dowel_reference_parse(d, from, &type, name, err);
    if (!rc) rc = dowel_reference_parse(d, to, &same, new_name, err);
    if (!rc && type != same)
        rc = dowel_fail(err, DOWEL_E_INVALID, "%s cannot become %s: a block keeps its type", from, to);
    if (!rc && !strcmp(name, new_name)) rc = dowel_fail(err, DOWEL_E_INVALID, "%s already has this name", from);
    if (!rc) rc = refuse_readonly(type, name, err);
    if (!rc) rc = refuse_readonly(type, new_name, err);
    if (rc) return rc;
    json_t *changed = json_array();
    /* Before the database is held: a passphrase may be asked for. */
    if (dowel_keys_get(d, false, &r.keys, &why)) r.keys = NULL;
    rc = changed ? dowel_registry_database(d, &r.db, err) : dowel_no_memory(err);
    if (!rc) rc = rename_rows(&r, type, name, changed, err);
    dowel_database_release(d, r.db);
    if (rc || !rewritten)
        json_decref(changed);
    else
        *rewritten = changed;
    return rc;
}
