/* Statements, transactions and migrations, whichever database it is. */
#include "backend_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int dowel_db_exec(dowel_db *db, const char *sql, const dowel_value *values, size_t count, int64_t *changed,
                  dowel_error *err) {
    return db->backend->exec(db, sql, values, count, changed, err);
}

int dowel_db_query(dowel_db *db, const char *sql, const dowel_value *values, size_t count, dowel_rows **rows,
                   dowel_error *err) {
    return db->backend->query(db, sql, values, count, rows, err);
}

int dowel_rows_next(dowel_rows *rows, dowel_error *err) {
    return rows->backend->next(rows, err);
}

const char *dowel_rows_text(dowel_rows *rows, int column) {
    return rows->backend->text(rows, column);
}

int64_t dowel_rows_int(dowel_rows *rows, int column) {
    return rows->backend->integer(rows, column);
}

void dowel_rows_free(dowel_rows *rows) {
    if (rows) rows->backend->end(rows);
}

int dowel_db_begin(dowel_db *db, dowel_error *err) {
    return db->backend->begin(db, err);
}

int dowel_db_commit(dowel_db *db, dowel_error *err) {
    int rc = db->backend->exec(db, "COMMIT", NULL, 0, NULL, err);
    return !rc && db->backend->flush ? db->backend->flush(db, err) : rc;
}

void dowel_db_rollback(dowel_db *db) {
    db->backend->exec(db, "ROLLBACK", NULL, 0, NULL, NULL);
}

int dowel_db_exec_durable(dowel_db *db, const char *sql, const dowel_value *values, size_t count, int64_t *changed,
                          dowel_error *err) {
    int rc = dowel_db_begin(db, err);
    if (rc) return rc;
    rc = dowel_db_exec(db, sql, values, count, changed, err);
    if (!rc) rc = dowel_db_commit(db, err);
    if (rc) dowel_db_rollback(db);
    return rc;
}

/* ---- migrations ---- */

static int damaged_version(const char *component, const char *text, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_CORRUPT,
                        "the tables of %s are newer or damaged: \"%.40s\" is not a version that this dowel "
                        "knows",
                        component, text ? text : "NULL");
    dowel_error_hint(err, "nothing was changed; use the newer dowel that made them, or restore the database");
    return rc;
}

/* 0: there are no tables yet. An invalid number is an error: it would pick the wrong steps. */
static int read_version(dowel_db *db, const char *component, int64_t *version, dowel_error *err) {
    dowel_rows *rows;
    *version = 0;
    int rc = dowel_db_query(db, "SELECT version FROM dowel_schema WHERE component = $1",
                            DOWEL_VALUES(DOWEL_TEXT(component)), &rows, err);
    if (rc) return rc;
    rc = dowel_rows_next(rows, err);
    if (rc == 1) {
        const char *text = dowel_rows_text(rows, 0);
        char *end = NULL;
        errno = 0;
        *version = text && isdigit((unsigned char)*text) ? strtoll(text, &end, 10) : 0;
        rc = errno || !end || *end || *version < 1 ? damaged_version(component, text, err) : 0;
    }
    dowel_rows_free(rows);
    return rc < 0 ? rc : 0;
}

static int check_version(const char *component, int64_t version, int64_t wanted, dowel_error *err) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)version);
    return version > wanted ? damaged_version(component, text, err) : 0;
}

/* Another process may have been first, so the version is read again with the lock held. */
static int run_steps(dowel_db *db, const char *component, const char *const *steps, int64_t wanted, dowel_error *err) {
    int64_t version = 0;
    int rc = db->backend->script(
        db, "CREATE TABLE IF NOT EXISTS dowel_schema (component TEXT PRIMARY KEY, version BIGINT NOT NULL)", err);
    if (!rc) rc = read_version(db, component, &version, err);
    if (!rc) rc = check_version(component, version, wanted, err);
    for (; !rc && version < wanted; version++)
        if (*steps[version]) rc = db->backend->script(db, steps[version], err);
    if (rc) return rc;
    return dowel_db_exec(db,
                         "INSERT INTO dowel_schema (component, version) VALUES ($1, $2) "
                         "ON CONFLICT (component) DO UPDATE SET version = excluded.version",
                         DOWEL_VALUES(DOWEL_TEXT(component), DOWEL_INTEGER(version)), NULL, err);
}

static int bring_forward(dowel_db *db, const char *component, const char *const *steps, int64_t wanted,
                         dowel_error *err) {
    int rc = dowel_db_begin(db, err);
    if (rc) return rc;
    rc = run_steps(db, component, steps, wanted, err);
    if (!rc) rc = dowel_db_commit(db, err);
    if (!rc) return 0;
    dowel_db_rollback(db);
    return dowel_error_prefix(err, "preparing the tables of %s: ", component);
}

/* Steps without SQL change no table, so a reader can do without them. */
static bool changes_nothing(const char *const *steps, int64_t version) {
    for (const char *const *step = steps + version; *step; step++)
        if (**step) return false;
    return version > 0;
}

int64_t dowel_db_readonly_version(dowel_db *db, const char *component) {
    int64_t version = -1;
    return db->readonly && !read_version(db, component, &version, NULL) ? version : -1;
}

int dowel_db_migrate(dowel_db *db, const char *component, const char *const *steps, dowel_error *err) {
    for (int i = 0; i < DOWEL_COMPONENTS; i++)
        if (atomic_load(&db->migrated[i]) == (uintptr_t)steps) return 0;
    int64_t wanted = 0, version = 0;
    while (steps[wanted]) wanted++;
    dowel_error why = {.code = 0};
    int rc = read_version(db, component, &version, &why);
    /* If the version cannot be read, dowel_schema does not exist yet, or the statements below report the error. */
    if (!rc) rc = check_version(component, version, wanted, &why);
    if (rc == DOWEL_E_CORRUPT) {
        if (err) *err = why;
        return rc;
    }
    if (version < wanted) {
        rc = bring_forward(db, component, steps, wanted, err);
        if (rc && db->readonly && changes_nothing(steps, version)) return 0;
        if (rc) return rc;
    }
    for (int i = 0; i < DOWEL_COMPONENTS; i++) {
        uintptr_t none = 0;
        if (atomic_compare_exchange_strong(&db->migrated[i], &none, (uintptr_t)steps) || none == (uintptr_t)steps)
            break;
    }
    return 0;
}
