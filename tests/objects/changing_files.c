/* Put in front of the C library (LD_PRELOAD): whenever a file gets its name, the file CHANGING_FILE is written too, as on a file system that takes both
 * names for one. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((visibility("default"))) int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    int (*real)(int, const char *, int, const char *) =
        (int (*)(int, const char *, int, const char *))dlsym(RTLD_NEXT, "renameat");
    int rc = real(from_folder, from, to_folder, to);
    const char *path = getenv("CHANGING_FILE");
    int fd = rc || !path ? -1 : open(path, O_WRONLY | O_TRUNC);
    if (fd >= 0 && write(fd, "changed", 7) != 7) rc = -1;
    if (fd >= 0) close(fd);
    return rc;
}
