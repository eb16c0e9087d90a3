/* Reads Google credentials files. */
#include "gcp.h"
#include <dowel/file.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LARGEST = 1 << 20,
    PATIENCE = 10000, /* ms for the next bytes of a pipe */
};

/* ---- service accounts and users ---- */

/* Variables and templates may escape a key twice or more. PEM has no backslashes, so any number of them before an n is a line break. */
static void unescape_newlines(char *key) {
    char *out = key;
    for (const char *in = key; *in;) {
        size_t escapes = strspn(in, "\\");
        if (escapes && (in[escapes] == 'n' || in[escapes] == 'r')) {
            *out++ = in[escapes] == 'n' ? '\n' : '\r';
            in += escapes + 1;
        } else {
            *out++ = *in++;
        }
    }
    size_t left = strlen(out);
    *out = 0;
    OPENSSL_cleanse(out + (left > 0), left ? left - 1 : 0);
}

/* Restores the lines of PEM, which shells and templates join, indent and quote. Text that is not PEM is left unchanged. */
static int mend_lines(char **key, dowel_error *err) {
    static const char dashes[] = "-----";
    enum { LINE = 64 };
    const char *begin = strstr(*key, "-----BEGIN "), *body = begin ? strstr(begin + strlen(dashes), dashes) : NULL,
               *end = body ? strstr(body + strlen(dashes), "-----END ") : NULL,
               *last = end ? strstr(end + strlen(dashes), dashes) : NULL;
    if (!last) return 0;
    body += strlen(dashes);
    last += strlen(dashes);
    if (memchr(body, ':', (size_t)(end - body))) return 0; /* PEM headers */
    size_t size = strlen(*key), used = (size_t)(body - begin), column = LINE;
    char *mended = calloc(1, size + size / LINE + 8);
    if (!mended) return dowel_no_memory(err);
    memcpy(mended, begin, used);
    for (const char *p = body; p < end; p++) {
        if (dowel_is_space((unsigned char)*p)) continue;
        if (column == LINE) {
            mended[used++] = '\n';
            column = 0;
        }
        mended[used++] = *p;
        column++;
    }
    mended[used++] = '\n';
    memcpy(mended + used, end, (size_t)(last - end));
    mended[used + (size_t)(last - end)] = '\n';
    dowel_wipe(*key);
    *key = mended;
    return 0;
}

static int parse_service_account(const json_t *document, const char *origin, dowel_gcp_identity **out,
                                 dowel_error *err) {
    dowel_gcp_identity *id = *out = dowel_gcp_identity_new(DOWEL_GCP_SERVICE_ACCOUNT, origin);
    if (!id) return dowel_no_memory(err);
    int rc = dowel_gcp_take(document, "client_email", true, origin, &id->email, err);
    if (!rc) rc = dowel_gcp_take(document, "private_key", true, origin, &id->private_key, err);
    if (!rc) rc = dowel_gcp_take(document, "private_key_id", false, origin, &id->private_key_id, err);
    if (!rc) rc = dowel_gcp_take(document, "token_uri", false, origin, &id->token_uri, err);
    if (!rc) rc = dowel_gcp_take(document, "project_id", false, origin, &id->project, err);
    if (!rc) unescape_newlines(id->private_key);
    if (!rc) rc = mend_lines(&id->private_key, err);
    if (!rc && (!strstr(id->private_key, "-----BEGIN ") || strstr(id->private_key, "ENCRYPTED") ||
                !strstr(id->private_key, "PRIVATE KEY"))) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: \"private_key\" is not a PEM private key%s", origin,
                        strstr(id->private_key, "ENCRYPTED")           ? ": it is encrypted with a passphrase"
                        : strstr(id->private_key, "BEGIN CERTIFICATE") ? ": it is a certificate"
                        : strstr(id->private_key, "BEGIN PUBLIC KEY")  ? ": it is a public key"
                                                                       : "");
        dowel_error_hint(err, "use the file as Google created it; it writes line breaks in the key as \\n");
    }
    return rc;
}

/* For a user, Google's libraries ignore the file's token_uri. Here it is used if it is on this machine: a stand-in server. */
static int parse_authorized_user(const json_t *document, const char *origin, dowel_gcp_identity **out,
                                 dowel_error *err) {
    dowel_gcp_identity *id = *out = dowel_gcp_identity_new(DOWEL_GCP_AUTHORIZED_USER, origin);
    if (!id) return dowel_no_memory(err);
    int rc = dowel_gcp_take(document, "client_id", true, origin, &id->client_id, err);
    if (!rc) rc = dowel_gcp_take(document, "client_secret", true, origin, &id->client_secret, err);
    if (!rc) rc = dowel_gcp_take(document, "refresh_token", true, origin, &id->refresh_token, err);
    if (!rc) rc = dowel_gcp_take(document, "rapt_token", false, origin, &id->rapt, err);
    if (!rc) rc = dowel_gcp_take(document, "token_uri", false, origin, &id->token_uri, err);
    if (!rc && !(id->token_uri && dowel_url_is_local(id->token_uri)))
        rc = dowel_gcp_set(&id->token_uri, DOWEL_GCP_TOKEN_URI, err);
    if (!rc) rc = dowel_gcp_take_scopes(document, id, err);
    return rc;
}

/* ---- the type ---- */

static const struct {
    const char *name;
    int (*parse)(const json_t *document, const char *origin, dowel_gcp_identity **identity, dowel_error *err);
} types[] = {
    {"service_account", parse_service_account},
    {"authorized_user", parse_authorized_user},
    {"impersonated_service_account", dowel_gcp_parse_impersonated},
    {"external_account", dowel_gcp_parse_external_account},
    {"external_account_authorized_user", dowel_gcp_parse_external_user},
};
#define TYPES (sizeof types / sizeof types[0])

static int wrong_type(const json_t *document, const char *origin, dowel_error *err) {
    const char *type = json_string_value(json_object_get(document, "type"));
    int rc;
    if (json_is_object(json_object_get(document, "installed")) || json_is_object(json_object_get(document, "web"))) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s is an OAuth client file, not a credentials file", origin);
        dowel_error_hint(err,
                         "use a service account key, or `gcloud auth application-default login --client-id-file=FILE`");
    } else if (type) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: credentials of type \"%.60s\" are not supported", origin, type);
        char names[256] = "";
        size_t used = 0;
        for (size_t i = 0; i < TYPES; i++)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", types[i].name);
        dowel_error_hint(err, "supported types: %s", names);
    } else {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s is not a Google credentials file: it has no \"type\"", origin);
        dowel_error_hint(err,
                         "use a service account key or the file that `gcloud auth application-default login` writes");
    }
    return rc;
}

int dowel_gcp_parse(const json_t *document, const char *origin, dowel_gcp_identity **out, dowel_error *err) {
    const char *type = json_string_value(json_object_get(document, "type"));
    size_t n = 0;
    *out = NULL;
    while (n < TYPES && (!type || strcmp(type, types[n].name) != 0)) n++;
    int rc = n < TYPES ? types[n].parse(document, origin, out, err) : wrong_type(document, origin, err);
    if (!rc) rc = dowel_gcp_take(document, "quota_project_id", false, origin, &(*out)->quota_project, err);
    if (!rc && !(*out)->universe)
        rc = dowel_gcp_take(document, "universe_domain", false, origin, &(*out)->universe, err);
    for (const dowel_gcp_identity *id = *out; id && !rc; id = id->source) {
        if (!id->token_uri || dowel_url_is_safe(id->token_uri)) continue;
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: the token endpoint is not https", origin);
        dowel_error_hint(err, "plain http is accepted only for addresses of this machine");
    }
    if (rc) {
        dowel_gcp_identity_drop(*out);
        *out = NULL;
    }
    return rc;
}

/* ---- the file ---- */

/* What to do about a path that cannot be read. */
static void hint_path(const char *path, dowel_error *err) {
    struct stat st;
    const char *home = getenv("HOME");
    size_t length = strlen(path);
    int why = access(path, R_OK) ? errno : 0;
    if (*path == '~' && path[1] == '/' && home)
        dowel_error_hint(err, "only a shell expands ~, and not everywhere: write %.400s%.400s", home, path + 1);
    else if (length && strchr("\r\n \t", path[length - 1]))
        dowel_error_hint(err, "the path ends with a space or a line break: remove it");
    else if (*path == '"' || *path == '\'')
        dowel_error_hint(err, "the path begins with a quote: remove the quotes");
    else if (why == ENOENT && *path != '/' && !stat(".", &st))
        dowel_error_hint(err, "the path is relative to the working directory: write an absolute path");
    else
        dowel_error_hint(err, why == EACCES ? "check the owner and mode of the file" : "check the path");
}

static int unusable_file(const char *path, const char *what, const char *hint, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "the credentials file %s is %s", path, what);
    dowel_error_hint(err, "%s", hint);
    return rc;
}

/* Waits until a pipe has bytes or was closed by its writer. 0, or errno. */
static int wait_for_bytes(int fd) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int n;
    do n = poll(&ready, 1, PATIENCE);
    while (n < 0 && errno == EINTR);
    return n < 0 ? errno : n ? 0 : ETIMEDOUT;
}

/* 0, or errno. */
static int read_pipe(int fd, dowel_text *text) {
    char piece[4096];
    ssize_t n = 1;
    int why = 0;
    while (n && !why && !text->failed) {
        if ((why = wait_for_bytes(fd))) break;
        n = read(fd, piece, sizeof piece);
        if (n > 0) dowel_text_add(text, piece, (size_t)n);
        if (n < 0 && errno != EINTR && errno != EAGAIN) why = errno;
    }
    OPENSSL_cleanse(piece, sizeof piece);
    return why;
}

/* A shell's <(...), or a named pipe that a secret manager writes to. */
static int load_pipe(const char *path, char **text, size_t *size, dowel_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), why = errno;
    dowel_text all = {.limit = LARGEST};
    if (fd >= 0) {
        why = read_pipe(fd, &all);
        close(fd);
    }
    bool too_large = all.too_long;
    *size = all.size;
    *text = why ? NULL : dowel_text_take(&all, NULL);
    dowel_text_free(&all);
    if (*text) return 0;
    if (why == ETIMEDOUT)
        return unusable_file(path, "a pipe that no program writes to", "check the program that writes to it", err);
    if (why) {
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "cannot read the credentials file %s: %s", path, strerror(why));
        hint_path(path, err);
        return rc;
    }
    return too_large ? unusable_file(path, "larger than 1 MiB", "check the program that writes to the pipe", err)
                     : dowel_no_memory(err);
}

/* *pipe: it can be read only once. */
static int load(const char *path, char **text, size_t *size, bool *pipe, dowel_error *err) {
    static const char again[] = "download the key again, or run `gcloud auth application-default login`";
    struct stat st;
    *pipe = !stat(path, &st) && S_ISFIFO(st.st_mode);
    const dowel_small_file file = {
        .path = path, .what = "credentials file", .code = DOWEL_E_CREDENTIALS, .limit = LARGEST, .regular = true};
    int rc = *pipe ? load_pipe(path, text, size, err) : dowel_file_load(&file, text, size, err);
    if (rc == DOWEL_E_CREDENTIALS && !*pipe) hint_path(path, err);
    if (rc || *size) return rc;
    free(*text);
    return unusable_file(path, *pipe ? "an empty pipe: it may have been read before" : "empty", again, err);
}

/* Also opens a key file that was stored as a JSON text. */
static int open_text(const char *text, size_t size, const char *path, json_t **document, dowel_error *err) {
    json_t *outer = NULL;
    int rc = dowel_json_read(text, size, DOWEL_JSON_EXACT, path, document, err);
    if (!rc && json_is_string(*document)) {
        outer = *document;
        rc =
            dowel_json_read(json_string_value(outer), json_string_length(outer), DOWEL_JSON_EXACT, path, document, err);
        dowel_json_cleanse(outer);
    }
    if (rc && err) {
        if (rc == DOWEL_E_INVALID) rc = DOWEL_E_CREDENTIALS;
        err->code = rc;
        if (!*err->hint) dowel_error_hint(err, "the credentials file is damaged or cut short; download it again");
    }
    return rc;
}

int dowel_gcp_read(const char *path, dowel_gcp_identity **id, dowel_error *err) {
    char *text = NULL;
    size_t size = 0;
    json_t *document = NULL;
    bool pipe = false;
    *id = NULL;
    int rc = load(path, &text, &size, &pipe, err);
    if (rc) return rc;
    rc = open_text(text, size, path, &document, err);
    dowel_wipe_bytes(text, size);
    if (rc) return rc;
    rc = json_is_object(document) ? dowel_gcp_parse(document, path, id, err) : wrong_type(document, path, err);
    if (*id) (*id)->once = pipe;
    dowel_json_cleanse(document);
    return rc;
}

int dowel_gcp_check_file(dowel *d, const char *path, dowel_error *err) {
    struct stat st;
    if (!strncmp(path, "/dev/fd/", 8) || !strncmp(path, "/proc/self/fd/", 14) || !strcmp(path, "/dev/stdin")) {
        dowel_fail(err, DOWEL_E_INVALID, "field \"service_account_file\": %s exists only while this command runs",
                   path);
        dowel_error_hint(err, "save the content instead of the path: --service-account-info @%s", path);
        return DOWEL_E_INVALID;
    }
    if (stat(path, &st) || (S_ISREG(st.st_mode) && access(path, R_OK))) {
        dowel_log(d, DOWEL_LOG_WARNING,
                  "service_account_file: cannot read %s on this machine (%s); the path is saved unchecked", path,
                  strerror(errno));
        return 0;
    }
    if (S_ISFIFO(st.st_mode)) return 0; /* it can be read only once, when the block is used */
    dowel_gcp_identity *id = NULL;
    int rc = dowel_gcp_read(path, &id, err);
    if (!rc) rc = dowel_gcp_check_keys(id, err);
    dowel_gcp_identity_drop(id);
    if (!rc) return 0;
    if (rc == DOWEL_E_CREDENTIALS && err) err->code = DOWEL_E_INVALID;
    return dowel_error_prefix(err, "field \"service_account_file\": ");
}

int dowel_gcp_info_object(const json_t *info, json_t **object, dowel_error *err) {
    const char *text = json_string_value(info);
    if (!text) {
        *object = json_incref((json_t *)info);
        return 0;
    }
    int rc = dowel_json_read(text, json_string_length(info), DOWEL_JSON_EXACT, "service_account_info", object, err);
    if (rc && err && rc == DOWEL_E_INVALID) dowel_error_hint(err, "give the whole content of the key file");
    return rc;
}
