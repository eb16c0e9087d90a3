/* Object descriptions from response headers. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parses seconds with a fraction, as copying programs record a file's time. Microseconds; 0: not a time. The epoch itself becomes 1. */
int64_t dowel_s3_recorded_time(const char *text) {
    int64_t seconds = 0, fraction = 0;
    int digits = 0;
    bool before = text && *text == '-';
    if (before) text++;
    if (!text || *text < '0' || *text > '9') return 0;
    for (; *text >= '0' && *text <= '9' && digits < 12; text++, digits++) seconds = seconds * 10 + (*text - '0');
    digits = 0;
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++)
            if (digits++ < 6) fraction = fraction * 10 + (*text - '0');
    if (*text) return 0;
    for (; digits < 6; digits++) fraction *= 10;
    int64_t time = seconds * 1000000 + fraction;
    return !time ? 1 : before ? -time : time;
}

bool dowel_s3_etag_is_md5(const dowel_http_response *response) {
    const char *encryption = dowel_http_response_header(response, "x-amz-server-side-encryption");
    return (!encryption || !strcmp(encryption, "AES256")) &&
           !dowel_http_response_header(response, "x-amz-server-side-encryption-customer-algorithm");
}

dowel_object dowel_s3_object_of(const char *name, const dowel_http_response *response, char etag[DOWEL_S3_ETAG_SIZE]) {
    const char *size = dowel_http_response_header(response, "Content-Length"),
               *mtime = dowel_http_response_header(response, "x-amz-meta-mtime"), *check;
    dowel_object object = {.name = name,
                           .is_current = true,
                           .size = size ? strtoll(size, NULL, 10) : 0,
                           .modified = dowel_s3_recorded_time(mtime),
                           .version = dowel_http_response_header(response, "x-amz-version-id"),
                           .etag = dowel_s3_unquoted(dowel_http_response_header(response, "ETag"), etag),
                           .content_type = dowel_http_response_header(response, "Content-Type"),
                           .storage_class = dowel_http_response_header(response, "x-amz-storage-class"),
                           .content_encoding = dowel_http_response_header(response, "Content-Encoding"),
                           .content_language = dowel_http_response_header(response, "Content-Language"),
                           .content_disposition = dowel_http_response_header(response, "Content-Disposition"),
                           .cache_control = dowel_http_response_header(response, "Cache-Control")};
    object.own_time = object.modified != 0;
    object.stored = 1000000 * dowel_http_parse_date(dowel_http_response_header(response, "Last-Modified"));
    if (!object.modified) object.modified = object.stored;
    const dowel_s3_checksum *checksum = dowel_s3_checksum_in_headers(response, &check);
    void *bytes;
    size_t got;
    if (checksum && !strchr(check, '-') && !dowel_base64_decode(check, &bytes, &got)) {
        if (got <= sizeof object.check) {
            memcpy(object.check, bytes, got);
            object.check_kind = checksum->kind;
            object.check_size = got;
        }
        free(bytes);
    }
    if (dowel_s3_etag_is_md5(response)) dowel_s3_md5_of_etag(&object);
    return object;
}

int dowel_s3_head_object(dowel_s3_client *c, const char *key, const char *version, const char *customer_key,
                         int64_t part, dowel_http_response **response, dowel_error *err) {
    dowel_http_request *r = dowel_s3_request(c, "HEAD", key);
    dowel_http_query(r, "versionId", version);
    if (part) dowel_http_query_int(r, "partNumber", part);
    if (!dowel_s3_plain(c)) dowel_http_header(r, "x-amz-checksum-mode", "ENABLED");
    int rc = dowel_s3_customer_key(r, customer_key, false, err);
    if (!rc) rc = dowel_http_send(c->d, r, response, err);
    dowel_http_free(r);
    if (rc) dowel_s3_hint_at_key(customer_key, err);
    return rc;
}
