/* A host program whose locale writes 1,5: every number that goes out, comes in, is kept or shown has a point all the same. */
#include "test.h"

#include <dowel/bigquery.h>
#include <dowel/cloud_run.h>
#include <dowel/http.h>
#include <locale.h>
#include <math.h>
#include <time.h>

/* Answers of BigQuery and Cloud Run; keeps what it was sent. */
typedef struct server {
    dowel_transport base;
    char sent[8192];
    const char *answer;
} server;

static const char rows[] =
    "{\"jobComplete\": true, \"totalRows\": \"1\", \"schema\": {\"fields\": [{\"name\": \"f\", \"type\": \"FLOAT\"}, "
    "{\"name\": "
    "\"t\", \"type\": \"TIMESTAMP\"}]}, \"rows\": [{\"f\": [{\"v\": \"0.5\"}, {\"v\": \"1700000000.25\"}]}]}";
static const char job[] =
    "{\"jobReference\": {\"projectId\": \"demo\", \"jobId\": \"j\", \"location\": \"US\"}, \"status\": "
    "{\"state\": \"DONE\"}, \"statistics\": {\"query\": {}}}";

static int perform(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)d;
    (void)err;
    server *s = (server *)base;
    size_t used = strlen(s->sent);
    snprintf(s->sent + used, sizeof s->sent - used, "%s %s %.*s\n", x->method, x->url, (int)x->body.size,
             x->body.data ? (const char *)x->body.data : "");
    const char *answer = strstr(x->url, "/queries/") ? rows : strstr(x->url, "bigquery") ? job : s->answer;
    x->sent = true;
    x->status = answer ? 200 : 404;
    x->on_header(x, "Content-Type", "application/json");
    x->on_header(x, "X-GOOG-REQUEST-ID", "request-7");
    if (!answer) answer = "{\"error\": {\"code\": 404, \"message\": \"not there\"}}";
    return x->on_body(x, answer, strlen(answer));
}

static dowel *open_on(server *s) {
    dowel *d = NULL;
    *s = (server){.base = {perform, NULL}};
    const dowel_options options = {.size = sizeof options, .database_url = "memory:", .transport = &s->base};
    assert_ok(dowel_open(&d, &options, err));
    return d;
}

static void a_point_is_no_separator_here(void **state) {
    (void)state;
    char text[16];
    snprintf(text, sizeof text, "%.1f", 1.5);
    assert_string_equal(text, "1,5"); /* or this test shows nothing */
}

static void rows_and_parameters(void **state) {
    (void)state;
    server s;
    dowel *d = open_on(&s);
    json_t *result = NULL,
           *args = json_pack("{s:{s:b,s:s},s:s,s:s,s:s,s:{s:f,s:{s:s,s:f}}}", "credentials", "anonymous", 1, "$type",
                             "gcp-credentials", "project", "demo", "query", "SELECT", "endpoint", "http://127.0.0.1:9",
                             "parameters", "x", 0.1, "n", "type", "NUMERIC", "value", 2.5);
    assert_ok(dowel_call_json(d, "bigquery.query", args, NULL, &result, err));
    assert_non_null(strstr(s.sent, "\"value\":\"0.1\""));
    assert_non_null(strstr(s.sent, "\"value\":\"2.5\""));
    json_t *row = json_array_get(json_object_get(result, "rows"), 0);
    assert_true(json_real_value(json_object_get(row, "f")) == 0.5);
    assert_string_equal(json_string_value(json_object_get(row, "t")), "2023-11-14T22:13:20.250000Z");
    char *written = dowel_json_dump(row, 0);
    assert_non_null(strstr(written, "\"f\":0.5,"));
    free(written);
    json_decref(args);
    json_decref(result);
    dowel_close(d);
}

static void durations_that_are_sent(void **state) {
    (void)state;
    server s;
    dowel *d = open_on(&s);
    json_t *args = json_pack("{s:{s:s,s:s,s:s,s:s,s:s,s:f,s:{s:b,s:s},s:s},s:f}", "job", "$type", "cloud-run-job",
                             "job", "nightly", "image", "image", "region", "europe-west1", "project", "demo", "timeout",
                             90.25, "credentials", "anonymous", 1, "$type", "gcp-credentials", "endpoint",
                             "http://127.0.0.1:9", "task_timeout", 1.5);
    (void)dowel_call_json(d, "cloud_run.run", args, NULL, NULL, NULL); /* the job is not there: it is created first */
    assert_non_null(strstr(s.sent, "\"timeout\":\"90.25s\""));
    json_decref(args);
    dowel_close(d);
    static const struct {
        double seconds;
        const char *text;
    } durations[] = {{0, "0s"},
                     {1.5, "1.5s"},
                     {90, "90s"},
                     {1e9, "1000000000s"},
                     {1e-9, "0.000000001s"},
                     {0.1, "0.1s"},
                     {3600.000001, "3600.000001s"}};
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        char text[DOWEL_DURATION_TEXT_SIZE];
        dowel_format_duration(durations[i].seconds, text);
        assert_string_equal(text, durations[i].text);
    }
}

/* Names of headers and types have an I in them, of which a Turkish locale has two; a locale of Latin-1 has letters that are no ASCII. */
static void words_of_protocols(void **state) {
    (void)state;
    server s;
    dowel *d = open_on(&s);
    dowel_error why = {0};
    json_t *args = json_pack("{s:{s:b,s:s},s:s,s:s,s:s,s:{s:{s:s,s:s}}}", "credentials", "anonymous", 1, "$type",
                             "gcp-credentials", "project", "demo", "query", "SELECT", "endpoint", "http://127.0.0.1:9",
                             "parameters", "x", "type", "string", "value", "x");
    assert_ok(dowel_call_json(d, "bigquery.query", args, NULL, NULL, err));
    assert_non_null(strstr(s.sent, "\"type\":\"STRING\""));
    json_decref(args);
    args = json_pack("{s:{s:s,s:s,s:{s:b,s:s},s:s}}", "bucket", "$type", "gcs-bucket", "bucket", "b", "credentials",
                     "anonymous", 1, "$type", "gcp-credentials", "endpoint", "http://127.0.0.1:9");
    assert_int_equal(dowel_call_json(d, "gcs.list", args, NULL, NULL, &why), DOWEL_E_NOT_FOUND);
    assert_string_equal(why.request_id, "request-7");
    json_decref(args);
    dowel_close(d);
    assert_int_equal(dowel_casecmp("CONTENT-ID", "content-id"), 0);
    assert_int_equal(dowel_ncasecmp("If-Match: x", "IF-MATCH: y", 9), 0);
    assert_true(dowel_casecmp("i", "j") < 0 && dowel_casecmp("ab", "a") > 0);
    for (int c = 0x80; c < 0x100; c++)
        assert_true(dowel_lower(c) == c && dowel_upper(c) == c && !dowel_is_alnum(c) && !dowel_is_space(c));
}

typedef struct numbers {
    double number, duration;
    int64_t size;
    json_t *document;
} numbers;

static const dowel_field number_fields[] = {
    {DOWEL_AT(numbers, number), .kind = DOWEL_FLOAT, .minimum = 0.25, .maximum = 2.75},
    {DOWEL_AT(numbers, duration), .kind = DOWEL_DURATION, .fallback = "1.5s"},
    {DOWEL_AT(numbers, size), .kind = DOWEL_SIZE},
    {DOWEL_AT(numbers, document), .kind = DOWEL_JSON},
    {0}};
static const dowel_table number_table = {"numbers", sizeof(numbers), number_fields, NULL};

static void amounts_as_text(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {{"9007199254740993", 9007199254740993},
                 {"9007199254740993B", 9007199254740993},
                 {"8796093022207999KiB", 8796093022207999 * 1024},
                 {"1.5GiB", 1610612736},
                 {"0", 0},
                 {"0.5KB", 500}};
    static const struct {
        const char *text;
        double seconds;
    } durations[] = {{"0.3s", 0.3}, {"1.1", 1.1}, {"0.123456789s", 0.123456789}, {"2.675s", 2.675}, {"1h0.5s", 3600.5}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int64_t bytes = -1;
        assert_int_equal(dowel_parse_size(sizes[i].text, &bytes), 0);
        assert_true(bytes == sizes[i].bytes);
    }
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        double seconds = -1;
        assert_int_equal(dowel_parse_duration(durations[i].text, &seconds), 0);
        assert_true(seconds == durations[i].seconds);
    }
    int64_t bytes;
    static const char *const bad[] = {"1,5GiB", "0.3", "9223372036854775808", "8EiB", "1e3", "-1", "0x10", ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!dowel_parse_size(bad[i], &bytes)) fail_msg("\"%s\" is taken for a size", bad[i]);
}

static void fields_as_text(void **state) {
    (void)state;
    json_t *object = json_object();
    static const char *const given[] = {"number", "0.5", "size", "1.5KiB", "document", "[0.1, 1.10, 2.5e-3]"};
    for (size_t i = 0; i < 6; i += 2)
        assert_ok(
            dowel_field_parse(&number_table, dowel_field_find(&number_table, given[i]), given[i + 1], object, err));
    dowel_record *record;
    assert_ok(dowel_record_decode(&number_table, object, NULL, &record, err));
    const numbers *n = dowel_record_data(record);
    assert_true(n->number == 0.5 && n->duration == 1.5 && n->size == 1536);
    char *text = dowel_json_dump(n->document, 0);
    assert_string_equal(text, "[0.1,1.10,2.5e-3]");
    free(text);
    dowel_record_free(record);
    dowel_error why;
    assert_int_equal(dowel_field_parse(&number_table, &number_fields[0], "0,5", object, &why), DOWEL_E_INVALID);
    json_object_set_new(object, "number", json_real(3.5));
    assert_int_equal(dowel_record_decode(&number_table, object, NULL, &record, &why), DOWEL_E_INVALID);
    assert_non_null(strstr(why.message, "3.5 is not between 0.25 and 2.75"));
    json_decref(object);
}

static int failing(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)d;
    (void)args;
    (void)result;
    return dowel_fail(err, DOWEL_E_INVALID, "no: %g", 0.5);
}

static const dowel_task fails = {.size = sizeof(dowel_task), .name = "comma.fails", .doc = "Fails.", .run = failing};

static void what_the_history_keeps(void **state) {
    (void)state;
    server s;
    dowel *d = open_on(&s);
    dowel_error why = {0};
    char id[DOWEL_RUN_ID_SIZE];
    json_t *run = NULL;
    assert_ok(dowel_register_task(d, &fails, err));
    const dowel_call_options how = {.size = sizeof how, .policy = {.retry_delay = 0.125, .timeout = 2.5}, .run_id = id};
    assert_int_equal(dowel_call(d, "comma.fails", NULL, 0, &how, NULL, &why), DOWEL_E_INVALID);
    assert_string_equal(why.message, "no: 0.5");
    assert_ok(dowel_runs_show(d, id, &run, err));
    const json_t *policy = json_object_get(run, "policy");
    assert_true(json_number_value(json_object_get(policy, "retry_delay")) == 0.125);
    assert_true(json_number_value(json_object_get(policy, "timeout")) == 2.5);
    json_decref(run);
    dowel_close(d);
}

static void jansson_itself(void **state) {
    json_t *document = NULL;
    assert_ok(dowel_json_parse("[0.5, 1e3, -2.25e-1]", 20, "test", &document, err));
    assert_true(json_real_value(json_array_get(document, 0)) == 0.5);
    assert_true(json_real_value(json_array_get(document, 2)) == -0.225);
    char *text = json_dumps(document, JSON_COMPACT);
    assert_null(strstr(text, "0,5"));
    free(text);
    json_decref(document);
    char *end;
    assert_true(dowel_read_real("1.5s", &end) == 1.5 && *end == 's');
    assert_string_equal(setlocale(LC_NUMERIC, NULL), *state); /* nobody changed it */
    assert_string_equal(localeconv()->decimal_point, ",");
}

int main(int argc, char **argv) {
    if (argc < 2 || !setlocale(LC_ALL, argv[1]) || strcmp(localeconv()->decimal_point, ",") != 0) return 77;
    const struct CMUnitTest list[] = {cmocka_unit_test(a_point_is_no_separator_here),
                                      cmocka_unit_test(rows_and_parameters),
                                      cmocka_unit_test(durations_that_are_sent),
                                      cmocka_unit_test(words_of_protocols),
                                      cmocka_unit_test(amounts_as_text),
                                      cmocka_unit_test(fields_as_text),
                                      cmocka_unit_test(what_the_history_keeps),
                                      cmocka_unit_test_prestate(jansson_itself, argv[1])};
    return cmocka_run_group_tests(list, NULL, NULL);
}
