/* A zero that was given is told from a member that was left out: in C, in JSON, in what a body sees, in the history and in policies. */
#include "../test.h"

#include <stdatomic.h>
#include <unistd.h>

static dowel *d;
static char folder[] = "/tmp/dowel-given-XXXXXX";

static const char *const shapes[] = {"round", "square", NULL};
/* One member of every kind whose zero is a value; each has a default that is not zero, where the kind can have one. */
typedef struct all_args {
    int64_t count, bytes, when;
    double share, pause;
    int shape;
    bool loud;
    const char *text;
    int64_t rows; /* at least 1 */
    int64_t in_all;
    const char *given;
} all_args;
static const dowel_field all_fields[] = {
    {DOWEL_AT(all_args, count), .kind = DOWEL_INT, .fallback = "7", .doc = "A number."},
    {DOWEL_AT(all_args, bytes), .kind = DOWEL_SIZE, .fallback = "8MiB", .doc = "A size."},
    {DOWEL_AT(all_args, when), .kind = DOWEL_TIME, .fallback = "2026-01-31T12:00:00Z", .doc = "A time."},
    {DOWEL_AT(all_args, share), .kind = DOWEL_FLOAT, .fallback = "0.5", .doc = "A share."},
    {DOWEL_AT(all_args, pause), .kind = DOWEL_DURATION, .fallback = "90s", .doc = "A duration."},
    {DOWEL_AT(all_args, shape), .kind = DOWEL_ENUM, .values = shapes, .fallback = "square", .doc = "A shape."},
    {DOWEL_AT(all_args, loud), .kind = DOWEL_BOOL, .fallback = "true", .doc = "A truth value."},
    {DOWEL_AT(all_args, text), .kind = DOWEL_STRING, .fallback = "some", .doc = "A text."},
    {DOWEL_AT(all_args, rows), .kind = DOWEL_INT, .fallback = "1", .minimum = 1, .doc = "Rows."},
    {DOWEL_AT(all_args, in_all), .kind = DOWEL_INT, .fallback = "5", .doc = "Another number."},
    {DOWEL_GIVEN_AT(all_args)},
    {0}};
static const dowel_table all_table = {"all", sizeof(all_args), all_fields, NULL};
#define EVERY_ZERO "count bytes when share pause shape loud"

static atomic_int attempts;

static int all(dowel *at, const void *data, json_t **result, dowel_error *err) {
    const all_args *args = data;
    (void)at;
    atomic_fetch_add(&attempts, 1);
    if (args->count == -1) return dowel_fail(err, DOWEL_E_UNAVAILABLE, "not now");
    *result =
        json_pack("{s:b,s:b,s:I,s:f,s:I}", "count", DOWEL_WAS_GIVEN(args, count), "loud", DOWEL_WAS_GIVEN(args, loud),
                  "value", (json_int_t)args->count, "pause", args->pause, "in_all", (json_int_t)args->in_all);
    return 0;
}
static const dowel_task all_task = {.size = sizeof(dowel_task),
                                    .name = "all",
                                    .doc = "Has every kind.",
                                    .args = &all_table,
                                    .run = all,
                                    .policy = {.retries = 3, .retry_delay = 0.001}};

static int give_zero(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)at, (void)data, (void)err;
    *result = json_pack("{s:i,s:b}", "none", 0, "no", 0);
    return 0;
}
static const dowel_task zero_task = {.size = sizeof(dowel_task), .name = "zero", .doc = "Gives 0.", .run = give_zero};

static void quiet(void *context, dowel_log_level level, const char *line) {
    (void)context, (void)level, (void)line;
}

static int set_up(void **state) {
    (void)state;
    char url[128];
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/runs.db", folder);
    assert_ok(dowel_open(&d, &(dowel_options){.size = sizeof(dowel_options), .database_url = url, .log = quiet}, err));
    assert_ok(dowel_register_task(d, &all_task, err));
    assert_ok(dowel_register_task(d, &zero_task, err));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    dowel_close(d);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void check_zeros(const all_args *args) {
    assert_true(args->count == 0 && args->bytes == 0 && args->when == 0);
    assert_true(args->share == 0.0 && args->pause == 0.0);
    assert_true(args->shape == 0 && !args->loud);
    assert_true(DOWEL_WAS_GIVEN(args, count) && DOWEL_WAS_GIVEN(args, bytes) && DOWEL_WAS_GIVEN(args, when));
    assert_true(DOWEL_WAS_GIVEN(args, share) && DOWEL_WAS_GIVEN(args, pause));
    assert_true(DOWEL_WAS_GIVEN(args, shape) && DOWEL_WAS_GIVEN(args, loud));
    assert_string_equal(args->text, "some");
    assert_int_equal(args->rows, 1);
}

static void test_every_kind(void **state) {
    (void)state;
    static const char document[] =
        "{\"count\":0,\"bytes\":0,\"when\":\"1970-01-01T00:00:00Z\",\"share\":0,\"pause\":\"0s\","
        "\"shape\":\"round\",\"loud\":false}";
    dowel_record *record, *again;
    json_t *zeros = json_loads(document, 0, NULL), *encoded;
    assert_non_null(zeros);
    assert_ok(dowel_record_decode(&all_table, zeros, NULL, &record, err));
    check_zeros(dowel_record_data(record));
    /* What is encoded and decoded again says the same: so a resumed run has them. */
    encoded = dowel_fields_encode(&all_table, dowel_record_data(record), DOWEL_SECRETS_SHOWN);
    assert_int_equal(json_object_size(encoded), 10);
    assert_ok(dowel_record_decode(&all_table, encoded, NULL, &again, err));
    check_zeros(dowel_record_data(again));
    dowel_record_free(again);
    assert_ok(dowel_record_copy(&all_table, dowel_record_data(record), sizeof(all_args), &again, err));
    check_zeros(dowel_record_data(again));
    dowel_record_free(again);
    dowel_record_free(record);
    json_decref(encoded);
    json_decref(zeros);

    assert_ok(dowel_record_copy(&all_table, &(all_args){.given = EVERY_ZERO}, sizeof(all_args), &record, err));
    check_zeros(dowel_record_data(record));
    dowel_record_free(record);
    assert_ok(dowel_record_copy(&all_table, &(all_args){.given = " loud\n count  "}, sizeof(all_args), &record, err));
    const all_args *args = dowel_record_data(record);
    assert_true(!args->loud && args->count == 0 && args->bytes == 8 << 20 && args->shape == 1);
    dowel_record_free(record);
    assert_ok(dowel_record_copy(&all_table, &(all_args){0}, sizeof(all_args), &record, err));
    args = dowel_record_data(record);
    assert_true(args->loud && args->count == 7 && args->pause == 90 && args->shape == 1);
    assert_false(dowel_given(args->given, "count"));
    dowel_record_free(record);
    /* An older caller's struct ends before `given`, whatever is behind it. */
    assert_ok(dowel_record_copy(&all_table, &(all_args){.given = "count"}, offsetof(all_args, given), &record, err));
    assert_int_equal(((const all_args *)dowel_record_data(record))->count, 7);
    dowel_record_free(record);
}

static void test_null_is_not_given(void **state) {
    (void)state;
    dowel_record *record;
    json_t *document = json_loads("{\"count\": null, \"loud\": null}", 0, NULL);
    assert_ok(dowel_record_decode(&all_table, document, NULL, &record, err));
    const all_args *args = dowel_record_data(record);
    assert_true(args->count == 7 && args->loud);
    dowel_record_free(record);
    json_decref(document);
}

static void refused(const all_args *args, const char *message) {
    dowel_record *record = NULL;
    dowel_error why = {0};
    assert_int_equal(dowel_record_copy(&all_table, args, sizeof *args, &record, &why), DOWEL_E_INVALID);
    if (!strstr(why.message, message)) fail_msg("\"%s\" lacks \"%s\"", why.message, message);
}

static void test_refusals(void **state) {
    (void)state;
    refused(&(all_args){.given = "coumt"}, "all: field \"given\": no field \"coumt\"; did you mean \"count\"?");
    refused(&(all_args){.given = "given"}, "no field \"given\"");
    refused(&(all_args){.given = "count,loud"}, "no field \"count,loud\"");
    refused(&(all_args){.given = "text"}, "field \"text\" is NULL although \"given\" names it");
    refused(&(all_args){.given = "rows"}, "field \"rows\": 0 is not between 1");
    dowel_record *record;
    dowel_error why = {0};
    json_t *document = json_pack("{s:s}", "given", "count");
    assert_int_equal(dowel_record_decode(&all_table, document, NULL, &record, &why), DOWEL_E_INVALID);
    json_decref(document);
    /* C alone has it. */
    json_t *schema = dowel_fields_schema(&all_table);
    assert_null(json_object_get(json_object_get(schema, "properties"), "given"));
    json_decref(schema);
}

static void test_body_and_binding(void **state) {
    (void)state;
    json_t *result;
    dowel_future *zero, *bound;
    assert_ok(dowel_call(d, "all", &(all_args){.given = "loud"}, sizeof(all_args), NULL, &result, err));
    assert_true(json_is_true(json_object_get(result, "loud")));
    assert_int_equal(json_integer_value(json_object_get(result, "value")), 7);
    json_decref(result);
    /* What another task gave is given, when it is 0 too; what the caller gave is not lost by it. */
    assert_ok(dowel_submit(d, "zero", NULL, 0, NULL, &zero, err));
    const dowel_binding bindings[] = {{"count", zero, "none"}, {NULL}};
    const dowel_call_options options = {.size = sizeof options, .bindings = bindings};
    assert_ok(dowel_submit(d, "all", &(all_args){.given = "pause"}, sizeof(all_args), &options, &bound, err));
    assert_ok(dowel_wait(bound, &result, err));
    assert_true(json_is_true(json_object_get(result, "count")));
    assert_int_equal(json_integer_value(json_object_get(result, "value")), 0);
    assert_true(json_real_value(json_object_get(result, "pause")) == 0.0);
    json_decref(result);
    /* A field may be called as the command calls it. */
    const dowel_binding dashed[] = {{"in-all", zero, "none"}, {NULL}};
    const dowel_call_options also = {.size = sizeof also, .bindings = dashed};
    assert_ok(dowel_call(d, "all", NULL, 0, &also, &result, err));
    assert_int_equal(json_integer_value(json_object_get(result, "in_all")), 0);
    json_decref(result);
    dowel_future_free(zero);
    dowel_future_free(bound);
}

static json_t *shown(const char *id) {
    json_t *run = NULL;
    assert_ok(dowel_runs_show(d, id, &run, err));
    return run;
}

static void test_history(void **state) {
    (void)state;
    char id[DOWEL_RUN_ID_SIZE];
    const dowel_call_options options = {.size = sizeof options, .run_id = id, .policy = {.given = "retries"}};
    assert_ok(dowel_call(d, "all", &(all_args){.given = "loud"}, sizeof(all_args), &options, NULL, err));
    json_t *run = shown(id);
    assert_true(json_is_false(json_object_get(json_object_get(run, "args"), "loud")));
    assert_true(json_is_integer(json_object_get(json_object_get(run, "policy"), "retries")));
    json_decref(run);
}

/* The zeros of a call go on with its run. */
static void test_resume(void **state) {
    (void)state;
    char id[DOWEL_RUN_ID_SIZE];
    dowel_error why = {0};
    const dowel_call_options options = {.size = sizeof options, .run_id = id, .policy = {.given = "retries"}};
    atomic_store(&attempts, 0);
    const all_args args = {.count = -1, .given = "loud"};
    assert_int_equal(dowel_call(d, "all", &args, sizeof args, &options, NULL, &why), DOWEL_E_UNAVAILABLE);
    assert_int_equal(dowel_runs_resume(d, id, NULL, NULL, &why), DOWEL_E_UNAVAILABLE);
    assert_int_equal(atomic_load(&attempts), 2);
    json_t *run = shown(id);
    assert_true(json_is_false(json_object_get(json_object_get(run, "args"), "loud")));
    json_decref(run);
}

static int attempts_with(const char *given, int64_t retries) {
    dowel_error why = {0};
    const dowel_call_options options = {.size = sizeof options, .policy = {.retries = retries, .given = given}};
    atomic_store(&attempts, 0);
    assert_int_equal(dowel_call(d, "all", &(all_args){.count = -1}, sizeof(all_args), &options, NULL, &why),
                     DOWEL_E_UNAVAILABLE);
    return atomic_load(&attempts);
}

static void test_policy(void **state) {
    (void)state;
    assert_int_equal(attempts_with(NULL, 0), 4);
    assert_int_equal(attempts_with("retries", 0), 1);
    assert_int_equal(attempts_with("retries", 1), 2);
    assert_int_equal(attempts_with("timeout", 0), 4);
    dowel_error why = {0};
    const dowel_call_options wrong = {.size = sizeof wrong, .policy = {.given = "retires"}};
    assert_int_equal(dowel_call(d, "zero", NULL, 0, &wrong, NULL, &why), DOWEL_E_INVALID);
    assert_string_equal(why.message, "policy: field \"given\": no field \"retires\"; did you mean \"retries\"?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind), cmocka_unit_test(test_null_is_not_given),
        cmocka_unit_test(test_refusals),   cmocka_unit_test(test_body_and_binding),
        cmocka_unit_test(test_history),    cmocka_unit_test(test_policy),
        cmocka_unit_test(test_resume),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
