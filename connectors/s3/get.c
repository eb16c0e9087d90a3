/* Downloads: checked, and never half under the final name. */
#include "client.h"

#include <dowel/transfer.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int no_memory(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

/* The object's MD5 where its ETag is one: put in one piece, and not encrypted with a key of the bucket's own. */
static bool etag_is_md5(const dowel_http_response *response, char md5[33]) {
    const char *etag = dowel_http_response_header(response, "ETag");
    const char *encryption = dowel_http_response_header(response, "x-amz-server-side-encryption");
    if (!etag || (encryption && strcmp(encryption, "AES256"))) return false;
    if (*etag == '"') etag++;
    if (strspn(etag, "0123456789abcdefABCDEF") != 32 || (etag[32] && etag[32] != '"')) return false;
    memcpy(md5, etag, 32);
    md5[32] = 0;
    return true;
}

/* Which object a download is of. */
typedef struct object {
    dowel_s3_client *client;
    const char *key, *version;
} object;

static dowel_http_request *request(void *context, const dowel_http_response *pinned) {
    const object *o = context;
    dowel_http_request *r = dowel_s3_request(o->client, "GET", o->key);
    dowel_http_query(r, "versionId", o->version);
    if (pinned) dowel_http_header(r, "If-Match", dowel_http_response_header(pinned, "ETag"));
    return r;
}

static int verify(void *context, const dowel_downloaded *got, dowel_error *err) {
    const object *o = context;
    char wanted[33];
    if (!etag_is_md5(got->response, wanted)) return 0;
    char *md5 = dowel_hex(got->check, got->check_size);
    if (!md5) return no_memory(err);
    int rc = 0;
    if (strcasecmp(wanted, md5)) {
        rc = dowel_fail(err, DOWEL_E_CORRUPT, "S3: %s/%s: what arrived differs from what is stored (MD5 %s, ETag %s)",
                        o->client->bucket->bucket, o->key, md5, wanted);
        if (err) err->retryable = true;
    }
    free(md5);
    return rc;
}

int dowel_s3_get_sink(dowel_s3_client *c, const dowel_s3_get_args *args, dowel_sink *sink, json_t **result,
                      dowel_error *err) {
    object o = {c, args->key, args->version_id};
    const dowel_download plan = {.sink = sink,
                                 .digest = DOWEL_MD5,
                                 .part_size = args->part_size ? args->part_size : 16 << 20,
                                 .width = args->concurrency ? (int)args->concurrency : 4,
                                 .request = request,
                                 .verify = verify,
                                 .context = &o};
    dowel_downloaded got;
    int rc = dowel_download_run(c->d, &plan, &got, err);
    if (rc == DOWEL_E_CONFLICT)
        dowel_error_hint(err, "the object was replaced while it was read; get it again, or give a version_id");
    if (!rc && result) {
        const char *type = dowel_http_response_header(got.response, "Content-Type");
        *result = json_pack(
            "{s:s,s:s,s:I,s:o*,s:s}", "bucket", c->bucket->bucket, "key", args->key, "size", (json_int_t)got.size,
            "etag", dowel_s3_etag(dowel_http_response_header(got.response, "ETag")), "content_type", type ? type : "");
        if (!*result) rc = no_memory(err);
    }
    dowel_http_response_free(got.response);
    return rc;
}
