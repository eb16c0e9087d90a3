/* What only a server can do to a registry: break connections, hold locks, refuse to serialize. */
#include <dowel/database.h>
#include <dowel/dowel.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS 40

static char url[512];
static dowel_error err;

#define assert_ok(expression)                                                                                          \
    do {                                                                                                               \
        if (expression) fail_msg("%s: %s", #expression, err.message);                                                  \
    } while (0)

static dowel *open_at(const char *where) {
    const dowel_connector *connectors[] = {&dowel_blocks_connector, &dowel_aws_connector, &dowel_gcp_connector, NULL};
    dowel_options options = {.size = sizeof options, .database_url = where, .connectors = connectors};
    dowel *d;
    assert_ok(dowel_open_with(&d, &options, &err));
    return d;
}

static void sql(dowel *d, const char *text) {
    dowel_db *db;
    assert_ok(dowel_database_acquire(d, &db, &err));
    assert_ok(dowel_db_exec(db, text, NULL, 0, NULL, &err));
    dowel_database_release(d, db);
}

static int64_t number(dowel *d, const char *text) {
    dowel_db *db;
    dowel_rows *rows;
    assert_ok(dowel_database_acquire(d, &db, &err));
    assert_ok(dowel_db_query(db, text, NULL, 0, &rows, &err));
    assert_int_equal(dowel_rows_next(rows, &err), 1);
    int64_t value = dowel_rows_int(rows, 0);
    dowel_rows_free(rows);
    dowel_database_release(d, db);
    return value;
}

static int save(dowel *d, const char *reference, const char *value) {
    json_t *document = json_pack("{s:s}", "value", value);
    int rc = dowel_block_save(d, reference, document, DOWEL_SAVE_OVERWRITE, NULL, &err);
    json_decref(document);
    return rc;
}

static void break_all_others(void) {
    dowel *killer = open_at(url);
    sql(killer, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
                "application_name = "
                "'dowel'");
    dowel_close(killer);
}

static void broken_connections_are_made_anew(void **state) {
    (void)state;
    dowel *d = open_at(url);
    dowel_block *block;
    assert_ok(save(d, "secret/a", "one"));
    break_all_others();
    assert_ok(dowel_block_load(d, "secret/a", &block, &err));
    dowel_block_free(block);
    break_all_others();
    assert_ok(save(d, "secret/a", "two"));
    dowel_close(d);
}

static void a_broken_transaction_is_an_error_and_changes_nothing(void **state) {
    (void)state;
    dowel *d = open_at(url);
    dowel_db *db;
    assert_ok(save(d, "secret/a", "one"));
    int64_t before = number(d, "SELECT count(*) FROM blocks");
    assert_ok(dowel_database_acquire(d, &db, &err));
    assert_ok(dowel_db_begin(db, &err));
    assert_ok(dowel_db_exec(db, "DELETE FROM blocks", NULL, 0, NULL, &err));
    break_all_others();
    assert_int_equal(dowel_db_exec(db, "DELETE FROM blocks", NULL, 0, NULL, &err), DOWEL_E_NETWORK);
    assert_non_null(strstr(err.message, "the connection broke"));
    assert_true(err.retryable);
    dowel_db_rollback(db);
    dowel_database_release(d, db);
    assert_int_equal(number(d, "SELECT count(*) FROM blocks"), before);
    dowel_close(d);
}

static void a_failed_transaction_is_not_committed(void **state) {
    (void)state;
    dowel *d = open_at(url);
    dowel_db *db;
    assert_ok(dowel_database_acquire(d, &db, &err));
    assert_ok(dowel_db_begin(db, &err));
    assert_int_equal(dowel_db_exec(db, "SELECT 1 / 0", NULL, 0, NULL, &err), DOWEL_E_DATABASE);
    assert_string_equal(err.reason, "22012");
    assert_int_equal(dowel_db_commit(db, &err), DOWEL_E_DATABASE);
    dowel_db_rollback(db);
    dowel_database_release(d, db);
    dowel_close(d);
}

static void *let_go_soon(void *context) {
    usleep(300000);
    dowel_db_commit(context, NULL);
    return NULL;
}

static void writers_wait_readers_do_not(void **state) {
    (void)state;
    dowel *holder = open_at(url), *d = open_at(url);
    dowel_db *db;
    dowel_block *block;
    pthread_t thread;
    assert_ok(save(d, "secret/a", "one"));
    assert_ok(dowel_database_acquire(holder, &db, &err));
    assert_ok(dowel_db_begin(db, &err));
    assert_ok(dowel_db_exec(db, "UPDATE blocks SET updated = 5", NULL, 0, NULL, &err));
    assert_ok(dowel_block_load(d, "secret/a", &block, &err));
    dowel_block_free(block);
    assert_int_equal(pthread_create(&thread, NULL, let_go_soon, db), 0);
    assert_ok(save(d, "secret/a", "two"));
    pthread_join(thread, NULL);
    dowel_database_release(holder, db);
    dowel_close(holder);
    dowel_close(d);
}

static void *count_up(void *context) {
    dowel_db *db;
    dowel_error why;
    for (int i = 0; i < ROUNDS; i++) {
        if (dowel_database_acquire(context, &db, &why)) return strdup(why.message);
        int rc = dowel_db_exec(db, "UPDATE counter SET n = n + 1", NULL, 0, NULL, &why);
        dowel_database_release(context, db);
        if (rc) return strdup(why.message);
    }
    return NULL;
}

static void statements_that_cannot_be_serialized_are_repeated(void **state) {
    (void)state;
    char strict[640];
    snprintf(strict, sizeof strict, "%s%%20-cdefault_transaction_isolation%%3Dserializable", url);
    dowel *d = open_at(strict);
    sql(d, "CREATE TABLE counter (n BIGINT NOT NULL)");
    sql(d, "INSERT INTO counter (n) VALUES (0)");
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, count_up, d), 0);
    for (int i = 0; i < THREADS; i++) {
        void *why = NULL;
        pthread_join(threads[i], &why);
        if (why) fail_msg("%s", (char *)why);
    }
    assert_int_equal(number(d, "SELECT n FROM counter"), THREADS * ROUNDS);
    dowel_close(d);
}

static void many_make_the_tables_at_once(void **state) {
    (void)state;
    enum { PROCESSES = 8 };
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        fflush(NULL);
        children[i] = fork();
        if (children[i]) continue;
        json_t *list = NULL, *runs = NULL;
        dowel *d = open_at(url);
        int rc = dowel_block_list(d, NULL, &list, &err);
        if (!rc) rc = dowel_runs_list(d, NULL, &runs, &err);
        if (rc) fprintf(stderr, "%s\n", err.message);
        _exit(rc ? 1 : 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
    }
    dowel *d = open_at(url);
    assert_int_equal(number(d, "SELECT count(*) FROM dowel_schema"), 2);
    dowel_close(d);
}

static int set_up(void **state) {
    static int schemas;
    (void)state;
    char text[64];
    const char *server = getenv("DOWEL_TEST_POSTGRES_URL");
    dowel *d = open_at(server);
    snprintf(text, sizeof text, "CREATE SCHEMA s%d", ++schemas);
    sql(d, text);
    dowel_close(d);
    snprintf(url, sizeof url, "%s?options=-csearch_path%%3Ds%d", server, schemas);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
    setenv("DOWEL_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1);
    const struct CMUnitTest tests[] = {
        CASE(many_make_the_tables_at_once),
        CASE(broken_connections_are_made_anew),
        CASE(a_broken_transaction_is_an_error_and_changes_nothing),
        CASE(a_failed_transaction_is_not_committed),
        CASE(writers_wait_readers_do_not),
        CASE(statements_that_cannot_be_serialized_are_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
