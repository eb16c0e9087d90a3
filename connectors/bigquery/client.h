/* A client for one project, and the jobs in it. */
#ifndef DOWEL_BIGQUERY_CLIENT_H
#define DOWEL_BIGQUERY_CLIENT_H

#include <dowel/bigquery.h>

typedef struct dowel_bq {
    dowel *d;
    dowel_block *credentials;
    const dowel_http_service *service;
    char *project;
    char base[512];
    char location[64]; /* location of this run's job (dowel_bq_job_id); empty: not known */
} dowel_bq;

int dowel_bq_open(dowel *d, dowel_block *credentials, const char *project, const char *endpoint, dowel_bq *bq,
                  dowel_error *err);
void dowel_bq_close(dowel_bq *bq);
/* A request under /bigquery/v2/projects/PROJECT. */
dowel_http_request *dowel_bq_request(dowel_bq *bq, const char *method);

/* Parses "dataset.table" or "project.dataset.table" into a tableReference. New reference. */
int dowel_bq_table(const dowel_bq *bq, const char *text, json_t **reference, dowel_error *err);
/* Parses "dataset" or "project.dataset" into a datasetReference. New reference. */
int dowel_bq_dataset(const dowel_bq *bq, const char *text, json_t **reference, dowel_error *err);

/* Chooses the id of this run's job and remembers it before it is used; every attempt gets the same id. If an earlier attempt learnt the location of
 * the job, it becomes bq->location: the job must not be submitted in another one. */
int dowel_bq_job_id(dowel_bq *bq, const char *location, char id[80], dowel_error *err);
/* The body of jobs.insert. New reference. */
json_t *dowel_bq_job_resource(const dowel_bq *bq, const char *id, const char *location, const json_t *configuration);
/* Submits a job, or attaches to it if it exists already. `configuration` is borrowed. */
int dowel_bq_insert(dowel_bq *bq, const char *id, const char *location, const json_t *configuration, json_t **job,
                    dowel_error *err);
/* Handles the outcome of a submit, `rc` and `why`: attaches to a job that exists already. */
int dowel_bq_submitted(dowel_bq *bq, int rc, const char *id, const char *location, json_t **job, dowel_error *why,
                       dowel_error *err);
/* Polls a job until it ends and replaces *job. REMOTE with the errors of the job if it failed. Cancels the job if the run is cancelled. */
int dowel_bq_wait(dowel_bq *bq, const char *id, json_t **job, dowel_error *err);
/* Fills err from the status of a finished job; 0: it succeeded. */
int dowel_bq_job_error(const json_t *job, dowel_error *err);
/* Logs the warnings of a job that succeeded. `bad_records` -1: the job is not a load. */
void dowel_bq_warn(dowel *d, const char *what, const json_t *errors, int64_t bad_records);
json_t *dowel_bq_describe_job(const json_t *job);

/* schema.c: makes a TableSchema of the API from an array of columns, {"fields": [...]} or {"schema": {"fields": [...]}}. New reference. */
int dowel_bq_schema(const json_t *given, json_t **schema, dowel_error *err);

/* load_options.c: the arguments of a load, and the JobConfigurationLoad that they make. New reference. */
extern const dowel_table dowel_bq_load_table;
int dowel_bq_load_configuration(const dowel_bq *bq, const dowel_bigquery_load_args *args, json_t **configuration,
                                dowel_error *err);

/* lines.c: INVALID if the file is a JSON array, not lines of JSON. */
int dowel_bq_check_lines(const char *file, dowel_error *err);

int dowel_bq_run_query(dowel *d, const void *args, json_t **result, dowel_error *err);
int dowel_bq_run_load(dowel *d, const void *args, json_t **result, dowel_error *err);

/* The member of a column of dowel_bq_columns that holds its key in rows. No column of BigQuery has a member of this name. */
#define DOWEL_BQ_KEY "$key"
/* values.c: the columns of a schema, each with its key in rows: a unique name. New reference. */
json_t *dowel_bq_columns(const json_t *schema);
/* Converts a row of the API to an object. New reference; NULL: the row does not fit the columns, or out of memory. */
json_t *dowel_bq_row(const json_t *columns, const json_t *row);
/* Whether any column has timestamps with picoseconds. */
bool dowel_bq_has_picoseconds(const json_t *schema);
/* outcome.c: adds the effects of a finished query to its result: statement_type, operation and target of a statement that defines something, affected_rows,
 * bytes, and `summary`, a sentence that says it all. Error code. */
int dowel_bq_outcome(const dowel_bigquery_query_args *args, const json_t *job, json_t *result, dowel_error *err);
/* parameters.c: converts parameters to queryParameters of the API. New reference. */
int dowel_bq_parameters(const json_t *parameters, json_t **list, dowel_error *err);

/* An int64, which the API sends as text. */
int64_t dowel_bq_int(const json_t *object, const char *member);

#endif
