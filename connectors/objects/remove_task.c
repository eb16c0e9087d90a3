/* objects.remove. */
#include "copy_tasks.h"
#include "places.h"
#include "tree.h"

#include <dowel/transfer.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef dowel_objects_place_args args_t;

enum { WIDTH = 8 }; /* places at a time */

static const dowel_field fields[] = {
    {DOWEL_AT(args_t, place), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_PLACE | DOWEL_SUBJECT,
     .doc = "Object, folder or pattern.", .example = "gs://landing/2026/a.csv"},
    DOWEL_MORE_PLACES(args_t),
    {DOWEL_AT(args_t, recursive), .kind = DOWEL_BOOL, .doc = "Remove everything below the folder."},
    {DOWEL_AT(args_t, dry_run), .kind = DOWEL_BOOL, .doc = "Show what would be removed, without removing it."},
    DOWEL_GLOB_FIELDS(args_t),
    DOWEL_CALLER_FIELDS(args_t),
    {DOWEL_AT(args_t, reporter), .kind = DOWEL_POINTER, .flags = DOWEL_WATCHING},
    {DOWEL_GIVEN_AT(args_t)},
    {0}};
static const dowel_table table = {"objects.remove", sizeof(args_t), fields, NULL};

typedef struct removal {
    const args_t *args;
    dowel_report *report;
    size_t count;  /* of places */
    int64_t began; /* when an earlier attempt of this run began, in µs by this machine's clock; 0: there was none */
} removal;

/* ---- one object ---- */

typedef struct state {
    char text[256];
    int64_t modified, created;
} state;

static int note(void *context, const dowel_object *object, dowel_error *err) {
    (void)err;
    state *seen = context;
    seen->modified = object->modified;
    seen->created = object->created;
    snprintf(seen->text, sizeof seen->text, "%" PRId64 " %" PRId64 " %.90s %.90s", object->size, object->modified,
             object->etag ? object->etag : "", object->version ? object->version : "");
    return 0;
}

/* What an earlier attempt saw before it removed the object, or NULL. */
static int recall(dowel *d, const removal *r, const dowel_place *place, const char *handle, char **seen,
                  dowel_error *err) {
    *seen = NULL;
    /* For many files the time at which the run began has to do: remembering each would take longer than removing it. */
    if (!r->began || (place->files && r->count > 1)) return 0;
    return dowel_recall_started(d, handle, seen, err);
}

static int remove_named(dowel *d, const removal *r, const dowel_place *place, const char *shown, dowel_error *err) {
    char *handle = malloc(strlen(shown) + sizeof "objects.removing "), *seen = NULL;
    state now = {"", 0, 0};
    if (!handle) return dowel_no_memory(err);
    sprintf(handle, "objects.removing %s", shown);
    int rc = recall(d, r, place, handle, &seen, err);
    if (!rc) {
        rc = place->objects->stat(d, place->block, place->path, NULL, note, &now, err);
        bool many_files = place->files && r->count > 1;
        bool gone = rc == DOWEL_E_NOT_FOUND && r->began && (seen || many_files);
        bool replaced = !rc && seen && strcmp(seen, now.text) != 0;
        const dowel_object file = {.name = place->path, .modified = now.modified, .created = now.created};
        if (!rc && many_files) replaced = dowel_is_newer(d, place, &file, r->began);
        if (!rc && !seen && !r->args->dry_run && !many_files) (void)dowel_remember(d, handle, now.text, false, NULL);
        if (!rc && !replaced && !r->args->dry_run)
            rc = place->objects->remove(d, place->block, (const char *const[]){place->path}, 1, NULL, NULL, err);
        if (gone) rc = 0;
        if (!rc && replaced)
            dowel_report_skipped(r->report, shown, "it was replaced after this run began to remove it");
        else if (!rc)
            dowel_report_removed(r->report, shown);
    }
    free(seen);
    free(handle);
    return rc;
}

static int remove_one(dowel *d, const removal *r, const char *text, const dowel_place *place, dowel_error *err) {
    bool wanted;
    if (place->folder) {
        dowel_fail(err, DOWEL_E_INVALID, "%.200s is a folder", text);
        dowel_error_hint(err, "recursive (-r) removes everything below it");
        return DOWEL_E_INVALID;
    }
    int rc = dowel_filter_wants_file(r->args->include, r->args->exclude, place->path, &wanted, err);
    if (rc || !wanted) return rc;
    char *shown = dowel_place_name(place, place->path);
    rc = shown ? remove_named(d, r, place, shown, err) : dowel_no_memory(err);
    free(shown);
    return rc;
}

/* ---- places ---- */

static bool has_clock(const dowel_objects *objects) {
    return objects->size >= offsetof(dowel_objects, now) + sizeof objects->now && objects->now;
}

/* When the first attempt began, by the clock that gives the objects of this place their times; 0: this is the first attempt. */
static int began_at(dowel *d, const removal *r, size_t index, const dowel_place *place, int64_t *began,
                    dowel_error *err) {
    char handle[64], now[32], *text = NULL;
    int64_t time;
    *began = r->began;
    if (r->args->dry_run || !has_clock(place->objects)) return 0;
    snprintf(handle, sizeof handle, "objects.clock.%zu", index + 1);
    int rc = dowel_recall_started(d, handle, &text, err);
    *began = text ? strtoll(text, NULL, 10) : 0;
    if (!rc && text && !*began) {
        dowel_fail(err, DOWEL_E_CONFLICT,
                   "%.200s: the service does not tell its time, so that objects stored since the "
                   "first attempt cannot be told from the others",
                   place->shown);
        dowel_error_hint(err, "remove the rest with a new run (another run key)");
        rc = DOWEL_E_CONFLICT;
    }
    if (!rc && !text) rc = place->objects->now(d, place->block, &time, err);
    if (!rc && !text) {
        snprintf(now, sizeof now, "%" PRId64, time);
        (void)dowel_remember(d, handle, now, false, NULL);
    }
    free(text);
    return rc;
}

static int remove_tree(dowel *d, const removal *r, size_t index, dowel_place *place, dowel_error *err) {
    const args_t *args = r->args;
    const char *text = dowel_places_text(args, index);
    int64_t began;
    int rc = began_at(d, r, index, place, &began, err);
    if (rc) return rc;
    const dowel_removing what = {.place = place,
                                 .include = args->include,
                                 .exclude = args->exclude,
                                 .deep = args->recursive,
                                 .dry_run = args->dry_run,
                                 .began = began,
                                 .report = r->report};
    size_t length = strlen(place->path);
    dowel_error why;
    rc = dowel_tree_remove(d, &what, &why);
    bool object =
        rc == DOWEL_E_NOT_FOUND && !place->files && !place->pattern && length && text[strlen(text) - 1] != '/';
    if (object) { /* a single object of this name */
        place->path[length - 1] = 0;
        place->folder = false;
        int other = remove_one(d, r, text, place, err);
        if (other != DOWEL_E_NOT_FOUND) return other;
    }
    if (rc && err) *err = why;
    return rc;
}

/* Filters that cannot apply must not be ignored: more would be removed than was meant. */
static int check_filters(const args_t *args, dowel_error *err) {
    bool filters = (args->include && *args->include) || (args->exclude && *args->exclude);
    for (size_t i = 0; filters && !args->recursive && i < dowel_places_count(args); i++) {
        const char *text = dowel_places_text(args, i);
        if (args->literal || !dowel_glob_is_pattern(text))
            return dowel_fail(err, DOWEL_E_INVALID,
                              "include and exclude need a folder (recursive, -r) or a pattern; %.200s is neither",
                              text);
    }
    return 0;
}

static int remove_place(dowel *d, const removal *r, size_t index, dowel_error *err) {
    const args_t *args = r->args;
    const char *text = dowel_places_text(args, index);
    char handle[64] = "objects.place";
    dowel_place place;
    int rc = dowel_places_open(d, args, index, args->recursive ? DOWEL_PLACE_ANY : DOWEL_PLACE_ONE, &place, err);
    if (rc) return rc;
    if (index) snprintf(handle, sizeof handle, "objects.place.%zu", index + 1);
    rc = dowel_place_keep(d, handle, &place, err);
    bool tree = place.pattern || (args->recursive && place.folder);
    if (!rc) rc = tree ? remove_tree(d, r, index, &place, err) : remove_one(d, r, text, &place, err);
    dowel_place_close(&place);
    return rc;
}

/* One of several: when it fails, the others go on. */
static int remove_part(dowel *d, void *context, int64_t index, dowel_error *err) {
    const removal *r = context;
    dowel_error why;
    int rc = remove_place(d, r, (size_t)index, &why);
    if (!rc) return 0;
    if (rc == DOWEL_E_CANCELLED || rc == DOWEL_E_NO_MEMORY) {
        if (err) *err = why;
        return rc;
    }
    dowel_report_failed(r->report, dowel_places_text(r->args, (size_t)index), &why);
    rc = dowel_report_hopeless(r->report, err);
    return rc ? rc : dowel_check(d, err);
}

/* The clock by which files get their times: coarser than the machine's clock, and never ahead of it. */
static int64_t file_time(void) {
    struct timespec now;
#ifdef CLOCK_REALTIME_COARSE
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
#else
    clock_gettime(CLOCK_REALTIME, &now);
#endif
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Remembers when the first attempt of this run began. */
static int find_earlier(dowel *d, int64_t *began, dowel_error *err) {
    char *text = NULL, now[32];
    int rc = dowel_recall_started(d, "objects.began", &text, err);
    *began = text ? strtoll(text, NULL, 10) : 0;
    snprintf(now, sizeof now, "%" PRId64, file_time());
    /* A run does not fail because its history cannot be written. */
    if (!rc && !text) (void)dowel_remember(d, "objects.began", now, false, NULL);
    free(text);
    return rc;
}

static int run(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const args_t *args = data;
    dowel_report report;
    removal r = {.args = args, .report = &report, .count = dowel_places_count(args)};
    dowel_report_open(&report, args->reporter);
    report.removes = true;
    int rc = check_filters(args, err);
    if (!rc && !args->dry_run) rc = find_earlier(d, &r.began, err);
    if (!rc && r.count == 1) rc = remove_place(d, &r, 0, err);
    const dowel_parts parts = {
        .count = (int64_t)r.count, .width = WIDTH, .total = -1, .part = remove_part, .context = &r};
    if (!rc && r.count > 1) rc = dowel_parts_run(d, &parts, err);
    rc = dowel_report_end(&report, rc, err);
    if (!rc)
        *result = json_pack("{s:I,s:I}", "removed", (json_int_t)report.removed, "skipped", (json_int_t)report.skipped);
    dowel_report_close(&report);
    return rc;
}

const dowel_task dowel_objects_remove_task = {.size = sizeof(dowel_task),
                                              .name = "objects.remove",
                                              .doc = "Removes objects, or everything below a folder.",
                                              .args = &table,
                                              .run = run,
                                              .example = "--place s3://reports/old/ --recursive --dry-run",
                                              .amount = "removed=objects"};
