/* What the bigquery connector brings: its tasks. */
#include "client.h"

#include <string.h>

static const char *const dialects[] = {"standard", "legacy", NULL};
static const char *const dispositions[] = {"default", "empty", "truncate", "append", NULL};
static const char *const formats[] = {"auto", "csv", "json", "parquet", "avro", "orc", NULL};

#define CREDENTIALS(type)                                                                                              \
    {                                                                                                                  \
        DOWEL_AT(type, credentials), .kind = DOWEL_BLOCK, .blocks = "gcp-credentials",                                 \
                                     .doc = "Who calls; without: Application Default Credentials.",                    \
                                     .example = "gcp-credentials/prod"                                                 \
    }
#define PROJECT(type)                                                                                                  \
    {                                                                                                                  \
        DOWEL_AT(type, project), .kind = DOWEL_STRING,                                                                 \
                                 .doc = "Project to work in, which pays; without: the credentials' own."               \
    }
#define LOCATION(type)                                                                                                 \
    { DOWEL_AT(type, location), .kind = DOWEL_STRING, .doc = "Location of the data.", .example = "EU" }
#define ENDPOINT(type)                                                                                                 \
    {                                                                                                                  \
        DOWEL_AT(type, endpoint),                                                                                      \
            .kind = DOWEL_STRING,                                                                                      \
            .doc = "Address of a server that speaks BigQuery; without: BIGQUERY_EMULATOR_HOST, else Google's."         \
    }

static const dowel_field query_fields[] = {
    {DOWEL_AT(dowel_bigquery_query_args, query), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_MULTILINE,
     .doc = "SQL; @FILE reads it.", .example = "SELECT 1 AS x"},
    CREDENTIALS(dowel_bigquery_query_args),
    PROJECT(dowel_bigquery_query_args),
    LOCATION(dowel_bigquery_query_args),
    {DOWEL_AT(dowel_bigquery_query_args, parameters), .kind = DOWEL_JSON,
     .doc = "An array for ?, an object for @name; values or {\"type\", \"value\"}.", .example = "{\"state\": \"CA\"}"},
    {DOWEL_AT(dowel_bigquery_query_args, dialect), .kind = DOWEL_ENUM, .values = dialects, .doc = "SQL dialect."},
    {DOWEL_AT(dowel_bigquery_query_args, dry_run), .kind = DOWEL_BOOL,
     .doc = "Check the query and tell the bytes it would read; run nothing."},
    {DOWEL_AT(dowel_bigquery_query_args, maximum_bytes_billed), .kind = DOWEL_SIZE,
     .doc = "Fail rather than bill more than this.", .example = "10GB"},
    {DOWEL_AT(dowel_bigquery_query_args, default_dataset), .kind = DOWEL_STRING,
     .doc = "Dataset of tables that are named without one."},
    {DOWEL_AT(dowel_bigquery_query_args, max_rows), .kind = DOWEL_INT, .doc = "Most rows to fetch; without: all."},
    {DOWEL_AT(dowel_bigquery_query_args, destination), .kind = DOWEL_STRING,
     .doc = "Table to write the rows to, dataset.table."},
    {DOWEL_AT(dowel_bigquery_query_args, write_disposition), .kind = DOWEL_ENUM, .values = dispositions,
     .doc = "What happens to rows that the destination has."},
    ENDPOINT(dowel_bigquery_query_args),
    {DOWEL_GIVEN_AT(dowel_bigquery_query_args)},
    {0}};
static const dowel_table query_table = {"bigquery.query", sizeof(dowel_bigquery_query_args), query_fields, NULL};

static const dowel_field load_fields[] = {
    {DOWEL_AT(dowel_bigquery_load_args, table), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED,
     .doc = "Table to load, dataset.table.", .example = "travel.airports"},
    {DOWEL_AT(dowel_bigquery_load_args, file), .kind = DOWEL_PATH, .doc = "File to load.", .example = "airports.csv"},
    {DOWEL_AT(dowel_bigquery_load_args, uris), .kind = DOWEL_LIST, .doc = "Objects to load, in place of a file.",
     .example = "gs://landing/airports.csv"},
    CREDENTIALS(dowel_bigquery_load_args),
    PROJECT(dowel_bigquery_load_args),
    LOCATION(dowel_bigquery_load_args),
    {DOWEL_AT(dowel_bigquery_load_args, format), .kind = DOWEL_ENUM, .values = formats,
     .doc = "Format of the data; auto: from the name."},
    {DOWEL_AT(dowel_bigquery_load_args, autodetect), .kind = DOWEL_BOOL, .doc = "Find out columns and types."},
    {DOWEL_AT(dowel_bigquery_load_args, schema), .kind = DOWEL_JSON, .doc = "Columns.",
     .example = "[{\"name\": \"iata\", \"type\": \"STRING\"}]"},
    {DOWEL_AT(dowel_bigquery_load_args, skip_leading_rows), .kind = DOWEL_INT,
     .doc = "Rows of a CSV that are no data."},
    {DOWEL_AT(dowel_bigquery_load_args, field_delimiter), .kind = DOWEL_STRING,
     .doc = "Character between a CSV's fields."},
    {DOWEL_AT(dowel_bigquery_load_args, max_bad_records), .kind = DOWEL_INT, .doc = "Bad rows to put up with."},
    {DOWEL_AT(dowel_bigquery_load_args, write_disposition), .kind = DOWEL_ENUM, .values = dispositions,
     .doc = "What happens to rows that the table has."},
    ENDPOINT(dowel_bigquery_load_args),
    {DOWEL_GIVEN_AT(dowel_bigquery_load_args)},
    {0}};

static int check_load(const void *data, dowel_error *err) {
    const dowel_bigquery_load_args *args = data;
    if (!args->file == !args->uris)
        return dowel_fail(err, DOWEL_E_INVALID, "exactly one of \"file\" and \"uris\" is required");
    return 0;
}

static const dowel_table load_table = {"bigquery.load", sizeof(dowel_bigquery_load_args), load_fields, check_load};

/* ---- create_dataset ---- */

static const dowel_field dataset_fields[] = {
    {DOWEL_AT(dowel_bigquery_dataset_args, dataset), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED,
     .doc = "Dataset to create, dataset or project.dataset.", .example = "travel"},
    CREDENTIALS(dowel_bigquery_dataset_args),
    PROJECT(dowel_bigquery_dataset_args),
    LOCATION(dowel_bigquery_dataset_args),
    {DOWEL_AT(dowel_bigquery_dataset_args, exists_ok), .kind = DOWEL_BOOL, .doc = "It is no error when it exists."},
    ENDPOINT(dowel_bigquery_dataset_args),
    {DOWEL_GIVEN_AT(dowel_bigquery_dataset_args)},
    {0}};
static const dowel_table dataset_table = {"bigquery.create_dataset", sizeof(dowel_bigquery_dataset_args),
                                          dataset_fields, NULL};

/* Sends a creation; an existing thing is no error where that was asked for. *created says which it was. */
static int create(dowel_bq *bq, dowel_http_request *r, json_t *body, bool exists_ok, bool *created, dowel_error *err) {
    dowel_error local;
    json_t *made = NULL;
    dowel_http_json(r, body);
    json_decref(body);
    int rc = dowel_http_fetch_json(bq->d, r, &made, &local);
    json_decref(made);
    *created = !rc;
    if (rc && local.http_status == 409) {
        if (exists_ok) return 0;
        local.code = rc = DOWEL_E_EXISTS;
        dowel_error_hint(&local, "--exists-ok takes what is there");
    }
    if (rc && err) *err = local;
    return rc;
}

/* A request to the datasets of a reference's project. */
static dowel_http_request *at_project(dowel_bq *bq, const char *method, const json_t *reference) {
    dowel_http_request *r = dowel_http_new(bq->service, bq->credentials, method, bq->base);
    dowel_http_path(r, "bigquery", "v2", "projects", json_string_value(json_object_get(reference, "projectId")),
                    "datasets", NULL);
    return r;
}

static int run_dataset(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_bigquery_dataset_args *args = data;
    dowel_bq bq;
    bool created;
    int rc = dowel_bq_open(d, args->credentials, args->project, args->endpoint, &bq, err);
    if (rc) return rc;
    json_t *reference = NULL;
    rc = dowel_bq_dataset(&bq, args->dataset, &reference, err);
    if (!rc) {
        json_t *body = json_pack("{s:O,s:s*}", "datasetReference", reference, "location", args->location);
        rc = create(&bq, at_project(&bq, "POST", reference), body, args->exists_ok, &created, err);
    }
    if (!rc)
        *result = json_pack("{s:O,s:O,s:b}", "project", json_object_get(reference, "projectId"), "dataset",
                            json_object_get(reference, "datasetId"), "created", created);
    json_decref(reference);
    dowel_bq_close(&bq);
    return rc;
}

/* ---- create_table ---- */

static const dowel_field table_fields[] = {
    {DOWEL_AT(dowel_bigquery_table_args, table), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED,
     .doc = "Table to create, dataset.table.", .example = "travel.airports"},
    {DOWEL_AT(dowel_bigquery_table_args, schema), .kind = DOWEL_JSON, .doc = "Columns.",
     .example = "[{\"name\": \"iata\", \"type\": \"STRING\"}]"},
    CREDENTIALS(dowel_bigquery_table_args),
    PROJECT(dowel_bigquery_table_args),
    {DOWEL_AT(dowel_bigquery_table_args, exists_ok), .kind = DOWEL_BOOL, .doc = "It is no error when it exists."},
    ENDPOINT(dowel_bigquery_table_args),
    {DOWEL_GIVEN_AT(dowel_bigquery_table_args)},
    {0}};
static const dowel_table table_table = {"bigquery.create_table", sizeof(dowel_bigquery_table_args), table_fields, NULL};

/* A request to the place of a table reference, which may be in another project. */
static dowel_http_request *at_dataset(dowel_bq *bq, const char *method, const json_t *reference) {
    dowel_http_request *r = at_project(bq, method, reference);
    dowel_http_path(r, json_string_value(json_object_get(reference, "datasetId")), "tables", NULL);
    return r;
}

static int run_table(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_bigquery_table_args *args = data;
    dowel_bq bq;
    json_t *reference = NULL;
    bool created;
    int rc = dowel_bq_open(d, args->credentials, args->project, args->endpoint, &bq, err);
    if (!rc) rc = dowel_bq_table(&bq, args->table, &reference, err);
    if (!rc) {
        json_t *body = json_pack("{s:O}", "tableReference", reference);
        if (args->schema) json_object_set_new(body, "schema", json_pack("{s:O}", "fields", args->schema));
        rc = create(&bq, at_dataset(&bq, "POST", reference), body, args->exists_ok, &created, err);
    }
    if (!rc) *result = json_pack("{s:s,s:b}", "table", args->table, "created", created);
    json_decref(reference);
    dowel_bq_close(&bq);
    return rc;
}

/* ---- delete ---- */

static const dowel_field delete_fields[] = {{DOWEL_AT(dowel_bigquery_delete_args, table), .kind = DOWEL_STRING,
                                             .doc = "Table to delete, dataset.table.", .example = "travel.airports"},
                                            {DOWEL_AT(dowel_bigquery_delete_args, dataset), .kind = DOWEL_STRING,
                                             .doc = "Dataset to delete, in place of a table."},
                                            {DOWEL_AT(dowel_bigquery_delete_args, delete_contents), .kind = DOWEL_BOOL,
                                             .doc = "Delete the dataset's tables too."},
                                            {DOWEL_AT(dowel_bigquery_delete_args, not_found_ok), .kind = DOWEL_BOOL,
                                             .doc = "It is no error when there is none."},
                                            CREDENTIALS(dowel_bigquery_delete_args),
                                            PROJECT(dowel_bigquery_delete_args),
                                            ENDPOINT(dowel_bigquery_delete_args),
                                            {DOWEL_GIVEN_AT(dowel_bigquery_delete_args)},
                                            {0}};

static int check_delete(const void *data, dowel_error *err) {
    const dowel_bigquery_delete_args *args = data;
    if (!args->table == !args->dataset)
        return dowel_fail(err, DOWEL_E_INVALID, "exactly one of \"table\" and \"dataset\" is required");
    return 0;
}

static const dowel_table delete_table = {"bigquery.delete", sizeof(dowel_bigquery_delete_args), delete_fields,
                                         check_delete};

static int run_delete(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_bigquery_delete_args *args = data;
    dowel_bq bq;
    json_t *reference = NULL;
    dowel_error local;
    dowel_http_request *r = NULL;
    int rc = dowel_bq_open(d, args->credentials, args->project, args->endpoint, &bq, err);
    if (!rc)
        rc = args->table ? dowel_bq_table(&bq, args->table, &reference, err)
                         : dowel_bq_dataset(&bq, args->dataset, &reference, err);
    if (rc) {
        dowel_bq_close(&bq);
        return rc;
    }
    if (args->table) {
        r = at_dataset(&bq, "DELETE", reference);
        dowel_http_path(r, json_string_value(json_object_get(reference, "tableId")), NULL);
    } else {
        r = at_project(&bq, "DELETE", reference);
        dowel_http_path(r, json_string_value(json_object_get(reference, "datasetId")), NULL);
        if (args->delete_contents) dowel_http_query(r, "deleteContents", "true");
    }
    rc = dowel_http_send(d, r, NULL, &local);
    bool deleted = !rc;
    if (rc == DOWEL_E_NOT_FOUND && args->not_found_ok) rc = 0;
    if (rc && err) *err = local;
    if (!rc)
        *result = json_pack("{s:s,s:b}", args->table ? "table" : "dataset", args->table ? args->table : args->dataset,
                            "deleted", deleted);
    dowel_http_free(r);
    json_decref(reference);
    dowel_bq_close(&bq);
    return rc;
}

/* ---- get_job ---- */

static const dowel_field job_fields[] = {
    {DOWEL_AT(dowel_bigquery_job_args, job), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "Job id."},
    CREDENTIALS(dowel_bigquery_job_args),
    PROJECT(dowel_bigquery_job_args),
    LOCATION(dowel_bigquery_job_args),
    ENDPOINT(dowel_bigquery_job_args),
    {DOWEL_GIVEN_AT(dowel_bigquery_job_args)},
    {0}};
static const dowel_table job_table = {"bigquery.get_job", sizeof(dowel_bigquery_job_args), job_fields, NULL};

static int run_job(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_bigquery_job_args *args = data;
    dowel_bq bq;
    json_t *job = NULL;
    int rc = dowel_bq_open(d, args->credentials, args->project, args->endpoint, &bq, err);
    if (rc) return rc;
    dowel_http_request *r = dowel_bq_request(&bq, "GET");
    dowel_http_path(r, "jobs", args->job, NULL);
    dowel_http_query(r, "location", args->location);
    rc = dowel_http_fetch_json(d, r, &job, err);
    if (!rc) *result = dowel_bq_describe_job(job);
    json_decref(job);
    dowel_bq_close(&bq);
    return rc;
}

#define TASK(id, what, args_table, body, shown)                                                                        \
    static const dowel_task task_##id = {.size = sizeof(dowel_task),                                                   \
                                         .name = "bigquery." #id,                                                      \
                                         .doc = what,                                                                  \
                                         .args = &args_table,                                                          \
                                         .run = body,                                                                  \
                                         .example = shown}

static const dowel_task task_query = {.size = sizeof(dowel_task),
                                      .name = "bigquery.query",
                                      .doc = "Runs a query and fetches its rows.",
                                      .args = &query_table,
                                      .run = dowel_bq_run_query,
                                      .example = "--query 'SELECT 1 AS x' --credentials prod",
                                      .table_rows = "rows"};
TASK(load, "Loads a file or objects into a table.", load_table, dowel_bq_run_load,
     "--table travel.airports --file airports.csv --autodetect --credentials prod");
TASK(create_dataset, "Creates a dataset.", dataset_table, run_dataset, "--dataset travel --credentials prod");
TASK(create_table, "Creates a table.", table_table, run_table,
     "--table travel.airports --schema '[{\"name\": \"iata\", \"type\": \"STRING\"}]'");
TASK(delete, "Deletes a table or a dataset.", delete_table, run_delete, "--table travel.airports --credentials prod");
TASK(get_job, "Tells a job's state, statistics and errors.", job_table, run_job, "--job dowel_0192 --credentials prod");

static const dowel_task *const tasks[] = {
    &task_query, &task_load, &task_create_dataset, &task_create_table, &task_delete, &task_get_job, NULL};

const dowel_connector dowel_bigquery_connector = {.abi = DOWEL_ABI,
                                                  .size = sizeof(dowel_connector),
                                                  .name = "bigquery",
                                                  .version = "0.1.0",
                                                  .doc = "Google BigQuery.",
                                                  .tasks = tasks};
