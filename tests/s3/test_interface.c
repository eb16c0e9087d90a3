/* A bucket through dowel/objects.h, as copying, syncing and listing use it, on each server that speaks S3. */
#include "test.h"

#include <dowel/http.h>
#include <dowel/objects.h>
#include <dowel/s3.h>

static dowel *d;
static dowel_block *bucket, *folder;
static const char *server;

static const char *told(const char *what) {
    static const char *const prefixes[][2] = {{"moto", "DOWEL_TEST_AWS"},
                                              {"versitygw", "DOWEL_TEST_VERSITYGW"},
                                              {"rclone", "DOWEL_TEST_RCLONE"},
                                              {"localstack", "DOWEL_TEST_LOCALSTACK"}};
    char name[96];
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (!strcmp(server, prefixes[i][0])) snprintf(name, sizeof name, "%s_%s", prefixes[i][1], what);
    return getenv(!strcmp(server, "moto") && !strcmp(what, "URL") ? "DOWEL_TEST_MOTO_URL" : name);
}

static dowel_block *open_bucket(const char *inside) {
    json_t *document =
        json_pack("{s:s,s:s,s:s*,s:{s:s,s:s,s:s,s:s}}", "bucket", "interface", "endpoint", told("URL"), "folder",
                  inside, "credentials", "$type", "aws-credentials", "access_key_id", told("ACCESS_KEY_ID"),
                  "secret_access_key", told("SECRET_ACCESS_KEY"), "region", "us-east-1");
    dowel_block *block;
    assert_ok(dowel_block_new(&dowel_s3_bucket_type, NULL, document, dowel_get_resolver(d), &block, err));
    json_decref(document);
    return block;
}

static const dowel_objects *objects(void) {
    return dowel_s3_bucket_type.objects;
}

typedef struct seen {
    char names[64][300];
    size_t count, stop_at;
    dowel_object last;
    char version[128], type[64], etag[128];
} seen;

static int see(void *context, const dowel_object *object, dowel_error *err) {
    seen *all = context;
    (void)err;
    snprintf(all->names[all->count++ % 64], 300, "%s%s", object->name, object->is_prefix ? " (prefix)" : "");
    all->last = *object;
    snprintf(all->version, sizeof all->version, "%s", object->version ? object->version : "");
    snprintf(all->type, sizeof all->type, "%s", object->content_type ? object->content_type : "");
    snprintf(all->etag, sizeof all->etag, "%s", object->etag ? object->etag : "");
    return all->count == all->stop_at ? 77 : 0;
}

static int put(dowel_block *block, const char *name, const char *content, const dowel_object_put_options *options,
               seen *visited, dowel_error *err) {
    dowel_source *source = dowel_source_memory(content, strlen(content));
    int rc = objects()->put(d, block, name, source, options, visited ? see : NULL, visited, err);
    dowel_source_close(source);
    return rc;
}

static void expect(const seen *all, const char *const *names) {
    for (size_t i = 0; i < all->count; i++) {
        assert_non_null(names[i]);
        assert_string_equal(all->names[i], names[i]);
    }
    assert_null(names[all->count]);
}

static void holds(dowel_block *block, const char *name, const char *version, const char *content) {
    dowel_sink *sink = dowel_sink_memory(0);
    assert_ok(objects()->get(d, block, name, version, NULL, sink, err));
    dowel_bytes bytes = dowel_sink_bytes(sink);
    assert_int_equal(bytes.size, strlen(content));
    assert_memory_equal(bytes.data, content, bytes.size);
    dowel_sink_close(sink);
}

static void put_and_stat(void **state) {
    (void)state;
    dowel_error error;
    seen all = {0};
    const dowel_pair metadata[] = {{"colour", "blue"}, {NULL, NULL}};
    const dowel_object_put_options options = {
        .size = sizeof options, .metadata = metadata, .modified = 1769860800250000, .cache_control = "no-cache"};
    assert_ok(put(bucket, "stat.json", "123456789", &options, &all, err));
    assert_int_equal(all.count, 1);
    assert_int_equal(all.last.size, 9);
    assert_int_equal(all.last.modified, 1769860800250000);
    assert_string_equal(all.type, "application/json");
    seen there = {0};
    assert_ok(objects()->stat(d, bucket, "stat.json", NULL, see, &there, err));
    assert_string_equal(there.names[0], "stat.json");
    assert_int_equal(there.last.size, 9);
    assert_int_equal(there.last.modified, 1769860800250000);
    assert_string_equal(there.type, "application/json");
    assert_string_equal(there.etag, all.etag);
    assert_true(there.last.check_size == 4 || there.last.check_size == 16);
    if (there.last.check_size == 4) assert_memory_equal(there.last.check, "\xcb\xf4\x39\x26", 4);
    if (there.last.check_size == 16) assert_memory_equal(there.last.check, "\x25\xf9\xe7\x94\x32\x3b\x45\x38", 8);
    holds(bucket, "stat.json", NULL, "123456789");
    assert_int_equal(objects()->stat(d, bucket, "not there", NULL, see, &there, &error), DOWEL_E_NOT_FOUND);
    assert_int_equal(put(bucket, "bad", "x", &(dowel_object_put_options){.content_type = "a\nb"}, NULL, &error),
                     DOWEL_E_INVALID);
}

static void only_where_absent(void **state) {
    (void)state;
    dowel_error error;
    if (strcmp(server, "versitygw")) return; /* the others do not know the condition */
    const dowel_object_put_options options = {.size = sizeof options, .if_absent = true};
    assert_ok(put(bucket, "once", "first", &options, NULL, err));
    assert_int_equal(put(bucket, "once", "second", &options, NULL, &error), DOWEL_E_CONFLICT);
    holds(bucket, "once", NULL, "first");
}

static void listings(void **state) {
    (void)state;
    static const char *const names[] = {"l/a", "l/b/1", "l/b/2", "l/c +%", "l/d"};
    for (size_t i = 0; i < 5; i++) assert_ok(put(folder, names[i], names[i], NULL, NULL, err));
    seen all = {0}, folded = {0}, after = {0}, stopped = {.stop_at = 2};
    dowel_error error;
    assert_ok(objects()->list(d, folder, &(dowel_objects_query){.prefix = "l/"}, see, &all, err));
    expect(&all, (const char *const[]){"l/a", "l/b/1", "l/b/2", "l/c +%", "l/d", NULL});
    assert_ok(objects()->list(d, folder, &(dowel_objects_query){.prefix = "l/", .delimiter = "/"}, see, &folded, err));
    expect(&folded, (const char *const[]){"l/a", "l/b/ (prefix)", "l/c +%", "l/d", NULL});
    assert_ok(
        objects()->list(d, folder, &(dowel_objects_query){.prefix = "l/", .start_after = "l/b/1"}, see, &after, err));
    expect(&after, (const char *const[]){"l/b/2", "l/c +%", "l/d", NULL});
    assert_int_equal(objects()->list(d, folder, &(dowel_objects_query){.prefix = "l/"}, see, &stopped, &error), 77);
    assert_int_equal(stopped.count, 2);
    seen whole = {0};
    assert_ok(objects()->list(d, bucket, &(dowel_objects_query){.prefix = "in side/l/a"}, see, &whole, err));
    expect(&whole, (const char *const[]){"in side/l/a", NULL});
}

static void copies(void **state) {
    (void)state;
    dowel_error error;
    assert_ok(put(folder, "from +", "copied", NULL, NULL, err));
    assert_ok(objects()->copy(d, folder, "from +", NULL, bucket, "to %", err));
    holds(bucket, "to %", NULL, "copied");
    assert_int_equal(objects()->copy(d, bucket, "not there", NULL, bucket, "x", &error), DOWEL_E_NOT_FOUND);
}

static void never(void *context, const char *name, const dowel_error *why) {
    (void)context;
    fail_msg("%s: %s", name, why->message);
}

static void removals(void **state) {
    (void)state;
    enum { MANY = 1200 };
    static char text[MANY][32];
    static const char *names[MANY + 2];
    for (size_t i = 0; i < MANY; i++) {
        snprintf(text[i], sizeof text[i], "r/%04zu <&>", i);
        names[i] = text[i];
        if (i % 200 == 0) assert_ok(put(folder, text[i], "x", NULL, NULL, err)); /* the others are gone already */
    }
    names[MANY] = "r/tab\t\x01";
    names[MANY + 1] = "r/newline\n";
    assert_ok(objects()->remove(d, folder, names, MANY + 2, never, NULL, err));
    seen left = {0};
    assert_ok(objects()->list(d, folder, &(dowel_objects_query){.prefix = "r/"}, see, &left, err));
    assert_int_equal(left.count, 0);
    assert_ok(objects()->remove(d, folder, names, 0, never, NULL, err));
    dowel_error error;
    assert_int_equal(objects()->remove(d, bucket, (const char *const[]){""}, 1, never, NULL, &error), DOWEL_E_INVALID);
}

static void not_removed(void *context, const char *name, const dowel_error *why) {
    assert_string_equal(name, "x");
    assert_int_equal(why->code, DOWEL_E_NOT_FOUND);
    ++*(int *)context;
}

static void removals_that_fail(void **state) {
    (void)state;
    int failures = 0;
    dowel_error error;
    json_t *document = dowel_block_document(bucket, DOWEL_SECRETS_SHOWN);
    json_object_set_new(document, "bucket", json_string("no-such-bucket"));
    json_t *credentials =
        json_pack("{s:s,s:s,s:s,s:s}", "$type", "aws-credentials", "access_key_id", told("ACCESS_KEY_ID"),
                  "secret_access_key", told("SECRET_ACCESS_KEY"), "region", "us-east-1");
    json_object_set_new(document, "credentials", credentials);
    dowel_block *none;
    assert_ok(dowel_block_new(&dowel_s3_bucket_type, NULL, document, dowel_get_resolver(d), &none, err));
    assert_int_equal(objects()->remove(d, none, (const char *const[]){"x"}, 1, not_removed, &failures, &error),
                     DOWEL_E_NOT_FOUND);
    assert_int_equal(failures, 1);
    assert_int_equal(objects()->remove(d, none, (const char *const[]){"x", "y"}, 2, not_removed, &failures, &error),
                     DOWEL_E_NOT_FOUND);
    dowel_block_free(none);
    json_decref(document);
}

static void signed_urls(void **state) {
    (void)state;
    char *url;
    dowel_error error;
    const dowel_presign_options options = {
        .size = sizeof options, .method = "PUT", .seconds = 60, .content_type = "text/csv"};
    assert_ok(objects()->presign(d, folder, "a key +%", &options, &url, err));
    assert_non_null(strstr(url, "/interface/in%20side/a%20key%20%2B%25?"));
    assert_non_null(strstr(url, "X-Amz-Expires=60"));
    assert_non_null(strstr(url, "X-Amz-SignedHeaders=content-type%3Bhost"));
    free(url);
    assert_ok(objects()->presign(d, folder, "x", NULL, &url, err));
    assert_non_null(strstr(url, "X-Amz-Expires=3600"));
    free(url);
    assert_int_equal(objects()->presign(d, folder, "x", &(dowel_presign_options){.seconds = 1e6}, &url, &error),
                     DOWEL_E_INVALID);
}

static int begin(void **state) {
    (void)state;
    dowel_error error;
    if (dowel_open(&d, &(dowel_options){.size = sizeof(dowel_options), .no_history = true}, &error)) return -1;
    bucket = open_bucket(NULL);
    folder = open_bucket("in side");
    return dowel_s3_create_bucket(d, &(dowel_s3_create_bucket_args){.bucket = bucket}, NULL, &error);
}

static int end(void **state) {
    (void)state;
    dowel_block_free(bucket);
    dowel_block_free(folder);
    dowel_close(d);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_and_stat), cmocka_unit_test(only_where_absent), cmocka_unit_test(listings),
        cmocka_unit_test(copies),       cmocka_unit_test(removals),          cmocka_unit_test(removals_that_fail),
        cmocka_unit_test(signed_urls),
    };
    server = argc > 1 ? argv[1] : "moto";
    return cmocka_run_group_tests(tests, begin, end);
}
