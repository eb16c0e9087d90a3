/* objects.copy, objects.move and objects.sync. */
#include "copy_tasks.h"
#include "copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef dowel_objects_copy_args args_t;

static const char *const links[] = {"skip", "follow", "fail", NULL};
static const char *const comparisons[] = {"time", "size", "checksum", NULL};

#define SOURCE(verb)                                                                                                   \
    {                                                                                                                  \
        DOWEL_AT(args_t, source), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_PLACE | DOWEL_SUBJECT,         \
                                  .doc = "Place to " verb " from.", .example = "gs://landing/2026/"                    \
    }
#define DESTINATION(verb)                                                                                              \
    {                                                                                                                  \
        DOWEL_AT(args_t, destination), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_PLACE | DOWEL_SUBJECT,    \
                                       .doc = "Place to " verb " to.", .example = "s3://reports/2026/"                 \
    }
#define SEVERAL                                                                                                        \
    {DOWEL_AT(args_t, more_sources), .kind = DOWEL_LIST, .flags = DOWEL_PLACE,                                         \
     .doc = "More places, after the first; the destination must then be a folder, or -."},                             \
    {                                                                                                                  \
        DOWEL_AT(args_t, literal), .kind = DOWEL_BOOL,                                                                 \
                                   .doc = "Take * ? [ and { in the sources as characters of names, not as patterns."   \
    }
#define RECURSIVE                                                                                                      \
    {DOWEL_AT(args_t, recursive), .kind = DOWEL_BOOL, .doc = "Take everything below the source, which is a folder."},  \
    {                                                                                                                  \
        DOWEL_AT(args_t, skip_existing), .kind = DOWEL_BOOL, .doc = "Skip objects that the destination already has."   \
    }
#define HOW                                                                                                            \
    DOWEL_GLOB_FIELDS(args_t),                                                                                         \
        {DOWEL_AT(args_t, symlinks), .kind = DOWEL_ENUM, .values = links,                                              \
         .doc = "What to do with symbolic links among the files of the source."},                                      \
        {DOWEL_AT(args_t, dry_run), .kind = DOWEL_BOOL, .doc = "Show what would be done, without doing it."},          \
        {DOWEL_AT(args_t, concurrency),                                                                                \
         .kind = DOWEL_INT,                                                                                            \
         .fallback = "16",                                                                                             \
         .minimum = 1,                                                                                                 \
         .maximum = 64,                                                                                                \
         .doc = "Number of objects to transfer at a time."},                                                           \
        {DOWEL_AT(args_t, part_size), .kind = DOWEL_SIZE, .minimum = 1, .maximum = 1e15,                               \
         .doc = "Size of the parts of a large object; default: what suits the service."},                              \
        {DOWEL_AT(args_t, part_concurrency), .kind = DOWEL_INT, .minimum = 1, .maximum = 64,                           \
         .doc =                                                                                                        \
             "Number of parts of one object to transfer at a time; default: what suits the service, which is 1 for "   \
             "uploads to Cloud Storage. With more, the parts are uploaded as objects, composed and deleted."},         \
        DOWEL_CALLER_FIELDS(args_t),                                                                                   \
        {DOWEL_AT(args_t, from_credentials), .kind = DOWEL_STRING, .flags = DOWEL_BLOCK_TEXT,                          \
         .doc = "Credentials for the source only."},                                                                   \
        {DOWEL_AT(args_t, from_endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,                                \
         .doc = "Endpoint of the source only."},                                                                       \
        {DOWEL_AT(args_t, from_region), .kind = DOWEL_STRING, .doc = "Region of the source only."},                    \
        {DOWEL_AT(args_t, to_credentials), .kind = DOWEL_STRING, .flags = DOWEL_BLOCK_TEXT,                            \
         .doc = "Credentials for the destination only."},                                                              \
        {DOWEL_AT(args_t, to_endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,                                  \
         .doc = "Endpoint of the destination only."},                                                                  \
        {DOWEL_AT(args_t, to_region), .kind = DOWEL_STRING, .doc = "Region of the destination only."}, {               \
        DOWEL_AT(args_t, reporter), .kind = DOWEL_POINTER, .flags = DOWEL_WATCHING                                     \
    }

static const dowel_field copy_fields[] = {
    SOURCE("copy"),
    DESTINATION("copy"),
    SEVERAL,
    RECURSIVE,
    {DOWEL_AT(args_t, content_type), .kind = DOWEL_STRING,
     .doc = "Content type of the copy; default: the source's, or guessed from the name."},
    {DOWEL_AT(args_t, cache_control), .kind = DOWEL_STRING, .doc = "Cache-Control of the copy."},
    {DOWEL_AT(args_t, storage_class), .kind = DOWEL_STRING, .doc = "Storage class of the copy."},
    {DOWEL_AT(args_t, metadata), .kind = DOWEL_MAP, .doc = "Metadata of the copy."},
    HOW,
    {DOWEL_GIVEN_AT(args_t)},
    {0}};
static const dowel_field move_fields[] = {
    SOURCE("move"),
    DESTINATION("move"),
    SEVERAL,
    RECURSIVE,
    {DOWEL_AT(args_t, storage_class), .kind = DOWEL_STRING, .doc = "Storage class of the moved object."},
    HOW,
    {DOWEL_GIVEN_AT(args_t)},
    {0}};
static const dowel_field sync_fields[] = {
    SOURCE("copy"),
    DESTINATION("copy"),
    {DOWEL_AT(args_t, compare), .kind = DOWEL_ENUM, .values = comparisons,
     .doc = "What makes an object different: its size or time, its size alone, its size or checksum."},
    {.name = "delete",
     .offset = offsetof(args_t, delete_extraneous),
     .kind = DOWEL_BOOL,
     .doc = "Remove objects of the destination that the source does not have."},
    {DOWEL_AT(args_t, allow_empty), .kind = DOWEL_BOOL,
     .doc = "With delete: let an empty source empty the destination, instead of failing."},
    HOW,
    {DOWEL_GIVEN_AT(args_t)},
    {0}};

static int check_args(const void *data, dowel_error *err) {
    const args_t *args = data;
    if (!strcmp(args->source, "-") && !strcmp(args->destination, "-"))
        return dowel_fail(err, DOWEL_E_INVALID, "source and destination are both \"-\"");
    return 0;
}

static int check_move(const void *data, dowel_error *err) {
    const args_t *args = data;
    bool stream = !strcmp(args->source, "-") || !strcmp(args->destination, "-");
    return stream ? dowel_fail(err, DOWEL_E_INVALID, "\"-\" cannot be moved; copy it") : 0;
}

static const dowel_table copy_table = {"objects.copy", sizeof(args_t), copy_fields, check_args};
static const dowel_table move_table = {"objects.move", sizeof(args_t), move_fields, check_move};
static const dowel_table sync_table = {"objects.sync", sizeof(args_t), sync_fields, check_args};

/* ---- places ---- */

static const char *or_else(const char *own, const char *both) {
    return own ? own : both;
}

/* The caller's fields for both places are only for URLs: a saved block or a file takes none. */
static bool is_url(const char *place) {
    return strstr(place, "://") && strncmp(place, "file://", 7) != 0;
}

static int open_source(dowel *d, const dowel_copy *copy, size_t i, dowel_error *err) {
    const args_t *args = copy->args;
    bool url = is_url(copy->texts[i]);
    char handle[64] = "objects.source";
    const dowel_caller caller = {or_else(args->from_credentials, url ? args->credentials : NULL),
                                 or_else(args->from_endpoint, url ? args->endpoint : NULL),
                                 or_else(args->from_region, url ? args->region : NULL)};
    dowel_place_use use = copy->sync ? DOWEL_PLACE_TREE : copy->recursive ? DOWEL_PLACE_ANY : DOWEL_PLACE_ONE;
    int rc = dowel_place_find(d, copy->texts[i], use, copy->sync || args->literal, &caller,
                              args->symlinks == DOWEL_LINKS_FOLLOW, &copy->places[i], err);
    if (i) snprintf(handle, sizeof handle, "objects.source.%zu", i + 1);
    return rc ? rc : dowel_place_keep(d, handle, &copy->places[i], err);
}

static int open_sources(dowel *d, dowel_copy *copy, dowel_error *err) {
    copy->places = calloc(copy->count, sizeof *copy->places);
    int rc = copy->places ? 0 : dowel_no_memory(err);
    for (size_t i = 0; !rc && i < copy->count; i++) rc = open_source(d, copy, i, err);
    return rc;
}

static void close_sources(dowel_copy *copy) {
    for (size_t i = 0; copy->places && i < copy->count; i++) dowel_place_close(&copy->places[i]);
    free(copy->places);
}

/* A single folder without a pattern: the destination is a folder however it is written. */
static bool is_plain_tree(const dowel_copy *copy) {
    return copy->count == 1 && copy->places[0].folder && !copy->places[0].pattern && (copy->sync || copy->recursive);
}

static int open_destination(dowel *d, const dowel_copy *copy, dowel_place *to, dowel_error *err) {
    const args_t *args = copy->args;
    bool url = is_url(args->destination);
    const dowel_caller caller = {or_else(args->to_credentials, url ? args->credentials : NULL),
                                 or_else(args->to_endpoint, url ? args->endpoint : NULL),
                                 or_else(args->to_region, url ? args->region : NULL)};
    int rc = dowel_place_open(d, args->destination, is_plain_tree(copy) ? DOWEL_PLACE_TREE : DOWEL_PLACE_ONE, &caller,
                              false, to, err);
    if (!rc) rc = dowel_place_keep(d, "objects.destination", to, err);
    return rc;
}

/* ---- the run ---- */

/* Of one attempt: what an earlier one may have done. */
static int find_earlier(dowel *d, bool *resumed, dowel_error *err) {
    char *began = NULL;
    int rc = dowel_recall_started(d, "objects.began", &began, err);
    *resumed = began != NULL;
    /* A run does not fail because its history cannot be written. */
    if (!rc && !began) (void)dowel_remember(d, "objects.began", "1", false, NULL);
    free(began);
    return rc;
}

static int check_sources(const dowel_copy *copy, const dowel_place *to, dowel_error *err) {
    bool filters = (copy->args->include && *copy->args->include) || (copy->args->exclude && *copy->args->exclude);
    bool patterns = false;
    for (size_t i = 0; i < copy->count; i++) {
        patterns |= copy->places[i].pattern != NULL;
        if (filters && !copy->recursive && !copy->sync && !copy->places[i].pattern)
            return dowel_fail(err, DOWEL_E_INVALID,
                              "include and exclude need a folder (recursive, -r) or a pattern; %.200s is neither",
                              copy->texts[i]);
        if (copy->count > 1 && copy->places[i].stream)
            return dowel_fail(err, DOWEL_E_INVALID, "%.200s cannot be one of several sources", copy->texts[i]);
    }
    if ((copy->count == 1 && !patterns) || to->folder || to->stream) return 0;
    dowel_fail(err, DOWEL_E_INVALID, "%.200s is not a folder, which several sources or a pattern need",
               copy->args->destination);
    dowel_error_hint(err, "end the destination with a slash: %.200s/", copy->args->destination);
    return DOWEL_E_INVALID;
}

static int copy_single(dowel *d, const dowel_copy *copy, dowel_error *err) {
    dowel_tree tree = copy->tree;
    const dowel_place *from = &copy->places[0];
    tree.way.from = from;
    if (copy->sync || (from->folder && copy->recursive) || from->pattern)
        return dowel_copy_tree(d, copy, copy->texts[0], &tree, err);
    int rc = dowel_copy_check_one(from, copy->texts[0], tree.way.to, err);
    if (rc) return rc;
    bool wanted;
    rc = dowel_filter_wants_file(copy->args->include, copy->args->exclude, from->path ? from->path : "", &wanted, err);
    if (rc || !wanted) return rc;
    char *name = tree.way.to->stream ? strdup(tree.way.to->stream) : dowel_copy_target(from, tree.way.to);
    tree.way.named = true;
    rc = name ? dowel_copy_one(d, &tree, copy->texts[0], name, err) : dowel_no_memory(err);
    free(name);
    return rc;
}

static int copy_all(dowel *d, const dowel_copy *copy, dowel_error *err) {
    const dowel_place *to = copy->tree.way.to;
    int rc = check_sources(copy, to, err);
    if (rc) return rc;
    if (to->stream && (copy->count > 1 || copy->places[0].pattern)) return dowel_copy_to_stream(d, copy, err);
    return copy->count > 1 ? dowel_copy_many(d, copy, err) : copy_single(d, copy, err);
}

static int counts(const dowel_report *report, json_t **result, dowel_error *err) {
    *result = json_pack("{s:I,s:I,s:I,s:I,s:I}", report->moves ? "moved" : "copied", (json_int_t)report->copied,
                        "bytes", (json_int_t)report->bytes, "unchanged", (json_int_t)report->unchanged, "skipped",
                        (json_int_t)report->skipped, "removed", (json_int_t)report->removed);
    if (!*result) return dowel_no_memory(err);
    if (report->moves) json_object_del(*result, "removed");
    if (report->incomplete) json_object_set_new(*result, "incomplete", json_integer((json_int_t)report->incomplete));
    return 0;
}

static dowel_tree tree_of(const args_t *args, const dowel_place *to, dowel_report *report) {
    return (dowel_tree){.way = {.to = to,
                                .content_type = args->content_type,
                                .cache_control = args->cache_control,
                                .storage_class = args->storage_class,
                                .metadata = args->metadata,
                                .parts = {args->part_size, args->part_concurrency},
                                .report = report},
                        .include = args->include,
                        .exclude = args->exclude,
                        .deep = args->recursive,
                        .compare = args->compare,
                        .links = args->symlinks,
                        .skip_existing = args->skip_existing,
                        .allow_empty = args->allow_empty,
                        .dry_run = args->dry_run,
                        .width = (int)args->concurrency,
                        .report = report};
}

static int run(dowel *d, dowel_copy *copy, const char *const *texts, json_t **result, dowel_error *err) {
    const args_t *args = copy->args;
    dowel_place to = {0};
    dowel_report report;
    bool move = copy->tree.move;
    dowel_report_open(&report, args->reporter);
    report.moves = move;
    copy->texts = texts;
    copy->recursive = args->recursive;
    copy->tree = tree_of(args, &to, &report);
    copy->tree.move = copy->tree.way.whole = move;
    copy->tree.merge = copy->sync;
    copy->tree.delete_extraneous = copy->sync && args->delete_extraneous;
    copy->verb = move ? "moved" : "copied";
    int rc = open_sources(d, copy, err);
    if (!rc) rc = open_destination(d, copy, &to, err);
    bool one = !rc && copy->count == 1 && !copy->places[0].folder && !move;
    if (!rc && !one && !copy->sync) rc = find_earlier(d, &copy->tree.resumed, err);
    if (!rc) rc = copy_all(d, copy, err);
    rc = dowel_report_end(&report, rc, err);
    if (!rc) rc = counts(&report, result, err);
    dowel_report_close(&report);
    close_sources(copy);
    dowel_place_close(&to);
    return rc;
}

static int run_with(dowel *d, const args_t *args, bool sync, bool move, json_t **result, dowel_error *err) {
    dowel_copy copy = {.args = args, .sync = sync, .count = 1, .tree.move = move};
    while (!sync && args->more_sources && args->more_sources[copy.count - 1]) copy.count++;
    const char **texts = malloc(copy.count * sizeof *texts);
    if (!texts) return dowel_no_memory(err);
    texts[0] = args->source;
    for (size_t i = 1; i < copy.count; i++) texts[i] = args->more_sources[i - 1];
    int rc = run(d, &copy, texts, result, err);
    free(texts);
    return rc;
}

static int run_copy(dowel *d, const void *data, json_t **result, dowel_error *err) {
    return run_with(d, data, false, false, result, err);
}

static int run_move(dowel *d, const void *data, json_t **result, dowel_error *err) {
    return run_with(d, data, false, true, result, err);
}

static int run_sync(dowel *d, const void *data, json_t **result, dowel_error *err) {
    return run_with(d, data, true, false, result, err);
}

const dowel_task dowel_objects_copy_task = {
    .size = sizeof(dowel_task),
    .name = "objects.copy",
    .doc = "Copies objects or files, or everything below a folder, from any place to any other.",
    .args = &copy_table,
    .run = run_copy,
    .example = "--source data/ --destination gs://landing/data/ --recursive",
    .amount = "copied=objects bytes=bytes"};
const dowel_task dowel_objects_move_task = {
    .size = sizeof(dowel_task),
    .name = "objects.move",
    .doc = "Moves objects or files: copies each one, verifies the copy, and then removes the source.",
    .args = &move_table,
    .run = run_move,
    .example = "--source gs://landing/a.csv --destination gs://landing/done/",
    .amount = "moved=objects bytes=bytes"};
const dowel_task dowel_objects_sync_task = {.size = sizeof(dowel_task),
                                            .name = "objects.sync",
                                            .doc = "Makes a folder equal to another folder, wherever both are.",
                                            .args = &sync_table,
                                            .run = run_sync,
                                            .example = "--source data/ --destination gs://landing/data/",
                                            .amount = "copied=objects bytes=bytes"};
