/* Files as dowel_objects (dowel/objects.h): operations on single files. The listing is in walk.c. */
#define _GNU_SOURCE /* statx */

#include "copy.h"
#include "file_system.h"
#include "walk.h"

#include <dowel/buckets.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens a regular file for reading and fills `st`. */
static int open_file(dowel_block *block, const char *name, struct stat *st, int *fd, dowel_error *err) {
    const dowel_local_folder *fs = dowel_block_data(block);
    const char *file;
    int rc = dowel_local_check(block, name, err);
    if (rc) return rc;
    int folder = dowel_local_open_folder(NULL, block, name, DOWEL_LOCAL_READ, &file);
    *fd = -1;
    *st = (struct stat){.st_mode = 0};
    if (folder < 0) return dowel_local_failed(block, "read", name, errno == ENOTDIR ? ENOENT : errno, err);
    /* O_NONBLOCK: do not wait for the other end of a pipe. */
    *fd = openat(folder, file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | (fs->follow_links ? 0 : O_NOFOLLOW));
    int why = errno;
    close(folder);
    if (*fd < 0 && why == ELOOP)
        return dowel_fail(err, DOWEL_E_IO, "%s: %s is a symbolic link", dowel_block_reference(block), name);
    if (*fd < 0) return dowel_local_failed(block, "read", name, why, err);
    if (fstat(*fd, st)) {
        why = errno;
        close(*fd);
        return dowel_local_failed(block, "read", name, why, err);
    }
    if (S_ISREG(st->st_mode)) return 0;
    close(*fd);
    return dowel_fail(err, S_ISDIR(st->st_mode) ? DOWEL_E_NOT_FOUND : DOWEL_E_IO, "%s: %s is %s, not a file",
                      dowel_block_reference(block), name, S_ISDIR(st->st_mode) ? "a folder" : "a device or a pipe");
}

/* When the file was created. On a file system that does not tell, when it was last changed in any way. */
static int64_t created(int fd, const struct stat *file) {
    int64_t time = file->st_ctim.tv_sec * 1000000 + file->st_ctim.tv_nsec / 1000;
#ifdef STATX_BTIME
    struct statx st;
    if (!statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) && (st.stx_mask & STATX_BTIME))
        time = st.stx_btime.tv_sec * 1000000 + st.stx_btime.tv_nsec / 1000;
#else
    (void)fd;
#endif
    return time;
}

static int tell(const char *name, int fd, const struct stat *st, dowel_object_visitor visit, void *context,
                dowel_error *err) {
    const dowel_object object = {.name = name,
                                 .created = created(fd, st),
                                 .is_current = true,
                                 .size = st->st_size,
                                 .modified = dowel_local_time(st),
                                 .own_time = true,
                                 .content_type = dowel_content_type(name)};
    int rc = visit ? visit(context, &object, err) : 0;
    return rc < 0 ? rc : 0;
}

static int stat_file(dowel *d, dowel_block *block, const char *name, const char *version, dowel_object_visitor visit,
                     void *context, dowel_error *err) {
    (void)d, (void)version;
    struct stat st;
    int fd, rc = open_file(block, name, &st, &fd, err);
    if (rc) return rc;
    rc = tell(name, fd, &st, visit, context, err);
    close(fd);
    return rc;
}

static int source(dowel *d, dowel_block *block, const char *name, dowel_source **made, dowel_object_visitor visit,
                  void *context, dowel_error *err) {
    (void)d;
    struct stat st;
    char shown[512];
    int fd, rc = open_file(block, name, &st, &fd, err);
    if (rc) return rc;
    snprintf(shown, sizeof shown, "%s/%s", ((const dowel_local_folder *)dowel_block_data(block))->basepath, name);
    rc = dowel_source_descriptor(fd, shown, made, err);
    if (!rc) rc = tell(name, fd, &st, visit, context, err);
    if (rc) dowel_source_close(*made);
    return rc;
}

static int check_new(dowel_block *block, const char *name, dowel_error *err) {
    int rc = dowel_local_check(block, name, err);
    if (!rc && dowel_is_unfinished(name))
        rc = dowel_fail(err, DOWEL_E_INVALID, "%s: \"%.200s\": dowel reserves names of this form for unfinished files",
                        dowel_block_reference(block), name);
    return rc;
}

static bool is_named(const dowel_object_put_options *options) {
    return options && options->size >= offsetof(dowel_object_put_options, named) + sizeof options->named &&
           options->named;
}

/* Whether a link leads out of the folder. A saved folder limits where dowel writes; a path on the command line does not. */
static bool leads_outside(dowel_block *block, const char *path) {
    char *base = realpath(((const dowel_local_folder *)dowel_block_data(block))->basepath, NULL),
         *target = realpath(path, NULL);
    size_t length = base ? strlen(base) : 0;
    while (length && base[length - 1] == '/') length--;
    bool outside = base && target && (strncmp(target, base, length) != 0 || target[length] != '/');
    free(base);
    free(target);
    return outside;
}

/* When a tree is copied, a link is left alone: its target may lie outside, or be another object of the tree. */
static int sink_of_link(dowel_block *block, const char *name, const char *shown,
                        const dowel_object_put_options *options, dowel_sink **made, dowel_error *err) {
    if (!is_named(options)) {
        dowel_fail(err, DOWEL_E_EXISTS, "%s: %s is a symbolic link, which is neither followed nor replaced",
                   dowel_block_reference(block), name);
        dowel_error_hint(err, "remove the link, or copy this object on its own to write to the link's target");
        return DOWEL_E_EXISTS;
    }
    if (dowel_block_name(block) && leads_outside(block, shown))
        return dowel_fail(err, DOWEL_E_REFUSED, "%s: %s is a symbolic link that leads out of the folder",
                          dowel_block_reference(block), name);
    int rc = dowel_sink_file(shown, made, err);
    if (!rc && options->modified) dowel_sink_set_time(*made, options->modified);
    return rc;
}

static int sink(dowel *d, dowel_block *block, const char *name, const dowel_object_put_options *options,
                dowel_sink **made, dowel_error *err) {
    const char *file;
    char shown[PATH_MAX + NAME_MAX];
    struct stat st;
    int rc = check_new(block, name, err);
    if (rc) return rc;
    int folder = dowel_local_open_folder(d, block, name, DOWEL_LOCAL_WRITE, &file);
    if (folder < 0 && (errno == ENOTDIR || errno == ELOOP || errno == EEXIST))
        return dowel_fail(err, DOWEL_E_EXISTS,
                          "%s: cannot write %s: one of the folders in its path is a file or a link",
                          dowel_block_reference(block), name);
    if (folder < 0) return dowel_local_failed(block, "write", name, errno == ENOENT ? EIO : errno, err);
    bool there = !fstatat(folder, file, &st, AT_SYMLINK_NOFOLLOW);
    if (there && (S_ISDIR(st.st_mode) || (options && options->if_absent))) {
        close(folder);
        return S_ISDIR(st.st_mode)
                   ? dowel_fail(err, DOWEL_E_EXISTS, "%s: %s is a folder", dowel_block_reference(block), name)
                   : dowel_fail(err, DOWEL_E_CONFLICT, "%s: %s exists already", dowel_block_reference(block), name);
    }
    int length =
        snprintf(shown, sizeof shown, "%s/%s", ((const dowel_local_folder *)dowel_block_data(block))->basepath, name);
    if (there && S_ISLNK(st.st_mode) && length < (int)sizeof shown) {
        close(folder);
        return sink_of_link(block, name, shown, options, made, err);
    }
    rc = dowel_sink_file_in(folder, file, shown, options ? options->modified : 0, made, err);
    if (!rc) dowel_sink_set_folders(*made, d);
    return rc;
}

static int make_folder(dowel *d, dowel_block *block, const char *name, dowel_error *err) {
    const char *rest;
    size_t length = strlen(name);
    char *checked = length ? strndup(name, length - 1) : NULL;
    int rc = !length ? 0 : !checked ? dowel_no_memory(err) : dowel_local_check(block, checked, err);
    free(checked);
    if (rc) return rc;
    int folder = dowel_local_open_folder(d, block, name, DOWEL_LOCAL_WRITE, &rest);
    if (folder < 0 && (errno == ENOTDIR || errno == ELOOP || errno == EEXIST))
        return dowel_fail(err, DOWEL_E_EXISTS, "%s: cannot create the folder %s: a file or a link has this name",
                          dowel_block_reference(block), name);
    if (folder < 0) return dowel_local_failed(block, "create the folder", name, errno == ENOENT ? EIO : errno, err);
    close(folder);
    return dowel_flush_folders(d) ? dowel_local_failed(block, "flush the folder above", name, errno, err) : 0;
}

/* Copies a source into a sink. */
static int pour(dowel *d, dowel_source *from, dowel_sink *to, dowel_error *err) {
    enum { PIECE = 1 << 18 };
    char *buffer = malloc(PIECE);
    size_t got = 0;
    int rc = buffer ? 0 : dowel_no_memory(err);
    while (!rc) {
        rc = dowel_check(d, err);
        if (!rc) rc = dowel_source_read(from, buffer, PIECE, &got, err);
        if (rc || !got) break;
        rc = dowel_sink_write(to, buffer, got, err);
        if (!rc) dowel_progress(d, dowel_sink_written(to), dowel_source_size(from));
    }
    free(buffer);
    return rc;
}

/* Copies file to file; 1: not possible, copy through the sink. */
static int get_file(dowel *d, dowel_block *block, const char *name, dowel_sink *to, dowel_error *err) {
    int into = dowel_sink_has_parts(to) ? dowel_sink_descriptor(to) : -1, from;
    struct stat st;
    if (into < 0) return 1;
    int rc = open_file(block, name, &st, &from, err);
    if (rc) return rc;
    /* Files in /proc and /sys have size 0 but content. */
    rc = st.st_size ? dowel_local_copy(d, name, from, &st, into, err) : 1;
    close(from);
    return rc;
}

static int get(dowel *d, dowel_block *block, const char *name, const char *version, const dowel_object_parts *parts,
               dowel_sink *to, dowel_error *err) {
    (void)version, (void)parts;
    dowel_source *from = NULL;
    int copied = get_file(d, block, name, to, err);
    if (copied <= 0) return copied;
    int rc = source(d, block, name, &from, NULL, NULL, err);
    if (rc) return rc;
    rc = pour(d, from, to, err);
    dowel_source_close(from);
    return rc;
}

static int put(dowel *d, dowel_block *block, const char *name, dowel_source *from,
               const dowel_object_put_options *options, dowel_object_visitor visit, void *context, dowel_error *err) {
    dowel_sink *to = NULL;
    int rc = sink(d, block, name, options, &to, err);
    if (rc) return rc;
    rc = pour(d, from, to, err);
    if (!rc) rc = dowel_sink_commit(to, err);
    dowel_sink_close(to);
    return rc || !visit ? rc : stat_file(d, block, name, NULL, visit, context, err);
}

/* Removes folders that became empty. */
static void remove_empty(dowel_block *block, const char *name) {
    char *path = strdup(name);
    for (char *slash; path && (slash = strrchr(path, '/'));) {
        const char *last;
        *slash = 0;
        int folder = dowel_local_open_folder(NULL, block, path, DOWEL_LOCAL_REMOVE, &last);
        if (folder < 0) break;
        int rc = unlinkat(folder, last, AT_REMOVEDIR);
        close(folder);
        if (rc) break;
    }
    free(path);
}

/* Whether the file is reached through a symbolic link. */
static bool is_behind_link(dowel_block *block, const char *name) {
    const char *file;
    int folder = dowel_local_open_folder(NULL, block, name, DOWEL_LOCAL_READ, &file);
    if (folder >= 0) close(folder);
    return folder >= 0;
}

static int remove_one(dowel_block *block, const char *name, dowel_error *err) {
    const char *file;
    int rc = dowel_local_check(block, name, err);
    if (rc) return rc;
    int folder = dowel_local_open_folder(NULL, block, name, DOWEL_LOCAL_REMOVE, &file);
    if (folder < 0 && (errno == ENOTDIR || errno == ELOOP) && is_behind_link(block, name))
        return dowel_fail(err, DOWEL_E_REFUSED,
                          "%s: %s is reached through a symbolic link, and is not removed through it",
                          dowel_block_reference(block), name);
    if (folder < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : dowel_local_failed(block, "remove", name, errno, err);
    rc = unlinkat(folder, file, 0) && errno != ENOENT ? dowel_local_failed(block, "remove", name, errno, err) : 0;
    close(folder);
    if (!rc) remove_empty(block, name);
    return rc;
}

static int remove_all(dowel *d, dowel_block *block, const char *const *names, size_t count,
                      void (*failed)(void *context, const char *name, const dowel_error *why), void *context,
                      dowel_error *err) {
    dowel_removal removal;
    dowel_removal_begin(&removal, failed, context);
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) {
        dowel_error why;
        rc = dowel_check(d, err);
        if (!rc && remove_one(block, names[i], &why)) dowel_removal_fail(&removal, names[i], &why);
    }
    return dowel_removal_end(&removal, rc, err);
}

const dowel_objects dowel_local_objects = {.size = sizeof(dowel_objects),
                                           .scheme = "file",
                                           .place = "basepath",
                                           .list = dowel_local_list,
                                           .stat = stat_file,
                                           .get = get,
                                           .put = put,
                                           .remove = remove_all,
                                           .check_name = check_new,
                                           .source = source,
                                           .sink = sink,
                                           .make_folder = make_folder};
