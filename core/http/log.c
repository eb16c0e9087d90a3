/* What the debug log shows of requests: never a secret, never a body. */
#include "http_internal.h"

#include <stdio.h>
#include <string.h>

void dowel_http_place(const dowel_http_request *r, char place[256]) {
    const char *url = r->path.data ? r->path.data : "", *scheme = strstr(url, "://");
    size_t length = strcspn(url, "?");
    if (r->secret_url && scheme) {
        const char *slash = strchr(scheme + 3, '/');
        if (slash) length = (size_t)(slash - url);
    }
    snprintf(place, 256, "%.*s%s", (int)(length < 200 ? length : 200), url, length < strlen(url) ? "/..." : "");
}

/* Query parameters that let their holder act. */
static bool is_secret_parameter(const char *name, size_t length) {
    static const char *const secrets[] = {"X-Goog-Signature",
                                          "X-Amz-Signature",
                                          "X-Amz-Security-Token",
                                          "X-Goog-Credential",
                                          "X-Amz-Credential",
                                          "upload_id",
                                          "uploadId",
                                          "access_token",
                                          "token",
                                          "sig",
                                          "signature",
                                          "key",
                                          "client_secret",
                                          "code",
                                          "assertion"};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        if (strlen(secrets[i]) == length && !dowel_ncasecmp(secrets[i], name, length)) return true;
    return false;
}

/* Headers whose value lets its holder act, whoever sets them. */
bool dowel_http_secret_name(const char *header) {
    static const char *const secrets[] = {"Authorization",
                                          "Proxy-Authorization",
                                          "Cookie",
                                          "Set-Cookie",
                                          "X-Amz-Security-Token",
                                          "X-aws-ec2-metadata-token",
                                          "X-Goog-Api-Key",
                                          "X-GUploader-UploadID",
                                          "X-Goog-Encryption-Key",
                                          "X-Amz-Server-Side-Encryption-Customer-Key"};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        if (!dowel_casecmp(secrets[i], header)) return true;
    return false;
}

void dowel_http_mask_url(dowel_text *line, const char *url, bool secret_url, bool secret_query) {
    size_t path = strcspn(url, "?");
    const char *scheme = strstr(url, "://"), *slash = scheme ? strchr(scheme + 3, '/') : NULL;
    if (secret_url && slash) {
        dowel_text_add(line, url, (size_t)(slash + 1 - url));
        dowel_text_add(line, DOWEL_MASK, strlen(DOWEL_MASK));
        return;
    }
    dowel_text_add(line, url, path);
    if (!url[path]) return;
    if (secret_query) {
        dowel_text_add(line, "?" DOWEL_MASK, 1 + strlen(DOWEL_MASK));
        return;
    }
    for (const char *p = url + path; *p;) {
        dowel_text_add(line, p++, 1); /* ? or & */
        const char *end = p + strcspn(p, "&"), *equals = memchr(p, '=', (size_t)(end - p));
        bool secret = equals && is_secret_parameter(p, (size_t)(equals - p));
        dowel_text_add(line, p, (size_t)((secret ? equals + 1 : end) - p));
        if (secret) dowel_text_add(line, DOWEL_MASK, strlen(DOWEL_MASK));
        p = end;
    }
}

void dowel_http_log_request(dowel *d, dowel_http_request *r, int attempt) {
    if (!dowel_log_enabled(d, DOWEL_LOG_DEBUG)) return;
    dowel_text line = {0};
    dowel_http_mask_url(&line, dowel_http_url(r), r->secret_url, r->secret_body);
    for (size_t i = 0; i < r->headers.count; i++) {
        dowel_text_add(&line, " ", 1);
        dowel_text_add(&line, r->headers.items[i].name, strlen(r->headers.items[i].name));
        dowel_text_add(&line, ": ", 2);
        const char *value = r->headers.secret[i] ? DOWEL_MASK : r->headers.items[i].value;
        dowel_text_add(&line, value, strlen(value));
    }
    dowel_log(d, DOWEL_LOG_DEBUG, "http: %s %s (attempt %d)", r->method, line.data ? line.data : "", attempt);
    dowel_text_free(&line);
}

void dowel_http_log_response(dowel *d, dowel_http_request *r, const dowel_http_response *response, double seconds) {
    if (!dowel_log_enabled(d, DOWEL_LOG_DEBUG)) return;
    char place[256];
    dowel_http_place(r, place);
    dowel_log(d, DOWEL_LOG_DEBUG, "http: %s %s -> %d, %zu bytes in memory, %.0f ms", r->method, place, response->status,
              response->body.size, seconds * 1e3);
}
