/* Errors from answers. */
#include "flight.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MOST_ASKED 1e9 /* seconds */

static int code_of(int status) {
    switch (status) {
    case 401:
    case 403: return DOWEL_E_PERMISSION;
    case 404: return DOWEL_E_NOT_FOUND;
    case 408:
    case 429: return DOWEL_E_UNAVAILABLE;
    case 409:
    case 412: return DOWEL_E_CONFLICT;
    default: return status >= 500 ? DOWEL_E_UNAVAILABLE : DOWEL_E_REFUSED;
    }
}

/* Seconds, or a date by the server's clock. 0 for anything else, and for dates in the past. */
static double retry_after(const dowel_http_response *response) {
    const char *value = dowel_headers_get(&response->headers, "Retry-After");
    size_t digits = value ? strspn(value, "0123456789") : 0;
    if (!value) return 0;
    const char *end = value + digits;
    if (digits && *end == '.') end += 1 + strspn(end + 1, "0123456789");
    if (digits && !end[strspn(end, " \t")]) {
        double seconds = 0; /* strtod() would depend on the locale */
        for (size_t i = 0; i < digits; i++) seconds = fmin(seconds * 10 + (value[i] - '0'), MOST_ASKED);
        return seconds + (end > value + digits + 1 ? 1 : 0);
    }
    int64_t until = dowel_http_parse_date(value), now = dowel_http_response_time(response);
    double wait = until ? difftime((time_t)until, now ? (time_t)now : time(NULL)) : 0;
    return wait > 0 ? fmin(wait, MOST_ASKED) : 0;
}

static void find_request_id(const dowel_http_request *r, const dowel_http_response *response, dowel_error *err) {
    static const char *const none[] = {NULL};
    const dowel_http_names *names = r->service->names;
    const char *id = NULL;
    for (const char *const *name = names && names->request_ids ? names->request_ids : none; *name && !id; name++) {
        /* A session's id can be both: the id of a request, and the key to a secret URL. */
        bool secret = r->secret_url && dowel_http_secret_header_name(names, *name);
        if (!secret) id = dowel_headers_get(&response->headers, *name);
    }
    if (!id) id = dowel_headers_get(&response->headers, "X-Request-Id");
    if (id) snprintf(err->request_id, sizeof err->request_id, "%s", id);
}

int dowel_http_explain(const dowel_http_request *r, const dowel_http_response *response, dowel_error *err) {
    char place[256];
    dowel_http_place(r, place);
    dowel_fail(err, code_of(response->status), "%s: %s %s: HTTP %d", r->service->name, r->method, place,
               response->status);
    err->http_status = response->status;
    err->retry_after = retry_after(response);
    find_request_id(r, response, err);
    if (r->service->explain) r->service->explain(response, err);
    err->http_status = response->status;
    if (response->status == 407) { /* for plain HTTP: only a proxy answers 407 */
        const char *variable = dowel_proxy_variable(r->path.data ? r->path.data : "");
        dowel_error_hint(err, "the proxy requires a user and a password: %s=http://USER:PASSWORD@HOST:PORT",
                         variable ? variable : "the proxy's variable");
    }
    return err->code;
}

int dowel_http_explain_late(dowel *d, int rc, const dowel_error *before, dowel_error *err) {
    if (rc != DOWEL_E_TIMEOUT || !before->code || dowel_time_left(d) != 0) return rc;
    *err = *before;
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, "; the deadline passed during a retry");
    return err->code;
}
