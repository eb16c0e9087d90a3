/* What the debug log shows of requests: never a secret, never a body. */
#include "http_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void dowel_http_place(const dowel_http_request *r, char place[256]) {
    const char *url = r->path.data ? r->path.data : "", *scheme = strstr(url, "://");
    size_t length = strlen(url);
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
        if (strlen(secrets[i]) == length && !strncasecmp(secrets[i], name, length)) return true;
    return false;
}

void dowel_http_log_request(dowel *d, dowel_http_request *r, int attempt) {
    if (!dowel_log_enabled(d, DOWEL_LOG_DEBUG)) return;
    char place[256];
    dowel_http_place(r, place);
    dowel_text line = {0};
    dowel_text_add(&line, "", 0);
    if (r->secret_body || r->secret_url) {
        if (r->query.size) dowel_text_add(&line, "?...", 4);
    } else {
        for (const char *p = r->query.data, *end; p && *p; p = end) {
            end = p + strcspn(p, "&");
            const char *equals = memchr(p, '=', (size_t)(end - p));
            dowel_text_add(&line, line.size ? "&" : "?", 1);
            if (equals && is_secret_parameter(p, (size_t)(equals - p))) {
                dowel_text_add(&line, p, (size_t)(equals - p));
                dowel_text_add(&line, "=***", 4);
            } else {
                dowel_text_add(&line, p, (size_t)(end - p));
            }
            if (*end) end++;
        }
    }
    for (size_t i = 0; i < r->headers.count; i++) {
        dowel_text_add(&line, " ", 1);
        dowel_text_add(&line, r->headers.items[i].name, strlen(r->headers.items[i].name));
        dowel_text_add(&line, ": ", 2);
        const char *value = r->headers.secret[i] ? "***" : r->headers.items[i].value;
        dowel_text_add(&line, value, strlen(value));
    }
    dowel_log(d, DOWEL_LOG_DEBUG, "http: %s %s%s (attempt %d)", r->method, place, line.data ? line.data : "", attempt);
    dowel_text_free(&line);
}

void dowel_http_log_response(dowel *d, dowel_http_request *r, const dowel_http_response *response, double seconds) {
    if (!dowel_log_enabled(d, DOWEL_LOG_DEBUG)) return;
    char place[256];
    dowel_http_place(r, place);
    dowel_log(d, DOWEL_LOG_DEBUG, "http: %s %s -> %d, %zu bytes in memory, %.0f ms", r->method, place, response->status,
              response->body.size, seconds * 1e3);
}
