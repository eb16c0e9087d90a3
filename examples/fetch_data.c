/* Defines a task, calls it directly, then submits it to the worker threads and waits for the result. */
#include <dowel/dowel.h>
#include <stdio.h>

typedef struct {
    int64_t x;
} fetch_args;
static const dowel_field fetch_fields[] = {
    {DOWEL_AT(fetch_args, x), .kind = DOWEL_INT, .flags = DOWEL_REQUIRED, .doc = "What to double."}, {0}};
static const dowel_table fetch_table = {"fetch_data", sizeof(fetch_args), fetch_fields, NULL};

static int fetch_data(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const fetch_args *args = data;
    int rc = dowel_sleep(d, 0.1, err); /* the work; wakes when the run is cancelled */
    if (!rc) *result = json_integer(args->x * 2);
    return rc;
}
static const dowel_task fetch_task = {sizeof(dowel_task), "fetch_data", "Doubles a number.", &fetch_table,
                                      .run = fetch_data};

int main(void) {
    dowel *d;
    dowel_error err;
    fetch_args args = {.x = 42};
    dowel_future *future = NULL;
    json_t *called = NULL, *awaited = NULL;
    if (dowel_open(&d, NULL, &err)) return dowel_error_print(&err);
    int rc = dowel_register_task(d, &fetch_task, &err);
    if (!rc) rc = dowel_call(d, "fetch_data", &args, sizeof args, NULL, &called, &err);
    if (!rc) rc = dowel_submit(d, "fetch_data", &args, sizeof args, NULL, &future, &err);
    if (!rc) rc = dowel_wait(future, &awaited, &err);
    if (!rc)
        printf("called: %lld\nsubmitted and awaited: %lld\n", (long long)json_integer_value(called),
               (long long)json_integer_value(awaited));
    dowel_future_free(future);
    json_decref(awaited);
    json_decref(called);
    dowel_close(d);
    return rc ? dowel_error_print(&err) : 0;
}
