/* Programs that a profile names: credential_process, which writes keys as JSON (SDKs and Tools Reference Guide, "Process credential provider"),
 * and mfa_process, which writes a code. */
#include "aws.h"

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
#include <unistd.h>

#define LARGEST 65536

extern char **environ;

/* Starts it with standard output into a pipe; what it says on standard error goes where ours goes: a person may have to see it. */
static int start(const char *command, pid_t *child, int *output, dowel_error *err) {
    int ends[2];
    if (pipe(ends)) return dowel_fail(err, DOWEL_E_IO, "no pipe: %s", strerror(errno));
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_t actions;
    char *arguments[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(command), NULL};
    int failed = arguments[2] ? posix_spawn_file_actions_init(&actions) : ENOMEM;
    if (!failed) {
        failed = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        if (!failed) failed = posix_spawn(child, "/bin/sh", &actions, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    free(arguments[2]);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        return dowel_fail(err, DOWEL_E_IO, "/bin/sh could not be started: %s", strerror(failed));
    }
    *output = ends[0];
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

static int finish(pid_t child, bool stop, dowel_error *err) {
    int status = 0;
    if (stop) kill(child, SIGTERM);
    pid_t ended;
    do ended = waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR);
    /* A program that ignores SIGCHLD is not told: then the output has to speak for itself. */
    if (stop || ended < 0) return 0;
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
    json_decref(document);
    if (!object || version == 1) return 0;
    return dowel_fail(err, DOWEL_E_CREDENTIALS, "its answer has \"Version\" %lld: expected 1", (long long)version);
}

int dowel_aws_run(dowel *d, const char *command, char **text, size_t *size, dowel_error *err) {
    pid_t child;
    int output;
    char *data = malloc(LARGEST + 1);
    int rc = data ? start(command, &child, &output, err) : dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    if (!rc) {
        rc = read_all(d, output, data, size, err);
        close(output);
        int ended = finish(child, rc != 0, rc ? NULL : err);
        if (!rc) rc = ended;
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
