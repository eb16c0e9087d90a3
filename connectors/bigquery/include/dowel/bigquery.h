/* dowel/bigquery.h: BigQuery (REST API, version 2).
 *
 * Every function runs a task: its arguments are validated, the run is recorded, and the policy of the run (retries, timeout) applies.
 * They return 0 or an error code (dowel/error.h). *result is a new reference; `result` may be NULL.
 *
 *     json_t *result;
 *     if (dowel_bigquery_query(d, &(dowel_bigquery_query_args){.query = "SELECT 1 AS x"}, &result, &err)) ...
 *     json_array_foreach(json_object_get(result, "rows"), i, row) ...
 *
 * A zero member means its default. Credentials default to Application Default Credentials, the project to that of the credentials, the endpoint to
 * BIGQUERY_EMULATOR_HOST or Google's.
 *
 * dowel chooses the id of every job and writes it to the record of the run before it sends the request. If the response is lost, dowel finds the
 * job again by its id, so a statement does not run twice. */
#ifndef DOWEL_BIGQUERY_H
#define DOWEL_BIGQUERY_H

#include <dowel/dowel.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_bigquery_connector;

/* dialect */
enum { DOWEL_BIGQUERY_STANDARD, DOWEL_BIGQUERY_LEGACY };

/* write_disposition: what to do if the table has rows already. */
enum {
    DOWEL_BIGQUERY_WRITE_DEFAULT,       /* as BigQuery does: a query fails, a load appends */
    DOWEL_BIGQUERY_WRITE_EMPTY,         /* fail */
    DOWEL_BIGQUERY_WRITE_TRUNCATE,      /* replace the table */
    DOWEL_BIGQUERY_WRITE_APPEND,        /* append */
    DOWEL_BIGQUERY_WRITE_TRUNCATE_DATA, /* replace the rows; keep the schema and constraints of the table */
};

/* create_disposition: whether to create a missing table. */
enum { DOWEL_BIGQUERY_CREATE_DEFAULT, DOWEL_BIGQUERY_CREATE_IF_NEEDED, DOWEL_BIGQUERY_CREATE_NEVER };

/* format of the data */
enum {
    DOWEL_BIGQUERY_AUTO, /* by the ending of the name: ".jsonl.gz" is JSON */
    DOWEL_BIGQUERY_CSV,
    DOWEL_BIGQUERY_JSON, /* newline-delimited: an object on each line */
    DOWEL_BIGQUERY_PARQUET,
    DOWEL_BIGQUERY_AVRO,
    DOWEL_BIGQUERY_ORC,
    DOWEL_BIGQUERY_DATASTORE_BACKUP,
    DOWEL_BIGQUERY_TSV, /* CSV with a tab as delimiter */
};

typedef struct dowel_bigquery_query_args {
    const char *query;        /* SQL; required */
    dowel_block *credentials; /* a block of type gcp-credentials */
    const char *project;      /* project to run in and to bill */
    const char *location;     /* location of the data, such as "EU" */
    /* An array for `?`, an object for `@NAME`. The type of a scalar is inferred (INT64, FLOAT64, BOOL, STRING). The member name "NAME:TYPE", or the
     * value {"type": "DATE", "value": "2026-01-31"}, gives it. Types are written as in SQL: ARRAY<INT64>, STRUCT<x INT64, y ARRAY<STRING>>,
     * RANGE<DATE>; their values are arrays and objects. */
    json_t *parameters;
    int dialect;                  /* DOWEL_BIGQUERY_STANDARD, DOWEL_BIGQUERY_LEGACY */
    bool dry_run;                 /* check the query and report the bytes that it would process; do not run it */
    int64_t maximum_bytes_billed; /* a query that would bill more fails */
    const char *default_dataset;  /* for table names without a dataset */
    int64_t max_rows;             /* rows to fetch; if not given: all, or none with a destination */
    const char *destination;      /* table to write the rows to; max_rows fetches them too */
    int write_disposition;        /* DOWEL_BIGQUERY_WRITE_*, of the destination */
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_bigquery_query_args;

typedef struct dowel_bigquery_load_args {
    const char
        *table; /* dataset.table, project.dataset.table or project:dataset.table, with $PARTITION if wanted; required */
    const char *file;        /* a regular file; exactly one of file and uris */
    const char *const *uris; /* gs://BUCKET/NAME, `*` allowed */
    dowel_block *credentials;
    const char *project;
    const char *location;
    int format; /* DOWEL_BIGQUERY_AUTO ... DOWEL_BIGQUERY_TSV */
    bool autodetect;
    json_t *schema;              /* [{"name", "type", "mode"}], {"fields": [...]} or {"schema": {"fields": [...]}} */
    int64_t skip_leading_rows;   /* header rows to skip; with autodetect, a given 0 means that there is no header */
    const char *field_delimiter; /* one character; "tab" and "\\t" are a tab */
    int64_t max_bad_records;     /* bad rows to accept */
    int write_disposition;       /* DOWEL_BIGQUERY_WRITE_* */
    /* The other options of JobConfigurationLoad in the API, under their names. */
    int create_disposition; /* DOWEL_BIGQUERY_CREATE_* */
    bool allow_jagged_rows;
    bool allow_quoted_newlines;
    bool ignore_unknown_values;
    bool preserve_ascii_control_characters;
    bool use_avro_logical_types;
    bool create_session;
    bool copy_files_only;
    const char *quote; /* "": no field is quoted */
    const char *null_marker;
    const char *const *null_markers;
    const char *encoding;
    const char *date_format;
    const char *datetime_format;
    const char *time_format;
    const char *timestamp_format;
    const char *time_zone;
    const char *const *clustering; /* columns */
    const char *const *decimal_target_types;
    const char *const *projection_fields;
    const char *const *schema_update_options;
    const dowel_pair *connection_properties;
    const char *kms_key;
    const char *column_name_character_map;
    const char *file_set_spec_type;
    const char *json_extension;
    const char *source_column_match;
    const char *reference_file_schema_uri;
    json_t *destination_table_properties; /* objects as in the API */
    json_t *hive_partitioning_options;
    json_t *parquet_options;
    json_t *range_partitioning;
    json_t *time_partitioning;
    json_t *timestamp_target_precision; /* an array of numbers */
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_bigquery_load_args;

typedef struct dowel_bigquery_dataset_args {
    const char *dataset; /* dataset or project.dataset; required */
    dowel_block *credentials;
    const char *project;
    const char *location;
    bool exists_ok; /* succeed if it exists already */
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_bigquery_dataset_args;

typedef struct dowel_bigquery_table_args {
    const char *table; /* dataset.table; required */
    json_t *schema;    /* as for a load */
    dowel_block *credentials;
    const char *project;
    bool exists_ok; /* succeed if it exists already */
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_bigquery_table_args;

typedef struct dowel_bigquery_delete_args {
    const char *table; /* exactly one of table and dataset */
    const char *dataset;
    bool delete_contents; /* also delete the tables of the dataset */
    bool not_found_ok;    /* succeed if it does not exist */
    dowel_block *credentials;
    const char *project;
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_bigquery_delete_args;

typedef struct dowel_bigquery_job_args {
    const char *job; /* its id; required */
    dowel_block *credentials;
    const char *project;
    const char *location;
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_bigquery_job_args;

/* Runs a query and fetches its rows. The result is an object:
 *
 *     rows               [{column: value}], in the order of the query
 *     columns            the names of the rows' members, in order; a column whose name occurs twice becomes name_1
 *     schema             the columns as in the API: name, type, mode, fields
 *     total_rows         the number of rows of the result; max_rows may have left some out (rows_not_fetched)
 *     summary            one sentence on what the query did: "3 rows inserted; 1.2 MiB processed"
 *     statement_type     SELECT, INSERT, CREATE_TABLE ..., where the service says so
 *     affected_rows      of INSERT, UPDATE, DELETE and MERGE
 *     operation, target  of a statement that defines something: CREATE, REPLACE, DROP, SKIP ..., and PROJECT.DATASET.NAME
 *     bytes_processed, bytes_billed, cache_hit, job_id, location, dry_run
 *     bytes_to_process   of a dry run
 *     destination, destination_rows   of a query with a destination
 *     warnings           what the job reported, where it did
 *
 * INT64 values are JSON integers, FLOAT64 values are numbers ("NaN", "Infinity" and "-Infinity" are text), NUMERIC and BIGNUMERIC are
 * text, BYTES are base64, times are RFC 3339 text, STRUCT is an object, ARRAY an array, JSON is text, NULL is null. */
static inline int dowel_bigquery_query(dowel *d, const dowel_bigquery_query_args *args, json_t **result,
                                       dowel_error *err) {
    return dowel_call(d, "bigquery.query", args, sizeof *args, NULL, result, err);
}
/* Loads a file or objects into a table. The result is {table, rows, bytes, job_id, bad_records}, and `errors` has the first bad records as
 * [{reason, location, message}]. A JSON file that is an array is INVALID: BigQuery takes an object on each line. */
static inline int dowel_bigquery_load(dowel *d, const dowel_bigquery_load_args *args, json_t **result,
                                      dowel_error *err) {
    return dowel_call(d, "bigquery.load", args, sizeof *args, NULL, result, err);
}
/* Creates a dataset: {project, dataset, created}. */
static inline int dowel_bigquery_create_dataset(dowel *d, const dowel_bigquery_dataset_args *args, json_t **result,
                                                dowel_error *err) {
    return dowel_call(d, "bigquery.create_dataset", args, sizeof *args, NULL, result, err);
}
/* Creates a table: {table, created}. */
static inline int dowel_bigquery_create_table(dowel *d, const dowel_bigquery_table_args *args, json_t **result,
                                              dowel_error *err) {
    return dowel_call(d, "bigquery.create_table", args, sizeof *args, NULL, result, err);
}
/* Deletes a table or a dataset: {table or dataset, deleted}. */
static inline int dowel_bigquery_delete(dowel *d, const dowel_bigquery_delete_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "bigquery.delete", args, sizeof *args, NULL, result, err);
}
/* Shows a job: {job_id, location, state, error, statistics, configuration}, as far as the API has them. */
static inline int dowel_bigquery_get_job(dowel *d, const dowel_bigquery_job_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "bigquery.get_job", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
