/* Results that outlive the process: as JSON in a storage block, found again by run id. */
#include "history.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int dowel_persist(dowel_run *run, const json_t *result, char **storage, char **key, dowel_error *err) {
    dowel_block *block = run->policy.result_storage;
    if (!dowel_block_name(block)) {
        dowel_fail(err, DOWEL_E_INVALID,
                   "%s: result_storage must be a saved block, or the result could not be found again", run->task->name);
        dowel_error_hint(err, "save it with `dowel block save` and give its name");
        return DOWEL_E_INVALID;
    }
    char *text = dowel_json_dump(result, JSON_INDENT(1));
    char name[DOWEL_RUN_ID_SIZE + 8];
    snprintf(name, sizeof name, "%s.json", run->id);
    *storage = strdup(dowel_block_reference(block));
    *key = strdup(name);
    int rc = text && *storage && *key ? 0 : dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    if (!rc) rc = dowel_block_type_of(block)->storage->put(&run->scope, block, name, text, strlen(text), err);
    if (rc) dowel_error_prefix(err, "%s: keeping the result in %s: ", run->task->name, dowel_block_reference(block));
    if (text) OPENSSL_cleanse(text, strlen(text));
    free(text);
    return rc;
}

int dowel_runs_result(dowel *d, const char *part, json_t **result, dowel_error *err) {
    dowel_db *db;
    char id[DOWEL_RUN_ID_SIZE], *storage = NULL, *key = NULL, *state = NULL;
    int rc = dowel_history_acquire(d, &db, err);
    if (rc) return rc;
    rc = dowel_find_run_id(db, part, id, err);
    if (rc) {
        dowel_database_release(d, db);
        return rc;
    }
    dowel_rows *rows;
    rc = dowel_db_query(db, "SELECT storage, storage_key, state FROM runs WHERE id = $1", DOWEL_VALUES(DOWEL_TEXT(id)),
                        &rows, err);
    if (!rc) {
        rc = dowel_rows_next(rows, err);
        if (rc == 1) {
            storage = dowel_rows_text(rows, 0) ? strdup(dowel_rows_text(rows, 0)) : NULL;
            key = dowel_rows_text(rows, 1) ? strdup(dowel_rows_text(rows, 1)) : NULL;
            state = strdup(dowel_rows_text(rows, 2));
            rc = 0;
        }
        dowel_rows_free(rows);
    }
    dowel_database_release(d, db);
    dowel_block *block = NULL;
    if (!rc && (!storage || !key)) {
        rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "the run (%s) kept no result", state ? state : "");
        dowel_error_hint(err, "ask for it when it runs: persist_result and result_storage");
    }
    const dowel_resolver *resolver = dowel_get_resolver(d);
    if (!rc && !resolver) rc = dowel_fail(err, DOWEL_E_INTERNAL, "no registry to find %s in", storage);
    if (!rc) rc = resolver->by_name(resolver->context, storage, NULL, &block, err);
    void *data = NULL;
    size_t size = 0;
    if (!rc && !dowel_block_type_of(block)->storage)
        rc = dowel_fail(err, DOWEL_E_INVALID, "block %s cannot keep results", storage);
    if (!rc) rc = dowel_block_type_of(block)->storage->get(d, block, key, &data, &size, err);
    if (!rc) rc = dowel_json_read(data, size, DOWEL_JSON_EXACT | DOWEL_JSON_NUL, key, result, err);
    if (rc) dowel_error_prefix(err, "result of run %s: ", id);
    if (data) OPENSSL_cleanse(data, size);
    free(data);
    dowel_block_free(block);
    free(storage);
    free(key);
    free(state);
    return rc;
}
