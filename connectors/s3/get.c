/* Downloads: checked, and never half under the final name. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Which object a download is of, and what it is checked by. */
typedef struct object {
    dowel_s3_client *client;
    const dowel_s3_get_args *args;
    char pinned[DOWEL_S3_ETAG_SIZE]; /* its ETag as the header has it, where that was asked for first */
    char check[96];                  /* as the service says it: base64, or hex of MD5 */
    const char *kind;                /* how messages call it; NULL: there is none */
    bool late;                       /* the answer may still tell an MD5 */
} object;

static dowel_http_request *request(void *context, const dowel_http_response *pinned) {
    const object *o = context;
    dowel_http_request *r = dowel_s3_request(o->client, "GET", o->args->key);
    dowel_http_query(r, "versionId", o->args->version_id);
    if (pinned)
        dowel_http_header(r, "If-Match", dowel_http_response_header(pinned, "ETag"));
    else if (*o->pinned)
        dowel_http_header(r, "If-Match", o->pinned);
    if (!pinned && !dowel_s3_plain(o->client)) dowel_http_header(r, "x-amz-checksum-mode", "ENABLED");
    if (r && dowel_s3_customer_key(r, o->args->customer_key, false, NULL)) {
        dowel_http_free(r);
        return NULL;
    }
    return r;
}

/* ---- what the service has to check by ---- */

static bool by_md5(object *o, const dowel_http_response *response, dowel_download_check *check) {
    const char *etag = dowel_http_response_header(response, "ETag");
    if (!etag || !dowel_s3_etag_is_md5(response)) return false;
    if (*etag == '"') etag++;
    if (strspn(etag, "0123456789abcdefABCDEF") != 32 || (etag[32] && etag[32] != '"')) return false;
    snprintf(o->check, sizeof o->check, "%.32s", etag);
    o->kind = "MD5";
    *check = (dowel_download_check){.kind = DOWEL_MD5};
    return true;
}

/* The size of its parts, of an object whose check is one of its parts' checks; 0: not known, or not all the same. */
static int64_t size_of_parts(object *o, int64_t total, int64_t count) {
    dowel_http_response *response;
    if (dowel_s3_head_object(o->client, o->args->key, o->args->version_id, o->args->customer_key, 1, &response, NULL))
        return 0;
    const char *length = dowel_http_response_header(response, "Content-Length");
    int64_t size = length ? strtoll(length, NULL, 10) : 0;
    dowel_http_response_free(response);
    return size > 0 && (total + size - 1) / size == count ? size : 0;
}

static bool by_checksum(object *o, const dowel_http_response *response, int64_t total, dowel_download_check *check) {
    const char *value;
    const dowel_s3_checksum *checksum = dowel_s3_checksum_in_headers(response, &value);
    const char *parts = checksum ? strchr(value, '-') : NULL, *etag = dowel_http_response_header(response, "ETag"),
               *type = dowel_http_response_header(response, "x-amz-checksum-type");
    if (!checksum || strlen(value) >= sizeof o->check) return false;
    /* Of an object that came in parts, it may be of the whole or of the parts' checks: not every server tells. */
    if (!parts && etag && strchr(etag, '-') && (!type || strcmp(type, "FULL_OBJECT"))) return false;
    *check = (dowel_download_check){.kind = checksum->kind};
    if (parts && !(check->part_size = size_of_parts(o, total, strtoll(parts + 1, NULL, 10)))) return false;
    snprintf(o->check, sizeof o->check, "%.*s", (int)strcspn(value, "-"), value);
    o->kind = checksum->algorithm;
    return true;
}

static int choose(dowel *d, void *context, const dowel_http_response *first, dowel_download_check *check,
                  dowel_error *err) {
    object *o = context;
    int64_t start, last, total = 0;
    (void)d;
    o->kind = NULL;
    /* What comes with a range may be of the range. */
    bool range = first && dowel_http_status(first) == 206;
    if (range) {
        const char *text = dowel_http_response_header(first, "Content-Range");
        long long a, b, c;
        if (text && sscanf(text, "bytes %lld-%lld/%lld", &a, &b, &c) == 3)
            start = a, last = b, total = c;
        else
            start = last = 0;
        /* Small and known by its MD5: no further request is needed. */
        if (total && !start && last == total - 1 && by_md5(o, first, check)) return 0;
    } else if (first) {
        const char *length = dowel_http_response_header(first, "Content-Length");
        total = length ? strtoll(length, NULL, 10) : 0;
        if (by_checksum(o, first, total, check) || by_md5(o, first, check)) return 0;
    }
    dowel_http_response *head;
    int rc = dowel_s3_head_object(o->client, o->args->key, o->args->version_id, o->args->customer_key, 0, &head, err);
    if (rc == DOWEL_E_CANCELLED || rc == DOWEL_E_TIMEOUT) return rc;
    if (rc) { /* the object itself may be read, or the answer says more than that to a HEAD */
        o->late = !first;
        *check = (dowel_download_check){.kind = DOWEL_MD5};
        if (first && !by_md5(o, first, check)) check->none = true;
        return 0;
    }
    const char *etag = dowel_http_response_header(head, "ETag"),
               *length = dowel_http_response_header(head, "Content-Length"),
               *before = first ? dowel_http_response_header(first, "ETag") : NULL;
    bool same = !first || (etag && before && !strcmp(etag, before));
    if (!first) snprintf(o->pinned, sizeof o->pinned, "%s", etag && strlen(etag) < sizeof o->pinned ? etag : "");
    total = length ? strtoll(length, NULL, 10) : 0;
    if (!same || (!by_checksum(o, head, total, check) && !by_md5(o, head, check)))
        if (!first || !by_md5(o, first, check)) *check = (dowel_download_check){.none = true};
    dowel_http_response_free(head);
    return 0;
}

static int verify(void *context, const dowel_downloaded *got, dowel_error *err) {
    object *o = context;
    if (o->late) by_md5(o, got->response, &(dowel_download_check){0});
    if (!o->kind || !got->check_size) return 0;
    bool md5 = !strcmp(o->kind, "MD5");
    char *check = md5 ? dowel_hex(got->check, got->check_size) : dowel_base64(got->check, got->check_size);
    if (!check) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    int rc = 0;
    if (md5 ? strcasecmp(o->check, check) : strcmp(o->check, check)) {
        rc = dowel_fail(err, DOWEL_E_CORRUPT, "S3: %s/%s: what arrived differs from what is stored (%s %s, stored %s)",
                        o->client->bucket->bucket, o->args->key, o->kind, check, o->check);
        if (err) err->retryable = true;
    }
    free(check);
    return rc;
}

int dowel_s3_get_sink(dowel_s3_client *c, const dowel_s3_get_args *args, dowel_sink *sink, json_t **result,
                      dowel_error *err) {
    object o = {.client = c, .args = args};
    char *name = dowel_s3_handle_name(c, "s3.download", args->key);
    const dowel_download plan = {.sink = sink,
                                 .part_size = args->part_size ? args->part_size : 16 << 20,
                                 .width = args->concurrency ? (int)args->concurrency : 4,
                                 .most = args->concurrency ? 0 : 32,
                                 .request = request,
                                 .verify = verify,
                                 .check = choose,
                                 .context = &o,
                                 .remember = name};
    dowel_downloaded got;
    if (!name) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    int rc = dowel_download_run(c->d, &plan, &got, err);
    free(name);
    if (rc) dowel_s3_hint_at_key(args->customer_key, err);
    if (rc == DOWEL_E_CONFLICT)
        dowel_error_hint(err, "the object was replaced while it was read; get it again, or give a version_id");
    if (!rc && result) {
        const char *type = dowel_http_response_header(got.response, "Content-Type");
        *result = json_pack(
            "{s:s,s:s,s:I,s:o*,s:s}", "bucket", c->bucket->bucket, "key", args->key, "size", (json_int_t)got.size,
            "etag", dowel_s3_etag(dowel_http_response_header(got.response, "ETag")), "content_type", type ? type : "");
        if (!*result) rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    dowel_http_response_free(got.response);
    return rc;
}
