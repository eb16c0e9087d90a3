/* The interface of a database engine behind dowel/database.h. */
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
    /* Called after COMMIT, so that it survives a power cut. NULL: COMMIT itself flushes. */
    int (*flush)(dowel_db *db, dowel_error *err);
    /* Called before a pooled connection is used: reconnects if the connection broke. NULL: it cannot break. */
    int (*wake)(dowel_db *db, dowel_error *err);
    void (*close)(dowel_db *db);
    int (*next)(dowel_rows *rows, dowel_error *err);
    const char *(*text)(dowel_rows *rows, int column);
    int64_t (*integer)(dowel_rows *rows, int column);
    void (*end)(dowel_rows *rows);
} dowel_db_backend;

/* Group commit of a handle's connections: commits that arrive during a flush share the next one. */
typedef struct dowel_flushes {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t commits, flushed; /* number of commits, and how many of them are on the disk */
    bool busy;
} dowel_flushes;
dowel_flushes *dowel_flushes_new(void);
void dowel_flushes_free(dowel_flushes *flushes); /* NULL is allowed */
/* Returns when this thread's commit is flushed; one thread at a time calls `flush`. */
int dowel_flushes_wait(dowel_flushes *flushes, int (*flush)(dowel_db *db, dowel_error *err), dowel_db *db,
                       dowel_error *err);

/* First member of every backend's connection and rows. */
struct dowel_db {
    const dowel_db_backend *backend;
    atomic_uintptr_t *migrated; /* the pool's memory of migrations that are up to date */
    dowel_flushes *flushes;     /* the pool's */
    bool readonly;              /* set when it is opened or when a write is refused */
    dowel_db *next;             /* in the pool */
};
struct dowel_rows {
    const dowel_db_backend *backend;
};

/* The version of a component's tables in a read-only database, after dowel_db_migrate() failed: 0 if there are none, -1 if the database is
 * writable or the version cannot be read. */
int64_t dowel_db_readonly_version(dowel_db *db, const char *component);

int dowel_sqlite_open(const char *path, bool memory, dowel_db **db, dowel_error *err);
int dowel_postgres_open(const dowel_database_address *address, dowel_db **db, dowel_error *err);

#endif
