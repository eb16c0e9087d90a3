/* What the s3 connector brings: a block type and its tasks. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BUCKET(type)                                                                                                   \
    {                                                                                                                  \
        DOWEL_AT(type, bucket), .kind = DOWEL_BLOCK, .flags = DOWEL_REQUIRED, .blocks = "s3-bucket",                   \
                                .doc = "The bucket.", .example = "s3-bucket/reports"                                   \
    }
#define KEY(type)                                                                                                      \
    {                                                                                                                  \
        DOWEL_AT(type, key), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED,                                            \
                             .doc = "The object's key, relative to the block's folder.", .example = "report.json"      \
    }

/* ---- put ---- */

static const char *const encryptions[] = {"bucket_default", "AES256", "aws:kms", NULL};

static const dowel_field put_fields[] = {
    BUCKET(dowel_s3_put_args),
    KEY(dowel_s3_put_args),
    {DOWEL_AT(dowel_s3_put_args, file), .kind = DOWEL_PATH, .doc = "File to send; - is standard input.",
     .example = "report.json"},
    {DOWEL_AT(dowel_s3_put_args, data), .kind = DOWEL_BYTES, .doc = "Bytes to send, in place of a file."},
    {DOWEL_AT(dowel_s3_put_args, content_type), .kind = DOWEL_STRING, .doc = "Content type.", .example = "text/csv"},
    {DOWEL_AT(dowel_s3_put_args, metadata), .kind = DOWEL_MAP, .doc = "User metadata."},
    {DOWEL_AT(dowel_s3_put_args, part_size), .kind = DOWEL_SIZE, .fallback = "8MiB",
     .doc = "Size of parts, at least 5 MiB; grows where 10,000 parts would not do."},
    {DOWEL_AT(dowel_s3_put_args, multipart_threshold), .kind = DOWEL_SIZE, .fallback = "8MiB",
     .doc = "Larger objects go up in parts."},
    {DOWEL_AT(dowel_s3_put_args, concurrency), .kind = DOWEL_INT, .fallback = "8", .minimum = 1, .maximum = 64,
     .doc = "Parts at a time."},
    {DOWEL_AT(dowel_s3_put_args, checksum), .kind = DOWEL_ENUM, .values = dowel_s3_checksum_names,
     .doc = "What the service checks the bytes by."},
    {DOWEL_AT(dowel_s3_put_args, content_encoding), .kind = DOWEL_STRING, .doc = "Content encoding.",
     .example = "gzip"},
    {DOWEL_AT(dowel_s3_put_args, cache_control), .kind = DOWEL_STRING, .doc = "How long caches may keep it.",
     .example = "max-age=3600"},
    {DOWEL_AT(dowel_s3_put_args, content_disposition), .kind = DOWEL_STRING, .doc = "What browsers do with it.",
     .example = "attachment"},
    {DOWEL_AT(dowel_s3_put_args, storage_class), .kind = DOWEL_STRING, .doc = "Storage class.",
     .example = "STANDARD_IA"},
    {DOWEL_AT(dowel_s3_put_args, acl), .kind = DOWEL_STRING, .doc = "Canned access control list.",
     .example = "public-read"},
    {DOWEL_AT(dowel_s3_put_args, encryption), .kind = DOWEL_ENUM, .values = encryptions,
     .doc = "Encryption by the service."},
    {DOWEL_AT(dowel_s3_put_args, kms_key_id), .kind = DOWEL_STRING,
     .doc = "Key of aws:kms; without: the account's own."},
    {DOWEL_AT(dowel_s3_put_args, customer_key), .kind = DOWEL_STRING, .flags = DOWEL_SECRET,
     .doc = "Key that the service encrypts with and does not keep: 32 bytes in base64."},
    {DOWEL_AT(dowel_s3_put_args, tags), .kind = DOWEL_MAP, .doc = "Tags."},
    {DOWEL_AT(dowel_s3_put_args, modified), .kind = DOWEL_TIME,
     .doc = "Time of the content, recorded as metadata mtime.", .example = "2026-01-31T12:00:00Z"},
    {DOWEL_AT(dowel_s3_put_args, if_absent), .kind = DOWEL_BOOL, .doc = "Only where there is no such object."},
    {DOWEL_AT(dowel_s3_put_args, if_match), .kind = DOWEL_STRING, .doc = "Only in place of the object with this ETag."},
    {0}};

static int check_put(const void *data, dowel_error *err) {
    const dowel_s3_put_args *args = data;
    if (!args->file == !args->data.data)
        return dowel_fail(err, DOWEL_E_INVALID, "exactly one of \"file\" and \"data\" is required");
    return dowel_s3_check_description(args, err);
}

static const dowel_table put_table = {"s3.put", sizeof(dowel_s3_put_args), put_fields, check_put};

static int run_put(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_put_args *args = data;
    dowel_source *source = NULL;
    dowel_s3_client c;
    int rc = args->file ? dowel_source_file(args->file, &source, err) : 0;
    if (!rc && !source && !(source = dowel_source_memory(args->data.data, args->data.size)))
        rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    if (!rc) rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (!rc) {
        dowel_s3_stored stored;
        rc = dowel_s3_put_source(&c, args, source, &stored, err);
        if (!rc && !(*result = json_pack("{s:s,s:s,s:I,s:O,s:I,s:s*}", "bucket", c.bucket->bucket, "key", args->key,
                                         "size", (json_int_t)stored.size, "etag", stored.etag, "parts",
                                         (json_int_t)stored.parts, "version_id", stored.version)))
            rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
        dowel_s3_stored_clear(&stored);
        dowel_s3_client_close(&c);
    }
    dowel_source_close(source);
    return rc;
}

/* ---- get ---- */

static const dowel_field get_fields[] = {
    BUCKET(dowel_s3_get_args),
    KEY(dowel_s3_get_args),
    {DOWEL_AT(dowel_s3_get_args, file), .kind = DOWEL_PATH, .flags = DOWEL_REQUIRED,
     .doc = "Where it goes; - is standard output.", .example = "report.json"},
    {DOWEL_AT(dowel_s3_get_args, version_id), .kind = DOWEL_STRING,
     .doc = "Version of the object; without: the newest."},
    {DOWEL_AT(dowel_s3_get_args, part_size), .kind = DOWEL_SIZE, .fallback = "16MiB", .minimum = 1, .maximum = 1e15,
     .doc = "Larger objects come in several requests of this size."},
    {DOWEL_AT(dowel_s3_get_args, concurrency), .kind = DOWEL_INT, .fallback = "4", .minimum = 1, .maximum = 64,
     .doc = "Requests at a time."},
    {0}};
static const dowel_table get_table = {"s3.get", sizeof(dowel_s3_get_args), get_fields, NULL};

static int run_get(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_get_args *args = data;
    dowel_s3_client c;
    dowel_sink *sink = NULL;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    rc = dowel_sink_file(args->file, &sink, err);
    if (!rc) rc = dowel_s3_get_sink(&c, args, sink, result, err);
    if (!rc) json_object_set_new(*result, "file", json_string(args->file));
    dowel_sink_close(sink);
    dowel_s3_client_close(&c);
    return rc;
}

/* ---- list ---- */

static const dowel_field list_fields[] = {
    BUCKET(dowel_s3_list_args),
    {DOWEL_AT(dowel_s3_list_args, prefix), .kind = DOWEL_STRING, .doc = "Only keys that begin so."},
    {DOWEL_AT(dowel_s3_list_args, delimiter), .kind = DOWEL_STRING,
     .doc = "Keys are folded at it, as files into folders.", .example = "/"},
    {DOWEL_AT(dowel_s3_list_args, limit), .kind = DOWEL_INT, .fallback = "1000", .minimum = 1, .maximum = 1e9,
     .doc = "Most objects to name."},
    {0}};
static const dowel_table list_table = {"s3.list", sizeof(dowel_s3_list_args), list_fields, NULL};

/* Keys come percent-encoded, because XML cannot hold every one. */
static json_t *decoded(const char *text) {
    char *plain = strdup(text ? text : ""), *out = plain;
    unsigned code;
    for (const char *p = plain; plain && *p; p++) {
        if (*p == '%' && sscanf(p + 1, "%2x", &code) == 1) {
            *out++ = (char)code;
            p += 2;
        } else {
            *out++ = *p == '+' ? ' ' : *p;
        }
    }
    if (out) *out = 0;
    json_t *value = plain ? json_string(plain) : NULL;
    free(plain);
    return value ? value : json_string("(not UTF-8)");
}

static json_t *relative(const dowel_s3_client *c, json_t *key) {
    char *folder = dowel_s3_full_key(c, "");
    const char *text = json_string_value(key);
    json_t *value = folder && text && *folder && !strncmp(text, folder, strlen(folder))
                        ? json_string(text + strlen(folder))
                        : json_incref(key);
    json_decref(key);
    free(folder);
    return value;
}

static json_t *object_of(const dowel_s3_client *c, const dowel_xml *entry) {
    const char *size = dowel_xml_child_text(entry, "Size"), *when = dowel_xml_child_text(entry, "LastModified");
    return json_pack("{s:o,s:I,s:s,s:o}", "key", relative(c, decoded(dowel_xml_child_text(entry, "Key"))), "size",
                     (json_int_t)(size ? strtoll(size, NULL, 10) : 0), "last_modified", when ? when : "", "etag",
                     dowel_s3_etag(dowel_xml_child_text(entry, "ETag")));
}

static int run_list(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_list_args *args = data;
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    char *prefix = dowel_s3_full_key(&c, args->prefix ? args->prefix : ""), *token = NULL;
    json_t *objects = json_array(), *prefixes = json_array();
    bool more = true;
    int64_t left = args->limit;
    while (!rc && more && left > 0) {
        dowel_http_request *r = dowel_s3_request(&c, "GET", NULL);
        dowel_http_query(r, "list-type", "2");
        dowel_http_query(r, "encoding-type", "url");
        dowel_http_query(r, "prefix", prefix && *prefix ? prefix : NULL);
        dowel_http_query(r, "delimiter", args->delimiter);
        dowel_http_query(r, "continuation-token", token);
        dowel_http_query_int(r, "max-keys", left < 1000 ? left : 1000);
        dowel_xml *root;
        rc = dowel_s3_fetch_xml(&c, r, &root, err);
        if (rc) break;
        for (const dowel_xml *e = dowel_xml_child(root, "Contents"); e && left > 0;
             e = dowel_xml_next(e, "Contents"), left--)
            json_array_append_new(objects, object_of(&c, e));
        for (const dowel_xml *e = dowel_xml_child(root, "CommonPrefixes"); e && left > 0;
             e = dowel_xml_next(e, "CommonPrefixes"), left--)
            json_array_append_new(prefixes, relative(&c, decoded(dowel_xml_child_text(e, "Prefix"))));
        const char *truncated = dowel_xml_child_text(root, "IsTruncated"),
                   *next = dowel_xml_child_text(root, "NextContinuationToken");
        more = truncated && !strcmp(truncated, "true") && next;
        free(token);
        token = more ? strdup(next) : NULL;
        dowel_xml_free(root);
    }
    if (!rc) *result = json_pack("{s:O,s:O,s:b}", "objects", objects, "prefixes", prefixes, "truncated", more);
    json_decref(objects);
    json_decref(prefixes);
    free(token);
    free(prefix);
    dowel_s3_client_close(&c);
    return rc;
}

/* ---- head, delete ---- */

static const dowel_field object_fields[] = {BUCKET(dowel_s3_object_args),
                                            KEY(dowel_s3_object_args),
                                            {DOWEL_AT(dowel_s3_object_args, version_id), .kind = DOWEL_STRING,
                                             .doc = "Version of the object; without: the newest."},
                                            {0}};
static const dowel_table head_table = {"s3.head", sizeof(dowel_s3_object_args), object_fields, NULL};
static const dowel_table delete_table = {"s3.delete", sizeof(dowel_s3_object_args), object_fields, NULL};

static int run_object(dowel *d, const char *method, const dowel_s3_object_args *args, dowel_http_response **response,
                      dowel_error *err) {
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    dowel_http_request *r = dowel_s3_request(&c, method, args->key);
    dowel_http_query(r, "versionId", args->version_id);
    rc = dowel_http_send(d, r, response, err);
    dowel_http_free(r);
    dowel_s3_client_close(&c);
    return rc;
}

static int run_head(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_object_args *args = data;
    dowel_http_response *response;
    int rc = run_object(d, "HEAD", args, &response, err);
    if (rc) return rc;
    const char *size = dowel_http_response_header(response, "Content-Length"),
               *type = dowel_http_response_header(response, "Content-Type");
    const char *when = dowel_http_response_header(response, "Last-Modified");
    json_t *metadata = json_object();
    dowel_header header;
    for (size_t i = 0; (header = dowel_http_response_header_at(response, i)).name; i++)
        if (!strncasecmp(header.name, "x-amz-meta-", 11))
            json_object_set_new(metadata, header.name + 11, json_string(header.value));
    *result = json_pack("{s:s,s:I,s:s,s:o,s:s,s:o}", "key", args->key, "size",
                        (json_int_t)(size ? strtoll(size, NULL, 10) : 0), "content_type", type ? type : "", "etag",
                        dowel_s3_etag(dowel_http_response_header(response, "ETag")), "last_modified", when ? when : "",
                        "metadata", metadata);
    dowel_http_response_free(response);
    return 0;
}

static int run_delete(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_object_args *args = data;
    int rc = run_object(d, "DELETE", args, NULL, err);
    if (!rc) *result = json_pack("{s:s}", "key", args->key);
    return rc;
}

/* ---- copy ---- */

static const dowel_field copy_fields[] = {
    BUCKET(dowel_s3_copy_args),
    KEY(dowel_s3_copy_args),
    {DOWEL_AT(dowel_s3_copy_args, to_key), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "Key of the copy."},
    {DOWEL_AT(dowel_s3_copy_args, to_bucket), .kind = DOWEL_BLOCK, .blocks = "s3-bucket",
     .doc = "Bucket of the copy; without: the same."},
    {0}};
static const dowel_table copy_table = {"s3.copy", sizeof(dowel_s3_copy_args), copy_fields, NULL};

static int run_copy(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_copy_args *args = data;
    dowel_s3_client from, to;
    int rc = dowel_s3_client_open(d, args->bucket, &from, err);
    if (rc) return rc;
    rc = dowel_s3_client_open(d, args->to_bucket ? args->to_bucket : args->bucket, &to, err);
    if (rc) {
        dowel_s3_client_close(&from);
        return rc;
    }
    char *key = dowel_s3_full_key(&from, args->key), *encoded = key ? dowel_percent_encode(key, "/") : NULL,
         *source = NULL;
    if (encoded) {
        size_t size = strlen(encoded) + strlen(from.bucket->bucket) + 3;
        source = malloc(size);
        if (source) snprintf(source, size, "/%s/%s", from.bucket->bucket, encoded);
    }
    if (source) {
        dowel_http_request *r = dowel_s3_request(&to, "PUT", args->to_key);
        dowel_http_header(r, "x-amz-copy-source", source);
        dowel_xml *root;
        rc = dowel_s3_fetch_xml(&to, r, &root, err);
        if (!rc) {
            *result = json_pack("{s:s,s:s,s:o}", "bucket", to.bucket->bucket, "key", args->to_key, "etag",
                                dowel_s3_etag(dowel_xml_child_text(root, "ETag")));
            dowel_xml_free(root);
        }
    } else {
        rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    free(source);
    free(encoded);
    free(key);
    dowel_s3_client_close(&to);
    dowel_s3_client_close(&from);
    return rc;
}

/* ---- create_bucket ---- */

static const dowel_field create_fields[] = {BUCKET(dowel_s3_create_bucket_args), {0}};
static const dowel_table create_table = {"s3.create_bucket", sizeof(dowel_s3_create_bucket_args), create_fields, NULL};

static int run_create(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_create_bucket_args *args = data;
    dowel_s3_client c;
    dowel_error local;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    dowel_http_request *r = dowel_s3_request(&c, "PUT", NULL);
    if (strcmp(c.region, "us-east-1")) { /* which must not be named */
        char body[256];
        int n = snprintf(body, sizeof body,
                         "<CreateBucketConfiguration "
                         "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>%s</"
                         "LocationConstraint></CreateBucketConfiguration>",
                         c.region);
        dowel_http_header(r, "Content-Type", "application/xml");
        dowel_http_body(r, body, (size_t)n);
    }
    bool created = true;
    rc = dowel_http_send(d, r, NULL, &local);
    if (rc == DOWEL_E_EXISTS && !strcmp(local.reason, "BucketAlreadyOwnedByYou")) {
        created = false;
        rc = 0;
    }
    if (rc && err) *err = local;
    if (!rc) *result = json_pack("{s:s,s:s,s:b}", "bucket", c.bucket->bucket, "region", c.region, "created", created);
    dowel_http_free(r);
    dowel_s3_client_close(&c);
    return rc;
}

#define TASK(id, what, args_table, body, shown)                                                                        \
    static const dowel_task task_##id = {.size = sizeof(dowel_task),                                                   \
                                         .name = "s3." #id,                                                            \
                                         .doc = what,                                                                  \
                                         .args = &args_table,                                                          \
                                         .run = body,                                                                  \
                                         .example = shown}

TASK(put, "Sends a file, bytes or standard input to an object.", put_table, run_put,
     "--bucket s3-bucket/reports --file report.json --key report.json");
TASK(get, "Fetches an object into a file or to standard output.", get_table, run_get,
     "--bucket s3-bucket/reports --key report.json --file report.json");
static const dowel_task task_list = {.size = sizeof(dowel_task),
                                     .name = "s3.list",
                                     .doc = "Lists objects.",
                                     .args = &list_table,
                                     .run = run_list,
                                     .example = "--bucket s3-bucket/reports --prefix 2026/",
                                     .table_rows = "objects"};
TASK(head, "Tells an object's size, type and metadata.", head_table, run_head,
     "--bucket s3-bucket/reports --key report.json");
TASK(delete, "Deletes an object.", delete_table, run_delete, "--bucket s3-bucket/reports --key report.json");
TASK(copy, "Copies an object without fetching it.", copy_table, run_copy,
     "--bucket s3-bucket/reports --key report.json --to-key old/report.json");
TASK(create_bucket, "Creates the block's bucket.", create_table, run_create, "--bucket s3-bucket/reports");

static const dowel_task *const tasks[] = {&task_put,    &task_get,  &task_list,          &task_head,
                                          &task_delete, &task_copy, &task_create_bucket, NULL};
static const dowel_block_type *const types[] = {&dowel_s3_bucket_type, NULL};

const dowel_connector dowel_s3_connector = {.abi = DOWEL_ABI,
                                            .size = sizeof(dowel_connector),
                                            .name = "s3",
                                            .version = "0.1.0",
                                            .doc = "Amazon S3 and servers that speak its protocol.",
                                            .block_types = types,
                                            .tasks = tasks};
