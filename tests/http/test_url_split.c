/* The parts of a URL. */
#include "test.h"

#include <dowel/url.h>

/* The parts with | between them; - for one that is not there. */
static void splits(const char *url, const char *wanted) {
    dowel_url parts;
    assert_ok(dowel_url_split(url, &parts, err));
    const char *const all[] = {parts.scheme, parts.user, parts.password, parts.host,
                               parts.port,   parts.path, parts.query,    parts.fragment};
    char shown[512] = "";
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        size_t used = strlen(shown);
        snprintf(shown + used, sizeof shown - used, "%s%s", i ? "|" : "", all[i] ? all[i] : "-");
    }
    assert_string_equal(shown, wanted);
    dowel_url_clear(&parts);
}

static void refuses(const char *url) {
    dowel_url parts;
    dowel_error err = {0};
    assert_int_equal(dowel_url_split(url, &parts, &err), DOWEL_E_INVALID);
    assert_memory_equal(err.message, "not a URL: ", 11);
    assert_null(strstr(err.message, "secret"));
    assert_null(parts.host);
}

static void test_parts(void **state) {
    (void)state;
    splits("https://host", "https|-|-|host|-|/|-|-");
    splits("HTTP://user:p%40ss@Host.example:8080/a%2Fb/../c?x=1&y#z",
           "http|user|p%40ss|Host.example|8080|/a%2Fb/../c|x=1&y|z");
    splits("http://[::1]:9000/", "http|-|-|[::1]|9000|/|-|-");
    splits("http://127.1/", "http|-|-|127.0.0.1|-|/|-|-");
    splits("gs://bucket/some/object", "gs|-|-|bucket|-|/some/object|-|-");
    splits("http://host?x", "http|-|-|host|-|/|x|-");
}

static void test_rest(void **state) {
    (void)state;
    static const char url[] = "http://u:p@host:1/a?b#c", bare[] = "http://host?b";
    dowel_url parts;
    assert_ok(dowel_url_split(url, &parts, err));
    assert_ptr_equal(parts.rest, url + 17);
    dowel_url_clear(&parts);
    assert_ok(dowel_url_split(bare, &parts, err));
    assert_string_equal(parts.rest, "?b");
    dowel_url_clear(&parts);
}

static void test_what_is_none(void **state) {
    (void)state;
    refuses("");
    refuses("host");
    refuses("secret.example/a://b");
    refuses("http://");
    refuses("http://secret host/");
    refuses("http://host:secret/");
    refuses("http://host:99999/");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts), cmocka_unit_test(test_rest),
                                       cmocka_unit_test(test_what_is_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
