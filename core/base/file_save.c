/* Writes small files as a whole, and makes the folders that they are in. */
#include <dowel/file.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int dowel_file_open_folder(int at, const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int size = !slash ? snprintf(folder, sizeof folder, ".")
                      : snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (size >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return openat(at, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int dowel_flush_folder(int fd) {
    if (!fsync(fd) || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS || errno == EROFS) return 0;
    return errno;
}

/* A folder without read permission cannot be flushed, which is not an error. 0 or errno. */
static int flush_folder_of(const char *path) {
    int fd = dowel_file_open_folder(AT_FDCWD, path);
    if (fd < 0) return errno == EACCES || errno == EPERM ? 0 : errno;
    int why = dowel_flush_folder(fd);
    close(fd);
    return why;
}

int dowel_file_folders(const char *path) {
    char folder[PATH_MAX];
    if ((size_t)snprintf(folder, sizeof folder, "%s", path) >= sizeof folder) return ENAMETOOLONG;
    for (char *slash = *folder ? strchr(folder + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
        struct stat st;
        *slash = 0;
        int why = mkdir(folder, 0700) ? errno : 0;
        if (!why) (void)flush_folder_of(folder);
        /* On a read-only file system, mkdir() of a folder that exists may fail with EROFS. */
        if (why && why != EEXIST && stat(folder, &st)) return why;
        *slash = '/';
    }
    return 0;
}

/* 0 or errno. */
static int write_all(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t put = write(fd, data, size);
        if (put < 0 && errno != EINTR) return errno;
        if (put > 0) {
            data += put;
            size -= (size_t)put;
        }
    }
    return fsync(fd) ? errno : 0;
}

/* link() puts a whole file under the name unless another process was first. 0 or errno. */
static int put_in_place(const char *temporary, const char *path, unsigned flags) {
    int failed = flags & DOWEL_FILE_NEW ? link(temporary, path) : rename(temporary, path);
    int why = failed ? errno : 0;
    if (failed || flags & DOWEL_FILE_NEW) unlink(temporary);
    return why;
}

/* 0 or errno. */
static int write_beside(const char *path, const void *data, size_t size, unsigned flags) {
    unsigned char noise[8];
    char temporary[PATH_MAX];
    if (RAND_bytes(noise, sizeof noise) != 1) return EIO;
    int length = snprintf(temporary, sizeof temporary, "%s.%02x%02x%02x%02x%02x%02x%02x%02x", path, noise[0], noise[1],
                          noise[2], noise[3], noise[4], noise[5], noise[6], noise[7]);
    if (length >= PATH_MAX) return ENAMETOOLONG;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    int why = write_all(fd, data, size);
    if (close(fd) && !why) why = errno;
    if (!why) return put_in_place(temporary, path, flags);
    unlink(temporary);
    return why;
}

int dowel_file_save(const char *path, const void *data, size_t size, unsigned flags, bool *written, dowel_error *err) {
    char *real = realpath(path, NULL);
    int why = write_beside(real ? real : path, data, size, flags), unflushed = 0;
    if (!why) unflushed = flush_folder_of(real ? real : path);
    free(real);
    if (written) *written = !why;
    if (why) return dowel_fail_system(err, why == EEXIST ? DOWEL_E_EXISTS : DOWEL_E_IO, why, "cannot write %s", path);
    if (!unflushed) return 0;
    return dowel_fail_system(err, DOWEL_E_IO, unflushed, "%s is written, but its folder cannot be flushed to the disk",
                             path);
}
