/* Whether two places are one, or one lies in the other: then copying would feed on itself, and removing what the source does not have would remove
 * the source. */
#include "glob.h"
#include "place.h"

#include <dowel/http.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *joined(const char *a, const char *b, const char *c) {
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = malloc(size);
    if (text) snprintf(text, size, "%s%s%s", a, b, c);
    return text;
}

/* What the block has in front of every name: "folder/", or "". Newly allocated. */
static char *folder_of(const dowel_place *place) {
    json_t *document = dowel_block_document(place->block, DOWEL_SECRETS_OMITTED);
    const char *folder = json_string_value(json_object_get(document, "folder"));
    size_t length = folder ? strlen(folder) : 0;
    while (length && folder[length - 1] == '/') length--;
    char *plain = length ? strndup(folder, length) : NULL, *text = length ? NULL : strdup("");
    if (plain) text = joined(plain, "/", "");
    free(plain);
    json_decref(document);
    return text;
}

/* The field that says which bucket it is, or which folder. Newly allocated. */
static char *holder_of(const dowel_place *place) {
    json_t *document = dowel_block_document(place->block, DOWEL_SECRETS_OMITTED);
    const char *holder = json_string_value(json_object_get(document, place->objects->place));
    char *text = strdup(holder ? holder : "");
    json_decref(document);
    return text;
}

/* ---- files ---- */

/* The path without links and dots; what does not exist yet stays as it is. Newly allocated. */
static char *real_path(const char *path) {
    char *found = realpath(path, NULL);
    if (found || !strcmp(path, ".") || !strcmp(path, "/")) return found;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    char *plain = strndup(path, length), *slash = plain ? strrchr(plain, '/') : NULL;
    char *above = !plain           ? NULL
                  : !slash         ? strdup(".")
                  : slash == plain ? strdup("/")
                                   : strndup(plain, (size_t)(slash - plain));
    char *real = above ? real_path(above) : NULL;
    if (real) found = joined(strcmp(real, "/") ? real : "", "/", slash ? slash + 1 : plain);
    free(real);
    free(above);
    free(plain);
    return found;
}

/* The file or folder itself; folders without a slash at the end. Newly allocated. */
static char *file_path(const dowel_place *place) {
    char *base = holder_of(place), *path = base ? joined(*base ? base : ".", "/", place->path) : NULL,
         *real = path ? real_path(path) : NULL;
    free(path);
    free(base);
    return real;
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether `path`, or a folder that it lies in, is `wanted`: the folder itself counts, so that it does not matter how it is called or mounted. */
static bool lies_in(char *path, const struct stat *wanted) {
    struct stat st;
    for (;;) {
        if (!stat(*path ? path : "/", &st) && same_file(&st, wanted)) return true;
        char *slash = strrchr(path, '/');
        if (!slash || !*path) return false;
        *slash = 0;
    }
}

static bool files_hold(const dowel_place *a, const dowel_place *b) {
    char *outer = file_path(a), *inner = file_path(b);
    size_t length = outer ? strlen(outer) : 0;
    while (length && outer[length - 1] == '/') length--;
    bool holds = outer && inner && !strncmp(inner, outer, length) && (!inner[length] || inner[length] == '/');
    struct stat st;
    if (!holds && outer && inner && !stat(outer, &st)) holds = lies_in(inner, &st);
    free(outer);
    free(inner);
    return holds;
}

bool dowel_place_folder_id(const dowel_place *place, dowel_folder_id *id) {
    struct stat st;
    char *path = place->block && place->objects->sink ? file_path(place) : NULL;
    bool there = path && !stat(path, &st) && S_ISDIR(st.st_mode);
    if (there) *id = (dowel_folder_id){(uint64_t)st.st_dev, (uint64_t)st.st_ino};
    free(path);
    return there;
}

/* ---- buckets ---- */

/* Whether both are the same address: every name of this machine itself is. */
static bool same_address(const char *a, const char *b) {
    if (!strcmp(a, b)) return true;
    if (!dowel_url_is_local(a) || !dowel_url_is_local(b)) return false;
    const char *first = strstr(a, "://") + 3, *second = strstr(b, "://") + 3;
    if (first - a != second - b || strncmp(a, b, (size_t)(first - a)) != 0) return false;
    first += *first == '[' ? strcspn(first, "]") + 1 : strcspn(first, ":/");
    second += *second == '[' ? strcspn(second, "]") + 1 : strcspn(second, ":/");
    return !strcmp(first, second);
}

/* "folder/path/". Newly allocated. */
static char *whole_name(const dowel_place *place) {
    char *folder = folder_of(place), *name = folder ? joined(folder, place->path, "") : NULL;
    free(folder);
    return name;
}

static bool same_bucket(const dowel_place *a, const dowel_place *b) {
    char *first = holder_of(a), *second = holder_of(b);
    bool same =
        first && second && a->service && b->service && !strcmp(first, second) && same_address(a->service, b->service);
    free(first);
    free(second);
    return same;
}

static bool are_files(const dowel_place *a, const dowel_place *b) {
    return a->objects->sink && b->objects->sink;
}

static bool name_holds(const dowel_place *a, const dowel_place *b) {
    char *outer = whole_name(a), *inner = whole_name(b);
    bool holds = outer && inner && !strncmp(inner, outer, strlen(outer));
    free(outer);
    free(inner);
    return holds;
}

bool dowel_place_holds(const dowel_place *a, const dowel_place *b) {
    if (!a->block || !b->block) return false;
    return are_files(a, b) ? files_hold(a, b) : same_bucket(a, b) && name_holds(a, b);
}

/* Whether one of two texts begins with the other. */
static bool is_compatible(const char *a, const char *b) {
    size_t first = strlen(a), second = strlen(b);
    return !strncmp(a, b, first < second ? first : second);
}

static bool file_reaches(const dowel_place *a, const dowel_place *b, const char *prefix) {
    char *outer = file_path(a), *inner = file_path(b), *below = inner ? joined(inner, "/", "") : NULL;
    size_t length = outer ? strlen(outer) : 0;
    while (length && outer[length - 1] == '/') length--;
    /* A folder that is reached by another path may be anywhere. */
    bool plain = outer && below && !strncmp(below, outer, length) && below[length] == '/';
    bool reaches = !plain || is_compatible(below + length + 1, prefix);
    free(below);
    free(inner);
    free(outer);
    return reaches;
}

bool dowel_place_reaches(const dowel_place *a, const dowel_place *b) {
    char *prefix = dowel_glob_prefix(a->pattern), *outer = whole_name(a), *inner = whole_name(b);
    bool reaches = true;
    if (prefix && outer && inner && dowel_place_holds(a, b))
        reaches = are_files(a, b) ? file_reaches(a, b, prefix) : is_compatible(inner + strlen(outer), prefix);
    else if (prefix)
        reaches = false;
    free(inner);
    free(outer);
    free(prefix);
    return reaches;
}

bool dowel_place_is_same(const dowel_place *a, const dowel_place *b) {
    if (!a->block || !b->block) return false;
    return dowel_place_holds(a, b) && dowel_place_holds(b, a);
}

/* ---- again ---- */

/* What the place means by now: the folder on this machine, or the service and what it holds. Newly allocated. */
static char *meaning_of(const dowel_place *place) {
    char *holder = holder_of(place), *folder = folder_of(place), *text = NULL;
    if (holder && place->objects->sink) {
        text = real_path(*holder ? holder : ".");
    } else if (holder && folder) {
        char *inside = joined(holder, *folder ? "/" : "", folder);
        if (inside) text = joined(place->service ? place->service : "", "/", inside);
        free(inside);
    }
    free(folder);
    free(holder);
    return text;
}

int dowel_place_keep(dowel *d, const char *handle, const dowel_place *place, dowel_error *err) {
    if (!place->block || place->files) return 0; /* a path is recorded as it is */
    char *began = NULL, *now = meaning_of(place);
    int rc = now ? dowel_recall_started(d, handle, &began, err) : dowel_no_memory(err);
    if (!rc && began && strcmp(began, now) != 0) {
        rc = dowel_fail(err, DOWEL_E_CONFLICT, "%.200s now means %.300s, and meant %.300s when this run began",
                        place->shown, now, began);
        dowel_error_hint(err, "put the block, the environment or the working directory back as it was, or call the "
                              "task again (under another run key)");
    } else if (!rc && !began) {
        /* A history that cannot be written fails no run. */
        (void)dowel_remember(d, handle, now, false, NULL);
    }
    free(began);
    free(now);
    return rc;
}

/* ---- asking ---- */

/* What is remembered of an object to know it again. */
typedef struct known {
    char *name; /* whole */
    char *etag, *version;
    int64_t size, modified;
    bool found;
} known;

static int remember(void *context, const dowel_object *object, dowel_error *err) {
    known *k = context;
    if (object->odd || object->is_prefix) return 0;
    k->name = strdup(object->name);
    k->etag = object->etag ? strdup(object->etag) : NULL;
    k->version = object->version ? strdup(object->version) : NULL;
    k->size = object->size;
    k->modified = object->modified;
    k->found = true;
    return k->name ? 1 : dowel_no_memory(err);
}

static void forget(known *k) {
    free(k->name);
    free(k->etag);
    free(k->version);
}

/* The first object whose whole name begins so, as a listing tells it: with the time when it was stored. */
static int first_below(dowel *d, const dowel_place *place, const char *prefix, known *k, dowel_error *err) {
    const dowel_objects_query query = {.size = sizeof query, .prefix = *prefix ? prefix : NULL};
    *k = (known){0};
    int rc = place->objects->list(d, place->block, &query, remember, k, err);
    return rc > 0 || rc == DOWEL_E_NOT_FOUND ? 0 : rc;
}

static bool same_text(const char *a, const char *b) {
    return !a || !b || !strcmp(a, b);
}

int dowel_place_probe(dowel *d, const dowel_place *from, const dowel_place *to, bool *overlap, bool *inside_source,
                      dowel_error *err) {
    *overlap = *inside_source = false;
    if (!from->block || !to->block || from->objects->sink || to->objects->sink) return 0;
    bool inside = name_holds(from, to), outside = name_holds(to, from);
    *inside_source = inside;
    /* Where both have the same names, copying changes nothing and nothing is removed. */
    if (inside == outside || same_bucket(from, to)) return 0;
    char *from_folder = folder_of(from), *to_folder = folder_of(to);
    known here = {0}, there = {0};
    int rc = from_folder && to_folder ? 0 : dowel_no_memory(err);
    /* One that the destination's block can name: it begins with that block's folder. */
    const char *prefix = from->path;
    size_t skip = from_folder ? strlen(from_folder) : 0;
    if (!rc && inside && strlen(to_folder) > skip + strlen(from->path)) prefix = to_folder + skip;
    if (!rc) rc = first_below(d, from, prefix, &here, err);
    char *whole = !rc && here.found ? joined(from_folder, here.name, "") : NULL;
    size_t cut = to_folder ? strlen(to_folder) : 0;
    if (whole && !strncmp(whole, to_folder, cut) && whole[cut]) rc = first_below(d, to, whole + cut, &there, err);
    if (rc == DOWEL_E_PERMISSION) rc = 0; /* a caller that may only write there compares and removes nothing */
    if (there.found && !strcmp(there.name, whole + cut))
        *overlap = here.size == there.size && here.modified == there.modified && same_text(here.etag, there.etag) &&
                   same_text(here.version, there.version);
    free(whole);
    forget(&here);
    forget(&there);
    free(from_folder);
    free(to_folder);
    return rc;
}
