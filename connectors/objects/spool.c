/* A temporary file of names that end with NUL. */
#include "spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failed(dowel_error *err) {
    return dowel_fail_system(err, DOWEL_E_IO, errno, "cannot write names to a temporary file");
}

/* Creates a file in TMPDIR and unlinks it at once, so that it disappears with the process. */
static FILE *open_nameless(void) {
    const char *folder = getenv("TMPDIR");
    char path[1024];
    if (!folder || !*folder) folder = "/tmp";
    if ((size_t)snprintf(path, sizeof path, "%s/dowel-names-XXXXXX", folder) >= sizeof path) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    int fd = mkstemp(path);
    if (fd < 0) return NULL;
    unlink(path);
    return fdopen(fd, "w+");
}

int dowel_spool_add(dowel_spool *spool, const char *name, dowel_error *err) {
    if (!spool->file && !(spool->file = open_nameless())) return failed(err);
    return fwrite(name, strlen(name) + 1, 1, spool->file) == 1 ? 0 : failed(err);
}

int dowel_spool_rewind(dowel_spool *spool, dowel_error *err) {
    return spool->file && (fflush(spool->file) || fseek(spool->file, 0, SEEK_SET)) ? failed(err) : 0;
}

int dowel_spool_next(dowel_spool *spool, char **name, dowel_error *err) {
    size_t room = 0;
    *name = NULL;
    if (!spool->file) return 0;
    ssize_t size = getdelim(name, &room, 0, spool->file);
    if (size >= 0) return 0;
    free(*name);
    *name = NULL;
    return ferror(spool->file) ? failed(err) : 0;
}

void dowel_spool_close(dowel_spool *spool) {
    if (spool->file) fclose(spool->file);
    spool->file = NULL;
}
