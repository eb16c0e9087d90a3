/* Downloads of one version of an object, verified by verify.c. */
#include "get.h"

#include <stdlib.h>
#include <string.h>

static dowel_http_request *request(void *context, const dowel_http_response *pinned) {
    const dowel_s3_object *o = context;
    dowel_http_request *r = dowel_s3_request(o->client, "GET", o->args->key);
    dowel_http_query(r, "versionId", o->args->version_id);
    const char *etag = pinned ? dowel_http_response_header(pinned, "ETag") : NULL;
    if (etag && strncmp(etag, "W/", 2) != 0) /* a weak ETag matches nothing: then the answers are compared */
        dowel_http_header(r, "If-Match", etag);
    else if (!pinned && *o->pinned)
        dowel_http_header(r, "If-Match", o->pinned);
    if (!pinned && !dowel_s3_plain(o->client)) dowel_http_header(r, "x-amz-checksum-mode", "ENABLED");
    if (r && dowel_s3_customer_key(r, o->args->customer_key, false, NULL)) {
        dowel_http_free(r);
        return NULL;
    }
    return r;
}

static int tell(const char *name, const dowel_downloaded *got, dowel_object_visitor visit, void *context,
                dowel_error *err) {
    char etag[DOWEL_S3_ETAG_SIZE];
    dowel_object object = dowel_s3_object_of(name, got->response, etag);
    object.size = got->size; /* the first answer may be for a part */
    int rc = visit(context, &object, err);
    return rc < 0 ? rc : 0;
}

int dowel_s3_get_sink(dowel_s3_client *c, const dowel_s3_get_args *args, dowel_sink *sink, json_t **result,
                      dowel_error *err) {
    return dowel_s3_get_told(c, args, sink, result, NULL, NULL, err);
}

int dowel_s3_get_told(dowel_s3_client *c, const dowel_s3_get_args *args, dowel_sink *sink, json_t **result,
                      dowel_object_visitor visit, void *context, dowel_error *err) {
    dowel_s3_object o = {.client = c, .args = args};
    char *name = dowel_s3_handle_name(c, "s3.download", args->key);
    const dowel_download plan = {.sink = sink,
                                 .part_size = args->part_size ? args->part_size : 16 << 20,
                                 .width = (int)args->concurrency,
                                 .request = request,
                                 .verify = dowel_s3_verify,
                                 .check = dowel_s3_choose_check,
                                 .context = &o,
                                 .remember = name};
    dowel_downloaded got;
    if (!name) return dowel_no_memory(err);
    int rc = dowel_download_run(c->d, &plan, &got, err);
    free(name);
    free(o.part_sizes);
    if (rc) dowel_s3_hint_at_key(args->customer_key, err);
    if (rc == DOWEL_E_CONFLICT && err && !err->http_status)
        dowel_error_prefix(err, "S3: %s/%s: ", c->bucket->bucket, args->key);
    if (rc == DOWEL_E_CONFLICT)
        dowel_error_hint(err, "the object was replaced during the download; download it again, or give a version_id");
    if (!rc && visit) rc = tell(args->key, &got, visit, context, err);
    if (!rc && result) {
        const char *type = dowel_http_response_header(got.response, "Content-Type");
        *result =
            json_pack("{s:s,s:s,s:I,s:o*,s:s,s:s}", "bucket", c->bucket->bucket, "key", args->key, "size",
                      (json_int_t)got.size, "etag", dowel_s3_etag(dowel_http_response_header(got.response, "ETag")),
                      "content_type", type ? type : "", "checked_by", o.kind ? o.kind : "size");
        if (!*result) rc = dowel_no_memory(err);
    }
    dowel_http_response_free(got.response);
    return rc;
}
