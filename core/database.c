/* The database of a handle: where it is, a small pool of connections, migrations. */
#include "database_backend.h"
#include "handle.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_folders(char *path, dowel_error *err) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int failed = mkdir(path, 0700) && errno != EEXIST;
        int why = errno;
        *slash = '/';
        if (failed) return dowel_fail(err, DOWEL_E_DATABASE, "cannot make the folder of %s: %s", path, strerror(why));
    }
    return 0;
}

/* The usual place; the temporary folder where that cannot be written, as in functions. */
static int default_path(dowel *d, char path[PATH_MAX], dowel_error *err) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    *path = 0; /* where nobody says */
    if (data && *data == '/')
        snprintf(path, PATH_MAX, "%s/dowel/dowel.db", data);
    else if (home && *home == '/')
        snprintf(path, PATH_MAX, "%s/.local/share/dowel/dowel.db", home);
    if (*path && !make_folders(path, NULL)) {
        char folder[PATH_MAX];
        snprintf(folder, sizeof folder, "%s", path);
        *strrchr(folder, '/') = 0;
        if (!access(folder, W_OK | X_OK)) return 0;
    }
    char wanted[PATH_MAX];
    snprintf(wanted, sizeof wanted, "%s", path);
    const char *temporary = getenv("TMPDIR");
    snprintf(path, PATH_MAX, "%s/dowel-%ld/dowel.db", temporary && *temporary == '/' ? temporary : "/tmp",
             (long)getuid());
    int rc = make_folders(path, err);
    if (rc) return rc;
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    struct stat st;
    /* Anybody may make folders in the temporary folder: ours must be ours alone. */
    if (lstat(folder, &st) || !S_ISDIR(st.st_mode) || st.st_uid != getuid() || st.st_mode & 077) {
        rc = dowel_fail(err, DOWEL_E_DATABASE, "%s is not a folder of this user alone", folder);
        dowel_error_hint(err, "set DOWEL_DATABASE_URL to sqlite:PATH");
        return rc;
    }
    dowel_log(d, DOWEL_LOG_WARNING, "%s%s; blocks and history go to %s for now",
              *wanted ? wanted : "neither XDG_DATA_HOME nor HOME is a folder", *wanted ? " cannot be written" : "",
              path);
    return 0;
}

/* Called with database_lock held. */
static int locate(dowel *d, dowel_error *err) {
    dowel_core *core = d->core;
    const char *url = core->database_url ? core->database_url : getenv("DOWEL_DATABASE_URL");
    dowel_database_address address;
    char path[7 + PATH_MAX] = "sqlite:";
    int rc = url && *url ? 0 : default_path(d, path + 7, err);
    if (!rc) rc = dowel_database_address_parse(url && *url ? url : path, &address, err);
    if (rc) return rc;
    if (address.kind == DOWEL_DATABASE_SQLITE) rc = make_folders(address.path, err);
    core->address = rc ? NULL : malloc(sizeof *core->address);
    if (core->address) {
        *core->address = address;
        return 0;
    }
    dowel_database_address_clear(&address);
    return rc ? rc : dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

static int open_one(dowel_core *core, dowel_db **db, dowel_error *err) {
    char memory[64];
    int rc;
    switch (core->address->kind) {
    case DOWEL_DATABASE_POSTGRES: rc = dowel_postgres_open(core->address, db, err); break;
    case DOWEL_DATABASE_MEMORY:
        /* memdb locks as files do; a shared cache would refuse other threads' tables without waiting. */
        snprintf(memory, sizeof memory, "file:/dowel-%p?vfs=memdb", (void *)core);
        rc = dowel_sqlite_open(memory, true, db, err);
        break;
    default: rc = dowel_sqlite_open(core->address->path, false, db, err); break;
    }
    if (!rc) (*db)->migrated = core->migrated;
    return rc;
}

/* Connections stay open until the handle closes, so that a memory: database lives as long. */
int dowel_database_acquire(dowel *d, dowel_db **db, dowel_error *err) {
    dowel_core *core = d->core;
    pthread_mutex_lock(&core->database_lock);
    int rc = core->address ? 0 : locate(d, err);
    dowel_db *found = core->idle;
    if (!rc && found) core->idle = found->next;
    pthread_mutex_unlock(&core->database_lock);
    /* Connecting may take long: others can work meanwhile. */
    if (!rc && !found) {
        rc = open_one(core, &found, err);
    } else if (!rc && found->backend->wake) {
        rc = found->backend->wake(found, err);
        if (rc) found->backend->close(found);
    }
    if (!rc) *db = found;
    return rc;
}

void dowel_database_release(dowel *d, dowel_db *db) {
    if (!db) return;
    pthread_mutex_lock(&d->core->database_lock);
    db->next = d->core->idle;
    d->core->idle = db;
    pthread_mutex_unlock(&d->core->database_lock);
}

void dowel_database_close(dowel_core *core) {
    for (dowel_db *db = core->idle, *next; db; db = next) {
        next = db->next;
        db->backend->close(db);
    }
    if (core->address) dowel_database_address_clear(core->address);
    free(core->address);
}

const char *dowel_database_url(dowel *d) {
    pthread_mutex_lock(&d->core->database_lock);
    if (!d->core->address) (void)locate(d, NULL);
    const char *shown = d->core->address ? d->core->address->shown : "(none)";
    pthread_mutex_unlock(&d->core->database_lock);
    return shown;
}

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
    return db->backend->exec(db, "COMMIT", NULL, 0, NULL, err);
}

void dowel_db_rollback(dowel_db *db) {
    db->backend->exec(db, "ROLLBACK", NULL, 0, NULL, NULL);
}

static int read_version(dowel_db *db, const char *component, int64_t *version, dowel_error *err) {
    dowel_rows *rows;
    *version = 0;
    int rc = dowel_db_query(db, "SELECT version FROM dowel_schema WHERE component = $1",
                            DOWEL_VALUES(DOWEL_TEXT(component)), &rows, err);
    if (rc) return rc;
    rc = dowel_rows_next(rows, err);
    if (rc == 1) *version = dowel_rows_int(rows, 0);
    dowel_rows_free(rows);
    return rc < 0 ? rc : 0;
}

int dowel_db_migrate(dowel_db *db, const char *component, const char *const *steps, dowel_error *err) {
    for (int i = 0; i < DOWEL_COMPONENTS; i++)
        if (atomic_load(&db->migrated[i]) == (uintptr_t)steps) return 0;
    int64_t wanted = 0, version;
    while (steps[wanted]) wanted++;
    if (read_version(db, component, &version, NULL)) version = -1;
    int rc = 0;
    if (version < wanted) {
        rc = dowel_db_begin(db, err);
        if (rc) return rc;
        rc = db->backend->script(
            db, "CREATE TABLE IF NOT EXISTS dowel_schema (component TEXT PRIMARY KEY, version BIGINT NOT NULL)", err);
        /* Another process may have been faster. */
        if (!rc) rc = read_version(db, component, &version, err);
        for (; !rc && version < wanted; version++) rc = db->backend->script(db, steps[version], err);
        if (!rc)
            rc = dowel_db_exec(db,
                               "INSERT INTO dowel_schema (component, version) VALUES ($1, $2) "
                               "ON CONFLICT (component) DO UPDATE SET version = excluded.version",
                               DOWEL_VALUES(DOWEL_TEXT(component), DOWEL_INTEGER(version)), NULL, err);
        if (!rc) rc = dowel_db_commit(db, err);
        if (rc) {
            dowel_db_rollback(db);
            dowel_error_prefix(err, "preparing the tables of %s: ", component);
            return rc;
        }
    }
    if (version > wanted) {
        rc = dowel_fail(err, DOWEL_E_DATABASE, "the database's tables of %s are of version %lld, this dowel knows %lld",
                        component, (long long)version, (long long)wanted);
        dowel_error_hint(err, "use the newer dowel that made them");
        return rc;
    }
    for (int i = 0; !rc && i < DOWEL_COMPONENTS; i++) {
        uintptr_t none = 0;
        if (atomic_compare_exchange_strong(&db->migrated[i], &none, (uintptr_t)steps) || none == (uintptr_t)steps)
            break;
    }
    return rc;
}
