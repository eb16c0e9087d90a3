/* dowel/bigquery.h: BigQuery (REST API, version 2). Every function is a task: retries, history and cancellation hold. *result (may be
 * NULL) is a new reference.
 *
 * Jobs get ids of dowel's own, written to the run's record before the request goes out: a submit whose answer was lost finds its
 * job again, and nothing runs twice. The endpoint is BIGQUERY_EMULATOR_HOST where that is set. */
#ifndef DOWEL_BIGQUERY_H
#define DOWEL_BIGQUERY_H

#include <dowel/dowel.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_bigquery_connector;

/* Values of members that are enumerations; the first is the default. */
enum { DOWEL_BIGQUERY_STANDARD, DOWEL_BIGQUERY_LEGACY }; /* dialect */
/* write_disposition: of the service's own choice, into an empty table alone, in place of its rows, behind them */
enum {
    DOWEL_BIGQUERY_WRITE_DEFAULT,
    DOWEL_BIGQUERY_WRITE_EMPTY,
    DOWEL_BIGQUERY_WRITE_TRUNCATE,
    DOWEL_BIGQUERY_WRITE_APPEND,
    DOWEL_BIGQUERY_WRITE_TRUNCATE_DATA, /* keeps the table's schema and constraints */
};
enum {
    DOWEL_BIGQUERY_CREATE_DEFAULT,
    DOWEL_BIGQUERY_CREATE_IF_NEEDED,
    DOWEL_BIGQUERY_CREATE_NEVER
}; /* create_disposition */
/* format: AUTO goes by the file's name (".jsonl.gz" is JSON), JSON is a value on each line, TSV is CSV with a tab */
enum {
    DOWEL_BIGQUERY_AUTO,
    DOWEL_BIGQUERY_CSV,
    DOWEL_BIGQUERY_JSON,
    DOWEL_BIGQUERY_PARQUET,
    DOWEL_BIGQUERY_AVRO,
    DOWEL_BIGQUERY_ORC,
    DOWEL_BIGQUERY_DATASTORE_BACKUP,
    DOWEL_BIGQUERY_TSV,
};

typedef struct dowel_bigquery_query_args {
    const char *query;
    dowel_block *credentials; /* gcp-credentials; NULL: Application Default Credentials */
    const char *project;      /* that pays; NULL: the credentials' */
    const char *location;
    /* An array for `?`, an object for `@name`. Plain values have the obvious type; others are {"type": "DATE", "value": "..."}. Types are
     * written as in SQL: ARRAY<INT64>, STRUCT<x INT64, y ARRAY<STRING>>, RANGE<DATE>; their values are arrays and objects. */
    json_t *parameters;
    int dialect;  /* DOWEL_BIGQUERY_STANDARD, DOWEL_BIGQUERY_LEGACY */
    bool dry_run; /* check and tell the bytes, run nothing */
    int64_t maximum_bytes_billed;
    const char *default_dataset;
    int64_t max_rows;        /* not given: all, or with a destination none */
    const char *destination; /* table to write the rows to; they are fetched only when max_rows is given */
    int write_disposition;   /* DOWEL_BIGQUERY_WRITE_* */
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_bigquery_query_args;

typedef struct dowel_bigquery_load_args {
    const char *table;       /* dataset.table, project.dataset.table or project:dataset.table; $partition behind it */
    const char *file;        /* exactly one of file and uris */
    const char *const *uris; /* gs://bucket/name, `*` allowed */
    dowel_block *credentials;
    const char *project;
    const char *location;
    int format; /* DOWEL_BIGQUERY_AUTO ... DOWEL_BIGQUERY_TSV */
    bool autodetect;
    json_t *schema;              /* [{"name", "type", "mode"}], {"fields": [...]} or {"schema": {"fields": [...]}} */
    int64_t skip_leading_rows;   /* with autodetect, 0 that is given says that there is no header row */
    const char *field_delimiter; /* one character; "tab" and "\\t" are the tab */
    int64_t max_bad_records;
    int write_disposition; /* DOWEL_BIGQUERY_WRITE_* */
    /* The other options of the API's JobConfigurationLoad, under its names. */
    int create_disposition; /* DOWEL_BIGQUERY_CREATE_* */
    bool allow_jagged_rows;
    bool allow_quoted_newlines;
    bool ignore_unknown_values;
    bool preserve_ascii_control_characters;
    bool use_avro_logical_types;
    bool create_session;
    bool copy_files_only;
    const char *quote; /* "": nothing is quoted */
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
    const char *dataset;
    dowel_block *credentials;
    const char *project;
    const char *location;
    bool exists_ok;
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_bigquery_dataset_args;

typedef struct dowel_bigquery_table_args {
    const char *table;
    json_t *schema;
    dowel_block *credentials;
    const char *project;
    bool exists_ok;
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_bigquery_table_args;

typedef struct dowel_bigquery_delete_args {
    const char *table; /* exactly one of table and dataset */
    const char *dataset;
    bool delete_contents; /* of a dataset */
    bool not_found_ok;
    dowel_block *credentials;
    const char *project;
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_bigquery_delete_args;

typedef struct dowel_bigquery_job_args {
    const char *job;
    dowel_block *credentials;
    const char *project;
    const char *location;
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_bigquery_job_args;

/* The result is an object:
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
/* {table, rows, bytes, job_id, bad_records}, and errors: [{reason, location, message}], what the job had to say of bad records. */
static inline int dowel_bigquery_load(dowel *d, const dowel_bigquery_load_args *args, json_t **result,
                                      dowel_error *err) {
    return dowel_call(d, "bigquery.load", args, sizeof *args, NULL, result, err);
}
static inline int dowel_bigquery_create_dataset(dowel *d, const dowel_bigquery_dataset_args *args, json_t **result,
                                                dowel_error *err) {
    return dowel_call(d, "bigquery.create_dataset", args, sizeof *args, NULL, result, err);
}
static inline int dowel_bigquery_create_table(dowel *d, const dowel_bigquery_table_args *args, json_t **result,
                                              dowel_error *err) {
    return dowel_call(d, "bigquery.create_table", args, sizeof *args, NULL, result, err);
}
static inline int dowel_bigquery_delete(dowel *d, const dowel_bigquery_delete_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "bigquery.delete", args, sizeof *args, NULL, result, err);
}
/* The job's state, statistics and errors. */
static inline int dowel_bigquery_get_job(dowel *d, const dowel_bigquery_job_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "bigquery.get_job", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
