/* Futures: private parts. */
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
/* Waits for the run's dependencies and runs it in this thread. Takes the run. */
int dowel_future_call(dowel_run *run, const dowel_call_options *options, json_t **result, dowel_error *err);
/* Waits for everything that a body submitted, and fails the run if a submitted task failed unobserved. */
int dowel_run_settle(dowel_run *run, int rc, dowel_error *err);

#endif
