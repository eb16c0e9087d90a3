/* Policies: what of a task's own and of a call's wins, how long is waited, after what another attempt is made, what is refused. */
#include "../test.h"

#include "run.h"

#include <dowel/http.h>

#include <math.h>
#include <stdatomic.h>

static const char *const steps[] = {"1s", "10s", NULL}, *const others[] = {"7s", NULL}, *const hour[] = {"1h", NULL};

/* ---- merging ---- */

static void test_merging(void **state) {
    (void)state;
    const dowel_policy own = {.retries = 3,
                              .retry_delay = 5,
                              .retry_delays = steps,
                              .retry_backoff = 1,
                              .retry_jitter = 0.5,
                              .timeout = 60,
                              .retry_delay_max = 30,
                              .persist_result = true};
    dowel_policy p = dowel_policy_merge(&own, &(dowel_policy){0}, NULL);
    assert_true(p.retries == 3 && p.retry_delay == 5.0 && p.retry_delays == steps && p.retry_backoff == 1);
    assert_true(p.retry_jitter == 0.5 && p.timeout == 60.0 && p.retry_delay_max == 30.0 && p.persist_result);
    /* A delay of the caller's wins over the task's own list of delays. */
    p = dowel_policy_merge(&own, &(dowel_policy){.retry_delay = 2}, NULL);
    assert_true(p.retry_delay == 2.0 && !p.retry_delays);
    p = dowel_policy_merge(&own, &(dowel_policy){.given = "retry_delay"}, NULL);
    assert_true(p.retry_delay == 0.0 && !p.retry_delays);
    p = dowel_policy_merge(&own, &(dowel_policy){.retry_delays = others}, NULL);
    assert_true(p.retry_delays == others);
    p = dowel_policy_merge(&own, &(dowel_policy){.retry_delay = 2, .retry_delays = others}, NULL);
    assert_true(p.retry_delays == others);
    /* Every member's zero, when it is given. */
    p = dowel_policy_merge(&own,
                           &(dowel_policy){.given = "retries retry_backoff retry_jitter timeout retry_delay_max "
                                                    "persist_result"},
                           NULL);
    assert_true(p.retries == 0 && p.retry_backoff == 0 && p.retry_jitter == 0.0 && p.timeout == 0.0);
    assert_true(p.retry_delay_max == 0.0 && !p.persist_result && p.retry_delay == 5.0);
    p = dowel_policy_merge(&own, &(dowel_policy){.retries = 1, .timeout = 9, .retry_on = others}, NULL);
    assert_true(p.retries == 1 && p.timeout == 9.0 && p.retry_on == others);
    /* Persistence comes from the run above, unless the task or the call says otherwise. */
    const dowel_policy above = {.persist_result = true, .retries = 8};
    p = dowel_policy_merge(&(dowel_policy){0}, &(dowel_policy){0}, &above);
    assert_true(p.persist_result && p.retries == 0);
    p = dowel_policy_merge(&(dowel_policy){0}, &(dowel_policy){.given = "persist_result"}, &above);
    assert_false(p.persist_result);
    p = dowel_policy_merge(&(dowel_policy){.given = "persist_result"}, &(dowel_policy){0}, &above);
    assert_false(p.persist_result);
}

/* ---- delays ---- */

static void test_delays(void **state) {
    (void)state;
    static const struct {
        dowel_policy policy;
        int retry;
        double delay;
    } cases[] = {
        {{.given = "retry_delay"}, 1, 0},
        {{.retry_delay = 5}, 1, 5},
        {{.retry_delay = 5}, 9, 5},
        {{.retry_delay = 5, .retry_backoff = DOWEL_BACKOFF_EXPONENTIAL}, 1, 5},
        {{.retry_delay = 5, .retry_backoff = DOWEL_BACKOFF_EXPONENTIAL}, 4, 40},
        {{.retry_delay = 5, .retry_backoff = DOWEL_BACKOFF_EXPONENTIAL}, 7, 300},
        {{.retry_delay = 5, .retry_backoff = DOWEL_BACKOFF_EXPONENTIAL}, 1000, 300},
        {{.retry_delay = 5, .retry_backoff = DOWEL_BACKOFF_EXPONENTIAL, .retry_delay_max = 12}, 3, 12},
        {{.retry_delay = 5, .given = "retry_delay_max"}, 3, 0},
        {{.retry_delay = 900}, 1, 900}, /* who asks for that gets it */
        {{.retry_delay = 900, .retry_backoff = DOWEL_BACKOFF_EXPONENTIAL}, 5, 900},
        {{.retry_delay = 900, .retry_delay_max = 10}, 1, 10},
        {{.retry_delay = 5, .retry_delays = steps}, 1, 1},
        {{.retry_delay = 5, .retry_delays = steps}, 2, 10},
        {{.retry_delay = 5, .retry_delays = steps}, 3, 10},
        {{.retry_delays = steps, .retry_backoff = DOWEL_BACKOFF_EXPONENTIAL}, 3, 10},
        {{.retry_delays = hour}, 1, 3600},
        {{.retry_delays = hour, .retry_delay_max = 60}, 1, 60},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double delay = dowel_policy_delay(&cases[i].policy, cases[i].retry);
        if (delay != cases[i].delay) fail_msg("case %zu: %g, not %g", i, delay, cases[i].delay);
    }
    /* A policy that gives no delay waits all the same, a little differently each time. */
    const dowel_policy none = {.retries = 3};
    for (int retry = 1; retry <= 9; retry++) {
        double delay = dowel_policy_delay(&none, retry), base = exp2(retry - 1);
        if (delay < base || delay > base * 1.5) fail_msg("retry %d: %g", retry, delay);
    }
    assert_true(dowel_policy_delay(&none, 1) != dowel_policy_delay(&none, 1));
    assert_true(dowel_policy_delay(&(dowel_policy){.given = "retry_jitter"}, 3) == 4.0);
    assert_true(dowel_policy_delay(&(dowel_policy){.given = "retry_jitter retry_backoff"}, 3) == 1.0);
    assert_true(dowel_policy_delay(&(dowel_policy){.retry_delay_max = 0.25}, 3) == 0.25);
    const dowel_policy noisy = {.retry_delay = 10, .retry_jitter = 1}, capped = {.retry_delay = 250, .retry_jitter = 1};
    double least = 1e9, most = 0, longest = 0;
    for (int i = 0; i < 2000; i++) {
        double delay = dowel_policy_delay(&noisy, 1);
        least = fmin(least, delay);
        most = fmax(most, delay);
        longest = fmax(longest, dowel_policy_delay(&capped, 1));
    }
    assert_true(least >= 10 && least < 11 && most <= 20 && most > 19);
    assert_true(longest == 300.0); /* the random share is within the longest wait */
}

/* ---- after what another attempt is made ---- */

static void test_what_is_retried(void **state) {
    (void)state;
    static const int changing[] = {DOWEL_E_NETWORK,  DOWEL_E_TIMEOUT, DOWEL_E_UNAVAILABLE, DOWEL_E_REMOTE,
                                   DOWEL_E_PROTOCOL, DOWEL_E_IO,      DOWEL_E_DATABASE,    DOWEL_E_INTERNAL},
                     lasting[] = {DOWEL_E_INVALID,     DOWEL_E_NOT_FOUND,  DOWEL_E_EXISTS,
                                  DOWEL_E_CREDENTIALS, DOWEL_E_PERMISSION, DOWEL_E_REFUSED,
                                  DOWEL_E_CONFLICT,    DOWEL_E_CORRUPT,    DOWEL_E_KEY},
                     never[] = {DOWEL_E_CANCELLED, DOWEL_E_DEPENDENCY, DOWEL_E_NO_MEMORY};
    const dowel_policy plain = {.retries = 1};
    for (size_t i = 0; i < sizeof changing / sizeof changing[0]; i++) {
        dowel_error e = {.code = changing[i]};
        assert_true(dowel_policy_retries(&plain, &e, false));
        assert_false(dowel_policy_retries(&plain, &e, true));
        e.permanent = true;
        assert_false(dowel_policy_retries(&plain, &e, false));
        const char *const named[] = {dowel_code_name(changing[i]), NULL}, *const none[] = {NULL};
        assert_true(dowel_policy_retries(&(dowel_policy){.retry_on = named}, &e, false));
        assert_true(dowel_policy_retries(&(dowel_policy){.retry_on = named}, &e, true));
        assert_false(dowel_policy_retries(&(dowel_policy){.retry_on = none}, &e, false));
    }
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++) {
        dowel_error e = {.code = lasting[i]};
        assert_false(dowel_policy_retries(&plain, &e, false));
        e.retryable = true;
        assert_true(dowel_policy_retries(&plain, &e, false));
        e.retryable = false;
        const char *const named[] = {"network", dowel_code_name(lasting[i]), NULL};
        assert_true(dowel_policy_retries(&(dowel_policy){.retry_on = named}, &e, false));
    }
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        dowel_error e = {.code = never[i], .retryable = true};
        assert_false(dowel_policy_retries(&plain, &e, false));
    }
}

static atomic_int attempts;
static int failure;

static int failing(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)at, (void)data, (void)result;
    atomic_fetch_add(&attempts, 1);
    return dowel_fail(err, failure, "as wanted");
}
static const dowel_task fail_task = {.size = sizeof(dowel_task),
                                     .name = "fail",
                                     .doc = "Fails.",
                                     .run = failing,
                                     .policy = {.retries = 2, .given = "retry_delay"}};

static int count(dowel *d, int code, const char *const *retry_on) {
    dowel_error why = {0};
    const dowel_call_options options = {.size = sizeof options, .policy = {.retry_on = retry_on}};
    atomic_store(&attempts, 0);
    failure = code;
    assert_int_equal(dowel_call(d, "fail", NULL, 0, &options, NULL, &why), code);
    return atomic_load(&attempts);
}

static void refused(dowel *d, dowel_policy policy, const char *message) {
    dowel_error why = {0};
    const dowel_call_options options = {.size = sizeof options, .policy = policy};
    atomic_store(&attempts, 0);
    assert_int_equal(dowel_call(d, "fail", NULL, 0, &options, NULL, &why), DOWEL_E_INVALID);
    assert_int_equal(atomic_load(&attempts), 0);
    if (!strstr(why.message, message)) fail_msg("\"%s\" lacks \"%s\"", why.message, message);
}

static void quiet(void *context, dowel_log_level level, const char *line) {
    (void)context, (void)level, (void)line;
}

static void test_runs(void **state) {
    (void)state;
    dowel *d;
    const char *const missing[] = {"not_found", NULL}, *const odd[] = {"netwerk", NULL},
                      *const no[] = {"cancelled", NULL}, *const nothing[] = {NULL}, *const words[] = {"soon", NULL};
    assert_ok(dowel_open_with(
        &d,
        &(dowel_options){.size = sizeof(dowel_options), .database_url = "memory:", .no_history = true, .log = quiet},
        err));
    assert_ok(dowel_register_task(d, &fail_task, err));
    assert_int_equal(count(d, DOWEL_E_INTERNAL, NULL), 3);
    assert_int_equal(count(d, DOWEL_E_PERMISSION, NULL), 1);
    assert_int_equal(count(d, DOWEL_E_NOT_FOUND, NULL), 1);
    assert_int_equal(count(d, DOWEL_E_NOT_FOUND, missing), 3);
    assert_int_equal(count(d, DOWEL_E_INTERNAL, missing), 1);
    assert_int_equal(count(d, DOWEL_E_INTERNAL, nothing), 1);
    refused(d, (dowel_policy){.retry_on = odd},
            "policy: field \"retry_on\": \"netwerk\" is not the name of an error that can be retried; did you mean "
            "\"network\"?");
    refused(d, (dowel_policy){.retry_on = no}, "\"cancelled\" is not the name of an error that can be retried");
    refused(d, (dowel_policy){.retry_delays = words}, "policy: field \"retry_delays\"");
    refused(d, (dowel_policy){.retries = -1}, "policy: field \"retries\": -1 is not between 0 and 1000");
    refused(d, (dowel_policy){.retries = 1001}, "field \"retries\"");
    refused(d, (dowel_policy){.retry_delay = -1}, "policy: field \"retry_delay\": -1 is negative");
    refused(d, (dowel_policy){.retry_delay = NAN}, "policy: field \"retry_delay\"");
    refused(d, (dowel_policy){.retry_delay_max = INFINITY}, "policy: field \"retry_delay_max\"");
    refused(d, (dowel_policy){.timeout = NAN}, "policy: field \"timeout\"");
    refused(d, (dowel_policy){.timeout = -INFINITY}, "policy: field \"timeout\"");
    refused(d, (dowel_policy){.timeout = -5}, "policy: field \"timeout\": -5 is negative");
    refused(d, (dowel_policy){.timeout = 1e300}, "longer than 100 years");
    refused(d, (dowel_policy){.retry_jitter = 1.5}, "policy: field \"retry_jitter\"");
    refused(d, (dowel_policy){.retry_jitter = NAN}, "policy: field \"retry_jitter\"");
    refused(d, (dowel_policy){.retry_backoff = 7}, "policy: field \"retry_backoff\": 7 is not one of its 2 values");
    refused(d, (dowel_policy){.retry_backoff = -1}, "policy: field \"retry_backoff\"");
    refused(d, (dowel_policy){.persist_result = true}, "\"result_storage\" is required");
    /* What was given is copied. */
    char moment[] = "1ms";
    const char *delays[] = {moment, NULL};
    dowel_future *future;
    const dowel_call_options options = {.size = sizeof options, .policy = {.retry_delays = delays, .retries = 1}};
    failure = DOWEL_E_INTERNAL;
    assert_ok(dowel_submit(d, "fail", NULL, 0, &options, &future, err));
    memset(moment, 'x', 3);
    delays[0] = NULL;
    assert_int_equal(dowel_wait(future, NULL, NULL), DOWEL_E_INTERNAL);
    dowel_future_free(future);
    dowel_close(d);
}

static void test_the_times_of_sleep(void **state) {
    (void)state;
    dowel *d;
    dowel_error why = {0};
    assert_ok(dowel_open_with(&d, &(dowel_options){.size = sizeof(dowel_options), .no_history = true}, err));
    assert_int_equal(dowel_sleep(d, NAN, &why), DOWEL_E_INVALID);
    assert_int_equal(dowel_sleep(d, INFINITY, &why), DOWEL_E_INVALID);
    assert_int_equal(dowel_sleep(d, -INFINITY, &why), DOWEL_E_INVALID);
    assert_ok(dowel_sleep(d, -1, err));
    assert_ok(dowel_sleep(d, 0, err));
    static const dowel_http_service service = {.name = "Test"};
    const double times[] = {NAN, INFINITY, -1};
    for (size_t i = 0; i < 3; i++) {
        dowel_http_request *request = dowel_http_new(&service, NULL, "GET", "http://127.0.0.1:1");
        dowel_http_timeout(request, times[i]);
        assert_int_equal(dowel_http_send(d, request, NULL, &why), DOWEL_E_INVALID);
        assert_non_null(strstr(why.message, "the timeout is negative or not a number"));
        dowel_http_free(request);
    }
    dowel_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merging),
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_what_is_retried),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_the_times_of_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
