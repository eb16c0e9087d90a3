/* Executions: start one exactly once, follow it to its end, cancel it. */
#include "client.h"

#include <dowel/buckets.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *dowel_cloud_run_short_name(const char *name) {
    const char *slash = name ? strrchr(name, '/') : NULL;
    return slash ? slash + 1 : name ? name : "";
}

/* An execution that this run started has the run's mark in the environment of its container. */
static bool is_ours(const json_t *execution, const char *run_id) {
    const json_t *containers = json_object_get(json_object_get(execution, "template"), "containers");
    size_t i;
    json_t *variable;
    json_array_foreach(json_object_get(json_array_get(containers, 0), "env"), i, variable) {
        const char *name = json_string_value(json_object_get(variable, "name")),
                   *value = json_string_value(json_object_get(variable, "value"));
        if (name && value && !strcmp(name, "DOWEL_RUN_ID") && !strcmp(value, run_id)) return true;
    }
    return false;
}

/* When the run began, in microseconds by this machine's clock, from its id (a UUID of version 7). 0: unknown. */
static int64_t begin_of_run(const dowel *d) {
    unsigned high, low;
    if (sscanf(dowel_run_id(d), "%8x-%4x", &high, &low) != 2) return 0;
    return ((int64_t)high << 16 | low) * 1000;
}

/* The service's clock may differ: an execution that looks older than the run would be started twice. */
#define CLOCKS_DIFFER ((int64_t)24 * 3600 * 1000000)

static bool is_older(const json_t *execution, int64_t than) {
    const char *created = json_string_value(json_object_get(execution, "createTime"));
    int64_t at;
    return created && !dowel_parse_time(created, &at) && at < than;
}

static bool is_it(const json_t *execution, const char *marker, const char *name) {
    const char *called = json_string_value(json_object_get(execution, "name"));
    return called && (name ? !strcmp(called, name) : is_ours(execution, marker));
}

/* One page, newest first; *more: there is another one. */
static int list(dowel_cloud_run_client *c, bool deleted, dowel_pages *pages, json_t **executions, bool *more,
                dowel_error *err) {
    json_t *answer = NULL;
    dowel_http_request *r = dowel_cloud_run_request(c, "GET", c->name, "/executions");
    dowel_http_query_int(r, "pageSize", 100);
    if (deleted) dowel_http_query(r, "showDeleted", "true");
    dowel_http_query(r, "pageToken", pages->token);
    int rc = dowel_http_fetch_json(c->d, r, &answer, err);
    if (!rc) *executions = json_incref(json_object_get(answer, "executions"));
    if (!rc) rc = dowel_pages_next(pages, json_string_value(json_object_get(answer, "nextPageToken")), more, err);
    if (rc == DOWEL_E_PROTOCOL) dowel_error_prefix(err, "Cloud Run: job %s: the list of executions: ", c->job->job);
    json_decref(answer);
    return rc;
}

/* Finds the execution of that name or, if `name` is NULL, with that mark. Reads back to the start of the run, past any later executions. */
static int search(dowel_cloud_run_client *c, const char *marker, const char *name, bool deleted, json_t **found,
                  dowel_error *err) {
    int64_t since = begin_of_run(c->d) - CLOCKS_DIFFER;
    dowel_pages pages = {0};
    bool more = true;
    int rc = 0;
    *found = NULL;
    while (!rc && more) {
        json_t *executions = NULL, *one;
        size_t i;
        rc = list(c, deleted, &pages, &executions, &more, err);
        json_array_foreach(executions, i, one) {
            if (is_it(one, marker, name)) *found = json_incref(one);
            if (*found || is_older(one, since)) {
                more = false;
                break;
            }
        }
        json_decref(executions);
    }
    dowel_pages_clear(&pages);
    return *found ? 0 : rc;
}

static int find(dowel_cloud_run_client *c, const char *marker, bool deleted, char **execution, dowel_error *err) {
    json_t *found = NULL;
    *execution = NULL;
    int rc = search(c, marker, NULL, deleted, &found, err);
    if (!rc && found && !(*execution = strdup(json_string_value(json_object_get(found, "name")))))
        rc = dowel_no_memory(err);
    json_decref(found);
    return rc;
}

/* A new execution may take a moment to appear in listings. */
static int find_patiently(dowel_cloud_run_client *c, const char *marker, bool deleted, int looks, char **execution,
                          dowel_error *err) {
    int rc = 0;
    for (int i = 0; !rc && !*execution && i < looks; i++) {
        if (i) rc = dowel_sleep(c->d, 0.5, err);
        if (!rc) rc = find(c, marker, deleted, execution, err);
    }
    return rc;
}

int dowel_cloud_run_find_begun(dowel_cloud_run_client *c, const char *marker, char **execution, dowel_error *err) {
    *execution = NULL;
    /* Deleted executions count: one may have succeeded. */
    int rc = find_patiently(c, marker, true, 3, execution, err);
    return rc == DOWEL_E_NOT_FOUND ? 0 : rc; /* the job does not exist either */
}

int dowel_cloud_run_recover_deleted(dowel_cloud_run_client *c, const char *execution, json_t **state,
                                    dowel_error *err) {
    json_t *found = NULL;
    *state = NULL;
    int rc = search(c, NULL, execution, true, &found, err);
    if (!rc && found && dowel_cloud_run_has_ended(found) && dowel_cloud_run_has_succeeded(found))
        *state = json_incref(found);
    json_decref(found);
    return rc == DOWEL_E_NOT_FOUND ? 0 : rc;
}

/* The body that runs the job. New reference; NULL: out of memory. */
static json_t *run_body(const dowel_cloud_run_run_args *args, const char *marker) {
    dowel_builder env = dowel_build(dowel_cloud_run_env(args->env)), container = dowel_build(json_object()),
                  overrides = dowel_build(json_object());
    json_t *built;
    dowel_build_item(&env, json_pack("{s:s,s:s}", "name", "DOWEL_RUN_ID", "value", marker));
    (void)dowel_build_end(&env, &built, NULL);
    dowel_build_json(&container, "env", built);
    if (args->args && *args->args)
        dowel_build_json(&container, "args", dowel_cloud_run_texts(args->args));
    else if (args->args) /* the API reads an empty list as "the job's own" */
        dowel_build_bool(&container, "clearArgs", true);
    (void)dowel_build_end(&container, &built, NULL);
    dowel_build_json(&overrides, "containerOverrides", built ? json_pack("[o]", built) : NULL);
    if (args->task_count) dowel_build_int(&overrides, "taskCount", args->task_count);
    if (args->task_timeout > 0) dowel_build_json(&overrides, "timeout", dowel_cloud_run_duration(args->task_timeout));
    (void)dowel_build_end(&overrides, &built, NULL);
    return built ? json_pack("{s:o}", "overrides", built) : NULL;
}

/* Sends one request to run the job. *in_doubt: the service may have received it, whatever rc says. */
static int request_run(dowel_cloud_run_client *c, const json_t *body, json_t **operation, bool *in_doubt,
                       dowel_error *err) {
    dowel_http_request *r = dowel_cloud_run_request(c, "POST", c->name, ":run");
    dowel_http_response *response;
    dowel_http_json(r, body);
    int rc = dowel_http_send(c->d, r, &response, err);
    *in_doubt = dowel_http_in_doubt(r);
    if (!rc) {
        /* Whatever the body says, the job was started: another request would start it twice. */
        *in_doubt = true;
        if (dowel_http_response_json(response, operation, NULL)) *operation = NULL;
        dowel_http_response_free(response);
    }
    dowel_http_free(r);
    return rc;
}

/* The execution that the operation names; if it names none, the one with our mark. */
static int read_started(dowel_cloud_run_client *c, const json_t *operation, const char *marker, char **execution,
                        dowel_error *err) {
    const char *name = json_string_value(json_object_get(json_object_get(operation, "metadata"), "name"));
    if (name && strstr(name, "/executions/")) {
        *execution = strdup(name);
        return *execution ? 0 : dowel_no_memory(err);
    }
    int rc = find_patiently(c, marker, false, 10, execution, err);
    if (!rc && !*execution)
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "Cloud Run: job %s was started, but no execution appeared", c->job->job);
    return rc;
}

/* The run was stopped before the answer arrived: finds the execution that may have started, so that the caller can cancel it. */
static void find_stopped(dowel_cloud_run_client *c, const char *marker, char **execution) {
    dowel_cloud_run_client cleanup = *c;
    dowel_error why;
    cleanup.d = dowel_cleanup(c->d);
    if (find_patiently(&cleanup, marker, false, 6, execution, &why))
        dowel_log(c->d, DOWEL_LOG_WARNING, "job %s may be running: cannot list its executions: %s", c->job->job,
                  why.message);
}

enum { STARTS = 5 };

int dowel_cloud_run_start_execution(dowel_cloud_run_client *c, const dowel_cloud_run_run_args *args, const char *marker,
                                    char **execution, dowel_error *err) {
    json_t *body = run_body(args, marker), *operation = NULL;
    bool in_doubt = false;
    int rc = 0;
    if (!body) return dowel_no_memory(err);
    for (int attempt = 1;; attempt++) {
        rc = request_run(c, body, &operation, &in_doubt, err);
        if (!rc || !in_doubt || attempt == STARTS || dowel_check(c->d, NULL)) break;
        /* The answer was lost, but the execution may exist: look for it before starting another. */
        dowel_error looked;
        int found = dowel_sleep(c->d, 0.5 * exp2(attempt), &looked);
        if (!found) found = find_patiently(c, marker, false, 2, execution, &looked);
        if (found) {
            rc = found;
            *err = looked;
        }
        if (found || *execution) break;
    }
    if (*execution) rc = 0;
    if (!rc && !*execution) rc = read_started(c, operation, marker, execution, err);
    if (rc && in_doubt && !*execution && dowel_check(c->d, NULL)) find_stopped(c, marker, execution);
    json_decref(operation);
    json_decref(body);
    return rc;
}

static void full_name(const dowel_cloud_run_client *c, const char *execution, char name[640]) {
    if (strchr(execution, '/'))
        snprintf(name, 640, "%s", execution);
    else
        snprintf(name, 640, "%s/executions/%s", c->name, execution);
}

int dowel_cloud_run_get_execution(dowel_cloud_run_client *c, const char *execution, json_t **state, dowel_error *err) {
    char name[640];
    full_name(c, execution, name);
    return dowel_http_fetch_json(c->d, dowel_cloud_run_request(c, "GET", name, NULL), state, err);
}

int dowel_cloud_run_newest_execution(dowel_cloud_run_client *c, char **execution, dowel_error *err) {
    json_t *job = NULL;
    int rc = dowel_http_fetch_json(c->d, dowel_cloud_run_request(c, "GET", c->name, NULL), &job, err);
    const char *name = json_string_value(json_object_get(json_object_get(job, "latestCreatedExecution"), "name"));
    if (!rc && !name) rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "Cloud Run: job %s has no execution", c->job->job);
    if (!rc) *execution = strdup(name);
    json_decref(job);
    return rc;
}

int dowel_cloud_run_cancel_execution(dowel_cloud_run_client *c, const char *execution, dowel_error *err) {
    char name[640];
    full_name(c, execution, name);
    json_t *operation = NULL, *body = json_object(), *state = NULL;
    dowel_http_request *r = dowel_cloud_run_request(c, "POST", name, ":cancel");
    dowel_http_json(r, body);
    dowel_http_idempotent(r, true);
    int rc = dowel_http_fetch_json(c->d, r, &operation, err);
    /* An execution that has ended need not be cancelled. */
    if (rc && rc != DOWEL_E_NOT_FOUND && !dowel_cloud_run_get_execution(c, execution, &state, NULL) &&
        dowel_cloud_run_has_ended(state))
        rc = 0;
    json_decref(state);
    json_decref(operation);
    json_decref(body);
    return rc;
}

bool dowel_cloud_run_has_ended(const json_t *execution) {
    return json_is_string(json_object_get(execution, "completionTime"));
}

const json_t *dowel_cloud_run_condition(const json_t *resource, const char *type) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(resource, "conditions"), i, one) {
        const char *name = json_string_value(json_object_get(one, "type"));
        if (name && !strcmp(name, type)) return one;
    }
    return NULL;
}

static long long count(const json_t *execution, const char *member) {
    return json_integer_value(json_object_get(execution, member));
}

static const char *state_of(const json_t *execution) {
    if (!dowel_cloud_run_has_ended(execution)) return count(execution, "runningCount") ? "running" : "pending";
    if (count(execution, "cancelledCount")) return "cancelled";
    const char *state = json_string_value(json_object_get(dowel_cloud_run_condition(execution, "Completed"), "state"));
    return state && !strcmp(state, "CONDITION_SUCCEEDED") && !count(execution, "failedCount") ? "succeeded" : "failed";
}

json_t *dowel_cloud_run_describe(const json_t *execution) {
    const json_t *completed = dowel_cloud_run_condition(execution, "Completed");
    const char *reason = json_string_value(json_object_get(completed, "executionReason")),
               *message = json_string_value(json_object_get(completed, "message"));
    return json_pack(
        "{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s*,s:s*,s:O*,s:O*,s:O*}", "job",
        dowel_cloud_run_short_name(json_string_value(json_object_get(execution, "job"))), "execution",
        dowel_cloud_run_short_name(json_string_value(json_object_get(execution, "name"))), "state", state_of(execution),
        "tasks", (json_int_t)count(execution, "taskCount"), "succeeded", (json_int_t)count(execution, "succeededCount"),
        "failed", (json_int_t)count(execution, "failedCount"), "cancelled",
        (json_int_t)count(execution, "cancelledCount"), "retried", (json_int_t)count(execution, "retriedCount"),
        "reason", reason, "message", message, "log_uri", json_object_get(execution, "logUri"), "started",
        json_object_get(execution, "startTime"), "completed", json_object_get(execution, "completionTime"));
}

bool dowel_cloud_run_has_succeeded(const json_t *execution) {
    return !strcmp(state_of(execution), "succeeded");
}

int dowel_cloud_run_fail(dowel_cloud_run_client *c, const json_t *execution, dowel_error *err) {
    const json_t *completed = dowel_cloud_run_condition(execution, "Completed");
    const char *reason = json_string_value(json_object_get(completed, "executionReason")),
               *message = json_string_value(json_object_get(completed, "message")),
               *log = json_string_value(json_object_get(execution, "logUri"));
    json_t *failed = dowel_cloud_run_failed_tasks(c, execution);
    dowel_fail(err, DOWEL_E_REMOTE,
               "Cloud Run: execution %s %s: %lld of %lld tasks succeeded, %lld failed, %lld were cancelled%s%.300s",
               dowel_cloud_run_short_name(json_string_value(json_object_get(execution, "name"))),
               !strcmp(state_of(execution), "cancelled") ? "was cancelled" : "failed",
               count(execution, "succeededCount"), count(execution, "taskCount"), count(execution, "failedCount"),
               count(execution, "cancelledCount"), message ? ": " : "", message ? message : "");
    snprintf(err->reason, sizeof err->reason, "%s", reason ? reason : "");
    dowel_cloud_run_tell_failed_tasks(failed, count(execution, "failedCount"), log, err);
    json_decref(failed);
    return DOWEL_E_REMOTE;
}

int dowel_cloud_run_follow_execution(dowel_cloud_run_client *c, const char *execution, json_t **state,
                                     dowel_error *err) {
    char name[640];
    double wait = 0.2;
    full_name(c, execution, name);
    for (;;) {
        json_t *fresh = NULL;
        int rc = dowel_cloud_run_ask(c, name, &fresh, err);
        if (!rc && dowel_cloud_run_has_ended(fresh)) {
            *state = fresh;
            return 0;
        }
        if (!rc)
            dowel_progress(c->d, count(fresh, "succeededCount") + count(fresh, "failedCount"),
                           count(fresh, "taskCount"));
        json_decref(fresh);
        if (!rc) rc = dowel_sleep(c->d, wait, err);
        if (rc) return rc;
        wait = fmin(wait * 1.3, 10);
    }
}
