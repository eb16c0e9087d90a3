/* A new folder survives a power cut once the folder it is in was flushed. The flushes are done together, before a file in one of the folders counts as
 * written: each costs one commit of the disk's journal. */
#include "folders_internal.h"

#include "sink_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TOGETHER = 4
}; /* number of folders from which the whole file system is flushed, if that is known to reach the disk */

void dowel_folders_open(dowel_folders *folders) {
    *folders = (dowel_folders){.count = 0};
    pthread_mutex_init(&folders->flushing, NULL);
    pthread_mutex_init(&folders->lock, NULL);
}

static void close_all(const int *parents, size_t count) {
    for (size_t i = 0; i < count; i++) close(parents[i]);
}

void dowel_folders_close(dowel_folders *folders) {
    close_all(folders->parents, folders->count);
    free(folders->parents);
    pthread_mutex_destroy(&folders->flushing);
    pthread_mutex_destroy(&folders->lock);
}

static bool are_one(int one, int other) {
    struct stat a, b;
    return !fstat(one, &a) && !fstat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Takes the descriptor over. The lock is held. 0 or errno. */
static int add(dowel_folders *folders, int parent) {
    assert(parent >= 0 && folders->count <= folders->room);
    for (size_t i = 0; i < folders->count; i++)
        if (are_one(folders->parents[i], parent)) return close(parent) ? errno : 0;
    if (folders->count == folders->room) {
        size_t room = folders->room ? folders->room * 2 : 16;
        int *more = realloc(folders->parents, room * sizeof *more);
        if (!more) {
            int why = dowel_flush_folder(parent);
            close(parent);
            return why;
        }
        folders->parents = more;
        folders->room = room;
    }
    folders->parents[folders->count++] = parent;
    return 0;
}

int dowel_folders_make(dowel_folders *folders, int at, const char *path) {
    /* Held during mkdir(): a thread that finds the folder must also find that it is not flushed. */
    pthread_mutex_lock(&folders->lock);
    int why = mkdirat(at, path, 0777) ? errno : 0;
    if (!why) {
        int parent = dowel_file_open_folder(at, path);
        /* A folder that may be written but not read cannot be flushed. */
        if (parent >= 0)
            why = add(folders, parent);
        else if (errno != EACCES && errno != EPERM)
            why = errno;
    }
    pthread_mutex_unlock(&folders->lock);
    errno = why;
    return why ? -1 : 0;
}

/* Flushes `count` folders. Those that failed are moved to the front; *left is their number. 0 or errno. */
static int flush_all(int *parents, size_t count, size_t *left) {
    int failed = 0;
    bool together = count >= TOGETHER && dowel_flush_system(parents[0]);
    struct stat first, other;
    *left = 0;
    if (together && fstat(parents[0], &first)) together = false;
    for (size_t i = 0; i < count; i++) {
        bool flushed = together && !fstat(parents[i], &other) && other.st_dev == first.st_dev;
        int why = flushed ? 0 : dowel_flush_folder(parents[i]);
        if (why) {
            failed = why;
            parents[(*left)++] = parents[i];
        } else {
            close(parents[i]);
        }
    }
    return failed;
}

int dowel_folders_flush(dowel_folders *folders) {
    pthread_mutex_lock(&folders->flushing);
    pthread_mutex_lock(&folders->lock);
    int *parents = folders->parents, failed;
    size_t count = folders->count, left = 0;
    folders->parents = NULL;
    folders->count = folders->room = 0;
    pthread_mutex_unlock(&folders->lock);
    failed = flush_all(parents, count, &left);
    if (left) {
        pthread_mutex_lock(&folders->lock);
        for (size_t i = 0; i < left; i++) (void)add(folders, parents[i]);
        pthread_mutex_unlock(&folders->lock);
    }
    free(parents);
    pthread_mutex_unlock(&folders->flushing);
    return failed;
}
