/* dowel call: runs a task; its arguments come from flags. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const cli_verb cli_call_verbs[] = {
    {.name = "call",
     .words = "TASK [--field value ...]",
     .doc = "runs a task and prints its result",
     .example = "call bigquery.query --query 'SELECT 1 AS x' --credentials prod",
     .options = {{"from", "FILE|-", "read arguments from a JSON object; flags override them", false},
                 CLI_OUTPUT_OPTIONS}},
    {.name = NULL}};

void cli_task_help(cli *c, const dowel_task *task, const char *usage) {
    const char *word = task ? cli_task_word(task) : NULL;
    if (usage)
        cli_text(c, stdout, "%s", usage);
    else
        cli_text(c, stdout,
                 "Usage: dowel call %s%s%s%s [--field value ...] [--from FILE|-] [--output FORMAT] [--out FILE] "
                 "[--json]\n\n%s\n\n",
                 task ? task->name : "TASK", word ? " [" : "", word ? word : "", word ? "]" : "",
                 task ? task->doc : "Runs a task and prints its result.");
    if (task && task->args) {
        puts("Fields:");
        cli_help_fields(c, task->args);
        putchar('\n');
    }
    puts("Policy (--policy-NAME if the task has a field of that name):");
    cli_help_fields(c, &dowel_policy_table);
    puts("\nOther:");
    cli_help_options(c, &cli_run_verb);
    cli_help_options(c, cli_call_verbs);
    if (usage) return;
    cli_text(c, stdout, "\nExample:\n  dowel call %s %s\n", task ? task->name : "bigquery.query",
             task && task->example ? task->example
             : task                ? ""
                                   : "--query 'SELECT 1 AS x' --credentials prod");
}

/* Bytes that a flag reads from a file. They go to the task directly, without JSON and base64. */
typedef struct held {
    const dowel_field *field; /* NULL: a later flag replaced it */
    dowel_sink *bytes;
    struct held *next;
} held;

static bool names_a_file(const char *value) {
    return (*value == '@' && value[1]) || !strcmp(value, "-");
}

/* The arguments have an empty value instead of the bytes. */
static int hold(cli *c, const dowel_table *table, const dowel_field *field, const char *value, json_t *args,
                held **all) {
    held *one = calloc(1, sizeof *one);
    if (!one) return dowel_no_memory(&c->err);
    one->field = field;
    int rc = cli_read_text(c, field->name, *value == '@' ? value + 1 : value, &one->bytes);
    if (rc) dowel_error_prefix(&c->err, "%s: field \"%s\": ", table->name, field->name);
    if (!rc && json_object_set_new(args, field->name, json_string(""))) rc = dowel_no_memory(&c->err);
    one->next = *all;
    *all = one;
    return rc;
}

static void free_held(held *all) {
    for (held *next; all; all = next) {
        next = all->next;
        dowel_sink_close(all->bytes);
        free(all);
    }
}

static int set_field(cli *c, const dowel_table *table, const dowel_field *field, cli_flag *flag, json_t *args,
                     held **all) {
    if (field->kind != DOWEL_BYTES || field->flags & DOWEL_SECRET) return cli_set_field(c, table, field, flag, args);
    const char *value = cli_flag_value(c, flag);
    if (!value) return c->err.code;
    for (held *earlier = *all; earlier; earlier = earlier->next)
        if (earlier->field == field) earlier->field = NULL;
    if (names_a_file(value)) return hold(c, table, field, value, args, all);
    return dowel_field_parse(table, field, value, args, &c->err);
}

static int call(cli *c, const dowel_task *task, const json_t *args, const held *all, const dowel_call_options *options,
                json_t **result) {
    dowel_record *record;
    if (!all) return dowel_call_json(c->d, task->name, args, options, result, &c->err);
    int rc = dowel_record_decode(task->args, args, dowel_get_call_resolver(c->d), &record, &c->err);
    if (rc) return rc;
    char *filled = malloc(task->args->size);
    if (filled) memcpy(filled, dowel_record_data(record), task->args->size);
    for (const held *one = all; filled && one; one = one->next) {
        const dowel_bytes bytes = dowel_sink_bytes(one->bytes);
        if (one->field) memcpy(filled + one->field->offset, &bytes, sizeof bytes);
    }
    rc = filled ? dowel_call(c->d, task->name, filled, task->args->size, options, result, &c->err)
                : dowel_no_memory(&c->err);
    free(filled);
    dowel_record_free(record);
    return rc;
}

/* Suggests the nearest of the flags of the task and of `call`. */
static int unknown_flag(cli *c, const cli_flag *flag, const dowel_task *task) {
    const char *names[32] = {"json", "from", "output", "out", "help"};
    (void)cli_run_flag_names(names + 5, 26);
    return cli_unknown_flag(c, c->help, flag, task->args, names);
}

/* A word that belongs to no flag. */
static int stray_word(cli *c, const char *word, const dowel_task *task, const json_t *args) {
    const dowel_field *field = task->args ? task->args->fields : NULL;
    const char *text = cli_task_word(task);
    if (text && json_object_get(args, text))
        return cli_usage(c, c->help, "unexpected argument \"%.60s\": put a %s of several words in quotes: '...'", word,
                         text);
    while (field && field->name && !(field->flags & DOWEL_REQUIRED)) field++;
    if (!field || !field->name) return cli_usage(c, c->help, "\"%.60s\" is not a flag", word);
    return cli_usage(c, c->help, "\"%.60s\" is not a flag; a value follows its flag, such as --%s VALUE", word,
                     field->name);
}

/* The command line of a task, as it is read. */
typedef struct request {
    const dowel_task *task;
    json_t *args;
    held *bytes;
    cli_run run;
} request;

/* One word that names a file, such as report.sql where @report.sql was meant. */
static bool is_file_name(const char *word) {
    size_t size = strlen(word);
    if (*word == '@' || !strcmp(word, "-") || word[strcspn(word, " \t\n")]) return false;
    return (size > 4 && !strcmp(word + size - 4, ".sql")) || !access(word, F_OK);
}

/* A plain word: the one that the task takes, such as its SQL. */
static int read_word(cli *c, const cli_flag *flag, request *r) {
    const char *name = cli_task_word(r->task);
    bool is_flag = flag->word[0] == '-' && flag->word[1] && flag->word[1] != '-' && !c->words_only;
    if (!name || json_object_get(r->args, name)) return stray_word(c, flag->word, r->task, r->args);
    if (is_flag) return cli_usage(c, c->help, "unknown flag %.60s", flag->word);
    if (is_file_name(flag->word)) {
        dowel_fail(&c->err, DOWEL_E_INVALID, "\"%.100s\" is the name of a file, not the %s itself", flag->word, name);
        dowel_error_hint(&c->err, "write @%.100s for the content of the file", flag->word);
        return cli_failed(c);
    }
    cli_flag named = {.inline_value = flag->word, .word = flag->word};
    snprintf(named.name, sizeof named.name, "%s", name);
    const dowel_table *table = r->task->args;
    return set_field(c, table, dowel_field_find(table, name), &named, r->args, &r->bytes) ? cli_failed(c) : 0;
}

/* Reads a flag that every task has. *known: whether it is one. Error code. */
static int read_own_flag(cli *c, const cli_flag *flag, request *r, json_t *document, bool *known) {
    int rc = cli_output_flag(c, flag, known);
    if (*known) return rc;
    *known = true;
    if (cli_flag_is(flag, "json")) return cli_switch(c, flag, &c->json);
    if (cli_flag_is(flag, "from")) return cli_read_document(c, flag, document);
    *known = cli_run_flag(c, flag, &r->run, &rc);
    return rc;
}

static int read_flags(cli *c, request *r, json_t *document) {
    const dowel_table *table = r->task->args;
    cli_flag flag;
    cli_kind kind;
    int status = 0;
    while (!status && (kind = cli_next(c, &flag))) {
        const dowel_field *field = table && kind == CLI_FLAG ? dowel_field_find(table, flag.name) : NULL;
        bool known = true;
        int rc = 0;
        if (kind == CLI_WORD)
            status = read_word(c, &flag, r);
        else if (field)
            rc = set_field(c, table, field, &flag, r->args, &r->bytes);
        else
            rc = read_own_flag(c, &flag, r, document, &known);
        if (!known) status = unknown_flag(c, &flag, r->task);
        if (rc) status = cli_failed(c);
    }
    return status;
}

/* Adds the members of the document that no flag gave, then reads the task's word from standard input if it is still missing. */
static int fill_in(cli *c, request *r, const json_t *document, bool reads_input) {
    const char *word = cli_task_word(r->task);
    json_object_update_missing(r->args, (json_t *)document);
    if (!reads_input || !word || json_object_get(r->args, word)) return 0;
    if (isatty(STDIN_FILENO) || c->input_taken)
        return cli_usage(c, c->help, "missing %s: give it in quotes, as @FILE, or on standard input", word);
    cli_flag input = {.inline_value = "-", .word = "-"};
    snprintf(input.name, sizeof input.name, "%s", word);
    return cli_set_field(c, r->task->args, dowel_field_find(r->task->args, word), &input, r->args) ? cli_failed(c) : 0;
}

static int read_line(cli *c, request *r, bool reads_input) {
    json_t *document = json_object();
    int status = read_flags(c, r, document);
    if (!status) status = fill_in(c, r, document, reads_input);
    dowel_json_cleanse(document);
    return status;
}

/* Whether the bytes went to standard output: then nothing else does. */
static bool is_on_stdout(const json_t *args, const json_t *result) {
    const char *file = json_string_value(json_object_get(args, "file")),
               *destination = json_string_value(json_object_get(args, "destination"));
    return (file && !strcmp(file, "-") && json_object_get(result, "file")) ||
           (destination && !strcmp(destination, "-"));
}

/* Runs the task and prints its result. */
static int run(cli *c, request *r, json_t **result) {
    cli_progress progress = {.lock = PTHREAD_MUTEX_INITIALIZER, .quiet = c->quiet};
    if (cli_output_begin(c)) return cli_failed(c);
    r->run.options.progress_context = &progress;
    r->run.options.unkept = result;
    cli_signals_begin();
    int rc = call(c, r->task, r->args, r->bytes, &r->run.options, result);
    cli_signals_end();
    cli_progress_end(&progress);
    r->run.options.progress_context = NULL;
    r->run.options.unkept = NULL;
    bool shown = *result && !is_on_stdout(r->args, *result) && (c->json || !json_is_null(*result));
    if (shown) cli_print_result(c, *result, r->task);
    cli_run_say_kept(c, &r->run);
    dowel_error why = c->err;
    int written = cli_output_end(c, shown);
    if (rc) c->err = why; /* the result is printed even if it could not be kept */
    return rc || written ? cli_failed(c) : 0;
}

int cli_run_task(cli *c, const dowel_task *task, bool reads_input) {
    request r = {.task = task, .args = json_object()};
    json_t *result = NULL;
    cli_run_begin(&r.run, NULL);
    int status = read_line(c, &r, reads_input);
    if (!status && cli_run_ready(c, &r.run)) status = cli_failed(c);
    if (!status) status = run(c, &r, &result);
    cli_run_end(&r.run);
    free_held(r.bytes);
    json_decref(result);
    dowel_json_cleanse(r.args);
    return status;
}

/* Finds the task that the next words name, "bigquery.query" or "bigquery query", and takes them off the line. Error code in c->err. */
static int take_task(cli *c, const dowel_task **task) {
    char name[CLI_TASK_NAME_SIZE];
    bool two = c->argc > 1 && c->argv[1][0] != '-';
    int words = 1, rc = dowel_find_task(c->d, c->argv[0], task, &c->err);
    if (rc && two && (cli_is_connector(c, c->argv[0]))) {
        snprintf(name, sizeof name, "%.60s %.60s", c->argv[0], c->argv[1]);
        rc = dowel_find_task(c->d, name, task, &c->err);
        words = 2;
    }
    if (rc) return rc;
    c->argc -= words;
    c->argv += words;
    return 0;
}

int cli_call(cli *c) {
    bool wants_help = cli_wants_help(c);
    if (wants_help && (!c->argc || c->argv[0][0] == '-')) {
        cli_task_help(c, NULL, NULL);
        return 0;
    }
    if (!c->argc || c->argv[0][0] == '-')
        return cli_usage(c, "dowel call --help", "missing TASK: dowel call TASK (`dowel task list` lists them)");
    const dowel_task *task;
    if (cli_open(c) || take_task(c, &task)) return cli_failed(c);
    if (wants_help) {
        cli_task_help(c, task, NULL);
        return 0;
    }
    snprintf(c->help, sizeof c->help, "dowel call %s --help", task->name);
    return cli_run_task(c, task, false);
}

/* ---- a connector's name instead of a command ---- */

const char *cli_name_within(const dowel_task *task, const char *connector) {
    const char *name = task->name;
    while (*connector && (*connector == *name || (*connector == '-' && *name == '_'))) connector++, name++;
    return !*connector && *name == '.' ? name + 1 : NULL;
}

bool cli_is_connector(cli *c, const char *word) {
    const dowel_task *task;
    for (size_t i = 0; (task = dowel_task_at(c->d, i)); i++)
        if (cli_name_within(task, word)) return true;
    return false;
}

void cli_task_name(const char *connector, const char *word, char name[CLI_TASK_NAME_SIZE]) {
    snprintf(name, CLI_TASK_NAME_SIZE, "%.60s.%.60s", connector, word);
    for (char *dash = name; (dash = strchr(dash, '-'));) *dash = '_';
}

int cli_call_of(cli *c, const char *connector) {
    char name[CLI_TASK_NAME_SIZE], help[96];
    bool wants_help = cli_wants_help(c), named = c->argc && c->argv[0][0] != '-';
    const dowel_task *task;
    const char *within;
    snprintf(help, sizeof help, "dowel %.60s --help", connector);
    if (!named && !wants_help) return cli_usage(c, help, "missing TASK: dowel %.60s TASK", connector);
    if (named) {
        cli_task_name(connector, c->argv[0], name);
        if (dowel_find_task(c->d, name, &task, NULL) && cli_find_command(c->argv[0])) {
            dowel_fail(&c->err, DOWEL_E_NOT_FOUND, "no task \"%s\"", name);
            dowel_error_hint(&c->err, "`dowel %s` is the command for every kind of place: `dowel %s --help`",
                             c->argv[0], c->argv[0]);
            return cli_failed(c);
        }
        c->argv[0] = name;
        return cli_call(c);
    }
    cli_text(c, stdout,
             "Usage: dowel %.60s TASK [--field value ...] [--json]\n\nThe same as `dowel call %.60s.TASK`.\n\nTasks:\n",
             connector, connector);
    for (size_t i = 0; (task = dowel_task_at(c->d, i)); i++)
        if ((within = cli_name_within(task, connector))) printf("  %-20s %s\n", within, task->doc ? task->doc : "");
    return 0;
}
