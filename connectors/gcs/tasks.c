/* What the gcs connector brings: a block type and its tasks. */
#include "tasks.h"
#include "client.h"

#include <stdlib.h>
#include <string.h>

static const dowel_field bucket_fields[] = {
    {DOWEL_AT(dowel_gcs_bucket, bucket), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "Bucket name.",
     .example = "landing"},
    {DOWEL_AT(dowel_gcs_bucket, folder), .kind = DOWEL_STRING,
     .doc = "In front of every object name; names are relative to it.", .example = "2026/q1"},
    {DOWEL_AT(dowel_gcs_bucket, credentials), .kind = DOWEL_BLOCK, .blocks = "gcp-credentials",
     .doc = "Who calls; without: Application Default Credentials."},
    {DOWEL_AT(dowel_gcs_bucket, endpoint), .kind = DOWEL_STRING,
     .doc = "Address of a server that speaks Cloud Storage; without: STORAGE_EMULATOR_HOST, else Google's.",
     .example = "http://127.0.0.1:4443"},
    {0}};
static const dowel_table bucket_table = {"gcs-bucket", sizeof(dowel_gcs_bucket), bucket_fields, NULL};

static int storage_put(dowel *d, dowel_block *block, const char *key, const void *data, size_t size, dowel_error *err);

static int storage_get(dowel *d, dowel_block *block, const char *key, void **data, size_t *size, dowel_error *err) {
    dowel_gcs_client c;
    dowel_sink *sink = dowel_sink_memory(0);
    int rc = sink ? dowel_gcs_client_open(d, block, &c, err) : dowel_gcs_no_memory(err);
    if (!rc) rc = dowel_gcs_download_sink(&c, &(dowel_gcs_download_args){.name = key}, sink, NULL, err);
    if (!rc) {
        dowel_bytes bytes = dowel_sink_bytes(sink);
        *data = malloc(bytes.size + 1);
        *size = bytes.size;
        if (*data)
            memcpy(*data, bytes.data, bytes.size);
        else
            rc = dowel_gcs_no_memory(err);
    }
    dowel_sink_close(sink);
    return rc;
}

static const dowel_storage storage = {storage_put, storage_get};

const dowel_block_type dowel_gcs_bucket_type = {.size = sizeof(dowel_block_type),
                                                .name = "gcs-bucket",
                                                .doc = "A bucket of Google Cloud Storage.",
                                                .table = &bucket_table,
                                                .version = 1,
                                                .storage = &storage,
                                                .check = dowel_gcs_check};

/* ---- upload ---- */

static const dowel_field upload_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_upload_args),
    {DOWEL_AT(dowel_gcs_upload_args, name), .kind = DOWEL_STRING,
     .doc = "The object's name, relative to the block's folder; without: the file's own.", .example = "airports.csv"},
    {DOWEL_AT(dowel_gcs_upload_args, file), .kind = DOWEL_PATH, .doc = "File to send; - is standard input.",
     .example = "airports.csv"},
    {DOWEL_AT(dowel_gcs_upload_args, data), .kind = DOWEL_BYTES, .doc = "Bytes to send, in place of a file."},
    {DOWEL_AT(dowel_gcs_upload_args, content_type), .kind = DOWEL_STRING,
     .doc = "Content type; without: guessed from the name.", .example = "text/csv"},
    {DOWEL_AT(dowel_gcs_upload_args, metadata), .kind = DOWEL_MAP, .doc = "User metadata."},
    {DOWEL_AT(dowel_gcs_upload_args, if_generation_match), .kind = DOWEL_STRING,
     .doc = "Only when the object has this generation; 0: only when there is none."},
    {DOWEL_AT(dowel_gcs_upload_args, resumable_threshold), .kind = DOWEL_SIZE, .fallback = "8MiB",
     .doc = "Larger objects go up in a resumable session."},
    {DOWEL_AT(dowel_gcs_upload_args, chunk_size), .kind = DOWEL_SIZE, .fallback = "8MiB",
     .doc = "Bytes per request of a session whose source cannot be read twice (a pipe); whole units of 256 KiB."},
    {0}};

static int check_upload(const void *data, dowel_error *err) {
    const dowel_gcs_upload_args *args = data;
    if (!args->file == !args->data.data)
        return dowel_fail(err, DOWEL_E_INVALID, "exactly one of \"file\" and \"data\" is required");
    if (!args->name && (!args->file || !strcmp(args->file, "-")))
        return dowel_fail(err, DOWEL_E_INVALID, "field \"name\" is required where no file gives one");
    return 0;
}

static const dowel_table upload_table = {"gcs.upload", sizeof(dowel_gcs_upload_args), upload_fields, check_upload};

static int run_upload(dowel *d, const void *data, json_t **result, dowel_error *err) {
    dowel_gcs_upload_args args = *(const dowel_gcs_upload_args *)data;
    if (!args.name) {
        const char *slash = strrchr(args.file, '/');
        args.name = slash ? slash + 1 : args.file;
    }
    dowel_source *source = NULL;
    dowel_gcs_client c;
    int rc = args.file ? dowel_source_file(args.file, &source, err) : 0;
    if (!rc && !source && !(source = dowel_source_memory(args.data.data, args.data.size)))
        rc = dowel_gcs_no_memory(err);
    if (!rc) rc = dowel_gcs_client_open(d, args.bucket, &c, err);
    if (!rc) rc = dowel_gcs_upload_source(&c, &args, source, result, err);
    dowel_source_close(source);
    return rc;
}

/* Results are kept by the task's body, not by a run of its own: the history has one run, and no copy of the result. */
static int storage_put(dowel *d, dowel_block *block, const char *key, const void *data, size_t size, dowel_error *err) {
    dowel_record *args;
    json_t *stored = NULL;
    int rc =
        dowel_record_copy(&upload_table,
                          &(dowel_gcs_upload_args){
                              .bucket = block, .name = key, .data = {data, size}, .content_type = "application/json"},
                          sizeof(dowel_gcs_upload_args), &args, err);
    if (rc) return rc;
    rc = run_upload(d, dowel_record_data(args), &stored, err);
    json_decref(stored);
    dowel_record_free(args);
    return rc;
}

/* ---- download ---- */

static const dowel_field download_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_download_args),
    DOWEL_GCS_NAME_FIELD(dowel_gcs_download_args),
    {DOWEL_AT(dowel_gcs_download_args, file), .kind = DOWEL_PATH, .flags = DOWEL_REQUIRED,
     .doc = "Where it goes; - is standard output.", .example = "airports.csv"},
    DOWEL_GCS_GENERATION_FIELD(dowel_gcs_download_args),
    {DOWEL_AT(dowel_gcs_download_args, part_size), .kind = DOWEL_SIZE, .fallback = "16MiB", .minimum = 1,
     .maximum = 1e15, .doc = "Larger objects come in several requests of this size."},
    {DOWEL_AT(dowel_gcs_download_args, concurrency), .kind = DOWEL_INT, .fallback = "4", .minimum = 1, .maximum = 64,
     .doc = "Requests at a time."},
    {0}};
static const dowel_table download_table = {"gcs.download", sizeof(dowel_gcs_download_args), download_fields, NULL};

static int run_download(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_download_args *args = data;
    dowel_gcs_client c;
    dowel_sink *sink;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (!rc) rc = dowel_sink_file(args->file, &sink, err);
    if (rc) return rc;
    rc = dowel_gcs_download_sink(&c, args, sink, result, err);
    if (!rc) json_object_set_new(*result, "file", json_string(args->file));
    dowel_sink_close(sink);
    return rc;
}

/* ---- list ---- */

static const dowel_field list_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_list_args),
    {DOWEL_AT(dowel_gcs_list_args, prefix), .kind = DOWEL_STRING, .doc = "Only names that begin so."},
    {DOWEL_AT(dowel_gcs_list_args, delimiter), .kind = DOWEL_STRING,
     .doc = "Names are folded at it, as files into folders.", .example = "/"},
    {DOWEL_AT(dowel_gcs_list_args, limit), .kind = DOWEL_INT, .fallback = "1000", .doc = "Most objects to name."},
    {0}};
static const dowel_table list_table = {"gcs.list", sizeof(dowel_gcs_list_args), list_fields, NULL};

static int run_list(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_list_args *args = data;
    dowel_gcs_client c;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    json_t *objects = json_array(), *prefixes = json_array();
    char *prefix = dowel_gcs_full_name(&c, args->prefix ? args->prefix : ""), *token = NULL;
    bool more = true, cut = false;
    int64_t left = args->limit;
    while (!rc && more && left > 0) {
        dowel_http_request *r = dowel_gcs_request(&c, "GET", NULL);
        json_t *page = NULL, *item;
        size_t i;
        dowel_http_path(r, "o", NULL);
        dowel_http_query(r, "prefix", prefix && *prefix ? prefix : NULL);
        dowel_http_query(r, "delimiter", args->delimiter);
        dowel_http_query(r, "pageToken", token);
        dowel_http_query_int(r, "maxResults", left < 1000 ? left : 1000);
        rc = dowel_http_fetch_json(d, r, &page, err);
        if (rc) break;
        json_array_foreach(json_object_get(page, "items"), i, item) if (left-- > 0)
            json_array_append_new(objects, dowel_gcs_describe(&c, item));
        json_array_foreach(json_object_get(page, "prefixes"), i, item) if (left-- > 0)
            json_array_append_new(prefixes, dowel_gcs_relative(&c, json_string_value(item)));
        cut = left < 0; /* a page may be longer than was asked for */
        free(token);
        const char *next = json_string_value(json_object_get(page, "nextPageToken"));
        token = next && *next ? strdup(next) : NULL;
        more = token != NULL;
        json_decref(page);
    }
    if (!rc) *result = json_pack("{s:O,s:O,s:b}", "objects", objects, "prefixes", prefixes, "truncated", more || cut);
    json_decref(objects);
    json_decref(prefixes);
    free(prefix);
    free(token);
    return rc;
}

/* ---- stat, delete ---- */

static const dowel_field object_fields[] = {DOWEL_GCS_BUCKET_FIELD(dowel_gcs_object_args),
                                            DOWEL_GCS_NAME_FIELD(dowel_gcs_object_args),
                                            DOWEL_GCS_GENERATION_FIELD(dowel_gcs_object_args),
                                            {0}};
static const dowel_table stat_table = {"gcs.stat", sizeof(dowel_gcs_object_args), object_fields, NULL};
static const dowel_table delete_table = {"gcs.delete", sizeof(dowel_gcs_object_args), object_fields, NULL};

static int run_object(dowel *d, const char *method, const dowel_gcs_object_args *args, json_t **result,
                      dowel_error *err) {
    dowel_gcs_client c;
    json_t *resource = NULL;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    dowel_http_request *r = dowel_gcs_request(&c, method, args->name);
    dowel_http_query(r, "generation", args->generation);
    /* Deleting without a generation could, in a second try, delete what somebody wrote meanwhile. */
    bool deleted = !strcmp(method, "DELETE");
    if (deleted) dowel_http_idempotent(r, args->generation != NULL);
    rc = dowel_http_fetch_json(d, r, &resource, err);
    if (!rc)
        *result = !deleted ? dowel_gcs_describe(&c, resource)
                           : json_pack("{s:s,s:s}", "bucket", c.bucket->bucket, "name", args->name);
    json_decref(resource);
    return rc;
}

static int run_stat(dowel *d, const void *data, json_t **result, dowel_error *err) {
    return run_object(d, "GET", data, result, err);
}

static int run_delete(dowel *d, const void *data, json_t **result, dowel_error *err) {
    return run_object(d, "DELETE", data, result, err);
}

/* ---- copy ---- */

static const dowel_field copy_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_copy_args),
    DOWEL_GCS_NAME_FIELD(dowel_gcs_copy_args),
    {DOWEL_AT(dowel_gcs_copy_args, to_name), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "Name of the copy."},
    {DOWEL_AT(dowel_gcs_copy_args, to_bucket), .kind = DOWEL_BLOCK, .blocks = "gcs-bucket",
     .doc = "Bucket of the copy; without: the same."},
    {0}};
static const dowel_table copy_table = {"gcs.copy", sizeof(dowel_gcs_copy_args), copy_fields, NULL};

static int run_copy(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_copy_args *args = data;
    dowel_gcs_client from, to;
    int rc = dowel_gcs_client_open(d, args->bucket, &from, err);
    if (!rc) rc = dowel_gcs_client_open(d, args->to_bucket ? args->to_bucket : args->bucket, &to, err);
    if (rc) return rc;
    char *target = dowel_gcs_full_name(&to, args->to_name), *token = NULL;
    bool done = false;
    /* Large objects take several calls; each goes on from the last one's token. */
    while (!rc && !done && target) {
        dowel_http_request *r = dowel_gcs_request(&from, "POST", args->name);
        json_t *answer = NULL;
        dowel_http_path(r, "rewriteTo", "b", to.bucket->bucket, "o", target, NULL);
        dowel_http_query(r, "rewriteToken", token);
        dowel_http_idempotent(r, token != NULL);
        rc = dowel_http_fetch_json(d, r, &answer, err);
        if (rc) break;
        done = json_is_true(json_object_get(answer, "done"));
        const char *next = json_string_value(json_object_get(answer, "rewriteToken"));
        free(token);
        token = next ? strdup(next) : NULL;
        if (done)
            *result = dowel_gcs_describe(&to, json_object_get(answer, "resource"));
        else if (!token)
            rc = dowel_fail(err, DOWEL_E_PROTOCOL, "Cloud Storage: copying %s: neither done nor a token", args->name);
        json_decref(answer);
    }
    free(token);
    free(target);
    return rc;
}

/* ---- create_bucket ---- */

static const dowel_field create_fields[] = {DOWEL_GCS_BUCKET_FIELD(dowel_gcs_create_bucket_args),
                                            {DOWEL_AT(dowel_gcs_create_bucket_args, project), .kind = DOWEL_STRING,
                                             .doc = "Project that pays; without: the credentials' own."},
                                            {DOWEL_AT(dowel_gcs_create_bucket_args, location), .kind = DOWEL_STRING,
                                             .doc = "Region, dual-region or multi-region.", .example = "europe-west1"},
                                            {DOWEL_AT(dowel_gcs_create_bucket_args, storage_class),
                                             .kind = DOWEL_STRING, .doc = "Storage class.", .example = "STANDARD"},
                                            {0}};
static const dowel_table create_table = {"gcs.create_bucket", sizeof(dowel_gcs_create_bucket_args), create_fields,
                                         NULL};

static int run_create(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_create_bucket_args *args = data;
    dowel_gcs_client c;
    char *project = NULL;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (!rc) rc = dowel_gcp_project(d, c.credentials, args->project, &project, err);
    if (rc) return rc;
    json_t *resource = json_pack("{s:s,s:s*,s:s*}", "name", c.bucket->bucket, "location", args->location,
                                 "storageClass", args->storage_class),
           *made = NULL;
    dowel_http_request *r = dowel_http_new(c.service, c.credentials, "POST", c.base);
    dowel_http_path(r, "storage", "v1", "b", NULL);
    dowel_http_query(r, "project", project);
    dowel_http_json(r, resource);
    /* A name can be taken only once: the second try of a lost answer finds its own bucket. */
    dowel_http_idempotent(r, true);
    rc = dowel_http_fetch_json(d, r, &made, err);
    if (rc && err && err->http_status == 409) {
        err->code = rc = DOWEL_E_EXISTS;
        dowel_error_hint(
            err, "bucket names are shared by all of Cloud Storage: choose another, or use the bucket if it is yours");
    }
    const char *location = json_string_value(json_object_get(made, "location"));
    if (!rc) *result = json_pack("{s:s,s:s*}", "bucket", c.bucket->bucket, "location", location);
    json_decref(made);
    json_decref(resource);
    free(project);
    return rc;
}

#define TASK(id, what, args_table, body, shown)                                                                        \
    static const dowel_task task_##id = {.size = sizeof(dowel_task),                                                   \
                                         .name = "gcs." #id,                                                           \
                                         .doc = what,                                                                  \
                                         .args = &args_table,                                                          \
                                         .run = body,                                                                  \
                                         .example = shown}

TASK(upload, "Sends a file, bytes or standard input to an object.", upload_table, run_upload,
     "--bucket gcs-bucket/landing --file airports.csv");
TASK(download, "Fetches an object into a file or to standard output.", download_table, run_download,
     "--bucket gcs-bucket/landing --name airports.csv --file airports.csv");
static const dowel_task task_list = {.size = sizeof(dowel_task),
                                     .name = "gcs.list",
                                     .doc = "Lists objects.",
                                     .args = &list_table,
                                     .run = run_list,
                                     .example = "--bucket gcs-bucket/landing --prefix 2026/",
                                     .table_rows = "objects"};
TASK(stat, "Tells an object's size, generation, checksum and metadata.", stat_table, run_stat,
     "--bucket gcs-bucket/landing --name airports.csv");
TASK(delete, "Deletes an object.", delete_table, run_delete, "--bucket gcs-bucket/landing --name airports.csv");
TASK(copy, "Copies an object without fetching it.", copy_table, run_copy,
     "--bucket gcs-bucket/landing --name airports.csv --to-name old/airports.csv");
TASK(create_bucket, "Creates the block's bucket.", create_table, run_create,
     "--bucket gcs-bucket/landing --location europe-west1");

static const dowel_task *const tasks[] = {&task_upload,
                                          &task_download,
                                          &task_list,
                                          &task_stat,
                                          &task_delete,
                                          &task_copy,
                                          &task_create_bucket,
                                          &dowel_gcs_task_presign,
                                          &dowel_gcs_task_presign_post,
                                          NULL};
static const dowel_block_type *const types[] = {&dowel_gcs_bucket_type, NULL};

const dowel_connector dowel_gcs_connector = {.abi = DOWEL_ABI,
                                             .size = sizeof(dowel_connector),
                                             .name = "gcs",
                                             .version = "0.1.0",
                                             .doc = "Google Cloud Storage.",
                                             .block_types = types,
                                             .tasks = tasks};
