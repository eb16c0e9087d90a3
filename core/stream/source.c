/* Sources: memory, files, and a program's own. */
#include <dowel/stream.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct dowel_source {
    const dowel_source_ops *ops;
    void *context;
    int64_t size;  /* of the window; -1 unknown */
    int64_t start; /* of the window in the whole */
    int64_t left;  /* of the window; -1 unknown */
    bool windowed; /* the window is a part of the whole */
    bool read;     /* since it was opened or sought */
};

dowel_source *dowel_source_new(const dowel_source_ops *ops, void *context, int64_t size) {
    dowel_source *source = calloc(1, sizeof *source);
    if (source) *source = (dowel_source){.ops = ops, .context = context, .size = size, .left = size};
    return source;
}

typedef struct memory {
    const unsigned char *data;
    size_t size, at;
} memory;

static int memory_read(void *context, void *buffer, size_t size, size_t *got, dowel_error *err) {
    (void)err;
    memory *m = context;
    *got = m->size - m->at < size ? m->size - m->at : size;
    if (*got) memcpy(buffer, m->data + m->at, *got);
    m->at += *got;
    return 0;
}

static int memory_seek(void *context, int64_t offset, dowel_error *err) {
    memory *m = context;
    if (offset < 0 || (uint64_t)offset > m->size)
        return dowel_fail(err, DOWEL_E_INTERNAL, "seek past the end of memory");
    m->at = (size_t)offset;
    return 0;
}

static const dowel_source_ops memory_ops = {memory_read, memory_seek, free};

dowel_source *dowel_source_memory(const void *data, size_t size) {
    memory *m = malloc(sizeof *m);
    if (!m) return NULL;
    *m = (memory){data, size, 0};
    dowel_source *source = dowel_source_new(&memory_ops, m, (int64_t)size);
    if (!source) free(m);
    return source;
}

typedef struct file {
    int fd;
    bool owned;
    int64_t size; /* when it was opened */
    struct timespec modified;
    char path[];
} file;

static int file_read(void *context, void *buffer, size_t size, size_t *got, dowel_error *err) {
    file *f = context;
    ssize_t n;
    do n = read(f->fd, buffer, size);
    while (n < 0 && errno == EINTR);
    if (n < 0) return dowel_fail(err, DOWEL_E_IO, "cannot read %s: %s", f->path, strerror(errno));
    *got = (size_t)n;
    return 0;
}

static int file_seek(void *context, int64_t offset, dowel_error *err) {
    file *f = context;
    if (lseek(f->fd, (off_t)offset, SEEK_SET) < 0)
        return dowel_fail(err, DOWEL_E_IO, "cannot seek in %s: %s", f->path, strerror(errno));
    return 0;
}

static void file_close(void *context) {
    file *f = context;
    if (f->owned) close(f->fd);
    free(f);
}

static const dowel_source_ops file_ops = {file_read, file_seek, file_close}, pipe_ops = {file_read, NULL, file_close};

static int from_descriptor(int fd, bool owned, const char *name, dowel_source **source, dowel_error *err) {
    struct stat st;
    if (fstat(fd, &st)) return dowel_fail(err, DOWEL_E_IO, "cannot open %s: %s", name, strerror(errno));
    if (S_ISDIR(st.st_mode)) return dowel_fail(err, DOWEL_E_INVALID, "%s is a folder, not a file", name);
    file *f = malloc(sizeof *f + strlen(name) + 1);
    if (!f) return dowel_no_memory(err);
    /* Redirected input may start in the middle of a file and cannot be rewound to its start. */
    bool regular = S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_CUR) == 0;
    /* Files in /proc have size 0 and are not empty. */
    char byte;
    if (regular && st.st_size == 0 && pread(fd, &byte, 1, 0) > 0) regular = false;
    f->fd = fd;
    f->owned = owned;
    f->size = st.st_size;
    f->modified = st.st_mtim;
    memcpy(f->path, name, strlen(name) + 1);
    *source = dowel_source_new(regular ? &file_ops : &pipe_ops, f, regular ? (int64_t)st.st_size : -1);
    if (*source) return 0;
    free(f);
    return dowel_no_memory(err);
}

int dowel_source_descriptor(int fd, const char *name, dowel_source **source, dowel_error *err) {
    int rc = from_descriptor(fd, true, name, source, err);
    if (rc) close(fd);
    return rc;
}

int dowel_source_file(const char *path, dowel_source **source, dowel_error *err) {
    if (!strcmp(path, "-")) return from_descriptor(STDIN_FILENO, false, "standard input", source, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) return dowel_source_descriptor(fd, path, source, err);
    int why = errno, rc = dowel_fail(err, why == ENOENT || why == ENOTDIR ? DOWEL_E_NOT_FOUND : DOWEL_E_IO,
                                     "cannot open %s: %s", path, strerror(why));
    dowel_error_errno(err, why);
    return rc;
}

void dowel_source_close(dowel_source *source) {
    if (!source) return;
    if (source->ops->close) source->ops->close(source->context);
    free(source);
}

int64_t dowel_source_size(const dowel_source *source) {
    return source->size;
}

bool dowel_source_can_seek(const dowel_source *source) {
    return source->ops->seek != NULL;
}

bool dowel_source_can_restart(const dowel_source *source) {
    return source->ops->seek || !source->read;
}

int dowel_source_window(dowel_source *source, int64_t offset, int64_t size, dowel_error *err) {
    if (!source->ops->seek) return dowel_fail(err, DOWEL_E_INTERNAL, "this source cannot seek");
    source->start = offset;
    source->size = source->left = size;
    source->windowed = true;
    source->read = false;
    return source->ops->seek(source->context, offset, err);
}

static const file *regular_file(const dowel_source *source);

static int read_piece(dowel_source *source, void *buffer, size_t size, size_t *got, dowel_error *err) {
    *got = 0;
    source->read = true;
    int rc = source->ops->read(source->context, buffer, size, got, err);
    if (!rc && *got > size)
        rc = dowel_fail(err, DOWEL_E_INTERNAL, "the source returned %zu bytes when %zu were requested", *got, size);
    if (rc) *got = 0;
    return rc;
}

/* Bytes of two versions of a file must not be mixed. */
static int check_unchanged(const file *f, dowel_error *err) {
    struct stat st;
    if (fstat(f->fd, &st)) return dowel_fail(err, DOWEL_E_IO, "cannot read %s: %s", f->path, strerror(errno));
    if (st.st_size == f->size && st.st_mtim.tv_sec == f->modified.tv_sec && st.st_mtim.tv_nsec == f->modified.tv_nsec)
        return 0;
    int rc = dowel_fail(err, DOWEL_E_CONFLICT, "%s changed while it was read: %lld bytes, then %lld", f->path,
                        (long long)f->size, (long long)st.st_size);
    dowel_error_hint(err, "send it again when no other program writes to it");
    if (err) err->retryable = true;
    return rc;
}

/* Called before the last bytes are returned, so that a wrong object is never sent completely: a program's source may have more bytes than it
 * announced, and a file may have changed. */
static int check_end(dowel_source *source, dowel_error *err) {
    const file *f = regular_file(source);
    char byte;
    size_t more = 0;
    if (f) return check_unchanged(f, err);
    int rc = source->windowed ? 0 : read_piece(source, &byte, 1, &more, err);
    if (rc || !more) return rc;
    return dowel_fail(err, DOWEL_E_IO, "the source has more than the %lld bytes that it announced",
                      (long long)source->size);
}

int dowel_source_read(dowel_source *source, void *buffer, size_t size, size_t *got, dowel_error *err) {
    if (source->left >= 0 && (uint64_t)source->left < size) size = (size_t)source->left;
    *got = 0;
    if (!size) return 0;
    int rc = read_piece(source, buffer, size, got, err);
    if (rc || source->left < 0) return rc;
    if (!*got)
        return dowel_fail(err, DOWEL_E_IO, "the source ended %lld bytes early: did the file shrink?",
                          (long long)source->left);
    source->left -= (int64_t)*got;
    if (!source->left) rc = check_end(source, err);
    if (rc) *got = 0;
    return rc;
}

int dowel_source_fill(dowel_source *source, void *buffer, size_t size, size_t *got, dowel_error *err) {
    *got = 0;
    while (*got < size) {
        size_t n;
        int rc = dowel_source_read(source, (char *)buffer + *got, size - *got, &n, err);
        if (rc) return rc;
        if (!n) break;
        *got += n;
    }
    return 0;
}

int dowel_source_digest(dowel_source *source, dowel_digest *digest, dowel_error *err) {
    enum { PIECE = 1 << 17 };
    char *buffer = malloc(PIECE);
    size_t got = 1;
    int rc = buffer ? 0 : dowel_no_memory(err);
    while (!rc && got) {
        rc = dowel_source_read(source, buffer, PIECE, &got, err);
        if (!rc && digest) dowel_digest_update(digest, buffer, got);
    }
    free(buffer);
    return rc;
}

int dowel_source_rewind(dowel_source *source, dowel_error *err) {
    if (dowel_source_can_restart(source) && !source->ops->seek) return 0;
    if (!source->ops->seek) return dowel_fail(err, DOWEL_E_IO, "the source cannot be read a second time");
    source->left = source->size;
    source->read = false;
    return source->ops->seek(source->context, source->start, err);
}

/* ---- parts ---- */

/* Part of a file, with its own offset, so that several threads can read. */
typedef struct part {
    const file *whole; /* borrowed */
    int64_t offset, at;
} part;

static int part_read(void *context, void *buffer, size_t size, size_t *got, dowel_error *err) {
    part *p = context;
    ssize_t n;
    do n = pread(p->whole->fd, buffer, size, (off_t)(p->offset + p->at));
    while (n < 0 && errno == EINTR);
    if (n < 0) return dowel_fail(err, DOWEL_E_IO, "cannot read %s: %s", p->whole->path, strerror(errno));
    p->at += n;
    *got = (size_t)n;
    return 0;
}

static int part_seek(void *context, int64_t offset, dowel_error *err) {
    (void)err;
    ((part *)context)->at = offset;
    return 0;
}

static const dowel_source_ops part_ops = {part_read, part_seek, free};

static const file *regular_file(const dowel_source *source) {
    return source->ops == &file_ops   ? source->context
           : source->ops == &part_ops ? ((const part *)source->context)->whole
                                      : NULL;
}

bool dowel_source_has_parts(const dowel_source *source) {
    return source->size >= 0 && (source->ops == &file_ops || source->ops == &memory_ops);
}

int dowel_source_part(dowel_source *whole, int64_t offset, int64_t size, dowel_source **source, dowel_error *err) {
    if (!dowel_source_has_parts(whole) || offset < 0 || size < 0 || offset > whole->size - size)
        return dowel_fail(err, DOWEL_E_INTERNAL, "this source has no such part");
    offset += whole->start;
    if (whole->ops == &memory_ops) {
        const memory *m = whole->context;
        *source = dowel_source_memory(m->data ? m->data + offset : NULL, (size_t)size);
    } else {
        part *p = malloc(sizeof *p);
        *source = p ? dowel_source_new(&part_ops, p, size) : NULL;
        if (*source)
            *p = (part){whole->context, offset, 0};
        else
            free(p);
    }
    return *source ? 0 : dowel_no_memory(err);
}
