/* Records the received parts of a download, so that a resumed run fetches only the rest. */
#include "partial.h"

#include "handle_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_BETWEEN_RECORDS 0.5

static void set(unsigned char *bits, int64_t index) {
    bits[index / 8] = (unsigned char)(bits[index / 8] | 1u << index % 8);
}

bool dowel_partial_has(dowel_partial *p, int64_t index) {
    if (!p->resumed) return false;
    pthread_mutex_lock(&p->lock);
    bool there = p->done[index / 8] >> index % 8 & 1;
    pthread_mutex_unlock(&p->lock);
    return there;
}

static void record(const dowel_partial *p) {
    char *bits = dowel_base64(p->done, (size_t)(p->count + 7) / 8);
    json_t *state = bits
                        ? json_pack("{s:s,s:I,s:I,s:I,s:s}", "version", p->version, "start", (json_int_t)p->start,
                                    "total", (json_int_t)p->total, "part", (json_int_t)p->plan->part_size, "done", bits)
                        : NULL;
    char *text = state ? dowel_json_dump(state, 0) : NULL;
    /* Not an error: without the record a resumed run fetches everything. */
    if (text) dowel_remember(p->d, p->plan->remember, text, false, NULL);
    free(text);
    json_decref(state);
    free(bits);
}

/* Reads the record of an earlier process; false: it is of another version, or damaged. */
static bool take_up(dowel_partial *p, const char *text) {
    const char *version, *bits;
    json_int_t start, total, part;
    void *done = NULL;
    size_t size = 0;
    json_t *state = json_loads(text, 0, NULL);
    bool same = state &&
                !json_unpack(state, "{s:s,s:I,s:I,s:I,s:s}", "version", &version, "start", &start, "total", &total,
                             "part", &part, "done", &bits) &&
                !strcmp(version, p->version) && start == p->start && total == p->total && part == p->plan->part_size &&
                !dowel_base64_decode(bits, &done, &size) && size == (size_t)(p->count + 7) / 8;
    if (same) memcpy(p->done, done, size);
    free(done);
    json_decref(state);
    return same;
}

int64_t dowel_partial_keep(dowel *d, const dowel_download *plan) {
    int64_t kept = plan->remember ? dowel_sink_keep(plan->sink) : 0;
    if (!kept) return 0;
    char *before = dowel_recall(d, plan->remember);
    if (!before && !dowel_sink_cut(plan->sink, 0, NULL)) kept = 0;
    free(before);
    return kept;
}

void dowel_partial_begin(dowel_partial *p, dowel *d, const dowel_download *plan, const dowel_http_response *first,
                         int64_t start, int64_t total, int64_t kept, bool checked) {
    *p = (dowel_partial){.d = d,
                         .version =
                             dowel_http_response_header(first, plan->version_header ? plan->version_header : "ETag"),
                         .start = start,
                         .total = total};
    if (!plan->remember || !p->version || !checked || total <= start) return;
    p->count = (total - start + plan->part_size - 1) / plan->part_size;
    if (!(p->done = calloc((size_t)(p->count + 7) / 8, 1))) return;
    p->plan = plan;
    pthread_mutex_init(&p->lock, NULL);
    /* After a restart of the file nothing is kept: the old record does not match and is replaced. */
    char *before = kept == total ? dowel_recall(d, plan->remember) : NULL;
    p->resumed = before && take_up(p, before);
    if (p->resumed) dowel_log(d, DOWEL_LOG_INFO, "%s: keeping the parts that were received before", plan->remember);
    free(before);
    record(p);
    p->written = dowel_clock();
}

void dowel_partial_note(dowel_partial *p, int64_t index) {
    if (!p->plan) return;
    pthread_mutex_lock(&p->lock);
    set(p->done, index);
    double now = dowel_clock();
    if (now - p->written >= SECONDS_BETWEEN_RECORDS) {
        record(p);
        p->written = now;
    }
    pthread_mutex_unlock(&p->lock);
}

void dowel_partial_end(dowel_partial *p) {
    if (!p->plan) return;
    pthread_mutex_destroy(&p->lock);
    free(p->done);
}
