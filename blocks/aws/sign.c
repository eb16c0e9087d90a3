/* Signs a request on its way out, and decides whether a refused one is signed again. */
#include "aws.h"
#include "sigv4_internal.h"

#include <dowel/stream.h>

#include <stdlib.h>
#include <string.h>

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

char *dowel_aws_host(const char *url, const char **rest) {
    const char *start = strstr(url, "://") + 3;
    size_t length = strcspn(start, "/?");
    *rest = start + length;
    const char *port = !strncmp(url, "https", 5) ? ":443" : ":80";
    size_t p = strlen(port);
    if (length > p && !strncmp(start + length - p, port, p)) length -= p;
    return strndup(start, length);
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

int dowel_aws_sign(dowel *d, dowel_http_request *request, const dowel_aws_keys *keys, const char *region,
                   const char *service, dowel_error *err) {
    bool s3 = !strcmp(service, "s3");
    char hash[65];
    /* What an earlier attempt added must not be signed again. */
    dowel_http_header(request, "Authorization", NULL);
    dowel_http_header(request, "x-amz-date", NULL);
    dowel_http_header(request, "x-amz-security-token", NULL);
    dowel_http_header(request, "Host", NULL);
    int rc = payload_hash(request, hash, err);
    if (!rc && s3) dowel_http_header(request, "x-amz-content-sha256", hash);
    const char *rest, *url = dowel_http_url(request);
    char *host = rc ? NULL : dowel_aws_host(url, &rest);
    if (!rc && !host) rc = dowel_no_memory(err);
    if (!rc) {
        dowel_http_header(request, "Host", host);
        size_t path_size = strcspn(rest, "?");
        char *path = strndup(rest, path_size);
        dowel_sigv4_request r = {
            .method = dowel_http_method(request),
            .path = path,
            .query = rest[path_size] ? rest + path_size + 1 : "",
            .headers = dowel_http_headers(request),
            .payload_hash = hash,
            .access_key_id = keys->access_key_id,
            .secret_access_key = keys->secret_access_key,
            .session_token = keys->session_token,
            .region = region,
            .service = service,
            .time = dowel_aws_time(d, host),
            .s3 = s3,
        };
        dowel_sigv4 signature;
        rc = path ? dowel_sigv4_sign(&r, &signature, err) : dowel_no_memory(err);
        if (path) {
            if (!rc) {
                dowel_http_header(request, "x-amz-date", signature.date);
                if (keys->session_token) dowel_http_header(request, "x-amz-security-token", keys->session_token);
                dowel_http_header(request, "Authorization", signature.authorization);
            }
            dowel_sigv4_clear(&signature);
        }
        free(path);
    }
    free(host);
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
        dowel_log(d, DOWEL_LOG_WARNING, "the clock of %s and this machine's differ; signatures go by its clock", host);
        return true;
    }
    bool temporary = dowel_http_get_header(request, "x-amz-security-token");
    bool silent = !*err->reason && status == 400 && temporary && !strcmp(dowel_http_method(request), "HEAD");
    /* Keys that a block holds cannot be got anew. */
    const dowel_aws_credentials *block = dowel_aws_block_data(signing->credentials);
    *again = (silent || is_one_of(err->reason, expired)) && (!block->access_key_id || block->role_arn);
    return *again;
}
