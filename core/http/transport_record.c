/* A transport that writes down what goes through it, secrets masked: its recording is what transport_replay.c reads. */
#include "http_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct record {
    dowel_transport base;
    dowel_transport *under;
    pthread_mutex_t lock;
    json_t *entries;
} record;

/* One exchange: the caller's, and what was seen of the answer. */
typedef struct tap {
    dowel_exchange *outer;
    json_t *headers;
    dowel_text body;
} tap;

static json_t *body_json(const char *data, size_t size, bool secret) {
    if (secret) return json_string(DOWEL_MASK);
    json_t *text = json_stringn(data ? data : "", size);
    if (text) return text;
    char *coded = dowel_base64(data, size);
    json_t *object = coded ? json_pack("{s:s}", "base64", coded) : NULL;
    free(coded);
    return object;
}

static json_t *answer_header(const dowel_http_names *names, const char *name, const char *value) {
    if (dowel_http_secret_header_name(names, name)) return json_string(DOWEL_MASK);
    if (dowel_casecmp(name, "Location")) return json_string(value);
    dowel_text url = {0}; /* an upload session's address */
    dowel_http_mask_url(&url, value, names, false, false);
    json_t *text = json_string(url.data ? url.data : "");
    dowel_text_free(&url);
    return text;
}

static int on_header(dowel_exchange *inner, const char *name, const char *value) {
    tap *t = inner->context;
    t->outer->status = inner->status;
    json_t *earlier = json_object_get(t->headers, name), *text = answer_header(t->outer->names, name, value);
    if (!earlier) {
        json_object_set_new(t->headers, name, text);
    } else if (json_is_array(earlier)) {
        json_array_append_new(earlier, text);
    } else {
        json_object_set_new(t->headers, name, json_pack("[O,o]", earlier, text));
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
    dowel_text url = {0};
    dowel_http_mask_url(&url, x->url, x->names, x->secret_url, x->secret_body);
    json_t *headers = json_object();
    for (size_t i = 0; x->headers && x->headers[i].name; i++) {
        bool secret = x->secret_headers && x->secret_headers[i];
        json_object_set_new(headers, x->headers[i].name, json_string(secret ? DOWEL_MASK : x->headers[i].value));
    }
    json_t *request =
        json_pack("{s:s, s:s, s:o}", "method", x->method, "uri", url.data ? url.data : "", "headers", headers);
    /* What a source holds is the program's data, not the conversation. */
    if (!x->source && x->body.data)
        json_object_set_new(request, "body", body_json(x->body.data, x->body.size, x->secret_body));
    dowel_text_free(&url);
    return request;
}

static int perform(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    record *r = (record *)base;
    tap t = {.outer = x, .headers = json_object()};
    dowel_exchange inner = *x;
    inner.on_header = on_header;
    inner.on_body = on_body;
    inner.on_tick = on_tick;
    inner.context = &t;
    int rc = r->under->perform(r->under, d, &inner, err);
    x->sent = inner.sent;
    x->status = inner.status;
    json_t *response = json_pack("{s:i, s:O, s:o}", "status", rc ? 0 : inner.status, "headers", t.headers, "body",
                                 body_json(t.body.data, t.body.size, x->secret_body));
    json_t *entry = json_pack("{s:o, s:o}", "request", request_json(x), "response", response);
    pthread_mutex_lock(&r->lock);
    int kept = entry ? json_array_append_new(r->entries, entry) : -1;
    pthread_mutex_unlock(&r->lock);
    json_decref(t.headers);
    bool failed = kept || t.body.failed;
    dowel_text_free(&t.body);
    if (!rc && failed) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory for the recording");
    return rc;
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
