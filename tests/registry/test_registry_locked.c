/* A database that another program keeps locked: after a long wait, an error that says so, and nothing lost. Slow by nature. */
#include <dowel/dowel.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

static void gives_up_in_the_end(void **state) {
    (void)state;
    char folder[] = "/tmp/dowel-locked-XXXXXX", path[64], url[80], command[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/d.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    setenv("DOWEL_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1);
    const dowel_connector *connectors[] = {&dowel_blocks_connector, NULL};
    dowel_options options = {.size = sizeof options, .database_url = url, .connectors = connectors};
    dowel *d;
    dowel_error err;
    assert_int_equal(dowel_open_with(&d, &options, &err), 0);
    json_t *document = json_pack("{s:s}", "value", "v");
    assert_int_equal(dowel_block_save(d, "secret/a", document, DOWEL_SAVE_NEW, NULL, &err), 0);

    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(dowel_block_save(d, "secret/b", document, DOWEL_SAVE_NEW, NULL, &err), DOWEL_E_DATABASE);
    assert_non_null(strstr(err.message, "locked"));
    assert_non_null(strstr(err.hint, "another program"));
    assert_true(err.retryable);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);

    json_t *list;
    assert_int_equal(dowel_block_list(d, NULL, &list, &err), 0);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    assert_int_equal(dowel_block_save(d, "secret/b", document, DOWEL_SAVE_NEW, NULL, &err), 0);
    json_decref(document);
    dowel_close(d);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_up_in_the_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
