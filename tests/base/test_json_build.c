/* Filling JSON values: members, and what happens when memory runs out at any of them. */
#include "test.h"

#include <dowel/json.h>

static void same(json_t *value, const char *wanted) {
    char *text = dowel_json_dump(value, JSON_SORT_KEYS);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(value);
}

static int fill(json_t **value, dowel_error *err) {
    dowel_builder b = dowel_build(json_object());
    dowel_build_text(&b, "name", "x");
    dowel_build_text(&b, "none", NULL);
    dowel_build_int(&b, "size", -7);
    dowel_build_bool(&b, "there", true);
    dowel_build_json(&b, "list", json_pack("[i,s]", 1, "two"));
    return dowel_build_end(&b, value, err);
}

static void test_members(void **state) {
    (void)state;
    json_t *value;
    assert_ok(fill(&value, err));
    same(value, "{\"list\":[1,\"two\"],\"name\":\"x\",\"size\":-7,\"there\":true}");
}

static void test_arrays_and_existing_values(void **state) {
    (void)state;
    json_t *value;
    dowel_builder b = dowel_build(json_array());
    dowel_build_item(&b, json_integer(1));
    dowel_build_item(&b, json_string("two"));
    assert_ok(dowel_build_end(&b, &value, err));
    same(value, "[1,\"two\"]");

    json_t *kept = json_pack("{s:i}", "old", 1);
    b = dowel_build(json_incref(kept));
    dowel_build_int(&b, "new", 2);
    assert_ok(dowel_build_end(&b, NULL, err));
    same(kept, "{\"new\":2,\"old\":1}");
}

static void test_not_utf8(void **state) {
    (void)state;
    dowel_error err = {0};
    json_t *value = json_null();
    dowel_builder b = dowel_build(json_object());
    dowel_build_text(&b, "good", "x");
    dowel_build_text(&b, "bad", "\xff");
    dowel_build_text(&b, "worse", "\xfe");
    dowel_build_json(&b, "more", NULL);
    assert_int_equal(dowel_build_end(&b, &value, &err), DOWEL_E_INVALID);
    assert_string_equal(err.message, "\"bad\" is not UTF-8");
    assert_null(value);
    same(dowel_json_text("\xff"), "\"(not UTF-8)\"");
    same(dowel_json_text("x"), "\"x\"");
    same(dowel_json_text(NULL), "null");
}

static void test_existing_value_survives_failure(void **state) {
    (void)state;
    dowel_error err = {0};
    json_t *kept = json_pack("{s:s}", "old", "text");
    dowel_builder b = dowel_build(json_incref(kept));
    dowel_build_json(&b, "new", NULL);
    assert_int_equal(dowel_build_end(&b, NULL, &err), DOWEL_E_NO_MEMORY);
    assert_string_equal(err.message, "out of memory");
    same(kept, "{\"old\":\"text\"}");
}

/* ---- memory that runs out ---- */

static int left; /* allocations that still succeed */

static void *limited(size_t size) {
    return left-- > 0 ? malloc(size) : NULL;
}

static void test_no_member_is_lost(void **state) {
    (void)state;
    int rc = DOWEL_E_NO_MEMORY, failures = 0;
    json_t *value = NULL;
    for (int most = 0; rc; most++) {
        dowel_error err = {0};
        left = most;
        json_set_alloc_funcs(limited, free);
        rc = fill(&value, &err);
        json_set_alloc_funcs(malloc, free);
        assert_true(rc == 0 || (rc == DOWEL_E_NO_MEMORY && err.code == rc && !value));
        failures += rc != 0;
    }
    assert_true(failures > 5);
    same(value, "{\"list\":[1,\"two\"],\"name\":\"x\",\"size\":-7,\"there\":true}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members), cmocka_unit_test(test_arrays_and_existing_values),
        cmocka_unit_test(test_not_utf8), cmocka_unit_test(test_existing_value_survives_failure),
        cmocka_unit_test(test_no_member_is_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
