/* Programs that are run for what they print: in time, with nothing of ours but what they are to see, and with whatever they start. */
#include "test.h"
#include <dowel/program.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

typedef struct world {
    dowel *d;
    char folder[64];
} world;

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    *state = w;
    if (!w) return -1;
    strcpy(w->folder, "/tmp/dowel-program-XXXXXX");
    const dowel_options options = {.size = sizeof options, .database_url = "memory:"};
    return !mkdtemp(w->folder) || dowel_open_with(&w->d, &options, NULL) ? -1 : 0;
}

static int tear_down(void **state) {
    world *w = *state;
    dowel_close(w->d);
    char path[96];
    snprintf(path, sizeof path, "%s/told", w->folder);
    unlink(path);
    rmdir(w->folder);
    free(w);
    return 0;
}

static int run(world *w, const char *command, dowel_program program, char **text, size_t *size, dowel_error *err) {
    char line[512];
    snprintf(line, sizeof line, "cd %s; %s", w->folder, command);
    char *const words[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, line, NULL};
    program.words = words;
    if (program.limit <= 0) program.limit = 60;
    if (!program.largest) program.largest = 1024;
    program.late = "patience";
    *text = NULL;
    return dowel_program_run(w->d, &program, text, size, err);
}

/* Of a process that nobody has asked how it ended, only the name is left. */
static bool is_gone(long pid) {
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) return true;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    const char *state = strrchr(text, ')');
    return state && state[1] == ' ' && state[2] == 'Z';
}

static void gives_what_is_printed(void **state) {
    world *w = *state;
    char *text;
    size_t size;
    assert_ok(run(w, "printf 'a\\000b'; echo; exit 0", (dowel_program){0}, &text, &size, err));
    assert_int_equal(size, 4);
    assert_memory_equal(text, "a\0b\n", 5);
    free(text);
    assert_ok(run(w, ":", (dowel_program){0}, &text, &size, err));
    assert_int_equal(size, 0);
    free(text);
    char *const environment[] = {(char[]){"ONLY=this"}, NULL};
    assert_ok(run(w, "echo $ONLY$HOME", (dowel_program){.environment = environment}, &text, &size, err));
    assert_string_equal(text, "this\n");
    free(text);
}

static void says_how_it_failed(void **state) {
    world *w = *state;
    static const struct {
        const char *command, *saying;
    } cases[] = {{"echo secret; exit 3", "exited with status 3"},
                 {"echo secret; kill -9 $$", "killed by signal 9"},
                 {"while :; do echo secret; done", "printed more than 1 KiB"},
                 {"exec nothing-like-this", "exited with status 127"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text;
        size_t size;
        dowel_error err = {0};
        assert_int_equal(run(w, cases[i].command, (dowel_program){.quiet = true}, &text, &size, &err),
                         DOWEL_E_CREDENTIALS);
        if (!strstr(err.message, cases[i].saying)) fail_msg("%s: %s", cases[i].command, err.message);
        assert_null(strstr(err.message, "secret"));
        assert_null(text);
    }
    char *const words[] = {(char[]){"/nowhere/program"}, NULL}, *text = NULL;
    size_t size;
    dowel_error err = {0};
    const dowel_program program = {.words = words, .limit = 1, .largest = 1};
    assert_int_equal(dowel_program_run(w->d, &program, &text, &size, &err), DOWEL_E_CREDENTIALS);
    assert_non_null(strstr(err.message, "No such file"));
}

/* One that does not listen, one whose child does not listen, one that closed its output and goes on. */
static void ends_what_takes_too_long(void **state) {
    world *w = *state;
    static const char *const commands[] = {"trap '' TERM; echo $$ >told; while :; do sleep 0.1; done",
                                           "(trap '' TERM; while :; do sleep 0.1; done) & echo $! >told; wait",
                                           "echo $$ >told; exec >&- 2>&-; sleep 600"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char *text, path[96], pid[32] = "";
        size_t size;
        dowel_error err = {0};
        assert_int_equal(run(w, commands[i], (dowel_program){.limit = 0.5, .asks = i == 1}, &text, &size, &err),
                         DOWEL_E_CREDENTIALS);
        assert_non_null(strstr(err.message, "did not end in time"));
        assert_string_equal(err.hint, "patience");
        snprintf(path, sizeof path, "%s/told", w->folder);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(pid, sizeof pid, file));
        fclose(file);
        /* A signal that was sent takes a moment to arrive. */
        for (int left = 500; left && !is_gone(strtol(pid, NULL, 10)); left--) usleep(10000);
        if (!is_gone(strtol(pid, NULL, 10))) fail_msg("%s: it runs on", commands[i]);
    }
}

/* Standard input may be the file that is uploaded. */
static void leaves_our_input_alone(void **state) {
    world *w = *state;
    int ends[2], before = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "ours", 4), 4);
    assert_int_equal(close(ends[1]), 0);
    assert_true(dup2(ends[0], STDIN_FILENO) >= 0);
    close(ends[0]);
    for (int asks = 0; asks < 2; asks++) {
        char *text;
        size_t size;
        assert_ok(run(w, "cat", (dowel_program){.asks = asks}, &text, &size, err));
        assert_int_equal(size, 0);
        free(text);
    }
    char left[8] = "";
    assert_int_equal(read(STDIN_FILENO, left, sizeof left), 4);
    assert_string_equal(left, "ours");
    if (before >= 0) {
        dup2(before, STDIN_FILENO);
        close(before);
    }
}

static void shows_only_complaints(void **state) {
    world *w = *state;
    char path[96];
    snprintf(path, sizeof path, "%s/told", w->folder);
    for (int quiet = 0; quiet < 2; quiet++) {
        int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), before = dup(STDERR_FILENO);
        assert_true(file >= 0 && before >= 0 && dup2(file, STDERR_FILENO) >= 0);
        char *text = NULL, said[64] = "";
        size_t size = 0;
        dowel_error err = {0};
        int rc = run(w, "echo complaint >&2; echo secret", (dowel_program){.quiet = quiet}, &text, &size, &err);
        dup2(before, STDERR_FILENO);
        close(before);
        ssize_t got = pread(file, said, sizeof said - 1, 0);
        close(file);
        assert_int_equal(rc, 0);
        assert_string_equal(text, "secret\n");
        assert_true(got >= 0);
        assert_string_equal(said, quiet ? "" : "complaint\n");
        free(text);
    }
}

int main(void) {
    /* At a terminal, somebody could be asked. */
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal >= 0) {
        ioctl(terminal, TIOCNOTTY);
        close(terminal);
    }
    static const struct CMUnitTest tests[] = {
        TEST(gives_what_is_printed),  TEST(says_how_it_failed),    TEST(ends_what_takes_too_long),
        TEST(leaves_our_input_alone), TEST(shows_only_complaints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
