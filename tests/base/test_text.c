/* Text that grows: what is added, limits, the first failure, and UTF-8. */
#include "test.h"

#include <dowel/text.h>

static void test_adding(void **state) {
    (void)state;
    dowel_text text = {0};
    dowel_text_add(&text, "a\0b", 3);
    dowel_text_put(&text, "cd");
    dowel_text_format(&text, "%d-%s %.1f", 42, "x", 0.5);
    dowel_text_add_encoded(&text, "/a b%\xc3\xa9", "/");
    assert_int_equal(text.size, 3 + 2 + 8 + 15);
    assert_memory_equal(text.data, "a\0bcd42-x 0.5/a%20b%25%C3%A9", text.size + 1);
    dowel_text_free(&text);
    assert_null(text.data);
}

static void test_pairs(void **state) {
    (void)state;
    dowel_text text = {0};
    dowel_text_add_pair(&text, "grant_type", "refresh_token");
    dowel_text_add_pair(&text, "a&b", "1+1=2 ");
    char *form = dowel_text_take(&text, NULL);
    assert_string_equal(form, "grant_type=refresh_token&a%26b=1%2B1%3D2%20");
    free(form);
}

static void test_growing(void **state) {
    (void)state;
    dowel_text text = {0};
    for (int i = 0; i < 1000; i++) dowel_text_format(&text, "%03d", i);
    assert_int_equal(text.size, 3000);
    assert_memory_equal(text.data, "000001002", 9);
    assert_string_equal(text.data + 2994, "998999");
    dowel_text_free(&text);
}

static void test_taking(void **state) {
    (void)state;
    dowel_text text = {0};
    char *taken = dowel_text_take(&text, NULL);
    assert_string_equal(taken, "");
    free(taken);
    dowel_text_put(&text, "again");
    taken = dowel_text_take(&text, NULL);
    assert_string_equal(taken, "again");
    assert_null(text.data);
    free(taken);
}

static void test_limit(void **state) {
    (void)state;
    dowel_error err = {0};
    dowel_text text = {.limit = 5};
    dowel_text_put(&text, "12345");
    assert_false(text.failed);
    dowel_text_put(&text, "");
    assert_false(text.failed);
    dowel_text_format(&text, "%d", 6);
    assert_true(text.failed && text.too_long);
    dowel_text_put(&text, "");
    assert_string_equal(text.data, "12345");
    assert_null(dowel_text_take(&text, &err));
    assert_int_equal(err.code, DOWEL_E_INVALID);
    assert_string_equal(err.message, "text is longer than 5 bytes");
    dowel_text_put(&text, "123456");
    assert_true(text.too_long);
    dowel_text_free(&text);
}

static void test_out_of_memory(void **state) {
    (void)state;
    dowel_error err = {0};
    dowel_text text = {0};
    dowel_text_put(&text, "x");
    dowel_text_add(&text, "y", SIZE_MAX); /* no room is that large: nothing is read */
    assert_true(text.failed && !text.too_long);
    dowel_text_put(&text, "z");
    assert_string_equal(text.data, "x");
    assert_null(dowel_text_take(&text, &err));
    assert_int_equal(err.code, DOWEL_E_NO_MEMORY);
    assert_string_equal(err.message, "out of memory");
    assert_false(text.failed);
}

static void test_no_memory(void **state) {
    (void)state;
    dowel_error err = {.hint = "old"};
    assert_int_equal(dowel_no_memory(&err), DOWEL_E_NO_MEMORY);
    assert_int_equal(err.code, DOWEL_E_NO_MEMORY);
    assert_string_equal(err.message, "out of memory");
    assert_string_equal(err.hint, "");
    assert_int_equal(dowel_no_memory(NULL), DOWEL_E_NO_MEMORY);
}

static void test_utf8(void **state) {
    (void)state;
    assert_true(dowel_is_utf8("", 0));
    assert_true(dowel_is_utf8("a\0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 11));
    assert_false(dowel_is_utf8("a\xc3", 2));
    assert_false(dowel_is_utf8("\xc0\x80", 2));
    assert_false(dowel_is_utf8("\xed\xa0\x80", 3));
    assert_false(dowel_is_utf8("\xf4\x90\x80\x80", 4));
    assert_false(dowel_is_utf8("\xe9t\xe9", 3));
}

static void test_wiping(void **state) {
    (void)state;
    dowel_wipe(NULL);
    dowel_wipe_bytes(NULL, 7);
    dowel_wipe(strdup("secret"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adding),    cmocka_unit_test(test_pairs), cmocka_unit_test(test_growing),
        cmocka_unit_test(test_taking),    cmocka_unit_test(test_limit), cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_utf8),  cmocka_unit_test(test_wiping)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
