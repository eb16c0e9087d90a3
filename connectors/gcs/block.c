/* Block type gcs-bucket: its fields, and storage for the results of tasks. */
#include "client.h"
#include "tasks.h"

#include <dowel/buckets.h>

static const dowel_field fields[] = {
    {DOWEL_AT(dowel_gcs_bucket, bucket), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,
     .doc = "Bucket name.", .example = "landing"},
    {DOWEL_AT(dowel_gcs_bucket, folder), .kind = DOWEL_STRING,
     .doc = "Prefix of every object name. Names in tasks are relative to it.", .example = "2026/q1"},
    {DOWEL_AT(dowel_gcs_bucket, credentials), .kind = DOWEL_BLOCK, .setting = "gcp-credentials",
     .blocks = "gcp-credentials", .doc = "Credentials to use. Default: Application Default Credentials."},
    {DOWEL_AT(dowel_gcs_bucket, endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,
     .doc = "Base URL of a server that implements the Cloud Storage JSON API. Default: STORAGE_EMULATOR_HOST, "
            "otherwise Google's.",
     .example = "http://127.0.0.1:4443"},
    {DOWEL_AT(dowel_gcs_bucket, user_project), .kind = DOWEL_STRING,
     .doc = "Project to bill for requests to a requester-pays bucket."},
    {DOWEL_AT(dowel_gcs_bucket, encryption_key), .kind = DOWEL_STRING, .flags = DOWEL_SECRET,
     .doc = "Customer-supplied encryption key (AES-256) of every object: 32 bytes in base64."},
    {0}};

static int check(const void *data, dowel_error *err) {
    return dowel_bucket_check_key("encryption_key", ((const dowel_gcs_bucket *)data)->encryption_key, err);
}

static const dowel_table table = {"gcs-bucket", sizeof(dowel_gcs_bucket), fields, check};

/* Calls the body of gcs.upload directly: a run of its own would add a second run and a copy of the result to the history. */
static int storage_put(dowel *d, dowel_block *block, const char *key, const void *data, size_t size, dowel_error *err) {
    dowel_record *args;
    json_t *stored = NULL;
    int rc =
        dowel_record_copy(&dowel_gcs_upload_table,
                          &(dowel_gcs_upload_args){
                              .bucket = block, .name = key, .data = {data, size}, .content_type = "application/json"},
                          sizeof(dowel_gcs_upload_args), &args, err);
    if (rc) return rc;
    rc = dowel_gcs_run_upload(d, dowel_record_data(args), &stored, err);
    json_decref(stored);
    dowel_record_free(args);
    return rc;
}

static int storage_get(dowel *d, dowel_block *block, const char *key, void **data, size_t *size, dowel_error *err) {
    dowel_gcs_client c;
    dowel_sink *sink = dowel_sink_memory(0);
    int rc = sink ? dowel_gcs_client_open(d, block, &c, err) : dowel_no_memory(err);
    if (!rc) rc = dowel_gcs_download_sink(&c, &(dowel_gcs_download_args){.name = key}, sink, NULL, NULL, err);
    if (!rc) rc = dowel_sink_copy(sink, data, size, err);
    dowel_sink_close(sink);
    return rc;
}

static const dowel_storage storage = {storage_put, storage_get};

const dowel_block_type dowel_gcs_bucket_type = {.size = sizeof(dowel_block_type),
                                                .name = "gcs-bucket",
                                                .doc = "A bucket of Google Cloud Storage.",
                                                .table = &table,
                                                .version = 1,
                                                .storage = &storage,
                                                .check = dowel_gcs_check,
                                                .objects = &dowel_gcs_objects};
