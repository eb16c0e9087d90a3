/* Uploads: small ones in one request, large ones in parallel parts, of files, memory and pipes. */
#include <dowel/clock.h>
#include <dowel/transfer.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MEMORY (24 << 20)

/* ---- a part's source, which computes the checksum while it is read ---- */

typedef struct checked {
    dowel_source *from;
    dowel_upload_part *part;
} checked;

static int checked_read(void *context, void *buffer, size_t size, size_t *got, dowel_error *err) {
    const checked *c = context;
    int rc = dowel_source_read(c->from, buffer, size, got, err);
    if (!rc && *got) dowel_digest_update(c->part->digest, buffer, *got);
    return rc;
}

static int checked_seek(void *context, int64_t offset, dowel_error *err) {
    const checked *c = context;
    if (offset) return dowel_fail(err, DOWEL_E_INTERNAL, "a part can only be read from its start");
    dowel_digest_reset(c->part->digest);
    c->part->check_size = 0;
    return dowel_source_rewind(c->from, err);
}

static const dowel_source_ops checked_ops = {checked_read, checked_seek, NULL};

size_t dowel_upload_check(dowel_upload_part *part, const unsigned char **check) {
    if (!part->check_size) part->check_size = dowel_digest_end(part->digest, part->check);
    if (check) *check = part->check;
    return part->check_size;
}

/* Lends `from` to a function as a part. */
static int send(dowel *d, const dowel_upload *plan, dowel_source *from, dowel_upload_part *part,
                int (*put)(dowel *, void *, dowel_upload_part *, dowel_error *), dowel_error *err) {
    checked context = {from, part};
    part->digest = dowel_digest_new(plan->digest);
    part->source = part->digest ? dowel_source_new(&checked_ops, &context, part->size) : NULL;
    int rc = part->source ? put(d, plan->context, part, err) : dowel_no_memory(err);
    if (!rc) dowel_upload_check(part, NULL);
    dowel_source_close(part->source);
    dowel_digest_free(part->digest);
    part->source = NULL;
    part->digest = NULL;
    return rc;
}

/* ---- parts ---- */

typedef struct upload {
    const dowel_upload *plan;
    int64_t size, part_size; /* -1: unknown */
    int64_t *sizes;          /* the parts that were sent, and their checksums if these can be joined */
    uint64_t *checks;
    bool joins;
    /* For sources that must be read in order: */
    pthread_mutex_t lock;
    pthread_cond_t turn;
    int64_t next, read; /* the part to read, and the bytes before it */
    bool ended;         /* the source, or the reading of it */
    size_t most;        /* of a buffer */
    char *buffer[64];
    int buffers;
    char *first; /* bytes read to find out whether one request is enough */
    size_t first_size, first_room;
} upload;

static void note(upload *u, const dowel_upload_part *part) {
    u->sizes[part->index] = part->size;
    for (size_t i = 0; u->joins && i < part->check_size; i++)
        u->checks[part->index] = u->checks[part->index] << 8 | part->check[i];
}

static int put_part(dowel *d, void *context, int64_t index, dowel_error *err) {
    upload *u = context;
    dowel_upload_part part = {.index = index, .offset = index * u->part_size};
    int64_t left = u->size - part.offset;
    part.size = left < u->part_size ? left : u->part_size;
    dowel_source *from = NULL;
    int rc = dowel_source_part(u->plan->source, part.offset, part.size, &from, err);
    if (!rc) rc = send(d, u->plan, from, &part, u->plan->put_part, err);
    if (!rc) note(u, &part);
    dowel_source_close(from);
    return rc;
}

/* Parts of a pipe grow: small ones start soon, large ones keep a long stream within the limit of parts. */
static size_t piece_size(const upload *u, int64_t index) {
    int64_t size = u->part_size;
    if (u->size < 0)
        for (int64_t step = u->plan->most_parts / 4; step && index >= step && size * 2 <= (int64_t)u->most;
             index -= step)
            size *= 2;
    return (size_t)size;
}

/* Wakes up regularly: the thread whose turn it is may have been stopped without signalling. */
static int wait_turn(dowel *d, upload *u, dowel_error *err) {
    struct timespec until = dowel_deadline(CLOCK_REALTIME, 0.05);
    pthread_cond_timedwait(&u->turn, &u->lock, &until);
    return dowel_check(d, err);
}

/* Waits for its turn and reads a part into a buffer; *buffer NULL: the source has ended. */
static int take(dowel *d, upload *u, dowel_upload_part *part, char **buffer, dowel_error *err) {
    int rc = 0;
    *buffer = NULL;
    pthread_mutex_lock(&u->lock);
    while (u->next != part->index && !u->ended && !rc) rc = wait_turn(d, u, err);
    if (!u->ended && !rc) {
        size_t size = piece_size(u, part->index), got = u->first_size;
        if (u->first) { /* the buffer holds one part */
            *buffer = u->first;
            u->first = NULL;
        } else {
            got = 0;
            *buffer = u->buffers ? u->buffer[--u->buffers] : dowel_buffer_new(u->most);
        }
        size_t more = 0;
        rc = *buffer ? dowel_check(d, err) : dowel_no_memory(err);
        if (!rc) rc = dowel_source_fill(u->plan->source, *buffer + got, size - got, &more, err);
        got += more;
        part->offset = u->read;
        part->size = (int64_t)got;
        u->read += part->size;
        u->next++;
        u->ended = rc || got < size || (u->size >= 0 && u->read == u->size);
        if (!rc && got < size && u->size >= 0 && u->read < u->size)
            rc = dowel_fail(err, DOWEL_E_IO, "the source ended %" PRId64 " bytes early", u->size - u->read);
        if (rc || (!got && part->index)) { /* it ended with the part before */
            dowel_buffer_free(*buffer, u->most);
            *buffer = NULL;
        }
        pthread_cond_broadcast(&u->turn);
    }
    pthread_mutex_unlock(&u->lock);
    return rc;
}

static int put_piece(dowel *d, void *context, int64_t index, dowel_error *err) {
    upload *u = context;
    dowel_upload_part part = {.index = index};
    char *buffer;
    int rc = take(d, u, &part, &buffer, err);
    if (rc || !buffer) return rc;
    dowel_source *from = dowel_source_memory(buffer, (size_t)part.size);
    rc = from ? send(d, u->plan, from, &part, u->plan->put_part, err) : dowel_no_memory(err);
    dowel_source_close(from);
    pthread_mutex_lock(&u->lock);
    if (!rc) note(u, &part);
    if (rc) u->ended = true;
    if (u->buffers < (int)(sizeof u->buffer / sizeof u->buffer[0])) {
        u->buffer[u->buffers++] = buffer;
        buffer = NULL;
    }
    pthread_cond_broadcast(&u->turn);
    pthread_mutex_unlock(&u->lock);
    dowel_buffer_free(buffer, u->most);
    return rc;
}

static int too_many(const upload *u, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_INVALID, "more than %" PRId64 " parts of %" PRId64 " bytes", u->plan->most_parts,
                        u->part_size);
    dowel_error_hint(err, "give a larger part size");
    return rc;
}

/* All of the source must have been read, even if the number of parts was limited. */
static int check_ended(upload *u, dowel_error *err) {
    char byte;
    size_t got = 0;
    int rc = u->ended ? 0 : dowel_source_read(u->plan->source, &byte, 1, &got, err);
    return rc ? rc : got ? too_many(u, err) : 0;
}

static void join(const upload *u, int64_t count, dowel_uploaded *done) {
    uint64_t check = 0;
    for (int64_t i = 0; i < count && u->sizes[i] >= 0; i++) {
        if (u->joins) check = dowel_crc_join(u->plan->digest, check, u->checks[i], u->sizes[i]);
        done->size += u->sizes[i];
        done->parts++;
    }
    if (u->joins) done->check_size = dowel_crc_write(u->plan->digest, check, done->check);
}

static int send_parts(dowel *d, upload *u, dowel_uploaded *done, dowel_error *err) {
    const dowel_upload *plan = u->plan;
    bool pieces = !dowel_source_has_parts(plan->source);
    int64_t count = u->size < 0 ? plan->most_parts : (u->size + u->part_size - 1) / u->part_size;
    if (!count) count = 1;
    u->joins = dowel_digest_joins(plan->digest);
    u->sizes = malloc((size_t)count * sizeof *u->sizes);
    u->checks = calloc((size_t)count, sizeof *u->checks);
    if (!u->sizes || !u->checks) return dowel_no_memory(err);
    for (int64_t i = 0; i < count; i++) u->sizes[i] = -1;
    dowel_parts parts = {
        .count = count, .width = plan->width, .total = u->size, .part = pieces ? put_piece : put_part, .context = u};
    int64_t room = (plan->memory ? plan->memory : MEMORY) / (int64_t)u->most;
    if (pieces && (!parts.width || parts.width > room)) parts.width = room < 1 ? 1 : room < 8 ? (int)room : 8;
    int rc = plan->start(d, plan->context, u->size, u->part_size, err);
    if (rc) return rc;
    dowel_error why;
    rc = dowel_parts_run(d, &parts, &why);
    if (!rc && pieces) rc = check_ended(u, &why);
    if (!rc) {
        join(u, count, done);
        rc = plan->finish(d, plan->context, done, &why);
    }
    if (rc) {
        plan->abort(d, plan->context, &why);
        if (err) *err = why;
    }
    return rc;
}

/* The size of parts that their number allows. */
static int plan_parts(upload *u, dowel_error *err) {
    const dowel_upload *plan = u->plan;
    const int64_t unit = 1 << 20;
    u->part_size = plan->part_size;
    if (u->size >= 0 && (u->size + u->part_size - 1) / u->part_size > plan->most_parts) {
        u->part_size = (u->size + plan->most_parts - 1) / plan->most_parts;
        u->part_size = (u->part_size + unit - 1) / unit * unit;
    }
    if (plan->most_part_size && u->part_size > plan->most_part_size) {
        u->part_size = plan->most_part_size;
        if (u->size > u->part_size * plan->most_parts) return too_many(u, err);
    }
    int64_t memory = plan->memory ? plan->memory : MEMORY;
    u->most = (size_t)u->part_size;
    if (u->size < 0)
        while ((int64_t)u->most * 2 <= memory && u->most < (size_t)u->part_size * 4) u->most *= 2;
    return 0;
}

static int send_whole(dowel *d, const dowel_upload *plan, dowel_source *from, int64_t size, dowel_uploaded *done,
                      dowel_error *err) {
    dowel_upload_part part = {.size = size};
    int rc = send(d, plan, from, &part, plan->put_whole, err);
    if (rc) return rc;
    *done = (dowel_uploaded){.size = size, .check_size = part.check_size};
    memcpy(done->check, part.check, part.check_size);
    return 0;
}

int dowel_upload_run(dowel *d, const dowel_upload *plan, dowel_uploaded *done, dowel_error *err) {
    upload u = {.plan = plan, .size = dowel_source_size(plan->source)};
    memset(done, 0, sizeof *done);
    bool whole = u.size >= 0 && u.size <= plan->one_request;
    if (whole && dowel_source_has_parts(plan->source)) return send_whole(d, plan, plan->source, u.size, done, err);
    int rc = plan_parts(&u, err);
    if (rc) return rc;
    if (whole || (u.size < 0 && plan->one_request >= 0)) {
        size_t room = whole ? (size_t)u.size + 1 : u.most;
        size_t wanted = whole ? (size_t)u.size : piece_size(&u, 0);
        u.first_room = room;
        if (!(u.first = dowel_buffer_new(room))) return dowel_no_memory(err);
        rc = dowel_source_fill(plan->source, u.first, wanted, &u.first_size, err);
        if (!rc && (whole || u.first_size < wanted)) {
            dowel_source *from = dowel_source_memory(u.first, u.first_size);
            if (whole && u.first_size < wanted)
                rc = dowel_fail(err, DOWEL_E_IO, "the source ended %" PRId64 " bytes early",
                                u.size - (int64_t)u.first_size);
            else
                rc = from ? send_whole(d, plan, from, (int64_t)u.first_size, done, err) : dowel_no_memory(err);
            dowel_source_close(from);
            whole = true;
        }
        if (rc || whole) {
            dowel_buffer_free(u.first, u.first_room);
            return rc;
        }
    }
    pthread_mutex_init(&u.lock, NULL);
    pthread_cond_init(&u.turn, NULL);
    rc = send_parts(d, &u, done, err);
    pthread_cond_destroy(&u.turn);
    pthread_mutex_destroy(&u.lock);
    while (u.buffers) dowel_buffer_free(u.buffer[--u.buffers], u.most);
    dowel_buffer_free(u.first, u.first_room);
    free(u.sizes);
    free(u.checks);
    return rc;
}
