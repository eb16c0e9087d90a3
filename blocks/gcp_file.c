/* Reads Google credentials files: service account keys and authorized users. */
#include "gcp.h"
#include "sealing.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST ((off_t)1 << 20)
#define TOKEN_URI "https://oauth2.googleapis.com/token"

static void wipe(char **text) {
    if (*text) OPENSSL_cleanse(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void dowel_gcp_identity_clear(dowel_gcp_identity *identity) {
    char **const all[] = {&identity->origin,         &identity->email,     &identity->private_key,
                          &identity->private_key_id, &identity->client_id, &identity->client_secret,
                          &identity->refresh_token,  &identity->token_uri, &identity->project,
                          &identity->quota_project,  &identity->token,     &identity->scopes,
                          &identity->subject};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) wipe(all[i]);
}

static int take(const json_t *document, const char *member, bool required, const char *origin, char **out,
                dowel_error *err) {
    const json_t *value = json_object_get(document, member);
    const char *text = json_string_value(value);
    if (text && *text && strlen(text) == json_string_length(value)) {
        *out = strdup(text);
        return *out ? 0 : dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    if (!required && (!value || json_is_null(value) || (text && !*text))) return 0;
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: \"%s\" is missing or not text", origin, member);
    dowel_error_hint(err, "use the file as Google made it; it may have been cut or edited");
    return rc;
}

static int parse_service_account(const json_t *document, const char *origin, dowel_gcp_identity *id, dowel_error *err) {
    id->kind = DOWEL_GCP_SERVICE_ACCOUNT;
    int rc = take(document, "client_email", true, origin, &id->email, err);
    if (!rc) rc = take(document, "private_key", true, origin, &id->private_key, err);
    if (!rc) rc = take(document, "private_key_id", false, origin, &id->private_key_id, err);
    if (!rc) rc = take(document, "token_uri", false, origin, &id->token_uri, err);
    if (!rc) rc = take(document, "project_id", false, origin, &id->project, err);
    if (rc) return rc;
    /* OpenSSL would ask the terminal for the password of an encrypted key. */
    if (!strstr(id->private_key, "-----BEGIN ") || strstr(id->private_key, "ENCRYPTED")) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: \"private_key\" is not a PEM private key", origin);
        dowel_error_hint(err, "use the file as Google made it; line breaks in the key are written \\n");
    }
    return rc;
}

static int parse_authorized_user(const json_t *document, const char *origin, dowel_gcp_identity *id, dowel_error *err) {
    id->kind = DOWEL_GCP_AUTHORIZED_USER;
    int rc = take(document, "client_id", true, origin, &id->client_id, err);
    if (!rc) rc = take(document, "client_secret", true, origin, &id->client_secret, err);
    if (!rc) rc = take(document, "refresh_token", true, origin, &id->refresh_token, err);
    if (!rc) rc = take(document, "token_uri", false, origin, &id->token_uri, err);
    return rc;
}

static int wrong_type(const json_t *document, const char *origin, dowel_error *err) {
    const char *type = json_string_value(json_object_get(document, "type"));
    int rc;
    if (json_is_object(json_object_get(document, "installed")) || json_is_object(json_object_get(document, "web"))) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s is an OAuth client file, not credentials", origin);
        dowel_error_hint(err,
                         "use a service account key, or `gcloud auth application-default login --client-id-file=FILE`");
    } else if (type) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: credentials of type \"%.60s\" are not supported", origin, type);
        dowel_error_hint(err, "supported types: service_account, authorized_user");
    } else {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s is not a Google credentials file: it has no \"type\"", origin);
        dowel_error_hint(err, "use a service account key or what `gcloud auth application-default login` writes");
    }
    return rc;
}

int dowel_gcp_parse(const json_t *document, const char *origin, dowel_gcp_identity *id, dowel_error *err) {
    const char *type = json_string_value(json_object_get(document, "type"));
    *id = (dowel_gcp_identity){0};
    int rc = !(id->origin = strdup(origin))             ? dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory")
             : type && !strcmp(type, "service_account") ? parse_service_account(document, origin, id, err)
             : type && !strcmp(type, "authorized_user") ? parse_authorized_user(document, origin, id, err)
                                                        : wrong_type(document, origin, err);
    if (!rc) rc = take(document, "quota_project_id", false, origin, &id->quota_project, err);
    if (!rc && !id->token_uri && !(id->token_uri = strdup(TOKEN_URI)))
        rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    if (!rc && !dowel_gcp_safe_url(id->token_uri)) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: \"token_uri\" is not https", origin);
        dowel_error_hint(err, "secrets are sent over plain http to this machine only");
    }
    if (rc) dowel_gcp_identity_clear(id);
    return rc;
}

static int read_text(const char *path, char **text, size_t *size, dowel_error *err) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
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
    if (!bytes) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    if (n < 0) {
        OPENSSL_cleanse(bytes, wanted);
        free(bytes);
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "cannot read the credentials file %s: %s", path, strerror(why));
    }
    *text = bytes;
    *size = got;
    return 0;
}

int dowel_gcp_read(const char *path, dowel_gcp_identity *id, dowel_error *err) {
    char *text = NULL;
    size_t size = 0;
    json_t *document = NULL;
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
