/* Programs that a profile names: credential_process, which writes keys as JSON (SDKs and Tools Reference Guide, "Process credential provider"),
 * and mfa_process, which writes a code. */
#define _GNU_SOURCE /* pipe2 */
#include "aws.h"
#include "sealing.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LARGEST 65536
#define GRACE 200 /* looks, 10 ms apart, at whether a program that was told to end has */

/* Whether a person at a terminal may be asked something: then the program has to stay in the terminal's own process group, whose members the
 * terminal's keys reach. */
static bool is_at_terminal(void) {
    int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool foreground = terminal >= 0 && tcgetpgrp(terminal) == getpgrp();
    if (terminal >= 0) close(terminal);
    return foreground;
}

typedef struct running {
    pid_t child;
    bool group; /* it leads one, of whatever it starts */
    int output;
} running;

/* Starts it with standard output into a pipe; what it says on standard error goes where ours goes: a person may have to see it. */
static int start(const char *command, running *r, dowel_error *err) {
    int ends[2];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, pipes;
    char *arguments[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(command), NULL};
    if (!arguments[2]) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    if (pipe2(ends, O_CLOEXEC)) {
        free(arguments[2]);
        return dowel_fail(err, DOWEL_E_IO, "no pipe: %s", strerror(errno));
    }
    /* What this thread and this program do with signals is not the program's. */
    sigemptyset(&none);
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &pipes);
    posix_spawnattr_setpgroup(&attributes, 0);
    r->group = !is_at_terminal();
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (r->group ? POSIX_SPAWN_SETPGROUP : 0);
    posix_spawnattr_setflags(&attributes, (short)flags);
    int failed = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (!failed) failed = posix_spawn(&r->child, "/bin/sh", &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(arguments[2]);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        return dowel_fail(err, DOWEL_E_IO, "/bin/sh could not be started: %s", strerror(failed));
    }
    r->output = ends[0];
    return 0;
}

/* Reads to the end, and looks up now and then whether the run still goes on. */
static int read_all(dowel *d, int output, char *text, size_t *size, dowel_error *err) {
    *size = 0;
    for (;;) {
        struct pollfd ready = {output, POLLIN, 0};
        int n = poll(&ready, 1, 100);
        int rc = dowel_check(d, err);
        if (rc) return rc;
        if (n <= 0) continue;
        ssize_t got = read(output, text + *size, LARGEST - *size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return dowel_fail(err, DOWEL_E_IO, "its output cannot be read: %s", strerror(errno));
        if (!got) return 0;
        *size += (size_t)got;
        if (*size == LARGEST) return dowel_fail(err, DOWEL_E_CREDENTIALS, "it wrote more than 64 KiB");
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
    /* A process that ignores SIGCHLD is not told how it ended: then the output has to speak for itself. */
    int status = 0;
    while (!has_ended(r->child, &status)) {
        int rc = dowel_check(d, err);
        if (!rc) rc = dowel_sleep(d, 0.01, err);
        if (!rc) continue;
        stop(r);
        return rc;
    }
    if (WIFSIGNALED(status)) return dowel_fail(err, DOWEL_E_CREDENTIALS, "it was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status))
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "it ended with exit status %d", WEXITSTATUS(status));
    return 0;
}

/* The one version of the answer's form that there is. */
static int check_version(const char *text, size_t size, dowel_error *err) {
    json_t *document = NULL;
    if (dowel_json_parse(text, size, "", &document, NULL)) return 0; /* the reader of the keys says so */
    json_int_t version = json_integer_value(json_object_get(document, "Version"));
    bool object = json_is_object(document);
    dowel_json_cleanse(document);
    if (!object || version == 1) return 0;
    return dowel_fail(err, DOWEL_E_CREDENTIALS, "its answer has \"Version\" %lld: expected 1", (long long)version);
}

int dowel_aws_run(dowel *d, const char *command, char **text, size_t *size, dowel_error *err) {
    running r = {.output = -1};
    char *data = malloc(LARGEST + 1);
    int rc = data ? start(command, &r, err) : dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    if (!rc) {
        rc = read_all(d, r.output, data, size, err);
        close(r.output);
        if (rc)
            stop(&r);
        else
            rc = finish(d, &r, err);
    }
    if (rc) {
        if (data) OPENSSL_cleanse(data, LARGEST);
        free(data);
        return rc;
    }
    data[*size] = 0;
    *text = data;
    return 0;
}

int dowel_aws_from_process(dowel *d, const dowel_aws_plan *plan, dowel_aws_keys *keys, dowel_error *err) {
    size_t size = 0;
    char *text = NULL;
    int rc = dowel_aws_run(d, plan->command, &text, &size, err);
    if (!rc) {
        rc = check_version(text, size, err);
        if (!rc) rc = dowel_aws_keys_parse(text, size, "SessionToken", "it", keys, err);
        OPENSSL_cleanse(text, size);
        free(text);
    }
    if (rc) {
        dowel_error_prefix(err, "profile \"%s\": credential_process: ", plan->profile);
        return rc;
    }
    if (!keys->account_id && plan->account_id && !(keys->account_id = strdup(plan->account_id))) {
        dowel_aws_keys_clear(keys);
        return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    return dowel_aws_keys_origin(keys, err, "profile \"%s\", credential_process", plan->profile);
}
