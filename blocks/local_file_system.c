/* Block type "local-file-system": keeps bytes as files below one folder. */
#include "types.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct local_file_system {
    const char *basepath;
} local_file_system;

static const dowel_field fields[] = {
    {DOWEL_AT(local_file_system, basepath), .kind = DOWEL_PATH, .flags = DOWEL_REQUIRED,
     .doc = "Folder that everything is kept below; it is made when it is missing.", .example = "/var/lib/results"},
    {0}};
static const dowel_table table = {"local-file-system", sizeof(local_file_system), fields, NULL};

static int failed(dowel_block *block, const char *what, const char *key, int why, dowel_error *err) {
    return dowel_fail(err, why == ENOENT ? DOWEL_E_NOT_FOUND : DOWEL_E_IO, "%s: cannot %s %s: %s",
                      dowel_block_reference(block), what, key, strerror(why));
}

static int check_key(dowel_block *block, const char *key, dowel_error *err) {
    bool good = *key && strlen(key) < PATH_MAX;
    for (const char *part = key; good && part;) {
        const char *slash = strchr(part, '/');
        size_t length = slash ? (size_t)(slash - part) : strlen(part);
        good = length && length < NAME_MAX - 20 && !(length == 1 && part[0] == '.') &&
               !(length == 2 && part[0] == '.' && part[1] == '.');
        part = slash ? slash + 1 : NULL;
    }
    if (good) return 0;
    return dowel_fail(err, DOWEL_E_INVALID, "%s: key \"%.200s\" does not stay below the folder",
                      dowel_block_reference(block), key);
}

static int make_base(const char *path) {
    char folder[PATH_MAX];
    if ((size_t)snprintf(folder, sizeof folder, "%s/", path) >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(folder, 0777) && errno != EEXIST) return -1;
        *slash = '/';
    }
    return 0;
}

/* The folder that a key's file is in. Each step refuses symbolic links: one could lead outside. */
static int open_folder(dowel_block *block, const char *key, bool make, const char **file) {
    const local_file_system *fs = dowel_block_data(block);
    if (make && make_base(fs->basepath)) return -1;
    int at = open(fs->basepath, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *part = key;
    for (const char *slash; at >= 0 && (slash = strchr(part, '/')); part = slash + 1) {
        char name[NAME_MAX + 1];
        snprintf(name, sizeof name, "%.*s", (int)(slash - part), part);
        int next = make && mkdirat(at, name, 0777) && errno != EEXIST
                       ? -1
                       : openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int why = errno;
        close(at);
        errno = why;
        at = next;
    }
    *file = part;
    return at;
}

static int write_all(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        data += n;
        size -= (size_t)n;
    }
    return fsync(fd);
}

static int put(dowel *d, dowel_block *block, const char *key, const void *data, size_t size, dowel_error *err) {
    (void)d;
    unsigned char noise[6];
    const char *file;
    char temporary[NAME_MAX + 1];
    int rc = check_key(block, key, err);
    if (rc) return rc;
    if (RAND_bytes(noise, sizeof noise) != 1) return dowel_fail(err, DOWEL_E_INTERNAL, "no random numbers");
    int folder = open_folder(block, key, true, &file);
    if (folder < 0) return failed(block, "write", key, errno == ENOENT ? EIO : errno, err);
    snprintf(temporary, sizeof temporary, ".%s.%02x%02x%02x%02x%02x%02x", file, noise[0], noise[1], noise[2], noise[3],
             noise[4], noise[5]);
    int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), why = errno;
    bool good = fd >= 0;
    if (good) {
        good = !write_all(fd, data, size);
        why = errno;
        if (close(fd) && good) {
            good = false;
            why = errno;
        }
        if (good && renameat(folder, temporary, folder, file)) {
            good = false;
            why = errno;
        }
        if (!good) unlinkat(folder, temporary, 0);
        /* The new name is on disk only after the folder is. */
        if (good && fsync(folder) && errno != EINVAL) {
            good = false;
            why = errno;
        }
    }
    close(folder);
    return good ? 0 : failed(block, "write", key, why, err);
}

static int get(dowel *d, dowel_block *block, const char *key, void **data, size_t *size, dowel_error *err) {
    (void)d;
    const char *file;
    struct stat st;
    int rc = check_key(block, key, err);
    if (rc) return rc;
    int folder = open_folder(block, key, false, &file);
    if (folder < 0) return failed(block, "read", key, errno, err);
    int fd = openat(folder, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), why = errno;
    close(folder);
    if (fd < 0) return failed(block, "read", key, why, err);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return dowel_fail(err, DOWEL_E_IO, "%s: %s is not a file", dowel_block_reference(block), key);
    }
    size_t wanted = (size_t)st.st_size, got = 0;
    char *bytes = malloc(wanted ? wanted : 1);
    ssize_t n = 1;
    while (bytes && got < wanted && (n = read(fd, bytes + got, wanted - got)) != 0) {
        if (n < 0 && errno != EINTR) break;
        if (n > 0) got += (size_t)n;
    }
    why = errno;
    close(fd);
    if (bytes && got == wanted) {
        *data = bytes;
        *size = got;
        return 0;
    }
    free(bytes);
    if (!bytes) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    return n < 0 ? failed(block, "read", key, why, err)
                 : dowel_fail(err, DOWEL_E_CONFLICT, "%s: %s changed while it was read", dowel_block_reference(block),
                              key);
}

static const dowel_storage storage = {put, get};

const dowel_block_type dowel_local_file_system_type = {
    .size = sizeof(dowel_block_type),
    .name = "local-file-system",
    .doc = "A folder on this machine that results can be kept in.",
    .table = &table,
    .version = 1,
    .storage = &storage,
};
