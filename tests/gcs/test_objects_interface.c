/* A bucket through dowel/objects.h, as copying, syncing and listing use it. Runs against fake-gcs-server and against Google's testbench. */
#include "test.h"

#include <dowel/gcs.h>
#include <dowel/http.h>
#include <dowel/objects.h>

static dowel *d;
static dowel_block *bucket, *folder;

static dowel_block *open_bucket(const char *url, const char *inside) {
    json_t *document = json_pack("{s:s,s:s,s:s*,s:{s:s,s:b,s:s}}", "bucket", "interface", "endpoint", url, "folder",
                                 inside, "credentials", "$type", "gcp-credentials", "anonymous", 1, "project", "demo");
    dowel_block *block;
    assert_ok(dowel_block_new(&dowel_gcs_bucket_type, NULL, document, dowel_get_resolver(d), &block, err));
    json_decref(document);
    return block;
}

static const dowel_objects *objects(void) {
    return dowel_gcs_bucket_type.objects;
}

static int put(dowel_block *block, const char *name, const char *content, const dowel_object_put_options *options,
               dowel_object_visitor visit, void *context, dowel_error *err) {
    dowel_source *source = dowel_source_memory(content, strlen(content));
    int rc = objects()->put(d, block, name, source, options, visit, context, err);
    dowel_source_close(source);
    return rc;
}

/* ---- what visitors saw ---- */

typedef struct seen {
    char names[64][128];
    size_t count;
    dowel_object last;
    char version[64], type[64];
} seen;

static int see(void *context, const dowel_object *object, dowel_error *err) {
    seen *all = context;
    (void)err;
    snprintf(all->names[all->count++], 128, "%s%s", object->name, object->is_prefix ? " (prefix)" : "");
    all->last = *object;
    snprintf(all->version, sizeof all->version, "%s", object->version ? object->version : "");
    snprintf(all->type, sizeof all->type, "%s", object->content_type ? object->content_type : "");
    return all->count == 64;
}

static int see_two(void *context, const dowel_object *object, dowel_error *err) {
    see(context, object, err);
    return ((seen *)context)->count == 2 ? 77 : 0;
}

static void expect(const seen *all, const char *const *names) {
    for (size_t i = 0; i < all->count; i++) {
        assert_non_null(names[i]);
        assert_string_equal(all->names[i], names[i]);
    }
    assert_null(names[all->count]);
}

#define EXPECT(all, ...) expect(all, (const char *const[]){__VA_ARGS__, NULL})

/* ---- tests ---- */

static void test_put_and_stat(void **state) {
    (void)state;
    const dowel_pair metadata[] = {{"owner", "me"}, {NULL, NULL}};
    const dowel_object_put_options options = {.size = sizeof options,
                                              .metadata = metadata,
                                              .cache_control = "no-store",
                                              .modified = 1234567890123456,
                                              .if_absent = true};
    seen stored = {0}, found = {0};
    assert_ok(put(bucket, "put/a.txt", "content", &options, see, &stored, err));
    assert_ok(objects()->stat(d, bucket, "put/a.txt", NULL, see, &found, err));
    EXPECT(&stored, "put/a.txt");
    EXPECT(&found, "put/a.txt");
    assert_int_equal(found.last.size, 7);
    assert_true(found.last.is_current && !found.last.is_prefix && !found.last.is_deleted);
    assert_int_equal(found.last.modified, 1234567890123456);
    assert_string_equal(found.type, "text/plain");
    assert_string_equal(found.version, stored.version);
    assert_int_equal(found.last.check_kind, DOWEL_CRC32C);
    assert_int_equal(found.last.check_size, 4);
    dowel_digest *digest = dowel_digest_new(DOWEL_CRC32C);
    unsigned char check[DOWEL_DIGEST_MAX];
    dowel_digest_update(digest, "content", 7);
    assert_int_equal(dowel_digest_end(digest, check), 4);
    assert_memory_equal(found.last.check, check, 4);
    dowel_digest_free(digest);
    dowel_error failure;
    assert_int_equal(put(bucket, "put/a.txt", "other", &options, NULL, NULL, &failure), DOWEL_E_CONFLICT);
    assert_int_equal(objects()->stat(d, bucket, "put/none", NULL, see, &found, &failure), DOWEL_E_NOT_FOUND);
    /* Without a recorded time: when it was stored. */
    assert_ok(put(bucket, "put/b.txt", "", NULL, see, &stored, err));
    assert_true(stored.last.modified > 1700000000000000);
}

static void test_times_of_others(void **state) {
    (void)state;
    /* As gcloud storage writes it: whole seconds. */
    const dowel_pair metadata[] = {{"goog-reserved-file-mtime", "1000000000"}, {NULL, NULL}};
    const dowel_object_put_options options = {.size = sizeof options, .metadata = metadata};
    seen stored = {0};
    assert_ok(put(bucket, "times/gcloud", "x", &options, see, &stored, err));
    assert_int_equal(stored.last.modified, 1000000000000000);
}

static void test_get(void **state) {
    (void)state;
    assert_ok(put(bucket, "get", "what is there", NULL, NULL, NULL, err));
    dowel_sink *sink = dowel_sink_memory(0);
    assert_ok(objects()->get(d, bucket, "get", NULL, NULL, sink, err));
    dowel_bytes bytes = dowel_sink_bytes(sink);
    assert_int_equal(bytes.size, 13);
    assert_memory_equal(bytes.data, "what is there", 13);
    dowel_sink_close(sink);
}

static void test_list(void **state) {
    (void)state;
    static const char *const names[] = {"l/a", "l/b/1", "l/b/2", "l/c", "l/ca", "l/d/x"};
    for (size_t i = 0; i < 6; i++) assert_ok(put(bucket, names[i], "x", NULL, NULL, NULL, err));
    seen all = {0};
    dowel_objects_query query = {.size = sizeof query, .prefix = "l/"};
    assert_ok(objects()->list(d, bucket, &query, see, &all, err));
    EXPECT(&all, "l/a", "l/b/1", "l/b/2", "l/c", "l/ca", "l/d/x");
    query.delimiter = "/";
    all.count = 0;
    assert_ok(objects()->list(d, bucket, &query, see, &all, err));
    EXPECT(&all, "l/a", "l/b/ (prefix)", "l/c", "l/ca", "l/d/ (prefix)");
    query.delimiter = NULL;
    query.start_after = "l/c";
    all.count = 0;
    assert_ok(objects()->list(d, bucket, &query, see, &all, err));
    EXPECT(&all, "l/ca", "l/d/x");
    /* The visitor ends it. */
    query.start_after = NULL;
    all.count = 0;
    dowel_error ended;
    assert_int_equal(objects()->list(d, bucket, &query, see_two, &all, &ended), 77);
    EXPECT(&all, "l/a", "l/b/1");
    /* Names are relative to the folder. */
    query.prefix = NULL;
    query.start_after = "b/1";
    all.count = 0;
    assert_ok(objects()->list(d, folder, &query, see, &all, err));
    EXPECT(&all, "b/2", "c", "ca", "d/x");
}

static void test_copy(void **state) {
    (void)state;
    assert_ok(put(bucket, "c/from", "copied", NULL, NULL, NULL, err));
    assert_ok(objects()->copy(d, bucket, "c/from", NULL, folder, "copied", err));
    seen all = {0};
    assert_ok(objects()->stat(d, bucket, "l/copied", NULL, see, &all, err));
    assert_int_equal(all.last.size, 6);
    dowel_error missing;
    assert_int_equal(objects()->copy(d, bucket, "c/none", NULL, folder, "x", &missing), DOWEL_E_NOT_FOUND);
}

static void unexpected(void *context, const char *name, const dowel_error *why) {
    (void)context;
    fail_msg("%s: %s", name, why->message);
}

static void test_remove(void **state) {
    (void)state;
    static const char *const names[] = {"r/1", "r/2", "r/3", "r/never"};
    for (size_t i = 0; i < 3; i++) assert_ok(put(bucket, names[i], "x", NULL, NULL, NULL, err));
    assert_ok(objects()->remove(d, bucket, names, 4, unexpected, NULL, err));
    seen all = {0};
    assert_ok(objects()->list(d, bucket, &(dowel_objects_query){.prefix = "r/"}, see, &all, err));
    assert_int_equal(all.count, 0);
    assert_ok(objects()->remove(d, bucket, names, 0, unexpected, NULL, err));
}

static void test_presign_needs_a_key(void **state) {
    (void)state;
    char *url = NULL;
    dowel_error err;
    assert_int_equal(objects()->presign(d, bucket, "x", &(dowel_presign_options){.seconds = 60}, &url, &err),
                     DOWEL_E_CREDENTIALS);
    assert_null(url);
}

static int prepare(void **state) {
    (void)state;
    const char *url = getenv("DOWEL_TEST_TESTBENCH_URL");
    if (!url) url = variable("DOWEL_TEST_GCS_URL");
    assert_ok(dowel_open(
        &d, &(dowel_options){.size = sizeof(dowel_options), .database_url = "memory:", .no_history = true}, err));
    bucket = open_bucket(url, NULL);
    folder = open_bucket(url, "l");
    assert_ok(dowel_gcs_create_bucket(d, &(dowel_gcs_create_bucket_args){.bucket = bucket}, NULL, err));
    return 0;
}

static int finish(void **state) {
    (void)state;
    dowel_block_free(bucket);
    dowel_block_free(folder);
    dowel_close(d);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_put_and_stat),
                                       cmocka_unit_test(test_times_of_others),
                                       cmocka_unit_test(test_get),
                                       cmocka_unit_test(test_list),
                                       cmocka_unit_test(test_copy),
                                       cmocka_unit_test(test_remove),
                                       cmocka_unit_test(test_presign_needs_a_key)};
    return cmocka_run_group_tests(tests, prepare, finish);
}
