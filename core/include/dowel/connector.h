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

/* How a task is attempted.
 *
 * By default a failure is retried if it may pass: its code is network, timeout, unavailable, protocol, io, database, remote or internal and the error
 * is not marked `permanent`, or the error is marked `retryable`. So a lost connection is retried; a syntax error, a missing file or a refused
 * permission is not. `retry_on` replaces this rule. Never retried: cancelled, dependency, no_memory. An attempt that succeeded after its deadline fails
 * with timeout and is retried only if `retry_on` names timeout, because its work is done.
 *
 * The struct is a task's own policy and a call's override of it. In an override, zero members keep the task's value; {.given = "retries"} sets a zero:
 * no retries, whatever the task's policy says. In a task's policy, zero means no retries, no timeout, and the default delays: exponential from 1 s with
 * a jitter of 0.5. {.given = "retry_delay"} means no delay. */
typedef struct dowel_policy {
    int64_t retries;    /* attempts after the first */
    double retry_delay; /* seconds before each retry; not given: 1, exponential */
    /* Durations, one per retry; the last repeats. NULL-terminated. Overrides retry_delay. */
    const char *const *retry_delays;
    int retry_backoff;           /* DOWEL_BACKOFF_FIXED, or DOWEL_BACKOFF_EXPONENTIAL: retry_delay doubles each time */
    double retry_jitter;         /* 0 to 1: lengthens each delay by a random fraction of up to this much */
    double timeout;              /* seconds for each attempt */
    bool persist_result;         /* store the result in result_storage */
    dowel_block *result_storage; /* a block whose type has storage */
    /* Names of error codes (dowel_code_name) to retry after, NULL-terminated. Empty: none. NULL: the default rule above. */
    const char *const *retry_on;
    double retry_delay_max; /* seconds: upper limit of a delay, jitter included. 0: 300, or the longest delay given */
    const char *given;      /* names of members that are zero on purpose, such as "retries" (dowel/fields.h) */
} dowel_policy;

DOWEL_API extern const dowel_table dowel_policy_table; /* the members as the command and flow files name them */

typedef struct dowel_task {
    size_t size;               /* sizeof(dowel_task) */
    const char *name;          /* "objects.copy": connector, dot, verb; a program's own tasks may omit the dot */
    const char *doc;           /* one sentence */
    const dowel_table *args;   /* NULL: no arguments */
    const dowel_table *result; /* shape of the result object, for documentation and schemas; NULL: free form */
    /* The body. Called from any thread, and from several at once. `d` is scoped to the run: calls through it become child runs, and dowel_sleep,
     * dowel_check and requests obey the run's deadline and cancellation. `args` is borrowed. *result is NULL on entry; the body may set it to a new
     * reference, else the result is JSON null. Returns 0, or a code after filling `err` (never NULL). */
    int (*run)(dowel *d, const void *args, json_t **result, dowel_error *err);
    dowel_policy policy; /* unless the call overrides it */
    const char *example; /* arguments for `dowel call NAME`, such as "--from a.csv --to local-file-system/data" */
    void *context;       /* the program's; dowel_task_context returns it */
    const char *
        table_rows; /* member of the result with an array of row objects, to be shown as a table; NULL: shown as JSON */
    bool flow;      /* the body submits other tasks: its runs have kind "flow" in the history */
    const char *table_columns; /* member of the result with the column names in order; NULL: taken from the rows */
    const char
        *table_summary; /* member of the result with one sentence on what was done; the command always shows it */
    const char *word;   /* field filled by the positional argument of the command, such as the SQL; NULL: none */
    /* Members of the result that say how much was done, for the list of runs: MEMBER=UNIT with blanks between, such as "copied=objects bytes=bytes".
     * A member is a whole number, or an array whose entries count. If several have the same unit, the first one that exists counts. Not used for a run
     * whose argument `dry_run` is true. NULL: none */
    const char *amount;
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
    /* Called once by dowel_open. May be NULL. */
    int (*open)(dowel *d, dowel_error *err);
    /* Called once by dowel_close if `open` succeeded. May be NULL. */
    void (*close)(dowel *d);
    const dowel_import_source *const *imports; /* NULL-terminated; may be NULL */
} dowel_connector;

#ifdef __cplusplus
}
#endif
#endif
