/* What the cloud_run connector brings: a block type and its tasks. */
#include "client.h"

#include <stdlib.h>
#include <string.h>

static const dowel_field job_fields[] = {
    {DOWEL_AT(dowel_cloud_run_job, job), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "Name of the job.",
     .example = "nightly-report"},
    {DOWEL_AT(dowel_cloud_run_job, image), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "Container image.",
     .example = "europe-docker.pkg.dev/my-project/images/report:1"},
    {DOWEL_AT(dowel_cloud_run_job, region), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "Region.",
     .example = "europe-west1"},
    {DOWEL_AT(dowel_cloud_run_job, project), .kind = DOWEL_STRING, .doc = "Project; without: the credentials' own."},
    {DOWEL_AT(dowel_cloud_run_job, credentials), .kind = DOWEL_BLOCK, .blocks = "gcp-credentials",
     .doc = "Who calls; without: Application Default Credentials."},
    {DOWEL_AT(dowel_cloud_run_job, command), .kind = DOWEL_LIST, .doc = "Command; without: the image's own."},
    {DOWEL_AT(dowel_cloud_run_job, args), .kind = DOWEL_LIST, .doc = "Arguments of the command."},
    {DOWEL_AT(dowel_cloud_run_job, env), .kind = DOWEL_MAP, .doc = "Environment variables."},
    {DOWEL_AT(dowel_cloud_run_job, cpu), .kind = DOWEL_STRING, .doc = "CPU limit.", .example = "1"},
    {DOWEL_AT(dowel_cloud_run_job, memory), .kind = DOWEL_STRING, .doc = "Memory limit.", .example = "512Mi"},
    {DOWEL_AT(dowel_cloud_run_job, timeout), .kind = DOWEL_DURATION, .doc = "Limit of each task.", .example = "10m"},
    {DOWEL_AT(dowel_cloud_run_job, task_count), .kind = DOWEL_INT, .maximum = 10000,
     .doc = "Tasks of an execution; without: one."},
    {DOWEL_AT(dowel_cloud_run_job, parallelism), .kind = DOWEL_INT, .maximum = 10000,
     .doc = "Most tasks at once; without: as the service sees fit."},
    {DOWEL_AT(dowel_cloud_run_job, max_retries), .kind = DOWEL_INT, .maximum = 10,
     .doc = "Retries of a failed task; without: none."},
    {DOWEL_AT(dowel_cloud_run_job, service_account), .kind = DOWEL_STRING,
     .doc = "Service account that the job runs as."},
    {DOWEL_AT(dowel_cloud_run_job, labels), .kind = DOWEL_MAP, .doc = "Labels of the job."},
    {DOWEL_AT(dowel_cloud_run_job, delete_after), .kind = DOWEL_BOOL,
     .doc = "Delete the job when the execution has ended."},
    {DOWEL_AT(dowel_cloud_run_job, endpoint), .kind = DOWEL_STRING,
     .doc = "Address of a server that speaks Cloud Run."},
    {0}};

/* What the service would refuse only after a request. */
static int check_job(const void *data, dowel_error *err) {
    const dowel_cloud_run_job *job = data;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz", all[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t size = strlen(job->job);
    if (!size || size > 63 || !strchr(letters, job->job[0]) || strspn(job->job, all) != size ||
        job->job[size - 1] == '-')
        return dowel_fail(
            err, DOWEL_E_INVALID,
            "field \"job\": \"%.100s\" is no job name: at most 63 lower-case letters, digits and hyphens, "
            "of which the first is a letter and the last no hyphen",
            job->job);
    for (const dowel_pair *env = job->env; env && env->name; env++)
        if (!*env->name || strchr(env->name, '='))
            return dowel_fail(err, DOWEL_E_INVALID, "field \"env\": \"%.100s\" is no name of an environment variable",
                              env->name);
    return 0;
}

static const dowel_table job_table = {"cloud-run-job", sizeof(dowel_cloud_run_job), job_fields, check_job};

const dowel_block_type dowel_cloud_run_job_type = {.size = sizeof(dowel_block_type),
                                                   .name = "cloud-run-job",
                                                   .doc = "A Cloud Run job: image, command, resources.",
                                                   .table = &job_table,
                                                   .version = 1,
                                                   .check = dowel_run_check};

#define JOB(type)                                                                                                      \
    {                                                                                                                  \
        DOWEL_AT(type, job), .kind = DOWEL_BLOCK, .flags = DOWEL_REQUIRED, .blocks = "cloud-run-job",                  \
                             .doc = "The job.", .example = "cloud-run-job/nightly"                                     \
    }

/* ---- run ---- */

static const dowel_field run_fields[] = {JOB(dowel_cloud_run_run_args),
                                         {DOWEL_AT(dowel_cloud_run_run_args, args), .kind = DOWEL_LIST,
                                          .doc = "Arguments for this execution; win over the job's."},
                                         {DOWEL_AT(dowel_cloud_run_run_args, env), .kind = DOWEL_MAP,
                                          .doc = "Further environment variables of this execution."},
                                         {DOWEL_AT(dowel_cloud_run_run_args, task_count), .kind = DOWEL_INT,
                                          .maximum = 10000, .doc = "Tasks of this execution."},
                                         {DOWEL_AT(dowel_cloud_run_run_args, task_timeout), .kind = DOWEL_DURATION,
                                          .doc = "Limit of each task of this execution."},
                                         {DOWEL_AT(dowel_cloud_run_run_args, no_wait), .kind = DOWEL_BOOL,
                                          .doc = "Return when the execution exists, not when it has ended."},
                                         {DOWEL_GIVEN_AT(dowel_cloud_run_run_args)},
                                         {0}};
static const dowel_table run_table = {"cloud_run.run", sizeof(dowel_cloud_run_run_args), run_fields, NULL};

static void cancel_remote(const dowel_run_client *c, dowel_block *job, const char *execution) {
    dowel_run_client cleanup = *c;
    cleanup.d = dowel_cleanup(c->d);
    dowel_error why;
    if (dowel_run_cancel(&cleanup, execution, &why))
        dowel_log(c->d, DOWEL_LOG_WARNING, "execution %s runs on: %s; `dowel call cloud_run.cancel --job %s` stops it",
                  dowel_run_short(execution), why.message, dowel_block_name(job) ? dowel_block_name(job) : "...");
}

/* An execution of this run that was begun and whose end nobody has seen: by an attempt whose process died, say. Its mark stands in
 * the history before it is started, so that not even an execution whose name was never read is started twice. */
static int find_unended(dowel_run_client *c, char marker[DOWEL_RUN_MARKER_SIZE], char **execution, dowel_error *err) {
    char *begun = dowel_recall(c->d, "cloud_run.marker"), *ended = dowel_recall(c->d, "cloud_run.ended");
    int rc = 0;
    if (begun && (!ended || strcmp(begun, ended) != 0)) {
        snprintf(marker, DOWEL_RUN_MARKER_SIZE, "%s", begun);
        *execution = dowel_recall(c->d, "cloud_run.execution");
        if (!*execution) rc = dowel_run_find(c, marker, execution, err);
        if (rc == DOWEL_E_NOT_FOUND) rc = 0; /* not even the job is there */
    } else {
        snprintf(marker, DOWEL_RUN_MARKER_SIZE, "%.36s-%d", dowel_run_id(c->d), dowel_attempt(c->d));
        dowel_forget(c->d, "cloud_run.execution");
        rc = dowel_remember(c->d, "cloud_run.marker", marker, false, err);
    }
    free(begun);
    free(ended);
    return rc;
}

static int run_run(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_cloud_run_run_args *args = data;
    dowel_run_client c;
    json_t *state = NULL;
    int rc = dowel_run_client_open(d, args->job, &c, err);
    if (rc) return rc;
    char *execution = NULL, marker[DOWEL_RUN_MARKER_SIZE];
    rc = find_unended(&c, marker, &execution, err);
    if (!rc && execution) {
        dowel_log(d, DOWEL_LOG_INFO, "execution %s was begun before: followed to its end", dowel_run_short(execution));
    } else if (!rc) {
        rc = dowel_run_ensure_job(&c, err);
        if (!rc) rc = dowel_run_start(&c, args, marker, &execution, err);
    }
    if (!rc) rc = dowel_remember(d, "cloud_run.execution", execution, false, err);
    if (!rc)
        rc = args->no_wait ? dowel_run_get(&c, execution, &state, err) : dowel_run_follow(&c, execution, &state, err);
    bool cancelled = rc && execution && dowel_check(d, NULL);
    if (cancelled) cancel_remote(&c, args->job, execution);
    if (cancelled || (state && dowel_run_ended(state))) (void)dowel_remember(d, "cloud_run.ended", marker, false, NULL);
    if (!rc && !args->no_wait) rc = dowel_run_outcome(state, err);
    if (!rc) *result = dowel_run_describe(state);
    if (c.job->delete_after && state && dowel_run_ended(state)) {
        bool deleted;
        dowel_error left;
        if (dowel_run_delete_job(&c, true, &deleted, &left))
            dowel_log(d, DOWEL_LOG_WARNING, "job %s was not deleted: %s", c.job->job, left.message);
    }
    json_decref(state);
    free(execution);
    dowel_run_client_close(&c);
    return rc;
}

/* ---- status, cancel ---- */

static const dowel_field execution_fields[] = {JOB(dowel_cloud_run_execution_args),
                                               {DOWEL_AT(dowel_cloud_run_execution_args, execution),
                                                .kind = DOWEL_STRING,
                                                .doc = "Name of the execution; without: the newest."},
                                               {DOWEL_GIVEN_AT(dowel_cloud_run_execution_args)},
                                               {0}};
static const dowel_table status_table = {"cloud_run.status", sizeof(dowel_cloud_run_execution_args), execution_fields,
                                         NULL};
static const dowel_table cancel_table = {"cloud_run.cancel", sizeof(dowel_cloud_run_execution_args), execution_fields,
                                         NULL};

static int with_execution(dowel *d, const dowel_cloud_run_execution_args *args, bool cancel, json_t **result,
                          dowel_error *err) {
    dowel_run_client c;
    json_t *state = NULL;
    char *execution = NULL;
    int rc = dowel_run_client_open(d, args->job, &c, err);
    if (rc) return rc;
    if (!args->execution) rc = dowel_run_newest(&c, &execution, err);
    const char *name = args->execution ? args->execution : execution;
    if (!rc && cancel) rc = dowel_run_cancel(&c, name, err);
    if (!rc) rc = cancel ? dowel_run_follow(&c, name, &state, err) : dowel_run_get(&c, name, &state, err);
    if (!rc) *result = dowel_run_describe(state);
    json_decref(state);
    free(execution);
    dowel_run_client_close(&c);
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
                                             .doc = "It is no error when there is none."},
                                            {DOWEL_GIVEN_AT(dowel_cloud_run_delete_args)},
                                            {0}};
static const dowel_table delete_table = {"cloud_run.delete", sizeof(dowel_cloud_run_delete_args), delete_fields, NULL};

static int run_delete(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_cloud_run_delete_args *args = data;
    dowel_run_client c;
    bool deleted;
    int rc = dowel_run_client_open(d, args->job, &c, err);
    if (rc) return rc;
    rc = dowel_run_delete_job(&c, args->not_found_ok, &deleted, err);
    if (!rc) *result = json_pack("{s:s,s:b}", "job", c.job->job, "deleted", deleted);
    dowel_run_client_close(&c);
    return rc;
}

#define TASK(id, what, args_table, body, shown)                                                                        \
    static const dowel_task task_##id = {.size = sizeof(dowel_task),                                                   \
                                         .name = "cloud_run." #id,                                                     \
                                         .doc = what,                                                                  \
                                         .args = &args_table,                                                          \
                                         .run = body,                                                                  \
                                         .example = shown}

TASK(run, "Creates or updates a job, runs it and waits for its end.", run_table, run_run,
     "--job cloud-run-job/nightly");
TASK(status, "Tells how an execution is.", status_table, run_status, "--job cloud-run-job/nightly");
TASK(cancel, "Cancels an execution and waits for its end.", cancel_table, run_cancel, "--job cloud-run-job/nightly");
TASK(delete, "Deletes the job.", delete_table, run_delete, "--job cloud-run-job/nightly");

static const dowel_task *const tasks[] = {&task_run, &task_status, &task_cancel, &task_delete, NULL};
static const dowel_block_type *const types[] = {&dowel_cloud_run_job_type, NULL};

const dowel_connector dowel_cloud_run_connector = {.abi = DOWEL_ABI,
                                                   .size = sizeof(dowel_connector),
                                                   .name = "cloud_run",
                                                   .version = "0.1.0",
                                                   .doc = "Google Cloud Run jobs.",
                                                   .block_types = types,
                                                   .tasks = tasks};
