/* `dowel block check`: whether the job exists. */
#include "client.h"

#include <dowel/json.h>

int dowel_cloud_run_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    dowel_cloud_run_client c;
    int rc = dowel_cloud_run_client_open(d, block, &c, err);
    if (rc) return rc;
    json_t *job = NULL;
    rc = dowel_http_fetch_json(d, dowel_cloud_run_request(&c, "GET", c.name, NULL), &job, err);
    bool absent = rc == DOWEL_E_NOT_FOUND;
    dowel_builder all = dowel_build(json_incref(report));
    dowel_build_text(&all, "job", c.name);
    dowel_build_bool(&all, "exists", !rc);
    if (absent)
        dowel_build_text(&all, "fix",
                         c.job->image ? "nothing to do: cloud_run.run creates the job"
                                      : "check the job's name and region, or give the block an image to create the job "
                                        "from");
    int built = dowel_build_end(&all, NULL, rc && !absent ? NULL : err);
    json_decref(job);
    dowel_cloud_run_client_close(&c);
    return rc && !absent ? rc : built;
}
