/* Requests to S3: address, retries, errors, XML answers. */
#include "client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_ATTEMPTS 4 /* if an answer with status 200 contains an error */

/* "Error responses" in the API reference, and the SDKs and Tools guide's "Retry behavior". */
static const dowel_retry_rule retry[] = {{500, NULL, false},
                                         {502, NULL, false},
                                         {503, "SlowDown", true},
                                         {503, NULL, false},
                                         {504, NULL, false},
                                         {429, NULL, true},
                                         {400, "RequestTimeout", false},
                                         {409, "OperationAborted", false},
                                         {409, "ConditionalRequestConflict", true},
                                         {400, "BadDigest", false}, /* a byte changed in transit */
                                         {400, "XAmzContentChecksumMismatch", false},
                                         {400, "XAmzContentSHA256Mismatch", false},
                                         {0}};

static void explain(const dowel_http_response *response, dowel_error *err) {
    dowel_bytes body = dowel_http_response_body(response);
    dowel_xml *root;
    int status = err->http_status;
    if (!body.size || dowel_xml_parse(body.data, body.size, &root, NULL)) {
        if (status == 404) dowel_error_hint(err, "check the bucket name and the key");
        return;
    }
    const char *code = dowel_xml_child_text(root, "Code"), *message = dowel_xml_child_text(root, "Message");
    const char *id = dowel_xml_child_text(root, "RequestId");
    if (code) {
        size_t used = strlen(err->message);
        snprintf(err->reason, sizeof err->reason, "%s", code);
        snprintf(err->message + used, sizeof err->message - used, " %s%s%s", code, message ? ": " : "",
                 message ? message : "");
        static const struct {
            const char *code, *hint;
        } hints[] = {
            {"NoSuchBucket", "check the bucket's name and region: `dowel ls s3://` lists the buckets, and `dowel call "
                             "s3.create_bucket` creates one"},
            {"NoSuchKey", "check the key; `dowel call s3.list` lists the objects"},
            {"SignatureDoesNotMatch",
             "check the secret access key: `dowel block edit aws-credentials/NAME` changes it; a proxy "
             "that changes requests has the same effect"},
            {"InvalidAccessKeyId", "check the access key id: `dowel block edit aws-credentials/NAME` changes it"},
            {"AccessDenied", "check the policies of the bucket and of the user or role"},
            {"ExpiredToken", "get new temporary credentials"},
            {"InvalidToken", "check the session token of the aws-credentials block"},
            {"PermanentRedirect", "set the block's region to the region of the bucket"},
            {"AuthorizationHeaderMalformed", "set the block's region to the region of the bucket"},
            {"RequestTimeTooSkewed", "correct the clock of this machine"},
            {"BadDigest", "bytes changed in transit, or the file changed during the upload: upload it again"},
            {"PreconditionFailed", "look at the object with s3.head and adjust the condition"},
            {"EntityTooLarge", "use the defaults of multipart_threshold and part_size"},
            {"InvalidObjectState", "the object is archived: restore it first"},
            {"ObjectNotInActiveTierError", "the object is archived: restore it first"},
        };
        for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
            if (!strcmp(hints[i].code, code)) dowel_error_hint(err, "%s", hints[i].hint);
        /* S3 answers 400, but no request with these credentials can succeed. */
        if (!strcmp(code, "ExpiredToken") || !strcmp(code, "InvalidToken")) err->code = DOWEL_E_CREDENTIALS;
        /* 403 too, but the state of the object is the reason, not a permission. */
        if (!strcmp(code, "InvalidObjectState") || !strcmp(code, "ObjectNotInActiveTierError"))
            err->code = DOWEL_E_REFUSED;
        const char *region = dowel_http_response_header(response, "x-amz-bucket-region");
        if (!region) region = dowel_xml_child_text(root, "Region");
        if (region && (!strcmp(code, "PermanentRedirect") || !strcmp(code, "AuthorizationHeaderMalformed")))
            dowel_error_hint(err, "set the block's region to %s, the region of the bucket", region);
        if (!strcmp(code, "BucketAlreadyExists") || !strcmp(code, "BucketAlreadyOwnedByYou"))
            err->code = DOWEL_E_EXISTS;
    }
    if (id && !*err->request_id) snprintf(err->request_id, sizeof err->request_id, "%s", id);
    dowel_xml_free(root);
}

static const dowel_http_service service = {.name = "S3",
                                           .names = &dowel_aws_names,
                                           .retry = retry,
                                           .max_attempts = 6,
                                           .backoff = 0.2,
                                           .backoff_limit = 20,
                                           .authorize = dowel_s3_authorize,
                                           .reauthorize = dowel_s3_reauthorize,
                                           .attempts = dowel_s3_attempts,
                                           .explain = explain};

int dowel_s3_base(dowel *d, const dowel_s3_bucket *of, const char *region, char base[512], bool *path_style, bool *own,
                  dowel_error *err) {
    char *endpoint = NULL;
    int n = 0, rc = dowel_aws_service_url(d, of->credentials, "s3", region, of->endpoint, &endpoint, own, err);
    const char *bucket = of->bucket, *host = endpoint ? strstr(endpoint, "://") : NULL;
    *path_style = !endpoint || dowel_s3_path_style(of, endpoint, *own);
    if (host && !*path_style)
        n = snprintf(base, 512, "%.*s://%s.%s", (int)(host - endpoint), endpoint, bucket, host + 3);
    else if (endpoint)
        n = snprintf(base, 512, "%s", endpoint);
    free(endpoint);
    if (!rc && (n < 0 || n >= 512))
        rc = dowel_fail(err, DOWEL_E_INVALID, "bucket %s: the endpoint is too long", bucket);
    return rc;
}

typedef struct address {
    char *region;
    char base[512];
    bool path_style, own;
} address;

static int find_address(dowel *d, const dowel_s3_bucket *of, address *a, dowel_error *err) {
    memset(a, 0, sizeof *a);
    int rc = dowel_aws_region(d, of->credentials, of->region, "us-east-1", &a->region, err);
    if (!rc) rc = dowel_s3_base(d, of, a->region, a->base, &a->path_style, &a->own, err);
    if (rc) free(a->region);
    return rc;
}

/* Resolved once for each block, not for each object. */
typedef struct known {
    pthread_mutex_t lock;
    bool found;
    address address;
} known;

static void *make_known(dowel_block *block) {
    (void)block;
    known *k = calloc(1, sizeof *k);
    if (k) pthread_mutex_init(&k->lock, NULL);
    return k;
}

static void end_known(void *value) {
    known *k = value;
    if (k->found) free(k->address.region);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

static int open_at(dowel *d, const dowel_s3_bucket *of, const address *a, dowel_s3_client *c, dowel_error *err) {
    size_t length = strlen(of->bucket);
    memset(c, 0, sizeof *c);
    if (!a->own && length > 6 && !strcmp(of->bucket + length - 6, "--x-s3")) {
        int rc = dowel_fail(err, DOWEL_E_INVALID,
                            "bucket %s: directory buckets (S3 Express One Zone) are not supported", of->bucket);
        dowel_error_hint(err, "use a general purpose bucket");
        return rc;
    }
    if (!(c->region = strdup(a->region))) return dowel_no_memory(err);
    c->d = d;
    c->bucket = of;
    memcpy(c->base, a->base, sizeof c->base);
    c->path_style = a->path_style;
    c->amazon = !a->own;
    c->tls = !strncmp(c->base, "https:", 6);
    c->guarded = c->tls || dowel_url_is_local(c->base);
    const dowel_aws_credentials *credentials =
        of->credentials ? dowel_block_data_as(of->credentials, &dowel_aws_credentials_type) : NULL;
    c->anonymous = credentials && credentials->anonymous;
    c->signing = (dowel_aws_signing){of->credentials, c->region, "s3"};
    return 0;
}

int dowel_s3_client_open(dowel *d, dowel_block *block, dowel_s3_client *c, dowel_error *err) {
    static const char key;
    memset(c, 0, sizeof *c);
    const dowel_s3_bucket *bucket = dowel_block_data_as(block, &dowel_s3_bucket_type);
    if (!bucket) return dowel_fail(err, DOWEL_E_INVALID, "expected an s3-bucket block");
    known *k = dowel_block_attach(block, &key, make_known, end_known);
    if (!k) return dowel_no_memory(err);
    pthread_mutex_lock(&k->lock);
    int rc = k->found ? 0 : find_address(d, bucket, &k->address, err);
    k->found = k->found || !rc;
    pthread_mutex_unlock(&k->lock);
    if (!rc) rc = open_at(d, bucket, &k->address, c, err);
    if (!rc) c->block = block;
    return rc;
}

int dowel_s3_client_open_for(dowel *d, const dowel_s3_bucket *of, dowel_s3_client *c, dowel_error *err) {
    address found;
    memset(c, 0, sizeof *c);
    int rc = find_address(d, of, &found, err);
    if (rc) return rc;
    rc = open_at(d, of, &found, c, err);
    free(found.region);
    return rc;
}

void dowel_s3_client_close(dowel_s3_client *c) {
    free(c->region);
    c->region = NULL;
}

char *dowel_s3_full_key(const dowel_s3_client *c, const char *key) {
    return dowel_bucket_full_name(c->bucket->folder, key);
}

dowel_http_request *dowel_s3_request(dowel_s3_client *c, const char *method, const char *key) {
    dowel_http_request *r = dowel_http_new(&service, c, method, c->base);
    if (r && c->path_style) dowel_http_path(r, c->bucket->bucket, NULL);
    if (r && key) {
        char *full = dowel_s3_full_key(c, key);
        if (!full) {
            dowel_http_free(r);
            return NULL;
        }
        dowel_http_path_slashes(r, full);
        free(full);
    }
    if (c->bucket->requester_pays) dowel_http_header(r, "x-amz-request-payer", "requester");
    return r;
}

json_t *dowel_s3_etag(const char *etag) {
    size_t length = etag ? strlen(etag) : 0;
    bool quoted = length >= 2 && *etag == '"' && etag[length - 1] == '"';
    json_t *text = !etag ? json_string("") : quoted ? json_stringn(etag + 1, length - 2) : json_string(etag);
    return text ? text : json_string("(not UTF-8)");
}

int dowel_s3_fetch_xml(dowel_s3_client *c, dowel_http_request *request, dowel_xml **root, dowel_error *err) {
    int rc = dowel_s3_send_xml(c, request, root, err);
    dowel_http_free(request);
    return rc;
}

/* CompleteMultipartUpload and CopyObject may report a failure in the body of a 200 answer. */
static int said_error(const dowel_xml *root, dowel_error *err) {
    static const struct {
        const char *reason;
        int code;
    } reasons[] = {{"InternalError", DOWEL_E_UNAVAILABLE},
                   {"SlowDown", DOWEL_E_UNAVAILABLE},
                   {"ServiceUnavailable", DOWEL_E_UNAVAILABLE},
                   {"RequestTimeout", DOWEL_E_UNAVAILABLE},
                   {"OperationAborted", DOWEL_E_UNAVAILABLE},
                   {"AccessDenied", DOWEL_E_PERMISSION},
                   {"NoSuchKey", DOWEL_E_NOT_FOUND},
                   {"NoSuchUpload", DOWEL_E_NOT_FOUND},
                   {"NoSuchBucket", DOWEL_E_NOT_FOUND},
                   {"PreconditionFailed", DOWEL_E_CONFLICT},
                   {"ConditionalRequestConflict", DOWEL_E_CONFLICT}};
    const char *reason = dowel_xml_child_text(root, "Code"), *message = dowel_xml_child_text(root, "Message");
    int code = DOWEL_E_REFUSED;
    for (size_t i = 0; reason && i < sizeof reasons / sizeof reasons[0]; i++)
        if (!strcmp(reason, reasons[i].reason)) code = reasons[i].code;
    dowel_fail(err, code, "S3: %s: %s", reason ? reason : "error", message ? message : "");
    snprintf(err->reason, sizeof err->reason, "%s", reason ? reason : "");
    err->retryable = code == DOWEL_E_UNAVAILABLE;
    return code;
}

int dowel_s3_send_xml(dowel_s3_client *c, dowel_http_request *request, dowel_xml **root, dowel_error *err) {
    dowel_error why;
    int rc;
    *root = NULL;
    for (int attempt = 1;; attempt++) {
        dowel_http_response *response;
        rc = dowel_http_send(c->d, request, &response, &why);
        if (rc) {
            if (err) *err = why;
            return rc;
        }
        /* The service sends white space first while it is working. */
        dowel_bytes body = dowel_http_response_body(response);
        const char *text = body.data;
        size_t size = body.size;
        for (; size && strchr(" \t\r\n", *text); text++) size--;
        rc = dowel_xml_parse(text, size, root, &why);
        dowel_http_response_free(response);
        if (!rc && !strcmp(dowel_xml_name(*root), "Error")) {
            rc = said_error(*root, &why);
            dowel_xml_free(*root);
            *root = NULL;
        }
        if (rc != DOWEL_E_UNAVAILABLE || attempt == BODY_ATTEMPTS) break;
        dowel_log(c->d, DOWEL_LOG_INFO, "%s; retrying", why.message);
        rc = dowel_sleep(c->d, 0.2 * attempt * attempt, &why);
        if (rc) break;
    }
    if (!rc) return 0;
    dowel_error_prefix(&why, "bucket %s: ", c->bucket->bucket);
    if (err) *err = why;
    return rc;
}

int dowel_s3_expect(const dowel_s3_client *c, dowel_xml **root, const char *name, dowel_error *err) {
    if (!strcmp(dowel_xml_name(*root), name)) return 0;
    int rc = dowel_fail(err, DOWEL_E_PROTOCOL, "S3: bucket %s: the answer is a <%.60s> element, not <%s>",
                        c->bucket->bucket, dowel_xml_name(*root), name);
    dowel_error_hint(err, "check the endpoint: the answer may come from a proxy or another service");
    dowel_xml_free(*root);
    *root = NULL;
    return rc;
}
