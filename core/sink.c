/* Bytes that are written: a file that appears whole or not at all, memory, standard output, a program's own. */
#define _GNU_SOURCE /* sync_file_range */
#include <dowel/stream.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct dowel_sink {
    const dowel_sink_ops *ops;
    void *context;
    int64_t written;
};

dowel_sink *dowel_sink_new(const dowel_sink_ops *ops, void *context) {
    dowel_sink *sink = calloc(1, sizeof *sink);
    if (sink) *sink = (dowel_sink){ops, context, 0};
    return sink;
}

/* ---- files ---- */

typedef struct file {
    int fd;
    int direct;       /* the same file, past the page cache; -1 */
    size_t alignment; /* of what is written there; 0: nothing is */
    int folder;       /* that the names are in; AT_FDCWD: they are paths */
    bool committed;
    bool left;        /* what a killed process left may be in it */
    int64_t modified; /* the file's time; 0: now */
    char *path;       /* for messages */
    char *name;
    char *temporary; /* NULL: written in place (standard output, a device, a pipe) */
} file;

/* By the first who writes; several threads come only later. */
static int begin_empty(file *f, dowel_error *err) {
    if (!f->left) return 0;
    if (ftruncate(f->fd, 0)) return dowel_fail(err, DOWEL_E_IO, "cannot write %s: %s", f->path, strerror(errno));
    f->left = false;
    return 0;
}

static int file_write(void *context, const void *data, size_t size, dowel_error *err) {
    file *f = context;
    const char *p = data;
    if (begin_empty(f, err)) return DOWEL_E_IO;
    while (size) {
        ssize_t n = write(f->fd, p, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return dowel_fail(err, DOWEL_E_IO, "cannot write %s: %s", f->path, strerror(errno));
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

static int file_restart(void *context, dowel_error *err) {
    file *f = context;
    if (ftruncate(f->fd, 0) || lseek(f->fd, 0, SEEK_SET) < 0)
        return dowel_fail(err, DOWEL_E_IO, "cannot start %s again: %s", f->path, strerror(errno));
    return 0;
}

/* The folder of a path must be flushed too, or the new name may be lost with the power. */
static void sync_folder(const char *path) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        snprintf(folder, sizeof folder, ".");
    else if (slash == folder)
        slash[1] = 0;
    else
        *slash = 0;
    int fd = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

static int file_commit(void *context, dowel_error *err) {
    file *f = context;
    if (!f->temporary) return 0;
    if (begin_empty(f, err)) return DOWEL_E_IO;
    int64_t fraction = f->modified % 1000000 + (f->modified % 1000000 < 0 ? 1000000 : 0);
    const struct timespec times[2] = {{0, UTIME_NOW},
                                      {(time_t)((f->modified - fraction) / 1000000), (long)fraction * 1000}};
    if ((f->modified && futimens(f->fd, times)) || fsync(f->fd) ||
        renameat(f->folder, f->temporary, f->folder, f->name))
        return dowel_fail(err, errno == EISDIR || errno == EEXIST || errno == ENOTEMPTY ? DOWEL_E_EXISTS : DOWEL_E_IO,
                          "cannot finish %s: %s", f->path, strerror(errno));
    f->committed = true;
    if (f->folder == AT_FDCWD)
        sync_folder(f->path);
    else
        fsync(f->folder);
    return 0;
}

static void file_close(void *context) {
    file *f = context;
    /* While the lock holds: afterwards the name may be another's. */
    if (f->temporary && !f->committed) unlinkat(f->folder, f->temporary, 0);
    if (f->fd > STDERR_FILENO) close(f->fd);
    if (f->direct >= 0) close(f->direct);
    if (f->folder >= 0) close(f->folder);
    free(f->temporary);
    free(f->name);
    free(f->path);
    free(f);
}

static const dowel_sink_ops file_ops = {file_write, file_restart, file_commit, file_close},
                            stream_ops = {file_write, NULL, file_commit, file_close};

/* Whether the file that was opened is ours alone: nobody else writes it, and it still has its name. */
static bool is_ours(const file *f) {
    struct stat opened, named;
    return !flock(f->fd, LOCK_EX | LOCK_NB) && !fstat(f->fd, &opened) &&
           !fstatat(f->folder, f->temporary, &named, AT_SYMLINK_NOFOLLOW) && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino && S_ISREG(opened.st_mode) && opened.st_nlink == 1 &&
           opened.st_uid == geteuid();
}

/* Opens the file beside `name` that takes the bytes until they are all there. Its name is always the same, so that what a killed process left is
 * taken over by the next one for the same file; where another process is at it, or something else is in the way, it is a random one. */
static int open_temporary(file *f) {
    const char *slash = strrchr(f->name, '/'), *last = slash ? slash + 1 : f->name;
    size_t size = strlen(f->name) + 24;
    unsigned char noise[6];
    /* A name may be as long as names can be. */
    int folder = (int)(last - f->name), length = (int)strlen(last) < NAME_MAX - 20 ? (int)strlen(last) : NAME_MAX - 20;
    f->temporary = malloc(size);
    if (!f->temporary || RAND_bytes(noise, sizeof noise) != 1) return errno = ENOMEM;
    snprintf(f->temporary, size, "%.*s.%.*s.dowel", folder, f->name, length, last);
    f->fd = openat(f->folder, f->temporary, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (f->fd >= 0 && is_ours(f)) {
        f->left = true;
        return 0;
    }
    if (f->fd >= 0) close(f->fd);
    snprintf(f->temporary, size, "%.*s.%.*s.%02x%02x%02x%02x%02x%02x", folder, f->name, length, last, noise[0],
             noise[1], noise[2], noise[3], noise[4], noise[5]);
    f->fd = openat(f->folder, f->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd >= 0) return 0;
    int why = errno;
    free(f->temporary);
    f->temporary = NULL;
    return errno = why;
}

/* Takes f over. */
static int sink_of(file *f, dowel_sink **sink, dowel_error *err) {
    if (f->fd < 0) {
        dowel_fail(err, DOWEL_E_IO, "cannot write %s: %s", f->path, strerror(errno));
        file_close(f);
        return DOWEL_E_IO;
    }
    *sink = dowel_sink_new(f->temporary ? &file_ops : &stream_ops, f);
    if (*sink) return 0;
    file_close(f);
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

static file *new_file(int folder, const char *name, const char *shown) {
    file *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    f->fd = f->direct = -1;
    f->folder = folder;
    f->path = strdup(shown);
    f->name = strdup(name);
    if (f->path && f->name) return f;
    f->folder = -1;
    file_close(f);
    return NULL;
}

int dowel_sink_file(const char *path, dowel_sink **sink, dowel_error *err) {
    struct stat st;
    bool standard = !strcmp(path, "-");
    file *f = new_file(AT_FDCWD, path, standard ? "standard output" : path);
    if (!f) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    if (standard)
        f->fd = STDOUT_FILENO;
    else if (!stat(path, &st) && !S_ISREG(st.st_mode))
        f->fd = open(path, O_WRONLY | O_CLOEXEC);
    else
        open_temporary(f);
    return sink_of(f, sink, err);
}

int dowel_sink_file_in(int folder, const char *name, const char *shown, int64_t modified, dowel_sink **sink,
                       dowel_error *err) {
    file *f = new_file(folder, name, shown);
    if (!f) {
        close(folder);
        return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    f->modified = modified;
    open_temporary(f);
    return sink_of(f, sink, err);
}

/* ---- parts of a file ---- */

/* Past its first bytes (small objects end there) a part is written in few, large, aligned pieces. */
#define GATHERED (1 << 19)
#define UNGATHERED (1 << 16)

typedef struct part {
    const file *whole; /* borrowed */
    int64_t offset, limit, taken;
    char *gathered; /* NULL at first; the last `held` of the bytes that were taken */
    size_t held;
} part;

static int write_at(const file *f, const char *from, size_t size, int64_t to, dowel_error *err) {
    while (size) {
        size_t step = f->alignment;
        bool direct = step && size >= step && to % (int64_t)step == 0 && (uintptr_t)from % step == 0;
        ssize_t n = direct ? pwrite(f->direct, from, size - size % step, (off_t)to) : -1;
        if (!direct || (n < 0 && errno == EINVAL)) n = pwrite(f->fd, from, size, (off_t)to);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return dowel_fail(err, DOWEL_E_IO, "cannot write %s: %s", f->path, strerror(errno));
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
        return dowel_fail(err, DOWEL_E_PROTOCOL, "%s: more bytes came than were asked for", p->whole->path);
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

/* The disk begins while the rest is still on its way, so that the flush at the end has little left to do. */
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

bool dowel_sink_has_parts(const dowel_sink *sink) {
    return sink->ops == &file_ops;
}

int dowel_sink_descriptor(dowel_sink *sink) {
    file *f = sink->context;
    return sink->ops == &file_ops && !begin_empty(f, NULL) ? f->fd : -1;
}

int dowel_sink_reserve(dowel_sink *sink, int64_t size, dowel_error *err) {
    file *f = sink->context;
    if (sink->ops != &file_ops || size <= 0) return 0;
    if (begin_empty(f, err)) return DOWEL_E_IO;
    int why = posix_fallocate(f->fd, 0, (off_t)size);
    if (why == EOPNOTSUPP || why == EINVAL || why == ENOSYS) why = ftruncate(f->fd, (off_t)size) ? errno : 0;
    if (why)
        return dowel_fail(err, DOWEL_E_IO, "no room for the %lld bytes of %s: %s", (long long)size, f->path,
                          strerror(why));
    return 0;
}

void dowel_sink_direct(dowel_sink *sink) {
#if defined STATX_DIOALIGN && defined O_DIRECT
    file *f = sink->context;
    struct statx st;
    char name[64];
    if (sink->ops != &file_ops || f->direct >= 0 || statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) ||
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
    if (whole->ops != &file_ops) return dowel_fail(err, DOWEL_E_INTERNAL, "this sink takes its bytes in order only");
    if (begin_empty(whole->context, err)) return DOWEL_E_IO;
    part *p = malloc(sizeof *p);
    *sink = p ? dowel_sink_new(&part_ops, p) : NULL;
    if (!*sink) {
        free(p);
        return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    *p = (part){whole->context, offset, limit, 0, NULL, 0};
    return 0;
}

int64_t dowel_sink_keep(dowel_sink *sink) {
    file *f = sink->context;
    struct stat st;
    if (sink->ops != &file_ops || !f->left || fstat(f->fd, &st)) return 0;
    f->left = false;
    return (int64_t)st.st_size;
}

int dowel_sink_cut(dowel_sink *sink, int64_t size, dowel_error *err) {
    const file *f = sink->context;
    if (sink->ops != &file_ops) return dowel_fail(err, DOWEL_E_INTERNAL, "this sink cannot be cut");
    return ftruncate(f->fd, (off_t)size) ? dowel_fail(err, DOWEL_E_IO, "cannot write %s: %s", f->path, strerror(errno))
                                         : 0;
}

int dowel_sink_digest(dowel_sink *sink, dowel_digest *digest, dowel_error *err) {
    if (sink->ops != &file_ops) return dowel_fail(err, DOWEL_E_INTERNAL, "this sink cannot be read");
    const file *f = sink->context;
    enum { PIECE = 1 << 18 };
    char *buffer = malloc(PIECE);
    if (!buffer) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
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

/* ---- memory ---- */

typedef struct memory {
    char *data;
    size_t size, room, limit;
} memory;

static int memory_write(void *context, const void *data, size_t size, dowel_error *err) {
    memory *m = context;
    if (m->limit && (size > m->limit || m->size > m->limit - size))
        return dowel_fail(err, DOWEL_E_INVALID, "more than %zu bytes: too much to hold in memory", m->limit);
    if (m->size + size > m->room) {
        size_t room = m->room ? m->room * 2 : 4096;
        while (room < m->size + size) room *= 2;
        /* Not realloc: what it leaves behind may be secret. */
        char *grown = malloc(room);
        if (!grown) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
        if (m->size) memcpy(grown, m->data, m->size);
        if (m->data) OPENSSL_cleanse(m->data, m->room);
        free(m->data);
        m->data = grown;
        m->room = room;
    }
    if (size) memcpy(m->data + m->size, data, size);
    m->size += size;
    return 0;
}

static int memory_restart(void *context, dowel_error *err) {
    (void)err;
    ((memory *)context)->size = 0;
    return 0;
}

static void memory_close(void *context) {
    memory *m = context;
    if (m->data) OPENSSL_cleanse(m->data, m->room);
    free(m->data);
    free(m);
}

static const dowel_sink_ops memory_ops = {memory_write, memory_restart, NULL, memory_close};

dowel_sink *dowel_sink_memory(size_t limit) {
    memory *m = calloc(1, sizeof *m);
    dowel_sink *sink = m ? dowel_sink_new(&memory_ops, m) : NULL;
    if (sink)
        m->limit = limit;
    else
        free(m);
    return sink;
}

dowel_bytes dowel_sink_bytes(const dowel_sink *sink) {
    if (sink->ops != &memory_ops) return (dowel_bytes){NULL, 0};
    const memory *m = sink->context;
    return (dowel_bytes){m->data ? m->data : "", m->size};
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
    if (!sink->ops->restart) return dowel_fail(err, DOWEL_E_IO, "what was written cannot be taken back");
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
