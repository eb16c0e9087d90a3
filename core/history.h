/* What writing and reading the history share. */
#ifndef DOWEL_HISTORY_H
#define DOWEL_HISTORY_H

#include "run.h"

/* A connection with the history's tables in place. */
int dowel_history_acquire(dowel *d, dowel_db **db, dowel_error *err);
/* Whether the process that wrote "host:boot:pid:start" is certainly gone. */
bool dowel_process_is_gone(const char *process);
/* Whether it was on another machine, where nothing can be told of it. */
bool dowel_process_is_elsewhere(const char *process);

#endif
