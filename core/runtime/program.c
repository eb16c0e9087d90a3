/* Runs a program, reads its output, and ends it when the run no longer waits for it. */
#define _GNU_SOURCE /* pipe2 */
#include <dowel/clock.h>
#include <dowel/program.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE 200 /* looks, 10 ms apart, at whether a program that was told to end has */

typedef struct running {
    const dowel_program *program;
    pid_t child;
    bool group; /* it leads one, of whatever it starts */
    int output;
    double deadline; /* 0: none */
} running;

/* Whether a person at a terminal may be asked something: then the program has to stay in the terminal's own process group, whose members the
 * terminal's keys reach. */
static bool is_at_terminal(void) {
    int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool foreground = terminal >= 0 && tcgetpgrp(terminal) == getpgrp();
    if (terminal >= 0) close(terminal);
    return foreground;
}

/* The program may use a terminal as standard input; any other standard input belongs to this process. */
static int add_files(const running *r, posix_spawn_file_actions_t *files, int output) {
    bool asks = !r->group && isatty(STDIN_FILENO);
    int failed = posix_spawn_file_actions_adddup2(files, output, STDOUT_FILENO);
    if (!failed && !asks) failed = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!failed && r->program->quiet)
        failed = posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#if defined __GLIBC__ && __GLIBC_PREREQ(2, 34)
    /* Libraries open sockets and pipes that would be inherited. */
    if (!failed) failed = posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
#endif
    return failed;
}

static int start(running *r, dowel_error *err) {
    const dowel_program *program = r->program;
    int ends[2];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, pipes;
    if (pipe2(ends, O_CLOEXEC)) return dowel_fail(err, DOWEL_E_IO, "cannot create a pipe: %s", strerror(errno));
    /* The program starts with default signal handling. */
    sigemptyset(&none);
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &pipes);
    posix_spawnattr_setpgroup(&attributes, 0);
    r->group = !program->asks || !is_at_terminal();
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (r->group ? POSIX_SPAWN_SETPGROUP : 0);
    posix_spawnattr_setflags(&attributes, (short)flags);
    int failed = add_files(r, &files, ends[1]);
    if (!failed)
        failed = posix_spawnp(&r->child, program->words[0], &files, &attributes, program->words,
                              program->environment ? program->environment : environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    r->output = ends[0];
    r->deadline = r->group ? dowel_clock() + program->limit : 0;
    if (!failed) return 0;
    close(ends[0]);
    return dowel_fail(err, DOWEL_E_CREDENTIALS, "it cannot be started: %s", strerror(failed));
}

static int check_time(dowel *d, const running *r, dowel_error *err) {
    int rc = dowel_check(d, err);
    if (rc || r->deadline <= 0 || dowel_clock() < r->deadline) return rc;
    rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "it did not end in time");
    dowel_error_hint(err, "%s", r->program->late);
    return rc;
}

/* Reads to the end, and looks up now and then whether it is still waited for. */
static int read_all(dowel *d, const running *r, char *text, size_t *size, dowel_error *err) {
    size_t largest = r->program->largest;
    for (;;) {
        struct pollfd ready = {r->output, POLLIN, 0};
        int n = poll(&ready, 1, 100);
        int rc = check_time(d, r, err);
        if (rc) return rc;
        if (n <= 0) continue;
        ssize_t got = read(r->output, text + *size, largest + 1 - *size);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) return dowel_fail(err, DOWEL_E_IO, "its output cannot be read: %s", strerror(errno));
        if (!got) return 0;
        *size += (size_t)got;
        if (*size > largest) return dowel_fail(err, DOWEL_E_CREDENTIALS, "it printed more than %zu KiB", largest >> 10);
    }
}

static bool has_ended(pid_t child, int *status) {
    pid_t ended = waitpid(child, status, WNOHANG);
    return ended == child || (ended < 0 && errno != EINTR);
}

/* It is asked to end, and made to if it does not. */
static void stop(const running *r) {
    const struct timespec pause = {0, 10000000};
    pid_t whom = r->group ? -r->child : r->child;
    bool ended = false, others = true;
    int status;
    kill(whom, SIGTERM);
    for (int i = 0; i < GRACE && (!ended || others); i++) {
        nanosleep(&pause, NULL);
        if (!ended) ended = has_ended(r->child, &status);
        others = r->group && !kill(whom, 0);
    }
    if (!ended || others) kill(whom, SIGKILL);
    while (!ended && waitpid(r->child, &status, 0) < 0 && errno == EINTR) continue;
}

/* Output may end before the program does. */
static int finish(dowel *d, const running *r, dowel_error *err) {
    /* A process that ignores SIGCHLD cannot learn the exit status: judge by the output. */
    int status = 0;
    while (!has_ended(r->child, &status)) {
        int rc = check_time(d, r, err);
        if (!rc) rc = dowel_sleep(d, 0.01, err);
        if (!rc) continue;
        stop(r);
        return rc;
    }
    if (WIFSIGNALED(status))
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "it was killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status))
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "it exited with status %d", WEXITSTATUS(status));
    return 0;
}

int dowel_program_run(dowel *d, const dowel_program *program, char **text, size_t *size, dowel_error *err) {
    running r = {.program = program};
    char *data = malloc(program->largest + 1);
    *size = 0;
    int rc = data ? start(&r, err) : dowel_no_memory(err);
    if (!rc) {
        rc = read_all(d, &r, data, size, err);
        close(r.output);
        if (rc)
            stop(&r);
        else
            rc = finish(d, &r, err);
    }
    if (rc) {
        if (data) OPENSSL_cleanse(data, *size);
        free(data);
        return rc;
    }
    data[*size] = 0;
    *text = data;
    return 0;
}
