/* Sinks that write files: a reader sees the old file or the complete new one. */
#include "sink_internal.h"
#include "unfinished.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int dowel_file_begin_empty(dowel_file *f, dowel_error *err) {
    if (!f->left) return 0;
    if (ftruncate(f->fd, 0)) return dowel_fail_system(err, DOWEL_E_IO, errno, "cannot write %s", f->path);
    f->left = false;
    return 0;
}

static int file_write(void *context, const void *data, size_t size, dowel_error *err) {
    dowel_file *f = context;
    const char *p = data;
    if (dowel_file_begin_empty(f, err)) return DOWEL_E_IO;
    while (size) {
        ssize_t n = write(f->fd, p, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return dowel_fail_system(err, DOWEL_E_IO, errno, "cannot write %s", f->path);
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

static int file_restart(void *context, dowel_error *err) {
    dowel_file *f = context;
    if (ftruncate(f->fd, 0) || lseek(f->fd, 0, SEEK_SET) < 0)
        return dowel_fail_system(err, DOWEL_E_IO, errno, "cannot restart %s", f->path);
    return 0;
}

static int file_commit(void *context, dowel_error *err) {
    return dowel_file_commit(context, err);
}

static void file_close(void *context) {
    dowel_file *f = context;
    /* Before close() releases the lock: afterwards another process may use the name. */
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
                            stream_ops = {file_write, NULL, NULL, file_close};

/* Whether this process alone writes the file and it still has its name. */
static bool is_ours(const dowel_file *f) {
    struct stat opened, named;
    return !flock(f->fd, LOCK_EX | LOCK_NB) && !fstat(f->fd, &opened) &&
           !fstatat(f->folder, f->temporary, &named, AT_SYMLINK_NOFOLLOW) && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino && S_ISREG(opened.st_mode) && opened.st_nlink == 1 &&
           opened.st_uid == geteuid();
}

static int forget_temporary(dowel_file *f, int why) {
    free(f->temporary);
    f->temporary = NULL;
    return errno = why;
}

/* Opens the temporary file beside `name`. Its name is fixed, so that the next process for the same file takes over what a killed one left; if
 * another process uses it or something else has that name, the name is random. */
static int open_temporary(dowel_file *f) {
    struct stat old;
    bool replaces = dowel_file_replaces(f, &old);
    mode_t mode = replaces ? 0600 : 0666; /* the new content may be as secret as the old */
    f->temporary = dowel_unfinished_name(f->name, false);
    if (!f->temporary) return errno = ENOMEM;
    f->fd = openat(f->folder, f->temporary, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
    if (f->fd >= 0 && is_ours(f) && !(replaces && fchmod(f->fd, mode))) {
        f->left = true;
        return 0;
    }
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
    free(f->temporary);
    f->temporary = dowel_unfinished_name(f->name, true);
    if (!f->temporary) return errno = ENOMEM;
    f->fd = openat(f->folder, f->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (f->fd >= 0) return 0;
    return forget_temporary(f, errno);
}

/* Takes f over. */
static int sink_of(dowel_file *f, dowel_sink **sink, dowel_error *err) {
    if (f->fd < 0) {
        dowel_fail_system(err, DOWEL_E_IO, errno, "cannot write %s", f->path);
        file_close(f);
        return DOWEL_E_IO;
    }
    *sink = dowel_sink_new(f->temporary ? &file_ops : &stream_ops, f);
    if (*sink) return 0;
    file_close(f);
    return dowel_no_memory(err);
}

static dowel_file *new_file(int folder, const char *name, const char *shown) {
    dowel_file *f = calloc(1, sizeof *f);
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

/* In a sticky world-writable folder such as /tmp, only links of the caller and of the folder's owner are followed (as with Linux's
 * protected_symlinks). */
static bool may_follow(const char *path, const struct stat *link) {
    struct stat folder;
    char above[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(above, sizeof above, ".");
    else
        snprintf(above, sizeof above, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (stat(above, &folder)) return false;
    bool shared = folder.st_mode & S_ISVTX && folder.st_mode & S_IWOTH;
    return !shared || link->st_uid == geteuid() || link->st_uid == folder.st_uid;
}

/* The path of the file itself: a symbolic link stays, and its target is replaced. Newly allocated. */
static int follow(const char *path, char **real, dowel_error *err) {
    struct stat st, there;
    char target[256];
    *real = NULL;
    /* /dev/stdout and a shell's >(...) are links to pipes, which have no path. */
    if (lstat(path, &st) || !S_ISLNK(st.st_mode) || (!stat(path, &there) && !S_ISREG(there.st_mode))) {
        *real = strdup(path);
    } else if (!may_follow(path, &st)) {
        return dowel_fail(err, DOWEL_E_REFUSED, "%s is a symbolic link of another user in a world-writable folder",
                          path);
    } else if (!(*real = realpath(path, NULL)) && errno == ENOENT) {
        ssize_t size = readlink(path, target, sizeof target - 1);
        target[size > 0 ? size : 0] = 0;
        dowel_fail(err, DOWEL_E_IO, "%s is a symbolic link to %s, which does not exist", path, target);
        dowel_error_hint(err, "create its target or remove the link; nothing was changed");
        return DOWEL_E_IO;
    } else if (!*real && errno != ENOMEM) {
        return dowel_fail(err, DOWEL_E_IO, "cannot write %s: %s", path, strerror(errno));
    }
    return *real ? 0 : dowel_no_memory(err);
}

int dowel_sink_file(const char *path, dowel_sink **sink, dowel_error *err) {
    struct stat st;
    bool standard = !strcmp(path, "-");
    char *real = NULL;
    int rc = standard ? 0 : follow(path, &real, err);
    if (rc) return rc;
    dowel_file *f = new_file(AT_FDCWD, standard ? path : real, standard ? "standard output" : path);
    free(real);
    if (!f) return dowel_no_memory(err);
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
    dowel_file *f = new_file(folder, name, shown);
    if (!f) {
        close(folder);
        return dowel_no_memory(err);
    }
    f->modified = modified;
    open_temporary(f);
    return sink_of(f, sink, err);
}

void dowel_sink_set_time(dowel_sink *sink, int64_t modified) {
    dowel_file *f = dowel_sink_file_of(sink);
    if (f) f->modified = modified;
}

dowel_file *dowel_sink_file_of(const dowel_sink *sink) {
    return sink->ops == &file_ops ? sink->context : NULL;
}

bool dowel_sink_has_parts(const dowel_sink *sink) {
    return dowel_sink_file_of(sink) != NULL;
}
