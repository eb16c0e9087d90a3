/* The registry: saving, loading, references, secrets at rest, damage, many processes. In SQLite, and in PostgreSQL where
 * DOWEL_TEST_POSTGRES_URL names one: the same tests, each in a schema of its own. */
#include <dowel/database.h>
#include <dowel/dowel.h>
#include <dowel/files.h>

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define SECRET "correct horse battery staple"

typedef struct node {
    const char *label;
    const char *password;
    dowel_block *next;
} node;

static const dowel_field node_fields[] = {
    {DOWEL_AT(node, label), .kind = DOWEL_STRING, .doc = "A label."},
    {DOWEL_AT(node, password), .kind = DOWEL_STRING, .flags = DOWEL_SECRET, .doc = "A secret."},
    {DOWEL_AT(node, next), .kind = DOWEL_BLOCK, .blocks = "node|secret", .doc = "Another."},
    {0}};
static const dowel_table node_table = {"node", sizeof(node), node_fields, NULL};
static const dowel_block_type node_type = {sizeof(dowel_block_type), "node", "A node.", &node_table, 1, NULL};

typedef struct world {
    char folder[64], url[320], path[128];
    const char *postgres;
    dowel *d;
    dowel_error err;
} world;

static dowel *open_handle(world *w) {
    dowel_options options = {.size = sizeof options, .database_url = w->url};
    const dowel_connector *connectors[] = {&dowel_blocks_connector, &dowel_files_connector, NULL};
    options.connectors = connectors;
    dowel *d = NULL;
    if (dowel_open_with(&d, &options, &w->err)) return NULL;
    return dowel_register_block_type(d, &node_type, &w->err) ? NULL : d;
}

static int run_sql(const char *url, const char *text, dowel_error *err) {
    dowel_options options = {.size = sizeof options, .database_url = url};
    dowel *d;
    dowel_db *db;
    int rc = dowel_open_with(&d, &options, err);
    if (rc) return rc;
    rc = dowel_database_acquire(d, &db, err);
    if (!rc) rc = dowel_db_exec(db, text, NULL, 0, NULL, err);
    if (!rc) dowel_database_release(d, db);
    dowel_close(d);
    return rc;
}

static int use_schema(world *w) {
    static int number;
    char text[64];
    snprintf(text, sizeof text, "CREATE SCHEMA t%ld_%d", (long)getpid(), ++number);
    snprintf(w->url, sizeof w->url, "%s?options=-csearch_path%%3Dt%ld_%d", w->postgres, (long)getpid(), number);
    return run_sql(w->postgres, text, &w->err);
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    w->postgres = getenv("DOWEL_TEST_POSTGRES_URL");
    snprintf(w->folder, sizeof w->folder, "/tmp/dowel-registry-XXXXXX");
    if (!mkdtemp(w->folder)) return -1;
    snprintf(w->path, sizeof w->path, "%s/dowel.db", w->folder);
    snprintf(w->url, sizeof w->url, "sqlite:%s", w->path);
    if (w->postgres && use_schema(w)) return -1;
    char config[96];
    snprintf(config, sizeof config, "%s/config", w->folder);
    setenv("XDG_CONFIG_HOME", config, 1);
    unsetenv("DOWEL_KEY");
    unsetenv("DOWEL_KEY_FILE");
    w->d = open_handle(w);
    *state = w;
    return w->d ? 0 : -1;
}

static int tear_down(void **state) {
    world *w = *state;
    dowel_close(w->d);
    char command[256];
    snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", w->folder, w->folder);
    int rc = system(command);
    free(w);
    return rc;
}

static void reopen(world *w) {
    dowel_close(w->d);
    w->d = open_handle(w);
    assert_non_null(w->d);
}

static int save(world *w, const char *reference, const char *text, dowel_save_mode mode) {
    json_t *document = json_loads(text, 0, NULL);
    assert_non_null(document);
    int rc = dowel_block_save(w->d, reference, document, mode, NULL, &w->err);
    json_decref(document);
    return rc;
}

#define assert_ok(w, expression)                                                                                       \
    do {                                                                                                               \
        if (expression) fail_msg("%s: %s", #expression, (w)->err.message);                                             \
    } while (0)
#define assert_says(text, part)                                                                                        \
    do {                                                                                                               \
        if (!strstr(text, part)) fail_msg("\"%s\" does not say \"%s\"", text, part);                                   \
    } while (0)

static void sql(world *w, const char *text) {
    assert_ok(w, run_sql(w->url, text, &w->err));
}

static char *sealed_text(world *w) {
    dowel_db *db;
    dowel_rows *rows;
    assert_ok(w, dowel_database_acquire(w->d, &db, &w->err));
    assert_ok(w, dowel_db_query(db, "SELECT sealed FROM blocks", NULL, 0, &rows, &w->err));
    assert_int_equal(dowel_rows_next(rows, &w->err), 1);
    char *text = strdup(dowel_rows_text(rows, 0));
    dowel_rows_free(rows);
    dowel_database_release(w->d, db);
    return text;
}

static void put_sealed(world *w, const char *text) {
    dowel_db *db;
    assert_ok(w, dowel_database_acquire(w->d, &db, &w->err));
    assert_ok(w, dowel_db_exec(db, "UPDATE blocks SET sealed = $1", DOWEL_VALUES(DOWEL_TEXT(text)), NULL, &w->err));
    dowel_database_release(w->d, db);
}

static void saves_and_loads(void **state) {
    world *w = *state;
    assert_ok(w, save(w, "node/b", "{\"label\": \"end\", \"password\": \"" SECRET "\"}", DOWEL_SAVE_NEW));
    assert_ok(w, save(w, "node/a", "{\"label\": \"start\", \"next\": \"node/b\"}", DOWEL_SAVE_NEW));
    reopen(w);
    dowel_block *block;
    assert_ok(w, dowel_block_load(w->d, "node/a", &block, &w->err));
    const node *a = dowel_block_data_as(block, &node_type);
    assert_string_equal(a->label, "start");
    assert_string_equal(dowel_block_reference(a->next), "node/b");
    assert_string_equal(((const node *)dowel_block_data(a->next))->password, SECRET);
    dowel_block_free(block);
}

static void saves_a_struct(void **state) {
    world *w = *state;
    node n = {.label = "x", .password = SECRET};
    int64_t revision = 0;
    assert_ok(w, dowel_block_save_struct(w->d, "node/s", &n, sizeof n, DOWEL_SAVE_NEW, &revision, &w->err));
    assert_int_equal(revision, 1);
    dowel_block *block;
    assert_ok(w, dowel_block_load(w->d, "node/s", &block, &w->err));
    assert_string_equal(((const node *)dowel_block_data(block))->password, SECRET);
    dowel_block_free(block);
}

static void overwrites_only_when_told(void **state) {
    world *w = *state;
    assert_ok(w, save(w, "node/a", "{\"label\": \"one\"}", DOWEL_SAVE_NEW));
    assert_int_equal(save(w, "node/a", "{\"label\": \"two\"}", DOWEL_SAVE_NEW), DOWEL_E_EXISTS);
    assert_says(w->err.hint, "overwrite");
    json_t *shown;
    assert_ok(w, dowel_block_show(w->d, "node/a", DOWEL_SECRETS_MASKED, &shown, &w->err));
    assert_string_equal(json_string_value(json_object_get(json_object_get(shown, "document"), "label")), "one");
    json_decref(shown);
    assert_ok(w, save(w, "node/a", "{\"label\": \"two\"}", DOWEL_SAVE_OVERWRITE));
    assert_ok(w, dowel_block_show(w->d, "node/a", DOWEL_SECRETS_MASKED, &shown, &w->err));
    assert_int_equal(json_integer_value(json_object_get(shown, "revision")), 2);
    assert_string_equal(json_string_value(json_object_get(json_object_get(shown, "document"), "label")), "two");
    json_decref(shown);
}

static void hides_secrets(void **state) {
    world *w = *state;
    assert_ok(w, save(w, "node/a",
                      "{\"password\": \"" SECRET "\", \"next\": {\"$type\": \"secret\", \"value\": \"" SECRET "\"}}",
                      DOWEL_SAVE_NEW));
    /* Nothing readable in any file of the database. */
    reopen(w);
    char command[256];
    const char *server = getenv("DOWEL_TEST_POSTGRES_FOLDER");
    if (server) sql(w, "CHECKPOINT");
    snprintf(command, sizeof command, "grep -rqaF '%s' %s %s", SECRET, w->folder, server ? server : "");
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof command, "rm %s/config/dowel/key", w->folder);
    json_t *shown;
    dowel_block *block;
    assert_ok(w, dowel_block_show(w->d, "node/a", DOWEL_SECRETS_SHOWN, &shown, &w->err));
    char *text = json_dumps(shown, 0);
    assert_says(text, SECRET);
    free(text);
    json_decref(shown);
    assert_ok(w, dowel_block_load(w->d, "node/a", &block, &w->err));
    const node *a = dowel_block_data(block);
    assert_string_equal(*(const char *const *)dowel_block_data(a->next), SECRET);
    dowel_block_free(block);
    /* A masked view needs no key, and everything else says which one. */
    assert_int_equal(system(command), 0);
    reopen(w);
    assert_ok(w, dowel_block_show(w->d, "node/a", DOWEL_SECRETS_MASKED, &shown, &w->err));
    text = json_dumps(shown, 0);
    assert_null(strstr(text, SECRET));
    assert_says(text, "********");
    free(text);
    json_decref(shown);
    assert_int_equal(dowel_block_load(w->d, "node/a", &block, &w->err), DOWEL_E_KEY);
    assert_says(w->err.message, "node/a");
    snprintf(command, sizeof command, "%s/config/dowel/key", w->folder);
    assert_int_not_equal(access(command, F_OK), 0);
}

static void refuses_the_mask(void **state) {
    world *w = *state;
    assert_int_equal(save(w, "node/a", "{\"password\": \"********\"}", DOWEL_SAVE_NEW), DOWEL_E_INVALID);
    assert_int_equal(save(w, "node/a", "{\"label\": {\"$sealed\": true}}", DOWEL_SAVE_NEW), DOWEL_E_INVALID);
}

static void refuses_bad_input(void **state) {
    world *w = *state;
    static const struct {
        const char *reference, *document, *says;
        int code;
    } rows[] = {
        {"nod/a", "{}", "did you mean \"node\"", DOWEL_E_NOT_FOUND},
        {"node/A", "{}", "a-z, 0-9", DOWEL_E_INVALID},
        {"node/", "{}", "block reference", DOWEL_E_INVALID},
        {"node", "{}", "block reference", DOWEL_E_INVALID},
        {"node/a/b", "{}", "a-z, 0-9", DOWEL_E_INVALID},
        {"node/a234567890123456789012345678901234567890123456789012345678901234", "{}", "1 to 63", DOWEL_E_INVALID},
        {"node/a", "[]", "object", DOWEL_E_INVALID},
        {"node/a", "{\"lable\": \"x\"}", "did you mean \"label\"", DOWEL_E_INVALID},
        {"node/a", "{\"label\": 5}", "label", DOWEL_E_INVALID},
        {"node/a", "{\"password\": 5}", "password", DOWEL_E_INVALID},
        {"node/a", "{\"next\": \"node/none\"}", "node/none", DOWEL_E_NOT_FOUND},
        {"node/a", "{\"next\": \"local-file-system/x\"}", "node|secret", DOWEL_E_INVALID},
        {"node/a", "{\"next\": \"node/a\"}", "cycle", DOWEL_E_INVALID},
        {"node/a", "{\"next\": {\"label\": \"x\"}}", "$type", DOWEL_E_INVALID},
        {"secret/a", "{}", "value", DOWEL_E_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(save(w, rows[i].reference, rows[i].document, DOWEL_SAVE_NEW), rows[i].code);
        assert_says(w->err.message, rows[i].says);
    }
    json_t *list;
    assert_ok(w, dowel_block_list(w->d, NULL, &list, &w->err));
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    dowel_block *block;
    assert_ok(w, save(w, "node/results", "{}", DOWEL_SAVE_NEW));
    assert_int_equal(dowel_block_load(w->d, "node/result", &block, &w->err), DOWEL_E_NOT_FOUND);
    assert_says(w->err.message, "did you mean \"results\"");
}

static void sees_cycles(void **state) {
    world *w = *state;
    assert_ok(w, save(w, "node/c", "{}", DOWEL_SAVE_NEW));
    assert_ok(w, save(w, "node/b", "{\"next\": \"node/c\"}", DOWEL_SAVE_NEW));
    assert_ok(w, save(w, "node/a", "{\"next\": \"node/b\"}", DOWEL_SAVE_NEW));
    assert_int_equal(save(w, "node/c", "{\"next\": {\"$type\": \"node\", \"next\": \"node/a\"}}", DOWEL_SAVE_OVERWRITE),
                     DOWEL_E_INVALID);
    assert_says(w->err.message, "node/c -> node/a -> node/b -> node/c");
    /* One that got into a database without seals by other ways. */
    sql(w, "UPDATE blocks SET sealed = NULL, key_id = NULL");
    sql(w, "DELETE FROM dowel_schema WHERE component LIKE 'seals %'");
    sql(w, "UPDATE blocks SET document = '{\"next\":{\"$block\":\"node/a\"}}' WHERE name = 'c'");
    dowel_block *block;
    assert_int_equal(dowel_block_load(w->d, "node/a", &block, &w->err), DOWEL_E_INVALID);
    assert_says(w->err.message, "cycle");
}

static void lists_and_deletes(void **state) {
    world *w = *state;
    assert_ok(w, save(w, "secret/s", "{\"value\": \"v\"}", DOWEL_SAVE_NEW));
    assert_ok(w, save(w, "node/a", "{\"next\": {\"$type\": \"node\", \"next\": {\"$block\": \"secret/s\"}}}",
                      DOWEL_SAVE_NEW));
    json_t *list;
    assert_ok(w, dowel_block_list(w->d, NULL, &list, &w->err));
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    assert_ok(w, dowel_block_list(w->d, "secret", &list, &w->err));
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    assert_int_equal(dowel_block_delete(w->d, "secret/s", false, &w->err), DOWEL_E_CONFLICT);
    assert_says(w->err.message, "node/a");
    assert_ok(w, dowel_block_delete(w->d, "secret/s", true, &w->err));
    assert_int_equal(dowel_block_delete(w->d, "secret/s", false, &w->err), DOWEL_E_NOT_FOUND);
    assert_ok(w, dowel_block_delete(w->d, "node/a", false, &w->err));
}

static void wrong_key_changes_nothing(void **state) {
    world *w = *state;
    setenv("DOWEL_KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    assert_ok(w, save(w, "node/a", "{\"password\": \"" SECRET "\"}", DOWEL_SAVE_NEW));
    setenv("DOWEL_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1);
    reopen(w);
    dowel_block *block;
    assert_int_equal(dowel_block_load(w->d, "node/a", &block, &w->err), DOWEL_E_KEY);
    assert_says(w->err.message, "node/a was sealed with key ");
    assert_says(w->err.message, "the key in use is ");
    /* The right key as one of several. */
    setenv("DOWEL_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1);
    reopen(w);
    assert_ok(w, dowel_block_load(w->d, "node/a", &block, &w->err));
    dowel_block_free(block);
    setenv("DOWEL_KEY", "tooshort", 1);
    reopen(w);
    assert_int_equal(dowel_block_load(w->d, "node/a", &block, &w->err), DOWEL_E_KEY);
    assert_null(strstr(w->err.message, "tooshort"));
}

static void key_file_must_be_private(void **state) {
    world *w = *state;
    assert_ok(w, save(w, "node/a", "{\"password\": \"" SECRET "\"}", DOWEL_SAVE_NEW));
    char key[128];
    snprintf(key, sizeof key, "%s/config/dowel/key", w->folder);
    struct stat st;
    assert_int_equal(stat(key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(key, 0644), 0);
    reopen(w);
    dowel_block *block;
    assert_int_equal(dowel_block_load(w->d, "node/a", &block, &w->err), DOWEL_E_KEY);
    assert_says(w->err.hint, "chmod 600");
    setenv("DOWEL_KEY_FILE", "/nonexistent/key", 1);
    assert_int_equal(dowel_block_load(w->d, "node/a", &block, &w->err), DOWEL_E_KEY);
    assert_says(w->err.message, "DOWEL_KEY_FILE");
    unsetenv("DOWEL_KEY_FILE");
}

static void without_any_key_secrets_are_refused(void **state) {
    world *w = *state;
    setenv("XDG_CONFIG_HOME", "/proc/no-such-place", 1);
    assert_int_equal(save(w, "node/a", "{\"password\": \"" SECRET "\"}", DOWEL_SAVE_NEW), DOWEL_E_KEY);
    assert_says(w->err.hint, "DOWEL_KEY");
    assert_ok(w, save(w, "node/a", "{\"label\": \"no secret\"}", DOWEL_SAVE_NEW));
}

/* What another program wrote into the database is not used: not one field of it, and no field that a type has not got. */
static void changes_from_outside_are_seen(void **state) {
    world *w = *state;
    static const char *const tampering[] = {
        "UPDATE blocks SET document = REPLACE(document, 'first', 'other') WHERE name = 'a'",
        "UPDATE blocks SET document = REPLACE(document, 'node/b', 'node/c') WHERE name = 'a'",
        "UPDATE blocks SET document = REPLACE(document, '\"label\":\"first\",', '') WHERE name = 'a'",
        "UPDATE blocks SET document = REPLACE(document, '{\"label\"', '{\"lable\":\"x\",\"label\"') WHERE name = 'a'",
        "UPDATE blocks SET version = 2 WHERE name = 'a'",
        "UPDATE blocks SET revision = 2 WHERE name = 'a'",
        "UPDATE blocks SET document = REPLACE(document, 'plain', 'other') WHERE name = 'b'",
        "UPDATE blocks SET sealed = NULL, key_id = NULL WHERE name = 'b'",
        "UPDATE blocks SET sealed = (SELECT sealed FROM blocks WHERE name = 'c') WHERE name = 'b'",
        ("UPDATE blocks SET document = (SELECT document FROM blocks WHERE name = 'c'), sealed = (SELECT sealed FROM "
         "blocks WHERE name = 'c') WHERE name = 'b'"),
        ("INSERT INTO blocks (type, name, revision, version, document, created, updated) SELECT type, 'new', 1, 1, "
         "'{\"label\":\"x\"}', 0, 0 FROM blocks WHERE name = 'b'"),
    };
    for (size_t i = 0; i < sizeof tampering / sizeof tampering[0]; i++) {
        assert_ok(w, save(w, "node/c", "{\"label\": \"mine\"}", DOWEL_SAVE_OVERWRITE));
        assert_ok(w, save(w, "node/b", "{\"label\": \"plain\"}", DOWEL_SAVE_OVERWRITE));
        sql(w, "DELETE FROM blocks WHERE name = 'a'");
        assert_ok(w, save(w, "node/a", "{\"label\": \"first\", \"password\": \"" SECRET "\", \"next\": \"node/b\"}",
                          DOWEL_SAVE_NEW));
        dowel_block *block;
        assert_ok(w, dowel_block_load(w->d, "node/a", &block, &w->err));
        dowel_block_free(block);
        sql(w, tampering[i]);
        const char *name = strstr(tampering[i], "'new'") ? "node/new" : "node/a";
        if (dowel_block_load(w->d, name, &block, &w->err) != DOWEL_E_CORRUPT) fail_msg("accepted: %s", tampering[i]);
        assert_says(w->err.message, "changed outside of dowel");
        /* A rotation does not make it good, and neither does saving another block. */
        json_t *report = NULL;
        (void)dowel_keys_rotate(w->d, NULL, &report, &w->err);
        json_decref(report);
        assert_ok(w, save(w, "node/else", "{}", DOWEL_SAVE_OVERWRITE));
        if (dowel_block_load(w->d, name, &block, &w->err) != DOWEL_E_CORRUPT) fail_msg("made good: %s", tampering[i]);
    }
    /* Another order of members and other white space are the same document. */
    assert_ok(w, save(w, "node/d", "{\"label\": \"x\", \"password\": \"p\"}", DOWEL_SAVE_NEW));
    sql(w, "UPDATE blocks SET document = '{ \"password\" : {\"$sealed\":true}, \"label\":\"x\"}' WHERE name = 'd'");
    dowel_block *block;
    assert_ok(w, dowel_block_load(w->d, "node/d", &block, &w->err));
    dowel_block_free(block);
}

static void flipped_bits_are_seen(void **state) {
    world *w = *state;
    assert_ok(w, save(w, "node/a", "{\"password\": \"" SECRET "\"}", DOWEL_SAVE_NEW));
    char *whole = sealed_text(w);
    void *bytes;
    size_t size;
    assert_int_equal(dowel_base64_decode(whole, &bytes, &size), 0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        ((unsigned char *)bytes)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        char *text = dowel_base64(bytes, size);
        put_sealed(w, text);
        dowel_block *block;
        assert_int_equal(dowel_block_load(w->d, "node/a", &block, &w->err), DOWEL_E_CORRUPT);
        assert_says(w->err.message, "node/a");
        free(text);
        ((unsigned char *)bytes)[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    /* And one in its text, whatever that makes of it. */
    for (size_t bit = 0; bit < strlen(whole) * 8; bit++) {
        char *text = strdup(whole);
        text[bit / 8] ^= (char)(1u << bit % 8);
        if ((unsigned char)text[bit / 8] >= ' ' && (unsigned char)text[bit / 8] < 0x7f) {
            put_sealed(w, text);
            dowel_block *block;
            assert_int_equal(dowel_block_load(w->d, "node/a", &block, &w->err), DOWEL_E_CORRUPT);
            assert_says(w->err.message, "node/a");
        }
        free(text);
    }
    /* The blob of another block, or of another revision of this one, is not accepted either. */
    assert_ok(w, save(w, "node/b", "{\"password\": \"other\"}", DOWEL_SAVE_NEW));
    static const char *const tampering[] = {
        "UPDATE blocks SET sealed = (SELECT sealed FROM blocks WHERE name = 'b') WHERE name = 'a'",
        "UPDATE blocks SET revision = 7 WHERE name = 'b'",
        "UPDATE blocks SET sealed = NULL WHERE name = 'b'",
        "UPDATE blocks SET document = '{\"x\":1}', sealed = (SELECT sealed FROM blocks WHERE name = 'a') WHERE 1 = 1",
        "UPDATE blocks SET document = '{' WHERE name = 'b'",
    };
    for (size_t i = 0; i < sizeof tampering / sizeof tampering[0]; i++) {
        sql(w, tampering[i]);
        dowel_block *block;
        assert_int_equal(dowel_block_load(w->d, i ? "node/b" : "node/a", &block, &w->err), DOWEL_E_CORRUPT);
    }
    assert_ok(w, dowel_block_delete(w->d, "node/b", false, &w->err));
    free(bytes);
    free(whole);
}

static void damaged_database_is_left_alone(void **state) {
    world *w = *state;
    if (w->postgres) skip();
    dowel_close(w->d);
    FILE *file = fopen(w->path, "wb");
    fputs("this is no database, but it might be somebody's only copy of something; long enough for a header....", file);
    fclose(file);
    w->d = open_handle(w);
    dowel_block *block;
    assert_int_equal(dowel_block_load(w->d, "node/a", &block, &w->err), DOWEL_E_DATABASE);
    assert_says(w->err.message, w->path);
    char text[32] = "";
    file = fopen(w->path, "rb");
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_memory_equal(text, "this is no database", 19);
}

static void *unlock_soon(void *context) {
    usleep(300000);
    sqlite3_exec(context, "COMMIT", NULL, NULL, NULL);
    return NULL;
}

static void waits_for_a_lock(void **state) {
    world *w = *state;
    if (w->postgres) skip();
    assert_ok(w, save(w, "node/a", "{\"label\": \"x\"}", DOWEL_SAVE_NEW));
    sqlite3 *db;
    pthread_t thread;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    /* Who reads does not wait at all. */
    dowel_block *block;
    assert_ok(w, dowel_block_load(w->d, "node/a", &block, &w->err));
    dowel_block_free(block);
    assert_int_equal(sqlite3_get_autocommit(db), 0);
    assert_int_equal(pthread_create(&thread, NULL, unlock_soon, db), 0);
    assert_ok(w, save(w, "node/b", "{}", DOWEL_SAVE_NEW));
    pthread_join(thread, NULL);
    assert_int_equal(sqlite3_get_autocommit(db), 1);
    sqlite3_close(db);
}

static const char *sealing_key(world *w, json_t **keys) {
    assert_ok(w, dowel_keys_show(w->d, keys, NULL, &w->err));
    return json_string_value(json_object_get(json_array_get(*keys, 0), "id"));
}

/* A handle that was opened before keys were rotated, by another, loads what is sealed anew, and seals with the new key. */
static void open_handles_follow_a_rotation(void **state) {
    world *w = *state;
    assert_ok(w, save(w, "node/a", "{\"password\": \"" SECRET "\"}", DOWEL_SAVE_NEW));
    dowel_block *block;
    assert_ok(w, dowel_block_load(w->d, "node/a", &block, &w->err));
    dowel_block_free(block);
    dowel *other = open_handle(w);
    for (int round = 0; round < 3; round++) {
        json_t *report, *keys, *after;
        assert_ok(w, dowel_keys_rotate(other, NULL, &report, &w->err));
        assert_int_equal(json_integer_value(json_object_get(report, "blocks")), round + 1);
        assert_ok(w, dowel_block_load(w->d, "node/a", &block, &w->err));
        assert_string_equal(((const node *)dowel_block_data(block))->password, SECRET);
        dowel_block_free(block);
        char name[16];
        snprintf(name, sizeof name, "node/r%d", round);
        assert_ok(w, save(w, name, "{\"password\": \"" SECRET "\"}", DOWEL_SAVE_NEW));
        assert_string_equal(sealing_key(w, &keys), json_string_value(json_object_get(report, "key")));
        assert_int_equal(json_integer_value(json_object_get(json_array_get(keys, 0), "blocks")), round + 2);
        assert_ok(w, dowel_keys_show(other, &after, NULL, &w->err));
        assert_true(json_equal(keys, after));
        json_decref(after);
        json_decref(keys);
        json_decref(report);
    }
    dowel_close(other);
}

static void storage_stays_below_its_folder(void **state) {
    world *w = *state;
    char text[256];
    snprintf(text, sizeof text, "{\"basepath\": \"%s/files/deep\"}", w->folder);
    assert_ok(w, save(w, "local-file-system/here", text, DOWEL_SAVE_NEW));
    dowel_block *block;
    assert_ok(w, dowel_block_load(w->d, "local-file-system/here", &block, &w->err));
    const dowel_storage *storage = dowel_block_type_of(block)->storage;
    assert_ok(w, storage->put(w->d, block, "a/b", "hello", 5, &w->err));
    assert_ok(w, storage->put(w->d, block, "a/b", "hallo!", 6, &w->err));
    assert_ok(w, storage->put(w->d, block, "empty", "", 0, &w->err));
    void *data;
    size_t size;
    assert_ok(w, storage->get(w->d, block, "a/b", &data, &size, &w->err));
    assert_int_equal(size, 6);
    assert_memory_equal(data, "hallo!", 6);
    free(data);
    assert_ok(w, storage->get(w->d, block, "empty", &data, &size, &w->err));
    assert_non_null(data);
    free(data);
    assert_int_equal(storage->get(w->d, block, "none", &data, &size, &w->err), DOWEL_E_NOT_FOUND);
    static const char *const bad[] = {"../x", "a/../../x", "/etc/passwd", "", "a//b", "a/", ".", "a/.", ".."};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(storage->put(w->d, block, bad[i], "x", 1, &w->err), DOWEL_E_INVALID);
        assert_int_equal(storage->get(w->d, block, bad[i], &data, &size, &w->err), DOWEL_E_INVALID);
    }
    snprintf(text, sizeof text, "ln -s /etc %s/files/deep/link && ln -s /etc/passwd %s/files/deep/passwd", w->folder,
             w->folder);
    assert_int_equal(system(text), 0);
    assert_int_not_equal(storage->get(w->d, block, "link/passwd", &data, &size, &w->err), 0);
    assert_int_not_equal(storage->get(w->d, block, "passwd", &data, &size, &w->err), 0);
    dowel_block_free(block);
}

/* What a child process does; returns its exit status. */
static int save_many(world *w, int who, int count) {
    dowel *d = open_handle(w);
    if (!d) return 1;
    int rc = 0;
    for (int i = 0; i < count && !rc; i++) {
        char reference[64];
        snprintf(reference, sizeof reference, "node/p%d-%d", who, i % 50);
        json_t *document = json_pack("{s:s,s:i}", "password", SECRET, "label", 0);
        json_object_set_new(document, "label", json_string(reference));
        rc = dowel_block_save(d, reference, document, DOWEL_SAVE_OVERWRITE, NULL, &w->err);
        if (!rc) rc = dowel_block_save(d, "node/shared", document, DOWEL_SAVE_OVERWRITE, NULL, &w->err);
        json_decref(document);
    }
    if (rc) fprintf(stderr, "%s\n", w->err.message);
    dowel_close(d);
    return rc ? 1 : 0;
}

static void many_processes_save_at_once(void **state) {
    world *w = *state;
    enum { PROCESSES = 4, SAVES = 25 };
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        fflush(NULL);
        children[i] = fork();
        if (!children[i]) _exit(save_many(w, i, SAVES));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
    }
    /* All ended with one key, and no overwrite was lost. */
    json_t *list, *shown;
    assert_ok(w, dowel_block_list(w->d, "node", &list, &w->err));
    assert_int_equal(json_array_size(list), PROCESSES * SAVES + 1);
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        char reference[96];
        snprintf(reference, sizeof reference, "node/%s", json_string_value(json_object_get(entry, "name")));
        dowel_block *block;
        assert_ok(w, dowel_block_load(w->d, reference, &block, &w->err));
        assert_string_equal(((const node *)dowel_block_data(block))->password, SECRET);
        dowel_block_free(block);
    }
    json_decref(list);
    assert_ok(w, dowel_block_show(w->d, "node/shared", DOWEL_SECRETS_MASKED, &shown, &w->err));
    assert_int_equal(json_integer_value(json_object_get(shown, "revision")), PROCESSES * SAVES);
    json_decref(shown);
}

static void killed_saves_leave_whole_blocks(void **state) {
    world *w = *state;
    for (int round = 0; round < 15; round++) {
        fflush(NULL);
        pid_t child = fork();
        if (!child) _exit(save_many(w, 9, 1000000));
        /* Any moment will do: it is the point that the test does not choose it. */
        usleep((useconds_t)(2000 + round * 3000));
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        json_t *list;
        assert_ok(w, dowel_block_list(w->d, NULL, &list, &w->err));
        size_t i;
        json_t *entry;
        json_array_foreach(list, i, entry) {
            char reference[96];
            snprintf(reference, sizeof reference, "node/%s", json_string_value(json_object_get(entry, "name")));
            dowel_block *block;
            assert_ok(w, dowel_block_load(w->d, reference, &block, &w->err));
            dowel_block_free(block);
        }
        json_decref(list);
    }
    assert_ok(w, save(w, "node/after", "{\"password\": \"x\"}", DOWEL_SAVE_NEW));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(saves_and_loads),
        CASE(saves_a_struct),
        CASE(overwrites_only_when_told),
        CASE(hides_secrets),
        CASE(refuses_the_mask),
        CASE(refuses_bad_input),
        CASE(sees_cycles),
        CASE(lists_and_deletes),
        CASE(wrong_key_changes_nothing),
        CASE(key_file_must_be_private),
        CASE(without_any_key_secrets_are_refused),
        CASE(changes_from_outside_are_seen),
        CASE(flipped_bits_are_seen),
        CASE(damaged_database_is_left_alone),
        CASE(waits_for_a_lock),
        CASE(open_handles_follow_a_rotation),
        CASE(storage_stays_below_its_folder),
        CASE(many_processes_save_at_once),
        CASE(killed_saves_leave_whole_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
