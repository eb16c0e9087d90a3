/* Parts of one thing on several threads; checks of pieces joined. */
#include "test.h"

#include <dowel/transfer.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- checks: the values are those of the catalogue of parametrised CRC algorithms ("check": of the text 123456789) ---- */

static void catalogue(void **state) {
    (void)state;
    static const struct {
        dowel_digest_kind kind;
        const char *check;
    } known[] = {{DOWEL_CRC32C, "e3069283"}, {DOWEL_CRC32, "cbf43926"}, {DOWEL_CRC64NVME, "ae8b14860a799888"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        for (size_t cut = 0; cut <= 9; cut++) {
            unsigned char bytes[DOWEL_DIGEST_MAX];
            dowel_digest *first = dowel_digest_new(known[i].kind), *second = dowel_digest_new(known[i].kind);
            dowel_digest_update(first, "123456789", cut);
            dowel_digest_update(second, &"123456789"[cut], 9 - cut);
            uint64_t joined =
                dowel_crc_join(known[i].kind, dowel_digest_crc(first), dowel_digest_crc(second), (int64_t)(9 - cut));
            char *hex = dowel_hex(bytes, dowel_crc_write(known[i].kind, joined, bytes));
            assert_string_equal(hex, known[i].check);
            free(hex);
            dowel_digest_free(first);
            dowel_digest_free(second);
        }
}

static void long_pieces(void **state) {
    (void)state;
    enum { SIZE = 1 << 20 };
    unsigned char *data = malloc(SIZE);
    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++) data[i] = (unsigned char)(i * 2654435761u >> 13);
    static const dowel_digest_kind kinds[] = {DOWEL_CRC32C, DOWEL_CRC32, DOWEL_CRC64NVME};
    for (size_t k = 0; k < 3; k++) {
        dowel_digest *whole = dowel_digest_new(kinds[k]);
        dowel_digest_update(whole, data, SIZE);
        uint64_t joined = 0;
        for (size_t at = 0, size; at < SIZE; at += size) {
            size = at % 7 ? 65537 : 99991;
            if (size > SIZE - at) size = SIZE - at;
            dowel_digest *piece = dowel_digest_new(kinds[k]);
            dowel_digest_update(piece, data + at, size);
            joined = dowel_crc_join(kinds[k], joined, dowel_digest_crc(piece), (int64_t)size);
            dowel_digest_free(piece);
        }
        assert_true(joined == dowel_digest_crc(whole));
        dowel_digest_free(whole);
    }
    free(data);
}

/* Long pieces are folded where the processor can; short ones go by tables. Both are the same check, at every length and alignment. */
static void any_length(void **state) {
    (void)state;
    unsigned char data[700];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * i * 31 + 7);
    static const dowel_digest_kind kinds[] = {DOWEL_CRC32C, DOWEL_CRC32, DOWEL_CRC64NVME};
    for (size_t k = 0; k < 3; k++)
        for (size_t at = 0; at < 17; at++)
            for (size_t size = 0; size <= 600; size++) {
                dowel_digest *whole = dowel_digest_new(kinds[k]), *pieces = dowel_digest_new(kinds[k]);
                dowel_digest_update(whole, data + at, size);
                for (size_t done = 0, step; done < size; done += step) {
                    step = size - done < 31 ? size - done : 31;
                    dowel_digest_update(pieces, data + at + done, step);
                }
                assert_true(dowel_digest_crc(whole) == dowel_digest_crc(pieces));
                dowel_digest_free(whole);
                dowel_digest_free(pieces);
            }
}

/* The check of the checks: SHA-256 of the SHA-256 of "1234", "56" and "789", however the bytes come. */
static void checks_of_parts(void **state) {
    (void)state;
    static const int64_t sizes[] = {4, 2, 3}, starts[] = {0, 4, 6};
    for (size_t step = 1; step <= 9; step++) {
        unsigned char inner[3 * 32], wanted[DOWEL_DIGEST_MAX], got[DOWEL_DIGEST_MAX];
        dowel_digest *plain = dowel_digest_new(DOWEL_SHA256), *parts = dowel_digest_of_parts(DOWEL_SHA256, sizes, 3);
        for (size_t i = 0; i < 3; i++) {
            dowel_digest_reset(plain);
            dowel_digest_update(plain, &"123456789"[starts[i]], (size_t)sizes[i]);
            dowel_digest_end(plain, &inner[32 * i]);
        }
        dowel_digest_reset(plain);
        dowel_digest_update(plain, inner, sizeof inner);
        dowel_digest_end(plain, wanted);
        dowel_digest_update(parts, "other", 5);
        dowel_digest_reset(parts);
        for (size_t at = 0; at < 9; at += step)
            dowel_digest_update(parts, &"123456789"[at], at + step < 9 ? step : 9 - at);
        assert_int_equal(dowel_digest_end(parts, got), 32);
        assert_memory_equal(got, wanted, 32);
        dowel_digest_free(plain);
        dowel_digest_free(parts);
    }
}

/* ---- parts ---- */

typedef struct job {
    atomic_int done[1000], running, most;
    int64_t fail_at;
    atomic_bool cancelled_seen;
    int64_t last; /* of progress: written by one thread at a time */
    bool shrank;
} job;

static int one(dowel *d, void *context, int64_t index, dowel_error *err) {
    job *j = context;
    int running = atomic_fetch_add(&j->running, 1) + 1, most = atomic_load(&j->most);
    while (running > most && !atomic_compare_exchange_weak(&j->most, &most, running)) continue;
    int rc = 0;
    for (int i = 1; i <= 10 && !rc; i++) {
        dowel_progress(d, i, -1);
        rc = dowel_check(d, err);
    }
    if (!rc && index == j->fail_at) rc = dowel_fail(err, DOWEL_E_REMOTE, "part %d broke", (int)index);
    if (!rc && j->fail_at >= 0 && index > j->fail_at) {
        /* Waits to be stopped by the part that fails; the limit is only for a broken build. */
        rc = dowel_sleep(d, 20, err);
        if (rc == DOWEL_E_CANCELLED) atomic_store(&j->cancelled_seen, true);
    }
    atomic_fetch_sub(&j->running, 1);
    atomic_fetch_add(&j->done[index], rc == 0);
    return rc;
}

static void progress(void *context, int64_t done, int64_t total) {
    job *j = context;
    j->shrank |= done < j->last || total != 10000;
    j->last = done;
}

static int body(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    job *j = dowel_task_context(d);
    return dowel_parts_run(d, &(dowel_parts){.count = 1000, .width = 8, .total = 10000, .part = one, .context = j},
                           err);
}

static int run(job *j, dowel_error *err) {
    dowel *d;
    const dowel_task task = {.size = sizeof task, .name = "parts", .doc = "Parts.", .run = body, .context = j};
    const dowel_call_options options = {.size = sizeof options, .progress = progress, .progress_context = j};
    assert_int_equal(dowel_open_with(&d, &(dowel_options){.size = sizeof(dowel_options), .no_history = true}, err), 0);
    assert_int_equal(dowel_register_task(d, &task, err), 0);
    int rc = dowel_call_json(d, "parts", NULL, &options, NULL, err);
    dowel_close(d);
    return rc;
}

static void every_part_once(void **state) {
    (void)state;
    job *j = calloc(1, sizeof *j);
    dowel_error err;
    assert_non_null(j);
    j->fail_at = -1;
    assert_int_equal(run(j, &err), 0);
    for (size_t i = 0; i < 1000; i++) assert_int_equal(atomic_load(&j->done[i]), 1);
    assert_in_range(atomic_load(&j->most), 1, 8);
    assert_false(j->shrank);
    assert_int_equal(j->last, 10000);
    free(j);
}

/* ---- more at a time, where that is faster ---- */

typedef struct growing {
    atomic_int running, most;
    int enough; /* found when so many ran at once */
    bool helps; /* each thread brings as much as the others; else only one at a time gets on */
    int busy; /* of sixteen works side by side, how many are more than nothing; 0: there is one, and nothing beside it */
    pthread_mutex_t turn;
} growing;

static int slow_one(dowel *d, void *context, int64_t index, dowel_error *err) {
    growing *g = context;
    int running = atomic_fetch_add(&g->running, 1) + 1, most = atomic_load(&g->most);
    while (running > most && !atomic_compare_exchange_weak(&g->most, &most, running)) continue;
    if (!g->helps) pthread_mutex_lock(&g->turn);
    int rc = dowel_sleep(d, g->helps ? 0.02 : 0.01, err);
    if (!g->helps) pthread_mutex_unlock(&g->turn);
    dowel_progress(d, 1000, -1);
    atomic_fetch_sub(&g->running, 1);
    /* The limit is for a broken build, and for what does not grow. */
    return rc ? rc
              : atomic_load(&g->most) >= g->enough || index >= (g->busy == 1           ? 4000
                                                                : g->helps && !g->busy ? 100000
                                                                                       : 400);
}

static int grow_one(dowel *d, void *context, int64_t index, dowel_error *err) {
    growing *g = context;
    if (index >= g->busy && g->busy) return 0;
    return dowel_parts_run(
        d, &(dowel_parts){.count = -1, /* of the library's own choosing */ .total = -1, .part = slow_one, .context = g},
        err);
}

static int grow_body(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    growing *g = dowel_task_context(d);
    const dowel_parts sixteen = {.count = 16, .width = 16, .total = -1, .part = grow_one, .context = g};
    return g->busy ? dowel_parts_run(d, &sixteen, err) : grow_one(d, g, 0, err);
}

static int grow_with(growing *g) {
    dowel *d;
    dowel_error err;
    const dowel_task task = {.size = sizeof task, .name = "grow", .doc = "Grows.", .run = grow_body, .context = g};
    assert_int_equal(dowel_open_with(&d, &(dowel_options){.size = sizeof(dowel_options), .no_history = true}, &err), 0);
    assert_int_equal(dowel_register_task(d, &task, &err), 0);
    assert_int_equal(dowel_call_json(d, "grow", NULL, NULL, NULL, &err), 0);
    dowel_close(d);
    return atomic_load(&g->most);
}

static void more_where_it_helps(void **state) {
    (void)state;
    growing helped = {.enough = 20, .helps = true}, idle = {.enough = 100, .turn = PTHREAD_MUTEX_INITIALIZER};
    assert_in_range(grow_with(&helped), 20, 32);
    /* All together get no more done than one: the first try, of half as many more, is the last; on a busy machine, the next. */
    assert_in_range(grow_with(&idle), 2, 18);
    /* Works side by side share the threads; the last of them has those that the others need no more. */
    growing last = {.enough = 20, .helps = true, .busy = 1}, all = {.enough = 65, .helps = true, .busy = 16};
    assert_in_range(grow_with(&last), 20, 32);
    assert_in_range(grow_with(&all), 16, 64);
}

/* ---- parts that are found while they are done ---- */

typedef struct finding {
    atomic_int done;
    int64_t last;
} finding;

static int find_one(dowel *d, void *context, int64_t index, dowel_error *err) {
    finding *f = context;
    (void)err;
    if (index >= 100) return 1;
    dowel_progress(d, 10, -1);
    atomic_fetch_add(&f->done, 1);
    return 0;
}

static int64_t found_by_now(void *context) {
    return 10 * (int64_t)atomic_load(&((finding *)context)->done);
}

static void last_progress(void *context, int64_t done, int64_t total) {
    finding *f = context;
    assert_true(total <= 1000);
    f->last = done;
}

static int find_all(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    return dowel_parts_run(
        d,
        &(dowel_parts){
            .count = -1, .width = 8, .part = find_one, .context = dowel_task_context(d), .total_now = found_by_now},
        err);
}

static void parts_without_a_count(void **state) {
    (void)state;
    dowel *d;
    dowel_error err;
    finding f = {0};
    const dowel_task task = {.size = sizeof task, .name = "find", .doc = "Finds.", .run = find_all, .context = &f};
    const dowel_call_options options = {.size = sizeof options, .progress = last_progress, .progress_context = &f};
    assert_int_equal(dowel_open_with(&d, &(dowel_options){.size = sizeof(dowel_options), .no_history = true}, &err), 0);
    assert_int_equal(dowel_register_task(d, &task, &err), 0);
    assert_int_equal(dowel_call_json(d, "find", NULL, &options, NULL, &err), 0);
    assert_int_equal(atomic_load(&f.done), 100);
    assert_int_equal(f.last, 1000);
    dowel_close(d);
}

static void a_failed_part_stops_the_others(void **state) {
    (void)state;
    job *j = calloc(1, sizeof *j);
    dowel_error err;
    assert_non_null(j);
    j->fail_at = 50;
    assert_int_equal(run(j, &err), DOWEL_E_REMOTE);
    assert_string_equal(err.message, "part 50 broke");
    int later = 0;
    for (size_t i = 51; i < 1000; i++) later += atomic_load(&j->done[i]);
    assert_int_equal(later, 0);
    free(j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalogue),
        cmocka_unit_test(long_pieces),
        cmocka_unit_test(checks_of_parts),
        cmocka_unit_test(any_length),
        cmocka_unit_test(more_where_it_helps),
        cmocka_unit_test(every_part_once),
        cmocka_unit_test(parts_without_a_count),
        cmocka_unit_test(a_failed_part_stops_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
