/* Resumes runs that crashed, failed or were cancelled: with the same id and their remote handles. */
#include "history.h"

#include "process_internal.h"
#include "run_args.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A run as the history has it. */
typedef struct record {
    char id[DOWEL_RUN_ID_SIZE];
    char *kind, *task, *name, *state, *process, *args, *policy, *folder, *digest;
    int64_t attempts, ended_at;
    bool ended, whole, kept;
} record;

static void clear(record *r) {
    char *const texts[] = {r->kind, r->task, r->name, r->state, r->process, r->args, r->policy, r->folder, r->digest};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) free(texts[i]);
    memset(r, 0, sizeof *r);
}

/* Booleans as numbers: PostgreSQL has a boolean type, SQLite has none. */
#define COLUMNS                                                                                                        \
    "id, kind, task, name, state, process, args, policy, folder, digest, attempts, "                                   \
    "CASE WHEN ended IS NULL THEN 0 ELSE 1 END, whole, CASE WHEN storage IS NULL THEN 0 ELSE 1 END, ended"

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
        char **const texts[] = {&r->kind, &r->task,   &r->name,   &r->state, &r->process,
                                &r->args, &r->policy, &r->folder, &r->digest};
        for (int i = 0; i < 9 && rc == 1; i++) {
            const char *text = dowel_rows_text(rows, i + 1);
            *texts[i] = strdup(text ? text : "");
            if (!*texts[i]) rc = dowel_no_memory(err);
        }
        r->attempts = dowel_rows_int(rows, 10);
        r->ended = dowel_rows_int(rows, 11) != 0;
        r->whole = dowel_rows_int(rows, 12) == 1;
        r->kept = dowel_rows_int(rows, 13) != 0;
        r->ended_at = dowel_rows_int(rows, 14);
        if (rc != 1) clear(r);
    }
    dowel_rows_free(rows);
    return rc;
}

/* Whether the run may be taken over: its process has ended, or it cannot be seen from here and the caller accepts that. */
static int check_free(const record *r, bool take_over, dowel_error *err) {
    if (r->ended || dowel_process_is_gone(r->process)) return 0;
    bool elsewhere = dowel_process_is_elsewhere(r->process);
    if (elsewhere && take_over) return 0;
    dowel_fail(err, DOWEL_E_CONFLICT, "run %s of %s %s", r->id, r->task,
               elsewhere
                   ? "may still be running elsewhere: on another machine, in another container or before the last boot"
                   : "is still running");
    dowel_error_hint(err, "%s",
                     elsewhere ? "if its process has certainly ended, take the run over with --take-over"
                               : "wait for it, or stop its process");
    return DOWEL_E_CONFLICT;
}

/* Assigns the run to this process; CONFLICT if another one has it. */
static int claim(dowel *d, dowel_db *db, const record *r, bool take_over, dowel_error *err) {
    int rc = check_free(r, take_over, err);
    if (rc) return rc;
    char process[DOWEL_PROCESS_SIZE];
    dowel_process_name(d->core->nonce, process);
    int64_t changed = 0;
    rc = dowel_db_exec(
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

static int other_arguments(const dowel_run *run, const record *r, dowel_error *err) {
    dowel_fail(err, DOWEL_E_INVALID, "run key \"%.100s\" belongs to a run of %s with other arguments (%s)", run->key,
               r->task, r->id);
    dowel_error_hint(err, "use another key, or the same arguments; `dowel runs show %s` shows them", r->id);
    return DOWEL_E_INVALID;
}

static int cannot_compare(const dowel_run *run, const record *r, const char *why, dowel_error *err) {
    dowel_fail(err, DOWEL_E_INVALID,
               "run key \"%.100s\" belongs to run %s of %s, whose arguments cannot be compared: %s", run->key, r->id,
               r->task, why);
    dowel_error_hint(err, "use another key; `dowel runs show %s` shows that run", r->id);
    return DOWEL_E_INVALID;
}

/* Compares the recorded texts; both are complete. */
static int compare_texts(dowel_run *run, const dowel_run_args *args, const record *r, dowel_error *err) {
    json_t *theirs = NULL, *ours = NULL;
    const dowel_table *table = run->task->args ? run->task->args : &dowel_no_args;
    int rc = dowel_json_read(r->args, strlen(r->args), DOWEL_JSON_EXACT, "the recorded arguments", &theirs, err);
    if (!rc) rc = dowel_fields_anchor(&run->scope.core->top, table, theirs, *r->folder ? r->folder : NULL, NULL, err);
    if (!rc) rc = dowel_json_read(args->text, strlen(args->text), DOWEL_JSON_EXACT, "the arguments", &ours, err);
    if (!rc && !json_equal(ours, theirs)) rc = other_arguments(run, r, err);
    json_decref(ours);
    json_decref(theirs);
    return rc;
}

/* 0: the earlier run had the same arguments. */
static int check_same(dowel_run *run, const dowel_run_args *args, const record *r, dowel_error *err) {
    bool whole = r->whole && args->whole;
    if (*r->digest) {
        dowel_error why;
        int same = dowel_run_args_same(run, args, r->digest, &why);
        if (same >= 0) return same ? 0 : other_arguments(run, r, err);
        if (!whole) return cannot_compare(run, r, why.message, err);
    } else if (!whole) {
        return cannot_compare(run, r, "an earlier version of dowel recorded them without secrets and large data", err);
    }
    return compare_texts(run, args, r, err);
}

/* Looking for an earlier run with the same key. */
typedef struct search {
    dowel_run *run;
    dowel_run_args args;
    char *digest;
    record found;
    char lost[DOWEL_RUN_ID_SIZE]; /* the run whose result was kept and is gone; "": none */
    int outcome;                  /* as dowel_resume_by_key gives it */
} search;

/* Decides what happens to the run (s->outcome). */
static int look_by_key(dowel_db *db, search *s, dowel_error *err) {
    dowel_run *run = s->run;
    record *r = &s->found;
    int rc = read_record(db,
                         "SELECT " COLUMNS " FROM runs WHERE run_key = $1 AND task = $2 ORDER BY created DESC, id DESC "
                         "LIMIT 1",
                         run->key, run->task->name, r, err);
    if (rc == 1) {
        bool completed = !strcmp(r->state, "completed");
        rc = check_same(run, &s->args, r, err);
        if (!rc && !completed) {
            rc = claim(&run->scope, db, r, run->options.take_over, err);
            s->outcome = 2;
        } else if (!rc && r->kept && strcmp(r->id, s->lost) != 0) {
            s->outcome = 1;
            if (s->args.unseen) rc = cannot_compare(run, r, "data came through a pipe, a device or a pointer", err);
        }
    }
    /* Inserted in the same transaction, so that a later call with the key finds it. */
    if (!rc && !s->outcome) rc = dowel_history_insert(db, run, &s->args, s->digest, "running", err);
    return rc;
}

static int look(search *s, dowel_error *err) {
    dowel *d = &s->run->scope;
    dowel_db *db;
    s->outcome = 0;
    int rc = dowel_history_acquire(d, &db, err);
    if (rc) return rc;
    rc = dowel_db_begin(db, err);
    if (!rc) {
        rc = look_by_key(db, s, err);
        if (!rc) rc = dowel_db_commit(db, err);
        if (rc) dowel_db_rollback(db);
    }
    dowel_database_release(d, db);
    return rc;
}

/* The stored result of the earlier run. 1: it is gone, so the task must run again. */
static int take_result(search *s, json_t **result, dowel_error *err) {
    dowel_run *run = s->run;
    bool lost = false;
    int rc = dowel_kept_result(&run->scope, s->found.id, result, &lost, err);
    if (rc && lost) {
        dowel_log(run->parent ? &run->parent->scope : &run->scope.core->top, DOWEL_LOG_WARNING,
                  "%s: run %s of run key %s completed, but its stored result is gone; running it again: %s", run->name,
                  s->found.id, run->key, err->message);
        memcpy(s->lost, s->found.id, sizeof s->lost);
        return 1;
    }
    if (rc) return rc;
    take_id(run, &s->found);
    if (run->options.kept_at) *run->options.kept_at = s->found.ended_at;
    dowel_log(&run->scope, DOWEL_LOG_INFO, "its stored result was used again (run key %s)", run->key);
    if (run->parent)
        dowel_log(&run->parent->scope, DOWEL_LOG_INFO, "%s: using the result of run %s (run key %s)", run->name,
                  s->found.id, run->key);
    return 0;
}

/* A key without a stored result resumes a run that did not complete, and nothing more: this is easily mistaken. */
static void warn_unstored(search *s) {
    dowel_run *run = s->run;
    if (s->outcome == 0 && !strcmp(s->found.state ? s->found.state : "", "completed") && !s->found.kept)
        dowel_log(&run->scope, DOWEL_LOG_WARNING,
                  "%s: run %s of run key %s completed, but its result was not stored; running it again", run->name,
                  s->found.id, run->key);
    else if (!run->policy.persist_result)
        dowel_log(&run->scope, DOWEL_LOG_WARNING,
                  "%s: the result is not stored, so the next call with run key %s runs it again even if it completes; "
                  "persist_result (--persist-result) stores it",
                  run->name, run->key);
}

static int resolve(search *s, json_t **result, dowel_error *err) {
    int rc = dowel_run_args_digest(s->run, &s->args, &s->digest, err);
    for (bool again = !rc; again;) {
        clear(&s->found);
        rc = look(s, err);
        if (!rc && s->outcome == 1) rc = take_result(s, result, err);
        again = rc == 1;
    }
    if (!rc && s->outcome == 0) s->run->resumed = true;
    if (!rc && s->outcome == 2) adopt(s->run, &s->found);
    if (!rc && s->outcome != 1) warn_unstored(s);
    return rc;
}

int dowel_resume_by_key(dowel_run *run, json_t **result, dowel_error *err) {
    dowel_error unused;
    if (!err) err = &unused;
    if (run->scope.core->options.no_history)
        return dowel_fail(err, DOWEL_E_INVALID, "%s: a run key needs the history, which this handle does not record",
                          run->name);
    search s = {.run = run};
    int rc = dowel_run_args_of(run, &s.args, err);
    if (rc) return rc;
    rc = resolve(&s, result, err);
    dowel_run_args_clear(&s.args);
    free(s.digest);
    clear(&s.found);
    return rc ? rc : s.outcome;
}

/* ---- by id ---- */

static bool is_here(const char *folder) {
    struct stat then, now;
    return *folder && !stat(folder, &then) && !stat(".", &now) && then.st_dev == now.st_dev &&
           then.st_ino == now.st_ino;
}

/* Earlier versions recorded paths as they were given: elsewhere they would name other files. */
static int check_paths(dowel *d, const record *r, const dowel_table *table, json_t *args, dowel_error *err) {
    bool relative = false;
    int rc = dowel_fields_anchor(d, table, args, NULL, &relative, err);
    if (rc || !relative || is_here(r->folder)) return rc;
    rc = dowel_fail(err, DOWEL_E_INVALID, "run %s of %s has relative paths, which start from %s", r->id, r->task,
                    *r->folder ? r->folder : "an unknown folder");
    if (*r->folder)
        dowel_error_hint(err, "change to that folder and resume it there");
    else
        dowel_error_hint(err, "run the task again, with absolute paths");
    return rc;
}

static int refuse(dowel *d, const record *r, dowel_error *err) {
    assert(r->state && r->kind);
    if (!strcmp(r->state, "completed"))
        return dowel_fail(err, DOWEL_E_CONFLICT, "run %s of %s completed: there is nothing to resume", r->id, r->task);
    if (strcmp(r->kind, "task") != 0) {
        int rc = dowel_fail(err, DOWEL_E_INVALID, "run %s is a flow: only its program can run it", r->id);
        dowel_error_hint(err, "run the flow again with the same run key");
        return rc;
    }
    /* An earlier version wrote this instead of text that is not UTF-8. */
    if (r->whole && !strstr(r->args, "\"(not UTF-8)\"")) return 0;
    int rc = dowel_fail(
        err, DOWEL_E_INVALID,
        "run %s of %s: its arguments were not recorded completely (secrets, large data, or data from a pipe)", r->id,
        r->task);
    if (dowel_persist_holds(d, r->id))
        dowel_error_hint(err, "its work is done: `dowel runs result %s` shows the result that could not be stored",
                         r->id);
    else
        dowel_error_hint(err, "call the task again with the same arguments and run key");
    return rc;
}

/* The arguments and the policy, decoded. On failure neither is. */
static int decode(dowel *d, const record *r, const dowel_task *task, dowel_record **args, dowel_record **policy,
                  dowel_error *err) {
    json_t *document = NULL, *rules = NULL;
    const dowel_table *table = task->args ? task->args : &dowel_no_args;
    const dowel_resolver *resolver = dowel_get_resolver(d);
    const char *policy_text = *r->policy ? r->policy : "{}";
    int rc = dowel_json_read(r->args, strlen(r->args), DOWEL_JSON_EXACT, "the recorded arguments", &document, err);
    if (!rc) rc = check_paths(d, r, table, document, err);
    if (!rc) rc = dowel_json_parse(policy_text, strlen(policy_text), "the recorded policy", &rules, err);
    if (!rc) rc = dowel_record_decode(&dowel_policy_table, rules, resolver, policy, err);
    if (!rc) rc = dowel_record_decode(table, document, resolver, args, err);
    if (rc) {
        dowel_record_free(*policy);
        *policy = NULL;
    }
    json_decref(document);
    json_decref(rules);
    return rc;
}

/* Refuses to go on with data that is gone, or with the files of another machine. */
static int check_data(const dowel_run *run, const record *r, bool take_over, dowel_error *err) {
    dowel_run_args args;
    int rc = dowel_run_args_of(run, &args, err);
    if (rc) return rc;
    if (args.unseen) {
        rc = dowel_fail(err, DOWEL_E_INVALID,
                        "run %s of %s: its data came from a pipe or a device, which cannot be read again", r->id,
                        r->task);
        dowel_error_hint(err, "call the task again");
    } else if (args.local && !take_over && dowel_process_was_on_another_machine(r->process)) {
        rc = dowel_fail(err, DOWEL_E_CONFLICT, "run %s of %s worked on files of another machine", r->id, r->task);
        dowel_error_hint(err, "resume it there, or use --take-over if the files are the same here");
    }
    dowel_run_args_clear(&args);
    return rc;
}

/* Creates the run from its record; it is not claimed yet. */
static int prepare(dowel *d, const record *r, const dowel_call_options *options, dowel_record **policy, dowel_run **run,
                   dowel_error *err) {
    const dowel_task *task = NULL;
    dowel_record *args = NULL;
    dowel_call_options own = {0};
    if (options) memcpy(&own, options, options->size && options->size < sizeof own ? options->size : sizeof own);
    int rc = check_free(r, own.take_over, err);
    if (!rc) rc = refuse(d, r, err);
    if (rc) return rc;
    rc = dowel_find_task(d, r->task, &task, err);
    if (!rc) rc = decode(d, r, task, &args, policy, err);
    if (rc) return dowel_error_prefix(err, "run %s cannot be resumed: ", r->id);
    own.size = sizeof own;
    own.run_key = NULL;
    own.run_name = r->name;
    memcpy(&own.policy, dowel_record_data(*policy), sizeof own.policy);
    rc = dowel_run_new(d, task, false, args, &own, run, err);
    if (!rc) rc = check_data(*run, r, own.take_over, err);
    return rc;
}

static int resume(dowel *d, const char *part, const dowel_call_options *options, json_t **result, dowel_error *err) {
    dowel_db *db;
    record r = {.kind = NULL};
    char id[DOWEL_RUN_ID_SIZE];
    dowel_record *policy = NULL;
    dowel_run *run = NULL;
    int rc = dowel_history_acquire(d, &db, err);
    if (rc) return rc;
    rc = dowel_find_run_id(db, part, id, err);
    if (!rc) rc = read_record(db, "SELECT " COLUMNS " FROM runs WHERE id = $1 AND $2 IS NULL", id, NULL, &r, err);
    if (!rc) rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "no run \"%s\"", id);
    if (rc == 1) rc = prepare(d, &r, options, &policy, &run, err);
    /* Last, so that nothing can go wrong between taking the run over and running it. */
    assert(rc || run);
    if (!rc) rc = claim(d, db, &r, run->options.take_over, err);
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
