/* Applies the block to an existing job. Fields that the block does not name keep their value. An annotation of the job records which fields the
 * block named, so that a field that it no longer names is reset. */
#include "client.h"

#include <dowel/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* {"fields": ["args", "image"], "env": ["NAME"], "labels": ["team"]} */
#define RECORD "dowel-managed"

typedef struct change {
    const dowel_cloud_run_job *block;
    json_t *job, *task, *container; /* job is owned, the others are parts of it */
    json_t *before, *now;           /* the record */
    bool changed, is_new;
    bool failed; /* out of memory */
} change;

/* ---- the record ---- */

static json_t *read_record(const json_t *job) {
    const char *text = json_string_value(json_object_get(json_object_get(job, "annotations"), RECORD));
    json_t *record = NULL;
    if (text && dowel_json_parse(text, strlen(text), RECORD, &record, NULL)) record = NULL;
    return record ? record : json_object();
}

static bool is_in(const json_t *record, const char *list, const char *name) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(record, list), i, one) {
        const char *text = json_string_value(one);
        if (text && !strcmp(text, name)) return true;
    }
    return false;
}

/* Whether the list has the same names in both records, in any order. */
static bool is_same_list(const json_t *before, const json_t *now, const char *list) {
    const json_t *names = json_object_get(now, list), *held = json_object_get(before, list);
    size_t i;
    json_t *one;
    if (json_array_size(names) != json_array_size(held)) return false;
    json_array_foreach(names, i, one) if (!is_in(before, list, json_string_value(one))) return false;
    return true;
}

static bool is_same_record(const json_t *before, const json_t *now) {
    return is_same_list(before, now, "fields") && is_same_list(before, now, "env") &&
           is_same_list(before, now, "labels");
}

/* ---- changing JSON ---- */

static void set(change *c, json_t *object, const char *member, json_t *value) {
    if (json_object_set_new(object, member, value)) c->failed = true;
}

static void append(change *c, json_t *array, json_t *value) {
    if (json_array_append_new(array, value)) c->failed = true;
}

/* Notes in the record that the block names it. */
static void note(change *c, const char *list, const char *name) {
    if (!json_object_get(c->now, list)) set(c, c->now, list, json_array());
    append(c, json_object_get(c->now, list), json_string(name));
}

/* ---- comparing ---- */

/* The number of a Kubernetes quantity or a duration: "1" is "1000m", "1Gi" is "1024Mi", "90s" is "90.0s". NaN: neither. */
static double amount_of(const char *text) {
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"", 1},    {"s", 1},    {"m", 1e-3},  {"k", 1e3},      {"K", 1e3},         {"M", 1e6},
                 {"G", 1e9}, {"T", 1e12}, {"Ki", 1024}, {"Mi", 1048576}, {"Gi", 1073741824}, {"Ti", 1099511627776.0}};
    char *end;
    double number = dowel_read_real(text, &end);
    for (size_t i = 0; end != text && i < sizeof units / sizeof units[0]; i++)
        if (!strcmp(end, units[i].unit)) return number * units[i].factor;
    return (double)NAN;
}

/* The API leaves out what is zero or empty. */
static bool is_same(const json_t *held, const json_t *value, bool amounts) {
    if (!held && (json_integer_value(value) == 0 && json_is_integer(value))) return true;
    if (!held && json_is_array(value)) return !json_array_size(value);
    const char *a = json_string_value(held), *b = json_string_value(value);
    if (amounts && a && b) {
        double x = amount_of(a), y = amount_of(b);
        if (x == y) return true; /* false if one is NaN */
    }
    return json_equal(held, value);
}

/* ---- changing ---- */

/* The object at that member, created if missing. Borrowed. */
static json_t *part(change *c, json_t *object, const char *member) {
    if (!json_is_object(json_object_get(object, member))) set(c, object, member, json_object());
    return json_object_get(object, member);
}

static void put(change *c, json_t *parent, const char *member, json_t *value, bool amounts) {
    const json_t *held = json_object_get(parent, member);
    bool same = value && is_same(held, value, amounts);
    if (!same) c->changed = true;
    /* A zero is written even if nothing changed: the service replaces a missing member with its default. */
    if (!same || !held)
        set(c, parent, member, value);
    else
        json_decref(value);
}

/* Applies one field of the block. `named`: the block names it. `value` (taken, NULL unless named). `without` (taken): the value for a new job, or for a
 * field that the block no longer names; NULL: the service's default. */
static void settle(change *c, json_t *parent, const char *member, const char *field, bool named, json_t *value,
                   json_t *without, bool amounts) {
    if (named) {
        note(c, "fields", field);
        put(c, parent, member, value, amounts);
    } else if (c->is_new || is_in(c->before, "fields", field)) {
        if (without)
            put(c, parent, member, json_incref(without), amounts);
        else if (!json_object_del(parent, member))
            c->changed = true;
    }
    json_decref(without);
}

static void settle_text(change *c, json_t *parent, const char *member, const char *field, const char *text,
                        bool amount) {
    settle(c, parent, member, field, text != NULL, text ? json_string(text) : NULL, NULL, amount);
}

static void settle_texts(change *c, const char *member, const char *const *list) {
    settle(c, c->container, member, member, list != NULL, list ? dowel_cloud_run_texts(list) : NULL, NULL, false);
}

static void settle_number(change *c, json_t *parent, const char *member, const char *field, bool named, int64_t number,
                          json_t *without) {
    settle(c, parent, member, field, named, named ? json_integer(number) : NULL, without, false);
}

static void settle_fields(change *c) {
    const dowel_cloud_run_job *b = c->block;
    json_t *execution = part(c, c->job, "template"), *limits = part(c, part(c, c->container, "resources"), "limits");
    if (b->image) put(c, c->container, "image", json_string(b->image), false); /* required by the API */
    settle_texts(c, "command", b->command);
    settle_texts(c, "args", b->args);
    settle_text(c, limits, "cpu", "cpu", b->cpu, true);
    settle_text(c, limits, "memory", "memory", b->memory, true);
    settle(c, c->task, "timeout", "timeout", b->timeout > 0,
           b->timeout > 0 ? dowel_cloud_run_duration(b->timeout) : NULL, NULL, true);
    settle_text(c, c->task, "serviceAccount", "service_account", b->service_account, false);
    settle_number(c, c->task, "maxRetries", "max_retries", DOWEL_WAS_GIVEN(b, max_retries), b->max_retries,
                  json_integer(0));
    settle_number(c, execution, "taskCount", "task_count", b->task_count > 0, b->task_count, json_integer(1));
    settle_number(c, execution, "parallelism", "parallelism", DOWEL_WAS_GIVEN(b, parallelism), b->parallelism, NULL);
    if (!json_object_size(limits)) json_object_del(json_object_get(c->container, "resources"), "limits");
    if (!json_object_size(json_object_get(c->container, "resources"))) json_object_del(c->container, "resources");
}

static bool block_names(const dowel_pair *pairs, const char *name) {
    for (; pairs && pairs->name; pairs++)
        if (!strcmp(pairs->name, name)) return true;
    return false;
}

/* The index of a variable in the job's environment; the number of variables if it is missing. */
static size_t place_of(const json_t *env, const char *name) {
    size_t i;
    json_t *variable;
    json_array_foreach(env, i, variable) {
        const char *held = json_string_value(json_object_get(variable, "name"));
        if (held && !strcmp(held, name)) break;
    }
    return i;
}

static bool is_same_variable(const json_t *held, const json_t *wanted) {
    if (json_equal(held, wanted)) return true;
    const char *value = json_string_value(json_object_get(wanted, "value"));
    return value && !*value && !json_object_get(held, "value") && !json_object_get(held, "valueSource");
}

static void settle_env(change *c) {
    json_t *held = json_object_get(c->container, "env"), *env = held ? json_incref(held) : json_array();
    json_t *wanted = dowel_cloud_run_env(c->block->env), *variable, *name;
    size_t i;
    if (!env || !wanted) c->failed = true;
    json_array_foreach(wanted, i, variable) {
        const char *called = json_string_value(json_object_get(variable, "name"));
        size_t at = place_of(env, called);
        note(c, "env", called);
        if (at < json_array_size(env) && is_same_variable(json_array_get(env, at), variable)) continue;
        c->changed = true;
        if (at < json_array_size(env))
            json_array_set(env, at, variable);
        else
            append(c, env, json_incref(variable));
    }
    json_array_foreach(json_object_get(c->before, "env"), i, name) {
        const char *called = json_string_value(name);
        if (!called || block_names(c->block->env, called)) continue;
        if (!json_array_remove(env, place_of(env, called))) c->changed = true;
    }
    if (json_array_size(env))
        set(c, c->container, "env", json_incref(env));
    else
        json_object_del(c->container, "env");
    json_decref(env);
    json_decref(wanted);
}

static void settle_labels(change *c) {
    json_t *labels = part(c, c->job, "labels"), *name;
    size_t i;
    for (const dowel_pair *label = c->block->labels; label && label->name; label++) {
        note(c, "labels", label->name);
        put(c, labels, label->name, json_string(label->value), false);
    }
    json_array_foreach(json_object_get(c->before, "labels"), i, name) {
        const char *called = json_string_value(name);
        if (called && !block_names(c->block->labels, called) && !json_object_del(labels, called)) c->changed = true;
    }
    if (!json_object_size(labels)) json_object_del(c->job, "labels");
}

int dowel_cloud_run_change(const dowel_cloud_run_job *block, const json_t *job, json_t **wanted,
                           dowel_cloud_run_difference *difference, dowel_error *err) {
    change c = {.block = block, .is_new = !job, .now = json_object(), .before = read_record(job)};
    c.job = job ? json_deep_copy(job) : json_object();
    if (!c.job || !c.now || !c.before) {
        json_decref(c.job);
        json_decref(c.now);
        json_decref(c.before);
        return dowel_no_memory(err);
    }
    c.task = part(&c, part(&c, c.job, "template"), "template");
    if (!json_array_size(json_object_get(c.task, "containers"))) set(&c, c.task, "containers", json_pack("[{}]"));
    c.container = json_array_get(json_object_get(c.task, "containers"), 0);
    settle_fields(&c);
    settle_env(&c);
    settle_labels(&c);
    char *record = dowel_json_dump(c.now, JSON_SORT_KEYS);
    set(&c, part(&c, c.job, "annotations"), RECORD, record ? json_string(record) : NULL);
    free(record);
    /* One-time requests to start an execution: sending them again would start another. */
    json_object_del(c.job, "runExecutionToken");
    json_object_del(c.job, "startExecutionToken");
    *difference = c.changed || c.is_new             ? DOWEL_CLOUD_RUN_CHANGED
                  : is_same_record(c.before, c.now) ? DOWEL_CLOUD_RUN_SAME
                                                    : DOWEL_CLOUD_RUN_UNRECORDED;
    json_decref(c.now);
    json_decref(c.before);
    if (!c.failed) {
        *wanted = c.job;
        return 0;
    }
    json_decref(c.job);
    return dowel_no_memory(err);
}
