/* dowel task: what can be run, and what it takes. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static const char *const usage = "Usage: dowel task list [--json]\n       dowel task show NAME [--json]\n\n"
                                 "Examples:\n  dowel task list\n  dowel task show gcs.upload\n  dowel task show "
                                 "gcs.upload --json   (JSON Schema of the arguments)\n";

static int list(cli *c) {
    json_t *rows = json_array();
    const dowel_task *task;
    for (size_t i = 0; (task = dowel_task_at(c->d, i)); i++)
        json_array_append_new(rows, json_pack("{s:s,s:s}", "task", task->name, "what", task->doc ? task->doc : ""));
    if (c->json)
        cli_print_json(rows);
    else
        cli_print_table(c, rows, NULL);
    json_decref(rows);
    return 0;
}

int cli_task(cli *c) {
    if (!c->argc || cli_wants_help(c)) {
        fputs(usage, c->argc ? stdout : stderr);
        return c->argc ? 0 : 2;
    }
    const char *verb = *c->argv++, *name = NULL;
    c->argc--;
    while (c->argc) {
        cli_flag flag;
        if (!cli_next_flag(c, &flag)) {
            name = *c->argv++;
            c->argc--;
        } else if (!strcmp(flag.name, "json")) {
            c->json = true;
        } else {
            return cli_unknown_flag("dowel task --help", &flag, NULL, (const char *const[]){"json", NULL});
        }
    }
    if (cli_open(c)) return cli_failed(c);
    if (!strcmp(verb, "list")) return list(c);
    if (strcmp(verb, "show") || !name)
        return cli_usage("dowel task --help", "dowel task list, or dowel task show NAME");
    const dowel_task *task;
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
    if (task->example) printf("\nExample:\n  dowel call %s %s\n", task->name, task->example);
    return 0;
}
