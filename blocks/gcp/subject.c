/* The subject token of an external account: what it proves itself with, from a file or a URL. */
#include "gcp.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST ((size_t)1 << 20)
#define SPACE " \t\r\n"

static int from_file(const char *path, char **text, dowel_error *err) {
    struct stat st = {.st_mode = 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), why = errno;
    if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
        close(fd);
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "the subject token %s is not a regular file", path);
    }
    char *bytes = fd < 0 ? NULL : malloc(LARGEST + 1);
    size_t got = 0;
    ssize_t n = 0;
    while (bytes && got <= LARGEST && (n = read(fd, bytes + got, LARGEST + 1 - got)) > 0) got += (size_t)n;
    if (n < 0) why = errno;
    if (fd >= 0) close(fd);
    if (fd >= 0 && !bytes) return dowel_no_memory(err);
    char *copy = NULL;
    int rc = 0;
    if (fd < 0 || n < 0) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "cannot read the subject token %s: %s", path, strerror(why));
        dowel_error_hint(err, "the file is named in credential_source.file; is it mounted here?");
    } else if (got > LARGEST || memchr(bytes, 0, got)) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s holds no subject token", path);
    } else if (!(copy = strndup(bytes, got))) {
        rc = dowel_no_memory(err);
    }
    if (bytes) OPENSSL_cleanse(bytes, got);
    free(bytes);
    *text = copy;
    return rc;
}

static void explain(const dowel_http_response *response, dowel_error *err) {
    (void)response;
    dowel_error_hint(err, "the address is in credential_source of the credentials file");
}

int dowel_gcp_subject_get(dowel *d, const char *method, const char *url, const json_t *headers, char **text,
                          dowel_error *err) {
    static const dowel_retry_rule retry[] = {{429, NULL, true}, {500, NULL, true}, {503, NULL, true}, {0, NULL, false}};
    static const dowel_http_service service = {.name = "credential source",
                                               .names = &dowel_gcp_names,
                                               .retry = retry,
                                               .max_attempts = 3,
                                               .backoff = 0.3,
                                               .explain = explain};
    dowel_http_request *request = dowel_gcp_request(&service, NULL, method, url);
    dowel_http_response *response = NULL;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)headers, name, value)
        dowel_http_secret_header(request, name, json_string_value(value));
    dowel_http_secret_body(request);
    dowel_http_timeout(request, 20);
    if (!strncmp(url, "http://", 7)) dowel_http_direct(request); /* a service of this machine */
    int rc = dowel_http_send(d, request, &response, err);
    if (!rc) {
        dowel_bytes body = dowel_http_response_body(response);
        const char *start = (const char *)body.data + strspn(body.data, SPACE);
        size_t size = strlen(start);
        while (size && strchr(SPACE, start[size - 1])) size--;
        if (!(*text = strndup(start, size))) rc = dowel_no_memory(err);
        OPENSSL_cleanse((void *)body.data, body.size);
    }
    dowel_http_response_free(response);
    dowel_http_free(request);
    return rc;
}

/* The whole text, or one member of it. */
static int choose(const json_t *format, const char *place, char *text, char **token, dowel_error *err) {
    const char *type = json_string_value(json_object_get(format, "type"));
    bool marked = !strncmp(text, "\xef\xbb\xbf", 3); /* a byte order mark */
    char *start = text + (marked ? 3 : 0);
    start += strspn(start, SPACE);
    size_t size = strlen(start);
    while (size && strchr(SPACE, start[size - 1])) size--;
    if (type && !strcmp(type, "json")) {
        const char *name = json_string_value(json_object_get(format, "subject_token_field_name"));
        json_t *document = json_loadb(start, size, 0, NULL), *value = json_object_get(document, name);
        const char *found = json_string_value(value);
        *token = found && *found ? strdup(found) : NULL;
        bool missing = !found || !*found;
        if (found) OPENSSL_cleanse((char *)found, json_string_length(value));
        json_decref(document);
        if (!missing) return *token ? 0 : dowel_no_memory(err);
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: no subject token: its JSON has no text \"%s\"", place, name);
    }
    if (!size) return dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: the subject token is empty", place);
    *token = strndup(start, size);
    return *token ? 0 : dowel_no_memory(err);
}

int dowel_gcp_subject_token(dowel *d, const dowel_gcp_identity *id, char **token, dowel_error *err) {
    const json_t *source = id->credential_source, *format = json_object_get(source, "format");
    const char *place =
        json_string_value(json_object_get(source, id->subject_kind == DOWEL_GCP_SUBJECT_FILE ? "file" : "url"));
    char *text = NULL;
    int rc = 0;
    *token = NULL;
    switch (id->subject_kind) {
    case DOWEL_GCP_SUBJECT_FILE: rc = from_file(place, &text, err); break;
    case DOWEL_GCP_SUBJECT_URL:
        rc = dowel_gcp_subject_get(d, "GET", place, json_object_get(source, "headers"), &text, err);
        break;
    case DOWEL_GCP_SUBJECT_AWS: return dowel_gcp_subject_from_aws(d, id, token, err);
    case DOWEL_GCP_SUBJECT_EXECUTABLE: return dowel_gcp_subject_from_executable(d, id, token, err);
    }
    if (!rc) rc = choose(format, place, text, token, err);
    dowel_gcp_wipe(text);
    return rc;
}
