/* Where a bucket is, what is retried, how objects are described. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cloud Storage, "Retry strategy": these statuses, for idempotent requests. */
static const dowel_retry_rule retry[] = {{408, NULL, false},
                                         {429, NULL, false},
                                         {500, NULL, false},
                                         {502, NULL, false},
                                         {503, NULL, false},
                                         {504, NULL, false},
                                         {0}};

static void explain(const dowel_http_response *response, dowel_error *err) {
    int status = err->http_status;
    dowel_gcp_explain(response, err);
    bool forbidden = !strcmp(err->reason, "forbidden"); /* its general hint says less than ours */
    if (*err->hint && !forbidden) return;
    if (status == 404)
        dowel_error_hint(err, "check the names of bucket and object; `dowel call gcs.list` shows what there is");
    if (status == 403 || forbidden)
        dowel_error_hint(
            err, "these credentials lack a permission on the bucket: give them roles/storage.objectAdmin or less");
    if (status == 412) dowel_error_hint(err, "the object is not in the generation that was asked for");
}

static const dowel_http_service with_credentials = {.name = "Cloud Storage",
                                                    .retry = retry,
                                                    .max_attempts = 6,
                                                    .backoff = 0.5,
                                                    .backoff_limit = 32,
                                                    .authorize = dowel_gcp_authorize,
                                                    .explain = explain};
static const dowel_http_service with_credentials_once = {
    .name = "Cloud Storage", .max_attempts = 1, .authorize = dowel_gcp_authorize, .explain = explain};
/* An emulator that the environment names gets no token: there may be none to get. */
static const dowel_http_service bare = {
    .name = "Cloud Storage", .retry = retry, .max_attempts = 6, .backoff = 0.5, .explain = explain};
static const dowel_http_service bare_once = {.name = "Cloud Storage", .max_attempts = 1, .explain = explain};

int dowel_gcs_endpoint(const char *given, const char *emulator, char *base, size_t size) {
    if (emulator && !*emulator) emulator = NULL;
    const char *endpoint = given      ? given
                           : emulator ? emulator
                                      : "https://storage.googleapis.com",
               *scheme = strstr(endpoint, "://") ? ""
                         : given                 ? "https://"
                                                 : "http://";
    int n = snprintf(base, size, "%s%s", scheme, endpoint);
    return n < 0 || (size_t)n >= size;
}

int dowel_gcs_client_open(dowel *d, dowel_block *block, dowel_gcs_client *c, dowel_error *err) {
    memset(c, 0, sizeof *c);
    c->d = d;
    c->bucket = dowel_block_data_as(block, &dowel_gcs_bucket_type);
    if (!c->bucket) return dowel_fail(err, DOWEL_E_INVALID, "expected a gcs-bucket block");
    c->credentials = c->bucket->credentials;
    const char *emulator = getenv("STORAGE_EMULATOR_HOST"), *endpoint = c->bucket->endpoint;
    bool from_environment = !endpoint && emulator && *emulator;
    if (dowel_gcs_endpoint(endpoint, emulator, c->base, sizeof c->base))
        return dowel_fail(err, DOWEL_E_INVALID, "bucket %s: the endpoint is too long", c->bucket->bucket);
    bool no_token = from_environment && !c->credentials;
    c->service = no_token ? &bare : &with_credentials;
    c->once = no_token ? &bare_once : &with_credentials_once;
    return 0;
}

int dowel_gcs_no_memory(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

char *dowel_gcs_full_name(const dowel_gcs_client *c, const char *name) {
    const char *folder = c->bucket->folder ? c->bucket->folder : "";
    size_t length = strlen(folder);
    while (length && folder[length - 1] == '/') length--;
    size_t size = length + strlen(name) + 2;
    char *full = malloc(size);
    if (full) snprintf(full, size, "%.*s%s%s", (int)length, folder, length ? "/" : "", name);
    return full;
}

dowel_http_request *dowel_gcs_request(dowel_gcs_client *c, const char *method, const char *name) {
    dowel_http_request *r = dowel_http_new(c->service, c->credentials, method, c->base);
    dowel_http_path(r, "storage", "v1", "b", c->bucket->bucket, NULL);
    if (!name || !r) return r;
    char *full = dowel_gcs_full_name(c, name);
    if (!full) {
        dowel_http_free(r);
        return NULL;
    }
    dowel_http_path(r, "o", full, NULL);
    free(full);
    return r;
}

dowel_http_request *dowel_gcs_upload_request(dowel_gcs_client *c, const char *kind) {
    dowel_http_request *r = dowel_http_new(c->service, c->credentials, "POST", c->base);
    dowel_http_path(r, "upload", "storage", "v1", "b", c->bucket->bucket, "o", NULL);
    dowel_http_query(r, "uploadType", kind);
    return r;
}

static void copy_member(json_t *to, const char *name, const json_t *from, const char *member) {
    json_t *value = json_object_get(from, member);
    if (value) json_object_set(to, name, value);
}

json_t *dowel_gcs_relative(const dowel_gcs_client *c, const char *name) {
    char *folder = dowel_gcs_full_name(c, "");
    size_t length = folder ? strlen(folder) : 0;
    if (!name) name = "";
    json_t *relative = json_string(length && !strncmp(name, folder, length) ? name + length : name);
    free(folder);
    return relative;
}

json_t *dowel_gcs_describe(const dowel_gcs_client *c, const json_t *resource) {
    json_t *object = json_object();
    const char *size = json_string_value(json_object_get(resource, "size"));
    json_object_set_new(object, "name", dowel_gcs_relative(c, json_string_value(json_object_get(resource, "name"))));
    json_object_set_new(object, "size", json_integer(size ? strtoll(size, NULL, 10) : 0));
    copy_member(object, "bucket", resource, "bucket");
    copy_member(object, "generation", resource, "generation");
    copy_member(object, "content_type", resource, "contentType");
    copy_member(object, "crc32c", resource, "crc32c");
    copy_member(object, "updated", resource, "updated");
    copy_member(object, "metadata", resource, "metadata");
    return object;
}

void dowel_gcs_crc32c_text(dowel_digest *digest, char text[9]) {
    unsigned char bytes[DOWEL_DIGEST_MAX];
    char *base64 = dowel_base64(bytes, dowel_digest_end(digest, bytes));
    snprintf(text, 9, "%s", base64 ? base64 : "");
    free(base64);
}
