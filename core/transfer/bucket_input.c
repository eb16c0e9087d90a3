/* Uploads to object stores: the source, the mark, and metadata that cannot be stored. */
#include <dowel/buckets.h>
#include <dowel/clock.h>
#include <dowel/transfer.h>

#include <stdio.h>

int dowel_bucket_check_input(const char *file, dowel_bytes data, dowel_error *err) {
    if (!file != !data.data) return 0;
    return dowel_fail(err, DOWEL_E_INVALID, "exactly one of \"file\" and \"data\" is required");
}

int dowel_bucket_open_input(dowel *d, const char *file, dowel_bytes data, dowel_source **source, dowel_error *err) {
    if (file) return dowel_input_open(d, file, source, err);
    *source = dowel_source_memory(data.data, data.size);
    return *source ? 0 : dowel_no_memory(err);
}

void dowel_bucket_mark(const dowel *d, char mark[DOWEL_RUN_ID_SIZE]) {
    snprintf(mark, DOWEL_RUN_ID_SIZE, "%s", dowel_run_id(d));
    if (!*mark) dowel_new_run_id(mark);
}

bool dowel_bucket_reports_unheld(const dowel_object_put_options *o) {
    return o->size >= offsetof(dowel_object_put_options, unheld_context) + sizeof o->unheld_context && o->unheld;
}

void dowel_bucket_report_metadata(const dowel_object_put_options *o, const char *name, const char *why) {
    char part[256];
    if (!dowel_bucket_reports_unheld(o)) return;
    snprintf(part, sizeof part, "metadata.%.200s", name);
    o->unheld(o->unheld_context, part, why);
}
