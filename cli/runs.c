/* dowel runs: what ran, how it went, what it gave. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static const char *const usage =
    "Usage: dowel runs [--limit N] [--state STATE] [--task TASK] [--json]\n"
    "       dowel runs show ID [--json]      arguments, attempts, error, children, log\n"
    "       dowel runs result ID             a persisted result, read back from its storage\n\n"
    "ID may be any unique part of a run's id, at least 4 characters. States: pending running retrying completed "
    "failed\n"
    "cancelled crashed.\n\nExamples:\n  dowel runs --state failed\n  dowel runs show 7b2b-b3eb\n";

static int list(cli *c, const dowel_runs_query *query) {
    json_t *runs;
    if (dowel_runs_list(c->d, query, &runs, &c->err)) return cli_failed(c);
    if (c->json) {
        cli_print_json(runs);
    } else if (!json_array_size(runs)) {
        puts("no runs yet");
    } else {
        size_t i;
        json_t *run;
        json_array_foreach(runs, i, run) {
            json_t *duration = json_object_get(run, "duration");
            char text[32] = "";
            if (duration) snprintf(text, sizeof text, "%.3f s", json_real_value(duration));
            json_object_set_new(run, "duration", json_string(text));
            const char *error = json_string_value(json_object_get(json_object_get(run, "error"), "message"));
            json_object_set_new(run, "error", json_string(error ? error : ""));
        }
        cli_print_table(c, runs,
                        (const char *const[]){"id", "task", "state", "attempts", "duration", "started", "error", NULL});
    }
    json_decref(runs);
    return 0;
}

int cli_runs(cli *c) {
    if (cli_wants_help(c)) {
        fputs(usage, stdout);
        return 0;
    }
    dowel_runs_query query = {.size = sizeof query, .limit = 50};
    const char *words[3] = {NULL};
    size_t n = 0;
    while (c->argc) {
        cli_flag flag;
        if (!cli_next_flag(c, &flag)) {
            if (n == 2) return cli_usage("dowel runs --help", "\"%.60s\" is too much", c->argv[0]);
            words[n++] = *c->argv++;
            c->argc--;
            continue;
        }
        if (!strcmp(flag.name, "json")) {
            c->json = true;
            continue;
        }
        const char *value = cli_flag_value(c, &flag);
        if (!value) return cli_usage("dowel runs --help", "--%s needs a value", flag.name);
        if (!strcmp(flag.name, "limit"))
            query.limit = strtoll(value, NULL, 10);
        else if (!strcmp(flag.name, "state"))
            query.state = value;
        else if (!strcmp(flag.name, "task"))
            query.task = value;
        else if (!strcmp(flag.name, "parent"))
            query.parent = value;
        else
            return cli_unknown_flag("dowel runs --help", &flag, NULL,
                                    (const char *const[]){"json", "limit", "state", "task", "parent", NULL});
    }
    if (cli_open(c)) return cli_failed(c);
    if (!n || (n == 1 && !strcmp(words[0], "list"))) return list(c, &query);
    bool show = !strcmp(words[0], "show"), result = !strcmp(words[0], "result");
    if (n != 2 || (!show && !result))
        return cli_usage("dowel runs --help", "dowel runs, dowel runs show ID or dowel runs result ID");
    json_t *value;
    if (show ? dowel_runs_show(c->d, words[1], &value, &c->err) : dowel_runs_result(c->d, words[1], &value, &c->err))
        return cli_failed(c);
    if (c->json || result)
        cli_print_json(value);
    else
        cli_print_value(c, value, NULL);
    json_decref(value);
    return 0;
}
