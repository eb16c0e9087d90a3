/* Files below a folder, in the byte order of their whole names: as objects are listed. What is held is the names of the folders that are
 * open, not those of everything. */
#include "local_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct walk {
    dowel *d;
    dowel_block *block;
    const dowel_objects_query *query;
    const char *prefix;
    bool follow;
    dowel_object_visitor visit;
    void *context;
    char path[4 * PATH_MAX]; /* of where we are, relative to the folder; ends with a slash unless empty */
} walk;

/* A folder that is open, and those above it: a link must not lead back to one of them. */
typedef struct level {
    const struct level *above;
    dev_t device;
    ino_t number;
} level;

typedef struct entry {
    char *name; /* of a folder: with a slash */
    bool folder, link;
} entry;

static int compare(const void *a, const void *b) {
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

static int tell(const walk *w, const dowel_object *object, dowel_error *err) {
    if (strncmp(object->name, w->prefix, strlen(w->prefix))) return 0;
    if (w->query->start_after && strcmp(object->name, w->query->start_after) <= 0) return 0;
    return w->visit(w->context, object, err);
}

static int tell_odd(const walk *w, const char *name, const char *odd, int code, dowel_error *err) {
    return tell(w, &(dowel_object){.name = name, .odd = odd, .odd_code = code}, err);
}

static int tell_unreadable(const walk *w, const char *name, int why, dowel_error *err) {
    char odd[128];
    snprintf(odd, sizeof odd, "a folder that cannot be read: %s", strerror(why));
    return tell_odd(w, name, odd, DOWEL_E_IO, err);
}

/* Whether there can be something to tell below a folder (its name ends with a slash). */
static bool worth_entering(const walk *w, const char *folder) {
    size_t length = strlen(folder), prefix = strlen(w->prefix);
    if (strncmp(folder, w->prefix, length < prefix ? length : prefix)) return false;
    const char *after = w->query->start_after;
    return !after || strncmp(folder, after, length) >= 0;
}

/* Whether it is a folder is asked at once: the order depends on it. */
static void look_at(const walk *w, int folder, entry *e, int type) {
    struct stat st;
    bool known = type != DT_UNKNOWN && type != DT_LNK;
    if (type == DT_DIR) {
        e->folder = true;
    } else if (!known && !fstatat(folder, e->name, &st, AT_SYMLINK_NOFOLLOW)) {
        e->link = S_ISLNK(st.st_mode);
        if (e->link && w->follow && !fstatat(folder, e->name, &st, 0)) e->link = false;
        e->folder = S_ISDIR(st.st_mode);
    }
    if (e->folder) strcat(e->name, "/"); /* there is room */
}

static void free_entries(entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++) free(entries[i].name);
    free(entries);
}

/* Everything that is in a folder. Fails only for want of memory. */
static int read_entries(const walk *w, DIR *stream, entry **entries, size_t *count, dowel_error *err) {
    size_t room = 0;
    struct dirent *found;
    *entries = NULL;
    *count = 0;
    errno = 0;
    while ((found = readdir(stream))) {
        if (!strcmp(found->d_name, ".") || !strcmp(found->d_name, "..")) continue;
        if (*count == room) {
            entry *more = realloc(*entries, (room = room ? room * 2 : 64) * sizeof *more);
            if (!more) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
            *entries = more;
        }
        size_t length = strlen(found->d_name);
        entry *e = &(*entries)[*count];
        *e = (entry){.name = malloc(length + 2)};
        if (!e->name) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
        memcpy(e->name, found->d_name, length + 1);
        look_at(w, dirfd(stream), e, found->d_type);
        ++*count;
    }
    if (*count) qsort(*entries, *count, sizeof **entries, compare);
    return 0;
}

static int enter(walk *w, int fd, const level *above, dowel_error *err);

static int below(walk *w, int folder, const entry *e, const level *here, dowel_error *err) {
    const char *delimiter = w->query->delimiter;
    if (!worth_entering(w, w->path)) return 0;
    /* A folder that the prefix leads through is entered; what lies behind the prefix is folded. */
    if (delimiter && strlen(w->path) > strlen(w->prefix))
        return tell(w, &(dowel_object){.name = w->path, .is_prefix = true}, err);
    char name[NAME_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)strlen(e->name) - 1, e->name);
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (w->follow ? 0 : O_NOFOLLOW));
    if (fd < 0 && errno == ENOENT) return 0; /* gone meanwhile */
    return fd < 0 ? tell_unreadable(w, w->path, errno, err) : enter(w, fd, here, err);
}

static int one(walk *w, int folder, const entry *e, const level *here, dowel_error *err) {
    if (e->folder) return below(w, folder, e, here, err);
    if (e->link) return tell_odd(w, w->path, "a symbolic link", 0, err);
    struct stat st;
    if (fstatat(folder, e->name, &st, w->follow ? 0 : AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 /* gone meanwhile */ : tell_odd(w, w->path, strerror(errno), DOWEL_E_IO, err);
    if (dowel_local_is_unfinished(e->name)) return tell_odd(w, w->path, "a file that was not finished", 0, err);
    if (!S_ISREG(st.st_mode)) return tell_odd(w, w->path, "a device, pipe or socket", 0, err);
    const dowel_object object = {
        .name = w->path, .is_current = true, .size = st.st_size, .modified = dowel_local_time(&st), .own_time = true};
    return tell(w, &object, err);
}

/* Takes the descriptor over. */
static int enter(walk *w, int fd, const level *above, dowel_error *err) {
    struct stat st;
    DIR *stream = fstat(fd, &st) ? NULL : fdopendir(fd);
    if (!stream) {
        int why = errno;
        close(fd);
        return tell_unreadable(w, w->path, why, err);
    }
    const level here = {above, st.st_dev, st.st_ino};
    for (const level *at = above; at; at = at->above)
        if (at->device == st.st_dev && at->number == st.st_ino) {
            closedir(stream);
            return tell_odd(w, w->path, "a symbolic link to a folder that it lies in", 0, err);
        }
    entry *entries;
    size_t count, length = strlen(w->path);
    int rc = read_entries(w, stream, &entries, &count, err);
    for (size_t i = 0; i < count && !rc; i++) {
        rc = dowel_check(w->d, err);
        if (rc) break;
        if (length + strlen(entries[i].name) >= sizeof w->path) {
            rc = tell_odd(w, entries[i].name, "too deep: its path is too long", DOWEL_E_IO, err);
            continue;
        }
        strcpy(w->path + length, entries[i].name);
        rc = one(w, dirfd(stream), &entries[i], &here, err);
        w->path[length] = 0;
    }
    free_entries(entries, count);
    closedir(stream);
    return rc;
}

int dowel_local_list(dowel *d, dowel_block *block, const dowel_objects_query *query, dowel_object_visitor visit,
                     void *context, dowel_error *err) {
    const dowel_local_folder *fs = dowel_block_data(block);
    if (query->delimiter && strcmp(query->delimiter, "/"))
        return dowel_fail(err, DOWEL_E_INVALID, "%s: the delimiter of files is /", dowel_block_reference(block));
    walk *w = calloc(1, sizeof *w);
    if (!w) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    *w = (walk){.d = d,
                .block = block,
                .query = query,
                .prefix = query->prefix ? query->prefix : "",
                .follow = fs->follow_links,
                .visit = visit,
                .context = context};
    int fd = open(fs->basepath, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? dowel_fail(err, errno == ENOENT ? DOWEL_E_NOT_FOUND : DOWEL_E_IO, "cannot read the folder %s: %s",
                                 fs->basepath, strerror(errno))
                    : enter(w, fd, NULL, err);
    free(w);
    return rc;
}
