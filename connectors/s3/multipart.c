/* Multipart uploads: start, resume, complete, abort. */
#include "client.h"

#include <dowel/text.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *dowel_s3_handle_name(const dowel_s3_client *c, const char *what, const char *key) {
    return dowel_bucket_handle_name(what, c->bucket->bucket, c->bucket->folder, key);
}

static char *handle_name(const dowel_s3_upload *u) {
    return dowel_s3_handle_name(u->client, "s3.upload", u->args->key);
}

void dowel_s3_abort(dowel_s3_client *c, const char *key, const char *upload) {
    dowel_http_request *r = dowel_s3_request(c, "DELETE", key);
    dowel_http_query(r, "uploadId", upload);
    dowel_http_accept(r, 404);
    dowel_error why;
    if (dowel_http_send(dowel_cleanup(c->d), r, NULL, &why))
        dowel_log(c->d, DOWEL_LOG_WARNING,
                  "the multipart upload of %s could not be aborted, so its parts are billed: %s; "
                  "abort it later with s3.abort_stale",
                  key, why.message);
    dowel_http_free(r);
}

/* ---- parts that the service has ---- */

static int hold(dowel_s3_upload *u, const dowel_xml *entry, dowel_error *err) {
    const char *number = dowel_xml_child_text(entry, "PartNumber"), *size = dowel_xml_child_text(entry, "Size"), *check;
    long index = number ? strtol(number, NULL, 10) - 1 : -1;
    if (index < 0 || index >= u->count) return 0;
    dowel_s3_part *part = &u->parts[index];
    const dowel_s3_checksum *checksum = dowel_s3_checksum_in_xml(entry, &check);
    const char *etag = dowel_xml_child_text(entry, "ETag");
    free(part->etag);
    part->etag = etag ? strdup(etag) : NULL;
    part->size = size ? strtoll(size, NULL, 10) : -1;
    if (checksum && checksum == dowel_s3_checksum_of(u->args->checksum))
        snprintf(part->check, sizeof part->check, "%s", check);
    part->held = part->etag != NULL;
    return part->etag || !etag ? 0 : dowel_no_memory(err);
}

static int list_parts(dowel_s3_upload *u, dowel_error *err) {
    char *marker = NULL;
    int rc = 0;
    for (bool more = true; more && !rc;) {
        dowel_http_request *r = dowel_s3_request(u->client, "GET", u->args->key);
        dowel_xml *root;
        dowel_http_query(r, "uploadId", u->id);
        dowel_http_query(r, "part-number-marker", marker);
        rc = dowel_s3_fetch_xml(u->client, r, &root, err);
        if (rc) break;
        for (const dowel_xml *e = dowel_xml_child(root, "Part"); e && !rc; e = dowel_xml_next(e, "Part"))
            rc = hold(u, e, err);
        const char *truncated = dowel_xml_child_text(root, "IsTruncated"),
                   *next = dowel_xml_child_text(root, "NextPartNumberMarker");
        more = truncated && !strcmp(truncated, "true") && next && (!marker || strcmp(marker, next));
        free(marker);
        marker = more ? strdup(next) : NULL;
        dowel_xml_free(root);
    }
    free(marker);
    return rc;
}

/* The file may have changed since: a part is skipped only if its bytes are the same. */
int dowel_s3_part_is_there(dowel_s3_upload *u, dowel_upload_part *part, bool *there, dowel_error *err) {
    const dowel_s3_part *held = &u->parts[part->index];
    *there = false;
    if (!held->held || held->size != part->size) return 0;
    const char *etag = held->etag + (*held->etag == '"');
    bool md5 = !*held->check && strspn(etag, "0123456789abcdefABCDEF") == 32;
    if (!md5 && !*held->check) return 0;
    dowel_digest *extra = md5 ? dowel_digest_new(DOWEL_MD5) : NULL;
    if (md5 && !extra) return dowel_no_memory(err);
    int rc = dowel_source_digest(part->source, extra, err);
    const unsigned char *check;
    unsigned char bytes[DOWEL_DIGEST_MAX];
    size_t size = dowel_upload_check(part, &check);
    char *text = rc ? NULL : md5 ? dowel_hex(bytes, dowel_digest_end(extra, bytes)) : dowel_base64(check, size);
    if (!rc && !text) rc = dowel_no_memory(err);
    if (!rc) *there = md5 ? !dowel_ncasecmp(etag, text, 32) : !strcmp(held->check, text);
    free(text);
    dowel_digest_free(extra);
    if (!rc && !*there) rc = dowel_source_rewind(part->source, err);
    if (!rc && *there) rc = dowel_s3_note_part(u, part, NULL, err);
    return rc;
}

int dowel_s3_note_part(dowel_s3_upload *u, dowel_upload_part *part, const char *etag, dowel_error *err) {
    dowel_s3_part *noted = &u->parts[part->index];
    const unsigned char *check;
    if (etag) {
        free(noted->etag);
        noted->etag = strdup(etag);
    }
    size_t size = dowel_upload_check(part, &check);
    char *text = dowel_base64(check, size);
    if (text) snprintf(noted->check, sizeof noted->check, "%s", text);
    free(text);
    if (!noted->etag)
        return etag ? dowel_no_memory(err)
                    : dowel_fail(err, DOWEL_E_PROTOCOL, "S3: %s: the answer to a part has no ETag", u->args->key);
    return text ? 0 : dowel_no_memory(err);
}

/* ---- start ---- */

static int begin(dowel_s3_upload *u, bool plain, dowel_error *err) {
    const dowel_s3_checksum *checksum = plain ? NULL : dowel_s3_checksum_of(u->args->checksum);
    dowel_http_request *r = dowel_s3_request(u->client, "POST", u->args->key);
    dowel_xml *root;
    dowel_http_query(r, "uploads", "");
    /* An upload whose answer is lost has no parts and costs nothing; s3.abort_stale removes it. */
    dowel_http_idempotent(r, true);
    if (checksum) {
        dowel_http_header(r, "x-amz-checksum-algorithm", checksum->algorithm);
        dowel_http_header(r, "x-amz-checksum-type", dowel_digest_joins(checksum->kind) ? "FULL_OBJECT" : "COMPOSITE");
    }
    int rc = dowel_s3_describe(r, u, err);
    if (rc) {
        dowel_http_free(r);
        return rc;
    }
    rc = dowel_s3_fetch_xml(u->client, r, &root, err);
    if (rc) return rc;
    const char *id = dowel_xml_child_text(root, "UploadId");
    u->id = id && *id ? strdup(id) : NULL;
    if (!u->id) rc = dowel_fail(err, DOWEL_E_PROTOCOL, "S3: %s: the answer has no UploadId", u->args->key);
    dowel_xml_free(root);
    return rc;
}

int dowel_s3_start_parts(dowel *d, void *context, int64_t size, int64_t part_size, dowel_error *err) {
    dowel_s3_upload *u = context;
    dowel_error why;
    int rc = 0;
    u->count = size < 0 ? 10000 : (size + part_size - 1) / part_size;
    if (!u->count) u->count = 1;
    u->parts = calloc((size_t)u->count, sizeof *u->parts);
    char *name = handle_name(u);
    if (!u->parts || !name) {
        free(name);
        return dowel_no_memory(err);
    }
    u->id = size >= 0 ? dowel_recall(d, name) : NULL;
    if (u->id && *u->id) rc = list_parts(u, &why);
    if (u->id && (!*u->id || rc == DOWEL_E_NOT_FOUND)) { /* aborted, completed, or removed */
        free(u->id);
        u->id = NULL;
        rc = 0;
    }
    if (rc) {
        free(name);
        if (err) *err = why;
        return rc;
    }
    if (u->id) {
        dowel_log(d, DOWEL_LOG_INFO, "continuing the multipart upload of %s", u->args->key);
        free(name);
        return 0;
    }
    bool plain = dowel_s3_plain(u->client);
    rc = begin(u, plain, &why);
    if (rc && !plain && dowel_s3_refuses_checksums(&why)) {
        dowel_error refused = why;
        rc = begin(u, true, &why);
        if (!rc) dowel_s3_set_plain(u->client, &refused);
    }
    if (rc && err) *err = why;
    if (!rc) {
        rc = dowel_remember(d, name, u->id, false, err);
        if (rc) dowel_s3_abort(u->client, u->args->key, u->id);
    }
    free(name);
    return rc;
}

/* ---- complete ---- */

static char *completion(const dowel_s3_upload *u, int64_t count, const dowel_s3_checksum *checksum, dowel_error *err) {
    dowel_text text = {0};
    dowel_text_put(&text, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (int64_t i = 0; i < count; i++) {
        dowel_text_format(&text, "<Part><PartNumber>%" PRId64 "</PartNumber><ETag>", i + 1);
        dowel_s3_add_escaped(&text, u->parts[i].etag); /* untrusted text of the service */
        dowel_text_put(&text, "</ETag>");
        if (checksum && *u->parts[i].check)
            dowel_text_format(&text, "<%s>%s</%s>", checksum->element, u->parts[i].check, checksum->element);
        dowel_text_put(&text, "</Part>");
    }
    dowel_text_put(&text, "</CompleteMultipartUpload>");
    return dowel_text_take(&text, err);
}

static int complete(dowel_s3_upload *u, const dowel_uploaded *done, const dowel_s3_checksum *checksum,
                    const char *check, bool *in_doubt, dowel_error *err) {
    char *text = completion(u, done->parts, checksum, err), length[32];
    if (!text) return DOWEL_E_NO_MEMORY;
    dowel_http_request *r = dowel_s3_request(u->client, "POST", u->args->key);
    dowel_http_query(r, "uploadId", u->id);
    dowel_http_header(r, "Content-Type", "application/xml");
    if (checksum && check) {
        dowel_http_header(r, checksum->header, check);
        dowel_http_header(r, "x-amz-checksum-type", "FULL_OBJECT");
        snprintf(length, sizeof length, "%" PRId64, done->size);
        dowel_http_header(r, "x-amz-mp-object-size", length);
    }
    dowel_s3_condition(r, u->args);
    int rc = dowel_s3_customer_key(r, u->args->customer_key, false, err);
    dowel_http_body(r, text, strlen(text));
    free(text);
    if (rc) {
        dowel_http_free(r);
        return rc;
    }
    /* Completing a completed upload gives the same answer, so the request may be repeated. Joining many parts takes long. */
    dowel_http_idempotent(r, true);
    dowel_http_patient(r);
    dowel_xml *root;
    rc = dowel_s3_send_xml(u->client, r, &root, err);
    *in_doubt |= dowel_http_in_doubt(r);
    dowel_http_free(r);
    if (rc) return rc;
    const char *said = checksum && check ? dowel_xml_child_text(root, checksum->element) : NULL,
               *etag = dowel_xml_child_text(root, "ETag");
    if (!etag)
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "S3: %s: the answer to the completion has no ETag", u->args->key);
    else if (!(u->etag = dowel_s3_etag(etag)))
        rc = dowel_no_memory(err);
    if (!rc && said && *said && strcmp(said, check) && !strchr(said, '-')) {
        rc = dowel_fail(err, DOWEL_E_CORRUPT,
                        "S3: %s: the stored bytes differ from the uploaded ones (%s %s, uploaded %s)", u->args->key,
                        checksum->algorithm, said, check);
        if (err) err->retryable = true;
    }
    dowel_xml_free(root);
    return rc;
}

static bool note_object(dowel_s3_upload *u, const dowel_http_response *head) {
    const char *version = dowel_http_response_header(head, "x-amz-version-id");
    json_decref(u->etag);
    u->etag = dowel_s3_etag(dowel_http_response_header(head, "ETag"));
    free(u->version);
    u->version = version ? strdup(version) : NULL;
    return u->etag && (u->version || !version);
}

/* The ETag of an object from those of its parts, if these are MD5s. Newly allocated; NULL: unknown. */
static char *etag_of_parts(const dowel_s3_upload *u, int64_t count) {
    dowel_digest *digest = dowel_digest_new(DOWEL_MD5);
    bool known = digest != NULL;
    for (int64_t i = 0; i < count && known; i++) {
        unsigned char md5[16];
        known = u->parts[i].etag && dowel_s3_read_md5(u->parts[i].etag, md5);
        if (known) dowel_digest_update(digest, md5, sizeof md5);
    }
    unsigned char all[DOWEL_DIGEST_MAX];
    char *hex = known ? dowel_hex(all, dowel_digest_end(digest, all)) : NULL, *etag = NULL;
    size_t size = hex ? strlen(hex) + 24 : 0;
    if (hex && (etag = malloc(size))) snprintf(etag, size, "%s-%" PRId64, hex, count);
    free(hex);
    dowel_digest_free(digest);
    return etag;
}

/* Whether an upload that the service no longer knows was completed, with its answer lost. */
static bool became_object(dowel_s3_upload *u, const dowel_uploaded *done, const dowel_s3_checksum *checksum,
                          const char *check) {
    dowel_http_response *head;
    if (dowel_s3_head_object(u->client, u->args->key, NULL, u->args->customer_key, 0, &head, NULL)) return false;
    const char *length = dowel_http_response_header(head, "Content-Length"),
               *said = checksum ? dowel_http_response_header(head, checksum->header) : NULL;
    char suffix[32], text[DOWEL_S3_ETAG_SIZE], *wanted = etag_of_parts(u, done->parts);
    const char *etag = dowel_s3_unquoted(dowel_http_response_header(head, "ETag"), text);
    snprintf(suffix, sizeof suffix, "-%" PRId64, done->parts);
    bool same = *u->mark ? dowel_s3_is_marked(u, head, done->size)
                         : length && strtoll(length, NULL, 10) == done->size && etag &&
                               ((wanted && !dowel_casecmp(etag, wanted)) ||
                                (strstr(etag, suffix) && said && check && !strcmp(said, check)));
    if (same) same = note_object(u, head);
    free(wanted);
    dowel_http_response_free(head);
    return same;
}

int dowel_s3_finish_parts(dowel *d, void *context, const dowel_uploaded *done, dowel_error *err) {
    dowel_s3_upload *u = context;
    const dowel_s3_checksum *checksum = dowel_s3_plain(u->client) ? NULL : dowel_s3_checksum_of(u->args->checksum);
    char *check = checksum && done->check_size ? dowel_base64(done->check, done->check_size) : NULL;
    dowel_error why;
    bool in_doubt = false;
    (void)d;
    int rc = complete(u, done, checksum, check, &in_doubt, &why);
    if (rc == DOWEL_E_CONFLICT) {
        dowel_http_response *head;
        rc = dowel_s3_settle(u, done->size, in_doubt, &head, &why);
        if (!rc && !note_object(u, head)) rc = dowel_no_memory(&why);
        /* An earlier upload of this run, by a killed process, may have stored it. */
        if (!rc) dowel_s3_abort(u->client, u->args->key, u->id);
        dowel_http_response_free(head);
    } else if (rc == DOWEL_E_NOT_FOUND && !strcmp(why.reason, "NoSuchUpload") &&
               became_object(u, done, checksum, check)) {
        rc = 0;
    }
    if (rc && err) *err = why;
    free(check);
    return rc;
}

void dowel_s3_abort_parts(dowel *d, void *context, const dowel_error *why) {
    dowel_s3_upload *u = context;
    (void)why;
    char *name = handle_name(u);
    dowel_s3_abort(u->client, u->args->key, u->id);
    if (name) dowel_remember(dowel_cleanup(d), name, "", false, NULL);
    free(name);
}

void dowel_s3_upload_clear(dowel_s3_upload *u) {
    for (int64_t i = 0; i < u->count; i++) free(u->parts[i].etag);
    free(u->parts);
    free(u->id);
    free(u->version);
    json_decref(u->etag);
}
