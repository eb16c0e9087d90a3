/* What the command's files share. */
#ifndef DOWEL_CLI_H
#define DOWEL_CLI_H

#include <dowel/dowel.h>

#include <stdio.h>

/* The rest of a command line, from where the subcommand has read it. */
typedef struct cli {
    dowel *d;                                 /* opened by cli_open */
    const dowel_connector *const *connectors; /* besides the built-in ones; may be NULL */
    int argc;
    char **argv;
    bool json;
    bool colour; /* standard output is a terminal that wants it */
    dowel_error err;
} cli;

/* Every subcommand: returns the exit status. */
int cli_block(cli *c);
int cli_task(cli *c);
int cli_call(cli *c);
int cli_runs(cli *c);
int cli_config(cli *c);
int cli_completion(cli *c);

int cli_open(cli *c);
/* Prints c->err and returns its exit status. */
int cli_failed(cli *c);
/* Prints "dowel: ...", a pointer to help, and returns 2. */
int cli_usage(const char *help, const char *format, ...) DOWEL_PRINTF(2, 3);
bool cli_wants_help(const cli *c);

/* flags.c: one flag at a time. Returns 1 with name and value (NULL for a bare flag that takes none or is last), 0 at the end or at a word. */
typedef struct cli_flag {
    char name[128];           /* without -- */
    const char *inline_value; /* after = ; NULL: none */
} cli_flag;
int cli_next_flag(cli *c, cli_flag *flag);
/* The flag's value: what came after = or the next word. NULL when there is none. */
const char *cli_flag_value(cli *c, const cli_flag *flag);
/* Sets a field from a flag; reads secrets from where the value says. */
int cli_set_field(cli *c, const dowel_table *table, const dowel_field *field, const cli_flag *flag, json_t *object);
/* UNKNOWN flag: message with the nearest of the table's and `others` (NULL-terminated, may be NULL). */
int cli_unknown_flag(const char *help, const cli_flag *flag, const dowel_table *table, const char *const *others);
/* Reads a JSON object from a file or - and merges it. */
int cli_read_document(cli *c, const char *path, json_t *object);

/* help.c */
void cli_help_fields(const cli *c, const dowel_table *table);

/* print.c */
void cli_print_json(const json_t *value);
/* Objects as "key: value" lines, arrays of objects as a table; `rows` names the member that is one. */
void cli_print_value(const cli *c, const json_t *value, const char *rows);
/* A table of chosen columns (NULL-terminated names; NULL: all). */
void cli_print_table(const cli *c, const json_t *rows, const char *const *columns);

/* progress.c */
typedef struct cli_progress {
    bool shown, started;
    double begin, last;
    int64_t first;
} cli_progress;
void cli_progress_show(void *context, int64_t done, int64_t total);
void cli_progress_end(cli_progress *progress);

/* main.c: set by SIGINT and SIGTERM. */
bool cli_interrupted(void *context);

#endif
