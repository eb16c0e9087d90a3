/* dowel task: what can be run, and what it takes. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

const cli_verb cli_task_verbs[] = {{.name = "list",
                                    .alias = "ls",
                                    .words = "",
                                    .doc = "lists the tasks",
                                    .example = "task list",
                                    .options = {CLI_OUTPUT_OPTIONS}},
                                   {.name = "show",
                                    .words = "TASK",
                                    .doc = "shows the fields of a task; with --json, as JSON Schema",
                                    .example = "task show gcs.upload"},
                                   {.name = NULL}};

static int list(cli *c) {
    json_t *rows = json_array();
    const dowel_task *task;
    for (size_t i = 0; (task = dowel_task_at(c->d, i)); i++)
        json_array_append_new(rows, json_pack("{s:s,s:s}", "task", task->name, "what", task->doc ? task->doc : ""));
    int status = cli_list(c, rows, (const char *const[]){"task", "what", NULL}, "no tasks");
    json_decref(rows);
    return status;
}

int cli_task(cli *c) {
    int status;
    if (!cli_read_verb(c, cli_find_command("task"), &status)) return status;
    bool lists = !strcmp(c->verb->name, "list");
    const char *words[2] = {NULL, NULL};
    if ((status = cli_read(c, (const cli_target[]){{.name = NULL}}, words, lists ? 0 : 2))) return status;
    if (!lists && !words[0])
        return cli_usage(c, c->help, "missing TASK: dowel task show TASK (`dowel task list` lists them)");
    if (cli_open(c)) return cli_failed(c);
    if (lists) return list(c);
    const dowel_task *task;
    char name[CLI_TASK_NAME_SIZE];
    snprintf(name, sizeof name, "%.60s%s%.60s", words[0], words[1] ? " " : "", words[1] ? words[1] : "");
    if (dowel_find_task(c->d, name, &task, &c->err)) return cli_failed(c);
    if (c->json) {
        json_t *shown = json_pack("{s:s,s:s,s:o*,s:o*,s:s*}", "name", task->name, "doc", task->doc ? task->doc : "",
                                  "args", task->args ? dowel_fields_schema(task->args) : NULL, "result",
                                  task->result ? dowel_fields_schema(task->result) : NULL, "example", task->example);
        cli_print_json(shown);
        json_decref(shown);
        return 0;
    }
    printf("%s: %s\n\n", task->name, task->doc ? task->doc : "");
    if (task->args) cli_help_fields(c, task->args);
    if (task->example) cli_text(c, stdout, "\nExample:\n  dowel call %s %s\n", task->name, task->example);
    return 0;
}
