/* Reads small files as a whole. */
#include <dowel/file.h>
#include <dowel/text.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_member(gid_t group) {
    gid_t groups[256];
    int count = getgroups(256, groups);
    bool member = group == getegid();
    for (int i = 0; i < count && !member; i++) member = groups[i] == group;
    return member;
}

/* A secret that Kubernetes mounts belongs to root and is readable by the pod's group (0440): that is how the process gets it. The group of
 * a user's own file holds other users. */
static bool others_can_read(const struct stat *st) {
    bool mounted = st->st_uid == 0 && (st->st_mode & 077) == 040 && is_member(st->st_gid);
    return st->st_mode & 077 && !mounted;
}

/* "the key file /etc/key", or only the path. */
static void name_of(const dowel_small_file *file, char name[PATH_MAX]) {
    snprintf(name, PATH_MAX, "%s%s%s%s", file->what ? "the " : "", file->what ? file->what : "", file->what ? " " : "",
             file->path);
}

static int cannot_read(const dowel_small_file *file, int why, dowel_error *err) {
    char name[PATH_MAX];
    name_of(file, name);
    int code = file->code ? file->code : why == ENOENT || why == ENOTDIR ? DOWEL_E_NOT_FOUND : DOWEL_E_IO;
    (void)dowel_fail(err, code, "cannot read %s: %s", name, strerror(why));
    (void)dowel_error_errno(err, why);
    return code;
}

static int refuse(const dowel_small_file *file, const char *why, dowel_error *err) {
    char name[PATH_MAX];
    name_of(file, name);
    return dowel_fail(err, file->code ? file->code : DOWEL_E_INVALID, "%s %s", name, why);
}

static int refuse_size(const dowel_small_file *file, dowel_error *err) {
    char why[64];
    snprintf(why, sizeof why, "is larger than %zu bytes", file->limit);
    return refuse(file, why, err);
}

static int check(const dowel_small_file *file, const struct stat *st, dowel_error *err) {
    char why[80];
    if (S_ISDIR(st->st_mode)) return cannot_read(file, EISDIR, err);
    if ((file->regular || file->secret) && !S_ISREG(st->st_mode)) return refuse(file, "is not a regular file", err);
    if (file->secret && others_can_read(st)) {
        snprintf(why, sizeof why, "can be read by other users (mode %03o)", (unsigned)st->st_mode & 0777);
        int rc = refuse(file, why, err);
        dowel_error_hint(err, "chmod 600 %s (mounted by root: 0440 with a group of this process)", file->path);
        return rc;
    }
    return S_ISREG(st->st_mode) && (uintmax_t)st->st_size > file->limit ? refuse_size(file, err) : 0;
}

static int load(const dowel_small_file *file, int fd, char **text, size_t *size, dowel_error *err) {
    dowel_text all = {.limit = file->limit};
    char piece[4096];
    ssize_t got = 1;
    int why = 0;
    while (got && !why && !all.failed) {
        got = read(fd, piece, sizeof piece);
        if (got > 0) dowel_text_add(&all, piece, (size_t)got);
        if (got < 0 && errno != EINTR) why = errno;
    }
    OPENSSL_cleanse(piece, sizeof piece);
    bool too_large = all.too_long;
    size_t used = all.size;
    if (!why && (*text = dowel_text_take(&all, NULL))) {
        *size = used;
        return 0;
    }
    dowel_text_free(&all);
    return why ? cannot_read(file, why, err) : too_large ? refuse_size(file, err) : dowel_no_memory(err);
}

int dowel_file_load(const dowel_small_file *file, char **text, size_t *size, dowel_error *err) {
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
    if (file->regular || file->secret) flags |= O_NONBLOCK; /* opening a named pipe would wait for a writer */
    if (file->no_follow) flags |= O_NOFOLLOW;
    int fd = open(file->path, flags);
    struct stat st;
    if (fd < 0) return cannot_read(file, errno, err);
    int rc = fstat(fd, &st) ? cannot_read(file, errno, err) : check(file, &st, err);
    if (!rc) rc = load(file, fd, text, size, err);
    close(fd);
    return rc;
}

int dowel_file_read(const char *path, size_t limit, char **text, size_t *size, dowel_error *err) {
    return dowel_file_load(&(dowel_small_file){.path = path, .limit = limit}, text, size, err);
}
