/* A job as the connector works with it. */
#ifndef DOWEL_CLOUD_RUN_CLIENT_H
#define DOWEL_CLOUD_RUN_CLIENT_H

#include <dowel/cloud_run.h>

#define DOWEL_CLOUD_RUN_MARKER_SIZE 64 /* what an execution is known by before it has a name */

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

/* A request to /v2/RESOURCE, where resource is a whole name. */
dowel_http_request *dowel_cloud_run_request(dowel_cloud_run_client *client, const char *method, const char *resource,
                                            const char *verb);
/* GETs a resource, as long as the run's time allows while the service is away. */
int dowel_cloud_run_ask(dowel_cloud_run_client *client, const char *resource, json_t **answer, dowel_error *err);
/* Follows a long-running operation to its end; takes *operation and replaces it. */
int dowel_cloud_run_operation(dowel_cloud_run_client *client, json_t **operation, dowel_error *err);
/* As the API writes it: "1.5s". New reference. */
json_t *dowel_cloud_run_duration(double seconds);

/* env.c: an array of the API's EnvVar. New reference. */
json_t *dowel_cloud_run_env(const dowel_pair *env);
/* A name that no variable can have, or an object that is nearly that of a secret, is INVALID. */
int dowel_cloud_run_env_check(const dowel_pair *env, dowel_error *err);

/* job.c: the job exists and is as the block says. */
int dowel_cloud_run_ensure_job(dowel_cloud_run_client *client, dowel_error *err);
/* `wait`: for the end of the deletion. */
int dowel_cloud_run_delete_job(dowel_cloud_run_client *client, bool not_found_ok, bool wait, bool *deleted,
                               dowel_error *err);

/* How a job differs from its block. UNRECORDED: only the record of what the block names is missing or out of date. */
typedef enum dowel_cloud_run_difference {
    DOWEL_CLOUD_RUN_SAME,
    DOWEL_CLOUD_RUN_UNRECORDED,
    DOWEL_CLOUD_RUN_CHANGED
} dowel_cloud_run_difference;

/* job_change.c: the job (NULL: none yet) as the block wants it, as a new reference in *wanted. */
int dowel_cloud_run_change(const dowel_cloud_run_job *block, const json_t *job, json_t **wanted,
                           dowel_cloud_run_difference *difference, dowel_error *err);

/* check.c */
int dowel_cloud_run_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

/* execution.c */
/* *execution may be set with a failure: something began that the caller has to cancel. */
int dowel_cloud_run_start_execution(dowel_cloud_run_client *client, const dowel_cloud_run_run_args *args,
                                    const char *marker, char **execution, dowel_error *err);
/* The execution that carries a mark, among all that were created since the run began, deleted ones included; *execution NULL when there is none. For
 * one that an earlier process asked for: it may take a moment to be listed. Without a job there is none. */
int dowel_cloud_run_find_begun(dowel_cloud_run_client *client, const char *marker, char **execution, dowel_error *err);
/* An execution that was deleted: *state where it had succeeded before and the service still tells, else NULL. */
int dowel_cloud_run_recover_deleted(dowel_cloud_run_client *client, const char *execution, json_t **state,
                                    dowel_error *err);
int dowel_cloud_run_follow_execution(dowel_cloud_run_client *client, const char *execution, json_t **state,
                                     dowel_error *err);
int dowel_cloud_run_get_execution(dowel_cloud_run_client *client, const char *execution, json_t **state,
                                  dowel_error *err);
int dowel_cloud_run_newest_execution(dowel_cloud_run_client *client, char **execution, dowel_error *err);
int dowel_cloud_run_cancel_execution(dowel_cloud_run_client *client, const char *execution, dowel_error *err);
bool dowel_cloud_run_has_ended(const json_t *execution);
/* 0 when every task succeeded; REMOTE otherwise. */
int dowel_cloud_run_outcome(const json_t *execution, dowel_error *err);
json_t *dowel_cloud_run_describe(const json_t *execution);
/* The part of a name behind its last slash. */
const char *dowel_cloud_run_short_name(const char *name);

#endif
