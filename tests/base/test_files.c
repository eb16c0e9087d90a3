#define _GNU_SOURCE /* nftw */
/* Small files: what is refused when one is read, how one is replaced, and the folders above it. */
#include "test.h"

#include <dowel/file.h>
#include <dowel/text.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static const char *at(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *path, const char *text, mode_t mode) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void refused(const dowel_small_file *file, int code, const char *why) {
    char *text = NULL;
    size_t size = 0;
    dowel_error err = {0};
    assert_int_equal(dowel_file_load(file, &text, &size, &err), code);
    assert_int_equal(err.code, code);
    if (!strstr(err.message, why)) fail_msg("%s: expected %s", err.message, why);
    assert_null(text);
}

static void holds(const dowel_small_file *file, const char *wanted) {
    char *text = NULL;
    size_t size = 0;
    assert_ok(dowel_file_load(file, &text, &size, err));
    assert_int_equal(size, strlen(wanted));
    assert_string_equal(text, wanted);
    dowel_wipe_bytes(text, size);
}

static void test_reading(void **state) {
    (void)state;
    dowel_small_file file = {.path = at("a"), .limit = 5};
    refused(&file, DOWEL_E_NOT_FOUND, "cannot read ");
    put(file.path, "12345", 0644);
    holds(&file, "12345");
    put(file.path, "", 0644);
    holds(&file, "");
    put(file.path, "123456", 0644);
    refused(&file, DOWEL_E_INVALID, "/a is larger than 5 bytes");
    file.path = folder;
    refused(&file, DOWEL_E_IO, ": Is a directory");
}

static void test_files_of_the_kernel(void **state) {
    (void)state;
    /* They say that their size is 0. */
    dowel_small_file file = {.path = "/proc/self/status", .limit = 1 << 20, .regular = true};
    char *text = NULL;
    size_t size = 0;
    assert_ok(dowel_file_load(&file, &text, &size, err));
    assert_true(size > 10 && strlen(text) == size);
    free(text);
    file.limit = 10;
    refused(&file, DOWEL_E_INVALID, "is larger than 10 bytes");
}

static void test_pipes(void **state) {
    (void)state;
    dowel_small_file file = {
        .path = at("pipe"), .what = "key file", .code = DOWEL_E_KEY, .limit = 100, .regular = true};
    assert_int_equal(mkfifo(file.path, 0600), 0);
    refused(&file, DOWEL_E_KEY, "the key file ");
    refused(&file, DOWEL_E_KEY, "/pipe is not a regular file");
    file.regular = false;
    int fd = open(file.path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "more than ten", 13), 13);
    file.limit = 10;
    refused(&file, DOWEL_E_KEY, "/pipe is larger than 10 bytes");
    close(fd);
}

static void test_links(void **state) {
    (void)state;
    char target[256];
    snprintf(target, sizeof target, "%s", at("target"));
    dowel_small_file file = {.path = at("link"), .limit = 100};
    put(target, "x", 0600);
    assert_int_equal(symlink(target, file.path), 0);
    holds(&file, "x");
    file.no_follow = true;
    refused(&file, DOWEL_E_IO, "cannot read ");
}

static void test_secrets(void **state) {
    (void)state;
    dowel_small_file file = {
        .path = at("secret"), .what = "key file", .code = DOWEL_E_KEY, .limit = 100, .secret = true};
    put(file.path, "x", 0600);
    holds(&file, "x");
    static const mode_t open_to_others[] = {0644, 0604, 0620, 0601};
    for (size_t i = 0; i < sizeof open_to_others / sizeof open_to_others[0]; i++) {
        assert_int_equal(chmod(file.path, open_to_others[i]), 0);
        refused(&file, DOWEL_E_KEY, "can be read by other users (mode 6");
    }
    /* As Kubernetes mounts it. */
    if (geteuid() == 0) {
        assert_int_equal(chmod(file.path, 0440), 0);
        holds(&file, "x");
        assert_int_equal(chown(file.path, 1, getegid()), 0);
        refused(&file, DOWEL_E_KEY, "(mode 440)");
        assert_int_equal(chown(file.path, 0, 54321), 0);
        refused(&file, DOWEL_E_KEY, "(mode 440)");
    }
}

static void test_saving(void **state) {
    (void)state;
    struct stat st;
    bool written = false;
    dowel_error why = {0};
    dowel_small_file file = {.path = at("saved"), .limit = 100, .secret = true};
    assert_ok(dowel_file_save(file.path, "one", 3, 0, &written, err));
    assert_true(written);
    holds(&file, "one");
    assert_int_equal(chmod(file.path, 0644), 0);
    assert_ok(dowel_file_save(file.path, "three", 5, 0, NULL, err));
    holds(&file, "three");
    assert_int_equal(dowel_file_save(file.path, "four", 4, DOWEL_FILE_NEW, &written, &why), DOWEL_E_EXISTS);
    assert_false(written);
    holds(&file, "three");
    file.path = at("new");
    assert_ok(dowel_file_save(file.path, "five", 4, DOWEL_FILE_NEW, &written, err));
    holds(&file, "five");
    assert_int_equal(stat(file.path, &st), 0);
    assert_int_equal(st.st_nlink, 1);
    file.path = at("absent/file");
    assert_int_equal(dowel_file_save(file.path, "x", 1, 0, &written, &why), DOWEL_E_IO);
    assert_non_null(strstr(why.message, "cannot write "));
}

static void test_saving_through_a_link(void **state) {
    (void)state;
    struct stat st;
    char target[256];
    snprintf(target, sizeof target, "%s", at("behind"));
    put(target, "old", 0600);
    assert_int_equal(symlink(target, at("front")), 0);
    assert_ok(dowel_file_save(at("front"), "new", 3, 0, NULL, err));
    assert_int_equal(lstat(at("front"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    holds(&(dowel_small_file){.path = target, .limit = 10}, "new");
}

static int count;

static int counted(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)path, (void)st, (void)where;
    count += kind == FTW_F;
    return 0;
}

static void test_nothing_is_left_behind(void **state) {
    (void)state;
    assert_ok(dowel_file_folders(at("left/x")) ? DOWEL_E_IO : 0);
    assert_ok(dowel_file_save(at("left/x"), "1", 1, 0, NULL, err));
    assert_ok(dowel_file_save(at("left/x"), "2", 1, 0, NULL, err));
    assert_int_equal(dowel_file_save(at("left/x"), "3", 1, DOWEL_FILE_NEW, NULL, NULL), DOWEL_E_EXISTS);
    assert_int_equal(mkdir(at("left/folder"), 0700), 0);
    assert_int_equal(dowel_file_save(at("left/folder"), "4", 1, 0, NULL, NULL), DOWEL_E_IO);
    count = 0;
    nftw(at("left"), counted, 8, FTW_PHYS);
    assert_int_equal(count, 1);
}

static void test_folders(void **state) {
    (void)state;
    struct stat st;
    assert_int_equal(dowel_file_folders(at("b/c/d/file")), 0);
    assert_int_equal(stat(at("b/c/d"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(at("b/c/d/file"), &st), -1);
    assert_int_equal(dowel_file_folders(at("b/c/d/file")), 0);
    assert_int_equal(dowel_file_folders("file"), 0);
    assert_int_equal(dowel_file_folders(""), 0);
    put(at("b/plain"), "x", 0600);
    assert_int_equal(dowel_file_folders(at("b/plain/c/file")), ENOTDIR);
}

static int removed(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st, (void)kind, (void)where;
    return remove(path);
}

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/dowel-files-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    return nftw(folder, removed, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_files_of_the_kernel),
        cmocka_unit_test(test_pipes),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_saving),
        cmocka_unit_test(test_saving_through_a_link),
        cmocka_unit_test(test_nothing_is_left_behind),
        cmocka_unit_test(test_folders),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
