/* New folders whose names a power cut may still undo. */
#ifndef DOWEL_FOLDERS_H
#define DOWEL_FOLDERS_H

#include <pthread.h>
#include <stddef.h>

typedef struct dowel_folders {
    pthread_mutex_t flushing; /* held by the thread that flushes; others wait for it */
    pthread_mutex_t lock;     /* guards the members below */
    int *parents;             /* descriptors of the folders that the new ones are in */
    size_t count, room;
} dowel_folders;

void dowel_folders_open(dowel_folders *folders);
void dowel_folders_close(dowel_folders *folders);
/* mkdirat(at, path, 0777), and remembers the name. 0, or -1 and errno. */
int dowel_folders_make(dowel_folders *folders, int at, const char *path);
/* Flushes all of them, and waits for a flush that another thread has begun. 0, or errno; a failed flush is repeated by the next call. */
int dowel_folders_flush(dowel_folders *folders);

#endif
