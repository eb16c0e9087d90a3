/* dowel/database.h: the registry and history database. For modules of dowel, not for programs.
 *
 * Statements use $1, $2 ... and SQL that both SQLite and PostgreSQL understand; columns are TEXT and BIGINT. A connection is used by one thread
 * at a time: borrow one with dowel_database_acquire() and return it soon. */
#ifndef DOWEL_DATABASE_H
#define DOWEL_DATABASE_H

#include <dowel/runtime.h>
#ifdef __cplusplus
#include <initializer_list>
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dowel_db dowel_db;
typedef struct dowel_rows dowel_rows;

typedef enum dowel_value_kind { DOWEL_V_NULL = 0, DOWEL_V_TEXT, DOWEL_V_INT } dowel_value_kind;

/* A parameter of a statement. */
typedef struct dowel_value {
    dowel_value_kind kind;
    const char *text;
    int64_t integer;
} dowel_value;

static inline dowel_value dowel_value_of_text(const char *text) {
    dowel_value value = {DOWEL_V_TEXT, text, 0};
    return value;
}
static inline dowel_value dowel_value_of_integer(int64_t integer) {
    dowel_value value = {DOWEL_V_INT, NULL, integer};
    return value;
}

#define DOWEL_TEXT(t) dowel_value_of_text(t) /* NULL: SQL NULL */
#define DOWEL_INTEGER(i) dowel_value_of_integer(i)
/* The arguments `values` and `count` of the functions below. They are valid until the end of the call. */
#ifdef __cplusplus
#define DOWEL_VALUES(...)                                                                                              \
    (std::initializer_list<dowel_value>{__VA_ARGS__}).begin(), (std::initializer_list<dowel_value>{__VA_ARGS__}).size()
#else
#define DOWEL_VALUES(...)                                                                                              \
    ((const dowel_value[]){__VA_ARGS__}), sizeof((const dowel_value[]){__VA_ARGS__}) / sizeof(dowel_value)
#endif

/* Borrows a connection of the handle's pool. The first call opens the database and creates its folder (0700) and file (0600). */
DOWEL_API int dowel_database_acquire(dowel *d, dowel_db **db, dowel_error *err);
DOWEL_API void dowel_database_release(dowel *d, dowel_db *db);
/* The URL in use, without a password, for messages. Borrowed. */
DOWEL_API const char *dowel_database_url(dowel *d);

/* Migrates a component's tables to the newest version: steps[n] is SQL (several statements) from version n to n + 1. A step "" changes no
 * table and keeps older programs out; a read-only database does not need it. Runs in one transaction, safe if several processes do it at once.
 * The pool remembers it, so later calls are cheap. */
DOWEL_API int dowel_db_migrate(dowel_db *db, const char *component, const char *const *steps, dowel_error *err);

/* Runs a statement without a result; *changed (may be NULL) is the number of changed rows. */
DOWEL_API int dowel_db_exec(dowel_db *db, const char *sql, const dowel_value *values, size_t count, int64_t *changed,
                            dowel_error *err);
/* The same in its own transaction: when it returns, the change survives a power cut. (A change by dowel_db_exec() outside a transaction survives
 * the end of the process and is flushed with the next commit.) */
DOWEL_API int dowel_db_exec_durable(dowel_db *db, const char *sql, const dowel_value *values, size_t count,
                                    int64_t *changed, dowel_error *err);
/* Runs a query. dowel_rows_next() returns 1 at a row, 0 at the end, negative on failure. The caller frees the rows. */
DOWEL_API int dowel_db_query(dowel_db *db, const char *sql, const dowel_value *values, size_t count, dowel_rows **rows,
                             dowel_error *err);
DOWEL_API int dowel_rows_next(dowel_rows *rows, dowel_error *err);
DOWEL_API const char *dowel_rows_text(dowel_rows *rows,
                                      int column); /* NULL: SQL NULL. Borrowed until the next dowel_rows_next() */
DOWEL_API int64_t dowel_rows_int(dowel_rows *rows, int column);
DOWEL_API void dowel_rows_free(dowel_rows *rows);

/* Begins a write transaction. It takes the write lock at once, so that it cannot deadlock with another. */
DOWEL_API int dowel_db_begin(dowel_db *db, dowel_error *err);
/* When it returns, the changes survive a power cut. Commits of several threads share a flush. */
DOWEL_API int dowel_db_commit(dowel_db *db, dowel_error *err);
DOWEL_API void dowel_db_rollback(dowel_db *db);

#ifdef __cplusplus
}
#endif
#endif
