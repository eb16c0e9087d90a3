/* The tasks of the bigquery connector. */
#include "fields.h"

#include <string.h>

static const char *const dialects[] = {"standard", "legacy", NULL};

static const dowel_field query_fields[] = {
    {DOWEL_AT(dowel_bigquery_query_args, query), .kind = DOWEL_STRING,
     .flags = DOWEL_REQUIRED | DOWEL_MULTILINE | DOWEL_SUBJECT, .doc = "SQL to run; @FILE reads it from a file.",
     .example = "SELECT 1 AS x"},
    DOWEL_BQ_CREDENTIALS(dowel_bigquery_query_args),
    DOWEL_BQ_PROJECT(dowel_bigquery_query_args),
    DOWEL_BQ_LOCATION(dowel_bigquery_query_args),
    {DOWEL_AT(dowel_bigquery_query_args, parameters), .kind = DOWEL_JSON, .flags = DOWEL_PAIRS,
     .doc = "Values for @NAME, as NAME=VALUE, NAME:TYPE=VALUE or a JSON object; a JSON array holds values for ?.",
     .example = "state=CA"},
    {DOWEL_AT(dowel_bigquery_query_args, dialect), .kind = DOWEL_ENUM, .values = dialects, .doc = "SQL dialect."},
    {DOWEL_AT(dowel_bigquery_query_args, dry_run), .kind = DOWEL_BOOL,
     .doc = "Check the query and show the bytes that it would process; do not run it."},
    {DOWEL_AT(dowel_bigquery_query_args, maximum_bytes_billed), .kind = DOWEL_SIZE, .maximum = 1e18,
     .doc = "Maximum number of bytes to bill; a query that would bill more fails.", .example = "10GB"},
    {DOWEL_AT(dowel_bigquery_query_args, default_dataset), .kind = DOWEL_STRING,
     .doc = "Dataset for table names without one."},
    {DOWEL_AT(dowel_bigquery_query_args, max_rows), .kind = DOWEL_INT, .maximum = 1e15,
     .doc = "Maximum number of rows to fetch; default: all, or none with a destination."},
    {DOWEL_AT(dowel_bigquery_query_args, destination), .kind = DOWEL_STRING,
     .doc = "Table to write the rows to, dataset.table; max_rows fetches them too."},
    {DOWEL_AT(dowel_bigquery_query_args, write_disposition), .kind = DOWEL_ENUM, .values = dowel_bq_dispositions,
     .synonyms = dowel_bq_api_dispositions, .doc = "What to do if the destination has rows already."},
    DOWEL_BQ_ENDPOINT(dowel_bigquery_query_args),
    {DOWEL_GIVEN_AT(dowel_bigquery_query_args)},
    {0}};
static const dowel_table query_table = {"bigquery.query", sizeof(dowel_bigquery_query_args), query_fields, NULL};

/* ---- create_dataset ---- */

static const dowel_field dataset_fields[] = {
    {DOWEL_AT(dowel_bigquery_dataset_args, dataset), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,
     .doc = "Dataset to create, as dataset or project.dataset.", .example = "travel"},
    DOWEL_BQ_CREDENTIALS(dowel_bigquery_dataset_args),
    DOWEL_BQ_PROJECT(dowel_bigquery_dataset_args),
    DOWEL_BQ_LOCATION(dowel_bigquery_dataset_args),
    {DOWEL_AT(dowel_bigquery_dataset_args, exists_ok), .kind = DOWEL_BOOL, .doc = "Succeed if it exists already."},
    DOWEL_BQ_ENDPOINT(dowel_bigquery_dataset_args),
    {DOWEL_GIVEN_AT(dowel_bigquery_dataset_args)},
    {0}};
static const dowel_table dataset_table = {"bigquery.create_dataset", sizeof(dowel_bigquery_dataset_args),
                                          dataset_fields, NULL};

/* Sends a request that creates something. With `exists_ok` it succeeds if that exists already, and *created is false. */
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
        dowel_error_hint(&local, "--exists-ok succeeds if it exists");
    }
    if (rc && err) *err = local;
    return rc;
}

/* A request for the datasets of the project in a reference. */
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
    {DOWEL_AT(dowel_bigquery_table_args, table), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,
     .doc = "Table to create, dataset.table.", .example = "travel.airports"},
    {DOWEL_AT(dowel_bigquery_table_args, schema), .kind = DOWEL_JSON,
     .doc = "Columns: an array, or an object with \"fields\" or \"schema\".",
     .example = "[{\"name\": \"iata\", \"type\": \"STRING\"}]"},
    DOWEL_BQ_CREDENTIALS(dowel_bigquery_table_args),
    DOWEL_BQ_PROJECT(dowel_bigquery_table_args),
    {DOWEL_AT(dowel_bigquery_table_args, exists_ok), .kind = DOWEL_BOOL, .doc = "Succeed if it exists already."},
    DOWEL_BQ_ENDPOINT(dowel_bigquery_table_args),
    {DOWEL_GIVEN_AT(dowel_bigquery_table_args)},
    {0}};
static const dowel_table table_table = {"bigquery.create_table", sizeof(dowel_bigquery_table_args), table_fields, NULL};

/* A request for the tables of the dataset in a reference, which may be in another project. */
static dowel_http_request *at_dataset(dowel_bq *bq, const char *method, const json_t *reference) {
    dowel_http_request *r = at_project(bq, method, reference);
    dowel_http_path(r, json_string_value(json_object_get(reference, "datasetId")), "tables", NULL);
    return r;
}

static int run_table(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_bigquery_table_args *args = data;
    dowel_bq bq;
    json_t *reference = NULL, *schema = NULL;
    bool created;
    int rc = dowel_bq_open(d, args->credentials, args->project, args->endpoint, &bq, err);
    if (!rc) rc = dowel_bq_table(&bq, args->table, &reference, err);
    if (!rc && args->schema) rc = dowel_bq_schema(args->schema, &schema, err);
    if (!rc) {
        json_t *body = json_pack("{s:O}", "tableReference", reference);
        if (schema) json_object_set(body, "schema", schema);
        rc = create(&bq, at_dataset(&bq, "POST", reference), body, args->exists_ok, &created, err);
    }
    if (!rc) *result = json_pack("{s:s,s:b}", "table", args->table, "created", created);
    json_decref(schema);
    json_decref(reference);
    dowel_bq_close(&bq);
    return rc;
}

/* ---- delete ---- */

static const dowel_field delete_fields[] = {
    {DOWEL_AT(dowel_bigquery_delete_args, table), .kind = DOWEL_STRING, .flags = DOWEL_SUBJECT,
     .doc = "Table to delete, dataset.table.", .example = "travel.airports"},
    {DOWEL_AT(dowel_bigquery_delete_args, dataset), .kind = DOWEL_STRING, .flags = DOWEL_SUBJECT,
     .doc = "Dataset to delete, instead of a table."},
    {DOWEL_AT(dowel_bigquery_delete_args, delete_contents), .kind = DOWEL_BOOL,
     .doc = "Also delete the tables of the dataset."},
    {DOWEL_AT(dowel_bigquery_delete_args, not_found_ok), .kind = DOWEL_BOOL, .doc = "Succeed if it does not exist."},
    DOWEL_BQ_CREDENTIALS(dowel_bigquery_delete_args),
    DOWEL_BQ_PROJECT(dowel_bigquery_delete_args),
    DOWEL_BQ_ENDPOINT(dowel_bigquery_delete_args),
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

static const dowel_field job_fields[] = {{DOWEL_AT(dowel_bigquery_job_args, job), .kind = DOWEL_STRING,
                                          .flags = DOWEL_REQUIRED | DOWEL_SUBJECT, .doc = "Id of the job."},
                                         DOWEL_BQ_CREDENTIALS(dowel_bigquery_job_args),
                                         DOWEL_BQ_PROJECT(dowel_bigquery_job_args),
                                         DOWEL_BQ_LOCATION(dowel_bigquery_job_args),
                                         DOWEL_BQ_ENDPOINT(dowel_bigquery_job_args),
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
    rc = dowel_http_fetch_document(d, r, DOWEL_JSON_NUL | DOWEL_JSON_EXACT, &job, err);
    if (!rc) *result = dowel_bq_describe_job(job);
    json_decref(job);
    dowel_bq_close(&bq);
    return rc;
}

#define TASK(id, what, args_table, body, ...)                                                                          \
    static const dowel_task task_##id = {.size = sizeof(dowel_task),                                                   \
                                         .name = "bigquery." #id,                                                      \
                                         .doc = what,                                                                  \
                                         .args = &args_table,                                                          \
                                         .run = body,                                                                  \
                                         .example = __VA_ARGS__}

static const dowel_task task_query = {.size = sizeof(dowel_task),
                                      .name = "bigquery.query",
                                      .doc = "Runs a query and fetches its rows.",
                                      .args = &query_table,
                                      .run = dowel_bq_run_query,
                                      .example = "--query 'SELECT 1 AS x' --credentials prod",
                                      .table_rows = "rows",
                                      .table_columns = "columns",
                                      .table_summary = "summary",
                                      .word = "query",
                                      .amount = "affected_rows=rows total_rows=rows bytes_processed=bytes"};
TASK(load, "Loads a file or objects into a table.", dowel_bq_load_table, dowel_bq_run_load,
     "--table travel.airports --file airports.csv --autodetect --credentials prod", .amount = "rows=rows bytes=bytes");
TASK(create_dataset, "Creates a dataset.", dataset_table, run_dataset, "--dataset travel --credentials prod");
TASK(create_table, "Creates a table.", table_table, run_table,
     "--table travel.airports --schema '[{\"name\": \"iata\", \"type\": \"STRING\"}]'");
TASK(delete, "Deletes a table or a dataset.", delete_table, run_delete, "--table travel.airports --credentials prod");
TASK(get_job, "Shows the state, statistics and errors of a job.", job_table, run_job,
     "--job dowel_0192 --credentials prod");

static const dowel_task *const tasks[] = {
    &task_query, &task_load, &task_create_dataset, &task_create_table, &task_delete, &task_get_job, NULL};

const dowel_connector dowel_bigquery_connector = {.abi = DOWEL_ABI,
                                                  .size = sizeof(dowel_connector),
                                                  .name = "bigquery",
                                                  .version = "0.1.0",
                                                  .doc = "Google BigQuery.",
                                                  .tasks = tasks};
