/* Changes of the sealing keys: shows, adds, rotates and protects them. */
#include "keyring_internal.h"
#include "reseal.h"
#include "stored.h"

#include <dowel/stream.h>
#include <dowel/text.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 50

/* ---- show ---- */

static int count_blocks(dowel *d, json_t **counts, dowel_error *err) {
    dowel_db *db = NULL;
    dowel_rows *rows = NULL;
    json_t *found = json_object();
    int rc = dowel_registry_database(d, &db, err);
    if (!rc)
        rc = dowel_db_query(
            db, "SELECT key_id, COUNT(*) FROM blocks WHERE key_id IS NOT NULL GROUP BY key_id ORDER BY key_id", NULL, 0,
            &rows, err);
    while (!rc && (rc = dowel_rows_next(rows, err)) == 1)
        rc = json_object_set_new(found, dowel_rows_text(rows, 0), json_integer(dowel_rows_int(rows, 1)))
                 ? dowel_no_memory(err)
                 : 0;
    dowel_rows_free(rows);
    dowel_database_release(d, db);
    if (rc)
        json_decref(found);
    else
        *counts = found;
    return rc;
}

/* How much each key has sealed. */
typedef struct sealed_by {
    json_t *blocks, *handles;
} sealed_by;

static int count_all(dowel *d, sealed_by *counts, dowel_error *err) {
    counts->handles = json_object();
    counts->blocks = NULL;
    int rc = counts->handles ? dowel_handles_count(d, counts->handles, err) : dowel_no_memory(err);
    if (!rc) rc = count_blocks(d, &counts->blocks, err);
    return rc;
}

static void forget_counts(sealed_by *counts) {
    json_decref(counts->blocks);
    json_decref(counts->handles);
}

static int add_entry(json_t *list, const char *id, const char *use, const sealed_by *counts) {
    json_int_t blocks = json_integer_value(json_object_get(counts->blocks, id)),
               handles = json_integer_value(json_object_get(counts->handles, id));
    return json_array_append_new(
        list, json_pack("{s:s,s:s,s:I,s:I}", "id", id, "use", use, "blocks", blocks, "handles", handles));
}

int dowel_keys_show(dowel *d, json_t **keys, json_t **origin, dowel_error *err) {
    dowel_key_source source;
    const dowel_keys *known = NULL;
    sealed_by counts = {NULL, NULL};
    json_t *list = json_array();
    int rc = dowel_key_source_find(&source, err);
    struct stat st;
    bool none = !rc && !source.variable && !source.named && stat(source.path, &st);
    if (!rc && !none) rc = dowel_keys_get(d, false, &known, err);
    if (!rc) rc = count_all(d, &counts, err);
    for (size_t i = 0; !rc && known && i < known->count; i++)
        if (add_entry(list, known->list[i].id, i ? "opens" : "seals", &counts)) rc = dowel_no_memory(err);
    const char *id;
    json_t *count;
    json_object_foreach(counts.blocks, id, count) {
        if (rc || (known && dowel_keys_find(known, id))) continue;
        if (add_entry(list, id, "missing", &counts)) rc = dowel_no_memory(err);
    }
    json_object_foreach(counts.handles, id, count) {
        if (rc || (known && dowel_keys_find(known, id)) || json_object_get(counts.blocks, id)) continue;
        if (add_entry(list, id, "missing", &counts)) rc = dowel_no_memory(err);
    }
    forget_counts(&counts);
    if (!rc && origin && !(*origin = dowel_json_text(source.variable ? "DOWEL_KEY" : source.path)))
        rc = dowel_no_memory(err);
    if (rc)
        json_decref(list);
    else
        *keys = list;
    return rc;
}

/* ---- changing the file ---- */

static int refuse_variable(dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_INVALID, "the keys come from DOWEL_KEY, which dowel cannot change");
    dowel_error_hint(err, "change DOWEL_KEY yourself: keys separated by commas; the first seals, all open");
    return rc;
}

/* Locks the key file until close(*lock) and reads it. Creates it if there is none. */
static int open_file(dowel *d, dowel_key_source *source, dowel_keys *keys, int *lock, dowel_error *err) {
    const dowel_keys *known;
    *lock = -1;
    int rc = dowel_key_source_find(source, err);
    if (!rc && source->variable) rc = refuse_variable(err);
    if (!rc) rc = dowel_keys_get(d, true, &known, err);
    if (!rc) rc = dowel_key_file_lock(source->path, lock, err);
    if (!rc) rc = dowel_key_file_read(d, source->path, known->passphrase, keys, err);
    return rc;
}

/* Without a key file, one is created with this key alone. A generated key before it would be the one that seals. */
static int add_first(const dowel_key *key, bool *first, dowel_error *err) {
    dowel_key_source source;
    *first = dowel_keys_absent();
    int rc = *first ? dowel_key_source_find(&source, err) : 0;
    return rc || !*first ? rc : dowel_key_file_make(source.path, key, err);
}

static int add_key(dowel *d, const dowel_key *key, dowel_error *err) {
    dowel_key_source source;
    dowel_keys keys = {0};
    bool first;
    int lock = -1, rc = add_first(key, &first, err);
    if (!rc) rc = open_file(d, &source, &keys, &lock, err);
    bool there = !rc && dowel_keys_find(&keys, key->id);
    if (there && !first) rc = dowel_fail(err, DOWEL_E_EXISTS, "key %s is already in %s", key->id, source.path);
    if (!rc && !there) {
        rc = dowel_keys_insert(&keys, key, false, err);
        if (!rc) rc = dowel_key_file_write(source.path, &keys, err);
    }
    if (lock >= 0) close(lock);
    dowel_keys_clear(&keys);
    return rc;
}

int dowel_keys_add(dowel *d, const char *text, json_t **id, dowel_error *err) {
    dowel_keys given = {0};
    dowel_key made = {0};
    int rc = text ? dowel_keys_parse(text, strlen(text), "key", &given, err) : dowel_key_random(&made, err);
    if (!rc && given.count > 1) rc = dowel_fail(err, DOWEL_E_INVALID, "expected one key, got %zu", given.count);
    const dowel_key *key = text ? given.list : &made;
    if (!rc) rc = add_key(d, key, err);
    if (!rc && !(*id = json_string(key->id))) rc = dowel_no_memory(err);
    OPENSSL_cleanse(&made, sizeof made);
    dowel_keys_clear(&given);
    return rc;
}

int dowel_keys_protect(dowel *d, const char *passphrase, dowel_error *err) {
    dowel_key_source source;
    dowel_keys keys = {0};
    int lock, rc = open_file(d, &source, &keys, &lock, err);
    char *own = !rc && passphrase ? strdup(passphrase) : NULL;
    if (!rc && passphrase && !own) rc = dowel_no_memory(err);
    if (!rc) {
        dowel_wipe(keys.passphrase);
        keys.passphrase = own;
        rc = dowel_key_file_write(source.path, &keys, err);
    }
    if (lock >= 0) close(lock);
    dowel_keys_clear(&keys);
    return rc;
}

/* ---- rotation ---- */

typedef struct rotation {
    dowel *d;
    const dowel_key *key; /* the new one */
    json_int_t sealed;
    size_t failed;
    dowel_error first;
    char *type, *name; /* the last block that was processed */
} rotation;

/* Inside a write transaction. A block that cannot be opened is counted and left unchanged. */
static int rotate_block(rotation *r, dowel_db *db, const char *type, const char *name, dowel_error *err) {
    dowel_error why;
    bool sealed;
    int rc = dowel_reseal_row(r->d, db, type, name, r->key, false, &sealed, &why, err);
    if (rc) return rc;
    r->sealed += sealed;
    if (why.code && !r->failed++) r->first = why;
    return 0;
}

/* The next blocks with another key, in the order of the primary key. */
static int find_others(const rotation *r, dowel_db *db, json_t *list, dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(
        db,
        "SELECT type, name FROM blocks WHERE sealed IS NOT NULL AND COALESCE(key_id, '') <> $1 AND "
        "(type > $2 OR (type = $2 AND name > $3)) ORDER BY type, name LIMIT $4",
        DOWEL_VALUES(DOWEL_TEXT(r->key->id), DOWEL_TEXT(r->type), DOWEL_TEXT(r->name), DOWEL_INTEGER(BATCH)), &rows,
        err);
    if (rc) return rc;
    while ((rc = dowel_rows_next(rows, err)) == 1) {
        rc = json_array_append_new(list, json_pack("[s,s]", dowel_rows_text(rows, 0), dowel_rows_text(rows, 1)))
                 ? dowel_no_memory(err)
                 : 0;
        if (rc) break;
    }
    dowel_rows_free(rows);
    return rc;
}

static int move_on(rotation *r, const json_t *list, dowel_error *err) {
    const json_t *last = json_array_get(list, json_array_size(list) - 1);
    char *type = strdup(json_string_value(json_array_get(last, 0))),
         *name = strdup(json_string_value(json_array_get(last, 1)));
    free(r->type);
    free(r->name);
    r->type = type;
    r->name = name;
    return type && name ? 0 : dowel_no_memory(err);
}

/* Inside a write transaction. Reads the keys again: another rotation may have put a newer key first, and both must seal with that one. */
static int rotate_some(rotation *r, dowel_db *db, json_t *list, dowel_error *err) {
    const dowel_keys *keys;
    int rc = dowel_keys_get(r->d, true, &keys, err);
    if (!rc) rc = dowel_registry_reseal(r->d, db, keys, err);
    if (rc) return rc;
    r->key = &keys->list[0];
    rc = find_others(r, db, list, err);
    for (size_t i = 0; !rc && i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        rc = rotate_block(r, db, json_string_value(json_array_get(entry, 0)),
                          json_string_value(json_array_get(entry, 1)), err);
    }
    return rc;
}

/* A few blocks per transaction, so that other writers wait only briefly. The key file was written before the first transaction, so a block that is
 * saved meanwhile either has the new key or is found here. */
static int rotate_blocks(rotation *r, dowel_db *db, dowel_error *err) {
    int rc = 0;
    for (bool more = true; !rc && more;) {
        json_t *list = json_array();
        json_int_t sealed = r->sealed;
        size_t failed = r->failed;
        rc = list ? dowel_db_begin(db, err) : dowel_no_memory(err);
        if (!rc) {
            rc = rotate_some(r, db, list, err);
            if (!rc) rc = dowel_db_commit(db, err);
            if (rc) dowel_db_rollback(db);
        }
        if (rc) {
            r->sealed = sealed;
            r->failed = failed;
        }
        more = json_array_size(list) == BATCH;
        if (!rc && more) rc = move_on(r, list, err);
        json_decref(list);
    }
    return rc;
}

/* An earlier rotation did not finish if something is sealed with a key of the file other than the first. */
static int is_unfinished(dowel *d, const dowel_keys *keys, bool *unfinished, dowel_error *err) {
    sealed_by counts;
    int rc = count_all(d, &counts, err);
    *unfinished = false;
    for (size_t i = 1; !rc && i < keys->count; i++)
        *unfinished |=
            json_object_get(counts.blocks, keys->list[i].id) || json_object_get(counts.handles, keys->list[i].id);
    forget_counts(&counts);
    return rc;
}

static int move_to_front(dowel_keys *keys, const char *id, dowel_error *err) {
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->list[i].id, id) != 0) continue;
        dowel_key key = keys->list[i];
        memmove(keys->list + 1, keys->list, i * sizeof *keys->list);
        keys->list[0] = key;
        OPENSSL_cleanse(&key, sizeof key);
        return 0;
    }
    int rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "no key %.40s", id);
    dowel_error_hint(err, "`dowel key show-id` shows the keys, `dowel key add` adds one");
    return rc;
}

/* Chooses the key and writes it first in the file before any block is sealed with it, so that every reader of such a block finds the key. */
static int prepare_file(dowel *d, const char *to, bool *made, dowel_error *err) {
    dowel_key_source source;
    dowel_keys keys = {0};
    dowel_key key = {0};
    bool unfinished = false;
    int lock, rc = open_file(d, &source, &keys, &lock, err);
    if (!rc && !to) rc = is_unfinished(d, &keys, &unfinished, err);
    *made = !rc && !to && !unfinished;
    if (*made) {
        rc = dowel_key_random(&key, err);
        if (!rc) rc = dowel_keys_insert(&keys, &key, true, err);
    } else if (!rc && to) {
        rc = move_to_front(&keys, to, err);
    }
    if (!rc && !unfinished) rc = dowel_key_file_write(source.path, &keys, err);
    if (lock >= 0) close(lock);
    OPENSSL_cleanse(&key, sizeof key);
    dowel_keys_clear(&keys);
    return rc;
}

/* The keys of DOWEL_KEY cannot be changed: its first key must be the new one. */
static int check_variable(dowel *d, const char *to, dowel_error *err) {
    const dowel_keys *keys;
    int rc = dowel_keys_get(d, true, &keys, err);
    if (rc || (to ? !strcmp(keys->list[0].id, to) : keys->count > 1)) return rc;
    rc = refuse_variable(err);
    dowel_error_hint(
        err, "set DOWEL_KEY to the new key (`openssl rand -base64 32` creates one), a comma and the old key, and run "
             "this again");
    return rc;
}

int dowel_keys_rotate(dowel *d, const char *to, json_t **report, dowel_error *err) {
    dowel_key_source source;
    const dowel_keys *keys = NULL;
    dowel_db *db = NULL;
    bool made = false;
    int rc = dowel_key_source_find(&source, err);
    if (!rc) rc = source.variable ? check_variable(d, to, err) : prepare_file(d, to, &made, err);
    if (!rc) rc = dowel_keys_get(d, true, &keys, err);
    if (!rc) rc = dowel_registry_database(d, &db, err);
    if (rc) return rc;
    rotation r = {.d = d, .key = &keys->list[0], .type = strdup(""), .name = strdup("")};
    rc = r.type && r.name ? rotate_blocks(&r, db, err) : dowel_no_memory(err);
    free(r.type);
    free(r.name);
    dowel_database_release(d, db);
    json_int_t handles = 0;
    if (!rc) rc = dowel_handles_rotate(d, r.key, &handles, err);
    if (!rc && r.failed) {
        if (err) *err = r.first;
        rc = r.first.code;
        dowel_error_prefix(err, "%lld blocks were sealed with key %s, %zu could not be opened: ", (long long)r.sealed,
                           r.key->id, r.failed);
        dowel_error_hint(
            err,
            "add the missing keys (`dowel key show-id` shows them) and run this again, or save those blocks again");
    }
    if (!rc)
        *report =
            json_pack("{s:s,s:b,s:I,s:I}", "key", r.key->id, "made", made, "blocks", r.sealed, "handles", handles);
    return rc ? rc : *report ? 0 : dowel_no_memory(err);
}
