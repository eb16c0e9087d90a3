/* Copies the content of a file to another: as a clone (FICLONE) if the file system can, otherwise inside the kernel (copy_file_range), otherwise through
 * a buffer. Holes stay holes. */
#define _GNU_SOURCE /* copy_file_range, SEEK_DATA */
#include "copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/fs.h>
#endif

enum { PIECE = 1 << 18, STRIDE = 1 << 26 };

typedef struct copying {
    dowel *d;
    const char *name;
    int from, to;
    int64_t size;
    char *buffer; /* if the kernel cannot copy */
} copying;

static int failed(const copying *c, const char *what, dowel_error *err) {
    return dowel_fail_system(err, DOWEL_E_IO, errno, "cannot %s %s", what, c->name);
}

/* Copies up to `want` bytes at `at`; 0: the kernel cannot copy between these files. */
static ssize_t by_kernel(copying *c, int64_t at, size_t want) {
#ifdef __linux__
    off_t in = (off_t)at, out = (off_t)at;
    ssize_t n;
    do n = copy_file_range(c->from, &in, c->to, &out, want, 0);
    while (n < 0 && errno == EINTR);
    bool cannot = n < 0 && (errno == EXDEV || errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP ||
                            errno == EPERM || errno == EBADF || errno == ETXTBSY);
    return cannot ? 0 : n;
#else
    (void)c, (void)at, (void)want;
    return 0;
#endif
}

static ssize_t by_hand(copying *c, int64_t at, size_t want, dowel_error *err) {
    if (!c->buffer && !(c->buffer = malloc(PIECE))) return dowel_no_memory(err);
    ssize_t got, done = 0;
    do got = pread(c->from, c->buffer, want < PIECE ? want : PIECE, (off_t)at);
    while (got < 0 && errno == EINTR);
    if (got < 0) return failed(c, "read", err);
    while (done < got) {
        ssize_t n = pwrite(c->to, c->buffer + done, (size_t)(got - done), (off_t)(at + done));
        if (n < 0 && errno != EINTR) return failed(c, "write a copy of", err);
        if (n > 0) done += n;
    }
    return got;
}

/* Copies the bytes from `at` to `end`, which are data. If the file was truncated it ends early, which check_size detects. */
static int copy_data(copying *c, int64_t at, int64_t end, dowel_error *err) {
    while (at < end) {
        int rc = dowel_check(c->d, err);
        if (rc) return rc;
        size_t want = end - at < STRIDE ? (size_t)(end - at) : STRIDE;
        ssize_t n = c->buffer ? 0 : by_kernel(c, at, want);
        if (n < 0) return failed(c, "copy", err);
        if (!n && (n = by_hand(c, at, want, err)) < 0) return (int)n;
        if (!n) return 0;
        at += n;
        dowel_progress(c->d, at, c->size);
    }
    return 0;
}

static int copy_extents(copying *c, dowel_error *err) {
    int64_t at = 0;
    while (at < c->size) {
        int64_t end = c->size;
#ifdef SEEK_DATA
        off_t data = lseek(c->from, (off_t)at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) return 0; /* a hole up to the end */
        if (data >= 0) {
            off_t hole = lseek(c->from, data, SEEK_HOLE);
            at = data;
            if (hole > data && hole < end) end = hole;
        }
#endif
        int rc = copy_data(c, at, end, err);
        if (rc) return rc;
        at = end;
    }
    return 0;
}

/* Bytes that a file lost during the copy would be zeros in the copy. */
static int check_size(const copying *c, dowel_error *err) {
    struct stat st;
    if (fstat(c->from, &st)) return failed(c, "read", err);
    if (st.st_size >= c->size) return 0;
    return dowel_fail(err, DOWEL_E_IO, "%s was truncated during the copy: %lld bytes, then %lld", c->name,
                      (long long)c->size, (long long)st.st_size);
}

int dowel_local_copy(dowel *d, const char *name, int from, const struct stat *st, int to, dowel_error *err) {
    copying c = {.d = d, .name = name, .from = from, .to = to, .size = st->st_size};
    struct stat made = {.st_mode = 0};
    int rc = 0;
#ifdef FICLONE
    bool shared = !ioctl(to, FICLONE, from);
#else
    bool shared = false;
#endif
    if (!shared) rc = copy_extents(&c, err);
    if (!rc && !shared) rc = check_size(&c, err);
    if (!rc && !shared && ftruncate(to, (off_t)c.size)) rc = failed(&c, "write a copy of", err);
    if (!rc && fstat(to, &made)) rc = failed(&c, "write a copy of", err);
    /* Execute permission follows read permission, which the umask has limited. */
    mode_t allowed = made.st_mode | (made.st_mode & 0444) >> 2;
    if (!rc && fchmod(to, st->st_mode & allowed & 0777)) rc = failed(&c, "set the permissions of a copy of", err);
    free(c.buffer);
    return rc;
}
