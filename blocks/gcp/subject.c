/* The subject token of an external account, from a file or a URL. */
#include "gcp.h"
#include <dowel/file.h>

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST ((size_t)1 << 20)
#define SPACE " \t\r\n"

static int from_file(const char *path, char **text, dowel_error *err) {
    const dowel_small_file file = {
        .path = path, .what = "subject token", .code = DOWEL_E_CREDENTIALS, .limit = LARGEST, .regular = true};
    size_t size;
    int rc = dowel_file_load(&file, text, &size, err);
    if (rc == DOWEL_E_CREDENTIALS)
        dowel_error_hint(err, "credential_source.file names this file; check that it exists on this machine");
    if (rc || !memchr(*text, 0, size)) return rc;
    dowel_wipe_bytes(*text, size);
    *text = NULL;
    return dowel_fail(err, DOWEL_E_CREDENTIALS, "the subject token %s contains a NUL byte", path);
}

/* The text itself, or a member of it. */
static int choose(const json_t *format, const char *place, char *text, char **token, dowel_error *err) {
    const char *type = json_string_value(json_object_get(format, "type"));
    bool marked = !strncmp(text, "\xef\xbb\xbf", 3); /* byte order mark */
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
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: no subject token: the JSON has no text \"%s\"", place, name);
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
        rc = dowel_gcp_subject_get(d, place, json_object_get(source, "headers"), &text, err);
        break;
    case DOWEL_GCP_SUBJECT_AWS: return dowel_gcp_subject_from_aws(d, id, token, err);
    case DOWEL_GCP_SUBJECT_EXECUTABLE: return dowel_gcp_subject_from_executable(d, id, token, err);
    }
    if (!rc) rc = choose(format, place, text, token, err);
    dowel_wipe(text);
    return rc;
}
