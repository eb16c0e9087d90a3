/* A value that many threads wait for and one renews: what becomes of the renewing thread alone is its own affair. */
#include "../test.h"

#include <dowel/renewed.h>

#include <pthread.h>
#include <stdatomic.h>

enum { WAITERS = 8 };

/* The first renewal after `hold` is set does not end before its run does; the others give the next number at once. */
static atomic_bool hold;
static atomic_int fetches, arrived;
static dowel_renewed *set;

static int fetch(dowel *d, const dowel_renewal *renewal, void **value, int64_t *expires, dowel_error *err) {
    (void)renewal;
    int number = atomic_fetch_add(&fetches, 1), rc = 0;
    if (atomic_exchange(&hold, false))
        while (!rc) rc = dowel_sleep(d, 0.01, err);
    if (rc) return rc;
    *expires = 0;
    *value = malloc(sizeof number);
    if (!*value) return dowel_no_memory(err);
    memcpy(*value, &number, sizeof number);
    return 0;
}

static void *copy(const void *value) {
    void *made = malloc(sizeof(int));
    return made ? memcpy(made, value, sizeof(int)) : NULL;
}

/* Asked under the entry's lock by each thread that comes with a refused value: who was asked waits before the renewal can end. */
static bool is(const void *value, const char *refused) {
    (void)value, (void)refused;
    atomic_fetch_add(&arrived, 1);
    return true;
}

static const dowel_renewed_type type = {.name = "a number", .fetch = fetch, .copy = copy, .end = free, .is = is};
static const unsigned char digest[32] = {1};

static int get(dowel *d, int *number, dowel_error *err) {
    void *value = NULL;
    int rc = dowel_renewed_get(d, set, digest, NULL, "refused", true, &value, err);
    if (!rc && number) memcpy(number, value, sizeof *number);
    free(value);
    return rc;
}

static int renew(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    return get(d, NULL, err);
}

static const dowel_task renew_task = {.size = sizeof(dowel_task), .name = "test.renew", .doc = "Renews.", .run = renew};
static const dowel_task *const tasks[] = {&renew_task, NULL};
static const dowel_connector connector = {
    .abi = DOWEL_ABI, .size = sizeof(dowel_connector), .name = "test", .version = "1", .doc = "Test.", .tasks = tasks};

typedef struct waiter {
    pthread_t thread;
    dowel *d;
    int rc, number;
    dowel_error err;
} waiter;

static void *wait_for_it(void *context) {
    waiter *w = context;
    w->rc = get(w->d, &w->number, &w->err);
    return NULL;
}

static void wait_until(const atomic_int *counter, int least) {
    while (atomic_load(counter) < least) sched_yield();
}

/* One thread renews and its run ends (`end` cancels it, or a timeout does); the others wait meanwhile and get a value all the same. */
static void others_go_on(dowel *d, double timeout, void (*end)(dowel_future *future), int code) {
    set = dowel_renewed_new(&type);
    assert_non_null(set);
    int first = -1;
    assert_ok(get(d, &first, err));
    int before = atomic_load(&fetches);
    atomic_store(&arrived, 0);
    atomic_store(&hold, true);
    dowel_call_options options = {.size = sizeof options, .policy = {.timeout = timeout}};
    dowel_future *renewer;
    assert_ok(dowel_submit(d, "test.renew", NULL, 0, &options, &renewer, err));
    wait_until(&fetches, before + 1);
    waiter waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (waiter){.d = d};
        assert_int_equal(pthread_create(&waiters[i].thread, NULL, wait_for_it, &waiters[i]), 0);
    }
    wait_until(&arrived, WAITERS + 1);
    if (end) end(renewer);
    dowel_error err;
    assert_int_equal(dowel_wait(renewer, NULL, &err), code);
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(waiters[i].thread, NULL);
        if (waiters[i].rc) fail_msg("waiter %d: %d: %s", i, waiters[i].rc, waiters[i].err.message);
        assert_true(waiters[i].number > first);
    }
    dowel_future_free(renewer);
    dowel_renewed_end(set);
}

static void a_cancelled_renewal_fails_nobody_else(void **state) {
    others_go_on(*state, 0, dowel_future_cancel, DOWEL_E_CANCELLED);
}

static void a_renewal_that_runs_out_of_time_fails_nobody_else(void **state) {
    others_go_on(*state, 2, NULL, DOWEL_E_TIMEOUT);
}

static int set_up(void **state) {
    const dowel_connector *connectors[] = {&connector, NULL};
    dowel_options options = {.size = sizeof options, .database_url = "memory:", .connectors = connectors};
    dowel *d = NULL;
    dowel_error err;
    if (dowel_open_with(&d, &options, &err)) return dowel_error_print(&err);
    *state = d;
    return 0;
}

static int tear_down(void **state) {
    dowel_close(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_cancelled_renewal_fails_nobody_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_renewal_that_runs_out_of_time_fails_nobody_else, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
