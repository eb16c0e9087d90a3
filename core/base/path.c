/* Paths that mean the same file wherever they are read later: stored paths are absolute. */
#include "path_internal.h"

#include <dowel/fields.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool dowel_working_folder(char folder[PATH_MAX]) {
    struct stat named, here;
    /* A folder that was removed or cannot be reached from the root has no path to store. */
    bool reachable = getcwd(folder, PATH_MAX) && *folder == '/' && !stat(folder, &named) && !stat(".", &here) &&
                     named.st_dev == here.st_dev && named.st_ino == here.st_ino;
    if (!reachable) *folder = 0;
    return reachable;
}

bool dowel_path_is_relative(const char *path) {
    return *path && *path != '/' && strcmp(path, "-") != 0;
}

char *dowel_path_absolute(const char *path, const char *folder) {
    char here[PATH_MAX];
    if (!dowel_path_is_relative(path)) return strdup(path);
    if (!folder && dowel_working_folder(here)) folder = here;
    if (!folder || *folder != '/') return strdup(path);
    while (*path == '.' && path[1] == '/') {
        path += 2;
        while (*path == '/') path++;
    }
    if (!strcmp(path, ".")) path = "";
    size_t length = strlen(folder);
    while (length && folder[length - 1] == '/') length--;
    size_t size = length + strlen(path) + 2;
    char *absolute = malloc(size);
    if (absolute) snprintf(absolute, size, "%.*s%s%s", (int)length, folder, *path || !length ? "/" : "", path);
    return absolute;
}
