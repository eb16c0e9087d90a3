/* dowel/connector.h: what a connector gives to dowel: block types, tasks and import sources in one static descriptor. */
#ifndef DOWEL_CONNECTOR_H
#define DOWEL_CONNECTOR_H

#include <dowel/block.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DOWEL_ABI 2

struct dowel_import_request; /* dowel/import.h */
struct dowel_importing;

enum { DOWEL_BACKOFF_FIXED, DOWEL_BACKOFF_EXPONENTIAL };

/* How often and how a task is tried.
 *
 * Another attempt is made after a failure that may be different next time: network, timeout, unavailable, protocol, io,
 * database, remote, internal, unless the error says that it is `permanent`; and after any that says that it is `retryable`. So
 * a body that fails with one of those codes is tried again, and a syntax error, a missing file, a refused permission is not.
 * `retry_on` says otherwise. Never repeated: cancelled, dependency, no_memory; and without timeout in `retry_on` an attempt
 * that ended well after its deadline, because what it did is done: such a run fails with TIMEOUT.
 *
 Zero members mean "as the task's own policy says", and there: no retries, no delay, no
 * timeout. The same struct is a task's own policy and a call's override of it: {.given = "retries"} in a call is "no
 * retries, whatever the task's own policy says". */
typedef struct dowel_policy {
    int64_t retries;    /* attempts after the first */
    double retry_delay; /* seconds before each retry */
    const char *const
        *retry_delays;   /* durations, one per retry, the last repeats; wins over retry_delay. NULL-terminated */
    int retry_backoff;   /* DOWEL_BACKOFF_FIXED, DOWEL_BACKOFF_EXPONENTIAL: retry_delay doubles each time */
    double retry_jitter; /* 0..1: each delay is stretched by a random share up to this much */
    double timeout;      /* seconds for each attempt */
    bool persist_result; /* keep the result in result_storage */
    dowel_block *result_storage; /* a block whose type has storage */
    /* Names of error codes (dowel_code_name) after which another attempt is made, NULL-terminated; empty: after none. NULL:
     * after what may be different next time (below). */
    const char *const *retry_on;
    double retry_delay_max; /* seconds; no delay is longer, jitter included. 0: 300, or the longest delay given */
    const char *given;      /* members that are zero on purpose, such as "retries" (dowel/fields.h) */
} dowel_policy;

DOWEL_API extern const dowel_table dowel_policy_table; /* the command's and flow files' names for the members */

typedef struct dowel_task {
    size_t size;               /* sizeof(dowel_task) */
    const char *name;          /* "objects.copy": connector, dot, verb; a program's own tasks may leave out the dot */
    const char *doc;           /* one sentence */
    const dowel_table *args;   /* NULL: takes none */
    const dowel_table *result; /* what the result object looks like, for docs and schemas; NULL: free form */
    /* The body. Runs on any thread, on several at once. `d` is scoped to this run: its calls become children of the run, and
     * dowel_sleep, dowel_check and HTTP obey the run's deadline. *result is a new reference (NULL on entry; leaving it so
     * means JSON null). */
    int (*run)(dowel *d, const void *args, json_t **result, dowel_error *err);
    dowel_policy policy;
    const char *example; /* arguments for `dowel call NAME`, such as "--from a.csv --to local-file-system/data" */
    void *context;       /* the program's own; dowel_task_context returns it */
    /* A task whose result should go to the screen in another way than as JSON: the column and row arrays of a table. */
    const char *table_rows; /* member of the result that holds an array of row objects; NULL: none */
    bool flow; /* the body submits other tasks: the history calls its runs flows, however they are started */
    const char *table_columns; /* member of the result: the names of the rows' members, in order; NULL: from the rows */
    const char *table_summary; /* member of the result: one sentence on what was done; the command always shows it */
    const char *word;          /* field that a plain word of the command line fills, such as the SQL; NULL: none */
} dowel_task;

/* How an import source takes what to import, and so what the command's flag --from-NAME accepts. */
enum {
    DOWEL_IMPORT_NAMED,  /* a name that the other tool knows: a profile, a configuration, a remote */
    DOWEL_IMPORT_FILE,   /* the text of a file: a path, or - for standard input */
    DOWEL_IMPORT_SECRET, /* a text that holds a secret: @FILE, - or env:VARIABLE, never the text itself */
};

/* Another tool whose settings become blocks; dowel/import.h calls it. Static and constant. */
typedef struct dowel_import_source {
    size_t size;       /* sizeof(dowel_import_source) */
    const char *name;  /* "gcloud": the command's flag is --from-gcloud. [a-z0-9-], 1-32 */
    const char *value; /* what help calls the flag's value: "CONFIGURATION" */
    const char *doc;   /* for help: "a configuration of gcloud, or `active`" */
    int input;         /* DOWEL_IMPORT_NAMED, DOWEL_IMPORT_FILE, DOWEL_IMPORT_SECRET */
    bool config; /* DOWEL_IMPORT_NAMED: the text of the tool's configuration file may be given too (--config FILE) */
    const char *variable; /* DOWEL_IMPORT_SECRET: the prefix of the tool's variables, such as "AIRFLOW_CONN_"; the rest
                           * of the variable's name is then what was asked for. NULL: none */
    /* Reads what `request` asks for and adds it to `found` (dowel_import_add). Changes nothing. */
    int (*read)(dowel *d, const struct dowel_import_request *request, struct dowel_importing *found, dowel_error *err);
} dowel_import_source;

typedef struct dowel_connector {
    uint32_t abi;     /* DOWEL_ABI */
    size_t size;      /* sizeof(dowel_connector) */
    const char *name; /* "objects" */
    const char *version;
    const char *doc;                            /* one sentence */
    const dowel_block_type *const *block_types; /* NULL-terminated; may be NULL */
    const dowel_task *const *tasks;             /* NULL-terminated; may be NULL */
    /* Called once by dowel_open, and once by dowel_close for a handle whose open succeeded. May be NULL. */
    int (*open)(dowel *d, dowel_error *err);
    void (*close)(dowel *d);
    const dowel_import_source *const *imports; /* NULL-terminated; may be NULL */
} dowel_connector;

#ifdef __cplusplus
}
#endif
#endif
