/* What the command's files share. */
#ifndef DOWEL_CLI_H
#define DOWEL_CLI_H

#include <dowel/dowel.h>
#include <dowel/stream.h>

#include <pthread.h>
#include <stdio.h>

/* The rest of a command line, from where the subcommand has read it. */
typedef struct cli {
    dowel *d;                                 /* opened by cli_open */
    const char *program;                      /* what it was called by, without folders */
    const dowel_connector *const *connectors; /* besides the built-in ones; may be NULL */
    int argc;
    char **argv;
    bool json;
    bool quiet;              /* -q: no progress; the log has errors only */
    int log_level;           /* of -v, -vv and -q: 1 more than a dowel_log_level; 0: none was given */
    bool words_only;         /* -- has been read */
    bool colour;             /* standard output is a terminal that wants it */
    const char *letters;     /* flags of one letter that the command itself has; NULL: none */
    const char *input_taken; /* the flag that has read standard input */
    const struct cli_verb *verb;
    struct cli_option
        *imports;         /* verbs.c: the flags --from-NAME of the registered import sources; NULL: not made yet */
    char help[96];        /* the command line that says how */
    int format;           /* of --output: an index into cli_formats */
    bool format_given;    /* --output was given */
    const char *out_path; /* of --out; NULL: standard output */
    FILE *out;            /* what --out names, between cli_output_begin and cli_output_end; NULL: standard output */
    dowel_sink *out_sink;
    char *out_text; /* what goes to something that is not a file */
    size_t out_size;
    dowel_error err;
} cli;

struct cli_flag;

/* verbs.c: what a command's words and flags are, described once. */
typedef struct cli_option {
    const char *name;  /* with dashes */
    const char *value; /* what help calls it, which also says what completes it; NULL: a switch */
    const char *doc;
    bool in_words; /* the usage has it among the words already */
} cli_option;
typedef struct cli_verb {
    const char *name;
    const char *words; /* after it; the first says what completes it */
    const char *doc, *example;
    cli_option options[12];
    bool silent;       /* also meant where no verb is given */
    bool plain;        /* has no --json */
    bool own_help;     /* of what its first word names */
    bool imports;      /* has a flag --from-NAME for each import source, before its other options */
    const char *alias; /* another name of it; NULL: none */
} cli_verb;
typedef struct cli_command {
    const char *name, *doc;
    int (*run)(cli *c);
    const cli_verb *verbs; /* ended by a name that is NULL; NULL: has none */
    const char *notes;
} cli_command;
extern const cli_command cli_commands[]; /* main.c */
extern const cli_verb cli_config_verbs[], cli_block_verbs[], cli_task_verbs[], cli_runs_verbs[], cli_key_verbs[],
    cli_call_verbs[];

/* The option after `option`; NULL asks for the first one. NULL after the last one. */
const cli_option *cli_next_option(cli *c, const cli_verb *verb, const cli_option *option);
/* Reads the verb, or prints help or an error: then NULL, and *status is the exit status. */
const cli_verb *cli_read_verb(cli *c, const cli_command *command, int *status);
/* Where a flag of the verb goes: a switch, a text, or a field of a table. */
typedef struct cli_target {
    const char *name;
    bool *on;
    const char **text;
    const dowel_table *table;
    json_t *object;
} cli_target;
/* Reads all flags (`targets` ends with a name that is NULL) and up to `most` words. Exit status. */
int cli_read(cli *c, const cli_target *targets, const char **words, size_t most);
bool cli_flag_is(const struct cli_flag *flag, const char *name);
/* The verb has no such flag: names the nearest of its own and of the table (may be NULL). */
int cli_unknown_option(cli *c, const struct cli_flag *flag, const dowel_table *table);
void cli_help_options(cli *c, const cli_verb *verb);
const cli_command *cli_find_command(const char *name);

/* Every subcommand: returns the exit status. */
int cli_block(cli *c);
int cli_task(cli *c);
int cli_call(cli *c);
/* query.c: `dowel query SQL` is `dowel call` of the task that runs SQL. */
int cli_query(cli *c);
/* The task whose name ends with ".query" and takes the SQL as a word; NULL: there is none. The handle is open. */
const dowel_task *cli_query_task(cli *c);
/* call.c: reads the rest of the command line and runs the task. `reads_input`: without a word and a flag for it, the task's word comes from
 * standard input that is not a terminal. Exit status. */
int cli_run_task(cli *c, const dowel_task *task, bool reads_input);
void cli_task_help(cli *c, const dowel_task *task, const char *usage);
/* `dowel s3 abort-stale` is `dowel call s3.abort_stale`. The handle is open. */
enum { CLI_TASK_NAME_SIZE = 128 };
/* The task's name in the connector; NULL: the task belongs to another one. */
const char *cli_name_within(const dowel_task *task, const char *connector);
bool cli_is_connector(cli *c, const char *word);
void cli_task_name(const char *connector, const char *word, char name[CLI_TASK_NAME_SIZE]);
int cli_call_of(cli *c, const char *connector);
int cli_runs(cli *c);
int cli_config(cli *c);
int cli_key(cli *c);
int cli_completion(cli *c);
int cli_complete(cli *c);

/* run_options.c: the flags of every command that runs a task. */
typedef struct cli_run {
    dowel_call_options options;
    json_t *policy;
    dowel_record *record; /* that the policy's texts are in */
    char id[DOWEL_RUN_ID_SIZE];
    int64_t kept_at; /* of a result that was taken from an earlier run; 0: the task ran */
} cli_run;
extern const cli_verb cli_run_verb; /* its options, for help and completion */
struct cli_progress;
void cli_run_begin(cli_run *run, struct cli_progress *progress);
/* Reads one flag. False: it is not one of these. *rc: a value was bad. */
bool cli_run_flag(cli *c, const struct cli_flag *flag, cli_run *run, int *rc);
/* After the last flag: fills the policy. */
int cli_run_ready(cli *c, cli_run *run);
/* The names of these flags, with _ between words, for suggestions. */
size_t cli_run_flag_names(const char *names[], size_t room);
void cli_run_end(cli_run *run);
/* After the call: says on standard error that the result is an earlier run's. */
void cli_run_say_kept(const cli *c, const cli_run *run);

/* page.c: the runs as HTML. */
int cli_runs_page(cli *c, const dowel_runs_query *query, const char *path);

/* runs.c: an amount of a run in words: "3 objects, 1.2 MiB". New reference. */
json_t *cli_amount_text(const json_t *amount);
/* The states that a run can be in; NULL-terminated. */
extern const char *const cli_run_states[];

/* objects.c: commands for objects and files. */
int cli_cp(cli *c);
int cli_mv(cli *c);
int cli_sync(cli *c);
int cli_cat(cli *c);
int cli_ls(cli *c);
int cli_du(cli *c);
int cli_stat(cli *c);
int cli_rm(cli *c);
int cli_presign(cli *c);
typedef struct cli_object_command {
    const char *name, *task;
    const char *field;                    /* that the first word fills */
    const char *more;                     /* the list that more words fill; NULL: one word only */
    bool to;                              /* the last word is the destination */
    const char *fixed;                    /* the destination of a command that has no word for it; NULL: none */
    const char *hides;                    /* fields of the task that the command does not take: "recursive dry_run" */
    const char *usage, *notes, *examples; /* usage: after "dowel NAME " */
    const char *own;                      /* switches besides the fields: "verbose human-readable" */
    const char *shorts;                   /* letters of single dashes: "rn" */
} cli_object_command;
extern const cli_object_command cli_object_commands[];

/* bundle.c: blocks that leave and come. */
int cli_block_export(cli *c);
int cli_block_restore(cli *c);

/* check.c: proves one block. */
int cli_block_check(cli *c, const char *reference);
/* import.c: saves what other tools keep. */
int cli_block_import(cli *c);

int cli_open(cli *c);
/* Prints c->err and returns its exit status. */
int cli_failed(cli *c);
/* A command line that makes no sense: the message, a pointer to `help`; returns 2. */
int cli_usage(cli *c, const char *help, const char *format, ...) DOWEL_PRINTF(3, 4);
/* The same for a word that is none of `candidates` (NULL-terminated), with the nearest of them. */
int cli_unknown_word(cli *c, const char *help, const char *what, const char *word, const char *const *candidates);
bool cli_wants_help(const cli *c);

/* flags.c: one flag or word at a time. */
typedef enum cli_kind { CLI_END, CLI_FLAG, CLI_WORD } cli_kind;
typedef struct cli_flag {
    char name[128];           /* without --; empty for a word */
    const char *inline_value; /* after = ; NULL: none */
    const char *word;
} cli_flag;
cli_kind cli_next(cli *c, cli_flag *flag);
/* Takes -v, -vv and -q off the front of the line. */
void cli_take_globals(cli *c);
/* The flag's value: what came after = or the next word. NULL when there is none, and then c->err says so. */
const char *cli_flag_value(cli *c, const cli_flag *flag);
/* A flag that stands alone, or with =true or =false. */
int cli_switch(cli *c, const cli_flag *flag, bool *on);
/* Sets a field from a flag; reads secrets from where the value says. */
int cli_set_field(cli *c, const dowel_table *table, const dowel_field *field, const cli_flag *flag, json_t *object);
/* UNKNOWN flag: message with the nearest of the table's and `others` (NULL-terminated, may be NULL). */
int cli_unknown_flag(cli *c, const char *help, const cli_flag *flag, const dowel_table *table,
                     const char *const *others);
/* Reads a JSON object from the file, or standard input for -, that the flag names and merges it. */
int cli_read_document(cli *c, const cli_flag *flag, json_t *object);
int cli_read_file(cli *c, const char *path, json_t *object);
/* Reads a file, or standard input for - once, `flag` being who reads it. The caller closes the sink, which overwrites what it holds. */
int cli_read_text(cli *c, const char *flag, const char *path, dowel_sink **text);

/* A line typed without echo, or NULL: nothing was typed, or there is no terminal. Newly allocated; cleanse it. */
char *cli_prompt(const char *name);
/* Asks twice and sets the member "passphrase". */
int cli_new_passphrase(cli *c, json_t *object);

/* help.c */
void cli_help_fields(const cli *c, const dowel_table *table);
/* The same without the fields that `hidden` names, separated by spaces. */
void cli_help_other_fields(const cli *c, const dowel_table *table, const char *hidden);
/* Whether `words`, separated by spaces, has this word. */
bool cli_has_word(const char *words, const char *word);
/* Flags with example values for what the table requires. */
void cli_help_example(const dowel_table *table);

/* naming.c: texts name command lines as `dowel COMMAND`; a program of another name shows its own. */
void cli_text(const cli *c, FILE *out, const char *format, ...) DOWEL_PRINTF(3, 4);
void cli_rename_error(cli *c);

/* json.c: numbers that read back as the same, control characters escaped. Ends with a newline. */
void cli_print_json(const json_t *value);
void cli_write_json(FILE *out, const json_t *value, bool one_line);
/* On one line: for events. */
void cli_print_json_line(const json_t *value);

/* output.c: where rows go and in which format. */
#define CLI_OUTPUT_OPTIONS                                                                                             \
    {"output", "FORMAT", "print the rows as table, csv, tsv, json or ndjson", false}, {                                \
        "out", "FILE", "write to a file, complete or not at all; its ending tells the format", false                   \
    }
extern const char *const cli_formats[]; /* NULL-terminated */
/* Reads --output or --out; *taken is false where the flag is neither. Error code. */
int cli_output_flag(cli *c, const struct cli_flag *flag, bool *taken);
/* Whether rows become a table for people. */
bool cli_wants_table(const cli *c);
/* Opens what --out names. Error code. */
int cli_output_begin(cli *c);
/* Gives the file its name, or removes it where not `keep`. Error code. */
int cli_output_end(cli *c, bool keep);
/* Prints the rows of a command as the flags say; `columns` (NULL-terminated) are those of tables and CSV, `none` is said where there are no rows.
 * Exit status. */
int cli_list(cli *c, const json_t *rows, const char *const *columns, const char *none);
/* A task's result, between cli_output_begin and cli_output_end. `task` NULL: not known. */
void cli_print_result(const cli *c, const json_t *result, const dowel_task *task);
/* The field of the task that a plain word fills, or NULL. */
const char *cli_task_word(const dowel_task *task);

/* print.c */
/* Where the command prints. */
FILE *cli_stream(const cli *c);
/* A file was written: {"what": path}. */
void cli_say_written(const cli *c, const char *what, const char *path);
/* Block references of a document as plain text. */
void cli_references(json_t *document);
/* saved_paths.c: after a save, tells on standard error which relative paths of the document became absolute, and which files are missing. */
void cli_note_paths(cli *c, const char *reference, const json_t *given);
/* Takes the URL of a bucket apart where its name belongs, with a note; another cloud's URL is INVALID. Error code. */
int cli_take_url(cli *c, const dowel_block_type *type, json_t *fields);
/* Adds the defaults of fields that were not given, each with a note: a saved block does not change with the defaults. Error code. */
int cli_fill_defaults(cli *c, const dowel_block_type *type, json_t *fields);
/* Objects as "key: value" lines, arrays of objects as a table. */
void cli_print_value(const cli *c, const json_t *value);

/* table.c */
/* Cells of a line of the terminal; 0: standard output is not a terminal. */
size_t cli_terminal_width(void);
/* Cells that a text takes. */
size_t cli_width(const char *text);
/* A value on one line, safe for a terminal. Newly allocated. */
char *cli_cell(const json_t *value);
/* The names of all members that the rows have, in the order of their first appearance. New reference. */
json_t *cli_columns(const json_t *rows);
/* A table of chosen columns (NULL-terminated names; NULL: all). */
void cli_print_table(const cli *c, const json_t *rows, const char *const *columns);

/* progress.c */
typedef struct cli_progress {
    pthread_mutex_t lock; /* workers report, and what they say ends the line */
    bool quiet;           /* for machines */
    long objects;         /* that are done; 0: not counted */
    long unchanged;
    int64_t done, total, first; /* bytes */
    bool shown, started;
    double begin, last;
} cli_progress;
void cli_progress_show(void *context, int64_t done, int64_t total);
/* One object more is done, or was the same already. */
void cli_progress_count(cli_progress *progress, bool unchanged);
void cli_progress_end(cli_progress *progress);
/* "1.5 MiB" */
void cli_size_text(double bytes, char text[32]);

/* signals.c: while a task runs, the first SIGINT, SIGTERM or SIGHUP cancels it, the second ends the process. */
void cli_signals_begin(void);
void cli_signals_end(void);
bool cli_interrupted(void *context);

#endif
