/* Everything below a folder: copied, compared, removed. */
#ifndef DOWEL_TREE_H
#define DOWEL_TREE_H

#include "report.h"
#include "way.h"

typedef struct dowel_tree {
    dowel_way way;
    const char *const *include, *const *exclude;
    bool merge; /* look at what the destination has, and copy what differs */
    int compare, links;
    bool skip_existing, delete_extraneous, allow_empty, dry_run;
    int width;
    dowel_report *report;
} dowel_tree;

int dowel_tree_copy(dowel *d, const dowel_tree *tree, dowel_error *err);
int dowel_tree_remove(dowel *d, const dowel_place *place, const char *const *include, const char *const *exclude,
                      bool dry_run, dowel_report *report, dowel_error *err);

/* compare.c: whether the destination's object has to be replaced. */
int dowel_differs(dowel *d, const dowel_tree *tree, const dowel_object *from, const dowel_object *to, bool *differs,
                  dowel_error *err);
/* batch.c: removes what `next` gives (newly allocated whole names, NULL at the end; called by one thread at a time). */
int dowel_remove_batches(dowel *d, const dowel_place *place, int (*next)(void *context, char **name, dowel_error *err),
                         void *context, bool dry_run, dowel_report *report, dowel_error *err);

#endif
