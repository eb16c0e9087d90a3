/* Removes everything below a folder, or what matches a pattern. */
#include "listing.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>

typedef struct removal {
    dowel *d;
    dowel_listing *listing;
    const dowel_removing *what;
} removal;

static void report_skipped(const removal *r, const dowel_item *item, const char *why) {
    char *shown = dowel_place_name(r->what->place, item->object.name);
    dowel_report_skipped(r->what->report, shown ? shown : item->object.name, why);
    free(shown);
}

static int keep_created(void *context, const dowel_object *object, dowel_error *err) {
    (void)err;
    *(int64_t *)context = object->created;
    return 0;
}

bool dowel_is_newer(dowel *d, const dowel_place *place, const dowel_object *object, int64_t began) {
    int64_t stored = object->stored ? object->stored : object->modified, created = object->created;
    if (!began || object->odd) return false;
    /* A file may be newer than its own time says: copies keep the time of their source. */
    if (place->objects->sink && !created)
        (void)place->objects->stat(d, place->block, object->name, NULL, keep_created, &created, NULL);
    return stored >= began || created >= began;
}

/* Whether a name may be removed. A resumed run leaves objects alone that were stored after it began: it may have removed their predecessors. */
static bool may_remove(const removal *r, const dowel_item *item) {
    const dowel_object *object = &item->object;
    if (object->odd_code) {
        dowel_error why;
        dowel_fail(&why, object->odd_code, "%s", object->odd);
        dowel_report_failed(r->what->report, object->name, &why);
        return false;
    }
    if (!dowel_is_newer(r->d, r->what->place, object, r->what->began)) return true;
    report_skipped(r, item, DOWEL_NEWER);
    return false;
}

static int next_listed(void *context, char **name, dowel_error *err) {
    removal *r = context;
    dowel_item *item;
    for (;;) {
        int rc = dowel_listing_next(r->listing, &item, err);
        *name = NULL;
        if (rc || !item) return rc;
        if (may_remove(r, item)) break;
        free(item);
    }
    *name = strdup(item->object.name);
    free(item);
    return *name ? 0 : dowel_no_memory(err);
}

int dowel_tree_remove(dowel *d, const dowel_removing *what, dowel_error *err) {
    const dowel_place *place = what->place;
    removal r = {.d = d, .what = what};
    dowel_filter filter;
    int rc = dowel_filter_open(&filter, place->pattern, what->deep, what->include, what->exclude, err);
    if (rc) return rc;
    const dowel_listing_options options = {.filter = &filter};
    rc = dowel_listing_start(d, place, &options, &r.listing, err);
    if (!rc) rc = dowel_remove_batches(d, place, next_listed, &r, what->dry_run, what->report, err);
    bool none = !rc && !dowel_listing_found_any(r.listing);
    if (none && !what->began && (place->pattern || !place->objects->source || *place->path))
        rc = dowel_place_nothing(place, err);
    if (!rc && !none) dowel_report_unmatched(d, what->report, place, &filter);
    dowel_listing_close(r.listing);
    dowel_filter_close(&filter);
    return rc;
}
