/* dowel runs: what ran, how it went, what it gave. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const usage =
    "Usage: dowel runs [--limit N] [--state STATE] [--task TASK] [--parent ID] [--json]\n"
    "       dowel runs show ID [--json]      arguments, attempts, error, children, log\n"
    "       dowel runs result ID             a persisted result, read back from its storage\n"
    "       dowel runs resume ID [--json]    goes on with a run that crashed, failed or was cancelled\n"
    "                        [--take-over]   also where its process was on another machine\n\n"
    "ID may be any unique part of a run's id, at least 4 characters. States: pending running retrying completed "
    "failed\n"
    "cancelled crashed.\n\nExamples:\n  dowel runs --state failed\n  dowel runs show 7b2b-b3eb\n";

static int list(cli *c, const dowel_runs_query *query) {
    json_t *runs;
    if (dowel_runs_list(c->d, query, &runs, &c->err)) return cli_failed(c);
    if (c->json) {
        cli_print_json(runs);
    } else if (!json_array_size(runs)) {
        puts(query->state || query->task || query->parent ? "no such runs" : "no runs yet");
    } else {
        size_t i;
        json_t *run;
        json_array_foreach(runs, i, run) {
            json_t *duration = json_object_get(run, "duration");
            char text[32];
            if (duration) {
                snprintf(text, sizeof text, "%.3f s", json_real_value(duration));
                json_object_set_new(run, "duration", json_string(text));
            }
            const char *error = json_string_value(json_object_get(json_object_get(run, "error"), "message"));
            if (error) json_object_set_new(run, "error", json_string(error));
        }
        cli_print_table(c, runs,
                        (const char *const[]){"id", "task", "state", "attempts", "duration", "started", "error", NULL});
    }
    json_decref(runs);
    return 0;
}

/* A whole number from 1 on. */
static int read_limit(cli *c, const char *text, int64_t *limit) {
    char *end = NULL;
    errno = 0;
    long long number = text ? strtoll(text, &end, 10) : 0;
    if (errno || !end || *end || number < 1)
        return dowel_fail(&c->err, DOWEL_E_INVALID, "--limit: expected a whole number from 1 on, got \"%.60s\"",
                          text ? text : "");
    *limit = number;
    return 0;
}

static int read_state(cli *c, const char *text, const char **state) {
    static const char *const states[] = {"pending", "running",   "retrying", "completed",
                                         "failed",  "cancelled", "crashed",  NULL};
    *state = text;
    for (size_t i = 0; states[i]; i++)
        if (!strcmp(states[i], text)) return 0;
    const char *near = dowel_nearest(text, states);
    dowel_fail(&c->err, DOWEL_E_INVALID, "--state: no state \"%.60s\"%s%s%s", text, near ? "; did you mean \"" : "",
               near ? near : "", near ? "\"?" : "");
    dowel_error_hint(&c->err, "one of pending, running, retrying, completed, failed, cancelled, crashed");
    return c->err.code;
}

static int read_query(cli *c, const cli_flag *flag, dowel_runs_query *query, bool *take_over) {
    static const char *const flags[] = {"json", "take_over", "limit", "state", "task", "parent", NULL};
    if (!strcmp(flag->name, "json")) return cli_switch(c, flag, &c->json) ? cli_failed(c) : 0;
    if (!strcmp(flag->name, "take-over")) return cli_switch(c, flag, take_over) ? cli_failed(c) : 0;
    size_t i = 2;
    while (flags[i] && strcmp(flags[i], flag->name)) i++;
    if (!flags[i]) return cli_unknown_flag(c, "dowel runs --help", flag, NULL, flags);
    const char *value = cli_flag_value(c, flag);
    int rc = value ? 0 : c->err.code;
    if (rc) {
    } else if (i == 2) {
        rc = read_limit(c, value, &query->limit);
    } else if (i == 3) {
        rc = read_state(c, value, &query->state);
    } else if (i == 4) {
        query->task = value;
    } else {
        query->parent = value;
    }
    return rc ? cli_failed(c) : 0;
}

static int resume_run(cli *c, const char *id, bool take_over) {
    cli_progress progress = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const dowel_call_options options = {.size = sizeof options,
                                        .progress = cli_progress_show,
                                        .progress_context = &progress,
                                        .cancelled = cli_interrupted,
                                        .take_over = take_over};
    json_t *result = NULL;
    cli_signals_begin();
    int rc = dowel_runs_resume(c->d, id, &options, &result, &c->err);
    cli_signals_end();
    cli_progress_end(&progress);
    if (rc) return cli_failed(c);
    if (c->json)
        cli_print_json(result);
    else if (!json_is_null(result))
        cli_print_value(c, result, NULL);
    json_decref(result);
    return 0;
}

int cli_runs(cli *c) {
    static const char *const verbs[] = {"list", "show", "result", "resume", NULL};
    if (cli_wants_help(c)) {
        fputs(usage, stdout);
        return 0;
    }
    dowel_runs_query query = {.size = sizeof query, .limit = 50};
    bool take_over = false;
    const char *words[2] = {NULL};
    size_t n = 0;
    cli_flag flag;
    for (cli_kind kind; (kind = cli_next(c, &flag));) {
        int status = 0;
        if (kind == CLI_FLAG)
            status = read_query(c, &flag, &query, &take_over);
        else if (n == 2)
            status = cli_usage(c, "dowel runs --help", "\"%.60s\" is too much", flag.word);
        else
            words[n++] = flag.word;
        if (status) return status;
    }
    bool lists = !n || !strcmp(words[0], "list"), result = n && !strcmp(words[0], "result"),
         resume = n && !strcmp(words[0], "resume");
    if (!lists && !result && !resume && strcmp(words[0], "show"))
        return cli_unknown_word(c, "dowel runs --help", "runs command", words[0], verbs);
    if (lists && n == 2) return cli_usage(c, "dowel runs --help", "\"%.60s\" is too much", words[1]);
    if (!lists && n < 2) return cli_usage(c, "dowel runs --help", "which run? dowel runs %s ID", words[0]);
    if (cli_open(c)) return cli_failed(c);
    if (lists) return list(c, &query);
    if (take_over && !resume) return cli_usage(c, "dowel runs --help", "--take-over is for dowel runs resume");
    if (resume) return resume_run(c, words[1], take_over);
    json_t *value;
    if (result ? dowel_runs_result(c->d, words[1], &value, &c->err) : dowel_runs_show(c->d, words[1], &value, &c->err))
        return cli_failed(c);
    if (c->json || result)
        cli_print_json(value);
    else
        cli_print_value(c, value, NULL);
    json_decref(value);
    return 0;
}
