/* Counts, events and the error of what failed in part. */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dowel_report_open(dowel_report *report, const dowel_object_reporter *reporter) {
    *report = (dowel_report){.reporter = reporter};
    pthread_mutex_init(&report->lock, NULL);
}

void dowel_report_close(dowel_report *report) {
    pthread_mutex_destroy(&report->lock);
}

/* Called with the lock held: one event at a time. */
static void tell(dowel_report *report, const dowel_object_event *event) {
    if (report->reporter && report->reporter->event) report->reporter->event(report->reporter->context, event);
}

void dowel_report_copied(dowel_report *report, const char *from, const char *to, int64_t size) {
    pthread_mutex_lock(&report->lock);
    report->copied++;
    report->bytes += size;
    tell(report, &(dowel_object_event){.what = "copy", .name = from, .to = to, .size = size});
    pthread_mutex_unlock(&report->lock);
}

void dowel_report_removed(dowel_report *report, const char *name) {
    pthread_mutex_lock(&report->lock);
    report->removed++;
    tell(report, &(dowel_object_event){.what = "remove", .name = name});
    pthread_mutex_unlock(&report->lock);
}

void dowel_report_skipped(dowel_report *report, const char *name, const char *why) {
    pthread_mutex_lock(&report->lock);
    report->skipped++;
    tell(report, &(dowel_object_event){.what = "skip", .name = name, .why = why});
    pthread_mutex_unlock(&report->lock);
}

void dowel_report_unchanged(dowel_report *report) {
    pthread_mutex_lock(&report->lock);
    report->unchanged++;
    pthread_mutex_unlock(&report->lock);
}

void dowel_report_failed(dowel_report *report, const char *name, const dowel_error *why) {
    pthread_mutex_lock(&report->lock);
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
    pthread_mutex_unlock(&report->lock);
}

int dowel_report_end(dowel_report *report, json_t **result, dowel_error *err) {
    if (!report->failed) {
        *result = json_pack("{s:I,s:I,s:I,s:I,s:I}", "copied", (json_int_t)report->copied, "bytes",
                            (json_int_t)report->bytes, "unchanged", (json_int_t)report->unchanged, "skipped",
                            (json_int_t)report->skipped, "removed", (json_int_t)report->removed);
        return *result ? 0 : dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    /* "Bad input" would say that nothing was changed. */
    int code = report->mixed ? DOWEL_E_REMOTE : report->first == DOWEL_E_INVALID ? DOWEL_E_REFUSED : report->first;
    dowel_fail(err, code,
               "%" PRId64 " failed, %" PRId64 " copied, %" PRId64 " unchanged, %" PRId64 " removed; the first: %.600s",
               report->failed, report->copied, report->unchanged, report->removed, report->error.message);
    if (err) {
        err->retryable = report->error.retryable;
        err->http_status = report->error.http_status;
        memcpy(err->hint, report->error.hint, sizeof err->hint);
        memcpy(err->reason, report->error.reason, sizeof err->reason);
        memcpy(err->request_id, report->error.request_id, sizeof err->request_id);
        if (report->failed > 1) snprintf(err->detail, sizeof err->detail, "%s", report->named);
    }
    return code;
}
