/* Verifies downloads: by a checksum of the object, a checksum of its parts' checksums, or an ETag made of MD5s. */
#include "get.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- choosing the check ---- */

static const char MD5[] = "MD5", ETAG[] = "ETag";

static bool by_md5(dowel_s3_object *o, const dowel_http_response *response, dowel_download_check *check) {
    const char *etag = dowel_http_response_header(response, "ETag");
    if (!etag || !dowel_s3_etag_is_md5(response)) return false;
    if (*etag == '"') etag++;
    if (strspn(etag, "0123456789abcdefABCDEF") != 32 || (etag[32] && etag[32] != '"')) return false;
    snprintf(o->check, sizeof o->check, "%.32s", etag);
    o->kind = MD5;
    *check = (dowel_download_check){.kind = DOWEL_MD5};
    return true;
}

/* Prepares a check by parts; false if their sizes are unknown. */
static bool of_parts(dowel_s3_object *o, int64_t total, int64_t count, bool listed, dowel_download_check *check) {
    free(o->part_sizes);
    o->part_sizes = dowel_s3_part_sizes(o, total, count, listed);
    check->part_sizes = o->part_sizes;
    check->parts = o->part_sizes ? (size_t)count : 0;
    return o->part_sizes != NULL;
}

/* The ETag of a multipart object: the MD5 of its parts' MD5s and their number. */
static bool by_etag(dowel_s3_object *o, const dowel_http_response *response, int64_t total,
                    dowel_download_check *check) {
    char text[DOWEL_S3_ETAG_SIZE], *end;
    const char *etag = dowel_s3_unquoted(dowel_http_response_header(response, "ETag"), text);
    if (!etag || !dowel_s3_etag_is_md5(response)) return false;
    if (strspn(etag, "0123456789abcdefABCDEF") != 32 || etag[32] != '-') return false;
    long long count = strtoll(etag + 33, &end, 10);
    *check = (dowel_download_check){.kind = DOWEL_MD5};
    if (*end || !of_parts(o, total, count, false, check)) return false;
    snprintf(o->check, sizeof o->check, "%.32s", etag);
    o->kind = ETAG;
    return true;
}

static bool by_checksum(dowel_s3_object *o, const dowel_http_response *response, int64_t total,
                        dowel_download_check *check) {
    const char *value;
    const dowel_s3_checksum *checksum = dowel_s3_checksum_in_headers(response, &value);
    const char *parts = checksum ? strchr(value, '-') : NULL, *etag = dowel_http_response_header(response, "ETag"),
               *type = dowel_http_response_header(response, "x-amz-checksum-type");
    if (!checksum || strlen(value) >= sizeof o->check) return false;
    /* For a multipart object without a type, it may cover the object or the parts' checksums. */
    if (!parts && etag && strchr(etag, '-') && (!type || strcmp(type, "FULL_OBJECT"))) return false;
    *check = (dowel_download_check){.kind = checksum->kind};
    if (parts && !of_parts(o, total, strtoll(parts + 1, NULL, 10), true, check)) return false;
    snprintf(o->check, sizeof o->check, "%.*s", (int)strcspn(value, "-"), value);
    o->kind = checksum->algorithm;
    return true;
}

static const char unchecked_key;

static void *make_flag(dowel_block *block) {
    (void)block;
    atomic_bool *flag = malloc(sizeof *flag);
    if (flag) atomic_init(flag, false);
    return flag;
}

/* Warns about the first object only: the objects of a bucket are mostly alike. */
static void say_unchecked(const dowel_s3_object *o, dowel_download_check *check) {
    const dowel_s3_client *c = o->client;
    atomic_bool *said = dowel_block_attach(c->block, &unchecked_key, make_flag, free);
    *check = (dowel_download_check){.none = true};
    bool before = said && atomic_exchange(said, true);
    dowel_log(c->d, before ? DOWEL_LOG_INFO : DOWEL_LOG_WARNING,
              "%s/%s: the service has no usable checksum, so only the length is verified%s", c->bucket->bucket,
              o->args->key, before ? "" : "; further objects of the bucket are not reported");
}

int dowel_s3_choose_check(dowel *d, void *context, const dowel_http_response *first, dowel_download_check *check,
                          dowel_error *err) {
    dowel_s3_object *o = context;
    int64_t start, last, total = 0;
    (void)d;
    o->kind = NULL;
    /* A checksum in the answer to a range may cover only the range. */
    bool range = first && dowel_http_status(first) == 206;
    if (range) {
        const char *text = dowel_http_response_header(first, "Content-Range");
        long long a, b, c;
        if (text && sscanf(text, "bytes %lld-%lld/%lld", &a, &b, &c) == 3)
            start = a, last = b, total = c;
        else
            start = last = 0;
        /* A small object with an MD5 needs no further request. */
        if (total && !start && last == total - 1 && by_md5(o, first, check)) return 0;
    } else if (first) {
        const char *length = dowel_http_response_header(first, "Content-Length");
        total = length ? strtoll(length, NULL, 10) : 0;
        if (by_checksum(o, first, total, check) || by_md5(o, first, check) || by_etag(o, first, total, check)) return 0;
    }
    dowel_http_response *head;
    int rc = dowel_s3_head_object(o->client, o->args->key, o->args->version_id, o->args->customer_key, 0, &head, err);
    if (rc == DOWEL_E_CANCELLED || rc == DOWEL_E_TIMEOUT) return rc;
    if (rc) { /* reading may still be allowed, and its answer may have an MD5 */
        o->late = !first;
        *check = (dowel_download_check){.kind = DOWEL_MD5};
        if (first && !by_md5(o, first, check) && !by_etag(o, first, total, check)) say_unchecked(o, check);
        return 0;
    }
    const char *etag = dowel_http_response_header(head, "ETag"),
               *length = dowel_http_response_header(head, "Content-Length"),
               *before = first ? dowel_http_response_header(first, "ETag") : NULL;
    bool same = !first || (etag && before && !strcmp(etag, before));
    if (!first)
        snprintf(o->pinned, sizeof o->pinned, "%s",
                 etag && strlen(etag) < sizeof o->pinned && strncmp(etag, "W/", 2) ? etag : "");
    total = length ? strtoll(length, NULL, 10) : 0;
    bool known =
        same && (by_checksum(o, head, total, check) || by_md5(o, head, check) || by_etag(o, head, total, check));
    if (!known && !(first && by_md5(o, first, check))) say_unchecked(o, check);
    dowel_http_response_free(head);
    return 0;
}

int dowel_s3_verify(void *context, const dowel_downloaded *got, dowel_error *err) {
    dowel_s3_object *o = context;
    if (o->late) by_md5(o, got->response, &(dowel_download_check){0});
    if (!o->kind || !got->check_size) return 0;
    bool hex = o->kind == MD5 || o->kind == ETAG;
    char *check = hex ? dowel_hex(got->check, got->check_size) : dowel_base64(got->check, got->check_size);
    if (!check) return dowel_no_memory(err);
    int rc = 0;
    if (hex ? dowel_casecmp(o->check, check) : strcmp(o->check, check)) {
        rc = dowel_fail(err, DOWEL_E_CORRUPT,
                        "S3: %s/%s: the downloaded bytes differ from the stored ones (%s %s, stored %s)",
                        o->client->bucket->bucket, o->args->key, o->kind, check, o->check);
        if (err) err->retryable = true;
        o->thorough = true;
    }
    free(check);
    return rc;
}
