/* Sinks: the common part, and sinks in memory. */
#include "sink_internal.h"

#include <dowel/text.h>

#include <stdlib.h>
#include <string.h>

dowel_sink *dowel_sink_new(const dowel_sink_ops *ops, void *context) {
    dowel_sink *sink = calloc(1, sizeof *sink);
    if (sink) *sink = (dowel_sink){ops, context, 0};
    return sink;
}

/* ---- memory ---- */

static int memory_write(void *context, const void *data, size_t size, dowel_error *err) {
    dowel_text *m = context;
    dowel_text_add(m, data, size);
    if (!m->failed) return 0;
    bool too_long = m->too_long;
    m->failed = m->too_long = false; /* keep the bytes of earlier writes */
    return too_long ? dowel_fail(err, DOWEL_E_INVALID, "more than %zu bytes: too large to hold in memory", m->limit)
                    : dowel_no_memory(err);
}

static int memory_restart(void *context, dowel_error *err) {
    (void)err;
    ((dowel_text *)context)->size = 0;
    return 0;
}

static void memory_close(void *context) {
    dowel_text_free(context);
    free(context);
}

static const dowel_sink_ops memory_ops = {memory_write, memory_restart, NULL, memory_close};

dowel_sink *dowel_sink_memory(size_t limit) {
    dowel_text *m = calloc(1, sizeof *m);
    dowel_sink *sink = m ? dowel_sink_new(&memory_ops, m) : NULL;
    if (sink)
        m->limit = limit;
    else
        free(m);
    return sink;
}

dowel_bytes dowel_sink_bytes(const dowel_sink *sink) {
    if (sink->ops != &memory_ops) return (dowel_bytes){NULL, 0};
    const dowel_text *m = sink->context;
    return (dowel_bytes){m->data ? m->data : "", m->size};
}

int dowel_sink_copy(const dowel_sink *sink, void **data, size_t *size, dowel_error *err) {
    dowel_bytes bytes = dowel_sink_bytes(sink);
    char *copy = malloc(bytes.size + 1);
    if (!copy) return dowel_no_memory(err);
    if (bytes.size) memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = 0;
    *data = copy;
    *size = bytes.size;
    return 0;
}

int dowel_sink_write(dowel_sink *sink, const void *data, size_t size, dowel_error *err) {
    int rc = sink->ops->write(sink->context, data, size, err);
    if (!rc) sink->written += (int64_t)size;
    return rc;
}

bool dowel_sink_can_restart(const dowel_sink *sink) {
    return sink->ops->restart != NULL;
}

int dowel_sink_restart(dowel_sink *sink, dowel_error *err) {
    if (!sink->ops->restart) return dowel_fail(err, DOWEL_E_IO, "the output cannot be written again from the start");
    sink->written = 0;
    return sink->ops->restart(sink->context, err);
}

int64_t dowel_sink_written(const dowel_sink *sink) {
    return sink->written;
}

int dowel_sink_commit(dowel_sink *sink, dowel_error *err) {
    return sink->ops->commit ? sink->ops->commit(sink->context, err) : 0;
}

void dowel_sink_close(dowel_sink *sink) {
    if (!sink) return;
    if (sink->ops->close) sink->ops->close(sink->context);
    free(sink);
}
