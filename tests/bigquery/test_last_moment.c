/* A query that is given up just as an answer comes in: its job is cancelled once. */
#include "test.h"

#include <dowel/http.h>

typedef struct server {
    dowel_transport base;
    bool stop; /* what the caller answers when it is asked whether to go on */
    int polls, cancels;
} server;

static int perform(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)d;
    (void)err;
    server *s = (server *)base;
    if (strstr(x->url, "/cancel")) s->cancels++;
    if (!strcmp(x->method, "GET")) {
        s->polls++;
        s->stop = true; /* after the answer was read, before the next question */
    }
    const char *job = "{\"jobReference\": {\"projectId\": \"demo\", \"jobId\": \"j\", \"location\": \"US\"}, "
                      "\"status\": {\"state\": \"RUNNING\"}}";
    x->sent = true;
    x->status = 200;
    x->on_header(x, "Content-Type", "application/json");
    return x->on_body(x, job, strlen(job));
}

static bool stopped(void *context) {
    return ((server *)context)->stop;
}

static void cancels_once(void **state) {
    (void)state;
    server s = {.base = {perform, NULL}};
    const dowel_options options = {
        .size = sizeof options, .database_url = "memory:", .no_history = true, .transport = &s.base};
    const dowel_call_options how = {.size = sizeof how, .cancelled = stopped, .cancelled_context = &s};
    dowel *d = NULL;
    assert_ok(dowel_open(&d, &options, err));
    json_t *args = json_pack("{s:{s:b,s:s},s:s,s:s}", "credentials", "anonymous", 1, "project", "demo", "query",
                             "SELECT 1", "endpoint", "http://127.0.0.1:9");
    dowel_error why;
    int rc = dowel_call_json(d, "bigquery.query", args, &how, NULL, &why);
    json_decref(args);
    dowel_close(d);
    assert_int_equal(rc, DOWEL_E_CANCELLED);
    assert_int_equal(s.polls, 1);
    assert_int_equal(s.cancels, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cancels_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
