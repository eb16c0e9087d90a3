/* dowel runs: what ran, how it went, what it gave. */
#include "cli.h"

#include <dowel/clock.h>
#include <dowel/text.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SELECTING                                                                                                      \
    {"limit", "N", "maximum number of runs; default: 50", false},                                                      \
        {"failed", NULL, "the same as --state failed", false},                                                         \
        {"state", "STATE", "pending, running, retrying, completed, failed, cancelled or crashed", false},              \
        {"task", "TASK", "runs of this task or flow", false}, {"name", "NAME", "runs with this name", false},          \
        {"since", "TIME", "runs that began then or later: 2026-01-31T12:00:00Z, or how long ago: 90m, 7d", false},     \
        {"parent", "ID", "runs that this one called", false}, {                                                        \
        "top", NULL, "only runs that no other run called", false                                                       \
    }

const cli_verb cli_runs_verbs[] = {
    {.name = "list",
     .alias = "ls",
     .silent = true,
     .words = "",
     .doc = "lists the runs, newest first",
     .example = "runs --failed --since 1d",
     .options = {SELECTING,
                 {"watch", NULL, "draw the list again every 2 seconds until Ctrl-C", false},
                 CLI_OUTPUT_OPTIONS}},
    {.name = "show",
     .words = "ID",
     .doc = "shows a run: arguments (secrets masked), attempts, error, child runs, log",
     .example = "runs show last"},
    {.name = "result",
     .words = "ID",
     .doc = "prints a result that was stored with --persist-result",
     .example = "runs result 7b2b-b3eb",
     .options = {CLI_OUTPUT_OPTIONS}},
    {.name = "resume",
     .words = "ID",
     .doc = "resumes a run that crashed, failed or was cancelled, from the state that its service has",
     .example = "runs resume 7b2b-b3eb",
     .options = {{"take-over", NULL,
                  "resume it even if its process was on another machine; only if that process has ended", false},
                 CLI_OUTPUT_OPTIONS}},
    {.name = "page",
     .words = "FILE",
     .doc = "writes an HTML page of the runs, each with the runs that it called; - is standard output",
     .example = "runs page runs.html --since 7d",
     .options = {SELECTING}},
    {.name = "prune",
     .words = "--older-than DURATION",
     .doc = "deletes runs from the history that ended before then; stored results stay",
     .example = "runs prune --older-than 90d --dry-run",
     .options = {{"older-than", "DURATION", "minimum time since their end, such as 90d", true},
                 {"dry-run", NULL, "only print how many", false}}},
    {.name = NULL}};

json_t *cli_amount_text(const json_t *amount) {
    dowel_text text = {.limit = 200};
    const char *unit;
    json_t *number;
    json_object_foreach((json_t *)amount, unit, number) {
        json_int_t n = json_integer_value(number);
        char size[32];
        size_t letters = strlen(unit);
        if (n == 1 && letters > 1 && unit[letters - 1] == 's') letters--;
        cli_size_text((double)n, size);
        dowel_text_put(&text, text.size ? ", " : "");
        if (!strcmp(unit, "bytes"))
            dowel_text_put(&text, size);
        else
            dowel_text_format(&text, "%lld %.*s", (long long)n, (int)letters, unit);
    }
    json_t *said = json_string(text.data ? text.data : "");
    dowel_text_free(&text);
    return said;
}

/* Values that a program reads, as text for people. */
static void say_values(json_t *run) {
    json_t *duration = json_object_get(run, "duration"), *amount = json_object_get(run, "amount");
    char text[32];
    if (duration) {
        dowel_format(text, sizeof text, "%.3f s", json_real_value(duration));
        json_object_set_new(run, "duration", json_string(text));
    }
    if (amount) json_object_set_new(run, "amount", cli_amount_text(amount));
}

/* A run as a row for people; `narrow`: the last part of its id, which is the one that is its own, is enough to name it. */
static void shorten(json_t *run, bool narrow) {
    char text[32];
    say_values(run);
    const char *error = json_string_value(json_object_get(json_object_get(run, "error"), "message")),
               *name = json_string_value(json_object_get(run, "name")),
               *task = json_string_value(json_object_get(run, "task")),
               *started = json_string_value(json_object_get(run, "started"));
    /* Whether it still runs cannot be told from here. */
    if (json_is_true(json_object_get(run, "elsewhere")))
        json_object_set_new(run, "state",
                            json_sprintf("%s elsewhere", json_string_value(json_object_get(run, "state"))));
    if (error) json_object_set_new(run, "error", json_string(error));
    json_t *outcome = json_object_get(run, error ? "error" : "amount");
    if (outcome) json_object_set(run, "outcome", outcome);
    if (name && task && !strcmp(name, task)) json_object_del(run, "name");
    const char *id = json_string_value(json_object_get(run, "id")), *last = narrow && id ? strrchr(id, '-') : NULL;
    if (last) json_object_set_new(run, "id", json_string(last + 1));
    if (narrow && json_integer_value(json_object_get(run, "attempts")) == 1) json_object_del(run, "attempts");
    if (started && strlen(started) > 19) {
        if (narrow)
            snprintf(text, sizeof text, "%.5s %.5s", started + 5, started + 11);
        else
            snprintf(text, sizeof text, "%.19sZ", started);
        json_object_set_new(run, "started", json_string(text));
    }
}

static bool is_narrow(void) {
    size_t width = cli_terminal_width();
    return width && width < 170;
}

static const char *const row[] = {"id",      "task",    "name",     "state",  "attempts", "duration",
                                  "started", "~amount", "~subject", "~error", NULL};

/* The columns of a table: on a very narrow terminal, fewer. */
static const char *const *columns(const cli *c) {
    static const char *const few[] = {"id", "task", "name", "state", "started", "~subject", "~outcome", NULL};
    size_t width = c->out_path ? 0 : cli_terminal_width();
    return width && width < 110 ? few : row;
}

/* The columns of CSV and TSV. */
static const char *const fields[] = {"id",      "task",  "name",    "state",  "attempts", "duration",
                                     "started", "error", "subject", "amount", NULL};

/* There are none: a task's name may be mistyped. */
static void say_none(cli *c, const dowel_runs_query *query) {
    bool filtered = query->state || query->task || query->parent || query->name || query->since;
    puts(filtered ? "no such runs" : "no runs yet");
    const dowel_task *task;
    if (query->task && dowel_find_task(c->d, query->task, &task, &c->err))
        fprintf(stderr, "%s: %s\n", c->program, c->err.message);
}

/* What the flags of a list ask for. */
typedef struct selection {
    dowel_runs_query query;
    int64_t total;
    bool limited, watch; /* --limit, --watch */
} selection;

/* A list that ends at its limit says so. Programs that gave the limit know. */
static void say_rest(const cli *c, const selection *s, size_t shown) {
    if (s->total <= (int64_t)shown || (s->limited && !cli_wants_table(c))) return;
    fflush(stdout);
    fprintf(s->watch ? stdout : stderr, "%zu shown of %lld; --limit N\n", shown, (long long)s->total);
}

static int list(cli *c, selection *s) {
    dowel_runs_query *query = &s->query;
    json_t *runs, *run;
    const dowel_task
        *task; /* "bigquery-query" finds the runs of bigquery.query; a task of another program is looked for as it is */
    if (query->task && !dowel_find_task(c->d, query->task, &task, NULL)) query->task = task->name;
    if (dowel_runs_list(c->d, query, &runs, &c->err)) return cli_failed(c);
    int status = 0;
    size_t i;
    if (cli_wants_table(c) && !c->out_path && !json_array_size(runs)) {
        say_none(c, query);
    } else {
        if (cli_wants_table(c)) json_array_foreach(runs, i, run) shorten(run, !c->out_path && is_narrow());
        status = cli_list(c, runs, cli_wants_table(c) ? columns(c) : fields, "no runs");
    }
    if (!status) say_rest(c, s, json_array_size(runs));
    json_decref(runs);
    return status;
}

/* ---- watching ---- */

enum { WATCH_SECONDS = 2 };

/* Lines of the terminal that are left for runs. */
static int64_t lines_left(void) {
    enum { OTHERS = 4 }; /* the headings, what is not shown, how to end, the cursor's */
    struct winsize size;
    bool known = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row > OTHERS;
    return known ? size.ws_row - OTHERS : 20;
}

/* Until it is time to draw again, or Ctrl-C. */
static void wait_between(void) {
    const struct timespec slice = {0, 50000000};
    double until = dowel_clock() + WATCH_SECONDS;
    while (!cli_interrupted(NULL) && dowel_clock() < until) nanosleep(&slice, NULL);
}

static int watch(cli *c, selection *s) {
    if (!isatty(STDOUT_FILENO) || c->json || c->format_given || c->out_path)
        return cli_usage(c, c->help,
                         "--watch draws on a terminal: it does not work in a pipe, nor with --json, --output or --out");
    int status = 0;
    cli_signals_begin();
    while (!status && !cli_interrupted(NULL)) {
        if (!s->limited) s->query.limit = lines_left();
        fputs("\033[H\033[2J", stdout);
        status = list(c, s);
        printf("every %d s; Ctrl-C ends\n", WATCH_SECONDS);
        fflush(stdout);
        wait_between();
    }
    cli_signals_end();
    return status;
}

/* ---- one run ---- */

enum { DEEPEST = 16 };

/* The runs below one, each behind those that it was called by; the names of tasks are indented. */
static void add_children(cli *c, const char *id, size_t depth, json_t *rows) {
    const dowel_runs_query query = {.size = sizeof query, .parent = id, .limit = INT64_MAX};
    json_t *children;
    if (depth == DEEPEST || dowel_runs_list(c->d, &query, &children, NULL)) return;
    for (size_t i = json_array_size(children); i-- > 0;) { /* oldest first */
        json_t *child = json_array_get(children, i);
        char task[160], of[40];
        snprintf(of, sizeof of, "%s", json_string_value(json_object_get(child, "id")));
        snprintf(task, sizeof task, "%*s%s", (int)(2 * depth), "", json_string_value(json_object_get(child, "task")));
        shorten(child, is_narrow());
        json_object_set_new(child, "task", json_string(task));
        json_array_append(rows, child);
        add_children(c, of, depth + 1, rows);
    }
    json_decref(children);
}

/* A member that is taken out to be printed in its own way; NULL: there is none. */
static json_t *take(json_t *run, const char *member) {
    json_t *value = json_incref(json_object_get(run, member));
    json_object_del(run, member);
    return value;
}

static void print_part(const cli *c, const char *title, json_t *value, const char *const *columns) {
    if (json_is_array(value) ? json_array_size(value) : json_object_size(value)) {
        printf("\n%s:\n", title);
        if (json_is_array(value))
            cli_print_table(c, value, columns);
        else
            cli_print_value(c, value);
    }
    json_decref(value);
}

static void print_run(cli *c, json_t *run) {
    json_t *error = take(run, "error"), *args = take(run, "args"), *policy = take(run, "policy"),
           *handles = take(run, "handles"), *log = take(run, "log"), *children = json_array();
    if (json_object_get(run, "children")) add_children(c, json_string_value(json_object_get(run, "id")), 0, children);
    json_decref(take(run, "children"));
    say_values(run);
    cli_print_value(c, run);
    cli_references(args);
    cli_references(policy);
    print_part(c, "error", error, NULL);
    print_part(c, "arguments", args, NULL);
    print_part(c, "policy", policy, NULL);
    print_part(c, "remembered", handles, NULL);
    print_part(c, "children", children, columns(c));
    print_part(c, "log", log, NULL);
}

/* ---- the command line ---- */

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

const char *const cli_run_states[] = {"pending", "running",   "retrying", "completed",
                                      "failed",  "cancelled", "crashed",  NULL};

static int read_state(cli *c, const char *text, const char **state) {
    *state = text;
    for (size_t i = 0; cli_run_states[i]; i++)
        if (!strcmp(cli_run_states[i], text)) return 0;
    const char *near = dowel_nearest(text, cli_run_states);
    dowel_fail(&c->err, DOWEL_E_INVALID, "--state: no state \"%.60s\"%s%s%s", text, near ? "; did you mean \"" : "",
               near ? near : "", near ? "\"?" : "");
    dowel_error_hint(&c->err, "one of pending, running, retrying, completed, failed, cancelled, crashed");
    return c->err.code;
}

static int64_t ago(double seconds) {
    return dowel_now() - (int64_t)(seconds * 1e6);
}

static int read_since(cli *c, const char *text, int64_t *since) {
    double seconds;
    if (!dowel_parse_time(text, since)) return 0;
    if (dowel_parse_duration(text, &seconds))
        return dowel_fail(&c->err, DOWEL_E_INVALID,
                          "--since: expected a time such as 2026-01-31T12:00:00Z, or how long ago, such as 90m, got "
                          "\"%.60s\"",
                          text);
    *since = ago(seconds);
    return 0;
}

/* The flags of a list. */
static int read_query(cli *c, selection *s, const char **word) {
    const char *limit = NULL, *state = NULL, *since = NULL;
    dowel_runs_query *query = &s->query;
    bool failed = false;
    const cli_target targets[] = {{.name = "limit", .text = &limit},
                                  {.name = "state", .text = &state},
                                  {.name = "since", .text = &since},
                                  {.name = "task", .text = &query->task},
                                  {.name = "name", .text = &query->name},
                                  {.name = "parent", .text = &query->parent},
                                  {.name = "top", .on = &query->top},
                                  {.name = "failed", .on = &failed},
                                  {.name = word ? NULL : "watch", .on = &s->watch},
                                  {.name = NULL}};
    int status = cli_read(c, targets, word, word != NULL), rc = 0;
    if (status) return status;
    if (failed && state && strcmp(state, "failed") != 0)
        return cli_usage(c, c->help, "--failed is --state failed; --state %.60s contradicts it", state);
    if (failed) state = "failed";
    s->limited = limit != NULL;
    if (limit) rc = read_limit(c, limit, &query->limit);
    if (state && !rc) rc = read_state(c, state, &query->state);
    if (since && !rc) rc = read_since(c, since, &query->since);
    return rc ? cli_failed(c) : 0;
}

/* Prints a result as `dowel call` of the run's task does. Error code. */
static int print_result(cli *c, const char *id, const json_t *result) {
    const dowel_task *task = NULL; /* not in this program: the result is printed as it is */
    json_t *run = NULL;
    const char *name = dowel_runs_show(c->d, id, &run, NULL) ? NULL : json_string_value(json_object_get(run, "task"));
    if (name) (void)dowel_find_task(c->d, name, &task, NULL);
    bool shown = result && (c->json || !json_is_null(result));
    if (shown) cli_print_result(c, result, task);
    json_decref(run);
    return cli_output_end(c, shown);
}

static int resume_run(cli *c, const char *id, bool take_over) {
    cli_progress progress = {.lock = PTHREAD_MUTEX_INITIALIZER};
    json_t *result = NULL;
    char resumed[DOWEL_RUN_ID_SIZE] = "";
    const dowel_call_options options = {.size = sizeof options,
                                        .progress = cli_progress_show,
                                        .progress_context = &progress,
                                        .cancelled = cli_interrupted,
                                        .take_over = take_over,
                                        .run_id = resumed,
                                        .unkept = &result};
    if (cli_output_begin(c)) return cli_failed(c);
    cli_signals_begin();
    int rc = dowel_runs_resume(c->d, id, &options, &result, &c->err);
    cli_signals_end();
    cli_progress_end(&progress);
    dowel_error why = c->err;
    int written = print_result(c, *resumed ? resumed : id, result);
    if (rc) c->err = why;
    json_decref(result);
    return rc || written ? cli_failed(c) : 0;
}

static int prune(cli *c, const char *older_than, bool dry_run) {
    double seconds;
    int64_t count;
    if (!older_than) return cli_usage(c, c->help, "missing --older-than DURATION, such as 90d");
    if (dowel_parse_duration(older_than, &seconds)) {
        dowel_fail(&c->err, DOWEL_E_INVALID, "--older-than: expected a duration such as 90d or 12h, got \"%.60s\"",
                   older_than);
        return cli_failed(c);
    }
    if (cli_open(c) || dowel_runs_prune(c->d, ago(seconds), dry_run, &count, &c->err)) return cli_failed(c);
    if (c->json) {
        json_t *pruned = json_pack("{s:I,s:b}", "removed", (json_int_t)count, "dry_run", dry_run);
        cli_print_json(pruned);
        json_decref(pruned);
    } else {
        printf(dry_run ? "%lld would be removed\n" : "%lld removed\n", (long long)count);
    }
    return 0;
}

int cli_runs(cli *c) {
    int status;
    if (!cli_read_verb(c, cli_find_command("runs"), &status)) return status;
    const char *verb = c->verb->name, *id = NULL, *older_than = NULL;
    selection s = {.query = {.size = sizeof s.query, .limit = 50}};
    s.query.total = &s.total;
    bool take_over = false, dry_run = false, lists = c->verb->silent, prunes = !strcmp(verb, "prune");
    if (lists) {
        status = read_query(c, &s, NULL);
        return status ? status : cli_open(c) ? cli_failed(c) : s.watch ? watch(c, &s) : list(c, &s);
    }
    if (!strcmp(verb, "page")) {
        const char *path = NULL;
        status = read_query(c, &s, &path);
        s.query.top |= !s.query.parent;
        if (!status && !path) status = cli_usage(c, c->help, "missing FILE: dowel runs page FILE");
        return status ? status : cli_open(c) ? cli_failed(c) : cli_runs_page(c, &s.query, path);
    }
    const cli_target resuming[] = {{.name = "take-over", .on = &take_over}, {.name = NULL}},
                     pruning[] = {{.name = "older-than", .text = &older_than},
                                  {.name = "dry-run", .on = &dry_run},
                                  {.name = NULL}};
    bool resumes = !strcmp(verb, "resume"), result = !strcmp(verb, "result");
    status = cli_read(c, prunes ? pruning : resumes ? resuming : resuming + 1, &id, !prunes);
    if (status) return status;
    if (prunes) return prune(c, older_than, dry_run);
    if (!id) return cli_usage(c, c->help, "missing ID: dowel runs %s ID, or last", verb);
    if (cli_open(c)) return cli_failed(c);
    if (resumes) return resume_run(c, id, take_over);
    json_t *value;
    bool formatted = result && (c->format_given || c->out_path);
    if (formatted && cli_output_begin(c)) return cli_failed(c);
    if (result ? dowel_runs_result(c->d, id, &value, &c->err) : dowel_runs_show(c->d, id, &value, &c->err)) {
        (void)cli_output_end(c, false);
        return cli_failed(c);
    }
    int rc = 0;
    if (formatted)
        rc = print_result(c, id, value);
    else if (c->json || result)
        cli_print_json(value);
    else
        print_run(c, value);
    json_decref(value);
    return rc ? cli_failed(c) : 0;
}
