/* dowel/runtime.h: the handle, calling and submitting tasks, what a body may do, the history of runs.
 *
 * A run is one call of a task. Every run takes the same path, whether a C program, the command or a flow starts it: the arguments are copied and
 * validated, the run is recorded, the body is attempted as the policy says, the outcome is recorded, and the result is persisted if the policy asks
 * for it.
 *
 * Conventions. Functions that return int return 0 or a code of dowel/error.h, and fill `err`, which may be NULL. `result` and other json_t ** receive
 * a new reference. Any thread may use a handle and its futures, unless a comment says otherwise. */
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
    const dowel_connector *const *connectors; /* NULL-terminated; the list is copied, the descriptors are borrowed */
    int workers;                              /* threads for submitted tasks, at most 1024; 0: DOWEL_WORKERS, else 8 */
    struct dowel_transport *transport;        /* borrowed; NULL: libcurl */
    /* Receives log lines, without secrets, from any thread, one call at a time. NULL: lines of the level in DOWEL_LOG (debug, info, warning, error;
     * default: warning) and above go to stderr. */
    void (*log)(void *context, dowel_log_level level, const char *line);
    void *log_context;
    bool no_history; /* record no runs */
    /* Asks the user for a secret, such as the passphrase of a key file. Writes it NUL-terminated to `answer` and returns 0; any other value: no
     * answer. NULL: the user is not asked. Called from any thread. */
    int (*ask)(void *context, const char *what, char *answer, size_t size);
    void *ask_context;
} dowel_options;

/* Opens a handle with exactly the connectors in `options`. Most programs call dowel_open (dowel/dowel.h), which includes all built-in connectors.
 * Opens no file and starts no thread; both happen on first use. */
DOWEL_API int dowel_open_with(dowel **d, const dowel_options *options, dowel_error *err);

/* Cancels all runs, waits for them, and frees the handle. NULL is allowed.
 *
 * Other threads may be inside dowel_call, dowel_call_json, dowel_flow_run, dowel_submit, dowel_runs_resume, dowel_wait, dowel_sleep or
 * dowel_http_send: these calls return before dowel_close does, with CANCELLED unless they had finished. Such a call that begins while the handle is
 * being closed returns CANCELLED at once. No other function may be in use. dowel_close waits for bodies that do not check for cancellation
 * (dowel_check, dowel_sleep, requests). Futures have ended; they may be queried and freed afterwards. A call from inside a task or one of its
 * callbacks logs an error and does nothing, because the handle would wait for itself.
 *
 * fork: a child process must not use a handle, future or block that its parent opened: the child has none of the parent's threads and shares the
 * parent's connections. In the child, functions that take them fail with INVALID; dowel_close and dowel_future_free do nothing. What the parent
 * submitted runs in the parent only. The child may exec, _exit, or open its own handle; that handle cannot use an SQLite database (INVALID) if one
 * was open in the parent, because SQLite's record of its locks does not survive a fork. Programs that fork workers open their handles in the
 * workers. The parent is not affected. */
DOWEL_API void dowel_close(dowel *d);

DOWEL_API void dowel_log(dowel *d, dowel_log_level level, const char *format, ...) DOWEL_PRINTF(3, 4);
/* Whether lines of this level are logged at all: lets callers skip work. */
DOWEL_API bool dowel_log_enabled(const dowel *d, dowel_log_level level);
/* Overrides DOWEL_LOG. Call it before the handle runs anything. */
DOWEL_API void dowel_set_log_level(dowel *d, dowel_log_level level);

/* Returns the value attached to the handle under `key` (compared by address). The first request makes it with `make`; dowel_close ends all values
 * with `end`, in reverse order of creation. NULL if `make` failed. */
DOWEL_API void *dowel_attach(dowel *d, const void *key, void *(*make)(dowel *d), void (*end)(void *value));

/* Calls dowel_options.ask; -1 if it is not set. */
DOWEL_API int dowel_ask_secret(dowel *d, const char *what, char *answer, size_t size);

/* ---- registered tasks, block types and import sources ---- */

/* Registers a program's own task or block type. The descriptor is borrowed until dowel_close. EXISTS if the name is taken. */
DOWEL_API int dowel_register_task(dowel *d, const dowel_task *task, dowel_error *err);
DOWEL_API int dowel_register_block_type(dowel *d, const dowel_block_type *type, dowel_error *err);
/* NOT_FOUND suggests the nearest name. */
DOWEL_API int dowel_find_task(dowel *d, const char *name, const dowel_task **task, dowel_error *err);
DOWEL_API int dowel_find_block_type(dowel *d, const char *name, const dowel_block_type **type, dowel_error *err);
DOWEL_API int dowel_find_import_source(dowel *d, const char *name, const dowel_import_source **source,
                                       dowel_error *err);
/* The n-th in order of registration, from 0; NULL past the last. */
DOWEL_API const dowel_task *dowel_task_at(dowel *d, size_t n);
DOWEL_API const dowel_block_type *dowel_block_type_at(dowel *d, size_t n);
DOWEL_API const dowel_import_source *dowel_import_source_at(dowel *d, size_t n);

/* Sets how block references in documents are resolved. The registry sets it when it opens. Before that, references by name fail, and inline documents
 * work (with "$type" if the field accepts several types). */
DOWEL_API void dowel_set_resolver(dowel *d, const dowel_resolver *resolver);
DOWEL_API const dowel_resolver *dowel_get_resolver(dowel *d);
/* The same for the arguments of new calls, which saved defaults (dowel_field.setting) complete. Without one, or with no_history: as
 * dowel_get_resolver. */
DOWEL_API void dowel_set_call_resolver(dowel *d, const dowel_resolver *resolver);
DOWEL_API const dowel_resolver *dowel_get_call_resolver(dowel *d);

/* ---- calling ---- */

typedef struct dowel_future dowel_future;

/* Fills the argument `field` from the result of `future` once that has completed. The value counts as given, even if it is zero. Binding a field
 * twice, or binding a field that is also given, is INVALID. */
typedef struct dowel_binding {
    const char *field;
    dowel_future *future;
    const char *member; /* of the result object; NULL: the whole result */
} dowel_binding;

typedef struct dowel_call_options {
    size_t size;         /* sizeof(dowel_call_options) */
    dowel_policy policy; /* members that are given (not zero, or named in its `given`) override the task's policy */
    const dowel_binding *bindings; /* ended by {NULL} */
    /* NULL-terminated: starts only after these have completed. If one of them failed, the run fails with DEPENDENCY. */
    dowel_future *const *wait_for;
    const char *run_name; /* name in the history; NULL: the task's name */
    /* NULL, or room for DOWEL_RUN_ID_SIZE bytes: receives the run's id, also when the run fails. With a run key it is the id of the run that was
     * resumed or whose result was returned. dowel_submit writes the id at the start; see dowel_future_run_id. */
    char *run_id;
    /* Called from the task's threads as work progresses; total -1: unknown. Neither callback is called after dowel_call has returned or the future
     * has ended. */
    void (*progress)(void *context, int64_t done, int64_t total);
    void *progress_context;
    bool (*cancelled)(void *context); /* polled; true cancels the run */
    void *cancelled_context;
    /* A name for this piece of work, such as "nightly-2026-01-31"; NULL: always a new run; "": INVALID. The newest run of this task with this key
     * decides what happens:
     *   crashed, failed or cancelled: it is resumed under its own id;
     *   completed, result persisted: its result is returned and nothing runs (if the stored result is gone: a warning, and the task runs again);
     *   still running: CONFLICT.
     * All arguments are compared, by a digest made with the sealing key. Different arguments under the same key are INVALID; so is the persisted
     * result of a run that read a pipe or a DOWEL_POINTER, which cannot be compared. Arguments with secrets need a sealing key (KEY). Run keys need
     * the history (INVALID without it). A flow whose steps have keys of their own, such as the flow's key plus the step's name, continues where it
     * stopped when it is run again. */
    const char *run_key;
    bool take_over; /* resume a run even if its process is elsewhere and cannot be seen to have ended */
    /* NULL, or receives a new reference to the result if the work was done but result_storage failed. The call fails then; only dowel_runs_result
     * gives the result otherwise. Not touched in any other case. Not for dowel_submit. */
    json_t **unkept;
    /* NULL, or receives when the run ended whose stored result was returned because of the run key (µs since the epoch). 0: the task ran. Not for
     * dowel_submit. */
    int64_t *kept_at;
} dowel_call_options;

#define DOWEL_RUN_ID_SIZE 37 /* bytes of a UUID (version 7: sorts by time) with its NUL */

/* Runs a task in the calling thread and returns when the run has ended, with everything that its body submitted.
 *
 * A run completes when its body returns 0 before the deadline, everything that the body submitted has ended, and no submitted task failed unobserved
 * (observed: by dowel_wait, or by a future that depends on it). A body that returns 0 after its deadline, its own or that of a run above it, fails
 * with TIMEOUT, because the caller relies on the limit. Its work is done, so it is not retried unless `retry_on` names timeout.
 *
 * `args` points to the struct of the task's table; `size` is its sizeof in the caller. `options` and `result` may be NULL. */
DOWEL_API int dowel_call(dowel *d, const char *task, const void *args, size_t size, const dowel_call_options *options,
                         json_t **result, dowel_error *err);
/* The same with arguments as a JSON object (borrowed). */
DOWEL_API int dowel_call_json(dowel *d, const char *task, const json_t *args, const dowel_call_options *options,
                              json_t **result, dowel_error *err);

/* Queues a task for the worker threads. Arguments are validated and copied before it returns (memory behind POINTER members is not copied). The caller
 * frees the future. */
DOWEL_API int dowel_submit(dowel *d, const char *task, const void *args, size_t size, const dowel_call_options *options,
                           dowel_future **future, dowel_error *err);

/* Waits until the future has ended and returns the task's outcome. May be called any number of times, from any thread. A task that no worker has
 * started runs in the calling thread, so tasks may wait for tasks with any number of workers. A body must not wait for its own run or a run above it.
 * All waiters get the same result: copy it (json_deep_copy) before changing it. A future whose dependency failed ends with DEPENDENCY. */
DOWEL_API int dowel_wait(dowel_future *future, json_t **result, dowel_error *err);
DOWEL_API bool dowel_done(dowel_future *future);
/* A file descriptor that becomes readable when the future ends, for poll(2) and event loops. Owned by the future. -1 if none can be created. */
DOWEL_API int dowel_future_fd(dowel_future *future);
DOWEL_API void dowel_future_cancel(dowel_future *future);
/* The run's id. Owned by the future. With a run key, "" until the future has ended: the run may turn out to be an earlier one. */
DOWEL_API const char *dowel_future_run_id(const dowel_future *future);
/* Releases the future; the task continues. NULL is allowed. */
DOWEL_API void dowel_future_free(dowel_future *future);

/* ---- inside a task or flow body ---- */

/* Sleeps for `seconds` (negative: 0; not finite: INVALID). Wakes with CANCELLED when the run is cancelled, and with TIMEOUT at its deadline. */
DOWEL_API int dowel_sleep(dowel *d, double seconds, dowel_error *err);
/* The longest wait in seconds that a server may ask for (Retry-After). A request or task that is asked to wait longer fails at once, and its error
 * says how long. */
#define DOWEL_LONGEST_WAIT 300.0
/* 0, or CANCELLED or TIMEOUT if the run must stop. Call it in long loops. */
DOWEL_API int dowel_check(dowel *d, dowel_error *err);
/* Seconds until the deadline: 0 once it has passed, negative if there is none. */
DOWEL_API double dowel_time_left(const dowel *d);
/* A handle for cleaning up after the run was cancelled or timed out, such as aborting an upload or cancelling a job that costs money. Requests through
 * it are sent, for at most 15 seconds from the first dowel_cleanup of an attempt. Valid as long as `d`. Outside a run it is `d` itself. */
DOWEL_API dowel *dowel_cleanup(dowel *d);
/* Reports progress, in bytes or rows; total -1: unknown. */
DOWEL_API void dowel_progress(dowel *d, int64_t done, int64_t total);
DOWEL_API int dowel_attempt(const dowel *d);        /* from 1; 0 outside a run */
DOWEL_API const char *dowel_run_id(const dowel *d); /* "" outside a run */
DOWEL_API void *dowel_task_context(const dowel *d); /* dowel_task.context; NULL outside a run */
/* Resolves a path among the arguments that is not of kind DOWEL_PATH: relative to the working directory in which the run was created, even if that has
 * changed since. Newly allocated; NULL when out of memory. */
DOWEL_API char *dowel_run_path(const dowel *d, const char *path);
/* Writes a remote handle (job id, execution, upload session) to the run's record before it returns, so that later attempts and a resumed run can
 * continue the remote work. A run may have many; `name` identifies one ("store.upload_id my-bucket/a/key"). `secret` handles, such as session URLs,
 * grant access: they are stored sealed, and not stored at all without a sealing key. */
DOWEL_API int dowel_remember(dowel *d, const char *name, const char *value, bool secret, dowel_error *err);
/* The handle, newly allocated; NULL if there is none. */
DOWEL_API char *dowel_recall(dowel *d, const char *name);
/* Deletes the handle: the remote work has ended. */
DOWEL_API void dowel_forget(dowel *d, const char *name);
/* Like dowel_recall, for a handle which says that remote work may have started: a record that cannot be read is an error, not "none", because the work
 * would be started twice. *value is newly allocated; NULL if there is no such handle. Not for secret handles. */
DOWEL_API int dowel_recall_started(dowel *d, const char *name, char **value, dowel_error *err);

/* Seals secret handles; the registry sets it when it opens. The seal is bound to `owner`. Output texts are newly allocated. */
typedef struct dowel_sealer {
    int (*seal)(dowel *d, const char *owner, const char *plain, char **sealed, dowel_error *err);
    int (*open)(dowel *d, const char *owner, const char *sealed, char **plain, dowel_error *err);
    /* A keyed digest: without the key, data cannot be guessed from it. `like`: an earlier digest, whose key is used again; NULL: the sealing key. */
    int (*digest)(dowel *d, const void *data, size_t size, const char *like, char **digest, dowel_error *err);
} dowel_sealer;
DOWEL_API void dowel_set_sealer(dowel *d, const dowel_sealer *sealer);
/* Calls `visit` for every sealed handle of every run, until it fails. Used by key rotation. A text in *anew (newly allocated by `visit`) replaces the
 * sealed handle, unless that has changed meanwhile. */
DOWEL_API int dowel_remembered(dowel *d,
                               int (*visit)(void *context, const char *owner, const char *sealed, char **anew,
                                            dowel_error *err),
                               void *context, dowel_error *err);

/* ---- flows ---- */

/* A flow is a task whose body submits other tasks. Only its kind in the history differs. A registered flow, for dowel_call and dowel_submit, sets
 * `.flow = true`. */
typedef struct dowel_task dowel_flow;

/* Runs a flow, registered or not, in the calling thread. Like dowel_call it returns when every future that the body submitted has ended. */
DOWEL_API int dowel_flow_run(dowel *d, const dowel_flow *flow, const void *args, size_t size,
                             const dowel_call_options *options, json_t **result, dowel_error *err);

/* ---- history ---- */

typedef struct dowel_runs_query {
    size_t size;        /* sizeof(dowel_runs_query) */
    int64_t limit;      /* maximum number of runs; 0: 50 */
    const char *state;  /* pending, running, retrying, completed, failed, cancelled, crashed; NULL: any */
    const char *task;   /* NULL: any */
    const char *parent; /* children of this run, by any unique part of its id; NULL: any */
    const char *name;   /* dowel_call_options.run_name; NULL: any */
    int64_t since;      /* µs since the epoch: runs created at that time or later; 0: any */
    bool top;           /* only runs that no other run called */
    int64_t *total;     /* NULL, or receives how many runs match, whatever the limit */
} dowel_runs_query;

/* Lists runs, newest first, as an array of objects: id, kind (task, flow), name, task, parent, run_key, state, attempts, created, started, ended (RFC
 * 3339), duration (seconds), subject (one line: the table, object, bucket, job or function), amount (of a completed run: whole numbers by unit, such
 * as rows, bytes, objects), error (dowel_error_json), result_storage, result_key, elsewhere (true: a run that has not ended, on another machine, in
 * another container or before the last boot; its process cannot be seen from here). Members that do not apply are left out. */
DOWEL_API int dowel_runs_list(dowel *d, const dowel_runs_query *query, json_t **runs, dowel_error *err);
/* One run, with its masked arguments, policy, remote handles, children (run objects) and log lines. `id` may be any unique part of the id, of at least
 * 4 characters, or "last": the newest run that no other run called. The same holds for the other functions. */
DOWEL_API int dowel_runs_show(dowel *d, const char *id, json_t **run, dowel_error *err);
/* Resumes a task's run that crashed, failed or was cancelled: with the same id, the recorded arguments and policy, and its remote handles. Relative
 * paths among the arguments keep their meaning, whatever the working directory is now. Of two callers only one resumes the run. `options` as for
 * dowel_call, without its policy.
 * CONFLICT: the run completed, is still running, or worked on files of another machine (`take_over`: they are the same here). NOT_FOUND: a block is
 * gone. INVALID: its arguments were not recorded completely (inline secrets, more than 64 KiB, data from a pipe), or it is a flow. */
DOWEL_API int dowel_runs_resume(dowel *d, const char *id, const dowel_call_options *options, json_t **result,
                                dowel_error *err);
/* Deletes runs that ended before a time (µs since the epoch), and crashed runs that were created before it, with their log lines and remote handles.
 * They cannot be resumed any more. Runs that have not ended stay, with the runs that they called; persisted results stay in their storage. *count (may
 * be NULL): the number of runs. `dry_run`: only counts. */
DOWEL_API int dowel_runs_prune(dowel *d, int64_t before, bool dry_run, int64_t *count, dowel_error *err);
/* Reads a persisted result from its storage, or from the history if the storage refused it. */
DOWEL_API int dowel_runs_result(dowel *d, const char *id, json_t **result, dowel_error *err);

#ifdef __cplusplus
}
#endif
#endif
