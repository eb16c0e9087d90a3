/* The same key with the same arguments is the same piece of work; with any other argument it is refused. Arguments that are not recorded completely are
 * never run again from what was kept of them. */
#include "../test.h"

#include <dowel/database.h>
#include <dowel/runtime.h>

#include <stdatomic.h>
#include <unistd.h>

static dowel *d;
static dowel_block *results;
static char folder[] = "/tmp/dowel-keys-XXXXXX", large[70000], larger[70000];
static atomic_int calls;
static char seen[64];

typedef struct inner_args {
    const char *name, *token;
} inner_args;
static const dowel_field inner_fields[] = {{DOWEL_AT(inner_args, name), .kind = DOWEL_STRING},
                                           {DOWEL_AT(inner_args, token), .kind = DOWEL_STRING, .flags = DOWEL_SECRET},
                                           {0}};
static const dowel_table inner_table = {"inner", sizeof(inner_args), inner_fields, NULL};

typedef struct work_args {
    const char *text, *password, *file, *place;
    dowel_bytes data, key;
    const char *const *list;
    const dowel_pair *map;
    const inner_args *inner;
    const inner_args *const *inners;
    json_t *json;
    dowel_block *block;
    int64_t number;
    double real;
    bool flag, fail;
    void *sink, *watching;
    const char *given;
} work_args;
static const dowel_field work_fields[] = {
    {DOWEL_AT(work_args, text), .kind = DOWEL_STRING},
    {DOWEL_AT(work_args, password), .kind = DOWEL_STRING, .flags = DOWEL_SECRET},
    {DOWEL_AT(work_args, file), .kind = DOWEL_PATH},
    {DOWEL_AT(work_args, place), .kind = DOWEL_STRING, .flags = DOWEL_PLACE},
    {DOWEL_AT(work_args, data), .kind = DOWEL_BYTES},
    {DOWEL_AT(work_args, key), .kind = DOWEL_BYTES, .flags = DOWEL_SECRET},
    {DOWEL_AT(work_args, list), .kind = DOWEL_LIST},
    {DOWEL_AT(work_args, map), .kind = DOWEL_MAP},
    {DOWEL_AT(work_args, inner), .kind = DOWEL_TABLE, .table = &inner_table},
    {DOWEL_AT(work_args, inners), .kind = DOWEL_TABLES, .table = &inner_table},
    {DOWEL_AT(work_args, json), .kind = DOWEL_JSON},
    {DOWEL_AT(work_args, block), .kind = DOWEL_BLOCK},
    {DOWEL_AT(work_args, number), .kind = DOWEL_INT},
    {DOWEL_AT(work_args, real), .kind = DOWEL_FLOAT},
    {DOWEL_AT(work_args, flag), .kind = DOWEL_BOOL},
    {DOWEL_AT(work_args, fail), .kind = DOWEL_BOOL},
    {DOWEL_AT(work_args, sink), .kind = DOWEL_POINTER},
    {DOWEL_AT(work_args, watching), .kind = DOWEL_POINTER, .flags = DOWEL_WATCHING},
    {DOWEL_GIVEN_AT(work_args)},
    {0}};
static const dowel_table work_table = {"work", sizeof(work_args), work_fields, NULL};

static int work(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)at;
    const work_args *args = data;
    snprintf(seen, sizeof seen, "%.60s", args->password ? args->password : "");
    *result = json_integer(atomic_fetch_add(&calls, 1) + 1);
    return args->fail ? dowel_fail(err, DOWEL_E_UNAVAILABLE, "not today") : 0;
}
static const dowel_task work_task = {
    .size = sizeof(dowel_task), .name = "work", .doc = "Counts.", .args = &work_table, .run = work};

static void quiet(void *context, dowel_log_level level, const char *line) {
    (void)context, (void)level, (void)line;
}

static int open_handle(bool no_history, dowel **handle) {
    char url[256];
    const char *server = getenv("DOWEL_TEST_POSTGRES_URL");
    snprintf(url, sizeof url, "sqlite:%s/runs.db", folder);
    const dowel_options options = {
        .size = sizeof options, .database_url = server ? server : url, .log = quiet, .no_history = no_history};
    assert_ok(dowel_open(handle, &options, err));
    return dowel_register_task(*handle, &work_task, NULL);
}

static int set_up(void **state) {
    (void)state;
    assert_non_null(mkdtemp(folder));
    char path[128];
    snprintf(path, sizeof path, "%s/config", folder);
    setenv("XDG_CONFIG_HOME", path, 1);
    /* A block that is found whatever the key is. */
    snprintf(path, sizeof path, "{\"basepath\": \"%s\"}", folder);
    setenv("DOWEL_BLOCK_LOCAL_FILE_SYSTEM__RESULTS", path, 1);
    assert_ok(open_handle(false, &d));
    assert_ok(dowel_block_load(d, "local-file-system/results", &results, err));
    memset(large, 'x', sizeof large - 1);
    memset(larger, 'x', sizeof larger - 1);
    larger[sizeof larger - 2] = 'y';
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    dowel_block_free(results);
    dowel_close(d);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static char id[DOWEL_RUN_ID_SIZE];

static int keyed(const char *key, const work_args *args, json_int_t *number, dowel_error *why) {
    const dowel_call_options options = {.size = sizeof options,
                                        .run_key = key,
                                        .run_id = id,
                                        .policy = {.persist_result = true, .result_storage = results}};
    json_t *result = NULL;
    int rc = dowel_call(d, "work", args, sizeof *args, &options, &result, why);
    if (number) *number = json_integer_value(result);
    json_decref(result);
    return rc;
}

static char *column(const char *sql, const char *value) {
    dowel_db *db;
    dowel_rows *rows;
    assert_ok(dowel_database_acquire(d, &db, err));
    assert_ok(dowel_db_query(db, sql, DOWEL_VALUES(DOWEL_TEXT(value)), &rows, err));
    char *text = dowel_rows_next(rows, NULL) == 1 && dowel_rows_text(rows, 0) ? strdup(dowel_rows_text(rows, 0)) : NULL;
    dowel_rows_free(rows);
    dowel_database_release(d, db);
    return text;
}

static void change(const char *sql, const char *value) {
    dowel_db *db;
    assert_ok(dowel_database_acquire(d, &db, err));
    assert_ok(dowel_db_exec(db, sql, DOWEL_VALUES(DOWEL_TEXT(value)), NULL, err));
    dowel_database_release(d, db);
}

static dowel_block *inline_block(const char *secret) {
    const dowel_block_type *type;
    dowel_block *block;
    assert_ok(dowel_find_block_type(d, "aws-credentials", &type, err));
    json_t *document = json_pack("{s:s,s:s}", "access_key_id", "AKIDEXAMPLE", "secret_access_key", secret);
    assert_ok(dowel_block_new(type, NULL, document, NULL, &block, err));
    json_decref(document);
    return block;
}

/* ---- every kind of argument counts ---- */

static void test_any_other_argument_is_refused(void **state) {
    (void)state;
    dowel_block *one = inline_block("first"), *other = inline_block("other");
    json_t *few = json_pack("{s:i,s:s}", "a", 1, "b", "c"), *swapped = json_pack("{s:s,s:i}", "b", "c", "a", 1),
           *more = json_pack("{s:i}", "a", 2), *one_number = json_integer(1);
    const work_args pairs[][3] = {
        {{.text = "a"}, {.text = "a"}, {.text = "b"}},
        {{.text = large}, {.text = large}, {.text = larger}},
        {{.password = "a"}, {.password = "a"}, {.password = "b"}},
        {{.password = large}, {.password = large}, {.password = larger}},
        {{.file = "x"}, {.file = "./x"}, {.file = "y"}},
        {{.place = "x"}, {.place = "./x"}, {.place = "y"}},
        {{.data = {large, sizeof large}}, {.data = {large, sizeof large}}, {.data = {larger, sizeof larger}}},
        {{.data = {"\0a", 2}}, {.data = {"\0a", 2}}, {.data = {"\0b", 2}}},
        {{.key = {"\0a", 2}}, {.key = {"\0a", 2}}, {.key = {"\0b", 2}}},
        {{.list = (const char *[]){"a", "bc", NULL}},
         {.list = (const char *[]){"a", "bc", NULL}},
         {.list = (const char *[]){"ab", "c", NULL}}},
        {{.map = (dowel_pair[]){{"a", "1"}, {"b", "2"}, {0}}},
         {.map = (dowel_pair[]){{"b", "2"}, {"a", "1"}, {0}}},
         {.map = (dowel_pair[]){{"a", "2"}, {"b", "1"}, {0}}}},
        {{.inner = &(inner_args){.token = "a"}},
         {.inner = &(inner_args){.token = "a"}},
         {.inner = &(inner_args){.token = "b"}}},
        {{.inners = (const inner_args *[]){&(inner_args){.name = "x", .token = "a"}, NULL}},
         {.inners = (const inner_args *[]){&(inner_args){.name = "x", .token = "a"}, NULL}},
         {.inners = (const inner_args *[]){&(inner_args){.name = "x", .token = "b"}, NULL}}},
        {{.json = few}, {.json = swapped}, {.json = more}},
        {{.block = one}, {.block = one}, {.block = other}},
        {{.number = 1}, {.number = 1}, {.number = 2}},
        {{.number = 9007199254740993}, {.number = 9007199254740993}, {.number = 9007199254740992}},
        {{.real = 0.1}, {.real = 0.1}, {.real = 0.30000000000000004}},
        {{.flag = true}, {.flag = true}, {0}},
        {{.text = "a", .watching = &calls}, {.text = "a", .watching = &d}, {.text = "b"}},
        {{.given = "number flag"}, {.given = "flag number"}, {.given = "flag"}},
        {{.given = "real"}, {.given = "real"}, {0}},
        {{.place = "\xff"}, {.place = "\xff"}, {.place = "\xfe"}},
        {{.file = "\xff"}, {.file = "\xff"}, {.file = "\xfe"}},
        /* What a list holds is not what the fields behind it hold. */
        {{.list = (const char *[]){"a", "map", "k", "v", NULL}},
         {.list = (const char *[]){"a", "map", "k", "v", NULL}},
         {.list = (const char *[]){"a", NULL}, .map = (dowel_pair[]){{"k", "v"}, {0}}}},
        {{.map = (dowel_pair[]){{"a", "1"}, {"json", "1"}, {0}}},
         {.map = (dowel_pair[]){{"a", "1"}, {"json", "1"}, {0}}},
         {.map = (dowel_pair[]){{"a", "1"}, {0}}, .json = one_number}},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char key[32];
        json_int_t first, again;
        dowel_error why;
        snprintf(key, sizeof key, "pair %zu", i);
        assert_ok(keyed(key, &pairs[i][0], &first, err));
        assert_ok(keyed(key, &pairs[i][1], &again, err));
        assert_int_equal(again, first);
        int before = atomic_load(&calls);
        assert_int_equal(keyed(key, &pairs[i][2], NULL, &why), DOWEL_E_INVALID);
        assert_non_null(strstr(why.message, "other arguments"));
        assert_int_equal(atomic_load(&calls), before);
    }
    dowel_block_free(one);
    dowel_block_free(other);
    json_decref(few);
    json_decref(swapped);
    json_decref(more);
    json_decref(one_number);
}

static void test_a_failed_run_does_not_go_on_with_other_secrets(void **state) {
    (void)state;
    dowel_error why;
    assert_int_equal(keyed("secret", &(work_args){.password = "right", .fail = true}, NULL, &why), DOWEL_E_UNAVAILABLE);
    int before = atomic_load(&calls);
    assert_int_equal(keyed("secret", &(work_args){.password = "wrong", .fail = true}, NULL, &why), DOWEL_E_INVALID);
    assert_int_equal(atomic_load(&calls), before);
    assert_int_equal(keyed("secret", &(work_args){.password = "right", .fail = true}, NULL, &why), DOWEL_E_UNAVAILABLE);
    assert_int_equal(atomic_load(&calls), before + 1);
    assert_string_equal(seen, "right");
}

/* ---- the digest in the database ---- */

static void test_the_digest_is_keyed(void **state) {
    (void)state;
    json_int_t first, again;
    dowel_error why;
    assert_ok(keyed("same args 1", &(work_args){.password = "1234"}, NULL, err));
    char *one = column("SELECT digest FROM runs WHERE id = $1", id);
    assert_ok(keyed("same args 2", &(work_args){.password = "1234"}, NULL, err));
    char *two = column("SELECT digest FROM runs WHERE id = $1", id);
    assert_non_null(one);
    assert_int_not_equal(strncmp(one, "sha256:", 7), 0);
    assert_string_not_equal(one, two); /* equal secrets of two runs do not show */
    free(one);
    free(two);

    /* Another handle whose key is another one cannot tell, and does not guess. */
    assert_ok(keyed("rotated", &(work_args){.password = "1234"}, &first, err));
    assert_ok(keyed("rotated plain", &(work_args){.text = "plain"}, NULL, err));
    dowel_close(d);
    setenv("DOWEL_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1);
    assert_ok(open_handle(false, &d));
    assert_int_equal(keyed("rotated", &(work_args){.password = "1234"}, NULL, &why), DOWEL_E_INVALID);
    assert_non_null(strstr(why.message, "cannot be compared"));
    assert_ok(keyed("rotated plain", &(work_args){.text = "plain"}, NULL, err));
    assert_int_equal(keyed("rotated plain", &(work_args){.text = "other"}, NULL, &why), DOWEL_E_INVALID);
    dowel_close(d);
    unsetenv("DOWEL_KEY");
    assert_ok(open_handle(false, &d));
    assert_ok(keyed("rotated", &(work_args){.password = "1234"}, &again, err));
    assert_int_equal(first, again);
}

static void test_without_a_sealing_key(void **state) {
    (void)state;
    dowel_error why;
    json_int_t first, again;
    dowel_close(d);
    setenv("DOWEL_KEY_FILE", "/nowhere/key", 1);
    assert_ok(open_handle(false, &d));
    int before = atomic_load(&calls);
    assert_int_not_equal(keyed("keyless secret", &(work_args){.password = "1234"}, NULL, &why), 0);
    assert_non_null(strstr(why.message, "keyless secret"));
    assert_int_equal(atomic_load(&calls), before);
    assert_ok(keyed("keyless", &(work_args){.text = large}, &first, err));
    assert_ok(keyed("keyless", &(work_args){.text = large}, &again, err));
    assert_int_equal(first, again);
    assert_int_equal(keyed("keyless", &(work_args){.text = larger}, NULL, &why), DOWEL_E_INVALID);
    dowel_close(d);
    unsetenv("DOWEL_KEY_FILE");
    assert_ok(open_handle(false, &d));
}

static void test_records_of_earlier_versions(void **state) {
    (void)state;
    json_int_t first, again;
    dowel_error why;
    assert_ok(keyed("old", &(work_args){.text = "a", .file = "x"}, &first, err));
    change("UPDATE runs SET digest = NULL, args = '{\"file\":\"x\",\"text\":\"a\"}' WHERE id = $1", id);
    assert_ok(keyed("old", &(work_args){.text = "a", .file = "x"}, &again, err));
    assert_int_equal(first, again);
    assert_int_equal(keyed("old", &(work_args){.text = "b", .file = "x"}, NULL, &why), DOWEL_E_INVALID);
    assert_ok(keyed("old secret", &(work_args){.password = "a"}, NULL, err));
    change("UPDATE runs SET digest = NULL WHERE id = $1", id);
    assert_int_equal(keyed("old secret", &(work_args){.password = "a"}, NULL, &why), DOWEL_E_INVALID);
    assert_non_null(strstr(why.message, "cannot be compared"));
}

/* ---- data that nobody can compare ---- */

static void test_data_behind_pointers_and_pipes(void **state) {
    (void)state;
    const work_args streams[] = {{.sink = &calls}, {.file = "-"}, {.place = "-"}, {.file = "/dev/null"}};
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        char key[32];
        dowel_error why;
        snprintf(key, sizeof key, "stream %zu", i);
        assert_ok(keyed(key, &streams[i], NULL, err));
        int before = atomic_load(&calls);
        assert_int_equal(keyed(key, &streams[i], NULL, &why), DOWEL_E_INVALID);
        assert_int_equal(atomic_load(&calls), before);
        work_args failing = streams[i];
        failing.fail = true;
        assert_int_equal(dowel_call(d, "work", &failing, sizeof failing,
                                    &(dowel_call_options){.size = sizeof(dowel_call_options), .run_id = id}, NULL,
                                    &why),
                         DOWEL_E_UNAVAILABLE);
        before = atomic_load(&calls);
        assert_int_equal(dowel_runs_resume(d, id, NULL, NULL, &why), DOWEL_E_INVALID);
        assert_int_equal(atomic_load(&calls), before);
    }
}

/* ---- resumed from what was kept ---- */

static void test_masks_never_become_values(void **state) {
    (void)state;
    dowel_block *block = inline_block("secret");
    const work_args given[] = {
        {.password = "p", .fail = true},
        {.key = {"k", 1}, .fail = true},
        {.inner = &(inner_args){.token = "t"}, .fail = true},
        {.inners = (const inner_args *[]){&(inner_args){.name = "n"}, &(inner_args){.token = "t"}, NULL}, .fail = true},
        {.block = block, .fail = true},
        {.text = large, .fail = true},
        {.place = "\xff", .fail = true},
        {.file = "\xff", .fail = true},
    };
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        dowel_error why;
        const dowel_call_options options = {.size = sizeof options, .run_id = id};
        assert_int_equal(dowel_call(d, "work", &given[i], sizeof given[i], &options, NULL, &why), DOWEL_E_UNAVAILABLE);
        int before = atomic_load(&calls);
        assert_int_equal(dowel_runs_resume(d, id, NULL, NULL, &why), DOWEL_E_INVALID);
        assert_non_null(strstr(why.message, "not recorded completely"));
        assert_int_equal(atomic_load(&calls), before);
    }
    dowel_block_free(block);
    /* What is whole goes on. */
    dowel_error why;
    const dowel_call_options options = {.size = sizeof options, .run_id = id};
    const work_args plain = {.text = "a", .flag = true, .fail = true, .watching = &calls};
    assert_int_equal(dowel_call(d, "work", &plain, sizeof plain, &options, NULL, &why), DOWEL_E_UNAVAILABLE);
    assert_int_equal(dowel_runs_resume(d, id, NULL, NULL, &why), DOWEL_E_UNAVAILABLE);
}

/* ---- keys that cannot be honoured ---- */

static void test_an_empty_key_is_refused(void **state) {
    (void)state;
    dowel_error why;
    dowel_future *future;
    const work_args args = {.text = "a"};
    const dowel_call_options options = {.size = sizeof options, .run_key = ""};
    const dowel_flow flow = {
        .size = sizeof flow, .name = "flow", .doc = "Does nothing.", .run = work, .args = &work_table};
    int before = atomic_load(&calls);
    assert_int_equal(dowel_call(d, "work", &args, sizeof args, &options, NULL, &why), DOWEL_E_INVALID);
    assert_non_null(strstr(why.message, "key is empty"));
    assert_int_equal(dowel_submit(d, "work", &args, sizeof args, &options, &future, &why), DOWEL_E_INVALID);
    assert_int_equal(dowel_flow_run(d, &flow, &args, sizeof args, &options, NULL, &why), DOWEL_E_INVALID);
    assert_int_equal(atomic_load(&calls), before);
}

static void test_keys_and_names_are_text(void **state) {
    (void)state;
    const work_args args = {.text = "a"};
    int before = atomic_load(&calls);
    for (int i = 0; i < 2; i++) {
        const dowel_call_options options = {
            .size = sizeof options, .run_key = i ? NULL : "a\xff", .run_name = i ? "a\xff" : NULL};
        dowel_error why;
        assert_int_equal(dowel_call(d, "work", &args, sizeof args, &options, NULL, &why), DOWEL_E_INVALID);
        assert_non_null(strstr(why.message, i ? "the run's name" : "the run key"));
        assert_non_null(strstr(why.message, "UTF-8"));
    }
    assert_int_equal(atomic_load(&calls), before);
}

static void test_a_key_needs_the_history(void **state) {
    (void)state;
    dowel *other;
    dowel_error why;
    const work_args args = {.text = "a"};
    const dowel_call_options options = {.size = sizeof options, .run_key = "k"};
    assert_ok(open_handle(true, &other));
    int before = atomic_load(&calls);
    assert_int_equal(dowel_call(other, "work", &args, sizeof args, &options, NULL, &why), DOWEL_E_INVALID);
    assert_int_equal(atomic_load(&calls), before);
    assert_ok(dowel_call(other, "work", &args, sizeof args, NULL, NULL, err));
    dowel_close(other);
}

static void test_a_run_that_never_began_holds_no_key(void **state) {
    (void)state;
    dowel_error why;
    dowel_future *bad, *next;
    const work_args failing = {.fail = true}, args = {.number = 1};
    assert_ok(dowel_submit(d, "work", &failing, sizeof failing, NULL, &bad, err));
    const dowel_call_options options = {
        .size = sizeof options, .run_key = "after", .bindings = (dowel_binding[]){{"number", bad, NULL}, {NULL}}};
    assert_ok(dowel_submit(d, "work", &(work_args){0}, sizeof args, &options, &next, err));
    assert_int_equal(dowel_wait(next, NULL, &why), DOWEL_E_DEPENDENCY);
    dowel_future_free(next);
    dowel_future_free(bad);
    assert_ok(keyed("after", &args, NULL, err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_other_argument_is_refused),
        cmocka_unit_test(test_a_failed_run_does_not_go_on_with_other_secrets),
        cmocka_unit_test(test_the_digest_is_keyed),
        cmocka_unit_test(test_without_a_sealing_key),
        cmocka_unit_test(test_records_of_earlier_versions),
        cmocka_unit_test(test_data_behind_pointers_and_pipes),
        cmocka_unit_test(test_masks_never_become_values),
        cmocka_unit_test(test_an_empty_key_is_refused),
        cmocka_unit_test(test_keys_and_names_are_text),
        cmocka_unit_test(test_a_key_needs_the_history),
        cmocka_unit_test(test_a_run_that_never_began_holds_no_key),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
