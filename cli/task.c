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
    static const char *const verbs[] = {"list", "show", NULL};
    if (!c->argc || cli_wants_help(c)) {
        fputs(usage, c->argc ? stdout : stderr);
        return c->argc ? 0 : 2;
    }
    const char *words[2] = {NULL};
    size_t n = 0;
    cli_flag flag;
    for (cli_kind kind; (kind = cli_next(c, &flag));) {
        if (kind == CLI_WORD && n == 2) return cli_usage(c, "dowel task --help", "\"%.60s\" is too much", flag.word);
        if (kind == CLI_WORD)
            words[n++] = flag.word;
        else if (strcmp(flag.name, "json"))
            return cli_unknown_flag(c, "dowel task --help", &flag, NULL, (const char *const[]){"json", NULL});
        else if (cli_switch(c, &flag, &c->json))
            return cli_failed(c);
    }
    if (!n) return cli_usage(c, "dowel task --help", "dowel task list, or dowel task show NAME");
    bool lists = !strcmp(words[0], "list");
    if (!lists && strcmp(words[0], "show"))
        return cli_unknown_word(c, "dowel task --help", "task command", words[0], verbs);
    if (lists && words[1]) return cli_usage(c, "dowel task --help", "\"%.60s\" is too much", words[1]);
    if (!lists && !words[1]) return cli_usage(c, "dowel task --help", "which task? `dowel task list` shows them");
    if (cli_open(c)) return cli_failed(c);
    if (lists) return list(c);
    const char *name = words[1];
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
