/* The job: created, changed where it differs from the block, deleted. */
#include "client.h"

#include <dowel/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFLICTS = 6 }; /* with other writers of the job, before it is an error */

/* The job as it is, every number as it was written, since it is sent back; NULL where there is none. */
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

/* A job whose image cannot be found says so before anything runs. */
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
    if (err) err->permanent = true; /* until somebody mends the job */
    if (message && strstr(message, "mage"))
        dowel_error_hint(err, "check the image's name and tag, and that Cloud Run may read its registry");
    return rc;
}

static int create(dowel_cloud_run_client *c, const json_t *wanted, json_t **operation, dowel_error *err) {
    if (!c->job->image) {
        int rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "Cloud Run: there is no job %s in %s", c->job->job, c->parent);
        dowel_error_hint(err, "check its name, project and region, or give the block an image to make the job of");
        return rc;
    }
    dowel_http_request *r = dowel_cloud_run_request(c, "POST", c->parent, "/jobs");
    dowel_http_query(r, "jobId", c->job->job);
    dowel_http_json(r, wanted);
    dowel_http_idempotent(r, true); /* its name makes a second creation a conflict */
    return dowel_http_fetch_json(c->d, r, operation, err);
}

/* The whole job as it is wanted, unless somebody else has changed it since it was read. */
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

/* Reads the job and changes what differs. *again: somebody else changed it meanwhile; read it again. */
static int ensure_once(dowel_cloud_run_client *c, bool *again, dowel_error *err) {
    json_t *job = NULL, *wanted = NULL, *operation = NULL;
    dowel_cloud_run_difference difference = DOWEL_CLOUD_RUN_SAME;
    int rc = read_job(c, &job, err);
    if (!rc) rc = dowel_cloud_run_change(c->job, job, &wanted, &difference, err);
    if (!rc && !job) {
        rc = create(c, wanted, &operation, err);
    } else if (!rc && (difference != DOWEL_CLOUD_RUN_SAME || has_failed(job))) {
        /* A job that failed is looked at again by the service when it is written: its image may be there now. */
        rc = update(c, wanted, &operation, err);
        /* A caller that may only run jobs runs one that is as it should be. */
        if (rc == DOWEL_E_PERMISSION && difference == DOWEL_CLOUD_RUN_UNRECORDED) rc = 0;
    }
    *again = rc && err->http_status == 409;
    if (!rc && is_job(c, operation)) { /* the server is done at once */
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
                err, "somebody else keeps changing the job; call again later, or with --no-update to run it as it is");
        if (!again || attempt == CONFLICTS) return rc;
        dowel_log(c->d, DOWEL_LOG_INFO, "job %s was changed by somebody else: read again", c->job->job);
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
        *deleted = true; /* by an earlier attempt, whose answer was lost */
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
