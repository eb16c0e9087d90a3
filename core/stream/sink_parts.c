/* Parts of a file that is not committed yet, written by several threads. */
#define _GNU_SOURCE /* sync_file_range, statx, O_DIRECT */
#include "sink_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* After the first bytes, which suffice for a small object, a part is written in large aligned pieces. */
#define GATHERED (1 << 19)
#define UNGATHERED (1 << 16)

typedef struct part {
    const dowel_file *whole; /* borrowed */
    int64_t offset, limit, taken;
    char *gathered; /* the last `held` bytes, not written yet; NULL at first */
    size_t held;
} part;

static int write_at(const dowel_file *f, const char *from, size_t size, int64_t to, dowel_error *err) {
    while (size) {
        size_t step = f->alignment;
        bool direct = step && size >= step && to % (int64_t)step == 0 && (uintptr_t)from % step == 0;
        ssize_t n = direct ? pwrite(f->direct, from, size - size % step, (off_t)to) : -1;
        if (!direct || (n < 0 && errno == EINVAL)) n = pwrite(f->fd, from, size, (off_t)to);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return dowel_fail_system(err, DOWEL_E_IO, errno, "cannot write %s", f->path);
        from += n;
        to += n;
        size -= (size_t)n;
    }
    return 0;
}

static int write_gathered(part *p, dowel_error *err) {
    size_t held = p->held;
    p->held = 0;
    return write_at(p->whole, p->gathered, held, p->offset + p->taken - (int64_t)held, err);
}

static int part_write(void *context, const void *data, size_t size, dowel_error *err) {
    part *p = context;
    const char *from = data;
    if ((int64_t)size > p->limit - p->taken)
        return dowel_fail(err, DOWEL_E_PROTOCOL, "%s: received more bytes than requested", p->whole->path);
    if (!p->gathered && p->taken >= UNGATHERED) p->gathered = dowel_buffer_new(GATHERED);
    if (!p->gathered) {
        int rc = write_at(p->whole, from, size, p->offset + p->taken, err);
        p->taken += (int64_t)size;
        return rc;
    }
    while (size) {
        /* A piece ends where a multiple of its size does in the file. */
        size_t room = GATHERED - (size_t)((p->offset + p->taken) % GATHERED), n = size < room ? size : room;
        memcpy(p->gathered + p->held, from, n);
        p->held += n;
        p->taken += (int64_t)n;
        from += n;
        size -= n;
        if (n == room && write_gathered(p, err)) return DOWEL_E_IO;
    }
    return 0;
}

static int part_restart(void *context, dowel_error *err) {
    (void)err;
    part *p = context;
    p->taken = 0;
    p->held = 0;
    return 0;
}

/* Start writeback now, so that the flush at the end has little left to do. */
static int part_commit(void *context, dowel_error *err) {
    part *p = context;
    if (p->held && write_gathered(p, err)) return DOWEL_E_IO;
#ifdef __linux__
    if (!p->whole->alignment && p->taken >= 1 << 20)
        (void)sync_file_range(p->whole->fd, p->offset, p->taken, SYNC_FILE_RANGE_WRITE);
#endif
    return 0;
}

static void part_close(void *context) {
    part *p = context;
    dowel_buffer_free(p->gathered, GATHERED);
    free(p);
}

static const dowel_sink_ops part_ops = {part_write, part_restart, part_commit, part_close};

int dowel_sink_descriptor(dowel_sink *sink) {
    dowel_file *f = dowel_sink_file_of(sink);
    return f && !dowel_file_begin_empty(f, NULL) ? f->fd : -1;
}

int dowel_sink_reserve(dowel_sink *sink, int64_t size, dowel_error *err) {
    dowel_file *f = dowel_sink_file_of(sink);
    if (!f || size <= 0) return 0;
    if (dowel_file_begin_empty(f, err)) return DOWEL_E_IO;
    int why = posix_fallocate(f->fd, 0, (off_t)size);
    if (why == EOPNOTSUPP || why == EINVAL || why == ENOSYS) why = ftruncate(f->fd, (off_t)size) ? errno : 0;
    if (why)
        return dowel_fail_system(err, DOWEL_E_IO, why, "no room for the %lld bytes of %s", (long long)size, f->path);
    return 0;
}

void dowel_sink_direct(dowel_sink *sink) {
#if defined STATX_DIOALIGN && defined O_DIRECT
    dowel_file *f = dowel_sink_file_of(sink);
    struct statx st;
    char name[64];
    if (!f || f->direct >= 0 || statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) ||
        !(st.stx_mask & STATX_DIOALIGN) || !st.stx_dio_offset_align || !st.stx_dio_mem_align)
        return;
    snprintf(name, sizeof name, "/proc/self/fd/%d", f->fd);
    f->direct = open(name, O_WRONLY | O_CLOEXEC | O_DIRECT);
    if (f->direct >= 0)
        f->alignment = st.stx_dio_offset_align > st.stx_dio_mem_align ? st.stx_dio_offset_align : st.stx_dio_mem_align;
#else
    (void)sink;
#endif
}

int dowel_sink_part(dowel_sink *whole, int64_t offset, int64_t limit, dowel_sink **sink, dowel_error *err) {
    dowel_file *f = dowel_sink_file_of(whole);
    if (!f) return dowel_fail(err, DOWEL_E_INTERNAL, "this sink accepts bytes only in order");
    if (dowel_file_begin_empty(f, err)) return DOWEL_E_IO;
    part *p = malloc(sizeof *p);
    *sink = p ? dowel_sink_new(&part_ops, p) : NULL;
    if (!*sink) {
        free(p);
        return dowel_no_memory(err);
    }
    *p = (part){f, offset, limit, 0, NULL, 0};
    return 0;
}

int64_t dowel_sink_keep(dowel_sink *sink) {
    dowel_file *f = dowel_sink_file_of(sink);
    struct stat st;
    if (!f || !f->left || fstat(f->fd, &st)) return 0;
    f->left = false;
    return (int64_t)st.st_size;
}

int dowel_sink_cut(dowel_sink *sink, int64_t size, dowel_error *err) {
    const dowel_file *f = dowel_sink_file_of(sink);
    if (!f) return dowel_fail(err, DOWEL_E_INTERNAL, "this sink cannot be truncated");
    return ftruncate(f->fd, (off_t)size) ? dowel_fail_system(err, DOWEL_E_IO, errno, "cannot write %s", f->path) : 0;
}

int dowel_sink_digest(dowel_sink *sink, dowel_digest *digest, dowel_error *err) {
    const dowel_file *f = dowel_sink_file_of(sink);
    if (!f) return dowel_fail(err, DOWEL_E_INTERNAL, "this sink cannot be read");
    enum { PIECE = 1 << 18 };
    char *buffer = malloc(PIECE);
    if (!buffer) return dowel_no_memory(err);
    ssize_t n = 0;
    for (off_t at = 0; (n = pread(f->fd, buffer, PIECE, at)) != 0; at += n) {
        if (n < 0 && errno != EINTR) break;
        if (n < 0)
            n = 0;
        else
            dowel_digest_update(digest, buffer, (size_t)n);
    }
    int why = errno;
    free(buffer);
    return n < 0 ? dowel_fail(err, DOWEL_E_IO, "cannot read %s: %s", f->path, strerror(why)) : 0;
}
