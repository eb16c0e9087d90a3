/* Folders that were made and whose names a loss of power may still take. */
#ifndef DOWEL_FOLDERS_H
#define DOWEL_FOLDERS_H

#include <pthread.h>
#include <stddef.h>

typedef struct dowel_folders {
    pthread_mutex_t flushing; /* held by who flushes: whoever needs the names waits for that */
    pthread_mutex_t lock;     /* guards what follows */
    int *parents;             /* descriptors of the folders that the new ones are in */
    size_t count, room;
} dowel_folders;

void dowel_folders_open(dowel_folders *folders);
void dowel_folders_close(dowel_folders *folders);
/* mkdirat(at, path, 0777), and remembers the name. 0, or -1 and errno. */
int dowel_folders_make(dowel_folders *folders, int at, const char *path);
/* Makes all these names last, also those that another thread has begun with. 0 or errno; they are tried again next time then. */
int dowel_folders_flush(dowel_folders *folders);

#endif
