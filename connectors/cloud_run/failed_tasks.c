/* The failed tasks of an execution: which they are, and how the last attempt of each ended (Cloud Run Admin API v2, "executions.tasks"). */
#include "client.h"

#include <dowel/buckets.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LISTED = 20 };

static bool has_failed(const json_t *task) {
    const json_t *completed = dowel_cloud_run_condition(task, "Completed"),
                 *attempt = json_object_get(task, "lastAttemptResult");
    const char *state = json_string_value(json_object_get(completed, "state")),
               *reason = json_string_value(json_object_get(completed, "executionReason"));
    if (reason && !strcmp(reason, "CANCELLED")) return false;
    if (state && !strcmp(state, "CONDITION_SUCCEEDED")) return false;
    if (state && !strcmp(state, "CONDITION_FAILED")) return true;
    return json_object_get(task, "completionTime") &&
           (json_integer_value(json_object_get(attempt, "exitCode")) ||
            json_integer_value(json_object_get(attempt, "termSignal")) ||
            json_integer_value(json_object_get(json_object_get(attempt, "status"), "code")));
}

/* The API leaves out numbers that are 0: a task without an index is task 0. */
static json_t *number_or_null(const json_t *object, const char *member) {
    json_int_t number = json_integer_value(json_object_get(object, member));
    return number ? json_integer(number) : NULL;
}

static json_t *describe(const json_t *task) {
    const json_t *attempt = json_object_get(task, "lastAttemptResult");
    return json_pack(
        "{s:I,s:o*,s:o*,s:I,s:O*,s:O*}", "index", json_integer_value(json_object_get(task, "index")), "exit_status",
        number_or_null(attempt, "exitCode"), "signal", number_or_null(attempt, "termSignal"), "retried",
        json_integer_value(json_object_get(task, "retried")), "message",
        json_object_get(json_object_get(attempt, "status"), "message"), "log_uri", json_object_get(task, "logUri"));
}

static int read_page(dowel_cloud_run_client *c, const char *execution, dowel_pages *pages, json_t *failed, bool *more,
                     dowel_error *err) {
    json_t *page = NULL, *task;
    size_t i;
    dowel_http_request *r = dowel_cloud_run_request(c, "GET", execution, "/tasks");
    dowel_http_query_int(r, "pageSize", 100);
    dowel_http_query(r, "pageToken", pages->token);
    int rc = dowel_http_fetch_json(c->d, r, &page, err);
    json_array_foreach(json_object_get(page, "tasks"), i, task) {
        if (rc || json_array_size(failed) == MOST_LISTED || !has_failed(task)) continue;
        if (json_array_append_new(failed, describe(task))) rc = dowel_no_memory(err);
    }
    if (!rc) rc = dowel_pages_next(pages, json_string_value(json_object_get(page, "nextPageToken")), more, err);
    json_decref(page);
    return rc;
}

json_t *dowel_cloud_run_failed_tasks(dowel_cloud_run_client *c, const json_t *execution) {
    const char *name = json_string_value(json_object_get(execution, "name"));
    size_t wanted = (size_t)json_integer_value(json_object_get(execution, "failedCount"));
    json_t *failed = name && wanted ? json_array() : NULL;
    dowel_pages pages = {0};
    bool more = failed != NULL;
    dowel_error why;
    int rc = 0;
    if (wanted > MOST_LISTED) wanted = MOST_LISTED;
    while (!rc && more && json_array_size(failed) < wanted) rc = read_page(c, name, &pages, failed, &more, &why);
    dowel_pages_clear(&pages);
    if (rc)
        dowel_log(c->d, DOWEL_LOG_WARNING, "execution %s: cannot list its failed tasks: %s",
                  dowel_cloud_run_short_name(name), why.message);
    return failed;
}

/* "task 1 exited with status 3: MESSAGE" */
static void tell_ending(const json_t *task, char *text, size_t size) {
    const char *message = json_string_value(json_object_get(task, "message"));
    long long index = json_integer_value(json_object_get(task, "index")),
              status = json_integer_value(json_object_get(task, "exit_status")),
              signal = json_integer_value(json_object_get(task, "signal"));
    char how[48] = "failed";
    if (status) snprintf(how, sizeof how, "exited with status %lld", status);
    if (signal) snprintf(how, sizeof how, "was terminated by signal %lld", signal);
    snprintf(text, size, "task %lld %s%s%.300s", index, how, message ? ": " : "", message ? message : "");
}

void dowel_cloud_run_tell_failed_tasks(const json_t *failed, long long count, const char *log, dowel_error *err) {
    const json_t *first = json_array_get(failed, 0), *task;
    const char *own_log = json_string_value(json_object_get(first, "log_uri"));
    size_t i, used = strlen(err->message), lines = 0;
    char ending[400];
    if (first) {
        tell_ending(first, ending, sizeof ending);
        snprintf(err->message + used, sizeof err->message - used, "; %s", ending);
    }
    for (i = 0; count > 1 && i < json_array_size(failed) && lines < sizeof err->detail; i++) {
        task = json_array_get(failed, i);
        tell_ending(task, ending, sizeof ending);
        int n = snprintf(err->detail + lines, sizeof err->detail - lines, "%s%s", i ? "\n" : "", ending);
        if (n < 0) break;
        lines += (size_t)n;
    }
    if (own_log)
        dowel_error_hint(err, "read the log of task %lld: %s",
                         (long long)json_integer_value(json_object_get(first, "index")), own_log);
    else if (log)
        dowel_error_hint(err, "read the execution's log: %s", log);
}
