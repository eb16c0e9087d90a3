/* Requests to Cloud Storage: address, retries, errors, common headers and parameters. */
#include "client.h"

#include <dowel/buckets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "Retry strategy" of Cloud Storage: these statuses, for idempotent requests. */
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
    if (status == 304) err->code = DOWEL_E_CONFLICT;    /* a condition "not match" did not hold */
    bool forbidden = !strcmp(err->reason, "forbidden"); /* our hint is more specific */
    if (*err->hint && !forbidden) return;
    if (status == 404)
        dowel_error_hint(err,
                         "check the bucket name and the object name: `dowel ls gs://` lists the buckets, `dowel ls "
                         "gs://BUCKET/` the objects, and `dowel call gcs.create_bucket` creates a bucket");
    if (status == 403 || forbidden)
        dowel_error_hint(err, "grant the credentials the missing permission on the bucket; roles/storage.objectUser "
                              "reads and writes objects");
    if (status == 412 || status == 304)
        dowel_error_hint(err,
                         "the object or its metadata has another generation than the condition expects; see gcs.stat");
}

static const dowel_http_service with_credentials = {.name = "Cloud Storage",
                                                    .names = &dowel_gcp_names,
                                                    .retry = retry,
                                                    .max_attempts = 6,
                                                    .backoff = 0.5,
                                                    .backoff_limit = 32,
                                                    .authorize = dowel_gcp_authorize,
                                                    .explain = explain};
static const dowel_http_service with_credentials_once = {.name = "Cloud Storage",
                                                         .names = &dowel_gcp_names,
                                                         .max_attempts = 1,
                                                         .authorize = dowel_gcp_authorize,
                                                         .explain = explain};
/* An emulator named by the environment gets no token: there may be no credentials. */
static const dowel_http_service bare = {.name = "Cloud Storage",
                                        .names = &dowel_gcp_names,
                                        .retry = retry,
                                        .max_attempts = 6,
                                        .backoff = 0.5,
                                        .explain = explain};
static const dowel_http_service bare_once = {
    .name = "Cloud Storage", .names = &dowel_gcp_names, .max_attempts = 1, .explain = explain};

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

static int open_client(dowel *d, dowel_block *credentials, const char *endpoint, dowel_gcs_client *c,
                       dowel_error *err) {
    char *emulator = dowel_variable("STORAGE_EMULATOR_HOST");
    bool from_environment = !endpoint && emulator;
    c->d = d;
    c->credentials = credentials;
    bool too_long = dowel_gcs_endpoint(endpoint, emulator, c->base, sizeof c->base);
    free(emulator);
    if (too_long) return dowel_fail(err, DOWEL_E_INVALID, "Cloud Storage: the endpoint is too long");
    bool no_token = from_environment && !credentials;
    c->service = no_token ? &bare : &with_credentials;
    c->once = no_token ? &bare_once : &with_credentials_once;
    c->alone = &bare_once;
    return 0;
}

int dowel_gcs_client_open(dowel *d, dowel_block *block, dowel_gcs_client *c, dowel_error *err) {
    memset(c, 0, sizeof *c);
    c->bucket = dowel_block_data_as(block, &dowel_gcs_bucket_type);
    if (!c->bucket) return dowel_fail(err, DOWEL_E_INVALID, "expected a gcs-bucket block");
    return open_client(d, c->bucket->credentials, c->bucket->endpoint, c, err);
}

int dowel_gcs_client_open_project(dowel *d, dowel_block *credentials, const char *endpoint, dowel_gcs_client *c,
                                  dowel_error *err) {
    memset(c, 0, sizeof *c);
    return open_client(d, credentials, endpoint, c, err);
}

/* ---- requests ---- */

/* The block's check has verified that the key decodes. */
void dowel_gcs_encrypt(dowel_http_request *r, const dowel_gcs_bucket *bucket, bool source) {
    (void)dowel_bucket_set_key(r, source ? "x-goog-copy-source-encryption" : "x-goog-encryption",
                               bucket->encryption_key, DOWEL_SHA256, "key-sha256", NULL);
}

dowel_http_request *dowel_gcs_request(dowel_gcs_client *c, const char *method, const char *name) {
    dowel_http_request *r = dowel_http_new(c->service, c->credentials, method, c->base);
    dowel_http_path(r, "storage", "v1", "b", c->bucket->bucket, NULL);
    dowel_http_query(r, "userProject", c->bucket->user_project);
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
    dowel_http_query(r, "userProject", c->bucket->user_project);
    dowel_gcs_encrypt(r, c->bucket, false);
    return r;
}

void dowel_gcs_condition(dowel_http_request *r, dowel_gcs_conditions when) {
    dowel_http_query(r, "ifGenerationMatch", when.generation_match);
    dowel_http_query(r, "ifGenerationNotMatch", when.generation_not_match);
    dowel_http_query(r, "ifMetagenerationMatch", when.metageneration_match);
    dowel_http_query(r, "ifMetagenerationNotMatch", when.metageneration_not_match);
}

void dowel_gcs_upload_query(const dowel_gcs_client *c, dowel_http_request *r, const dowel_gcs_upload_args *args) {
    dowel_http_query(r, "predefinedAcl", args->predefined_acl);
    dowel_http_query(r, "kmsKeyName", args->kms_key);
    dowel_gcs_condition(r, DOWEL_GCS_CONDITIONS(args));
    /* With a generation, a repeated request cannot overwrite a newer object. */
    dowel_http_idempotent(r, args->if_generation_match || c->last_wins);
}
