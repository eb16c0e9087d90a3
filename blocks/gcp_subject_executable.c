/* An external account whose subject token a program prints (AIP-4117). Only where the environment allows it, since whoever writes the
 * credentials file chooses the program. */
#define _GNU_SOURCE /* pipe2 */
#include "gcp.h"
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

#define LARGEST ((size_t)1 << 20)
#define TIMEOUT 30000 /* ms */

static int no_memory(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

/* ---- the command line and its environment ---- */

/* Words as a POSIX shell reads them, without expansion. NULL: out of memory or a quote that does not end. */
static char **split_words(const char *command) {
    size_t size = strlen(command);
    char **words = calloc(size / 2 + 2, sizeof *words), *room = malloc(size + 1), *out = room;
    size_t count = 0;
    const char *p = command;
    if (!words || !room) {
        free(words);
        free(room);
        return NULL;
    }
    while (*(p += strspn(p, " \t\r\n"))) {
        char quote = 0;
        words[count++] = out;
        for (; *p && (quote || !strchr(" \t\r\n", *p)); p++) {
            if (*p == quote)
                quote = 0;
            else if (!quote && (*p == '\'' || *p == '"'))
                quote = *p;
            else if (*p == '\\' && quote != '\'' && p[1] && (!quote || p[1] == '"' || p[1] == '\\'))
                *out++ = *++p;
            else
                *out++ = *p;
        }
        *out++ = 0;
        if (!quote) continue;
        count = 0;
        break;
    }
    if (count) return words; /* the first word is where the room begins */
    free(words);
    free(room);
    return NULL;
}

static void free_words(char **words) {
    if (words) free(words[0]);
    free(words);
}

static char *assignment(const char *name, const char *value) {
    size_t size = strlen(name) + strlen(value) + 2;
    char *text = malloc(size);
    if (text) snprintf(text, size, "%s=%s", name, value);
    return text;
}

#define ADDED 7

/* The environment of this process, in which the first `*added` entries are new; NULL: out of memory. */
static char **make_environment(const dowel_gcp_identity *id, const char *email, size_t *added) {
    const char *output =
        json_string_value(json_object_get(json_object_get(id->credential_source, "executable"), "output_file"));
    const char *const values[ADDED][2] = {{"GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", id->audience},
                                          {"GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", id->subject_token_type},
                                          {"GOOGLE_EXTERNAL_ACCOUNT_ID", email ? email : ""},
                                          {"GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0"},
                                          {"GOOGLE_EXTERNAL_ACCOUNT_REVOKE", "0"},
                                          {"GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL", email},
                                          {"GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", output}};
    size_t count = 0, n = 0;
    while (environ[count]) count++;
    char **all = calloc(count + ADDED + 1, sizeof *all);
    bool whole = all != NULL;
    *added = 0;
    for (size_t i = 0; i < ADDED && whole; i++) {
        if (!values[i][1]) continue;
        whole = (all[n] = assignment(values[i][0], values[i][1])) != NULL;
        *added = n += whole;
    }
    for (size_t i = 0; i < count && whole; i++) {
        bool replaced = false;
        for (size_t j = 0; j < ADDED && !replaced; j++) {
            size_t size = strlen(values[j][0]);
            replaced = !strncmp(environ[i], values[j][0], size) && environ[i][size] == '=';
        }
        if (!replaced) all[n++] = environ[i];
    }
    if (whole) return all;
    for (size_t i = 0; all && i < *added; i++) free(all[i]);
    free(all);
    return NULL;
}

/* ---- running it ---- */

typedef struct running {
    pid_t pid;
    int out;
    int64_t deadline; /* ms */
} running;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int start(char **words, char **environment, running *r) {
    int ends[2];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    if (pipe2(ends, O_CLOEXEC)) return errno;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0); /* its own group, so that what it starts can be ended too */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    int why = posix_spawnp(&r->pid, words[0], &files, &attributes, words, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    if (why)
        close(ends[0]);
    else
        r->out = ends[0];
    return why;
}

static int check_time(dowel *d, const running *r, dowel_error *err) {
    int rc = dowel_check(d, err);
    if (rc || now() < r->deadline) return rc;
    rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "the program did not end in time");
    dowel_error_hint(err, "timeout_millis in credential_source.executable says how long it may take");
    return rc;
}

static int collect(dowel *d, const running *r, char **text, dowel_error *err) {
    char *bytes = malloc(LARGEST + 1);
    size_t got = 0;
    int rc = bytes ? 0 : no_memory(err);
    while (!rc && !(rc = check_time(d, r, err))) {
        struct pollfd wait = {.fd = r->out, .events = POLLIN};
        if (poll(&wait, 1, 100) <= 0) continue;
        ssize_t n = read(r->out, bytes + got, LARGEST - got);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n <= 0) break;
        got += (size_t)n;
        if (got == LARGEST) rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "the program prints too much");
    }
    if (!rc) {
        bytes[got] = 0;
        *text = bytes;
        return 0;
    }
    if (bytes) OPENSSL_cleanse(bytes, got);
    free(bytes);
    return rc;
}

/* Output may end before the program does. */
static int await_end(dowel *d, const running *r, int *status, dowel_error *err) {
    int rc = 0;
    while (!rc) {
        pid_t ended = waitpid(r->pid, status, WNOHANG);
        if (ended == r->pid || (ended < 0 && errno != EINTR)) return 0;
        rc = check_time(d, r, err);
        if (!rc) rc = dowel_sleep(d, 0.01, err);
    }
    return rc;
}

static int run(dowel *d, char **words, char **environment, int64_t timeout, char **text, dowel_error *err) {
    running r = {.deadline = now() + timeout};
    int status = 0, why = start(words, environment, &r);
    if (why) return dowel_fail(err, DOWEL_E_CREDENTIALS, "%s cannot be started: %s", words[0], strerror(why));
    int rc = collect(d, &r, text, err);
    close(r.out);
    if (!rc) rc = await_end(d, &r, &status, err);
    if (rc) {
        kill(-r.pid, SIGKILL);
        waitpid(r.pid, &status, 0);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s ended with %s %d", words[0],
                        WIFEXITED(status) ? "status" : "signal",
                        WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        dowel_error_hint(err, "run it by hand to see what it says");
    }
    if (rc) {
        dowel_gcp_wipe(*text);
        *text = NULL;
    }
    return rc;
}

/* ---- what it says ---- */

typedef enum verdict { GOOD, STALE, BAD } verdict; /* STALE: well-formed, but no token to use */

static verdict refuse(verdict v, dowel_error *err, const char *what) {
    dowel_fail(err, DOWEL_E_CREDENTIALS, "the program's answer %s", what);
    return v;
}

static verdict read_response(const json_t *answer, char **token, dowel_error *err) {
    const json_t *version = json_object_get(answer, "version"), *success = json_object_get(answer, "success"),
                 *expires = json_object_get(answer, "expiration_time");
    const char *type = json_string_value(json_object_get(answer, "token_type"));
    if (!json_is_number(version)) return refuse(BAD, err, "has no version");
    if (json_number_value(version) > 1) return refuse(STALE, err, "is of a version that is not supported");
    if (!json_is_boolean(success)) return refuse(BAD, err, "does not say \"success\"");
    if (!json_is_true(success)) {
        const json_t *code = json_object_get(answer, "code"), *message = json_object_get(answer, "message");
        if (!json_is_string(code) || !json_is_string(message)) return refuse(BAD, err, "has no code and message");
        dowel_fail(err, DOWEL_E_CREDENTIALS, "the program says: %.60s: %.400s", json_string_value(code),
                   json_string_value(message));
        return STALE;
    }
    if (json_is_number(expires) && json_number_value(expires) < (double)time(NULL))
        return refuse(STALE, err, "holds an expired token");
    if (!type) return refuse(BAD, err, "has no token_type");
    bool jwt = !strcmp(type, "urn:ietf:params:oauth:token-type:jwt") ||
               !strcmp(type, "urn:ietf:params:oauth:token-type:id_token");
    if (!jwt && strcmp(type, "urn:ietf:params:oauth:token-type:saml2") != 0)
        return refuse(STALE, err, "has a token_type that is not supported");
    const char *text = json_string_value(json_object_get(answer, jwt ? "id_token" : "saml_response"));
    if (!text || !*text) return refuse(BAD, err, jwt ? "has no id_token" : "has no saml_response");
    *token = strdup(text);
    if (*token) return GOOD;
    no_memory(err);
    return BAD;
}

/* What the program left in its file; NULL: nothing that can be read. */
static json_t *read_output(const char *path) {
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    char *bytes = fd < 0 ? NULL : malloc(LARGEST);
    size_t got = 0;
    ssize_t n = 1;
    while (bytes && got < LARGEST && (n = read(fd, bytes + got, LARGEST - got)) > 0) got += (size_t)n;
    if (fd >= 0) close(fd);
    json_t *answer = bytes && !n ? json_loadb(bytes, got, 0, NULL) : NULL;
    if (bytes) OPENSSL_cleanse(bytes, got);
    free(bytes);
    return answer;
}

/* A token that the program left earlier and that still holds. *token stays NULL when there is none. */
static int look_into_file(const char *path, char **token, dowel_error *err) {
    dowel_error why;
    json_t *answer = read_output(path);
    if (!answer) return 0;
    verdict v = read_response(answer, token, &why);
    if (v == GOOD && !json_object_get(answer, "expiration_time")) {
        dowel_gcp_wipe(*token);
        *token = NULL;
    }
    dowel_json_cleanse(answer);
    if (v != BAD) return 0;
    if (err) *err = why;
    return dowel_error_prefix(err, "%s: ", path);
}

static int ask(dowel *d, const dowel_gcp_identity *id, const json_t *executable, const char *email, char **token,
               dowel_error *err) {
    const char *command = json_string_value(json_object_get(executable, "command")),
               *file = json_string_value(json_object_get(executable, "output_file"));
    int64_t timeout = json_integer_value(json_object_get(executable, "timeout_millis"));
    char **words = split_words(command), *text = NULL;
    if (!words)
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "credential_source.executable.command is not a command line");
    size_t added = 0;
    char **environment = make_environment(id, email, &added);
    int rc = environment ? run(d, words, environment, timeout ? timeout : TIMEOUT, &text, err) : no_memory(err);
    json_t *answer = text && *text ? json_loads(text, 0, NULL) : NULL;
    if (!rc && text && !*text && file) answer = read_output(file);
    if (!rc && !answer) rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s answered with no JSON", words[0]);
    if (!rc && read_response(answer, token, err) != GOOD) rc = err ? err->code : DOWEL_E_CREDENTIALS;
    dowel_json_cleanse(answer);
    dowel_gcp_wipe(text);
    for (size_t i = 0; i < added && environment; i++) free(environment[i]);
    free(environment);
    free_words(words);
    return rc;
}

int dowel_gcp_subject_from_executable(dowel *d, const dowel_gcp_identity *id, char **token, dowel_error *err) {
    const char *allowed = getenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES");
    const json_t *executable = json_object_get(id->credential_source, "executable");
    if (!allowed || strcmp(allowed, "1") != 0) {
        int rc =
            dowel_fail(err, DOWEL_E_CREDENTIALS, "the credentials file names a program, and programs are not allowed");
        dowel_error_hint(err, "set GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1 if you trust the file");
        return rc;
    }
    int rc = look_into_file(json_string_value(json_object_get(executable, "output_file")), token, err);
    return rc || *token ? rc : ask(d, id, executable, id->acts_as, token, err);
}
