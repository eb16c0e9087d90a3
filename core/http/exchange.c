/* One attempt: passes a request to the transport and receives the answer. */
#include "flight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_BODY_LIMIT ((size_t)1 << 20)
#define SECRET_BODY_LIMIT ((size_t)1 << 20)
#define BODY_LIMIT ((size_t)64 << 20)

/* ---- callbacks of the transport ---- */

bool dowel_http_is_success(const dowel_http_request *r, int status) {
    for (int i = 0; i < r->accept_count; i++)
        if (r->accept[i] == status) return true;
    return status >= 200 && status < 300;
}

static int stop(dowel_flight *f, int rc) {
    f->stopped = rc;
    return rc;
}

static int on_header(dowel_exchange *exchange, const char *name, const char *value) {
    dowel_flight *f = exchange->context;
    dowel_headers_add(&f->response->headers, name, value);
    if (f->response->headers.failed) return stop(f, dowel_no_memory(f->err));
    if (f->response->headers.count > 1000)
        return stop(f, dowel_fail(f->err, DOWEL_E_PROTOCOL, "the answer has more than 1000 headers"));
    return 0;
}

static void report(dowel_flight *f, int64_t done) {
    dowel_progress(f->d, f->request->progress_offset + done, f->request->progress_total);
}

static int on_body(dowel_exchange *exchange, const void *data, size_t size) {
    dowel_flight *f = exchange->context;
    dowel_http_request *r = f->request;
    if (r->sink && exchange->status >= 200 && exchange->status < 300) {
        if (!f->received && !f->continued) {
            const char *etag = dowel_headers_get(&f->response->headers, "ETag");
            snprintf(f->etag, sizeof f->etag, "%s", etag ? etag : "");
        }
        if (f->continued) {
            const char *range = dowel_headers_get(&f->response->headers, "Content-Range");
            long long start = -1;
            if (exchange->status != 206 || !range || sscanf(range, "bytes %lld-", &start) != 1 || start != f->received)
                return stop(
                    f,
                    dowel_fail(
                        f->err, DOWEL_E_CONFLICT,
                        "the download cannot continue from byte %lld: the object changed, or the server ignores ranges",
                        (long long)f->received));
            f->continued = false;
        }
        int rc = dowel_sink_write(r->sink, data, size, f->err);
        if (rc) return stop(f, rc);
        if (r->digest) dowel_digest_update(r->digest, data, size);
        f->received += (int64_t)size;
        if (r->progress) report(f, f->received);
        return 0;
    }
    bool success = dowel_http_is_success(r, exchange->status);
    size_t limit = !success         ? ERROR_BODY_LIMIT
                   : r->secret_body ? SECRET_BODY_LIMIT
                                    : BODY_LIMIT,
           room = limit - f->response->body.size;
    if (size > room && success)
        return stop(
            f, dowel_fail(f->err, DOWEL_E_PROTOCOL, "the answer is larger than the limit of %zu MiB", limit >> 20));
    f->enough = size > room;
    dowel_text_add(&f->response->body, data, f->enough ? room : size);
    if (f->response->body.failed) return stop(f, dowel_no_memory(f->err));
    return f->enough;
}

static int on_tick(dowel_exchange *exchange, int64_t uploaded) {
    dowel_flight *f = exchange->context;
    int rc = dowel_check(f->d, f->err);
    if (rc) return stop(f, rc);
    if (f->request->progress && !f->request->sink) report(f, uploaded);
    return 0;
}

/* ---- an attempt ---- */

int dowel_flight_begin(dowel_flight *f, bool first) {
    dowel_http_request *r = f->request;
    /* Also before the first attempt: the request may have been sent before. */
    int rc = r->source ? dowel_source_rewind(r->source, f->err) : 0;
    if (rc || first) return rc;
    if (!r->sink || !f->received) return 0;
    if (dowel_sink_can_restart(r->sink)) {
        f->received = 0;
        if (r->digest) dowel_digest_reset(r->digest);
        return dowel_sink_restart(r->sink, f->err);
    }
    if (dowel_headers_get(&r->headers, "Range"))
        return dowel_fail(f->err, DOWEL_E_NETWORK, "the connection broke, and the requested range cannot be restarted");
    if (!*f->etag)
        return dowel_fail(f->err, DOWEL_E_NETWORK,
                          "the connection broke, and the download cannot continue because the answer has no ETag");
    char range[64];
    snprintf(range, sizeof range, "bytes=%lld-", (long long)f->received);
    dowel_headers_set(&r->headers, "Range", range, false);
    dowel_headers_set(&r->headers, "If-Match", f->etag, false);
    f->continued = f->added_range = true;
    return 0;
}

void dowel_flight_end(dowel_flight *f) {
    if (f->added_range) {
        dowel_headers_set(&f->request->headers, "Range", NULL, false);
        dowel_headers_set(&f->request->headers, "If-Match", NULL, false);
    }
    f->continued = f->added_range = false;
}

enum { SMALL_BODY = 1 << 16 };

/* A small body is sent from memory: in one piece with the headers. body->data NULL: it stays where it is. */
static int load_body(const dowel_http_request *r, dowel_bytes *body, dowel_error *err) {
    int64_t size = r->source ? dowel_source_size(r->source) : -1;
    size_t got;
    *body = (dowel_bytes){NULL, 0};
    if (size < 0 || size > SMALL_BODY) return 0;
    char *data = malloc((size_t)size + 1);
    if (!data) return dowel_no_memory(err);
    int rc = dowel_source_fill(r->source, data, (size_t)size, &got, err);
    if (!rc && got != (size_t)size)
        rc = dowel_fail(err, DOWEL_E_IO, "the source ended %lld bytes early", (long long)size - (long long)got);
    if (rc) {
        dowel_wipe_bytes(data, got);
        return rc;
    }
    *body = (dowel_bytes){data, got};
    return 0;
}

int dowel_flight_perform(dowel_flight *f, bool *sent) {
    dowel_http_request *r = f->request;
    dowel_transport *transport = dowel_transport_of(f->d);
    dowel_bytes loaded;
    *sent = false;
    if (!transport) return dowel_fail(f->err, DOWEL_E_INTERNAL, "libcurl could not be started");
    int rc = load_body(r, &loaded, f->err);
    if (rc) return rc;
    dowel_exchange exchange = {
        .method = r->method,
        .url = dowel_http_url(r),
        .headers = dowel_http_headers(r),
        .body = loaded.data                 ? loaded
                : r->has_body && !r->source ? (dowel_bytes){r->body.data ? r->body.data : "", r->body.size}
                                            : (dowel_bytes){NULL, 0},
        .source = loaded.data ? NULL : r->source,
        .source_size = r->source ? dowel_source_size(r->source) : 0,
        .patient = r->patient,
        .direct = r->direct,
        .authorities = r->authorities,
        .authorities_setting = r->authorities_setting,
        .once = !r->idempotent,
        .names = r->service->names,
        .secret_headers = r->headers.secret,
        .secret_url = r->secret_url,
        .secret_body = r->secret_body,
        .on_header = on_header,
        .on_body = on_body,
        .on_tick = on_tick,
        .context = f,
    };
    double left = dowel_time_left(f->d);
    exchange.timeout = r->timeout;
    /* Slightly after the deadline, so that a timeout then is recognised as the deadline. */
    if (left >= 0 && (exchange.timeout <= 0 || left < exchange.timeout)) exchange.timeout = left + 0.02;
    rc = transport->perform(transport, f->d, &exchange, f->err);
    dowel_wipe_bytes((void *)loaded.data, loaded.size);
    *sent = exchange.sent;
    f->response->status = exchange.status;
    if (f->stopped) return f->stopped;
    if (f->enough) return 0;
    if (!rc && f->continued && exchange.status >= 200 && exchange.status < 300)
        return dowel_fail(f->err, DOWEL_E_NETWORK, "the answer ended before the rest of the object arrived");
    return rc;
}
