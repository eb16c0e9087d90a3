/* How long a server may make its callers wait: what it asks for is honoured, told, and has an end. */
#include "test.h"

#include <dowel/http.h>

#include <time.h>

static const dowel_retry_rule rules[] = {{503, NULL, true}, {0, NULL, false}};
static const dowel_http_service service = {
    .name = "Busy", .retry = rules, .max_attempts = 3, .backoff = 0.001, .backoff_limit = 0.002};

/* A transport that answers 503 with a Retry-After, then 200; and a log that ends the wait as soon as it is told. */
typedef struct server {
    dowel_transport base;
    const char *retry_after, *date;
    int attempts;
    char warned[512], told[512];
    dowel *d;
    bool cancel; /* once a wait is told */
} server;

static int perform(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)d, (void)err;
    server *s = (server *)base;
    x->sent = true;
    x->status = s->attempts++ ? 200 : 503;
    if (x->status == 200) return 0;
    if (s->date) x->on_header(x, "Date", s->date);
    if (s->retry_after) x->on_header(x, "Retry-After", s->retry_after);
    return 0;
}

static void close_server(dowel_transport *base) {
    (void)base;
}

static void keep(void *context, dowel_log_level level, const char *line) {
    server *s = context;
    if (!strstr(line, "attempt 2 of 3")) return;
    snprintf(s->told, sizeof s->told, "%s", line);
    if (level == DOWEL_LOG_WARNING) snprintf(s->warned, sizeof s->warned, "%s", line);
}

static bool told(void *context) {
    const server *s = context;
    return s->cancel && *s->told;
}

static int ask(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    dowel_http_request *r = dowel_http_new(&service, NULL, "GET", "http://127.0.0.1:9");
    int rc = dowel_http_send(d, r, NULL, err);
    dowel_http_free(r);
    return rc;
}

static const dowel_task ask_task = {.size = sizeof(dowel_task), .name = "ask", .doc = "Asks.", .run = ask};

static int64_t retries;

/* Runs the task; with `cancel` it is cancelled as soon as it waits, so that nobody waits for the test. */
static int run(server *s, const char *retry_after, bool cancel, double timeout, dowel_error *why) {
    const char *date = s->date;
    *s = (server){.base = {perform, close_server}, .retry_after = retry_after, .date = date, .cancel = cancel};
    assert_ok(dowel_open_with(&s->d,
                              &(dowel_options){.size = sizeof(dowel_options),
                                               .database_url = "memory:",
                                               .no_history = true,
                                               .transport = &s->base,
                                               .log = keep,
                                               .log_context = s},
                              err));
    assert_ok(dowel_register_task(s->d, &ask_task, err));
    dowel_call_options options = {.size = sizeof options,
                                  .policy = {.timeout = timeout, .retries = retries},
                                  .cancelled = told,
                                  .cancelled_context = s};
    int rc = dowel_call_json(s->d, "ask", NULL, &options, NULL, why);
    dowel_close(s->d);
    return rc;
}

static const char *in(double seconds, char text[40]) {
    time_t when = time(NULL) + (time_t)seconds;
    struct tm tm;
    gmtime_r(&when, &tm);
    strftime(text, 40, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return text;
}

static void what_is_too_long_fails_at_once(void **state) {
    (void)state;
    char dated[40];
    const struct {
        const char *value, *saying;
    } rows[] = {{"3600", "asks for a wait of 1 h"},
                {"301", "asks for a wait of 5 min 1 s"},
                {"86400", "asks for a wait of 24 h"},
                {"99999999999999999999999999999999", "days"},
                {"3600.5", "1 h"},
                {"3600 ", "1 h"},
                {in(7200, dated), "h"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        server s = {.date = NULL};
        dowel_error err = {0};
        int rc = run(&s, rows[i].value, false, 0, &err);
        if (rc != DOWEL_E_UNAVAILABLE || s.attempts != 1)
            fail_msg("%s: %d, %d attempts", rows[i].value, rc, s.attempts);
        assert_int_equal(err.http_status, 503);
        if (!strstr(err.message, rows[i].saying) || !strstr(err.message, "more than the limit of 5 min"))
            fail_msg("%s", err.message);
        assert_non_null(strstr(err.message, "HTTP 503"));
        assert_non_null(strstr(err.hint, "run it again in"));
        assert_true(err.retryable && err.retry_after > DOWEL_LONGEST_WAIT);
    }
}

/* The same whatever the deadline; and one that comes first says so. */
static void the_deadline_wins(void **state) {
    (void)state;
    static const char *const values[] = {"60", "299", "3600"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        server s = {.date = NULL};
        dowel_error err = {0};
        assert_int_equal(run(&s, values[i], false, 20, &err), DOWEL_E_UNAVAILABLE);
        assert_int_equal(s.attempts, 1);
        assert_non_null(strstr(err.message, "the deadline is in"));
        assert_non_null(strstr(err.hint, "longer timeout"));
    }
}

/* Nor does the runtime ask sooner, unless its own delay is as long. */
static void attempts_of_the_task(void **state) {
    (void)state;
    server s = {.date = NULL};
    dowel_error err = {0};
    retries = 3;
    int rc = run(&s, "3600", false, 0, &err);
    retries = 0;
    assert_int_equal(rc, DOWEL_E_UNAVAILABLE);
    assert_int_equal(s.attempts, 1);
    assert_non_null(strstr(err.message, "asks for a wait of 1 h"));
}

static void long_waits_are_told(void **state) {
    (void)state;
    char dated[40];
    const struct {
        const char *value, *saying; /* NULL: short, no warning */
    } rows[] = {{"10", "in 10 s, as the server asks"},
                {"300", "in 5 min, as the server asks"},
                {"9", NULL},
                {in(120, dated), "as the server asks"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        server s = {.date = NULL};
        dowel_error err = {0};
        assert_int_equal(run(&s, rows[i].value, true, 0, &err), DOWEL_E_CANCELLED);
        assert_int_equal(s.attempts, 1);
        if (!rows[i].saying)
            assert_true(!*s.warned && strstr(s.told, "as the server asks"));
        else if (!strstr(s.warned, rows[i].saying))
            fail_msg("%s: \"%s\"", rows[i].value, s.warned);
    }
}

/* What is no time, or has passed, asks for nothing: the next attempt comes after the usual wait. */
static void nonsense_is_passed_over(void **state) {
    (void)state;
    char past[40];
    const char *const values[] = {"-1",
                                  "-3600",
                                  "NaN",
                                  "nan",
                                  "inf",
                                  "-inf",
                                  "1e9",
                                  "1e400",
                                  "0x7fff",
                                  "3600x",
                                  "soon",
                                  "",
                                  " ",
                                  "0",
                                  "+5",
                                  "1:00",
                                  "3,6",
                                  "\xd9\xa3"
                                  "600",
                                  in(-60, past),
                                  "Sun, 06 Nov 1994 08:49:37 GMT",
                                  "Sun, 99 Nov 2044 08:49:37 GMT"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        server s = {.date = NULL};
        dowel_error err = {0};
        int rc = run(&s, values[i], false, 5, &err);
        if (rc || s.attempts != 2) fail_msg("\"%s\": %d: %s", values[i], rc, err.message);
        if (strstr(s.told, "as the server asks")) fail_msg("\"%s\": %s", values[i], s.told);
    }
}

/* A date is meant by the clock of the server: one of the two may be wrong by hours. */
static void a_date_is_by_the_clock_of_the_server(void **state) {
    (void)state;
    static const struct {
        const char *now, *then;
        int code;
    } rows[] = {{"Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 0},
                {"Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:07 GMT", 0},
                {"Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 09:49:37 GMT", DOWEL_E_UNAVAILABLE},
                {"Sat, 06 Nov 2094 08:49:37 GMT", "Sat, 06 Nov 2094 08:49:37 GMT", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        server s = {.date = rows[i].now};
        dowel_error err = {0};
        int rc = run(&s, rows[i].then, false, 0, &err);
        if (rc != rows[i].code) fail_msg("row %zu: %d: %s", i, rc, err.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_too_long_fails_at_once), cmocka_unit_test(the_deadline_wins),
        cmocka_unit_test(attempts_of_the_task),           cmocka_unit_test(long_waits_are_told),
        cmocka_unit_test(nonsense_is_passed_over),        cmocka_unit_test(a_date_is_by_the_clock_of_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
