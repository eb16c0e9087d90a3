/* A run: one call of a task or flow. Private parts. */
#ifndef DOWEL_RUN_H
#define DOWEL_RUN_H

#include "handle_internal.h"

#include <dowel/text.h>

struct dowel_run {
    dowel scope;   /* what the body gets */
    dowel cleanup; /* what the body's clean-up gets */
    atomic_int references;
    dowel_run *parent; /* retained */
    const dowel_task *task;
    bool flow;
    dowel_record *args;
    dowel_policy policy; /* merged; what it points to is the record's */
    dowel_record *policy_record;
    char id[DOWEL_RUN_ID_SIZE];
    char *name;
    char *key;    /* the run key; NULL: none */
    char *folder; /* that relative paths start from; "": unknown */
    int attempt;
    int attempts_before;     /* of a resumed run */
    bool resumed;            /* its record exists already */
    bool unrecorded;         /* its record could not be written: there is nothing to resume */
    json_t *handles;         /* of a run without a record; guarded by the core's lock */
    double deadline;         /* of dowel_clock; 0 none */
    double cleanup_deadline; /* 0: no clean-up has begun */
    atomic_bool cancelled;
    bool done_late;                /* its last attempt ended well after its deadline */
    atomic_bool ended;             /* the caller's callbacks are the caller's again */
    bool persisting;               /* its result is being stored: runs that this needs store none */
    dowel_call_options options;    /* callbacks only */
    struct dowel_future *children; /* futures submitted in it that have not completed; guarded by the pool's lock */
};

/* A run with its merged policy; takes the record. Children inherit persistence. */
int dowel_run_new(dowel *d, const dowel_task *task, bool flow, dowel_record *args, const dowel_call_options *options,
                  dowel_run **run, dowel_error *err);
void dowel_run_release(dowel_run *run);

/* Attempts the body as the policy says, and records it. */
int dowel_run_execute(dowel_run *run, json_t **result, dowel_error *err);
/* The same, or resumes or returns the result of an earlier run with the same key. */
int dowel_run_by_key(dowel_run *run, json_t **result, dowel_error *err);
/* Handles of a run that has no record (run_handles.c). *value is newly allocated, or NULL. */
bool dowel_run_is_recorded(const dowel_run *run);
int dowel_run_keep_handle(dowel_run *run, const char *name, const char *value, dowel_error *err);
int dowel_run_handle(dowel_run *run, const char *name, char **value, dowel_error *err);
void dowel_run_drop_handle(dowel_run *run, const char *name);
void dowel_run_drop_handles(dowel_run *run);

/* Records a run that never started. */
void dowel_run_failed_early(dowel_run *run, const dowel_error *err);
bool dowel_task_is_flow(const dowel_task *task);
int dowel_options_check(const dowel_call_options *options, dowel_error *err);

/* The table of a task without arguments. */
extern const dowel_table dowel_no_args;

/* Policy (policy.c) */
/* Whether a failure is retried. `done`: the work was done, but after the deadline. */
bool dowel_policy_retries(const dowel_policy *policy, const dowel_error *err, bool done);
double dowel_policy_delay(const dowel_policy *policy, int retry);
dowel_policy dowel_policy_merge(const dowel_policy *own, const dowel_policy *over, const dowel_policy *inherited);
/* Gives the run its policy: merged, checked, copied. */
int dowel_policy_settle(dowel_run *run, const dowel_policy *inherited, dowel_error *err);

/* History (history.c): failures are logged once and never fail the run. */
void dowel_history_start(dowel_run *run, const char *state);
/* Records a new run inside the caller's transaction. `digest`: of its arguments, if it has a key; else NULL. */
struct dowel_run_args;
int dowel_history_insert(dowel_db *db, const dowel_run *run, const struct dowel_run_args *args, const char *digest,
                         const char *state, dowel_error *err);
void dowel_history_state(dowel_run *run, const char *state);
/* `result` is counted, not kept; NULL: the run failed. */
void dowel_history_end(dowel_run *run, const char *state, const dowel_error *err, const json_t *result,
                       const char *storage, const char *key);
void dowel_history_log(dowel_run *run, const char *level, const char *line);

/* For the list of runs (summary.c): what a run is about, and how much it did as JSON. Newly allocated; NULL: nothing to say. */
char *dowel_run_subject(const dowel_run *run);
char *dowel_run_amount(const dowel_run *run, const json_t *result);

/* Resuming (resume.c). Looks for the newest run of the task with the run's key. 0: a new run, already recorded. 1: *result is that of a completed run.
 * 2: the run resumes an earlier one. With 1 and 2 the run has the earlier run's id. */
int dowel_resume_by_key(dowel_run *run, json_t **result, dowel_error *err);

/* Stores a secret handle of the run; whether it is stored. */
bool dowel_history_hold(dowel_run *run, const char *name, const char *value);
/* A handle of any run, opened. *value is newly allocated; NULL: there is none. */
int dowel_history_held(dowel *d, const char *run_id, const char *name, char **value, dowel_error *err);

/* Persisted results (persist.c). Where the storage fails, the result goes sealed into the history. */
int dowel_persist(dowel_run *run, const json_t *result, char **storage, char **key, dowel_error *err);
/* The result of an earlier attempt that could not be stored; *result stays NULL if there is none. */
int dowel_persist_recall(dowel_run *run, json_t **result, dowel_error *err);
void dowel_persist_forget(dowel_run *run);
/* Whether the history has a result that the run's storage refused. */
bool dowel_persist_holds(dowel *d, const char *run_id);
/* Like dowel_runs_result; *lost: the result was stored, and is gone or damaged. */
int dowel_kept_result(dowel *d, const char *part, json_t **result, bool *lost, dowel_error *err);
/* Finds the run id that contains `part`. */
int dowel_find_run_id(dowel_db *db, const char *part, char id[DOWEL_RUN_ID_SIZE], dowel_error *err);

#endif
