/* Lists the files below a folder in the byte order of their full names, as objects are listed. Only the names in the folders on the current path are in
 * memory. */
#include "walk.h"

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
    const dowel_folder_id *apart;
    bool follow;
    dowel_object_visitor visit;
    void *context;
    char path[4 * PATH_MAX]; /* current path relative to the folder; empty, or ending with a slash */
} walk;

/* An open folder and those above it, to detect links that lead back to one of them. */
typedef struct level {
    const struct level *above;
    dev_t device;
    ino_t number;
} level;

/* The names in a folder, of which there may be a million: each has one byte for its kind in front, and a pointer. */
enum { IS_FILE = 'f', IS_FOLDER = 'd', IS_LINK = 'l' };

typedef struct chunk {
    struct chunk *next;
    size_t used;
    char text[1 << 16];
} chunk;

typedef struct entries {
    char **names; /* names of folders end with a slash */
    size_t count, room;
    chunk *chunks;
} entries;

static char kind_of(const char *name) {
    return name[-1];
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_entries(entries *all) {
    for (chunk *c = all->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(all->names);
}

/* Room for a name and a slash. NULL: out of memory. */
static char *add_entry(entries *all, const char *name) {
    size_t size = strlen(name) + 3;
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 64;
        char **more = realloc(all->names, room * sizeof *more);
        if (!more) return NULL;
        all->names = more;
        all->room = room;
    }
    if (!all->chunks || all->chunks->used + size > sizeof all->chunks->text) {
        chunk *fresh = malloc(sizeof *fresh);
        if (!fresh) return NULL;
        fresh->next = all->chunks;
        fresh->used = 0;
        all->chunks = fresh;
    }
    char *at = all->chunks->text + all->chunks->used + 1;
    memcpy(at, name, size - 2);
    all->names[all->count++] = at;
    all->chunks->used += size;
    return at;
}

static int tell(const walk *w, const dowel_object *object, dowel_error *err) {
    if (strncmp(object->name, w->prefix, strlen(w->prefix))) return 0;
    if (w->query->start_after && strcmp(object->name, w->query->start_after) <= 0) return 0;
    return w->visit(w->context, object, err);
}

/* Whether the prefix leads through this name. */
static bool leads_to_prefix(const walk *w, const char *name) {
    size_t length = strlen(name);
    if (length && name[length - 1] == '/') length--;
    return !length || (!strncmp(w->prefix, name, length) && w->prefix[length] == '/');
}

/* Something odd on the way to the prefix is an error: it must not look like an empty folder. */
static int tell_odd(const walk *w, const char *name, const char *odd, int code, dowel_error *err) {
    const dowel_local_folder *fs = dowel_block_data(w->block);
    if (leads_to_prefix(w, name))
        return dowel_fail(err, code ? code : DOWEL_E_REFUSED, "cannot list %s/%s: it is %s", fs->basepath, name, odd);
    return tell(w, &(dowel_object){.name = name, .odd = odd, .odd_code = code}, err);
}

static int tell_unreadable(const walk *w, const char *name, int why, dowel_error *err) {
    char odd[128];
    snprintf(odd, sizeof odd, "a folder that cannot be read: %s", strerror(why));
    return tell_odd(w, name, odd, DOWEL_E_IO, err);
}

/* Whether a folder (its name ends with a slash) may contain requested names. */
static bool worth_entering(const walk *w, const char *folder) {
    size_t length = strlen(folder), prefix = strlen(w->prefix);
    if (strncmp(folder, w->prefix, length < prefix ? length : prefix)) return false;
    const char *after = w->query->start_after;
    return !after || strncmp(folder, after, length) >= 0;
}

/* Finds out whether it is a folder, because the order depends on it. */
static void look_at(const walk *w, int folder, char *name, int type) {
    struct stat st;
    bool known = type != DT_UNKNOWN && type != DT_LNK;
    name[-1] = type == DT_DIR ? IS_FOLDER : IS_FILE;
    if (!known && !fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW)) {
        if (S_ISLNK(st.st_mode)) name[-1] = IS_LINK;
        if (S_ISLNK(st.st_mode) && w->follow && !fstatat(folder, name, &st, 0)) name[-1] = IS_FILE;
        if (S_ISDIR(st.st_mode)) name[-1] = IS_FOLDER;
    }
    if (name[-1] == IS_FOLDER) strcat(name, "/");
}

/* Reads all names in a folder; a partial read is an error. */
static int read_entries(const walk *w, DIR *stream, entries *all, dowel_error *err) {
    struct dirent *found;
    for (;;) {
        errno = 0;
        if (!(found = readdir(stream))) break;
        if (!strcmp(found->d_name, ".") || !strcmp(found->d_name, "..")) continue;
        char *name = add_entry(all, found->d_name);
        if (!name) return dowel_no_memory(err);
        look_at(w, dirfd(stream), name, found->d_type);
    }
    if (errno)
        return dowel_fail(err, DOWEL_E_IO, "%s: cannot read the folder %s completely: %s",
                          dowel_block_reference(w->block), *w->path ? w->path : ".", strerror(errno));
    if (all->count) qsort(all->names, all->count, sizeof *all->names, compare);
    return 0;
}

static int enter(walk *w, int fd, const level *above, dowel_error *err);

static int below(walk *w, int folder, const char *entry, const level *here, dowel_error *err) {
    const char *delimiter = w->query->delimiter;
    if (!worth_entering(w, w->path)) return 0;
    /* Enters folders on the way to the prefix, and groups those after it. */
    if (delimiter && strlen(w->path) > strlen(w->prefix))
        return tell(w, &(dowel_object){.name = w->path, .is_prefix = true}, err);
    char name[NAME_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)strlen(entry) - 1, entry);
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (w->follow ? 0 : O_NOFOLLOW));
    if (fd < 0 && errno == ENOENT) return 0; /* removed in the meantime */
    return fd < 0 ? tell_unreadable(w, w->path, errno, err) : enter(w, fd, here, err);
}

static int one(walk *w, int folder, const char *entry, const level *here, dowel_error *err) {
    if (kind_of(entry) == IS_FOLDER) return below(w, folder, entry, here, err);
    if (kind_of(entry) == IS_LINK) return tell_odd(w, w->path, "a symbolic link", 0, err);
    struct stat st;
    if (fstatat(folder, entry, &st, w->follow ? 0 : AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 /* removed in the meantime */
                               : tell_odd(w, w->path, strerror(errno), DOWEL_E_IO, err);
    if (dowel_is_unfinished(entry)) return tell_odd(w, w->path, "an unfinished file", 0, err);
    if (!S_ISREG(st.st_mode)) return tell_odd(w, w->path, "a device, pipe or socket", 0, err);
    const dowel_object object = {
        .name = w->path, .is_current = true, .size = st.st_size, .modified = dowel_local_time(&st), .own_time = true};
    return tell(w, &object, err);
}

/* Takes ownership of the descriptor. */
static int enter(walk *w, int fd, const level *above, dowel_error *err) {
    struct stat st;
    DIR *stream = fstat(fd, &st) ? NULL : fdopendir(fd);
    if (!stream) {
        int why = errno;
        close(fd);
        return tell_unreadable(w, w->path, why, err);
    }
    const level here = {above, st.st_dev, st.st_ino};
    if (w->apart && w->apart->device == st.st_dev && w->apart->number == st.st_ino) {
        closedir(stream);
        return tell_odd(w, w->path, "the other folder of this copy", DOWEL_E_CONFLICT, err);
    }
    for (const level *at = above; at; at = at->above)
        if (at->device == st.st_dev && at->number == st.st_ino) {
            closedir(stream);
            return tell_odd(w, w->path, "a symbolic link to a folder above it", 0, err);
        }
    entries all = {0};
    size_t length = strlen(w->path);
    int rc = read_entries(w, stream, &all, err);
    for (size_t i = 0; i < all.count && !rc; i++) {
        rc = dowel_check(w->d, err);
        if (rc) break;
        if (length + strlen(all.names[i]) >= sizeof w->path) {
            rc = tell_odd(w, all.names[i], "its path is too long", DOWEL_E_IO, err);
            continue;
        }
        strcpy(w->path + length, all.names[i]);
        rc = one(w, dirfd(stream), all.names[i], &here, err);
        w->path[length] = 0;
    }
    free_entries(&all);
    closedir(stream);
    return rc;
}

int dowel_local_list(dowel *d, dowel_block *block, const dowel_objects_query *query, dowel_object_visitor visit,
                     void *context, dowel_error *err) {
    const dowel_local_folder *fs = dowel_block_data(block);
    if (query->delimiter && strcmp(query->delimiter, "/"))
        return dowel_fail(err, DOWEL_E_INVALID, "%s: files need the delimiter /", dowel_block_reference(block));
    walk *w = calloc(1, sizeof *w);
    if (!w) return dowel_no_memory(err);
    /* Not a compound literal: the struct is too large for the stack. */
    w->d = d;
    w->block = block;
    w->query = query;
    w->prefix = query->prefix ? query->prefix : "";
    w->apart = query->size >= sizeof *query ? query->apart : NULL;
    w->follow = fs->follow_links;
    w->visit = visit;
    w->context = context;
    int fd = open(fs->basepath, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int why = errno;
    int rc = fd < 0 ? dowel_fail(err, why == ENOENT ? DOWEL_E_NOT_FOUND : DOWEL_E_IO, "cannot read the folder %s: %s",
                                 fs->basepath, strerror(why))
                    : enter(w, fd, NULL, err);
    if (fd < 0) dowel_error_errno(err, why);
    free(w);
    return rc;
}
