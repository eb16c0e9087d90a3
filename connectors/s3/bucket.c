/* Block type s3-bucket: its fields, and storage for the results of tasks. */
#include "client.h"

#include <stdlib.h>
#include <string.h>

static const char *const addressings[] = {"auto", "path", "virtual", NULL};
static const char *const checksum_uses[] = {"when_supported", "when_required", NULL};

static const dowel_field bucket_fields[] = {
    {DOWEL_AT(dowel_s3_bucket, bucket), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,
     .doc = "Bucket name.", .example = "reports"},
    {DOWEL_AT(dowel_s3_bucket, folder), .kind = DOWEL_STRING,
     .doc = "Prefix of every key. Keys in tasks are relative to it.", .example = "2026/q1"},
    {DOWEL_AT(dowel_s3_bucket, credentials), .kind = DOWEL_BLOCK, .setting = "aws-credentials",
     .blocks = "aws-credentials", .doc = "Credentials to use. Default: the same as the AWS CLI would use."},
    {DOWEL_AT(dowel_s3_bucket, region), .kind = DOWEL_STRING, .setting = "aws-region",
     .doc = "Region of the bucket. Default: the region of the credentials.", .example = "eu-west-1"},
    {DOWEL_AT(dowel_s3_bucket, endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,
     .doc = "Base URL of a server that implements the S3 API. Default: Amazon's.", .example = "http://127.0.0.1:9000"},
    {DOWEL_AT(dowel_s3_bucket, addressing), .kind = DOWEL_ENUM, .values = addressings,
     .doc = "Position of the bucket in URLs: host name (virtual) or path. auto: virtual at Amazon, path elsewhere. "
            "Always path if the name cannot be part of a host name."},
    {DOWEL_AT(dowel_s3_bucket, checksums), .kind = DOWEL_ENUM, .values = checksum_uses,
     .doc = "when_required: use only Content-MD5, for servers without other checksums."},
    {DOWEL_AT(dowel_s3_bucket, requester_pays), .kind = DOWEL_BOOL,
     .doc = "Agree to pay for requests to a requester-pays bucket."},
    {0}};

/* The name becomes part of a host name or path. */
static int check_bucket(const void *data, dowel_error *err) {
    const dowel_s3_bucket *b = data;
    size_t length = strlen(b->bucket);
    if (length == strspn(b->bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") &&
        length < 256 && *b->bucket != '.')
        return 0;
    int rc = dowel_fail(err, DOWEL_E_INVALID, "field \"bucket\": \"%.80s\" is not a bucket name", b->bucket);
    dowel_error_hint(err,
                     "use letters, digits, dots, hyphens and underscores; give a key or a folder in its own field");
    return rc;
}

static const dowel_table bucket_table = {"s3-bucket", sizeof(dowel_s3_bucket), bucket_fields, check_bucket};

/* Stores without a run of its own, which would add a second run and a copy of the result to the history. */
static int storage_put(dowel *d, dowel_block *block, const char *key, const void *data, size_t size, dowel_error *err) {
    dowel_s3_client c;
    dowel_s3_stored stored;
    dowel_source *source = dowel_source_memory(data, size);
    if (!source) return dowel_no_memory(err);
    int rc = dowel_s3_client_open(d, block, &c, err);
    if (!rc) {
        const dowel_s3_put_args args = {
            .bucket = block, .key = key, .content_type = "application/json", .multipart_threshold = 8 << 20};
        rc = dowel_s3_put_source(&c, &args, source, &stored, err);
        dowel_s3_stored_clear(&stored);
        dowel_s3_client_close(&c);
    }
    dowel_source_close(source);
    return rc;
}

static int storage_get(dowel *d, dowel_block *block, const char *key, void **data, size_t *size, dowel_error *err) {
    dowel_s3_client c;
    dowel_sink *sink = dowel_sink_memory(0);
    if (!sink) return dowel_no_memory(err);
    int rc = dowel_s3_client_open(d, block, &c, err);
    if (!rc) {
        rc = dowel_s3_get_sink(&c, &(dowel_s3_get_args){.key = key}, sink, NULL, err);
        dowel_s3_client_close(&c);
    }
    if (!rc) rc = dowel_sink_copy(sink, data, size, err);
    dowel_sink_close(sink);
    return rc;
}

static const dowel_storage storage = {storage_put, storage_get};

const dowel_block_type dowel_s3_bucket_type = {.size = sizeof(dowel_block_type),
                                               .name = "s3-bucket",
                                               .doc = "A bucket of Amazon S3 or of a server that speaks its protocol.",
                                               .table = &bucket_table,
                                               .version = 1,
                                               .storage = &storage,
                                               .check = dowel_s3_check,
                                               .objects = &dowel_s3_objects};
