/* The runtime from C: attempts, futures, flows, run keys, kept results, and what the history says of them. Where
 * DOWEL_TEST_POSTGRES_URL names a server, the history is there. */
#include "../test.h"

#include <dowel/runtime.h>

#include <stdatomic.h>
#include <unistd.h>

static dowel *d;
static dowel_block *results;
static char folder[] = "/tmp/dowel-runtime-XXXXXX";
static atomic_int calls;

typedef struct step_args {
    const char *city;
    int64_t failures; /* of the first attempts */
    json_t *after;
} step_args;
static const dowel_field step_fields[] = {
    {DOWEL_AT(step_args, city), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "Where."},
    {DOWEL_AT(step_args, failures), .kind = DOWEL_INT, .doc = "How often it fails."},
    {DOWEL_AT(step_args, after), .kind = DOWEL_JSON, .doc = "What another step gave."},
    {0}};
static const dowel_table step_table = {"step", sizeof(step_args), step_fields, NULL};

static int step(dowel *at, const void *data, json_t **result, dowel_error *err) {
    const step_args *args = data;
    atomic_fetch_add(&calls, 1);
    if (dowel_attempt(at) <= args->failures)
        return dowel_fail(err, DOWEL_E_UNAVAILABLE, "no answer from %s", args->city);
    dowel_log(at, DOWEL_LOG_INFO, "measured in %s", args->city);
    *result = json_pack("{s:s,s:i}", "city", args->city, "length",
                        (int)strlen(args->city) + (int)json_integer_value(args->after));
    return 0;
}
static const dowel_task step_task = {.size = sizeof(dowel_task),
                                     .name = "step",
                                     .doc = "Measures.",
                                     .args = &step_table,
                                     .run = step,
                                     .policy = {.retries = 3, .retry_delay = 0.001}};

static int sleeper(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    return dowel_sleep(at, 60, err);
}
static const dowel_task sleep_task = {
    .size = sizeof(dowel_task), .name = "sleeper", .doc = "Waits.", .run = sleeper, .policy = {.retries = 3}};

static atomic_int warned;

static void quiet(void *context, dowel_log_level level, const char *line) {
    (void)context;
    if (level == DOWEL_LOG_WARNING && strstr(line, "DOWEL_WORKERS")) atomic_fetch_add(&warned, 1);
}

static int set_up(void **state) {
    (void)state;
    char url[256];
    assert_non_null(mkdtemp(folder));
    setenv("DOWEL_WORKERS", "many", 1);
    const char *server = getenv("DOWEL_TEST_POSTGRES_URL");
    snprintf(url, sizeof url, "sqlite:%s/runs.db", folder);
    if (server) snprintf(url, sizeof url, "%s", server);
    assert_ok(dowel_open(&d, &(dowel_options){.size = sizeof(dowel_options), .database_url = url, .log = quiet}, err));
    assert_ok(dowel_register_task(d, &step_task, err));
    assert_ok(dowel_register_task(d, &sleep_task, err));
    json_t *document = json_pack("{s:s}", "basepath", folder);
    assert_ok(dowel_block_save(d, "local-file-system/results", document, DOWEL_SAVE_NEW, NULL, err));
    json_decref(document);
    assert_ok(dowel_block_load(d, "local-file-system/results", &results, err));
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

static json_t *shown(const char *id) {
    json_t *run = NULL;
    assert_ok(dowel_runs_show(d, id, &run, err));
    return run;
}

static const char *text(const json_t *object, const char *member) {
    const char *value = json_string_value(json_object_get(object, member));
    return value ? value : "";
}

/* ---- one task ---- */

static void test_attempts(void **state) {
    (void)state;
    char id[DOWEL_RUN_ID_SIZE];
    dowel_error why;
    json_t *result;
    const dowel_call_options options = {.size = sizeof options, .run_id = id};
    assert_ok(
        dowel_call(d, "step", &(step_args){.city = "Rome", .failures = 2}, sizeof(step_args), &options, &result, err));
    assert_int_equal(json_integer_value(json_object_get(result, "length")), 4);
    json_decref(result);
    json_t *run = shown(id), *log = json_object_get(run, "log");
    assert_string_equal(text(run, "state"), "completed");
    assert_int_equal(json_integer_value(json_object_get(run, "attempts")), 3);
    assert_int_equal(json_array_size(log), 3);
    assert_non_null(strstr(text(json_array_get(log, 0), "line"), "attempt 1 of 4 failed: no answer from Rome"));
    assert_string_equal(text(json_array_get(log, 2), "line"), "measured in Rome");
    json_decref(run);

    assert_int_equal(
        dowel_call(d, "step", &(step_args){.city = "Oslo", .failures = 9}, sizeof(step_args), &options, &result, &why),
        DOWEL_E_UNAVAILABLE);
    assert_string_equal(why.message, "no answer from Oslo");
    run = shown(id);
    assert_string_equal(text(run, "state"), "failed");
    assert_int_equal(json_integer_value(json_object_get(run, "attempts")), 4);
    assert_string_equal(text(json_object_get(run, "error"), "message"), "no answer from Oslo");
    json_decref(run);
    assert_int_equal(dowel_call(d, "step", &(step_args){0}, sizeof(step_args), NULL, NULL, &why), DOWEL_E_INVALID);
}

static void test_deadline_and_cancellation(void **state) {
    (void)state;
    dowel_error why;
    dowel_future *future;
    const dowel_call_options options = {.size = sizeof options,
                                        .policy = {.timeout = 0.05, .retries = 1, .retry_delay = 0.001}};
    assert_int_equal(dowel_call(d, "sleeper", NULL, 0, &options, NULL, &why), DOWEL_E_TIMEOUT);
    assert_non_null(strstr(why.message, "within 0.05s"));
    assert_ok(dowel_submit(d, "sleeper", NULL, 0, NULL, &future, err));
    assert_false(dowel_done(future));
    assert_int_equal(atomic_load(&warned), 1);
    dowel_future_cancel(future);
    assert_int_equal(dowel_wait(future, NULL, &why), DOWEL_E_CANCELLED);
    json_t *run = shown(dowel_future_run_id(future));
    assert_string_equal(text(run, "state"), "cancelled");
    assert_int_equal(json_integer_value(json_object_get(run, "attempts")), 1);
    json_decref(run);
    dowel_future_free(future);
}

/* ---- futures ---- */

static void test_results_that_become_arguments(void **state) {
    (void)state;
    dowel_error why;
    dowel_future *first, *second, *third;
    json_t *result;
    assert_ok(dowel_submit(d, "step", &(step_args){.city = "Rome"}, sizeof(step_args), NULL, &first, err));
    dowel_call_options options = {.size = sizeof options,
                                  .bindings =
                                      (dowel_binding[]){{"city", first, "city"}, {"after", first, "length"}, {NULL}}};
    assert_ok(dowel_submit(d, "step", &(step_args){0}, sizeof(step_args), &options, &second, err));
    assert_ok(dowel_wait(second, &result, err));
    assert_int_equal(json_integer_value(json_object_get(result, "length")), 8);
    json_decref(result);
    options.bindings = (dowel_binding[]){{"city", first, "town"}, {NULL}};
    assert_ok(dowel_submit(d, "step", &(step_args){0}, sizeof(step_args), &options, &third, err));
    assert_int_equal(dowel_wait(third, NULL, &why), DOWEL_E_INVALID);
    assert_non_null(strstr(why.message, "no member \"town\""));
    dowel_future_free(third);
    options.bindings = (dowel_binding[]){{"town", first, NULL}, {NULL}};
    assert_int_equal(dowel_submit(d, "step", &(step_args){0}, sizeof(step_args), &options, &third, &why),
                     DOWEL_E_INVALID);
    dowel_future_free(second);
    dowel_future_free(first);
}

static void test_what_depends_on_a_failure_is_not_run(void **state) {
    (void)state;
    dowel_error why;
    dowel_future *bad, *next;
    assert_ok(dowel_submit(d, "step", &(step_args){.city = "Oslo", .failures = 9}, sizeof(step_args), NULL, &bad, err));
    const dowel_call_options options = {.size = sizeof options, .wait_for = (dowel_future *[]){bad, NULL}};
    int before = atomic_load(&calls);
    assert_ok(dowel_submit(d, "step", &(step_args){.city = "Rome"}, sizeof(step_args), &options, &next, err));
    assert_int_equal(dowel_wait(next, NULL, &why), DOWEL_E_DEPENDENCY);
    assert_non_null(strstr(why.message, "no answer from Oslo"));
    assert_true(atomic_load(&calls) - before <= 4);
    json_t *run = shown(dowel_future_run_id(next));
    assert_string_equal(text(run, "state"), "failed");
    json_decref(run);
    dowel_future_free(next);
    dowel_future_free(bad);
}

/* ---- flows ---- */

static int two_steps(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data;
    dowel_future *futures[2] = {NULL};
    static const char *const cities[] = {"Rome", "Berlin"};
    int rc = 0;
    for (int i = 0; i < 2 && !rc; i++) {
        char key[64], *flow_key = dowel_task_context(at);
        snprintf(key, sizeof key, "%s/%s", flow_key ? flow_key : "", cities[i]);
        const dowel_call_options options = {
            .size = sizeof options, .run_name = cities[i], .run_key = flow_key ? key : NULL};
        rc = dowel_submit(at, "step", &(step_args){.city = cities[i], .failures = i}, sizeof(step_args), &options,
                          &futures[i], err);
        memset(key, 'x', sizeof key); /* what was given is copied */
    }
    json_t *one = NULL;
    if (!rc) rc = dowel_wait(futures[0], &one, err);
    if (!rc) rc = dowel_wait(futures[1], result, err);
    json_decref(one);
    dowel_future_free(futures[0]);
    dowel_future_free(futures[1]);
    return rc;
}
static const dowel_flow plain_flow = {.size = sizeof(dowel_flow), .name = "cities", .doc = "Two.", .run = two_steps};
static const dowel_flow keyed_flow = {.size = sizeof(dowel_flow),
                                      .name = "keyed",
                                      .doc = "Two, once.",
                                      .run = two_steps,
                                      .context = (void *)"2026-01-31"};

static void test_a_flow_and_its_children(void **state) {
    (void)state;
    char id[DOWEL_RUN_ID_SIZE];
    json_t *result, *runs;
    const dowel_call_options options = {.size = sizeof options, .run_id = id, .run_name = "today"};
    assert_ok(dowel_flow_run(d, &plain_flow, NULL, 0, &options, &result, err));
    assert_string_equal(text(result, "city"), "Berlin");
    json_decref(result);
    json_t *run = shown(id), *children = json_object_get(run, "children");
    assert_string_equal(text(run, "kind"), "flow");
    assert_string_equal(text(run, "name"), "today");
    assert_int_equal(json_array_size(children), 2);
    for (size_t i = 0; i < 2; i++) assert_string_equal(text(json_array_get(children, i), "parent"), id);
    json_decref(run);
    assert_ok(dowel_runs_list(
        d, &(dowel_runs_query){.size = sizeof(dowel_runs_query), .parent = id + 19, .name = "Rome"}, &runs, err));
    assert_int_equal(json_array_size(runs), 1);
    json_decref(runs);
}

static int forgets(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    dowel_future *future;
    int rc =
        dowel_submit(at, "step", &(step_args){.city = "Oslo", .failures = 9}, sizeof(step_args), NULL, &future, err);
    if (!rc) dowel_future_free(future);
    return rc;
}
static const dowel_flow forgetful_flow = {
    .size = sizeof(dowel_flow), .name = "forgetful", .doc = "Asks for nothing.", .run = forgets};

static void test_a_failure_that_nobody_looked_at_fails_the_flow(void **state) {
    (void)state;
    dowel_error why;
    assert_int_equal(dowel_flow_run(d, &forgetful_flow, NULL, 0, NULL, NULL, &why), DOWEL_E_UNAVAILABLE);
    assert_string_equal(why.message, "task step: no answer from Oslo");
}

/* ---- keys and kept results ---- */

static void test_a_key_gives_the_kept_result_again(void **state) {
    (void)state;
    char first[DOWEL_RUN_ID_SIZE], again[DOWEL_RUN_ID_SIZE];
    dowel_error why;
    dowel_call_options options = {.size = sizeof options,
                                  .run_key = "once",
                                  .run_id = first,
                                  .policy = {.persist_result = true, .result_storage = results}};
    const step_args rome = {.city = "Rome"};
    json_t *one, *two, *kept;
    assert_ok(dowel_call(d, "step", &rome, sizeof rome, &options, &one, err));
    int before = atomic_load(&calls);
    options.run_id = again;
    assert_ok(dowel_call(d, "step", &rome, sizeof rome, &options, &two, err));
    assert_int_equal(atomic_load(&calls), before);
    assert_string_equal(first, again);
    assert_true(json_equal(one, two));
    assert_ok(dowel_runs_result(d, again, &kept, err));
    assert_true(json_equal(one, kept));
    json_decref(kept);
    json_decref(two);
    dowel_future *future;
    assert_ok(dowel_submit(d, "step", &rome, sizeof rome, &options, &future, err));
    assert_ok(dowel_wait(future, &two, err));
    assert_int_equal(atomic_load(&calls), before);
    assert_string_equal(dowel_future_run_id(future), first);
    assert_true(json_equal(one, two));
    json_decref(two);
    json_decref(one);
    dowel_future_free(future);
    assert_int_equal(dowel_call(d, "step", &(step_args){.city = "Oslo"}, sizeof rome, &options, NULL, &why),
                     DOWEL_E_INVALID);
    assert_int_equal(dowel_runs_result(d, "ffff-ffff", &kept, &why), DOWEL_E_NOT_FOUND);
    assert_string_equal(why.message, "no run \"ffff-ffff\"");
}

static void test_a_key_goes_on_with_what_failed(void **state) {
    (void)state;
    char first[DOWEL_RUN_ID_SIZE], again[DOWEL_RUN_ID_SIZE];
    dowel_error why;
    dowel_call_options options = {.size = sizeof options, .run_key = "twice", .run_id = first};
    const step_args oslo = {.city = "Oslo", .failures = 6};
    assert_int_equal(dowel_call(d, "step", &oslo, sizeof oslo, &options, NULL, &why), DOWEL_E_UNAVAILABLE);
    options.run_id = again;
    assert_ok(dowel_call(d, "step", &oslo, sizeof oslo, &options, NULL, err));
    assert_string_equal(first, again);
    json_t *run = shown(again);
    assert_string_equal(text(run, "state"), "completed");
    assert_string_equal(text(run, "run_key"), "twice");
    assert_int_equal(json_integer_value(json_object_get(run, "attempts")), 7);
    assert_null(json_object_get(run, "error"));
    json_decref(run);
}

static void test_a_flow_with_keyed_steps_goes_on(void **state) {
    (void)state;
    char id[DOWEL_RUN_ID_SIZE];
    const dowel_call_options options = {
        .size = sizeof options, .run_id = id, .policy = {.persist_result = true, .result_storage = results}};
    json_t *one, *two;
    assert_ok(dowel_flow_run(d, &keyed_flow, NULL, 0, &options, &one, err));
    int before = atomic_load(&calls);
    assert_ok(dowel_flow_run(d, &keyed_flow, NULL, 0, &options, &two, err));
    assert_int_equal(atomic_load(&calls), before);
    assert_true(json_equal(one, two));
    json_t *run = shown(id), *log = json_object_get(run, "log");
    assert_null(json_object_get(run, "children"));
    assert_int_equal(json_array_size(log), 2);
    assert_non_null(strstr(text(json_array_get(log, 0), "line"), "(run key 2026-01-31/"));
    json_decref(run);
    json_decref(two);
    json_decref(one);
}

/* ---- looking back ---- */

static void test_history_that_is_forgotten(void **state) {
    (void)state;
    json_t *runs;
    int64_t count, since = -1, far;
    assert_ok(dowel_parse_time("2100-01-01T00:00:00Z", &far));
    assert_ok(dowel_runs_list(d, &(dowel_runs_query){.size = sizeof(dowel_runs_query), .limit = 1000}, &runs, err));
    size_t all = json_array_size(runs);
    assert_true(all > 10);
    assert_ok(dowel_parse_time(text(json_array_get(runs, 2), "created"), &since));
    json_decref(runs);
    assert_ok(dowel_runs_list(d, &(dowel_runs_query){.size = sizeof(dowel_runs_query), .since = since}, &runs, err));
    assert_in_range(json_array_size(runs), 3, 4);
    json_decref(runs);

    dowel_future *future;
    assert_ok(dowel_submit(d, "sleeper", NULL, 0, NULL, &future, err));
    for (int i = 0; i < 2000; i++) { /* until it is on its way */
        assert_ok(
            dowel_runs_list(d, &(dowel_runs_query){.size = sizeof(dowel_runs_query), .state = "running"}, &runs, err));
        size_t running = json_array_size(runs);
        json_decref(runs);
        if (running) break;
        usleep(5000);
    }
    assert_ok(dowel_runs_prune(d, 1, false, &count, err));
    assert_int_equal(count, 0);
    assert_ok(dowel_runs_prune(d, far, true, &count, err));
    assert_int_equal(count, all);
    assert_ok(dowel_runs_prune(d, far, false, &count, err));
    assert_int_equal(count, all);
    assert_ok(dowel_runs_list(d, NULL, &runs, err));
    assert_int_equal(json_array_size(runs), 1);
    assert_string_equal(text(json_array_get(runs, 0), "task"), "sleeper");
    json_decref(runs);
    dowel_future_cancel(future);
    dowel_wait(future, NULL, NULL);
    dowel_future_free(future);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_deadline_and_cancellation),
        cmocka_unit_test(test_results_that_become_arguments),
        cmocka_unit_test(test_what_depends_on_a_failure_is_not_run),
        cmocka_unit_test(test_a_flow_and_its_children),
        cmocka_unit_test(test_a_failure_that_nobody_looked_at_fails_the_flow),
        cmocka_unit_test(test_a_key_gives_the_kept_result_again),
        cmocka_unit_test(test_a_key_goes_on_with_what_failed),
        cmocka_unit_test(test_a_flow_with_keyed_steps_goes_on),
        cmocka_unit_test(test_history_that_is_forgotten),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
