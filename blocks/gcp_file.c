/* Reads Google credentials files. */
#include "gcp.h"
#include "sealing.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST ((off_t)1 << 20)

static int no_memory(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

int dowel_gcp_bad_file(dowel_error *err, const char *origin, const char *format, ...) {
    char what[512];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: %s", origin, what);
    dowel_error_hint(err, "use the file as Google made it; it may have been cut or edited");
    return rc;
}

int dowel_gcp_take(const json_t *document, const char *member, bool required, const char *origin, char **out,
                   dowel_error *err) {
    const json_t *value = json_object_get(document, member);
    const char *text = json_string_value(value);
    if (text && *text && strlen(text) == json_string_length(value)) {
        *out = strdup(text);
        return *out ? 0 : no_memory(err);
    }
    if (!required && (!value || json_is_null(value) || (text && !*text))) return 0;
    return dowel_gcp_bad_file(err, origin, "\"%s\" is missing or not text", member);
}

int dowel_gcp_take_scopes(const json_t *document, dowel_gcp_identity *id, dowel_error *err) {
    const json_t *scopes = json_object_get(document, "scopes");
    if (!json_is_array(scopes)) return dowel_gcp_take(document, "scopes", false, id->origin, &id->scopes, err);
    size_t size = 1, used = 0, i;
    json_t *scope;
    json_array_foreach(scopes, i, scope) {
        if (!json_is_string(scope)) return dowel_gcp_bad_file(err, id->origin, "\"scopes[%zu]\" is not text", i);
        size += json_string_length(scope) + 1;
    }
    if (size == 1) return 0;
    id->scopes = calloc(1, size);
    if (!id->scopes) return no_memory(err);
    json_array_foreach(scopes, i, scope) used +=
        (size_t)snprintf(id->scopes + used, size - used, "%s%s", used ? " " : "", json_string_value(scope));
    return 0;
}

/* ---- the types that hold a secret of their own ---- */

static int parse_service_account(const json_t *document, const char *origin, dowel_gcp_identity **out,
                                 dowel_error *err) {
    dowel_gcp_identity *id = *out = dowel_gcp_identity_new(DOWEL_GCP_SERVICE_ACCOUNT, origin);
    if (!id) return no_memory(err);
    int rc = dowel_gcp_take(document, "client_email", true, origin, &id->email, err);
    if (!rc) rc = dowel_gcp_take(document, "private_key", true, origin, &id->private_key, err);
    if (!rc) rc = dowel_gcp_take(document, "private_key_id", false, origin, &id->private_key_id, err);
    if (!rc) rc = dowel_gcp_take(document, "token_uri", false, origin, &id->token_uri, err);
    if (!rc) rc = dowel_gcp_take(document, "project_id", false, origin, &id->project, err);
    if (!rc && (!strstr(id->private_key, "-----BEGIN ") || strstr(id->private_key, "ENCRYPTED"))) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: \"private_key\" is not a PEM private key", origin);
        dowel_error_hint(err, "use the file as Google made it; line breaks in the key are written \\n");
    }
    return rc;
}

/* Google's libraries never ask another endpoint than Google's for a user, whatever the file says; a stand-in on this machine may. */
static int parse_authorized_user(const json_t *document, const char *origin, dowel_gcp_identity **out,
                                 dowel_error *err) {
    dowel_gcp_identity *id = *out = dowel_gcp_identity_new(DOWEL_GCP_AUTHORIZED_USER, origin);
    if (!id) return no_memory(err);
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
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s is an OAuth client file, not credentials", origin);
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
        dowel_error_hint(err, "use a service account key or what `gcloud auth application-default login` writes");
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
        if (!id->token_uri || dowel_gcp_safe_url(id->token_uri)) continue;
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: its token endpoint is not https", origin);
        dowel_error_hint(err, "secrets are sent over plain http to this machine only");
    }
    if (rc) {
        dowel_gcp_identity_drop(*out);
        *out = NULL;
    }
    return rc;
}

/* ---- the file ---- */

static int read_text(const char *path, char **text, size_t *size, dowel_error *err) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe that nobody writes to is not waited for */
    if (fd < 0 || fstat(fd, &st)) {
        int why = errno;
        if (fd >= 0) close(fd);
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "cannot read the credentials file %s: %s", path, strerror(why));
        dowel_error_hint(err, why == EACCES ? "check its owner and mode" : "check the path");
        return rc;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > LARGEST || !st.st_size) {
        close(fd);
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "the credentials file %s is %s", path,
                            !S_ISREG(st.st_mode) ? "not a regular file"
                            : !st.st_size        ? "empty"
                                                 : "far too large");
        dowel_error_hint(err, "download the key again, or run `gcloud auth application-default login`");
        return rc;
    }
    size_t wanted = (size_t)st.st_size, got = 0;
    char *bytes = malloc(wanted);
    ssize_t n = 1;
    while (bytes && got < wanted && (n = read(fd, bytes + got, wanted - got)) > 0) got += (size_t)n;
    int why = errno;
    close(fd);
    if (!bytes) return no_memory(err);
    if (n < 0) {
        OPENSSL_cleanse(bytes, wanted);
        free(bytes);
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "cannot read the credentials file %s: %s", path, strerror(why));
    }
    *text = bytes;
    *size = got;
    return 0;
}

int dowel_gcp_read(const char *path, dowel_gcp_identity **id, dowel_error *err) {
    char *text = NULL;
    size_t size = 0;
    json_t *document = NULL;
    *id = NULL;
    int rc = read_text(path, &text, &size, err);
    if (rc) return rc;
    rc = dowel_json_parse(text, size, path, &document, err);
    OPENSSL_cleanse(text, size);
    free(text);
    if (rc) {
        if (rc == DOWEL_E_INVALID) rc = DOWEL_E_CREDENTIALS;
        if (err) err->code = rc;
        dowel_error_hint(err, "the credentials file is damaged or cut short; download it again");
        return rc;
    }
    rc = json_is_object(document) ? dowel_gcp_parse(document, path, id, err) : wrong_type(document, path, err);
    dowel_json_cleanse(document);
    return rc;
}
