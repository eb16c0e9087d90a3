/* The address of BigQuery, the retry rules, and jobs: submitted once, then polled until they end. */
#include "client.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From "Error messages" in the BigQuery manual: backendError, internalError, rateLimitExceeded and jobRateLimitExceeded are temporary. */
static const dowel_retry_rule retry[] = {{429, NULL, true},
                                         {403, "rateLimitExceeded", true},
                                         {403, "jobRateLimitExceeded", true},
                                         {500, NULL, false},
                                         {502, NULL, false},
                                         {503, NULL, false},
                                         {504, NULL, false},
                                         {0}};

/* Adds a hint for BigQuery's reason, both of a refused request and of a failed job. */
static void advise(dowel_error *err) {
    if (*err->hint) return;
    if (!strcmp(err->reason, "notFound"))
        dowel_error_hint(err, "check project, dataset and table, and the location; `dowel query 'SELECT table_name "
                              "FROM DATASET.INFORMATION_SCHEMA.TABLES'` lists the tables");
    if (!strcmp(err->reason, "accessDenied"))
        dowel_error_hint(err,
                         "these credentials lack a permission: roles/bigquery.jobUser and roles/bigquery.dataEditor");
    if (!strcmp(err->reason, "bytesBilledLimitExceeded"))
        dowel_error_hint(err, "raise maximum_bytes_billed, or make the query read less");
}

static void explain(const dowel_http_response *response, dowel_error *err) {
    dowel_gcp_explain(response, err);
    advise(err);
}

static const dowel_http_service with_credentials = {.name = "BigQuery",
                                                    .names = &dowel_gcp_names,
                                                    .retry = retry,
                                                    .max_attempts = 6,
                                                    .backoff = 0.5,
                                                    .backoff_limit = 32,
                                                    .authorize = dowel_gcp_authorize,
                                                    .explain = explain};
static const dowel_http_service bare = {.name = "BigQuery",
                                        .names = &dowel_gcp_names,
                                        .retry = retry,
                                        .max_attempts = 6,
                                        .backoff = 0.5,
                                        .explain = explain};

int dowel_bq_open(dowel *d, dowel_block *credentials, const char *project, const char *endpoint, dowel_bq *bq,
                  dowel_error *err) {
    memset(bq, 0, sizeof *bq);
    bq->d = d;
    bq->credentials = credentials;
    char *emulator = dowel_variable("BIGQUERY_EMULATOR_HOST");
    bool from_environment = !endpoint && emulator;
    if (from_environment) endpoint = emulator;
    if (!endpoint) endpoint = "https://bigquery.googleapis.com";
    bq->service = from_environment && !credentials ? &bare : &with_credentials;
    int n = snprintf(bq->base, sizeof bq->base, "%s%s", strstr(endpoint, "://") ? "" : "http://", endpoint);
    free(emulator);
    if (n < 0 || (size_t)n >= sizeof bq->base)
        return dowel_fail(err, DOWEL_E_INVALID, "BigQuery: the endpoint is too long");
    return dowel_gcp_project(d, credentials, project, &bq->project, err);
}

void dowel_bq_close(dowel_bq *bq) {
    free(bq->project);
    bq->project = NULL;
}

dowel_http_request *dowel_bq_request(dowel_bq *bq, const char *method) {
    dowel_http_request *r = dowel_http_new(bq->service, bq->credentials, method, bq->base);
    dowel_http_path(r, "bigquery", "v2", "projects", bq->project, NULL);
    return r;
}

int64_t dowel_bq_int(const json_t *object, const char *member) {
    const json_t *value = json_object_get(object, member);
    const char *text = json_string_value(value);
    return text ? strtoll(text, NULL, 10) : json_integer_value(value);
}

/* ---- jobs ---- */

static int get_job(dowel_bq *bq, const char *id, const char *location, json_t **job, dowel_error *err) {
    dowel_http_request *r = dowel_bq_request(bq, "GET");
    dowel_http_path(r, "jobs", id, NULL);
    dowel_http_query(r, "location", location);
    return dowel_http_fetch_document(bq->d, r, DOWEL_JSON_NUL, job,
                                     err); /* error messages quote cells, which may hold NUL */
}

int dowel_bq_job_id(dowel_bq *bq, const char *location, char id[80], dowel_error *err) {
    int number = 1;
    if (location && strlen(location) >= sizeof bq->location)
        return dowel_fail(err, DOWEL_E_INVALID, "field \"location\": \"%.100s\" is not a location", location);
    /* A job that failed or was cancelled keeps its id, so the next attempt needs a new one. A job that succeeded before it could be
     * cancelled has done its work: the next attempt attaches to it. */
    char *held = NULL, *where = NULL;
    int rc = dowel_recall_started(bq->d, "bigquery.job_id", &held, err);
    if (!rc && held && !location) rc = dowel_recall_started(bq->d, "bigquery.location", &where, err);
    if (rc) {
        free(held);
        return rc;
    }
    snprintf(bq->location, sizeof bq->location, "%s", location ? location : where ? where : "");
    free(where);
    if (held) {
        json_t *job = NULL;
        char *cancelled = dowel_recall(bq->d, "bigquery.cancelled");
        rc = get_job(bq, held, *bq->location ? bq->location : NULL, &job, err); /* a missing job has no status */
        const json_t *status = json_object_get(job, "status");
        const char *state = json_string_value(json_object_get(status, "state"));
        bool ended = state && !strcmp(state, "DONE");
        bool failed = ended ? json_object_get(status, "errorResult") != NULL : cancelled && !strcmp(cancelled, held);
        /* If the state of the cancelled job is not known, a new job might repeat its work. */
        bool unknown = rc && rc != DOWEL_E_NOT_FOUND && failed;
        free(cancelled);
        json_decref(job);
        const char *last = strrchr(held, '_');
        if (last) number = (int)strtol(last + 1, NULL, 10) + 1;
        if (!failed) snprintf(id, 80, "%s", held);
        free(held);
        if (unknown) return rc;
        if (!failed) return 0;
    }
    snprintf(id, 80, "dowel_%s_%d", dowel_run_id(bq->d), number);
    return dowel_remember(bq->d, "bigquery.job_id", id, false, err);
}

int dowel_bq_insert(dowel_bq *bq, const char *id, const char *location, const json_t *configuration, json_t **job,
                    dowel_error *err) {
    json_t *body = dowel_bq_job_resource(bq, id, location, configuration);
    dowel_http_request *r = dowel_bq_request(bq, "POST");
    dowel_error local;
    dowel_http_path(r, "jobs", NULL);
    dowel_http_json(r, body);
    /* BigQuery refuses a second job with the same id, so the request may be repeated. */
    dowel_http_idempotent(r, true);
    int rc = dowel_http_fetch_document(bq->d, r, DOWEL_JSON_NUL, job, &local);
    json_decref(body);
    return dowel_bq_submitted(bq, rc, id, location, job, &local, err);
}

json_t *dowel_bq_job_resource(const dowel_bq *bq, const char *id, const char *location, const json_t *configuration) {
    return json_pack("{s:{s:s,s:s,s:s*},s:O}", "jobReference", "projectId", bq->project, "jobId", id, "location",
                     location, "configuration", (json_t *)configuration);
}

/* Reads the location of a job that was submitted without one from "Already Exists: Job PROJECT:LOCATION.ID". */
static bool location_in(const char *message, const char *id, char location[64]) {
    const char *found = strstr(message, id), *start = found ? found - 1 : NULL;
    if (!found || found == message || *start != '.') return false;
    while (start > message && (dowel_is_alnum((unsigned char)start[-1]) || start[-1] == '-')) start--;
    if (start == message || start[-1] != ':' || found - start < 2 || found - start > 63) return false;
    snprintf(location, 64, "%.*s", (int)(found - 1 - start), start);
    return true;
}

/* Cancels the job if its run was stopped. `rc` is the result of the failed call. */
static void give_up(dowel_bq *bq, int rc, const char *id, const char *location) {
    if (!rc || !dowel_check(bq->d, NULL)) return;
    dowel_http_request *r = dowel_bq_request(bq, "POST");
    dowel_http_path(r, "jobs", id, "cancel", NULL);
    dowel_http_query(r, "location", location);
    dowel_http_idempotent(r, true);
    dowel_error why;
    rc = dowel_http_send(dowel_cleanup(bq->d), r, NULL, &why);
    dowel_http_free(r);
    /* The next attempt must not wait for this job. */
    if (!rc) rc = dowel_remember(bq->d, "bigquery.cancelled", id, false, &why);
    if (rc && rc != DOWEL_E_NOT_FOUND) /* not found: the job never started */
        dowel_log(bq->d, DOWEL_LOG_WARNING, "cannot cancel BigQuery job %s, which is still running: %s", id,
                  why.message);
}

int dowel_bq_submitted(dowel_bq *bq, int rc, const char *id, const char *location, json_t **job, dowel_error *why,
                       dowel_error *err) {
    char said[64];
    if (rc && why->http_status == 409) {
        if (!location && location_in(why->message, id, said)) location = said;
        rc = get_job(bq, id, location, job, why);
    }
    if (rc) {
        /* The server may have received the request although it failed here. */
        give_up(bq, rc, id, location);
        if (err) *err = *why;
        return rc;
    }
    /* Without a location, BigQuery looks for a job in the US and the EU only. */
    const char *where = json_string_value(json_object_get(json_object_get(*job, "jobReference"), "location"));
    if (!where || !strcmp(where, "US") || !strcmp(where, "EU")) return 0;
    return dowel_remember(bq->d, "bigquery.location", where, false, err);
}

/* Reasons that do not go away when the job is repeated. */
static bool is_permanent(const char *reason) {
    static const char *const reasons[] = {
        "invalid",   "invalidQuery",      "invalidUser",      "notImplemented",
        "duplicate", "billingNotEnabled", "responseTooLarge", "billingTierLimitExceeded"};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (!strcmp(reasons[i], reason)) return true;
    return false;
}

/* Temporary reasons: another job may succeed. */
static bool may_help_again(const char *reason) {
    static const char *const reasons[] = {"backendError",    "internalError",    "rateLimitExceeded",
                                          "jobBackendError", "jobInternalError", "jobRateLimitExceeded"};
    for (size_t i = 0; reason && i < sizeof reasons / sizeof reasons[0]; i++)
        if (!strcmp(reason, reasons[i])) return true;
    return false;
}

int dowel_bq_job_error(const json_t *job, dowel_error *err) {
    const json_t *status = json_object_get(job, "status"), *result = json_object_get(status, "errorResult");
    if (!result) return 0;
    const char *reason = json_string_value(json_object_get(result, "reason")),
               *message = json_string_value(json_object_get(result, "message"));
    const char *where = json_string_value(json_object_get(result, "location"));
    dowel_error local;
    if (!err) err = &local;
    int code = reason && !strcmp(reason, "notFound")       ? DOWEL_E_NOT_FOUND
               : reason && !strcmp(reason, "accessDenied") ? DOWEL_E_PERMISSION
                                                           : DOWEL_E_REMOTE;
    int first_line = message ? (int)strcspn(message, "\r\n") : 0;
    dowel_fail(err, code, "BigQuery: %s%s%.*s%s%s", reason ? reason : "the job failed", message ? ": " : "", first_line,
               message ? message : "", where ? " at " : "", where ? where : "");
    snprintf(err->reason, sizeof err->reason, "%s", reason ? reason : "");
    err->retryable = may_help_again(reason);
    err->permanent = reason && is_permanent(reason);
    advise(err);
    size_t i, used = 0;
    json_t *one;
    if (message && message[first_line]) {
        snprintf(err->detail, sizeof err->detail, "%s\n", message);
        used = strlen(err->detail);
    }
    json_array_foreach(json_object_get(status, "errors"), i, one) {
        const char *text = json_string_value(json_object_get(one, "message")),
                   *at = json_string_value(json_object_get(one, "location"));
        if (!text || used >= sizeof err->detail - 1 || (message && !strcmp(text, message))) continue;
        int n = snprintf(err->detail + used, sizeof err->detail - used, "%s%s%s\n", at ? at : "", at ? ": " : "", text);
        used += n > 0 ? (size_t)n : 0;
    }
    return code;
}

int dowel_bq_wait(dowel_bq *bq, const char *id, json_t **job, dowel_error *err) {
    double wait = 0.1;
    for (;;) {
        const char *state = json_string_value(json_object_get(json_object_get(*job, "status"), "state"));
        if (state && !strcmp(state, "DONE")) return dowel_bq_job_error(*job, err);
        char location[64];
        const char *where = json_string_value(json_object_get(json_object_get(*job, "jobReference"), "location"));
        snprintf(location, sizeof location, "%s", where ? where : "");
        int rc = dowel_sleep(bq->d, wait, err);
        json_t *fresh = NULL;
        if (!rc) rc = get_job(bq, id, *location ? location : NULL, &fresh, err);
        give_up(bq, rc, id, *location ? location : NULL);
        if (rc) return rc;
        json_decref(*job);
        *job = fresh;
        wait = fmin(wait * 1.5, 5);
    }
}

void dowel_bq_warn(dowel *d, const char *what, const json_t *errors, int64_t bad_records) {
    enum { SHOWN = 5 };
    json_t *one;
    size_t i;
    if (bad_records > 0)
        dowel_log(d, DOWEL_LOG_WARNING, "%s: %lld bad record%s skipped", what, (long long)bad_records,
                  bad_records == 1 ? " was" : "s were");
    json_array_foreach((json_t *)errors, i, one) {
        const char *message = json_string_value(json_object_get(one, "message")),
                   *reason = json_string_value(json_object_get(one, "reason")),
                   *where = json_string_value(json_object_get(one, "location"));
        if (i == SHOWN) {
            dowel_log(d, DOWEL_LOG_WARNING, "%s: and %zu more", what, json_array_size(errors) - SHOWN);
            return;
        }
        dowel_log(d, DOWEL_LOG_WARNING, "%s: %s%s%s%s%s", what, where ? where : "", where ? ": " : "",
                  reason ? reason : "", reason && message ? ": " : "",
                  message  ? message
                  : reason ? ""
                           : "a warning without a message");
    }
}

json_t *dowel_bq_describe_job(const json_t *job) {
    const json_t *status = json_object_get(job, "status"), *statistics = json_object_get(job, "statistics"),
                 *reference = json_object_get(job, "jobReference");
    return json_pack("{s:O*,s:O*,s:O*,s:O*,s:O*,s:O*}", "job_id", json_object_get(reference, "jobId"), "location",
                     json_object_get(reference, "location"), "state", json_object_get(status, "state"), "error",
                     json_object_get(status, "errorResult"), "statistics", statistics, "configuration",
                     json_object_get(job, "configuration"));
}
