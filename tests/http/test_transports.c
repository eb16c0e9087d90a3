/* Recording what goes over the wire, and answering from it. */
#include "test.h"

#include <dowel/http.h>

static const dowel_retry_rule rules[] = {{503, NULL, false}, {0, NULL, false}};
static const dowel_http_service service = {.name = "Recorded", .retry = rules, .max_attempts = 3, .backoff = 0.001};

static dowel *open_on(dowel_transport *transport) {
    dowel *d = NULL;
    assert_ok(dowel_open_with(
        &d,
        &(dowel_options){
            .size = sizeof(dowel_options), .database_url = "memory:", .no_history = true, .transport = transport},
        err));
    return d;
}

static int converse(dowel *d, const char *base, const char *body, json_t **answer, dowel_error *err) {
    dowel_http_request *r = dowel_http_new(&service, NULL, "PUT", base);
    dowel_http_path(r, "talk", NULL);
    dowel_http_query(r, "token", "hunter2");
    dowel_http_header(r, "Authorization", "Bearer hunter2");
    dowel_http_header(r, "X-Plain", "seen");
    dowel_http_body(r, body, strlen(body));
    return dowel_http_fetch_json(d, r, answer, err);
}

static json_t *record(void) {
    const char *base = variable("DOWEL_TEST_FAULT_URL");
    dowel_transport *curl, *recorder;
    assert_ok(dowel_transport_curl(&curl, err));
    dowel *plain = open_on(curl);
    dowel_http_request *r = dowel_http_new(&service, NULL, "POST", base);
    dowel_http_path(r, "_script", "talk", NULL);
    const char *steps = "[{\"status\": 503}, {\"body_size\": 9, \"truncate\": 5}, {\"body\": {\"x\": 1}}]";
    dowel_http_body(r, steps, strlen(steps));
    assert_ok(dowel_http_send(plain, r, NULL, err));
    dowel_http_free(r);
    dowel_close(plain);

    assert_ok(dowel_transport_record(curl, &recorder, err));
    dowel *d = open_on(recorder);
    json_t *answer = NULL;
    assert_ok(converse(d, base, "question", &answer, err));
    json_decref(answer);
    dowel_close(d);
    json_t *recording = dowel_transport_recording(recorder);
    dowel_transport_close(recorder);
    dowel_transport_close(curl);
    return recording;
}

static void records_and_replays(void **state) {
    (void)state;
    json_t *recording = record();
    assert_int_equal(json_array_size(recording), 3);
    char *text = json_dumps(recording, 0);
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "seen"));
    free(text);

    dowel_transport *replayer;
    assert_ok(dowel_transport_replay(recording, &replayer, err));
    dowel *d = open_on(replayer);
    assert_int_equal(dowel_transport_replay_left(replayer), 3);
    json_t *answer = NULL;
    assert_ok(converse(d, variable("DOWEL_TEST_FAULT_URL"), "question", &answer, err));
    assert_int_equal(json_integer_value(json_object_get(answer, "x")), 1);
    json_decref(answer);
    assert_int_equal(dowel_transport_replay_left(replayer), 0);
    dowel_error err = {0};
    assert_int_equal(converse(d, variable("DOWEL_TEST_FAULT_URL"), "question", &answer, &err), DOWEL_E_INVALID);
    assert_non_null(strstr(err.message, "has only 3 requests"));
    dowel_close(d);
    dowel_transport_close(replayer);
    json_decref(recording);
}

static void says_what_differs(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"method\": \"GET\"}", "method PUT, recorded GET"},
        {"{\"uri\": \"http://h/other\"}", "recorded http://h/other"},
        {"{\"headers\": {\"x-plain\": \"else\"}}", "header x-plain is seen, recorded else"},
        {"{\"headers\": {\"x-none\": \"else\"}}", "header x-none is missing"},
        {"{\"body\": \"answer\"}", "body question, recorded answer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *recording =
            json_pack("[{s:o, s:{s:i}}]", "request", json_loads(cases[i][0], 0, NULL), "response", "status", 200);
        dowel_transport *replayer;
        assert_ok(dowel_transport_replay(recording, &replayer, err));
        json_decref(recording);
        dowel *d = open_on(replayer);
        json_t *answer = NULL;
        dowel_error err = {0};
        assert_int_equal(converse(d, "http://h", "question", &answer, &err), DOWEL_E_INVALID);
        if (!strstr(err.message, cases[i][1])) fail_msg("%s: %s", cases[i][1], err.message);
        dowel_close(d);
        dowel_transport_close(replayer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_replays),
        cmocka_unit_test(says_what_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
