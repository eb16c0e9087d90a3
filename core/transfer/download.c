/* Downloads in parallel ranges of one version of an object. */
#include "partial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sends one GET: of [offset, offset + size), or of everything where size is negative. */
static int fetch(dowel *d, const dowel_download *plan, const dowel_http_response *pinned, int64_t offset, int64_t size,
                 dowel_sink *sink, dowel_digest *digest, dowel_http_response **response, dowel_error *err) {
    dowel_http_request *r = plan->request(plan->context, pinned);
    *response = NULL;
    if (!r) return dowel_no_memory(err);
    if (size >= 0) {
        char range[64];
        snprintf(range, sizeof range, "bytes=%" PRId64 "-%" PRId64, offset, offset + size - 1);
        dowel_http_header(r, "Range", range);
        if (!pinned) dowel_http_accept(r, 416); /* an empty object has no ranges */
    }
    dowel_http_sink(r, sink);
    dowel_http_digest(r, digest);
    dowel_http_progress(r, 0, -1);
    int rc = dowel_http_send(d, r, response, err);
    dowel_http_free(r);
    return rc;
}

/* Reads "bytes 0-99/1000". */
static bool content_range(const dowel_http_response *response, int64_t *first, int64_t *last, int64_t *total) {
    const char *text = dowel_http_response_header(response, "Content-Range");
    return text && sscanf(text, "bytes %" SCNd64 "-%" SCNd64 "/%" SCNd64, first, last, total) == 3 && *first >= 0 &&
           *last >= *first && *total > *last;
}

/* ---- the rest, in parts ---- */

typedef struct rest {
    const dowel_download *plan;
    const dowel_http_response *pinned;
    int64_t start, total;
    dowel_digest_kind kind;
    uint64_t *checks; /* of each part; NULL where the check cannot be joined */
    dowel_partial *partial;
} rest;

static int64_t part_bytes(const rest *all, int64_t index, int64_t *offset) {
    *offset = all->start + index * all->plan->part_size;
    int64_t left = all->total - *offset;
    return left < all->plan->part_size ? left : all->plan->part_size;
}

/* A server may ignore the condition of a pinned request: compare the versions of the answers. */
static bool same_object(const dowel_download *plan, const dowel_http_response *pinned,
                        const dowel_http_response *response) {
    const char *name = plan->version_header ? plan->version_header : "ETag",
               *first = dowel_http_response_header(pinned, name), *now = dowel_http_response_header(response, name);
    if (first && now && strcmp(first, now) != 0) return false;
    if (first && strncmp(first, "W/", 2) != 0) return true;
    first = dowel_http_response_header(pinned, "Last-Modified");
    now = dowel_http_response_header(response, "Last-Modified");
    return !first || !now || !strcmp(first, now);
}

static int fetch_part(dowel *d, void *context, int64_t index, dowel_error *err) {
    rest *all = context;
    int64_t offset, size = part_bytes(all, index, &offset), first, last, total;
    if (dowel_partial_has(all->partial, index)) {
        dowel_progress(d, size, -1);
        return 0;
    }
    dowel_sink *sink = NULL;
    dowel_http_response *response = NULL;
    dowel_digest *digest = all->checks ? dowel_digest_new(all->kind) : NULL;
    int rc = all->checks && !digest ? dowel_no_memory(err) : dowel_sink_part(all->plan->sink, offset, size, &sink, err);
    if (!rc) rc = fetch(d, all->plan, all->pinned, offset, size, sink, digest, &response, err);
    if (!rc) rc = dowel_sink_commit(sink, err);
    if (!rc &&
        (dowel_http_status(response) != 206 || !content_range(response, &first, &last, &total) || first != offset ||
         last != offset + size - 1 || total != all->total || dowel_sink_written(sink) != size))
        rc = dowel_fail(err, DOWEL_E_PROTOCOL,
                        "the server was asked for bytes %" PRId64 " to %" PRId64 " and sent something else", offset,
                        offset + size - 1);
    if (!rc && !same_object(all->plan, all->pinned, response))
        rc = dowel_fail(err, DOWEL_E_CONFLICT, "the object changed while it was read");
    if (!rc && all->checks) all->checks[index] = dowel_digest_crc(digest);
    if (!rc) dowel_partial_note(all->partial, index);
    dowel_http_response_free(response);
    dowel_digest_free(digest);
    dowel_sink_close(sink);
    return rc;
}

/* How a download is verified; digest NULL: not at all. */
typedef struct checking {
    dowel_download_check by;
    dowel_digest *digest;
} checking;

static int choose(dowel *d, const dowel_download *plan, const dowel_http_response *first, checking *c,
                  dowel_error *err) {
    c->by = (dowel_download_check){.kind = plan->digest};
    int rc = plan->check ? plan->check(d, plan->context, first, &c->by, err) : 0;
    if (rc || c->by.none) return rc;
    c->digest =
        c->by.parts ? dowel_digest_of_parts(c->by.kind, c->by.part_sizes, c->by.parts) : dowel_digest_new(c->by.kind);
    return c->digest ? 0 : dowel_no_memory(err);
}

static int read_back(const dowel_download *plan, checking *c, dowel_error *err) {
    if (!c->digest) return 0;
    dowel_digest_reset(c->digest);
    return dowel_sink_digest(plan->sink, c->digest, err);
}

static void end_check(checking *c, dowel_downloaded *done) {
    if (c->digest) done->check_size = dowel_digest_end(c->digest, done->check);
}

static int fetch_rest(dowel *d, const dowel_download *plan, const dowel_http_response *pinned, int64_t start,
                      int64_t total, checking *c, dowel_partial *partial, dowel_downloaded *done, dowel_error *err) {
    rest all = {.plan = plan, .pinned = pinned, .start = start, .total = total, .kind = c->by.kind, .partial = partial};
    int64_t count = (total - start + plan->part_size - 1) / plan->part_size;
    int rc = dowel_sink_reserve(plan->sink, total, err);
    bool joins = c->digest && !c->by.parts && dowel_digest_joins(c->by.kind) && !partial->resumed;
    if (!rc && (joins || !c->digest)) dowel_sink_direct(plan->sink);
    if (!rc && joins && !(all.checks = calloc((size_t)count, sizeof *all.checks))) rc = dowel_no_memory(err);
    const dowel_parts parts = {
        .count = count, .width = plan->width, .total = total, .done = start, .part = fetch_part, .context = &all};
    if (!rc) rc = dowel_parts_run(d, &parts, err);
    if (!rc && joins) {
        uint64_t check = dowel_digest_crc(c->digest);
        for (int64_t i = 0; i < count; i++) {
            int64_t offset, size = part_bytes(&all, i, &offset);
            check = dowel_crc_join(c->by.kind, check, all.checks[i], size);
        }
        done->check_size = dowel_crc_write(c->by.kind, check, done->check);
    } else if (!rc) {
        rc = read_back(plan, c, err);
        if (!rc) end_check(c, done);
    }
    free(all.checks);
    return rc;
}

/* ---- the whole ---- */

static int fetch_in_order(dowel *d, const dowel_download *plan, checking *c, dowel_downloaded *done, dowel_error *err) {
    int rc = c->digest || c->by.none ? 0 : choose(d, plan, NULL, c, err);
    if (!rc) rc = fetch(d, plan, NULL, 0, -1, plan->sink, c->digest, &done->response, err);
    if (rc) return rc;
    done->size = dowel_sink_written(plan->sink);
    end_check(c, done);
    return 0;
}

/* Continues after the first answer, of which `got` bytes were received. */
static int go_on(dowel *d, const dowel_download *plan, int64_t got, int64_t kept, checking *c, dowel_downloaded *done,
                 dowel_error *err) {
    dowel_partial partial;
    int rc = plan->check ? choose(d, plan, done->response, c, err) : 0;
    if (rc) return rc;
    dowel_partial_begin(&partial, d, plan, done->response, got, done->size, kept, c->digest != NULL);
    if (kept && !partial.resumed) rc = dowel_sink_cut(plan->sink, got, err);
    /* The checksum was chosen after the first bytes: read them back. */
    bool joins = !c->by.parts && dowel_digest_joins(c->by.kind);
    if (!rc && plan->check && !partial.resumed && (got == done->size || joins)) rc = read_back(plan, c, err);
    if (!rc && got < done->size)
        rc = fetch_rest(d, plan, done->response, got, done->size, c, &partial, done, err);
    else if (!rc)
        end_check(c, done);
    dowel_partial_end(&partial);
    return rc;
}

static int fetch_in_parts(dowel *d, const dowel_download *plan, checking *c, dowel_downloaded *done, dowel_error *err) {
    dowel_sink *sink = NULL;
    int64_t kept = dowel_partial_keep(d, plan);
    int rc = plan->check ? 0 : choose(d, plan, NULL, c, err);
    /* A server without ranges sends the whole object, which is accepted. */
    if (!rc) rc = dowel_sink_part(plan->sink, 0, INT64_MAX, &sink, err);
    if (!rc) rc = fetch(d, plan, NULL, 0, plan->part_size, sink, c->digest, &done->response, err);
    if (!rc) rc = dowel_sink_commit(sink, err);
    int64_t got = rc ? 0 : dowel_sink_written(sink), first, last;
    dowel_sink_close(sink);
    if (rc) return rc;
    if (dowel_http_status(done->response) == 416) {
        dowel_http_response_free(done->response);
        done->response = NULL;
        if (c->digest) dowel_digest_reset(c->digest);
        rc = kept ? dowel_sink_cut(plan->sink, 0, err) : 0;
        return rc ? rc : fetch_in_order(d, plan, c, done, err);
    }
    done->size = got;
    if (dowel_http_status(done->response) == 206 &&
        (!content_range(done->response, &first, &last, &done->size) || first || last + 1 != got))
        return dowel_fail(err, DOWEL_E_PROTOCOL,
                          "the server was asked for the first %" PRId64 " bytes and sent something else",
                          plan->part_size);
    return go_on(d, plan, got, kept, c, done, err);
}

static int fetch_once(dowel *d, const dowel_download *plan, dowel_downloaded *done, dowel_error *err) {
    memset(done, 0, sizeof *done);
    checking c = {.digest = NULL};
    bool parts = dowel_sink_has_parts(plan->sink) && plan->part_size > 0;
    int rc = parts ? fetch_in_parts(d, plan, &c, done, err) : fetch_in_order(d, plan, &c, done, err);
    dowel_digest_free(c.digest);
    if (!rc) rc = plan->verify(plan->context, done, err);
    if (rc) {
        dowel_http_response_free(done->response);
        done->response = NULL;
    }
    return rc;
}

int dowel_download_run(dowel *d, const dowel_download *download, dowel_downloaded *done, dowel_error *err) {
    dowel_error first;
    int rc = fetch_once(d, download, done, &first);
    if (rc == DOWEL_E_CORRUPT && dowel_sink_can_restart(download->sink)) {
        dowel_log(d, DOWEL_LOG_WARNING, "%s; fetching it again", first.message);
        rc = dowel_sink_restart(download->sink, err);
        return rc ? rc : fetch_once(d, download, done, err);
    }
    if (rc && err) *err = first;
    return rc;
}
