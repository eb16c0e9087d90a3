/* The only code that parses places. */
#include "place.h"

#include "glob.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *text_of(const char *format, ...) DOWEL_PRINTF(1, 2);
static char *text_of(const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    char *text = size < 0 ? NULL : malloc((size_t)size + 1);
    if (text) vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

static const dowel_objects *objects_of(const dowel_block_type *type) {
    return type->size >= offsetof(dowel_block_type, objects) + sizeof type->objects ? type->objects : NULL;
}

const dowel_block_type *dowel_place_type(dowel *d, const char *scheme, dowel_error *err) {
    const dowel_block_type *type;
    const char *known[64] = {NULL};
    size_t n = 0;
    for (size_t i = 0; (type = dowel_block_type_at(d, i)); i++) {
        const dowel_objects *objects = objects_of(type);
        if (!objects) continue;
        if (!strcmp(objects->scheme, scheme)) return type;
        if (n < 63) known[n++] = objects->scheme;
    }
    const char *near = dowel_nearest(scheme, known);
    dowel_fail(err, DOWEL_E_INVALID, "unknown scheme \"%.40s://\"%s%s%s", scheme, near ? "; did you mean \"" : "",
               near ? near : "", near ? "://\"?" : "");
    char list[256] = "";
    for (size_t i = 0; i < n; i++) snprintf(list + strlen(list), sizeof list - strlen(list), "%s://, ", known[i]);
    dowel_error_hint(err, "a place is %sNAME:path or TYPE/NAME:path (a saved block), or a path of a file", list);
    return NULL;
}

/* The address of the service, without sending a request. */
static char *service_of(dowel *d, const dowel_place *place) {
    const dowel_objects *objects = place->objects;
    char *url = NULL;
    if (objects->size >= offsetof(dowel_objects, service) + sizeof objects->service && objects->service)
        return objects->service(d, place->block, &url, NULL) ? NULL : url;
    json_t *document = dowel_block_document(place->block, DOWEL_SECRETS_OMITTED);
    const char *endpoint = json_string_value(json_object_get(document, "endpoint"));
    url = text_of("%s:%s", objects->scheme, endpoint ? endpoint : "");
    json_decref(document);
    return url;
}

static int finish(dowel *d, dowel_place *place, dowel_place_use use, dowel_error *err) {
    place->objects = objects_of(dowel_block_type_of(place->block));
    place->service = service_of(d, place);
    size_t length = place->path ? strlen(place->path) : 0;
    if (!place->path || !place->shown) return dowel_no_memory(err);
    place->folder = use == DOWEL_PLACE_TREE || !length || place->path[length - 1] == '/';
    if (!place->folder || !length || place->path[length - 1] == '/') return 0;
    char *path = text_of("%s/", place->path);
    free(place->path);
    place->path = path;
    return path ? 0 : dowel_no_memory(err);
}

/* The history says which credentials a URL was used with, as it does of arguments. */
static void tell_default(dowel *d, const char *text, dowel_block *block) {
    json_t *document = dowel_block_document(block, DOWEL_SECRETS_OMITTED);
    const char *name = json_string_value(json_object_get(json_object_get(document, "credentials"), "$block"));
    if (name) dowel_log(d, DOWEL_LOG_INFO, "%.200s: with the default credentials %s", text, name);
    json_decref(document);
}

/* gs://bucket/path */
static int open_url(dowel *d, const char *text, const char *rest, const dowel_caller *caller, dowel_place *place,
                    dowel_error *err) {
    char scheme[64];
    snprintf(scheme, sizeof scheme, "%.*s", (int)(rest - text), text);
    const dowel_block_type *type = dowel_place_type(d, scheme, err);
    if (!type) return err ? err->code : DOWEL_E_INVALID;
    const dowel_objects *objects = objects_of(type);
    rest += strlen("://");
    size_t length = strcspn(rest, "/");
    if (!length) {
        dowel_fail(err, DOWEL_E_INVALID, "%.200s: the %s is missing", text, objects->place);
        dowel_error_hint(err, "write %s://%s/path", scheme, objects->place);
        return DOWEL_E_INVALID;
    }
    json_t *document = json_pack("{s:o,s:s*,s:s*}", objects->place, json_stringn(rest, length), "endpoint",
                                 caller->endpoint, "region", caller->region);
    if (!document) return dowel_fail(err, DOWEL_E_INVALID, "%.200s: the name is not UTF-8", text);
    /* As in a flag of the block's type: the name alone is enough. */
    const dowel_field *field = caller->credentials ? dowel_field_find(type->table, "credentials") : NULL;
    int rc = field ? dowel_field_parse(type->table, field, caller->credentials, document, err) : 0;
    if (caller->credentials && !field)
        rc = dowel_fail(err, DOWEL_E_INVALID, "%s has no field \"credentials\"", type->name);
    if (!rc) rc = dowel_block_new(type, NULL, document, dowel_get_call_resolver(d), &place->block, err);
    json_decref(document);
    if (rc) return dowel_error_prefix(err, "%.200s: ", text);
    if (!caller->credentials) tell_default(d, text, place->block);
    place->path = strdup(rest[length] ? rest + length + 1 : "");
    place->shown = text_of("%s://%.*s/", scheme, (int)length, rest);
    return 0;
}

/* The place `text` in the saved block that its first `length` bytes name; `types` as in dowel_field.blocks. */
static int open_block(dowel *d, const char *text, size_t length, const char *types, const dowel_caller *caller,
                      dowel_place *place, dowel_error *err) {
    if (caller->credentials || caller->endpoint || caller->region)
        return dowel_fail(err, DOWEL_E_INVALID,
                          "%.200s: credentials, endpoint and region are for URLs; a saved block has its own", text);
    const dowel_resolver *resolver = dowel_get_resolver(d);
    char *reference = text_of("%.*s", (int)length, text);
    if (!reference) return dowel_no_memory(err);
    int rc = resolver ? resolver->by_name(resolver->context, reference, types, &place->block, err)
                      : dowel_fail(err, DOWEL_E_INVALID, "%s: this handle has no registry of blocks", reference);
    free(reference);
    if (rc) return rc;
    place->path = strdup(text + length + 1);
    place->shown = text_of("%.*s:", (int)length, text);
    return 0;
}

/* NAME:path is TYPE/NAME:path if only one block of that name holds objects. */
static int open_named(dowel *d, const char *text, size_t length, const dowel_caller *caller, dowel_place *place,
                      dowel_error *err) {
    char types[1024] = "";
    const dowel_block_type *type;
    for (size_t i = 0; (type = dowel_block_type_at(d, i)); i++)
        if (objects_of(type) && strlen(types) + strlen(type->name) + 2 < sizeof types)
            snprintf(types + strlen(types), sizeof types - strlen(types), "%s%s", *types ? "|" : "", type->name);
    int rc = open_block(d, text, length, types, caller, place, err);
    if (rc == DOWEL_E_NOT_FOUND)
        dowel_error_hint(err, "`dowel block list` shows the saved blocks; a local file of this name is ./%.200s", text);
    return rc;
}

/* NAME:path, TYPE/NAME:path. 1: the text is something else. */
static int open_saved(dowel *d, const char *text, const dowel_caller *caller, dowel_place *place, dowel_error *err) {
    size_t name = dowel_place_block_name(text);
    if (name) return open_named(d, text, name, caller, place, err);
    const char *slash = strchr(text, '/'), *colon = strchr(text, ':');
    if (!slash || !colon || colon < slash) return 1;
    const dowel_block_type *type = NULL;
    for (size_t i = 0; (type = dowel_block_type_at(d, i)); i++)
        if (strlen(type->name) == (size_t)(slash - text) && !strncmp(type->name, text, (size_t)(slash - text))) break;
    if (!type) return 1;
    if (!objects_of(type))
        return dowel_fail(err, DOWEL_E_INVALID, "%.200s: blocks of type %s do not hold objects", text, type->name);
    return open_block(d, text, (size_t)(colon - text), type->name, caller, place, err);
}

/* Distinguishes files and folders from pipes and devices; `path` is the absolute form of `text`. */
static int look_at(const char *text, const char *path, bool tree, struct stat *st, dowel_place *place, bool *there,
                   dowel_error *err) {
    *there = !stat(path, st);
    int why = errno;
    if (!*there && why != ENOENT && why != ENOTDIR) {
        dowel_fail(err, DOWEL_E_IO, "cannot look at %.200s: %s", text, strerror(why));
        dowel_error_errno(err, why);
        return DOWEL_E_IO;
    }
    bool named = *there && !tree && !S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode);
    if ((named || !strcmp(text, "-")) && !(place->stream = strdup(path))) return dowel_no_memory(err);
    return 0;
}

/* The folder's block. A resumed run may have another working directory, so the path is resolved against the run's own. */
static int open_folder(dowel *d, const char *base, bool follow_links, dowel_place *place, dowel_error *err) {
    const dowel_block_type *type = dowel_place_type(d, "file", err);
    if (!type) return err ? err->code : DOWEL_E_INVALID;
    char *root = dowel_run_path(d, base);
    if (!root) return dowel_no_memory(err);
    json_t *document = json_pack("{s:s,s:b}", objects_of(type)->place, root, "follow_links", follow_links);
    int rc = document ? dowel_block_new(type, NULL, document, dowel_get_resolver(d), &place->block, err)
                      : dowel_fail(err, DOWEL_E_INVALID, "the path is not UTF-8");
    json_decref(document);
    free(root);
    return rc;
}

/* A path on this machine. */
static int open_path(dowel *d, const char *text, dowel_place_use use, bool follow_links, dowel_place *place,
                     dowel_error *err) {
    struct stat st;
    bool there = false, folder = use == DOWEL_PLACE_TREE;
    size_t length = strlen(text);
    char *path = dowel_run_path(d, text);
    int rc = path ? look_at(text, path, folder, &st, place, &there, err) : dowel_no_memory(err);
    free(path);
    if (rc || place->stream) return rc;
    if (use == DOWEL_PLACE_ONE) folder = (there && S_ISDIR(st.st_mode)) || text[length - 1] == '/';
    const char *slash = strrchr(text, '/'), *name = folder ? "" : slash ? slash + 1 : text;
    char *base = folder  ? strdup(text)
                 : slash ? text_of("%.*s", slash == text ? 1 : (int)(slash - text), text)
                         : strdup(".");
    if (!base) return dowel_no_memory(err);
    for (size_t n = strlen(base); n > 1 && base[n - 1] == '/'; n--) base[n - 1] = 0;
    /* A file that is named directly is followed if it is a link. */
    rc = open_folder(d, base, follow_links || (!folder && there), place, err);
    if (!rc) {
        place->path = strdup(name);
        place->shown = !strcmp(base, ".") ? strdup("") : text_of("%s%s", base, strcmp(base, "/") ? "/" : "");
        place->files = true;
    }
    free(base);
    return rc;
}

int dowel_place_open(dowel *d, const char *text, dowel_place_use use, const dowel_caller *caller, bool follow_links,
                     dowel_place *place, dowel_error *err) {
    *place = (dowel_place){0};
    const char *scheme = strstr(text, "://");
    int rc = 1;
    if (!*text) return dowel_fail(err, DOWEL_E_INVALID, "the place is empty");
    if (scheme && strcspn(text, "/") == (size_t)(scheme + 1 - text)) {
        if (!strncmp(text, "file://", 7)) {
            text += 7;
            if (*text != '/') return dowel_fail(err, DOWEL_E_INVALID, "file://%.200s: expected file:///path", text);
        } else {
            rc = open_url(d, text, scheme, caller, place, err);
        }
    } else {
        rc = open_saved(d, text, caller, place, err);
    }
    if (rc > 0) rc = open_path(d, text, use, follow_links, place, err);
    if (!rc && !place->stream) rc = finish(d, place, use, err);
    if (rc) dowel_place_close(place);
    return rc;
}

/* ---- patterns ---- */

/* Where the path begins in the text of a place. */
static size_t path_start(dowel *d, const char *text) {
    const char *scheme = strstr(text, "://"), *slash = strchr(text, '/'), *colon = strchr(text, ':');
    if (scheme && slash == scheme + 1) {
        const char *rest = scheme + strlen("://");
        rest += strcspn(rest, "/");
        return (size_t)(rest - text) + (*rest == '/');
    }
    return dowel_place_is_path(d, text) ? 0 : colon ? (size_t)(colon + 1 - text) : 0;
}

static int ignore(void *context, const dowel_object *object, dowel_error *err) {
    (void)context, (void)object, (void)err;
    return 0;
}

static int found(void *context, const dowel_object *object, dowel_error *err) {
    (void)object, (void)err;
    *(bool *)context = true;
    return 1;
}

/* Whether an object or folder has exactly the place's name. A caller who may not look is not told. */
static int exists(dowel *d, const dowel_place *place, bool *there, dowel_error *err) {
    dowel_folder_id id;
    const dowel_objects_query query = {.size = sizeof query, .prefix = *place->path ? place->path : NULL};
    *there = place->files && place->folder && dowel_place_folder_id(place, &id);
    if (*there) return 0;
    int rc = place->folder ? place->objects->list(d, place->block, &query, found, there, err)
                           : place->objects->stat(d, place->block, place->path, NULL, ignore, NULL, err);
    if (!place->folder) *there = !rc;
    return rc > 0 || rc == DOWEL_E_NOT_FOUND || rc == DOWEL_E_PERMISSION ? 0 : rc;
}

static int open_pattern(dowel *d, const char *text, size_t start, const dowel_caller *caller, bool follow_links,
                        dowel_place *place, dowel_error *err) {
    size_t cut = start + strcspn(text + start, "*?[{");
    while (cut > start && text[cut - 1] != '/') cut--;
    char *folder = cut ? strndup(text, cut) : strdup(".");
    if (!folder) return dowel_no_memory(err);
    int rc = dowel_place_open(d, folder, DOWEL_PLACE_TREE, caller, follow_links, place, err);
    free(folder);
    if (rc) return rc;
    place->pattern = strdup(text + cut);
    if (place->pattern) return 0;
    dowel_place_close(place);
    return dowel_no_memory(err);
}

static bool is_file(dowel *d, const char *text) {
    struct stat st;
    char *path = dowel_run_path(d, text + (strncmp(text, "file://", 7) ? 0 : 7));
    bool file = path && !stat(path, &st) && S_ISREG(st.st_mode);
    free(path);
    return file;
}

int dowel_place_find(dowel *d, const char *text, dowel_place_use use, bool literal, const dowel_caller *caller,
                     bool follow_links, dowel_place *place, dowel_error *err) {
    size_t start = path_start(d, text);
    bool there = true;
    dowel_place plain;
    if (use == DOWEL_PLACE_ANY) use = is_file(d, text) ? DOWEL_PLACE_ONE : DOWEL_PLACE_TREE;
    int rc = dowel_place_open(d, text, use, caller, follow_links, &plain, err);
    *place = plain;
    if (rc || literal || plain.stream || !dowel_glob_is_pattern(text + start)) return rc;
    rc = exists(d, &plain, &there, err);
    if (!rc && there) return 0;
    *place = (dowel_place){0};
    dowel_place_close(&plain);
    return rc ? rc : open_pattern(d, text, start, caller, follow_links, place, err);
}

int dowel_place_nothing(const dowel_place *place, dowel_error *err) {
    if (place->pattern)
        return dowel_fail(err, DOWEL_E_NOT_FOUND, "nothing matches %s%s%s", place->shown, place->path, place->pattern);
    return dowel_fail(err, DOWEL_E_NOT_FOUND, "there is nothing below %s%s", place->shown, place->path);
}

void dowel_place_close(dowel_place *place) {
    dowel_block_free(place->block);
    free(place->path);
    free(place->pattern);
    free(place->shown);
    free(place->stream);
    free(place->service);
    *place = (dowel_place){0};
}

char *dowel_place_name(const dowel_place *place, const char *name) {
    return place->stream ? strdup(place->stream) : text_of("%s%s", place->shown, name);
}

char *dowel_place_join(const dowel_place *place, const char *name) {
    return text_of("%s%s", place->path, name);
}

int dowel_place_check_name(const dowel_place *place, const char *name, dowel_error *err) {
    if (place->objects->check_name) return place->objects->check_name(place->block, name, err);
    /* A request without a name would be for the bucket itself. */
    if (!*name) return dowel_fail(err, DOWEL_E_INVALID, "the name of an object must not be empty");
    json_t *text = json_string(name);
    if (!text) return dowel_fail(err, DOWEL_E_INVALID, "the name is not UTF-8, as names of objects must be");
    json_decref(text);
    return 0;
}

/* ---- two places ---- */

bool dowel_place_same_service(const dowel_place *a, const dowel_place *b) {
    return a->block && b->block && dowel_block_type_of(a->block) == dowel_block_type_of(b->block) && a->service &&
           b->service && !strcmp(a->service, b->service);
}

bool dowel_place_same_caller(const dowel_place *a, const dowel_place *b) {
    json_t *first = dowel_block_document(a->block, DOWEL_SECRETS_OMITTED),
           *second = dowel_block_document(b->block, DOWEL_SECRETS_OMITTED),
           *one = json_object_get(first, "credentials"), *other = json_object_get(second, "credentials");
    bool same = one == other || (one && other && json_equal(one, other));
    json_decref(first);
    json_decref(second);
    return same;
}

void dowel_place_hint_missing(const dowel_place *place, const char *text, dowel_error *err) {
    if (place->files && err && !*err->hint && !strchr(text, ':'))
        dowel_error_hint(err, "to name a saved block, write NAME:PATH or TYPE/NAME:PATH, such as landing:2026/");
}
