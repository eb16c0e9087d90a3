/* Copies, compares and removes everything below a folder. */
#ifndef DOWEL_TREE_H
#define DOWEL_TREE_H

#include "report.h"
#include "way.h"

typedef struct dowel_tree {
    dowel_way way;
    const char *const *include, *const *exclude;
    bool deep;    /* a pattern also means everything below a folder that matches */
    bool merge;   /* list the destination too, and copy what differs */
    bool move;    /* remove each object of the source after its copy is verified */
    bool resumed; /* an earlier attempt of this run may have done all of it */
    int compare, links;
    bool skip_existing, delete_extraneous, allow_empty, dry_run;
    int width;
    dowel_report *report;
} dowel_tree;

int dowel_tree_copy(dowel *d, const dowel_tree *tree, dowel_error *err);

/* remove.c */
typedef struct dowel_removing {
    const dowel_place *place;
    const char *const *include, *const *exclude;
    bool deep, dry_run;
    int64_t
        began; /* when the first attempt began, by the clock that gives objects their times, in µs; 0: this is the first */
    dowel_report *report;
} dowel_removing;

#define DOWEL_NEWER "it was stored after this run began"
/* Whether an object was, or may have been, stored after the first attempt of the run began. Services give whole seconds: in the second in which the
 * attempt began, an object counts as newer. */
bool dowel_is_newer(dowel *d, const dowel_place *place, const dowel_object *object, int64_t began);
int dowel_tree_remove(dowel *d, const dowel_removing *removing, dowel_error *err);

/* move.c: refuses to move an object onto itself through another address of the service, before anything is written. */
int dowel_move_check(dowel *d, const dowel_tree *tree, const char *name, const char *to_name, dowel_error *err);
/* Removes the source of a copy that has been made, if the copy is verified. `from` is what was known of the source before it was copied. */
int dowel_move_finish(dowel *d, const dowel_tree *tree, const dowel_object *from, const char *to_name,
                      dowel_error *err);
/* Whether an earlier attempt of this run moved this one object, so that its source is gone. *size: of the copy. */
int dowel_move_was_finished(dowel *d, const dowel_tree *tree, const char *from_name, const char *to_name, bool *was,
                            int64_t *size, dowel_error *err);

/* compare.c: whether the destination's object has to be replaced. */
int dowel_differs(dowel *d, const dowel_tree *tree, const dowel_object *from, const dowel_object *to, bool *differs,
                  dowel_error *err);
/* compare.c: compares checksums, which are computed for files. *known: both sides have one of the same kind; *same: they agree; *checked: both sides
 * have a checksum of some kind, so that each transfer was verified. */
typedef struct dowel_comparison {
    bool known, same, checked;
} dowel_comparison;
int dowel_compare_checks(dowel *d, const dowel_place *a, const dowel_object *from, const dowel_place *b,
                         const dowel_object *to, dowel_comparison *found, dowel_error *err);
/* batch.c: removes the names that `next` gives (newly allocated, whole; NULL at the end; called by one thread at a time). */
int dowel_remove_batches(dowel *d, const dowel_place *place, int (*next)(void *context, char **name, dowel_error *err),
                         void *context, bool dry_run, dowel_report *report, dowel_error *err);

#endif
