/* Reads the history: lists runs, and shows one. */
#include "history.h"

#include "process_internal.h"

#include <dowel/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find_last(dowel_db *db, char id[DOWEL_RUN_ID_SIZE], dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(db, "SELECT id FROM runs WHERE parent IS NULL ORDER BY created DESC, id DESC LIMIT 1", NULL,
                            0, &rows, err);
    if (rc) return rc;
    rc = dowel_rows_next(rows, err);
    if (rc == 1) snprintf(id, DOWEL_RUN_ID_SIZE, "%s", dowel_rows_text(rows, 0));
    if (!rc) rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "no runs yet");
    dowel_rows_free(rows);
    return rc < 0 ? rc : 0;
}

int dowel_find_run_id(dowel_db *db, const char *part, char id[DOWEL_RUN_ID_SIZE], dowel_error *err) {
    if (!strcmp(part, "last")) return find_last(db, id, err);
    if (strlen(part) < 4)
        return dowel_fail(err, DOWEL_E_INVALID, "run id \"%s\": give at least 4 characters of it", part);
    char pattern[DOWEL_RUN_ID_SIZE + 4];
    if (strlen(part) >= DOWEL_RUN_ID_SIZE || strspn(part, "0123456789abcdefABCDEF-") != strlen(part))
        return dowel_fail(err, DOWEL_E_INVALID, "\"%.60s\" is not a run id", part);
    bool whole = strlen(part) == DOWEL_RUN_ID_SIZE - 1; /* which the index finds */
    snprintf(pattern, sizeof pattern, whole ? "%s" : "%%%s%%", part);
    for (char *p = pattern; *p; p++) *p = (char)dowel_lower((unsigned char)*p);
    dowel_rows *rows;
    int rc = dowel_db_query(db,
                            whole ? "SELECT id FROM runs WHERE id = $1"
                                  : "SELECT id FROM runs WHERE id LIKE $1 ORDER BY created DESC LIMIT 2",
                            DOWEL_VALUES(DOWEL_TEXT(pattern)), &rows, err);
    if (rc) return rc;
    rc = dowel_rows_next(rows, err);
    if (rc == 1) {
        snprintf(id, DOWEL_RUN_ID_SIZE, "%s", dowel_rows_text(rows, 0));
        rc = dowel_rows_next(rows, err);
        if (rc == 1)
            rc = dowel_fail(err, DOWEL_E_INVALID, "\"%s\" matches several run ids, such as %s and %s", part, id,
                            dowel_rows_text(rows, 0));
    } else if (!rc) {
        rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "no run \"%s\"", part);
        dowel_error_hint(err, "`dowel runs` lists them");
    }
    dowel_rows_free(rows);
    return rc;
}

#define COLUMNS                                                                                                        \
    "id, parent, kind, task, name, state, attempts, created, started, ended, error, process, storage, storage_key, "   \
    "args, policy, run_key, "

/* A query, and its form for tables of an earlier version. */
#define RUNS(rest)                                                                                                     \
    { "SELECT " COLUMNS "subject, amount FROM runs " rest, "SELECT " COLUMNS "NULL, NULL FROM runs " rest }
#define SAME(query)                                                                                                    \
    { query, query }

static void put_time(dowel_builder *b, const char *name, int64_t microseconds) {
    if (!microseconds) return;
    char text[DOWEL_TIME_TEXT_SIZE];
    dowel_format_time(microseconds, text);
    dowel_build_text(b, name, text);
}

static void put_text(dowel_builder *b, const char *name, const char *text) {
    if (text) dowel_build_json(b, name, dowel_json_text(text));
}

/* An object that dowel wrote; one that is empty or cannot be read is left out. */
static void put_object(dowel_builder *b, const char *name, const char *text) {
    json_t *object = text ? json_loads(text, 0, NULL) : NULL;
    if (json_object_size(object))
        dowel_build_json(b, name, object);
    else
        json_decref(object);
}

/* Arguments, whose numbers stay as they were written. */
static void put_document(dowel_builder *b, const char *name, const char *text) {
    json_t *document = NULL;
    if (!text || dowel_json_read(text, strlen(text), DOWEL_JSON_EXACT, name, &document, NULL)) return;
    dowel_build_json(b, name, dowel_json_unwrap(document, true));
    json_decref(document);
}

static int run_object(dowel_rows *rows, bool whole, json_t **run, dowel_error *err) {
    dowel_builder b = dowel_build(json_object());
    const char *state = dowel_rows_text(rows, 5), *process = dowel_rows_text(rows, 11);
    int64_t started = dowel_rows_int(rows, 8), ended = dowel_rows_int(rows, 9);
    bool open = !ended && process, elsewhere = open && dowel_process_is_elsewhere(process);
    if (open && dowel_process_is_gone(process)) state = "crashed";
    put_text(&b, "id", dowel_rows_text(rows, 0));
    put_text(&b, "kind", dowel_rows_text(rows, 2));
    put_text(&b, "name", dowel_rows_text(rows, 4));
    put_text(&b, "task", dowel_rows_text(rows, 3));
    put_text(&b, "parent", dowel_rows_text(rows, 1));
    put_text(&b, "run_key", dowel_rows_text(rows, 16));
    put_text(&b, "state", state);
    if (elsewhere) dowel_build_bool(&b, "elsewhere", true);
    dowel_build_int(&b, "attempts", dowel_rows_int(rows, 6));
    put_time(&b, "created", dowel_rows_int(rows, 7));
    put_time(&b, "started", started);
    put_time(&b, "ended", ended);
    if (started && ended) dowel_build_json(&b, "duration", json_real((double)(ended - started) / 1e6));
    put_text(&b, "subject", dowel_rows_text(rows, 17));
    put_object(&b, "amount", dowel_rows_text(rows, 18));
    put_object(&b, "error", dowel_rows_text(rows, 10));
    put_text(&b, "result_storage", dowel_rows_text(rows, 12));
    put_text(&b, "result_key", dowel_rows_text(rows, 13));
    if (whole) put_document(&b, "args", dowel_rows_text(rows, 14));
    if (whole) put_object(&b, "policy", dowel_rows_text(rows, 15));
    return dowel_build_end(&b, run, err);
}

typedef int (*make_object)(dowel_rows *rows, bool whole, json_t **object, dowel_error *err);

static int collect(dowel_db *db, const char *sql, const dowel_value *values, size_t count, make_object make, bool whole,
                   json_t **out, dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(db, sql, values, count, &rows, err);
    if (rc) return rc;
    dowel_builder array = dowel_build(json_array());
    while ((rc = dowel_rows_next(rows, err)) == 1) {
        json_t *object = NULL;
        rc = make(rows, whole, &object, err);
        if (rc) break;
        dowel_build_item(&array, object);
    }
    dowel_rows_free(rows);
    int built = dowel_build_end(&array, rc ? NULL : out, rc ? NULL : err);
    return rc ? rc : built;
}

/* Keeps the runs in this state, at most `limit`, and returns how many there were. A run whose process died still has its last state in the
 * database: its real state is known only after a look at the process. */
static int64_t keep_state(json_t *runs, const char *state, int64_t limit) {
    int64_t total = 0;
    for (size_t i = 0; i < json_array_size(runs);) {
        const char *is = json_string_value(json_object_get(json_array_get(runs, i), "state"));
        bool matches = is && !strcmp(is, state);
        total += matches;
        if (!matches || (int64_t)i >= limit)
            json_array_remove(runs, i);
        else
            i++;
    }
    return total;
}

static int check_query(const dowel_runs_query *query, dowel_error *err) {
    static const char *const states[] = {"pending", "running",   "retrying", "completed",
                                         "failed",  "cancelled", "crashed",  NULL};
    if (query->limit < 0)
        return dowel_fail(err, DOWEL_E_INVALID, "runs: field \"limit\": %lld is negative", (long long)query->limit);
    size_t i = 0;
    while (query->state && *query->state && states[i] && strcmp(states[i], query->state) != 0) i++;
    if (states[i]) return 0;
    const char *near = dowel_nearest(query->state, states);
    return dowel_fail(err, DOWEL_E_INVALID, "runs: field \"state\": no state \"%.60s\"%s%s%s", query->state,
                      near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

#define WHERE                                                                                                          \
    "WHERE ($1 = '' OR state = $1) AND ($2 = '' OR task = $2) AND ($3 = '' OR parent = $3) AND ($4 = '' OR name = "    \
    "$4) "                                                                                                             \
    "AND created >= $5 AND ($6 = 0 OR ended IS NULL) AND ($7 = 0 OR parent IS NULL) "

/* How many runs match. */
static int count_runs(dowel_db *db, const dowel_value *values, size_t count, int64_t *total, dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(db, "SELECT COUNT(*) FROM runs " WHERE, values, count, &rows, err);
    if (rc) return rc;
    rc = dowel_rows_next(rows, err);
    if (rc == 1) *total = dowel_rows_int(rows, 0);
    dowel_rows_free(rows);
    return rc < 0 ? rc : 0;
}

static int list(dowel_db *db, bool old, const dowel_runs_query *q, json_t **runs, dowel_error *err) {
    static const char *const sql[] = RUNS(WHERE "ORDER BY created DESC, id DESC LIMIT $8");
    char parent[DOWEL_RUN_ID_SIZE] = "";
    int64_t limit = q->limit > 0 ? q->limit : 50, total = 0;
    bool open = q->state && (!strcmp(q->state, "pending") || !strcmp(q->state, "running") ||
                             !strcmp(q->state, "retrying") || !strcmp(q->state, "crashed"));
    int rc = q->parent && *q->parent ? dowel_find_run_id(db, q->parent, parent, err) : 0;
    if (rc) return rc;
    const dowel_value values[] = {DOWEL_TEXT(q->state && !open ? q->state : ""),
                                  DOWEL_TEXT(q->task ? q->task : ""),
                                  DOWEL_TEXT(parent),
                                  DOWEL_TEXT(q->name ? q->name : ""),
                                  DOWEL_INTEGER(q->since),
                                  DOWEL_INTEGER(open),
                                  DOWEL_INTEGER(q->top),
                                  DOWEL_INTEGER(open ? INT64_MAX : limit)};
    size_t count = sizeof values / sizeof values[0];
    rc = collect(db, sql[old], values, count, run_object, false, runs, err);
    if (rc) return rc;
    if (open)
        total = keep_state(*runs, q->state, limit);
    else if (q->total)
        rc = count_runs(db, values, count - 1, &total, err);
    if (rc) {
        json_decref(*runs);
        return rc;
    }
    /* A run may have been added or pruned between the two queries. */
    int64_t shown = (int64_t)json_array_size(*runs);
    if (q->total) *q->total = total > shown && shown == limit ? total : shown;
    return 0;
}

int dowel_runs_list(dowel *d, const dowel_runs_query *query, json_t **runs, dowel_error *err) {
    dowel_runs_query q = {0};
    if (query) memcpy(&q, query, query->size && query->size < sizeof q ? query->size : sizeof q);
    dowel_db *db;
    bool old;
    int rc = check_query(&q, err);
    if (!rc) rc = dowel_history_read(d, &db, &old, err);
    if (rc == 1 && q.total) *q.total = 0;
    if (rc == 1) return (*runs = json_array()) ? 0 : dowel_no_memory(err);
    if (rc) return rc;
    rc = list(db, old, &q, runs, err);
    dowel_database_release(d, db);
    return rc;
}

static int handle_object(dowel_rows *rows, bool whole, json_t **object, dowel_error *err) {
    (void)whole;
    bool secret = dowel_rows_int(rows, 2) != 0;
    dowel_builder b = dowel_build(json_object());
    put_text(&b, "name", dowel_rows_text(rows, 0));
    put_text(&b, "value", secret ? DOWEL_MASK : dowel_rows_text(rows, 1));
    return dowel_build_end(&b, object, err);
}

static int log_object(dowel_rows *rows, bool whole, json_t **object, dowel_error *err) {
    (void)whole;
    dowel_builder b = dowel_build(json_object());
    put_time(&b, "time", dowel_rows_int(rows, 0));
    put_text(&b, "level", dowel_rows_text(rows, 1));
    put_text(&b, "line", dowel_rows_text(rows, 2));
    return dowel_build_end(&b, object, err);
}

/* Adds the handles, the runs that it called, and the log. */
static int add_parts(dowel_db *db, const char *id, bool old, json_t *shown, dowel_error *err) {
    static const struct {
        const char *name, *sql[2];
        make_object make;
    } parts[] = {
        {"handles", SAME("SELECT name, value, secret FROM run_handles WHERE run = $1 ORDER BY name"), handle_object},
        {"children", RUNS("WHERE parent = $1 ORDER BY created, id"), run_object},
        {"log", SAME("SELECT at, level, line FROM run_logs WHERE run = $1 ORDER BY at"), log_object},
    };
    int rc = 0;
    for (size_t i = 0; i < 3 && !rc; i++) {
        json_t *more = NULL;
        rc = collect(db, parts[i].sql[old], DOWEL_VALUES(DOWEL_TEXT(id)), parts[i].make, false, &more, err);
        if (!rc && json_array_size(more)) rc = json_object_set(shown, parts[i].name, more) ? dowel_no_memory(err) : 0;
        json_decref(more);
    }
    return rc;
}

int dowel_runs_show(dowel *d, const char *part, json_t **run, dowel_error *err) {
    dowel_db *db;
    char id[DOWEL_RUN_ID_SIZE];
    json_t *found = NULL;
    bool old;
    static const char *const one[] = RUNS("WHERE id = $1");
    int rc = dowel_history_read(d, &db, &old, err);
    if (rc == 1) return dowel_fail(err, DOWEL_E_NOT_FOUND, "no run \"%.40s\": this database has no history", part);
    if (rc) return rc;
    rc = dowel_find_run_id(db, part, id, err);
    if (!rc) rc = collect(db, one[old], DOWEL_VALUES(DOWEL_TEXT(id)), run_object, true, &found, err);
    if (!rc && !json_array_size(found)) rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "no run \"%s\"", id);
    json_t *shown = rc ? NULL : json_incref(json_array_get(found, 0));
    if (!rc) rc = add_parts(db, id, old, shown, err);
    json_decref(found);
    dowel_database_release(d, db);
    if (rc)
        json_decref(shown);
    else
        *run = shown;
    return rc;
}

/* The ids of runs that were created before a time and whose process died: their record does not say that they ended. */
static int find_crashed(dowel_db *db, int64_t before, json_t **ids, dowel_error *err) {
    dowel_rows *rows;
    int rc = dowel_db_query(db, "SELECT id, process FROM runs WHERE ended IS NULL AND created < $1",
                            DOWEL_VALUES(DOWEL_INTEGER(before)), &rows, err);
    if (rc) return rc;
    dowel_builder found = dowel_build(json_array());
    while ((rc = dowel_rows_next(rows, err)) == 1)
        if (dowel_process_is_gone(dowel_rows_text(rows, 1)))
            dowel_build_item(&found, json_string(dowel_rows_text(rows, 0)));
    dowel_rows_free(rows);
    int built = dowel_build_end(&found, rc ? NULL : ids, rc ? NULL : err);
    return rc ? rc : built;
}

static int forget_crashed(dowel_db *db, int64_t before, int64_t *count, dowel_error *err) {
    json_t *gone = NULL;
    int rc = find_crashed(db, before, &gone, err);
    for (size_t i = 0; !rc && i < json_array_size(gone); i++) {
        rc = dowel_db_exec(db, "DELETE FROM runs WHERE id = $1 AND ended IS NULL",
                           DOWEL_VALUES(DOWEL_TEXT(json_string_value(json_array_get(gone, i)))), NULL, err);
        ++*count;
    }
    json_decref(gone);
    return rc;
}

int dowel_runs_prune(dowel *d, int64_t before, bool dry_run, int64_t *count, dowel_error *err) {
    dowel_db *db;
    int64_t crashed = 0, ended = 0;
    int rc = dowel_history_acquire(d, &db, err);
    if (rc) return rc;
    rc = dowel_db_begin(db, err);
    if (!rc) {
        rc = forget_crashed(db, before, &crashed, err);
        if (!rc)
            rc = dowel_db_exec(db,
                               "DELETE FROM runs WHERE ended < $1 AND NOT EXISTS "
                               "(SELECT 1 FROM runs AS above WHERE above.id = runs.parent AND above.ended IS NULL)",
                               DOWEL_VALUES(DOWEL_INTEGER(before)), &ended, err);
        if (!rc && !dry_run)
            rc = dowel_db_commit(db, err);
        else
            dowel_db_rollback(db);
    }
    dowel_database_release(d, db);
    if (!rc && count) *count = crashed + ended;
    return rc;
}
