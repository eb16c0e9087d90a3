/* What a block holds comes back as it was saved: from another handle, after a rotation, through a bundle. In SQLite, and in PostgreSQL where
 * DOWEL_TEST_POSTGRES_URL names one. */
#include <dowel/database.h>
#include <dowel/dowel.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct thing {
    const char *text, *secret;
    int64_t number;
    double real;
    bool yes;
    dowel_bytes bytes;
    const char *const *list;
    const dowel_pair *map;
    json_t *any, *hidden;
    dowel_block *next;
} thing;

static const dowel_field fields[] = {
    {DOWEL_AT(thing, text), .kind = DOWEL_STRING, .doc = "A text."},
    {DOWEL_AT(thing, secret), .kind = DOWEL_STRING, .flags = DOWEL_SECRET, .doc = "A secret."},
    {DOWEL_AT(thing, number), .kind = DOWEL_INT, .doc = "A number."},
    {DOWEL_AT(thing, real), .kind = DOWEL_FLOAT, .doc = "A real number."},
    {DOWEL_AT(thing, yes), .kind = DOWEL_BOOL, .doc = "Yes."},
    {DOWEL_AT(thing, bytes), .kind = DOWEL_BYTES, .doc = "Bytes."},
    {DOWEL_AT(thing, list), .kind = DOWEL_LIST, .doc = "Texts."},
    {DOWEL_AT(thing, map), .kind = DOWEL_MAP, .doc = "Named texts."},
    {DOWEL_AT(thing, any), .kind = DOWEL_JSON, .doc = "Anything."},
    {DOWEL_AT(thing, hidden), .kind = DOWEL_JSON, .flags = DOWEL_SECRET, .doc = "Anything, in secret."},
    {DOWEL_AT(thing, next), .kind = DOWEL_BLOCK, .blocks = "thing", .doc = "Another."},
    {0}};
static const dowel_table table = {"thing", sizeof(thing), fields, NULL};
static const dowel_block_type thing_type = {sizeof(dowel_block_type), "thing", "A thing.", &table, 1, NULL};

static const char *const documents[] = {
    "{}",
    "{\"text\":\"\",\"secret\":\"\"}",
    "{\"text\":null,\"secret\":null,\"number\":null,\"any\":null}",
    "{\"text\":\"\xf0\x9d\x84\x9e \xc3\xa4 \xe2\x80\xa8 \\u0001 \\\" \\\\ "
    "/\",\"secret\":\"\xf0\x9d\x84\x9e\xf0\x9f\x94\x91\"}",
    "{\"number\":9223372036854775807}",
    "{\"number\":-9223372036854775808}",
    "{\"number\":0,\"real\":0.0,\"yes\":false,\"list\":[],\"map\":{}}",
    "{\"real\":0.1}",
    "{\"real\":1e-300}",
    "{\"real\":1.7976931348623157e+308}",
    "{\"any\":0.10,\"hidden\":18446744073709551615}",
    "{\"any\":[1e400,-0,-0.0,1.0,1.00,123456789.123456789123456789],\"hidden\":{\"a\":1e-400,\"b\":[0."
    "30000000000000004]}}",
    "{\"any\":\"\\u0000\",\"hidden\":{\"x\":\"a\\u0000b\"}}",
    "{\"any\":{\"\":\"empty "
    "name\",\"$type\":\"x\",\"$block\":\"thing/y\",\"~/\":[null,true,{}]},\"hidden\":{\"/\":{\"~\":\"\"}}}",
    "{\"bytes\":\"AAECAwD/\",\"list\":[\"\",\"b\",\"\xc3\xa4\"],\"map\":{\"b\":\"\",\"a\":\"\xf0\x9f\x94\x91\"}}",
    "{\"next\":{\"text\":\"inner\",\"secret\":\"s\",\"hidden\":[0.10],\"next\":{\"secret\":\"\",\"any\":{\"secret\":"
    "\"not one\"}}}}",
};
enum { COUNT = sizeof documents / sizeof documents[0] };

typedef struct world {
    char folder[64], url[320], other[128];
    dowel *d;
    dowel_error err;
} world;

static dowel *open_handle(world *w, const char *url) {
    const dowel_connector *connectors[] = {&dowel_blocks_connector, NULL};
    dowel_options options = {.size = sizeof options, .database_url = url, .connectors = connectors};
    dowel *d = NULL;
    if (dowel_open_with(&d, &options, &w->err)) return NULL;
    return dowel_register_block_type(d, &thing_type, &w->err) ? NULL : d;
}

#define assert_ok(w, expression)                                                                                       \
    do {                                                                                                               \
        if (expression) fail_msg("%s: %s", #expression, (w)->err.message);                                             \
    } while (0)

static int make_schema(world *w, const char *server) {
    char text[96];
    dowel_db *db;
    snprintf(text, sizeof text, "CREATE SCHEMA v%ld", (long)getpid());
    snprintf(w->url, sizeof w->url, "%s?options=-csearch_path%%3Dv%ld", server, (long)getpid());
    dowel *d = open_handle(w, server);
    if (!d || dowel_database_acquire(d, &db, &w->err)) return -1;
    int rc = dowel_db_exec(db, text, NULL, 0, NULL, &w->err);
    dowel_database_release(d, db);
    dowel_close(d);
    return rc;
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    const char *server = getenv("DOWEL_TEST_POSTGRES_URL");
    snprintf(w->folder, sizeof w->folder, "/tmp/dowel-values-XXXXXX");
    if (!mkdtemp(w->folder)) return -1;
    snprintf(w->url, sizeof w->url, "sqlite:%s/d.db", w->folder);
    snprintf(w->other, sizeof w->other, "sqlite:%s/other.db", w->folder);
    char config[96];
    snprintf(config, sizeof config, "%s/config", w->folder);
    setenv("XDG_CONFIG_HOME", config, 1);
    unsetenv("DOWEL_KEY");
    unsetenv("DOWEL_KEY_FILE");
    if (server && make_schema(w, server)) return -1;
    w->d = open_handle(w, w->url);
    *state = w;
    return w->d ? 0 : -1;
}

static int tear_down(void **state) {
    world *w = *state;
    dowel_close(w->d);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", w->folder);
    int rc = system(command);
    free(w);
    return rc;
}

static json_t *parse(const char *text) {
    json_t *document = NULL;
    dowel_error err;
    if (dowel_json_read(text, strlen(text), DOWEL_JSON_EXACT | DOWEL_JSON_NUL, "test", &document, &err))
        fail_msg("%s: %s", text, err.message);
    return document;
}

static void check(world *w, dowel *d, const char *when) {
    for (size_t i = 0; i < COUNT; i++) {
        char reference[32];
        snprintf(reference, sizeof reference, "thing/t%zu", i);
        json_t *shown, *wanted = parse(documents[i]);
        assert_ok(w, dowel_block_show(d, reference, DOWEL_SECRETS_SHOWN, &shown, &w->err));
        char *have = dowel_json_dump(json_object_get(shown, "document"), JSON_SORT_KEYS),
             *want = dowel_json_dump(wanted, JSON_SORT_KEYS);
        if (strcmp(have, want) != 0) fail_msg("%s: %s became %s", when, want, have);
        dowel_block *block;
        assert_ok(w, dowel_block_load(d, reference, &block, &w->err));
        dowel_block_free(block);
        free(have);
        free(want);
        json_decref(shown);
        json_decref(wanted);
    }
}

static void values_come_back(void **state) {
    world *w = *state;
    for (size_t i = 0; i < COUNT; i++) {
        char reference[32];
        snprintf(reference, sizeof reference, "thing/t%zu", i);
        json_t *document = parse(documents[i]);
        if (dowel_block_save(w->d, reference, document, DOWEL_SAVE_NEW, NULL, &w->err))
            fail_msg("%s: %s", documents[i], w->err.message);
        json_decref(document);
    }
    dowel_close(w->d);
    w->d = open_handle(w, w->url);
    assert_non_null(w->d);
    check(w, w->d, "saved");
    json_t *report, *bundle, *saved;
    assert_ok(w, dowel_keys_rotate(w->d, NULL, &report, &w->err));
    json_decref(report);
    check(w, w->d, "rotated");
    assert_ok(w, dowel_blocks_export(w->d, NULL, "passphrase", &bundle, &w->err));
    char *text = dowel_json_dump(bundle, 0);
    json_decref(bundle);
    bundle = parse(text);
    free(text);
    dowel *other = open_handle(w, w->other);
    assert_non_null(other);
    assert_ok(w, dowel_blocks_restore(other, bundle, "bundle", "passphrase", DOWEL_SAVE_NEW, &saved, &w->err));
    json_decref(saved);
    json_decref(bundle);
    check(w, other, "restored");
    dowel_close(other);
}

/* What cannot be kept is refused, with its name, and nothing is changed. */
static void what_cannot_be_kept_is_refused(void **state) {
    world *w = *state;
    static const char *const wrong[] = {
        "{\"text\":\"a\\u0000b\"}",
        "{\"secret\":\"a\\u0000b\"}",
        "{\"number\":9223372036854775808}",
        "{\"number\":1.5}",
        "{\"real\":1e400}",
        "{\"list\":[null]}",
        "{\"map\":{\"a\":null}}",
        "{\"list\":[\"\\u0000\"]}",
        "{\"map\":{\"a\":\"\\u0000\"}}",
        "{\"number\":\"12\"}",
        "{\"bytes\":\"not base64!\"}",
        "{\"any\":{\"$sealed\":true}}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *document = parse(wrong[i]);
        if (dowel_block_save(w->d, "thing/x", document, DOWEL_SAVE_OVERWRITE, NULL, &w->err) != DOWEL_E_INVALID)
            fail_msg("accepted: %s", wrong[i]);
        json_decref(document);
    }
    char name[80] = "thing/";
    memset(name + 6, 'a', 63);
    json_t *empty = json_object();
    assert_ok(w, dowel_block_save(w->d, name, empty, DOWEL_SAVE_NEW, NULL, &w->err));
    name[6 + 63] = 'a';
    assert_int_equal(dowel_block_save(w->d, name, empty, DOWEL_SAVE_NEW, NULL, &w->err), DOWEL_E_INVALID);
    json_decref(empty);
    json_t *list;
    assert_ok(w, dowel_block_list(w->d, "thing", &list, &w->err));
    assert_int_equal(json_string_length(json_object_get(json_array_get(list, 0), "name")), 63);
    json_decref(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(what_cannot_be_kept_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
