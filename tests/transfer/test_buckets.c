/* What connectors for object stores share: names, page tokens, failures of deletions, keys, signed URLs. */
#include "test.h"

#include <dowel/buckets.h>

static void same(char *made, const char *wanted) {
    assert_non_null(made);
    assert_string_equal(made, wanted);
    free(made);
}

static void test_names(void **state) {
    (void)state;
    same(dowel_bucket_full_name(NULL, "a/b"), "a/b");
    same(dowel_bucket_full_name("", "a"), "a");
    same(dowel_bucket_full_name("//", "a"), "a");
    same(dowel_bucket_full_name("2026/q1//", "a"), "2026/q1/a");
    same(dowel_bucket_full_name("2026", ""), "2026/");
    same(dowel_bucket_handle_name("s3.upload", "bucket", "2026/", "a"), "s3.upload bucket/2026/a");
    same(dowel_bucket_handle_name("s3.upload", "bucket", NULL, "a"), "s3.upload bucket/a");
    assert_string_equal(dowel_bucket_relative_name("2026/", "2026/a"), "a");
    assert_string_equal(dowel_bucket_relative_name("2026", "20267/a"), "20267/a");
    assert_string_equal(dowel_bucket_relative_name("2026", "2026"), "2026");
    assert_string_equal(dowel_bucket_relative_name(NULL, "a"), "a");
}

static void test_pages_end(void **state) {
    (void)state;
    dowel_pages pages = {0};
    bool more = false;
    assert_ok(dowel_pages_next(&pages, "one", &more, err));
    assert_true(more);
    assert_string_equal(pages.token, "one");
    assert_ok(dowel_pages_next(&pages, "", &more, err));
    assert_false(more);
    assert_null(pages.token);
    dowel_pages_clear(&pages);
}

/* However long the cycle is and wherever it begins. */
static void test_pages_in_a_cycle(void **state) {
    (void)state;
    for (int length = 1; length < 40; length++) {
        dowel_pages pages = {0};
        dowel_error why;
        bool more;
        int rc = 0, page = 0;
        for (; !rc && page < 1000; page++) {
            char token[16];
            snprintf(token, sizeof token, "%d", page < 7 ? 1000 + page : page % length);
            rc = dowel_pages_next(&pages, token, &more, &why);
        }
        assert_int_equal(rc, DOWEL_E_PROTOCOL);
        dowel_pages_clear(&pages);
    }
}

static void test_pages_without_a_cycle(void **state) {
    (void)state;
    dowel_pages pages = {0};
    bool more;
    for (int page = 0; page < 1000; page++) {
        char token[16];
        snprintf(token, sizeof token, "%d", page);
        assert_ok(dowel_pages_next(&pages, token, &more, err));
    }
    dowel_pages_clear(&pages);
}

static void test_failures_of_a_removal(void **state) {
    (void)state;
    dowel_removal removal;
    dowel_removal_lines lines = {0};
    dowel_error first, second, err = {0};
    dowel_fail(&first, DOWEL_E_PERMISSION, "no");
    dowel_fail(&second, DOWEL_E_UNAVAILABLE, "busy");
    dowel_removal_begin(&removal, dowel_removal_note, &lines);
    dowel_removal_fail(&removal, "a", &first);
    dowel_removal_fail(&removal, "b", &second);
    assert_int_equal(dowel_removal_end(&removal, 0, &err), DOWEL_E_PERMISSION);
    dowel_removal_explain(&lines, 5, &err);
    assert_string_equal(err.message, "2 of 5 objects could not be deleted; the first: no");
    assert_string_equal(err.detail, "a: no\nb: busy");
    dowel_removal_begin(&removal, NULL, NULL);
    dowel_removal_fail(&removal, "a", &first);
    assert_int_equal(dowel_removal_end(&removal, DOWEL_E_CANCELLED, NULL), DOWEL_E_CANCELLED);
    dowel_removal_begin(&removal, NULL, NULL);
    assert_int_equal(dowel_removal_end(&removal, 0, NULL), 0);
}

/* The detail has room for whole lines only. */
static void test_more_failures_than_lines(void **state) {
    (void)state;
    dowel_removal_lines lines = {0};
    dowel_error why, err = {0};
    dowel_fail(&why, DOWEL_E_PERMISSION, "no");
    for (int i = 0; i < 2000; i++) dowel_removal_note(&lines, "name", &why);
    dowel_fail(&err, DOWEL_E_PERMISSION, "no");
    dowel_removal_explain(&lines, 2000, &err);
    size_t length = strlen(err.detail);
    assert_true(length > sizeof err.detail - 16 && !strcmp(err.detail + length - 9, "\nname: no"));
    assert_int_equal(lines.count, 2000);
}

static void test_keys(void **state) {
    (void)state;
    static const char good[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    dowel_error why;
    assert_ok(dowel_bucket_check_key("key", NULL, err));
    assert_ok(dowel_bucket_check_key("key", good, err));
    assert_int_equal(dowel_bucket_check_key("key", "AAAA", &why), DOWEL_E_INVALID);
    assert_string_equal(why.message, "field \"key\": expected 32 bytes in base64");
    assert_int_equal(dowel_bucket_check_key("key", "?", &why), DOWEL_E_INVALID);
    dowel_http_service service = {.name = "test"};
    dowel_http_request *r = dowel_http_new(&service, NULL, "GET", "http://127.0.0.1");
    assert_ok(dowel_bucket_set_key(r, "x-key", NULL, DOWEL_MD5, "key-MD5", err));
    assert_null(dowel_http_get_header(r, "x-key-algorithm"));
    assert_ok(dowel_bucket_set_key(r, "x-key", good, DOWEL_MD5, "key-MD5", err));
    assert_string_equal(dowel_http_get_header(r, "x-key-algorithm"), "AES256");
    assert_string_equal(dowel_http_get_header(r, "x-key-key"), good);
    assert_string_equal(dowel_http_get_header(r, "x-key-key-MD5"), "cLyPS3KoaSFGi/joRB3OUQ==");
    dowel_http_free(r);
}

static void test_lifetimes(void **state) {
    (void)state;
    int64_t seconds;
    dowel_error why;
    assert_ok(dowel_presign_lifetime(0, &seconds, err));
    assert_int_equal(seconds, 3600);
    assert_ok(dowel_presign_lifetime(0.5, &seconds, err));
    assert_int_equal(seconds, 1);
    assert_ok(dowel_presign_lifetime(DOWEL_PRESIGN_MOST, &seconds, err));
    assert_int_equal(dowel_presign_lifetime(DOWEL_PRESIGN_MOST + 1, &seconds, &why), DOWEL_E_INVALID);
}

static void test_conditions(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int rc;
    } cases[] = {{"[]", 0},
                 {"[[\"starts-with\",\"$x\",\"y\"],{\"x\":\"y\"}]", 0},
                 {"{}", DOWEL_E_INVALID},
                 {"[[\"x\",1]]", DOWEL_E_INVALID},
                 {"[[1,2,3]]", DOWEL_E_INVALID},
                 {"[{\"a\":1,\"b\":2}]", DOWEL_E_INVALID}};
    dowel_error why;
    assert_ok(dowel_presign_check_conditions(NULL, err));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *conditions = json_loads(cases[i].text, 0, NULL);
        assert_int_equal(dowel_presign_check_conditions(conditions, &why), cases[i].rc);
        json_decref(conditions);
    }
}

static void test_result(void **state) {
    (void)state;
    const dowel_pair headers[] = {{"content-type", "text/csv"}, {NULL, NULL}};
    json_t *result;
    assert_ok(dowel_presign_result("https://x", "PUT", headers, 1767225600, &result, err));
    char *text = dowel_json_dump(result, JSON_SORT_KEYS);
    assert_string_equal(text, "{\"expires\":\"2026-01-01T00:00:00Z\",\"headers\":{\"content-type\":\"text/csv\"},"
                              "\"method\":\"PUT\",\"url\":\"https://x\"}");
    free(text);
    json_decref(result);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_pages_end),
                                       cmocka_unit_test(test_pages_in_a_cycle),
                                       cmocka_unit_test(test_pages_without_a_cycle),
                                       cmocka_unit_test(test_failures_of_a_removal),
                                       cmocka_unit_test(test_more_failures_than_lines),
                                       cmocka_unit_test(test_keys),
                                       cmocka_unit_test(test_lifetimes),
                                       cmocka_unit_test(test_conditions),
                                       cmocka_unit_test(test_result)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
