/* Copies or moves one object. */
#include "copy.h"

#include <dowel/transfer.h>

#include <stdlib.h>
#include <string.h>

typedef struct one {
    dowel *d;
    const dowel_tree *tree;
    const char *to_name;
    const dowel_object *object;
    int64_t size;
    bool exists; /* at the destination */
} one;

static int copy_it(dowel *d, void *context, int64_t index, dowel_error *err) {
    (void)index;
    one *o = context;
    return dowel_way_copy(d, &o->tree->way, o->object, o->to_name, &o->size, NULL, err);
}

static int copy_seen(void *context, const dowel_object *object, dowel_error *err) {
    one *o = context;
    dowel_report *report = o->tree->report;
    o->size = object->size;
    o->object = object;
    int rc = o->tree->move ? dowel_move_check(o->d, o->tree, object->name, o->to_name, err) : 0;
    if (rc || o->tree->dry_run) return rc;
    pthread_mutex_lock(&report->lock);
    report->known_bytes += object->size;
    pthread_mutex_unlock(&report->lock);
    /* As a part of itself, so that progress knows the total from the start, however it is copied. */
    const dowel_parts parts = {.count = 1, .width = 1, .total = object->size, .part = copy_it, .context = o};
    rc = dowel_parts_run(o->d, &parts, err);
    return !rc && o->tree->move ? dowel_move_finish(o->d, o->tree, object, o->to_name, err) : rc;
}

static int found(void *context, const dowel_object *object, dowel_error *err) {
    (void)object, (void)err;
    *(bool *)context = true;
    return 0;
}

char *dowel_copy_target(const dowel_place *from, const dowel_place *to) {
    if (!to->folder) return strdup(to->path);
    const char *slash = from->path ? strrchr(from->path, '/') : NULL;
    return dowel_place_join(to, slash ? slash + 1 : from->path);
}

int dowel_copy_check_one(const dowel_place *from, const char *text, const dowel_place *to, dowel_error *err) {
    if (from->folder) {
        dowel_fail(err, DOWEL_E_INVALID, "%.200s is a folder", text);
        if (to->stream)
            dowel_error_hint(err, "name one object; `dowel ls` shows what is below a folder");
        else
            dowel_error_hint(err, "recursive (-r) takes everything below it");
    } else if (from->stream && (to->stream || to->folder)) {
        dowel_fail(err, DOWEL_E_INVALID, "%.200s has no name: the destination must end with a file name", text);
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

static int check_target(dowel *d, one *o, const char *shown_from, dowel_error *err) {
    const dowel_place *from = o->tree->way.from, *to = o->tree->way.to;
    if (is_itself(from, to, o->to_name))
        return dowel_fail(err, DOWEL_E_INVALID, "source and destination are the same: %.200s", shown_from);
    int rc = to->stream ? 0 : dowel_place_check_name(to, o->to_name, err);
    if (rc || !o->tree->skip_existing || to->stream) return rc;
    rc = to->objects->stat(d, to->block, o->to_name, NULL, found, &o->exists, err);
    return rc == DOWEL_E_NOT_FOUND ? 0 : rc;
}

static int copy(dowel *d, one *o, dowel_error *err) {
    const dowel_tree *tree = o->tree;
    const dowel_place *from = tree->way.from, *to = tree->way.to;
    if (from->stream) return tree->dry_run ? 0 : dowel_way_from_stream(d, &tree->way, o->to_name, &o->size, err);
    if (to->stream && !tree->dry_run) return dowel_way_to_stream(d, &tree->way, from->path, &o->size, err);
    int rc = from->objects->stat(d, from->block, from->path, NULL, copy_seen, o, err);
    if (rc != DOWEL_E_NOT_FOUND || !tree->move || !tree->resumed) return rc;
    bool moved;
    dowel_error why;
    int failed = dowel_move_was_finished(d, tree, from->path, o->to_name, &moved, &o->size, &why);
    if (failed && err) *err = why;
    return failed ? failed : moved ? 0 : rc;
}

static void hint_missing(const dowel_place *from, const char *text, const dowel_place *to, dowel_error *err) {
    dowel_place_hint_missing(from, text, err);
    if (!from->files && !to->stream && err && !*err->hint)
        dowel_error_hint(err, "if it is a folder, recursive (-r) takes everything below it");
}

int dowel_copy_one(dowel *d, const dowel_tree *tree, const char *text, const char *to_name, dowel_error *err) {
    const dowel_place *from = tree->way.from, *to = tree->way.to;
    char *shown_from = dowel_place_name(from, from->path), *shown_to = dowel_place_name(to, to_name);
    one o = {.d = d, .tree = tree, .to_name = to_name};
    int rc = shown_from && shown_to ? check_target(d, &o, shown_from, err) : dowel_no_memory(err);
    if (!rc && !o.exists) rc = copy(d, &o, err);
    if (rc == DOWEL_E_NOT_FOUND) hint_missing(from, text, to, err);
    if (!rc && o.exists)
        dowel_report_unchanged(tree->report, shown_from);
    else if (!rc)
        dowel_report_copied(tree->report, shown_from, shown_to, o.size);
    free(shown_to);
    free(shown_from);
    return rc;
}
