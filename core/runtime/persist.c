/* Results that outlive the process: as JSON in a storage block, found again by run id. */
#include "history.h"

#include <dowel/text.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The handle that holds, sealed, a result that its storage refused. */
static const char unstored[] = "dowel.result";

/* A result is JSON with everything that JSON can hold, NULs in text among it; verbatim values are wrapped. Newly allocated. */
static char *write_result(const json_t *result) {
    json_t *kept = dowel_json_wrap(result, true);
    char *text = kept ? dowel_json_dump(kept, JSON_INDENT(1)) : NULL;
    json_decref(kept);
    return text;
}

static int parse_result(const char *text, size_t size, const char *origin, json_t **result, dowel_error *err) {
    json_t *kept = NULL;
    int rc = dowel_json_read(text, size, DOWEL_JSON_EXACT | DOWEL_JSON_NUL, origin, &kept, err);
    if (!rc && !(*result = dowel_json_unwrap(kept, true))) rc = dowel_no_memory(err);
    json_decref(kept);
    return rc;
}

static int store(dowel_run *run, const char *text, char **storage, char **key, dowel_error *err) {
    dowel_block *block = run->policy.result_storage;
    char name[DOWEL_RUN_ID_SIZE + 8];
    snprintf(name, sizeof name, "%s.json", run->id);
    *storage = strdup(dowel_block_reference(block));
    *key = strdup(name);
    if (!*storage || !*key) return dowel_no_memory(err);
    return dowel_block_type_of(block)->storage->put(&run->scope, block, name, text, strlen(text), err);
}

int dowel_persist(dowel_run *run, const json_t *result, char **storage, char **key, dowel_error *err) {
    char *text = write_result(result);
    int rc = text ? store(run, text, storage, key, err) : dowel_no_memory(err);
    if (rc) {
        /* The work must not be lost with its result, nor repeated for it. */
        bool held = text && dowel_history_hold(run, unstored, text);
        const char *reference = dowel_block_reference(run->policy.result_storage);
        if (held)
            dowel_error_prefix(
                err,
                "%s: the work is done and `dowel runs result %s` shows its result, but it could not be stored in %s: ",
                run->task->name, run->id, reference);
        else
            dowel_error_prefix(
                err, "%s: the work is done, but its result could be stored neither in the history nor in %s: ",
                run->task->name, reference);
        free(*storage);
        free(*key);
        *storage = *key = NULL;
    }
    dowel_wipe(text);
    return rc;
}

/* A process that was killed after it had stored the result, and before it could say so. */
static json_t *find_stored(dowel_run *run) {
    dowel_block *block = run->policy.persist_result ? run->policy.result_storage : NULL;
    char name[DOWEL_RUN_ID_SIZE + 8];
    void *data = NULL;
    size_t size = 0;
    json_t *result = NULL;
    snprintf(name, sizeof name, "%s.json", run->id);
    if (block && !dowel_block_type_of(block)->storage->get(&run->scope, block, name, &data, &size, NULL))
        (void)parse_result(data, size, name, &result, NULL);
    dowel_wipe_bytes(data, size);
    return result;
}

int dowel_persist_recall(dowel_run *run, json_t **result, dowel_error *err) {
    char *text = NULL;
    if (!run->attempts_before) return 0;
    int rc = dowel_history_held(&run->scope, run->id, unstored, &text, err);
    if (!rc && text) rc = parse_result(text, strlen(text), "the result that could not be stored", result, err);
    if (!rc && !text) *result = find_stored(run);
    dowel_wipe(text);
    return rc;
}

bool dowel_persist_holds(dowel *d, const char *run_id) {
    char *text = NULL;
    bool held = !dowel_history_held(d, run_id, unstored, &text, NULL) && text;
    dowel_wipe(text);
    return held;
}

void dowel_persist_forget(dowel_run *run) {
    dowel_forget(&run->scope, unstored);
}

/* Where a run's result is. */
typedef struct location {
    char id[DOWEL_RUN_ID_SIZE];
    char *storage, *key, *state;
} location;

static int locate(dowel *d, const char *part, location *at, dowel_error *err) {
    dowel_db *db;
    dowel_rows *rows;
    int rc = dowel_history_acquire(d, &db, err);
    if (rc) return rc;
    rc = dowel_find_run_id(db, part, at->id, err);
    if (!rc)
        rc = dowel_db_query(db, "SELECT storage, storage_key, state FROM runs WHERE id = $1",
                            DOWEL_VALUES(DOWEL_TEXT(at->id)), &rows, err);
    if (!rc) {
        rc = dowel_rows_next(rows, err);
        char **const texts[] = {&at->storage, &at->key, &at->state};
        for (int i = 0; rc == 1 && i < 3; i++) {
            const char *text = dowel_rows_text(rows, i);
            if (text && !(*texts[i] = strdup(text))) rc = dowel_no_memory(err);
        }
        if (!rc) rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "no run \"%s\"", at->id);
        if (rc == 1) rc = 0;
        dowel_rows_free(rows);
    }
    dowel_database_release(d, db);
    return rc;
}

/* Reads a result from its storage. *lost: it is missing or damaged. */
static int fetch(dowel *d, const location *at, json_t **result, bool *lost, dowel_error *err) {
    const dowel_resolver *resolver = dowel_get_resolver(d);
    dowel_block *block = NULL;
    void *data = NULL;
    size_t size = 0;
    int rc = resolver ? resolver->by_name(resolver->context, at->storage, NULL, &block, err)
                      : dowel_fail(err, DOWEL_E_INTERNAL, "no registry to resolve %s", at->storage);
    if (!rc && !dowel_block_type_of(block)->storage)
        rc = dowel_fail(err, DOWEL_E_INVALID, "block %s cannot store results", at->storage);
    if (!rc) rc = dowel_block_type_of(block)->storage->get(d, block, at->key, &data, &size, err);
    *lost = rc == DOWEL_E_NOT_FOUND;
    if (!rc) {
        rc = parse_result(data, size, at->key, result, err);
        *lost = rc == DOWEL_E_INVALID;
        if (*lost) rc = dowel_fail(err, DOWEL_E_CORRUPT, "%s in %s is damaged: it is not JSON", at->key, at->storage);
    }
    dowel_wipe_bytes(data, size);
    dowel_block_free(block);
    return rc;
}

/* From the history, where the storage refused it. */
static int take_held(dowel *d, const location *at, json_t **result, dowel_error *err) {
    char *text = NULL;
    int rc = dowel_history_held(d, at->id, unstored, &text, err);
    if (!rc && text) rc = parse_result(text, strlen(text), at->id, result, err);
    if (!rc && !text) {
        rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "the run (%s) has no stored result", at->state ? at->state : "");
        dowel_error_hint(err, "set persist_result and result_storage when the task is called");
    }
    dowel_wipe(text);
    return rc;
}

int dowel_kept_result(dowel *d, const char *part, json_t **result, bool *lost, dowel_error *err) {
    location at = {.storage = NULL};
    int rc = locate(d, part, &at, err);
    if (!rc) {
        rc = at.storage && at.key ? fetch(d, &at, result, lost, err) : take_held(d, &at, result, err);
        if (rc) dowel_error_prefix(err, "result of run %s: ", at.id);
    }
    free(at.storage);
    free(at.key);
    free(at.state);
    return rc;
}

int dowel_runs_result(dowel *d, const char *part, json_t **result, dowel_error *err) {
    bool lost = false;
    return dowel_kept_result(d, part, result, &lost, err);
}
