/* Import sources come from connectors: found by name, each name once. A connector built before there were any has none. */
#include "test.h"

#include <dowel/dowel.h>
#include <dowel/import.h>

#include <stddef.h>

static int read_note(dowel *d, const dowel_import_request *request, dowel_importing *found, dowel_error *err) {
    char reference[DOWEL_IMPORT_REFERENCE_SIZE];
    (void)d;
    (void)err;
    dowel_import_warn(found, "the note was read");
    dowel_import_warn(found, "the note was read");
    int rc = dowel_import_add(found, "secret", "First NOTE!", json_pack("{s:s}", "value", "one"), reference);
    if (!rc) assert_string_equal(reference, "secret/first-note");
    return rc ? rc : dowel_import_add(found, "secret", request->which, json_pack("{s:s}", "value", "two"), NULL);
}

static const dowel_import_source note = {sizeof note,        "note", "NAME", "a note",
                                         DOWEL_IMPORT_NAMED, false,  NULL,   read_note};
static const dowel_import_source prefect_again = {sizeof note,        "prefect", "NAME", "another one",
                                                  DOWEL_IMPORT_NAMED, false,     NULL,   read_note};
static const dowel_import_source nameless = {sizeof note,        NULL,  "NAME", "has no name",
                                             DOWEL_IMPORT_NAMED, false, NULL,   read_note};

static int read_masked(dowel *d, const dowel_import_request *request, dowel_importing *found, dowel_error *err) {
    (void)d;
    (void)err;
    return dowel_import_add(found, "secret", "masked", json_pack("{s:{s:[s]}}", "value", "inner", request->which),
                            NULL);
}

static const dowel_import_source masked = {sizeof masked,      "masked", "NAME", "a masked export",
                                           DOWEL_IMPORT_NAMED, false,    NULL,   read_masked};

/* Opens a handle with the built-in connectors and one that brings `source`. */
static int open_with(const dowel_import_source *source, size_t size, dowel **d, dowel_error *err) {
    static const dowel_import_source *imports[2];
    static dowel_connector acme; /* the handle reads it until it is closed */
    imports[0] = source;
    acme = (dowel_connector){.abi = DOWEL_ABI, .size = size, .name = "acme", .imports = imports};
    static const dowel_connector *const connectors[] = {&acme, NULL};
    const dowel_options options = {.size = sizeof options, .connectors = connectors, .database_url = "memory:"};
    return dowel_open(d, &options, err);
}

static void a_connector_brings_a_source(void **state) {
    (void)state;
    dowel_error err;
    dowel *d;
    json_t *imported;
    const dowel_import_request request = {.which = "second"};
    assert_int_equal(open_with(&note, sizeof(dowel_connector), &d, &err), 0);
    assert_int_equal(dowel_import(d, "note", &request, &imported, &err), 0);
    json_t *blocks = json_object_get(imported, "blocks");
    assert_int_equal(json_array_size(blocks), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(blocks, 1), "block")), "secret/second");
    assert_int_equal(json_array_size(json_object_get(imported, "warnings")), 1);
    dowel_import_free(imported);
    dowel_close(d);
}

static void asterisks_instead_of_a_secret_are_refused(void **state) {
    (void)state;
    dowel_error err;
    dowel *d;
    json_t *imported = NULL;
    assert_int_equal(open_with(&masked, sizeof(dowel_connector), &d, &err), 0);
    static const char *const refused[] = {"***", "********", "postgresql://u:********@h/d"}, *const accepted[] = {
                                                                                                 "**", "a***b"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(dowel_import(d, "masked", &(dowel_import_request){.which = refused[i]}, &imported, &err),
                         DOWEL_E_INVALID);
        assert_non_null(strstr(err.message, "\"secret/masked\" is masked"));
        assert_null(imported);
    }
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        assert_int_equal(dowel_import(d, "masked", &(dowel_import_request){.which = accepted[i]}, &imported, &err), 0);
        dowel_import_free(imported);
    }
    dowel_close(d);
}

static void an_unknown_source_has_a_suggestion(void **state) {
    (void)state;
    dowel_error err;
    dowel *d;
    json_t *imported;
    const dowel_import_request request = {.which = "x"};
    assert_int_equal(open_with(&note, sizeof(dowel_connector), &d, &err), 0);
    assert_int_equal(dowel_import(d, "gclout", &request, &imported, &err), DOWEL_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "did you mean \"gcloud\"?"));
    assert_int_equal(dowel_import(d, "prefect", &request, &imported, &err), DOWEL_E_INVALID);
    assert_non_null(strstr(err.message, "nothing to read"));
    dowel_close(d);
}

static void a_name_is_taken_once(void **state) {
    (void)state;
    dowel_error err;
    dowel *d = NULL;
    assert_int_equal(open_with(&prefect_again, sizeof(dowel_connector), &d, &err), DOWEL_E_EXISTS);
    assert_non_null(strstr(err.message, "import source prefect is registered already"));
    assert_int_equal(open_with(&nameless, sizeof(dowel_connector), &d, &err), DOWEL_E_INVALID);
}

static void older_connectors_have_no_sources(void **state) {
    (void)state;
    dowel_error err;
    dowel *d;
    const dowel_import_source *source;
    assert_int_equal(open_with(&note, offsetof(dowel_connector, imports), &d, &err), 0);
    assert_int_equal(dowel_find_import_source(d, "note", &source, &err), DOWEL_E_NOT_FOUND);
    assert_int_equal(dowel_find_import_source(d, "airflow", &source, &err), 0);
    dowel_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connector_brings_a_source),
        cmocka_unit_test(asterisks_instead_of_a_secret_are_refused),
        cmocka_unit_test(an_unknown_source_has_a_suggestion),
        cmocka_unit_test(a_name_is_taken_once),
        cmocka_unit_test(older_connectors_have_no_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
