/* The block type and the tasks of the cloud_run connector. */
#include "client.h"

#include <dowel/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const dowel_field job_fields[] = {
    {DOWEL_AT(dowel_cloud_run_job, job), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,
     .doc = "Job name.", .example = "nightly-report"},
    {DOWEL_AT(dowel_cloud_run_job, image), .kind = DOWEL_STRING,
     .doc = "Container image. Default: the image of the existing job.",
     .example = "europe-docker.pkg.dev/my-project/images/report:1"},
    {DOWEL_AT(dowel_cloud_run_job, region), .kind = DOWEL_STRING, .setting = "gcp-region", .flags = DOWEL_REQUIRED,
     .doc = "Region of the job.", .example = "europe-west1"},
    {DOWEL_AT(dowel_cloud_run_job, project), .kind = DOWEL_STRING, .setting = "project",
     .doc = "Project of the job. Default: the project of the credentials."},
    {DOWEL_AT(dowel_cloud_run_job, credentials), .kind = DOWEL_BLOCK, .setting = "gcp-credentials",
     .blocks = "gcp-credentials", .doc = "Credentials to use. Default: Application Default Credentials."},
    {DOWEL_AT(dowel_cloud_run_job, command), .kind = DOWEL_LIST,
     .doc = "Container entrypoint. It replaces the image's ENTRYPOINT."},
    {DOWEL_AT(dowel_cloud_run_job, args), .kind = DOWEL_LIST,
     .doc = "Container arguments. They replace the image's CMD."},
    {DOWEL_AT(dowel_cloud_run_job, env), .kind = DOWEL_MAP,
     .doc = "Environment variables. The value {\"secret\": \"NAME\", \"version\": \"latest\"} reads a secret of Secret "
            "Manager."},
    {DOWEL_AT(dowel_cloud_run_job, cpu), .kind = DOWEL_STRING, .doc = "CPU limit of each task.", .example = "1"},
    {DOWEL_AT(dowel_cloud_run_job, memory), .kind = DOWEL_STRING, .doc = "Memory limit of each task.",
     .example = "512Mi"},
    {DOWEL_AT(dowel_cloud_run_job, timeout), .kind = DOWEL_DURATION, .minimum = 1, .maximum = 604800,
     .doc = "Maximum duration of each attempt of a task, at most 168 hours.", .example = "10m"},
    {DOWEL_AT(dowel_cloud_run_job, task_count), .kind = DOWEL_INT, .minimum = 1, .maximum = 10000,
     .doc = "Number of tasks of an execution. Default for a new job: 1."},
    {DOWEL_AT(dowel_cloud_run_job, parallelism), .kind = DOWEL_INT, .maximum = 10000,
     .doc = "Maximum number of tasks that run at the same time. 0: Cloud Run decides."},
    {DOWEL_AT(dowel_cloud_run_job, max_retries), .kind = DOWEL_INT, .maximum = 10,
     .doc = "Maximum number of retries of a failed task. Default for a new job: 0."},
    {DOWEL_AT(dowel_cloud_run_job, service_account), .kind = DOWEL_STRING,
     .doc = "Email address of the service account that the job runs as."},
    {DOWEL_AT(dowel_cloud_run_job, labels), .kind = DOWEL_MAP, .doc = "Labels of the job."},
    {DOWEL_AT(dowel_cloud_run_job, delete_after), .kind = DOWEL_BOOL,
     .doc = "Delete the job after its execution has ended."},
    {DOWEL_AT(dowel_cloud_run_job, endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,
     .doc = "Base URL of a server that implements the Cloud Run Admin API. Default: Google's."},
    {DOWEL_GIVEN_AT(dowel_cloud_run_job)},
    {0}};

static int check_job(const void *data, dowel_error *err) {
    const dowel_cloud_run_job *job = data;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz", all[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t size = strlen(job->job);
    if (!size || size > 63 || !strchr(letters, job->job[0]) || strspn(job->job, all) != size ||
        job->job[size - 1] == '-')
        return dowel_fail(
            err, DOWEL_E_INVALID,
            "field \"job\": \"%.100s\" is not a job name: use at most 63 lower-case letters, digits and hyphens, "
            "beginning with a letter and not ending with a hyphen",
            job->job);
    const struct {
        const char *field, *text;
    } texts[] = {{"image", job->image}, {"cpu", job->cpu}, {"memory", job->memory}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].text && !*texts[i].text)
            return dowel_fail(err, DOWEL_E_INVALID, "field \"%s\" is empty; leave it out instead", texts[i].field);
    return dowel_cloud_run_env_check(job->env, err);
}

static const dowel_table job_table = {"cloud-run-job", sizeof(dowel_cloud_run_job), job_fields, check_job};

const dowel_block_type dowel_cloud_run_job_type = {.size = sizeof(dowel_block_type),
                                                   .name = "cloud-run-job",
                                                   .doc =
                                                       "A job of Cloud Run: image, entrypoint, arguments, resources.",
                                                   .table = &job_table,
                                                   .version = 1,
                                                   .check = dowel_cloud_run_check};

#define JOB(type)                                                                                                      \
    {                                                                                                                  \
        DOWEL_AT(type, job), .kind = DOWEL_BLOCK, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT, .blocks = "cloud-run-job",  \
                             .doc = "Block of the job.", .example = "cloud-run-job/nightly"                            \
    }

/* ---- run ---- */

static const dowel_field run_fields[] = {
    JOB(dowel_cloud_run_run_args),
    {DOWEL_AT(dowel_cloud_run_run_args, args), .kind = DOWEL_LIST,
     .doc = "Container arguments for this execution. They replace all arguments of the job; the entrypoint stays."},
    {DOWEL_AT(dowel_cloud_run_run_args, env), .kind = DOWEL_MAP,
     .doc = "Environment variables to add or replace for this execution."},
    {DOWEL_AT(dowel_cloud_run_run_args, task_count), .kind = DOWEL_INT, .minimum = 1, .maximum = 10000,
     .doc = "Number of tasks of this execution. Default: the job's."},
    {DOWEL_AT(dowel_cloud_run_run_args, task_timeout), .kind = DOWEL_DURATION, .minimum = 1, .maximum = 604800,
     .doc = "Maximum duration of each attempt of a task in this execution. Default: the job's."},
    {DOWEL_AT(dowel_cloud_run_run_args, no_wait), .kind = DOWEL_BOOL,
     .doc = "Return once the execution exists, without waiting for it to end."},
    {DOWEL_GIVEN_AT(dowel_cloud_run_run_args)},
    {DOWEL_AT(dowel_cloud_run_run_args, no_update), .kind = DOWEL_BOOL,
     .doc = "Run the job as it is, without applying the block to it."},
    {0}};

static int check_run(const void *data, dowel_error *err) {
    return dowel_cloud_run_env_check(((const dowel_cloud_run_run_args *)data)->env, err);
}

static const dowel_table run_table = {"cloud_run.run", sizeof(dowel_cloud_run_run_args), run_fields, check_run};

/* One call of cloud_run.run. The run's record holds: a mark, written before an execution is requested, by which an execution is found whose name was
 * never received; the execution's name; and its end: the result if it succeeded, the mark if it did not. */
typedef struct job_run {
    dowel_cloud_run_client c;
    const dowel_cloud_run_run_args *args;
    char marker[DOWEL_CLOUD_RUN_MARKER_SIZE];
    char *execution;
    json_t *state, *result;
} job_run;

/* Whether the execution was cancelled. */
static bool cancel_remote(const job_run *r) {
    dowel_cloud_run_client cleanup = r->c;
    cleanup.d = dowel_cleanup(r->c.d);
    dowel_error why;
    if (!dowel_cloud_run_cancel_execution(&cleanup, r->execution, &why)) return true;
    const char *block = dowel_block_name(r->args->job);
    dowel_log(r->c.d, DOWEL_LOG_WARNING,
              "execution %s is still running: %s; cancel it with `dowel call cloud_run.cancel --job %s`",
              dowel_cloud_run_short_name(r->execution), why.message, block ? block : "...");
    return false;
}

static int recall_result(job_run *r, dowel_error *err) {
    char *text = NULL;
    int rc = dowel_recall_started(r->c.d, "cloud_run.succeeded", &text, err);
    if (!rc && text) rc = dowel_json_parse(text, strlen(text), "the recorded result", &r->result, err);
    free(text);
    return rc;
}

/* Finds what earlier attempts of this run left: a result, or an execution whose end was not seen. */
static int find_begun(job_run *r, dowel_error *err) {
    dowel *d = r->c.d;
    char *begun = NULL, *ended = NULL;
    int rc = recall_result(r, err);
    if (!rc && !r->result) rc = dowel_recall_started(d, "cloud_run.marker", &begun, err);
    if (!rc && begun) rc = dowel_recall_started(d, "cloud_run.ended", &ended, err);
    if (!rc && begun && (!ended || strcmp(begun, ended) != 0)) {
        snprintf(r->marker, sizeof r->marker, "%s", begun);
        rc = dowel_recall_started(d, "cloud_run.execution", &r->execution, err);
        if (!rc && !r->execution) rc = dowel_cloud_run_find_begun(&r->c, r->marker, &r->execution, err);
    }
    free(begun);
    free(ended);
    return rc;
}

static int begin(job_run *r, dowel_error *err) {
    dowel *d = r->c.d;
    int rc = r->args->no_update ? 0 : dowel_cloud_run_ensure_job(&r->c, err);
    if (rc) return rc;
    if (!*r->marker) {
        snprintf(r->marker, sizeof r->marker, "%.36s-%d", dowel_run_id(d), dowel_attempt(d));
        dowel_forget(d, "cloud_run.execution");
        rc = dowel_remember(d, "cloud_run.marker", r->marker, false, err);
    }
    if (!rc) rc = dowel_cloud_run_start_execution(&r->c, r->args, r->marker, &r->execution, err);
    /* If the name cannot be recorded, the mark finds the execution. */
    if (!rc) (void)dowel_remember(d, "cloud_run.execution", r->execution, false, NULL);
    return rc;
}

/* NOT_FOUND: the execution was deleted, and the service does not say that it succeeded. */
static int watch(job_run *r, dowel_error *err) {
    int rc = r->args->no_wait ? dowel_cloud_run_get_execution(&r->c, r->execution, &r->state, err)
                              : dowel_cloud_run_follow_execution(&r->c, r->execution, &r->state, err);
    if (rc != DOWEL_E_NOT_FOUND) return rc;
    dowel_error looked;
    int found = dowel_cloud_run_recover_deleted(&r->c, r->execution, &r->state, &looked);
    if (found) {
        *err = looked;
        return found;
    }
    if (r->state) return 0;
    dowel_fail(err, DOWEL_E_NOT_FOUND, "Cloud Run: execution %s was deleted before its outcome was known",
               dowel_cloud_run_short_name(r->execution));
    dowel_error_hint(err, "`dowel runs resume %.8s` starts another execution", dowel_run_id(r->c.d));
    return DOWEL_E_NOT_FOUND;
}

/* Follows the execution that an earlier process started; starts another one only if that one was deleted. */
static int run_once(job_run *r, dowel_error *err) {
    bool begun = r->execution;
    if (begun)
        dowel_log(r->c.d, DOWEL_LOG_INFO, "execution %s was started earlier; waiting for it to end",
                  dowel_cloud_run_short_name(r->execution));
    int rc = begun ? 0 : begin(r, err);
    if (!rc) rc = watch(r, err);
    if (!begun || rc != DOWEL_E_NOT_FOUND) return rc;
    dowel_log(r->c.d, DOWEL_LOG_WARNING, "execution %s was deleted before its outcome was known; starting another one",
              dowel_cloud_run_short_name(r->execution));
    free(r->execution);
    r->execution = NULL;
    *r->marker = 0;
    rc = begin(r, err);
    return rc ? rc : watch(r, err);
}

/* Records how the execution ended before anything else is done. Returns the outcome. */
static int settle(job_run *r, int rc, dowel_error *err) {
    dowel *d = r->c.d;
    bool seen = r->state && dowel_cloud_run_has_ended(r->state), gone = rc == DOWEL_E_NOT_FOUND && r->execution;
    bool failed = !rc && (seen || !r->args->no_wait) && !dowel_cloud_run_has_succeeded(r->state);
    if (!rc && !failed) r->result = dowel_cloud_run_describe(r->state);
    char *text = r->result && seen ? dowel_json_dump(r->result, 0) : NULL;
    if (text)
        (void)dowel_remember(d, "cloud_run.succeeded", text, false, NULL);
    else if (seen || gone)
        (void)dowel_remember(d, "cloud_run.ended", r->marker, false, NULL);
    free(text);
    return failed ? dowel_cloud_run_fail(&r->c, r->state, err) : rc;
}

/* Deletes the job if the block says so, unless an execution may still be running. */
static void delete_after(const job_run *r, bool stopped, bool runs_on) {
    bool ended = r->result || (r->state && dowel_cloud_run_has_ended(r->state)), deleted;
    if (!r->c.job->delete_after || runs_on || !(ended || stopped) || (r->args->no_wait && !ended)) return;
    dowel_cloud_run_client own = r->c;
    dowel_error why;
    if (stopped) own.d = dowel_cleanup(r->c.d);
    if (dowel_cloud_run_delete_job(&own, true, !stopped, &deleted, &why))
        dowel_log(r->c.d, DOWEL_LOG_WARNING, "job %s was not deleted: %s", r->c.job->job, why.message);
}

static int run_run(dowel *d, const void *data, json_t **result, dowel_error *err) {
    job_run r = {.args = data};
    dowel_error local;
    if (!err) err = &local;
    int rc = dowel_cloud_run_client_open(d, r.args->job, &r.c, err);
    if (rc) return rc;
    rc = find_begun(&r, err);
    if (!rc && !r.result) rc = settle(&r, run_once(&r, err), err);
    bool stopped = rc && dowel_check(d, NULL), runs_on = false;
    if (stopped && r.execution && !(r.state && dowel_cloud_run_has_ended(r.state))) {
        runs_on = !cancel_remote(&r);
        if (!runs_on) (void)dowel_remember(d, "cloud_run.ended", r.marker, false, NULL);
    }
    delete_after(&r, stopped, runs_on);
    if (!rc) *result = json_incref(r.result);
    json_decref(r.result);
    json_decref(r.state);
    free(r.execution);
    dowel_cloud_run_client_close(&r.c);
    return rc;
}

/* ---- status, cancel ---- */

static const dowel_field execution_fields[] = {JOB(dowel_cloud_run_execution_args),
                                               {DOWEL_AT(dowel_cloud_run_execution_args, execution),
                                                .kind = DOWEL_STRING, .flags = DOWEL_SUBJECT,
                                                .doc = "Name of the execution. Default: the newest."},
                                               {DOWEL_GIVEN_AT(dowel_cloud_run_execution_args)},
                                               {0}};

static int check_execution(const void *data, dowel_error *err) {
    const char *execution = ((const dowel_cloud_run_execution_args *)data)->execution;
    if (!execution || *dowel_cloud_run_short_name(execution)) return 0;
    return dowel_fail(err, DOWEL_E_INVALID, "field \"execution\": \"%.100s\" is not the name of an execution",
                      execution);
}

static const dowel_table status_table = {"cloud_run.status", sizeof(dowel_cloud_run_execution_args), execution_fields,
                                         check_execution};
static const dowel_table cancel_table = {"cloud_run.cancel", sizeof(dowel_cloud_run_execution_args), execution_fields,
                                         check_execution};

static int describe_whole(dowel_cloud_run_client *c, const json_t *execution, json_t **result, dowel_error *err) {
    json_t *described = dowel_cloud_run_describe(execution), *failed = dowel_cloud_run_failed_tasks(c, execution);
    if (!described || (failed && json_object_set(described, "failed_tasks", failed))) {
        json_decref(described);
        described = NULL;
    }
    json_decref(failed);
    *result = described;
    return described ? 0 : dowel_no_memory(err);
}

static int with_execution(dowel *d, const dowel_cloud_run_execution_args *args, bool cancel, json_t **result,
                          dowel_error *err) {
    dowel_cloud_run_client c;
    json_t *state = NULL;
    char *execution = NULL;
    int rc = dowel_cloud_run_client_open(d, args->job, &c, err);
    if (rc) return rc;
    if (!args->execution) rc = dowel_cloud_run_newest_execution(&c, &execution, err);
    const char *name = args->execution ? args->execution : execution;
    if (!rc && cancel) rc = dowel_cloud_run_cancel_execution(&c, name, err);
    if (!rc)
        rc = cancel ? dowel_cloud_run_follow_execution(&c, name, &state, err)
                    : dowel_cloud_run_get_execution(&c, name, &state, err);
    if (!rc) rc = describe_whole(&c, state, result, err);
    json_decref(state);
    free(execution);
    dowel_cloud_run_client_close(&c);
    return rc;
}

static int run_status(dowel *d, const void *data, json_t **result, dowel_error *err) {
    return with_execution(d, data, false, result, err);
}

static int run_cancel(dowel *d, const void *data, json_t **result, dowel_error *err) {
    return with_execution(d, data, true, result, err);
}

/* ---- delete ---- */

static const dowel_field delete_fields[] = {JOB(dowel_cloud_run_delete_args),
                                            {DOWEL_AT(dowel_cloud_run_delete_args, not_found_ok), .kind = DOWEL_BOOL,
                                             .doc = "Succeed if the job does not exist."},
                                            {DOWEL_GIVEN_AT(dowel_cloud_run_delete_args)},
                                            {0}};
static const dowel_table delete_table = {"cloud_run.delete", sizeof(dowel_cloud_run_delete_args), delete_fields, NULL};

static int run_delete(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_cloud_run_delete_args *args = data;
    dowel_cloud_run_client c;
    bool deleted;
    int rc = dowel_cloud_run_client_open(d, args->job, &c, err);
    if (rc) return rc;
    rc = dowel_cloud_run_delete_job(&c, args->not_found_ok, true, &deleted, err);
    if (!rc) *result = json_pack("{s:s,s:b}", "job", c.job->job, "deleted", deleted);
    dowel_cloud_run_client_close(&c);
    return rc;
}

#define TASK(id, what, args_table, body, shown)                                                                        \
    static const dowel_task task_##id = {.size = sizeof(dowel_task),                                                   \
                                         .name = "cloud_run." #id,                                                     \
                                         .doc = what,                                                                  \
                                         .args = &args_table,                                                          \
                                         .run = body,                                                                  \
                                         .example = shown}

TASK(run, "Creates or updates a job, runs it and waits until the execution ends.", run_table, run_run,
     "--job cloud-run-job/nightly");
TASK(status, "Shows the state of an execution.", status_table, run_status, "--job cloud-run-job/nightly");
TASK(cancel, "Cancels an execution and waits until it ends.", cancel_table, run_cancel, "--job cloud-run-job/nightly");
TASK(delete, "Deletes a job.", delete_table, run_delete, "--job cloud-run-job/nightly");

static const dowel_task *const tasks[] = {&task_run, &task_status, &task_cancel, &task_delete, NULL};
static const dowel_block_type *const types[] = {&dowel_cloud_run_job_type, NULL};

const dowel_connector dowel_cloud_run_connector = {.abi = DOWEL_ABI,
                                                   .size = sizeof(dowel_connector),
                                                   .name = "cloud_run",
                                                   .version = "0.1.0",
                                                   .doc = "Google Cloud Run jobs.",
                                                   .block_types = types,
                                                   .tasks = tasks};
