/* Uploads: one request for small objects, a multipart upload for large ones and for streams of unknown length. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_PARTS 10000
#define MIN_PART (5 << 20)

static void describe(dowel_http_request *r, const dowel_s3_put_args *args) {
    dowel_http_header(r, "Content-Type", args->content_type ? args->content_type : "application/octet-stream");
    for (const dowel_pair *pair = args->metadata; pair && pair->name; pair++) {
        char name[256];
        snprintf(name, sizeof name, "x-amz-meta-%s", pair->name);
        dowel_http_header(r, name, pair->value);
    }
}

static int no_memory(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

/* The service checks what arrived against this header, and refuses what differs. */
static int add_md5(dowel_http_request *r, const void *data, size_t size, char hex[33], dowel_error *err) {
    unsigned char bytes[DOWEL_DIGEST_MAX];
    dowel_digest *digest = dowel_digest_new(DOWEL_MD5);
    if (!digest) return no_memory(err);
    dowel_digest_update(digest, data, size);
    dowel_digest_end(digest, bytes);
    dowel_digest_free(digest);
    char *base64 = dowel_base64(bytes, 16), *text = dowel_hex(bytes, 16);
    if (base64 && text) {
        dowel_http_header(r, "Content-MD5", base64);
        memcpy(hex, text, 33);
    }
    int rc = base64 && text ? 0 : no_memory(err);
    free(base64);
    free(text);
    return rc;
}

/* The ETag of an object that was put in one piece is its MD5, unless the bucket encrypts with a key of its own. */
static int compare_etag(const dowel_http_response *response, const char md5[33], const char *key, dowel_error *err) {
    const char *etag = dowel_http_response_header(response, "ETag");
    const char *encryption = dowel_http_response_header(response, "x-amz-server-side-encryption");
    if (!etag || (encryption && strcmp(encryption, "AES256"))) return 0;
    if (*etag == '"') etag++;
    if (strspn(etag, "0123456789abcdefABCDEF") != 32 || (etag[32] && etag[32] != '"') || !strncasecmp(etag, md5, 32))
        return 0;
    dowel_fail(err, DOWEL_E_CORRUPT, "S3: %s: what was stored differs from what was sent (ETag %.32s, MD5 %s)", key,
               etag, md5);
    err->retryable = true;
    return DOWEL_E_CORRUPT;
}

/* Sends bytes in memory to an object or a part; *etag is a new reference. */
static int send_piece(dowel_s3_client *c, dowel_http_request *r, const char *key, dowel_bytes data, int64_t offset,
                      int64_t total, json_t **etag, dowel_error *err) {
    char md5[33];
    dowel_http_response *response = NULL;
    int rc = r ? add_md5(r, data.data, data.size, md5, err) : no_memory(err);
    dowel_source *source = rc ? NULL : dowel_source_memory(data.data, data.size);
    if (!rc && !source) rc = no_memory(err);
    if (!rc) {
        dowel_http_source(r, source);
        dowel_http_progress(r, offset, total);
        if (c->tls)
            dowel_http_header(r, "x-amz-content-sha256", "UNSIGNED-PAYLOAD"); /* TLS and Content-MD5 protect it */
        rc = dowel_http_send(c->d, r, &response, err);
    }
    if (!rc) rc = compare_etag(response, md5, key, err);
    if (!rc) {
        *etag = dowel_s3_etag(dowel_http_response_header(response, "ETag"));
        if (!*etag) rc = no_memory(err);
    }
    dowel_http_response_free(response);
    dowel_source_close(source);
    dowel_http_free(r);
    return rc;
}

static int report(const dowel_s3_client *c, const char *key, int64_t size, json_t *etag, int64_t parts, json_t **result,
                  dowel_error *err) {
    *result = json_pack("{s:s,s:s,s:I,s:O,s:I}", "bucket", c->bucket->bucket, "key", key, "size", (json_int_t)size,
                        "etag", etag, "parts", (json_int_t)parts);
    return *result ? 0 : no_memory(err);
}

/* Fills the buffer from the source; *got less than size means the end. */
static int fill(dowel_source *source, char *buffer, size_t size, size_t *got, dowel_error *err) {
    *got = 0;
    while (*got < size) {
        size_t n;
        int rc = dowel_source_read(source, buffer + *got, size - *got, &n, err);
        if (rc) return rc;
        if (!n) break;
        *got += n;
    }
    return 0;
}

void dowel_s3_abort(dowel_s3_client *c, const char *key, const char *upload) {
    dowel_http_request *r = dowel_s3_request(c, "DELETE", key);
    dowel_http_query(r, "uploadId", upload);
    dowel_http_accept(r, 404);
    dowel_error why;
    if (dowel_http_send(dowel_cleanup(c->d), r, NULL, &why))
        dowel_log(c->d, DOWEL_LOG_WARNING,
                  "the multipart upload of %s could not be aborted, and its parts are billed: %s", key, why.message);
    dowel_http_free(r);
}

static int start_upload(dowel_s3_client *c, const dowel_s3_put_args *args, char **upload, dowel_error *err) {
    dowel_http_request *r = dowel_s3_request(c, "POST", args->key);
    dowel_xml *root;
    dowel_http_query(r, "uploads", "");
    describe(r, args);
    int rc = dowel_s3_fetch_xml(c, r, &root, err);
    if (rc) return rc;
    const char *id = dowel_xml_child_text(root, "UploadId");
    *upload = id && *id ? strdup(id) : NULL;
    if (!*upload) rc = dowel_fail(err, DOWEL_E_PROTOCOL, "S3: %s: no UploadId in the answer", args->key);
    dowel_xml_free(root);
    return rc;
}

static int complete_upload(dowel_s3_client *c, const char *key, const char *upload, const json_t *etags, json_t **etag,
                           dowel_error *err) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return no_memory(err);
    fputs("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">", out);
    for (size_t i = 0; i < json_array_size(etags); i++) {
        fprintf(out, "<Part><PartNumber>%zu</PartNumber><ETag>&quot;", i + 1);
        for (const char *p = json_string_value(json_array_get(etags, i)); *p;
             p++) /* it came from the service: trust nothing */
            if (*p == '<' || *p == '&' || *p == '>')
                fprintf(out, "&#%d;", *p);
            else
                fputc(*p, out);
        fputs("&quot;</ETag></Part>", out);
    }
    fputs("</CompleteMultipartUpload>", out);
    if (fclose(out)) {
        free(text);
        return no_memory(err);
    }
    dowel_http_request *r = dowel_s3_request(c, "POST", key);
    dowel_http_query(r, "uploadId", upload);
    dowel_http_header(r, "Content-Type", "application/xml");
    dowel_http_body(r, text, size);
    /* Completing what is complete already answers the same, so it may be repeated. */
    dowel_http_idempotent(r, true);
    free(text);
    dowel_xml *root;
    int rc = dowel_s3_fetch_xml(c, r, &root, err);
    if (rc) return rc;
    *etag = dowel_s3_etag(dowel_xml_child_text(root, "ETag"));
    dowel_xml_free(root);
    return *etag ? 0 : no_memory(err);
}

static int put_parts(dowel_s3_client *c, const dowel_s3_put_args *args, dowel_source *source, int64_t total,
                     char *buffer, size_t part_size, size_t first, json_t **result, dowel_error *err) {
    char *upload = NULL;
    json_t *etags = json_array(), *etag = NULL;
    int64_t done = 0;
    size_t got = first;
    int rc = etags ? start_upload(c, args, &upload, err) : no_memory(err);
    if (!rc) rc = dowel_remember(c->d, "s3.upload_id", upload, false, err);
    while (!rc) {
        if (json_array_size(etags) == MAX_PARTS) {
            rc = dowel_fail(err, DOWEL_E_INVALID, "S3: %s: more than %d parts: give a larger part_size", args->key,
                            MAX_PARTS);
            break;
        }
        dowel_http_request *r = dowel_s3_request(c, "PUT", args->key);
        dowel_http_query_int(r, "partNumber", (int64_t)json_array_size(etags) + 1);
        dowel_http_query(r, "uploadId", upload);
        rc = send_piece(c, r, args->key, (dowel_bytes){buffer, got}, done, total, &etag, err);
        if (rc) break;
        json_array_append_new(etags, etag);
        etag = NULL;
        done += (int64_t)got;
        if (got < part_size || done == total) break;
        rc = fill(source, buffer, part_size, &got, err);
        if (!rc && !got) break;
    }
    if (!rc) rc = complete_upload(c, args->key, upload, etags, &etag, err);
    if (!rc)
        rc = report(c, args->key, done, etag, (int64_t)json_array_size(etags), result, err);
    else if (upload)
        dowel_s3_abort(c, args->key, upload);
    json_decref(etags);
    json_decref(etag);
    free(upload);
    return rc;
}

int dowel_s3_put_source(dowel_s3_client *c, const dowel_s3_put_args *args, dowel_source *source, json_t **result,
                        dowel_error *err) {
    int64_t total = dowel_source_size(source), part = args->part_size > MIN_PART ? args->part_size : MIN_PART;
    int64_t threshold = args->multipart_threshold > 0 ? args->multipart_threshold : part;
    while (total > 0 && (total + part - 1) / part > MAX_PARTS) part *= 2;
    /* One buffer holds a whole small object or one part, so that a retry can send it again whatever the source is. */
    size_t room = (size_t)(total >= 0 && total <= threshold ? (total ? total : 1) : part), got;
    char *buffer = malloc(room);
    int rc = buffer ? fill(source, buffer, room, &got, err) : no_memory(err);
    if (!rc && ((total >= 0 && total <= threshold) || got < room)) {
        json_t *etag = NULL;
        dowel_http_request *r = dowel_s3_request(c, "PUT", args->key);
        describe(r, args);
        rc = send_piece(c, r, args->key, (dowel_bytes){buffer, got}, 0, (int64_t)got, &etag, err);
        if (!rc) rc = report(c, args->key, (int64_t)got, etag, 1, result, err);
        json_decref(etag);
    } else if (!rc) {
        rc = put_parts(c, args, source, total, buffer, room, got, result, err);
    }
    free(buffer);
    return rc;
}
