/* A handle belongs to the process that opened it: a forked child neither runs what was submitted nor touches the connections. */
#include "../test.h"

#include <dowel/runtime.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/dowel-fork-XXXXXX", url[256];
static dowel *d;

/* Writes a line, so that calls of all processes are counted. */
static int leaves_a_line(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)at, (void)data, (void)result, (void)err;
    char path[128];
    snprintf(path, sizeof path, "%s/lines", folder);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    ssize_t wrote = write(file, "x", 1);
    close(file);
    return wrote == 1 ? 0 : dowel_fail(err, DOWEL_E_IO, "cannot write");
}
static const dowel_task line_task = {
    .size = sizeof(dowel_task), .name = "line", .doc = "Counts.", .run = leaves_a_line};

static int waits(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    char path[128];
    snprintf(path, sizeof path, "%s/gate", folder);
    int rc = 0;
    while (!rc && access(path, F_OK)) rc = dowel_sleep(at, 0.005, err);
    return rc;
}
static const dowel_task gate_task = {.size = sizeof(dowel_task), .name = "gate", .doc = "Waits.", .run = waits};

static size_t lines(void) {
    char path[128];
    size_t size = 0;
    snprintf(path, sizeof path, "%s/lines", folder);
    free(read_file(path, &size));
    return size;
}

static int set_up(void **state) {
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/runs.db", folder);
    assert_ok(dowel_open(&d, &(dowel_options){.size = sizeof(dowel_options), .database_url = url, .workers = 1}, err));
    assert_ok(dowel_register_task(d, &line_task, err));
    assert_ok(dowel_register_task(d, &gate_task, err));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    dowel_close(d);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* Runs the function in a child; its exit status. */
static int in_child(int (*body)(void *), void *context) {
    fflush(NULL);
    pid_t child = fork();
    if (!child) {
        alarm(20); /* a lock that no thread of the child holds would never be free */
        _exit(body(context));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define REFUSED(call)                                                                                                  \
    do {                                                                                                               \
        dowel_error why = {0};                                                                                         \
        if ((call) != DOWEL_E_INVALID || !strstr(why.message, "forked")) {                                             \
            fprintf(stderr, "%s: %s\n", #call, why.message);                                                           \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

static int everything(void *context) {
    dowel_future *queued = context, *other = NULL;
    json_t *out = NULL;
    int64_t count;
    dowel_block *block;
    const dowel_task *task;
    REFUSED(dowel_call(d, "line", NULL, 0, NULL, NULL, &why));
    REFUSED(dowel_call_json(d, "line", NULL, NULL, NULL, &why));
    REFUSED(dowel_submit(d, "line", NULL, 0, NULL, &other, &why));
    REFUSED(dowel_flow_run(d, &line_task, NULL, 0, NULL, NULL, &why));
    REFUSED(dowel_wait(queued, &out, &why));
    REFUSED(dowel_sleep(d, 0.001, &why));
    REFUSED(dowel_check(d, &why));
    REFUSED(dowel_runs_list(d, NULL, &out, &why));
    REFUSED(dowel_runs_show(d, "0123-4567", &out, &why));
    REFUSED(dowel_runs_resume(d, "0123-4567", NULL, NULL, &why));
    REFUSED(dowel_runs_result(d, "0123-4567", &out, &why));
    REFUSED(dowel_runs_prune(d, INT64_MAX, false, &count, &why));
    REFUSED(dowel_block_load(d, "gcp-credentials/x", &block, &why));
    REFUSED(dowel_find_task(d, "line", &task, &why));
    REFUSED(dowel_register_task(d, &line_task, &why));
    if (dowel_done(queued) || dowel_future_fd(queued) >= 0) return 2;
    dowel_future_free(queued);
    dowel_close(d);
    return 0;
}

/* SQLite's memory of its locks is the parent's. */
static int own_handle(void *context) {
    (void)context;
    dowel *mine;
    dowel_error why;
    json_t *runs;
    if (dowel_open(&mine, &(dowel_options){.size = sizeof(dowel_options), .database_url = url}, &why)) return 1;
    if (dowel_runs_list(mine, NULL, &runs, &why) != DOWEL_E_INVALID || !strstr(why.message, "forked")) return 2;
    dowel_close(mine);
    return 0;
}

static int own_handle_with_history(void *context) {
    (void)context;
    dowel *mine;
    dowel_error why;
    json_t *runs;
    if (dowel_open(&mine, &(dowel_options){.size = sizeof(dowel_options), .database_url = url}, &why)) return 1;
    if (dowel_register_task(mine, &line_task, &why) || dowel_call(mine, "line", NULL, 0, NULL, NULL, &why)) return 2;
    if (dowel_runs_list(mine, NULL, &runs, &why)) return 3;
    json_decref(runs);
    dowel_close(mine);
    return 0;
}

static void test_a_child_does_nothing_with_its_parents_handle(void **state) {
    (void)state;
    dowel_future *gate, *queued[4];
    assert_ok(dowel_submit(d, "gate", NULL, 0, NULL, &gate, err));
    for (size_t i = 0; i < 4; i++) assert_ok(dowel_submit(d, "line", NULL, 0, NULL, &queued[i], err));
    for (size_t i = 0; i < 4; i++) assert_int_equal(in_child(everything, queued[i]), 0);
    assert_int_equal(lines(), 0);
    assert_int_equal(in_child(own_handle, NULL), 0);

    char path[128];
    snprintf(path, sizeof path, "%s/gate", folder);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    assert_ok(dowel_wait(gate, NULL, err));
    dowel_future_free(gate);
    for (size_t i = 0; i < 4; i++) {
        assert_ok(dowel_wait(queued[i], NULL, err));
        dowel_future_free(queued[i]);
    }
    assert_int_equal(lines(), 4);
    json_t *runs;
    assert_ok(dowel_runs_list(d, NULL, &runs, err));
    assert_int_equal(json_array_size(runs), 5);
    json_decref(runs);
}

/* A fork while other threads hold locks. */
static void test_a_fork_in_the_middle_of_work(void **state) {
    (void)state;
    dowel_future *work[32];
    for (size_t i = 0; i < 32; i++) {
        assert_ok(dowel_submit(d, "line", NULL, 0, NULL, &work[i], err));
        if (i % 4 == 3) assert_int_equal(in_child(everything, work[i]), 0);
    }
    size_t before = 4;
    for (size_t i = 0; i < 32; i++) {
        assert_ok(dowel_wait(work[i], NULL, err));
        dowel_future_free(work[i]);
    }
    assert_int_equal(lines(), before + 32);
}

/* A body that forks: its child may not go on with the run. */
static int forks(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    pid_t child = fork();
    if (!child) {
        dowel_error why = {0};
        _exit(dowel_check(at, &why) == DOWEL_E_INVALID && dowel_sleep(at, 0.001, &why) == DOWEL_E_INVALID &&
                      dowel_remember(at, "handle", "value", false, &why) == DOWEL_E_INVALID &&
                      dowel_call(at, "line", NULL, 0, NULL, NULL, &why) == DOWEL_E_INVALID
                  ? 0
                  : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status ? dowel_fail(err, DOWEL_E_INTERNAL, "the child went on") : 0;
}
static const dowel_task fork_task = {.size = sizeof(dowel_task), .name = "forks", .doc = "Forks.", .run = forks};

static void test_a_body_that_forks(void **state) {
    (void)state;
    assert_ok(dowel_register_task(d, &fork_task, err));
    assert_ok(dowel_call(d, "forks", NULL, 0, NULL, NULL, err));
}

/* Where nothing is open, a child is like any other process. */
static void test_a_child_with_a_handle_of_its_own(void **state) {
    (void)state;
    dowel_close(d);
    size_t before = lines();
    for (int i = 0; i < 3; i++) assert_int_equal(in_child(own_handle_with_history, NULL), 0);
    assert_int_equal(lines(), before + 3);
    assert_ok(dowel_open(&d, &(dowel_options){.size = sizeof(dowel_options), .database_url = url}, err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_child_does_nothing_with_its_parents_handle),
        cmocka_unit_test(test_a_fork_in_the_middle_of_work),
        cmocka_unit_test(test_a_body_that_forks),
        cmocka_unit_test(test_a_child_with_a_handle_of_its_own),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
