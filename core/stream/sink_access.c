/* Permissions of a file that replaces another: the new file grants no more than the old one. */
#include "sink_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <stdlib.h>
#include <sys/xattr.h>
#endif

bool dowel_file_replaces(const dowel_file *f, struct stat *st) {
    return !fstatat(f->folder, f->name, st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st->st_mode);
}

#ifdef __linux__
#define ACL "system.posix_acl_access"

/* Copies the access list of the old file, or removes the list that the folder's default added. -1: the old list cannot be read. */
static int copy_list(const dowel_file *f) {
    int fd = openat(f->folder, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    char *list = NULL;
    ssize_t size = fd < 0 ? -1 : fgetxattr(fd, ACL, NULL, 0);
    bool none = fd >= 0 && size < 0 && (errno == ENODATA || errno == EOPNOTSUPP);
    if (size > 0 && (list = malloc((size_t)size))) size = fgetxattr(fd, ACL, list, (size_t)size);
    int failed = none               ? fremovexattr(f->fd, ACL) && errno != ENODATA && errno != EOPNOTSUPP
                 : size > 0 && list ? fsetxattr(f->fd, ACL, list, (size_t)size, 0)
                                    : -1;
    free(list);
    if (fd >= 0) close(fd);
    return failed ? -1 : 0;
}
#else
static int copy_list(const dowel_file *f) {
    (void)f;
    return 0;
}
#endif

int dowel_file_keep_access(const dowel_file *f) {
    struct stat old, now;
    if (!dowel_file_replaces(f, &old)) return 0;
    if (fstat(f->fd, &now)) return errno;
    /* Only root can give a file away; a group can be kept by its members. */
    bool owner = old.st_uid == now.st_uid || !fchown(f->fd, old.st_uid, (gid_t)-1);
    bool group = old.st_gid == now.st_gid || !fchown(f->fd, (uid_t)-1, old.st_gid);
    (void)owner;
    mode_t mode = old.st_mode & 0777;
    if (copy_list(f) || !group) mode &= ~(mode_t)070 | (mode & 07) << 3; /* another group gets what everybody has */
    return fchmod(f->fd, mode) ? errno : 0;
}
