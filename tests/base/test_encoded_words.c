/* Text in header values: RFC 2047's words and ISO-8859-1, read and written. */
#include "test.h"

#include <dowel/http.h>

#include <stdlib.h>
#include <string.h>

static void gives(const char *value, const char *text) {
    char *decoded = dowel_http_decode_text(value);
    assert_non_null(decoded);
    assert_string_equal(decoded, text);
    free(decoded);
}

static void test_decoding(void **state) {
    (void)state;
    gives("", "");
    gives("plain =? text ?=", "plain =? text ?=");
    gives("=?UTF-8?B?R3LDvMOfZSBhdXMgS8O2bG4=?=", "Gr\u00fc\u00dfe aus K\u00f6ln");
    gives("=?utf-8?q?gro=C3=9F_x.jpg?=", "gro\u00df x.jpg");
    gives("=?ISO-8859-1?Q?gro=DF?=", "gro\u00df");
    gives("=?iso-8859-1*de?q?gro=df?=", "gro\u00df");
    gives("a =?UTF-8?Q?b?= c", "a b c");
    gives("=?UTF-8?Q?a?= =?UTF-8?Q?b?=", "ab");
    gives("=?UTF-8?Q?a?=  \t =?ISO-8859-1?Q?=FC?=", "a\u00fc");
    gives("=?UTF-8?Q?a?= x =?UTF-8?Q?b?=", "a x b");
    gives("=?UTF-8?B?w7?= =?UTF-8?B?w7w=?=", "=?UTF-8?B?w7?= \u00fc");
    gives("=?UTF-8?Q?=C3?= =?UTF-8?Q?=BC?=", "\u00fc"); /* a character in two words */
    gives("=?UTF-8?Q?=C3?=", "=?UTF-8?Q?=C3?=");        /* not UTF-8 */
    gives("=?UTF-8?Q?a=00b?=", "=?UTF-8?Q?a=00b?=");    /* what no text holds */
    gives("=?UTF-8?Q?a=0?=", "=?UTF-8?Q?a=0?=");
    gives("=?KOI8-R?Q?=C1?=", "=?KOI8-R?Q?=C1?=");
    gives("=?UTF-8?X?a?=", "=?UTF-8?X?a?=");
    gives("=?UTF-8?Q?a", "=?UTF-8?Q?a");
    gives("=?", "=?");
    gives("=?UTF-8?Q?", "=?UTF-8?Q?");
    gives("gro\xdf", "gro\u00df");
    gives("gro\u00df", "gro\u00df");
}

static void returns(const char *text, bool as_it_is) {
    char *value = dowel_http_encode_text(text);
    assert_non_null(value);
    for (const char *p = value; *p; p++) assert_true(*p >= ' ' && *p <= '~');
    assert_int_equal(!strcmp(value, text), as_it_is);
    for (const char *word = value; !as_it_is && word; word = strchr(word, ' ')) {
        word += *word == ' ';
        assert_true(strcspn(word, " ") <= 75);
    }
    gives(value, text);
    free(value);
}

static void test_round_trips(void **state) {
    (void)state;
    returns("", true);
    returns("plain, with \"signs\" = ? and  two blanks", true);
    returns("Gr\u00fc\u00dfe", false);
    returns(" x", false);
    returns("x ", false);
    returns(" ", false);
    returns("\tx", false);
    returns("a\tb", false);
    returns("=?UTF-8?Q?a?=", false);
    returns("x =?UTF-8?Q?a?= =?UTF-8?Q?b?= y", false);
    returns("=?not a word", false);
    returns("\U0001f9f1", false);
    char text[1201] = "";
    for (int i = 0; i < 300; i++)
        strcat(text, i % 3 ? "\U0001f9f1" : "z\u00fc"); /* characters of every length, at every place */
    returns(text, false);
    static const char euros[] =
        "aaa\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac";
    for (int i = 1; i < 4; i++) returns(euros + i, false);
    assert_null(dowel_http_encode_text("gro\xdf"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_decoding), cmocka_unit_test(test_round_trips)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
