/* Seals of rows. A registry of an older dowel has rows in format 1, whose seal does not authenticate the public fields, and rows without a seal.
 * Each is sealed again once, and dowel_schema records for which keys that was done ("seals KEY-ID"; "seals none" for rows without a seal).
 * From then on, such a row was written by something other than dowel. */
#include "reseal.h"

#include "keyring_internal.h"
#include "stored.h"

#include <dowel/stream.h>
#include <dowel/text.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 2
#define SEALS "seals "
#define UNSEALED "none" /* instead of a key id */

/* ---- one row ---- */

typedef struct row {
    int64_t revision, version;
    char *document; /* NULL: it is not a JSON object */
    char *sealed;
    bool has_secrets;
    char key_id[DOWEL_KEY_ID_SIZE];
} row;

static void clear(row *r) {
    free(r->document);
    free(r->sealed);
}

static int copy(dowel_rows *rows, row *r, dowel_error *err) {
    const char *text = dowel_rows_text(rows, 2), *sealed = dowel_rows_text(rows, 3), *key_id = dowel_rows_text(rows, 4);
    r->revision = dowel_rows_int(rows, 0);
    r->version = dowel_rows_int(rows, 1);
    snprintf(r->key_id, sizeof r->key_id, "%s", key_id ? key_id : "");
    if (sealed && !(r->sealed = strdup(sealed))) return dowel_no_memory(err);
    json_t *document = NULL;
    if (text) (void)dowel_json_read(text, strlen(text), DOWEL_JSON_EXACT | DOWEL_JSON_NUL, "", &document, NULL);
    bool good = json_is_object(document);
    if (good) {
        r->document = dowel_document_text(document);
        r->has_secrets = dowel_secrets_present(document);
    }
    json_decref(document);
    return !good || r->document ? 0 : dowel_no_memory(err);
}

/* 1: read, 0: there is none. */
static int read_row(dowel_db *db, const char *type, const char *name, row *r, dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(
        db, "SELECT revision, version, document, sealed, key_id FROM blocks WHERE type = $1 AND name = $2",
        DOWEL_VALUES(DOWEL_TEXT(type), DOWEL_TEXT(name)), &rows, err);
    if (rc) return rc;
    int got = dowel_rows_next(rows, err);
    if (got == 1 && (rc = copy(rows, r, err))) got = rc;
    dowel_rows_free(rows);
    return got;
}

/* The sealed secrets; an empty object for a row without a seal. */
static int open_row(dowel *d, const row *r, const dowel_sealed_for *owner, char **plain, size_t *size,
                    dowel_error *why) {
    void *blob = NULL, *text = NULL;
    size_t blob_size = 0;
    if (!r->document || (!r->sealed && r->has_secrets))
        return dowel_fail(why, DOWEL_E_CORRUPT, "block %s/%s: the record is damaged", owner->type, owner->name);
    if (!r->sealed) {
        *size = 2;
        return (*plain = strdup("{}")) ? 0 : dowel_no_memory(why);
    }
    int rc = dowel_base64_decode(r->sealed, &blob, &blob_size);
    if (rc)
        rc = dowel_fail(why, DOWEL_E_CORRUPT, "block %s/%s: its sealed secrets are damaged (not base64)", owner->type,
                        owner->name);
    if (!rc) rc = dowel_open_sealed(d, owner, r->key_id, blob, blob_size, &text, size, why);
    free(blob);
    *plain = text;
    return rc;
}

static int write_seal(dowel_db *db, const dowel_sealed_for *owner, const dowel_key *key, const char *plain, size_t size,
                      dowel_error *err) {
    void *blob = NULL;
    size_t blob_size = 0;
    char *text = NULL;
    int rc = dowel_seal(key, owner, plain, size, &blob, &blob_size, err);
    if (!rc && !(text = dowel_base64(blob, blob_size))) rc = dowel_no_memory(err);
    if (!rc)
        rc = dowel_db_exec(
            db, "UPDATE blocks SET sealed = $1, key_id = $2 WHERE type = $3 AND name = $4",
            DOWEL_VALUES(DOWEL_TEXT(text), DOWEL_TEXT(key->id), DOWEL_TEXT(owner->type), DOWEL_TEXT(owner->name)), NULL,
            err);
    free(text);
    free(blob);
    return rc;
}

int dowel_reseal_row(dowel *d, dowel_db *db, const char *type, const char *name, const dowel_key *key,
                     bool old_accepted, bool *sealed, dowel_error *why, dowel_error *err) {
    row r = {.document = NULL};
    char *plain = NULL;
    size_t size = 0;
    memset(why, 0, sizeof *why);
    if (sealed) *sealed = false;
    int rc = read_row(db, type, name, &r, err);
    dowel_sealed_for owner = {type, name, r.revision, r.version, r.document, old_accepted};
    /* 0 rows: it was deleted meanwhile. */
    if (rc == 1 && !open_row(d, &r, &owner, &plain, &size, why)) {
        rc = write_seal(db, &owner, key, plain, size, err);
        if (!rc && sealed) *sealed = true;
    }
    dowel_wipe_bytes(plain, size);
    clear(&r);
    return rc < 0 ? rc : 0;
}

/* ---- all rows, once for each key ---- */

static int read_column(dowel_db *db, const char *sql, const dowel_value *values, size_t count, json_t *list,
                       dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(db, sql, values, count, &rows, err);
    if (rc) return rc;
    while ((rc = dowel_rows_next(rows, err)) == 1) {
        json_t *entry = json_pack("[s,s]", dowel_rows_text(rows, 0), dowel_rows_text(rows, 1));
        if (json_array_append_new(list, entry)) {
            rc = dowel_no_memory(err);
            break;
        }
    }
    dowel_rows_free(rows);
    return rc;
}

/* Which keys have all of their rows in the current format, as pairs of "seals KEY-ID". */
static int read_done(dowel_db *db, json_t *done, dowel_error *err) {
    return read_column(
        db,
        "SELECT component, component FROM dowel_schema WHERE component LIKE '" SEALS "%' "
        "UNION SELECT '" SEALS "' || key_id, key_id FROM blocks WHERE " DOWEL_SEAL_IS_CURRENT " AND key_id IS NOT NULL "
        "UNION SELECT '" SEALS UNSEALED "', key_id FROM blocks WHERE " DOWEL_SEAL_IS_CURRENT " AND key_id IS NOT NULL",
        NULL, 0, done, err);
}

static bool is_done(const json_t *done, const char *key_id) {
    for (size_t i = 0; i < json_array_size(done); i++)
        if (!strcmp(json_string_value(json_array_get(json_array_get(done, i), 0)) + strlen(SEALS), key_id)) return true;
    return false;
}

static int mark(dowel_db *db, const char *key_id, dowel_error *err) {
    char component[64];
    snprintf(component, sizeof component, SEALS "%s", key_id);
    return dowel_db_exec(db, "INSERT INTO dowel_schema (component, version) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                         DOWEL_VALUES(DOWEL_TEXT(component), DOWEL_INTEGER(FORMAT)), NULL, err);
}

/* The rows of one key, or those without a seal. */
static int reseal_key(dowel *d, dowel_db *db, const char *key_id, const dowel_key *key, dowel_error *err) {
    json_t *list = json_array();
    const char *sql = strcmp(key_id, UNSEALED) != 0
                          ? "SELECT type, name FROM blocks WHERE sealed IS NOT NULL AND key_id = $1"
                          : "SELECT type, name FROM blocks WHERE sealed IS NULL AND $1 <> ''";
    size_t written = 0;
    int rc = list ? read_column(db, sql, DOWEL_VALUES(DOWEL_TEXT(key_id)), list, err) : dowel_no_memory(err);
    for (size_t i = 0; !rc && i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *type = json_string_value(json_array_get(entry, 0)),
                   *name = json_string_value(json_array_get(entry, 1));
        dowel_error why;
        bool sealed;
        rc = dowel_reseal_row(d, db, type, name, key, true, &sealed, &why, err);
        written += sealed;
        if (!rc && why.code)
            dowel_log(d, DOWEL_LOG_WARNING, "block %s/%s is left unchanged, and cannot be used: %s", type, name,
                      why.message);
    }
    if (!rc && written)
        dowel_log(d, DOWEL_LOG_INFO, "%zu blocks were sealed again, now including their public fields", written);
    json_decref(list);
    return rc ? rc : mark(db, key_id, err);
}

int dowel_registry_is_sealed(dowel_db *db, bool *sealed, dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(db,
                            "SELECT 1 FROM dowel_schema WHERE component = '" SEALS UNSEALED
                            "' UNION ALL SELECT 1 FROM blocks WHERE " DOWEL_SEAL_IS_CURRENT " LIMIT 1",
                            NULL, 0, &rows, err);
    if (rc) return rc;
    rc = dowel_rows_next(rows, err);
    *sealed = rc == 1;
    dowel_rows_free(rows);
    return rc < 0 ? rc : 0;
}

int dowel_registry_reseal(dowel *d, dowel_db *db, const dowel_keys *keys, dowel_error *err) {
    json_t *done = json_array();
    int rc = done ? read_done(db, done, err) : dowel_no_memory(err);
    for (size_t i = 0; !rc && i < keys->count; i++)
        if (!is_done(done, keys->list[i].id)) rc = reseal_key(d, db, keys->list[i].id, &keys->list[i], err);
    if (!rc && !is_done(done, UNSEALED)) rc = reseal_key(d, db, UNSEALED, &keys->list[0], err);
    json_decref(done);
    return rc;
}

static int knows_key(dowel_db *db, const char *key_id, bool *known, dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(db, "SELECT 1 FROM blocks WHERE key_id = $1 LIMIT 1", DOWEL_VALUES(DOWEL_TEXT(key_id)),
                            &rows, err);
    if (rc) return rc;
    rc = dowel_rows_next(rows, err);
    *known |= rc == 1;
    dowel_rows_free(rows);
    return rc < 0 ? rc : 0;
}

/* Whether one of these keys has ever sealed a block of the registry. */
static int knows_keys(dowel_db *db, const dowel_keys *keys, bool *known, dowel_error *err) {
    *known = false;
    int rc = 0;
    for (size_t i = 0; !rc && !*known && i < keys->count; i++) rc = knows_key(db, keys->list[i].id, known, err);
    if (rc || *known) return rc;
    json_t *done = json_array();
    rc = done ? read_done(db, done, err) : dowel_no_memory(err);
    for (size_t i = 0; !rc && i < keys->count; i++) *known |= is_done(done, keys->list[i].id);
    json_decref(done);
    return rc;
}

int dowel_registry_is_foreign(dowel *d, dowel_db *db, bool *foreign, dowel_error *err) {
    dowel_key_source source;
    const dowel_keys *keys;
    dowel_db *borrowed = NULL;
    bool known = false;
    *foreign = true;
    if (dowel_keys_absent()) return 0;
    int rc = dowel_key_source_find(&source, err);
    if (!rc && (source.variable || source.named)) {
        *foreign = false;
        return 0;
    }
    if (!rc) rc = dowel_keys_get(d, false, &keys, err);
    if (!rc && !db) rc = dowel_registry_database(d, &borrowed, err);
    if (!rc) rc = knows_keys(db ? db : borrowed, keys, &known, err);
    dowel_database_release(d, borrowed);
    *foreign = !rc && !known;
    return rc;
}

int dowel_registry_key(dowel *d, dowel_db *db, char key_id[DOWEL_KEY_ID_SIZE], dowel_error *err) {
    dowel_db *borrowed = NULL;
    dowel_rows *rows = NULL;
    *key_id = 0;
    int rc = db ? 0 : dowel_registry_database(d, &borrowed, err);
    if (rc) return rc;
    rc = dowel_db_query(db ? db : borrowed,
                        "SELECT key_id FROM blocks WHERE sealed IS NOT NULL ORDER BY updated DESC LIMIT 1", NULL, 0,
                        &rows, err);
    if (!rc && (rc = dowel_rows_next(rows, err)) == 1) {
        const char *text = dowel_rows_text(rows, 0);
        snprintf(key_id, DOWEL_KEY_ID_SIZE, "%s", text ? text : "");
        rc = 0;
    }
    dowel_rows_free(rows);
    dowel_database_release(d, borrowed);
    return rc;
}
