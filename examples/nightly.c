/* A flow that continues after a failure: nightly DAY
 *
 * Each step has a run key made of the day and the step's name. When the flow runs again, completed steps return their kept results, and only the
 * others run. If the variable SOURCE_IS_GONE is set, the second step fails. */
#include <dowel/dowel.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    int64_t rows;
} step_args;
static const dowel_field step_fields[] = {{DOWEL_AT(step_args, rows), .kind = DOWEL_INT, .doc = "Rows so far."}, {0}};
static const dowel_table step_table = {"step", sizeof(step_args), step_fields, NULL};

static int step(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const step_args *args = data;
    if (args->rows && getenv("SOURCE_IS_GONE")) return dowel_fail(err, DOWEL_E_UNAVAILABLE, "the source is gone");
    printf("%s runs\n", (const char *)dowel_task_context(d));
    *result = json_integer(args->rows + 100);
    return 0;
}
static const dowel_task extract = {sizeof(dowel_task), "extract",   "Extracts.",
                                   &step_table,        .run = step, .context = "extract"},
                        load = {sizeof(dowel_task), "load", "Loads.", &step_table, .run = step, .context = "load"};

typedef struct {
    const char *day;
} nightly_args;
static const dowel_field nightly_fields[] = {
    {DOWEL_AT(nightly_args, day), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED, .doc = "Which day."}, {0}};
static const dowel_table nightly_table = {"nightly", sizeof(nightly_args), nightly_fields, NULL};

static int nightly(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const nightly_args *args = data;
    char keys[2][80];
    snprintf(keys[0], sizeof keys[0], "%.60s/extract", args->day);
    snprintf(keys[1], sizeof keys[1], "%.60s/load", args->day);
    dowel_future *extracted = NULL, *loaded = NULL;
    dowel_call_options options = {sizeof options, .run_key = keys[0]};
    int rc = dowel_submit(d, "extract", &(step_args){0}, sizeof(step_args), &options, &extracted, err);
    options = (dowel_call_options){sizeof options, .run_key = keys[1],
                                   .bindings = (dowel_binding[]){{"rows", extracted, NULL}, {0}}};
    if (!rc) rc = dowel_submit(d, "load", &(step_args){0}, sizeof(step_args), &options, &loaded, err);
    if (!rc) rc = dowel_wait(loaded, result, err);
    dowel_future_free(loaded);
    dowel_future_free(extracted);
    return rc;
}
static const dowel_flow flow = {sizeof(dowel_flow), "nightly", "Two steps.", &nightly_table, .run = nightly};

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: nightly DAY\n"), 2;
    dowel *d;
    dowel_error err;
    if (dowel_open(&d, NULL, &err)) return dowel_error_print(&err);
    dowel_call_options options = {sizeof options, .policy = {.persist_result = true}};
    nightly_args args = {.day = argv[1]};
    json_t *result = NULL;
    int rc = dowel_register_task(d, &extract, &err);
    if (!rc) rc = dowel_register_task(d, &load, &err);
    if (!rc) rc = dowel_block_load(d, "local-file-system/results", &options.policy.result_storage, &err);
    if (!rc) rc = dowel_flow_run(d, &flow, &args, sizeof args, &options, &result, &err);
    if (!rc) printf("%lld rows\n", (long long)json_integer_value(result));
    json_decref(result);
    dowel_block_free(options.policy.result_storage);
    dowel_close(d);
    return rc ? dowel_error_print(&err) : 0;
}
