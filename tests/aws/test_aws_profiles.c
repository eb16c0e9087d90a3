/* The shared files of profiles: grammar and places, every case of the third-party suite in $DOWEL_CONFORMANCE, and what it lacks. */
#include "test.h"

#include "profile_internal.h"

static bool absent; /* the suite is not here */

static json_t *suite(const char *file) {
    char path[2048];
    snprintf(path, sizeof path, "%s/aws-credentials/%s", variable("DOWEL_CONFORMANCE"), file);
    json_t *document = json_load_file(path, 0, NULL);
    if (!document) {
        print_message("SKIPPED: %s is not there\n", path);
        absent = true;
        skip();
    }
    return document;
}

/* Everything of a kind that was read, as an object of objects. */
static json_t *read_back(const dowel_aws_profiles *profiles, dowel_aws_section kind) {
    json_t *all = json_object();
    const char *section, *name;
    for (size_t i = 0; (section = dowel_aws_section_at(profiles, kind, i)); i++) {
        json_t *settings = json_object();
        for (size_t j = 0; (name = dowel_aws_setting_at(profiles, kind, section, j)); j++)
            json_object_set_new(settings, name, json_string(dowel_aws_setting(profiles, kind, section, name)));
        json_object_set_new(all, section, settings);
    }
    return all;
}

static void expect_same(const char *name, const json_t *wanted, json_t *got) {
    char *w = json_dumps(wanted, JSON_SORT_KEYS), *g = json_dumps(got, JSON_SORT_KEYS);
    if (strcmp(w, g) != 0) fail_msg("%s\nwanted: %s\ngot:    %s", name, w, g);
    free(w);
    free(g);
    json_decref(got);
}

static int parse(dowel_aws_profiles *profiles, const char *config, const char *credentials, dowel_error *err) {
    int rc = config ? dowel_aws_profiles_parse(profiles, config, strlen(config), false, "config", err) : 0;
    if (!rc && credentials)
        rc = dowel_aws_profiles_parse(profiles, credentials, strlen(credentials), true, "credentials", err);
    return rc;
}

static void grammar_of_the_suite(void **state) {
    (void)state;
    json_t *document = suite("profile-parser-tests.json"), *test;
    size_t i;
    json_array_foreach(json_object_get(document, "tests"), i, test) {
        const char *name = json_string_value(json_object_get(test, "name"));
        json_t *input = json_object_get(test, "input"), *output = json_object_get(test, "output"),
               *config = json_object_get(output, "config");
        dowel_aws_profiles *profiles = dowel_aws_profiles_new();
        dowel_error err = {0};
        int rc = parse(profiles, json_string_value(json_object_get(input, "configFile")),
                       json_string_value(json_object_get(input, "credentialsFile")), &err);
        if (!config) {
            if (!rc) fail_msg("%s: read without an error", name);
            assert_non_null(strstr(err.message, "line "));
        } else {
            if (rc) fail_msg("%s: %s", name, err.message);
            expect_same(name, json_object_get(config, "profiles"), read_back(profiles, DOWEL_AWS_PROFILE));
            if (json_object_get(config, "sso_sessions"))
                expect_same(name, json_object_get(config, "sso_sessions"), read_back(profiles, DOWEL_AWS_SSO_SESSION));
        }
        dowel_aws_profiles_free(profiles);
    }
    print_message("%zu cases of the grammar\n", i);
    json_decref(document);
}

static void places_of_the_suite(void **state) {
    (void)state;
    static const char *const names[] = {"HOME", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"};
    json_t *document = suite("file-location-tests.json"), *test;
    size_t i, elsewhere = 0;
    json_array_foreach(json_object_get(document, "tests"), i, test) {
        const char *name = json_string_value(json_object_get(test, "name"));
        if (strcmp(json_string_value(json_object_get(test, "platform")), "linux") != 0) {
            print_message("not run, dowel is for POSIX systems: %s\n", name);
            elsewhere++;
            continue;
        }
        for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
            const char *value = json_string_value(json_object_get(json_object_get(test, "environment"), names[n]));
            if (value)
                setenv(names[n], value, 1);
            else
                unsetenv(names[n]);
        }
        char config[DOWEL_AWS_PATH_SIZE], credentials[DOWEL_AWS_PATH_SIZE];
        assert_true(dowel_aws_profiles_path(false, config) && dowel_aws_profiles_path(true, credentials));
        assert_string_equal(config, json_string_value(json_object_get(test, "configLocation")));
        assert_string_equal(credentials, json_string_value(json_object_get(test, "credentialsLocation")));
    }
    print_message("%zu cases of places, %zu of them for other systems\n", i, elsewhere);
    json_decref(document);
}

static void what_the_suite_lacks(void **state) {
    (void)state;
    static const struct {
        const char *config, *credentials, *name, *value; /* of profile "p"; value NULL: no such setting */
    } rows[] = {
        {"\xef\xbb\xbf[profile p]\r\nregion = here\r\n", NULL, "region", "here"},
        {"[profile p]\nin valid = x\n continued\nregion=here", NULL, "region", "here"},
        {"[profile p]\nin valid = x\n continued\nregion=here", NULL, "in valid", NULL},
        {"[profile p] # a comment with ]\nregion = here", NULL, "region", "here"},
        {"[profile p]\nregion = ; nothing\n", NULL, "region", ""},
        {"[profile p]\nregion = first", "[p]\nregion = second", "region", "second"},
        {"[profile p]\nregion = first\nother = kept", "[p]\nregion = second", "other", "kept"},
        {"[sso-session p]\nregion = x\n[services p]\nregion = y\n[profile p]\n", NULL, "region", NULL},
        {"[profile p]\nREGION = one\nregion = two", NULL, "region", "two"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dowel_aws_profiles *profiles = dowel_aws_profiles_new();
        dowel_error err = {0};
        if (parse(profiles, rows[i].config, rows[i].credentials, &err)) fail_msg("row %zu: %s", i, err.message);
        const char *got = dowel_aws_setting(profiles, DOWEL_AWS_PROFILE, "p", rows[i].name);
        if (!got != !rows[i].value || (got && strcmp(got, rows[i].value) != 0))
            fail_msg("row %zu: \"%s\"", i, got ? got : "(none)");
        dowel_aws_profiles_free(profiles);
    }
    static const char *const bad[] = {"[profile p] tail", "[]x", "[profile p]\n= v", "[p", "[profile p]\ns3 =\n = v"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dowel_aws_profiles *profiles = dowel_aws_profiles_new();
        dowel_error err = {0};
        assert_int_equal(parse(profiles, bad[i], NULL, &err), DOWEL_E_CREDENTIALS);
        assert_true(*err.hint);
        dowel_aws_profiles_free(profiles);
    }
    dowel_aws_profiles *profiles = dowel_aws_profiles_new();
    assert_int_equal(dowel_aws_profiles_parse(profiles, "[profile p]\0x", 13, false, "config", NULL),
                     DOWEL_E_CREDENTIALS);
    dowel_aws_profiles_free(profiles);
}

static void settings_of_a_setting(void **state) {
    (void)state;
    static const struct {
        const char *value, *name, *found;
    } rows[] = {
        {"\nendpoint_url = http://here\nother = x", "endpoint_url", "http://here"},
        {"\nENDPOINT_URL=http://here", "endpoint_url", "http://here"},
        {"\nname = a\nname = b", "name", "b"},
        {"\nname =", "name", ""},
        {"\nname", "name", NULL},
        {"\nlonger_name = a", "name", NULL},
        {"name = a", "name", NULL}, /* a plain value of several words */
        {"", "name", NULL},
        {NULL, "name", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *got = dowel_aws_sub_setting(rows[i].value, rows[i].name);
        if (!got != !rows[i].found || (got && strcmp(got, rows[i].found) != 0))
            fail_msg("row %zu: \"%s\"", i, got ? got : "(none)");
        free(got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar_of_the_suite),
        cmocka_unit_test(places_of_the_suite),
        cmocka_unit_test(what_the_suite_lacks),
        cmocka_unit_test(settings_of_a_setting),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed ? failed : absent ? 77 : 0;
}
