/* objects.list and objects.stat. */
#include "copy_tasks.h"
#include "listing.h"
#include "places.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef dowel_objects_place_args args_t;

static const dowel_field list_fields[] = {
    {DOWEL_AT(args_t, place), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_PLACE | DOWEL_SUBJECT,
     .doc = "Object, folder or pattern; gs:// and s3:// list buckets.", .example = "gs://landing/2026/"},
    DOWEL_MORE_PLACES(args_t),
    {DOWEL_AT(args_t, recursive), .kind = DOWEL_BOOL, .doc = "List everything below the folder, not only one level."},
    {DOWEL_AT(args_t, limit), .kind = DOWEL_INT, .fallback = "1000", .minimum = 1, .maximum = 1e9,
     .doc = "Maximum number of objects in the result."},
    {DOWEL_AT(args_t, source_times), .kind = DOWEL_BOOL,
     .doc = "Also show the recorded time of the source file; S3 needs one more request for each object."},
    DOWEL_GLOB_FIELDS(args_t),
    DOWEL_CALLER_FIELDS(args_t),
    {DOWEL_AT(args_t, reporter), .kind = DOWEL_POINTER, .flags = DOWEL_WATCHING},
    {DOWEL_GIVEN_AT(args_t)},
    {0}};
static const dowel_field stat_fields[] = {
    {DOWEL_AT(args_t, place), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_PLACE | DOWEL_SUBJECT,
     .doc = "Object, or a pattern of objects.", .example = "gs://landing/2026/a.csv"},
    DOWEL_MORE_PLACES(args_t),
    DOWEL_CALLER_FIELDS(args_t),
    {DOWEL_GIVEN_AT(args_t)},
    {0}};
static const dowel_table list_table = {"objects.list", sizeof(args_t), list_fields, NULL};
static const dowel_table stat_table = {"objects.stat", sizeof(args_t), stat_fields, NULL};

/* ---- list ---- */

typedef struct listing {
    dowel *d;
    const args_t *args;
    const dowel_place *place;
    dowel_filter filter;
    json_t *objects, *prefixes;
    int64_t left, reported;
    bool several; /* names are whole places */
    bool any;
    char *last; /* folder that was told */
} listing;

static int tell(listing *all, const dowel_object *object, const char *name, dowel_error *err) {
    const dowel_object_reporter *reporter = all->args->reporter;
    if (reporter) {
        reporter->event(reporter->context, &(dowel_object_event){.what = object->is_prefix ? "prefix" : "object",
                                                                 .name = name,
                                                                 .object = object,
                                                                 .size = object->size});
        all->reported += !object->is_prefix;
        return 0;
    }
    if (!all->left) return 1;
    all->left--;
    json_t *shown = object->is_prefix ? dowel_name_json(name) : dowel_object_describe(object, name, false);
    if (shown && !object->is_prefix && all->args->source_times && object->own_time) {
        char when[DOWEL_TIME_TEXT_SIZE];
        dowel_format_time(object->modified, when);
        json_object_set_new(shown, "source_modified", json_string(when));
    }
    return json_array_append_new(object->is_prefix ? all->prefixes : all->objects, shown) ? dowel_no_memory(err) : 0;
}

/* `name` is relative to the place. */
static int tell_named(listing *all, const dowel_object *object, const char *name, dowel_error *err) {
    char *relative = all->several ? dowel_place_join(all->place, name) : NULL,
         *whole = relative ? dowel_place_name(all->place, relative) : NULL;
    int rc = all->several && !whole ? dowel_no_memory(err) : tell(all, object, whole ? whole : name, err);
    free(relative);
    free(whole);
    return rc;
}

/* A folder whose name matches the pattern is told once, for all that is below it. `length`: of its name. */
static int tell_folder(listing *all, const char *name, size_t length, bool *matches, dowel_error *err) {
    char *folder = strndup(name, length + 1);
    if (!folder) return dowel_no_memory(err);
    folder[length] = 0;
    *matches = dowel_filter_fits_place(&all->filter, folder);
    folder[length] = '/';
    bool told = all->last && !strcmp(all->last, folder);
    int rc = 0;
    if (*matches && !told) {
        all->any = true;
        rc = tell_named(all, &(dowel_object){.name = folder, .is_prefix = true}, folder, err);
        free(all->last);
        all->last = folder;
        return rc;
    }
    free(folder);
    return rc;
}

/* The folders in front of a name that does not match itself: "2026-*" matches "2026-01" in front of "2026-01/a". */
static int tell_folders(listing *all, const char *name, dowel_error *err) {
    bool matches = false;
    int rc = 0;
    if (!all->place->pattern || strstr(all->place->pattern, "**")) return 0;
    for (const char *slash = strchr(name, '/'); slash && !matches && !rc; slash = strchr(slash + 1, '/'))
        rc = tell_folder(all, name, (size_t)(slash - name), &matches, err);
    return rc;
}

static int keep_time(void *context, const dowel_object *object, dowel_error *err) {
    (void)err;
    dowel_object *found = context;
    found->modified = object->modified;
    found->own_time = object->own_time;
    return 0;
}

static int list_one(void *context, const dowel_object *object, dowel_error *err) {
    listing *all = context;
    size_t prefix = strlen(all->place->path);
    if (strncmp(object->name, all->place->path, prefix) != 0) return 0;
    const char *name = object->name + prefix;
    if (object->is_prefix && all->place->pattern) return tell_folders(all, name, err);
    if (!dowel_filter_fits_place(&all->filter, name)) return tell_folders(all, name, err);
    all->any = true;
    if (object->is_prefix) return tell_named(all, object, name, err);
    if (!dowel_filter_wants(&all->filter, name)) return 0;
    if (!all->args->source_times || !object->time_untold) return tell_named(all, object, name, err);
    dowel_object timed = *object;
    int rc =
        all->place->objects->stat(all->d, all->place->block, object->name, object->version, keep_time, &timed, err);
    return rc && rc != DOWEL_E_NOT_FOUND ? rc : tell_named(all, &timed, name, err);
}

/* An object of exactly this name: listed under the last part of it, as `ls` lists a file. */
static int list_itself(void *context, const dowel_object *object, dowel_error *err) {
    listing *all = context;
    const char *slash = strrchr(object->name, '/');
    dowel_object last = *object;
    dowel_place top = *all->place;
    const dowel_place *place = all->place;
    size_t front = slash ? (size_t)(slash + 1 - object->name) : 0;
    char *path = strndup(object->name, front);
    if (!path) return dowel_no_memory(err);
    top.path = path;
    all->place = &top;
    int rc = list_one(all, &last, err);
    all->place = place;
    free(path);
    return rc < 0 ? rc : 0;
}

/* What exactly the place's name is: an object, or a folder. */
static int look(dowel *d, listing *all, dowel_place *place, bool *itself, dowel_error *err) {
    int rc = place->objects->stat(d, place->block, place->path, NULL, list_itself, all, err);
    *itself = !rc;
    if (rc != DOWEL_E_NOT_FOUND || place->objects->source) return rc;
    char *path = dowel_place_join(place, "/");
    if (!path) return dowel_no_memory(err);
    free(place->path);
    place->path = path;
    return 0;
}

static int list_below(dowel *d, listing *all, const dowel_place *place, dowel_error *err) {
    char *literal = place->pattern ? dowel_glob_prefix(place->pattern) : NULL;
    char *prefix = dowel_place_join(place, literal ? literal : "");
    bool one_level = place->pattern ? all->filter.shallow : !all->args->recursive;
    const dowel_objects_query query = {
        .size = sizeof query, .prefix = prefix && *prefix ? prefix : NULL, .delimiter = one_level ? "/" : NULL};
    int rc = prefix ? place->objects->list(d, place->block, &query, list_one, all, err) : dowel_no_memory(err);
    free(literal);
    free(prefix);
    return rc;
}

static int missing(const dowel_place *place, dowel_error *err) {
    if (place->pattern) return dowel_place_nothing(place, err);
    return dowel_fail(err, DOWEL_E_NOT_FOUND, "there is no %s%s, and nothing below it", place->shown, place->path);
}

static int list_place(dowel *d, listing *all, size_t index, dowel_error *err) {
    const args_t *args = all->args;
    dowel_place place;
    bool itself = false, several = all->several;
    int rc = dowel_places_open(d, args, index, args->recursive ? DOWEL_PLACE_ANY : DOWEL_PLACE_ONE, &place, err);
    if (rc) return rc;
    all->place = &place;
    all->several |= place.pattern != NULL;
    all->any = false;
    rc = dowel_filter_open(&all->filter, place.pattern, args->recursive, args->include, args->exclude, err);
    if (!rc && !place.folder) rc = look(d, all, &place, &itself, err);
    if (!rc && !itself) rc = list_below(d, all, &place, err);
    if (rc == DOWEL_E_NOT_FOUND) dowel_place_hint_missing(&place, dowel_places_text(args, index), err);
    if (!rc && !all->any && (place.pattern || (*place.path && !place.objects->source))) rc = missing(&place, err);
    if (!rc && all->any) dowel_tell_unmatched(d, args->reporter, &place, &all->filter);
    dowel_filter_close(&all->filter);
    all->several = several;
    dowel_place_close(&place);
    return rc;
}

/* ---- buckets ---- */

/* "gs://", or a pattern of buckets. */
static bool names_buckets(const char *text) {
    const char *scheme = strstr(text, "://");
    if (!scheme || strchr(text, '/') != scheme + 1 || !strncmp(text, "file://", 7)) return false;
    const char *bucket = scheme + strlen("://");
    return !*bucket || (dowel_glob_is_pattern(bucket) && !strchr(bucket, '/'));
}

static int set_text(const dowel_table *table, const char *name, const char *text, json_t *args, dowel_error *err) {
    const dowel_field *field = text ? dowel_field_find(table, name) : NULL;
    return field ? dowel_field_parse(table, field, text, args, err) : 0;
}

static int fetch_buckets(dowel *d, const args_t *args, const dowel_objects *objects, json_t **buckets,
                         dowel_error *err) {
    const dowel_task *task;
    json_t *asked = json_object(), *result = NULL;
    int rc = dowel_find_task(d, objects->buckets_task, &task, err);
    if (!rc) rc = set_text(task->args, "credentials", args->credentials, asked, err);
    if (!rc) rc = set_text(task->args, "endpoint", args->endpoint, asked, err);
    if (!rc) rc = set_text(task->args, "region", args->region, asked, err);
    if (!rc) rc = set_text(task->args, "limit", "1000000000", asked, err);
    if (!rc) rc = dowel_call_json(d, task->name, asked, NULL, &result, err);
    *buckets = json_incref(json_object_get(result, "buckets"));
    json_decref(result);
    json_decref(asked);
    return rc;
}

static int list_buckets(dowel *d, listing *all, const char *text, dowel_error *err) {
    char scheme[64], name[512];
    const char *pattern = strstr(text, "://") + strlen("://");
    snprintf(scheme, sizeof scheme, "%.*s", (int)strcspn(text, ":"), text);
    const dowel_block_type *type = dowel_place_type(d, scheme, err);
    if (!type) return DOWEL_E_INVALID;
    bool lists = type->objects->size >= sizeof(dowel_objects) && type->objects->buckets_task;
    if (!lists) return dowel_fail(err, DOWEL_E_INVALID, "%.40s:// cannot list buckets: name one", scheme);
    json_t *buckets = NULL, *bucket;
    size_t i;
    int rc = dowel_filter_open(&all->filter, *pattern ? pattern : NULL, false, NULL, NULL, err);
    if (!rc) rc = fetch_buckets(d, all->args, type->objects, &buckets, err);
    all->any = false;
    json_array_foreach(buckets, i, bucket) {
        const char *called = json_string_value(json_object_get(bucket, "bucket")),
                   *created = json_string_value(json_object_get(bucket, "created"));
        dowel_object object = {.name = called, .is_prefix = true};
        if (rc || !called || !dowel_filter_fits_place(&all->filter, called)) continue;
        if (created) dowel_parse_time(created, &object.modified);
        snprintf(name, sizeof name, "%s://%s/", scheme, called);
        all->any = true;
        rc = tell(all, &object, name, err);
    }
    if (!rc && *pattern && !all->any) rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "no bucket matches %.200s", text);
    json_decref(buckets);
    dowel_filter_close(&all->filter);
    return rc;
}

static int run_list(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const args_t *args = data;
    size_t count = dowel_places_count(args);
    listing all = {.d = d, .args = args, .left = args->limit, .several = count > 1};
    all.objects = json_array();
    all.prefixes = json_array();
    int rc = all.objects && all.prefixes ? 0 : dowel_no_memory(err);
    for (size_t i = 0; !rc && i < count; i++) {
        const char *text = dowel_places_text(args, i);
        bool buckets = !args->literal && names_buckets(text);
        rc = buckets ? list_buckets(d, &all, text, err) : list_place(d, &all, i, err);
    }
    bool more = rc > 0;
    if (rc > 0) rc = 0;
    if (!rc) *result = json_pack("{s:O,s:O,s:b}", "objects", all.objects, "prefixes", all.prefixes, "truncated", more);
    if (!rc && args->reporter && json_object_set_new(*result, "reported", json_integer((json_int_t)all.reported)))
        rc = dowel_no_memory(err);
    json_decref(all.objects);
    json_decref(all.prefixes);
    free(all.last);
    return rc;
}

/* ---- stat ---- */

typedef struct stat_of {
    const dowel_place *place;
    bool several;
    json_t *found;
} stat_of;

static int describe(void *context, const dowel_object *object, dowel_error *err) {
    stat_of *s = context;
    char *whole = s->several ? dowel_place_name(s->place, object->name) : NULL;
    s->found = dowel_object_describe(object, whole ? whole : object->name, true);
    free(whole);
    return s->found ? 0 : dowel_no_memory(err);
}

static int stat_one(dowel *d, stat_of *s, const char *name, json_t *objects, dowel_error *err) {
    int rc = s->place->objects->stat(d, s->place->block, name, NULL, describe, s, err);
    if (!rc && json_array_append_new(objects, s->found)) rc = dowel_no_memory(err);
    return rc;
}

static int stat_matches(dowel *d, stat_of *s, json_t *objects, dowel_error *err) {
    dowel_listing *names = NULL;
    dowel_filter filter;
    dowel_item *item;
    int rc = dowel_filter_open(&filter, s->place->pattern, false, NULL, NULL, err);
    if (rc) return rc;
    rc = dowel_listing_start(d, s->place, &(dowel_listing_options){.filter = &filter}, &names, err);
    while (!rc && !(rc = dowel_listing_next(names, &item, err)) && item) {
        rc = item->object.odd ? 0 : stat_one(d, s, item->object.name, objects, err);
        free(item);
    }
    if (!rc && !dowel_listing_found_any(names)) rc = dowel_place_nothing(s->place, err);
    dowel_listing_close(names);
    dowel_filter_close(&filter);
    return rc;
}

static int stat_place(dowel *d, const args_t *args, size_t index, bool *several, json_t *objects, dowel_error *err) {
    dowel_place place;
    const char *text = dowel_places_text(args, index);
    int rc = dowel_places_open(d, args, index, DOWEL_PLACE_ONE, &place, err);
    if (rc) return rc;
    *several |= place.pattern != NULL;
    stat_of s = {.place = &place, .several = *several};
    if (place.pattern)
        rc = stat_matches(d, &s, objects, err);
    else if (place.folder)
        rc = dowel_fail(err, DOWEL_E_INVALID, "%.200s is a folder, not an object", text);
    else
        rc = stat_one(d, &s, place.path, objects, err);
    dowel_place_close(&place);
    return rc;
}

static int run_stat(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const args_t *args = data;
    size_t count = dowel_places_count(args);
    bool several = count > 1;
    json_t *objects = json_array();
    int rc = objects ? 0 : dowel_no_memory(err);
    for (size_t i = 0; !rc && i < count; i++) rc = stat_place(d, args, i, &several, objects, err);
    if (!rc) *result = several ? json_pack("{s:O}", "objects", objects) : json_incref(json_array_get(objects, 0));
    if (!rc && !*result) rc = dowel_no_memory(err);
    json_decref(objects);
    return rc;
}

const dowel_task dowel_objects_list_task = {.size = sizeof(dowel_task),
                                            .name = "objects.list",
                                            .doc = "Lists the objects of a place, or the buckets of a service.",
                                            .args = &list_table,
                                            .run = run_list,
                                            .example = "--place gs://landing/2026/",
                                            .table_rows = "objects",
                                            .amount = "reported=objects objects=objects"};
const dowel_task dowel_objects_stat_task = {.size = sizeof(dowel_task),
                                            .name = "objects.stat",
                                            .doc = "Shows the size, times, type, checksums and metadata of objects.",
                                            .args = &stat_table,
                                            .run = run_stat,
                                            .example = "--place gs://landing/a.csv"};
