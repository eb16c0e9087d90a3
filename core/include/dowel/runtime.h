/* dowel/runtime.h: the handle, tasks, futures, flows and their recorded runs.
 *
 * Every task runs in one way, from C, the command or a flow: arguments are copied and validated by the table, a run is
 * recorded, the body is attempted as the policy says, the outcome is recorded, the result is persisted where asked. */
#ifndef DOWEL_RUNTIME_H
#define DOWEL_RUNTIME_H

#include <dowel/connector.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the handle ---- */

typedef enum dowel_log_level { DOWEL_LOG_DEBUG, DOWEL_LOG_INFO, DOWEL_LOG_WARNING, DOWEL_LOG_ERROR } dowel_log_level;

struct dowel_transport; /* dowel/http.h */

typedef struct dowel_options {
    size_t size; /* sizeof(dowel_options) */
    /* "sqlite:PATH", "postgresql://...", "memory:". NULL: DOWEL_DATABASE_URL, else sqlite:$XDG_DATA_HOME/dowel/dowel.db. Opened on first use.
     * "" is INVALID. */
    const char *database_url;
    const dowel_connector *const *connectors; /* NULL-terminated list, copied; descriptors borrowed */
    int workers;                              /* threads for submitted tasks, at most 1024; 0: 8 or DOWEL_WORKERS */
    struct dowel_transport *transport;        /* NULL: libcurl. Borrowed */
    /* Where log lines go; NULL: stderr, from DOWEL_LOG (debug, info, warning, error; default warning) upwards. Lines never
     * hold secrets. Called from any thread, one call at a time. */
    void (*log)(void *context, dowel_log_level level, const char *line);
    void *log_context;
    bool no_history; /* record no runs */
    /* Asks the user for a secret (the passphrase of a key file): writes it, NUL-terminated, to `answer` and returns 0; anything else:
     * there is none. NULL: nobody is asked. Called from any thread. */
    int (*ask)(void *context, const char *what, char *answer, size_t size);
    void *ask_context;
} dowel_options;

/* Opens a handle with exactly these connectors. Most programs call dowel_open (dowel/dowel.h), which has all built-in ones.
 * Cheap: no file is opened, no thread started before it is needed. Any thread may use the handle. */
DOWEL_API int dowel_open_with(dowel **d, const dowel_options *options, dowel_error *err);

/* Cancels what still runs, waits for it, frees everything. Other threads may be in dowel_call, dowel_call_json, dowel_flow_run,
 * dowel_submit, dowel_runs_resume, dowel_wait, dowel_sleep or dowel_http_send: they come out (with CANCELLED, unless they were done) before it returns,
 * and such calls that begin meanwhile are CANCELLED at once; no other function may be in use. A body that does not look
 * (dowel_check, dowel_sleep, requests) is waited for. Futures may be asked and freed afterwards; they have all ended. From inside a
 * task or a callback of one it does nothing but log an error: the handle would wait for itself. NULL is allowed.
 *
 * fork: a child process must not use a handle, a future or a block that its parent opened, because it has none of the parent's
 * threads and shares its connections. In the child every call that could do something fails with INVALID and does nothing; what the
 * parent submitted runs in the parent alone; dowel_close and dowel_future_free do nothing. The child may exec, _exit, or open a
 * handle of its own; that one cannot use an SQLite database (INVALID) if one was open in the parent, because SQLite's view of its
 * locks does not survive a fork. Programs that fork workers open their handles in the workers. The parent is not affected. */
DOWEL_API void dowel_close(dowel *d);

DOWEL_API void dowel_log(dowel *d, dowel_log_level level, const char *format, ...) DOWEL_PRINTF(3, 4);
/* True when lines of this level go anywhere: lets callers skip work. */
DOWEL_API bool dowel_log_enabled(const dowel *d, dowel_log_level level);

/* State of an upper layer that lives as long as the handle; made on first request, ended by dowel_close in reverse order of
 * making. `key` is compared by address. NULL when `make` failed. */
DOWEL_API void *dowel_attach(dowel *d, const void *key, void *(*make)(dowel *d), void (*end)(void *value));

/* Asks through dowel_options.ask; -1 where that is not set. */
DOWEL_API int dowel_ask_secret(dowel *d, const char *what, char *answer, size_t size);

/* ---- what is registered ---- */

/* Adds a program's own task or block type; the descriptor is borrowed until dowel_close. EXISTS when the name is taken. */
DOWEL_API int dowel_register_task(dowel *d, const dowel_task *task, dowel_error *err);
DOWEL_API int dowel_register_block_type(dowel *d, const dowel_block_type *type, dowel_error *err);
/* NOT_FOUND carries a suggestion. */
DOWEL_API int dowel_find_task(dowel *d, const char *name, const dowel_task **task, dowel_error *err);
DOWEL_API int dowel_find_block_type(dowel *d, const char *name, const dowel_block_type **type, dowel_error *err);
DOWEL_API int dowel_find_import_source(dowel *d, const char *name, const dowel_import_source **source,
                                       dowel_error *err);
/* The n-th in order of registration; NULL past the last. */
DOWEL_API const dowel_task *dowel_task_at(dowel *d, size_t n);
DOWEL_API const dowel_block_type *dowel_block_type_at(dowel *d, size_t n);
DOWEL_API const dowel_import_source *dowel_import_source_at(dowel *d, size_t n);

/* How documents' block references are followed; the registry sets it when it opens. Until then, references by name fail and
 * inline documents (with "$type" where a field accepts several types) work. */
DOWEL_API void dowel_set_resolver(dowel *d, const dowel_resolver *resolver);
DOWEL_API const dowel_resolver *dowel_get_resolver(dowel *d);

/* ---- calling ---- */

typedef struct dowel_future dowel_future;

/* Fills the argument `field` from the result of `future` when that has completed; what it gives counts as given, a zero too. A
 * field that is bound twice, or bound and given as well, is INVALID. */
typedef struct dowel_binding {
    const char *field;
    dowel_future *future;
    const char *member; /* of the result object; NULL: the whole result */
} dowel_binding;

typedef struct dowel_call_options {
    size_t size;         /* sizeof(dowel_call_options) */
    dowel_policy policy; /* members that were given (not zero, or named in its `given`) win over the task's own */
    const dowel_binding *bindings; /* ended by {NULL} */
    dowel_future *const
        *wait_for;        /* NULL-terminated: start only after these completed; one that failed is DEPENDENCY */
    const char *run_name; /* what the history calls the run; NULL: the task's name */
    char *
        run_id; /* NULL, or room for DOWEL_RUN_ID_SIZE: receives the id, also when the run fails; with a run key that of the
                                    * run that was resumed or gave its result. dowel_submit: the id at the start; see dowel_future_run_id */
    /* Called from the task's threads as work gets done; total -1: unknown. Neither callback is called after dowel_call has
     * returned or the future has ended. */
    void (*progress)(void *context, int64_t done, int64_t total);
    void *progress_context;
    bool (*cancelled)(void *context); /* asked now and then; true cancels the run */
    void *cancelled_context;
    /* A name of this piece of work, such as "nightly-2026-01-31". The newest run of the task with that key is looked for: one that
     * crashed, failed or was cancelled is resumed under its own id; one that completed and kept its result gives that again, and nothing
     * runs (if the kept result is gone, a warning says so and the work is done again); one that is on its way is CONFLICT. The arguments
     * are compared completely, by a digest made with the sealing key; other arguments under the same key are INVALID, and so is a kept
     * result of a run whose data came through a pipe or a DOWEL_POINTER, which cannot be compared. Arguments with secrets need a sealing
     * key (KEY), and every key needs the history. "" is INVALID. NULL: always a new run. Steps of a flow with keys of their own (the
     * flow's and their name, say) make a flow that was killed go on where it stood when it is run again. */
    const char *run_key;
    bool take_over; /* resume also a run whose process is elsewhere and cannot be seen to have ended */
    /* NULL, or receives a new reference to the result when the work was done but result_storage failed: the call fails then, and nothing else
     * gives the result but dowel_runs_result. Not touched otherwise. Not for dowel_submit. */
    json_t **unkept;
} dowel_call_options;

#define DOWEL_RUN_ID_SIZE 37 /* a UUID (version 7: sorts by time) with its NUL */

/* Runs a task in this thread and waits: first for what `options` says that it depends on, at last for what its body submitted.
 *
 * A run completes when its body returned 0 before its deadline, everything that the body submitted has ended, and none of it
 * failed without the body asking for the outcome (dowel_wait, or another future that depends on it). A body that returns 0 after its
 * deadline, its own or that of a run above it, has failed with TIMEOUT, because the caller relies on the limit. Its work is done,
 * so it is not retried unless `retry_on` names timeout.
 *
 * `args` points to the struct of the task's table, `size` is its sizeof in the caller.
 * `options` and `result` may be NULL. *result is a new reference. */
DOWEL_API int dowel_call(dowel *d, const char *task, const void *args, size_t size, const dowel_call_options *options,
                         json_t **result, dowel_error *err);
/* The same with arguments as a JSON object (borrowed). */
DOWEL_API int dowel_call_json(dowel *d, const char *task, const json_t *args, const dowel_call_options *options,
                              json_t **result, dowel_error *err);

/* Hands a task to the worker threads. Arguments are copied before it returns (memory behind POINTER members is not). Fails at
 * once on bad arguments. The caller frees the future. */
DOWEL_API int dowel_submit(dowel *d, const char *task, const void *args, size_t size, const dowel_call_options *options,
                           dowel_future **future, dowel_error *err);

/* Waits for the end and gives the task's outcome (a body must not wait so for the run that it is in, or for one above it, which ends after
 * it); may be called any number of times, from any thread. What nobody
 * has begun runs in the calling thread, so tasks may wait for tasks. *result is a new reference, to what every other waiter gets too: copy
 * it (json_deep_copy) to change it. A future whose dependency failed ends with DOWEL_E_DEPENDENCY. */
DOWEL_API int dowel_wait(dowel_future *future, json_t **result, dowel_error *err);
DOWEL_API bool dowel_done(dowel_future *future);
/* Becomes readable when the future ends (poll(2), any event loop). Owned by the future. -1 when none could be made. */
DOWEL_API int dowel_future_fd(dowel_future *future);
DOWEL_API void dowel_future_cancel(dowel_future *future);
/* Owned by the future. "" while a future with a run key has not ended: whose id it has is known then. */
DOWEL_API const char *dowel_future_run_id(const dowel_future *future);
/* Lets go of the future; the task goes on. NULL is allowed. */
DOWEL_API void dowel_future_free(dowel_future *future);

/* ---- inside a task or flow body ---- */

/* Waits, but wakes at cancellation or when the deadline passes (and then fails with CANCELLED or TIMEOUT). Less than 0 is 0; what
 * is not finite is INVALID. */
DOWEL_API int dowel_sleep(dowel *d, double seconds, dowel_error *err);
/* The longest wait in seconds that a server may ask for (Retry-After). A request or task that is asked to wait longer fails at once, and its
 * error says how long. */
#define DOWEL_LONGEST_WAIT 300.0
/* 0, or CANCELLED or TIMEOUT filled into err: call it in long loops. */
DOWEL_API int dowel_check(dowel *d, dowel_error *err);
/* Seconds until the deadline; a negative number when there is none. 0 when it has passed. */
DOWEL_API double dowel_time_left(const dowel *d);
/* A handle for what a body must still undo or stop remotely after its run was cancelled or ran out of time (an unfinished
 * upload, a job that costs money): requests go through, for at most 15 seconds from the first call in an attempt. Of the same
 * lifetime as `d`; `d` itself outside a run. */
DOWEL_API dowel *dowel_cleanup(dowel *d);
DOWEL_API void dowel_progress(dowel *d, int64_t done, int64_t total);
DOWEL_API int dowel_attempt(const dowel *d);        /* 1 for the first; 0 outside a run */
DOWEL_API const char *dowel_run_id(const dowel *d); /* "" outside a run */
DOWEL_API void *dowel_task_context(const dowel *d);
/* A path that was given to the run as text other than DOWEL_PATH, as it can be opened now: absolute when the working directory has changed
 * since the run was made. Newly allocated; NULL when out of memory. */
DOWEL_API char *dowel_run_path(const dowel *d, const char *path);
/* Writes a remote handle (job id, execution, upload session) to the run's record before it returns. Later attempts and a resumed
 * run find it with dowel_recall (malloc'd text, or NULL). A run may have many: a name says what the handle is of
 * ("store.upload_id my-bucket/a/key"). Handles that let their holder act (a session URL) are `secret`: they are kept sealed, and not kept at all
 * where there is no key to seal with. dowel_forget: the remote work has ended. */
DOWEL_API int dowel_remember(dowel *d, const char *name, const char *value, bool secret, dowel_error *err);
DOWEL_API char *dowel_recall(dowel *d, const char *name);
DOWEL_API void dowel_forget(dowel *d, const char *name);
/* dowel_recall for a handle that says that remote work may have begun: a record that cannot be read is an error and not "none", since the work
 * would be started twice. *value is newly allocated, or NULL when there is no such handle. Not for secret handles. */
DOWEL_API int dowel_recall_started(dowel *d, const char *name, char **value, dowel_error *err);

/* How secret handles are kept; the registry fills it when it opens. `owner` is bound to what is sealed. Both give newly allocated text. */
typedef struct dowel_sealer {
    int (*seal)(dowel *d, const char *owner, const char *plain, char **sealed, dowel_error *err);
    int (*open)(dowel *d, const char *owner, const char *sealed, char **plain, dowel_error *err);
    /* A keyed digest of data: a reader of the digest cannot find the data by trying. `like`: an earlier one, whose key is used again;
     * NULL: the key that seals. */
    int (*digest)(dowel *d, const void *data, size_t size, const char *like, char **digest, dowel_error *err);
} dowel_sealer;
DOWEL_API void dowel_set_sealer(dowel *d, const dowel_sealer *sealer);
/* For who changes the keys of the sealer: shows each secret handle of every run as it is kept, with what it is bound to. A text that it gives in
 * *anew (newly allocated) takes the place of what is kept, unless that has changed meanwhile. Ends at the first failure. */
DOWEL_API int dowel_remembered(dowel *d,
                               int (*visit)(void *context, const char *owner, const char *sealed, char **anew,
                                            dowel_error *err),
                               void *context, dowel_error *err);

/* ---- flows ---- */

/* A flow is a task whose body submits other tasks; only its place in the history differs. One that is registered, and started by
 * dowel_call or dowel_submit as well, says so with `.flow = true`. */
typedef struct dowel_task dowel_flow;

/* Runs a flow, which need not be registered, in this thread. Every future that the body submitted has ended when it returns. The
 * flow fails when its body fails, or when a submitted task failed and the body never asked for that future's outcome. */
DOWEL_API int dowel_flow_run(dowel *d, const dowel_flow *flow, const void *args, size_t size,
                             const dowel_call_options *options, json_t **result, dowel_error *err);

/* ---- history ---- */

typedef struct dowel_runs_query {
    size_t size;
    int64_t limit;      /* 0: 50 */
    const char *state;  /* NULL: any. pending running retrying completed failed cancelled crashed */
    const char *task;   /* NULL: any */
    const char *parent; /* any unique part of a run's id: its children; NULL: any */
    const char *name;   /* as dowel_call_options.run_name; NULL: any */
    int64_t since;      /* µs since the epoch: only runs that were made then or later; 0: any */
    bool top;           /* only runs that no other run called */
} dowel_runs_query;

/* Newest first: an array of run objects: id, kind (task, flow), name, task, parent, run_key, state, attempts, created, started, ended
 * (RFC 3339), duration (seconds), error (dowel_error_json), result_storage and result_key, elsewhere (true: a run that has not ended, of another
 * machine, container or boot, of which nothing can be told from here). What does not apply is left out. New reference. */
DOWEL_API int dowel_runs_list(dowel *d, const dowel_runs_query *query, json_t **runs, dowel_error *err);
/* One run with its masked arguments, policy, remote handles, children (run objects), log lines. `id` may be any unique part (at least 4 characters). */
DOWEL_API int dowel_runs_show(dowel *d, const char *id, json_t **run, dowel_error *err);
/* Goes on with a task's run that crashed, failed or was cancelled: the same id, the recorded arguments and policy, the handles that it
 * remembered. Paths among the arguments are those that the run began with, whatever the working directory is. CONFLICT when it completed, is
 * still on its way, or worked on files of another machine (`take_over` says that they are the same here); NOT_FOUND when a block
 * is gone; INVALID when its arguments were not kept whole (secrets given inline, more than 64 KiB, data from a pipe) or it is
 * a flow. Of two callers one resumes it. `options` as for dowel_call; its policy is not used. */
DOWEL_API int dowel_runs_resume(dowel *d, const char *id, const dowel_call_options *options, json_t **result,
                                dowel_error *err);
/* Forgets runs that ended before that time (µs since the epoch), and those that began before it and whose process died, with their log lines and
 * remembered handles: they cannot be resumed any more. What is on its way stays, with what it called; kept results stay in their storage. *count
 * (may be NULL): how many. `dry_run`: only counts. */
DOWEL_API int dowel_runs_prune(dowel *d, int64_t before, bool dry_run, int64_t *count, dowel_error *err);
/* Reads a persisted result back from its storage, or from the history if the storage refused it. */
DOWEL_API int dowel_runs_result(dowel *d, const char *id, json_t **result, dowel_error *err);

#ifdef __cplusplus
}
#endif
#endif
