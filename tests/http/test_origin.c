/* URLs that mean the same address are spelled the same. */
#include <dowel/http.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void is(const char *url, const char *wanted) {
    char *origin = dowel_url_origin(url);
    assert_non_null(origin);
    assert_string_equal(origin, wanted);
    free(origin);
}

static void test_spellings(void **state) {
    (void)state;
    is("http://host", "http://host");
    is("HTTP://Host.Example.COM/", "http://host.example.com");
    is("https://host.example.com.:443//", "https://host.example.com");
    is("http://host:80", "http://host");
    is("http://host:080/", "http://host");
    is("http://host:", "http://host");
    is("https://host:80", "https://host:80");
    is("http://host:8080?x=1#y", "http://host:8080");
    is("http://user:secret@host:9000/", "http://host:9000");
    is("http://host/a/b//", "http://host/a/b");
    is("http://127.1:9000", "http://127.0.0.1:9000");
    is("http://0x7f000001/", "http://127.0.0.1");
    is("http://[::1]:9000/", "http://[::1]:9000");
    is("http://[0:0:0:0:0:0:0:1]:9000", "http://[::1]:9000");
    is("http://[2001:DB8::0:1]", "http://[2001:db8::1]");
}

static void test_what_is_none(void **state) {
    (void)state;
    is("", "");
    is("file:", "file:");
    is("ftp://Host/", "ftp://Host/");
    is("http://", "http://");
    is("http://[", "http://[");
    is("http://@:80", "http://@:80");
}

/* As libcurl reads the URL: a host that only looks like this machine is not. */
static void test_this_machine(void **state) {
    (void)state;
    static const char *const local[] = {"http://localhost", "HTTP://LocalHost:8080/a?b", "http://127.0.0.1:9",
                                        "http://127.9.9.9", "http://127.1/path",         "https://[::1]:443",
                                        "http://[::1]"};
    static const char *const remote[] = {"http://localhost.example.com",
                                         "http://localhost@example.com",
                                         "http://user@localhost",
                                         "http://localhost\\@example.com",
                                         "http://127.0.0.1.example.com",
                                         "http://128.0.0.1",
                                         "http://[::2]",
                                         "http://example.com/localhost",
                                         "http://",
                                         "ftp://localhost",
                                         "localhost",
                                         ""};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if (!dowel_url_is_local(local[i]) || !dowel_url_is_safe(local[i]))
            fail_msg("not of this machine: %s", local[i]);
    for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++)
        if (dowel_url_is_local(remote[i]) || dowel_url_is_safe(remote[i])) fail_msg("of this machine: %s", remote[i]);
    assert_true(dowel_url_is_safe("https://example.com/x") && !dowel_url_is_local("https://example.com/x"));
    assert_false(dowel_url_is_safe("https://") || dowel_url_is_safe("https:///x"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_spellings), cmocka_unit_test(test_what_is_none),
                                       cmocka_unit_test(test_this_machine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
