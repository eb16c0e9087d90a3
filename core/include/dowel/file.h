/* dowel/file.h: small files, read and written as a whole. For modules of dowel and its command, not for programs. */
#ifndef DOWEL_FILE_H
#define DOWEL_FILE_H

#include <dowel/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which file to read, and what must be true of it. */
typedef struct dowel_small_file {
    const char *path;
    const char *what; /* what messages call it: "key file"; NULL: only its path */
    int code; /* code of every failure except NO_MEMORY; 0: NOT_FOUND, INVALID (a requirement does not hold) or IO */
    size_t limit;   /* a larger file is refused */
    bool regular;   /* pipes and devices are refused; opening never blocks */
    bool no_follow; /* a symbolic link is refused */
    bool
        secret; /* a file that other users can read is refused (regular files only). A file of root's that only a group of this process
                         can read, as Kubernetes mounts secrets, is not. */
} dowel_small_file;

/* *text is newly allocated and followed by a NUL that *size does not count; free it with dowel_wipe_bytes() if it holds secrets. On failure
 * nothing that was read stays in memory. */
DOWEL_API int dowel_file_load(const dowel_small_file *file, char **text, size_t *size, dowel_error *err);
/* The same for any kind of file, without requirements. */
DOWEL_API int dowel_file_read(const char *path, size_t limit, char **text, size_t *size, dowel_error *err);

#define DOWEL_FILE_NEW 1u /* an existing file is not replaced: EXISTS */

/* Writes a file for its owner alone (0600) so that readers see the old content or the new one, also after a power cut: beside it, flushed, renamed, and
 * then the folder is flushed. A symbolic link stays, and the file it leads to is replaced. On failure the old content is there, unless `*written`
 * (may be NULL) is true: then the new content is, but a power cut may undo that. */
DOWEL_API int dowel_file_save(const char *path, const void *data, size_t size, unsigned flags, bool *written,
                              dowel_error *err);

/* Makes the folders above `path` that are missing, for the user alone (0700), and flushes the folder that each is in. Returns 0 or errno. */
DOWEL_API int dowel_file_folders(const char *path);

/* Opens the folder that `path`, relative to `at` (AT_FDCWD: this process's folder), is in. -1 and errno. */
int dowel_file_open_folder(int at, const char *path);
/* Flushes a folder, so that the names in it outlast a power cut. 0 or errno; 0 also on file systems that flush no folders and say so. */
int dowel_flush_folder(int fd);

#ifdef __cplusplus
}
#endif
#endif
