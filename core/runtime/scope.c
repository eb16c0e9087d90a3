/* A body's view of its run: cancellation, deadline, sleeping, identity. */
#include "path_internal.h"
#include "run.h"

#include "gang_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_cancelled(const dowel_run *run) {
    for (const dowel_run *r = run; r; r = r->parent)
        if (atomic_load(&r->cancelled) ||
            (r->options.cancelled && !atomic_load(&r->ended) && r->options.cancelled(r->options.cancelled_context)))
            return true;
    return false;
}

#define CLEANUP_SECONDS 15 /* for what a body must still undo */

dowel *dowel_cleanup(dowel *d) {
    if (!d->run) return d;
    if (d->run->cleanup_deadline <= 0) d->run->cleanup_deadline = dowel_clock() + CLEANUP_SECONDS;
    return &d->run->cleanup;
}

int dowel_check(dowel *d, dowel_error *err) {
    if (dowel_check_process(d, err)) return DOWEL_E_INVALID;
    if (!d->cleanup && (is_cancelled(d->run) || atomic_load(&d->core->closing)))
        return dowel_fail(err, DOWEL_E_CANCELLED, "cancelled");
    for (const dowel *at = d; at->gang; at = at->gang->d) /* parts may have parts of their own */
        if (atomic_load(&at->gang->stop)) return dowel_fail(err, DOWEL_E_CANCELLED, "another part failed");
    double left = dowel_time_left(d);
    if (left == 0 && d->cleanup)
        return dowel_fail(err, DOWEL_E_TIMEOUT, "cleaning up took longer than %d s", CLEANUP_SECONDS);
    if (left == 0) {
        double limit = d->run->policy.timeout;
        char text[DOWEL_DURATION_TEXT_SIZE];
        dowel_format_duration(limit, text);
        dowel_fail(err, DOWEL_E_TIMEOUT, limit > 0 ? "%s did not finish within %s" : "%s did not finish in time",
                   d->run->task->name, text);
        dowel_error_hint(err, "set a longer timeout, or find out why it takes so long");
        return DOWEL_E_TIMEOUT;
    }
    return 0;
}

double dowel_time_left(const dowel *d) {
    double deadline = !d->run ? 0 : d->cleanup ? d->run->cleanup_deadline : d->run->deadline;
    if (deadline <= 0) return -1;
    double left = deadline - dowel_clock();
    return left > 0 ? left : 0;
}

static int sleep_inside(dowel *d, double seconds, dowel_error *err) {
    double until = dowel_clock() + seconds;
    for (;;) {
        int rc = dowel_check(d, err);
        double left = until - dowel_clock();
        if (rc || left <= 0) return rc;
        /* Short slices: cancellation may come from a callback or a signal handler's flag, which cannot wake us. */
        double slice = left < 0.02 ? left : 0.02;
        struct timespec pause = {0, (long)(slice * 1e9)};
        nanosleep(&pause, NULL);
    }
}

int dowel_sleep(dowel *d, double seconds, dowel_error *err) {
    if (!isfinite(seconds)) return dowel_fail(err, DOWEL_E_INVALID, "dowel_sleep: %g seconds", seconds);
    if (d->run) return sleep_inside(d, seconds, err); /* and so inside already */
    dowel_inside inside;
    int rc = dowel_enter(d, &inside, err);
    if (rc) return rc;
    rc = sleep_inside(d, seconds, err);
    dowel_leave(d->core, &inside);
    return rc;
}

int dowel_attempt(const dowel *d) {
    return d->run ? d->run->attempts_before + d->run->attempt : 0;
}

char *dowel_run_path(const dowel *d, const char *path) {
    char now[PATH_MAX];
    const char *then = d->run ? d->run->folder : "";
    bool moved = *then && (!dowel_working_folder(now) || strcmp(now, then) != 0);
    return moved ? dowel_path_absolute(path, then) : strdup(path);
}

const char *dowel_run_id(const dowel *d) {
    return d->run ? d->run->id : "";
}

void *dowel_task_context(const dowel *d) {
    return d->run ? d->run->task->context : NULL;
}
