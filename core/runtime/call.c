/* Calling and submitting tasks: arguments are checked and copied before anything else. */
#include "future.h"

#include <stdlib.h>
#include <string.h>

static const dowel_table *args_of(const dowel_task *task) {
    return task->args ? task->args : &dowel_no_args;
}

/* Arguments as they come: a struct of a size, or a JSON object. */
typedef struct given {
    const void *data;
    size_t size;
    const json_t *document;
} given;

static bool waits(const dowel_call_options *options) {
    return options && ((options->bindings && options->bindings->field) || (options->wait_for && *options->wait_for));
}

static int binding_error(const dowel_task *task, const dowel_binding *b, const char *what, dowel_error *err) {
    return dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s\": %s", task->name, b->field, what);
}

/* The fields that come later, as members of an object; NULL: none. */
static int bound_fields(const dowel_task *task, const given *args, const dowel_binding *bindings, json_t **fields,
                        dowel_error *err) {
    json_t *bound = json_object();
    int rc = bound ? 0 : dowel_no_memory(err);
    for (const dowel_binding *b = bindings; b->field && !rc; b++) {
        const dowel_field *field = dowel_field_find(args_of(task), b->field);
        if (!field || dowel_field_c_only(field))
            rc = dowel_fail(err, DOWEL_E_INVALID, "%s: binding: unknown field \"%s\"", task->name, b->field);
        else if (!b->future)
            rc = binding_error(task, b, "the binding has no future", err);
        else if (json_object_get(bound, field->name))
            rc = binding_error(task, b, "bound twice", err);
        else if (dowel_record_gives(args_of(task), field, args->data, args->size, args->document))
            rc = binding_error(task, b, "both given and bound to a result", err);
        else if (json_object_set_new(bound, field->name, json_true()))
            rc = dowel_no_memory(err);
    }
    if (rc)
        json_decref(bound);
    else
        *fields = bound;
    return rc;
}

/* A run with checked arguments. */
static int new_run(dowel *d, const dowel_task *task, bool flow, const given *args, const dowel_call_options *options,
                   dowel_run **run, dowel_error *err) {
    json_t *expected = NULL;
    dowel_record *record;
    int rc = dowel_options_check(options, err);
    if (!rc && options && options->bindings && options->bindings->field)
        rc = bound_fields(task, args, options->bindings, &expected, err);
    if (!rc)
        rc = args->document ? dowel_record_decode_expecting(args_of(task), args->document, dowel_get_call_resolver(d),
                                                            expected, &record, err)
                            : dowel_record_copy_expecting(args_of(task), args->data, args->size,
                                                          dowel_get_call_resolver(d), expected, &record, err);
    json_decref(expected);
    return rc ? rc : dowel_run_new(d, task, flow || dowel_task_is_flow(task), record, options, run, err);
}

static int call(dowel *d, const dowel_task *task, bool flow, const given *args, const dowel_call_options *options,
                json_t **result, dowel_error *err) {
    dowel_run *run;
    int rc = new_run(d, task, flow, args, options, &run, err);
    if (rc) return rc;
    if (waits(options)) return dowel_future_call(run, options, result, err);
    rc = dowel_run_by_key(run, result, err);
    dowel_run_release(run);
    return rc;
}

static int call_by_name(dowel *d, const char *name, const given *args, const dowel_call_options *options,
                        json_t **result, dowel_error *err) {
    const dowel_task *task;
    dowel_inside inside;
    int rc = dowel_enter(d, &inside, err);
    if (rc) return rc;
    rc = dowel_find_task(d, name, &task, err);
    if (!rc) rc = call(d, task, false, args, options, result, err);
    dowel_leave(d->core, &inside);
    return rc;
}

int dowel_call(dowel *d, const char *name, const void *args, size_t size, const dowel_call_options *options,
               json_t **result, dowel_error *err) {
    return call_by_name(d, name, &(given){.data = args, .size = size}, options, result, err);
}

int dowel_call_json(dowel *d, const char *name, const json_t *args, const dowel_call_options *options, json_t **result,
                    dowel_error *err) {
    json_t *empty = args ? NULL : json_object();
    int rc = args || empty ? call_by_name(d, name, &(given){.document = args ? args : empty}, options, result, err)
                           : dowel_no_memory(err);
    json_decref(empty);
    return rc;
}

int dowel_flow_run(dowel *d, const dowel_flow *flow, const void *args, size_t size, const dowel_call_options *options,
                   json_t **result, dowel_error *err) {
    dowel_inside inside;
    int rc = dowel_enter(d, &inside, err);
    if (rc) return rc;
    rc = call(d, flow, true, &(given){.data = args, .size = size}, options, result, err);
    dowel_leave(d->core, &inside);
    return rc;
}

static int submit(dowel *d, const char *name, const given *args, const dowel_call_options *options,
                  dowel_future **future, dowel_error *err) {
    const dowel_task *task;
    dowel_run *run;
    int rc = dowel_find_task(d, name, &task, err);
    if (!rc) rc = new_run(d, task, false, args, options, &run, err);
    if (rc) return rc;
    run->options.run_id = NULL; /* the caller may have returned when the run begins */
    run->options.unkept = NULL;
    run->options.kept_at = NULL;
    return dowel_future_start(run, options, future, err);
}

int dowel_submit(dowel *d, const char *name, const void *args, size_t size, const dowel_call_options *options,
                 dowel_future **future, dowel_error *err) {
    dowel_inside inside;
    int rc = dowel_enter(d, &inside, err);
    if (rc) return rc;
    rc = submit(d, name, &(given){.data = args, .size = size}, options, future, err);
    dowel_leave(d->core, &inside);
    return rc;
}
