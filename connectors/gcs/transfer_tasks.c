/* The tasks gcs.upload and gcs.download. */
#include "client.h"
#include "tasks.h"

#include <dowel/buckets.h>
#include <dowel/transfer.h>

#include <stdio.h>
#include <string.h>

/* ---- upload ---- */

static const dowel_field upload_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_upload_args),
    {DOWEL_AT(dowel_gcs_upload_args, name), .kind = DOWEL_STRING, .flags = DOWEL_SUBJECT,
     .doc = "Object name, relative to the block's folder. Default: the name of the file.", .example = "airports.csv"},
    {DOWEL_AT(dowel_gcs_upload_args, file), .kind = DOWEL_PATH, .doc = "File to upload; - is standard input.",
     .example = "airports.csv"},
    {DOWEL_AT(dowel_gcs_upload_args, data), .kind = DOWEL_BYTES, .doc = "Bytes to upload instead of a file."},
    {DOWEL_AT(dowel_gcs_upload_args, content_type), .kind = DOWEL_STRING,
     .doc = "Content-Type of the object. Default: guessed from its name.", .example = "text/csv"},
    {DOWEL_AT(dowel_gcs_upload_args, metadata), .kind = DOWEL_MAP, .doc = "User metadata of the object."},
    {DOWEL_AT(dowel_gcs_upload_args, resumable_threshold), .kind = DOWEL_SIZE, .fallback = "8MiB", .maximum = 1e15,
     .doc = "Objects larger than this are uploaded in a resumable session."},
    {DOWEL_AT(dowel_gcs_upload_args, chunk_size), .kind = DOWEL_SIZE, .fallback = "8MiB", .minimum = 1,
     .maximum = 4294967296.0, .doc = "Size of each request of a session that uploads a pipe; a multiple of 256 KiB."},
    DOWEL_GCS_CONTENT_FIELDS(dowel_gcs_upload_args),
    DOWEL_GCS_KEPT_FIELDS(dowel_gcs_upload_args),
    DOWEL_GCS_CONDITION_FIELDS(dowel_gcs_upload_args),
    {DOWEL_AT(dowel_gcs_upload_args, concurrency), .kind = DOWEL_INT, .fallback = "1", .minimum = 1, .maximum = 64,
     .doc = "Number of parts of a large file to upload in parallel, as temporary objects NAME.dowel-part-... that are "
            "composed and deleted. 1: no parts."},
    {DOWEL_AT(dowel_gcs_upload_args, part_size), .kind = DOWEL_SIZE, .fallback = "64MiB", .minimum = 1, .maximum = 1e15,
     .doc = "Size of each part of a parallel upload; larger if there would be more than 32 parts."},
    {DOWEL_GIVEN_AT(dowel_gcs_upload_args)},
    {0}};

static int check_upload(const void *data, dowel_error *err) {
    const dowel_gcs_upload_args *args = data;
    int rc = dowel_bucket_check_input(args->file, args->data, err);
    if (rc) return rc;
    if (!args->name && (!args->file || !strcmp(args->file, "-")))
        return dowel_fail(err, DOWEL_E_INVALID, "field \"name\" is required with \"data\" and with standard input");
    return 0;
}

const dowel_table dowel_gcs_upload_table = {"gcs.upload", sizeof(dowel_gcs_upload_args), upload_fields, check_upload};

int dowel_gcs_run_upload(dowel *d, const void *data, json_t **result, dowel_error *err) {
    dowel_gcs_upload_args args = *(const dowel_gcs_upload_args *)data;
    if (!args.name) {
        const char *slash = strrchr(args.file, '/');
        args.name = slash ? slash + 1 : args.file;
    }
    dowel_source *source = NULL;
    dowel_gcs_client c;
    json_t *resource = NULL;
    int rc = dowel_bucket_open_input(d, args.file, args.data, &source, err);
    if (!rc) rc = dowel_gcs_client_open(d, args.bucket, &c, err);
    if (!rc) rc = dowel_gcs_upload_source(&c, &args, source, &resource, err);
    if (!rc && !(*result = dowel_gcs_describe(&c, resource))) rc = dowel_no_memory(err);
    json_decref(resource);
    dowel_input_close(d, args.file ? args.file : "", source, rc, err);
    return rc;
}

const dowel_task dowel_gcs_task_upload = {.size = sizeof(dowel_task),
                                          .name = "gcs.upload",
                                          .doc = "Uploads a file, bytes or standard input to an object.",
                                          .args = &dowel_gcs_upload_table,
                                          .run = dowel_gcs_run_upload,
                                          .example = "--bucket gcs-bucket/landing --file airports.csv",
                                          .amount = "size=bytes"};

/* ---- download ---- */

static const dowel_field download_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_download_args),
    DOWEL_GCS_NAME_FIELD(dowel_gcs_download_args),
    {DOWEL_AT(dowel_gcs_download_args, file), .kind = DOWEL_PATH, .flags = DOWEL_REQUIRED,
     .doc = "File to write; - is standard output.", .example = "airports.csv"},
    DOWEL_GCS_GENERATION_FIELD(dowel_gcs_download_args),
    {DOWEL_AT(dowel_gcs_download_args, part_size), .kind = DOWEL_SIZE, .fallback = "16MiB", .minimum = 1,
     .maximum = 1e15, .doc = "Objects larger than this are downloaded in several requests of this size."},
    {DOWEL_AT(dowel_gcs_download_args, concurrency), .kind = DOWEL_INT, .minimum = 1, .maximum = 64,
     .doc = "Number of parallel requests. Default: a few, and more while that is faster."},
    {DOWEL_AT(dowel_gcs_download_args, decompress), .kind = DOWEL_BOOL,
     .doc = "Decompress an object that is stored with Content-Encoding gzip. Default: the stored bytes."},
    DOWEL_GCS_CONDITION_FIELDS(dowel_gcs_download_args),
    {DOWEL_GIVEN_AT(dowel_gcs_download_args)},
    {0}};
static const dowel_table download_table = {"gcs.download", sizeof(dowel_gcs_download_args), download_fields, NULL};

/* Whether the object is stored with gzip encoding, and its generation. */
static int ask_encoding(dowel_gcs_client *c, const dowel_gcs_download_args *args, bool *packed, char generation[32],
                        dowel_error *err) {
    json_t *resource = NULL;
    dowel_http_request *r = dowel_gcs_request(c, "GET", args->name);
    dowel_http_query(r, "generation", args->generation);
    dowel_gcs_condition(r, DOWEL_GCS_CONDITIONS(args));
    dowel_http_query(r, "fields", "contentEncoding,generation");
    int rc = dowel_http_fetch_json(c->d, r, &resource, err);
    const char *encoding = json_string_value(json_object_get(resource, "contentEncoding")),
               *current = json_string_value(json_object_get(resource, "generation"));
    *packed = encoding && !strcmp(encoding, "gzip");
    snprintf(generation, 32, "%s", current ? current : "");
    json_decref(resource);
    return rc;
}

/* Into a file, through a decompressing sink if wanted. The checksum is that of the stored bytes. */
static int fetch(dowel_gcs_client *c, const dowel_gcs_download_args *args, dowel_sink *file, int64_t *size,
                 dowel_http_response **response, dowel_error *err) {
    bool packed = false;
    char generation[32] = "";
    dowel_gcs_download_args exact = *args;
    int rc = args->decompress ? ask_encoding(c, args, &packed, generation, err) : 0;
    if (*generation) exact.generation = generation;
    dowel_sink *sink = packed ? dowel_sink_inflate(file) : file;
    if (!rc && !sink) rc = dowel_no_memory(err);
    if (!rc) rc = dowel_gcs_download_sink(c, &exact, sink, size, response, err);
    if (!rc) rc = dowel_sink_commit(sink, err);
    if (rc == DOWEL_E_CORRUPT && packed) dowel_error_prefix(err, "%s: ", args->name);
    if (packed && sink) {
        *size = dowel_sink_written(file);
        dowel_sink_close(sink);
    }
    return rc;
}

static int run_download(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_download_args *args = data;
    dowel_gcs_client c;
    dowel_sink *file;
    dowel_http_response *response = NULL;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (!rc) rc = dowel_sink_file(args->file, &file, err);
    if (rc) return rc;
    int64_t size = 0;
    rc = fetch(&c, args, file, &size, &response, err);
    if (!rc) {
        *result = json_pack("{s:s,s:s,s:I,s:s*,s:s}", "bucket", c.bucket->bucket, "name", args->name, "size",
                            (json_int_t)size, "generation", dowel_http_response_header(response, "x-goog-generation"),
                            "file", args->file);
        if (!*result) rc = dowel_no_memory(err);
    }
    dowel_http_response_free(response);
    dowel_sink_close(file);
    return rc;
}

const dowel_task dowel_gcs_task_download = {.size = sizeof(dowel_task),
                                            .name = "gcs.download",
                                            .doc = "Downloads an object to a file or to standard output.",
                                            .args = &download_table,
                                            .run = run_download,
                                            .example =
                                                "--bucket gcs-bucket/landing --name airports.csv --file airports.csv",
                                            .amount = "size=bytes"};
