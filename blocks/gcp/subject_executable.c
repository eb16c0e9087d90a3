/* The subject token of an external account, printed by a program (google.aip.dev/auth/4117). The environment must allow it, because the
 * author of the credentials file chooses the program. */
#define _GNU_SOURCE /* environ */
#include "gcp.h"
#include <dowel/file.h>
#include <dowel/program.h>

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LARGEST ((size_t)1 << 20)
#define TIMEOUT 30000 /* ms */

/* ---- the command line and its environment ---- */

/* Splits words like a POSIX shell, without expansion. NULL: out of memory, or a quote is not closed. */
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
    if (count) return words; /* the first word is at the start of `room` */
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

/* The environment of this process and new variables, which are the first `*added` entries. NULL: out of memory. */
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

/* ---- the answer ---- */

typedef enum verdict { GOOD, STALE, BAD } verdict; /* STALE: well-formed, but without a usable token */

static verdict refuse(verdict v, dowel_error *err, const char *what) {
    dowel_fail(err, DOWEL_E_CREDENTIALS, "the program's answer %s", what);
    return v;
}

static verdict read_response(const json_t *answer, char **token, dowel_error *err) {
    const json_t *version = json_object_get(answer, "version"), *success = json_object_get(answer, "success"),
                 *expires = json_object_get(answer, "expiration_time");
    const char *type = json_string_value(json_object_get(answer, "token_type"));
    if (!json_is_number(version)) return refuse(BAD, err, "has no version");
    if (json_number_value(version) > 1) return refuse(STALE, err, "has a version that is not supported");
    if (!json_is_boolean(success)) return refuse(BAD, err, "has no \"success\"");
    if (!json_is_true(success)) {
        const json_t *code = json_object_get(answer, "code"), *message = json_object_get(answer, "message");
        if (!json_is_string(code) || !json_is_string(message)) return refuse(BAD, err, "has no code and message");
        dowel_fail(err, DOWEL_E_CREDENTIALS, "the program failed: %.60s: %.400s", json_string_value(code),
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
    dowel_no_memory(err);
    return BAD;
}

/* The output file of the program. NULL: there is none that can be read. */
static json_t *read_output(const char *path) {
    char *bytes = NULL;
    size_t size = 0;
    if (!path ||
        dowel_file_load(&(dowel_small_file){.path = path, .limit = LARGEST, .regular = true}, &bytes, &size, NULL))
        return NULL;
    json_t *answer = json_loadb(bytes, size, 0, NULL);
    dowel_wipe_bytes(bytes, size);
    return answer;
}

/* A valid token that the program wrote to its file earlier. *token stays NULL if there is none. */
static int look_into_file(const char *path, char **token, dowel_error *err) {
    dowel_error why;
    json_t *answer = read_output(path);
    if (!answer) return 0;
    verdict v = read_response(answer, token, &why);
    if (v == GOOD && !json_object_get(answer, "expiration_time")) {
        dowel_wipe(*token);
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
    const dowel_program program = {
        .words = words,
        .environment = environment,
        .largest = LARGEST,
        .limit = (double)(timeout ? timeout : TIMEOUT) / 1000,
        .late = "raise timeout_millis in credential_source.executable",
        .quiet = true,
    };
    size_t size = 0;
    int rc = environment ? dowel_program_run(d, &program, &text, &size, err) : dowel_no_memory(err);
    if (rc) dowel_error_prefix(err, "%s: ", words[0]);
    json_t *answer = !rc && size ? json_loadb(text, size, 0, NULL) : NULL;
    if (!rc && !size && file) answer = read_output(file);
    if (!rc && !answer) rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s did not print JSON", words[0]);
    if (!rc && read_response(answer, token, err) != GOOD) rc = err ? err->code : DOWEL_E_CREDENTIALS;
    dowel_json_cleanse(answer);
    dowel_wipe_bytes(text, size);
    for (size_t i = 0; i < added && environment; i++) free(environment[i]);
    free(environment);
    free_words(words);
    return rc;
}

int dowel_gcp_subject_from_executable(dowel *d, const dowel_gcp_identity *id, char **token, dowel_error *err) {
    const char *allowed = getenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES");
    const json_t *executable = json_object_get(id->credential_source, "executable");
    if (!allowed || strcmp(allowed, "1") != 0) {
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                            "the credentials file runs a program, which is not allowed by default");
        dowel_error_hint(err, "set GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1 if you trust the file");
        return rc;
    }
    int rc = look_into_file(json_string_value(json_object_get(executable, "output_file")), token, err);
    return rc || *token ? rc : ask(d, id, executable, id->acts_as, token, err);
}
