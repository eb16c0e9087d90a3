/* dowel call: runs a task with arguments from flags. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const cli_verb cli_call_verbs[] = {
    {.name = "call",
     .words = "TASK [--field value ...]",
     .doc = "runs a task and prints its result",
     .example = "call bigquery.query --query 'SELECT 1 AS x' --credentials prod",
     .options = {{"from", "FILE|-", "arguments from a JSON object; flags win", false},
                 {"run-name", "NAME", "what the history calls the run", false},
                 {"run-key", "KEY", "go on with the run of this key where it did not complete", false},
                 {"take-over", NULL, "go on also where its process was on another machine", false}}},
    {.name = NULL}};

static void help(cli *c, const dowel_task *task) {
    cli_text(c, stdout, "Usage: dowel call %s [--field value ...] [--from FILE|-] [--json]\n\n%s\n\n",
             task ? task->name : "TASK", task ? task->doc : "Runs a task and prints its result.");
    if (task && task->args) {
        puts("Fields:");
        cli_help_fields(c, task->args);
        putchar('\n');
    }
    puts("Policy (--policy-NAME where the task has a field of that name):");
    cli_help_fields(c, &dowel_policy_table);
    puts("\nOther:");
    cli_help_options(cli_call_verbs);
    cli_text(c, stdout, "\nExample:\n  dowel call %s %s\n", task ? task->name : "bigquery.query",
             task && task->example ? task->example
             : task                ? ""
                                   : "--query 'SELECT 1 AS x' --credentials prod");
}

/* Bytes that a flag reads from a file: they go to the task as they are, not by way of JSON and base64. */
typedef struct held {
    const dowel_field *field; /* NULL: a later flag of the field won */
    dowel_sink *bytes;
    struct held *next;
} held;

static bool names_a_file(const char *value) {
    return (*value == '@' && value[1]) || !strcmp(value, "-");
}

/* In the arguments an empty value stands for the bytes. */
static int hold(cli *c, const dowel_table *table, const dowel_field *field, const char *value, json_t *args,
                held **all) {
    held *one = calloc(1, sizeof *one);
    if (!one) return dowel_fail(&c->err, DOWEL_E_NO_MEMORY, "out of memory");
    one->field = field;
    int rc = cli_read_text(c, field->name, *value == '@' ? value + 1 : value, &one->bytes);
    if (rc) dowel_error_prefix(&c->err, "%s: field \"%s\": ", table->name, field->name);
    if (!rc && json_object_set_new(args, field->name, json_string("")))
        rc = dowel_fail(&c->err, DOWEL_E_NO_MEMORY, "out of memory");
    one->next = *all;
    *all = one;
    return rc;
}

static void let_go(held *all) {
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
    int rc = dowel_record_decode(task->args, args, dowel_get_resolver(c->d), &record, &c->err);
    if (rc) return rc;
    char *filled = malloc(task->args->size);
    if (filled) memcpy(filled, dowel_record_data(record), task->args->size);
    for (const held *one = all; filled && one; one = one->next) {
        const dowel_bytes bytes = dowel_sink_bytes(one->bytes);
        if (one->field) memcpy(filled + one->field->offset, &bytes, sizeof bytes);
    }
    rc = filled ? dowel_call(c->d, task->name, filled, task->args->size, options, result, &c->err)
                : dowel_fail(&c->err, DOWEL_E_NO_MEMORY, "out of memory");
    free(filled);
    dowel_record_free(record);
    return rc;
}

/* The policy field that a flag means, or NULL. */
static const dowel_field *policy_field(const char *name) {
    const dowel_field *field = dowel_field_find(&dowel_policy_table, name);
    return field || strncmp(name, "policy-", 7) ? field : dowel_field_find(&dowel_policy_table, name + 7);
}

/* Every flag that `call` has beside the task's own: for suggestions. */
static int unknown_flag(cli *c, const cli_flag *flag, const dowel_task *task) {
    const char *names[32] = {"json", "from", "run_name", "run_key", "take_over", "help"};
    size_t n = 6;
    for (const dowel_field *f = dowel_policy_table.fields; f->name && n < 31; f++)
        if (!dowel_field_c_only(f)) names[n++] = f->name;
    return cli_unknown_flag(c, c->help, flag, task->args, names);
}

/* A value without its flag: which flag the task needs first. */
static int stray_word(cli *c, const char *word, const dowel_task *task) {
    const dowel_field *field = task->args ? task->args->fields : NULL;
    while (field && field->name && !(field->flags & DOWEL_REQUIRED)) field++;
    if (!field || !field->name) return cli_usage(c, c->help, "\"%.60s\" is not a flag", word);
    return cli_usage(c, c->help, "\"%.60s\" is not a flag; values have theirs in front, such as --%s", word,
                     field->name);
}

static int read_flags(cli *c, const dowel_task *task, json_t *args, json_t *policy, held **all,
                      dowel_call_options *options) {
    snprintf(c->help, sizeof c->help, "dowel call %s --help", task->name);
    json_t *document = json_object();
    cli_flag flag;
    cli_kind kind;
    int status = 0;
    while (!status && (kind = cli_next(c, &flag))) {
        const dowel_field *field = task->args && kind == CLI_FLAG ? dowel_field_find(task->args, flag.name) : NULL;
        const dowel_field *policy_is = field ? NULL : policy_field(flag.name);
        int rc = 0;
        if (kind == CLI_WORD) {
            status = stray_word(c, flag.word, task);
        } else if (field) {
            rc = set_field(c, task->args, field, &flag, args, all);
        } else if (policy_is) {
            rc = cli_set_field(c, &dowel_policy_table, policy_is, &flag, policy);
        } else if (cli_flag_is(&flag, "json")) {
            rc = cli_switch(c, &flag, &c->json);
        } else if (cli_flag_is(&flag, "from")) {
            rc = cli_read_document(c, &flag, document);
        } else if (cli_flag_is(&flag, "run-name")) {
            options->run_name = cli_flag_value(c, &flag);
            rc = options->run_name ? 0 : c->err.code;
        } else if (cli_flag_is(&flag, "run-key")) {
            options->run_key = cli_flag_value(c, &flag);
            rc = options->run_key ? 0 : c->err.code;
        } else if (cli_flag_is(&flag, "take-over")) {
            rc = cli_switch(c, &flag, &options->take_over);
        } else {
            status = unknown_flag(c, &flag, task);
        }
        if (rc) status = cli_failed(c);
    }
    json_object_update_missing(args, document); /* flags win, wherever they stand */
    dowel_json_cleanse(document);
    return status;
}

int cli_call(cli *c) {
    bool wants_help = cli_wants_help(c);
    if (wants_help && (!c->argc || c->argv[0][0] == '-')) {
        help(c, NULL);
        return 0;
    }
    if (!c->argc || c->argv[0][0] == '-')
        return cli_usage(c, "dowel call --help", "which task? dowel call TASK ...; `dowel task list` shows them");
    if (cli_open(c)) return cli_failed(c);
    const dowel_task *task;
    if (dowel_find_task(c->d, c->argv[0], &task, &c->err)) return cli_failed(c);
    c->argc--;
    c->argv++;
    if (wants_help) {
        help(c, task);
        return 0;
    }
    json_t *args = json_object(), *policy = json_object(), *result = NULL;
    cli_progress progress = {.lock = PTHREAD_MUTEX_INITIALIZER};
    dowel_call_options options = {.size = sizeof options,
                                  .progress = cli_progress_show,
                                  .progress_context = &progress,
                                  .cancelled = cli_interrupted,
                                  .unkept = &result};
    dowel_record *record = NULL;
    held *all = NULL;
    int status = read_flags(c, task, args, policy, &all, &options);
    if (!status && json_object_size(policy)) {
        if (dowel_record_decode(&dowel_policy_table, policy, dowel_get_resolver(c->d), &record, &c->err))
            status = cli_failed(c);
        else
            memcpy(&options.policy, dowel_record_data(record), sizeof options.policy);
    }
    if (!status) {
        cli_signals_begin();
        int rc = call(c, task, args, all, &options, &result);
        cli_signals_end();
        cli_progress_end(&progress);
        const char *file = json_string_value(json_object_get(args, "file"));
        const char *destination = json_string_value(json_object_get(args, "destination"));
        bool to_stdout = result && ((file && !strcmp(file, "-") && json_object_get(result, "file")) ||
                                    (destination && !strcmp(destination, "-")));
        if (!result || to_stdout) { /* it failed, or the bytes were the result */
        } else if (c->json)
            cli_print_json(result);
        else if (!json_is_null(result))
            cli_print_result(c, result, task);
        if (rc) status = cli_failed(c); /* also of a result that could not be kept */
    }
    dowel_record_free(record);
    let_go(all);
    json_decref(result);
    json_decref(policy);
    dowel_json_cleanse(args);
    return status;
}

/* ---- a connector's name in place of a command ---- */

const char *cli_name_within(const dowel_task *task, const char *connector) {
    size_t size = strlen(connector);
    return !strncmp(task->name, connector, size) && task->name[size] == '.' ? task->name + size + 1 : NULL;
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
    if (!named && !wants_help) return cli_usage(c, help, "which task of %.60s?", connector);
    if (named) {
        cli_task_name(connector, c->argv[0], name);
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
