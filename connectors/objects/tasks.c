/* The descriptor; objects.list, objects.stat, objects.remove, objects.presign. */
#include "copy_tasks.h"
#include "glob.h"
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef dowel_objects_place_args args_t;

#define PLACE(what)                                                                                                    \
    {                                                                                                                  \
        DOWEL_AT(args_t, place), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_PLACE, .doc = what,             \
                                 .example = "gs://landing/2026/a.csv"                                                  \
    }

static const dowel_field list_fields[] = {
    PLACE("Object or folder."),
    {DOWEL_AT(args_t, recursive), .kind = DOWEL_BOOL, .doc = "Everything below the folder, not only what is in it."},
    {DOWEL_AT(args_t, limit), .kind = DOWEL_INT, .fallback = "1000", .minimum = 1, .maximum = 1e9,
     .doc = "Most objects to name."},
    DOWEL_GLOB_FIELDS(args_t),
    DOWEL_CALLER_FIELDS(args_t),
    {DOWEL_AT(args_t, reporter), .kind = DOWEL_POINTER, .flags = DOWEL_WATCHING},
    {DOWEL_GIVEN_AT(args_t)},
    {0}};
static const dowel_field remove_fields[] = {
    PLACE("Object or folder."),
    {DOWEL_AT(args_t, recursive), .kind = DOWEL_BOOL, .doc = "Everything below the folder."},
    {DOWEL_AT(args_t, dry_run), .kind = DOWEL_BOOL, .doc = "Say what would be removed, and remove nothing."},
    DOWEL_GLOB_FIELDS(args_t),
    DOWEL_CALLER_FIELDS(args_t),
    {DOWEL_AT(args_t, reporter), .kind = DOWEL_POINTER, .flags = DOWEL_WATCHING},
    {DOWEL_GIVEN_AT(args_t)},
    {0}};
static const dowel_field stat_fields[] = {PLACE("Object."), DOWEL_CALLER_FIELDS(args_t), {DOWEL_GIVEN_AT(args_t)}, {0}};
static const char *const methods[] = {"GET", "PUT", "DELETE", "HEAD", NULL};
static const dowel_field presign_fields[] = {
    PLACE("Object; it need not exist."),
    {DOWEL_AT(args_t, method), .kind = DOWEL_ENUM, .values = methods, .doc = "What the URL lets its holder do."},
    {DOWEL_AT(args_t, expires), .kind = DOWEL_DURATION, .fallback = "1h", .minimum = 1, .maximum = 604800,
     .doc = "How long it is good for."},
    {DOWEL_AT(args_t, content_type), .kind = DOWEL_STRING, .doc = "Content type that a PUT must have."},
    DOWEL_CALLER_FIELDS(args_t),
    {DOWEL_GIVEN_AT(args_t)},
    {0}};
static const dowel_table list_table = {"objects.list", sizeof(args_t), list_fields, NULL};
static const dowel_table remove_table = {"objects.remove", sizeof(args_t), remove_fields, NULL};
static const dowel_table stat_table = {"objects.stat", sizeof(args_t), stat_fields, NULL};
static const dowel_table presign_table = {"objects.presign", sizeof(args_t), presign_fields, NULL};

static int open_place(dowel *d, const args_t *args, dowel_place_use use, dowel_place *place, dowel_error *err) {
    const dowel_caller caller = {args->credentials, args->endpoint, args->region};
    int rc = dowel_place_open(d, args->place, use, &caller, false, place, err);
    if (rc || !place->stream) return rc;
    dowel_place_close(place);
    return dowel_fail(err, DOWEL_E_INVALID, "%.200s is no object and no folder", args->place);
}

static int open_object(dowel *d, const args_t *args, dowel_place *place, dowel_error *err) {
    int rc = open_place(d, args, DOWEL_PLACE_ONE, place, err);
    if (rc || !place->folder) return rc;
    dowel_place_close(place);
    return dowel_fail(err, DOWEL_E_INVALID, "%.200s is a folder; an object has a name", args->place);
}

/* ---- list, stat ---- */

/* Text from a name; what is not UTF-8 is shown escaped. */
static json_t *text_of(const char *text) {
    json_t *value = text ? json_string(text) : NULL;
    char *shown = text && !value ? dowel_printable(text, false) : NULL;
    if (shown) value = json_string(shown);
    free(shown);
    return value;
}

static json_t *describe(const dowel_object *object, size_t prefix) {
    char when[DOWEL_TIME_TEXT_SIZE];
    static const char *const kinds[] = {"crc32c", "md5", "sha256", "crc32", "crc64nvme"};
    json_t *shown = json_pack("{s:o*,s:I}", "name", text_of(object->name + prefix), "size", (json_int_t)object->size);
    if (!shown) return NULL;
    if (object->modified) {
        dowel_format_time(object->modified, when);
        json_object_set_new(shown, "modified", json_string(when));
    }
    const struct {
        const char *name, *value;
    } more[] = {{"content_type", object->content_type},
                {"storage_class", object->storage_class},
                {"etag", object->etag},
                {"version", object->version},
                {"left_out", object->odd}};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        if (more[i].value) json_object_set_new(shown, more[i].name, text_of(more[i].value));
    char *check = object->check_size ? dowel_base64(object->check, object->check_size) : NULL;
    if (check) json_object_set_new(shown, kinds[object->check_kind], json_string(check));
    free(check);
    return shown;
}

typedef struct listing {
    const args_t *args;
    const dowel_place *place;
    json_t *objects, *prefixes;
    int64_t left;
    bool any;
} listing;

static int list_one(void *context, const dowel_object *object, dowel_error *err) {
    listing *all = context;
    size_t prefix = strlen(all->place->path);
    if (strncmp(object->name, all->place->path, prefix) != 0) return 0;
    all->any = true;
    if (!object->is_prefix && !dowel_glob_wanted(all->args->include, all->args->exclude, object->name + prefix))
        return 0;
    const dowel_object_reporter *reporter = all->args->reporter;
    if (reporter) {
        reporter->event(reporter->context, &(dowel_object_event){.what = object->is_prefix ? "prefix" : "object",
                                                                 .name = object->name + prefix,
                                                                 .object = object,
                                                                 .size = object->size});
        return 0;
    }
    if (!all->left) return 1;
    all->left--;
    int failed = object->is_prefix ? json_array_append_new(all->prefixes, text_of(object->name + prefix))
                                   : json_array_append_new(all->objects, describe(object, prefix));
    return failed ? dowel_no_memory(err) : 0;
}

/* An object of this name, told under its last part: as `ls` of a file. */
static int list_itself(void *context, const dowel_object *object, dowel_error *err) {
    listing *all = context;
    const char *slash = strrchr(object->name, '/');
    dowel_object last = *object;
    dowel_place top = {.path = (char *)""};
    const dowel_place *place = all->place;
    if (slash) last.name = slash + 1;
    all->place = &top;
    int rc = list_one(all, &last, err);
    all->place = place;
    return rc < 0 ? rc : 0;
}

static int run_list(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const args_t *args = data;
    dowel_place place;
    listing all = {.args = args, .place = &place, .left = args->limit};
    int rc = open_place(d, args, args->recursive ? DOWEL_PLACE_TREE : DOWEL_PLACE_ONE, &place, err);
    if (rc) return rc;
    all.objects = json_array();
    all.prefixes = json_array();
    bool itself = false;
    if (!place.folder) {
        rc = place.objects->stat(d, place.block, place.path, NULL, list_itself, &all, err);
        itself = !rc;
        if (rc == DOWEL_E_NOT_FOUND && !place.objects->source) { /* then it is a folder, or nothing */
            char *path = dowel_place_join(&place, "/");
            rc = path ? 0 : dowel_no_memory(err);
            free(place.path);
            place.path = path;
        }
    }
    const dowel_objects_query query = {.size = sizeof query,
                                       .prefix = place.path && *place.path ? place.path : NULL,
                                       .delimiter = args->recursive ? NULL : "/"};
    if (!rc && !itself) rc = place.objects->list(d, place.block, &query, list_one, &all, err);
    if (rc == DOWEL_E_NOT_FOUND) dowel_place_hint_missing(&place, args->place, err);
    bool more = rc > 0;
    if (rc > 0) rc = 0;
    if (!rc && !all.any && *place.path && !place.objects->source)
        rc = dowel_fail(err, DOWEL_E_NOT_FOUND, "there is no %s%s, and nothing below it", place.shown, place.path);
    if (!rc) *result = json_pack("{s:O,s:O,s:b}", "objects", all.objects, "prefixes", all.prefixes, "truncated", more);
    json_decref(all.objects);
    json_decref(all.prefixes);
    dowel_place_close(&place);
    return rc;
}

static int describe_it(void *context, const dowel_object *object, dowel_error *err) {
    json_t **result = context;
    *result = describe(object, 0);
    return *result ? 0 : dowel_no_memory(err);
}

static int run_stat(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const args_t *args = data;
    dowel_place place;
    int rc = open_object(d, args, &place, err);
    if (rc) return rc;
    rc = place.objects->stat(d, place.block, place.path, NULL, describe_it, result, err);
    dowel_place_close(&place);
    return rc;
}

/* ---- remove ---- */

static int ignore(void *context, const dowel_object *object, dowel_error *err) {
    (void)context, (void)object, (void)err;
    return 0;
}

static int remove_one(dowel *d, const args_t *args, const dowel_place *place, dowel_report *report, dowel_error *err) {
    if (place->folder) {
        dowel_fail(err, DOWEL_E_INVALID, "%.200s is a folder", args->place);
        dowel_error_hint(err, "recursive (-r) removes everything below it");
        return DOWEL_E_INVALID;
    }
    int rc = place->objects->stat(d, place->block, place->path, NULL, ignore, NULL, err);
    if (!rc && !args->dry_run)
        rc = place->objects->remove(d, place->block, (const char *const[]){place->path}, 1, NULL, NULL, err);
    char *shown = rc ? NULL : dowel_place_name(place, place->path);
    if (shown) dowel_report_removed(report, shown);
    free(shown);
    return rc;
}

static int run_remove(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const args_t *args = data;
    dowel_place place;
    dowel_report report;
    int rc = open_place(d, args, args->recursive ? DOWEL_PLACE_TREE : DOWEL_PLACE_ONE, &place, err);
    if (rc) return rc;
    dowel_report_open(&report, args->reporter);
    rc = dowel_place_keep(d, "objects.place", &place, err);
    if (!rc)
        rc = args->recursive ? dowel_tree_remove(d, &place, args->include, args->exclude, args->dry_run, &report, err)
                             : remove_one(d, args, &place, &report, err);
    rc = dowel_report_end(&report, rc, err);
    if (!rc) *result = json_pack("{s:I}", "removed", (json_int_t)report.removed);
    dowel_report_close(&report);
    dowel_place_close(&place);
    return rc;
}

/* ---- presign ---- */

static int run_presign(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const args_t *args = data;
    dowel_place place;
    char *url = NULL;
    int rc = open_object(d, args, &place, err);
    if (rc) return rc;
    const dowel_presign_options options = {.size = sizeof options,
                                           .method = methods[args->method],
                                           .seconds = args->expires,
                                           .content_type = args->content_type};
    if (!place.objects->presign)
        rc = dowel_fail(err, DOWEL_E_INVALID, "%.200s: only objects of a cloud have URLs", args->place);
    else
        rc = place.objects->presign(d, place.block, place.path, &options, &url, err);
    if (!rc) *result = json_pack("{s:s}", "url", url);
    free(url);
    dowel_place_close(&place);
    return rc;
}

#define TASK(id, what, args_table, body, shown)                                                                        \
    static const dowel_task task_##id = {.size = sizeof(dowel_task),                                                   \
                                         .name = "objects." #id,                                                       \
                                         .doc = what,                                                                  \
                                         .args = &args_table,                                                          \
                                         .run = body,                                                                  \
                                         .example = shown}

static const dowel_task task_list = {.size = sizeof(dowel_task),
                                     .name = "objects.list",
                                     .doc = "Lists the objects of a place.",
                                     .args = &list_table,
                                     .run = run_list,
                                     .example = "--place gs://landing/2026/",
                                     .table_rows = "objects"};
TASK(stat, "Tells an object's size, time, type and checksum.", stat_table, run_stat, "--place gs://landing/a.csv");
TASK(remove, "Removes an object, or everything below a folder.", remove_table, run_remove,
     "--place s3://reports/old/ --recursive --dry-run");
TASK(presign, "Makes a URL that lets its holder fetch or store one object for a while.", presign_table, run_presign,
     "--place gs://landing/a.csv --expires 15m");

static const dowel_task *const tasks[] = {
    &dowel_objects_copy_task, &dowel_objects_sync_task, &task_list, &task_stat, &task_remove, &task_presign, NULL};

const dowel_connector dowel_objects_connector = {
    .abi = DOWEL_ABI,
    .size = sizeof(dowel_connector),
    .name = "objects",
    .version = "0.1.0",
    .doc = "Copying, syncing, listing and removing over everything that holds objects.",
    .tasks = tasks};
