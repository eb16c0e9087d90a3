/* Requests to the Cloud Run Admin API: address, retries, errors, long-running operations. */
#include "client.h"

#include <dowel/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const dowel_retry_rule retry[] = {{429, NULL, true},  {500, NULL, false}, {502, NULL, false},
                                         {503, NULL, false}, {504, NULL, false}, {0}};

static void explain(const dowel_http_response *response, dowel_error *err) {
    int status = err->http_status;
    dowel_gcp_explain(response, err);
    if (*err->hint) return;
    if (status == 403)
        dowel_error_hint(err, "grant the credentials roles/run.developer, and "
                              "roles/iam.serviceAccountUser on the job's service account");
    if (status == 404) dowel_error_hint(err, "check the job's name, project and region");
}

static const dowel_http_service service = {.name = "Cloud Run",
                                           .names = &dowel_gcp_names,
                                           .retry = retry,
                                           .max_attempts = 6,
                                           .backoff = 0.5,
                                           .backoff_limit = 20,
                                           .authorize = dowel_gcp_authorize,
                                           .explain = explain};

int dowel_cloud_run_client_open(dowel *d, dowel_block *block, dowel_cloud_run_client *c, dowel_error *err) {
    memset(c, 0, sizeof *c);
    c->d = d;
    c->job = dowel_block_data_as(block, &dowel_cloud_run_job_type);
    if (!c->job) return dowel_fail(err, DOWEL_E_INVALID, "expected a cloud-run-job block");
    c->base = c->job->endpoint ? c->job->endpoint : "https://run.googleapis.com";
    int rc = dowel_gcp_project(d, c->job->credentials, c->job->project, &c->project, err);
    if (rc) return rc;
    int n = snprintf(c->parent, sizeof c->parent, "projects/%s/locations/%s", c->project, c->job->region);
    int m = snprintf(c->name, sizeof c->name, "%s/jobs/%s", c->parent, c->job->job);
    if (n < 0 || (size_t)n >= sizeof c->parent || m < 0 || (size_t)m >= sizeof c->name) {
        dowel_cloud_run_client_close(c);
        return dowel_fail(err, DOWEL_E_INVALID, "Cloud Run: the names of project, region and job are too long");
    }
    return 0;
}

void dowel_cloud_run_client_close(dowel_cloud_run_client *c) {
    free(c->project);
    c->project = NULL;
}

dowel_http_request *dowel_cloud_run_request(dowel_cloud_run_client *c, const char *method, const char *resource,
                                            const char *verb) {
    dowel_http_request *r = dowel_http_new(&service, c->job->credentials, method, c->base);
    dowel_http_path(r, "v2", NULL);
    dowel_http_path_slashes(r, resource);
    if (verb) dowel_http_path_raw(r, verb);
    return r;
}

/* Whether a read may be repeated: the service did not answer, as opposed to refusing the request. */
static bool is_away(int rc, const dowel_error *err) {
    return rc == DOWEL_E_UNAVAILABLE || rc == DOWEL_E_NETWORK || (rc == DOWEL_E_TIMEOUT && err->retryable);
}

int dowel_cloud_run_ask(dowel_cloud_run_client *c, const char *resource, json_t **answer, dowel_error *err) {
    double wait = 1;
    bool told = false;
    for (;;) {
        int rc = dowel_http_fetch_json(c->d, dowel_cloud_run_request(c, "GET", resource, NULL), answer, err);
        if (!rc || !is_away(rc, err) || dowel_check(c->d, NULL)) return rc;
        dowel_log(c->d, told ? DOWEL_LOG_INFO : DOWEL_LOG_WARNING, "%s; retrying until the service answers",
                  err->message);
        told = true;
        dowel_error stopped;
        int slept = dowel_sleep(c->d, wait, &stopped);
        if (slept == DOWEL_E_TIMEOUT) { /* the reason for the delay tells more than the timeout */
            size_t used = strlen(err->message);
            snprintf(err->message + used, sizeof err->message - used, "; %s", stopped.message);
            return rc;
        }
        if (slept) {
            *err = stopped;
            return slept;
        }
        wait = fmin(wait * 2, 30);
    }
}

json_t *dowel_cloud_run_duration(double seconds) {
    char text[DOWEL_DURATION_TEXT_SIZE];
    dowel_format_duration(seconds, text);
    return json_string(text);
}

int dowel_cloud_run_operation(dowel_cloud_run_client *c, json_t **operation, dowel_error *err) {
    double wait = 0.1;
    while (!json_is_true(json_object_get(*operation, "done"))) {
        const char *name = json_string_value(json_object_get(*operation, "name"));
        if (!name || !strstr(name, "/operations/"))
            return dowel_fail(err, DOWEL_E_PROTOCOL, "Cloud Run: the answer is not an operation");
        int rc = dowel_sleep(c->d, wait, err);
        json_t *fresh = NULL;
        if (!rc) rc = dowel_cloud_run_ask(c, name, &fresh, err);
        if (rc) return rc;
        json_decref(*operation);
        *operation = fresh;
        wait = fmin(wait * 1.6, 5);
    }
    const json_t *error = json_object_get(*operation, "error");
    if (!error) return 0;
    const char *message = json_string_value(json_object_get(error, "message"));
    int rc = dowel_fail(err, DOWEL_E_REMOTE, "Cloud Run: job %s: %s", c->job->job,
                        message ? message : "the operation failed");
    if (message && strstr(message, "not found") && strstr(message, "mage")) {
        if (err) {
            snprintf(err->reason, sizeof err->reason, "ImageNotFound");
            err->permanent = true;
        }
        dowel_error_hint(err, "check the image's name and tag, and that Cloud Run may read its registry");
    }
    return rc;
}
