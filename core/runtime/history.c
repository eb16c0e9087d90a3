/* Records runs in the database. A failure is logged once and never fails the run. */
#include "history.h"

#include "backend_internal.h"
#include "process_internal.h"
#include "run_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const migrations[] = {
    "CREATE TABLE runs (id TEXT PRIMARY KEY, parent TEXT, kind TEXT NOT NULL, task TEXT NOT NULL, name TEXT NOT NULL,"
    " state TEXT NOT NULL, attempts BIGINT NOT NULL, created BIGINT NOT NULL, started BIGINT, ended BIGINT, args TEXT, "
    "error TEXT,"
    " storage TEXT, storage_key TEXT, process TEXT NOT NULL);"
    "CREATE INDEX runs_by_time ON runs (created);"
    "CREATE INDEX runs_by_parent ON runs (parent);"
    "CREATE TABLE run_handles (run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, name TEXT NOT NULL, value "
    "TEXT NOT NULL,"
    " secret BIGINT NOT NULL, PRIMARY KEY (run, name));"
    "CREATE TABLE run_logs (run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, at BIGINT NOT NULL, level TEXT "
    "NOT NULL,"
    " line TEXT NOT NULL);"
    "CREATE INDEX run_logs_by_run ON run_logs (run, at);",
    /* For resuming runs. */
    "ALTER TABLE runs ADD COLUMN run_key TEXT;"
    "ALTER TABLE runs ADD COLUMN policy TEXT;"
    "ALTER TABLE runs ADD COLUMN folder TEXT;"  /* that relative paths among the arguments start from */
    "ALTER TABLE runs ADD COLUMN whole BIGINT;" /* 1: the arguments are there as they were given */
    "CREATE INDEX runs_by_key ON runs (run_key);",
    /* Of the complete arguments of a run with a key; NULL: an earlier version's. */
    "ALTER TABLE runs ADD COLUMN digest TEXT;",
    /* For the list of runs. The amount is a JSON object of whole numbers. */
    "ALTER TABLE runs ADD COLUMN subject TEXT;"
    "ALTER TABLE runs ADD COLUMN amount TEXT;",
    NULL};

int dowel_history_acquire(dowel *d, dowel_db **db, dowel_error *err) {
    int rc = dowel_database_acquire(d, db, err);
    if (rc) return rc;
    rc = dowel_db_migrate(*db, "runs", migrations, err);
    if (rc) dowel_database_release(d, *db);
    return rc;
}

/* Versions of the tables in a database that cannot be written: the oldest that can be read, and the first with subject and amount. */
enum { OLDEST_READABLE = 2, WITH_SUBJECT = 4 };

int dowel_history_read(dowel *d, dowel_db **db, bool *old, dowel_error *err) {
    int rc = dowel_database_acquire(d, db, err);
    if (rc) return rc;
    rc = dowel_db_migrate(*db, "runs", migrations, err);
    int64_t version = rc ? dowel_db_readonly_version(*db, "runs") : WITH_SUBJECT;
    *old = version < WITH_SUBJECT;
    if (version >= OLDEST_READABLE) return 0;
    dowel_database_release(d, *db);
    *db = NULL;
    return version ? rc : 1;
}

static void warn_once(dowel_core *core, const dowel_error *err) {
    pthread_mutex_lock(&core->lock);
    bool first = !core->history_warned;
    core->history_warned = true;
    pthread_mutex_unlock(&core->lock);
    if (first) dowel_log(&core->top, DOWEL_LOG_WARNING, "the history is not recorded: %s", err->message);
}

static void write_with(dowel_run *run,
                       int (*exec)(dowel_db *db, const char *sql, const dowel_value *values, size_t count,
                                   int64_t *changed, dowel_error *err),
                       const char *sql, const dowel_value *values, size_t count) {
    dowel_core *core = run->scope.core;
    if (core->options.no_history) return;
    dowel_db *db;
    dowel_error err;
    int rc = dowel_history_acquire(&core->top, &db, &err);
    if (!rc) {
        rc = exec(db, sql, values, count, NULL, &err);
        dowel_database_release(&core->top, db);
    }
    if (rc) warn_once(core, &err);
}

static void write_row(dowel_run *run, const char *sql, const dowel_value *values, size_t count) {
    write_with(run, dowel_db_exec, sql, values, count);
}

/* A run that goes on keeps its record; its process is this one since it was claimed. */
static void start_again(dowel_run *run, const char *state) {
    write_row(run, "UPDATE runs SET state = $1, attempts = $2 WHERE id = $3",
              DOWEL_VALUES(DOWEL_TEXT(state), DOWEL_INTEGER(run->attempts_before + run->attempt), DOWEL_TEXT(run->id)));
}

int dowel_history_insert(dowel_db *db, const dowel_run *run, const dowel_run_args *args, const char *digest,
                         const char *state, dowel_error *err) {
    json_t *policy = dowel_fields_encode(&dowel_policy_table, &run->policy, DOWEL_SECRETS_MASKED);
    char *policy_text = policy ? dowel_json_dump(policy, 0) : NULL;
    json_decref(policy);
    char *subject = dowel_run_subject(run), process[DOWEL_PROCESS_SIZE];
    dowel_process_name(run->scope.core->nonce, process);
    int64_t now = dowel_now();
    int rc = dowel_db_exec(
        db,
        "INSERT INTO runs (id, parent, kind, task, name, state, attempts, created, started, args, process, run_key, "
        "policy, whole, folder, digest, subject) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
        "$15, $16, $17)",
        DOWEL_VALUES(DOWEL_TEXT(run->id), DOWEL_TEXT(run->parent ? run->parent->id : NULL),
                     DOWEL_TEXT(run->flow ? "flow" : "task"), DOWEL_TEXT(run->task->name), DOWEL_TEXT(run->name),
                     DOWEL_TEXT(state), DOWEL_INTEGER(run->attempt), DOWEL_INTEGER(now), DOWEL_INTEGER(now),
                     DOWEL_TEXT(args->text), DOWEL_TEXT(process), DOWEL_TEXT(digest ? run->key : NULL),
                     DOWEL_TEXT(policy_text), DOWEL_INTEGER(args->whole), DOWEL_TEXT(run->folder), DOWEL_TEXT(digest),
                     DOWEL_TEXT(subject)),
        NULL, err);
    free(policy_text);
    free(subject);
    return rc;
}

void dowel_history_start(dowel_run *run, const char *state) {
    dowel_core *core = run->scope.core;
    dowel_db *db;
    dowel_error err;
    if (core->options.no_history) return;
    if (run->resumed) {
        start_again(run, state);
        return;
    }
    dowel_run_args args;
    int rc = dowel_run_args_of(run, &args, &err);
    if (!rc) {
        rc = dowel_history_acquire(&core->top, &db, &err);
        if (!rc) {
            rc = dowel_history_insert(db, run, &args, NULL, state, &err);
            dowel_database_release(&core->top, db);
        }
        dowel_run_args_clear(&args);
    }
    run->unrecorded = rc != 0;
    if (rc) warn_once(core, &err);
}

void dowel_history_state(dowel_run *run, const char *state) {
    write_row(run, "UPDATE runs SET state = $1, attempts = $2 WHERE id = $3",
              DOWEL_VALUES(DOWEL_TEXT(state), DOWEL_INTEGER(run->attempts_before + run->attempt), DOWEL_TEXT(run->id)));
}

void dowel_history_end(dowel_run *run, const char *state, const dowel_error *err, const json_t *result,
                       const char *storage, const char *key) {
    json_t *error = err ? dowel_error_json(err) : NULL;
    char *text = error ? dowel_json_dump(error, 0) : NULL, *amount = dowel_run_amount(run, result);
    json_decref(error);
    /* Survives a power cut if it must: a run key promises that completed work is not repeated, and a stored result must be found. */
    write_with(run, run->key || storage ? dowel_db_exec_durable : dowel_db_exec,
               "UPDATE runs SET state = $1, attempts = $2, ended = $3, error = $4, storage = $5, storage_key = $6, "
               "amount = $7 WHERE id = $8",
               DOWEL_VALUES(DOWEL_TEXT(state), DOWEL_INTEGER(run->attempts_before + run->attempt),
                            DOWEL_INTEGER(dowel_now()), DOWEL_TEXT(text), DOWEL_TEXT(storage), DOWEL_TEXT(key),
                            DOWEL_TEXT(amount), DOWEL_TEXT(run->id)));
    free(text);
    free(amount);
}

void dowel_history_log(dowel_run *run, const char *level, const char *line) {
    write_row(run, "INSERT INTO run_logs (run, at, level, line) VALUES ($1, $2, $3, $4)",
              DOWEL_VALUES(DOWEL_TEXT(run->id), DOWEL_INTEGER(dowel_now()), DOWEL_TEXT(level), DOWEL_TEXT(line)));
}

/* ---- handles ---- */

/* The owner to which a handle's seal is bound: the run and the handle's name. Newly allocated. */
static char *owner_of(const char *run, const char *name) {
    size_t size = strlen(run) + strlen(name) + 2;
    char *owner = malloc(size);
    if (owner) snprintf(owner, size, "%s %s", run, name);
    return owner;
}

/* The sealed text of a secret; NULL: it cannot be stored. */
static char *seal(dowel *d, const char *name, const char *value) {
    const dowel_sealer *sealer = &d->core->sealer;
    char *sealed = NULL, *owner = owner_of(d->run->id, name);
    dowel_error err;
    if (owner && sealer->seal && sealer->seal(d, owner, value, &sealed, &err)) { /* a result may be too large */
        dowel_log(d, DOWEL_LOG_INFO, "%s is not stored, so a resumed run cannot continue from it: %s", name,
                  err.message);
        sealed = NULL;
    }
    free(owner);
    return sealed;
}

static int keep(dowel *d, const char *name, const char *value, bool secret, dowel_error *err) {
    dowel_db *db;
    int rc = dowel_history_acquire(d, &db, err);
    if (rc) return rc;
    rc = dowel_db_exec_durable(
        db,
        "INSERT INTO run_handles (run, name, value, secret) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (run, name) DO UPDATE SET value = excluded.value, secret = excluded.secret",
        DOWEL_VALUES(DOWEL_TEXT(d->run->id), DOWEL_TEXT(name), DOWEL_TEXT(value), DOWEL_INTEGER(secret)), NULL, err);
    dowel_database_release(d, db);
    return rc;
}

int dowel_remember(dowel *d, const char *name, const char *value, bool secret, dowel_error *err) {
    if (!d->run) return 0;
    if (!dowel_run_is_recorded(d->run)) return dowel_run_keep_handle(d->run, name, value, err);
    char *sealed = secret ? seal(d, name, value) : NULL;
    if (secret && !sealed) return 0;
    int rc = keep(d, name, sealed ? sealed : value, secret, err);
    free(sealed);
    return rc;
}

bool dowel_history_hold(dowel_run *run, const char *name, const char *value) {
    dowel *d = &run->scope;
    char *sealed = dowel_run_is_recorded(run) ? seal(d, name, value) : NULL;
    bool held = sealed && !keep(d, name, sealed, true, NULL);
    free(sealed);
    return held;
}

/* *value is the stored text of a handle, newly allocated; NULL if there is none. */
static int read_handle(dowel *d, const char *run_id, const char *name, char **value, bool *secret, dowel_error *err) {
    dowel_db *db;
    dowel_rows *rows;
    *value = NULL;
    if (d->core->options.no_history) return 0;
    int rc = dowel_history_acquire(d, &db, err);
    if (rc) return rc;
    rc = dowel_db_query(db, "SELECT value, secret FROM run_handles WHERE run = $1 AND name = $2",
                        DOWEL_VALUES(DOWEL_TEXT(run_id), DOWEL_TEXT(name)), &rows, err);
    if (!rc) {
        rc = dowel_rows_next(rows, err);
        const char *text = rc == 1 ? dowel_rows_text(rows, 0) : NULL;
        *secret = rc == 1 && dowel_rows_int(rows, 1) != 0;
        rc = rc < 0 ? rc : 0;
        if (text && !(*value = strdup(text))) rc = dowel_no_memory(err);
        dowel_rows_free(rows);
    }
    dowel_database_release(d, db);
    return rc;
}

int dowel_history_held(dowel *d, const char *run_id, const char *name, char **value, dowel_error *err) {
    char *kept;
    bool secret = false;
    int rc = read_handle(d, run_id, name, &kept, &secret, err);
    *value = rc || secret ? NULL : kept;
    if (rc || !kept || !secret) return rc;
    const dowel_sealer *sealer = &d->core->sealer;
    char *owner = owner_of(run_id, name);
    if (!owner)
        rc = dowel_no_memory(err);
    else
        rc = sealer->open ? sealer->open(d, owner, kept, value, err)
                          : dowel_fail(err, DOWEL_E_KEY, "there is no sealing key");
    free(owner);
    free(kept);
    return rc;
}

int dowel_recall_started(dowel *d, const char *name, char **value, dowel_error *err) {
    bool secret = false;
    *value = NULL;
    if (!d->run) return 0;
    if (!dowel_run_is_recorded(d->run)) return dowel_run_handle(d->run, name, value, err);
    return read_handle(d, d->run->id, name, value, &secret, err);
}

char *dowel_recall(dowel *d, const char *name) {
    char *value = NULL;
    if (!d->run) return NULL;
    int rc = dowel_run_is_recorded(d->run) ? dowel_history_held(d, d->run->id, name, &value, NULL)
                                           : dowel_run_handle(d->run, name, &value, NULL);
    return rc ? NULL : value;
}

void dowel_forget(dowel *d, const char *name) {
    if (!d->run) return;
    if (!dowel_run_is_recorded(d->run)) {
        dowel_run_drop_handle(d->run, name);
        return;
    }
    write_row(d->run, "DELETE FROM run_handles WHERE run = $1 AND name = $2",
              DOWEL_VALUES(DOWEL_TEXT(d->run->id), DOWEL_TEXT(name)));
}

static int list_secrets(dowel_db *db, json_t *list, dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(db, "SELECT run, name, value FROM run_handles WHERE secret <> 0", NULL, 0, &rows, err);
    if (rc) return rc;
    while ((rc = dowel_rows_next(rows, err)) == 1) {
        json_t *row = json_pack("{s:s,s:s,s:s}", "run", dowel_rows_text(rows, 0), "name", dowel_rows_text(rows, 1),
                                "value", dowel_rows_text(rows, 2));
        rc = json_array_append_new(list, row) ? dowel_no_memory(err) : 0;
        if (rc) break;
    }
    dowel_rows_free(rows);
    return rc;
}

int dowel_remembered(dowel *d,
                     int (*visit)(void *context, const char *owner, const char *sealed, char **anew, dowel_error *err),
                     void *context, dowel_error *err) {
    dowel_db *db;
    bool old;
    if (d->core->options.no_history) return 0;
    json_t *list = json_array(), *row;
    int rc = list ? dowel_history_read(d, &db, &old, err) : dowel_no_memory(err);
    if (rc) {
        json_decref(list);
        return rc > 0 ? 0 : rc;
    }
    rc = list_secrets(db, list, err);
    size_t i;
    json_array_foreach(list, i, row) {
        const char *run = json_string_value(json_object_get(row, "run")),
                   *name = json_string_value(json_object_get(row, "name")),
                   *value = json_string_value(json_object_get(row, "value"));
        char *owner = rc ? NULL : owner_of(run, name), *anew = NULL;
        if (!rc) rc = owner ? visit(context, owner, value, &anew, err) : dowel_no_memory(err);
        free(owner);
        if (!rc && anew)
            rc = dowel_db_exec_durable(
                db, "UPDATE run_handles SET value = $1 WHERE run = $2 AND name = $3 AND value = $4",
                DOWEL_VALUES(DOWEL_TEXT(anew), DOWEL_TEXT(run), DOWEL_TEXT(name), DOWEL_TEXT(value)), NULL, err);
        free(anew);
        if (rc) break;
    }
    dowel_database_release(d, db);
    json_decref(list);
    return rc;
}
