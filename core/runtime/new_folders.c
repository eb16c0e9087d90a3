/* The folders that a handle made, which must outlast a power cut before a file in one of them counts as written. */
#include "handle_internal.h"
#include "sink_internal.h"

#include <errno.h>

int dowel_make_folder(dowel *d, int at, const char *path) {
    return dowel_folders_make(&d->core->folders, at, path);
}

int dowel_flush_folders(dowel *d) {
    errno = dowel_folders_flush(&d->core->folders);
    return errno ? -1 : 0;
}

void dowel_sink_set_folders(dowel_sink *sink, dowel *d) {
    dowel_file *f = dowel_sink_file_of(sink);
    if (f) f->folders = &d->core->folders;
}
