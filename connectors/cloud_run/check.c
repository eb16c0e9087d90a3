/* `dowel block check`: whether the job exists. */
#include "client.h"

int dowel_cloud_run_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    dowel_cloud_run_client c;
    int rc = dowel_cloud_run_client_open(d, block, &c, err);
    if (rc) return rc;
    json_t *job = NULL;
    rc = dowel_http_fetch_json(d, dowel_cloud_run_request(&c, "GET", c.name, NULL), &job, err);
    bool absent = rc == DOWEL_E_NOT_FOUND;
    json_object_set_new(report, "job", json_string(c.name));
    json_object_set_new(report, "exists", json_boolean(!rc));
    if (absent)
        json_object_set_new(
            report, "fix",
            json_string(c.job->image
                            ? "nothing to do: cloud_run.run creates the job"
                            : "check the job's name and region, or give the block an image to create the job from"));
    json_decref(job);
    dowel_cloud_run_client_close(&c);
    return absent ? 0 : rc;
}
