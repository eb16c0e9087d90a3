/* Put in front of the C library (LD_PRELOAD): writes down each opening of a file whose name has $COUNTED_OPENS_OF in it. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*opener)(const char *, int, ...);

static void note(const char *path) {
    const char *of = getenv("COUNTED_OPENS_OF"), *log = getenv("COUNTED_OPENS");
    if (!of || !log || !strstr(path, of)) return;
    int fd = ((opener)dlsym(RTLD_NEXT, "open"))(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    char line[4096];
    size_t size = strlen(path) < sizeof line - 1 ? strlen(path) : sizeof line - 1;
    memcpy(line, path, size);
    line[size] = '\n';
    if (fd < 0 || write(fd, line, size + 1) < 0) abort();
    close(fd);
}

#define OPEN(name)                                                                                                     \
    __attribute__((visibility("default"))) int name(const char *path, int flags, ...) {                                \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        note(path);                                                                                                    \
        return ((opener)dlsym(RTLD_NEXT, #name))(path, flags, mode);                                                   \
    }

OPEN(open)
OPEN(open64)
