/* Reads blocks from variables, files and the database, and opens their seals. */
#include "stored.h"

#include "keyring_internal.h"
#include "reseal.h"

#include <dowel/stream.h>
#include <dowel/text.h>

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const migrations[] = {
    "CREATE TABLE blocks ("
    " type TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " revision BIGINT NOT NULL,"
    " version BIGINT NOT NULL,"
    " document TEXT NOT NULL," /* JSON, {"$sealed": true} instead of each secret */
    " sealed TEXT,"            /* base64, which every database stores alike; NULL: no seal */
    " key_id TEXT,"
    " created BIGINT NOT NULL," /* microseconds since the epoch */
    " updated BIGINT NOT NULL,"
    " PRIMARY KEY (type, name));",
    /* Version 2: seals authenticate the public document. The tables are the same, but an older dowel must not write to them. */
    "",
    NULL,
};

int dowel_registry_database(dowel *d, dowel_db **db, dowel_error *err) {
    dowel_db *borrowed;
    int rc = dowel_database_acquire(d, &borrowed, err);
    if (rc) return rc;
    rc = dowel_db_migrate(borrowed, "blocks", migrations, err);
    if (rc)
        dowel_database_release(d, borrowed);
    else
        *db = borrowed;
    return rc;
}

/* The first other type that has a block of this name. */
static bool other_type(dowel_db *db, const dowel_block_type *type, const char *name, char found[DOWEL_NAME_SIZE]) {
    dowel_rows *rows;
    if (dowel_db_query(db, "SELECT type FROM blocks WHERE name = $1 AND type <> $2 ORDER BY type",
                       DOWEL_VALUES(DOWEL_TEXT(name), DOWEL_TEXT(type->name)), &rows, NULL))
        return false;
    bool any = dowel_rows_next(rows, NULL) == 1;
    if (any) snprintf(found, DOWEL_NAME_SIZE, "%s", dowel_rows_text(rows, 0));
    dowel_rows_free(rows);
    return any;
}

/* NOT_FOUND, with the nearest name of this type. */
static int not_found(dowel *d, dowel_db *db, const dowel_block_type *type, const char *name, dowel_error *err) {
    json_t *list = json_array(), *entry;
    dowel_rows *rows;
    if (list && !dowel_db_query(db, "SELECT name FROM blocks WHERE type = $1", DOWEL_VALUES(DOWEL_TEXT(type->name)),
                                &rows, NULL)) {
        while (dowel_rows_next(rows, NULL) == 1)
            json_array_append_new(list, json_pack("{s:s,s:s}", "type", type->name, "name", dowel_rows_text(rows, 0)));
        dowel_rows_free(rows);
    }
    if (list) (void)dowel_readonly_list(d, type->name, list, NULL);
    const char **names = calloc(json_array_size(list) + 1, sizeof *names);
    size_t i;
    json_array_foreach(list, i, entry) if (names) names[i] = json_string_value(json_object_get(entry, "name"));
    const char *near = names ? dowel_nearest(name, names) : NULL;
    int rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "no block %s/%s%s%s%s", type->name, name,
                        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    char other[DOWEL_NAME_SIZE];
    if (other_type(db, type, name, other))
        dowel_error_hint(err, "%s/%s is a block of another type; `dowel block list --type %s` shows the ones that fit",
                         other, name, type->name);
    else if (!near)
        dowel_error_hint(err, "`dowel block list` shows the saved blocks, `dowel block save %s/%s` creates one",
                         type->name, name);
    free(names);
    json_decref(list);
    return rc;
}

static int damaged(const dowel_stored *stored, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_CORRUPT, "block %s/%s: the record is damaged or was changed outside of dowel",
                        stored->type->name, stored->name);
    dowel_error_hint(err, "nothing was changed; save the block again, or restore the database");
    return rc;
}

static int read_row(dowel_rows *rows, dowel_stored *stored, dowel_error *err) {
    stored->revision = dowel_rows_int(rows, 0);
    stored->version = dowel_rows_int(rows, 1);
    stored->created = dowel_rows_int(rows, 5);
    stored->updated = dowel_rows_int(rows, 6);
    const char *document = dowel_rows_text(rows, 2);
    if (!document ||
        dowel_json_read(document, strlen(document), DOWEL_JSON_EXACT | DOWEL_JSON_NUL, "", &stored->document, NULL))
        return damaged(stored, err);
    if (!json_is_object(stored->document)) return damaged(stored, err);
    const char *key_id = dowel_rows_text(rows, 4);
    if (key_id) snprintf(stored->key_id, sizeof stored->key_id, "%s", key_id);
    const char *sealed = dowel_rows_text(rows, 3);
    if (sealed && dowel_base64_decode(sealed, &stored->sealed, &stored->sealed_size)) return damaged(stored, err);
    if (!sealed && dowel_secrets_present(stored->document)) return damaged(stored, err);
    stored->seal_known = dowel_rows_int(rows, 7) != 0;
    stored->bound = dowel_document_text(stored->document);
    return stored->bound ? 0 : dowel_no_memory(err);
}

static int read_table(dowel *d, dowel_db *db, dowel_stored *stored, dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(
        db,
        "SELECT revision, version, document, sealed, key_id, created, updated, " DOWEL_SEAL_MUST_BE_CURRENT
        " FROM blocks WHERE type = $1 AND name = $2",
        DOWEL_VALUES(DOWEL_TEXT(stored->type->name), DOWEL_TEXT(stored->name)), &rows, err);
    if (rc) return rc;
    int got = dowel_rows_next(rows, err);
    rc = got == 1 ? read_row(rows, stored, err) : got;
    dowel_rows_free(rows);
    snprintf(stored->origin, sizeof stored->origin, "database");
    return got == 0 ? not_found(d, db, stored->type, stored->name, err) : rc;
}

int dowel_stored_read(dowel *d, dowel_db *db, const dowel_block_type *type, const char *name, dowel_stored *stored,
                      dowel_error *err) {
    *stored = (dowel_stored){.type = type};
    snprintf(stored->name, sizeof stored->name, "%s", name);
    int found = dowel_readonly_read(type, name, &stored->document, stored->origin, err);
    if (found < 0) dowel_error_prefix(err, "block %s/%s: ", type->name, name);
    if (found) {
        stored->readonly = true;
        stored->version = type->version;
        return found < 0 ? found : 0;
    }
    dowel_db *borrowed = NULL;
    int rc = db ? 0 : dowel_registry_database(d, &borrowed, err);
    if (!rc) rc = read_table(d, db ? db : borrowed, stored, err);
    dowel_database_release(d, borrowed);
    if (rc) dowel_stored_clear(stored);
    return rc;
}

/* Checks a document with secrets in the clear, and splits it. A mask instead of a secret is refused. */
static int split(dowel *d, const dowel_stored *stored, json_t **shown, dowel_error *err) {
    json_t *secrets;
    int rc = dowel_secrets_split(d, stored->type, stored->document, shown, &secrets, err);
    if (rc) return dowel_error_prefix(err, "block %s/%s (%s): ", stored->type->name, stored->name, stored->origin);
    dowel_json_cleanse(secrets);
    return 0;
}

int dowel_stored_mask(dowel *d, dowel_stored *stored, bool omit, dowel_error *err) {
    json_t *shown = NULL;
    int rc = stored->readonly ? split(d, stored, &shown, err)
                              : dowel_secrets_hide(d, stored->type, &stored->document, omit, err);
    if (rc && !stored->readonly) return dowel_error_prefix(err, "block %s/%s: ", stored->type->name, stored->name);
    if (rc || !stored->readonly) return rc;
    dowel_json_cleanse(stored->document);
    stored->document = shown;
    dowel_secrets_mask(stored->document, omit);
    return 0;
}

/* ---- opening ---- */

/* Warnings that a handle logs once, not for every block. */
typedef struct said {
    atomic_flag unchecked, old;
} said;

static void *make_said(dowel *d) {
    (void)d;
    return calloc(1, sizeof(said));
}

static said *said_of(dowel *d) {
    static const char said_key;
    return dowel_attach(d, &said_key, make_said, free);
}

/* A machine without a key can still use blocks without secrets. */
static void warn_unchecked(dowel *d, const dowel_stored *stored) {
    said *once = said_of(d);
    if (once && !atomic_flag_test_and_set(&once->unchecked))
        dowel_log(d, DOWEL_LOG_WARNING,
                  "block %s/%s is used unchecked: without the registry's sealing key, a change outside of dowel cannot "
                  "be detected; "
                  "set DOWEL_KEY or DOWEL_KEY_FILE",
                  stored->type->name, stored->name);
}

/* Whether the block has no secrets and this machine has no key to check it. */
static int is_foreign(dowel *d, const dowel_stored *stored, bool *foreign, dowel_error *err) {
    const dowel_keys *keys;
    *foreign = false;
    if (dowel_secrets_present(stored->document)) return 0;
    if (!dowel_keys_absent()) {
        int rc = dowel_keys_get(d, false, &keys, err);
        if (rc || dowel_keys_find(keys, stored->key_id)) return rc;
    }
    return dowel_registry_is_foreign(d, NULL, foreign, err);
}

/* Seals rows in format 1 again. Logs a warning if that is impossible, as in a read-only database. */
static void reseal_old(dowel *d) {
    const dowel_keys *keys;
    dowel_db *db = NULL;
    dowel_error why;
    int rc = dowel_keys_get(d, false, &keys, &why);
    if (!rc) rc = dowel_registry_database(d, &db, &why);
    if (!rc && !(rc = dowel_db_begin(db, &why))) {
        rc = dowel_registry_reseal(d, db, keys, &why);
        if (!rc) rc = dowel_db_commit(db, &why);
        if (rc) dowel_db_rollback(db);
    }
    dowel_database_release(d, db);
    said *once = rc ? said_of(d) : NULL;
    if (once && !atomic_flag_test_and_set(&once->old))
        dowel_log(d, DOWEL_LOG_WARNING,
                  "blocks have seals of an older dowel, which do not protect their public fields "
                  "(endpoint, token_uri ...), and cannot be sealed again: %s",
                  why.message);
}

static int without_seal(const dowel_stored *stored, dowel_error *err) {
    /* Saved before the registry had its first key. */
    if (!stored->seal_known) return 0;
    int rc = dowel_fail(err, DOWEL_E_CORRUPT, "block %s/%s has no seal: it was changed outside of dowel",
                        stored->type->name, stored->name);
    dowel_error_hint(err, "nothing was changed; check the block and save it again, or restore the database");
    return rc;
}

static int join(dowel_stored *stored, const void *plain, size_t size, dowel_error *err) {
    json_t *secrets = NULL;
    (void)dowel_json_read(plain, size, DOWEL_JSON_EXACT | DOWEL_JSON_NUL, "", &secrets, NULL);
    int rc = json_is_object(secrets) ? dowel_secrets_join(stored->document, secrets, err) : damaged(stored, err);
    if (rc) dowel_error_prefix(err, "block %s/%s: ", stored->type->name, stored->name);
    dowel_json_cleanse(secrets);
    return rc;
}

static int open_row(dowel *d, dowel_stored *stored, bool may_write, dowel_error *err) {
    if (!stored->sealed) return without_seal(stored, err);
    dowel_sealed_for owner = {stored->type->name, stored->name,  stored->revision,
                              stored->version,    stored->bound, !stored->seal_known};
    bool foreign;
    int rc = is_foreign(d, stored, &foreign, err);
    if (rc) return rc;
    if (foreign) {
        warn_unchecked(d, stored);
        return 0;
    }
    void *plain = NULL;
    size_t size = 0;
    rc = dowel_open_sealed(d, &owner, stored->key_id, stored->sealed, stored->sealed_size, &plain, &size, err);
    if (rc) return rc;
    rc = join(stored, plain, size, err);
    dowel_wipe_bytes(plain, size);
    if (!rc && may_write && dowel_sealed_is_old(stored->sealed, stored->sealed_size)) reseal_old(d);
    return rc;
}

int dowel_stored_open(dowel *d, dowel_stored *stored, bool may_write, dowel_error *err) {
    if (!stored->readonly) return open_row(d, stored, may_write, err);
    json_t *shown = NULL;
    int rc = split(d, stored, &shown, err);
    json_decref(shown);
    return rc;
}

void dowel_stored_clear(dowel_stored *stored) {
    dowel_json_cleanse(stored->document);
    free(stored->sealed);
    free(stored->bound);
    stored->bound = NULL;
    stored->document = NULL;
    stored->sealed = NULL;
}
