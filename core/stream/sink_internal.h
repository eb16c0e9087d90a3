/* Sinks as they are inside: files that are written beside their names until they are whole. */
#ifndef DOWEL_SINK_H
#define DOWEL_SINK_H

#include "folders_internal.h"

#include <dowel/file.h>
#include <dowel/stream.h>

#include <sys/stat.h>

struct dowel_sink {
    const dowel_sink_ops *ops;
    void *context;
    int64_t written;
};

typedef struct dowel_file {
    int fd;
    int direct;       /* the same file, past the page cache; -1 */
    size_t alignment; /* of what is written there; 0: nothing is */
    int folder;       /* that the names are in; AT_FDCWD: they are paths */
    bool committed;
    bool unflushed;         /* it has its name, but the folder could not be flushed */
    bool left;              /* what a killed process left may be in it */
    int64_t modified;       /* the file's time; 0: now */
    dowel_folders *folders; /* that are to last when it does; NULL: none were made for it */
    char *path;             /* for messages */
    char *name;
    char *temporary; /* NULL: written in place (standard output, a device, a pipe) */
} dowel_file;

/* The file that a sink writes beside its name; NULL: it is another kind of sink. */
dowel_file *dowel_sink_file_of(const dowel_sink *sink);
/* Forgets what a killed process left, if that was not done yet. By the first who writes; several threads come only later. */
int dowel_file_begin_empty(dowel_file *f, dowel_error *err);
/* sink_access.c: whether a regular file has the name already. */
bool dowel_file_replaces(const dowel_file *f, struct stat *st);
/* Gives the new file the owner (as root), group, mode and access list of the one that it replaces; nothing where there is none. 0 or errno. */
int dowel_file_keep_access(const dowel_file *f);
/* sink_commit.c: makes the bytes last, gives them the name, and makes that last. */
int dowel_file_commit(dowel_file *f, dowel_error *err);

/* Flushes the whole file system; only where that is known to reach the disk, as fsync does: of a network's or a program's file systems it is not. */
bool dowel_flush_system(int fd);

#endif
