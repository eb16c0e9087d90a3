/* Queries: runs a job until it ends, then fetches all pages of its rows. */
#include "fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int configuration_of(dowel_bq *bq, const dowel_bigquery_query_args *args, json_t **configuration,
                            dowel_error *err) {
    json_t *query =
               json_pack("{s:s,s:b}", "query", args->query, "useLegacySql", args->dialect == DOWEL_BIGQUERY_LEGACY),
           *parameters = NULL, *table = NULL, *dataset = NULL;
    int rc = query ? 0 : dowel_fail(err, DOWEL_E_INVALID, "field \"query\" is not UTF-8");
    if (!rc && args->parameters) rc = dowel_bq_parameters(args->parameters, &parameters, err);
    if (parameters) {
        json_object_set_new(query, "queryParameters", parameters);
        json_object_set_new(query, "parameterMode",
                            json_string(json_is_object(args->parameters) ? "NAMED" : "POSITIONAL"));
    }
    if (!rc && DOWEL_WAS_GIVEN(args, maximum_bytes_billed))
        json_object_set_new(query, "maximumBytesBilled", json_sprintf("%lld", (long long)args->maximum_bytes_billed));
    if (!rc && args->default_dataset) rc = dowel_bq_dataset(bq, args->default_dataset, &dataset, err);
    if (dataset) json_object_set_new(query, "defaultDataset", dataset);
    if (!rc && args->destination) rc = dowel_bq_table(bq, args->destination, &table, err);
    if (table) json_object_set_new(query, "destinationTable", table);
    const char *write_mode = dowel_bq_write_mode(args->write_disposition);
    if (!rc && write_mode) json_object_set_new(query, "writeDisposition", json_string(write_mode));
    if (rc) {
        json_decref(query);
        return rc;
    }
    *configuration = json_pack("{s:o,s:b}", "query", query, "dryRun", args->dry_run);
    return 0;
}

/* The rows of a finished query, while they are fetched. */
typedef struct fetching {
    dowel_bq *bq;
    const char *id, *location;
    int64_t most; /* rows to fetch; -1: all */
    json_t *rows, *schema, *columns, *errors;
    int64_t total;
    char *token; /* pageToken of the next page */
    bool picoseconds, done;
} fetching;

static void end_fetching(fetching *f) {
    json_decref(f->rows);
    json_decref(f->schema);
    json_decref(f->columns);
    json_decref(f->errors);
    free(f->token);
}

static int fetch_page(fetching *f, json_t **page, dowel_error *err) {
    dowel_http_request *r = dowel_bq_request(f->bq, "GET");
    dowel_http_path(r, "queries", f->id, NULL);
    dowel_http_query(r, "location", f->location);
    dowel_http_query(r, "pageToken", f->token);
    if (f->picoseconds)
        dowel_http_query(r, "formatOptions.timestampOutputFormat", "ISO8601_STRING");
    else
        dowel_http_query(r, "formatOptions.useInt64Timestamp", "true");
    if (f->most >= 0) dowel_http_query_int(r, "maxResults", f->most - (int64_t)json_array_size(f->rows));
    int rc = dowel_http_fetch_document(f->bq->d, r, DOWEL_JSON_NUL, page, err);
    if (rc || json_is_object(*page)) return rc;
    json_decref(*page);
    return dowel_fail(err, DOWEL_E_PROTOCOL, "BigQuery: the response with the rows is not a JSON object");
}

static int take_schema(fetching *f, const json_t *page, dowel_error *err) {
    f->schema = json_incref(json_object_get(json_object_get(page, "schema"), "fields"));
    if (f->schema) f->columns = dowel_bq_columns(f->schema);
    return f->schema && !f->columns ? dowel_no_memory(err) : 0;
}

static int add_rows(fetching *f, const json_t *page, dowel_error *err) {
    json_t *row;
    size_t i;
    json_array_foreach(json_object_get(page, "rows"), i, row) {
        if (f->most >= 0 && (int64_t)json_array_size(f->rows) >= f->most) return 0;
        if (json_array_append_new(f->rows, dowel_bq_row(f->columns, row)))
            return dowel_fail(err, DOWEL_E_PROTOCOL, "BigQuery: row %zu of the result does not fit its schema",
                              json_array_size(f->rows) + 1);
    }
    return 0;
}

/* Fetches and appends one page. */
static int add_page(fetching *f, dowel_error *err) {
    json_t *page = NULL;
    int rc = fetch_page(f, &page, err);
    if (rc) return rc;
    if (json_is_false(json_object_get(page, "jobComplete"))) {
        json_decref(page); /* the job has ended, but its result is not readable yet */
        return dowel_sleep(f->bq->d, 0.5, err);
    }
    if (!f->schema) rc = take_schema(f, page, err);
    if (!rc && !f->picoseconds && dowel_bq_has_picoseconds(f->schema)) {
        f->picoseconds = true; /* the request for microseconds cut the picoseconds: fetch the page again */
        json_decref(page);
        return 0;
    }
    if (!f->errors) f->errors = json_incref(json_object_get(page, "errors"));
    if (!rc) rc = add_rows(f, page, err);
    f->total = dowel_bq_int(page, "totalRows");
    const char *next = json_string_value(json_object_get(page, "pageToken"));
    free(f->token);
    f->token = next && *next ? strdup(next) : NULL;
    json_decref(page);
    int64_t have = (int64_t)json_array_size(f->rows);
    f->done = !f->token || (f->most >= 0 && have >= f->most);
    dowel_progress(f->bq->d, have, f->total);
    if (!rc && f->done && have < f->total && f->most < 0)
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "BigQuery: received %lld rows of a result with %lld", (long long)have,
                        (long long)f->total);
    return rc;
}

/* The number of rows to fetch; -1: all. The rows of a destination stay in its table. */
static int64_t most_rows(const dowel_bigquery_query_args *args) {
    if (DOWEL_WAS_GIVEN(args, max_rows)) return args->max_rows;
    return args->destination ? 0 : -1;
}

/* The names of the rows' members, in order. New reference. */
static json_t *column_names(const json_t *columns) {
    json_t *names = json_array(), *column;
    size_t i;
    json_array_foreach((json_t *)columns, i, column) json_array_append(names, json_object_get(column, DOWEL_BQ_KEY));
    return names;
}

static int describe(const dowel_bigquery_query_args *args, const json_t *job, const fetching *f, const char *id,
                    json_t **result, dowel_error *err) {
    const json_t *statistics = json_object_get(json_object_get(job, "statistics"), "query"),
                 *schema = args->dry_run ? json_object_get(json_object_get(statistics, "schema"), "fields") : f->schema,
                 *errors = json_object_get(json_object_get(job, "status"), "errors");
    json_t *columns = args->dry_run && schema ? dowel_bq_columns(schema) : json_incref(f->columns);
    *result = json_pack("{s:O,s:o,s:o,s:I,s:s,s:s,s:b}", "rows", f->rows, "columns", column_names(columns), "schema",
                        schema ? json_incref((json_t *)schema) : json_array(), "total_rows", (json_int_t)f->total,
                        "job_id", id, "location", f->location ? f->location : "", "dry_run", args->dry_run);
    json_decref(columns);
    if (!json_array_size(errors)) errors = f->errors;
    if (json_array_size(errors)) json_object_set(*result, "warnings", (json_t *)errors);
    return dowel_bq_outcome(args, job, *result, err);
}

int dowel_bq_run_query(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_bigquery_query_args *args = data;
    dowel_bq bq;
    char id[80], location[64] = "";
    json_t *configuration = NULL, *job = NULL;
    fetching f = {.bq = &bq, .id = id, .most = most_rows(args), .rows = json_array()};
    int rc = dowel_bq_open(d, args->credentials, args->project, args->endpoint, &bq, err);
    if (!rc) rc = configuration_of(&bq, args, &configuration, err);
    if (!rc && !args->dry_run) rc = dowel_bq_job_id(&bq, args->location, id, err);
    if (!rc && args->dry_run) snprintf(id, sizeof id, "dowel_dry_%s", dowel_run_id(d));
    if (!rc) rc = dowel_bq_insert(&bq, id, *bq.location ? bq.location : args->location, configuration, &job, err);
    if (!rc && !args->dry_run) rc = dowel_bq_wait(&bq, id, &job, err);
    if (!rc && args->dry_run) rc = dowel_bq_job_error(job, err);
    const char *where = json_string_value(json_object_get(json_object_get(job, "jobReference"), "location"));
    snprintf(location, sizeof location, "%s", where ? where : "");
    if (*location) f.location = location;
    while (!rc && !args->dry_run && !f.done) rc = add_page(&f, err);
    if (!rc) rc = describe(args, job, &f, id, result, err);
    if (!rc) {
        dowel_bq_warn(d, "query", json_object_get(*result, "warnings"), -1);
    } else {
        dowel_error_prefix(err, "query: ");
    }
    end_fetching(&f);
    json_decref(job);
    json_decref(configuration);
    dowel_bq_close(&bq);
    return rc;
}
