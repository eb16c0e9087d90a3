/* Deadlines, and threads that get no signals. */
#include "test.h"

#include <dowel/clock.h>
#include <dowel/thread.h>
#include <signal.h>

static double seconds(struct timespec t) {
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void test_deadlines(void **state) {
    (void)state;
    static const double ahead[] = {-1, 0, 0.25, 0.999999, 1, 3600.5, 1e300};
    for (size_t i = 0; i < sizeof ahead / sizeof ahead[0]; i++) {
        double wanted = ahead[i] < 0 ? 0 : ahead[i] > 1e9 ? 1e9 : ahead[i], before = dowel_clock();
        struct timespec until = dowel_deadline(CLOCK_MONOTONIC, ahead[i]);
        double after = dowel_clock();
        assert_true(until.tv_nsec >= 0 && until.tv_nsec < 1000000000);
        assert_true(seconds(until) >= before + wanted - 1e-6);
        assert_true(seconds(until) <= after + wanted + 1e-6);
    }
}

static void *blocked(void *context) {
    sigset_t set;
    bool *all = context;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    *all = sigismember(&set, SIGINT) && sigismember(&set, SIGTERM) && sigismember(&set, SIGCHLD);
    return NULL;
}

static void test_threads_block_signals(void **state) {
    (void)state;
    sigset_t before, after;
    pthread_t thread;
    bool all = false;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(dowel_thread_start(&thread, blocked, &all), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    pthread_join(thread, NULL);
    assert_true(all);
    assert_int_equal(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
    assert_false(sigismember(&after, SIGTERM));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_deadlines), cmocka_unit_test(test_threads_block_signals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
