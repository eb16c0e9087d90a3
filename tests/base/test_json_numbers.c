/* Numbers keep their text through reading, copying, decoding and writing; what JSON forbids stays an error. */
#include "test.h"

#include <math.h>

static json_t *read_all(const char *text, unsigned flags) {
    json_t *document = NULL;
    assert_ok(dowel_json_read(text, strlen(text), flags, "test", &document, err));
    return document;
}

static void refused(const char *text, size_t size, unsigned flags, const char *saying) {
    json_t *document = NULL;
    dowel_error why = {0};
    assert_int_equal(dowel_json_read(text, size, flags, "the-file", &document, &why), DOWEL_E_INVALID);
    if (!strstr(why.message, saying) || !strstr(why.message, "the-file"))
        fail_msg("%s: not \"%s\"", why.message, saying);
}

static const char *const literals[] = {"0",
                                       "-0",
                                       "-0.0",
                                       "1",
                                       "-17",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "9223372036854775808",
                                       "18446744073709551615",
                                       "12345678901234567890123456789012345678",
                                       "0.1",
                                       "1.10",
                                       "123456789.1",
                                       "123456789.10000000001",
                                       "3.14159265358979323846",
                                       "1e2",
                                       "1E+2",
                                       "1.0",
                                       "100.0",
                                       "1e400",
                                       "-1e400",
                                       "1e-400",
                                       "5e-324",
                                       "1e22",
                                       "1e+22",
                                       "0.000001",
                                       "99999999999999999999999999999.999999999",
                                       "0.10000000000000000000000000000000000000000000000000000000000000000000000001"};

static void every_digit_is_kept(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"a\":[%s,{\"b\":%s}],\"c\":%s}", literals[i], literals[i], literals[i]);
        json_t *document = read_all(text, DOWEL_JSON_EXACT), *copy = json_deep_copy(document);
        char *written = dowel_json_dump(document, 0), *again = dowel_json_dump(copy, JSON_SORT_KEYS);
        assert_string_equal(written, text);
        assert_string_equal(again, text);
        assert_true(json_equal(document, copy));
        free(written);
        free(again);
        json_decref(copy);
        json_decref(document);
        json_t *one = dowel_json_number(literals[i], strlen(literals[i]));
        assert_true(dowel_json_is_number(one));
        assert_true(dowel_json_double(one) == strtod(literals[i], NULL));
        assert_int_equal(signbit(dowel_json_double(one)),
                         signbit(strtod(literals[i], NULL)) && strcmp(literals[i], "0"));
        json_decref(one);
    }
}

static void what_jansson_holds_stays_jansson_s(void **state) {
    (void)state;
    json_t *document = read_all("[1, -17, 0.5, 123456789.1, \"1.10\", 1.10]", DOWEL_JSON_EXACT);
    assert_true(json_is_integer(json_array_get(document, 0)) && json_is_integer(json_array_get(document, 1)));
    assert_true(json_is_real(json_array_get(document, 2)) && json_is_real(json_array_get(document, 3)));
    assert_false(dowel_json_is_number(json_array_get(document, 4)));
    assert_true(dowel_json_is_exact(json_array_get(document, 5)));
    assert_string_equal(json_string_value(json_array_get(document, 5)), "1.10");
    json_decref(document);
    assert_null(dowel_json_number("01", 2));
    assert_null(dowel_json_number("1.", 2));
    assert_null(dowel_json_number("NaN", 3));
    assert_null(dowel_json_number("", 0));
}

static void digits_in_text_and_names_are_left_alone(void **state) {
    (void)state;
    static const char text[] = "{\"1.10\":\"1.10\",\"\\\\\\\"1.10\":[\"x\\\\\",1.10,\"\\\"-0\"]}";
    json_t *document = read_all(text, DOWEL_JSON_EXACT);
    char *written = dowel_json_dump(document, 0);
    assert_string_equal(written, text);
    free(written);
    json_decref(document);
}

static void errors_name_the_place_in_the_document(void **state) {
    (void)state;
    static const char *const broken[] = {
        "{\"a\": }",   "{\"a\": 0.10, \"b\": }",         "[0.10,\n 0.20, 0.30 0.40]", "[1.10, 01]", "[1e400, 1.5.5]",
        "[\n\n1.10\n", "[0.10, \"\xc3\xa4\", 0.20, nul]"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char plain[64];
        json_t *document = NULL;
        dowel_error exact = {0}, jansson = {0};
        /* The same text, but with numbers of as many characters that jansson holds. */
        snprintf(plain, sizeof plain, "%s", broken[i]);
        for (char *p = plain; (p = strstr(p, "1e400"));) memcpy(p, "10000", 5);
        assert_int_equal(dowel_json_read(broken[i], strlen(broken[i]), DOWEL_JSON_EXACT, "f", &document, &exact),
                         DOWEL_E_INVALID);
        assert_int_equal(dowel_json_read(plain, strlen(plain), 0, "f", &document, &jansson), DOWEL_E_INVALID);
        assert_string_equal(exact.message, jansson.message);
    }
}

static void text_with_nul_and_duplicates(void **state) {
    (void)state;
    static const char nul[] = "[1.10,\"a\\u0000b\"]", twice[] = "{\"a\":1,\"a\":0.20}", like[] = "[\"1\\u0000number\"]";
    refused(nul, strlen(nul), 0, "not valid JSON");
    refused(nul, strlen(nul), DOWEL_JSON_EXACT, "\\u0000");
    refused(twice, strlen(twice), DOWEL_JSON_EXACT, "duplicate");
    refused(like, strlen(like), DOWEL_JSON_EXACT | DOWEL_JSON_NUL, "\\u0000"); /* never taken for a number */
    refused(like, strlen(like), DOWEL_JSON_NUL, "\\u0000");
    json_t *document = read_all(nul, DOWEL_JSON_EXACT | DOWEL_JSON_NUL);
    assert_int_equal(json_string_length(json_array_get(document, 1)), 3);
    char *written = dowel_json_dump(document, 0);
    assert_string_equal(written, nul);
    free(written);
    json_decref(document);
    document = read_all(twice, DOWEL_JSON_EXACT | DOWEL_JSON_DUPLICATES);
    written = dowel_json_dump(document, 0);
    assert_string_equal(written, "{\"a\":0.20}");
    free(written);
    json_decref(document);
}

static void marks_of_order_and_other_encodings(void **state) {
    (void)state;
    for (unsigned flags = 0; flags <= DOWEL_JSON_EXACT; flags++) {
        json_t *document = read_all("\xef\xbb\xbf{\"a\":1}", flags);
        assert_int_equal(json_integer_value(json_object_get(document, "a")), 1);
        json_decref(document);
        refused("[\"caf\xe9\"]", 8, flags, "byte offset 5");
        refused("[1]\0", 4, flags, "byte offset 3");
        refused("\xff\xfe[\0]\0", 6, flags, "UTF-16");
        refused("\xef\xbb\xbf", 3, flags, "it is empty");
        refused("", 0, flags, "it is empty");
    }
}

static void written_as_jansson_writes(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}", "[]", "{\"b\":[1,{\"a\":null}],\"a\":[true,false,\"x\\\"\\\\\\n\\u0001\xc3\xa4\xf0\x9f\x98\x80\"]}",
        "\"text\"", "[[],{},[[]]]"};
    static const size_t flags[] = {0, JSON_SORT_KEYS, JSON_INDENT(2), JSON_ENSURE_ASCII,
                                   JSON_INDENT(1) | JSON_SORT_KEYS};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t k = 0; k < sizeof flags / sizeof flags[0]; k++) {
            json_t *document = read_all(texts[i], 0);
            char *ours = dowel_json_dump(document, flags[k]),
                 *jansson = json_dumps(document, flags[k] | JSON_ENCODE_ANY | (flags[k] & 0x1f ? 0 : JSON_COMPACT));
            assert_string_equal(ours, jansson);
            free(ours);
            free(jansson);
            json_decref(document);
        }
    }
    assert_null(dowel_json_dump(NULL, 0));
}

static void doubles_have_the_fewest_digits(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } pairs[] = {{0.1, "0.1"},
                 {-0.0, "-0.0"},
                 {2, "2.0"},
                 {1e22, "1e+22"},
                 {123456789.1, "123456789.1"},
                 {1.0 / 3, "0.3333333333333333"},
                 {5e-324, "5e-324"},
                 {1e-320, "1e-320"},
                 {-1.5e-310, "-1.5e-310"},
                 {0, "0.0"},
                 {2.2250738585072014e-308, "2.2250738585072014e-308"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char text[DOWEL_REAL_TEXT_SIZE];
        dowel_format_real(pairs[i].value, text);
        assert_string_equal(text, pairs[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_digit_is_kept),
                                       cmocka_unit_test(what_jansson_holds_stays_jansson_s),
                                       cmocka_unit_test(digits_in_text_and_names_are_left_alone),
                                       cmocka_unit_test(errors_name_the_place_in_the_document),
                                       cmocka_unit_test(text_with_nul_and_duplicates),
                                       cmocka_unit_test(marks_of_order_and_other_encodings),
                                       cmocka_unit_test(written_as_jansson_writes),
                                       cmocka_unit_test(doubles_have_the_fewest_digits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
