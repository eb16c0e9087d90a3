/* `dowel block check`: the permissions of the credentials on the bucket, by buckets.testIamPermissions, which changes nothing. */
#include "client.h"

#include <dowel/json.h>
#include <dowel/text.h>
#include <stdlib.h>
#include <string.h>

static const char *const wanted[] = {"storage.objects.list", "storage.objects.get", "storage.objects.create",
                                     "storage.objects.delete", NULL};

int dowel_gcs_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    dowel_gcs_client c;
    int rc = dowel_gcs_client_open(d, block, &c, err);
    if (rc) return rc;
    dowel_http_request *r = dowel_gcs_request(&c, "GET", NULL);
    dowel_http_path(r, "iam", "testPermissions", NULL);
    for (size_t i = 0; wanted[i]; i++) dowel_http_query(r, "permissions", wanted[i]);
    json_t *answer = NULL, *one;
    rc = dowel_http_fetch_json(d, r, &answer, err);
    if (rc == DOWEL_E_NOT_FOUND) {
        /* No such bucket, or an emulator without this method: a listing tells which. */
        r = dowel_gcs_request(&c, "GET", NULL);
        dowel_http_path(r, "o", NULL);
        dowel_http_query_int(r, "maxResults", 1);
        rc = dowel_http_fetch_json(d, r, &answer, err);
        if (!rc && json_object_set_new(report, "permissions", json_pack("{s:b}", wanted[0], 1)))
            rc = dowel_no_memory(err);
        json_decref(answer);
        return rc;
    }
    if (rc) return rc;
    dowel_builder permissions = dowel_build(json_object()), all = dowel_build(json_incref(report));
    dowel_text missing = {0};
    for (size_t i = 0; wanted[i]; i++) {
        bool held = false;
        size_t j;
        json_array_foreach(json_object_get(answer, "permissions"), j, one) {
            const char *name = json_string_value(one);
            held |= name && !strcmp(name, wanted[i]);
        }
        dowel_build_bool(&permissions, wanted[i], held);
        if (!held) dowel_text_format(&missing, "%s%s", missing.size ? ", " : "missing ", wanted[i]);
    }
    json_decref(answer);
    if (missing.size)
        dowel_text_put(&missing,
                       ": grant roles/storage.objectViewer to read, roles/storage.objectUser to read and write");
    char *fix = dowel_text_take(&missing, NULL);
    json_t *built;
    (void)dowel_build_end(&permissions, &built, NULL);
    dowel_build_json(&all, "permissions", built);
    if (!fix || *fix) dowel_build_json(&all, "fix", fix ? json_string(fix) : NULL);
    free(fix);
    return dowel_build_end(&all, NULL, err);
}
