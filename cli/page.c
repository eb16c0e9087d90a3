/* dowel runs page: the history as one HTML file without scripts, to be looked at, mailed, or put into a bucket. */
#include "cli.h"

#include <dowel/clock.h>
#include <dowel/stream.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct page {
    cli *c;
    dowel_sink *sink;
    int rc;
    json_t *tasks; /* of the runs at the top, whose numbers are the classes t0, t1 ... */
} page;

static void put_bytes(page *p, const char *text, size_t size) {
    if (!p->rc && size) p->rc = dowel_sink_write(p->sink, text, size, &p->c->err);
}

static void put(page *p, const char *text) {
    put_bytes(p, text, strlen(text));
}

/* Text from outside: nothing in it is markup. */
static void put_text(page *p, const char *text) {
    static const char *const names[] = {
        ['<'] = "&lt;", ['>'] = "&gt;", ['&'] = "&amp;", ['"'] = "&quot;", ['\''] = "&#39;"};
    char *shown = dowel_printable(text ? text : "", true);
    for (const char *at = shown; at && *at;) {
        size_t plain = strcspn(at, "<>&\"'");
        put_bytes(p, at, plain);
        at += plain;
        if (*at) put(p, names[(unsigned char)*at++]);
    }
    free(shown);
}

static void put_format(page *p, const char *format, ...) DOWEL_PRINTF(2, 3);
static void put_format(page *p, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    dowel_vformat(text, sizeof text, format, args);
    va_end(args);
    put(p, text);
}

static const char *member(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void put_value(page *p, const json_t *value) {
    const char *block = json_string_value(json_object_get(value, "$block"));
    char *text = json_is_string(value) || block ? NULL : dowel_json_dump(value, 0);
    put_text(p, block ? block : text ? text : json_string_value(value));
    free(text);
}

static void put_pairs(page *p, const char *title, json_t *object) {
    const char *key;
    json_t *value;
    if (!json_object_size(object)) return;
    put_format(p, "<h3>%s</h3><dl>", title);
    json_object_foreach(object, key, value) {
        put(p, "<dt>");
        put_text(p, key);
        put(p, "</dt><dd>");
        put_value(p, value);
        put(p, "</dd>");
    }
    put(p, "</dl>");
}

static void put_log(page *p, const json_t *log) {
    size_t i;
    json_t *line;
    if (!json_array_size(log)) return;
    put(p, "<h3>log</h3><pre>");
    json_array_foreach((json_t *)log, i, line) {
        put_format(p, "%s ", member(line, "time"));
        put_text(p, member(line, "level"));
        put(p, " ");
        put_text(p, member(line, "line"));
        put(p, "\n");
    }
    put(p, "</pre>");
}

/* ---- a run, and within it those that it called ---- */

enum { DEEPEST = 16, MOST_TASKS = 100 };

typedef struct span {
    int64_t begin, end;
} span;

static span span_of(const json_t *run) {
    span s = {0, 0};
    if (dowel_parse_time(member(run, "started"), &s.begin)) s.begin = 0;
    if (dowel_parse_time(member(run, "ended"), &s.end)) s.end = s.begin;
    return s;
}

/* When it ran, within what called it. */
static void put_bar(page *p, span run, span whole) {
    double length = (double)(whole.end - whole.begin);
    if (length <= 0 || run.begin < whole.begin) return;
    double left = 100 * (double)(run.begin - whole.begin) / length, size = 100 * (double)(run.end - run.begin) / length;
    if (left > 99) left = 99;
    if (size < 1) size = 1;
    if (left + size > 100) size = 100 - left;
    put_format(p, "<i class=bar><i style=\"left:%.1f%%;width:%.1f%%\"></i></i>", left, size);
}

static void put_amount(page *p, const json_t *amount) {
    json_t *text = amount ? cli_amount_text(amount) : NULL;
    if (!text) return;
    put(p, " <em>");
    put_text(p, json_string_value(text));
    put(p, "</em>");
    json_decref(text);
}

static bool went_wrong(const json_t *run) {
    return json_object_get(run, "error") || !strcmp(member(run, "state"), "crashed");
}

/* A run that needs a look is not folded, nor is its caller. */
static bool is_open(const json_t *run) {
    json_t *child;
    size_t i;
    bool open = went_wrong(run);
    json_array_foreach(json_object_get(run, "children"), i, child) open |= went_wrong(child);
    return open;
}

static void put_class(page *p, const char *task, size_t depth) {
    const json_t *number = depth ? NULL : json_object_get(p->tasks, task);
    if (number) put_format(p, " class=t%lld", (long long)json_integer_value(number));
}

static void put_run(page *p, const char *id, span whole, size_t depth) {
    json_t *run;
    if (p->rc) return;
    if (depth == DEEPEST) {
        put(p, "<p>Runs below this one are not shown.</p>");
        return;
    }
    if ((p->rc = dowel_runs_show(p->c->d, id, &run, &p->c->err))) return;
    span own = span_of(run);
    const char *state = member(run, "state"), *name = member(run, "name"), *task = member(run, "task");
    json_t *children = json_object_get(run, "children"), *child, *error = json_object_get(run, "error");
    size_t i;
    put_format(p, "<details id=\"%s\"", member(run, "id"));
    put_class(p, task, depth);
    put_format(p, "%s><summary><b class=\"%s\">%s</b> <strong>", is_open(run) ? " open" : "", state, state);
    put_text(p, task);
    put(p, "</strong> ");
    if (strcmp(name, task) != 0) put_text(p, name);
    put(p, " ");
    put_text(p, member(run, "subject"));
    if (json_is_true(json_object_get(run, "elsewhere"))) put(p, " <em>elsewhere</em>");
    put_format(p, " <time>%.19sZ</time>", member(run, "started"));
    if (json_object_get(run, "duration")) put_format(p, " %.3f s", json_real_value(json_object_get(run, "duration")));
    json_int_t attempts = json_integer_value(json_object_get(run, "attempts"));
    if (attempts > 1) put_format(p, " <em>%lld attempts</em>", (long long)attempts);
    put_amount(p, json_object_get(run, "amount"));
    if (json_array_size(children)) put_format(p, " <em>%zu called</em>", json_array_size(children));
    if (depth) put_bar(p, own, whole);
    put(p, "</summary>");
    if (error) {
        put(p, "<p class=error>");
        put_text(p, member(error, "message"));
        if (*member(error, "hint")) put(p, "<br>hint: ");
        put_text(p, member(error, "hint"));
        put(p, "</p>");
    }
    put_format(p, "<p><code>%s</code>", member(run, "id"));
    if (*member(run, "run_key")) put(p, " key ");
    put_text(p, member(run, "run_key"));
    if (*member(run, "result_storage")) put(p, " result in ");
    put_text(p, member(run, "result_storage"));
    put(p, "</p>");
    json_array_foreach(children, i, child) put_run(p, member(child, "id"), own, depth + 1);
    put_pairs(p, "arguments", json_object_get(run, "args"));
    put_pairs(p, "policy", json_object_get(run, "policy"));
    put_log(p, json_object_get(run, "log"));
    put(p, "</details>\n");
    json_decref(run);
}

/* ---- the page ---- */

static const char *const head =
    "<!doctype html>\n<html lang=en><meta charset=utf-8>\n"
    "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=viewport content=\"width=device-width\"><title>dowel runs</title>\n<style>\n"
    ":root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}body{max-width:70rem;margin:2rem auto;padding:0 "
    "1rem}\n"
    "details{border-top:1px solid #8884;padding:.4rem 0}details details{margin-left:1.5rem}summary{cursor:pointer}\n"
    "summary "
    "b{display:inline-block;min-width:5.5rem;text-align:center;border-radius:1rem;color:#fff;background:#777;font-size:"
    ".8rem}\n"
    "b.completed{background:#277a3e}b.failed,b.crashed{background:#b3261e}b.running{background:#1f5fbf}\n"
    "b.retrying,b.cancelled{background:#8a6100}time,em,code{opacity:.75}p.error{color:#b3261e;white-space:pre-wrap}\n"
    "@media(prefers-color-scheme:dark){p.error{color:#ff8a80}}\n"
    ".bar{display:block;position:relative;height:4px;margin:.2rem 0 0 6rem;background:#8883}\n"
    ".bar i{position:absolute;height:4px;background:#1f5fbf}h3{font-size:.9rem;margin:.6rem 0 0}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem;margin:.2rem "
    "0}dd{margin:0;overflow-wrap:anywhere}\n"
    "pre{overflow-x:auto;margin:.2rem 0}nav{margin:.3rem 0}label{margin-right:.6rem}\n</style>\n<h1>Runs</h1>\n";

static json_t *tasks_of(const json_t *runs) {
    json_t *tasks = json_object(), *run;
    size_t i;
    json_array_foreach((json_t *)runs, i, run) {
        const char *task = member(run, "task");
        size_t count = json_object_size(tasks);
        if (count < MOST_TASKS && !json_object_get(tasks, task))
            json_object_set_new(tasks, task, json_integer((json_int_t)count));
    }
    return tasks;
}

/* A choice that hides the runs without what it names. */
static void put_choice(page *p, const char *group, const char *id, const char *text) {
    put_format(p, "<label><input type=radio name=%s%s%s%s> ", group, *id ? " id=" : "", id, *id ? "" : " checked");
    put_text(p, text);
    put(p, "</label> ");
}

/* By the style sheet alone. A browser without :has() shows everything. */
static void put_choices(page *p) {
    const char *task;
    json_t *number;
    char id[32];
    put(p, "<style>\n");
    for (size_t i = 0; cli_run_states[i]; i++)
        put_format(p, "body:has(#s-%s:checked) main>details:not(:has(b.%s)){display:none}\n", cli_run_states[i],
                   cli_run_states[i]);
    for (size_t i = 0; i < json_object_size(p->tasks); i++)
        put_format(p, "body:has(#t%zu:checked) main>details:not(.t%zu){display:none}\n", i, i);
    put(p, "</style>\n<nav>");
    put_choice(p, "state", "", "every state");
    for (size_t i = 0; cli_run_states[i]; i++) {
        dowel_format(id, sizeof id, "s-%s", cli_run_states[i]);
        put_choice(p, "state", id, cli_run_states[i]);
    }
    put(p, "</nav>\n<nav>");
    put_choice(p, "task", "", "every task");
    json_object_foreach(p->tasks, task, number) {
        dowel_format(id, sizeof id, "t%lld", (long long)json_integer_value(number));
        put_choice(p, "task", id, task);
    }
    put(p, "</nav>\n");
}

static void put_page(page *p, const json_t *runs, int64_t total) {
    char when[DOWEL_TIME_TEXT_SIZE];
    size_t i;
    json_t *run;
    dowel_format_time(dowel_now(), when);
    put(p, head);
    put_format(p, "<p>%zu", json_array_size(runs));
    if (total > (int64_t)json_array_size(runs)) put_format(p, " shown of %lld", (long long)total);
    put_format(p, ", newest first; %.19sZ, dowel %s</p>\n", when, dowel_version());
    p->tasks = tasks_of(runs);
    put_choices(p);
    put(p, "<main>\n");
    json_array_foreach((json_t *)runs, i, run) put_run(p, member(run, "id"), (span){0, 0}, 0);
    put(p, "</main></html>\n");
    json_decref(p->tasks);
}

int cli_runs_page(cli *c, const dowel_runs_query *query, const char *path) {
    json_t *runs = NULL;
    page p = {.c = c};
    bool shown = !strcmp(path, "-"); /* printed like all output: a reader that closes the pipe early is not an error */
    p.rc = dowel_runs_list(c->d, query, &runs, &c->err);
    if (!p.rc && shown && !(p.sink = dowel_sink_memory(0))) p.rc = dowel_no_memory(&c->err);
    if (!p.rc && !shown) p.rc = dowel_sink_file(path, &p.sink, &c->err);
    int64_t total = query->total ? *query->total : 0;
    if (!p.rc) put_page(&p, runs, total);
    if (!p.rc && shown) fwrite(dowel_sink_bytes(p.sink).data, 1, dowel_sink_bytes(p.sink).size, stdout);
    if (!p.rc && !shown) p.rc = dowel_sink_commit(p.sink, &c->err);
    dowel_sink_close(p.sink);
    size_t shown_runs = json_array_size(runs);
    json_decref(runs);
    if (!p.rc && total > (int64_t)shown_runs)
        fprintf(stderr, "%zu shown of %lld; --limit N\n", shown_runs, (long long)total);
    if (!p.rc && !shown) cli_say_written(c, "page", path);
    return p.rc ? cli_failed(c) : 0;
}
