/* Uploads over a provider that lives in memory: what arrives is what was sent, however it is cut; a failure is undone once. */
#include "test.h"

#include <dowel/transfer.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MOST = 64, SIZE = 1 << 20 };

static unsigned char data[SIZE];

typedef struct provider {
    dowel_source *source;
    dowel_digest_kind digest;
    int64_t one_request, part_size, most_parts, memory, most_part_size;
    int width;
    pthread_mutex_t lock;
    unsigned char *stored;
    int64_t room, sizes[MOST];
    int64_t started_size, started_part;
    int wholes, starts, finishes;
    atomic_int puts, aborts, running, most_running;
    int64_t fail_part; /* -1: none */
    bool fail_start, fail_finish, wait_for_stop;
    dowel_uploaded done;
    int64_t progressed;
} provider;

/* Reads a part in odd pieces, the first time only halfway. */
static int receive(dowel_upload_part *part, unsigned char *into, dowel_error *err) {
    size_t got;
    unsigned char piece[1000];
    int rc = dowel_source_read(part->source, piece, sizeof piece, &got, err);
    if (!rc) rc = dowel_source_rewind(part->source, err);
    int64_t at = 0;
    while (!rc) {
        rc = dowel_source_read(part->source, piece, 1 + (size_t)at % 999, &got, err);
        if (rc || !got) break;
        memcpy(into + at, piece, got);
        at += (int64_t)got;
    }
    if (!rc) assert_int_equal(at, part->size);
    return rc;
}

static int put_whole(dowel *d, void *context, dowel_upload_part *part, dowel_error *err) {
    provider *p = context;
    (void)d;
    p->wholes++;
    return receive(part, p->stored, err);
}

static int start(dowel *d, void *context, int64_t size, int64_t part_size, dowel_error *err) {
    provider *p = context;
    (void)d;
    p->starts++;
    p->started_size = size;
    p->started_part = part_size;
    return p->fail_start ? dowel_fail(err, DOWEL_E_REFUSED, "no start") : 0;
}

static int put_part(dowel *d, void *context, dowel_upload_part *part, dowel_error *err) {
    provider *p = context;
    int running = atomic_fetch_add(&p->running, 1) + 1, most = atomic_load(&p->most_running);
    while (running > most && !atomic_compare_exchange_weak(&p->most_running, &most, running)) continue;
    atomic_fetch_add(&p->puts, 1);
    assert_in_range(part->index, 0, MOST - 1);
    int rc = 0;
    if (part->index == p->fail_part) rc = dowel_fail(err, DOWEL_E_NETWORK, "part %d broke", (int)part->index);
    if (!rc && p->wait_for_stop && part->index > p->fail_part) rc = dowel_sleep(d, 20, err);
    if (!rc) rc = receive(part, p->stored + part->offset, err);
    if (!rc) {
        const unsigned char *check;
        assert_int_equal(dowel_upload_check(part, &check), dowel_digest_joins(p->digest) ? 4 : 32);
        p->sizes[part->index] = part->size;
        dowel_progress(d, part->size, -1);
    }
    atomic_fetch_sub(&p->running, 1);
    return rc;
}

static int finish(dowel *d, void *context, const dowel_uploaded *done, dowel_error *err) {
    provider *p = context;
    (void)d, (void)done;
    p->finishes++;
    return p->fail_finish ? dowel_fail(err, DOWEL_E_CORRUPT, "no finish") : 0;
}

static void give_up(dowel *d, void *context, const dowel_error *why) {
    provider *p = context;
    (void)d;
    assert_true(*why->message);
    atomic_fetch_add(&p->aborts, 1);
}

static void progress(void *context, int64_t done, int64_t total) {
    (void)total;
    ((provider *)context)->progressed = done;
}

static int body(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args, (void)result;
    provider *p = dowel_task_context(d);
    const dowel_upload plan = {.source = p->source,
                               .digest = p->digest,
                               .one_request = p->one_request,
                               .part_size = p->part_size,
                               .most_part_size = p->most_part_size,
                               .most_parts = p->most_parts,
                               .width = p->width,
                               .memory = p->memory,
                               .put_whole = put_whole,
                               .start = start,
                               .put_part = put_part,
                               .finish = finish,
                               .abort = give_up,
                               .context = p};
    return dowel_upload_run(d, &plan, &p->done, err);
}

static int run(provider *p, dowel_error *err) {
    dowel *d;
    const dowel_task task = {.size = sizeof task, .name = "up", .doc = "Up.", .run = body, .context = p};
    const dowel_call_options options = {.size = sizeof options, .progress = progress, .progress_context = p};
    assert_int_equal(dowel_open_with(&d, &(dowel_options){.size = sizeof(dowel_options), .no_history = true}, err), 0);
    assert_int_equal(dowel_register_task(d, &task, err), 0);
    int rc = dowel_call_json(d, "up", NULL, &options, NULL, err);
    dowel_close(d);
    return rc;
}

static void prepare(provider *p, dowel_source *source) {
    *p = (provider){
        .source = source, .one_request = 1000, .part_size = 50000, .most_parts = MOST, .width = 4, .fail_part = -1};
    p->stored = calloc(1, SIZE);
    assert_non_null(p->stored);
}

static void end(provider *p) {
    dowel_source_close(p->source);
    free(p->stored);
}

static void check(const provider *p, int64_t size) {
    unsigned char wanted[DOWEL_DIGEST_MAX];
    dowel_digest *digest = dowel_digest_new(DOWEL_CRC32C);
    dowel_digest_update(digest, data, (size_t)size);
    assert_int_equal(dowel_digest_end(digest, wanted), 4);
    dowel_digest_free(digest);
    assert_int_equal(p->done.size, size);
    assert_int_equal(p->done.check_size, 4);
    assert_memory_equal(p->done.check, wanted, 4);
    assert_memory_equal(p->stored, data, (size_t)size);
    assert_int_equal(atomic_load(&p->aborts), 0);
    if (p->done.parts) {
        assert_int_equal(p->progressed, size);
        assert_int_equal(p->starts, 1);
        assert_int_equal(p->finishes, 1);
        assert_int_equal(atomic_load(&p->puts), p->done.parts);
    } else {
        assert_int_equal(p->wholes, 1);
        assert_int_equal(p->starts, 0);
    }
}

/* ---- sources of every kind ---- */

static dowel_source *from_file(int64_t size) {
    char path[] = "/tmp/dowel-upload-XXXXXX";
    int fd = mkstemp(path);
    dowel_source *source;
    assert_true(fd >= 0 && write(fd, data, (size_t)size) == (ssize_t)size);
    close(fd);
    assert_int_equal(dowel_source_file(path, &source, NULL), 0);
    unlink(path);
    return source;
}

static dowel_source *from_memory(int64_t size) {
    return dowel_source_memory(data, (size_t)size);
}

typedef struct feed {
    int64_t at, size;
} feed;

/* As pipes do: so many bytes as happen to be there. */
static int feed_read(void *context, void *buffer, size_t size, size_t *got, dowel_error *err) {
    (void)err;
    feed *f = context;
    size_t n = 1 + (size_t)(f->at * 7919) % 20000;
    if (n > size) n = size;
    if ((int64_t)n > f->size - f->at) n = (size_t)(f->size - f->at);
    memcpy(buffer, data + f->at, n);
    f->at += (int64_t)n;
    *got = n;
    return 0;
}

static const dowel_source_ops feed_ops = {feed_read, NULL, free};

static dowel_source *feed_of(int64_t size, int64_t told) {
    feed *f = malloc(sizeof *f);
    assert_non_null(f);
    *f = (feed){0, size};
    return dowel_source_new(&feed_ops, f, told);
}

static dowel_source *from_pipe(int64_t size) {
    return feed_of(size, -1);
}

static dowel_source *from_sized_pipe(int64_t size) {
    return feed_of(size, size);
}

static void every_size_of_every_source(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, 1, 999, 1000, 1001, 49999, 50000, 50001, 99999, 100000, 100001, 777777};
    dowel_source *(*const kinds[])(int64_t) = {from_file, from_memory, from_pipe, from_sized_pipe};
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            provider p;
            dowel_error err;
            prepare(&p, kinds[k](sizes[i]));
            assert_int_equal(run(&p, &err), 0);
            check(&p, sizes[i]);
            bool one = kinds[k] == from_pipe ? sizes[i] < 50000 : sizes[i] <= 1000;
            assert_int_equal(p.done.parts, one ? 0 : (sizes[i] + 49999) / 50000);
            if (!one) assert_int_equal(p.started_size, kinds[k] == from_pipe ? -1 : sizes[i]);
            assert_in_range(atomic_load(&p.most_running), 0, 4);
            end(&p);
        }
}

static void a_window_of_a_source(void **state) {
    (void)state;
    dowel_source *(*const kinds[])(int64_t) = {from_file, from_memory};
    for (size_t k = 0; k < 2; k++) {
        provider p;
        dowel_error err;
        prepare(&p, kinds[k](SIZE));
        assert_int_equal(dowel_source_window(p.source, 12345, 300001, &err), 0);
        assert_int_equal(run(&p, &err), 0);
        assert_int_equal(p.done.parts, 7);
        assert_memory_equal(p.stored, data + 12345, 300001);
        end(&p);
    }
}

static void parts_grow_where_they_would_be_too_many(void **state) {
    (void)state;
    provider p;
    dowel_error err;
    prepare(&p, from_file(SIZE));
    p.part_size = 100;
    p.most_parts = 3;
    assert_int_equal(run(&p, &err), 0);
    check(&p, SIZE);
    assert_int_equal(p.done.parts, 1); /* rounded up to whole MiB */
    end(&p);

    prepare(&p, from_file(SIZE));
    p.part_size = 100;
    p.most_part_size = 1000;
    assert_int_equal(run(&p, &err), DOWEL_E_INVALID);
    assert_non_null(strstr(err.message, "more than 64 parts of 1000 bytes"));
    assert_int_equal(p.starts, 0);
    end(&p);

    /* Of a pipe, step by step, as memory allows. */
    prepare(&p, from_pipe(SIZE));
    p.part_size = 10000;
    p.memory = 40000;
    assert_int_equal(run(&p, &err), 0);
    check(&p, SIZE);
    assert_int_equal(p.sizes[15], 10000);
    assert_int_equal(p.sizes[16], 20000);
    assert_int_equal(p.sizes[32], 40000);
    assert_int_equal(atomic_load(&p.most_running), 1);
    end(&p);

    prepare(&p, from_pipe(SIZE));
    p.part_size = 5000;
    p.memory = 5000;
    assert_int_equal(run(&p, &err), DOWEL_E_INVALID);
    assert_non_null(strstr(err.message, "more than 64 parts"));
    assert_int_equal(atomic_load(&p.aborts), 1);
    assert_int_equal(p.finishes, 0);
    end(&p);
}

static void failures_are_undone_once(void **state) {
    (void)state;
    dowel_source *(*const kinds[])(int64_t) = {from_file, from_memory, from_pipe, from_sized_pipe};
    for (size_t k = 0; k < 4; k++) {
        provider p;
        dowel_error err;
        for (int64_t part = 0; part < 15; part += 7) {
            prepare(&p, kinds[k](700001));
            p.fail_part = part;
            p.wait_for_stop = true;
            assert_int_equal(run(&p, &err), DOWEL_E_NETWORK);
            assert_int_equal(atomic_load(&p.aborts), 1);
            assert_int_equal(atomic_load(&p.running), 0);
            assert_int_equal(p.finishes, 0);
            end(&p);
        }
        prepare(&p, kinds[k](700001));
        p.fail_start = true;
        assert_int_equal(run(&p, &err), DOWEL_E_REFUSED);
        assert_int_equal(atomic_load(&p.aborts) + atomic_load(&p.puts), 0);
        end(&p);
        prepare(&p, kinds[k](700001));
        p.fail_finish = true;
        assert_int_equal(run(&p, &err), DOWEL_E_CORRUPT);
        assert_int_equal(atomic_load(&p.aborts), 1);
        end(&p);
    }
}

static void checks_that_do_not_join(void **state) {
    (void)state;
    provider p;
    dowel_error err;
    prepare(&p, from_file(300001));
    p.digest = DOWEL_SHA256;
    assert_int_equal(run(&p, &err), 0);
    assert_int_equal(p.done.check_size, 0);
    assert_int_equal(p.done.size, 300001);
    assert_memory_equal(p.stored, data, 300001);
    end(&p);
}

static void a_source_that_ends_early(void **state) {
    (void)state;
    provider p;
    dowel_error err;
    prepare(&p, feed_of(500000, 700000));
    assert_int_equal(run(&p, &err), DOWEL_E_IO);
    assert_int_equal(atomic_load(&p.aborts), 1);
    end(&p);
    prepare(&p, feed_of(500, 700));
    assert_int_equal(run(&p, &err), DOWEL_E_IO);
    assert_int_equal(p.wholes + p.starts, 0);
    end(&p);
}

int main(void) {
    for (size_t i = 0; i < SIZE; i++) data[i] = (unsigned char)(i * 2654435761u >> 11);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_of_every_source),
        cmocka_unit_test(a_window_of_a_source),
        cmocka_unit_test(parts_grow_where_they_would_be_too_many),
        cmocka_unit_test(failures_are_undone_once),
        cmocka_unit_test(checks_that_do_not_join),
        cmocka_unit_test(a_source_that_ends_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
