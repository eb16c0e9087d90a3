/* Signs a request on its way out, and decides whether a refused one is signed again. */
#include "aws.h"
#include "sigv4_internal.h"

#include <dowel/stream.h>
#include <dowel/url.h>

#include <stdlib.h>
#include <string.h>

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static char *host_of(const dowel_url *url) {
    dowel_text text = {0};
    const char *standard = strcmp(url->scheme, "https") ? "80" : "443";
    dowel_text_put(&text, url->host);
    if (url->port && strcmp(url->port, standard) != 0) dowel_text_format(&text, ":%s", url->port);
    return dowel_text_take(&text, NULL);
}

int dowel_aws_target_of(const char *url, dowel_aws_target *target, dowel_error *err) {
    dowel_url parts;
    *target = (dowel_aws_target){.host = NULL};
    int rc = dowel_url_split(url, &parts, err);
    if (rc) return rc;
    size_t path = strcspn(parts.rest, "?");
    target->host = host_of(&parts);
    target->path = strndup(parts.rest, path);
    target->query = parts.rest + path + (parts.rest[path] == '?');
    target->size = (size_t)(parts.rest - url) + path;
    dowel_url_clear(&parts);
    return target->host && target->path ? 0 : dowel_no_memory(err);
}

void dowel_aws_target_clear(dowel_aws_target *target) {
    free(target->host);
    free(target->path);
    *target = (dowel_aws_target){.host = NULL};
}

static int payload_hash(dowel_http_request *request, char hash[65], dowel_error *err) {
    dowel_source *source = dowel_http_body_source(request);
    dowel_bytes body = dowel_http_body_bytes(request);
    const char *given = dowel_http_get_header(request, "x-amz-content-sha256");
    if (given) {
        strncpy(hash, given, 64);
        hash[64] = 0;
        return 0;
    }
    if (!source && !body.size) {
        memcpy(hash, EMPTY_SHA256, 65);
        return 0;
    }
    dowel_digest *digest = dowel_digest_new(DOWEL_SHA256);
    if (!digest) return dowel_no_memory(err);
    int rc = 0;
    if (source) {
        char *buffer = malloc(65536);
        size_t got = 1;
        if (!buffer) rc = dowel_no_memory(err);
        while (!rc && got) {
            rc = dowel_source_read(source, buffer, 65536, &got, err);
            if (!rc) dowel_digest_update(digest, buffer, got);
        }
        free(buffer);
        if (!rc) rc = dowel_source_rewind(source, err);
    } else {
        dowel_digest_update(digest, body.data, body.size);
    }
    unsigned char bytes[DOWEL_DIGEST_MAX];
    size_t size = dowel_digest_end(digest, bytes);
    char *text = rc ? NULL : dowel_hex(bytes, size);
    if (text)
        memcpy(hash, text, 65);
    else if (!rc)
        rc = dowel_no_memory(err);
    free(text);
    dowel_digest_free(digest);
    return rc;
}

/* What an earlier attempt added must not be signed again. */
static void unsign(dowel_http_request *request) {
    static const char *const added[] = {"Authorization", "x-amz-date", "x-amz-security-token", "Host"};
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++) dowel_http_header(request, added[i], NULL);
}

static int add_signature(dowel_http_request *request, const dowel_sigv4_request *r, dowel_error *err) {
    dowel_sigv4 signature;
    int rc = dowel_sigv4_sign(r, &signature, err);
    if (!rc) {
        dowel_http_header(request, "x-amz-date", signature.date);
        if (r->session_token) dowel_http_header(request, "x-amz-security-token", r->session_token);
        dowel_http_header(request, "Authorization", signature.authorization);
    }
    dowel_sigv4_clear(&signature);
    return rc;
}

int dowel_aws_sign(dowel *d, dowel_http_request *request, const dowel_aws_keys *keys, const char *region,
                   const char *service, dowel_error *err) {
    bool s3 = !strcmp(service, "s3");
    char hash[65];
    unsign(request);
    int rc = payload_hash(request, hash, err);
    if (rc) return rc;
    if (s3) dowel_http_header(request, "x-amz-content-sha256", hash);
    dowel_aws_target target;
    rc = dowel_aws_target_of(dowel_http_url(request), &target, err);
    if (!rc) {
        dowel_http_header(request, "Host", target.host);
        rc = add_signature(request,
                           &(dowel_sigv4_request){.method = dowel_http_method(request),
                                                  .path = target.path,
                                                  .query = target.query,
                                                  .headers = dowel_http_headers(request),
                                                  .payload_hash = hash,
                                                  .access_key_id = keys->access_key_id,
                                                  .secret_access_key = keys->secret_access_key,
                                                  .session_token = keys->session_token,
                                                  .region = region,
                                                  .service = service,
                                                  .time = dowel_aws_time(d, target.host),
                                                  .s3 = s3},
                           err);
    }
    dowel_aws_target_clear(&target);
    return rc;
}

static bool is_one_of(const char *word, const char *const *list) {
    while (*list && strcmp(word, *list) != 0) list++;
    return *list;
}

bool dowel_aws_reauthorize(dowel *d, const dowel_http_request *request, const dowel_http_response *response,
                           const dowel_error *err, void *context, bool *again) {
    static const char *const skewed[] = {"RequestTimeTooSkewed",
                                         "RequestExpired",
                                         "RequestInTheFuture",
                                         "InvalidSignatureException",
                                         "AuthFailure",
                                         "SignatureDoesNotMatch",
                                         "",
                                         NULL};
    static const char *const expired[] = {"ExpiredToken",         "ExpiredTokenException", "RequestExpired",
                                          "TokenRefreshRequired", "InvalidToken",          NULL};
    const dowel_aws_signing *signing = context;
    const char *date = dowel_http_get_header(request, "x-amz-date"), *host = dowel_http_get_header(request, "Host");
    int status = err->http_status;
    *again = false;
    if (!date || !host || status < 400 || status >= 500) return false;
    /* An answer to HEAD has no room for a reason. */
    bool may_be_skewed = is_one_of(err->reason, skewed) && (*err->reason || status == 400 || status == 403);
    if (may_be_skewed && dowel_aws_correct_clock(d, host, date, dowel_http_response_time(response))) {
        dowel_log(d, DOWEL_LOG_WARNING,
                  "the clocks of %s and of this machine differ; signatures use the clock of the service", host);
        return true;
    }
    bool temporary = dowel_http_get_header(request, "x-amz-security-token");
    bool silent = !*err->reason && status == 400 && temporary && !strcmp(dowel_http_method(request), "HEAD");
    /* Keys that a block holds cannot be got anew. */
    const dowel_aws_credentials *block = dowel_aws_block_data(signing->credentials);
    *again = (silent || is_one_of(err->reason, expired)) && (!block->access_key_id || block->role_arn);
    return *again;
}
