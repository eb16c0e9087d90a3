/* Put in front of the C library (LD_PRELOAD): WATCHED_FLUSHES names a file that gets a line for each flush and each new name of a file or folder, in order. A file
 * whose name holds "unwritable" cannot be flushed; FAILING_SYNCFS: nor can the whole file system; FAILING_FOLDERS: a flush of a folder gives this errno; FAILING_FOLDER: this folder cannot be flushed. */
#define _GNU_SOURCE /* syncfs, renameat2 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void note(const char *what, const char *path, const char *more) {
    char line[2 * PATH_MAX + 64];
    int size = snprintf(line, sizeof line, "%s %s%s%s\n", what, path, *more ? "/" : "", more);
    int to = open(getenv("WATCHED_FLUSHES"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (to < 0 || write(to, line, (size_t)size) != size) abort();
    close(to);
}

static const char *path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = fd == AT_FDCWD ? -1 : readlink(link, path, PATH_MAX - 1);
    path[size < 0 ? 0 : size] = 0;
    return path;
}

static const char *path_in(int folder, const char *name, char *path) {
    if (folder == AT_FDCWD || *name == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else {
        path_of(folder, path);
        size_t used = strlen(path);
        snprintf(path + used, PATH_MAX - used, "/%s", name);
    }
    return path;
}

static int unwritable(const char *path) {
    struct stat st;
    if (getenv("FAILING_FOLDERS") && !stat(path, &st) && S_ISDIR(st.st_mode)) {
        errno = atoi(getenv("FAILING_FOLDERS"));
        return 1;
    }
    if (!strstr(path, "unwritable") && !(getenv("FAILING_FOLDER") && !strcmp(path, getenv("FAILING_FOLDER")))) return 0;
    errno = EIO;
    return 1;
}

__attribute__((visibility("default"))) int fsync(int fd) {
    char path[PATH_MAX];
    if (unwritable(path_of(fd, path))) return -1;
    note("fsync", path, "");
    return (int)syscall(SYS_fsync, fd);
}

__attribute__((visibility("default"))) int syncfs(int fd) {
    if (getenv("FAILING_SYNCFS")) {
        errno = EIO;
        return -1;
    }
    /* What is written from now on is not in it. */
    note("syncfs", "", "");
    return (int)syscall(SYS_syncfs, fd);
}

__attribute__((visibility("default"))) int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
    char path[PATH_MAX];
    if (flags & SYNC_FILE_RANGE_WAIT_BEFORE) {
        if (unwritable(path_of(fd, path))) return -1;
        note("looked", path, "");
    }
    return (int)syscall(SYS_sync_file_range, fd, offset, size, flags);
}

__attribute__((visibility("default"))) ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    char path[PATH_MAX];
    note("wrote", path_of(fd, path), "");
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    return pwrite64(fd, data, size, offset);
}

__attribute__((visibility("default"))) int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    char path[PATH_MAX];
    note("renamed", path_of(from_folder, path), from);
    return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

static int made(int folder, const char *name, mode_t mode) {
    char path[PATH_MAX], whole[PATH_MAX];
    int rc = (int)syscall(SYS_mkdirat, folder, name, mode);
    if (!rc) note("made", realpath(path_in(folder, name, path), whole) ? whole : path, "");
    return rc;
}

__attribute__((visibility("default"))) int mkdirat(int folder, const char *name, mode_t mode) {
    return made(folder, name, mode);
}

__attribute__((visibility("default"))) int mkdir(const char *name, mode_t mode) {
    return made(AT_FDCWD, name, mode);
}

__attribute__((visibility("default"))) ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at,
                                                               size_t size, unsigned flags) {
    char path[PATH_MAX];
    note("wrote", path_of(out, path), "");
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, size, flags);
}
