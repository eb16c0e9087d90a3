/* The job: created, or changed where it differs from the block. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *texts(const char *const *list) {
    json_t *array = json_array();
    for (; list && *list; list++) json_array_append_new(array, json_string(*list));
    return array;
}

json_t *dowel_run_env(const dowel_pair *env) {
    json_t *array = json_array();
    for (; env && env->name; env++)
        json_array_append_new(array, json_pack("{s:s,s:s}", "name", env->name, "value", env->value));
    return array;
}

static void set_unless_empty(json_t *object, const char *name, json_t *value) {
    if (json_is_array(value) ? json_array_size(value) : json_object_size(value))
        json_object_set_new(object, name, value);
    else
        json_decref(value);
}

static json_t *template_of(const dowel_cloud_run_job *job) {
    json_t *container = json_pack("{s:s}", "image", job->image), *limits = json_object(), *task = json_object(),
           *execution = json_object();
    set_unless_empty(container, "command", texts(job->command));
    set_unless_empty(container, "args", texts(job->args));
    set_unless_empty(container, "env", dowel_run_env(job->env));
    if (job->cpu) json_object_set_new(limits, "cpu", json_string(job->cpu));
    if (job->memory) json_object_set_new(limits, "memory", json_string(job->memory));
    if (json_object_size(limits)) json_object_set_new(container, "resources", json_pack("{s:O}", "limits", limits));
    json_decref(limits);
    json_object_set_new(task, "containers", json_pack("[o]", container));
    json_object_set_new(task, "maxRetries", json_integer(job->max_retries));
    if (job->timeout > 0) json_object_set_new(task, "timeout", json_sprintf("%.9gs", job->timeout));
    if (job->service_account) json_object_set_new(task, "serviceAccount", json_string(job->service_account));
    json_object_set_new(execution, "template", task);
    json_object_set_new(execution, "taskCount", json_integer(job->task_count > 0 ? job->task_count : 1));
    if (job->parallelism) json_object_set_new(execution, "parallelism", json_integer(job->parallelism));
    return execution;
}

/* Whether everything that we ask for is so already; the service adds defaults of its own. */
static bool covers(const json_t *have, const json_t *want) {
    if (json_is_object(want)) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)want, key, value) {
            json_t *held = json_object_get(have, key);
            /* The API leaves out what is zero. */
            if (!held && json_is_integer(value) && !json_integer_value(value)) continue;
            if (!held || !covers(held, value)) return false;
        }
        return json_is_object(have);
    }
    if (json_is_array(want)) {
        if (json_array_size(have) != json_array_size(want)) return false;
        for (size_t i = 0; i < json_array_size(want); i++)
            if (!covers(json_array_get(have, i), json_array_get(want, i))) return false;
        return true;
    }
    return json_equal((json_t *)have, (json_t *)want);
}

/* What the block no longer asks for must go too: arrays that were there and are not wanted. */
static bool same_container(const json_t *have, const json_t *want) {
    static const char *const members[] = {"command", "args", "env"};
    const json_t *a = json_array_get(json_object_get(json_object_get(have, "template"), "containers"), 0);
    const json_t *b = json_array_get(json_object_get(json_object_get(want, "template"), "containers"), 0);
    for (size_t i = 0; i < 3; i++)
        if (json_array_size(json_object_get(a, members[i])) != json_array_size(json_object_get(b, members[i])))
            return false;
    return true;
}

/* A job whose image cannot be found says so before anything runs. */
static int check_ready(const dowel_run_client *c, const json_t *job, dowel_error *err) {
    const json_t *condition = json_object_get(job, "terminalCondition");
    const char *state = json_string_value(json_object_get(condition, "state")),
               *message = json_string_value(json_object_get(condition, "message"));
    if (!state || strcmp(state, "CONDITION_FAILED")) return 0;
    const char *reason = json_string_value(json_object_get(condition, "reason"));
    int rc = dowel_fail(err, DOWEL_E_REMOTE, "Cloud Run: job %s cannot run: %s", c->job->job,
                        message  ? message
                        : reason ? reason
                                 : "not ready");
    if (err && reason) snprintf(err->reason, sizeof err->reason, "%s", reason);
    if (message && strstr(message, "mage"))
        dowel_error_hint(err, "check the image's name and tag, and that Cloud Run may read its registry");
    return rc;
}

int dowel_run_ensure_job(dowel_run_client *c, dowel_error *err) {
    json_t *job = NULL, *operation = NULL, *template = template_of(c->job),
           *body = json_pack("{s:O}", "template", template);
    dowel_error local;
    for (const dowel_pair *label = c->job->labels; label && label->name; label++) {
        if (!json_object_get(body, "labels")) json_object_set_new(body, "labels", json_object());
        json_object_set_new(json_object_get(body, "labels"), label->name, json_string(label->value));
    }
    int rc = dowel_http_fetch_json(c->d, dowel_run_request(c, "GET", c->name, NULL), &job, &local);
    if (rc == DOWEL_E_NOT_FOUND) {
        dowel_http_request *r = dowel_run_request(c, "POST", c->parent, "/jobs");
        dowel_http_query(r, "jobId", c->job->job);
        dowel_http_json(r, body);
        dowel_http_idempotent(r, true); /* its name makes a second creation a conflict */
        rc = dowel_http_fetch_json(c->d, r, &operation, &local);
        if (rc && local.http_status == 409)
            rc = dowel_http_fetch_json(c->d, dowel_run_request(c, "GET", c->name, NULL), &job, &local);
    } else if (!rc && (!covers(json_object_get(job, "template"), template) ||
                       !same_container(json_object_get(job, "template"), template))) {
        dowel_http_request *r = dowel_run_request(c, "PATCH", c->name, NULL);
        json_t *etag = json_object_get(job, "etag");
        if (etag) json_object_set(body, "etag", etag); /* not over somebody else's change */
        dowel_http_json(r, body);
        dowel_http_idempotent(r, etag != NULL);
        rc = dowel_http_fetch_json(c->d, r, &operation, &local);
    }
    if (!rc && operation) rc = dowel_run_operation(c, &operation, &local);
    if (!rc) rc = check_ready(c, operation ? json_object_get(operation, "response") : job, &local);
    if (rc && err) *err = local;
    json_decref(operation);
    json_decref(body);
    json_decref(template);
    json_decref(job);
    return rc;
}

int dowel_run_delete_job(dowel_run_client *c, bool not_found_ok, bool *deleted, dowel_error *err) {
    json_t *operation = NULL;
    dowel_error local;
    int rc = dowel_http_fetch_json(c->d, dowel_run_request(c, "DELETE", c->name, NULL), &operation, &local);
    *deleted = !rc;
    if (!rc) rc = dowel_run_operation(c, &operation, &local);
    if (rc == DOWEL_E_NOT_FOUND && not_found_ok) rc = 0;
    if (rc && err) *err = local;
    json_decref(operation);
    return rc;
}
