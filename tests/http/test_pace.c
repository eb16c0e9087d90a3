/* Many clients, and a service that takes only so many requests a second: in a time of its own, so that nothing waits. */
#include "test.h"

#include "pace.h"

enum { CLIENTS = 32 };

typedef struct client {
    enum { ASKS, HAS_TURN, WAITS } state; /* WAITS: for the answer to what it sent */
    double next, started;
    bool taken, in_line;
    int tries;
} client;

typedef struct world {
    dowel_pace pace;
    double now, limit; /* limit: requests a second that the service takes; 0: any number */
    double room, filled;
    int sent, refused;
    client clients[CLIENTS];
    unsigned seed;
    bool paced;
} world;

static double noise(world *w) {
    w->seed = w->seed * 1103515245u + 12345u;
    return (double)(w->seed >> 8 & 0xffff) / 65536.0;
}

static bool service_takes(world *w) {
    if (w->limit <= 0) return true;
    w->room += (w->now - w->filled) * w->limit;
    if (w->room > w->limit / 4) w->room = w->limit / 4;
    w->filled = w->now;
    if (w->room < 1) return false;
    w->room -= 1;
    return true;
}

/* Each client sends as fast as it can, an answer takes 20 ms, and what is refused is tried again after a random while that doubles. */
static void step(world *w, client *c) {
    const double trip = 0.02;
    double wait = 0;
    switch (c->state) {
    case ASKS:
        if (w->paced) wait = dowel_pace_take(&w->pace, w->now, &c->in_line);
        c->next = w->now + wait;
        if (wait <= 0) c->state = HAS_TURN;
        break;
    case HAS_TURN:
        c->taken = service_takes(w);
        w->sent++;
        w->refused += !c->taken;
        c->started = w->now;
        c->next = w->now + trip;
        c->state = WAITS;
        break;
    case WAITS:
        if (w->paced) dowel_pace_told(&w->pace, c->started, w->now, !c->taken);
        c->tries = c->taken ? 0 : c->tries < 8 ? c->tries + 1 : 8;
        c->next = w->now + (c->taken ? 0.001 : noise(w) * 0.1 * (1 << c->tries));
        c->state = ASKS;
        break;
    }
}

static void run(world *w, double seconds) {
    const double until = w->now + seconds;
    for (int i = 0; i < CLIENTS; i++)
        if (w->clients[i].next <= 0) w->clients[i].next = w->now + noise(w) * 0.02;
    for (;;) {
        client *first = &w->clients[0];
        for (int i = 1; i < CLIENTS; i++)
            if (w->clients[i].next < first->next) first = &w->clients[i];
        if (first->next >= until) break;
        w->now = first->next;
        step(w, first);
    }
    w->now = until;
}

static void nothing_waits_before_a_complaint(void **state) {
    (void)state;
    world w = {.now = 100, .paced = true, .seed = 1};
    run(&w, 2);
    assert_false(w.pace.limited);
    assert_true(w.sent > CLIENTS * 90);
}

/* Far fewer are refused than without, and most of what the service would take is still sent. */
static void a_limit_is_found(void **state) {
    (void)state;
    static const double limits[] = {5, 50, 400};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        world with = {.now = 100, .limit = limits[i], .paced = true, .seed = 7},
              without = {.now = 100, .limit = limits[i], .seed = 7};
        run(&with, 60);
        run(&without, 60);
        double taken = (double)(with.sent - with.refused) / (60 * limits[i]);
        print_message("limit %.0f: %d of %d refused, %.0f%% of it used; unpaced %d of %d\n", limits[i], with.refused,
                      with.sent, taken * 100, without.refused, without.sent);
        assert_true(with.refused * 4 < with.sent);
        assert_true(with.refused * 3 < without.refused);
        assert_true(taken > 0.6);
    }
}

/* Of many answers to what was on its way at once, only the first lowers the rate. */
static void one_storm_is_one_complaint(void **state) {
    (void)state;
    dowel_pace pace = {0};
    bool in_line = false;
    for (int i = 0; i < 100; i++) assert_true(dowel_pace_take(&pace, 1000 + i * 0.01, &in_line) <= 0);
    dowel_pace_told(&pace, 1000.5, 1001, true);
    double rate = pace.rate;
    assert_true(rate > 50 && rate < 100);
    for (int i = 0; i < 50; i++) dowel_pace_told(&pace, 1000.5 + i * 0.01, 1001.01, true);
    assert_true(pace.rate >= rate && pace.rate <= rate);
    dowel_pace_told(&pace, 1001.02, 1001.1, true);
    assert_true(pace.rate < rate);
}

static void it_recovers(void **state) {
    (void)state;
    world w = {.now = 100, .limit = 20, .paced = true, .seed = 3};
    run(&w, 20);
    assert_true(w.pace.limited && w.pace.rate < 60);
    w.limit = 0;
    int before = w.sent;
    run(&w, 30);
    assert_true(w.sent - before > 5000);
    run(&w, 60);
    assert_false(w.pace.limited);
}

/* However often it complains: requests go on. */
static void it_never_stops(void **state) {
    (void)state;
    dowel_pace pace = {0};
    bool in_line = false;
    double now = 50;
    assert_true(dowel_pace_take(&pace, now, &in_line) <= 0); /* another one is on its way all the time */
    for (int i = 0; i < 100; i++) {
        double wait = dowel_pace_take(&pace, now, &in_line);
        assert_true(wait <= 0.51);
        assert_true(pace.limited == (i > 0));
        while (wait > 0) wait = dowel_pace_take(&pace, now += wait, &in_line);
        dowel_pace_told(&pace, now, now + 0.01, true);
        now += 0.02;
    }
}

/* Who sends one request after the other is not held back: the wait before the next try is enough. */
static void alone(void **state) {
    (void)state;
    dowel_pace pace = {0};
    bool in_line = false;
    for (int i = 0; i < 100; i++) {
        assert_true(dowel_pace_take(&pace, 10 + i, &in_line) <= 0);
        dowel_pace_told(&pace, 10 + i, 10.5 + i, true);
    }
    assert_false(pace.limited);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_waits_before_a_complaint),
                                       cmocka_unit_test(a_limit_is_found),
                                       cmocka_unit_test(one_storm_is_one_complaint),
                                       cmocka_unit_test(it_recovers),
                                       cmocka_unit_test(it_never_stops),
                                       cmocka_unit_test(alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
