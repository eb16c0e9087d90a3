/* Runs that go on after their process died, failed or was cancelled: under the same id, with what they remembered. */
#include "history.h"

#include "process.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A run as the history has it. */
typedef struct record {
    char id[DOWEL_RUN_ID_SIZE];
    char *kind, *task, *name, *state, *process, *args, *policy, *folder;
    int64_t attempts;
    bool ended, whole, kept;
} record;

static void clear(record *r) {
    char *const texts[] = {r->kind, r->task, r->name, r->state, r->process, r->args, r->policy, r->folder};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) free(texts[i]);
    memset(r, 0, sizeof *r);
}

/* Truth values are numbers: PostgreSQL has a type of its own for them. */
#define COLUMNS                                                                                                        \
    "id, kind, task, name, state, process, args, policy, folder, attempts, "                                           \
    "CASE WHEN ended IS NULL THEN 0 ELSE 1 END, whole, CASE WHEN storage IS NULL THEN 0 ELSE 1 END"

/* 1: a record. 0: none. `where` is a condition on $1 and $2. */
static int read_record(dowel_db *db, const char *sql, const char *first, const char *second, record *r,
                       dowel_error *err) {
    dowel_rows *rows;
    memset(r, 0, sizeof *r);
    int rc = dowel_db_query(db, sql, DOWEL_VALUES(DOWEL_TEXT(first), DOWEL_TEXT(second)), &rows, err);
    if (rc) return rc;
    rc = dowel_rows_next(rows, err);
    if (rc == 1) {
        snprintf(r->id, sizeof r->id, "%s", dowel_rows_text(rows, 0));
        char **const texts[] = {&r->kind, &r->task, &r->name, &r->state, &r->process, &r->args, &r->policy, &r->folder};
        for (int i = 0; i < 8 && rc == 1; i++) {
            const char *text = dowel_rows_text(rows, i + 1);
            *texts[i] = strdup(text ? text : "");
            if (!*texts[i]) rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
        }
        r->attempts = dowel_rows_int(rows, 9);
        r->ended = dowel_rows_int(rows, 10) != 0;
        r->whole = dowel_rows_int(rows, 11) == 1;
        r->kept = dowel_rows_int(rows, 12) != 0;
        if (rc != 1) clear(r);
    }
    dowel_rows_free(rows);
    return rc;
}

/* Makes the run ours, or says why it cannot be. */
static int claim(dowel_db *db, const record *r, bool take_over, dowel_error *err) {
    if (!r->ended && !dowel_process_is_gone(r->process)) {
        bool elsewhere = dowel_process_is_elsewhere(r->process);
        if (!elsewhere || !take_over) {
            int rc = dowel_fail(err, DOWEL_E_CONFLICT, "run %s of %s is on its way%s", r->id, r->task,
                                elsewhere ? " on another machine, as far as can be told from here" : "");
            dowel_error_hint(err, "%s",
                             elsewhere ? "where that machine is surely gone, take the run over: --take-over"
                                       : "wait for it, or stop its process");
            return rc;
        }
    }
    char process[DOWEL_PROCESS_SIZE];
    dowel_process_name(process);
    int64_t changed = 0;
    int rc = dowel_db_exec(
        db,
        "UPDATE runs SET process = $1, state = 'running', ended = NULL, error = NULL "
        "WHERE id = $2 AND process = $3 AND state = $4",
        DOWEL_VALUES(DOWEL_TEXT(process), DOWEL_TEXT(r->id), DOWEL_TEXT(r->process), DOWEL_TEXT(r->state)), &changed,
        err);
    if (!rc && changed != 1)
        rc = dowel_fail(err, DOWEL_E_CONFLICT, "run %s of %s is being resumed by another process", r->id, r->task);
    return rc;
}

static void take_id(dowel_run *run, const record *r) {
    memcpy(run->id, r->id, sizeof run->id);
    if (run->options.run_id) memcpy(run->options.run_id, r->id, sizeof r->id);
}

static void adopt(dowel_run *run, const record *r) {
    take_id(run, r);
    run->attempts_before = (int)r->attempts;
    run->resumed = true;
}

/* ---- by key ---- */

/* What becomes of the run, in *outcome as dowel_resume_by_key gives it; `r` is the earlier one, if there is one. */
static int look_by_key(dowel_db *db, dowel_run *run, record *r, int *outcome, dowel_error *err) {
    int rc = read_record(db,
                         "SELECT " COLUMNS " FROM runs WHERE run_key = $1 AND task = $2 ORDER BY created DESC, id DESC "
                         "LIMIT 1",
                         run->key, run->task->name, r, err);
    if (rc == 1) {
        bool whole;
        char *args = dowel_history_args(run, &whole);
        rc = 0;
        if (!args)
            rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
        else if (strcmp(args, r->args)) {
            rc = dowel_fail(err, DOWEL_E_INVALID, "run key \"%.100s\" belongs to a run of %s with other arguments (%s)",
                            run->key, r->task, r->id);
            dowel_error_hint(err, "give another key, or the same arguments; `dowel runs show %s` tells them", r->id);
        } else if (strcmp(r->state, "completed") != 0) {
            rc = claim(db, r, run->options.take_over, err);
            *outcome = 2;
        } else if (r->kept) {
            *outcome = 1;
        }
        free(args);
    }
    /* Whoever comes with the same key from now on finds it. */
    if (!rc && !*outcome) rc = dowel_history_insert(db, run, "running", err);
    return rc;
}

int dowel_resume_by_key(dowel_run *run, json_t **result, dowel_error *err) {
    dowel *d = &run->scope;
    if (d->core->options.no_history) return 0;
    dowel_db *db;
    record r = {.kind = NULL};
    int outcome = 0, rc = dowel_history_acquire(d, &db, err);
    if (rc) return rc;
    rc = dowel_db_begin(db, err);
    if (!rc) {
        rc = look_by_key(db, run, &r, &outcome, err);
        if (!rc) rc = dowel_db_commit(db, err);
        if (rc) dowel_db_rollback(db);
    }
    dowel_database_release(d, db);
    if (!rc && outcome == 0) run->resumed = true;
    if (!rc && outcome == 2) adopt(run, &r);
    if (!rc && outcome == 1) {
        take_id(run, &r);
        if (run->parent)
            dowel_log(&run->parent->scope, DOWEL_LOG_INFO, "%s: the result of run %s is taken again (run key %s)",
                      run->name, r.id, run->key);
        rc = dowel_runs_result(d, r.id, result, err);
    }
    clear(&r);
    return rc ? rc : outcome;
}

/* ---- by id ---- */

/* Paths were given relative to the folder that the first process stood in. */
static int anchor_paths(const dowel_table *table, const char *folder, json_t *args, dowel_error *err) {
    for (const dowel_field *field = table ? table->fields : NULL; field && field->name; field++) {
        const char *path = json_string_value(json_object_get(args, field->name));
        if (field->kind != DOWEL_PATH || !path || *path == '/' || !strcmp(path, "-") || !*folder) continue;
        if (json_object_set_new(args, field->name, json_sprintf("%s/%s", folder, path)))
            return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    return 0;
}

static int refuse(const record *r, dowel_error *err) {
    if (!strcmp(r->state, "completed"))
        return dowel_fail(err, DOWEL_E_CONFLICT, "run %s of %s completed: there is nothing to go on with", r->id,
                          r->task);
    if (strcmp(r->kind, "task") != 0) {
        int rc = dowel_fail(err, DOWEL_E_INVALID, "run %s is a flow: only its program can run it", r->id);
        dowel_error_hint(err, "run the flow again with the same run key");
        return rc;
    }
    if (r->whole) return 0;
    int rc = dowel_fail(err, DOWEL_E_INVALID, "run %s of %s: its arguments were not kept whole (secrets or large data)",
                        r->id, r->task);
    dowel_error_hint(err, "call the task again with the same arguments and run key");
    return rc;
}

/* The arguments and the policy, decoded. */
static int decode(dowel *d, const record *r, const dowel_task *task, dowel_record **args, dowel_record **policy,
                  dowel_error *err) {
    json_t *document = NULL, *rules = NULL;
    int rc = dowel_json_read(r->args, strlen(r->args), DOWEL_JSON_EXACT, "the recorded arguments", &document, err);
    if (!rc) rc = anchor_paths(task->args, r->folder, document, err);
    if (!rc)
        rc = dowel_json_parse(*r->policy ? r->policy : "{}", *r->policy ? strlen(r->policy) : 2, "the recorded policy",
                              &rules, err);
    if (!rc) rc = dowel_record_decode(&dowel_policy_table, rules, dowel_get_resolver(d), policy, err);
    if (!rc) {
        rc = dowel_record_decode(task->args ? task->args : &dowel_no_args, document, dowel_get_resolver(d), args, err);
        if (rc) dowel_record_free(*policy);
    }
    json_decref(document);
    json_decref(rules);
    return rc;
}

static int resume(dowel *d, const char *part, const dowel_call_options *options, json_t **result, dowel_error *err) {
    dowel_db *db;
    record r = {.kind = NULL};
    char id[DOWEL_RUN_ID_SIZE];
    const dowel_task *task = NULL;
    dowel_record *args = NULL, *policy = NULL;
    int rc = dowel_history_acquire(d, &db, err);
    if (rc) return rc;
    rc = dowel_find_run_id(db, part, id, err);
    if (!rc) rc = read_record(db, "SELECT " COLUMNS " FROM runs WHERE id = $1 AND $2 IS NULL", id, NULL, &r, err);
    if (!rc) rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "no run \"%s\"", id);
    if (rc == 1) rc = refuse(&r, err);
    if (!rc) rc = dowel_find_task(d, r.task, &task, err);
    if (!rc) rc = decode(d, &r, task, &args, &policy, err);
    dowel_call_options own = {0};
    if (options) memcpy(&own, options, options->size && options->size < sizeof own ? options->size : sizeof own);
    own.size = sizeof own;
    own.run_key = NULL;
    dowel_run *run = NULL;
    if (!rc) {
        memcpy(&own.policy, dowel_record_data(policy), sizeof own.policy);
        own.run_name = r.name;
        rc = dowel_run_new(d, task, false, args, &own, &run, err);
    }
    /* Last, so that nothing can go wrong between taking the run over and running it. */
    if (!rc) rc = claim(db, &r, own.take_over, err);
    dowel_database_release(d, db);
    if (!rc) {
        adopt(run, &r);
        rc = dowel_run_execute(run, result, err);
    }
    dowel_run_release(run);
    dowel_record_free(policy);
    clear(&r);
    return rc;
}

int dowel_runs_resume(dowel *d, const char *part, const dowel_call_options *options, json_t **result,
                      dowel_error *err) {
    dowel_inside inside;
    int rc = dowel_options_check(options, err);
    if (!rc) rc = dowel_enter(d, &inside, err);
    if (rc) return rc;
    rc = resume(d, part, options, result, err);
    dowel_leave(d->core, &inside);
    return rc;
}
