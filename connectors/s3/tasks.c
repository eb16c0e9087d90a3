/* The tasks on objects, and the descriptor of the s3 connector. */
#include "tasks.h"

#include <dowel/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- put ---- */

static const dowel_field put_fields[] = {
    DOWEL_S3_BUCKET_FIELD(dowel_s3_put_args),
    DOWEL_S3_KEY_FIELD(dowel_s3_put_args),
    {DOWEL_AT(dowel_s3_put_args, file), .kind = DOWEL_PATH, .doc = "File to upload; - is standard input.",
     .example = "report.json"},
    {DOWEL_AT(dowel_s3_put_args, data), .kind = DOWEL_BYTES, .doc = "Bytes to upload instead of a file."},
    {DOWEL_AT(dowel_s3_put_args, content_type), .kind = DOWEL_STRING,
     .doc = "Content-Type of the object. Default: guessed from its key.", .example = "text/csv"},
    {DOWEL_AT(dowel_s3_put_args, metadata), .kind = DOWEL_MAP, .doc = "User metadata of the object."},
    {DOWEL_AT(dowel_s3_put_args, part_size), .kind = DOWEL_SIZE, .fallback = "8MiB", .minimum = 1,
     .maximum = 5368709120.0,
     .doc = "Size of each part, at least 5 MiB; larger if there would be more than 10,000 parts."},
    {DOWEL_AT(dowel_s3_put_args, multipart_threshold), .kind = DOWEL_SIZE, .fallback = "8MiB", .maximum = 5368709120.0,
     .doc = "Objects larger than this are uploaded in parts."},
    {DOWEL_AT(dowel_s3_put_args, concurrency), .kind = DOWEL_INT, .minimum = 1, .maximum = 64,
     .doc = "Number of parallel parts. Default: a few, and more while that is faster."},
    {DOWEL_AT(dowel_s3_put_args, checksum), .kind = DOWEL_ENUM, .values = dowel_s3_checksum_names,
     .doc = "Checksum that the service verifies."},
    {DOWEL_AT(dowel_s3_put_args, content_encoding), .kind = DOWEL_STRING, .doc = "Content-Encoding of the object.",
     .example = "gzip"},
    {DOWEL_AT(dowel_s3_put_args, cache_control), .kind = DOWEL_STRING, .doc = "Cache-Control of the object.",
     .example = "max-age=3600"},
    {DOWEL_AT(dowel_s3_put_args, content_language), .kind = DOWEL_STRING, .doc = "Content-Language of the object.",
     .example = "de"},
    {DOWEL_AT(dowel_s3_put_args, content_disposition), .kind = DOWEL_STRING,
     .doc = "Content-Disposition of the object.", .example = "attachment"},
    {DOWEL_AT(dowel_s3_put_args, storage_class), .kind = DOWEL_STRING, .doc = "Storage class. Default: STANDARD.",
     .example = "STANDARD_IA"},
    {DOWEL_AT(dowel_s3_put_args, acl), .kind = DOWEL_STRING, .doc = "Canned ACL.", .example = "public-read"},
    {DOWEL_AT(dowel_s3_put_args, encryption), .kind = DOWEL_ENUM, .values = dowel_s3_encryption_names,
     .doc = "Server-side encryption."},
    {DOWEL_AT(dowel_s3_put_args, kms_key_id), .kind = DOWEL_STRING,
     .doc = "KMS key for aws:kms. Default: the key that AWS manages for the account."},
    {DOWEL_AT(dowel_s3_put_args, customer_key), .kind = DOWEL_STRING, .flags = DOWEL_SECRET,
     .doc = "Customer-provided key (SSE-C) to encrypt the object with: 32 bytes in base64."},
    {DOWEL_AT(dowel_s3_put_args, tags), .kind = DOWEL_MAP, .doc = "Tags of the object."},
    {DOWEL_AT(dowel_s3_put_args, modified), .kind = DOWEL_TIME,
     .doc = "Modification time of the file, recorded as metadata mtime.", .example = "2026-01-31T12:00:00Z"},
    {DOWEL_AT(dowel_s3_put_args, if_absent), .kind = DOWEL_BOOL, .doc = "Proceed only if the object does not exist."},
    {DOWEL_AT(dowel_s3_put_args, if_match), .kind = DOWEL_STRING, .doc = "Proceed only if the object has this ETag."},
    {DOWEL_AT(dowel_s3_put_args, bucket_key), .kind = DOWEL_BOOL,
     .doc = "Use an S3 Bucket Key with aws:kms, which needs fewer calls to KMS."},
    {DOWEL_GIVEN_AT(dowel_s3_put_args)},
    {0}};

static int check_put(const void *data, dowel_error *err) {
    const dowel_s3_put_args *args = data;
    int rc = dowel_bucket_check_input(args->file, args->data, err);
    return rc ? rc : dowel_s3_check_description(args, err);
}

static const dowel_table put_table = {"s3.put", sizeof(dowel_s3_put_args), put_fields, check_put};

static int run_put(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_put_args *args = data;
    dowel_source *source = NULL;
    dowel_s3_client c;
    int rc = dowel_bucket_open_input(d, args->file, args->data, &source, err);
    if (!rc) rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (!rc) {
        dowel_s3_stored stored;
        rc = dowel_s3_put_source(&c, args, source, &stored, err);
        if (!rc && !(*result = json_pack("{s:s,s:s,s:I,s:O,s:I,s:s*}", "bucket", c.bucket->bucket, "key", args->key,
                                         "size", (json_int_t)stored.size, "etag", stored.etag, "parts",
                                         (json_int_t)stored.parts, "version_id", stored.version)))
            rc = dowel_no_memory(err);
        dowel_s3_stored_clear(&stored);
        dowel_s3_client_close(&c);
    }
    dowel_input_close(d, args->file ? args->file : "", source, rc, err);
    return rc;
}

/* ---- get ---- */

static const dowel_field get_fields[] = {
    DOWEL_S3_BUCKET_FIELD(dowel_s3_get_args),
    DOWEL_S3_KEY_FIELD(dowel_s3_get_args),
    {DOWEL_AT(dowel_s3_get_args, file), .kind = DOWEL_PATH, .flags = DOWEL_REQUIRED,
     .doc = "File to write; - is standard output.", .example = "report.json"},
    {DOWEL_AT(dowel_s3_get_args, version_id), .kind = DOWEL_STRING,
     .doc = "Version of the object. Default: the newest."},
    {DOWEL_AT(dowel_s3_get_args, part_size), .kind = DOWEL_SIZE, .fallback = "16MiB", .minimum = 1, .maximum = 1e15,
     .doc = "Objects larger than this are downloaded in several requests of this size."},
    {DOWEL_AT(dowel_s3_get_args, concurrency), .kind = DOWEL_INT, .minimum = 1, .maximum = 64,
     .doc = "Number of parallel requests. Default: a few, and more while that is faster."},
    DOWEL_S3_CUSTOMER_KEY_FIELD(dowel_s3_get_args, customer_key,
                                "Customer-provided key (SSE-C) that the object is encrypted with: 32 bytes in base64."),
    {DOWEL_GIVEN_AT(dowel_s3_get_args)},
    {0}};

static int check_get(const void *data, dowel_error *err) {
    return dowel_bucket_check_key("customer_key", ((const dowel_s3_get_args *)data)->customer_key, err);
}

static const dowel_table get_table = {"s3.get", sizeof(dowel_s3_get_args), get_fields, check_get};

static int run_get(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_get_args *args = data;
    dowel_s3_client c;
    dowel_sink *sink = NULL;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    rc = dowel_sink_file(args->file, &sink, err);
    if (!rc) rc = dowel_s3_get_sink(&c, args, sink, result, err);
    if (!rc) rc = dowel_sink_commit(sink, err);
    if (!rc && json_object_set_new(*result, "file", dowel_s3_text(args->file))) rc = dowel_no_memory(err);
    dowel_sink_close(sink);
    dowel_s3_client_close(&c);
    return rc;
}

/* ---- list ---- */

static const dowel_field list_fields[] = {
    DOWEL_S3_BUCKET_FIELD(dowel_s3_list_args),
    {DOWEL_AT(dowel_s3_list_args, prefix), .kind = DOWEL_STRING, .flags = DOWEL_SUBJECT,
     .doc = "List only keys that begin with this."},
    {DOWEL_AT(dowel_s3_list_args, delimiter), .kind = DOWEL_STRING,
     .doc = "Group keys that contain this after the prefix, as folders group files.", .example = "/"},
    {DOWEL_AT(dowel_s3_list_args, limit), .kind = DOWEL_INT, .fallback = "1000", .minimum = 1, .maximum = 1e9,
     .doc = "Maximum number of objects and prefixes to list."},
    {DOWEL_AT(dowel_s3_list_args, start_after), .kind = DOWEL_STRING,
     .doc = "List only keys after this one, in byte order."},
    {DOWEL_AT(dowel_s3_list_args, versions), .kind = DOWEL_BOOL, .doc = "List all versions and delete markers."},
    {DOWEL_GIVEN_AT(dowel_s3_list_args)},
    {0}};
static const dowel_table list_table = {"s3.list", sizeof(dowel_s3_list_args), list_fields, NULL};

/* The listing so far. */
typedef struct found {
    json_t *objects, *prefixes;
    int64_t left;
    bool more;
} found;

enum { ENOUGH = 1 };

static int collect(void *context, const dowel_object *object, dowel_error *err) {
    found *f = context;
    if (!f->left) {
        f->more = true;
        return ENOUGH;
    }
    f->left--;
    int rc;
    if (object->is_prefix) {
        rc = json_array_append_new(f->prefixes, dowel_s3_text(object->name));
    } else {
        char when[DOWEL_TIME_TEXT_SIZE];
        json_t *entry;
        dowel_format_time(object->modified, when);
        dowel_builder all = dowel_build(json_object());
        dowel_build_json(&all, "key", dowel_s3_text(object->name));
        dowel_build_int(&all, "size", object->size);
        dowel_build_text(&all, "last_modified", when);
        dowel_build_json(&all, "etag", dowel_s3_text(object->etag));
        if (object->storage_class) dowel_build_json(&all, "storage_class", dowel_s3_text(object->storage_class));
        if (object->odd) dowel_build_json(&all, "left_out", dowel_s3_text(object->odd));
        if (object->version) dowel_build_json(&all, "version_id", dowel_s3_text(object->version));
        if (object->version) dowel_build_bool(&all, "latest", object->is_current);
        if (object->is_deleted) dowel_build_bool(&all, "deleted", true);
        (void)dowel_build_end(&all, &entry, NULL);
        rc = json_array_append_new(f->objects, entry);
    }
    return rc ? dowel_no_memory(err) : 0;
}

static int run_list(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_list_args *args = data;
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    found f = {json_array(), json_array(), args->limit, false};
    const dowel_objects_query query = {.size = sizeof query,
                                       .prefix = args->prefix,
                                       .delimiter = args->delimiter,
                                       .start_after = args->start_after,
                                       .versions = args->versions};
    rc = dowel_s3_list_each(&c, &query, args->limit < 1000 ? args->limit + 1 : 1000, collect, &f, err);
    if (rc == ENOUGH) rc = 0;
    if (!rc) *result = json_pack("{s:O,s:O,s:b}", "objects", f.objects, "prefixes", f.prefixes, "truncated", f.more);
    json_decref(f.objects);
    json_decref(f.prefixes);
    dowel_s3_client_close(&c);
    return rc;
}

/* ---- head ---- */

#define VERSION(type)                                                                                                  \
    { DOWEL_AT(type, version_id), .kind = DOWEL_STRING, .doc = "Version of the object. Default: the newest." }

static const dowel_field head_fields[] = {
    DOWEL_S3_BUCKET_FIELD(dowel_s3_object_args),
    DOWEL_S3_KEY_FIELD(dowel_s3_object_args),
    VERSION(dowel_s3_object_args),
    DOWEL_S3_CUSTOMER_KEY_FIELD(dowel_s3_object_args, customer_key,
                                "Customer-provided key (SSE-C) that the object is encrypted with: 32 bytes in base64."),
    {DOWEL_GIVEN_AT(dowel_s3_object_args)},
    {0}};

static int check_head(const void *data, dowel_error *err) {
    return dowel_bucket_check_key("customer_key", ((const dowel_s3_object_args *)data)->customer_key, err);
}

static const dowel_table head_table = {"s3.head", sizeof(dowel_s3_object_args), head_fields, check_head};

static json_t *metadata_of(const dowel_http_response *response) {
    dowel_builder metadata = dowel_build(json_object());
    json_t *built;
    dowel_pair *pairs = dowel_s3_metadata(response, true);
    if (!pairs) dowel_build_json(&metadata, "", NULL);
    for (const dowel_pair *pair = pairs; pair && pair->name; pair++)
        dowel_build_text(&metadata, pair->name, pair->value);
    dowel_s3_metadata_free(pairs);
    (void)dowel_build_end(&metadata, &built, NULL);
    return built;
}

static void describe_more(const dowel_http_response *response, dowel_builder *all) {
    static const struct {
        const char *name, *header;
    } more[] = {{"content_encoding", "Content-Encoding"},
                {"cache_control", "Cache-Control"},
                {"content_disposition", "Content-Disposition"},
                {"storage_class", "x-amz-storage-class"},
                {"version_id", "x-amz-version-id"},
                {"encryption", "x-amz-server-side-encryption"},
                {"kms_key_id", "x-amz-server-side-encryption-aws-kms-key-id"},
                {"customer_key_md5", "x-amz-server-side-encryption-customer-key-MD5"}};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        const char *value = dowel_http_response_header(response, more[i].header);
        if (value && *value) dowel_build_json(all, more[i].name, dowel_s3_text(value));
    }
    const char *bucket_key = dowel_http_response_header(response, "x-amz-server-side-encryption-bucket-key-enabled"),
               *check;
    if (bucket_key && !dowel_casecmp(bucket_key, "true")) dowel_build_bool(all, "bucket_key", true);
    const dowel_s3_checksum *checksum = dowel_s3_checksum_in_headers(response, &check);
    if (checksum)
        dowel_build_json(all, "checksum", json_pack("{s:s,s:s}", "algorithm", checksum->algorithm, "value", check));
}

static int describe(const char *key, const dowel_http_response *response, json_t **result, dowel_error *err) {
    char etag[DOWEL_S3_ETAG_SIZE];
    const dowel_object object = dowel_s3_object_of(key, response, etag);
    const char *when = dowel_http_response_header(response, "Last-Modified");
    int64_t missing = dowel_s3_missing_metadata(response);
    dowel_builder all = dowel_build(json_object());
    dowel_build_text(&all, "key", key);
    dowel_build_int(&all, "size", object.size);
    dowel_build_json(&all, "content_type", dowel_s3_text(object.content_type));
    dowel_build_json(&all, "etag", dowel_s3_text(object.etag));
    dowel_build_json(&all, "last_modified", dowel_s3_text(when));
    dowel_build_json(&all, "metadata", metadata_of(response));
    if (missing > 0) dowel_build_int(&all, "missing_metadata", missing);
    describe_more(response, &all);
    return dowel_build_end(&all, result, err);
}

static int run_head(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_object_args *args = data;
    dowel_s3_client c;
    dowel_http_response *response;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    rc = dowel_s3_head_object(&c, args->key, args->version_id, args->customer_key, 0, &response, err);
    if (!rc) {
        rc = describe(args->key, response, result, err);
        dowel_http_response_free(response);
    }
    dowel_s3_client_close(&c);
    return rc;
}

/* ---- delete ---- */

static const dowel_field delete_fields[] = {
    DOWEL_S3_BUCKET_FIELD(dowel_s3_object_args),
    {DOWEL_AT(dowel_s3_object_args, key), .kind = DOWEL_STRING, .flags = DOWEL_SUBJECT,
     .doc = "The object's key, relative to the block's folder.", .example = "report.json"},
    VERSION(dowel_s3_object_args),
    {DOWEL_AT(dowel_s3_object_args, keys), .kind = DOWEL_LIST, .flags = DOWEL_SUBJECT,
     .doc = "Keys of several objects, instead of one key."},
    {DOWEL_GIVEN_AT(dowel_s3_object_args)},
    {0}};

static int check_delete(const void *data, dowel_error *err) {
    const dowel_s3_object_args *args = data;
    bool many = args->keys && *args->keys;
    if ((args->key && *args->key) == many)
        return dowel_fail(err, DOWEL_E_INVALID, "exactly one of \"key\" and \"keys\" is required");
    for (size_t i = 0; many && args->keys[i]; i++)
        if (!*args->keys[i]) return dowel_fail(err, DOWEL_E_INVALID, "field \"keys[%zu]\" is empty", i);
    if (many && args->version_id)
        return dowel_fail(err, DOWEL_E_INVALID, "field \"version_id\" needs \"key\", not \"keys\"");
    return 0;
}

static const dowel_table delete_table = {"s3.delete", sizeof(dowel_s3_object_args), delete_fields, check_delete};

static int delete_many(dowel_s3_client *c, const char *const *keys, json_t **result, dowel_error *err) {
    size_t count = 0;
    while (keys[count]) count++;
    dowel_removal_lines failed = {0};
    int rc = dowel_s3_remove(c, keys, count, dowel_removal_note, &failed, err);
    if (rc) {
        dowel_removal_explain(&failed, count, err);
        return rc;
    }
    *result = json_pack("{s:I}", "deleted", (json_int_t)count);
    return *result ? 0 : dowel_no_memory(err);
}

static int run_delete(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_object_args *args = data;
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    if (args->key && *args->key) {
        rc = dowel_s3_delete_object(&c, args->key, args->version_id, NULL, err);
        if (!rc) *result = json_pack("{s:s}", "key", args->key);
    } else {
        rc = delete_many(&c, args->keys, result, err);
    }
    dowel_s3_client_close(&c);
    return rc;
}

/* ---- copy ---- */

static const dowel_field copy_fields[] = {
    DOWEL_S3_BUCKET_FIELD(dowel_s3_copy_args),
    DOWEL_S3_KEY_FIELD(dowel_s3_copy_args),
    {DOWEL_AT(dowel_s3_copy_args, to_key), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED,
     .doc = "Key of the copy, relative to the folder of its block."},
    {DOWEL_AT(dowel_s3_copy_args, to_bucket), .kind = DOWEL_BLOCK, .blocks = "s3-bucket",
     .doc = "Bucket of the copy. Default: the same bucket."},
    VERSION(dowel_s3_copy_args),
    {DOWEL_AT(dowel_s3_copy_args, storage_class), .kind = DOWEL_STRING,
     .doc = "Storage class of the copy. Default: STANDARD.", .example = "STANDARD_IA"},
    {DOWEL_AT(dowel_s3_copy_args, multipart_threshold), .kind = DOWEL_SIZE, .fallback = "5GiB", .minimum = 0,
     .maximum = 5368709120.0, .doc = "Objects larger than this are copied in parts."},
    {DOWEL_AT(dowel_s3_copy_args, part_size), .kind = DOWEL_SIZE, .fallback = "128MiB", .minimum = 5242880,
     .maximum = 5368709120.0, .doc = "Size of each part."},
    {DOWEL_AT(dowel_s3_copy_args, concurrency), .kind = DOWEL_INT, .minimum = 1, .maximum = 64,
     .doc = "Number of parallel parts. Default: a few, and more while that is faster."},
    DOWEL_S3_CUSTOMER_KEY_FIELD(dowel_s3_copy_args, customer_key,
                                "Customer-provided key (SSE-C) that the object is encrypted with: 32 bytes in base64."),
    DOWEL_S3_CUSTOMER_KEY_FIELD(dowel_s3_copy_args, to_customer_key,
                                "Customer-provided key (SSE-C) to encrypt the copy with: 32 bytes in base64."),
    {DOWEL_GIVEN_AT(dowel_s3_copy_args)},
    {0}};

static int check_copy(const void *data, dowel_error *err) {
    const dowel_s3_copy_args *args = data;
    int rc = dowel_bucket_check_key("customer_key", args->customer_key, err);
    return rc ? rc : dowel_bucket_check_key("to_customer_key", args->to_customer_key, err);
}

static const dowel_table copy_table = {"s3.copy", sizeof(dowel_s3_copy_args), copy_fields, check_copy};

static int run_copy(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_copy_args *args = data;
    dowel_s3_client from, to;
    json_t *etag = NULL;
    int rc = dowel_s3_client_open(d, args->bucket, &from, err);
    if (rc) return rc;
    rc = dowel_s3_client_open(d, args->to_bucket ? args->to_bucket : args->bucket, &to, err);
    if (rc) {
        dowel_s3_client_close(&from);
        return rc;
    }
    rc = dowel_s3_copy_object(&from, &to, args, &etag, err);
    if (!rc) *result = json_pack("{s:s,s:s,s:O}", "bucket", to.bucket->bucket, "key", args->to_key, "etag", etag);
    json_decref(etag);
    dowel_s3_client_close(&to);
    dowel_s3_client_close(&from);
    return rc;
}

static DOWEL_S3_TASK(put, "Uploads a file, bytes or standard input to an object.", put_table, run_put,
                     "--bucket s3-bucket/reports --file report.json --key report.json", .amount = "size=bytes");
static DOWEL_S3_TASK(get, "Downloads an object to a file or to standard output.", get_table, run_get,
                     "--bucket s3-bucket/reports --key report.json --file report.json", .amount = "size=bytes");
static const dowel_task dowel_s3_task_list = {.size = sizeof(dowel_task),
                                              .name = "s3.list",
                                              .doc = "Lists objects.",
                                              .args = &list_table,
                                              .run = run_list,
                                              .example = "--bucket s3-bucket/reports --prefix 2026/",
                                              .table_rows = "objects",
                                              .amount = "objects=objects"};
static DOWEL_S3_TASK(head, "Shows an object's size, type, checksum and metadata.", head_table, run_head,
                     "--bucket s3-bucket/reports --key report.json");
static DOWEL_S3_TASK(delete, "Deletes one or more objects.", delete_table, run_delete,
                     "--bucket s3-bucket/reports --key report.json", .amount = "deleted=objects");
static DOWEL_S3_TASK(copy, "Copies an object within S3.", copy_table, run_copy,
                     "--bucket s3-bucket/reports --key report.json --to-key old/report.json");

static const dowel_task *const tasks[] = {&dowel_s3_task_put,           &dowel_s3_task_get,
                                          &dowel_s3_task_list,          &dowel_s3_task_head,
                                          &dowel_s3_task_delete,        &dowel_s3_task_copy,
                                          &dowel_s3_task_create_bucket, &dowel_s3_task_get_bucket,
                                          &dowel_s3_task_delete_bucket, &dowel_s3_task_list_buckets,
                                          &dowel_s3_task_abort_stale,   &dowel_s3_task_presign,
                                          &dowel_s3_task_presign_post,  NULL};
static const dowel_block_type *const types[] = {&dowel_s3_bucket_type, NULL};

const dowel_connector dowel_s3_connector = {.abi = DOWEL_ABI,
                                            .size = sizeof(dowel_connector),
                                            .name = "s3",
                                            .version = "0.1.0",
                                            .doc = "Amazon S3 and servers that speak its protocol.",
                                            .block_types = types,
                                            .tasks = tasks};
