/* One handle, many threads: blocks saved, loaded and listed at the same time, in a file and in memory. */
#include <dowel/dowel.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 8
#define ROUNDS 20

typedef struct worker {
    dowel *d;
    int who;
    int rc;
    dowel_error err;
} worker;

static void *work(void *context) {
    worker *w = context;
    char own[64];
    snprintf(own, sizeof own, "secret/own-%d", w->who);
    for (int i = 0; i < ROUNDS && !w->rc; i++) {
        json_t *document = json_pack("{s:s}", "value", own), *list = NULL;
        dowel_block *block = NULL;
        w->rc = dowel_block_save(w->d, own, document, DOWEL_SAVE_OVERWRITE, NULL, &w->err);
        if (!w->rc) w->rc = dowel_block_save(w->d, "secret/shared", document, DOWEL_SAVE_OVERWRITE, NULL, &w->err);
        if (!w->rc) w->rc = dowel_block_load(w->d, own, &block, &w->err);
        if (!w->rc && strcmp(*(const char *const *)dowel_block_data(block), own) != 0) w->rc = DOWEL_E_CORRUPT;
        if (!w->rc) w->rc = dowel_block_list(w->d, "secret", &list, &w->err);
        dowel_block_free(block);
        json_decref(list);
        json_decref(document);
    }
    return NULL;
}

static void all_at_once(const char *url) {
    const dowel_connector *connectors[] = {&dowel_blocks_connector, NULL};
    dowel_options options = {.size = sizeof options, .database_url = url, .connectors = connectors};
    dowel *d;
    dowel_error err;
    setenv("DOWEL_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1);
    assert_int_equal(dowel_open_with(&d, &options, &err), 0);
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.d = d, .who = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        if (workers[i].rc) fail_msg("thread %d: %s", i, workers[i].err.message);
    json_t *shown;
    assert_int_equal(dowel_block_show(d, "secret/shared", DOWEL_SECRETS_MASKED, &shown, &err), 0);
    assert_int_equal(json_integer_value(json_object_get(shown, "revision")), THREADS * ROUNDS);
    json_decref(shown);
    dowel_close(d);
}

static void in_a_file(void **state) {
    (void)state;
    char folder[] = "/tmp/dowel-threads-XXXXXX", url[64], command[64];
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/d.db", folder);
    all_at_once(url);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void in_memory(void **state) {
    (void)state;
    all_at_once("memory:");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_a_file), cmocka_unit_test(in_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
