/* SQLite behind dowel/database.h. */
#include "backend_internal.h"

#include <dowel/text.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/rand.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MILLISECONDS 60000
#define KEPT 8 /* prepared statements of a connection */

typedef struct connection {
    dowel_db base;
    sqlite3 *handle;
    char *path;
    bool memory;
    bool snapshot;            /* opened without locks, since neither the file nor its folder can be written */
    sqlite3_stmt *kept[KEPT]; /* prepared statements: parsing takes longer than running most of them */
    unsigned turn;            /* the next one to be replaced */
} connection;

typedef struct rows {
    dowel_rows base;
    connection *of;
    sqlite3_stmt *statement;
} rows;

/* ---- errors ---- */

static const char *error_of_system(int number, const char **hint) {
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        *hint = "make room on that disk (or raise the quota), or name another place with DOWEL_DATABASE_URL";
        return number == ENOSPC ? "the disk is full" : "the disk quota is used up";
    case EFBIG:
        *hint = "raise the limit on the size of files (ulimit -f)";
        return "it has reached the limit on the size of files";
    case EACCES:
    case EPERM:
        *hint =
            "it must be a file that this user may read, in a folder that it may enter; to save anything, both must be "
            "writable. DOWEL_DATABASE_URL names another";
        return "permission denied";
    case EROFS: *hint = "DOWEL_DATABASE_URL names another"; return "the file system is read-only";
    case ENOENT: *hint = "DOWEL_DATABASE_URL names another"; return "the file does not exist and cannot be created";
    case EISDIR: *hint = "DOWEL_DATABASE_URL must name a file"; return "it is a folder";
    case EMFILE:
    case ENFILE: *hint = "raise the limit on open files (ulimit -n)"; return "too many open files";
    case EIO: *hint = "the disk may be failing: see the system's log"; return "the disk reported an input/output error";
    default: return NULL;
    }
}

static int errno_of_file(sqlite3_file *file) {
    int number = 0;
    if (!file || !file->pMethods || file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number) != SQLITE_OK)
        return 0;
    return number;
}

/* SQLite has one code for many system errors; errno tells them apart. */
static int system_error(const connection *c) {
    sqlite3_file *log = NULL, *file = NULL;
    struct statvfs space;
    if (!c->handle) return 0;
    int number = sqlite3_system_errno(c->handle);
    if (!number && !sqlite3_file_control(c->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log))
        number = errno_of_file(log);
    if (!number && !sqlite3_file_control(c->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file))
        number = errno_of_file(file);
    if (!number && !statvfs(c->path, &space) && !space.f_bavail) number = ENOSPC;
    return number;
}

static const char *explain(const connection *c, int code, const char **hint) {
    int number = system_error(c);
    struct stat st;
    switch (code & 0xff) {
    case SQLITE_FULL: return error_of_system(number == EDQUOT || number == EFBIG ? number : ENOSPC, hint);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        *hint = "the file is damaged or not a database; it was left as it is. Restore it, or name another with "
                "DOWEL_DATABASE_URL";
        return (code & 0xff) == SQLITE_NOTADB ? "the file is not a database, or it is damaged" : "the file is damaged";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        *hint = "another program holds the lock; try again when it has finished";
        return "it is locked by another program";
    case SQLITE_READONLY:
        if (code == SQLITE_READONLY_DBMOVED) {
            *hint = "start this program again";
            return "the file was moved or removed while it was in use";
        }
        *hint =
            "blocks and runs can be read; to save anything, this user must be able to write the file and its folder. "
            "DOWEL_DATABASE_URL names another";
        return "it is read-only";
    case SQLITE_PERM:
    case SQLITE_AUTH: return error_of_system(EACCES, hint);
    case SQLITE_IOERR: {
        const char *words = error_of_system(number, hint);
        return words ? words : error_of_system(EIO, hint);
    }
    case SQLITE_CANTOPEN: {
        if (!stat(c->path, &st) && S_ISDIR(st.st_mode)) number = EISDIR;
        const char *words = error_of_system(number, hint);
        return words ? words : error_of_system(EACCES, hint);
    }
    case SQLITE_NOMEM: return "out of memory";
    default: return NULL;
    }
}

static int failed(connection *c, dowel_error *err) {
    int code = c->handle ? sqlite3_extended_errcode(c->handle) : SQLITE_NOMEM, kind = code & 0xff;
    const char *hint = NULL, *words = explain(c, code, &hint);
    int rc = words ? dowel_fail(err, DOWEL_E_DATABASE, "database %s: %s (SQLite: %s, code %d)", c->path, words,
                                c->handle ? sqlite3_errmsg(c->handle) : "", code)
                   : dowel_fail(err, DOWEL_E_DATABASE, "database %s: %s (SQLite code %d)", c->path,
                                sqlite3_errmsg(c->handle), code);
    if (hint) dowel_error_hint(err, "%s", hint);
    if (kind == SQLITE_READONLY && code != SQLITE_READONLY_DBMOVED) c->base.readonly = true;
    if (err && (kind == SQLITE_BUSY || kind == SQLITE_LOCKED)) err->retryable = true;
    return rc;
}

/* ---- statements ---- */

/* Takes an unused statement with this text from the cache; NULL: there is none. */
static sqlite3_stmt *take(connection *c, const char *sql) {
    for (size_t i = 0; i < KEPT; i++) {
        sqlite3_stmt *statement = c->kept[i];
        if (!statement || strcmp(sqlite3_sql(statement), sql) != 0) continue;
        c->kept[i] = NULL;
        return statement;
    }
    return NULL;
}

/* Returns a statement to the cache, without its values. */
static void keep(connection *c, sqlite3_stmt *statement) {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    sqlite3_finalize(c->kept[c->turn]);
    c->kept[c->turn] = statement;
    c->turn = (c->turn + 1) % KEPT;
}

static void close_handle(connection *c) {
    for (size_t i = 0; i < KEPT; i++) {
        sqlite3_finalize(c->kept[i]);
        c->kept[i] = NULL;
    }
    sqlite3_close(c->handle);
    c->handle = NULL;
}

static int prepare(connection *c, const char *sql, const dowel_value *values, size_t count, sqlite3_stmt **statement,
                   dowel_error *err) {
    *statement = take(c, sql);
    if (!*statement && sqlite3_prepare_v2(c->handle, sql, -1, statement, NULL) != SQLITE_OK) return failed(c, err);
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
    keep(c, statement);
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
    if (!r) return dowel_no_memory(err);
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

/* Flushes the write-ahead log, which COMMIT does not (synchronous=NORMAL). One flush covers all commits before it. */
static int flush_log(dowel_db *db, dowel_error *err) {
    connection *c = (connection *)db;
    sqlite3_file *log = NULL;
    int status = sqlite3_file_control(c->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (status == SQLITE_OK && log && log->pMethods)
        status = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    if (status == SQLITE_OK) return 0;
    int rc = dowel_fail(err, DOWEL_E_DATABASE, "database %s: cannot flush it to the disk: %s (SQLite code %d)", c->path,
                        strerror(sqlite3_system_errno(c->handle)), status);
    dowel_error_hint(err, "the disk may be failing or full: a power cut may undo the last changes");
    return rc;
}

static int flush(dowel_db *db, dowel_error *err) {
    return ((connection *)db)->memory ? 0 : dowel_flushes_wait(db->flushes, flush_log, db, err);
}

/* SQLite keeps in process-wide memory which files it has open and locked. A forked child inherits that memory but not the locks: a
 * connection of the child would wait for ever or damage the file. Hence these counters are process-wide, too. */
static atomic_int connections, opener;

static void close_connection(dowel_db *db) {
    connection *c = (connection *)db;
    close_handle(c);
    free(c->path);
    free(c);
    atomic_fetch_sub(&connections, 1);
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
    keep(r->of, r->statement);
    free(r);
}

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

/* If several processes open a new file at once, switching to WAL may fail with a lock that SQLite does not wait for, because waiting
 * inside could deadlock. Wait here instead. */
static int use_wal(connection *c, dowel_error *err) {
    int status;
    for (int calls = 0;; calls++) {
        status = sqlite3_exec(c->handle, "PRAGMA journal_mode=WAL;", NULL, NULL, NULL);
        bool again = status == SQLITE_BUSY || status == SQLITE_LOCKED || (status == SQLITE_IOERR && calls < 20);
        if (!again || !wait_busy(NULL, calls)) break;
    }
    return status == SQLITE_OK ? 0 : failed(c, err);
}

/* ---- opening ---- */

static bool random_name(const char *path, char name[PATH_MAX]) {
    unsigned char noise[6];
    if (RAND_bytes(noise, sizeof noise) != 1) return false;
    int size = snprintf(name, PATH_MAX, "%s.%02x%02x%02x%02x%02x%02x", path, noise[0], noise[1], noise[2], noise[3],
                        noise[4], noise[5]);
    return size > 0 && size < PATH_MAX;
}

/* Creates the file with mode 0600 without changing the umask, which is process-wide; the -wal and -shm files get the same mode. It is
 * created under another name because closing a file that other threads have open through SQLite drops their locks. Errors show when SQLite
 * opens the path. */
static void make_file(const char *path) {
    struct stat st;
    char name[PATH_MAX];
    if (!lstat(path, &st) || errno != ENOENT || !random_name(path, name)) return;
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return;
    bool linked = !fchmod(fd, 0600) && !link(name, path), have = linked || errno == EEXIST;
    close(fd);
    unlink(name);
    /* A file system without links. */
    if (!have && (fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) >= 0) close(fd);
}

/* "file:PATH?immutable=1" with the characters that are special in a URI escaped. */
static char *snapshot_uri(const char *path) {
    dowel_text uri = {0};
    dowel_text_put(&uri, "file:");
    for (const char *p = path; *p; p++) dowel_text_format(&uri, strchr("%?#", *p) ? "%%%02x" : "%c", (unsigned char)*p);
    dowel_text_put(&uri, "?immutable=1");
    return dowel_text_take(&uri, NULL);
}

static int open_handle(connection *c, bool snapshot, dowel_error *err) {
    char *uri = snapshot ? snapshot_uri(c->path) : NULL;
    if (snapshot && !uri) return dowel_no_memory(err);
    int flags = snapshot ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                         : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | (c->memory ? SQLITE_OPEN_URI : 0);
    int status = sqlite3_open_v2(uri ? uri : c->path, &c->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    free(uri);
    if (status != SQLITE_OK) return failed(c, err);
    sqlite3_busy_handler(c->handle, wait_busy, NULL);
    return script(&c->base, "PRAGMA foreign_keys=ON; PRAGMA synchronous=NORMAL;", err);
}

static bool has_log(const connection *c) {
    char log[PATH_MAX];
    struct stat st;
    return snprintf(log, sizeof log, "%s-wal", c->path) < PATH_MAX && !stat(log, &st) && st.st_size > 0;
}

static bool can_write_folder(const connection *c) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", c->path);
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = 0;
    return !access(slash ? folder : ".", W_OK | X_OK);
}

static bool is_unwritable(const connection *c) {
    int kind = sqlite3_extended_errcode(c->handle) & 0xff;
    return (kind == SQLITE_CANTOPEN || kind == SQLITE_READONLY || kind == SQLITE_IOERR) && !can_write_folder(c);
}

/* SQLite needs the -shm file to read the write-ahead log. If that file cannot be created, the database file is read alone: it is complete
 * as long as there is no log. */
static int open_snapshot(connection *c, dowel_error *err) {
    if (has_log(c)) {
        int rc =
            dowel_fail(err, DOWEL_E_DATABASE,
                       "database %s is read-only, and %s-wal holds changes that are not in it yet", c->path, c->path);
        dowel_error_hint(err, "run dowel once as a user with write permission for the file and its folder");
        return rc;
    }
    close_handle(c);
    c->snapshot = c->base.readonly = true;
    return open_handle(c, true, err);
}

/* SQLite takes a file that is too short for a database for an empty one and overwrites it. */
static int check_file(const connection *c, dowel_error *err) {
    enum { SMALLEST = 512 };
    struct stat st;
    if (stat(c->path, &st) || !S_ISREG(st.st_mode) || !st.st_size || st.st_size >= SMALLEST) return 0;
    int rc = dowel_fail(err, DOWEL_E_DATABASE, "database %s: the file is not a database, or it is damaged (%lld bytes)",
                        c->path, (long long)st.st_size);
    dowel_error_hint(err, "it was left as it is. Restore it, or name another with DOWEL_DATABASE_URL");
    return rc;
}

static int open_connection(connection *c, dowel_error *err) {
    int rc = c->memory ? 0 : check_file(c, err);
    if (rc) return rc;
    if (!c->memory) make_file(c->path);
    rc = open_handle(c, false, err);
    if (c->memory) return rc;
    c->base.readonly = sqlite3_db_readonly(c->handle, "main") == 1;
    if (!rc && !c->base.readonly) rc = use_wal(c, err);
    /* SQLite opens the -wal and -shm files with the first statement. */
    if (!rc) rc = script(&c->base, "SELECT COUNT(*) FROM sqlite_master;", err);
    return rc && c->handle && is_unwritable(c) ? open_snapshot(c, err) : rc;
}

/* Without locks a connection does not notice changes, so it opens the file again for each use. */
static int wake(dowel_db *db, dowel_error *err) {
    connection *c = (connection *)db;
    if (!c->snapshot) return 0;
    close_handle(c);
    c->snapshot = false;
    return open_connection(c, err);
}

static const dowel_db_backend backend = {.exec = exec,
                                         .script = script,
                                         .query = query,
                                         .begin = begin,
                                         .flush = flush,
                                         .wake = wake,
                                         .close = close_connection,
                                         .next = next,
                                         .text = text,
                                         .integer = integer,
                                         .end = end};

static int join_connections(dowel_error *err) {
    int pid = (int)getpid();
    if (atomic_load(&connections) > 0 && atomic_load(&opener) != pid) {
        dowel_fail(err, DOWEL_E_INVALID,
                   "this process was forked while its parent had an SQLite database open, and so cannot use SQLite");
        dowel_error_hint(err, "fork before the first use of a handle, exec after the fork, or use PostgreSQL");
        return DOWEL_E_INVALID;
    }
    atomic_store(&opener, pid);
    atomic_fetch_add(&connections, 1);
    return 0;
}

int dowel_sqlite_open(const char *path, bool memory, dowel_db **db, dowel_error *err) {
    int rc = join_connections(err);
    if (rc) return rc;
    connection *c = calloc(1, sizeof *c);
    if (!c || !(c->path = strdup(path))) {
        free(c);
        atomic_fetch_sub(&connections, 1);
        return dowel_no_memory(err);
    }
    c->base.backend = &backend;
    c->memory = memory;
    rc = open_connection(c, err);
    if (rc)
        close_connection(&c->base);
    else
        *db = &c->base;
    return rc;
}
