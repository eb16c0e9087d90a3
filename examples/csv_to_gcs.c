/* A flow of two tasks: the first writes a CSV file, with retries, and the second uploads the file to Cloud Storage.
 *
 *     csv_to_gcs gcp-credentials/NAME BUCKET [gcs-bucket/prefect-results]
 *
 * The third argument is a bucket that keeps the results; `dowel runs result ID` reads them back. */
#include <dowel/gcs.h>
#include <stdio.h>

static int create_csv_file(dowel *d, const void *args, json_t **result, dowel_error *err) {
    (void)d, (void)args;
    FILE *file = fopen("people.csv", "w");
    if (!file) return dowel_fail(err, DOWEL_E_IO, "people.csv cannot be written");
    fputs("name,age\nAda,36\nGrace,85\n", file);
    if (fclose(file)) return dowel_fail(err, DOWEL_E_IO, "people.csv cannot be written");
    *result = json_string("people.csv");
    return 0;
}
static const dowel_task create_task = {sizeof(dowel_task), "create-csv-file", "Writes a CSV file.",
                                       .run = create_csv_file, .policy = {.retries = 3, .retry_delay = 5}};

typedef struct {
    const char *file, *bucket;
    dowel_block *credentials;
} upload_args;
static const dowel_field upload_fields[] = {
    {DOWEL_AT(upload_args, file), .kind = DOWEL_PATH, .flags = DOWEL_REQUIRED, .doc = "File to upload."},
    {DOWEL_AT(upload_args, bucket), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "Bucket name."},
    {DOWEL_AT(upload_args, credentials), .kind = DOWEL_BLOCK, .blocks = "gcp-credentials", .doc = "Who uploads."},
    {0}};
static const dowel_table upload_table = {"upload-to-gcs", sizeof(upload_args), upload_fields, NULL};

static int upload_to_gcs(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const upload_args *args = data;
    dowel_gcs_bucket where = {.bucket = args->bucket, .credentials = args->credentials};
    dowel_block *bucket;
    int rc = dowel_block_from(&dowel_gcs_bucket_type, NULL, &where, sizeof where, &bucket, err);
    if (rc) return rc;
    rc = dowel_gcs_upload(d, &(dowel_gcs_upload_args){.bucket = bucket, .file = args->file}, result, err);
    dowel_block_free(bucket);
    return rc;
}
static const dowel_task upload_task = {sizeof(dowel_task), "upload-to-gcs", "Uploads a file.", &upload_table,
                                       .run = upload_to_gcs};

/* The flow passes its arguments to the upload; the file comes from the first task. */
static int csv_to_gcs(dowel *d, const void *args, json_t **result, dowel_error *err) {
    dowel_future *csv = NULL, *upload = NULL;
    int rc = dowel_submit(d, "create-csv-file", NULL, 0, NULL, &csv, err);
    dowel_call_options options = {sizeof options, .bindings = (dowel_binding[]){{"file", csv, NULL}, {0}}};
    if (!rc) rc = dowel_submit(d, "upload-to-gcs", args, sizeof(upload_args), &options, &upload, err);
    if (!rc) rc = dowel_wait(upload, result, err);
    dowel_future_free(upload);
    dowel_future_free(csv);
    return rc;
}
static const dowel_table flow_table = {"csv-to-gcs", sizeof(upload_args), upload_fields + 1, NULL};
static const dowel_flow flow = {sizeof(dowel_flow), "csv-to-gcs", "CSV to Cloud Storage.", &flow_table,
                                .run = csv_to_gcs};

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "usage: csv_to_gcs gcp-credentials/NAME BUCKET [RESULT-STORAGE]\n"), 2;
    dowel *d;
    dowel_error err;
    if (dowel_open(&d, NULL, &err)) return dowel_error_print(&err);
    dowel_call_options options = {sizeof options, .policy = {.persist_result = argc > 3}};
    upload_args args = {.bucket = argv[2]};
    json_t *result = NULL;
    int rc = dowel_register_task(d, &create_task, &err);
    if (!rc) rc = dowel_register_task(d, &upload_task, &err);
    if (!rc) rc = dowel_block_load(d, argv[1], &args.credentials, &err);
    if (!rc && argc > 3) rc = dowel_block_load(d, argv[3], &options.policy.result_storage, &err);
    if (!rc) rc = dowel_flow_run(d, &flow, &args, sizeof args, &options, &result, &err);
    if (!rc) json_dumpf(result, stdout, JSON_INDENT(2));
    json_decref(result);
    dowel_block_free(options.policy.result_storage);
    dowel_block_free(args.credentials);
    dowel_close(d);
    return rc ? dowel_error_print(&err) : 0;
}
