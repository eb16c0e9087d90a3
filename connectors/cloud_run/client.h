/* Cloud Run jobs: what the files of the connector share. */
#ifndef DOWEL_CLOUD_RUN_CLIENT_H
#define DOWEL_CLOUD_RUN_CLIENT_H

#include <dowel/cloud_run.h>

#define DOWEL_CLOUD_RUN_MARKER_SIZE 64 /* identifies an execution before its name is known */

typedef struct dowel_cloud_run_client {
    dowel *d;
    const dowel_cloud_run_job *job;
    char *project;
    const char *base;
    char parent[256]; /* projects/P/locations/R */
    char name[384];   /* parent/jobs/J */
} dowel_cloud_run_client;

int dowel_cloud_run_client_open(dowel *d, dowel_block *block, dowel_cloud_run_client *client, dowel_error *err);
void dowel_cloud_run_client_close(dowel_cloud_run_client *client);

/* A request to /v2/RESOURCE + VERB (NULL: none); `resource` is a full resource name. */
dowel_http_request *dowel_cloud_run_request(dowel_cloud_run_client *client, const char *method, const char *resource,
                                            const char *verb);
/* Reads a resource. While the service does not answer, retries until the run's deadline. */
int dowel_cloud_run_ask(dowel_cloud_run_client *client, const char *resource, json_t **answer, dowel_error *err);
/* Polls a long-running operation until it is done; *operation is replaced by its last state. */
int dowel_cloud_run_operation(dowel_cloud_run_client *client, json_t **operation, dowel_error *err);
/* A duration as the API writes it: "1.5s". New reference. */
json_t *dowel_cloud_run_duration(double seconds);

/* env.c */
/* The variables as an array of EnvVar. New reference; NULL: out of memory. */
json_t *dowel_cloud_run_env(const dowel_pair *env);
/* A NULL-terminated list as an array. New reference; NULL: out of memory. */
json_t *dowel_cloud_run_texts(const char *const *list);
/* INVALID for an impossible name, and for an object that looks like a secret reference but is not one. */
int dowel_cloud_run_env_check(const dowel_pair *env, dowel_error *err);

/* job.c */
/* Creates the job, or updates it to match the block. */
int dowel_cloud_run_ensure_job(dowel_cloud_run_client *client, dowel_error *err);
/* `wait`: return only when the deletion is complete. */
int dowel_cloud_run_delete_job(dowel_cloud_run_client *client, bool not_found_ok, bool wait, bool *deleted,
                               dowel_error *err);

/* How a job differs from its block. UNRECORDED: only the record of the fields that the block names is missing or out of date. */
typedef enum dowel_cloud_run_difference {
    DOWEL_CLOUD_RUN_SAME,
    DOWEL_CLOUD_RUN_UNRECORDED,
    DOWEL_CLOUD_RUN_CHANGED
} dowel_cloud_run_difference;

/* job_change.c */
/* Applies the block to a job (NULL: a new one). *wanted is a new reference. */
int dowel_cloud_run_change(const dowel_cloud_run_job *block, const json_t *job, json_t **wanted,
                           dowel_cloud_run_difference *difference, dowel_error *err);

/* check.c */
int dowel_cloud_run_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

/* execution.c */
/* Starts an execution. *execution may be set on failure too: then the caller must cancel it. */
int dowel_cloud_run_start_execution(dowel_cloud_run_client *client, const dowel_cloud_run_run_args *args,
                                    const char *marker, char **execution, dowel_error *err);
/* Finds the execution that an earlier process of this run requested, by its mark, deleted executions included. *execution is NULL if there is none. */
int dowel_cloud_run_find_begun(dowel_cloud_run_client *client, const char *marker, char **execution, dowel_error *err);
/* The state of a deleted execution if the service still lists it and it had succeeded; otherwise *state is NULL. */
int dowel_cloud_run_recover_deleted(dowel_cloud_run_client *client, const char *execution, json_t **state,
                                    dowel_error *err);
int dowel_cloud_run_follow_execution(dowel_cloud_run_client *client, const char *execution, json_t **state,
                                     dowel_error *err);
int dowel_cloud_run_get_execution(dowel_cloud_run_client *client, const char *execution, json_t **state,
                                  dowel_error *err);
int dowel_cloud_run_newest_execution(dowel_cloud_run_client *client, char **execution, dowel_error *err);
int dowel_cloud_run_cancel_execution(dowel_cloud_run_client *client, const char *execution, dowel_error *err);
bool dowel_cloud_run_has_ended(const json_t *execution);
/* Whether it has ended and every task succeeded. */
bool dowel_cloud_run_has_succeeded(const json_t *execution);
/* Fills `err` with how the execution ended and what its failed tasks say. REMOTE. */
int dowel_cloud_run_fail(dowel_cloud_run_client *client, const json_t *execution, dowel_error *err);
/* The condition of that type of a job, execution or task; NULL: none. Borrowed. */
const json_t *dowel_cloud_run_condition(const json_t *resource, const char *type);
json_t *dowel_cloud_run_describe(const json_t *execution);
/* The part of a name after its last slash. */
const char *dowel_cloud_run_short_name(const char *name);

/* failed_tasks.c */
/* The failed tasks of an execution, at most 20: an array of {index, exit_status, signal, retried, message, log_uri}; what does not apply is left out. NULL if no task
 * failed. A listing that fails is logged as a warning. New reference. */
json_t *dowel_cloud_run_failed_tasks(dowel_cloud_run_client *client, const json_t *execution);
/* Adds them to the error: the first to the message, each on a line of the detail if `count` > 1, the address of a log to the hint. */
void dowel_cloud_run_tell_failed_tasks(const json_t *failed, long long count, const char *log, dowel_error *err);

#endif
