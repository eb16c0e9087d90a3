/* Block type "local-file-system": a folder of files; storage for the results of tasks. */
#include "file_system.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const dowel_field fields[] = {
    {DOWEL_AT(dowel_local_folder, basepath), .kind = DOWEL_PATH, .flags = DOWEL_REQUIRED,
     .doc = "Folder of the files. It is created if it is missing.", .example = "/var/lib/results"},
    {DOWEL_AT(dowel_local_folder, follow_links), .kind = DOWEL_BOOL,
     .doc = "Follow symbolic links in the folder when reading. Writing never follows them."},
    {0}};
static const dowel_table table = {"local-file-system", sizeof(dowel_local_folder), fields, NULL};

int dowel_local_failed(dowel_block *block, const char *what, const char *name, int why, dowel_error *err) {
    return dowel_fail_system(err, why == ENOENT ? DOWEL_E_NOT_FOUND : DOWEL_E_IO, why, "%s: cannot %s %s",
                             dowel_block_reference(block), what, name);
}

int dowel_local_check(dowel_block *block, const char *name, dowel_error *err) {
    bool good = *name && strlen(name) < PATH_MAX;
    for (const char *part = name; good && part;) {
        const char *slash = strchr(part, '/');
        size_t length = slash ? (size_t)(slash - part) : strlen(part);
        good = length && length <= NAME_MAX && !(length == 1 && part[0] == '.') &&
               !(length == 2 && part[0] == '.' && part[1] == '.');
        part = slash ? slash + 1 : NULL;
    }
    if (good) return 0;
    return dowel_fail(err, DOWEL_E_INVALID,
                      "%s: \"%.200s\" is not a valid file name: parts must not be empty, . or .., nor too long",
                      dowel_block_reference(block), name);
}

static int make_base(dowel *d, const char *path) {
    char folder[PATH_MAX];
    if ((size_t)snprintf(folder, sizeof folder, "%s/", path) >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (dowel_make_folder(d, AT_FDCWD, folder) && errno != EEXIST) return -1;
        *slash = '/';
    }
    return 0;
}

int dowel_local_open_folder(dowel *d, dowel_block *block, const char *name, dowel_local_use use, const char **file) {
    const dowel_local_folder *fs = dowel_block_data(block);
    bool make = use == DOWEL_LOCAL_WRITE;
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (use == DOWEL_LOCAL_READ && fs->follow_links ? 0 : O_NOFOLLOW);
    int at = open(fs->basepath, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 && errno == ENOENT && make && !make_base(d, fs->basepath))
        at = open(fs->basepath, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *part = name;
    for (const char *slash; at >= 0 && (slash = strchr(part, '/')); part = slash + 1) {
        char step[NAME_MAX + 1];
        snprintf(step, sizeof step, "%.*s", (int)(slash - part), part);
        int next = openat(at, step, flags);
        if (next < 0 && errno == ENOENT && make && (!dowel_make_folder(d, at, step) || errno == EEXIST))
            next = openat(at, step, flags);
        int why = errno;
        close(at);
        errno = why;
        at = next;
    }
    *file = part;
    return at;
}

/* A modification time of exactly the epoch, which some archives record, must not read as "unknown" (0). */
int64_t dowel_local_time(const struct stat *st) {
    int64_t time = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
    return time ? time : 1;
}

/* ---- results of tasks ---- */

static int put(dowel *d, dowel_block *block, const char *key, const void *data, size_t size, dowel_error *err) {
    dowel_sink *sink;
    int rc = dowel_local_objects.sink(d, block, key, NULL, &sink, err);
    if (rc) return rc;
    rc = dowel_sink_write(sink, data, size, err);
    if (!rc) rc = dowel_sink_commit(sink, err);
    dowel_sink_close(sink);
    return rc;
}

static int get(dowel *d, dowel_block *block, const char *key, void **data, size_t *size, dowel_error *err) {
    dowel_source *source;
    int rc = dowel_local_objects.source(d, block, key, &source, NULL, NULL, err);
    if (rc) return rc;
    size_t wanted = (size_t)dowel_source_size(source);
    char *bytes = malloc(wanted ? wanted : 1);
    rc = bytes ? dowel_source_fill(source, bytes, wanted, size, err) : dowel_no_memory(err);
    dowel_source_close(source);
    if (rc)
        free(bytes);
    else
        *data = bytes;
    return rc;
}

static const dowel_storage storage = {put, get};

const dowel_block_type dowel_local_file_system_type = {
    .size = sizeof(dowel_block_type),
    .name = "local-file-system",
    .doc = "A folder on this machine, for files and results of tasks.",
    .table = &table,
    .version = 1,
    .storage = &storage,
    .objects = &dowel_local_objects,
};
