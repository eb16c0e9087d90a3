/* The parts of a URL. */
#include "test.h"

#include <dowel/http.h>
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

static void asks(const char *url, const char *wanted) {
    static const dowel_http_service service = {.name = "Test"};
    dowel_http_request *r = dowel_http_new_url(&service, NULL, "GET", url);
    assert_string_equal(dowel_http_url(r), wanted);
    dowel_http_free(r);
}

/* A request to a URL: nothing of it is lost or written in another way. */
static void test_request(void **state) {
    (void)state;
    asks("http://host:1/a%2Fb/../c/?x=1&y=%20", "http://host:1/a%2Fb/../c/?x=1&y=%20");
    asks("http://host/a//", "http://host/a//");
    asks("http://host", "http://host/");
    asks("http://host?x", "http://host/?x");
}

static void refuses_request(const char *url, const char *reason) {
    static const dowel_http_service service = {.name = "Test"};
    dowel_http_request *r = dowel_http_new_url(&service, NULL, "GET", url);
    dowel *d;
    dowel_error why = {0};
    assert_ok(dowel_open_with(&d, &(dowel_options){.size = sizeof(dowel_options), .database_url = "memory:"}, err));
    assert_int_equal(dowel_http_send(d, r, NULL, &why), DOWEL_E_INVALID);
    if (!strstr(why.message, reason)) fail_msg("%s", why.message);
    dowel_http_free(r);
    dowel_close(d);
}

static void test_no_request(void **state) {
    (void)state;
    refuses_request("ftp://host/", "must start with http:// or https://");
    refuses_request("http://host:99999/", "not a URL");
    refuses_request("http://user@host/", "invalid character");
    refuses_request("http://host/a b", "the URL contains a control character or space");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts), cmocka_unit_test(test_rest),
                                       cmocka_unit_test(test_what_is_none), cmocka_unit_test(test_request),
                                       cmocka_unit_test(test_no_request)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
