/* A queue of names on disk: there may be more than fit into memory. */
#ifndef DOWEL_SPOOL_H
#define DOWEL_SPOOL_H

#include <dowel/error.h>

#include <stdio.h>

typedef struct dowel_spool {
    FILE *file; /* unlinked; created when the first name is added */
} dowel_spool;

int dowel_spool_add(dowel_spool *spool, const char *name, dowel_error *err);
int dowel_spool_rewind(dowel_spool *spool, dowel_error *err);
/* The next name, newly allocated; NULL at the end. */
int dowel_spool_next(dowel_spool *spool, char **name, dowel_error *err);
void dowel_spool_close(dowel_spool *spool);

#endif
