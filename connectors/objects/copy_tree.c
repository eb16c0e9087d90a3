/* Copies or moves everything below a folder, or what matches a pattern. */
#include "copy.h"

#include <stdlib.h>
#include <string.h>

static int lies_in_source(const dowel_copy *copy, const char *text, const char *why, dowel_error *err) {
    return dowel_fail(err, DOWEL_E_INVALID, "the destination %.200s lies in the source %.200s%s",
                      copy->args->destination, text, why);
}

static int lies_in_destination(const dowel_copy *copy, const char *text, const char *why, dowel_error *err) {
    return dowel_fail(err, DOWEL_E_INVALID, "the source %.200s lies in the destination %.200s and would be %s%s", text,
                      copy->args->destination, copy->tree.move ? "overwritten" : "removed with the rest", why);
}

/* A pattern for one level reads nothing below its folder, and a copy below it is never read again. */
static bool is_shallow(const dowel_copy *copy, const dowel_place *from) {
    return from->pattern && !copy->recursive && !strchr(from->pattern, '/') && !strstr(from->pattern, "**");
}

static int check(dowel *d, const dowel_copy *copy, const char *text, const dowel_tree *tree, dowel_error *err) {
    static const char why[] = ": both addresses lead to the same bucket";
    const dowel_place *from = tree->way.from, *to = tree->way.to;
    bool touches_source = tree->move || tree->delete_extraneous, overlap, inside;
    if (from->stream || to->stream)
        return dowel_fail(err, DOWEL_E_INVALID, "%.200s is not a folder",
                          from->stream ? text : copy->args->destination);
    if (from->pattern && dowel_place_is_same(from, to))
        return dowel_fail(err, DOWEL_E_INVALID, "source and destination are the same folder: %.200s",
                          copy->args->destination);
    if (is_shallow(copy, from)) return 0;
    if (from->pattern ? dowel_place_reaches(from, to) : dowel_place_holds(from, to))
        return lies_in_source(copy, text, "", err);
    if (touches_source && dowel_place_holds(to, from)) return lies_in_destination(copy, text, "", err);
    int rc = dowel_place_probe(d, from, to, &overlap, &inside, err);
    if (!rc && overlap && inside) rc = lies_in_source(copy, text, why, err);
    if (!rc && overlap && !inside && touches_source) rc = lies_in_destination(copy, text, why, err);
    return rc;
}

/* "folder/" as the object "folder", into the destination's folder under its own name. 1: there is no such object. */
static int copy_object(dowel *d, const dowel_copy *copy, const char *text, const dowel_tree *tree, dowel_error *err) {
    dowel_tree own = *tree;
    dowel_place object = *tree->way.from;
    size_t length = strlen(object.path);
    if (object.files || object.pattern || !length || text[strlen(text) - 1] == '/') return 1;
    char *path = strndup(object.path, length - 1), *name = NULL;
    if (!path) return dowel_no_memory(err);
    object.path = path;
    object.folder = false;
    own.way.from = &object;
    own.way.to = copy->tree.way.to; /* not the folder that was made for this source */
    own.way.named = true;
    name = dowel_copy_target(&object, own.way.to);
    dowel_error why;
    int rc = name ? dowel_copy_one(d, &own, text, name, &why) : dowel_no_memory(&why);
    free(name);
    free(path);
    if (rc == DOWEL_E_NOT_FOUND) return 1;
    if (rc && err) *err = why;
    return rc;
}

int dowel_copy_tree(dowel *d, const dowel_copy *copy, const char *text, const dowel_tree *tree, dowel_error *err) {
    dowel_error why;
    int rc = check(d, copy, text, tree, err);
    if (rc) return rc;
    rc = dowel_tree_copy(d, tree, &why);
    if (rc == DOWEL_E_NOT_FOUND && copy->recursive && !copy->sync && !tree->report->copied && !tree->report->failed) {
        int other = copy_object(d, copy, text, tree, err);
        if (other <= 0) return other;
    }
    if (rc && err) *err = why;
    return rc;
}
