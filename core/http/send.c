/* Sending: attempts until one succeeds or no retry is left. */
#include "flight.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One call of dowel_http_send. On the heap: errors are large, and threads of other programs may have small stacks. */
typedef struct sending {
    dowel_flight flight;
    dowel_turns *turns;
    int attempt;         /* from 1 */
    int most;            /* attempts; 0: the service was not asked yet */
    bool again;          /* the next attempt fetches its credentials anew */
    bool reauthorized;   /* once: an attempt that is not counted */
    bool sent;           /* some of the current attempt may have reached the server */
    bool answered;       /* the current attempt got a whole answer */
    double started;      /* the current attempt */
    dowel_error local;   /* used if the caller passes none */
    dowel_error before;  /* the error of the previous attempt */
    dowel_error stopped; /* why a wait ended */
} sending;

/* The next step after an attempt. */
typedef enum verdict { DONE, GIVE_UP, RETRY, REAUTHORIZE } verdict;

/* A setter's failure. */
static int check_request(const dowel_http_request *r, dowel_error *err) {
    if (!r || r->path.failed || r->query.failed || r->body.failed || r->headers.failed) return dowel_no_memory(err);
    if (*r->problem) return dowel_fail(err, DOWEL_E_INVALID, "%s: %s: %s", r->service->name, r->method, r->problem);
    return 0;
}

static int wait_for_turn(sending *s) {
    dowel_flight *f = &s->flight;
    int rc = 0;
    bool in_time = dowel_turns_wait(f->d, s->turns, f->request->service, &rc, &s->stopped);
    if (in_time && !rc) return 0;
    if (in_time) {
        *f->err = s->stopped;
        return dowel_http_explain_late(f->d, rc, &s->before, f->err);
    }
    if (s->attempt > 1) return s->before.code; /* its error says more than "timeout" */
    return dowel_fail(f->err, DOWEL_E_TIMEOUT,
                      "%s: too many requests: the deadline would pass before this one may start",
                      f->request->service->name);
}

static int authorize(sending *s) {
    dowel_flight *f = &s->flight;
    dowel_http_request *r = f->request;
    int rc = r->service->authorize ? r->service->authorize(f->d, r, r->context, s->again, f->err) : 0;
    s->again = false;
    return rc ? rc : check_request(r, f->err);
}

/* Everything before the first byte of an attempt is sent. */
static int prepare(sending *s) {
    dowel_flight *f = &s->flight;
    int rc = wait_for_turn(s);
    if (rc) return rc;
    rc = dowel_check(f->d, f->err);
    if (!rc) rc = dowel_flight_begin(f, s->attempt == 1);
    if (!rc) rc = authorize(s);
    f->stopped = 0;
    f->enough = false;
    f->response = rc ? NULL : calloc(1, sizeof *f->response);
    if (!rc && !f->response) rc = dowel_no_memory(f->err);
    if (!rc) return 0;
    dowel_turns_ended(f->d, s->turns, f->request->service, dowel_clock(), NULL);
    dowel_flight_end(f);
    return dowel_http_explain_late(f->d, rc, &s->before, f->err);
}

/* No answer arrived, or only a part of one. */
static verdict judge_failure(sending *s, int *rc) {
    dowel_flight *f = &s->flight;
    dowel_http_request *r = f->request;
    dowel_error *err = f->err;
    char place[256];
    dowel_turns_ended(f->d, s->turns, r->service, s->started, NULL);
    dowel_http_place(r, place);
    bool late = *rc == DOWEL_E_TIMEOUT && dowel_time_left(f->d) == 0;
    bool broke = *rc == DOWEL_E_NETWORK || (*rc == DOWEL_E_TIMEOUT && !late);
    if (!f->stopped || *rc == DOWEL_E_CONFLICT || *rc == DOWEL_E_PROTOCOL)
        dowel_error_prefix(err, "%s: %s %s: ", r->service->name, r->method, place);
    if (late) *rc = dowel_http_explain_late(f->d, dowel_check(f->d, err), &s->before, err);
    if (broke) err->retryable = true;
    if (s->sent) r->in_doubt = true;
    return broke && !f->stopped && (!s->sent || r->idempotent) ? RETRY : GIVE_UP;
}

/* The token may have been revoked, or the clock may be wrong: one more attempt, not counted as a retry. */
static bool wants_reauthorizing(sending *s) {
    dowel_flight *f = &s->flight;
    const dowel_http_request *r = f->request;
    const dowel_http_service *service = r->service;
    bool renew = f->err->http_status == 401;
    if (s->reauthorized || !service->authorize || !dowel_headers_get(&r->headers, "Authorization")) return false;
    if (!renew && !(service->reauthorize && service->reauthorize(f->d, r, f->response, f->err, r->context, &renew)))
        return false;
    s->again = renew;
    s->reauthorized = true;
    return true;
}

static verdict judge_refusal(sending *s, int *rc) {
    dowel_flight *f = &s->flight;
    dowel_http_request *r = f->request;
    dowel_error *err = f->err;
    *rc = dowel_http_explain(r, f->response, err);
    dowel_turns_ended(f->d, s->turns, r->service, s->started, err);
    const dowel_retry_rule *rule = dowel_http_rule(r, err);
    int when = rule ? rule->when : DOWEL_RETRY_IDEMPOTENT;
    bool retry = rule && (when == DOWEL_RETRY_ALWAYS || (when == DOWEL_RETRY_IDEMPOTENT && r->idempotent));
    if (retry || (err->code == DOWEL_E_UNAVAILABLE && when != DOWEL_RETRY_NEVER)) err->retryable = true;
    if (f->response->status >= 500 && when == DOWEL_RETRY_IDEMPOTENT) r->in_doubt = true;
    return wants_reauthorizing(s) ? REAUTHORIZE : retry ? RETRY : GIVE_UP;
}

static verdict attempt(sending *s, int *rc) {
    dowel_flight *f = &s->flight;
    dowel_http_log_request(f->d, f->request, s->attempt);
    s->started = dowel_clock();
    *rc = dowel_flight_perform(f, &s->sent);
    double ended = dowel_clock();
    dowel_flight_end(f);
    dowel_http_log_end(f->d, f->request, *rc, f->response->status, ended - s->started);
    s->answered = !*rc;
    if (!s->answered) return judge_failure(s, rc);
    if (!dowel_http_is_success(f->request, f->response->status)) return judge_refusal(s, rc);
    dowel_turns_ended(f->d, s->turns, f->request->service, s->started, NULL);
    dowel_http_earn(f->d, s->attempt > 1);
    return DONE;
}

/* Whether another attempt is left. */
static bool may_try_again(sending *s) {
    const dowel_http_request *r = s->flight.request;
    if (r->source && !dowel_source_can_restart(r->source)) return false;
    if (!s->most) s->most = dowel_http_most_attempts(s->flight.d, r);
    return s->attempt < s->most + s->reauthorized;
}

static int give_up(const sending *s, int rc) {
    dowel_error *err = s->flight.err;
    size_t used = strlen(err->message);
    if (s->attempt > 1) snprintf(err->message + used, sizeof err->message - used, " (after %d attempts)", s->attempt);
    return rc;
}

/* Waits before the next attempt; a code when there will be none. */
static int wait_for_retry(sending *s, int rc) {
    dowel_flight *f = &s->flight;
    if (!dowel_http_spend_retry(f->d, !s->answered)) {
        dowel_log(f->d, DOWEL_LOG_WARNING, "the retry budget is used up: not retried");
        return rc;
    }
    char next[48];
    snprintf(next, sizeof next, "attempt %d of %d", s->attempt + 1, s->most);
    int slept = dowel_http_wait(f->d, dowel_http_backoff(f->request->service, s->attempt - 1), next, f->err);
    return slept ? dowel_http_explain_late(f->d, slept, &s->before, f->err) : 0;
}

static int send_with(sending *s, dowel_http_response **out) {
    dowel_flight *f = &s->flight;
    int rc = check_request(f->request, f->err);
    if (rc) return rc;
    f->request->in_doubt = false;
    s->turns = dowel_turns_of(f->d);
    for (s->attempt = 1;; s->attempt++) {
        rc = prepare(s);
        if (rc) return rc;
        verdict v = attempt(s, &rc);
        if (v == DONE && out) {
            *out = f->response;
            return 0;
        }
        dowel_http_response_free(f->response);
        f->response = NULL;
        if (v == DONE) return 0;
        if (v == GIVE_UP || !may_try_again(s)) return give_up(s, rc);
        s->before = *f->err;
        rc = v == RETRY ? wait_for_retry(s, rc) : 0;
        if (rc) return rc;
    }
}

static int send_inside(dowel *d, dowel_http_request *r, dowel_http_response **out, dowel_error *err) {
    sending *s = calloc(1, sizeof *s);
    if (!s) return dowel_no_memory(err);
    s->flight = (dowel_flight){.d = d, .request = r, .err = err ? err : &s->local};
    int rc = send_with(s, out);
    free(s);
    return rc;
}

int dowel_http_send(dowel *d, dowel_http_request *r, dowel_http_response **out, dowel_error *err) {
    if (out) *out = NULL;
    if (d->run) return send_inside(d, r, out, err); /* a run is inside already */
    dowel_inside inside;
    int rc = dowel_enter(d, &inside, err);
    if (rc) return rc;
    rc = send_inside(d, r, out, err);
    dowel_leave(d->core, &inside);
    return rc;
}

int dowel_http_fetch_document(dowel *d, dowel_http_request *request, unsigned flags, json_t **document,
                              dowel_error *err) {
    dowel_http_response *response;
    *document = NULL;
    int rc = dowel_http_send(d, request, &response, err);
    if (!rc) {
        assert(response);
        if (response->body.size) rc = dowel_http_response_document(response, flags, document, err);
        if (rc) dowel_error_prefix(err, "%s: ", request->service->name);
        dowel_http_response_free(response);
    }
    dowel_http_free(request);
    return rc;
}

int dowel_http_fetch_json(dowel *d, dowel_http_request *request, json_t **document, dowel_error *err) {
    return dowel_http_fetch_document(d, request, 0, document, err);
}
