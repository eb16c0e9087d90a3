/* PostgreSQL behind dowel/database.h. libpq is loaded for the first PostgreSQL URL, so that other starts do not pay for it. */
#include "backend_internal.h"

#ifdef DOWEL_LIBPQ

#include <dowel/clock.h>

#include <dlfcn.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIBRARY "libpq.so.5"
#define MOST_VALUES 32
#define CONFLICT_TRIES 30
#define RECONNECT_SECONDS 20

/* Writers take turns, as with SQLite, so that no transaction has to be repeated. The lock is held until the transaction ends; the server
 * releases it when the process that holds it has ended or is silent. */
#define BEGIN                                                                                                          \
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '60s'; "                                           \
    "SET LOCAL idle_in_transaction_session_timeout = '60s'; SELECT pg_advisory_xact_lock(110462993917292)"

#define FUNCTIONS(X)                                                                                                   \
    X(PQclear)                                                                                                         \
    X(PQcmdStatus)                                                                                                     \
    X(PQcmdTuples)                                                                                                     \
    X(PQconnectdbParams)                                                                                               \
    X(PQerrorMessage)                                                                                                  \
    X(PQexec)                                                                                                          \
    X(PQexecParams)                                                                                                    \
    X(PQfinish)                                                                                                        \
    X(PQgetisnull)                                                                                                     \
    X(PQgetvalue)                                                                                                      \
    X(PQntuples)                                                                                                       \
    X(PQresultErrorField)                                                                                              \
    X(PQresultStatus)                                                                                                  \
    X(PQsetNoticeProcessor)                                                                                            \
    X(PQsocket)                                                                                                        \
    X(PQstatus)                                                                                                        \
    X(PQtransactionStatus)

typedef struct library {
    void *handle;
#define MEMBER(name) __typeof__(name) *name;
    FUNCTIONS(MEMBER)
#undef MEMBER
} library;

typedef struct connection {
    dowel_db base;
    library pq;
    PGconn *server;
    const dowel_database_address *address; /* the handle's */
} connection;

typedef struct rows {
    dowel_rows base;
    const library *pq;
    PGresult *result;
    int row;
} rows;

static int load(library *pq, dowel_error *err) {
    pq->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    bool whole = pq->handle != NULL;
#define FIND(name) whole = whole && (*(void **)&pq->name = dlsym(pq->handle, #name)) != NULL;
    FUNCTIONS(FIND)
#undef FIND
    if (whole) return 0;
    int rc = dowel_fail(err, DOWEL_E_DATABASE, "a PostgreSQL database needs " LIBRARY ", which cannot be loaded: %s",
                        dlerror());
    dowel_error_hint(err, "install PostgreSQL's client library (libpq5), or use sqlite:PATH");
    return rc;
}

static void silence(void *context, const char *message) {
    (void)context;
    (void)message;
}

/* The server's message on one line, with the password masked. */
static void quote(const connection *c, const char *said, char text[512]) {
    const char *password = c->address->password;
    size_t length = password ? strlen(password) : 0, size = 0;
    for (const char *p = said; *p && size < 500;) {
        if (length && !strncmp(p, password, length)) {
            memcpy(text + size, "********", 8);
            size += 8;
            p += length;
        } else {
            text[size++] = *p == '\n' || *p == '\t' ? ' ' : *p;
            p++;
        }
    }
    while (size && text[size - 1] == ' ') size--;
    text[size] = 0;
}

static void pause_for(int calls) {
    unsigned char noise = 128;
    RAND_bytes(&noise, 1);
    long shift = calls < 7 ? calls : 7;
    struct timespec time = {0, (1000000L << shift) + (long)noise * (4000L << shift)};
    nanosleep(&time, NULL);
}

/* ---- connecting ---- */

/* Explains why a connection failed, by the English text; servers with other languages get the last row. */
static const struct refusal {
    const char *words, *hint;
    int code;
    enum { NEVER, SOON, ONCE_CONNECTED } again; /* whether trying again may help */
} refusals[] = {
    {"starting up", NULL, DOWEL_E_UNAVAILABLE, SOON},
    {"shutting down", NULL, DOWEL_E_UNAVAILABLE, SOON},
    {"in recovery mode", NULL, DOWEL_E_UNAVAILABLE, SOON},
    {"too many clients", "too many programs are connected; raise max_connections or try later", DOWEL_E_UNAVAILABLE,
     SOON},
    {"connection slots are reserved", "too many programs are connected; raise max_connections or try later",
     DOWEL_E_UNAVAILABLE, SOON},
    {"password authentication failed", "check user and password in DOWEL_DATABASE_URL (or PGPASSWORD, PGPASSFILE)",
     DOWEL_E_CREDENTIALS, NEVER},
    {"no password supplied", "give a password in DOWEL_DATABASE_URL, PGPASSWORD or PGPASSFILE", DOWEL_E_CREDENTIALS,
     NEVER},
    {"authentication failed", "check the authentication method in the server's pg_hba.conf", DOWEL_E_CREDENTIALS,
     NEVER},
    {"no pg_hba.conf entry", "allow this host and user in the server's pg_hba.conf", DOWEL_E_CREDENTIALS, NEVER},
    {"role \"", "make the user with `createuser`, or name another in DOWEL_DATABASE_URL", DOWEL_E_CREDENTIALS, NEVER},
    {"database \"", "make the database with `createdb`, or name another in DOWEL_DATABASE_URL", DOWEL_E_DATABASE,
     NEVER},
    {"Connection refused",
     "no server listens there: check host and port in DOWEL_DATABASE_URL, and that the server runs", DOWEL_E_NETWORK,
     ONCE_CONNECTED},
    {"No such file or directory",
     "no server listens there: check the host in DOWEL_DATABASE_URL, and that the server runs", DOWEL_E_NETWORK,
     ONCE_CONNECTED},
    {"closed the connection unexpectedly", NULL, DOWEL_E_NETWORK, ONCE_CONNECTED},
    {"could not translate host name", "check the host in DOWEL_DATABASE_URL", DOWEL_E_NETWORK, NEVER},
    {"invalid ", "check the parameters after the ? of DOWEL_DATABASE_URL", DOWEL_E_INVALID, NEVER},
    {"timeout expired", "the server does not answer: check host and port in DOWEL_DATABASE_URL", DOWEL_E_TIMEOUT,
     NEVER},
    {"", "check DOWEL_DATABASE_URL and the server", DOWEL_E_DATABASE, NEVER},
};

static const struct refusal *explain(const char *said) {
    const struct refusal *r = refusals;
    while (!strstr(said, r->words)) r++;
    return r;
}

static int connect_failed(const connection *c, const struct refusal *r, dowel_error *err) {
    char text[512];
    quote(c, c->pq.PQerrorMessage(c->server), text);
    int rc = dowel_fail(err, r->code, "database %s: %s", c->address->shown, *text ? text : "cannot connect");
    if (r->hint) dowel_error_hint(err, "%s", r->hint);
    if (err) err->retryable = r->again != NEVER;
    return rc;
}

/* `again`: this handle was connected before, so a server that refuses connections is probably restarting. */
static int open_server(connection *c, bool again, dowel_error *err) {
    /* The URL may override the parameters before it. */
    static const char *const names[] = {"connect_timeout",
                                        "tcp_user_timeout",
                                        "keepalives_idle",
                                        "application_name",
                                        "dbname",
                                        "client_encoding",
                                        NULL};
    const char *const values[] = {"10", "60000", "60", "dowel", c->address->path, "UTF8", NULL};
    double begin = dowel_clock();
    for (int calls = 0;; calls++) {
        c->server = c->pq.PQconnectdbParams(names, values, 1);
        if (!c->server) return dowel_no_memory(err);
        if (c->pq.PQstatus(c->server) == CONNECTION_OK) break;
        const struct refusal *r = explain(c->pq.PQerrorMessage(c->server));
        if (r->again == NEVER || (r->again == ONCE_CONNECTED && !again) || dowel_clock() - begin >= RECONNECT_SECONDS) {
            int rc = connect_failed(c, r, err);
            c->pq.PQfinish(c->server);
            c->server = NULL;
            return rc;
        }
        c->pq.PQfinish(c->server);
        pause_for(calls);
    }
    c->pq.PQsetNoticeProcessor(c->server, silence, NULL);
    return 0;
}

static bool is_lost(const connection *c) {
    return !c->server || c->pq.PQstatus(c->server) != CONNECTION_OK;
}

static int reconnect(connection *c, dowel_error *err) {
    if (c->server) c->pq.PQfinish(c->server);
    c->server = NULL;
    return open_server(c, true, err);
}

/* If the server has closed the connection, its socket is readable. */
static int wake(dowel_db *db, dowel_error *err) {
    connection *c = (connection *)db;
    struct pollfd socket = {.fd = c->server ? c->pq.PQsocket(c->server) : -1, .events = POLLIN};
    if (c->server && poll(&socket, 1, 0) == 1) c->pq.PQclear(c->pq.PQexec(c->server, ""));
    if (!is_lost(c) && c->pq.PQtransactionStatus(c->server) != PQTRANS_IDLE)
        c->pq.PQclear(c->pq.PQexec(c->server, "ROLLBACK"));
    return is_lost(c) ? reconnect(c, err) : 0;
}

/* ---- statements ---- */

static int failed(connection *c, PGresult *result, dowel_error *err) {
    char text[512];
    const char *state = c->pq.PQresultErrorField(result, PG_DIAG_SQLSTATE),
               *said = c->pq.PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    bool lost = is_lost(c);
    quote(c, said && !lost ? said : c->pq.PQerrorMessage(c->server), text);
    if (!state) state = "";
    bool busy = !strcmp(state, "55P03") || !strcmp(state, "40001") || !strcmp(state, "40P01");
    int rc = lost ? dowel_fail(err, DOWEL_E_NETWORK, "database %s: the connection broke: %s", c->address->shown, text)
                  : dowel_fail(err, DOWEL_E_DATABASE, "database %s: %s (SQLSTATE %s)", c->address->shown, text, state);
    if (busy)
        dowel_error_hint(err, "another program holds the lock; try again when it has finished");
    else if (!strcmp(state, "42501"))
        dowel_error_hint(err, "grant this user USAGE and CREATE on the schema for the first start, then SELECT, "
                              "INSERT, UPDATE, DELETE on the tables");
    else if (!strcmp(state, "53100"))
        dowel_error_hint(err, "the server's disk is full");
    else if (!strcmp(state, "25006"))
        dowel_error_hint(err, "this server is read-only (a standby?): name the primary in DOWEL_DATABASE_URL");
    /* A standby, or a role without the right to write. */
    if (!strcmp(state, "25006") || !strcmp(state, "42501")) c->base.readonly = true;
    if (err) {
        snprintf(err->reason, sizeof err->reason, "%s", state);
        err->retryable = busy || lost;
    }
    return rc;
}

static bool conflicts(const connection *c, const PGresult *result) {
    const char *state = c->pq.PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state && (!strcmp(state, "40001") || !strcmp(state, "40P01"));
}

static PGresult *send(connection *c, const char *sql, const dowel_value *values, size_t count) {
    Oid types[MOST_VALUES];
    const char *texts[MOST_VALUES];
    char numbers[MOST_VALUES][24];
    for (size_t i = 0; i < count; i++) {
        types[i] = values[i].kind == DOWEL_V_INT ? 20 : 25; /* int8, text */
        texts[i] = values[i].kind == DOWEL_V_TEXT ? values[i].text : NULL;
        if (values[i].kind != DOWEL_V_INT) continue;
        snprintf(numbers[i], sizeof numbers[i], "%" PRId64, values[i].integer);
        texts[i] = numbers[i];
    }
    return c->pq.PQexecParams(c->server, sql, (int)count, types, texts, NULL, NULL, 0);
}

/* `repeatable`: the statement may run twice, so it is sent again if the connection breaks. */
static int run(connection *c, const char *sql, const dowel_value *values, size_t count, bool repeatable, PGresult **out,
               dowel_error *err) {
    if (count > MOST_VALUES) return dowel_fail(err, DOWEL_E_INTERNAL, "a statement with %zu values", count);
    int rc = is_lost(c) ? reconnect(c, err) : 0;
    if (rc) return rc;
    bool alone = c->pq.PQtransactionStatus(c->server) == PQTRANS_IDLE;
    for (int tries = 0;; tries++) {
        PGresult *result = send(c, sql, values, count);
        ExecStatusType status = c->pq.PQresultStatus(result);
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) {
            *out = result;
            return 0;
        }
        bool lost = is_lost(c),
             again = alone && tries < CONFLICT_TRIES && (lost ? repeatable && !tries : conflicts(c, result));
        rc = failed(c, result, err);
        c->pq.PQclear(result);
        if (!again) return rc;
        if (!lost) pause_for(tries);
        if (lost && (rc = reconnect(c, err))) return rc;
    }
}

static int exec(dowel_db *db, const char *sql, const dowel_value *values, size_t count, int64_t *changed,
                dowel_error *err) {
    connection *c = (connection *)db;
    PGresult *result;
    int rc = run(c, sql, values, count, false, &result, err);
    if (rc) return rc;
    /* COMMIT of a failed transaction rolls back and is not an error for the server. */
    if (!strcmp(sql, "COMMIT") && !strcmp(c->pq.PQcmdStatus(result), "ROLLBACK"))
        rc = dowel_fail(err, DOWEL_E_DATABASE, "database %s: the transaction was rolled back", c->address->shown);
    if (changed) *changed = strtoll(c->pq.PQcmdTuples(result), NULL, 10);
    c->pq.PQclear(result);
    return rc;
}

static int script(dowel_db *db, const char *sql, dowel_error *err) {
    connection *c = (connection *)db;
    PGresult *result = c->pq.PQexec(c->server, sql);
    ExecStatusType status = c->pq.PQresultStatus(result);
    int rc = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : failed(c, result, err);
    c->pq.PQclear(result);
    return rc;
}

static int begin(dowel_db *db, dowel_error *err) {
    connection *c = (connection *)db;
    int rc = is_lost(c) ? reconnect(c, err) : 0;
    if (!rc) rc = script(db, BEGIN, err);
    if (rc && is_lost(c)) {
        rc = reconnect(c, err);
        if (!rc) rc = script(db, BEGIN, err);
    }
    if (rc && !is_lost(c)) c->pq.PQclear(c->pq.PQexec(c->server, "ROLLBACK"));
    return rc;
}

static void close_connection(dowel_db *db) {
    connection *c = (connection *)db;
    if (c->server) c->pq.PQfinish(c->server);
    if (c->pq.handle) dlclose(c->pq.handle);
    free(c);
}

/* ---- rows ---- */

static int query(dowel_db *db, const char *sql, const dowel_value *values, size_t count, dowel_rows **out,
                 dowel_error *err) {
    connection *c = (connection *)db;
    rows *r = calloc(1, sizeof *r);
    if (!r) return dowel_no_memory(err);
    *r = (rows){{db->backend}, &c->pq, NULL, -1};
    int rc = run(c, sql, values, count, true, &r->result, err);
    if (rc)
        free(r);
    else
        *out = &r->base;
    return rc;
}

static int next(dowel_rows *base, dowel_error *err) {
    rows *r = (rows *)base;
    (void)err;
    return ++r->row < r->pq->PQntuples(r->result);
}

static const char *text(dowel_rows *base, int column) {
    rows *r = (rows *)base;
    return r->pq->PQgetisnull(r->result, r->row, column) ? NULL : r->pq->PQgetvalue(r->result, r->row, column);
}

static int64_t integer(dowel_rows *base, int column) {
    const char *number = text(base, column);
    return number ? strtoll(number, NULL, 10) : 0;
}

static void end(dowel_rows *base) {
    rows *r = (rows *)base;
    r->pq->PQclear(r->result);
    free(r);
}

static const dowel_db_backend backend = {.exec = exec,
                                         .script = script,
                                         .query = query,
                                         .begin = begin,
                                         .wake = wake,
                                         .close = close_connection,
                                         .next = next,
                                         .text = text,
                                         .integer = integer,
                                         .end = end};

int dowel_postgres_open(const dowel_database_address *address, dowel_db **db, dowel_error *err) {
    connection *c = calloc(1, sizeof *c);
    if (!c) return dowel_no_memory(err);
    c->base.backend = &backend;
    c->address = address;
    int rc = load(&c->pq, err);
    if (!rc) rc = open_server(c, false, err);
    if (rc)
        close_connection(&c->base);
    else
        *db = &c->base;
    return rc;
}

#else

int dowel_postgres_open(const dowel_database_address *address, dowel_db **db, dowel_error *err) {
    (void)db;
    int rc = dowel_fail(err, DOWEL_E_DATABASE, "database %s: this dowel was built without PostgreSQL", address->shown);
    dowel_error_hint(err, "install libpq-dev and build it again, or use sqlite:PATH");
    return rc;
}

#endif
