/* The job: create it, update it if it differs from the block, delete it. */
#include "client.h"

#include <dowel/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFLICTS = 6 }; /* with other writers of the job, before giving up */

/* Reads the job; NULL if it does not exist. Numbers keep their text, because the job is sent back. */
static int read_job(dowel_cloud_run_client *c, json_t **job, dowel_error *err) {
    dowel_http_request *r = dowel_cloud_run_request(c, "GET", c->name, NULL);
    dowel_http_response *response;
    *job = NULL;
    int rc = dowel_http_send(c->d, r, &response, err);
    if (!rc) {
        dowel_bytes body = dowel_http_response_body(response);
        rc = dowel_json_read(body.data, body.size, DOWEL_JSON_EXACT, "the answer", job, err);
        if (!rc && !json_is_object(*job)) rc = dowel_fail(err, DOWEL_E_PROTOCOL, "the answer is not a job");
        if (rc) {
            dowel_error_prefix(err, "Cloud Run: job %s: ", c->job->job);
            rc = err->code = DOWEL_E_PROTOCOL;
            json_decref(*job);
            *job = NULL;
        }
        dowel_http_response_free(response);
    }
    dowel_http_free(r);
    return rc == DOWEL_E_NOT_FOUND ? 0 : rc;
}

static bool has_failed(const json_t *job) {
    const char *state = json_string_value(json_object_get(json_object_get(job, "terminalCondition"), "state"));
    return state && !strcmp(state, "CONDITION_FAILED");
}

/* A job whose image does not exist fails here, before an execution starts. */
static int check_ready(const dowel_cloud_run_client *c, const json_t *job, dowel_error *err) {
    if (!has_failed(job)) return 0;
    const json_t *condition = json_object_get(job, "terminalCondition");
    const char *message = json_string_value(json_object_get(condition, "message")),
               *reason = json_string_value(json_object_get(condition, "reason"));
    int rc = dowel_fail(err, DOWEL_E_REMOTE, "Cloud Run: job %s cannot run: %s", c->job->job,
                        message  ? message
                        : reason ? reason
                                 : "not ready");
    if (reason) snprintf(err->reason, sizeof err->reason, "%s", reason);
    if (err) err->permanent = true; /* until the job is corrected */
    if (message && strstr(message, "mage"))
        dowel_error_hint(err, "check the image's name and tag, and that Cloud Run may read its registry");
    return rc;
}

static int create(dowel_cloud_run_client *c, const json_t *wanted, json_t **operation, dowel_error *err) {
    if (!c->job->image) {
        int rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "Cloud Run: job %s does not exist in %s", c->job->job, c->parent);
        dowel_error_hint(err, "check its name, project and region, or give the block an image to create the job from");
        return rc;
    }
    dowel_http_request *r = dowel_cloud_run_request(c, "POST", c->parent, "/jobs");
    dowel_http_query(r, "jobId", c->job->job);
    dowel_http_json(r, wanted);
    dowel_http_idempotent(r, true); /* creating the same name again is a conflict */
    return dowel_http_fetch_json(c->d, r, operation, err);
}

/* Replaces the job, unless it was changed since it was read (etag). */
static int update(dowel_cloud_run_client *c, const json_t *wanted, json_t **operation, dowel_error *err) {
    dowel_http_request *r = dowel_cloud_run_request(c, "PATCH", c->name, NULL);
    dowel_http_json(r, wanted);
    dowel_http_idempotent(r, json_object_get(wanted, "etag") != NULL);
    return dowel_http_fetch_json(c->d, r, operation, err);
}

static bool is_job(const dowel_cloud_run_client *c, const json_t *answer) {
    const char *name = json_string_value(json_object_get(answer, "name"));
    return name && !strcmp(name, c->name);
}

/* Reads the job and updates what differs. *again: another client changed it in between; start over. */
static int ensure_once(dowel_cloud_run_client *c, bool *again, dowel_error *err) {
    json_t *job = NULL, *wanted = NULL, *operation = NULL;
    dowel_cloud_run_difference difference = DOWEL_CLOUD_RUN_SAME;
    int rc = read_job(c, &job, err);
    if (!rc) rc = dowel_cloud_run_change(c->job, job, &wanted, &difference, err);
    if (!rc && !job) {
        rc = create(c, wanted, &operation, err);
    } else if (!rc && (difference != DOWEL_CLOUD_RUN_SAME || has_failed(job))) {
        /* Writing a failed job makes the service check it again: its image may have been pushed since. */
        rc = update(c, wanted, &operation, err);
        /* A caller without the permission to update may still run a job that already matches the block. */
        if (rc == DOWEL_E_PERMISSION && difference == DOWEL_CLOUD_RUN_UNRECORDED) rc = 0;
    }
    *again = rc && err->http_status == 409;
    if (!rc && is_job(c, operation)) { /* the server answered with the finished job */
        json_decref(job);
        job = operation;
        operation = NULL;
    }
    if (!rc && operation) rc = dowel_cloud_run_operation(c, &operation, err);
    if (!rc) rc = check_ready(c, operation ? json_object_get(operation, "response") : job, err);
    json_decref(operation);
    json_decref(wanted);
    json_decref(job);
    return rc;
}

int dowel_cloud_run_ensure_job(dowel_cloud_run_client *c, dowel_error *err) {
    for (int attempt = 1;; attempt++) {
        bool again = false;
        int rc = ensure_once(c, &again, err);
        if (again && attempt == CONFLICTS)
            dowel_error_hint(
                err,
                "another client keeps changing the job; call again later, or run the job as it is with --no-update");
        if (!again || attempt == CONFLICTS) return rc;
        dowel_log(c->d, DOWEL_LOG_INFO, "job %s was changed by another client; reading it again", c->job->job);
        dowel_error stopped;
        rc = dowel_sleep(c->d, 0.1 * (1 << attempt), &stopped);
        if (rc) {
            *err = stopped;
            return rc;
        }
    }
}

int dowel_cloud_run_delete_job(dowel_cloud_run_client *c, bool not_found_ok, bool wait, bool *deleted,
                               dowel_error *err) {
    json_t *operation = NULL;
    dowel_http_request *r = dowel_cloud_run_request(c, "DELETE", c->name, NULL);
    dowel_http_response *response;
    int rc = dowel_http_send(c->d, r, &response, err);
    *deleted = !rc;
    if (rc == DOWEL_E_NOT_FOUND && dowel_http_in_doubt(r)) {
        *deleted = true; /* an earlier attempt deleted it, but its answer was lost */
        rc = 0;
    } else if (!rc) {
        rc = wait ? dowel_http_response_json(response, &operation, err) : 0;
        dowel_http_response_free(response);
        if (!rc && wait) rc = dowel_cloud_run_operation(c, &operation, err);
    }
    dowel_http_free(r);
    json_decref(operation);
    return rc == DOWEL_E_NOT_FOUND && not_found_ok ? 0 : rc;
}
