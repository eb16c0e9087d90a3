/* Downloads: checked, and never half under the final name. */
#include "client.h"

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

int dowel_s3_get_sink(dowel_s3_client *c, const char *key, const char *version, dowel_sink *sink, json_t **result,
                      dowel_error *err) {
    dowel_http_request *r = dowel_s3_request(c, "GET", key);
    dowel_digest *digest = dowel_digest_new(DOWEL_MD5);
    dowel_http_response *response = NULL;
    dowel_http_query(r, "versionId", version);
    dowel_http_sink(r, sink);
    dowel_http_digest(r, digest);
    dowel_http_progress(r, 0, -1);
    int rc = r && digest ? dowel_http_send(c->d, r, &response, err) : no_memory(err);
    int64_t size = dowel_sink_written(sink);
    if (!rc) {
        unsigned char bytes[DOWEL_DIGEST_MAX];
        char wanted[33];
        size_t n = dowel_digest_end(digest, bytes);
        char *got = dowel_hex(bytes, n);
        if (!got)
            rc = no_memory(err);
        else if (etag_is_md5(response, wanted) && strcasecmp(wanted, got)) {
            rc = dowel_fail(err, DOWEL_E_CORRUPT,
                            "S3: %s/%s: what arrived differs from what is stored (MD5 %s, ETag %s)", c->bucket->bucket,
                            key, got, wanted);
            if (err) err->retryable = true;
        }
        free(got);
    }
    if (!rc) rc = dowel_sink_commit(sink, err);
    if (!rc && result) {
        const char *type = dowel_http_response_header(response, "Content-Type");
        *result = json_pack("{s:s,s:s,s:I,s:o,s:s}", "bucket", c->bucket->bucket, "key", key, "size", (json_int_t)size,
                            "etag", dowel_s3_etag(dowel_http_response_header(response, "ETag")), "content_type",
                            type ? type : "");
        if (!*result) rc = no_memory(err);
    }
    dowel_http_response_free(response);
    dowel_digest_free(digest);
    dowel_http_free(r);
    return rc;
}
