/* The description of an object to upload: type, metadata, storage class, encryption, tags. */
#include "client.h"

#include <dowel/text.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const dowel_s3_encryption_names[] = {"bucket_default", "AES256", "aws:kms", "aws:kms:dsse", NULL};

/* ---- checks ---- */

/* The service would store other characters wrongly, or the signature would not match. */
bool dowel_s3_fits_header(const char *text) {
    for (; *text; text++)
        if (*text < ' ' || *text > '~') return false;
    return true;
}

int dowel_s3_check_description(const dowel_s3_put_args *args, dowel_error *err) {
    const struct {
        const char *name, *value;
    } headers[] = {{"content_type", args->content_type},
                   {"content_encoding", args->content_encoding},
                   {"cache_control", args->cache_control},
                   {"content_disposition", args->content_disposition},
                   {"content_language", args->content_language},
                   {"storage_class", args->storage_class},
                   {"acl", args->acl},
                   {"kms_key_id", args->kms_key_id},
                   {"if_match", args->if_match}};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        if (headers[i].value && !dowel_s3_fits_header(headers[i].value))
            return dowel_fail(err, DOWEL_E_INVALID, "field \"%s\": a header holds only printable ASCII",
                              headers[i].name);
    if (args->if_absent && args->if_match)
        return dowel_fail(err, DOWEL_E_INVALID, "\"if_absent\" and \"if_match\" exclude each other");
    if (args->kms_key_id && args->encryption < DOWEL_S3_KMS)
        return dowel_fail(err, DOWEL_E_INVALID, "field \"kms_key_id\" needs \"encryption\" aws:kms");
    if (args->bucket_key && args->encryption != DOWEL_S3_KMS)
        return dowel_fail(err, DOWEL_E_INVALID, "field \"bucket_key\" needs \"encryption\" aws:kms");
    if (args->customer_key && args->encryption)
        return dowel_fail(err, DOWEL_E_INVALID, "\"customer_key\" and \"encryption\" exclude each other");
    int rc = dowel_bucket_check_key("customer_key", args->customer_key, err);
    return rc ? rc : dowel_s3_check_metadata(args->metadata, err);
}

/* ---- headers ---- */

/* The tags as a query: "name=value&...". Newly allocated. */
static char *tagging(const dowel_pair *tags, dowel_error *err) {
    dowel_text text = {0};
    for (; tags->name; tags++) dowel_text_add_pair(&text, tags->name, tags->value);
    return dowel_text_take(&text, err);
}

int dowel_s3_customer_key(dowel_http_request *r, const char *key, bool of_copy_source, dowel_error *err) {
    return dowel_bucket_set_key(r,
                                of_copy_source ? "x-amz-copy-source-server-side-encryption-customer"
                                               : "x-amz-server-side-encryption-customer",
                                key, DOWEL_MD5, "key-MD5", err);
}

void dowel_s3_hint_at_key(const char *key, dowel_error *err) {
    if (!err || (err->http_status != 400 && err->http_status != 403)) return;
    /* The answer to HEAD has no reason. */
    bool about = !*err->reason || strstr(err->message, "ncryption") || strstr(err->message, "ecret key");
    if (key && err->http_status == 403)
        dowel_error_hint(
            err, "check customer_key and the permissions: the object may have another key, or access may be denied");
    else if (key && about)
        dowel_error_hint(
            err,
            "check customer_key: the object may be encrypted with another key, or not with a customer-provided key");
    else if (!key && about && err->http_status == 400)
        dowel_error_hint(err, "if the object is encrypted with a customer-provided key (SSE-C), give customer_key");
}

int dowel_s3_describe(dowel_http_request *r, const dowel_s3_upload *u, dowel_error *err) {
    const dowel_s3_put_args *args = u->args;
    dowel_http_header(r, "Content-Type", args->content_type ? args->content_type : dowel_content_type(args->key));
    dowel_http_header(r, "Content-Encoding", args->content_encoding);
    dowel_http_header(r, "Cache-Control", args->cache_control);
    dowel_http_header(r, "Content-Language", args->content_language);
    dowel_http_header(r, "Content-Disposition", args->content_disposition);
    dowel_http_header(r, "x-amz-storage-class", args->storage_class);
    dowel_http_header(r, "x-amz-acl", args->acl);
    dowel_http_header(r, "x-amz-server-side-encryption",
                      args->encryption ? dowel_s3_encryption_names[args->encryption] : NULL);
    if (args->bucket_key) dowel_http_header(r, "x-amz-server-side-encryption-bucket-key-enabled", "true");
    dowel_http_header(r, "x-amz-server-side-encryption-aws-kms-key-id", args->kms_key_id);
    int rc = dowel_s3_describe_metadata(r, args->metadata, err);
    if (rc) return rc;
    if (DOWEL_WAS_GIVEN(args, modified)) { /* seconds with a fraction, as rclone writes them */
        char time[48];
        int64_t size = args->modified < 0 ? -args->modified : args->modified;
        snprintf(time, sizeof time, "%s%" PRId64 ".%06" PRId64, args->modified < 0 ? "-" : "", size / 1000000,
                 size % 1000000);
        dowel_http_header(r, "x-amz-meta-mtime", time);
    }
    if (*u->mark) dowel_http_header(r, DOWEL_S3_MARK, u->mark);
    if (args->tags && args->tags->name) {
        char *tags = tagging(args->tags, err);
        if (!tags) return DOWEL_E_NO_MEMORY;
        dowel_http_header(r, "x-amz-tagging", tags);
        free(tags);
    }
    return dowel_s3_customer_key(r, args->customer_key, false, err);
}
