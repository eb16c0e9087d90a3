/* The inside of sinks; files are written under a temporary name until they are complete. */
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
    size_t alignment; /* of direct writes; 0: there are none */
    int folder;       /* the folder of the names; AT_FDCWD: the names are paths */
    bool committed;
    bool unflushed;         /* renamed, but the folder could not be flushed */
    bool left;              /* it may hold what a killed process left */
    int64_t modified;       /* the file's time; 0: now */
    dowel_folders *folders; /* flushed with the file; NULL: none were made for it */
    char *path;             /* for messages */
    char *name;
    char *temporary; /* NULL: written in place (standard output, a device, a pipe) */
} dowel_file;

/* The file of a sink; NULL: the sink is of another kind. */
dowel_file *dowel_sink_file_of(const dowel_sink *sink);
/* Discards what a killed process left, once. Called by the first write, before several threads write parts. */
int dowel_file_begin_empty(dowel_file *f, dowel_error *err);
/* sink_access.c: whether a regular file of that name exists. */
bool dowel_file_replaces(const dowel_file *f, struct stat *st);
/* Gives the new file the owner (as root), group, mode and access list of the file that it replaces, if there is one. 0 or errno. */
int dowel_file_keep_access(const dowel_file *f);
/* sink_commit.c: flushes, renames, flushes the folder. */
int dowel_file_commit(dowel_file *f, dowel_error *err);

/* Flushes the whole file system. False, and nothing is done, on file systems where that is not known to reach the disk as fsync() does (network, FUSE). */
bool dowel_flush_system(int fd);

#endif
