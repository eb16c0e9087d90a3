/* One value for all threads, renewed by one of them. */
#include <dowel/clock.h>
#include <dowel/renewed.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND ((int64_t)1000000)
#define AFTER_FAILURE (30 * SECOND) /* a renewal that failed while the value holds is not tried again at once */
#define AFTER_EXPIRED (60 * SECOND) /* nor one that gave a value past its end: who gave it, or a clock, is behind */

typedef struct entry {
    struct entry *next;
    unsigned char digest[32];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool renewing;
    void *value;
    int64_t holds_until, renew_at;
    uint64_t renewals;   /* ended, well or badly */
    dowel_error failure; /* of the last one; code 0: it went well, or failed because its own run ended */
    bool failed;         /* the last one */
} entry;

struct dowel_renewed {
    const dowel_renewed_type *type;
    pthread_mutex_t lock;
    entry *first;
};

dowel_renewed *dowel_renewed_new(const dowel_renewed_type *type) {
    dowel_renewed *set = calloc(1, sizeof *set);
    if (!set) return NULL;
    set->type = type;
    pthread_mutex_init(&set->lock, NULL);
    return set;
}

void dowel_renewed_end(void *value) {
    dowel_renewed *set = value;
    for (entry *e = set->first, *next; e; e = next) {
        next = e->next;
        if (e->value) set->type->end(e->value);
        pthread_cond_destroy(&e->changed);
        pthread_mutex_destroy(&e->lock);
        free(e);
    }
    pthread_mutex_destroy(&set->lock);
    free(set);
}

static entry *find(dowel_renewed *set, const unsigned char digest[32]) {
    pthread_mutex_lock(&set->lock);
    entry *e = set->first;
    while (e && memcmp(e->digest, digest, sizeof e->digest) != 0) e = e->next;
    if (!e && (e = calloc(1, sizeof *e))) {
        pthread_condattr_t steady;
        pthread_condattr_init(&steady);
        pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
        memcpy(e->digest, digest, sizeof e->digest);
        pthread_mutex_init(&e->lock, NULL);
        pthread_cond_init(&e->changed, &steady);
        pthread_condattr_destroy(&steady);
        e->next = set->first;
        set->first = e;
    }
    pthread_mutex_unlock(&set->lock);
    return e;
}

static int give(const dowel_renewed *set, const entry *e, void **value, dowel_error *err) {
    *value = set->type->copy(e->value);
    return *value ? 0 : dowel_no_memory(err);
}

/* Waits for a change, but wakes to see whether the run was cancelled. */
static void wait_briefly(entry *e) {
    struct timespec t = dowel_deadline(CLOCK_MONOTONIC, 0.2);
    pthread_cond_timedwait(&e->changed, &e->lock, &t);
}

/* Sets when the new value expires and when it will be renewed. */
static void set_times(const dowel_renewed *set, entry *e, int64_t expires) {
    int64_t time = dowel_now(), early = set->type->early;
    if (!expires)
        e->holds_until = e->renew_at = INT64_MAX;
    else if (expires <= time)
        e->holds_until = e->renew_at = time + AFTER_EXPIRED;
    else {
        if (set->type->quarter && (expires - time) / 4 < early) early = (expires - time) / 4;
        e->holds_until = expires;
        e->renew_at = expires - early;
    }
}

/* Called with the lock held; unlocks it during the request. */
static int renew(dowel *d, dowel_renewed *set, entry *e, void *context, bool again, dowel_error *err) {
    void *value = NULL;
    int64_t expires = 0;
    dowel_error failure = {0};
    /* Only the renewing thread replaces the value, so it may be read without the lock. */
    const dowel_renewal renewal = {context, e->value, e->value && dowel_now() < e->holds_until, again};
    e->renewing = true;
    pthread_mutex_unlock(&e->lock);
    int rc = set->type->fetch(d, &renewal, &value, &expires, &failure);
    pthread_mutex_lock(&e->lock);
    e->renewing = false;
    e->renewals++;
    e->failed = rc != 0;
    e->failure = failure;
    e->failure.code = dowel_check(d, NULL) ? 0 : rc;
    if (!rc) {
        if (e->value) set->type->end(e->value);
        e->value = value;
        set_times(set, e, expires);
    } else {
        int64_t later = dowel_now() + AFTER_FAILURE;
        if (e->renew_at < later) e->renew_at = later;
        if (err) *err = failure;
    }
    pthread_cond_broadcast(&e->changed);
    return rc;
}

int dowel_renewed_get(dowel *d, dowel_renewed *set, const unsigned char digest[32], void *context, const char *refused,
                      bool again, void **value, dowel_error *err) {
    entry *e = find(set, digest);
    if (!e) return dowel_no_memory(err);
    int rc = 0;
    pthread_mutex_lock(&e->lock);
    uint64_t seen = e->renewals;
    again = again && (!refused || !e->value || !set->type->is || set->type->is(e->value, refused));
    for (;;) {
        int64_t time = dowel_now();
        bool holds = e->value && time < e->holds_until;
        bool renewed = e->renewals != seen && !e->failed;
        if (e->value && (renewed || (holds && !again && (time < e->renew_at || e->renewing)))) {
            rc = give(set, e, value, err);
            break;
        }
        /* Another thread's failure is this one's too, unless it failed because its own run ended. */
        if (e->renewals != seen && e->failure.code) {
            if (err) *err = e->failure;
            rc = e->failure.code;
            break;
        }
        if (e->renewing) {
            wait_briefly(e);
            rc = dowel_check(d, err);
            if (rc) break;
            continue;
        }
        rc = renew(d, set, e, context, again, err);
        if (!rc) {
            rc = give(set, e, value, err);
        } else if (e->value && dowel_now() < e->holds_until && !again && !dowel_check(d, NULL)) {
            dowel_log(d, DOWEL_LOG_WARNING, "%s could not be renewed; using the current ones until they expire: %s",
                      set->type->name, e->failure.message);
            rc = give(set, e, value, err);
        }
        break;
    }
    pthread_mutex_unlock(&e->lock);
    return rc;
}
