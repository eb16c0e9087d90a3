/* Parts of one file, written by several threads: whatever their borders, pieces and restarts, the file holds every byte. */
#include "test.h"

#include <dowel/stream.h>
#include <pthread.h>
#include <unistd.h>

enum { SIZE = 5 * (1 << 20) + 12345 };

typedef struct job {
    dowel_sink *whole;
    const unsigned char *data;
    int64_t offset, size;
    unsigned seed;
    int rc;
} job;

static unsigned roll(unsigned *seed, unsigned most) {
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 8) % most;
}

/* In pieces as a network brings them; now and then once more from the start. */
static void *write_part(void *context) {
    job *j = context;
    dowel_sink *part = NULL;
    dowel_error err = {0};
    j->rc = dowel_sink_part(j->whole, j->offset, j->size, &part, &err);
    bool again = roll(&j->seed, 3) == 0;
    for (int64_t at = 0; !j->rc && at < j->size;) {
        int64_t piece = 1 + roll(&j->seed, 40000);
        if (piece > j->size - at) piece = j->size - at;
        j->rc = dowel_sink_write(part, j->data + j->offset + at, (size_t)piece, &err);
        at += piece;
        if (again && at > j->size / 2) {
            again = false;
            at = 0;
            if (!j->rc) j->rc = dowel_sink_restart(part, &err);
        }
    }
    if (!j->rc) j->rc = dowel_sink_written(part) == j->size ? dowel_sink_commit(part, &err) : -1;
    dowel_sink_close(part);
    return NULL;
}

static void check_file(const char *path, const unsigned char *data, size_t wanted) {
    size_t size = 0;
    char *found = read_file(path, &size);
    assert_non_null(found);
    assert_int_equal(size, wanted);
    assert_memory_equal(found, data, wanted);
    free(found);
    assert_int_equal(unlink(path), 0);
}

static void write_file(const char *folder, bool direct, int64_t part_size, unsigned seed) {
    static unsigned char data[SIZE];
    for (size_t i = 0; i < SIZE; i++) data[i] = (unsigned char)(roll(&seed, 256));
    char path[256];
    snprintf(path, sizeof path, "%s/parts.bin", folder);
    dowel_sink *whole = NULL;
    dowel_error err = {0};
    if (dowel_sink_file(path, &whole, &err)) fail_msg("%s", err.message);
    assert_int_equal(dowel_sink_reserve(whole, SIZE, &err), 0);
    if (direct) dowel_sink_direct(whole);
    enum { MOST = 64 };
    job jobs[MOST];
    pthread_t threads[MOST];
    int count = 0;
    for (int64_t at = 0; at < SIZE && count < MOST; at += part_size, count++) {
        jobs[count] = (job){whole, data, at, SIZE - at < part_size ? SIZE - at : part_size, seed + (unsigned)count, 0};
        assert_int_equal(pthread_create(&threads[count], NULL, write_part, &jobs[count]), 0);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].rc, 0);
    }
    assert_int_equal(dowel_sink_commit(whole, &err), 0);
    dowel_sink_close(whole);
    check_file(path, data, SIZE);
}

/* /dev/shm: a file system that takes nothing past its cache. */
static void every_border(void **state) {
    (void)state;
    char here[] = "parts-XXXXXX", shared[] = "/dev/shm/dowel-parts-XXXXXX";
    assert_non_null(mkdtemp(here));
    bool has_shared = mkdtemp(shared) != NULL;
    static const int64_t sizes[] = {1 << 20, 1 << 19, (1 << 20) + 1, 100000, 999999, SIZE};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int direct = 0; direct < 2; direct++) {
            write_file(here, direct, sizes[i], (unsigned)i * 2 + (unsigned)direct + 1);
            if (has_shared) write_file(shared, direct, sizes[i], (unsigned)i * 2 + (unsigned)direct + 1);
        }
    assert_int_equal(rmdir(here), 0);
    if (has_shared) rmdir(shared);
}

/* More than was asked for is refused, and what a part did not commit is not in the file's name. */
static void limits(void **state) {
    (void)state;
    char folder[] = "parts-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x", folder);
    dowel_sink *whole = NULL, *part = NULL;
    dowel_error refused = {0};
    assert_ok(dowel_sink_file(path, &whole, err));
    assert_ok(dowel_sink_part(whole, 0, 10, &part, err));
    assert_int_equal(dowel_sink_write(part, "0123456789", 10, &refused), 0);
    assert_int_equal(dowel_sink_write(part, "x", 1, &refused), DOWEL_E_PROTOCOL);
    dowel_sink_close(part);
    dowel_sink_close(whole);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(rmdir(folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_border), cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
