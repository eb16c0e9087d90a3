/* Whether two objects are the same: by size and time, by size, or by checksum. */
#include "tree.h"

#include <string.h>

/* The finest unit that both times have: services round to milliseconds or seconds. */
static int64_t unit(int64_t a, int64_t b) {
    if (a % 1000000 == 0 || b % 1000000 == 0) return 1000000;
    return a % 1000 == 0 || b % 1000 == 0 ? 1000 : 1;
}

static int64_t floor_to(int64_t time, int64_t step) {
    return time / step - (time % step < 0);
}

/* A copy has the time of its source, or, if that cannot be recorded or listed, the time when it was made. */
static bool times_differ(const dowel_object *from, const dowel_object *to) {
    if (!from->modified || !to->modified) return true;
    int64_t step = unit(from->modified, to->modified);
    int64_t first = floor_to(from->modified, step), second = floor_to(to->modified, step);
    return to->own_time ? first != second : second < first;
}

static int keep_times(void *context, const dowel_object *object, dowel_error *err) {
    (void)err;
    dowel_object *times = context;
    if (object->own_time) {
        times->modified = object->modified;
        times->own_time = true;
    }
    return 0;
}

/* Asks for the recorded time if the listing did not tell it. For a caller who may list but not read, the time when the object was stored counts. */
static int ask_time(dowel *d, const dowel_tree *tree, const dowel_place *place, const dowel_object *object,
                    dowel_object *times, dowel_error *err) {
    dowel_error why;
    *times = (dowel_object){.modified = object->modified, .own_time = object->own_time};
    if (object->own_time || !object->time_untold) return 0;
    int rc = place->objects->stat(d, place->block, object->name, object->version, keep_times, times, &why);
    bool blind = (rc == DOWEL_E_PERMISSION && why.http_status != 401) || rc == DOWEL_E_REFUSED;
    if (blind && dowel_report_first(tree->report, DOWEL_REPORT_BLIND))
        dowel_log(d, DOWEL_LOG_WARNING,
                  "recorded times cannot be read; the time when an object was stored is used instead: %s", why.message);
    if (rc && !blind && err) *err = why;
    return blind ? 0 : rc;
}

/* The recorded time of either side counts, even if the listing does not tell it. */
static int really_differ(dowel *d, const dowel_tree *tree, const dowel_object *from, const dowel_object *to,
                         bool *differs, dowel_error *err) {
    dowel_object source, target;
    /* A copy with the listed time was made from what is listed. */
    *differs = !to->own_time || times_differ(from, to);
    if (!*differs) return 0;
    int rc = ask_time(d, tree, tree->way.to, to, &target, err);
    if (!rc) rc = ask_time(d, tree, tree->way.from, from, &source, err);
    if (!rc) *differs = times_differ(&source, &target);
    return rc == DOWEL_E_NOT_FOUND ? 0 : rc; /* gone since it was listed */
}

typedef struct check {
    dowel_digest_kind kind;
    size_t size;
    unsigned char bytes[DOWEL_DIGEST_MAX];
    bool has_md5;
    unsigned char md5[16];
} check;

static int keep_check(void *context, const dowel_object *object, dowel_error *err) {
    (void)err;
    check *c = context;
    c->kind = object->check_kind;
    c->size = object->check_size;
    memcpy(c->bytes, object->check, sizeof c->bytes);
    c->has_md5 = object->has_md5;
    memcpy(c->md5, object->md5, sizeof c->md5);
    return 0;
}

/* The provider's checksum; a listing may tell less than `stat`. */
static int told(dowel *d, const dowel_place *place, const dowel_object *object, check *c, dowel_error *err) {
    keep_check(c, object, NULL);
    if (c->size || place->objects->source) return 0;
    return place->objects->stat(d, place->block, object->name, object->version, keep_check, c, err);
}

static int computed(dowel *d, const dowel_place *place, const dowel_object *object, dowel_digest_kind kind, check *c,
                    dowel_error *err) {
    dowel_source *source;
    int rc = place->objects->source(d, place->block, object->name, &source, NULL, NULL, err);
    if (rc) return rc;
    dowel_digest *digest = dowel_digest_new(kind);
    rc = digest ? dowel_source_digest(source, digest, err) : dowel_no_memory(err);
    if (!rc) c->size = dowel_digest_end(digest, c->bytes);
    c->kind = kind;
    dowel_digest_free(digest);
    dowel_source_close(source);
    return rc;
}

int dowel_compare_checks(dowel *d, const dowel_place *a, const dowel_object *from, const dowel_place *b,
                         const dowel_object *to, dowel_comparison *found, dowel_error *err) {
    check first, second;
    *found = (dowel_comparison){false, false, false};
    int rc = told(d, a, from, &first, err);
    if (!rc) rc = told(d, b, to, &second, err);
    if (!rc && !first.size && a->objects->source)
        rc = computed(d, a, from, second.size ? second.kind : DOWEL_SHA256, &first, err);
    if (!rc && !second.size && b->objects->source && first.size) rc = computed(d, b, to, first.kind, &second, err);
    if (rc) return rc;
    found->checked = first.size && second.size;
    /* Two clouds may have no other checksum in common. */
    if (first.kind != second.kind && first.has_md5 && second.has_md5) {
        found->known = true;
        found->same = !memcmp(first.md5, second.md5, sizeof first.md5);
    } else if (found->checked && first.kind == second.kind) {
        found->known = true;
        found->same = first.size == second.size && !memcmp(first.bytes, second.bytes, first.size);
    }
    return 0;
}

/* Copies if nothing can be compared. */
static int checks_differ(dowel *d, const dowel_tree *tree, const dowel_object *from, const dowel_object *to,
                         bool *differs, dowel_error *err) {
    dowel_comparison found;
    int rc = dowel_compare_checks(d, tree->way.from, from, tree->way.to, to, &found, err);
    if (!rc) *differs = !found.same;
    return rc;
}

int dowel_differs(dowel *d, const dowel_tree *tree, const dowel_object *from, const dowel_object *to, bool *differs,
                  dowel_error *err) {
    *differs = true;
    if (to->odd || from->size != to->size) return 0;
    if (tree->compare == DOWEL_COMPARE_CHECKSUM) return checks_differ(d, tree, from, to, differs, err);
    if (tree->compare == DOWEL_COMPARE_TIME) return really_differ(d, tree, from, to, differs, err);
    *differs = false;
    return 0;
}
