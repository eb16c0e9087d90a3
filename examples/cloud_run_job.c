/* Runs a Cloud Run job with an environment variable for this execution and waits for its end: cloud_run_job cloud-run-job/NAME */
#include <dowel/cloud_run.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: cloud_run_job cloud-run-job/NAME\n"), 2;
    dowel *d;
    dowel_error err;
    dowel_block *job = NULL;
    dowel_pair env[] = {{"REPORT_DAY", "2026-01-31"}, {NULL, NULL}};
    json_t *result = NULL;
    if (dowel_open(&d, NULL, &err)) return dowel_error_print(&err);
    int rc = dowel_block_load(d, argv[1], &job, &err);
    if (!rc) rc = dowel_cloud_run_run(d, &(dowel_cloud_run_run_args){.job = job, .env = env}, &result, &err);
    if (!rc)
        printf("%s %s, %lld tasks\n", json_string_value(json_object_get(result, "execution")),
               json_string_value(json_object_get(result, "state")),
               (long long)json_integer_value(json_object_get(result, "succeeded")));
    json_decref(result);
    dowel_block_free(job);
    dowel_close(d);
    return rc ? dowel_error_print(&err) : 0;
}
