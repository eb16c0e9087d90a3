/* Copies and moves of the sources that a caller names. */
#ifndef DOWEL_COPY_H
#define DOWEL_COPY_H

#include "tree.h"

/* What all sources of a run have in common. The tree's `way.from` is filled for each source. */
typedef struct dowel_copy {
    const dowel_objects_copy_args *args;
    dowel_tree tree;
    const char *const *texts; /* of the sources */
    dowel_place *places;      /* the sources, opened */
    size_t count;
    bool sync, recursive;
    const char *verb; /* of messages: "copied", "moved" */
} dowel_copy;

/* copy_one.c: copies one object. `text` is what the caller wrote, `to_name` the whole name at the destination. */
int dowel_copy_one(dowel *d, const dowel_tree *tree, const char *text, const char *to_name, dowel_error *err);
/* The name of the source at the destination: the destination's own, or in a folder the last part of the source's. Newly allocated. */
char *dowel_copy_target(const dowel_place *from, const dowel_place *to);
/* Whether a place can be copied as one object. */
int dowel_copy_check_one(const dowel_place *from, const char *text, const dowel_place *to, dowel_error *err);

/* copy_tree.c: copies everything below a folder, or what matches a pattern. With `recursive` a single object of this name is copied if there is
 * nothing below it. */
int dowel_copy_tree(dowel *d, const dowel_copy *copy, const char *text, const dowel_tree *tree, dowel_error *err);

/* clash.c: refuses sources of which two would have one name at the destination, before anything is written. `targets`: one for each source. */
typedef struct dowel_target {
    char *
        name; /* whole, at the destination; of a folder with a slash; NULL: a pattern, whose objects have names of their own */
    size_t source;
} dowel_target;
int dowel_copy_check_clashes(dowel *d, const dowel_copy *copy, const dowel_target *targets, dowel_error *err);

/* copy_many.c: several sources into a folder, or one after the other to standard output. */
int dowel_copy_many(dowel *d, const dowel_copy *copy, dowel_error *err);
int dowel_copy_to_stream(dowel *d, const dowel_copy *copy, dowel_error *err);

#endif
