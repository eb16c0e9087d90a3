/* Executions: started once, followed to their end, cancelled with the run that waits for them. */
#include "client.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *dowel_run_short(const char *name) {
    const char *slash = name ? strrchr(name, '/') : NULL;
    return slash ? slash + 1 : name ? name : "";
}

/* Our run's id stands in the environment of the containers of the execution that we started. */
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

static int list(dowel_run_client *c, json_t **executions, dowel_error *err) {
    json_t *answer = NULL;
    dowel_http_request *r = dowel_run_request(c, "GET", c->name, "/executions");
    dowel_http_query_int(r, "pageSize", 100);
    int rc = dowel_http_fetch_json(c->d, r, &answer, err);
    if (!rc) *executions = json_incref(json_object_get(answer, "executions"));
    json_decref(answer);
    return rc;
}

int dowel_run_find(dowel_run_client *c, const char *marker, char **execution, dowel_error *err) {
    json_t *executions = NULL, *one;
    size_t i;
    *execution = NULL;
    int rc = list(c, &executions, err);
    json_array_foreach(executions, i, one) {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (!*execution && name && is_ours(one, marker)) *execution = strdup(name);
    }
    json_decref(executions);
    return rc;
}

static json_t *overrides_of(const dowel_cloud_run_run_args *args, const char *marker) {
    json_t *env = dowel_run_env(args->env), *container = json_object(), *overrides;
    json_array_append_new(env, json_pack("{s:s,s:s}", "name", "DOWEL_RUN_ID", "value", marker));
    json_object_set_new(container, "env", env);
    if (args->args) {
        json_t *list_of = json_array();
        for (const char *const *arg = args->args; *arg; arg++) json_array_append_new(list_of, json_string(*arg));
        json_object_set_new(container, "args", list_of);
    }
    overrides = json_pack("{s:[o]}", "containerOverrides", container);
    if (args->task_count) json_object_set_new(overrides, "taskCount", json_integer(args->task_count));
    if (args->task_timeout > 0) json_object_set_new(overrides, "timeout", json_sprintf("%.9gs", args->task_timeout));
    return overrides;
}

int dowel_run_start(dowel_run_client *c, const dowel_cloud_run_run_args *args, const char *marker, char **execution,
                    dowel_error *err) {
    json_t *body = json_pack("{s:o}", "overrides", overrides_of(args, marker)), *operation = NULL;
    dowel_error local;
    int rc = 0;
    for (int attempt = 1;; attempt++) {
        dowel_http_request *r = dowel_run_request(c, "POST", c->name, ":run");
        dowel_http_json(r, body);
        rc = dowel_http_fetch_json(c->d, r, &operation, &local);
        bool unsure = rc == DOWEL_E_NETWORK || rc == DOWEL_E_UNAVAILABLE || (rc == DOWEL_E_TIMEOUT && local.retryable);
        if (!rc || !unsure || attempt == 5) break;
        /* The answer is lost, the execution perhaps not: look before starting another. */
        dowel_error first = local;
        rc = dowel_sleep(c->d, 0.5 * exp2(attempt), &local);
        if (!rc) rc = dowel_run_find(c, marker, execution, &local);
        if (rc || *execution) break;
        local = first;
    }
    if (!rc && operation) {
        const char *name = json_string_value(json_object_get(json_object_get(operation, "metadata"), "name"));
        if (name && strstr(name, "/executions/")) *execution = strdup(name);
        /* An operation that does not name its execution: our mark does. */
        for (int i = 0; !rc && !*execution && i < 20; i++) {
            rc = dowel_run_find(c, marker, execution, &local);
            if (!rc && !*execution) rc = dowel_sleep(c->d, 0.25, &local);
        }
        if (!rc && !*execution)
            rc = dowel_fail(&local, DOWEL_E_PROTOCOL, "Cloud Run: job %s was run, but no execution appeared",
                            c->job->job);
    }
    if (rc && !*execution && dowel_check(c->d, NULL)) {
        /* Stopped while the answer was on its way: the caller cancels what may have begun. */
        dowel_run_client cleanup = *c;
        dowel_error ignored;
        cleanup.d = dowel_cleanup(c->d);
        dowel_run_find(&cleanup, marker, execution, &ignored);
    }
    if (rc && err) *err = local;
    json_decref(operation);
    json_decref(body);
    return rc;
}

int dowel_run_get(dowel_run_client *c, const char *execution, json_t **state, dowel_error *err) {
    char name[640];
    if (strchr(execution, '/'))
        snprintf(name, sizeof name, "%s", execution);
    else
        snprintf(name, sizeof name, "%s/executions/%s", c->name, execution);
    return dowel_http_fetch_json(c->d, dowel_run_request(c, "GET", name, NULL), state, err);
}

int dowel_run_newest(dowel_run_client *c, char **execution, dowel_error *err) {
    json_t *job = NULL;
    int rc = dowel_http_fetch_json(c->d, dowel_run_request(c, "GET", c->name, NULL), &job, err);
    const char *name = json_string_value(json_object_get(json_object_get(job, "latestCreatedExecution"), "name"));
    if (!rc && !name) rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "Cloud Run: job %s has no execution", c->job->job);
    if (!rc) *execution = strdup(name);
    json_decref(job);
    return rc;
}

int dowel_run_cancel(dowel_run_client *c, const char *execution, dowel_error *err) {
    char name[640];
    if (strchr(execution, '/'))
        snprintf(name, sizeof name, "%s", execution);
    else
        snprintf(name, sizeof name, "%s/executions/%s", c->name, execution);
    json_t *operation = NULL, *body = json_object();
    dowel_http_request *r = dowel_run_request(c, "POST", name, ":cancel");
    dowel_http_json(r, body);
    dowel_http_idempotent(r, true);
    int rc = dowel_http_fetch_json(c->d, r, &operation, err);
    json_decref(operation);
    json_decref(body);
    return rc;
}

bool dowel_run_ended(const json_t *execution) {
    return json_is_string(json_object_get(execution, "completionTime"));
}

static const json_t *condition(const json_t *execution, const char *type) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(execution, "conditions"), i, one) {
        const char *name = json_string_value(json_object_get(one, "type"));
        if (name && !strcmp(name, type)) return one;
    }
    return NULL;
}

static long long count(const json_t *execution, const char *member) {
    return json_integer_value(json_object_get(execution, member));
}

static const char *state_of(const json_t *execution) {
    if (!dowel_run_ended(execution)) return count(execution, "runningCount") ? "running" : "pending";
    if (count(execution, "cancelledCount")) return "cancelled";
    const char *state = json_string_value(json_object_get(condition(execution, "Completed"), "state"));
    return state && !strcmp(state, "CONDITION_SUCCEEDED") && !count(execution, "failedCount") ? "succeeded" : "failed";
}

json_t *dowel_run_describe(const json_t *execution) {
    const json_t *completed = condition(execution, "Completed");
    const char *reason = json_string_value(json_object_get(completed, "executionReason")),
               *message = json_string_value(json_object_get(completed, "message"));
    return json_pack(
        "{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s*,s:s*,s:O*,s:O*,s:O*}", "job",
        dowel_run_short(json_string_value(json_object_get(execution, "job"))), "execution",
        dowel_run_short(json_string_value(json_object_get(execution, "name"))), "state", state_of(execution), "tasks",
        (json_int_t)count(execution, "taskCount"), "succeeded", (json_int_t)count(execution, "succeededCount"),
        "failed", (json_int_t)count(execution, "failedCount"), "cancelled",
        (json_int_t)count(execution, "cancelledCount"), "retried", (json_int_t)count(execution, "retriedCount"),
        "reason", reason, "message", message, "log_uri", json_object_get(execution, "logUri"), "started",
        json_object_get(execution, "startTime"), "completed", json_object_get(execution, "completionTime"));
}

int dowel_run_outcome(const json_t *execution, dowel_error *err) {
    const char *state = state_of(execution);
    if (!strcmp(state, "succeeded")) return 0;
    const json_t *completed = condition(execution, "Completed");
    const char *reason = json_string_value(json_object_get(completed, "executionReason")),
               *message = json_string_value(json_object_get(completed, "message"));
    const char *log = json_string_value(json_object_get(execution, "logUri"));
    dowel_error local;
    if (!err) err = &local;
    dowel_fail(err, DOWEL_E_REMOTE,
               "Cloud Run: execution %s %s: %lld of %lld tasks succeeded, %lld failed, %lld were cancelled%s%s",
               dowel_run_short(json_string_value(json_object_get(execution, "name"))),
               !strcmp(state, "cancelled") ? "was cancelled" : "failed", count(execution, "succeededCount"),
               count(execution, "taskCount"), count(execution, "failedCount"), count(execution, "cancelledCount"),
               message ? ": " : "", message ? message : "");
    snprintf(err->reason, sizeof err->reason, "%s", reason ? reason : "");
    if (log) dowel_error_hint(err, "its log: %s", log);
    return DOWEL_E_REMOTE;
}

int dowel_run_follow(dowel_run_client *c, const char *execution, json_t **state, dowel_error *err) {
    double wait = 0.2;
    for (;;) {
        json_t *fresh = NULL;
        int rc = dowel_run_get(c, execution, &fresh, err);
        if (!rc && dowel_run_ended(fresh)) {
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
