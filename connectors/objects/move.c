/* Removes the source of a move. Nothing is removed unless the copy is there, has the same bytes, and is another object. */
#include "listing.h"
#include "tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int keep(void *context, const dowel_object *object, dowel_error *err) {
    dowel_item **item = context;
    *item = dowel_item_of(object, 0);
    return *item ? 0 : dowel_no_memory(err);
}

static bool same_text(const char *a, const char *b) {
    return (!a && !b) || (a && b && !strcmp(a, b));
}

static int64_t stored(const dowel_object *object) {
    return object->stored ? object->stored : object->modified;
}

/* Whether both are the same state of one object. */
static bool is_same_state(const dowel_object *a, const dowel_object *b) {
    return a->size == b->size && same_text(a->etag, b->etag) && same_text(a->version, b->version) &&
           stored(a) == stored(b);
}

/* The source as it was copied: what a listing did not tell is not compared. */
static bool is_unchanged(const dowel_object *before, const dowel_object *now) {
    bool timed = !before->time_untold && before->modified;
    return before->size == now->size && (!before->etag || same_text(before->etag, now->etag)) &&
           (!before->version || same_text(before->version, now->version)) &&
           (!timed || before->modified == now->modified);
}

static int kept(dowel_error *err, int code, const char *why) {
    dowel_fail(err, code, "copied, but not moved: %s; the source was kept", why);
    return code;
}

static int verify(dowel *d, const dowel_tree *tree, const dowel_object *from, const dowel_object *source,
                  const dowel_object *copy, dowel_error *err) {
    const dowel_place *a = tree->way.from, *b = tree->way.to;
    dowel_comparison found;
    if (!is_unchanged(from, source)) return kept(err, DOWEL_E_CONFLICT, "the source changed meanwhile");
    if (source->size != copy->size) return kept(err, DOWEL_E_CORRUPT, "the copy has another size");
    /* One bucket may be served at two addresses. */
    if (a->objects == b->objects && !a->objects->sink && !dowel_place_same_service(a, b) && is_same_state(source, copy))
        return kept(err, DOWEL_E_REFUSED, "the source and the copy may be one object at two addresses");
    int rc = dowel_compare_checks(d, a, source, b, copy, &found, err);
    if (rc) return rc;
    if (found.known && !found.same) return kept(err, DOWEL_E_CORRUPT, "the copy has another checksum");
    /* The service itself guarantees a copy that it made. */
    if (!found.known && !found.checked && !dowel_place_same_service(a, b)) {
        kept(err, DOWEL_E_REFUSED, "there is no checksum to verify the copy with");
        dowel_error_hint(err, "check the copy, then remove the source with `dowel rm`");
        return DOWEL_E_REFUSED;
    }
    return 0;
}

/* ---- of one object: what a resumed run must know ---- */

/* "objects.moved gs://bucket/name". Newly allocated. */
static char *handle_of(const dowel_place *place, const char *name) {
    static const char what[] = "objects.moved ";
    char *shown = dowel_place_name(place, name), *handle = NULL;
    size_t size = sizeof what + (shown ? strlen(shown) : 0);
    if (shown) handle = malloc(size);
    if (handle) snprintf(handle, size, "%s%s", what, shown);
    free(shown);
    return handle;
}

static void state_of(const dowel_object *object, char state[256]) {
    snprintf(state, 256, "%" PRId64 " %.100s %.100s", object->size, object->etag ? object->etag : "",
             object->version ? object->version : "");
}

static void remember(dowel *d, const dowel_place *place, const dowel_object *from, const dowel_object *copy) {
    char state[256], *handle = handle_of(place, from->name);
    state_of(copy, state);
    /* A run does not fail because its history cannot be written. */
    if (handle) (void)dowel_remember(d, handle, state, false, NULL);
    free(handle);
}

int dowel_move_was_finished(dowel *d, const dowel_tree *tree, const char *from_name, const char *to_name, bool *was,
                            int64_t *size, dowel_error *err) {
    const dowel_place *to = tree->way.to;
    char *handle = handle_of(tree->way.from, from_name), *kept_state = NULL, state[256];
    dowel_item *copy = NULL;
    *was = false;
    int rc = handle ? dowel_recall_started(d, handle, &kept_state, err) : dowel_no_memory(err);
    if (!rc && kept_state && !to->objects->stat(d, to->block, to_name, NULL, keep, &copy, NULL)) {
        state_of(&copy->object, state);
        *was = !strcmp(state, kept_state);
        *size = copy->object.size;
    }
    free(copy);
    free(kept_state);
    free(handle);
    return rc;
}

/* ---- moving ---- */

static bool has_remove_exact(const dowel_objects *objects) {
    return objects->size >= offsetof(dowel_objects, remove_exact) + sizeof objects->remove_exact &&
           objects->remove_exact;
}

/* The source changed, or an earlier request removed it and its answer was lost. */
static int source_conflict(dowel *d, const dowel_place *place, const char *name, dowel_error *err) {
    dowel_item *now = NULL;
    int rc = place->objects->stat(d, place->block, name, NULL, keep, &now, err);
    free(now);
    if (rc == DOWEL_E_NOT_FOUND) return 0;
    return rc ? rc : kept(err, DOWEL_E_CONFLICT, "the source changed meanwhile");
}

/* Removes the source in the state in which it was verified. Of files the checksum was computed since: they are looked at once more. */
static int remove_source(dowel *d, const dowel_place *place, const dowel_object *source, dowel_error *err) {
    if (has_remove_exact(place->objects)) {
        int rc = place->objects->remove_exact(d, place->block, source, err);
        return rc == DOWEL_E_CONFLICT ? source_conflict(d, place, source->name, err) : rc;
    }
    dowel_item *now = NULL;
    int rc = place->objects->stat(d, place->block, source->name, NULL, keep, &now, err);
    if (!rc && !(is_same_state(source, &now->object) && source->created == now->object.created))
        rc = kept(err, DOWEL_E_CONFLICT, "the source changed meanwhile");
    if (!rc) rc = place->objects->remove(d, place->block, (const char *const[]){source->name}, 1, NULL, NULL, err);
    free(now);
    return rc;
}

int dowel_move_check(dowel *d, const dowel_tree *tree, const char *name, const char *to_name, dowel_error *err) {
    const dowel_place *a = tree->way.from, *b = tree->way.to;
    dowel_item *source = NULL, *copy = NULL;
    if (a->objects != b->objects || a->objects->sink || dowel_place_same_service(a, b)) return 0;
    int rc = b->objects->stat(d, b->block, to_name, NULL, keep, &copy, err);
    if (rc == DOWEL_E_NOT_FOUND) return 0;
    if (!rc) rc = a->objects->stat(d, a->block, name, NULL, keep, &source, err);
    if (!rc && is_same_state(&source->object, &copy->object))
        rc = dowel_fail(err, DOWEL_E_INVALID, "source and destination may be the same object at two addresses");
    free(source);
    free(copy);
    return rc;
}

int dowel_move_finish(dowel *d, const dowel_tree *tree, const dowel_object *from, const char *to_name,
                      dowel_error *err) {
    const dowel_place *a = tree->way.from, *b = tree->way.to;
    dowel_item *source = NULL, *copy = NULL;
    int rc = b->objects->stat(d, b->block, to_name, NULL, keep, &copy, err);
    if (!rc) rc = a->objects->stat(d, a->block, from->name, NULL, keep, &source, err);
    if (!rc) rc = verify(d, tree, from, &source->object, &copy->object, err);
    if (!rc && tree->way.named) remember(d, a, from, &copy->object);
    if (!rc) rc = remove_source(d, a, &source->object, err);
    free(source);
    free(copy);
    return rc;
}
