/* What is repeated and what is not: every case of gcs/retry_tests.json in the conformance folder for each method of storage.objects and
 * storage.buckets that the connector has, against Google's testbench, which injects the faults. */
#include "test.h"

#include <dowel/gcs.h>
#include <dowel/http.h>

#include <unistd.h>

#define SIZE (9 << 20) /* more than any fault of the suite is after */

static dowel *d;
static const char *url;
static char test_id[64], bucket_name[64], directory[512];
static char *content;

/* ---- the header that makes the testbench inject faults, on every attempt ---- */

static dowel_transport *under;

static int perform(dowel_transport *transport, dowel *handle, dowel_exchange *exchange, dowel_error *err) {
    (void)transport;
    size_t count = 0;
    while (exchange->headers[count].name) count++;
    dowel_header *headers = calloc(count + 2, sizeof *headers);
    bool *secret = calloc(count + 2, sizeof *secret);
    assert_true(headers && secret);
    memcpy(headers, exchange->headers, count * sizeof *headers);
    if (exchange->secret_headers) memcpy(secret, exchange->secret_headers, count * sizeof *secret);
    if (*test_id) headers[count] = (dowel_header){"x-retry-test-id", test_id};
    exchange->headers = headers;
    exchange->secret_headers = secret;
    int rc = under->perform(under, handle, exchange, err);
    free(headers);
    free(secret);
    return rc;
}

static dowel_transport marking = {perform, NULL};

/* ---- the testbench ---- */

static json_t *ask(const char *method, const char *path, const json_t *body) {
    static const dowel_http_service service = {.name = "testbench"};
    dowel_http_request *r = dowel_http_new(&service, NULL, method, url);
    dowel_http_path_raw(r, path);
    if (body) dowel_http_json(r, body);
    json_t *answer = NULL;
    assert_ok(dowel_http_fetch_json(d, r, &answer, err));
    return answer;
}

static json_t *block(void) {
    return json_pack("{s:s,s:s,s:{s:b,s:s}}", "bucket", bucket_name, "endpoint", url, "credentials", "anonymous", 1,
                     "project", "demo");
}

/* Calls a task; takes `args` over, and adds the bucket. */
static int run(const char *task, json_t *args, json_t **result, dowel_error *err) {
    if (strcmp(task, "gcs.list_buckets") != 0) json_object_set_new(args, "bucket", block());
    int rc = dowel_call_json(d, task, args, NULL, result, err);
    json_decref(args);
    return rc;
}

static void prepare_resources(const json_t *method) {
    static int number;
    json_t *resource;
    size_t i;
    snprintf(bucket_name, sizeof bucket_name, "retries-%d", ++number);
    json_array_foreach(json_object_get(method, "resources"), i, resource) {
        const char *name = json_string_value(resource);
        json_t *args = NULL;
        if (!strcmp(name, "BUCKET") &&
            strcmp(json_string_value(json_object_get(method, "name")), "storage.buckets.insert") != 0)
            assert_ok(run("gcs.create_bucket", json_object(), NULL, err));
        if (!strcmp(name, "OBJECT")) {
            char file[600];
            snprintf(file, sizeof file, "%s/content", directory);
            args = json_pack("{s:s,s:s}", "name", "object", "file", file);
            assert_ok(run("gcs.upload", args, NULL, err));
        }
    }
}

/* ---- the methods ---- */

static char generation[32];

static json_t *when(bool precondition, json_t *args, const char *field, const char *value) {
    if (precondition) json_object_set_new(args, field, json_string(value));
    return args;
}

static int object_get(bool p, dowel_error *err) {
    (void)p;
    return run("gcs.stat", json_pack("{s:s}", "name", "object"), NULL, err);
}

static int object_download(bool p, dowel_error *err) {
    (void)p;
    char file[600];
    size_t size;
    snprintf(file, sizeof file, "%s/downloaded", directory);
    int rc = run("gcs.download", json_pack("{s:s,s:s}", "name", "object", "file", file), NULL, err);
    if (rc) return rc;
    char *got = read_file(file, &size);
    assert_int_equal(size, SIZE);
    assert_memory_equal(got, content, SIZE);
    free(got);
    unlink(file);
    return 0;
}

static int object_list(bool p, dowel_error *err) {
    (void)p;
    return run("gcs.list", json_object(), NULL, err);
}

static int object_delete(bool p, dowel_error *err) {
    return run("gcs.delete", when(p, json_pack("{s:s}", "name", "object"), "if_generation_match", generation), NULL,
               err);
}

static int object_insert(bool p, dowel_error *err) {
    return run("gcs.upload",
               when(p, json_pack("{s:s,s:s}", "name", "new", "data", "c21hbGw="), "if_generation_match", "0"), NULL,
               err);
}

static int object_upload(bool p, dowel_error *err) {
    char file[600];
    json_t *result = NULL;
    snprintf(file, sizeof file, "%s/content", directory);
    int rc = run("gcs.upload", when(p, json_pack("{s:s,s:s}", "name", "new", "file", file), "if_generation_match", "0"),
                 &result, err);
    if (!rc) assert_int_equal(json_integer_value(json_object_get(result, "size")), SIZE);
    json_decref(result);
    return rc;
}

static int object_patch(bool p, dowel_error *err) {
    return run(
        "gcs.update",
        when(p, json_pack("{s:s,s:{s:s}}", "name", "object", "metadata", "a", "b"), "if_metageneration_match", "1"),
        NULL, err);
}

static int object_rewrite(bool p, dowel_error *err) {
    return run("gcs.copy",
               when(p, json_pack("{s:s,s:s}", "name", "object", "to_name", "copy"), "if_generation_match", "0"), NULL,
               err);
}

static int object_compose(bool p, dowel_error *err) {
    return run(
        "gcs.compose",
        when(p, json_pack("{s:s,s:[s,s]}", "name", "whole", "parts", "object", "object"), "if_generation_match", "0"),
        NULL, err);
}

static int bucket_insert(bool p, dowel_error *err) {
    (void)p;
    return run("gcs.create_bucket", json_object(), NULL, err);
}

static int bucket_get(bool p, dowel_error *err) {
    (void)p;
    return run("gcs.get_bucket", json_object(), NULL, err);
}

static int bucket_delete(bool p, dowel_error *err) {
    (void)p;
    return run("gcs.delete_bucket", json_object(), NULL, err);
}

static int bucket_list(bool p, dowel_error *err) {
    (void)p;
    return run("gcs.list_buckets",
               json_pack("{s:s,s:{s:b,s:s}}", "endpoint", url, "credentials", "anonymous", 1, "project", "demo"), NULL,
               err);
}

static int bucket_permissions(bool p, dowel_error *err) {
    (void)p;
    json_t *document = block(), *report = json_object();
    dowel_block *bucket = NULL;
    int rc = dowel_block_new(&dowel_gcs_bucket_type, NULL, document, dowel_get_resolver(d), &bucket, err);
    if (!rc) rc = dowel_gcs_bucket_type.check(d, bucket, report, err);
    dowel_block_free(bucket);
    json_decref(document);
    json_decref(report);
    return rc;
}

static const struct {
    const char *name, *group;
    int (*call)(bool precondition, dowel_error *err);
} methods[] = {{"storage.objects.get", NULL, object_get},
               {"storage.objects.get", "storage.objects.download", object_download},
               {"storage.objects.list", NULL, object_list},
               {"storage.objects.delete", NULL, object_delete},
               {"storage.objects.insert", NULL, object_insert},
               {"storage.objects.insert", "storage.resumable.upload", object_upload},
               {"storage.objects.patch", NULL, object_patch},
               {"storage.objects.rewrite", NULL, object_rewrite},
               {"storage.objects.compose", NULL, object_compose},
               {"storage.buckets.insert", NULL, bucket_insert},
               {"storage.buckets.get", NULL, bucket_get},
               {"storage.buckets.delete", NULL, bucket_delete},
               {"storage.buckets.list", NULL, bucket_list},
               {"storage.buckets.testIamPermissions", NULL, bucket_permissions}};

/* ---- cases ---- */

/* Without a group, every way of the method is tried where it must succeed. Where it must not, the plain one: requests of a session, and the one
 * that begins it, can be repeated without a precondition, since nothing is stored before the session ends. */
static bool fits(size_t way, const char *name, const char *group, bool success) {
    if (strcmp(methods[way].name, name) != 0) return false;
    if (!group) return success || !methods[way].group;
    return methods[way].group && !strcmp(methods[way].group, group);
}

static void run_case(const json_t *test, const json_t *method, const json_t *one, size_t way) {
    const char *name = json_string_value(json_object_get(method, "name"));
    bool precondition = json_is_true(json_object_get(test, "preconditionProvided")),
         expected = json_is_true(json_object_get(test, "expectSuccess"));
    char *instructions = json_dumps(json_object_get(one, "instructions"), JSON_COMPACT);
    print_message("%s: %s%s%s %s\n", json_string_value(json_object_get(test, "description")), name,
                  methods[way].group ? " " : "", methods[way].group ? methods[way].group : "", instructions);
    free(instructions);
    *test_id = 0;
    prepare_resources(method);
    json_t *stat = NULL;
    dowel_error err = {0};
    if (!run("gcs.stat", json_pack("{s:s}", "name", "object"), &stat, &err))
        snprintf(generation, sizeof generation, "%s", json_string_value(json_object_get(stat, "generation")));
    json_decref(stat);

    json_t *wanted = json_pack("{s:{s:O}}", "instructions", name, json_object_get(one, "instructions")),
           *made = ask("POST", "/retry_test", wanted);
    char id[64], path[128];
    snprintf(id, sizeof id, "%s", json_string_value(json_object_get(made, "id")));
    json_decref(wanted);
    json_decref(made);
    memcpy(test_id, id, sizeof id);
    int rc = methods[way].call(precondition, &err);
    *test_id = 0;
    snprintf(path, sizeof path, "/retry_test/%s", id);
    json_t *after = ask("GET", path, NULL);
    bool completed = json_is_true(json_object_get(after, "completed"));
    json_decref(after);
    if (expected && rc) fail_msg("failed: %s", err.message);
    if (!expected && !rc) fail_msg("succeeded: it repeated what it should not");
    if (!completed) fail_msg("not every fault happened: it was given up too early");
}

static json_t *suite;

static void test_cases(void **state) {
    (void)state;
    json_t *test, *method, *one;
    size_t i, j, k;
    json_array_foreach(json_object_get(suite, "retryTests"), i, test) {
        json_array_foreach(json_object_get(test, "methods"), j, method) {
            const char *name = json_string_value(json_object_get(method, "name")),
                       *group = json_string_value(json_object_get(method, "group"));
            if (strncmp(name, "storage.objects.", 16) != 0 && strncmp(name, "storage.buckets.", 16) != 0) continue;
            bool any = false;
            for (size_t way = 0; way < sizeof methods / sizeof methods[0]; way++) {
                if (!fits(way, name, group, json_is_true(json_object_get(test, "expectSuccess")))) continue;
                any = true;
                json_array_foreach(json_object_get(test, "cases"), k, one) run_case(test, method, one, way);
            }
            if (!any)
                print_message("not a method of the connector: %s%s%s\n", name, group ? " " : "", group ? group : "");
        }
    }
}

static int prepare(void **state) {
    (void)state;
    url = variable("DOWEL_TEST_TESTBENCH_URL");
    snprintf(directory, sizeof directory, "%s", variable("DOWEL_TEST_TMP"));
    assert_ok(dowel_transport_curl(&under, err));
    assert_ok(dowel_open(
        &d,
        &(dowel_options){
            .size = sizeof(dowel_options), .database_url = "memory:", .no_history = true, .transport = &marking},
        err));
    content = malloc(SIZE);
    assert_non_null(content);
    for (size_t i = 0; i < SIZE; i++) content[i] = (char)(i * 2654435761u >> 24);
    char file[600];
    snprintf(file, sizeof file, "%s/content", directory);
    FILE *out = fopen(file, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(content, 1, SIZE, out), SIZE);
    assert_int_equal(fclose(out), 0);
    return 0;
}

static int finish(void **state) {
    (void)state;
    dowel_close(d);
    dowel_transport_close(under);
    free(content);
    return 0;
}

int main(void) {
    const char *folder = getenv("DOWEL_CONFORMANCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/gcs/retry_tests.json", folder ? folder : "");
    suite = json_load_file(path, 0, NULL);
    if (!suite) {
        printf("SKIPPED: no gcs/retry_tests.json in DOWEL_CONFORMANCE\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    int failed = cmocka_run_group_tests(tests, prepare, finish);
    json_decref(suite);
    return failed;
}
