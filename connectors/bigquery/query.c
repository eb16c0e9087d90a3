/* Queries: a job, followed to its end, and all pages of its rows. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const write_modes[] = {NULL, "WRITE_EMPTY", "WRITE_TRUNCATE", "WRITE_APPEND"};

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
    if (!rc && args->maximum_bytes_billed)
        json_object_set_new(query, "maximumBytesBilled", json_sprintf("%lld", (long long)args->maximum_bytes_billed));
    if (!rc && args->default_dataset) rc = dowel_bq_dataset(bq, args->default_dataset, &dataset, err);
    if (dataset) json_object_set_new(query, "defaultDataset", dataset);
    if (!rc && args->destination) rc = dowel_bq_table(bq, args->destination, &table, err);
    if (table) json_object_set_new(query, "destinationTable", table);
    if (!rc && write_modes[args->write_disposition])
        json_object_set_new(query, "writeDisposition", json_string(write_modes[args->write_disposition]));
    if (rc) {
        json_decref(query);
        return rc;
    }
    *configuration = json_pack("{s:o,s:b}", "query", query, "dryRun", args->dry_run);
    return 0;
}

/* Appends one page; *token is the next page's, newly allocated, or NULL. */
static int add_page(dowel_bq *bq, const char *id, const char *location, char **token,
                    const dowel_bigquery_query_args *args, json_t *rows, json_t **schema, int64_t *total,
                    dowel_error *err) {
    dowel_http_request *r = dowel_bq_request(bq, "GET");
    json_t *page = NULL, *row;
    size_t i;
    dowel_http_path(r, "queries", id, NULL);
    dowel_http_query(r, "location", location);
    dowel_http_query(r, "pageToken", *token);
    dowel_http_query(r, "formatOptions.useInt64Timestamp", "true");
    if (args->max_rows > 0) dowel_http_query_int(r, "maxResults", args->max_rows - (int64_t)json_array_size(rows));
    int rc = dowel_http_fetch_json(bq->d, r, &page, err);
    if (rc) return rc;
    if (!*schema) *schema = json_incref(json_object_get(json_object_get(page, "schema"), "fields"));
    *total = dowel_bq_int(page, "totalRows");
    json_array_foreach(json_object_get(page, "rows"), i, row) json_array_append_new(rows, dowel_bq_row(*schema, row));
    const char *next = json_string_value(json_object_get(page, "pageToken"));
    free(*token);
    *token = next && *next ? strdup(next) : NULL;
    json_decref(page);
    dowel_progress(bq->d, (int64_t)json_array_size(rows), *total);
    return 0;
}

int dowel_bq_run_query(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_bigquery_query_args *args = data;
    dowel_bq bq;
    char id[80], location[64] = "", *token = NULL;
    json_t *configuration = NULL, *job = NULL, *rows = json_array(), *schema = NULL;
    int64_t total = 0;
    int rc = dowel_bq_open(d, args->credentials, args->project, args->endpoint, &bq, err);
    if (!rc) rc = configuration_of(&bq, args, &configuration, err);
    if (!rc && !args->dry_run) rc = dowel_bq_job_id(&bq, args->location, id, err);
    if (!rc && args->dry_run) snprintf(id, sizeof id, "dowel_dry_%s", dowel_run_id(d));
    if (!rc) rc = dowel_bq_insert(&bq, id, args->location, configuration, &job, err);
    if (!rc && !args->dry_run) rc = dowel_bq_wait(&bq, id, &job, err);
    if (!rc && args->dry_run) rc = dowel_bq_job_error(job, err);
    const json_t *reference = json_object_get(job, "jobReference"),
                 *statistics = json_object_get(json_object_get(job, "statistics"), "query");
    const char *where = json_string_value(json_object_get(reference, "location"));
    snprintf(location, sizeof location, "%s", where ? where : "");
    bool more = !rc && !args->dry_run;
    while (more) {
        rc = add_page(&bq, id, *location ? location : NULL, &token, args, rows, &schema, &total, err);
        more = !rc && token && (args->max_rows <= 0 || (int64_t)json_array_size(rows) < args->max_rows);
    }
    if (!rc) {
        if (args->dry_run) schema = json_incref(json_object_get(json_object_get(statistics, "schema"), "fields"));
        int64_t bytes = dowel_bq_int(statistics, "totalBytesProcessed");
        if (!bytes) bytes = dowel_bq_int(json_object_get(job, "statistics"), "totalBytesProcessed");
        *result = json_pack("{s:O,s:o,s:I,s:s,s:s,s:I,s:b,s:b}", "rows", rows, "schema",
                            schema ? json_incref(schema) : json_array(), "total_rows", (json_int_t)total, "job_id", id,
                            "location", location, "bytes_processed", (json_int_t)bytes, "cache_hit",
                            json_is_true(json_object_get(statistics, "cacheHit")), "dry_run", args->dry_run);
        if (json_object_get(statistics, "numDmlAffectedRows"))
            json_object_set_new(*result, "affected_rows",
                                json_integer((json_int_t)dowel_bq_int(statistics, "numDmlAffectedRows")));
    } else {
        dowel_error_prefix(err, "query: ");
    }
    json_decref(schema);
    json_decref(rows);
    json_decref(job);
    json_decref(configuration);
    free(token);
    dowel_bq_close(&bq);
    return rc;
}
