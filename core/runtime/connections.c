/* The database of a handle: where it is, and a small pool of connections. */
#include "backend_internal.h"
#include "handle_internal.h"

#include <dowel/file.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_folders(const char *path, dowel_error *err) {
    int why = dowel_file_folders(path);
    return why ? dowel_fail(err, DOWEL_E_DATABASE, "cannot make the folder of %s: %s", path, strerror(why)) : 0;
}

static void folder_of(const char *path, char folder[PATH_MAX]) {
    snprintf(folder, PATH_MAX, "%s", path);
    *strrchr(folder, '/') = 0;
}

/* Where the database is when nothing else is said; false: neither variable names a folder. */
static bool usual_path(char path[PATH_MAX]) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int size = data && *data == '/'   ? snprintf(path, PATH_MAX, "%s/dowel/dowel.db", data)
               : home && *home == '/' ? snprintf(path, PATH_MAX, "%s/.local/share/dowel/dowel.db", home)
                                      : -1;
    if (size > 0 && size < PATH_MAX) return true;
    *path = 0;
    return false;
}

/* Whether there certainly is no database at that path. Otherwise another path would hide it. */
static int is_missing(const char *path, bool *missing, dowel_error *err) {
    struct stat st;
    *missing = false;
    if (!stat(path, &st)) return 0;
    *missing = errno == ENOENT || errno == ENOTDIR;
    if (*missing) return 0;
    int rc = dowel_fail(err, DOWEL_E_DATABASE, "cannot access the database %s: %s", path, strerror(errno));
    dowel_error_hint(err, "make it readable for this user, or name another with DOWEL_DATABASE_URL");
    return rc;
}

static int temporary_path(char path[PATH_MAX], dowel_error *err) {
    const char *temporary = getenv("TMPDIR");
    snprintf(path, PATH_MAX, "%s/dowel-%ld/dowel.db", temporary && *temporary == '/' ? temporary : "/tmp",
             (long)getuid());
    int rc = make_folders(path, err);
    if (rc) return rc;
    char folder[PATH_MAX];
    folder_of(path, folder);
    struct stat st;
    /* Any user can create folders in the temporary folder: refuse one that others can use. */
    if (lstat(folder, &st) || !S_ISDIR(st.st_mode) || st.st_uid != getuid() || st.st_mode & 077) {
        rc = dowel_fail(err, DOWEL_E_DATABASE, "%s is not a private folder of this user", folder);
        dowel_error_hint(err, "set DOWEL_DATABASE_URL to sqlite:PATH");
    }
    return rc;
}

/* The default path; if there is no database and none can be created, as in cloud functions, a path in the temporary folder. An existing database is
 * never replaced by an empty one. */
static int default_path(dowel *d, char path[PATH_MAX], dowel_error *err) {
    char wanted[PATH_MAX], folder[PATH_MAX];
    bool named = usual_path(wanted), missing = true;
    int rc = named ? is_missing(wanted, &missing, err) : 0;
    if (rc) return rc;
    bool usable = named && !missing;
    if (named && missing && !make_folders(wanted, NULL)) {
        folder_of(wanted, folder);
        usable = !access(folder, W_OK | X_OK);
    }
    if (usable) {
        memcpy(path, wanted, strlen(wanted) + 1);
        return 0;
    }
    rc = temporary_path(path, err);
    if (rc) return rc;
    dowel_log(d, DOWEL_LOG_WARNING, "%s%s; storing blocks and history in %s for now",
              named ? wanted : "neither XDG_DATA_HOME nor HOME is a folder", named ? " cannot be created" : "", path);
    return 0;
}

/* Called with database_lock held. */
static int locate(dowel *d, dowel_error *err) {
    dowel_core *core = d->core;
    char *variable = core->database_url ? NULL : dowel_variable("DOWEL_DATABASE_URL");
    const char *url = core->database_url ? core->database_url : variable;
    dowel_database_address address;
    static const char scheme[] = "sqlite:";
    char *path = malloc(sizeof scheme + PATH_MAX); /* not on the stack: there are enough of them in default_path */
    int rc = path ? 0 : dowel_no_memory(err);
    if (!rc) memcpy(path, scheme, sizeof scheme);
    if (!rc && !(url && *url)) rc = default_path(d, path + sizeof scheme - 1, err);
    if (!rc) rc = dowel_database_address_parse(url && *url ? url : path, &address, err);
    free(path);
    free(variable);
    if (rc) return rc;
    if (address.kind == DOWEL_DATABASE_SQLITE) rc = make_folders(address.path, err);
    if (!rc && !core->flushes) core->flushes = dowel_flushes_new();
    core->address = rc || !core->flushes ? NULL : malloc(sizeof *core->address);
    if (core->address) {
        *core->address = address;
        return 0;
    }
    dowel_database_address_clear(&address);
    return rc ? rc : dowel_no_memory(err);
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
    if (!rc) {
        (*db)->migrated = core->migrated;
        (*db)->flushes = core->flushes;
    }
    return rc;
}

/* Connections stay open until the handle closes, so that a memory: database lives as long. */
int dowel_database_acquire(dowel *d, dowel_db **db, dowel_error *err) {
    dowel_core *core = d->core;
    if (dowel_check_process(d, err)) return DOWEL_E_INVALID;
    pthread_mutex_lock(&core->database_lock);
    int rc = core->address ? 0 : locate(d, err);
    dowel_db *found = core->idle;
    if (!rc && found) core->idle = found->next;
    pthread_mutex_unlock(&core->database_lock);
    /* Connect without the lock: it may take long. */
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
    dowel_flushes_free(core->flushes);
}

const char *dowel_database_url(dowel *d) {
    pthread_mutex_lock(&d->core->database_lock);
    if (!d->core->address) (void)locate(d, NULL);
    const char *shown = d->core->address ? d->core->address->shown : "(none)";
    pthread_mutex_unlock(&d->core->database_lock);
    return shown;
}
