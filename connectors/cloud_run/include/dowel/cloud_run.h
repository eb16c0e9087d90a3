/* dowel/cloud_run.h: Cloud Run jobs (Cloud Run Admin API, version 2). Every function is a task: retries, history and cancellation hold.
 * *result (may be NULL) is a new reference. */
#ifndef DOWEL_CLOUD_RUN_H
#define DOWEL_CLOUD_RUN_H

#include <dowel/dowel.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_cloud_run_connector;

/* Block type "cloud-run-job": what the job should be. Members that are not given leave the job as it is. */
typedef struct dowel_cloud_run_job {
    const char *job;   /* its name */
    const char *image; /* NULL: the job exists, and keeps its own */
    const char *region;
    const char *project;      /* NULL: the credentials' */
    dowel_block *credentials; /* gcp-credentials; NULL: Application Default Credentials */
    const char *const *command;
    const char *const *args;
    const dowel_pair *env; /* text, or {"secret": "NAME", "version": "latest"} as text: a value in Secret Manager */
    const char *cpu;       /* "1", "2000m" */
    const char *memory;    /* "512Mi" */
    double timeout;        /* seconds for each task */
    int64_t task_count;
    int64_t parallelism;
    int64_t max_retries; /* of each task */
    const char *service_account;
    const dowel_pair *labels;
    bool delete_after; /* delete the job when the execution has ended */
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_cloud_run_job;

DOWEL_API extern const dowel_block_type dowel_cloud_run_job_type;

typedef struct dowel_cloud_run_run_args {
    dowel_block *job;
    const char *const *args; /* these and the following win over the block's for this execution */
    const dowel_pair *env;
    int64_t task_count;
    double task_timeout;
    bool no_wait;      /* return when the execution exists */
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
    bool no_update;    /* run the job as it is */
} dowel_cloud_run_run_args;

typedef struct dowel_cloud_run_execution_args { /* status, cancel */
    dowel_block *job;
    const char *execution; /* its name, short or whole; NULL: the newest */
    const char *given;     /* members that are zero on purpose (dowel/fields.h) */
} dowel_cloud_run_execution_args;

typedef struct dowel_cloud_run_delete_args {
    dowel_block *job;
    bool not_found_ok;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_cloud_run_delete_args;

/* Creates the job or changes what the block names of it, runs it, follows the execution to its end. {job, execution, state, succeeded, failed, cancelled,
 * retried, reason, log_uri, started, completed}. A cancelled or partly failed execution is DOWEL_E_REMOTE. The execution carries the run's id
 * in its environment (DOWEL_RUN_ID), so that one whose start was not confirmed is found again and nothing is started twice. */
static inline int dowel_cloud_run_run(dowel *d, const dowel_cloud_run_run_args *args, json_t **result,
                                      dowel_error *err) {
    return dowel_call(d, "cloud_run.run", args, sizeof *args, NULL, result, err);
}
static inline int dowel_cloud_run_status(dowel *d, const dowel_cloud_run_execution_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "cloud_run.status", args, sizeof *args, NULL, result, err);
}
static inline int dowel_cloud_run_cancel(dowel *d, const dowel_cloud_run_execution_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "cloud_run.cancel", args, sizeof *args, NULL, result, err);
}
static inline int dowel_cloud_run_delete(dowel *d, const dowel_cloud_run_delete_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "cloud_run.delete", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
