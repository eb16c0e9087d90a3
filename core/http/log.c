/* What the log shows of requests: never a secret, never a body. */
#include "handle_internal.h"
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

void dowel_http_log_request(dowel *d, dowel_http_request *r, int attempt) {
    if (!dowel_log_enabled(d, DOWEL_LOG_DEBUG)) return;
    dowel_text line = {0};
    dowel_http_mask_url(&line, dowel_http_url(r), r->service->names, r->secret_url, r->secret_body);
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

void dowel_http_log_end(dowel *d, const dowel_http_request *r, int code, int status, double seconds) {
    if (!dowel_log_enabled(d, DOWEL_LOG_INFO)) return;
    char place[256], ended[32];
    dowel_http_place(r, place);
    if (code)
        snprintf(ended, sizeof ended, "failed (%.20s)", dowel_code_name(code));
    else
        snprintf(ended, sizeof ended, "%d", status);
    dowel_log_unrecorded(d, DOWEL_LOG_INFO, "%s %s -> %s, %.0f ms", r->method, place, ended, seconds * 1e3);
}
