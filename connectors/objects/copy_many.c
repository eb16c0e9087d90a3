/* Several sources: into a folder, or one after the other to standard output. */
#include "copy.h"
#include "listing.h"

#include <dowel/transfer.h>

#include <stdlib.h>
#include <string.h>

/* Whether the failure ends the run, and not only this source. */
static bool is_fatal(int rc) {
    return rc == DOWEL_E_CANCELLED || rc == DOWEL_E_NO_MEMORY;
}

/* Reports that a source failed; the others go on. */
static int failed(dowel *d, const dowel_copy *copy, const char *text, int rc, const dowel_error *why,
                  dowel_error *err) {
    if (is_fatal(rc)) {
        if (err) *err = *why;
        return rc;
    }
    dowel_report_failed(copy->tree.report, text, why);
    rc = dowel_report_hopeless(copy->tree.report, err);
    return rc ? rc : dowel_check(d, err);
}

/* ---- into a folder ---- */

typedef struct many {
    const dowel_copy *copy;
    dowel_target *targets;
    size_t *objects; /* sources that are single objects */
    size_t count;    /* of these */
} many;

/* A folder keeps the last part of its name. */
static char *name_of(const dowel_place *from, const dowel_place *to, const char *text) {
    if (!from->folder) return dowel_copy_target(from, to);
    size_t end = strlen(text);
    while (end && text[end - 1] == '/') end--;
    size_t start = end;
    while (start && text[start - 1] != '/' && text[start - 1] != ':') start--;
    size_t size = strlen(to->path) + (end - start) + 2;
    char *name = malloc(size);
    if (name) snprintf(name, size, "%s%.*s/", to->path, (int)(end - start), text + start);
    return name;
}

static int name_targets(dowel *d, many *all, dowel_error *err) {
    const dowel_copy *copy = all->copy;
    for (size_t i = 0; i < copy->count; i++) {
        const dowel_place *from = &copy->places[i];
        all->targets[i].source = i;
        if (from->pattern) continue;
        int rc =
            from->stream || !copy->recursive ? dowel_copy_check_one(from, copy->texts[i], copy->tree.way.to, err) : 0;
        if (rc) return rc;
        all->targets[i].name = name_of(from, copy->tree.way.to, copy->texts[i]);
        if (!all->targets[i].name) return dowel_no_memory(err);
        bool wanted = true;
        if (!from->folder)
            rc = dowel_filter_wants_file(copy->args->include, copy->args->exclude, from->path, &wanted, err);
        if (rc) return rc;
        if (!from->folder && wanted) all->objects[all->count++] = i;
    }
    return dowel_copy_check_clashes(d, copy, all->targets, err);
}

static int copy_object(dowel *d, void *context, int64_t index, dowel_error *err) {
    const many *all = context;
    const dowel_copy *copy = all->copy;
    size_t i = all->objects[index];
    dowel_tree tree = copy->tree;
    dowel_error why;
    tree.way.from = &copy->places[i];
    tree.way.named = true;
    int rc = dowel_copy_one(d, &tree, copy->texts[i], all->targets[i].name, &why);
    return rc ? failed(d, copy, copy->texts[i], rc, &why, err) : 0;
}

static int64_t known_bytes(void *context) {
    dowel_report *report = ((const many *)context)->copy->tree.report;
    pthread_mutex_lock(&report->lock);
    int64_t known = report->known_bytes;
    pthread_mutex_unlock(&report->lock);
    return known;
}

static int copy_objects(dowel *d, many *all, dowel_error *err) {
    const dowel_parts parts = {.count = (int64_t)all->count,
                               .width = all->copy->tree.width,
                               .part = copy_object,
                               .context = all,
                               .total_now = known_bytes};
    return all->count ? dowel_parts_run(d, &parts, err) : 0;
}

/* Folders and patterns, one after the other. */
static int copy_folders(dowel *d, const many *all, dowel_error *err) {
    const dowel_copy *copy = all->copy;
    int rc = 0;
    for (size_t i = 0; !rc && i < copy->count; i++) {
        dowel_tree tree = copy->tree;
        dowel_place to = *tree.way.to;
        dowel_error why;
        if (!copy->places[i].folder) continue;
        if (all->targets[i].name) to.path = all->targets[i].name;
        tree.way.from = &copy->places[i];
        tree.way.to = &to;
        rc = dowel_copy_tree(d, copy, copy->texts[i], &tree, &why);
        if (rc) rc = failed(d, copy, copy->texts[i], rc, &why, err);
    }
    return rc;
}

int dowel_copy_many(dowel *d, const dowel_copy *copy, dowel_error *err) {
    dowel_gate gate;
    dowel_copy own = *copy;
    many all = {.copy = &own,
                .targets = calloc(copy->count + 1, sizeof *all.targets),
                .objects = calloc(copy->count + 1, sizeof *all.objects)};
    dowel_gate_open(&gate);
    own.tree.way.gate = &gate;
    int rc = all.targets && all.objects ? name_targets(d, &all, err) : dowel_no_memory(err);
    if (!rc) rc = copy_objects(d, &all, err);
    if (!rc) rc = copy_folders(d, &all, err);
    for (size_t i = 0; all.targets && i < copy->count; i++) free(all.targets[i].name);
    free(all.targets);
    free(all.objects);
    dowel_gate_close(&gate);
    return rc;
}

/* ---- to standard output ---- */

static int write_one(dowel *d, const dowel_copy *copy, const dowel_place *from, const char *name, const char *text,
                     dowel_error *err) {
    dowel_tree tree = copy->tree;
    dowel_place object = *from;
    object.path = (char *)name;
    object.folder = false;
    tree.way.from = &object;
    return dowel_copy_one(d, &tree, text, tree.way.to->stream, err);
}

static int write_matches(dowel *d, const dowel_copy *copy, size_t index, dowel_error *err) {
    const dowel_place *from = &copy->places[index];
    dowel_listing *listing = NULL;
    dowel_filter filter;
    dowel_item *item = NULL;
    int rc = dowel_filter_open(&filter, from->pattern, false, copy->args->include, copy->args->exclude, err);
    if (rc) return rc;
    const dowel_listing_options options = {.filter = &filter};
    rc = dowel_listing_start(d, from, &options, &listing, err);
    while (!rc && !(rc = dowel_listing_next(listing, &item, err)) && item) {
        const char *odd = item->object.odd;
        if (odd)
            rc = dowel_fail(err, DOWEL_E_REFUSED, "%.200s: %s", item->object.name, odd);
        else
            rc = write_one(d, copy, from, item->object.name, copy->texts[index], err);
        free(item);
    }
    if (!rc && !dowel_listing_found_any(listing)) rc = dowel_place_nothing(from, err);
    dowel_listing_close(listing);
    dowel_filter_close(&filter);
    return rc;
}

int dowel_copy_to_stream(dowel *d, const dowel_copy *copy, dowel_error *err) {
    int rc = 0;
    for (size_t i = 0; !rc && i < copy->count; i++) {
        const dowel_place *from = &copy->places[i];
        if (from->pattern)
            rc = write_matches(d, copy, i, err);
        else
            rc = dowel_copy_check_one(from, copy->texts[i], copy->tree.way.to, err);
        if (!rc && !from->pattern) rc = write_one(d, copy, from, from->path, copy->texts[i], err);
    }
    /* Another attempt would write the same bytes again. */
    if (rc && err && copy->tree.report->bytes) {
        err->retryable = false;
        err->permanent = true;
    }
    return rc;
}
