/* objects.usage: how much a place holds, folder by folder. */
#include "copy_tasks.h"
#include "listing.h"
#include "places.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

typedef dowel_objects_place_args args_t;

static const dowel_field fields[] = {
    {DOWEL_AT(args_t, place), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_PLACE | DOWEL_SUBJECT,
     .doc = "Folder, object or pattern.", .example = "gs://landing/2026/"},
    DOWEL_MORE_PLACES(args_t),
    {DOWEL_AT(args_t, depth), .kind = DOWEL_INT, .fallback = "1", .minimum = 0, .maximum = 64,
     .doc = "Levels of folders to show below each place; 0: only the place itself."},
    DOWEL_GLOB_FIELDS(args_t),
    DOWEL_CALLER_FIELDS(args_t),
    {DOWEL_AT(args_t, reporter), .kind = DOWEL_POINTER, .flags = DOWEL_WATCHING},
    {DOWEL_GIVEN_AT(args_t)},
    {0}};
static const dowel_table table = {"objects.usage", sizeof(args_t), fields, NULL};

typedef struct amount {
    int64_t size, objects;
} amount;

enum { DEEPEST = 64 };

typedef struct usage {
    const args_t *args;
    const dowel_place *place;
    json_t *folders;
    char *open; /* the folder that the last object is in, down to the depth */
    amount levels[DEEPEST + 1], all;
} usage;

static void add(amount *to, const amount *more) {
    to->size += more->size;
    to->objects += more->objects;
}

static int tell(usage *u, const char *name, const amount *held, dowel_error *err) {
    const dowel_object_reporter *reporter = u->args->reporter;
    if (reporter) {
        reporter->event(
            reporter->context,
            &(dowel_object_event){.what = "usage", .name = name, .size = held->size, .count = held->objects});
        return 0;
    }
    json_t *row = json_pack("{s:o*,s:I,s:I}", "name", dowel_name_json(name), "size", (json_int_t)held->size, "objects",
                            (json_int_t)held->objects);
    return json_array_append_new(u->folders, row) ? dowel_no_memory(err) : 0;
}

/* How many folders a name lies in, at most `most`. *length: of the last of them, with its slash. */
static int levels_of(const char *name, int64_t most, size_t *length) {
    int n = 0;
    *length = 0;
    for (const char *slash = strchr(name, '/'); slash && n < most; slash = strchr(slash + 1, '/')) {
        n++;
        *length = (size_t)(slash + 1 - name);
    }
    return n;
}

/* Reports the open folders that `name` is not in, the innermost first. */
static int close_folders(usage *u, const char *name, dowel_error *err) {
    int rc = 0;
    while (u->open && *u->open && !rc) {
        size_t length = strlen(u->open), outer;
        if (name && !strncmp(name, u->open, length)) break;
        int level = levels_of(u->open, DEEPEST, &outer);
        char *relative = dowel_place_join(u->place, u->open),
             *whole = relative ? dowel_place_name(u->place, relative) : NULL;
        rc = whole ? tell(u, whole, &u->levels[level], err) : dowel_no_memory(err);
        free(relative);
        free(whole);
        add(&u->levels[level - 1], &u->levels[level]);
        u->levels[level] = (amount){0, 0};
        levels_of(u->open, level - 1, &outer);
        u->open[outer] = 0;
    }
    return rc;
}

static int count_one(usage *u, const dowel_item *item, dowel_error *err) {
    const amount one = {item->object.size, 1};
    size_t length;
    if (item->object.odd) return 0;
    int rc = close_folders(u, item->name, err);
    if (rc) return rc;
    int level = levels_of(item->name, u->args->depth, &length);
    free(u->open);
    u->open = strndup(item->name, length);
    if (!u->open) return dowel_no_memory(err);
    add(&u->levels[level], &one);
    return 0;
}

static int count_below(dowel *d, usage *u, dowel_error *err) {
    const args_t *args = u->args;
    dowel_listing *listing = NULL;
    dowel_filter filter;
    dowel_item *item;
    int rc = dowel_filter_open(&filter, u->place->pattern, true, args->include, args->exclude, err);
    if (rc) return rc;
    rc = dowel_listing_start(d, u->place, &(dowel_listing_options){.filter = &filter}, &listing, err);
    while (!rc && !(rc = dowel_listing_next(listing, &item, err)) && item) {
        rc = count_one(u, item, err);
        free(item);
    }
    bool none = !rc && !dowel_listing_found_any(listing);
    if (!rc) rc = close_folders(u, NULL, err);
    if (none && (u->place->pattern || *u->place->path)) rc = dowel_place_nothing(u->place, err);
    if (!rc && !none) dowel_tell_unmatched(d, args->reporter, u->place, &filter);
    dowel_listing_close(listing);
    dowel_filter_close(&filter);
    return rc;
}

static int count_itself(void *context, const dowel_object *object, dowel_error *err) {
    (void)err;
    usage *u = context;
    add(&u->levels[0], &(amount){object->size, 1});
    return 0;
}

/* A folder, or without a slash an object of exactly this name. */
static int count_place(dowel *d, usage *u, const char *text, dowel_place *place, dowel_error *err) {
    size_t length = strlen(place->path);
    if (!place->folder) return place->objects->stat(d, place->block, place->path, NULL, count_itself, u, err);
    int rc = count_below(d, u, err);
    if (rc != DOWEL_E_NOT_FOUND || place->files || place->pattern || !length || text[strlen(text) - 1] == '/')
        return rc;
    place->path[length - 1] = 0;
    int found = place->objects->stat(d, place->block, place->path, NULL, count_itself, u, NULL);
    if (found) place->path[length - 1] = '/';
    return found ? rc : 0;
}

static int usage_of(dowel *d, usage *u, size_t index, dowel_error *err) {
    dowel_place place;
    const char *text = dowel_places_text(u->args, index);
    int rc = dowel_places_open(d, u->args, index, DOWEL_PLACE_ANY, &place, err);
    if (rc) return rc;
    u->place = &place;
    memset(u->levels, 0, sizeof u->levels);
    rc = count_place(d, u, text, &place, err);
    if (rc == DOWEL_E_NOT_FOUND) dowel_place_hint_missing(&place, text, err);
    char *path = dowel_place_join(&place, place.pattern ? place.pattern : ""),
         *whole = path ? dowel_place_name(&place, path) : NULL;
    if (!rc) rc = whole ? tell(u, *whole ? whole : "./", &u->levels[0], err) : dowel_no_memory(err);
    add(&u->all, &u->levels[0]);
    free(path);
    free(whole);
    free(u->open);
    u->open = NULL;
    u->place = NULL;
    dowel_place_close(&place);
    return rc;
}

static int run(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const args_t *args = data;
    usage u = {.args = args, .folders = json_array()};
    int rc = u.folders ? 0 : dowel_no_memory(err);
    for (size_t i = 0; !rc && i < dowel_places_count(args); i++) rc = usage_of(d, &u, i, err);
    if (!rc)
        *result = json_pack("{s:O,s:I,s:I}", "folders", u.folders, "size", (json_int_t)u.all.size, "objects",
                            (json_int_t)u.all.objects);
    json_decref(u.folders);
    return rc;
}

const dowel_task dowel_objects_usage_task = {.size = sizeof(dowel_task),
                                             .name = "objects.usage",
                                             .doc = "Counts the objects of a place and adds up their sizes, by folder.",
                                             .args = &table,
                                             .run = run,
                                             .example = "--place gs://landing/2026/ --depth 2",
                                             .table_rows = "folders",
                                             .amount = "objects=objects size=bytes"};
