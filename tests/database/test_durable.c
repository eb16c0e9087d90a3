/* What must survive a power cut: recorded writes and flushes of files tell whether each is flushed before dowel says that it is done.
 * In SQLite only: a PostgreSQL server sees to its own. */
#define _GNU_SOURCE /* syscall */
#include "backend_internal.h"

#include <dowel/dowel.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the C library's functions, recorded: this program's own come first, for SQLite too ---- */

enum { MOST = 20000 };
static struct {
    char what; /* w: written, f: flushed, r: renamed or linked to */
    char path[256];
} events[MOST];
static size_t count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void note(char what, const char *path) {
    pthread_mutex_lock(&lock);
    if (count < MOST) {
        events[count].what = what;
        snprintf(events[count++].path, sizeof events[0].path, "%s", path);
    }
    pthread_mutex_unlock(&lock);
}

static void note_file(char what, int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size < 0 ? 0 : size] = 0;
    if (*path == '/') note(what, path);
}

#define EXPORT __attribute__((visibility("default")))

/* The name of a folder that cannot be flushed; empty: all can. */
static char unflushable[96];

EXPORT int fsync(int fd) {
    char link_name[64], path[PATH_MAX];
    snprintf(link_name, sizeof link_name, "/proc/self/fd/%d", fd);
    ssize_t size = *unflushable ? readlink(link_name, path, sizeof path - 1) : 0;
    path[size < 0 ? 0 : size] = 0;
    if (*unflushable && !strcmp(path, unflushable)) {
        errno = EIO;
        return -1;
    }
    int rc = (int)syscall(SYS_fsync, fd);
    note_file('f', fd);
    return rc;
}

EXPORT int fdatasync(int fd) {
    int rc = (int)syscall(SYS_fdatasync, fd);
    note_file('f', fd);
    return rc;
}

/* pwrite64 by its other name: offsets are of 64 bits here. */
EXPORT ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    note_file('w', fd);
    return syscall(SYS_pwrite64, fd, data, size, at);
}

EXPORT ssize_t write(int fd, const void *data, size_t size) {
    note_file('w', fd);
    return syscall(SYS_write, fd, data, size);
}

EXPORT int rename(const char *from, const char *to) {
    note('r', from);
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int link(const char *from, const char *to) {
    note('r', from);
    return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* The last event of this kind on a path that ends so; -1: there was none. */
static int last(char what, const char *end) {
    for (size_t i = count; i-- > 0;) {
        size_t size = strlen(events[i].path), tail = strlen(end);
        if (events[i].what == what && size >= tail && !strcmp(events[i].path + size - tail, end)) return (int)i;
    }
    return -1;
}

/* ---- a handle of its own for each test ---- */

typedef struct world {
    char folder[64], url[96];
    dowel *d;
    dowel_error err;
} world;

static int remember(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)args;
    count = 0;
    int rc = dowel_remember(d, "job", "one", false, err);
    if (!rc) note('d', "remembered");
    if (!rc) rc = dowel_remember(d, "upload", "secret", true, err);
    if (!rc) note('d', "sealed");
    *result = json_null();
    return rc;
}

static const dowel_task remember_task = {
    .size = sizeof(dowel_task), .name = "test.remember", .doc = "Remembers two handles.", .run = remember};

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    snprintf(w->folder, sizeof w->folder, "/tmp/dowel-durable-XXXXXX");
    if (!mkdtemp(w->folder)) return -1;
    snprintf(w->url, sizeof w->url, "sqlite:%s/one/two/d.db", w->folder);
    char config[96];
    snprintf(config, sizeof config, "%s/config", w->folder);
    setenv("XDG_CONFIG_HOME", config, 1);
    unsetenv("DOWEL_KEY");
    unsetenv("DOWEL_KEY_FILE");
    const dowel_connector *connectors[] = {&dowel_blocks_connector, &dowel_aws_connector, &dowel_gcp_connector, NULL};
    dowel_options options = {.size = sizeof options, .database_url = w->url, .connectors = connectors};
    if (dowel_open_with(&w->d, &options, &w->err) || dowel_register_task(w->d, &remember_task, &w->err)) return -1;
    count = 0;
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    dowel_close(w->d);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", w->folder);
    int rc = system(command);
    free(w);
    return rc;
}

#define assert_ok(w, expression)                                                                                       \
    do {                                                                                                               \
        if (expression) fail_msg("%s: %s", #expression, (w)->err.message);                                             \
    } while (0)

static void save(world *w, const char *reference) {
    json_t *document = json_pack("{s:s}", "value", "v");
    assert_ok(w, dowel_block_save(w->d, reference, document, DOWEL_SAVE_OVERWRITE, NULL, &w->err));
    json_decref(document);
}

/* The log was written, and flushed after that. */
static void assert_log_flushed(const char *what) {
    int written = last('w', "d.db-wal"), flushed = last('f', "d.db-wal");
    if (written < 0) fail_msg("%s wrote nothing", what);
    if (flushed < written) fail_msg("%s is not flushed", what);
}

static void saved_blocks(void **state) {
    world *w = *state;
    save(w, "secret/a");
    assert_log_flushed("a block");
    /* The new folders have their names in folders that were flushed. */
    char path[96];
    snprintf(path, sizeof path, "%s/one", w->folder);
    assert_true(last('f', path) >= 0);
    assert_true(last('f', w->folder) >= 0);
    count = 0;
    save(w, "secret/b");
    assert_log_flushed("another block");
    count = 0;
    assert_ok(w, dowel_block_delete(w->d, "secret/a", false, &w->err));
    assert_log_flushed("a deletion");
}

static void keys(void **state) {
    world *w = *state;
    char folder[96];
    snprintf(folder, sizeof folder, "%s/config/dowel", w->folder);
    save(w, "secret/a");
    for (int round = 0; round < 2; round++) {
        /* Whole on the disk before it has the name; the name on the disk after. */
        int named = -1, written = -1, flushed = -1;
        for (size_t i = 0; i < count; i++) {
            if (strncmp(events[i].path, folder, strlen(folder)) != 0) continue;
            if (events[i].what == 'r') named = (int)i;
            if (named < 0 && events[i].what == 'w') written = (int)i;
            if (named < 0 && events[i].what == 'f' && strlen(events[i].path) > strlen(folder)) flushed = (int)i;
        }
        assert_true(written >= 0);
        assert_true(flushed > written);
        assert_true(named > flushed);
        assert_true(last('f', folder) > named);
        if (round) break;
        json_t *report;
        assert_ok(w, dowel_keys_show(w->d, &report, NULL, &w->err)); /* makes the tables of runs */
        json_decref(report);
        count = 0;
        assert_ok(w, dowel_keys_rotate(w->d, NULL, &report, &w->err));
        json_decref(report);
        assert_log_flushed("a rotation");
        /* No block is sealed with a key that could be lost. */
        int first = -1;
        for (size_t i = count; i-- > 0;)
            if (events[i].what == 'w' && strstr(events[i].path, "d.db-wal")) first = (int)i;
        assert_true(first > last('f', folder));
    }
}

/* A key that may be gone after a power cut seals nothing. */
static void a_key_file_that_cannot_be_flushed(void **state) {
    world *w = *state;
    save(w, "secret/a");
    snprintf(unflushable, sizeof unflushable, "%s/config/dowel", w->folder);
    json_t *report = NULL, *before = NULL, *after = NULL;
    int rc = dowel_keys_rotate(w->d, NULL, &report, &w->err);
    *unflushable = 0;
    assert_int_equal(rc, DOWEL_E_KEY);
    assert_non_null(strstr(w->err.message, "Input/output error"));
    dowel_block *block;
    assert_ok(w, dowel_block_load(w->d, "secret/a", &block, &w->err));
    dowel_block_free(block);
    /* Run again, it finishes. */
    assert_ok(w, dowel_keys_rotate(w->d, NULL, &before, &w->err));
    assert_int_equal(json_integer_value(json_object_get(before, "blocks")), 1);
    assert_ok(w, dowel_keys_show(w->d, &after, NULL, &w->err));
    json_decref(before);
    json_decref(after);
}

static void handles_of_runs(void **state) {
    world *w = *state;
    save(w, "secret/a"); /* makes the key */
    json_t *result;
    assert_ok(w, dowel_call(w->d, "test.remember", NULL, 0, NULL, &result, &w->err));
    json_decref(result);
    int flushed = -1, written = -1, done = 0;
    for (size_t i = 0; i < count && done < 2; i++) {
        if (events[i].what == 'd') {
            assert_true(written >= 0);
            assert_true(flushed > written);
            written = flushed = -1;
            done++;
        }
        if (!strstr(events[i].path, "d.db-wal")) continue;
        if (events[i].what == 'w') written = (int)i;
        if (events[i].what == 'f') flushed = (int)i;
    }
    assert_int_equal(done, 2);
}

/* Who calls with a key is promised that a completed run is not run again. */
static void completed_runs_with_a_key(void **state) {
    world *w = *state;
    json_t *result;
    const dowel_call_options options = {.size = sizeof options, .run_key = "once"};
    assert_ok(w, dowel_call(w->d, "test.remember", NULL, 0, &options, &result, &w->err));
    json_decref(result);
    assert_log_flushed("the end of a run with a key");
    int ended = last('w', "d.db-wal");
    assert_true(ended > last('d', "sealed"));
}

/* ---- group commit ---- */

enum { THREADS = 8 };
static dowel_flushes *flushes;
static int flushed_times;

/* The first flush lasts until every other thread has committed. */
static int flush_slowly(dowel_db *db, dowel_error *err) {
    (void)db;
    (void)err;
    flushed_times++;
    for (uint64_t there = 0; there < THREADS;) {
        pthread_mutex_lock(&flushes->lock);
        there = flushes->commits;
        pthread_mutex_unlock(&flushes->lock);
    }
    return 0;
}

static void *commit(void *context) {
    (void)context;
    dowel_error err;
    return dowel_flushes_wait(flushes, flush_slowly, NULL, &err) ? flushes : NULL;
}

static void commits_share_a_flush(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    flushes = dowel_flushes_new();
    assert_non_null(flushes);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, commit, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(flushed_times, 2);
    dowel_flushes_free(flushes);
}

static int failing_flushes;

static int fail_once(dowel_db *db, dowel_error *err) {
    (void)db;
    return failing_flushes++ ? 0 : dowel_fail(err, DOWEL_E_DATABASE, "no");
}

static void a_flush_that_fails_is_told(void **state) {
    (void)state;
    dowel_error err;
    dowel_flushes *own = dowel_flushes_new();
    assert_non_null(own);
    assert_int_equal(dowel_flushes_wait(own, fail_once, NULL, &err), DOWEL_E_DATABASE);
    assert_int_equal(dowel_flushes_wait(own, fail_once, NULL, &err), 0);
    dowel_flushes_free(own);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(saved_blocks),
        CASE(keys),
        CASE(a_key_file_that_cannot_be_flushed),
        CASE(handles_of_runs),
        CASE(completed_runs_with_a_key),
        cmocka_unit_test(commits_share_a_flush),
        cmocka_unit_test(a_flush_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
