/* The one path that a task runs on: arguments, policy, attempts, outcome. */
#include "path_internal.h"
#include "run.h"

#include "future.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const dowel_field no_fields[] = {{0}};
const dowel_table dowel_no_args = {"task", 0, no_fields, NULL};

static int check_text(const char *what, const char *text, dowel_error *err) {
    size_t size = text ? strlen(text) : 0;
    return text ? dowel_text_check(what, &text, &size, err) : 0;
}

/* The history is text, and a key must be found again in it. */
static int check_names(const dowel_call_options *options, dowel_error *err) {
    if (options->run_key && !*options->run_key) {
        dowel_fail(err, DOWEL_E_INVALID, "the run key is empty");
        dowel_error_hint(err, "use a key that names this piece of work, such as a date, or omit it");
        return DOWEL_E_INVALID;
    }
    int rc = check_text("the run key", options->run_key, err);
    return rc ? rc : check_text("the run's name", options->run_name, err);
}

static dowel_run *retain(dowel_run *run) {
    atomic_fetch_add(&run->references, 1);
    return run;
}

int dowel_run_new(dowel *d, const dowel_task *task, bool flow, dowel_record *args, const dowel_call_options *options,
                  dowel_run **run, dowel_error *err) {
    int rc = dowel_check_process(d, err);
    dowel_run *r = rc ? NULL : calloc(1, sizeof *r);
    if (!r) {
        dowel_record_free(args);
        return rc ? rc : dowel_no_memory(err);
    }
    r->scope = (dowel){.core = d->core, .run = r};
    r->cleanup = (dowel){.core = d->core, .run = r, .cleanup = true};
    atomic_init(&r->references, 1);
    r->parent = d->run ? retain(d->run) : NULL;
    r->task = task;
    r->flow = flow;
    r->args = args;
    if (options)
        memcpy(&r->options, options,
               options->size && options->size < sizeof *options ? options->size : sizeof *options);
    const dowel_policy *inherited = r->parent && !r->parent->persisting ? &r->parent->policy : NULL;
    rc = dowel_policy_settle(r, inherited, err);
    dowel_new_run_id(r->id);
    if (r->options.run_id) memcpy(r->options.run_id, r->id, sizeof r->id);
    r->name = strdup(r->options.run_name ? r->options.run_name : task->name);
    char folder[PATH_MAX];
    (void)dowel_working_folder(folder);
    if (!rc && !(r->folder = strdup(folder))) rc = dowel_no_memory(err);
    if (!rc) rc = dowel_record_anchor(args, folder, err);
    if (!rc) rc = check_names(&r->options, err);
    if (r->options.run_key && !rc && !(r->key = strdup(r->options.run_key))) rc = dowel_no_memory(err);
    /* These belong to the caller, which may have returned before the run begins. */
    r->options.run_key = r->options.run_name = NULL;
    r->options.bindings = NULL;
    r->options.wait_for = NULL;
    memset(&r->options.policy, 0, sizeof r->options.policy);
    if (!rc && !r->name) rc = dowel_no_memory(err);
    if (rc) {
        if (err) snprintf(err->subject, sizeof err->subject, "%s", task->name);
        dowel_run_release(r);
    } else {
        *run = r;
    }
    return rc;
}

void dowel_run_release(dowel_run *run) {
    if (!run || atomic_fetch_sub(&run->references, 1) != 1) return;
    dowel_run_drop_handles(run);
    dowel_record_free(run->args);
    dowel_record_free(run->policy_record);
    dowel_run_release(run->parent);
    free(run->name);
    free(run->key);
    free(run->folder);
    free(run);
}

bool dowel_task_is_flow(const dowel_task *task) {
    return task->size >= offsetof(dowel_task, flow) + sizeof task->flow && task->flow;
}

int dowel_options_check(const dowel_call_options *options, dowel_error *err) {
    if (!options || !options->size || options->size >= offsetof(dowel_call_options, take_over)) return 0;
    return dowel_fail(err, DOWEL_E_INVALID, "call options of %zu bytes: the program was built for another version",
                      options->size);
}

/* To the millisecond, and never with an exponent. */
static void write_seconds(double seconds, char text[DOWEL_DURATION_TEXT_SIZE]) {
    dowel_format_duration(round(seconds * 1000) / 1000, text);
}

/* A body that succeeds after its deadline has not completed: the caller relies on the limit. */
static int check_late(dowel_run *run, dowel_error *err) {
    double late = run->deadline > 0 ? dowel_clock() - run->deadline : 0;
    if (late <= 0) return 0;
    char text[DOWEL_DURATION_TEXT_SIZE];
    run->done_late = true;
    write_seconds(late, text);
    dowel_fail(err, DOWEL_E_TIMEOUT, "%s succeeded, but %s after its deadline", run->task->name, text);
    dowel_error_hint(err, "its work is done, so it is not retried; set a longer timeout");
    return DOWEL_E_TIMEOUT;
}

/* One attempt with its own deadline. */
static int attempt(dowel_run *run, json_t **result, dowel_error *err) {
    double limit = run->policy.timeout > 0 ? dowel_clock() + run->policy.timeout : 0;
    double outer = run->parent ? run->parent->deadline : 0;
    run->deadline = outer > 0 && (limit <= 0 || outer < limit) ? outer : limit;
    run->cleanup_deadline = 0;
    run->done_late = false;
    *result = NULL;
    int rc = dowel_check(&run->scope, err);
    if (!rc) rc = run->task->run(&run->scope, dowel_record_data(run->args), result, err);
    rc = dowel_run_settle(run, rc, err);
    if (!rc) rc = check_late(run, err);
    if (rc && err && err->code != rc) {
        /* A body that returns a code without filling the error would leave an old message behind. */
        dowel_fail(err, rc, "task %s failed (%s) without a message", run->task->name, dowel_code_name(rc));
    }
    if (rc) {
        json_decref(*result);
        *result = NULL;
    } else if (!*result) {
        *result = json_null();
    }
    return rc;
}

/* The result of an earlier process that could not be stored, or else an attempt. If it is unknown whether there is one, no attempt is made, because
 * it might repeat the work. */
static int recall_or_attempt(dowel_run *run, json_t **value, bool *recalled, dowel_error *err) {
    int rc = dowel_persist_recall(run, value, err);
    *recalled = !rc && *value;
    return rc || *recalled ? rc : attempt(run, value, err);
}

int dowel_run_execute(dowel_run *run, json_t **result, dowel_error *err) {
    dowel_error local;
    if (!err) err = &local;
    memset(err, 0, sizeof *err);
    json_t *value = NULL;
    run->attempt = 1;
    dowel_history_start(run, "running");
    bool recalled;
    int rc = recall_or_attempt(run, &value, &recalled, err);
    while (rc && run->attempt <= run->policy.retries && dowel_policy_retries(&run->policy, err, run->done_late)) {
        double delay = dowel_policy_delay(&run->policy, run->attempt), asked = err->retry_after;
        /* Wait at least as long as the provider asked; the caller decides about waits beyond the limit. */
        if (asked > DOWEL_LONGEST_WAIT && delay < asked) break;
        if (delay < asked) delay = asked;
        char text[DOWEL_DURATION_TEXT_SIZE];
        write_seconds(delay, text);
        dowel_log(&run->scope, DOWEL_LOG_WARNING, "%s: attempt %d of %lld failed: %s; retrying in %s", run->task->name,
                  run->attempt, (long long)run->policy.retries + 1, err->message, text);
        dowel_history_state(run, "retrying");
        run->deadline = run->parent ? run->parent->deadline : 0;
        dowel_error stopped;
        int slept = dowel_sleep(&run->scope, delay, &stopped);
        if (slept) {
            rc = slept;
            *err = stopped;
            break;
        }
        run->attempt++;
        dowel_history_state(run, "running");
        memset(err, 0, sizeof *err);
        rc = recall_or_attempt(run, &value, &recalled, err);
    }
    char *storage = NULL, *key = NULL;
    if (!rc && run->policy.persist_result) {
        run->deadline = run->parent ? run->parent->deadline : 0;
        run->persisting = true;
        rc = dowel_persist(run, value, &storage, &key, err);
        if (rc && run->options.unkept) *run->options.unkept = json_incref(value);
    }
    if (!rc && recalled) dowel_persist_forget(run);
    if (rc && !*err->subject) snprintf(err->subject, sizeof err->subject, "%s", run->task->name);
    dowel_history_end(run,
                      !rc                       ? "completed"
                      : rc == DOWEL_E_CANCELLED ? "cancelled"
                                                : "failed",
                      rc ? err : NULL, rc ? NULL : value, storage, key);
    free(storage);
    free(key);
    atomic_store(&run->ended, true);
    if (rc || !result)
        json_decref(value);
    else
        *result = value;
    return rc;
}

void dowel_run_failed_early(dowel_run *run, const dowel_error *err) {
    dowel_history_start(run, "pending");
    dowel_history_end(run, err->code == DOWEL_E_CANCELLED ? "cancelled" : "failed", err, NULL, NULL, NULL);
}

int dowel_run_by_key(dowel_run *run, json_t **result, dowel_error *err) {
    int rc = run->key ? dowel_resume_by_key(run, result, err) : 0;
    return rc == 1 ? 0 : rc < 0 ? rc : dowel_run_execute(run, result, err);
}
