/* Tasks on buckets: create, get, delete, list, abort stale uploads. */
#include "tasks.h"

#include <dowel/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- create, delete ---- */

static const dowel_field create_fields[] = {
    DOWEL_S3_BUCKET_FIELD(dowel_s3_create_bucket_args),
    {DOWEL_AT(dowel_s3_create_bucket_args, versioning), .kind = DOWEL_BOOL, .doc = "Enable versioning."},
    {DOWEL_GIVEN_AT(dowel_s3_create_bucket_args)},
    {0}};
static const dowel_table create_table = {"s3.create_bucket", sizeof(dowel_s3_create_bucket_args), create_fields, NULL};

static int send_xml(dowel_s3_client *c, const char *method, const char *query, const char *body, dowel_error *err) {
    dowel_http_request *r = dowel_s3_request(c, method, NULL);
    dowel_http_query(r, query ? query : "", query ? "" : NULL);
    int rc = body ? dowel_s3_set_xml(r, body, err) : 0;
    if (!rc) rc = dowel_http_send(c->d, r, NULL, err);
    dowel_http_free(r);
    return rc;
}

static int run_create(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_create_bucket_args *args = data;
    dowel_s3_client c;
    dowel_error local;
    char body[256];
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    snprintf(body, sizeof body,
             "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>%s</"
             "LocationConstraint></CreateBucketConfiguration>",
             c.region);
    bool created = true;
    rc = send_xml(&c, "PUT", NULL, strcmp(c.region, "us-east-1") ? body : NULL, &local); /* must not be named */
    if (rc == DOWEL_E_EXISTS && !strcmp(local.reason, "BucketAlreadyOwnedByYou")) {
        created = false;
        rc = 0;
    }
    if (!rc && args->versioning)
        rc = send_xml(
            &c, "PUT", "versioning",
            "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status>"
            "</VersioningConfiguration>",
            &local);
    if (rc && err) *err = local;
    if (!rc) *result = json_pack("{s:s,s:s,s:b}", "bucket", c.bucket->bucket, "region", c.region, "created", created);
    dowel_s3_client_close(&c);
    return rc;
}

static const dowel_field bucket_fields[] = {
    DOWEL_S3_BUCKET_FIELD(dowel_s3_bucket_args), {DOWEL_GIVEN_AT(dowel_s3_bucket_args)}, {0}};
static const dowel_table get_table = {"s3.get_bucket", sizeof(dowel_s3_bucket_args), bucket_fields, NULL};
static const dowel_table delete_table = {"s3.delete_bucket", sizeof(dowel_s3_bucket_args), bucket_fields, NULL};

static int run_delete(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_bucket_args *args = data;
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    rc = send_xml(&c, "DELETE", NULL, NULL, err);
    if (!rc) *result = json_pack("{s:s}", "bucket", c.bucket->bucket);
    dowel_s3_client_close(&c);
    return rc;
}

/* ---- get ---- */

/* An element as JSON: child elements are members, repeated ones an array. New reference; NULL: out of memory. */
static json_t *json_of(const dowel_xml *element) {
    const dowel_xml *child = dowel_xml_child(element, NULL);
    if (!child) return dowel_s3_text(dowel_xml_text(element));
    dowel_builder object = dowel_build(json_object());
    json_t *built;
    for (; child; child = dowel_xml_next(child, NULL)) {
        const char *name = dowel_xml_name(child);
        json_t *before = json_object_get(object.value, name), *value = json_of(child);
        if (json_is_array(before)) {
            if (json_array_append_new(before, value)) dowel_build_json(&object, name, NULL);
        } else {
            dowel_build_json(&object, name, before && value ? json_pack("[O,o]", before, value) : value);
        }
    }
    (void)dowel_build_end(&object, &built, NULL);
    return built;
}

/* One subresource of the bucket's configuration; *root is NULL if it is not set or not implemented. */
static int configuration(dowel_s3_client *c, const char *what, dowel_xml **root, dowel_error *err) {
    dowel_http_request *r = dowel_s3_request(c, "GET", NULL);
    dowel_error why;
    *root = NULL;
    dowel_http_query(r, what, "");
    int rc = dowel_s3_fetch_xml(c, r, root, &why);
    if (rc && (why.http_status == 501 || (why.http_status == 404 && strcmp(why.reason, "NoSuchBucket")))) rc = 0;
    if (rc && err) *err = why;
    return rc;
}

static int run_get(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_bucket_args *args = data;
    dowel_s3_client c;
    dowel_xml *location = NULL, *versioning = NULL, *lifecycle = NULL;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    rc = configuration(&c, "location", &location, err);
    if (!rc) rc = configuration(&c, "versioning", &versioning, err);
    if (!rc) rc = configuration(&c, "lifecycle", &lifecycle, err);
    if (!rc) {
        const char *region = location ? dowel_xml_text(location) : "",
                   *status = dowel_xml_child_text(versioning, "Status");
        /* LocationConstraint is empty for us-east-1 and may be EU for eu-west-1. */
        if (!strcmp(region, "EU")) region = "eu-west-1";
        dowel_builder list = dowel_build(json_array());
        json_t *rules;
        for (const dowel_xml *rule = dowel_xml_child(lifecycle, "Rule"); rule; rule = dowel_xml_next(rule, "Rule"))
            dowel_build_item(&list, json_of(rule));
        (void)dowel_build_end(&list, &rules, NULL);
        if (rules)
            *result = json_pack("{s:s,s:s,s:s,s:o}", "bucket", c.bucket->bucket, "region",
                                *region ? region : "us-east-1", "versioning", status ? status : "", "lifecycle", rules);
        if (!*result) rc = dowel_no_memory(err);
    }
    dowel_xml_free(location);
    dowel_xml_free(versioning);
    dowel_xml_free(lifecycle);
    dowel_s3_client_close(&c);
    return rc;
}

/* ---- list ---- */

static const dowel_field list_fields[] = {
    {DOWEL_AT(dowel_s3_list_buckets_args, credentials), .kind = DOWEL_BLOCK, .setting = "aws-credentials",
     .blocks = "aws-credentials", .doc = "Credentials to use. Default: the same as the AWS CLI would use."},
    {DOWEL_AT(dowel_s3_list_buckets_args, region), .kind = DOWEL_STRING, .setting = "aws-region",
     .doc = "Region to send the request to. Default: the region of the credentials.", .example = "eu-west-1"},
    {DOWEL_AT(dowel_s3_list_buckets_args, endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,
     .doc = "Base URL of a server that implements the S3 API. Default: Amazon's.", .example = "http://127.0.0.1:9000"},
    {DOWEL_GIVEN_AT(dowel_s3_list_buckets_args)},
    {0}};
static const dowel_table list_table = {"s3.list_buckets", sizeof(dowel_s3_list_buckets_args), list_fields, NULL};

static int run_list(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_list_buckets_args *args = data;
    const dowel_s3_bucket nobody = {.bucket = "",
                                    .credentials = args->credentials,
                                    .region = args->region,
                                    .endpoint = args->endpoint,
                                    .addressing = 1};
    dowel_s3_client c;
    dowel_pages pages = {0};
    int rc = dowel_s3_client_open_for(d, &nobody, &c, err);
    if (rc) return rc;
    json_t *buckets = json_array();
    for (bool more = true; more && !rc;) {
        dowel_http_request *r = dowel_s3_request(&c, "GET", NULL);
        dowel_xml *root;
        dowel_http_query(r, "continuation-token", pages.token);
        rc = dowel_s3_fetch_xml(&c, r, &root, err);
        if (!rc) rc = dowel_s3_expect(&c, &root, "ListAllMyBucketsResult", err);
        if (rc) break;
        for (const dowel_xml *b = dowel_xml_child(dowel_xml_child(root, "Buckets"), "Bucket"); b;
             b = dowel_xml_next(b, "Bucket"))
            if (!rc && json_array_append_new(
                           buckets, json_pack("{s:o,s:o}", "bucket", dowel_s3_text(dowel_xml_child_text(b, "Name")),
                                              "created", dowel_s3_text(dowel_xml_child_text(b, "CreationDate")))))
                rc = dowel_no_memory(err);
        if (!rc) rc = dowel_pages_next(&pages, dowel_xml_child_text(root, "ContinuationToken"), &more, err);
        if (rc == DOWEL_E_PROTOCOL) dowel_error_prefix(err, "S3: the list of buckets is incomplete: ");
        dowel_xml_free(root);
    }
    dowel_pages_clear(&pages);
    if (!rc) *result = json_pack("{s:O}", "buckets", buckets);
    json_decref(buckets);
    dowel_s3_client_close(&c);
    return rc;
}

/* ---- abort stale uploads ---- */

static const dowel_field stale_fields[] = {
    DOWEL_S3_BUCKET_FIELD(dowel_s3_abort_stale_args),
    {DOWEL_AT(dowel_s3_abort_stale_args, prefix), .kind = DOWEL_STRING, .flags = DOWEL_SUBJECT,
     .doc = "Abort only uploads of keys that begin with this."},
    {DOWEL_AT(dowel_s3_abort_stale_args, older_than), .kind = DOWEL_DURATION, .fallback = "7d",
     .doc = "Minimum age of an upload; younger ones may still be in progress."},
    {DOWEL_AT(dowel_s3_abort_stale_args, dry_run), .kind = DOWEL_BOOL,
     .doc = "List the uploads without aborting them."},
    {DOWEL_GIVEN_AT(dowel_s3_abort_stale_args)},
    {0}};
static const dowel_table stale_table = {"s3.abort_stale", sizeof(dowel_s3_abort_stale_args), stale_fields, NULL};

static int abort_one(dowel_s3_client *c, const char *key, const char *upload, int64_t *aborted, dowel_error *err) {
    dowel_http_request *r = dowel_s3_request(c, "DELETE", key);
    dowel_http_response *response = NULL;
    dowel_http_query(r, "uploadId", upload);
    dowel_http_accept(r, 404); /* finished or aborted meanwhile */
    int rc = dowel_http_send(c->d, r, &response, err);
    if (!rc && dowel_http_status(response) != 404) (*aborted)++;
    dowel_http_response_free(response);
    dowel_http_free(r);
    return rc;
}

static int take_page(dowel_s3_client *c, const dowel_s3_abort_stale_args *args, const dowel_xml *root, json_t *uploads,
                     int64_t *aborted, dowel_error *err) {
    const char *encoding = dowel_xml_child_text(root, "EncodingType");
    bool encoded = encoding && !strcmp(encoding, "url");
    char *folder = dowel_s3_full_key(c, "");
    size_t skip = folder ? strlen(folder) : 0;
    int64_t limit = ((int64_t)time(NULL) - (int64_t)args->older_than) * 1000000, began;
    int rc = folder ? 0 : dowel_no_memory(err);
    for (const dowel_xml *e = dowel_xml_child(root, "Upload"); e && !rc; e = dowel_xml_next(e, "Upload")) {
        const char *upload = dowel_xml_child_text(e, "UploadId"), *initiated = dowel_xml_child_text(e, "Initiated");
        /* Keep an upload whose start time cannot be read. */
        if (!upload || !initiated || dowel_parse_time(initiated, &began) || began > limit) continue;
        bool has_nul;
        char *key = dowel_s3_decoded(dowel_xml_child_text(e, "Key"), encoded, &has_nul);
        if (!key) rc = dowel_no_memory(err);
        if (key && has_nul)
            dowel_log(c->d, DOWEL_LOG_WARNING, "S3: the upload %s of %s is not aborted: its key contains a NUL byte",
                      upload, key);
        else if (key && !strncmp(key, folder, skip)) {
            if (!args->dry_run) rc = abort_one(c, key + skip, upload, aborted, err);
            if (!rc && json_array_append_new(uploads, json_pack("{s:o,s:s,s:s}", "key", dowel_s3_text(key + skip),
                                                                "upload_id", upload, "initiated", initiated)))
                rc = dowel_no_memory(err);
        }
        free(key);
    }
    free(folder);
    return rc;
}

static int run_abort_stale(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_abort_stale_args *args = data;
    dowel_s3_client c;
    int64_t aborted = 0;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    char *prefix = dowel_s3_full_key(&c, args->prefix ? args->prefix : ""), *key = NULL, *upload = NULL;
    json_t *uploads = json_array();
    if (!prefix) rc = dowel_no_memory(err);
    for (bool more = true; more && !rc;) {
        dowel_http_request *r = dowel_s3_request(&c, "GET", NULL);
        dowel_xml *root;
        dowel_http_query(r, "uploads", "");
        dowel_http_query(r, "encoding-type", "url");
        dowel_http_query(r, "prefix", *prefix ? prefix : NULL);
        dowel_http_query(r, "key-marker", key);
        dowel_http_query(r, "upload-id-marker", upload);
        rc = dowel_s3_fetch_xml(&c, r, &root, err);
        if (!rc) rc = dowel_s3_expect(&c, &root, "ListMultipartUploadsResult", err);
        if (rc) break;
        rc = take_page(&c, args, root, uploads, &aborted, err);
        const char *truncated = dowel_xml_child_text(root, "IsTruncated"),
                   *encoding = dowel_xml_child_text(root, "EncodingType"),
                   *next_key = dowel_xml_child_text(root, "NextKeyMarker"),
                   *next_upload = dowel_xml_child_text(root, "NextUploadIdMarker");
        more = truncated && !strcmp(truncated, "true") && next_key && *next_key;
        bool has_nul = false;
        char *after = more ? dowel_s3_decoded(next_key, encoding && !strcmp(encoding, "url"), &has_nul) : NULL,
             *after_upload = more && next_upload && *next_upload ? strdup(next_upload) : NULL;
        /* Markers that do not advance would loop forever. */
        bool moved =
            !key || !after || strcmp(key, after) || (after_upload && (!upload || strcmp(upload, after_upload)));
        if (!rc && more && (!moved || has_nul))
            rc = dowel_fail(err, DOWEL_E_PROTOCOL,
                            "S3: bucket %s: the listing of uploads is incomplete: its markers do not advance",
                            c.bucket->bucket);
        free(key);
        free(upload);
        key = after;
        upload = after_upload;
        dowel_xml_free(root);
        if (!rc && more) rc = dowel_check(d, err);
    }
    if (!rc) *result = json_pack("{s:O,s:I}", "uploads", uploads, "aborted", (json_int_t)aborted);
    json_decref(uploads);
    free(prefix);
    free(key);
    free(upload);
    dowel_s3_client_close(&c);
    return rc;
}

DOWEL_S3_TASK(create_bucket, "Creates the block's bucket.", create_table, run_create, "--bucket s3-bucket/reports");
DOWEL_S3_TASK(get_bucket, "Shows a bucket's region, versioning and lifecycle rules.", get_table, run_get,
              "--bucket s3-bucket/reports");
DOWEL_S3_TASK(delete_bucket, "Deletes the block's bucket, which must be empty.", delete_table, run_delete,
              "--bucket s3-bucket/reports");
const dowel_task dowel_s3_task_list_buckets = {.size = sizeof(dowel_task),
                                               .name = "s3.list_buckets",
                                               .doc = "Lists buckets.",
                                               .args = &list_table,
                                               .run = run_list,
                                               .example = "--credentials aws-credentials/prod",
                                               .table_rows = "buckets",
                                               .amount = "buckets=buckets"};
DOWEL_S3_TASK(abort_stale, "Aborts multipart uploads that were never completed; their parts are billed until then.",
              stale_table, run_abort_stale, "--bucket s3-bucket/reports --older-than 7d", .amount = "aborted=uploads");
