/* dowel/database.h: the one way to the registry and history database. For modules of dowel, not for programs.
 *
 * Statements use $1, $2 ... and SQL that SQLite and PostgreSQL both understand: columns are TEXT and BIGINT. A connection is used by one thread at a time:
 * borrow one with dowel_database_acquire, give it back soon. */
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
/* The arguments `values` and `count` of the functions below. They last until the end of the call. */
#ifdef __cplusplus
#define DOWEL_VALUES(...)                                                                                              \
    (std::initializer_list<dowel_value>{__VA_ARGS__}).begin(), (std::initializer_list<dowel_value>{__VA_ARGS__}).size()
#else
#define DOWEL_VALUES(...)                                                                                              \
    ((const dowel_value[]){__VA_ARGS__}), sizeof((const dowel_value[]){__VA_ARGS__}) / sizeof(dowel_value)
#endif

/* Borrows a connection of the handle's pool; opens the database on the first call (and makes its folder, 0700, and file, 0600). */
DOWEL_API int dowel_database_acquire(dowel *d, dowel_db **db, dowel_error *err);
DOWEL_API void dowel_database_release(dowel *d, dowel_db *db);
/* The URL in use without any password, for messages. Borrowed. */
DOWEL_API const char *dowel_database_url(dowel *d);

/* Brings a component's tables to the newest version: step n is SQL (several statements) that leads from version n to n + 1.
 * "" keeps the tables and keeps older versions out; a database that is only read can do without such a step.
 * In one transaction; safe when several processes do it at once; remembered per connection pool, so calling it is cheap. */
DOWEL_API int dowel_db_migrate(dowel_db *db, const char *component, const char *const *steps, dowel_error *err);

/* Runs a statement without rows; *changed (may be NULL) receives the number of rows changed. */
DOWEL_API int dowel_db_exec(dowel_db *db, const char *sql, const dowel_value *values, size_t count, int64_t *changed,
                            dowel_error *err);
/* The same in a transaction of its own, for what was promised: when it returns, the change survives a power cut. (What dowel_db_exec changes
 * outside of a transaction survives the end of the process, and is flushed with the next commit.) */
DOWEL_API int dowel_db_exec_durable(dowel_db *db, const char *sql, const dowel_value *values, size_t count,
                                    int64_t *changed, dowel_error *err);
/* Runs a query; dowel_rows_next is 1 at a row, 0 at the end, negative on failure. */
DOWEL_API int dowel_db_query(dowel_db *db, const char *sql, const dowel_value *values, size_t count, dowel_rows **rows,
                             dowel_error *err);
DOWEL_API int dowel_rows_next(dowel_rows *rows, dowel_error *err);
DOWEL_API const char *dowel_rows_text(dowel_rows *rows, int column); /* NULL for SQL NULL; borrowed until next */
DOWEL_API int64_t dowel_rows_int(dowel_rows *rows, int column);
DOWEL_API void dowel_rows_free(dowel_rows *rows);

/* A write transaction: takes the write lock at once, so that it cannot deadlock with another. */
DOWEL_API int dowel_db_begin(dowel_db *db, dowel_error *err);
/* When it returns, what was committed survives a power cut; commits of several threads share a flush. */
DOWEL_API int dowel_db_commit(dowel_db *db, dowel_error *err);
DOWEL_API void dowel_db_rollback(dowel_db *db);

#ifdef __cplusplus
}
#endif
#endif
