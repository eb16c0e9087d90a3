/* JSON that is passed on byte for byte: what is taken for JSON (RFC 8259), how it is copied, written, kept and read again. */
#include "test.h"

typedef struct text {
    const char *data;
    size_t size;
} text;
#define TEXT(literal)                                                                                                  \
    { literal, sizeof(literal) - 1 }

static const text valid[] = {TEXT("null"),
                             TEXT(" true "),
                             TEXT("false\n"),
                             TEXT("-0"),
                             TEXT("0.10"),
                             TEXT("1e400"),
                             TEXT("-12.50E+07"),
                             TEXT("18446744073709551616"),
                             TEXT("\"\""),
                             TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uFFFF\""),
                             TEXT("\"\\ud83d\""),
                             TEXT("\"\xf0\x9f\x98\x80\x7f\""),
                             TEXT("[]"),
                             TEXT("{}"),
                             TEXT("[ ]"),
                             TEXT("{ }"),
                             TEXT("[1,[2,{\"a\":[]}],3]"),
                             TEXT("{\"a\":1,\"a\":2}"),
                             TEXT("{\"\\u0000\":1}"),
                             TEXT("\t{\r\n\"a\" :\t[ {\"b\" : null} , 1 ]\r\n} "),
                             TEXT("{\"a\":{\"b\":{\"c\":[[[]]]}},\"d\":0}")};

static const text invalid[] = {TEXT(""),
                               TEXT(" "),
                               TEXT("nul"),
                               TEXT("nulll"),
                               TEXT("True"),
                               TEXT("NaN"),
                               TEXT("Infinity"),
                               TEXT("-Infinity"),
                               TEXT("+1"),
                               TEXT("-"),
                               TEXT("01"),
                               TEXT("-01"),
                               TEXT("1."),
                               TEXT(".5"),
                               TEXT("1e"),
                               TEXT("1e+"),
                               TEXT("0x10"),
                               TEXT("1 2"),
                               TEXT("'a'"),
                               TEXT("\"a"),
                               TEXT("\"a\\\""),
                               TEXT("\"\\x41\""),
                               TEXT("\"\\u12\""),
                               TEXT("\"\\u12g4\""),
                               TEXT("\"a\nb\""),
                               TEXT("\"a\0b\""),
                               TEXT("\"\xff\""),
                               TEXT("\"\xc0\x80\""),
                               TEXT("\"\xed\xa0\xbd\""),
                               TEXT("[1,]"),
                               TEXT("[,1]"),
                               TEXT("[1 2]"),
                               TEXT("["),
                               TEXT("]"),
                               TEXT("[1"),
                               TEXT("[1}"),
                               TEXT("{1:2}"),
                               TEXT("{\"a\"}"),
                               TEXT("{\"a\":}"),
                               TEXT("{\"a\":1,}"),
                               TEXT("{,}"),
                               TEXT("{\"a\" 1}"),
                               TEXT("{\"a\":1 \"b\":2}"),
                               TEXT("{\"a\":1]"),
                               TEXT("{}{}"),
                               TEXT("[]x"),
                               TEXT("[1]\0"),
                               TEXT("/**/1"),
                               TEXT("\xef\xbb\xbf{}"),
                               TEXT("done, 5 rows")};

static void test_what_is_json(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
        size_t size = 0;
        json_t *value = dowel_json_verbatim(valid[i].data, valid[i].size);
        if (!value) fail_msg("refused: %s", valid[i].data);
        const char *held = dowel_json_verbatim_text(value, &size);
        assert_int_equal(size, valid[i].size);
        assert_memory_equal(held, valid[i].data, size);
        assert_string_equal(json_string_value(value), valid[i].data);
        json_decref(value);
    }
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
        if (dowel_json_verbatim(invalid[i].data, invalid[i].size)) fail_msg("taken: %s", invalid[i].data);
}

/* Every cut of a document is refused, whatever stands behind it in memory. */
static void test_what_is_cut(void **state) {
    (void)state;
    static const char whole[] = "{\"a\": [1.5e3, \"\\u00e4\xc3\xa4\", {\"b\": null}], \"c\": -7}";
    for (size_t size = 0; size < sizeof whole - 1; size++) {
        char *exact = malloc(size + 1); /* sanitizers see a read behind it */
        memcpy(exact, whole, size);
        if (dowel_json_verbatim(exact, size)) fail_msg("taken: %zu bytes", size);
        free(exact);
    }
}

static void test_depth(void **state) {
    (void)state;
    for (size_t depth = 1; depth < 100000; depth = depth * 3 + 1) {
        char *deep = malloc(2 * depth);
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        json_t *value = dowel_json_verbatim(deep, 2 * depth);
        assert_int_equal(value != NULL, depth <= 32768);
        json_decref(value);
        free(deep);
    }
}

static void assert_dump(const json_t *value, size_t flags, const char *expected) {
    char *written = dowel_json_dump(value, flags);
    assert_non_null(written);
    assert_string_equal(written, expected);
    free(written);
}

static void test_it_is_written_as_it_is(void **state) {
    (void)state;
    static const char odd[] = "{\"a\": 1.0,\r\n\t\"a\": \"\\u0000\\ud83d\xc3\xa4\"}";
    json_t *value = dowel_json_verbatim(odd, sizeof odd - 1), *copy = json_deep_copy(value);
    assert_true(json_equal(value, copy));
    assert_false(dowel_json_is_number(value));
    json_t *around = json_pack("{s:[o,i]}", "x", copy, 1);
    assert_dump(around, 0, "{\"x\":[{\"a\": 1.0,   \"a\": \"\\u0000\\ud83d\xc3\xa4\"},1]}");
    assert_dump(value, JSON_ENSURE_ASCII, "{\"a\": 1.0,   \"a\": \"\\u0000\\ud83d\\u00E4\"}");
    json_decref(around);
    json_decref(value);
}

/* No text that is read becomes JSON that way. */
static void test_nothing_read_is_verbatim(void **state) {
    (void)state;
    static const char *const attempts[] = {"\"1\\u0000\\u00ffjson\"", "\"1\\u0000\\udcffjson\"", "\"1\\u0000json\""};
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        json_t *value = NULL;
        if (dowel_json_read(attempts[i], strlen(attempts[i]), DOWEL_JSON_EXACT | DOWEL_JSON_NUL, "test", &value, NULL))
            continue;
        assert_null(dowel_json_verbatim_text(value, NULL));
        json_decref(value);
    }
    json_t *plain = json_string("1");
    assert_null(dowel_json_verbatim_text(plain, NULL));
    assert_null(dowel_json_verbatim_text(NULL, NULL));
    json_decref(plain);
}

static void round_trip(json_t *value, bool deep, const char *kept) {
    json_t *wrapped = dowel_json_wrap(value, deep), *read = NULL;
    char *written = dowel_json_dump(wrapped, 0);
    if (kept) assert_string_equal(written, kept);
    assert_ok(dowel_json_read(written, strlen(written), DOWEL_JSON_EXACT | DOWEL_JSON_NUL, "test", &read, err));
    json_t *back = dowel_json_unwrap(read, deep);
    assert_true(json_equal(value, back)); /* and no object has become text that is passed on */
    char *a = dowel_json_dump(value, 0), *b = dowel_json_dump(back, 0);
    assert_string_equal(a, b);
    free(a);
    free(b);
    json_decref(back);
    json_decref(read);
    free(written);
    json_decref(wrapped);
    json_decref(value);
}

/* Where only the text is the same afterwards: parts of an object that could be read in two ways. */
static void test_verbatim_parts_of_what_looks_kept(void **state) {
    (void)state;
    static const char twice[] = "{\"a\":1,\"a\":1.0}";
    for (int deep = 0; deep < 2; deep++) {
        json_t *value = json_pack("{s:o}", "$json", dowel_json_verbatim(twice, sizeof twice - 1));
        if (deep) value = json_pack("{s:o}", "$json", value);
        json_t *wrapped = dowel_json_wrap(value, true), *back = dowel_json_unwrap(wrapped, true);
        char *before = dowel_json_dump(value, 0);
        assert_dump(back, 0, before);
        free(before);
        json_decref(value);
        json_decref(wrapped);
        json_decref(back);
    }
}

static void test_it_is_kept_and_read_again(void **state) {
    (void)state;
    static const char twice[] = "{\"a\":1,\"a\":1.0}";
    round_trip(dowel_json_verbatim(twice, sizeof twice - 1), false, "{\"$json\":\"{\\\"a\\\":1,\\\"a\\\":1.0}\"}");
    round_trip(json_pack("{s:[o],s:i}", "payload", dowel_json_verbatim(twice, sizeof twice - 1), "n", 1), true, NULL);
    /* What looks like it means itself. */
    round_trip(json_pack("{s:s}", "$json", "1"), false, NULL);
    round_trip(json_pack("[{s:s}]", "$json", "not JSON"), true, NULL);
    round_trip(json_pack("{s:{s:{s:s}}}", "a", "$json", "$json", "1"), true, NULL);
    round_trip(json_pack("{s:{s:{s:s}}}", "$json", "$json", "$json", "1"), true, NULL);
    round_trip(json_pack("{s:{s:[{s:s}]}}", "$json", "$json", "$json", "1"), true, NULL);
    round_trip(json_pack("{s:o}", "$json", dowel_json_number("0.10", 4)), true, "{\"$json\":0.10}");
    round_trip(json_pack("{s:{s:o}}", "$json", "x", dowel_json_verbatim(twice, sizeof twice - 1)), true, NULL);
    round_trip(json_pack("{s:s,s:i}", "$json", "1", "more", 1), true, "{\"$json\":\"1\",\"more\":1}");
    round_trip(json_pack("{s:i}", "$json", 1), true, "{\"$json\":1}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_json),
        cmocka_unit_test(test_what_is_cut),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_it_is_written_as_it_is),
        cmocka_unit_test(test_nothing_read_is_verbatim),
        cmocka_unit_test(test_it_is_kept_and_read_again),
        cmocka_unit_test(test_verbatim_parts_of_what_looks_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
