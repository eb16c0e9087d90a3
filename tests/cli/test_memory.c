/* The command stays small: what it holds in memory at its peak, as the kernel counts it. */
#include "test.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Peak MiB of `dowel WORDS` whose output goes nowhere. What this process held when it forked counts as well. */
static double peak(const char *words) {
    char command[512];
    snprintf(command, sizeof command, "exec \"$DOWEL_BIN\" %s >/dev/null", words);
    struct rusage usage;
    int status;
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return (double)usage.ru_maxrss / 1024;
}

static void start_stays_small(void **state) {
    (void)state;
    char folder[] = "/tmp/dowel-memory-XXXXXX", remove[64];
    assert_non_null(mkdtemp(folder));
    setenv("HOME", folder, 1);
    unsetenv("XDG_DATA_HOME");
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("DOWEL_DATABASE_URL");
    peak("block save aws-credentials/demo --access-key-id A --secret-access-key env:DOWEL_BIN");
    const char *const commands[] = {"block show aws-credentials/demo", "block list", "task list", "completion bash",
                                    "--help"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        double mebibytes = peak(commands[i]);
        print_message("%s: %.1f MiB\n", commands[i], mebibytes);
        assert_true(mebibytes > 1 && mebibytes < 16);
    }
    snprintf(remove, sizeof remove, "rm -rf %s", folder);
    assert_int_equal(system(remove), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(start_stays_small)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
