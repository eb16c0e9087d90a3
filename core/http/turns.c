/* Rate limiting: all threads of a handle share one pace for each service. */
#include "flight.h"
#include "pace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACES = 16 };

struct dowel_turns {
    pthread_mutex_t lock;
    char names[PACES][64];
    dowel_pace pace[PACES];
};

static void *make_paces(dowel *d) {
    (void)d;
    dowel_turns *all = calloc(1, sizeof *all);
    if (all) pthread_mutex_init(&all->lock, NULL);
    return all;
}

static void end_paces(void *value) {
    dowel_turns *all = value;
    pthread_mutex_destroy(&all->lock);
    free(all);
}

/* Returns with the lock held. NULL, without the lock: too many services, or out of memory; then requests are not delayed. */
static dowel_pace *lock_pace(dowel_turns *all, const dowel_http_service *service) {
    if (!all) return NULL;
    pthread_mutex_lock(&all->lock);
    for (int i = 0; i < PACES; i++) {
        if (!*all->names[i]) snprintf(all->names[i], sizeof all->names[i], "%s", service->name);
        if (!strncmp(all->names[i], service->name, sizeof all->names[i] - 1)) return &all->pace[i];
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

dowel_turns *dowel_turns_of(dowel *d) {
    static const char key;
    return dowel_attach(d, &key, make_paces, end_paces);
}

bool dowel_turns_wait(dowel *d, dowel_turns *all, const dowel_http_service *service, int *rc, dowel_error *err) {
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

void dowel_turns_ended(dowel *d, dowel_turns *all, const dowel_http_service *service, double started,
                       const dowel_error *err) {
    dowel_pace *pace = lock_pace(all, service);
    if (!pace) return;
    bool before = pace->limited;
    dowel_pace_told(pace, started, dowel_clock(), err && is_too_many(err));
    bool begins = !before && pace->limited;
    double rate = pace->rate;
    pthread_mutex_unlock(&all->lock);
    if (begins)
        dowel_log(d, DOWEL_LOG_INFO, "%s: too many requests: sending at most %.1f a second for now", service->name,
                  rate);
}
