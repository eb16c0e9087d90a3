/* What a database behind dowel/database.h brings. */
#ifndef DOWEL_DATABASE_BACKEND_H
#define DOWEL_DATABASE_BACKEND_H

#include "address_internal.h"

#include <dowel/database.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define DOWEL_COMPONENTS 8

typedef struct dowel_db_backend {
    int (*exec)(dowel_db *db, const char *sql, const dowel_value *values, size_t count, int64_t *changed,
                dowel_error *err);
    int (*script)(dowel_db *db, const char *sql, dowel_error *err); /* several statements, no values */
    int (*query)(dowel_db *db, const char *sql, const dowel_value *values, size_t count, dowel_rows **rows,
                 dowel_error *err);
    int (*begin)(dowel_db *db, dowel_error *err);
    /* After COMMIT: what was committed survives a power cut. NULL: COMMIT itself sees to that. */
    int (*flush)(dowel_db *db, dowel_error *err);
    /* Before a connection is used that lay in the pool: brings it back where it broke meanwhile. NULL: it cannot break. */
    int (*wake)(dowel_db *db, dowel_error *err);
    void (*close)(dowel_db *db);
    int (*next)(dowel_rows *rows, dowel_error *err);
    const char *(*text)(dowel_rows *rows, int column);
    int64_t (*integer)(dowel_rows *rows, int column);
    void (*end)(dowel_rows *rows);
} dowel_db_backend;

/* Commits of a handle's connections that wait for one flush: while one is under way, those that come meanwhile share the next. */
typedef struct dowel_flushes {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t commits, flushed; /* how many there were, and how many of them are on the disk */
    bool busy;
} dowel_flushes;
dowel_flushes *dowel_flushes_new(void);
void dowel_flushes_free(dowel_flushes *flushes); /* NULL is allowed */
/* Returns when what this thread committed is flushed; `flush` is called by one thread at a time. */
int dowel_flushes_wait(dowel_flushes *flushes, int (*flush)(dowel_db *db, dowel_error *err), dowel_db *db,
                       dowel_error *err);

/* First member of every backend's connection and rows. */
struct dowel_db {
    const dowel_db_backend *backend;
    atomic_uintptr_t *migrated; /* the pool's memory of migrations that are up to date */
    dowel_flushes *flushes;     /* the pool's */
    bool readonly;              /* found out when it was opened, or when a write was refused */
    dowel_db *next;             /* in the pool */
};
struct dowel_rows {
    const dowel_db_backend *backend;
};

/* The version of a component's tables in a database that can only be read, after dowel_db_migrate failed: 0 when there are none, -1 when the database
 * can be written or does not tell. */
int64_t dowel_db_readonly_version(dowel_db *db, const char *component);

int dowel_sqlite_open(const char *path, bool memory, dowel_db **db, dowel_error *err);
int dowel_postgres_open(const dowel_database_address *address, dowel_db **db, dowel_error *err);

#endif
