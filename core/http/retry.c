/* Retries: the service's rules, the handle's budget, and the wait before another attempt. */
#include "flight.h"

#include <math.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_WAIT 10.0 /* seconds: a longer wait is logged as a warning */

/* ---- rules ---- */

const dowel_retry_rule *dowel_http_rule(const dowel_http_request *r, const dowel_error *err) {
    for (const dowel_retry_rule *rule = r->service->retry; rule && rule->status; rule++)
        if (rule->status == err->http_status && (!rule->reason || !strcmp(rule->reason, err->reason))) return rule;
    return NULL;
}

double dowel_http_backoff(const dowel_http_service *service, int retry) {
    double base = service->backoff > 0 ? service->backoff : 1,
           limit = service->backoff_limit > 0 ? service->backoff_limit : 32;
    double ceiling = fmin(limit, base * exp2(retry < 30 ? retry : 30));
    uint32_t noise = 0;
    RAND_bytes((unsigned char *)&noise, sizeof noise);
    return ceiling * (noise / 4294967296.0);
}

int dowel_http_most_attempts(dowel *d, const dowel_http_request *r) {
    int wanted = r->service->attempts ? r->service->attempts(d, r->context) : 0;
    if (wanted > 0) return wanted;
    return r->service->max_attempts > 0 ? r->service->max_attempts : 5;
}

/* ---- retry budget: many failing calls of one handle must not multiply into a storm ---- */

typedef struct budget {
    pthread_mutex_t lock;
    double tokens;
} budget;

#define BUDGET_FULL 500.0
#define BUDGET_RETRY 5.0 /* a network failure costs twice as much */

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

bool dowel_http_spend_retry(dowel *d, bool network) {
    return spend(d, network ? BUDGET_RETRY * 2 : BUDGET_RETRY);
}

void dowel_http_earn(dowel *d, bool after_retry) {
    (void)spend(d, after_retry ? -BUDGET_RETRY : -1);
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

/* Adds to the error why dowel does not wait as long as the server asks. */
static void explain_no_wait(dowel_error *err, double left) {
    char asked[48], limit[48];
    size_t used = strlen(err->message);
    bool late = left >= 0 && left <= err->retry_after;
    duration(err->retry_after, asked);
    duration(late ? left : DOWEL_LONGEST_WAIT, limit);
    snprintf(err->message + used, sizeof err->message - used, "; the server asks for a wait of %s, %s%s", asked,
             late ? "but the deadline is in " : "more than the limit of ", limit);
    if (!*err->hint) dowel_error_hint(err, "run it again in %s%s", asked, late ? ", or set a longer timeout" : "");
}

int dowel_http_wait(dowel *d, double seconds, const char *next, dowel_error *err) {
    double wait = fmax(seconds, err->retry_after), left = dowel_time_left(d);
    bool late = left >= 0 && wait >= left; /* its error is more useful than "timeout" */
    char text[48];
    if (late || err->retry_after > DOWEL_LONGEST_WAIT) {
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
