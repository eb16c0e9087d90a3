/* Files below a folder: what the files of the connector share. */
#ifndef DOWEL_LOCAL_FILE_SYSTEM_H
#define DOWEL_LOCAL_FILE_SYSTEM_H

#include <dowel/objects.h>
#include <dowel/runtime.h>

#include <sys/stat.h>

typedef struct dowel_local_folder {
    const char *basepath;
    bool follow_links;
} dowel_local_folder;

extern const dowel_block_type dowel_local_file_system_type;
extern const dowel_objects dowel_local_objects;

/* INVALID unless the name is a valid file name that stays below the folder. */
int dowel_local_check(dowel_block *block, const char *name, dowel_error *err);
typedef enum dowel_local_use {
    DOWEL_LOCAL_READ,
    DOWEL_LOCAL_WRITE, /* creates missing folders */
    DOWEL_LOCAL_REMOVE
} dowel_local_use;
/* Opens the folder of a file, whose name is checked. -1 and errno on failure. Symbolic links are never followed for writing and removing: one could lead
 * outside. *file is the last part of the name. `d` is needed only for writing. */
int dowel_local_open_folder(dowel *d, dowel_block *block, const char *name, dowel_local_use use, const char **file);
/* Fails with "local-file-system/results: cannot WHAT NAME: REASON". */
int dowel_local_failed(dowel_block *block, const char *what, const char *name, int why, dowel_error *err);
/* The file's modification time in microseconds since the epoch. Never 0, which means "unknown". */
int64_t dowel_local_time(const struct stat *st);

#endif
