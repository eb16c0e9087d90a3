/* Results that are kept come back byte for byte; one that its storage refuses is not lost, and its work is not done again. */
#include "../test.h"

#include <dowel/database.h>
#include <dowel/runtime.h>

#include <stdatomic.h>
#include <unistd.h>

static dowel *d;
static dowel_block *store;
static char folder[] = "/tmp/dowel-kept-XXXXXX", url[256], log_lines[8192];
static atomic_int calls, puts_failing;

/* ---- a storage that fails when told to ---- */

typedef struct cupboard {
    const char *basepath;
} cupboard;
static const dowel_field cupboard_fields[] = {{DOWEL_AT(cupboard, basepath), .kind = DOWEL_PATH}, {0}};
static const dowel_table cupboard_table = {"cupboard", sizeof(cupboard), cupboard_fields, NULL};

static void path_of(const char *key, char path[256]) {
    snprintf(path, 256, "%s/%s", folder, key);
}

static int put(dowel *at, dowel_block *block, const char *key, const void *data, size_t size, dowel_error *err) {
    (void)at, (void)block;
    if (atomic_load(&puts_failing)) return dowel_fail(err, DOWEL_E_PERMISSION, "the cupboard is locked");
    char path[256];
    path_of(key, path);
    FILE *file = fopen(path, "w");
    size_t wrote = fwrite(data, 1, size, file);
    return fclose(file) || wrote != size ? dowel_fail(err, DOWEL_E_IO, "cannot write") : 0;
}

static int get(dowel *at, dowel_block *block, const char *key, void **data, size_t *size, dowel_error *err) {
    (void)at, (void)block;
    char path[256];
    path_of(key, path);
    *data = read_file(path, size);
    return *data ? 0 : dowel_fail(err, DOWEL_E_NOT_FOUND, "nothing is called %s", key);
}

static const dowel_storage storage = {put, get};
static const dowel_block_type cupboard_type = {.size = sizeof(dowel_block_type),
                                               .name = "cupboard",
                                               .doc = "Keeps bytes.",
                                               .table = &cupboard_table,
                                               .version = 1,
                                               .storage = &storage};

/* ---- a task that gives what it is told to ---- */

typedef struct work_args {
    json_t *value;
} work_args;
static const dowel_field work_fields[] = {{DOWEL_AT(work_args, value), .kind = DOWEL_JSON}, {0}};
static const dowel_table work_table = {"work", sizeof(work_args), work_fields, NULL};

static int work(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)at, (void)err;
    const work_args *args = data;
    atomic_fetch_add(&calls, 1);
    *result = json_incref(args->value);
    return 0;
}
static const dowel_task work_task = {
    .size = sizeof(dowel_task), .name = "work", .doc = "Gives.", .args = &work_table, .run = work};

static void keep_line(void *context, dowel_log_level level, const char *line) {
    (void)context;
    size_t used = strlen(log_lines);
    if (level == DOWEL_LOG_WARNING) snprintf(log_lines + used, sizeof log_lines - used, "%s\n", line);
}

static void open_handle(bool no_history, dowel **handle) {
    const dowel_options options = {
        .size = sizeof options, .database_url = url, .log = keep_line, .no_history = no_history};
    assert_ok(dowel_open(handle, &options, err));
    assert_ok(dowel_register_task(*handle, &work_task, err));
    assert_ok(dowel_register_block_type(*handle, &cupboard_type, err));
}

static int set_up(void **state) {
    (void)state;
    char path[128];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/config", folder);
    setenv("XDG_CONFIG_HOME", path, 1);
    setenv("DOWEL_BLOCK_CUPBOARD__RESULTS", "{}", 1);
    snprintf(url, sizeof url, "sqlite:%s/runs.db", folder);
    open_handle(false, &d);
    assert_ok(dowel_block_load(d, "cupboard/results", &store, err));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    dowel_block_free(store);
    dowel_close(d);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static char id[DOWEL_RUN_ID_SIZE];
static json_t *unkept;

/* The result as JSON text, and what failed in `why`. */
static char *keep(dowel *handle, const char *key, json_t *value, dowel_error *why) {
    json_decref(unkept);
    unkept = NULL;
    const dowel_call_options options = {.size = sizeof options,
                                        .run_id = id,
                                        .run_key = key,
                                        .policy = {.retries = 3,
                                                   .retry_on = (const char *const[]){"key", "permission", NULL},
                                                   .persist_result = true,
                                                   .result_storage = store},
                                        .unkept = &unkept};
    json_t *result = NULL;
    memset(why, 0, sizeof *why);
    int rc = dowel_call(handle, "work", &(work_args){value}, sizeof(work_args), &options, &result, why);
    assert_int_equal(rc, why->code);
    char *text = result ? dowel_json_dump(result, 0) : NULL;
    json_decref(result);
    return text;
}

static char *kept(const char *of) {
    json_t *result;
    assert_ok(dowel_runs_result(d, of, &result, err));
    char *text = dowel_json_dump(result, 0);
    json_decref(result);
    return text;
}

static json_t *shown(void) {
    json_t *run;
    assert_ok(dowel_runs_show(d, id, &run, err));
    return run;
}

static void assert_state(const char *state) {
    json_t *run = shown();
    assert_string_equal(json_string_value(json_object_get(run, "state")), state);
    json_decref(run);
}

static void assert_text(char *text, const char *expected) {
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

/* ---- what comes back ---- */

static void test_results_come_back_byte_for_byte(void **state) {
    (void)state;
    static const char *const values[] = {
        "null",
        "true",
        "\"\"",
        "0",
        "-0.0",
        "[]",
        "{}",
        "\"text\"",
        "[[[]]]",
        "5e-324",
        "1.7976931348623157e+308",
        "0.1",
        "1e+300",
        "3.0",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "1234567890123456789012345678901234567890",
        "0.10",
        "1.50e1",
        "99999999999999999999999999999.999999999",
        "1e400",
        "1E-400",
        "\"a\\u0000b\"",
        "[\"\\u0000\"]",
        "\"NaN\"",
        "\"\xe2\x80\xae\"",
        "\"\xf0\x9f\x98\x80\"",
        "\"\\\\ \\\" /\"",
        "{\"b\":1,\"a\":2,\"\":3}",
        "{\"x\":{\"y\":[1,2.5,\"z\",null]}}",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        json_t *value;
        dowel_error why;
        char key[32];
        assert_ok(
            dowel_json_read(values[i], strlen(values[i]), DOWEL_JSON_EXACT | DOWEL_JSON_NUL, "value", &value, err));
        char *expected = dowel_json_dump(value, 0);
        snprintf(key, sizeof key, "value %zu", i);
        assert_text(keep(d, key, value, &why), expected);
        assert_text(kept(id), expected);
        int before = atomic_load(&calls);
        assert_text(keep(d, key, value, &why), expected);
        assert_int_equal(atomic_load(&calls), before);
        /* Also through the history. */
        snprintf(key, sizeof key, "held %zu", i);
        atomic_store(&puts_failing, 1);
        assert_null(keep(d, key, value, &why));
        assert_text(kept(id), expected);
        atomic_store(&puts_failing, 0);
        assert_text(keep(d, key, value, &why), expected);
        free(expected);
        json_decref(value);
    }
}

/* ---- a storage that fails ---- */

static void test_work_is_not_repeated_for_its_storage(void **state) {
    (void)state;
    dowel_error why;
    json_t *value = json_string("planted-result"), *result = NULL;
    int before = atomic_load(&calls);
    atomic_store(&puts_failing, 1);
    assert_null(keep(d, NULL, value, &why));
    assert_int_equal(why.code, DOWEL_E_PERMISSION);
    assert_non_null(strstr(why.message, "the work is done"));
    assert_non_null(strstr(why.message, "the cupboard is locked"));
    assert_non_null(strstr(why.message, id));
    assert_true(json_equal(unkept, value));
    assert_int_equal(atomic_load(&calls), before + 1); /* although it had retries */
    assert_state("failed");
    assert_text(kept(id), "\"planted-result\"");

    /* Sealed, as secrets are. */
    size_t size;
    static const char *const files[] = {"runs.db", "runs.db-wal"};
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        char *bytes = read_file(path, &size);
        for (size_t at = 0; bytes && at + 14 < size; at++)
            if (!memcmp(bytes + at, "\"planted-result", 15) && memcmp(bytes + at - 8, "\"value\":", 8) != 0)
                fail_msg("%s shows the result", files[i]);
        free(bytes);
    }

    assert_int_equal(dowel_runs_resume(d, id, NULL, NULL, &why), DOWEL_E_PERMISSION);
    assert_int_equal(atomic_load(&calls), before + 1);
    atomic_store(&puts_failing, 0);
    assert_ok(dowel_runs_resume(d, id, NULL, &result, err));
    assert_true(json_equal(result, value));
    assert_int_equal(atomic_load(&calls), before + 1);
    assert_state("completed");
    json_t *run = shown();
    assert_null(json_object_get(run, "handles"));
    assert_string_equal(json_string_value(json_object_get(run, "result_storage")), "cupboard/results");
    json_decref(run);
    assert_text(kept(id), "\"planted-result\"");
    json_decref(result);
    json_decref(value);
}

static void test_the_same_key_only_stores(void **state) {
    (void)state;
    dowel_error why;
    char first[DOWEL_RUN_ID_SIZE];
    json_t *value = json_integer(7);
    int before = atomic_load(&calls);
    atomic_store(&puts_failing, 1);
    assert_null(keep(d, "stubborn", value, &why));
    memcpy(first, id, sizeof first);
    assert_null(keep(d, "stubborn", value, &why));
    assert_int_equal(why.code, DOWEL_E_PERMISSION);
    atomic_store(&puts_failing, 0);
    assert_text(keep(d, "stubborn", value, &why), "7");
    assert_string_equal(first, id);
    assert_int_equal(atomic_load(&calls), before + 1);
    assert_text(keep(d, "stubborn", value, &why), "7");
    assert_int_equal(atomic_load(&calls), before + 1);
    json_decref(value);
}

static void test_a_submitted_run(void **state) {
    (void)state;
    dowel_error why;
    dowel_future *future;
    json_t *value = json_integer(8);
    const dowel_call_options options = {.size = sizeof options,
                                        .policy = {.persist_result = true, .result_storage = store}};
    atomic_store(&puts_failing, 1);
    assert_ok(dowel_submit(d, "work", &(work_args){value}, sizeof(work_args), &options, &future, err));
    assert_int_equal(dowel_wait(future, NULL, &why), DOWEL_E_PERMISSION);
    assert_text(kept(dowel_future_run_id(future)), "8");
    atomic_store(&puts_failing, 0);
    dowel_future_free(future);
    json_decref(value);
}

/* Nowhere to put it: the caller gets it. */
static void test_without_history_or_key(void **state) {
    (void)state;
    dowel *other;
    dowel_error why;
    json_t *value = json_integer(9);
    atomic_store(&puts_failing, 1);
    open_handle(true, &other);
    assert_null(keep(other, NULL, value, &why));
    assert_non_null(strstr(why.message, "neither in the history"));
    assert_true(json_equal(unkept, value));
    dowel_close(other);
    dowel_close(d);
    setenv("DOWEL_KEY_FILE", "/nowhere/key", 1);
    open_handle(false, &d);
    assert_null(keep(d, NULL, value, &why));
    assert_non_null(strstr(why.message, "neither in the history"));
    assert_true(json_equal(unkept, value));
    dowel_close(d);
    unsetenv("DOWEL_KEY_FILE");
    open_handle(false, &d);
    atomic_store(&puts_failing, 0);
    json_decref(value);
}

/* A result that is held but cannot be opened is not taken for none: the work would be done twice. */
static void test_a_held_result_without_its_key(void **state) {
    (void)state;
    dowel_error why;
    json_t *value = json_integer(10);
    atomic_store(&puts_failing, 1);
    assert_null(keep(d, "locked away", value, &why));
    int before = atomic_load(&calls);
    dowel_close(d);
    setenv("DOWEL_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1);
    open_handle(false, &d);
    assert_null(keep(d, "locked away", value, &why));
    assert_int_equal(why.code, DOWEL_E_KEY);
    assert_int_equal(atomic_load(&calls), before);
    dowel_close(d);
    unsetenv("DOWEL_KEY");
    open_handle(false, &d);
    atomic_store(&puts_failing, 0);
    assert_text(keep(d, "locked away", value, &why), "10");
    assert_int_equal(atomic_load(&calls), before);
    json_decref(value);
}

/* ---- a result that is gone ---- */

static void test_a_kept_result_that_is_gone_is_made_again(void **state) {
    (void)state;
    static const char *const damage[] = {NULL, "", "{\"half", "\xff"};
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        dowel_error why;
        char key[32], path[256], name[64], first[DOWEL_RUN_ID_SIZE];
        json_t *value = json_pack("{s:i}", "n", (int)i);
        char *expected = dowel_json_dump(value, 0);
        snprintf(key, sizeof key, "gone %zu", i);
        assert_text(keep(d, key, value, &why), expected);
        memcpy(first, id, sizeof first);
        snprintf(name, sizeof name, "%s.json", id);
        path_of(name, path);
        assert_int_equal(unlink(path), 0);
        if (damage[i]) {
            FILE *file = fopen(path, "w");
            fputs(damage[i], file);
            fclose(file);
        }
        int before = atomic_load(&calls);
        *log_lines = 0;
        assert_text(keep(d, key, value, &why), expected);
        assert_int_equal(atomic_load(&calls), before + 1);
        assert_string_not_equal(first, id);
        assert_non_null(strstr(log_lines, first));
        assert_non_null(strstr(log_lines, "is gone; running it again"));
        assert_text(keep(d, key, value, &why), expected);
        assert_int_equal(atomic_load(&calls), before + 1);
        free(expected);
        json_decref(value);
    }
}

/* Killed between the storing and the saying. */
static void test_a_stored_result_of_a_killed_process_is_taken(void **state) {
    (void)state;
    dowel_error why;
    json_t *value = json_string("stored"), *result = NULL;
    for (int by_key = 0; by_key < 2; by_key++) {
        assert_text(keep(d, by_key ? "killed" : NULL, value, &why), "\"stored\"");
        int before = atomic_load(&calls);
        dowel_db *db;
        assert_ok(dowel_database_acquire(d, &db, err));
        assert_ok(dowel_db_exec(db,
                                "UPDATE runs SET state = 'failed', storage = NULL, storage_key = NULL WHERE id = $1",
                                DOWEL_VALUES(DOWEL_TEXT(id)), NULL, err));
        dowel_database_release(d, db);
        if (by_key) {
            assert_text(keep(d, "killed", value, &why), "\"stored\"");
        } else {
            assert_ok(dowel_runs_resume(d, id, NULL, &result, err));
            assert_true(json_equal(result, value));
            json_decref(result);
        }
        assert_int_equal(atomic_load(&calls), before);
        assert_text(kept(id), "\"stored\"");
    }
    json_decref(value);
}

static void test_an_unsaved_storage_is_refused_before_the_work(void **state) {
    (void)state;
    dowel_error why;
    dowel_block *unsaved, *before = store;
    int count = atomic_load(&calls);
    assert_ok(dowel_block_from(&cupboard_type, NULL, &(cupboard){NULL}, sizeof(cupboard), &unsaved, err));
    json_t *value = json_true();
    store = unsaved;
    assert_null(keep(d, NULL, value, &why));
    store = before;
    assert_int_equal(why.code, DOWEL_E_INVALID);
    assert_non_null(strstr(why.message, "result_storage"));
    assert_int_equal(atomic_load(&calls), count);
    dowel_block_free(unsaved);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_come_back_byte_for_byte),
        cmocka_unit_test(test_work_is_not_repeated_for_its_storage),
        cmocka_unit_test(test_the_same_key_only_stores),
        cmocka_unit_test(test_a_submitted_run),
        cmocka_unit_test(test_without_history_or_key),
        cmocka_unit_test(test_a_held_result_without_its_key),
        cmocka_unit_test(test_a_kept_result_that_is_gone_is_made_again),
        cmocka_unit_test(test_a_stored_result_of_a_killed_process_is_taken),
        cmocka_unit_test(test_an_unsaved_storage_is_refused_before_the_work),
    };
    int rc = cmocka_run_group_tests(tests, set_up, tear_down);
    json_decref(unkept);
    return rc;
}
