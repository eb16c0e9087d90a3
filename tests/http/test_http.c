/* Sending against a server that misbehaves: what is repeated, what never is, what arrives whole. */
#include "test.h"

#include <dowel/http.h>

#include <pthread.h>
#include <time.h>
#include <unistd.h>

static const dowel_retry_rule rules[] = {{503, NULL, false}, {429, NULL, true}, {0, NULL, false}};
static const dowel_http_service service = {.name = "Faults", .retry = rules, .max_attempts = 3, .backoff = 0.01};

typedef struct world {
    dowel *d;
    char lines[1 << 16];
    size_t used;
} world;

static void keep_line(void *context, dowel_log_level level, const char *line) {
    (void)level;
    world *w = context;
    int n = snprintf(w->lines + w->used, sizeof w->lines - w->used, "%s\n", line);
    if (n > 0 && w->used + (size_t)n < sizeof w->lines) w->used += (size_t)n;
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    *state = w;
    setenv("DOWEL_LOG", "debug", 1);
    return w ? dowel_open_with(
                   &w->d,
                   &(dowel_options){
                       .size = sizeof(dowel_options), .database_url = "memory:", .log = keep_line, .log_context = w},
                   NULL)
             : -1;
}

static int tear_down(void **state) {
    world *w = *state;
    dowel_close(w->d);
    free(w);
    return 0;
}

static const char *url(void) {
    return variable("DOWEL_TEST_FAULT_URL");
}

static void script(world *w, const char *name, const char *steps) {
    dowel_http_request *r = dowel_http_new(&service, NULL, "POST", url());
    dowel_http_path(r, "_script", name, NULL);
    dowel_http_body(r, steps, strlen(steps));
    assert_ok(dowel_http_send(w->d, r, NULL, err));
    dowel_http_free(r);
}

static json_t *seen(world *w, const char *name) {
    dowel_http_request *r = dowel_http_new(&service, NULL, "GET", url());
    dowel_http_path(r, "_log", name, NULL);
    json_t *log = NULL;
    assert_ok(dowel_http_fetch_json(w->d, r, &log, err));
    return log;
}

static size_t times(world *w, const char *name) {
    json_t *log = seen(w, name);
    size_t count = json_array_size(log);
    json_decref(log);
    return count;
}

static int ask(world *w, const char *method, const char *name, dowel_http_response **response, dowel_error *err) {
    dowel_http_request *r = dowel_http_new(&service, NULL, method, url());
    dowel_http_path(r, name, NULL);
    if (strcmp(method, "GET")) dowel_http_body(r, "{}", 2);
    int rc = dowel_http_send(w->d, r, response, err);
    dowel_http_free(r);
    return rc;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void maps_statuses(void **state) {
    world *w = *state;
    static const int expected[][2] = {{401, DOWEL_E_PERMISSION},  {403, DOWEL_E_PERMISSION}, {404, DOWEL_E_NOT_FOUND},
                                      {409, DOWEL_E_CONFLICT},    {412, DOWEL_E_CONFLICT},   {400, DOWEL_E_REFUSED},
                                      {500, DOWEL_E_UNAVAILABLE}, {302, DOWEL_E_REFUSED}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char steps[128];
        snprintf(steps, sizeof steps, "[{\"status\": %d, \"headers\": {\"x-request-id\": \"R%zu\"}}]", expected[i][0],
                 i);
        script(w, "status", steps);
        dowel_error err = {0};
        assert_int_equal(ask(w, "GET", "status", NULL, &err), expected[i][1]);
        assert_int_equal(err.http_status, expected[i][0]);
        assert_non_null(strstr(err.message, "Faults: GET http://127.0.0.1:"));
        assert_non_null(strstr(err.message, "/status: HTTP "));
        assert_int_equal(err.request_id[0], 'R');
        assert_int_equal(times(w, "status"), 1);
    }
}

static void retries_idempotent_only(void **state) {
    world *w = *state;
    static const struct {
        const char *method, *steps;
        int code;
        size_t times;
    } cases[] = {
        {"GET", "[{\"status\": 503}, {\"reset\": true}, {}]", 0, 3},
        {"PUT", "[{\"reset\": true}, {\"status\": 503}, {}]", 0, 3},
        {"GET", "[{\"status\": 503}]", DOWEL_E_UNAVAILABLE, 3},
        {"GET", "[{\"body_size\": 9000, \"truncate\": 10}, {\"body_size\": 9000, \"reset_after_bytes\": 10}, {}]", 0,
         3},
        {"POST", "[{\"status\": 503}, {}]", DOWEL_E_UNAVAILABLE, 1},
        {"POST", "[{\"reset\": true}, {}]", DOWEL_E_NETWORK, 1},
        {"POST", "[{\"body_size\": 9000, \"truncate\": 10}, {}]", DOWEL_E_NETWORK, 1},
        {"POST", "[{\"status\": 429}, {}]", 0, 2}, /* its rule says always */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        script(w, "retry", cases[i].steps);
        dowel_error err = {0};
        int rc = ask(w, cases[i].method, "retry", NULL, &err);
        if (rc != cases[i].code || times(w, "retry") != cases[i].times)
            fail_msg("%s %s: code %d, asked %zu times: %s", cases[i].method, cases[i].steps, rc, times(w, "retry"),
                     err.message);
        if (rc) assert_true(err.retryable);
    }
}

/* A kept connection that the server closed: libcurl alone would send the request again. */
static void post_on_a_dead_connection(void **state) {
    world *w = *state;
    script(w, "dead", "[{\"drop\": true}, {\"reset\": true}, {}]");
    dowel_error err = {0};
    assert_int_equal(ask(w, "GET", "dead", NULL, &err), 0);
    assert_int_equal(ask(w, "POST", "dead", NULL, &err), DOWEL_E_NETWORK);
    assert_int_equal(times(w, "dead"), 2);
}

static void reuses_connections(void **state) {
    world *w = *state;
    script(w, "reuse", "[{}]");
    for (int i = 0; i < 3; i++) assert_ok(ask(w, "GET", "reuse", NULL, err));
    json_t *log = seen(w, "reuse");
    json_int_t first = json_integer_value(json_object_get(json_array_get(log, 0), "connection"));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(log, 2), "connection")), first);
    json_decref(log);
}

static void no_connection(void **state) {
    world *w = *state;
    dowel_http_request *r = dowel_http_new(&service, NULL, "POST", "http://127.0.0.1:1");
    dowel_error err = {0};
    assert_int_equal(dowel_http_send(w->d, r, NULL, &err), DOWEL_E_NETWORK);
    assert_non_null(strstr(err.message, "after 3 attempts")); /* nothing was sent: even a POST is tried again */
    assert_true(*err.hint);
    dowel_http_free(r);
}

static void honours_retry_after(void **state) {
    world *w = *state;
    static const char *const forms[] = {"1", "{in 2}"};
    for (int i = 0; i < 2; i++) {
        char steps[128];
        snprintf(steps, sizeof steps, "[{\"status\": 503, \"headers\": {\"Retry-After\": \"%s\"}}, {}]", forms[i]);
        script(w, "after", steps);
        double start = now();
        assert_ok(ask(w, "GET", "after", NULL, err));
        assert_true(now() - start > 0.9);
    }
}

static void keeps_the_refusal_of_an_upload(void **state) {
    world *w = *state;
    script(w, "refuse", "[{\"read\": 10, \"status\": 403, \"body\": \"not yours\"}]");
    size_t size = 8 << 20;
    char *data = calloc(1, size);
    assert_non_null(data);
    dowel_http_request *r = dowel_http_new(&service, NULL, "PUT", url());
    dowel_http_path(r, "refuse", NULL);
    dowel_source *source = dowel_source_memory(data, size);
    dowel_http_source(r, source);
    dowel_error err = {0};
    int rc = dowel_http_send(w->d, r, NULL, &err);
    if (rc != DOWEL_E_PERMISSION) fail_msg("%d: %s", rc, err.message);
    dowel_http_free(r);
    dowel_source_close(source);
    free(data);
}

static void replays_a_file(void **state) {
    world *w = *state;
    size_t size = 3000001;
    unsigned char *data = malloc(size), hash[DOWEL_DIGEST_MAX];
    assert_non_null(data);
    for (size_t i = 0; i < size; i++) data[i] = (unsigned char)(i * 31 + i / 257);
    char path[256];
    snprintf(path, sizeof path, "%s/upload.bin", variable("DOWEL_TEST_TMP"));
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
    dowel_digest *digest = dowel_digest_new(DOWEL_SHA256);
    dowel_digest_update(digest, data, size);
    char *expected = dowel_hex(hash, dowel_digest_end(digest, hash));
    dowel_digest_free(digest);
    free(data);

    script(w, "file", "[{\"read\": 100000, \"reset\": true}, {\"status\": 503}, {}]");
    dowel_source *source;
    assert_ok(dowel_source_file(path, &source, err));
    dowel_http_request *r = dowel_http_new(&service, NULL, "PUT", url());
    dowel_http_path(r, "file", NULL);
    dowel_http_source(r, source);
    assert_ok(dowel_http_send(w->d, r, NULL, err));
    dowel_http_free(r);
    dowel_source_close(source);
    json_t *log = seen(w, "file");
    assert_int_equal(json_array_size(log), 3);
    for (size_t i = 1; i < 3; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(log, i), "sha256")), expected);
    json_decref(log);
    free(expected);
}

/* A sink that cannot start again. */
typedef struct tape {
    unsigned char data[400000];
    size_t size;
} tape;

static int tape_write(void *context, const void *data, size_t size, dowel_error *err) {
    tape *t = context;
    if (t->size + size > sizeof t->data) return dowel_fail(err, DOWEL_E_IO, "the tape is full");
    memcpy(t->data + t->size, data, size);
    t->size += size;
    return 0;
}

static const dowel_sink_ops tape_ops = {.write = tape_write};

static bool is_pattern(const unsigned char *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (data[i] != (i * 7 + i / 251) % 256) return false;
    return true;
}

static int download(world *w, const char *name, dowel_sink *sink, dowel_error *err) {
    dowel_http_request *r = dowel_http_new(&service, NULL, "GET", url());
    dowel_http_path(r, name, NULL);
    dowel_http_sink(r, sink);
    int rc = dowel_http_send(w->d, r, NULL, err);
    dowel_http_free(r);
    return rc;
}

static void restarts_a_sink(void **state) {
    world *w = *state;
    script(w, "sink",
           "[{\"body_size\": 300000, \"truncate\": 100000}, {\"body_size\": 300000, \"reset_after_bytes\": 200000},"
           " {\"body_size\": 300000}]");
    dowel_sink *sink = dowel_sink_memory(0);
    assert_ok(download(w, "sink", sink, err));
    dowel_bytes bytes = dowel_sink_bytes(sink);
    assert_int_equal(bytes.size, 300000);
    assert_true(is_pattern(bytes.data, bytes.size));
    dowel_sink_close(sink);
}

static void continues_a_sink(void **state) {
    world *w = *state;
    static const struct {
        const char *steps;
        int code;
    } cases[] = {
        {"[{\"body_size\": 300000, \"truncate\": 100000, \"headers\": {\"ETag\": \"\\\"e\\\"\"}},"
         " {\"body_size\": 300000, \"range\": true, \"truncate\": 50000, \"headers\": {\"ETag\": \"\\\"e\\\"\"}},"
         " {\"body_size\": 300000, \"range\": true, \"headers\": {\"ETag\": \"\\\"e\\\"\"}}]",
         0},
        /* the object changed meanwhile */
        {"[{\"body_size\": 300000, \"truncate\": 100000, \"headers\": {\"ETag\": \"\\\"e\\\"\"}},"
         " {\"body_size\": 300000, \"range\": true, \"headers\": {\"ETag\": \"\\\"f\\\"\"}}]",
         DOWEL_E_CONFLICT},
        /* the server does not know ranges: it would begin again */
        {"[{\"body_size\": 300000, \"truncate\": 100000, \"headers\": {\"ETag\": \"\\\"e\\\"\"}}, {\"body_size\": "
         "300000}]",
         DOWEL_E_CONFLICT},
        /* nothing says that it is still the same object */
        {"[{\"body_size\": 300000, \"truncate\": 100000}, {\"body_size\": 300000, \"range\": true}]", DOWEL_E_NETWORK},
        {"[{\"body_size\": 300000, \"truncate\": 100000, \"headers\": {\"ETag\": \"\\\"e\\\"\"}}, {\"status\": 204}]",
         DOWEL_E_NETWORK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tape *t = calloc(1, sizeof *t);
        assert_non_null(t);
        dowel_sink *sink = dowel_sink_new(&tape_ops, t);
        script(w, "tape", cases[i].steps);
        dowel_error err = {0};
        int rc = download(w, "tape", sink, &err);
        if (rc != cases[i].code) fail_msg("case %zu: %d: %s", i, rc, err.message);
        if (!rc) assert_int_equal(t->size, 300000);
        assert_true(is_pattern(t->data, t->size));
        dowel_sink_close(sink);
        free(t);
    }
}

/* What is held in memory has a limit, a smaller one where it is a secret; of an error page the beginning is enough. */
static void answers_without_end(void **state) {
    world *w = *state;
    static const struct {
        const char *steps;
        bool secret;
        int code;
        const char *saying;
    } cases[] = {
        {"[{\"body\": \"x\", \"endless\": true}]", false, DOWEL_E_PROTOCOL, "larger than the limit of 64 MiB"},
        {"[{\"body\": \"x\", \"endless\": true}]", true, DOWEL_E_PROTOCOL, "larger than the limit of 1 MiB"},
        {"[{\"body_size\": 1048577}]", true, DOWEL_E_PROTOCOL, "larger than the limit of 1 MiB"},
        {"[{\"body_size\": 1048576}]", true, 0, NULL},
        {"[{\"body_size\": 1048577}]", false, 0, NULL},
        {"[{\"status\": 404, \"body\": \"x\", \"endless\": true}]", false, DOWEL_E_NOT_FOUND, "HTTP 404"},
        {"[{\"status\": 503, \"body\": \"x\", \"endless\": true}, {\"body\": \"{}\"}]", true, 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        script(w, "endless", cases[i].steps);
        dowel_http_request *r = dowel_http_new(&service, NULL, "GET", url());
        dowel_http_path(r, "endless", NULL);
        if (cases[i].secret) dowel_http_secret_body(r);
        dowel_error err = {0};
        int rc = dowel_http_send(w->d, r, NULL, &err);
        if (rc != cases[i].code) fail_msg("case %zu: %d: %s", i, rc, err.message);
        if (rc) {
            assert_non_null(strstr(err.message, cases[i].saying));
            assert_non_null(strstr(err.message, "Faults: GET http://127.0.0.1:"));
            assert_int_equal(times(w, "endless"), 1);
        }
        dowel_http_free(r);
    }
}

/* ---- deadline and cancellation: within a run ---- */

static int stalled(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    dowel_http_request *r = dowel_http_new(&service, NULL, "GET", url());
    dowel_http_path(r, "stall", NULL);
    int rc = dowel_http_send(d, r, NULL, err);
    dowel_http_free(r);
    return rc;
}

static const dowel_task stalled_task = {.size = sizeof(dowel_task), .name = "stalled", .doc = "Waits.", .run = stalled};

static void deadline_wins(void **state) {
    world *w = *state;
    script(w, "stall", "[{\"body_size\": 1000, \"stall\": 10}]");
    assert_ok(dowel_register_task(w->d, &stalled_task, err));
    dowel_call_options options = {.size = sizeof options, .policy = {.timeout = 0.3}};
    dowel_error err = {0};
    double start = now();
    assert_int_equal(dowel_call_json(w->d, "stalled", NULL, &options, NULL, &err), DOWEL_E_TIMEOUT);
    assert_true(now() - start < 3);
}

/* Why it had to be tried again is told, not only that there was no time left for it. */
static void deadline_after_a_failure(void **state) {
    world *w = *state;
    script(w, "stall",
           "[{\"status\": 503, \"headers\": {\"x-request-id\": \"R\"}}, {\"body_size\": 1000, \"stall\": 10}]");
    assert_ok(dowel_register_task(w->d, &stalled_task, err));
    dowel_call_options options = {.size = sizeof options, .policy = {.timeout = 1.5}};
    dowel_error err = {0};
    assert_int_equal(dowel_call_json(w->d, "stalled", NULL, &options, NULL, &err), DOWEL_E_UNAVAILABLE);
    assert_int_equal(err.http_status, 503);
    assert_string_equal(err.request_id, "R");
    assert_true(err.retryable);
    assert_non_null(strstr(err.message, "HTTP 503; the deadline passed during a retry"));
    assert_int_equal(times(w, "stall"), 2);
}

static void cancelled_from_another_thread(void **state) {
    world *w = *state;
    script(w, "stall", "[{\"body_size\": 1000, \"stall\": 10}]");
    assert_ok(dowel_register_task(w->d, &stalled_task, err));
    dowel_future *future;
    assert_ok(dowel_submit(w->d, "stalled", NULL, 0, NULL, &future, err));
    while (times(w, "stall") == 0) usleep(2000);
    double start = now();
    dowel_future_cancel(future);
    dowel_error err = {0};
    assert_int_equal(dowel_wait(future, NULL, &err), DOWEL_E_CANCELLED);
    assert_true(now() - start < 2);
    dowel_future_free(future);
}

static int slow_service_error(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    dowel_http_request *r = dowel_http_new(&service, NULL, "GET", url());
    dowel_http_path(r, "later", NULL);
    int rc = dowel_http_send(d, r, NULL, err);
    dowel_http_free(r);
    return rc;
}

static const dowel_task later_task = {
    .size = sizeof(dowel_task), .name = "later", .doc = "Is told to wait.", .run = slow_service_error};

static void no_wait_beyond_the_deadline(void **state) {
    world *w = *state;
    script(w, "later", "[{\"status\": 503, \"headers\": {\"Retry-After\": \"60\"}}]");
    assert_ok(dowel_register_task(w->d, &later_task, err));
    dowel_call_options options = {.size = sizeof options, .policy = {.timeout = 5}};
    dowel_error err = {0};
    double start = now();
    assert_int_equal(dowel_call_json(w->d, "later", NULL, &options, NULL, &err), DOWEL_E_UNAVAILABLE);
    assert_true(now() - start < 3);
}

/* ---- credentials ---- */

static int count_calls(dowel *d, dowel_http_request *r, void *context, bool again, dowel_error *err) {
    (void)d, (void)err;
    int *calls = context;
    *calls += again ? 100 : 1;
    dowel_http_header(r, "Authorization", again ? "Bearer fresh" : "Bearer stale");
    return 0;
}

static void fresh_token_once(void **state) {
    world *w = *state;
    static const dowel_http_service once = {.name = "Faults", .max_attempts = 1, .authorize = count_calls};
    static const char *const scripts[] = {"[{\"status\": 401}, {}]", "[{\"status\": 401}]"};
    for (int i = 0; i < 2; i++) {
        script(w, "token", scripts[i]);
        int calls = 0;
        dowel_http_request *r = dowel_http_new(&once, &calls, "POST", url());
        dowel_http_path(r, "token", NULL);
        dowel_error err = {0};
        assert_int_equal(dowel_http_send(w->d, r, NULL, &err), i ? DOWEL_E_PERMISSION : 0);
        assert_int_equal(calls, 101);
        dowel_http_free(r);
        json_t *log = seen(w, "token");
        assert_int_equal(json_array_size(log), 2);
        json_t *headers = json_object_get(json_array_get(log, 1), "headers");
        assert_string_equal(json_string_value(json_object_get(headers, "authorization")), "Bearer fresh");
        json_decref(log);
    }
}

static void masks_secrets(void **state) {
    world *w = *state;
    script(w, "mask", "[{}]");
    static const char *const names[] = {"X-Any-Signature", "X-Any-Security-Token", "token", "sig"};
    dowel_http_request *r = dowel_http_new(&service, NULL, "POST", url());
    dowel_http_path(r, "mask", NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) dowel_http_query(r, names[i], "hunter2");
    dowel_http_query(r, "shown", "plain");
    dowel_http_header(r, "authorization", "Bearer hunter2");
    dowel_http_header(r, "X-Any-Security-Token", "hunter2");
    dowel_http_secret_header(r, "X-Own", "hunter2");
    dowel_http_header(r, "X-Shown", "plain");
    dowel_http_body(r, "hunter2", 7);
    assert_ok(dowel_http_send(w->d, r, NULL, err));
    dowel_http_free(r);

    r = dowel_http_new(&service, NULL, "GET", url());
    dowel_http_path(r, "mask", "hunter2", NULL);
    dowel_http_query(r, "a", "hunter2");
    dowel_http_secret_url(r);
    assert_ok(dowel_http_send(w->d, r, NULL, err));
    dowel_http_free(r);
    assert_non_null(strstr(w->lines, "shown=plain"));
    assert_non_null(strstr(w->lines, "X-Shown: plain"));
    assert_null(strstr(w->lines, "hunter2"));
}

/* The three ways in which HTTP has ever written a time, and what is none. */
static void reads_dates(void **state) {
    world *w = *state;
    static const struct {
        const char *text;
        int64_t time;
    } cases[] = {{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
                 {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
                 {"Sun Nov  6 08:49:37 1994", 784111777},
                 {"Mon, 29 Feb 2044 23:59:60 GMT", 2340403200},
                 {"Wednesday, 01-Jan-20 00:00:00 GMT", 1577836800},
                 {"Sun, 06 anF 1994 08:49:37 GMT", 0},
                 {"Sun, 06 No 1994 08:49:37 GMT", 0},
                 {"Sun, 99 Nov 1994 08:49:37 GMT", 0},
                 {"Sun, 06 Nov 1994 25:00:00 GMT", 0},
                 {"Sun, 06 Nov 1994", 0},
                 {"soon", 0},
                 {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char steps[128];
        snprintf(steps, sizeof steps, "[{\"headers\": {\"Date\": \"%s\"}}]", cases[i].text);
        script(w, "date", steps);
        dowel_http_response *response;
        assert_ok(ask(w, "GET", "date", &response, err));
        int64_t time = dowel_http_response_time(response);
        dowel_http_response_free(response);
        if (time != cases[i].time) fail_msg("%s: %lld", cases[i].text, (long long)time);
    }
}

static void refuses_injection(void **state) {
    world *w = *state;
    script(w, "inject", "[{}]");
    static const char *const bad[][2] = {
        {"X-A", "b\r\nX-Evil: 1"}, {"X-A", "b\nX-Evil: 1"}, {"X-A\r\nX-Evil", "1"}, {"X-A: b", "1"}, {"X A", "1"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dowel_http_request *r = dowel_http_new(&service, NULL, "GET", url());
        dowel_http_path(r, "inject", NULL);
        dowel_http_header(r, bad[i][0], bad[i][1]);
        dowel_error err = {0};
        assert_int_equal(dowel_http_send(w->d, r, NULL, &err), DOWEL_E_INVALID);
        dowel_http_free(r);
    }
    static const char *const endpoints[] = {"ftp://x", "http://a b", "http://a/\r\nHost: b", "file:///etc/passwd",
                                            "http://u@h"};
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        dowel_http_request *r = dowel_http_new(&service, NULL, "GET", endpoints[i]);
        dowel_error err = {0};
        assert_int_equal(dowel_http_send(w->d, r, NULL, &err), DOWEL_E_INVALID);
        dowel_http_free(r);
    }
    assert_int_equal(times(w, "inject"), 0);
}

static void encodes_the_url(void **state) {
    world *w = *state;
    script(w, "url", "[{}]");
    dowel_http_request *r = dowel_http_new(&service, NULL, "GET", url());
    dowel_http_path(r, "url", "a/b \xc3\xa4", "..", NULL);
    dowel_http_path_slashes(r, "x//y+z");
    dowel_http_path_raw(r, ":run");
    dowel_http_query(r, "q&", "1=2 3");
    dowel_http_query(r, "left", NULL);
    dowel_http_query_int(r, "n", -5);
    assert_ok(dowel_http_send(w->d, r, NULL, err));
    dowel_http_free(r);
    json_t *log = seen(w, "url");
    assert_string_equal(json_string_value(json_object_get(json_array_get(log, 0), "path")),
                        "/url/a%2Fb%20%C3%A4/%2E%2E/x//y%2Bz:run?q%26=1%3D2%203&n=-5");
    json_decref(log);
}

static void *hammer(void *context) {
    world *w = context;
    for (int i = 0; i < 20; i++) {
        dowel_http_response *response;
        dowel_error err;
        if (ask(w, "PUT", "many", &response, &err)) return w;
        bool same = dowel_http_response_body(response).size == 2;
        dowel_http_response_free(response);
        if (!same) return w;
    }
    return NULL;
}

static void many_threads(void **state) {
    world *w = *state;
    script(w, "many", "[{\"echo\": true}]");
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) assert_int_equal(pthread_create(&threads[i], NULL, hammer, w), 0);
    for (int i = 0; i < 6; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(times(w, "many"), 120);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(maps_statuses),
        TEST(retries_idempotent_only),
        TEST(post_on_a_dead_connection),
        TEST(reuses_connections),
        TEST(no_connection),
        TEST(honours_retry_after),
        TEST(keeps_the_refusal_of_an_upload),
        TEST(replays_a_file),
        TEST(restarts_a_sink),
        TEST(continues_a_sink),
        TEST(answers_without_end),
        TEST(deadline_wins),
        TEST(deadline_after_a_failure),
        TEST(cancelled_from_another_thread),
        TEST(no_wait_beyond_the_deadline),
        TEST(fresh_token_once),
        TEST(masks_secrets),
        TEST(reads_dates),
        TEST(refuses_injection),
        TEST(encodes_the_url),
        TEST(many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
