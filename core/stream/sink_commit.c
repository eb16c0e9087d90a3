/* Commits files: flushes the bytes, renames, and flushes the folders, so that a power cut leaves no name without its bytes. A flush costs one
 * commit of the disk's journal; many files share one if the file system supports it. */
#define _GNU_SOURCE /* syncfs, sync_file_range */
#include "sink_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

bool dowel_flush_system(int fd) {
#ifdef __linux__
    static const unsigned known[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                                     OVERLAYFS_SUPER_MAGIC};
    struct statfs fs;
    if (fstatfs(fd, &fs)) return false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if ((unsigned)fs.f_type == known[i]) return !syncfs(fd);
#else
    (void)fd;
#endif
    return false;
}

#ifdef __linux__
enum { TOGETHER = 4 }; /* number of files from which flushing the whole file system is cheaper */

static bool on_one_device(dowel_file *const *files, size_t count) {
    struct stat first, other;
    if (fstat(files[0]->fd, &first)) return false;
    for (size_t i = 1; i < count; i++)
        if (fstat(files[i]->fd, &other) || other.st_dev != first.st_dev) return false;
    return true;
}

/* syncfs() may not report write errors of a single file; this does. 0 or errno. */
static int was_written(int fd) {
    if (!sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE)) return 0;
    return errno == ENOSYS && !fsync(fd) ? 0 : errno;
}
#endif

static int prepare(dowel_file *f) {
    int64_t time = f->modified == 1 ? 0 : f->modified; /* the epoch itself, because 0 means "now" */
    int64_t fraction = time % 1000000 + (time % 1000000 < 0 ? 1000000 : 0);
    const struct timespec times[2] = {{0, UTIME_NOW}, {(time_t)((time - fraction) / 1000000), (long)fraction * 1000}};
    if (f->left && ftruncate(f->fd, 0)) return errno;
    f->left = false;
    int why = dowel_file_keep_access(f);
    if (why) return why;
    return f->modified && futimens(f->fd, times) ? errno : 0;
}

/* `why`: 0 or errno for each file; files that failed are skipped. Returns whether the whole file system was flushed. */
static bool flush(dowel_file *const *files, int *why, size_t count) {
#ifdef __linux__
    if (count >= TOGETHER && on_one_device(files, count) && dowel_flush_system(files[0]->fd)) {
        for (size_t i = 0; i < count; i++)
            if (!why[i]) why[i] = was_written(files[i]->fd);
        return true;
    }
    /* Start writeback of all files before waiting for any of them. */
    for (size_t i = 0; i < count && count > 1; i++) (void)sync_file_range(files[i]->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
    for (size_t i = 0; i < count; i++)
        if (!why[i] && fsync(files[i]->fd)) why[i] = errno;
    return false;
}

/* The folder that the name is in: the file's own descriptor, or a new one. */
static int open_folder(const dowel_file *f) {
    if (f->folder != AT_FDCWD) return f->folder;
    return dowel_file_open_folder(AT_FDCWD, f->name);
}

/* Reports names that a power cut may undo. A folder that may be written but not read cannot be flushed, which is not an error. */
static void flush_names(dowel_file *const *files, int *why, size_t count, bool together) {
    struct stat last = {0}, folder = {0};
    bool all = false;
    int last_why = 0;
    for (size_t i = 0, flushed = 0; i < count && !all; i++) {
        if (why[i]) continue;
        int fd = open_folder(files[i]);
        if (fd < 0) {
            if (errno != EACCES && errno != EPERM) why[i] = errno;
            files[i]->unflushed = why[i] != 0;
            continue;
        }
        bool known = count > 1 && !fstat(fd, &folder);
        if (!known || !flushed || folder.st_ino != last.st_ino || folder.st_dev != last.st_dev) {
#ifdef __linux__
            all = together && flushed && dowel_flush_system(fd);
#else
            (void)together;
#endif
            last_why = all ? 0 : dowel_flush_folder(fd);
            flushed++;
            last = folder;
        }
        why[i] = last_why;
        files[i]->unflushed = last_why != 0;
        if (fd != files[i]->folder) close(fd);
    }
}

/* Flushes the folders that any thread made for the files. */
static void flush_folders(dowel_file *const *files, int *why, size_t count) {
    dowel_folders *last = NULL;
    int last_why = 0;
    for (size_t i = 0; i < count; i++) {
        if (why[i] || !files[i]->folders) continue;
        if (files[i]->folders != last) last_why = dowel_folders_flush(files[i]->folders);
        last = files[i]->folders;
        why[i] = last_why;
        files[i]->unflushed = last_why != 0;
    }
}

static void commit(dowel_file *const *files, int *why, size_t count) {
    for (size_t i = 0; i < count; i++) why[i] = prepare(files[i]);
    bool together = flush(files, why, count);
    for (size_t i = 0; i < count; i++) {
        dowel_file *f = files[i];
        if (!why[i] && renameat(f->folder, f->temporary, f->folder, f->name)) why[i] = errno;
        f->committed = !why[i];
    }
    flush_names(files, why, count, together);
    flush_folders(files, why, count);
}

static int failed(const dowel_file *f, int why, dowel_error *err) {
    if (f->unflushed)
        return dowel_fail_system(err, DOWEL_E_IO, why, "%s is written, but its folder cannot be flushed to the disk",
                                 f->path);
    return dowel_fail_system(err, why == EISDIR || why == EEXIST || why == ENOTEMPTY ? DOWEL_E_EXISTS : DOWEL_E_IO, why,
                             "cannot finish %s", f->path);
}

int dowel_file_commit(dowel_file *f, dowel_error *err) {
    int why;
    commit(&f, &why, 1);
    return why ? failed(f, why, err) : 0;
}

int dowel_sink_commit_all(dowel_sink *const *sinks, size_t count, dowel_sink_committed done, void *context,
                          dowel_error *err) {
    dowel_file **files = malloc((count + 1) * sizeof *files);
    int *why = calloc(count + 1, sizeof *why);
    size_t n = 0;
    if (!files || !why) {
        free(files);
        free(why);
        return dowel_no_memory(err);
    }
    for (size_t i = 0; i < count; i++)
        if ((files[n] = dowel_sink_file_of(sinks[i]))) n++;
    if (n) commit(files, why, n);
    n = 0;
    for (size_t i = 0; i < count; i++) {
        dowel_error one;
        const dowel_file *f = dowel_sink_file_of(sinks[i]);
        int rc = !f ? dowel_sink_commit(sinks[i], &one) : why[n] ? failed(f, why[n], &one) : 0;
        if (f) n++;
        done(context, i, rc ? &one : NULL);
    }
    free(files);
    free(why);
    return 0;
}
