/* What a run waits for before it begins, and what it waits for before it ends: fan-outs, bindings, children, flows, deadlines, callbacks. */
#include "../test.h"

#include <dowel/runtime.h>

#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

enum { WORKERS = 8 };

static dowel *d;
static char folder[] = "/tmp/dowel-futures-XXXXXX";
static atomic_int holding, together, calls, ended, released;

typedef struct node_args {
    int64_t number;
    const char *text;
    const char *given;
} node_args;
static const dowel_field node_fields[] = {
    {DOWEL_AT(node_args, number), .kind = DOWEL_INT, .fallback = "7", .doc = "A number."},
    {DOWEL_AT(node_args, text), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "A text."},
    {DOWEL_GIVEN_AT(node_args)},
    {0}};
static const dowel_table node_table = {"node", sizeof(node_args), node_fields, NULL};

/* Gives its arguments. */
static int node(dowel *at, const void *data, json_t **result, dowel_error *err) {
    const node_args *args = data;
    (void)at, (void)err;
    atomic_fetch_add(&calls, 1);
    *result = json_pack("{s:I,s:s,s:n}", "number", (json_int_t)args->number, "text", args->text, "nothing");
    return 0;
}

static int fails(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)at, (void)data, (void)result;
    return dowel_fail(err, DOWEL_E_REFUSED, "it does not want to");
}

/* Ends when as many are at it as there are workers. */
static int meet(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    int rc = 0;
    for (atomic_fetch_add(&together, 1); !rc && atomic_load(&together) < WORKERS;) rc = dowel_sleep(at, 0.001, err);
    return rc;
}

static atomic_int most;

static int crowded(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)at, (void)data, (void)result, (void)err;
    int now = atomic_fetch_add(&together, 1) + 1, before = atomic_load(&most);
    while (now > before && !atomic_compare_exchange_weak(&most, &before, now)) {}
    usleep(500);
    atomic_fetch_sub(&together, 1);
    return 0;
}

/* Ends when it is released, and counts. */
static int held(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    int rc = 0;
    atomic_fetch_add(&holding, 1);
    while (!rc && !atomic_load(&released)) rc = dowel_sleep(at, 0.001, err);
    atomic_fetch_add(&ended, 1);
    return rc;
}

static int submit_and_forget(dowel *at, const char *task, dowel_error *err) {
    dowel_future *future;
    int rc = dowel_submit(at, task, NULL, 0, NULL, &future, err);
    if (!rc) dowel_future_free(future);
    return rc;
}

static int starts(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    int rc = 0;
    for (int i = 0; i < 3 && !rc; i++) rc = submit_and_forget(at, "held", err);
    return rc;
}

static int starts_failure(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    return submit_and_forget(at, "fails", err);
}

/* Its own child starts the failure. */
static int starts_deep(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    return submit_and_forget(at, "starts_failure", err);
}

/* A is not asked for; B, which waits for A, is, and its failure is dealt with. */
static int copes(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    dowel_future *a, *b;
    dowel_error why = {0};
    int rc = dowel_submit(at, "fails", NULL, 0, NULL, &a, err);
    if (rc) return rc;
    const dowel_call_options options = {.size = sizeof options, .wait_for = (dowel_future *[]){a, NULL}};
    rc = dowel_submit(at, "held", NULL, 0, &options, &b, err);
    if (!rc && dowel_wait(b, NULL, &why) != DOWEL_E_DEPENDENCY) rc = dowel_fail(err, DOWEL_E_INTERNAL, "B ran");
    if (!rc) dowel_future_free(b);
    dowel_future_free(a);
    if (!rc) rc = dowel_submit(at, "fails", NULL, 0, NULL, &a, err);
    if (rc) return rc;
    /* The same with a call. */
    const dowel_call_options later = {.size = sizeof later, .wait_for = (dowel_future *[]){a, NULL}};
    if (dowel_call(at, "held", NULL, 0, &later, NULL, &why) != DOWEL_E_DEPENDENCY)
        rc = dowel_fail(err, DOWEL_E_INTERNAL, "the call ran");
    dowel_future_free(a);
    return rc;
}

/* Does its work, and does not look at its deadline. */
static int late(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)err;
    atomic_fetch_add(&calls, 1);
    while (dowel_time_left(at) > 0) usleep(1000);
    *result = json_string("done");
    return 0;
}

/* Too slow the first time. */
static atomic_int slow;

static int slow_at_first(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    return atomic_fetch_add(&slow, 1) ? dowel_check(at, err) : dowel_sleep(at, 60, err);
}

/* Its child would wait for it. */
static _Atomic(dowel_future *) above;

static int waits_for_itself(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    dowel_future *child, *self;
    while (!(self = atomic_load(&above))) usleep(500);
    const dowel_call_options options = {.size = sizeof options, .wait_for = (dowel_future *[]){self, NULL}};
    int rc = dowel_submit(at, "fails", NULL, 0, &options, &child, err);
    if (rc != DOWEL_E_INVALID) return DOWEL_E_INTERNAL;
    return dowel_call(at, "fails", NULL, 0, &options, NULL, err);
}

#define TASK(function, ...)                                                                                            \
    { .size = sizeof(dowel_task), .name = #function, .doc = "One.", .run = function, __VA_ARGS__ }
static const dowel_task tasks[] = {
    TASK(node, .args = &node_table),
    TASK(fails, .policy = {.retries = 0}),
    TASK(meet, .policy = {.timeout = 10}),
    TASK(held, .policy = {.timeout = 30}),
    TASK(starts, .flow = false),
    TASK(starts_failure, .flow = false),
    TASK(starts_deep, .flow = true),
    TASK(copes, .flow = true),
    TASK(crowded, .flow = false),
    TASK(late, .policy = {.retries = 3}),
    TASK(slow_at_first, .policy = {.retries = 1, .timeout = 0.05, .retry_delay = 0.1}),
    TASK(waits_for_itself, .flow = true),
};

static void quiet(void *context, dowel_log_level level, const char *line) {
    (void)context, (void)level, (void)line;
}

static int set_up(void **state) {
    (void)state;
    char url[128];
    if (!mkdtemp(folder)) return -1;
    snprintf(url, sizeof url, "sqlite:%s/runs.db", folder);
    const dowel_options options = {.size = sizeof options, .database_url = url, .workers = WORKERS, .log = quiet};
    int rc = dowel_open(&d, &options, NULL);
    for (size_t i = 0; !rc && i < sizeof tasks / sizeof tasks[0]; i++) rc = dowel_register_task(d, &tasks[i], NULL);
    return rc;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    dowel_close(d);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static int begin(void **state) {
    (void)state;
    atomic_store(&together, 0);
    atomic_store(&holding, 0);
    atomic_store(&slow, 0);
    atomic_store(&above, NULL);
    atomic_store(&calls, 0);
    atomic_store(&ended, 0);
    atomic_store(&released, 0);
    return 0;
}

static char *member_of(const char *id, const char *member) {
    json_t *run = NULL;
    assert_ok(dowel_runs_show(d, id, &run, err));
    const char *value = json_string_value(json_object_get(run, member));
    char *copy = strdup(value ? value : "");
    json_decref(run);
    return copy;
}

static void assert_run(const char *id, const char *member, const char *value) {
    char *is = member_of(id, member);
    assert_string_equal(is, value);
    free(is);
}

/* ---- threads ---- */

/* One idle worker, left by the first step, must not be all that a burst gets. */
static void a_fan_out_after_one_step_uses_every_worker(void **state) {
    (void)state;
    dowel_future *first, *all[WORKERS];
    assert_ok(dowel_submit(d, "node", &(node_args){.text = "first"}, sizeof(node_args), NULL, &first, err));
    while (!dowel_done(first)) usleep(500); /* a worker does it */
    assert_ok(dowel_wait(first, NULL, err));
    usleep(20000); /* so that the worker is idle, which the fault needs and the test does not */
    for (int i = 0; i < WORKERS; i++) assert_ok(dowel_submit(d, "meet", NULL, 0, NULL, &all[i], err));
    for (int i = 0; i < WORKERS; i++) {
        while (!dowel_done(all[i])) usleep(500); /* without help from this thread */
        assert_ok(dowel_wait(all[i], NULL, err));
        dowel_future_free(all[i]);
    }
    dowel_future_free(first);
}

static void a_future_is_readable_when_it_has_ended(void **state) {
    (void)state;
    dowel_future *future;
    assert_ok(dowel_submit(d, "held", NULL, 0, NULL, &future, err));
    struct pollfd before = {.fd = dowel_future_fd(future), .events = POLLIN};
    assert_true(before.fd >= 0);
    assert_int_equal(poll(&before, 1, 0), 0);
    atomic_store(&released, 1);
    assert_int_equal(poll(&before, 1, 30000), 1);
    assert_true(dowel_done(future));
    assert_int_equal(dowel_future_fd(future), before.fd);
    dowel_future_free(future);
    /* Asked for after the end only. */
    assert_ok(dowel_submit(d, "held", NULL, 0, NULL, &future, err));
    assert_ok(dowel_wait(future, NULL, err));
    struct pollfd after = {.fd = dowel_future_fd(future), .events = POLLIN};
    assert_int_equal(poll(&after, 1, 0), 1);
    dowel_future_free(future);
}

/* Whether it ends by itself; a time that only a fault lets pass. */
static bool ends(dowel_future *future) {
    struct pollfd fd = {.fd = dowel_future_fd(future), .events = POLLIN};
    return poll(&fd, 1, 10000) == 1;
}

/* A wait takes the last of the queue away from the workers; what is queued next comes behind what is still there. */
static void the_queue_is_whole_after_a_wait(void **state) {
    (void)state;
    enum { QUEUED = 3 };
    dowel_future *busy[WORKERS], *queued[QUEUED], *next;
    const node_args args = {.text = "x"};
    for (int i = 0; i < WORKERS; i++) assert_ok(dowel_submit(d, "held", NULL, 0, NULL, &busy[i], err));
    /* Only when all are at it, the others stay in the queue. */
    while (atomic_load(&holding) < WORKERS) usleep(500);
    for (int i = 0; i < QUEUED; i++) assert_ok(dowel_submit(d, "node", &args, sizeof args, NULL, &queued[i], err));
    assert_ok(dowel_wait(queued[QUEUED - 1], NULL, err));
    assert_ok(dowel_submit(d, "node", &args, sizeof args, NULL, &next, err));
    atomic_store(&released, 1);
    for (int i = 0; i < QUEUED; i++) {
        assert_true(ends(queued[i]));
        dowel_future_free(queued[i]);
    }
    assert_true(ends(next));
    dowel_future_free(next);
    for (int i = 0; i < WORKERS; i++) {
        assert_ok(dowel_wait(busy[i], NULL, err));
        dowel_future_free(busy[i]);
    }
}

/* As many at a time as there are workers, and no more. */
static void there_are_no_more_than_the_workers(void **state) {
    (void)state;
    dowel_future *all[WORKERS * 8];
    atomic_store(&most, 0);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        assert_ok(dowel_submit(d, "crowded", NULL, 0, NULL, &all[i], err));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_true(ends(all[i]));
        dowel_future_free(all[i]);
    }
    assert_true(atomic_load(&most) <= WORKERS);
}

/* ---- what comes before ---- */

static void calls_and_flows_honour_bindings(void **state) {
    (void)state;
    dowel_future *first, *bad;
    json_t *result;
    dowel_error why = {0};
    char id[DOWEL_RUN_ID_SIZE];
    assert_ok(
        dowel_submit(d, "node", &(node_args){.text = "Rome", .given = "number"}, sizeof(node_args), NULL, &first, err));
    const dowel_binding both[] = {{"text", first, "text"}, {"number", first, "number"}, {NULL}};
    dowel_call_options options = {.size = sizeof options, .bindings = both, .run_id = id};
    assert_ok(dowel_call(d, "node", &(node_args){0}, sizeof(node_args), &options, &result, err));
    assert_string_equal(json_string_value(json_object_get(result, "text")), "Rome");
    assert_int_equal(json_integer_value(json_object_get(result, "number")), 0); /* given, though it is 0 */
    json_decref(result);
    assert_run(id, "state", "completed");
    json_t *document = json_object();
    assert_ok(dowel_call_json(d, "node", document, &options, &result, err));
    assert_string_equal(json_string_value(json_object_get(result, "text")), "Rome");
    json_decref(result);
    json_decref(document);
    assert_ok(dowel_flow_run(d, &tasks[0], NULL, 0, &options, &result, err));
    assert_string_equal(json_string_value(json_object_get(result, "text")), "Rome");
    json_decref(result);
    assert_run(id, "kind", "flow");

    const dowel_binding odd[] = {{"text", first, "town"}, {NULL}};
    options.bindings = odd;
    assert_int_equal(dowel_call(d, "node", NULL, 0, &options, NULL, &why), DOWEL_E_INVALID);
    assert_non_null(strstr(why.message, "no member \"town\""));
    assert_run(id, "state", "failed");
    /* A result of the wrong kind. */
    const dowel_binding kind[] = {{"text", first, "number"}, {NULL}};
    options.bindings = kind;
    assert_int_equal(dowel_call(d, "node", NULL, 0, &options, NULL, &why), DOWEL_E_INVALID);
    assert_non_null(strstr(why.message, "field \"text\""));

    assert_ok(dowel_submit(d, "fails", NULL, 0, NULL, &bad, err));
    const dowel_binding failing[] = {{"text", bad, NULL}, {NULL}};
    options.bindings = failing;
    int before = atomic_load(&calls);
    assert_int_equal(dowel_call(d, "node", NULL, 0, &options, NULL, &why), DOWEL_E_DEPENDENCY);
    assert_non_null(strstr(why.message, "it does not want to"));
    assert_int_equal(atomic_load(&calls), before);
    assert_run(id, "state", "failed");
    dowel_future_free(bad);
    dowel_future_free(first);
}

static void calls_wait_for_what_they_name(void **state) {
    (void)state;
    dowel_future *first, *bad;
    dowel_error why = {0};
    assert_ok(dowel_submit(d, "held", NULL, 0, NULL, &first, err));
    atomic_store(&released, 1);
    dowel_call_options options = {.size = sizeof options, .wait_for = (dowel_future *[]){first, first, NULL}};
    const node_args args = {.text = "after"};
    assert_ok(dowel_call(d, "node", &args, sizeof args, &options, NULL, err));
    assert_true(dowel_done(first));
    assert_ok(dowel_submit(d, "fails", NULL, 0, NULL, &bad, err));
    options.wait_for = (dowel_future *[]){first, bad, NULL};
    assert_int_equal(dowel_call(d, "node", &args, sizeof args, &options, NULL, &why), DOWEL_E_DEPENDENCY);
    assert_int_equal(dowel_flow_run(d, &tasks[0], &args, sizeof args, &options, NULL, &why), DOWEL_E_DEPENDENCY);
    assert_int_equal(atomic_load(&calls), 1);
    dowel_future_free(first);
    dowel_future_free(bad);
}

static bool give_up(void *context) {
    return atomic_load((atomic_int *)context) > 0;
}

static void a_call_that_is_cancelled_does_not_wait(void **state) {
    (void)state;
    dowel_future *first;
    dowel_error why = {0};
    atomic_int cancelled = 1;
    char id[DOWEL_RUN_ID_SIZE];
    assert_ok(dowel_submit(d, "held", NULL, 0, NULL, &first, err));
    const dowel_call_options options = {.size = sizeof options,
                                        .wait_for = (dowel_future *[]){first, NULL},
                                        .cancelled = give_up,
                                        .cancelled_context = &cancelled,
                                        .run_id = id};
    assert_int_equal(dowel_call(d, "node", &(node_args){.text = "x"}, sizeof(node_args), &options, NULL, &why),
                     DOWEL_E_CANCELLED);
    assert_false(dowel_done(first));
    assert_run(id, "state", "cancelled");
    atomic_store(&released, 1);
    assert_ok(dowel_wait(first, NULL, err));
    dowel_future_free(first);
}

static void refused(const node_args *args, const dowel_binding *bindings, const char *message) {
    dowel_future *future = NULL;
    const dowel_call_options options = {.size = sizeof options, .bindings = bindings};
    json_t *document = json_object();
    if (args->text) json_object_set_new(document, "text", json_string(args->text));
    if (args->number || args->given) json_object_set_new(document, "number", json_integer(args->number));
    for (int way = 0; way < 4; way++) {
        dowel_error why = {0};
        int rc = way == 0   ? dowel_submit(d, "node", args, sizeof *args, &options, &future, &why)
                 : way == 1 ? dowel_call(d, "node", args, sizeof *args, &options, NULL, &why)
                 : way == 2 ? dowel_flow_run(d, &tasks[0], args, sizeof *args, &options, NULL, &why)
                            : dowel_call_json(d, "node", document, &options, NULL, &why);
        assert_int_equal(rc, DOWEL_E_INVALID);
        if (!strstr(why.message, message)) fail_msg("way %d: \"%s\" lacks \"%s\"", way, why.message, message);
    }
    json_decref(document);
}

static void what_a_binding_cannot_say_is_refused(void **state) {
    (void)state;
    dowel_future *first;
    assert_ok(dowel_submit(d, "node", &(node_args){.text = "x"}, sizeof(node_args), NULL, &first, err));
    const dowel_binding twice[] = {{"text", first, "text"}, {"text", first, NULL}, {NULL}},
                        text[] = {{"text", first, "text"}, {NULL}}, none[] = {{"text", NULL, NULL}, {NULL}},
                        number[] = {{"text", first, "text"}, {"number", first, "number"}, {NULL}},
                        given[] = {{"given", first, NULL}, {NULL}}, unknown[] = {{"town", first, NULL}, {NULL}};
    refused(&(node_args){0}, twice, "node: field \"text\": bound twice");
    refused(&(node_args){.text = "mine"}, text, "node: field \"text\": both given and bound to a result");
    refused(&(node_args){.number = 3}, number, "node: field \"number\": both given and bound");
    refused(&(node_args){.given = "number"}, number, "node: field \"number\": both given and bound");
    refused(&(node_args){0}, none, "node: field \"text\": the binding has no future");
    refused(&(node_args){0}, given, "unknown field \"given\"");
    refused(&(node_args){0}, unknown, "unknown field \"town\"");
    dowel *other;
    dowel_future *stranger;
    assert_ok(dowel_open(&other, &(dowel_options){.size = sizeof(dowel_options), .no_history = true}, err));
    assert_ok(dowel_register_task(other, &tasks[1], err));
    assert_ok(dowel_submit(other, "fails", NULL, 0, NULL, &stranger, err));
    const dowel_binding strange[] = {{"text", stranger, NULL}, {NULL}};
    refused(&(node_args){0}, strange, "node depends on fails, which belongs to another handle");
    dowel_future_free(stranger);
    dowel_close(other);
    assert_ok(dowel_wait(first, NULL, err));
    assert_int_equal(atomic_load(&calls), 1);
    dowel_future_free(first);
}

/* ---- what comes after ---- */

/* However it is started, and whatever it calls itself, a run ends after what its body submitted. */
static void a_run_ends_after_its_children(void **state) {
    (void)state;
    dowel_future *future;
    char id[DOWEL_RUN_ID_SIZE];
    assert_ok(dowel_submit(d, "starts", NULL, 0, NULL, &future, err));
    usleep(50000); /* in which it would end, if it did not wait */
    assert_false(dowel_done(future));
    assert_run(dowel_future_run_id(future), "state", "running");
    atomic_store(&released, 1);
    assert_ok(dowel_wait(future, NULL, err));
    assert_int_equal(atomic_load(&ended), 3);
    dowel_future_free(future);
    const dowel_call_options options = {.size = sizeof options, .run_id = id};
    assert_ok(dowel_call(d, "starts", NULL, 0, &options, NULL, err));
    assert_int_equal(atomic_load(&ended), 6);
    assert_ok(dowel_flow_run(d, &tasks[4], NULL, 0, &options, NULL, err));
    assert_int_equal(atomic_load(&ended), 9);
}

static void a_failure_that_nobody_saw_fails_the_run(void **state) {
    (void)state;
    static const char *const names[] = {"starts_failure", "starts_deep"};
    for (size_t i = 0; i < 2; i++) {
        dowel_future *future;
        dowel_error why = {0};
        char id[DOWEL_RUN_ID_SIZE];
        const dowel_call_options options = {.size = sizeof options, .run_id = id};
        assert_int_equal(dowel_call(d, names[i], NULL, 0, &options, NULL, &why), DOWEL_E_REFUSED);
        assert_non_null(strstr(why.message, "task fails: it does not want to"));
        assert_run(id, "state", "failed");
        assert_run(id, "kind", i ? "flow" : "task");
        assert_ok(dowel_submit(d, names[i], NULL, 0, NULL, &future, err));
        assert_int_equal(dowel_wait(future, NULL, &why), DOWEL_E_REFUSED);
        assert_run(dowel_future_run_id(future), "state", "failed");
        assert_run(dowel_future_run_id(future), "kind", i ? "flow" : "task");
        dowel_future_free(future);
    }
}

static void a_failure_that_was_dealt_with_does_not_fail_the_flow(void **state) {
    (void)state;
    dowel_future *future;
    assert_ok(dowel_call(d, "copes", NULL, 0, NULL, NULL, err));
    assert_ok(dowel_flow_run(d, &tasks[7], NULL, 0, NULL, NULL, err));
    assert_ok(dowel_submit(d, "copes", NULL, 0, NULL, &future, err));
    assert_ok(dowel_wait(future, NULL, err));
    dowel_future_free(future);
    assert_int_equal(atomic_load(&ended), 0);
}

/* ---- deadlines ---- */

static void what_ends_after_its_deadline_has_not_completed(void **state) {
    (void)state;
    char id[DOWEL_RUN_ID_SIZE];
    dowel_error why = {0};
    dowel_call_options options = {.size = sizeof options, .run_id = id, .policy = {.timeout = 0.02}};
    json_t *result = NULL;
    assert_int_equal(dowel_call(d, "late", NULL, 0, &options, &result, &why), DOWEL_E_TIMEOUT);
    assert_null(result);
    assert_int_equal(atomic_load(&calls), 1); /* what was done is not done again */
    assert_non_null(strstr(why.message, "late succeeded, but"));
    assert_run(id, "state", "failed");
    const char *const on[] = {"timeout", NULL};
    options.policy.retry_on = on;
    assert_int_equal(dowel_call(d, "late", NULL, 0, &options, NULL, &why), DOWEL_E_TIMEOUT);
    assert_int_equal(atomic_load(&calls), 5);
}

/* The wait between attempts does not count for the attempt's limit. */
static void an_attempt_that_ran_out_of_time_is_tried_again(void **state) {
    (void)state;
    assert_ok(dowel_call(d, "slow_at_first", NULL, 0, NULL, NULL, err));
    assert_int_equal(atomic_load(&slow), 2);
}

static void nothing_waits_for_what_waits_for_it(void **state) {
    (void)state;
    dowel_future *future;
    dowel_error why = {0};
    assert_ok(dowel_submit(d, "waits_for_itself", NULL, 0, NULL, &future, err));
    atomic_store(&above, future);
    assert_true(ends(future));
    assert_int_equal(dowel_wait(future, NULL, &why), DOWEL_E_INVALID);
    assert_non_null(strstr(why.message, "fails cannot wait for waits_for_itself"));
    dowel_future_free(future);
}

/* ---- callbacks ---- */

typedef struct caller {
    atomic_int returned, asked, after;
} caller;

static void note(caller *c) {
    atomic_fetch_add(&c->asked, 1);
    if (atomic_load(&c->returned)) atomic_fetch_add(&c->after, 1);
}

static bool asked(void *context) {
    note(context);
    return false;
}

static void progressed(void *context, int64_t done, int64_t total) {
    (void)done, (void)total;
    note(context);
}

/* On the heap and freed: whoever calls back too late reads freed memory. */
static void nothing_is_asked_after_the_call(void **state) {
    (void)state;
    atomic_store(&released, 1);
    for (int i = 0; i < 50; i++) {
        caller *c = calloc(1, sizeof *c);
        assert_non_null(c);
        const dowel_call_options options = {.size = sizeof options,
                                            .cancelled = asked,
                                            .cancelled_context = c,
                                            .progress = progressed,
                                            .progress_context = c};
        assert_ok(dowel_call(d, "starts", NULL, 0, &options, NULL, err));
        atomic_store(&c->returned, 1);
        assert_true(atomic_load(&c->asked) > 0);
        assert_int_equal(atomic_load(&c->after), 0);
        free(c);
    }
    assert_int_equal(atomic_load(&ended), 150);
}

#define TEST(function) cmocka_unit_test_setup(function, begin)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_fan_out_after_one_step_uses_every_worker),
        TEST(a_future_is_readable_when_it_has_ended),
        TEST(there_are_no_more_than_the_workers),
        TEST(the_queue_is_whole_after_a_wait),
        TEST(calls_and_flows_honour_bindings),
        TEST(calls_wait_for_what_they_name),
        TEST(a_call_that_is_cancelled_does_not_wait),
        TEST(what_a_binding_cannot_say_is_refused),
        TEST(a_run_ends_after_its_children),
        TEST(a_failure_that_nobody_saw_fails_the_run),
        TEST(a_failure_that_was_dealt_with_does_not_fail_the_flow),
        TEST(what_ends_after_its_deadline_has_not_completed),
        TEST(an_attempt_that_ran_out_of_time_is_tried_again),
        TEST(nothing_waits_for_what_waits_for_it),
        TEST(nothing_is_asked_after_the_call),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
