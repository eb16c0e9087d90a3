/* dowel/cloud_run.h: jobs of Google Cloud Run (Cloud Run Admin API, version 2).
 *
 * Every function calls a task (dowel/runtime.h): the call blocks, is recorded in the history, obeys the policy and can be cancelled. It returns 0 or
 * a negative dowel_code with `err` filled. *result (`result` may be NULL) is a new reference; release it with json_decref(). */
#ifndef DOWEL_CLOUD_RUN_H
#define DOWEL_CLOUD_RUN_H

#include <dowel/dowel.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_cloud_run_connector;

/* Block type "cloud-run-job": the job as it should be. A member that is not given leaves that part of the job as it is. */
typedef struct dowel_cloud_run_job {
    const char *job;   /* name */
    const char *image; /* NULL: the job must exist and keeps its image */
    const char *region;
    const char *project;        /* NULL: the project of the credentials */
    dowel_block *credentials;   /* gcp-credentials; NULL: Application Default Credentials */
    const char *const *command; /* container entrypoint; NULL-terminated */
    const char *const *args;    /* container arguments; NULL-terminated */
    const dowel_pair *env; /* a value is text, or the text {"secret": "NAME", "version": "latest"} for Secret Manager */
    const char *cpu;       /* "1", "2000m" */
    const char *memory;    /* "512Mi" */
    double timeout;        /* seconds for each attempt of a task */
    int64_t task_count;
    int64_t parallelism;
    int64_t max_retries; /* for each task */
    const char *service_account;
    const dowel_pair *labels;
    bool delete_after; /* delete the job after its execution has ended */
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_cloud_run_job;

DOWEL_API extern const dowel_block_type dowel_cloud_run_job_type;

typedef struct dowel_cloud_run_run_args {
    dowel_block *job;
    const char *const *args; /* this and the next three members apply to this execution only; args replaces the job's */
    const dowel_pair *env;
    int64_t task_count;
    double task_timeout;
    bool no_wait;      /* return when the execution exists instead of waiting for its end */
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
    bool no_update;    /* run the job as it is, without applying the block */
} dowel_cloud_run_run_args;

typedef struct dowel_cloud_run_execution_args { /* status, cancel */
    dowel_block *job;
    const char *execution; /* short name or full resource name; NULL: the newest */
    const char *given;     /* members that are zero on purpose (dowel/fields.h) */
} dowel_cloud_run_execution_args;

typedef struct dowel_cloud_run_delete_args {
    dowel_block *job;
    bool not_found_ok;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_cloud_run_delete_args;

/* Creates the job or updates it to match the block, runs it, and waits until the execution ends. The result describes the execution:
 *
 *     {job, execution: text, state: "pending" | "running" | "succeeded" | "failed" | "cancelled",
 *      tasks, succeeded, failed, cancelled, retried: integers, reason, message, log_uri: text, started, completed: RFC 3339}
 *
 * Members that the service does not give are left out. An execution that was cancelled, or that has a failed task, is DOWEL_E_REMOTE: the message names
 * the first failed task with its index and exit status, the detail all of them, the hint the log. NOT_FOUND: no job and no image to create it from. The
 * execution has the run's id in its environment (DOWEL_RUN_ID); if the answer to a start is lost, the execution is found by it, so nothing is
 * started twice. */
static inline int dowel_cloud_run_run(dowel *d, const dowel_cloud_run_run_args *args, json_t **result,
                                      dowel_error *err) {
    return dowel_call(d, "cloud_run.run", args, sizeof *args, NULL, result, err);
}
/* The state of an execution, as above, with failed_tasks: [{index, exit_status, signal, retried, message, log_uri}] if tasks failed (at most 20). */
static inline int dowel_cloud_run_status(dowel *d, const dowel_cloud_run_execution_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "cloud_run.status", args, sizeof *args, NULL, result, err);
}
/* Cancels an execution, waits until it has ended and gives its state. An execution that has ended already is not an error. */
static inline int dowel_cloud_run_cancel(dowel *d, const dowel_cloud_run_execution_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "cloud_run.cancel", args, sizeof *args, NULL, result, err);
}
/* Deletes the job and waits until it is gone. {job: text, deleted: boolean}. */
static inline int dowel_cloud_run_delete(dowel *d, const dowel_cloud_run_delete_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "cloud_run.delete", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
