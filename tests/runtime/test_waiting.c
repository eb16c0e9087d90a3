/* Tasks that wait for tasks: with fewer workers than there are waits, without other work on the same stack, and whoever waits for whom. */
#include "../test.h"

#include <dowel/runtime.h>

#include <stdatomic.h>
#include <unistd.h>

enum { MANY = 300 };

typedef struct world {
    dowel *d;
    atomic_int deepest;
    _Atomic(dowel_future *) outer, inner;
    atomic_bool inner_begun, other_begun;
} world;
static world *w;

static int leaf(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    return dowel_sleep(d, 0.0002, err);
}

/* Waits for the second of two, of which the first has to be done before. */
static int chain(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    static _Thread_local int depth;
    dowel_future *first, *second;
    if (++depth > atomic_load(&w->deepest)) atomic_store(&w->deepest, depth);
    int rc = dowel_submit(d, "leaf", NULL, 0, NULL, &first, err);
    if (rc) return rc;
    dowel_future *const before[] = {first, NULL};
    const dowel_call_options options = {.size = sizeof options, .wait_for = before};
    rc = dowel_submit(d, "leaf", NULL, 0, &options, &second, err);
    if (!rc) {
        rc = dowel_wait(second, NULL, err);
        dowel_future_free(second);
    }
    dowel_future_free(first);
    depth--;
    return rc;
}

static int outer(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    dowel_future *future;
    int rc = dowel_submit(d, "inner", NULL, 0, NULL, &future, err);
    if (rc) return rc;
    atomic_store(&w->inner, future);
    while (!atomic_load(&w->inner_begun)) usleep(500);
    return dowel_wait(future, NULL, err);
}

/* Ends when another task has begun, which waits for the outer one. */
static int inner(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    atomic_store(&w->inner_begun, true);
    int rc = 0;
    while (!rc && !atomic_load(&w->other_begun)) rc = dowel_sleep(d, 0.001, err);
    return rc;
}

static int other(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)d, (void)args, (void)result;
    atomic_store(&w->other_begun, true);
    return dowel_wait(atomic_load(&w->outer), NULL, err);
}

static const dowel_task tasks[] = {
    {.size = sizeof(dowel_task), .name = "leaf", .doc = "Rests.", .run = leaf},
    {.size = sizeof(dowel_task), .name = "chain", .doc = "Waits for two.", .run = chain},
    {.size = sizeof(dowel_task), .name = "outer", .doc = "Waits for the inner one.", .run = outer},
    {.size = sizeof(dowel_task),
     .name = "inner",
     .doc = "Waits for the other one.",
     .run = inner,
     .policy = {.timeout = 20}},
    {.size = sizeof(dowel_task), .name = "other", .doc = "Waits for the outer one.", .run = other},
};

static int set_up(void **state) {
    (void)state;
    w = calloc(1, sizeof *w);
    if (!w) return -1;
    const dowel_options options = {.size = sizeof options, .database_url = "memory:", .no_history = true, .workers = 1};
    int rc = dowel_open_with(&w->d, &options, NULL);
    for (size_t i = 0; !rc && i < sizeof tasks / sizeof tasks[0]; i++) rc = dowel_register_task(w->d, &tasks[i], NULL);
    return rc;
}

static int tear_down(void **state) {
    (void)state;
    dowel_close(w->d);
    free(w);
    return 0;
}

/* What waits while nobody has begun what it waits for does that, and nothing else: stacks do not grow with the queue. */
static void waiting_does_no_other_work(void **state) {
    (void)state;
    static dowel_future *futures[MANY];
    for (size_t i = 0; i < MANY; i++) assert_ok(dowel_submit(w->d, "chain", NULL, 0, NULL, &futures[i], err));
    for (size_t i = MANY; i--;) {
        assert_ok(dowel_wait(futures[i], NULL, err));
        dowel_future_free(futures[i]);
    }
    assert_int_equal(atomic_load(&w->deepest), 1);
}

/* The one worker waits for what another thread does, which ends only when there is a second worker. */
static void a_worker_that_waits_makes_room(void **state) {
    (void)state;
    dowel_future *first, *second;
    assert_ok(dowel_submit(w->d, "outer", NULL, 0, NULL, &first, err));
    atomic_store(&w->outer, first);
    while (!atomic_load(&w->inner)) usleep(500);
    assert_ok(dowel_submit(w->d, "other", NULL, 0, NULL, &second, err));
    assert_ok(dowel_wait(atomic_load(&w->inner), NULL, err));
    while (!dowel_done(second)) usleep(500);
    assert_ok(dowel_wait(second, NULL, err));
    assert_ok(dowel_wait(first, NULL, err));
    dowel_future_free(first);
    dowel_future_free(second);
    dowel_future_free(atomic_load(&w->inner));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(waiting_does_no_other_work, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_that_waits_makes_room, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
