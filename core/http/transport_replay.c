/* A transport that answers from a recording: for tests of code that talks to services. */
#include "http_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct replay {
    dowel_transport base;
    pthread_mutex_t lock;
    json_t *entries;
    size_t next;
} replay;

/* A recording holds "***" where a secret was: it stands for any text. */
static bool same(const char *recorded, const char *actual) {
    const char *star = strstr(recorded, DOWEL_MASK);
    if (!star) return !strcmp(recorded, actual);
    size_t head = (size_t)(star - recorded);
    if (strncmp(recorded, actual, head)) return false;
    const char *rest = star + strlen(DOWEL_MASK);
    for (const char *at = actual + head;; at++) {
        if (same(rest, at)) return true;
        if (!*at) return false;
    }
}

static int read_source(dowel_source *source, dowel_text *body, dowel_error *err) {
    char piece[4096];
    for (size_t got;;) {
        int rc = dowel_source_read(source, piece, sizeof piece, &got, err);
        if (rc) return rc;
        if (!got) return 0;
        dowel_text_add(body, piece, got);
    }
}

/* A body is text, or {"base64": "..."} where it is not UTF-8. */
static int body_of(const json_t *value, void **data, size_t *size) {
    const char *coded = json_string_value(json_object_get(value, "base64"));
    if (coded) return dowel_base64_decode(coded, data, size);
    *size = json_string_length(value);
    *data = malloc(*size + 1);
    if (!*data) return DOWEL_E_NO_MEMORY;
    if (*size) memcpy(*data, json_string_value(value), *size);
    ((char *)*data)[*size] = 0;
    return 0;
}

static const char *header_of(const dowel_exchange *x, const char *name) {
    for (const dowel_header *h = x->headers; h && h->name; h++)
        if (!dowel_casecmp(h->name, name)) return h->value;
    return NULL;
}

static int compare(size_t n, const json_t *request, const dowel_exchange *x, dowel_error *err) {
    const char *method = json_string_value(json_object_get(request, "method"));
    const char *uri = json_string_value(json_object_get(request, "uri"));
    if (method && strcmp(method, x->method))
        return dowel_fail(err, DOWEL_E_INVALID, "request %zu differs from the recording: method %s, recorded %s", n,
                          x->method, method);
    if (uri && !same(uri, x->url))
        return dowel_fail(err, DOWEL_E_INVALID, "request %zu differs from the recording: %s, recorded %s", n, x->url,
                          uri);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)json_object_get(request, "headers"), name, value) {
        const char *actual = header_of(x, name), *recorded = json_string_value(value);
        if (!recorded || (actual && same(recorded, actual))) continue;
        return dowel_fail(err, DOWEL_E_INVALID, "request %zu differs from the recording: header %s is %s, recorded %s",
                          n, name, actual ? actual : "missing", recorded);
    }
    const json_t *body = json_object_get(request, "body");
    if (!body || json_is_null(body)) return 0;
    dowel_text actual = {0};
    dowel_text_add(&actual, "", 0);
    int rc = x->source ? read_source(x->source, &actual, err) : 0;
    if (!x->source && x->body.size) dowel_text_add(&actual, x->body.data, x->body.size);
    void *recorded = NULL;
    size_t size = 0;
    if (!rc && (actual.failed || body_of(body, &recorded, &size)))
        rc = dowel_fail(err, DOWEL_E_INVALID, "request %zu: the recorded body cannot be read", n);
    if (!rc && (size != actual.size || memcmp(recorded, actual.data, size)) && !same(recorded, actual.data))
        rc = dowel_fail(err, DOWEL_E_INVALID, "request %zu differs from the recording: body %.400s, recorded %.400s", n,
                        actual.data, (const char *)recorded);
    free(recorded);
    dowel_text_free(&actual);
    return rc;
}

static int stopped(dowel_error *err) {
    /* For a callback that did not fill its error. */
    if (err && !err->code) dowel_fail(err, DOWEL_E_CANCELLED, "stopped");
    return DOWEL_E_CANCELLED;
}

static int answer(size_t n, const json_t *response, dowel_exchange *x, dowel_error *err) {
    x->status = (int)json_integer_value(json_object_get(response, "status"));
    if (x->status < 100)
        return dowel_fail(err, DOWEL_E_NETWORK, "the connection broke, as recorded for request %zu", n);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)json_object_get(response, "headers"), name, value) {
        size_t count = json_is_array(value) ? json_array_size(value) : 1;
        for (size_t i = 0; i < count; i++) {
            const char *text = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
            if (text && x->on_header(x, name, text)) return stopped(err);
        }
    }
    void *data = NULL;
    size_t size = 0;
    if (body_of(json_object_get(response, "body"), &data, &size))
        return dowel_fail(err, DOWEL_E_INVALID, "answer %zu: the recorded body cannot be read", n);
    int rc = size && strcmp(x->method, "HEAD") && x->on_body(x, data, size) ? stopped(err) : 0;
    free(data);
    return rc;
}

static int perform(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)d;
    replay *t = (replay *)base;
    pthread_mutex_lock(&t->lock);
    size_t n = t->next;
    json_t *entry = json_array_get(t->entries, n);
    if (entry) t->next++;
    pthread_mutex_unlock(&t->lock);
    x->sent = true;
    if (!entry)
        return dowel_fail(err, DOWEL_E_INVALID, "%s %s: the recording has only %zu requests", x->method, x->url, n);
    int rc = compare(n + 1, json_object_get(entry, "request"), x, err);
    return rc ? rc : answer(n + 1, json_object_get(entry, "response"), x, err);
}

static void close_transport(dowel_transport *base) {
    replay *t = (replay *)base;
    json_decref(t->entries);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

int dowel_transport_replay(const json_t *recording, dowel_transport **transport, dowel_error *err) {
    if (!json_is_array(recording)) return dowel_fail(err, DOWEL_E_INVALID, "a recording is a JSON array");
    replay *t = calloc(1, sizeof *t);
    if (t) t->entries = json_deep_copy(recording);
    if (!t || !t->entries) {
        free(t);
        return dowel_no_memory(err);
    }
    t->base = (dowel_transport){perform, close_transport};
    pthread_mutex_init(&t->lock, NULL);
    *transport = &t->base;
    return 0;
}

size_t dowel_transport_replay_left(dowel_transport *transport) {
    replay *t = (replay *)transport;
    pthread_mutex_lock(&t->lock);
    size_t left = json_array_size(t->entries) - t->next;
    pthread_mutex_unlock(&t->lock);
    return left;
}
