/* objects.copy and objects.sync. */
#include "copy_tasks.h"

#include "tree.h"

#include <dowel/transfer.h>

#include <stdlib.h>
#include <string.h>

typedef dowel_objects_copy_args args_t;

static const char *const links[] = {"skip", "follow", "fail", NULL};
static const char *const comparisons[] = {"time", "size", "checksum", NULL};

#define PLACES                                                                                                         \
    {DOWEL_AT(args_t, source), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_PLACE,                            \
     .doc = "Place to copy from.", .example = "gs://landing/2026/"},                                                   \
    {                                                                                                                  \
        DOWEL_AT(args_t, destination), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_PLACE,                    \
                                       .doc = "Place to copy to.", .example = "s3://reports/2026/"                     \
    }
#define HOW                                                                                                            \
    DOWEL_GLOB_FIELDS(args_t),                                                                                         \
        {DOWEL_AT(args_t, symlinks), .kind = DOWEL_ENUM, .values = links,                                              \
         .doc = "What to do with symbolic links among the files."},                                                    \
        {DOWEL_AT(args_t, dry_run), .kind = DOWEL_BOOL, .doc = "Say what would be done, and do nothing."},             \
        {DOWEL_AT(args_t, concurrency), .kind = DOWEL_INT, .fallback = "16", .minimum = 1, .maximum = 64,              \
         .doc = "Objects at a time."},                                                                                 \
        {DOWEL_AT(args_t, part_size), .kind = DOWEL_SIZE, .minimum = 1, .maximum = 1e15,                               \
         .doc = "Bytes of a part of a large object; without: what suits the service."},                                \
        {DOWEL_AT(args_t, part_concurrency), .kind = DOWEL_INT, .minimum = 1, .maximum = 64,                           \
         .doc = "Parts of one object at a time; without: what suits the service, which to Cloud Storage is one. "      \
                "More make it parts beside the object that are composed and deleted."},                                \
        DOWEL_CALLER_FIELDS(args_t),                                                                                   \
        {DOWEL_AT(args_t, from_credentials), .kind = DOWEL_STRING, .flags = DOWEL_BLOCK_TEXT,                          \
         .doc = "Credentials for the source alone."},                                                                  \
        {DOWEL_AT(args_t, from_endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,                                \
         .doc = "Endpoint of the source alone."},                                                                      \
        {DOWEL_AT(args_t, from_region), .kind = DOWEL_STRING, .doc = "Region of the source alone."},                   \
        {DOWEL_AT(args_t, to_credentials), .kind = DOWEL_STRING, .flags = DOWEL_BLOCK_TEXT,                            \
         .doc = "Credentials for the destination alone."},                                                             \
        {DOWEL_AT(args_t, to_endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,                                  \
         .doc = "Endpoint of the destination alone."},                                                                 \
        {DOWEL_AT(args_t, to_region), .kind = DOWEL_STRING, .doc = "Region of the destination alone."}, {              \
        DOWEL_AT(args_t, reporter), .kind = DOWEL_POINTER, .flags = DOWEL_WATCHING                                     \
    }

static const dowel_field copy_fields[] = {
    PLACES,
    {DOWEL_AT(args_t, recursive), .kind = DOWEL_BOOL, .doc = "Everything below the source's folder."},
    {DOWEL_AT(args_t, skip_existing), .kind = DOWEL_BOOL, .doc = "Leave what the destination has as it is."},
    {DOWEL_AT(args_t, content_type), .kind = DOWEL_STRING,
     .doc = "Content type of what is stored; without: the source's, or guessed from the name."},
    {DOWEL_AT(args_t, cache_control), .kind = DOWEL_STRING, .doc = "Cache-Control of what is stored."},
    {DOWEL_AT(args_t, storage_class), .kind = DOWEL_STRING, .doc = "Storage class of what is stored."},
    {DOWEL_AT(args_t, metadata), .kind = DOWEL_MAP, .doc = "Metadata of what is stored."},
    HOW,
    {DOWEL_GIVEN_AT(args_t)},
    {0}};
static const dowel_field sync_fields[] = {
    PLACES,
    {DOWEL_AT(args_t, compare), .kind = DOWEL_ENUM, .values = comparisons,
     .doc = "What makes an object different: its size or time, its size alone, its size or checksum."},
    {.name = "delete",
     .offset = offsetof(args_t, delete_extraneous),
     .kind = DOWEL_BOOL,
     .doc = "Remove at the destination what the source does not have."},
    {DOWEL_AT(args_t, allow_empty), .kind = DOWEL_BOOL,
     .doc = "With delete: a source with nothing in it empties the destination, which else is an error."},
    HOW,
    {DOWEL_GIVEN_AT(args_t)},
    {0}};

static int check_args(const void *data, dowel_error *err) {
    const args_t *args = data;
    if (!strcmp(args->source, "-") && !strcmp(args->destination, "-"))
        return dowel_fail(err, DOWEL_E_INVALID, "source and destination are both \"-\"");
    return 0;
}

static const dowel_table copy_table = {"objects.copy", sizeof(args_t), copy_fields, check_args};
static const dowel_table sync_table = {"objects.sync", sizeof(args_t), sync_fields, check_args};

static const char *or_else(const char *own, const char *both) {
    return own ? own : both;
}

/* A saved block or a file takes no credentials: those that are for both places are then for the other. */
static bool is_url(const char *place) {
    return strstr(place, "://") && strncmp(place, "file://", 7) != 0;
}

static int open_places(dowel *d, const args_t *args, dowel_place_use use, dowel_place *from, dowel_place *to,
                       dowel_error *err) {
    bool from_url = is_url(args->source), to_url = is_url(args->destination);
    const dowel_caller source = {or_else(args->from_credentials, from_url ? args->credentials : NULL),
                                 or_else(args->from_endpoint, from_url ? args->endpoint : NULL),
                                 or_else(args->from_region, from_url ? args->region : NULL)};
    const dowel_caller target = {or_else(args->to_credentials, to_url ? args->credentials : NULL),
                                 or_else(args->to_endpoint, to_url ? args->endpoint : NULL),
                                 or_else(args->to_region, to_url ? args->region : NULL)};
    int rc = dowel_place_open(d, args->source, use, &source, args->symlinks == DOWEL_LINKS_FOLLOW, from, err);
    if (rc) return rc;
    rc = dowel_place_open(d, args->destination, use, &target, false, to, err);
    if (!rc) {
        rc = dowel_place_keep(d, "objects.source", from, err);
        if (!rc) rc = dowel_place_keep(d, "objects.destination", to, err);
        if (rc) dowel_place_close(to);
    }
    if (rc) dowel_place_close(from);
    return rc;
}

/* ---- one object ---- */

typedef struct one {
    dowel *d;
    const dowel_tree *tree;
    const char *to_name;
    const dowel_object *object;
    int64_t size;
    bool left;
} one;

static int copy_it(dowel *d, void *context, int64_t index, dowel_error *err) {
    (void)index;
    one *o = context;
    return dowel_way_copy(d, &o->tree->way, o->object, o->to_name, &o->size, NULL, err);
}

static int copy_seen(void *context, const dowel_object *object, dowel_error *err) {
    one *o = context;
    o->size = object->size;
    o->object = object;
    if (o->tree->dry_run) return 0;
    /* As a part of itself: so that progress knows the whole from the start, whatever way it goes. */
    const dowel_parts parts = {.count = 1, .width = 1, .total = object->size, .part = copy_it, .context = o};
    return dowel_parts_run(o->d, &parts, err);
}

static int found(void *context, const dowel_object *object, dowel_error *err) {
    (void)object, (void)err;
    *(bool *)context = true;
    return 0;
}

/* Where it goes: the name itself, or into a folder under the name that it has. */
static char *target_name(const dowel_place *from, const dowel_place *to) {
    if (!to->folder) return strdup(to->path);
    const char *slash = from->path ? strrchr(from->path, '/') : NULL;
    return dowel_place_join(to, slash ? slash + 1 : from->path);
}

static int check_one(const args_t *args, const dowel_place *from, const dowel_place *to, dowel_error *err) {
    if (from->folder) {
        dowel_fail(err, DOWEL_E_INVALID, "%.200s is a folder", args->source);
        if (to->stream)
            dowel_error_hint(err, "name one object; `dowel ls` shows what is below a folder");
        else
            dowel_error_hint(err, "recursive (-r) copies everything below it");
    } else if (from->stream && (to->stream || to->folder)) {
        dowel_fail(err, DOWEL_E_INVALID, "%.200s has no name: say how it is to be called at the destination",
                   args->source);
    } else {
        return 0;
    }
    return DOWEL_E_INVALID;
}

/* Whether the object would be copied onto itself. */
static bool is_itself(const dowel_place *from, const dowel_place *to, const char *name) {
    dowel_place target = *to;
    target.path = (char *)name;
    return dowel_place_is_same(from, &target);
}

static int copy_one(dowel *d, const args_t *args, const dowel_tree *tree, dowel_error *err) {
    const dowel_place *from = tree->way.from, *to = tree->way.to;
    int rc = check_one(args, from, to, err);
    if (rc) return rc;
    char *name = to->stream ? strdup(to->stream) : target_name(from, to);
    char *shown_from = name ? dowel_place_name(from, from->path) : NULL,
         *shown_to = shown_from ? dowel_place_name(to, name) : NULL;
    one o = {.d = d, .tree = tree, .to_name = name};
    if (!shown_to)
        rc = dowel_no_memory(err);
    else if (is_itself(from, to, name))
        rc = dowel_fail(err, DOWEL_E_INVALID, "source and destination are the same: %.200s", shown_from);
    if (!rc && !to->stream) rc = dowel_place_check_name(to, name, err);
    if (!rc && tree->skip_existing && !to->stream) {
        rc = to->objects->stat(d, to->block, name, NULL, found, &o.left, err);
        if (rc == DOWEL_E_NOT_FOUND) rc = 0;
    }
    if (!rc && o.left)
        dowel_report_unchanged(tree->report, shown_from);
    else if (!rc && tree->dry_run && (from->stream || to->stream))
        rc = from->stream ? 0 : from->objects->stat(d, from->block, from->path, NULL, copy_seen, &o, err);
    else if (!rc && to->stream)
        rc = dowel_way_to_stream(d, &tree->way, from->path, &o.size, err);
    else if (!rc && from->stream)
        rc = dowel_way_from_stream(d, &tree->way, name, &o.size, err);
    else if (!rc)
        rc = from->objects->stat(d, from->block, from->path, NULL, copy_seen, &o, err);
    if (rc == DOWEL_E_NOT_FOUND) dowel_place_hint_missing(from, args->source, err);
    if (rc == DOWEL_E_NOT_FOUND && !from->files && !to->stream && err && !*err->hint)
        dowel_error_hint(err, "if it is a folder, recursive (-r) copies what is below it");
    if (!rc && !o.left) dowel_report_copied(tree->report, shown_from, shown_to, o.size);
    free(shown_to);
    free(shown_from);
    free(name);
    return rc;
}

/* ---- a tree ---- */

static int lies_in_source(const args_t *args, const char *why, dowel_error *err) {
    return dowel_fail(err, DOWEL_E_INVALID, "the destination %.200s lies in the source %.200s%s", args->destination,
                      args->source, why);
}

static int lies_in_destination(const args_t *args, const char *why, dowel_error *err) {
    return dowel_fail(err, DOWEL_E_INVALID,
                      "the source %.200s lies in the destination %.200s and would be removed with the rest%s",
                      args->source, args->destination, why);
}

static int check_tree(dowel *d, const args_t *args, const dowel_place *from, const dowel_place *to, bool sync,
                      dowel_error *err) {
    bool removes = sync && args->delete_extraneous, overlap;
    if (from->stream || to->stream)
        return dowel_fail(err, DOWEL_E_INVALID, "%.200s is no folder", from->stream ? args->source : args->destination);
    if (dowel_place_holds(from, to)) return lies_in_source(args, "", err);
    if (removes && dowel_place_holds(to, from)) return lies_in_destination(args, "", err);
    bool inside;
    int rc = dowel_place_probe(d, from, to, &overlap, &inside, err);
    static const char why[] = ": both addresses lead to the same bucket";
    if (!rc && overlap && inside) rc = lies_in_source(args, why, err);
    if (!rc && overlap && !inside && removes) rc = lies_in_destination(args, why, err);
    return rc;
}

static int counts(const dowel_report *report, json_t **result, dowel_error *err) {
    *result = json_pack("{s:I,s:I,s:I,s:I,s:I}", "copied", (json_int_t)report->copied, "bytes",
                        (json_int_t)report->bytes, "unchanged", (json_int_t)report->unchanged, "skipped",
                        (json_int_t)report->skipped, "removed", (json_int_t)report->removed);
    if (!*result) return dowel_no_memory(err);
    if (report->incomplete) json_object_set_new(*result, "incomplete", json_integer((json_int_t)report->incomplete));
    return 0;
}

static int run(dowel *d, const args_t *args, bool sync, json_t **result, dowel_error *err) {
    dowel_place from, to;
    dowel_report report;
    bool whole = sync || args->recursive;
    int rc = open_places(d, args, whole ? DOWEL_PLACE_TREE : DOWEL_PLACE_ONE, &from, &to, err);
    if (rc) return rc;
    dowel_report_open(&report, args->reporter);
    const dowel_tree tree = {.way = {.from = &from,
                                     .to = &to,
                                     .content_type = args->content_type,
                                     .cache_control = args->cache_control,
                                     .storage_class = args->storage_class,
                                     .metadata = args->metadata,
                                     .named = !whole,
                                     .parts = {args->part_size, args->part_concurrency},
                                     .report = &report},
                             .include = args->include,
                             .exclude = args->exclude,
                             .merge = sync,
                             .compare = args->compare,
                             .links = args->symlinks,
                             .skip_existing = args->skip_existing,
                             .delete_extraneous = sync && args->delete_extraneous,
                             .allow_empty = args->allow_empty,
                             .dry_run = args->dry_run,
                             .width = (int)args->concurrency,
                             .report = &report};
    rc = whole ? check_tree(d, args, &from, &to, sync, err) : 0;
    if (!rc) rc = whole ? dowel_tree_copy(d, &tree, err) : copy_one(d, args, &tree, err);
    rc = dowel_report_end(&report, rc, err);
    if (!rc) rc = counts(&report, result, err);
    dowel_report_close(&report);
    dowel_place_close(&from);
    dowel_place_close(&to);
    return rc;
}

static int run_copy(dowel *d, const void *data, json_t **result, dowel_error *err) {
    return run(d, data, false, result, err);
}

static int run_sync(dowel *d, const void *data, json_t **result, dowel_error *err) {
    return run(d, data, true, result, err);
}

const dowel_task dowel_objects_copy_task = {
    .size = sizeof(dowel_task),
    .name = "objects.copy",
    .doc = "Copies an object, or everything below a folder, from any place to any.",
    .args = &copy_table,
    .run = run_copy,
    .example = "--source data/ --destination gs://landing/data/ --recursive"};
const dowel_task dowel_objects_sync_task = {.size = sizeof(dowel_task),
                                            .name = "objects.sync",
                                            .doc = "Makes a folder hold what another one holds, wherever both are.",
                                            .args = &sync_table,
                                            .run = run_sync,
                                            .example = "--source data/ --destination gs://landing/data/"};
