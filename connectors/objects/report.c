/* Counts, events, and the error of a run in which some objects failed. */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dowel_report_open(dowel_report *report, const dowel_object_reporter *reporter) {
    *report = (dowel_report){.reporter = reporter};
    pthread_mutex_init(&report->lock, NULL);
}

/* The lock is held, so that events come one at a time. */
static void tell(dowel_report *report, const dowel_object_event *event) {
    if (report->reporter && report->reporter->event) report->reporter->event(report->reporter->context, event);
}

/* Counts a failure and names it. The lock is held. */
static void count_failure(dowel_report *report, const char *name, const dowel_error *why) {
    if (!report->failed++) {
        report->first = why->code;
        report->error = *why;
    }
    report->mixed |= why->code != report->first;
    size_t used = strlen(report->named);
    char *shown = report->failed <= DOWEL_REPORT_NAMED ? dowel_printable(name, false) : NULL;
    if (shown)
        snprintf(report->named + used, sizeof report->named - used, "%s%.120s: %.200s", used ? "\n" : "", shown,
                 why->message);
    free(shown);
    tell(report, &(dowel_object_event){.what = "fail", .name = name, .error = why});
}

/* Reports the refusals that were held back. The lock is held. */
static void let_go(dowel_report *report) {
    for (int i = 0; i < report->holding; i++) {
        count_failure(report, report->held[i].name, &report->held[i].error);
        free(report->held[i].name);
    }
    report->holding = 0;
}

/* The first success shows that not everything is refused. The lock is held. */
static void succeeded(dowel_report *report) {
    report->troubles = 0;
    if (report->holding && !report->hopeless) let_go(report);
}

void dowel_report_copied(dowel_report *report, const char *from, const char *to, int64_t size) {
    pthread_mutex_lock(&report->lock);
    succeeded(report);
    report->copied++;
    report->bytes += size;
    tell(report, &(dowel_object_event){.what = report->moves ? "move" : "copy", .name = from, .to = to, .size = size});
    pthread_mutex_unlock(&report->lock);
}

void dowel_report_incomplete(dowel_report *report, const char *name, char *lines) {
    char *rest = NULL;
    pthread_mutex_lock(&report->lock);
    report->incomplete++;
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        tell(report, &(dowel_object_event){.what = "incomplete", .name = name, .why = line});
    pthread_mutex_unlock(&report->lock);
}

void dowel_report_removed(dowel_report *report, const char *name) {
    pthread_mutex_lock(&report->lock);
    succeeded(report);
    report->removed++;
    tell(report, &(dowel_object_event){.what = "remove", .name = name});
    pthread_mutex_unlock(&report->lock);
}

void dowel_report_kept(dowel_report *report, const char *place, int64_t count, const char *why) {
    pthread_mutex_lock(&report->lock);
    report->kept = count;
    tell(report, &(dowel_object_event){.what = "kept", .name = place, .why = why, .size = count});
    pthread_mutex_unlock(&report->lock);
}

void dowel_tell_unmatched(dowel *d, const dowel_object_reporter *reporter, const dowel_place *place,
                          const dowel_filter *filter) {
    char *shown = dowel_place_name(place, place->path);
    const char *name = shown && *shown ? shown : "./";
    for (size_t i = 0; filter->given && filter->given[i]; i++) {
        if (filter->matched[i]) continue;
        dowel_log(d, DOWEL_LOG_WARNING, "include \"%s\" matches nothing below %s", filter->given[i], name);
        if (reporter && reporter->event)
            reporter->event(reporter->context,
                            &(dowel_object_event){.what = "unmatched", .name = name, .why = filter->given[i]});
    }
    free(shown);
}

void dowel_report_unmatched(dowel *d, dowel_report *report, const dowel_place *place, const dowel_filter *filter) {
    pthread_mutex_lock(&report->lock);
    dowel_tell_unmatched(d, report->reporter, place, filter);
    pthread_mutex_unlock(&report->lock);
}

void dowel_report_skipped(dowel_report *report, const char *name, const char *why) {
    pthread_mutex_lock(&report->lock);
    report->skipped++;
    tell(report, &(dowel_object_event){.what = "skip", .name = name, .why = why});
    pthread_mutex_unlock(&report->lock);
}

void dowel_report_unchanged(dowel_report *report, const char *name) {
    pthread_mutex_lock(&report->lock);
    report->unchanged++;
    tell(report, &(dowel_object_event){.what = "unchanged", .name = name});
    pthread_mutex_unlock(&report->lock);
}

/* ---- failures ---- */

static bool hold(dowel_report *report, const char *name, const dowel_error *why) {
    if (why->code != DOWEL_E_PERMISSION || report->copied || report->removed) return false;
    if (report->holding == report->room) {
        int room = report->room + 2 * DOWEL_REPORT_REFUSALS;
        dowel_refusal *more = realloc(report->held, (size_t)room * sizeof *more);
        if (!more) return false;
        report->held = more;
        report->room = room;
    }
    char *kept = strdup(name);
    if (!kept) return false;
    report->held[report->holding++] = (dowel_refusal){kept, *why};
    return true;
}

int64_t dowel_report_failures(dowel_report *report) {
    pthread_mutex_lock(&report->lock);
    int64_t failed = report->failed + report->holding;
    pthread_mutex_unlock(&report->lock);
    return failed;
}

bool dowel_report_doubts(dowel_report *report) {
    pthread_mutex_lock(&report->lock);
    bool doubts = report->holding >= DOWEL_REPORT_REFUSALS;
    pthread_mutex_unlock(&report->lock);
    return doubts;
}

void dowel_report_refused(dowel_report *report) {
    pthread_mutex_lock(&report->lock);
    if (report->holding >= DOWEL_REPORT_REFUSALS && !report->hopeless) {
        report->hopeless = true;
        report->last = report->held[report->holding - 1].error;
    }
    pthread_mutex_unlock(&report->lock);
}

static bool is_trouble(int code) {
    return code == DOWEL_E_NETWORK || code == DOWEL_E_UNAVAILABLE || code == DOWEL_E_TIMEOUT;
}

void dowel_report_failed(dowel_report *report, const char *name, const dowel_error *why) {
    pthread_mutex_lock(&report->lock);
    if (!report->hopeless && !hold(report, name, why)) {
        count_failure(report, name, why);
        report->troubles = is_trouble(why->code) ? report->troubles + 1 : 0;
        report->hopeless = report->troubles >= DOWEL_REPORT_TROUBLES;
    } else if (report->last.code) {
        report->unnamed++;
    }
    if (report->hopeless && !report->last.code) report->last = *why;
    pthread_mutex_unlock(&report->lock);
}

static void stop(dowel_report *report, const char *why) {
    if (!*report->stopped) snprintf(report->stopped, sizeof report->stopped, "%s", why);
}

int dowel_report_hopeless(dowel_report *report, dowel_error *err) {
    pthread_mutex_lock(&report->lock);
    int rc = report->hopeless ? report->last.code : 0;
    if (rc) stop(report, report->holding ? "everything was refused" : "nothing succeeds any more");
    if (rc && err) *err = report->holding ? report->held[0].error : report->last;
    pthread_mutex_unlock(&report->lock);
    return rc;
}

void dowel_report_stopped(dowel_report *report, const char *name) {
    char why[sizeof report->stopped], *shown = dowel_printable(name, false);
    snprintf(why, sizeof why, "all others would fail like %.200s", shown ? shown : "the first");
    free(shown);
    pthread_mutex_lock(&report->lock);
    stop(report, why);
    pthread_mutex_unlock(&report->lock);
}

bool dowel_report_first(dowel_report *report, unsigned what) {
    pthread_mutex_lock(&report->lock);
    bool first = !(report->said & what);
    report->said |= what;
    pthread_mutex_unlock(&report->lock);
    return first;
}

void dowel_report_close(dowel_report *report) {
    /* When everything was refused, the error of the run says it. */
    if (!report->hopeless) let_go(report);
    for (int i = 0; i < report->holding; i++) free(report->held[i].name);
    free(report->held);
    pthread_mutex_destroy(&report->lock);
}

/* "3 copied, 1 unchanged, 2 removed" */
static void counts_text(const dowel_report *report, bool unchanged, char text[128]) {
    char same[48] = "";
    if (unchanged) snprintf(same, sizeof same, ", %" PRId64 " unchanged", report->unchanged);
    if (report->removes)
        snprintf(text, 128, "%" PRId64 " removed", report->removed);
    else
        snprintf(text, 128, "%" PRId64 " %s%s, %" PRId64 " removed", report->copied, report->moves ? "moved" : "copied",
                 same, report->removed);
}

/* The run ended early: the error counts what was done until then. */
static int end_early(const dowel_report *report, int rc, dowel_error *err) {
    char done[128];
    int64_t failed = report->failed + report->unnamed + (report->hopeless ? report->holding : 0);
    bool any = report->copied || report->removed || failed;
    if (rc == DOWEL_E_CANCELLED || (!any && !*report->stopped)) return rc;
    counts_text(report, false, done);
    dowel_error_prefix(err, "stopped after %s, %" PRId64 " failed: %s%s", done, failed, report->stopped,
                       *report->stopped ? ": " : "");
    return rc;
}

int dowel_report_end(dowel_report *report, int rc, dowel_error *err) {
    pthread_mutex_lock(&report->lock);
    if (!rc || !report->hopeless) let_go(report);
    pthread_mutex_unlock(&report->lock);
    if (rc) return end_early(report, rc, err);
    if (!report->failed) return 0;
    char kept[96] = "";
    if (report->kept)
        snprintf(kept, sizeof kept, " (nothing is removed after a failure; %" PRId64 " would have been)", report->kept);
    /* INVALID would mean that nothing was changed. */
    int code = report->mixed ? DOWEL_E_REMOTE : report->first == DOWEL_E_INVALID ? DOWEL_E_REFUSED : report->first;
    char done[128];
    counts_text(report, true, done);
    dowel_fail(err, code, "%" PRId64 " failed, %s%s; first failure: %.600s", report->failed, done, kept,
               report->error.message);
    if (err) {
        err->retryable = report->error.retryable;
        err->permanent = report->error.permanent && !report->mixed;
        err->http_status = report->error.http_status;
        memcpy(err->hint, report->error.hint, sizeof err->hint);
        memcpy(err->reason, report->error.reason, sizeof err->reason);
        memcpy(err->request_id, report->error.request_id, sizeof err->request_id);
        if (report->failed > 1) snprintf(err->detail, sizeof err->detail, "%s", report->named);
    }
    return code;
}
