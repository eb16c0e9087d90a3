/* Copies within S3: one request up to 5 GiB, above that in parts. */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST_AT_ONCE (5LL << 30)

typedef struct copying {
    dowel_s3_client *from, *to;
    const dowel_s3_copy_args *args;
    char *source;                      /* /bucket/key?versionId=... */
    char etag[DOWEL_S3_ETAG_SIZE + 2]; /* of the source, as the header has it */
    int64_t size, part_size;
    dowel_s3_upload upload;
} copying;

static char *source_of(const dowel_s3_client *c, const char *key, const char *version) {
    char *full = dowel_s3_full_key(c, key), *encoded = full ? dowel_percent_encode(full, "/") : NULL,
         *tag = version ? dowel_percent_encode(version, NULL) : NULL, *source = NULL;
    size_t size = encoded ? strlen(encoded) + strlen(c->bucket->bucket) + (tag ? strlen(tag) : 0) + 32 : 0;
    if (encoded && (tag || !version) && (source = malloc(size)))
        snprintf(source, size, "/%s/%s%s%s", c->bucket->bucket, encoded, tag ? "?versionId=" : "", tag ? tag : "");
    free(full);
    free(encoded);
    free(tag);
    return source;
}

static int keys_for(dowel_http_request *r, const dowel_s3_copy_args *args, dowel_error *err) {
    int rc = dowel_s3_customer_key(r, args->customer_key, true, err);
    return rc ? rc : dowel_s3_customer_key(r, args->to_customer_key, false, err);
}

static int copy_at_once(copying *c, json_t **etag, dowel_error *err) {
    const dowel_s3_copy_args *args = c->args;
    dowel_http_request *r = dowel_s3_request(c->to, "PUT", args->to_key);
    dowel_http_header(r, "x-amz-copy-source", c->source);
    dowel_http_header(r, "x-amz-storage-class", args->storage_class);
    dowel_http_patient(r); /* the service answers when the copy is complete */
    int rc = keys_for(r, args, err);
    dowel_xml *root;
    if (rc) {
        dowel_http_free(r);
        return rc;
    }
    rc = dowel_s3_fetch_xml(c->to, r, &root, err);
    if (rc) return rc;
    const char *said = dowel_xml_child_text(root, "ETag");
    if (!said)
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "S3: %s: the answer to the copy has no ETag", args->to_key);
    else if (!(*etag = dowel_s3_etag(said)))
        rc = dowel_no_memory(err);
    dowel_xml_free(root);
    return rc;
}

/* ---- in parts ---- */

static int copy_part(dowel *d, void *context, int64_t index, dowel_error *err) {
    copying *c = context;
    char range[64];
    int64_t offset = index * c->part_size, left = c->size - offset, size = left < c->part_size ? left : c->part_size;
    dowel_s3_client to = *c->to;
    to.d = d; /* the handle of this thread */
    dowel_http_request *r = dowel_s3_request(&to, "PUT", c->args->to_key);
    snprintf(range, sizeof range, "bytes=%" PRId64 "-%" PRId64, offset, offset + size - 1);
    dowel_http_query_int(r, "partNumber", index + 1);
    dowel_http_query(r, "uploadId", c->upload.id);
    dowel_http_header(r, "x-amz-copy-source", c->source);
    dowel_http_header(r, "x-amz-copy-source-range", range);
    dowel_http_header(r, "x-amz-copy-source-if-match", *c->etag ? c->etag : NULL);
    dowel_http_patient(r);
    int rc = keys_for(r, c->args, err);
    dowel_xml *root;
    if (rc) {
        dowel_http_free(r);
        return rc;
    }
    rc = dowel_s3_fetch_xml(&to, r, &root, err);
    if (rc) return rc;
    const char *etag = dowel_xml_child_text(root, "ETag");
    c->upload.parts[index].etag = etag ? strdup(etag) : NULL;
    if (!c->upload.parts[index].etag)
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "S3: %s: the answer to a part has no ETag", c->args->to_key);
    dowel_xml_free(root);
    if (!rc) dowel_progress(d, size, -1);
    return rc;
}

/* The description of the source, which CopyObject would copy by itself. */
static int described(copying *c, const dowel_http_response *head, dowel_s3_put_args *args, json_t **tags,
                     dowel_error *err) {
    size_t count;
    dowel_pair *metadata = dowel_s3_metadata(head, true);
    if (!metadata) return dowel_no_memory(err);
    *args = (dowel_s3_put_args){.key = c->args->to_key,
                                .metadata = metadata,
                                .content_type = dowel_http_response_header(head, "Content-Type"),
                                .content_encoding = dowel_http_response_header(head, "Content-Encoding"),
                                .cache_control = dowel_http_response_header(head, "Cache-Control"),
                                .content_language = dowel_http_response_header(head, "Content-Language"),
                                .content_disposition = dowel_http_response_header(head, "Content-Disposition"),
                                .storage_class = c->args->storage_class,
                                .customer_key = c->args->to_customer_key};
    int64_t missing = dowel_s3_missing_metadata(head);
    if (missing > 0)
        dowel_log(c->to->d, DOWEL_LOG_WARNING,
                  "S3: the copy %s lacks metadata that S3 does not return (x-amz-missing-meta: %" PRId64 ")",
                  c->args->to_key, missing);
    const char *tagged = dowel_http_response_header(head, "x-amz-tagging-count");
    *tags = NULL;
    if (!tagged || !strcmp(tagged, "0")) return 0;
    int rc = dowel_s3_tags(c->from, c->args->key, c->args->version_id, tags, err);
    dowel_pair *pairs = rc ? NULL : calloc(json_object_size(*tags) + 1, sizeof *pairs);
    if (!rc && !pairs) rc = dowel_no_memory(err);
    const char *name;
    json_t *value;
    count = 0;
    if (pairs) json_object_foreach(*tags, name, value) pairs[count++] = (dowel_pair){name, json_string_value(value)};
    args->tags = pairs;
    return rc;
}

static int copy_in_parts(copying *c, const dowel_http_response *head, json_t **etag, dowel_error *err) {
    dowel_s3_put_args args;
    json_t *tags = NULL;
    char quoted[DOWEL_S3_ETAG_SIZE];
    const char *plain = dowel_s3_unquoted(dowel_http_response_header(head, "ETag"), quoted);
    if (plain) snprintf(c->etag, sizeof c->etag, "\"%s\"", plain);
    const int64_t unit = 1 << 20, least = ((c->size + 9999) / 10000 + unit - 1) / unit * unit;
    c->part_size = c->args->part_size > least ? c->args->part_size : least;
    if (c->part_size > MOST_AT_ONCE) c->part_size = MOST_AT_ONCE;
    int rc = described(c, head, &args, &tags, err);
    c->upload = (dowel_s3_upload){.client = c->to, .args = &args};
    /* The service copies the parts: dowel has no bytes to check. */
    args.checksum = DOWEL_S3_NONE;
    bool started = false;
    if (!rc) rc = dowel_s3_start_parts(c->to->d, &c->upload, -1, c->part_size, err);
    started = !rc;
    const dowel_parts parts = {.count = (c->size + c->part_size - 1) / c->part_size,
                               .width = (int)c->args->concurrency,
                               .total = c->size,
                               .part = copy_part,
                               .context = c};
    if (!rc) rc = dowel_parts_run(c->to->d, &parts, err);
    const dowel_uploaded done = {.size = c->size, .parts = parts.count};
    if (!rc) rc = dowel_s3_finish_parts(c->to->d, &c->upload, &done, err);
    if (rc && started) dowel_s3_abort_parts(c->to->d, &c->upload, err);
    if (!rc) {
        *etag = c->upload.etag;
        c->upload.etag = NULL;
    }
    dowel_s3_upload_clear(&c->upload);
    dowel_s3_metadata_free((dowel_pair *)args.metadata);
    free((void *)args.tags);
    json_decref(tags);
    return rc;
}

int dowel_s3_copy_object(dowel_s3_client *from, dowel_s3_client *to, const dowel_s3_copy_args *args, json_t **etag,
                         dowel_error *err) {
    copying c = {.from = from, .to = to, .args = args, .source = source_of(from, args->key, args->version_id)};
    dowel_http_response *head = NULL;
    dowel_error why;
    if (!c.source) return dowel_no_memory(err);
    bool look = args->multipart_threshold < MOST_AT_ONCE;
    int rc = look ? 0 : copy_at_once(&c, etag, &why);
    /* Only a refusal reveals that an object is too large: most objects need no HEAD request. */
    if (look || (rc && why.http_status == 400 && strcmp(why.reason, "NoSuchKey"))) {
        dowel_error first = why;
        int before = rc;
        rc = dowel_s3_head_object(from, args->key, args->version_id, args->customer_key, 0, &head, &why);
        const char *length = rc ? NULL : dowel_http_response_header(head, "Content-Length");
        c.size = length ? strtoll(length, NULL, 10) : 0;
        if (c.size < 0 || c.size > MOST_AT_ONCE * 10000)
            rc = dowel_fail(&why, DOWEL_E_PROTOCOL, "the answer gives an impossible size of %lld bytes",
                            (long long)c.size);
        if (!rc && c.size > args->multipart_threshold && c.size)
            rc = copy_in_parts(&c, head, etag, &why);
        else if (look && !rc)
            rc = copy_at_once(&c, etag, &why);
        else if (!rc) {
            rc = before;
            why = first;
        }
    }
    if (rc) {
        dowel_s3_hint_at_key(args->customer_key, &why);
        dowel_error_prefix(&why, "copy of %s/%s: ", from->bucket->bucket, args->key);
    }
    if (rc && err) *err = why;
    dowel_http_response_free(head);
    free(c.source);
    return rc;
}
