/* SQLite behind dowel/database.h. */
#include "database_backend.h"

#include <openssl/rand.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define BUSY_MILLISECONDS 60000

typedef struct connection {
    dowel_db base;
    sqlite3 *handle;
    char *path;
} connection;

typedef struct rows {
    dowel_rows base;
    connection *of;
    sqlite3_stmt *statement;
} rows;

static int failed(connection *c, dowel_error *err) {
    int code = sqlite3_errcode(c->handle);
    int rc = dowel_fail(err, DOWEL_E_DATABASE, "database %s: %s (SQLite code %d)", c->path, sqlite3_errmsg(c->handle),
                        sqlite3_extended_errcode(c->handle));
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        dowel_error_hint(err, "the file is damaged or not a database; it was left as it is. Restore it, or name "
                              "another with DOWEL_DATABASE_URL");
    else if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        dowel_error_hint(err, "another program holds the database; try again when it has finished");
    else if (code == SQLITE_FULL)
        dowel_error_hint(err, "the disk is full");
    else if (code == SQLITE_CANTOPEN || code == SQLITE_PERM || code == SQLITE_READONLY)
        dowel_error_hint(err, "it must be a file that this user may read and write, in a folder that it may write to; "
                              "DOWEL_DATABASE_URL names another");
    if (err && (code == SQLITE_BUSY || code == SQLITE_LOCKED)) err->retryable = true;
    return rc;
}

static int prepare(connection *c, const char *sql, const dowel_value *values, size_t count, sqlite3_stmt **statement,
                   dowel_error *err) {
    if (sqlite3_prepare_v2(c->handle, sql, -1, statement, NULL) != SQLITE_OK) return failed(c, err);
    int rc = SQLITE_OK;
    for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
        char name[24];
        snprintf(name, sizeof name, "$%zu", i + 1);
        int at = sqlite3_bind_parameter_index(*statement, name);
        if (!at) continue;
        const dowel_value *v = &values[i];
        switch (v->kind) {
        case DOWEL_V_TEXT: rc = sqlite3_bind_text(*statement, at, v->text, -1, SQLITE_STATIC); break;
        case DOWEL_V_INT: rc = sqlite3_bind_int64(*statement, at, v->integer); break;
        default: rc = sqlite3_bind_null(*statement, at); break;
        }
    }
    if (rc == SQLITE_OK) return 0;
    rc = failed(c, err);
    sqlite3_finalize(*statement);
    return rc;
}

static int exec(dowel_db *db, const char *sql, const dowel_value *values, size_t count, int64_t *changed,
                dowel_error *err) {
    connection *c = (connection *)db;
    sqlite3_stmt *statement;
    int rc = prepare(c, sql, values, count, &statement, err);
    if (rc) return rc;
    int step = sqlite3_step(statement);
    if (step != SQLITE_DONE && step != SQLITE_ROW)
        rc = failed(c, err);
    else if (changed)
        *changed = sqlite3_changes(c->handle);
    sqlite3_finalize(statement);
    return rc;
}

static int script(dowel_db *db, const char *sql, dowel_error *err) {
    connection *c = (connection *)db;
    return sqlite3_exec(c->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(c, err);
}

static int query(dowel_db *db, const char *sql, const dowel_value *values, size_t count, dowel_rows **out,
                 dowel_error *err) {
    connection *c = (connection *)db;
    rows *r = calloc(1, sizeof *r);
    if (!r) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    r->base.backend = db->backend;
    r->of = c;
    int rc = prepare(c, sql, values, count, &r->statement, err);
    if (rc)
        free(r);
    else
        *out = &r->base;
    return rc;
}

static int begin(dowel_db *db, dowel_error *err) {
    return exec(db, "BEGIN IMMEDIATE", NULL, 0, NULL, err);
}

static void close_connection(dowel_db *db) {
    connection *c = (connection *)db;
    sqlite3_close(c->handle);
    free(c->path);
    free(c);
}

static int next(dowel_rows *base, dowel_error *err) {
    rows *r = (rows *)base;
    int step = sqlite3_step(r->statement);
    return step == SQLITE_ROW ? 1 : step == SQLITE_DONE ? 0 : failed(r->of, err);
}

static const char *text(dowel_rows *base, int column) {
    return (const char *)sqlite3_column_text(((rows *)base)->statement, column);
}

static int64_t integer(dowel_rows *base, int column) {
    return sqlite3_column_int64(((rows *)base)->statement, column);
}

static void end(dowel_rows *base) {
    rows *r = (rows *)base;
    sqlite3_finalize(r->statement);
    free(r);
}

static const dowel_db_backend backend = {.exec = exec,
                                         .script = script,
                                         .query = query,
                                         .begin = begin,
                                         .close = close_connection,
                                         .next = next,
                                         .text = text,
                                         .integer = integer,
                                         .end = end};

/* Waits a random while, so that many waiters do not wake together; gives up after BUSY_MILLISECONDS. */
static int wait_busy(void *context, int calls) {
    (void)context;
    if (calls > BUSY_MILLISECONDS / 6) return 0;
    unsigned char noise = 128;
    RAND_bytes(&noise, 1);
    struct timespec pause = {0, (calls < 4 ? 200000L : 1000000L) + (long)noise * (calls < 10 ? 8000L : 40000L)};
    nanosleep(&pause, NULL);
    return 1;
}

/* While several processes open a new file at once, the change to WAL can meet a lock that SQLite does not wait for, since waiting
 * inside could be a deadlock: wait outside. */
static int use_wal(connection *c, dowel_error *err) {
    int status;
    for (int calls = 0;; calls++) {
        status = sqlite3_exec(c->handle, "PRAGMA journal_mode=WAL;", NULL, NULL, NULL);
        bool again = status == SQLITE_BUSY || status == SQLITE_LOCKED || (status == SQLITE_IOERR && calls < 20);
        if (!again || !wait_busy(NULL, calls)) break;
    }
    return status == SQLITE_OK ? 0 : failed(c, err);
}

int dowel_sqlite_open(const char *path, bool memory, dowel_db **db, dowel_error *err) {
    connection *c = calloc(1, sizeof *c);
    if (!c || !(c->path = strdup(path))) {
        free(c);
        return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    c->base.backend = &backend;
    mode_t before = umask(077); /* the -wal and -shm files take after the main file, which is made here */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | (memory ? SQLITE_OPEN_URI : 0);
    int status = sqlite3_open_v2(path, &c->handle, flags, NULL);
    umask(before);
    int rc = status == SQLITE_OK ? 0 : failed(c, err);
    if (!rc) {
        sqlite3_busy_handler(c->handle, wait_busy, NULL);
        rc = script(&c->base, "PRAGMA foreign_keys=ON; PRAGMA synchronous=NORMAL;", err);
        if (!rc && !memory) rc = use_wal(c, err);
    }
    if (rc)
        close_connection(&c->base);
    else
        *db = &c->base;
    return rc;
}
