/* `dowel block check`: the permissions of the credentials. Starts and aborts a multipart upload to test writing: no object is created. */
#include "client.h"

#include <dowel/json.h>
#include <stdio.h>

static bool allowed(int rc, const dowel_error *err, int *fatal) {
    if (rc && err->code != DOWEL_E_PERMISSION) *fatal = rc;
    return !rc;
}

int dowel_s3_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, block, &c, err), fatal = 0;
    if (rc) return rc;
    dowel_builder permissions = dowel_build(json_object()), all = dowel_build(json_incref(report));
    json_t *held;
    dowel_http_request *r = dowel_s3_request(&c, "GET", NULL);
    dowel_http_query(r, "list-type", "2");
    dowel_http_query_int(r, "max-keys", 1);
    dowel_xml *root = NULL;
    rc = dowel_s3_fetch_xml(&c, r, &root, err);
    bool may_list = allowed(rc, err, &fatal);
    dowel_build_bool(&permissions, "s3:ListBucket", may_list);
    dowel_xml_free(root);
    root = NULL;
    if (!fatal) {
        char key[80];
        snprintf(key, sizeof key, ".dowel-check");
        r = dowel_s3_request(&c, "POST", key);
        dowel_http_query(r, "uploads", "");
        rc = dowel_s3_fetch_xml(&c, r, &root, err);
        bool may_write = allowed(rc, err, &fatal);
        dowel_build_bool(&permissions, "s3:PutObject", may_write);
        const char *upload = rc ? NULL : dowel_xml_child_text(root, "UploadId");
        if (upload) dowel_s3_abort(&c, key, upload);
        if (!fatal && !may_list && !may_write)
            fatal = dowel_fail(err, DOWEL_E_PERMISSION, "bucket %s: the credentials may neither list nor write",
                               c.bucket->bucket);
        if (!fatal && !may_write)
            dowel_build_text(&all, "fix", "to write, grant s3:PutObject on the bucket's objects");
        else if (!fatal && !may_list)
            dowel_build_text(&all, "fix", "to list, grant s3:ListBucket on the bucket");
        dowel_xml_free(root);
    }
    (void)dowel_build_end(&permissions, &held, NULL);
    dowel_build_text(&all, "region", c.region);
    dowel_build_json(&all, "permissions", held);
    rc = dowel_build_end(&all, NULL, fatal ? NULL : err);
    dowel_s3_client_close(&c);
    return fatal ? fatal : rc;
}
