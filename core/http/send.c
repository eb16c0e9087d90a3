/* Sending: attempts, what is retried and when, errors from answers. */
#include "handle_internal.h"
#include "http_internal.h"
#include "pace.h"

#include <ctype.h>
#include <math.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define ERROR_BODY_LIMIT ((size_t)1 << 20)
#define SECRET_BODY_LIMIT ((size_t)1 << 20)
#define BODY_LIMIT ((size_t)64 << 20)
#define MOST_ASKED 1e9 /* seconds */
#define LONG_WAIT 10.0 /* seconds: what is longer is worth a warning */

/* One attempt on its way. */
typedef struct flight {
    dowel *d;
    dowel_http_request *request;
    dowel_http_response *response;
    bool continued;   /* this attempt asked for the rest of a body */
    int64_t received; /* of a 2xx body that went to the sink, over all attempts */
    char etag[256];   /* of the body whose beginning we hold */
    bool added_range; /* Range and If-Match are ours, not the caller's */
    bool enough;      /* of an error page: the rest is not waited for */
    dowel_error *err; /* what a callback stopped the exchange with */
    int stopped;
} flight;

/* ---- retry budget: many failing calls of one handle must not multiply into a storm ---- */

typedef struct budget {
    pthread_mutex_t lock;
    double tokens;
} budget;

#define BUDGET_FULL 500.0
#define BUDGET_RETRY 5.0

static void *make_budget(dowel *d) {
    (void)d;
    budget *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    pthread_mutex_init(&b->lock, NULL);
    b->tokens = BUDGET_FULL;
    return b;
}

static void end_budget(void *value) {
    budget *b = value;
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static bool spend(dowel *d, double tokens) {
    static const char key;
    budget *b = dowel_attach(d, &key, make_budget, end_budget);
    if (!b) return true;
    pthread_mutex_lock(&b->lock);
    bool enough = b->tokens >= tokens;
    if (enough) b->tokens -= tokens;
    if (b->tokens > BUDGET_FULL) b->tokens = BUDGET_FULL;
    pthread_mutex_unlock(&b->lock);
    return enough;
}

/* ---- pace: one for each service that a handle talks to ---- */

enum { PACES = 16 };

typedef struct paces {
    pthread_mutex_t lock;
    char names[PACES][64];
    dowel_pace pace[PACES];
} paces;

static void *make_paces(dowel *d) {
    (void)d;
    paces *all = calloc(1, sizeof *all);
    if (all) pthread_mutex_init(&all->lock, NULL);
    return all;
}

static void end_paces(void *value) {
    paces *all = value;
    pthread_mutex_destroy(&all->lock);
    free(all);
}

/* Locked; NULL: there are too many services, or no memory: then nothing is held back. */
static dowel_pace *lock_pace(paces *all, const dowel_http_service *service) {
    if (!all) return NULL;
    pthread_mutex_lock(&all->lock);
    for (int i = 0; i < PACES; i++) {
        if (!*all->names[i]) snprintf(all->names[i], sizeof all->names[i], "%s", service->name);
        if (!strncmp(all->names[i], service->name, sizeof all->names[i] - 1)) return &all->pace[i];
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

static paces *paces_of(dowel *d) {
    static const char key;
    return dowel_attach(d, &key, make_paces, end_paces);
}

/* Waits until a request to the service may start; false: the deadline would pass before. */
static bool wait_turn(dowel *d, paces *all, const dowel_http_service *service, int *rc, dowel_error *err) {
    bool in_line = false, stays = true;
    for (*rc = 0; stays && !*rc;) {
        dowel_pace *pace = lock_pace(all, service);
        double wait = pace ? dowel_pace_take(pace, dowel_clock(), &in_line) : 0, left = dowel_time_left(d);
        if (pace) pthread_mutex_unlock(&all->lock);
        if (wait <= 0) return true;
        stays = left < 0 || wait < left;
        if (stays) *rc = dowel_sleep(d, wait, err);
    }
    dowel_pace *pace = lock_pace(all, service);
    if (pace) {
        dowel_pace_leave(pace, &in_line);
        pthread_mutex_unlock(&all->lock);
    }
    return stays;
}

/* Some services answer 403 when the rate is exceeded; their `explain` says then that they are unavailable. */
static bool is_too_many(const dowel_error *err) {
    int status = err->http_status;
    return status == 429 || status == 503 || (status == 403 && err->code == DOWEL_E_UNAVAILABLE);
}

static void tell_pace(dowel *d, paces *all, const dowel_http_service *service, double started, bool too_many) {
    dowel_pace *pace = lock_pace(all, service);
    if (!pace) return;
    bool before = pace->limited;
    dowel_pace_told(pace, started, dowel_clock(), too_many);
    bool begins = !before && pace->limited;
    double rate = pace->rate;
    pthread_mutex_unlock(&all->lock);
    if (begins)
        dowel_log(d, DOWEL_LOG_INFO, "%s: too many requests: at most %.1f a second for now", service->name, rate);
}

/* ---- callbacks of the transport ---- */

static bool is_success(const dowel_http_request *r, int status) {
    for (int i = 0; i < r->accept_count; i++)
        if (r->accept[i] == status) return true;
    return status >= 200 && status < 300;
}

static int stop(flight *f, int rc) {
    f->stopped = rc;
    return rc;
}

static int on_header(dowel_exchange *exchange, const char *name, const char *value) {
    flight *f = exchange->context;
    dowel_headers_add(&f->response->headers, name, value);
    if (f->response->headers.failed) return stop(f, dowel_no_memory(f->err));
    if (f->response->headers.count > 1000)
        return stop(f, dowel_fail(f->err, DOWEL_E_PROTOCOL, "the answer has more than 1000 headers"));
    return 0;
}

static void report(flight *f, int64_t done) {
    dowel_progress(f->d, f->request->progress_offset + done, f->request->progress_total);
}

static int on_body(dowel_exchange *exchange, const void *data, size_t size) {
    flight *f = exchange->context;
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
                    f, dowel_fail(f->err, DOWEL_E_CONFLICT,
                                  "the object could not be read on from byte %lld: it changed or the server cannot",
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
    bool success = is_success(r, exchange->status);
    size_t limit = !success         ? ERROR_BODY_LIMIT
                   : r->secret_body ? SECRET_BODY_LIMIT
                                    : BODY_LIMIT,
           room = limit - f->response->body.size;
    if (size > room && success)
        return stop(f, dowel_fail(f->err, DOWEL_E_PROTOCOL, "the answer is larger than the %zu MiB that are expected",
                                  limit >> 20));
    f->enough = size > room;
    dowel_text_add(&f->response->body, data, f->enough ? room : size);
    if (f->response->body.failed) return stop(f, dowel_no_memory(f->err));
    return f->enough;
}

static int on_tick(dowel_exchange *exchange, int64_t uploaded) {
    flight *f = exchange->context;
    int rc = dowel_check(f->d, f->err);
    if (rc) return stop(f, rc);
    if (f->request->progress && !f->request->sink) report(f, uploaded);
    return 0;
}

/* ---- errors ---- */

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

/* Seconds, or a date by the server's own clock. What is neither, or has passed, asks for nothing. */
static double retry_after(const dowel_http_response *response) {
    const char *value = dowel_headers_get(&response->headers, "Retry-After");
    size_t digits = value ? strspn(value, "0123456789") : 0;
    if (!value) return 0;
    const char *end = value + digits;
    if (digits && *end == '.') end += 1 + strspn(end + 1, "0123456789");
    if (digits && !end[strspn(end, " \t")]) {
        double seconds = 0; /* not strtod, which goes by the program's locale */
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

static void explain(const dowel_http_request *r, const dowel_http_response *response, dowel_error *err) {
    char place[256];
    dowel_http_place(r, place);
    dowel_fail(err, code_of(response->status), "%s: %s %s: HTTP %d", r->service->name, r->method, place,
               response->status);
    err->http_status = response->status;
    err->retry_after = retry_after(response);
    find_request_id(r, response, err);
    if (r->service->explain) r->service->explain(response, err);
    err->http_status = response->status;
    if (response->status == 407) { /* of plain HTTP: nobody else answers so */
        const char *variable = dowel_proxy_variable(r->path.data ? r->path.data : "");
        dowel_error_hint(err, "the proxy wants a user and a password: %s=http://USER:PASSWORD@HOST:PORT",
                         variable ? variable : "the proxy's variable");
    }
}

/* What the service's table says about this answer; NULL: nothing. */
static const dowel_retry_rule *find_rule(const dowel_http_request *r, const dowel_error *err) {
    for (const dowel_retry_rule *rule = r->service->retry; rule && rule->status; rule++)
        if (rule->status == err->http_status && (!rule->reason || !strcmp(rule->reason, err->reason))) return rule;
    return NULL;
}

/* ---- attempts ---- */

/* Puts source, sink and digest where an attempt starts; sets `continued` when the sink cannot start again. */
static int begin_attempt(flight *f, bool first) {
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
        return dowel_fail(f->err, DOWEL_E_NETWORK,
                          "the connection broke in the middle of a range that cannot be started again");
    if (!*f->etag)
        return dowel_fail(f->err, DOWEL_E_NETWORK,
                          "the connection broke midway, and the answer has no ETag to read on by");
    char range[64];
    snprintf(range, sizeof range, "bytes=%lld-", (long long)f->received);
    dowel_headers_set(&r->headers, "Range", range, false);
    dowel_headers_set(&r->headers, "If-Match", f->etag, false);
    f->continued = f->added_range = true;
    return 0;
}

static void end_continuation(flight *f) {
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
        OPENSSL_cleanse(data, got);
        free(data);
        return rc;
    }
    *body = (dowel_bytes){data, got};
    return 0;
}

static void drop_body(dowel_bytes *body) {
    if (body->data) OPENSSL_cleanse((void *)body->data, body->size);
    free((void *)body->data);
}

static int perform(flight *f, bool *sent) {
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
    /* A moment later than the deadline, so that what ends then is known to have ended by it. */
    if (left >= 0 && (exchange.timeout <= 0 || left < exchange.timeout)) exchange.timeout = left + 0.02;
    rc = transport->perform(transport, f->d, &exchange, f->err);
    drop_body(&loaded);
    *sent = exchange.sent;
    f->response->status = exchange.status;
    if (f->stopped) return f->stopped;
    if (f->enough) return 0;
    if (!rc && f->continued && exchange.status >= 200 && exchange.status < 300)
        return dowel_fail(f->err, DOWEL_E_NETWORK, "the answer ends before the rest of the object");
    return rc;
}

static double backoff(const dowel_http_service *service, int retry) {
    double base = service->backoff > 0 ? service->backoff : 1,
           limit = service->backoff_limit > 0 ? service->backoff_limit : 32;
    double ceiling = fmin(limit, base * exp2(retry < 30 ? retry : 30));
    uint32_t noise = 0;
    RAND_bytes((unsigned char *)&noise, sizeof noise);
    return ceiling * (noise / 4294967296.0);
}

/* Whether the service thinks that the answer would be another one if the request were authorized anew. */
static bool may_reauthorize(const flight *f, bool *renew) {
    const dowel_http_request *r = f->request;
    return r->service->reauthorize && r->service->reauthorize(f->d, r, f->response, f->err, r->context, renew);
}

static int most_attempts(dowel *d, const dowel_http_request *r) {
    int wanted = r->service->attempts ? r->service->attempts(d, r->context) : 0;
    if (wanted > 0) return wanted;
    return r->service->max_attempts > 0 ? r->service->max_attempts : 5;
}

/* That time ran out while something was tried again says less than why it had to be tried again. */
static int explain_late(dowel *d, int rc, const dowel_error *before, dowel_error *err) {
    if (rc != DOWEL_E_TIMEOUT || !before->code || dowel_time_left(d) != 0) return rc;
    *err = *before;
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, "; time ran out while it was tried again");
    return err->code;
}

/* ---- waiting before another attempt ---- */

/* "90 s", "1 h 30 min" */
static const char *duration(double seconds, char text[48]) {
    long long s = (long long)(seconds + 0.5), minutes = s / 60, hours = s / 3600, days = s / 86400;
    if (seconds < 10)
        snprintf(text, 48, "%lld.%02lld s", (long long)seconds, (long long)((seconds - floor(seconds)) * 100));
    else if (s < 120)
        snprintf(text, 48, "%lld s", s);
    else if (minutes < 60)
        snprintf(text, 48, s % 60 ? "%lld min %lld s" : "%lld min", minutes, s % 60);
    else if (hours < 48)
        snprintf(text, 48, minutes % 60 ? "%lld h %lld min" : "%lld h", hours, minutes % 60);
    else
        snprintf(text, 48, "%lld days", days);
    return text;
}

/* The failure stays what it is; it says too why nobody waits for the time that the server named. */
static void explain_no_wait(dowel_error *err, double left) {
    char asked[48], limit[48];
    size_t used = strlen(err->message);
    bool late = left >= 0 && left <= err->retry_after;
    duration(err->retry_after, asked);
    duration(late ? left : DOWEL_HTTP_LONGEST_WAIT, limit);
    snprintf(err->message + used, sizeof err->message - used, "; the server asks to wait %s, %s%s%s", asked,
             late ? "and the deadline comes in " : "which is more than the ", limit, late ? "" : " that dowel waits");
    if (!*err->hint) dowel_error_hint(err, "run it again in %s%s", asked, late ? ", or give it more time" : "");
}

int dowel_http_wait(dowel *d, double seconds, const char *next, dowel_error *err) {
    double wait = fmax(seconds, err->retry_after), left = dowel_time_left(d);
    bool late = left >= 0 && wait >= left; /* what went wrong says more than "timeout" */
    char text[48];
    if (late || err->retry_after > DOWEL_HTTP_LONGEST_WAIT) {
        if (err->retry_after > 0) explain_no_wait(err, left);
        return err->code;
    }
    bool asked = err->retry_after >= seconds && err->retry_after > 0;
    dowel_log(d, wait >= LONG_WAIT ? DOWEL_LOG_WARNING : DOWEL_LOG_INFO, "%s; %s in %s%s", err->message, next,
              duration(wait, text), asked ? ", as the server asks" : "");
    dowel_error *stopped = calloc(1, sizeof *stopped);
    if (!stopped) return dowel_no_memory(err);
    int rc = dowel_sleep(d, wait, stopped);
    if (rc) *err = *stopped;
    free(stopped);
    return rc;
}

/* Errors are large, and threads of other programs may have small stacks. */
typedef struct errors {
    dowel_error local;   /* where the caller wants none */
    dowel_error before;  /* how the last attempt failed */
    dowel_error stopped; /* why a wait ended */
} errors;

static int send_with(dowel *d, dowel_http_request *r, dowel_http_response **out, errors *e, dowel_error *err);

static int send_inside(dowel *d, dowel_http_request *r, dowel_http_response **out, dowel_error *err) {
    errors *e = calloc(1, sizeof *e);
    if (out) *out = NULL;
    if (!e) return dowel_no_memory(err);
    int rc = send_with(d, r, out, e, err ? err : &e->local);
    free(e);
    return rc;
}

int dowel_http_send(dowel *d, dowel_http_request *r, dowel_http_response **out, dowel_error *err) {
    if (d->run) return send_inside(d, r, out, err); /* a run is inside already */
    dowel_inside inside;
    if (out) *out = NULL;
    int rc = dowel_enter(d, &inside, err);
    if (rc) return rc;
    rc = send_inside(d, r, out, err);
    dowel_leave(d->core, &inside);
    return rc;
}

static int send_with(dowel *d, dowel_http_request *r, dowel_http_response **out, errors *e, dowel_error *err) {
    if (!r || r->path.failed || r->query.failed || r->body.failed || r->headers.failed) return dowel_no_memory(err);
    if (*r->problem) return dowel_fail(err, DOWEL_E_INVALID, "%s: %s: %s", r->service->name, r->method, r->problem);

    r->in_doubt = false;
    int most = 0, more = 0;
    bool again = false, refreshed = false;
    flight f = {.d = d, .request = r, .err = err};
    paces *all = paces_of(d);
    for (int attempt = 1;; attempt++) {
        int held = 0;
        if (!wait_turn(d, all, r->service, &held, &e->stopped)) {
            if (attempt > 1) return e->before.code; /* it says more than "timeout" */
            return dowel_fail(err, DOWEL_E_TIMEOUT,
                              "%s: too many requests: the deadline comes before the turn of this one",
                              r->service->name);
        }
        if (held) {
            *err = e->stopped;
            return explain_late(d, held, &e->before, err);
        }
        int rc = dowel_check(d, err);
        if (!rc) rc = begin_attempt(&f, attempt == 1);
        if (!rc && r->service->authorize) rc = r->service->authorize(d, r, r->context, again, err);
        if (!rc && r->headers.failed) rc = dowel_no_memory(err);
        if (!rc && *r->problem)
            rc = dowel_fail(err, DOWEL_E_INVALID, "%s: %s: %s", r->service->name, r->method, r->problem);
        f.response = rc ? NULL : calloc(1, sizeof *f.response);
        if (!rc && !f.response) rc = dowel_no_memory(err);
        if (rc) {
            tell_pace(d, all, r->service, dowel_clock(), false);
            end_continuation(&f);
            return explain_late(d, rc, &e->before, err);
        }
        again = false;
        f.stopped = 0;
        f.enough = false;
        dowel_http_log_request(d, r, attempt);
        bool sent = true;
        double started = dowel_clock();
        rc = perform(&f, &sent);
        double ended = dowel_clock();
        end_continuation(&f);

        bool retry = false, anew = false, network = rc != 0;
        if (rc) {
            tell_pace(d, all, r->service, started, false);
            char place[256];
            dowel_http_place(r, place);
            bool broke = rc == DOWEL_E_NETWORK || (rc == DOWEL_E_TIMEOUT && dowel_time_left(d) != 0);
            if (!f.stopped || rc == DOWEL_E_CONFLICT || rc == DOWEL_E_PROTOCOL)
                dowel_error_prefix(err, "%s: %s %s: ", r->service->name, r->method, place);
            retry = broke && !f.stopped && (!sent || r->idempotent);
            if (rc == DOWEL_E_TIMEOUT && dowel_time_left(d) == 0)
                rc = explain_late(d, dowel_check(d, err), &e->before, err);
            if (broke) err->retryable = true;
            if (sent) r->in_doubt = true;
        } else {
            dowel_http_log_response(d, r, f.response, ended - started);
            if (is_success(r, f.response->status)) {
                tell_pace(d, all, r->service, started, false);
                if (attempt > 1)
                    spend(d, -BUDGET_RETRY);
                else
                    spend(d, -1);
                if (out)
                    *out = f.response;
                else
                    dowel_http_response_free(f.response);
                return 0;
            }
            explain(r, f.response, err);
            rc = err->code;
            tell_pace(d, all, r->service, started, is_too_many(err));
            const dowel_retry_rule *rule = find_rule(r, err);
            int when = rule ? rule->when : DOWEL_RETRY_IDEMPOTENT;
            retry = rule && (when == DOWEL_RETRY_ALWAYS || (when == DOWEL_RETRY_IDEMPOTENT && r->idempotent));
            if (retry || (err->code == DOWEL_E_UNAVAILABLE && when != DOWEL_RETRY_NEVER)) err->retryable = true;
            if (f.response->status >= 500 && when == DOWEL_RETRY_IDEMPOTENT) r->in_doubt = true;
            bool signed_by_us = r->service->authorize && dowel_headers_get(&r->headers, "Authorization");
            /* A token may have been revoked early, a clock may be wrong: one try more, which is no retry. */
            bool renew = err->http_status == 401;
            if (!refreshed && signed_by_us && (renew || may_reauthorize(&f, &renew))) {
                again = renew;
                anew = refreshed = retry = true;
                more = 1;
            }
        }
        dowel_http_response_free(f.response);
        f.response = NULL;
        if (r->source && !dowel_source_can_restart(r->source)) retry = false;
        if (retry && !most) most = most_attempts(d, r);
        if (!retry || attempt >= most + more) {
            if (attempt > 1) {
                size_t used = strlen(err->message);
                snprintf(err->message + used, sizeof err->message - used, " (after %d attempts)", attempt);
            }
            return rc;
        }
        e->before = *err;
        if (anew) continue;
        if (!spend(d, network ? BUDGET_RETRY * 2 : BUDGET_RETRY)) {
            dowel_log(d, DOWEL_LOG_WARNING, "too many retries lately: not tried again");
            return rc;
        }
        char next[48];
        snprintf(next, sizeof next, "attempt %d of %d", attempt + 1, most);
        int slept = dowel_http_wait(d, backoff(r->service, attempt - 1), next, err);
        if (slept) return explain_late(d, slept, &e->before, err);
    }
}
