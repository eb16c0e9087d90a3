/* Uploads: one request for small objects, a multipart upload for large ones and streams of unknown length. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARTS 10000
#define MIN_PART (5 << 20)
#define MAX_PART (5LL << 30)

/* ---- one body: an object or a part ---- */

/* The ETag of an object or part stored in one request is its MD5, unless it is encrypted with KMS or SSE-C. */
static int compare_etag(const dowel_http_response *response, const char md5[33], const char *key, dowel_error *err) {
    const char *etag = dowel_http_response_header(response, "ETag");
    const char *encryption = dowel_http_response_header(response, "x-amz-server-side-encryption");
    if (!etag || (encryption && strcmp(encryption, "AES256")) ||
        dowel_http_response_header(response, "x-amz-server-side-encryption-customer-algorithm"))
        return 0;
    if (*etag == '"') etag++;
    if (strspn(etag, "0123456789abcdefABCDEF") != 32 || (etag[32] && etag[32] != '"') || !dowel_ncasecmp(etag, md5, 32))
        return 0;
    dowel_fail(err, DOWEL_E_CORRUPT, "S3: %s: the stored bytes differ from the uploaded ones (ETag %.32s, MD5 %s)", key,
               etag, md5);
    err->retryable = true;
    return DOWEL_E_CORRUPT;
}

/* How a body is protected. */
typedef struct protection {
    const dowel_s3_checksum *checksum; /* NULL: none */
    bool md5, trailing, sign;          /* sign: the signature covers its SHA-256 */
} protection;

static protection protect(const dowel_s3_client *c, const dowel_s3_put_args *args, bool plain) {
    int choice = args->checksum;
    protection p = {.checksum = plain ? NULL : dowel_s3_checksum_of(choice), .sign = !c->guarded && !c->anonymous};
    p.md5 = choice == DOWEL_S3_MD5 || (plain && choice != DOWEL_S3_NONE);
    /* Some servers would store the framing if the object has an encoding of its own. */
    p.trailing = p.checksum && c->tls && !c->anonymous && !args->content_encoding;
    return p;
}

/* Reads the source for the checksums that must precede the body. */
static int read_first(dowel_http_request *r, const protection *p, dowel_upload_part *part, char md5[33],
                      dowel_error *err) {
    dowel_digest *extra = NULL;
    const unsigned char *check;
    unsigned char bytes[DOWEL_DIGEST_MAX];
    bool own_sha = p->checksum && p->checksum->kind == DOWEL_SHA256;
    int rc = 0;
    for (int pass = 0; pass < 2 && !rc; pass++) {
        bool wanted = pass ? p->md5 : p->checksum || p->sign;
        if (!wanted) continue;
        bool extra_wanted = pass || (p->sign && !own_sha);
        if (extra_wanted && !(extra = dowel_digest_new(pass ? DOWEL_MD5 : DOWEL_SHA256))) return dowel_no_memory(err);
        rc = dowel_source_digest(part->source, extra, err);
        size_t size = dowel_upload_check(part, &check), extra_size = extra ? dowel_digest_end(extra, bytes) : 0;
        char *base64 = dowel_base64(pass ? bytes : check, pass ? extra_size : size),
             *hex = dowel_hex(extra ? bytes : check, extra ? extra_size : size);
        if (!rc && (!base64 || !hex)) rc = dowel_no_memory(err);
        if (!rc && pass) {
            dowel_http_header(r, "Content-MD5", base64);
            memcpy(md5, hex, 33);
        } else if (!rc) {
            if (p->checksum) dowel_http_header(r, p->checksum->header, base64);
            if (p->sign) dowel_http_header(r, "x-amz-content-sha256", hex);
        }
        free(base64);
        free(hex);
        dowel_digest_free(extra);
        extra = NULL;
        if (!rc) rc = dowel_source_rewind(part->source, err);
    }
    return rc;
}

static int add_trailer(dowel_http_request *r, const dowel_s3_checksum *checksum, dowel_upload_part *part,
                       dowel_source **body, dowel_error *err) {
    char length[32];
    snprintf(length, sizeof length, "%lld", (long long)part->size);
    dowel_http_header(r, "Content-Encoding", "aws-chunked");
    dowel_http_header(r, "x-amz-decoded-content-length", length);
    dowel_http_header(r, "x-amz-trailer", checksum->header);
    dowel_http_header(r, "x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    *body = dowel_s3_trailed_source(part, checksum);
    return *body ? 0 : dowel_no_memory(err);
}

/* Compares the checksum that the server returns. */
static int compare_checksum(const dowel_http_response *response, const dowel_s3_checksum *checksum,
                            dowel_upload_part *part, const char *key, dowel_error *err) {
    const char *said = dowel_http_response_header(response, checksum->header);
    const unsigned char *check;
    size_t size = dowel_upload_check(part, &check);
    char *base64 = said && *said ? dowel_base64(check, size) : NULL;
    if (!base64) return 0;
    int rc = 0;
    if (strcmp(base64, said)) {
        rc = dowel_fail(err, DOWEL_E_CORRUPT,
                        "S3: %s: the stored bytes differ from the uploaded ones (%s %s, uploaded %s)", key,
                        checksum->algorithm, said, base64);
        if (err) err->retryable = true;
    }
    free(base64);
    return rc;
}

/* Sends a part with a request and frees the request. */
static int send_once(dowel *d, dowel_s3_upload *u, dowel_http_request *r, dowel_upload_part *part, bool whole,
                     const protection *p, dowel_http_response **response, dowel_error *err) {
    const dowel_s3_put_args *args = u->args;
    char md5[33] = "";
    dowel_source *body = NULL;
    int rc = r ? 0 : dowel_no_memory(err);
    if (!rc && p->checksum) dowel_http_header(r, "x-amz-sdk-checksum-algorithm", p->checksum->algorithm);
    if (!rc && p->trailing)
        rc = add_trailer(r, p->checksum, part, &body, err);
    else if (!rc)
        rc = read_first(r, p, part, md5, err);
    if (!rc && !p->trailing && u->client->guarded) dowel_http_header(r, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    if (!rc) {
        dowel_http_source(r, body ? body : part->source);
        dowel_http_progress(r, 0, whole ? part->size : -1);
        rc = dowel_http_send(d, r, response, err);
        if (rc && whole) rc = dowel_s3_settle(u, part->size, dowel_http_in_doubt(r), response, err);
    }
    if (!rc && p->md5) rc = compare_etag(*response, md5, args->key, err);
    if (!rc && p->checksum) rc = compare_checksum(*response, p->checksum, part, args->key, err);
    if (rc) {
        dowel_http_response_free(*response);
        *response = NULL;
    }
    dowel_source_close(body);
    dowel_http_free(r);
    return rc;
}

static dowel_http_request *request_for(dowel_s3_upload *u, const dowel_upload_part *part, bool whole,
                                       dowel_error *err) {
    const dowel_s3_put_args *args = u->args;
    dowel_http_request *r = dowel_s3_request(u->client, "PUT", args->key);
    int rc;
    if (whole) {
        rc = dowel_s3_describe(r, u, err);
        dowel_s3_condition(r, args);
    } else {
        dowel_http_query_int(r, "partNumber", part->index + 1);
        dowel_http_query(r, "uploadId", u->id);
        rc = dowel_s3_customer_key(r, args->customer_key, false, err);
    }
    if (!rc) return r;
    dowel_http_free(r);
    return NULL;
}

static int send(dowel *d, dowel_s3_upload *u, dowel_upload_part *part, bool whole, dowel_http_response **response,
                dowel_error *err) {
    dowel_error why, refused;
    bool fallen = false; /* fell back to Content-MD5 */
    for (int attempt = 1;; attempt++) {
        protection p = protect(u->client, u->args, fallen || dowel_s3_plain(u->client));
        *response = NULL;
        int rc = send_once(d, u, request_for(u, part, whole, &why), part, whole, &p, response, &why);
        bool plain = rc && p.checksum && dowel_s3_refuses_checksums(&why);
        /* Remember the fallback only if it helped: a request refused for another reason is refused again. */
        if (!rc && fallen) dowel_s3_set_plain(u->client, &refused);
        if (plain) {
            fallen = true;
            refused = why;
        }
        if (rc && attempt == 1 && (plain || rc == DOWEL_E_CORRUPT)) {
            if (!plain) dowel_log(d, DOWEL_LOG_WARNING, "%s; uploading it again", why.message);
            rc = dowel_source_rewind(part->source, err);
            if (rc) return rc;
            continue;
        }
        if (rc && err) *err = why;
        return rc;
    }
}

static int put_whole(dowel *d, void *context, dowel_upload_part *part, dowel_error *err) {
    dowel_s3_upload *u = context;
    dowel_http_response *response;
    int rc = send(d, u, part, true, &response, err);
    if (rc) return rc;
    const char *version = dowel_http_response_header(response, "x-amz-version-id");
    u->etag = dowel_s3_etag(dowel_http_response_header(response, "ETag"));
    u->version = version ? strdup(version) : NULL;
    dowel_http_response_free(response);
    return u->etag ? 0 : dowel_no_memory(err);
}

static int put_part(dowel *d, void *context, dowel_upload_part *part, dowel_error *err) {
    dowel_s3_upload *u = context;
    dowel_http_response *response;
    bool there = false;
    int rc = dowel_s3_part_is_there(u, part, &there, err);
    if (rc || there) {
        if (there) dowel_progress(d, part->size, -1);
        return rc;
    }
    rc = send(d, u, part, false, &response, err);
    if (rc) return rc;
    rc = dowel_s3_note_part(u, part, dowel_http_response_header(response, "ETag"), err);
    dowel_http_response_free(response);
    return rc;
}

int dowel_s3_put_source(dowel_s3_client *c, const dowel_s3_put_args *args, dowel_source *source,
                        dowel_s3_stored *stored, dowel_error *err) {
    dowel_s3_upload u = {.client = c, .args = args};
    const dowel_s3_checksum *checksum = dowel_s3_checksum_of(args->checksum);
    int64_t part = args->part_size > MIN_PART ? args->part_size : MIN_PART;
    const dowel_upload plan = {.source = source,
                               .digest = checksum ? checksum->kind : DOWEL_CRC32,
                               .one_request =
                                   args->multipart_threshold < MAX_PART ? args->multipart_threshold : MAX_PART,
                               .part_size = part,
                               .most_part_size = MAX_PART,
                               .most_parts = MAX_PARTS,
                               .width = (int)args->concurrency,
                               .memory = c->memory,
                               .put_whole = put_whole,
                               .start = dowel_s3_start_parts,
                               .put_part = put_part,
                               .finish = dowel_s3_finish_parts,
                               .abort = dowel_s3_abort_parts,
                               .context = &u};
    dowel_uploaded done;
    memset(stored, 0, sizeof *stored);
    dowel_s3_mark(&u);
    int rc = dowel_upload_run(c->d, &plan, &done, err);
    if (!rc) {
        *stored = (dowel_s3_stored){
            .size = done.size, .parts = done.parts ? done.parts : 1, .etag = u.etag, .version = u.version};
        u.etag = NULL;
        u.version = NULL;
        if (checksum && done.check_size && !dowel_s3_plain(c)) {
            stored->check_kind = checksum->kind;
            stored->check_size = done.check_size;
            memcpy(stored->check, done.check, done.check_size);
        }
    }
    dowel_s3_upload_clear(&u);
    return rc;
}

void dowel_s3_stored_clear(dowel_s3_stored *stored) {
    json_decref(stored->etag);
    free(stored->version);
    memset(stored, 0, sizeof *stored);
}
