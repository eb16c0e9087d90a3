/* Building requests. Setters remember the first failure; sending reports it. */
#include "http_internal.h"

#include <dowel/url.h>

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dowel_headers_add(dowel_header_list *list, const char *name, const char *value) {
    if (list->failed) return;
    dowel_header *items = realloc(list->items, (list->count + 2) * sizeof *items);
    if (items) list->items = items;
    bool *secret = items ? realloc(list->secret, (list->count + 2) * sizeof *secret) : NULL;
    if (secret) list->secret = secret;
    char *n = secret ? strdup(name) : NULL, *v = n ? strdup(value) : NULL;
    if (!v) {
        free(n);
        list->failed = true;
        return;
    }
    items[list->count] = (dowel_header){n, v};
    secret[list->count++] = false;
    items[list->count] = (dowel_header){NULL, NULL};
}

void dowel_headers_set(dowel_header_list *list, const char *name, const char *value, bool secret) {
    size_t i = 0;
    while (i < list->count && dowel_casecmp(list->items[i].name, name)) i++;
    if (i < list->count) {
        dowel_wipe((char *)list->items[i].name);
        dowel_wipe((char *)list->items[i].value);
        memmove(&list->items[i], &list->items[i + 1], (list->count - i) * sizeof *list->items);
        memmove(&list->secret[i], &list->secret[i + 1], (list->count - i) * sizeof *list->secret);
        list->count--;
    }
    if (!value) return;
    dowel_headers_add(list, name, value);
    if (!list->failed) list->secret[list->count - 1] = secret;
}

const char *dowel_headers_get(const dowel_header_list *list, const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (!dowel_casecmp(list->items[i].name, name)) return list->items[i].value;
    return NULL;
}

void dowel_headers_free(dowel_header_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        dowel_wipe((char *)list->items[i].name);
        dowel_wipe((char *)list->items[i].value);
    }
    free(list->items);
    free(list->secret);
    memset(list, 0, sizeof *list);
}

static void problem(dowel_http_request *r, const char *text) {
    if (!*r->problem) snprintf(r->problem, sizeof r->problem, "%.*s", (int)sizeof r->problem - 1, text);
}

dowel_http_request *dowel_http_new(const dowel_http_service *service, void *context, const char *method,
                                   const char *base) {
    dowel_http_request *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->service = service;
    r->context = context;
    snprintf(r->method, sizeof r->method, "%s", method);
    size_t length = strlen(base);
    if (strncmp(base, "http://", 7) && strncmp(base, "https://", 8))
        problem(r, "the endpoint must start with http:// or https://");
    for (const char *p = base; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '?' || *p == '#' || *p == '@')
            problem(r, "the endpoint contains an invalid character");
    while (length && base[length - 1] == '/') length--;
    dowel_text_add(&r->path, base, length);
    r->idempotent = strcmp(method, "POST") && strcmp(method, "PATCH");
    return r;
}

static bool has_control_or_space(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f) return true;
    return false;
}

dowel_http_request *dowel_http_new_url(const dowel_http_service *service, void *context, const char *method,
                                       const char *url) {
    dowel_url parts;
    dowel_error why;
    int rc = dowel_url_split(url, &parts, &why);
    if (rc == DOWEL_E_NO_MEMORY) return NULL;
    char *base = strndup(url, rc ? 0 : (size_t)(parts.rest - url));
    dowel_http_request *r = base ? dowel_http_new(service, context, method, rc ? "http://" : base) : NULL;
    if (r && rc) problem(r, has_control_or_space(url) ? "the URL contains a control character or space" : why.message);
    if (!rc && *parts.rest != '/') dowel_http_path_raw(r, "/");
    if (!rc) dowel_http_path_raw(r, parts.rest);
    free(base);
    dowel_url_clear(&parts);
    return r;
}

void dowel_http_path(dowel_http_request *r, ...) {
    va_list segments;
    va_start(segments, r);
    for (const char *segment; (segment = va_arg(segments, const char *));) {
        if (!r) continue;
        dowel_text_add(&r->path, "/", 1);
        /* A segment of dots alone would be taken for "this folder" or "the one above". */
        if (!strcmp(segment, ".") || !strcmp(segment, ".."))
            dowel_text_add(&r->path, segment[1] ? "%2E%2E" : "%2E", segment[1] ? 6 : 3);
        else
            dowel_text_add_encoded(&r->path, segment, NULL);
    }
    va_end(segments);
}

void dowel_http_path_slashes(dowel_http_request *r, const char *text) {
    if (!r) return;
    dowel_text_add(&r->path, "/", 1);
    dowel_text_add_encoded(&r->path, text, "/");
}

void dowel_http_path_raw(dowel_http_request *r, const char *text) {
    if (!r) return;
    if (has_control_or_space(text)) problem(r, "the path contains a control character or space");
    dowel_text_add(&r->path, text, strlen(text));
}

void dowel_http_query(dowel_http_request *r, const char *name, const char *value) {
    if (!r || !value) return;
    if (r->query.size) dowel_text_add(&r->query, "&", 1);
    dowel_text_add_encoded(&r->query, name, NULL);
    dowel_text_add(&r->query, "=", 1);
    dowel_text_add_encoded(&r->query, value, NULL);
}

void dowel_http_query_int(dowel_http_request *r, const char *name, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    dowel_http_query(r, name, text);
}

static void set_header(dowel_http_request *r, const char *name, const char *value, bool secret) {
    if (!r) return;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == ':' || *p == 0x7f)
            problem(r, "a header name contains an invalid character");
    for (const char *p = value; p && *p; p++) {
        bool control = ((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f;
        char text[sizeof r->problem];
        if (!control) continue;
        snprintf(text, sizeof text, "the value of header %.80s contains a %s at character %zu", name,
                 *p == '\r' || *p == '\n' ? "line break" : "control character", (size_t)(p - value) + 1);
        problem(r, text);
        break;
    }
    dowel_headers_set(&r->headers, name, value, secret);
}

void dowel_http_header(dowel_http_request *r, const char *name, const char *value) {
    set_header(r, name, value, r && dowel_http_secret_header_name(r->service->names, name));
}

void dowel_http_secret_header(dowel_http_request *r, const char *name, const char *value) {
    set_header(r, name, value, true);
}

void dowel_http_body(dowel_http_request *r, const void *data, size_t size) {
    if (!r) return;
    dowel_text_free(&r->body);
    dowel_text_add(&r->body, data, size);
    r->has_body = true;
}

void dowel_http_json(dowel_http_request *r, const json_t *document) {
    if (!r) return;
    char *text = document ? dowel_json_dump(document, 0) : NULL;
    if (!text) {
        problem(r, "out of memory");
        return;
    }
    dowel_http_body(r, text, strlen(text));
    dowel_wipe(text);
    if (!dowel_headers_get(&r->headers, "Content-Type")) dowel_http_header(r, "Content-Type", "application/json");
}

void dowel_http_source(dowel_http_request *r, dowel_source *source) {
    if (!r) return;
    r->source = source;
    r->has_body = true;
}

void dowel_http_sink(dowel_http_request *r, dowel_sink *sink) {
    if (r) r->sink = sink;
}

void dowel_http_digest(dowel_http_request *r, dowel_digest *digest) {
    if (r) r->digest = digest;
}

void dowel_http_idempotent(dowel_http_request *r, bool idempotent) {
    if (r) r->idempotent = idempotent;
}

void dowel_http_accept(dowel_http_request *r, int status) {
    if (!r) return;
    if (r->accept_count == (int)(sizeof r->accept / sizeof r->accept[0]))
        problem(r, "too many accepted statuses");
    else
        r->accept[r->accept_count++] = status;
}

void dowel_http_secret_url(dowel_http_request *r) {
    if (r) r->secret_url = true;
}

void dowel_http_secret_body(dowel_http_request *r) {
    if (r) r->secret_body = true;
}

void dowel_http_timeout(dowel_http_request *r, double seconds) {
    if (!r) return;
    if (!isfinite(seconds) || seconds < 0) problem(r, "the timeout is negative or not a number");
    r->timeout = seconds;
}

void dowel_http_patient(dowel_http_request *r) {
    if (r) r->patient = true;
}

void dowel_http_direct(dowel_http_request *r) {
    if (r) r->direct = true;
}

void dowel_http_authorities_of(dowel_http_request *r, const char *path, const char *setting) {
    if (!r) return;
    free(r->authorities);
    free(r->authorities_setting);
    r->authorities = path ? strdup(path) : NULL;
    r->authorities_setting = path ? strdup(setting) : NULL;
    if (path && (!r->authorities || !r->authorities_setting)) problem(r, "out of memory");
}

void dowel_http_progress(dowel_http_request *r, int64_t offset, int64_t total) {
    if (!r) return;
    r->progress = true;
    r->progress_offset = offset;
    r->progress_total = total;
}

bool dowel_http_in_doubt(const dowel_http_request *r) {
    return r && r->in_doubt;
}

void dowel_http_free(dowel_http_request *r) {
    if (!r) return;
    dowel_text_free(&r->path);
    dowel_text_free(&r->query);
    dowel_text_free(&r->url);
    dowel_text_free(&r->body);
    dowel_headers_free(&r->headers);
    free(r->authorities);
    free(r->authorities_setting);
    free(r);
}

const char *dowel_http_method(const dowel_http_request *r) {
    return r->method;
}

const char *dowel_http_url(dowel_http_request *r) {
    r->url.size = 0;
    dowel_text_add(&r->url, r->path.data ? r->path.data : "", r->path.size);
    const char *scheme = strstr(r->url.data ? r->url.data : "", "://");
    if (scheme && !strchr(scheme + 3, '/')) dowel_text_add(&r->url, "/", 1);
    if (r->query.size) {
        dowel_text_add(&r->url, r->path.data && strchr(r->path.data, '?') ? "&" : "?", 1);
        dowel_text_add(&r->url, r->query.data, r->query.size);
    }
    return r->url.data ? r->url.data : "";
}

void dowel_http_rebase(dowel_http_request *r, const char *from, const char *to) {
    size_t length = strlen(from);
    const char *rest = r->path.data && !strncmp(r->path.data, from, length) ? r->path.data + length : NULL;
    if (!rest || (*rest && *rest != '/')) return;
    dowel_text path = {0};
    dowel_text_add(&path, to, strlen(to));
    dowel_text_add(&path, rest, strlen(rest));
    path.failed |= r->path.failed;
    dowel_text_free(&r->path);
    r->path = path;
}

const char *dowel_http_get_header(const dowel_http_request *r, const char *name) {
    return dowel_headers_get(&r->headers, name);
}

const dowel_header *dowel_http_headers(const dowel_http_request *r) {
    static const dowel_header none[] = {{NULL, NULL}};
    return r->headers.items ? r->headers.items : none;
}

dowel_bytes dowel_http_body_bytes(const dowel_http_request *r) {
    return r->source ? (dowel_bytes){NULL, 0} : (dowel_bytes){r->body.data, r->body.size};
}

dowel_source *dowel_http_body_source(const dowel_http_request *r) {
    return r->source;
}
