/* The XML reader: what services send, and what nobody should. */
#include "test.h"

#include <dowel/xml.h>

static int parse(const char *text, dowel_xml **root, dowel_error *err) {
    return dowel_xml_parse(text, strlen(text), root, err);
}

static void reads_a_listing(void **state) {
    (void)state;
    dowel_xml *root = NULL;
    assert_ok(parse(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s3:List xmlns:s3=\"urn:x\"><s3:IsTruncated>false</s3:IsTruncated>"
        "<s3:Contents><s3:Key>a &amp; b/&#xE4;.csv</s3:Key><s3:Size>3</s3:Size></s3:Contents>"
        "<s3:Contents><s3:Key><![CDATA[<c>]]></s3:Key></s3:Contents><s3:Empty/></s3:List>",
        &root, err));
    assert_string_equal(dowel_xml_name(root), "List");
    assert_string_equal(dowel_xml_child_text(root, "IsTruncated"), "false");
    const dowel_xml *one = dowel_xml_child(root, "Contents"), *two = dowel_xml_next(one, "Contents");
    assert_string_equal(dowel_xml_child_text(one, "Key"), "a & b/\xc3\xa4.csv");
    assert_string_equal(dowel_xml_child_text(two, "Key"), "<c>");
    assert_null(dowel_xml_next(two, "Contents"));
    assert_string_equal(dowel_xml_name(dowel_xml_next(two, NULL)), "Empty");
    assert_string_equal(dowel_xml_child_text(root, "Empty"), "");
    assert_null(dowel_xml_child_text(root, "Missing"));
    assert_null(dowel_xml_child_text(dowel_xml_child(root, "Missing"), "Key"));
    dowel_xml_free(root);
}

static void refuses(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "text",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a>&unknown;</a>",
        "<a b=1/>",
        "<a>\x01</a>",
        "<a>\xff</a>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dowel_xml *root = NULL;
        dowel_error err = {0};
        if (parse(bad[i], &root, &err) != DOWEL_E_PROTOCOL) fail_msg("accepted: %s", bad[i]);
        assert_true(*err.message);
    }
}

static void limits_depth(void **state) {
    (void)state;
    for (int depth = 60; depth <= 5000; depth += 4940) {
        char *text = malloc((size_t)depth * 7 + 1), *p = text;
        assert_non_null(text);
        for (int i = 0; i < depth; i++) p += sprintf(p, "<a>");
        for (int i = 0; i < depth; i++) p += sprintf(p, "</a>");
        dowel_xml *root = NULL;
        dowel_error err = {0};
        int rc = parse(text, &root, &err);
        free(text);
        if (depth == 60) {
            assert_int_equal(rc, 0);
            dowel_xml_free(root);
        } else {
            assert_int_equal(rc, DOWEL_E_PROTOCOL);
            assert_non_null(strstr(err.message, "deeply"));
        }
    }
}

static void joins_long_text(void **state) {
    (void)state;
    size_t size = 1 << 20;
    char *text = malloc(size + 8);
    assert_non_null(text);
    memcpy(text, "<a>", 3);
    memset(text + 3, 'x', size);
    memcpy(text + 3 + size, "</a>", 5);
    dowel_xml *root = NULL;
    assert_ok(parse(text, &root, err));
    assert_int_equal(strlen(dowel_xml_text(root)), size);
    dowel_xml_free(root);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_listing),
        cmocka_unit_test(refuses),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(joins_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
