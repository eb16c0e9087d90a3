/* Shared by writing and reading the history. */
#ifndef DOWEL_HISTORY_H
#define DOWEL_HISTORY_H

#include "run.h"

/* A connection with the history's tables in place. */
int dowel_history_acquire(dowel *d, dowel_db **db, dowel_error *err);
/* The same for reading alone, which a database that can only be read may allow with older tables: *old, they have neither
 * subjects nor amounts. 1, and *db NULL: such a database has no history. */
int dowel_history_read(dowel *d, dowel_db **db, bool *old, dowel_error *err);
#endif
