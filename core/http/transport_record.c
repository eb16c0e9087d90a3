/* A transport that records exchanges, with secrets masked, in the format that transport_replay.c reads. */
#include "http_internal.h"

#include <dowel/json.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct record {
    dowel_transport base;
    dowel_transport *under;
    pthread_mutex_t lock;
    json_t *entries;
} record;

/* The caller's exchange, and the answer so far. */
typedef struct tap {
    dowel_exchange *outer;
    dowel_builder headers; /* of the answer */
    dowel_text body;
    bool failed; /* out of memory */
} tap;

static json_t *body_json(const char *data, size_t size, bool secret) {
    if (secret) return json_string(DOWEL_MASK);
    if (dowel_is_utf8(data ? data : "", size)) return json_stringn(data ? data : "", size);
    char *coded = dowel_base64(data, size);
    dowel_builder object = dowel_build(coded ? json_object() : NULL);
    dowel_build_text(&object, "base64", coded);
    json_t *body = NULL;
    (void)dowel_build_end(&object, &body, NULL);
    free(coded);
    return body;
}

static json_t *url_json(const char *url, const dowel_http_names *names, bool secret_url, bool secret_query) {
    dowel_text text = {0};
    dowel_http_mask_url(&text, url, names, secret_url, secret_query);
    char *masked = dowel_text_take(&text, NULL);
    json_t *value = masked ? dowel_json_text(masked) : NULL;
    dowel_wipe(masked);
    return value;
}

static json_t *answer_header(const dowel_http_names *names, const char *name, const char *value) {
    if (dowel_http_secret_header_name(names, name)) return json_string(DOWEL_MASK);
    /* An upload session's address. */
    return dowel_casecmp(name, "Location") ? dowel_json_text(value) : url_json(value, names, false, false);
}

/* Headers that come several times become an array. */
static int on_header(dowel_exchange *inner, const char *name, const char *value) {
    tap *t = inner->context;
    t->outer->status = inner->status;
    json_t *earlier = json_object_get(t->headers.value, name), *text = answer_header(t->outer->names, name, value);
    if (json_is_array(earlier) && text) {
        dowel_builder list = dowel_build(json_incref(earlier));
        dowel_build_item(&list, text);
        t->failed |= dowel_build_end(&list, NULL, NULL) != 0;
    } else {
        dowel_build_json(&t->headers, name, earlier ? json_pack("[O,o]", earlier, text) : text);
    }
    return t->outer->on_header(t->outer, name, value);
}

static int on_body(dowel_exchange *inner, const void *data, size_t size) {
    tap *t = inner->context;
    t->outer->status = inner->status;
    if (!t->outer->secret_body) dowel_text_add(&t->body, data, size);
    return t->outer->on_body(t->outer, data, size);
}

static int on_tick(dowel_exchange *inner, int64_t uploaded) {
    tap *t = inner->context;
    return t->outer->on_tick ? t->outer->on_tick(t->outer, uploaded) : 0;
}

static json_t *request_json(const dowel_exchange *x) {
    dowel_builder headers = dowel_build(json_object()), request = dowel_build(json_object());
    for (size_t i = 0; x->headers && x->headers[i].name; i++) {
        bool secret = x->secret_headers && x->secret_headers[i];
        dowel_build_json(&headers, x->headers[i].name, dowel_json_text(secret ? DOWEL_MASK : x->headers[i].value));
    }
    json_t *all = NULL;
    (void)dowel_build_end(&headers, &all, NULL);
    dowel_build_text(&request, "method", x->method);
    dowel_build_json(&request, "uri", url_json(x->url, x->names, x->secret_url, x->secret_body));
    dowel_build_json(&request, "headers", all);
    /* The content of a source is data of the program: it is not recorded. */
    if (!x->source && x->body.data)
        dowel_build_json(&request, "body", body_json(x->body.data, x->body.size, x->secret_body));
    json_t *built = NULL;
    (void)dowel_build_end(&request, &built, NULL);
    return built;
}

static json_t *response_json(tap *t, int status) {
    dowel_builder response = dowel_build(json_object());
    json_t *headers = NULL, *built = NULL;
    (void)dowel_build_end(&t->headers, &headers, NULL);
    dowel_build_int(&response, "status", status);
    dowel_build_json(&response, "headers", headers);
    dowel_build_json(&response, "body", body_json(t->body.data, t->body.size, t->outer->secret_body));
    (void)dowel_build_end(&response, &built, NULL);
    return built;
}

static int keep(record *r, tap *t, int status, dowel_error *err) {
    dowel_builder entry = dowel_build(json_object());
    json_t *built = NULL;
    dowel_build_json(&entry, "request", request_json(t->outer));
    dowel_build_json(&entry, "response", response_json(t, status));
    int rc = dowel_build_end(&entry, &built, err);
    pthread_mutex_lock(&r->lock);
    if (!rc && json_array_append_new(r->entries, built)) rc = dowel_no_memory(err);
    pthread_mutex_unlock(&r->lock);
    return rc ? rc : t->failed || t->body.failed ? dowel_no_memory(err) : 0;
}

static int perform(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    record *r = (record *)base;
    tap t = {.outer = x, .headers = dowel_build(json_object())};
    dowel_exchange inner = *x;
    inner.on_header = on_header;
    inner.on_body = on_body;
    inner.on_tick = on_tick;
    inner.context = &t;
    int rc = r->under->perform(r->under, d, &inner, err);
    x->sent = inner.sent;
    x->status = inner.status;
    int kept = keep(r, &t, rc ? 0 : inner.status, rc ? NULL : err);
    dowel_text_free(&t.body);
    return rc ? rc : kept;
}

static void close_transport(dowel_transport *base) {
    record *r = (record *)base;
    json_decref(r->entries);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

int dowel_transport_record(dowel_transport *under, dowel_transport **transport, dowel_error *err) {
    record *r = calloc(1, sizeof *r);
    if (r) r->entries = json_array();
    if (!r || !r->entries) {
        free(r);
        return dowel_no_memory(err);
    }
    r->base = (dowel_transport){perform, close_transport};
    r->under = under;
    pthread_mutex_init(&r->lock, NULL);
    *transport = &r->base;
    return 0;
}

json_t *dowel_transport_recording(dowel_transport *transport) {
    record *r = (record *)transport;
    pthread_mutex_lock(&r->lock);
    json_t *copy = json_deep_copy(r->entries);
    pthread_mutex_unlock(&r->lock);
    return copy;
}
