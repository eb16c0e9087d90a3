/* Many processes at one registry, and processes killed in the middle of saving: nothing is lost, nothing is torn. In SQLite, and in PostgreSQL
 * where DOWEL_TEST_POSTGRES_URL names one. DOWEL_TEST_OPERATIONS and DOWEL_TEST_KILLS change how much of it. */
#include <dowel/database.h>
#include <dowel/dowel.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PROCESSES 16
#define OWN_BLOCKS 5

typedef struct pair {
    const char *label, *password; /* always the same text: a torn block shows */
    dowel_block *next;
} pair;

static const dowel_field fields[] = {
    {DOWEL_AT(pair, label), .kind = DOWEL_STRING, .doc = "A label."},
    {DOWEL_AT(pair, password), .kind = DOWEL_STRING, .flags = DOWEL_SECRET, .doc = "A secret."},
    {DOWEL_AT(pair, next), .kind = DOWEL_BLOCK, .blocks = "pair", .doc = "Another."},
    {0}};
static const dowel_table table = {"pair", sizeof(pair), fields, NULL};
static const dowel_block_type type = {
    .size = sizeof(dowel_block_type), .name = "pair", .doc = "A pair.", .table = &table, .version = 1};

static char folder[64], url[512];

static int number_of(const char *variable, int usual) {
    const char *text = getenv(variable);
    return text && atoi(text) > 0 ? atoi(text) : usual;
}

static int open_it(dowel **d, dowel_error *err) {
    const dowel_connector *connectors[] = {&dowel_blocks_connector, &dowel_aws_connector, &dowel_gcp_connector, NULL};
    dowel_options options = {.size = sizeof options, .database_url = url, .connectors = connectors};
    int rc = dowel_open_with(d, &options, err);
    return rc ? rc : dowel_register_block_type(*d, &type, err);
}

static int save(dowel *d, const char *reference, const char *text, dowel_error *err) {
    json_t *document = json_pack("{s:s,s:s}", "label", text, "password", text);
    int rc = dowel_block_save(d, reference, document, DOWEL_SAVE_OVERWRITE, NULL, err);
    json_decref(document);
    return rc;
}

/* Whole, and, where that is known, what was saved last. */
static int load(dowel *d, const char *reference, const char *text, dowel_error *err) {
    dowel_block *block;
    int rc = dowel_block_load(d, reference, &block, err);
    if (rc) return rc;
    const pair *p = dowel_block_data(block);
    if (strcmp(p->label, p->password) != 0)
        rc = dowel_fail(err, DOWEL_E_CORRUPT, "%s is torn: \"%s\" and \"%s\"", reference, p->label, p->password);
    else if (text && strcmp(p->label, text) != 0)
        rc = dowel_fail(err, DOWEL_E_CORRUPT, "%s was lost: \"%s\" instead of \"%s\"", reference, p->label, text);
    dowel_block_free(block);
    return rc;
}

static int saves_of_shared(int operations) {
    return (operations + 3) / 4;
}

/* One process: every fourth operation saves what all save, every fourth what is its own, the others load. */
static int work(int who, int operations) {
    dowel *d = NULL;
    dowel_error err;
    char reference[64], text[64], last[OWN_BLOCKS][64] = {{0}};
    int rc = open_it(&d, &err), i = 0;
    for (; !rc && i < operations; i++) {
        int own = i / 4 % OWN_BLOCKS;
        snprintf(reference, sizeof reference, "pair/own-%d-%d", who, own);
        snprintf(text, sizeof text, "process %d, operation %d", who, i);
        switch (i % 4) {
        case 0: rc = save(d, "pair/shared", text, &err); break;
        case 1:
            rc = save(d, reference, text, &err);
            memcpy(last[own], text, sizeof text);
            break;
        case 2: rc = load(d, reference, last[own], &err); break;
        default: rc = load(d, "pair/shared", NULL, &err); break;
        }
    }
    if (rc) fprintf(stderr, "process %d, operation %d: %s\n", who, i, err.message);
    dowel_close(d);
    return rc ? 1 : 0;
}

static void sixteen_processes_lose_nothing(void **state) {
    (void)state;
    int operations = number_of("DOWEL_TEST_OPERATIONS", 1000);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        fflush(NULL);
        children[i] = fork();
        if (!children[i]) _exit(work(i, operations));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
    }
    dowel *d;
    dowel_error err;
    json_t *list, *shown;
    assert_int_equal(open_it(&d, &err), 0);
    assert_int_equal(dowel_block_list(d, "pair", &list, &err), 0);
    assert_int_equal(json_array_size(list),
                     1 + PROCESSES * (operations / 4 < OWN_BLOCKS ? operations / 4 : OWN_BLOCKS));
    int64_t revisions = 0;
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry) revisions += json_integer_value(json_object_get(entry, "revision"));
    json_decref(list);
    assert_int_equal(revisions, PROCESSES * (saves_of_shared(operations) + (operations + 2) / 4));
    assert_int_equal(dowel_block_show(d, "pair/shared", DOWEL_SECRETS_MASKED, &shown, &err), 0);
    assert_int_equal(json_integer_value(json_object_get(shown, "revision")), PROCESSES * saves_of_shared(operations));
    json_decref(shown);
    dowel_close(d);
    print_message("%d processes, %d operations each\n", PROCESSES, operations);
}

static void save_until_killed(int round) {
    dowel *d;
    dowel_error err;
    if (open_it(&d, &err)) _exit(1);
    for (int i = 0;; i++) {
        char text[64];
        snprintf(text, sizeof text, "round %d, save %d", round, i);
        if (save(d, i % 2 ? "pair/a" : "pair/b", text, &err)) {
            fprintf(stderr, "%s\n", err.message);
            _exit(1);
        }
    }
}

static void killed_saves_leave_old_or_new(void **state) {
    (void)state;
    int kills = number_of("DOWEL_TEST_KILLS", 500);
    dowel *d;
    dowel_error err;
    assert_int_equal(open_it(&d, &err), 0);
    assert_int_equal(save(d, "pair/a", "first", &err), 0);
    assert_int_equal(save(d, "pair/b", "first", &err), 0);
    dowel_close(d); /* a child must not inherit an open SQLite database */
    srand((unsigned)getpid());
    for (int round = 0; round < kills; round++) {
        fflush(NULL);
        pid_t child = fork();
        if (!child) save_until_killed(round);
        usleep((useconds_t)(500 + rand() % 9000));
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(open_it(&d, &err), 0);
        if (load(d, "pair/a", NULL, &err) || load(d, "pair/b", NULL, &err))
            fail_msg("round %d: %s", round, err.message);
        dowel_close(d);
    }
    assert_int_equal(open_it(&d, &err), 0);
    if (save(d, "pair/a", "afterwards", &err) || load(d, "pair/a", "afterwards", &err)) fail_msg("%s", err.message);
    dowel_close(d);
    print_message("%d kills\n", kills);
}

static int set_up(void **state) {
    static int schemas;
    (void)state;
    const char *server = getenv("DOWEL_TEST_POSTGRES_URL");
    snprintf(folder, sizeof folder, "/tmp/dowel-many-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(url, sizeof url, "sqlite:%s/d.db", folder);
    if (!server) return 0;
    dowel *d;
    dowel_db *db;
    dowel_error err;
    char text[64];
    snprintf(text, sizeof text, "CREATE SCHEMA many%d", ++schemas);
    snprintf(url, sizeof url, "%s", server);
    int rc = open_it(&d, &err);
    if (!rc) rc = dowel_database_acquire(d, &db, &err);
    if (!rc) rc = dowel_db_exec(db, text, NULL, 0, NULL, &err);
    if (!rc) dowel_database_release(d, db);
    dowel_close(d);
    snprintf(url, sizeof url, "%s?options=-csearch_path%%3Dmany%d", server, schemas);
    return rc;
}

static int tear_down(void **state) {
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    setenv("DOWEL_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1);
    const struct CMUnitTest tests[] = {CASE(sixteen_processes_lose_nothing), CASE(killed_saves_leave_old_or_new)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
