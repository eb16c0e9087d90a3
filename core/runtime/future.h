/* Futures from the inside. */
#ifndef DOWEL_FUTURE_H
#define DOWEL_FUTURE_H

#include "pool.h"
#include "run.h"

typedef enum future_state { FUTURE_WAITING, FUTURE_QUEUED, FUTURE_RUNNING, FUTURE_DONE } future_state;

struct dowel_future {
    atomic_int references;
    dowel_pool *pool;
    dowel_run *run;
    future_state state;
    bool observed; /* somebody asked for the outcome */
    int rc;
    json_t *result;
    dowel_error error;
    int fd[2];
    dowel_binding *bindings;   /* their futures retained */
    dowel_future **upstream;   /* NULL-terminated, retained: wait_for and bindings */
    size_t unfinished;         /* of upstream */
    dowel_future **dependents; /* what waits for this; held by its own work, which is yet to be done */
    size_t dependent_count;
    dowel_future *next;                        /* in the queue */
    dowel_future *next_child, *previous_child; /* of the run that submitted it, until it has completed */
    bool is_child;
};

/* Takes the run. */
int dowel_future_start(dowel_run *run, const dowel_call_options *options, dowel_future **future, dowel_error *err);
/* Runs a future that was taken off the queue. */
void dowel_future_run(dowel_future *future);
/* Runs in this thread what waits for others, after those. Takes the run. */
int dowel_future_call(dowel_run *run, const dowel_call_options *options, json_t **result, dowel_error *err);
/* Ends what a body submitted: waits for all, and fails the run for failures that nobody looked at. */
int dowel_run_settle(dowel_run *run, int rc, dowel_error *err);

#endif
