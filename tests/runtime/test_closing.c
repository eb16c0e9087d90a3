/* Closing a handle while others use it: what runs is cancelled and waited for, whoever is in it comes out, and nobody closes it from within. */
#include "../test.h"

#include <dowel/runtime.h>

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { CALLERS = 4, FUTURES = 40 };

static dowel *d;
static atomic_int inside, refused, step;

static int rest(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    atomic_fetch_add(&inside, 1);
    return dowel_sleep(at, 60, err);
}

/* Submits and calls as it goes down. */
static int parent(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result;
    dowel_future *future;
    atomic_fetch_add(&inside, 1);
    int rc = dowel_submit(at, "rest", NULL, 0, NULL, &future, err);
    if (rc) return rc;
    rc = dowel_wait(future, NULL, err);
    dowel_future_free(future);
    /* What is asked for now is refused; what ran is waited for. */
    dowel_error why = {0};
    if (dowel_call(at, "rest", NULL, 0, NULL, NULL, &why) == DOWEL_E_CANCELLED) atomic_fetch_add(&refused, 1);
    return rc;
}

/* Looks at nothing: it is waited for, and not cut off. */
static int stubborn(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)err;
    atomic_fetch_add(&inside, 1);
    usleep(100000);
    dowel_log(at, DOWEL_LOG_WARNING, "still here");
    *result = json_string(dowel_run_id(at));
    return 0;
}

static int closes(dowel *at, const void *data, json_t **result, dowel_error *err) {
    (void)data, (void)result, (void)err;
    dowel_close(at);
    dowel_close(d);
    return dowel_check(at, err);
}

static const dowel_task tasks[] = {
    {.size = sizeof(dowel_task), .name = "rest", .doc = "Rests.", .run = rest},
    {.size = sizeof(dowel_task), .name = "parent", .doc = "Has children.", .run = parent},
    {.size = sizeof(dowel_task), .name = "stubborn", .doc = "Does not look.", .run = stubborn},
    {.size = sizeof(dowel_task), .name = "closes", .doc = "Closes.", .run = closes},
};

static atomic_int told;

static void log_line(void *context, dowel_log_level level, const char *line) {
    (void)context, (void)level;
    if (strstr(line, "dowel_close was called from inside")) atomic_fetch_add(&told, 1);
}

static int open_handle(void **state) {
    (void)state;
    atomic_store(&inside, 0);
    atomic_store(&refused, 0);
    atomic_store(&told, 0);
    atomic_store(&step, 0);
    const dowel_options options = {.size = sizeof options, .database_url = "memory:", .workers = 2, .log = log_line};
    int rc = dowel_open_with(&d, &options, NULL);
    for (size_t i = 0; !rc && i < sizeof tasks / sizeof tasks[0]; i++) rc = dowel_register_task(d, &tasks[i], NULL);
    return rc;
}

static void wait_for(int count) {
    while (atomic_load(&inside) < count) usleep(500);
}

typedef struct caller {
    pthread_t thread;
    const char *task;
    dowel_future *future;
    int rc;
} caller;

static void *call(void *context) {
    caller *c = context;
    dowel_error why = {0};
    json_t *result = NULL;
    c->rc = dowel_call(d, c->task, NULL, 0, NULL, &result, &why);
    json_decref(result);
    return NULL;
}

static void *wait_and_free(void *context) {
    caller *c = context;
    dowel_error why = {0};
    atomic_fetch_add(&step, 1);
    c->rc = dowel_wait(c->future, NULL, &why);
    /* After the handle may have gone. */
    if (!dowel_done(c->future) || dowel_wait(c->future, NULL, NULL) != c->rc) c->rc = 1;
    dowel_future_free(c->future);
    return NULL;
}

static void *sleep_in_it(void *context) {
    caller *c = context;
    dowel_error why = {0};
    atomic_fetch_add(&inside, 1);
    c->rc = dowel_sleep(d, 60, &why);
    return NULL;
}

static void start(caller *c, void *(*run)(void *)) {
    assert_int_equal(pthread_create(&c->thread, NULL, run, c), 0);
}

static void calls_are_cancelled_and_waited_for(void **state) {
    (void)state;
    caller callers[CALLERS + 2] = {{.task = NULL}};
    for (int i = 0; i < CALLERS; i++) {
        callers[i].task = i % 2 ? "parent" : "rest";
        start(&callers[i], call);
    }
    callers[CALLERS].task = "stubborn";
    start(&callers[CALLERS], call);
    wait_for(CALLERS + CALLERS / 2 + 1);
    dowel_close(d);
    for (int i = 0; i <= CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].rc, i < CALLERS ? DOWEL_E_CANCELLED : 0);
    }
    assert_int_equal(atomic_load(&refused), CALLERS / 2);
}

static void who_waits_for_futures_comes_out(void **state) {
    (void)state;
    static caller callers[FUTURES];
    for (int i = 0; i < FUTURES; i++) {
        dowel_call_options options = {.size = sizeof options};
        dowel_future *const before[] = {i ? callers[i - 1].future : NULL, NULL};
        if (i % 3 == 2) options.wait_for = before; /* some that have not begun when it is closed */
        callers[i] = (caller){.future = NULL};
        assert_ok(dowel_submit(d, i % 2 ? "parent" : "rest", NULL, 0, &options, &callers[i].future, err));
    }
    for (int i = 0; i < FUTURES; i++) start(&callers[i], wait_and_free);
    while (atomic_load(&step) < FUTURES) usleep(500);
    wait_for(2);
    usleep(20000); /* so that they are in dowel_wait: whoever is not gets the same */
    dowel_close(d);
    for (int i = 0; i < FUTURES; i++) {
        pthread_join(callers[i].thread, NULL);
        if (callers[i].rc != DOWEL_E_CANCELLED && callers[i].rc != DOWEL_E_DEPENDENCY)
            fail_msg("%d: %d", i, callers[i].rc);
    }
}

static void futures_that_nobody_waits_for_end(void **state) {
    (void)state;
    dowel_future *kept = NULL;
    for (int i = 0; i < FUTURES; i++) {
        dowel_future *future;
        assert_ok(dowel_submit(d, "parent", NULL, 0, NULL, &future, err));
        if (i)
            dowel_future_free(future);
        else
            kept = future;
    }
    dowel_close(d);
    assert_true(dowel_done(kept));
    assert_int_equal(dowel_wait(kept, NULL, NULL), DOWEL_E_CANCELLED);
    dowel_future_free(kept);
}

static void who_sleeps_comes_out(void **state) {
    (void)state;
    caller c = {.task = NULL};
    start(&c, sleep_in_it);
    wait_for(1);
    usleep(20000); /* so that it sleeps */
    dowel_close(d);
    pthread_join(c.thread, NULL);
    assert_int_equal(c.rc, DOWEL_E_CANCELLED);
}

static bool close_it(void *context) {
    (void)context;
    dowel_close(d);
    return false;
}

static void a_body_cannot_close_what_it_runs_in(void **state) {
    (void)state;
    dowel_future *future;
    assert_ok(dowel_call(d, "closes", NULL, 0, NULL, NULL, err));
    assert_int_equal(atomic_load(&told), 2);
    assert_ok(dowel_submit(d, "closes", NULL, 0, NULL, &future, err));
    while (!dowel_done(future)) usleep(500); /* on a worker */
    assert_ok(dowel_wait(future, NULL, err));
    dowel_future_free(future);
    assert_int_equal(atomic_load(&told), 4);
    const dowel_call_options options = {.size = sizeof options, .cancelled = close_it};
    assert_ok(dowel_call(d, "stubborn", NULL, 0, &options, NULL, err));
    assert_true(atomic_load(&told) > 4);
    dowel_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(calls_are_cancelled_and_waited_for, open_handle),
        cmocka_unit_test_setup(who_waits_for_futures_comes_out, open_handle),
        cmocka_unit_test_setup(futures_that_nobody_waits_for_end, open_handle),
        cmocka_unit_test_setup(who_sleeps_comes_out, open_handle),
        cmocka_unit_test_setup(a_body_cannot_close_what_it_runs_in, open_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
