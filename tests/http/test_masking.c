/* What logs and recordings show of names that carry secrets: the generic ones for every service, a provider's own for its services. */
#include "test.h"

#include <dowel/credentials.h>

/* ---- a transport that answers by itself ---- */

static dowel_header answer_headers[16];
static int answer_status;

static int perform(dowel_transport *transport, dowel *d, dowel_exchange *exchange, dowel_error *err) {
    (void)transport, (void)d, (void)err;
    exchange->sent = true;
    exchange->status = answer_status;
    for (const dowel_header *h = answer_headers; h->name; h++)
        assert_int_equal(exchange->on_header(exchange, h->name, h->value), 0);
    return 0;
}

static dowel_transport answering = {perform, NULL};

/* ---- a handle whose debug log and recording are kept ---- */

typedef struct world {
    dowel *d;
    dowel_transport *recorder;
    char lines[1 << 14];
} world;

static void keep(void *context, dowel_log_level level, const char *line) {
    (void)level;
    world *w = context;
    size_t used = strlen(w->lines);
    snprintf(w->lines + used, sizeof w->lines - used, "%s\n", line);
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    memset(answer_headers, 0, sizeof answer_headers);
    answer_status = 200;
    setenv("DOWEL_LOG", "debug", 1);
    assert_ok(dowel_transport_record(&answering, &w->recorder, err));
    assert_ok(dowel_open_with(&w->d,
                              &(dowel_options){.size = sizeof(dowel_options),
                                               .database_url = "memory:",
                                               .no_history = true,
                                               .transport = w->recorder,
                                               .log = keep,
                                               .log_context = w},
                              err));
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    dowel_close(w->d);
    dowel_transport_close(w->recorder);
    free(w);
    return 0;
}

static bool is_recorded(world *w, const char *text) {
    json_t *recording = dowel_transport_recording(w->recorder);
    char *written = json_dumps(recording, 0);
    bool there = strstr(written, text) != NULL;
    free(written);
    json_decref(recording);
    return there;
}

static bool is_shown(world *w, const char *text) {
    return strstr(w->lines, text) || is_recorded(w, text);
}

static bool is_shown_everywhere(world *w, const char *text) {
    return strstr(w->lines, text) && is_recorded(w, text);
}

/* Sends `name` once as a header and once as a parameter, and lets the service answer with it: as a header and within an address. */
static void send_named(world *w, const dowel_http_names *names, const char *header, const char *parameter,
                       const char *value) {
    const dowel_http_service service = {.name = "Masked", .names = names, .max_attempts = 1};
    char location[256];
    snprintf(location, sizeof location, "https://h/a?x=1&%s=%s&y=2", parameter ? parameter : "none", value);
    size_t n = 0;
    memset(answer_headers, 0, sizeof answer_headers);
    if (header) answer_headers[n++] = (dowel_header){header, value};
    if (parameter) answer_headers[n++] = (dowel_header){"Location", location};
    dowel_http_request *r = dowel_http_new(&service, NULL, "GET", "https://h");
    dowel_http_path(r, "a", NULL);
    if (parameter) dowel_http_query(r, parameter, value);
    if (header) dowel_http_header(r, header, value);
    assert_ok(dowel_http_send(w->d, r, NULL, err));
    dowel_http_free(r);
}

static void masks_generic_names(void **state) {
    static const char *const headers[] = {
        "Authorization",        "proxy-authorization",  "Cookie",          "Set-Cookie",   "X-Api-Key",
        "X-My-Token",           "X_My_Secret",          "X-Any-Signature", "X-Credential", "Database-Password",
        "X-Amz-Security-Token", "X-Goog-Encryption-Key"};
    static const char *const parameters[] = {"token",
                                             "access_token",
                                             "key",
                                             "sig",
                                             "signature",
                                             "client_secret",
                                             "code",
                                             "assertion",
                                             "client_assertion",
                                             "X-Any-Signature",
                                             "X-Any-Credential",
                                             "password",
                                             "X-Amz-Security-Token",
                                             "REFRESH_TOKEN"};
    world *w = *state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        send_named(w, NULL, headers[i], NULL, "hunter2");
        if (is_shown(w, "hunter2")) fail_msg("header %s is shown", headers[i]);
    }
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        send_named(w, NULL, NULL, parameters[i], "hunter2");
        if (is_shown(w, "hunter2")) fail_msg("parameter %s is shown", parameters[i]);
    }
}

static void shows_the_others(void **state) {
    static const char *const names[] = {"X-Plain", "continuation-token", "pageToken", "monkey", "prefix", "tokens"};
    world *w = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char value[32];
        snprintf(value, sizeof value, "plain-%zu", i);
        send_named(w, &dowel_aws_names, NULL, names[i], value);
        if (!is_shown_everywhere(w, value)) fail_msg("parameter %s is masked", names[i]);
    }
    send_named(w, &dowel_aws_names, "X-Plain", NULL, "plain-header");
    assert_true(is_shown_everywhere(w, "plain-header"));
}

typedef struct provider {
    const dowel_http_names *names;
    const char *headers[8], *parameters[8];
} provider;

/* Everything that has ever been masked stays so. */
static const provider aws = {&dowel_aws_names,
                             {"X-Amz-Security-Token", "X-aws-ec2-metadata-token",
                              "X-Amz-Server-Side-Encryption-Customer-Key",
                              "x-amz-copy-source-server-side-encryption-customer-key"},
                             {"X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Credential", "uploadId"}};
static const provider gcp = {
    &dowel_gcp_names,
    {"X-Goog-Api-Key", "X-GUploader-UploadID", "X-Goog-Encryption-Key", "x-goog-copy-source-encryption-key"},
    {"X-Goog-Signature", "X-Goog-Credential", "upload_id"}};

static void check_provider(world *w, const provider *p) {
    for (int i = 0; p->headers[i]; i++) {
        send_named(w, p->names, p->headers[i], NULL, "hunter2");
        if (is_shown(w, "hunter2")) fail_msg("header %s is shown", p->headers[i]);
    }
    for (int i = 0; p->parameters[i]; i++) {
        send_named(w, p->names, NULL, p->parameters[i], "hunter2");
        if (is_shown(w, "hunter2")) fail_msg("parameter %s is shown", p->parameters[i]);
    }
}

static void masks_names_of_providers(void **state) {
    check_provider(*state, &aws);
    check_provider(*state, &gcp);
}

static void names_of_a_program(void **state) {
    static const char *const headers[] = {"X-Own", NULL}, *const parameters[] = {"session", NULL};
    const dowel_http_names names = {.secret_headers = headers, .secret_parameters = parameters};
    world *w = *state;
    send_named(w, NULL, "X-Own", "session", "hunter1");
    assert_true(is_shown_everywhere(w, "hunter1"));
    send_named(w, &names, "x-own", "SESSION", "hunter2");
    assert_false(is_shown(w, "hunter2"));
}

static void finds_request_ids(void **state) {
    static const struct {
        const dowel_http_names *names;
        dowel_header headers[2];
        bool secret_url;
        const char *id;
    } cases[] = {
        {&dowel_aws_names, {{"X-Amz-Request-Id", "one"}}, false, "one"},
        {&dowel_aws_names, {{"x-amzn-RequestId", "two"}}, false, "two"},
        {&dowel_aws_names, {{"X-Request-Id", "far"}, {"x-amz-request-id", "near"}}, false, "near"},
        {&dowel_gcp_names, {{"X-GUploader-UploadID", "three"}}, false, "three"},
        {&dowel_gcp_names, {{"X-GUploader-UploadID", "session"}}, true, ""},
        {&dowel_gcp_names, {{"X-GUploader-UploadID", "session"}, {"x-cloud-trace-context", "trace"}}, true, "trace"},
        {NULL, {{"x-amz-request-id", "unknown"}, {"X-Request-Id", "four"}}, false, "four"},
        {NULL, {{"x-amz-request-id", "unknown"}}, false, ""},
    };
    world *w = *state;
    answer_status = 400;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const dowel_http_service service = {.name = "Masked", .names = cases[i].names, .max_attempts = 1};
        memset(answer_headers, 0, sizeof answer_headers);
        memcpy(answer_headers, cases[i].headers, sizeof cases[i].headers);
        dowel_http_request *r = dowel_http_new(&service, NULL, "GET", "https://h");
        if (cases[i].secret_url) dowel_http_secret_url(r);
        dowel_error err = {0};
        assert_int_equal(dowel_http_send(w->d, r, NULL, &err), DOWEL_E_REFUSED);
        dowel_http_free(r);
        if (strcmp(err.request_id, cases[i].id)) fail_msg("case %zu: \"%s\"", i, err.request_id);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(masks_generic_names), TEST(shows_the_others),
                                       TEST(masks_names_of_providers), TEST(names_of_a_program),
                                       TEST(finds_request_ids)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
