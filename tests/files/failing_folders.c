/* Put in front of the C library (LD_PRELOAD): the tenth entry of any folder cannot be read. */
#define _GNU_SOURCE /* RTLD_NEXT, dirent64 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

static struct dirent *next(DIR *stream, const char *function) {
    static _Thread_local DIR *current;
    static _Thread_local int count;
    struct dirent *(*real)(DIR *) = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, function);
    if (stream != current) {
        current = stream;
        count = 0;
    }
    if (++count < 10) return real(stream);
    errno = EIO;
    return NULL;
}

__attribute__((visibility("default"))) struct dirent *readdir(DIR *stream) {
    return next(stream, "readdir");
}

__attribute__((visibility("default"))) struct dirent64 *readdir64(DIR *stream) {
    return (struct dirent64 *)next(stream, "readdir64");
}
