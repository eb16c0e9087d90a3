/* Prints events and results of the object commands. */
#include "objects.h"

#include <dowel/objects.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOLD = 50 }; /* failures and skipped names that get a line each; more are only counted */

static bool is_called(const char *what, const char *name) {
    return !strcmp(what, name);
}

/* ---- as JSON ---- */

static json_t *text_of(const char *text) {
    json_t *value = text ? json_string(text) : NULL;
    char *shown = text && !value ? dowel_printable(text, false) : NULL;
    if (shown) value = json_string(shown);
    free(shown);
    return value;
}

static void set_time(json_t *line, const char *member, int64_t time) {
    char when[DOWEL_TIME_TEXT_SIZE];
    if (!time) return;
    dowel_format_time(time, when);
    json_object_set_new(line, member, json_string(when));
}

static int64_t stored(const dowel_object *object) {
    return object->stored ? object->stored : object->modified;
}

static void set_object(const object_view *v, json_t *line, const dowel_object *object) {
    set_time(line, object->is_prefix ? "created" : "modified", stored(object));
    if (v->source_times && object->own_time) set_time(line, "source_modified", object->modified);
    if (object->etag) json_object_set_new(line, "etag", text_of(object->etag));
    if (object->version) json_object_set_new(line, "version", text_of(object->version));
    if (object->storage_class) json_object_set_new(line, "storage_class", text_of(object->storage_class));
    if (object->odd) json_object_set_new(line, "why", text_of(object->odd));
}

static void print_event_json(const object_view *v, const dowel_object_event *event) {
    const char *what = event->what;
    bool unmatched = is_called(what, "unmatched"), usage = is_called(what, "usage");
    json_t *line = json_pack("{s:s,s:o*,s:o*,s:o*}", "event", what, "name", text_of(event->name), "to",
                             text_of(event->to), unmatched ? "include" : "why", text_of(event->why));
    const dowel_object *object = event->object;
    bool sized = is_called(what, "copy") || is_called(what, "move") || usage;
    if (sized || (object && !object->is_prefix && !object->odd))
        json_object_set_new(line, "size", json_integer((json_int_t)event->size));
    if (is_called(what, "kept")) json_object_set_new(line, "count", json_integer((json_int_t)event->size));
    if (usage) json_object_set_new(line, "objects", json_integer((json_int_t)event->count));
    if (object) set_object(v, line, object);
    if (event->error) json_object_set_new(line, "error", dowel_error_json(event->error));
    if (v->dry_run) json_object_set_new(line, "dry_run", json_true());
    cli_print_json_line(line);
    json_decref(line);
}

/* ---- for people ---- */

static void size_text(const object_view *v, int64_t size, char text[32]) {
    if (v->human)
        cli_size_text((double)size, text);
    else
        snprintf(text, 32, "%" PRId64, size);
}

static void print_listed(const object_view *v, const dowel_object_event *event, const char *name) {
    const dowel_object *object = event->object;
    char when[DOWEL_TIME_TEXT_SIZE] = "", size[32] = "-";
    int64_t time = v->source_times ? (object->own_time ? object->modified : 0) : stored(object);
    if (time) dowel_format_time(time, when);
    if (!*name) name = "./"; /* the folder's own object */
    if (!v->list_long) {
        puts(name);
        return;
    }
    if (!object->is_prefix && !object->odd) size_text(v, event->size, size);
    printf("%14s  %-27s  %s%s%s\n", size, object->odd ? "" : when, name, object->odd ? "  " : "",
           object->odd ? object->odd : "");
}

static void print_usage(const object_view *v, int64_t size, int64_t objects, const char *name) {
    char text[32];
    size_text(v, size, text);
    printf("%14s  %8" PRId64 " object%s  %s\n", text, objects, objects == 1 ? " " : "s", name);
}

/* A failure or a skipped name; after a number of them only that there are more. */
static void print_trouble(object_view *v, const dowel_object_event *event, const char *name, bool skipped) {
    bool incomplete = is_called(event->what, "incomplete");
    int *lines = skipped ? &v->skipped : &v->failed;
    if (!v->verbose && *lines > TOLD) return;
    cli_progress_end(&v->progress);
    if (!v->verbose && *lines == TOLD)
        fprintf(stderr, "%s: more objects %s; --verbose or --json lists them all\n", v->c->program,
                skipped ? "were skipped" : "failed");
    else
        fprintf(stderr, "%s: %s: %s%s\n", v->c->program, name,
                incomplete ? "not copied: "
                : skipped  ? "skipped: "
                           : "",
                skipped ? event->why : event->error->message);
    ++*lines;
}

static void print_done(object_view *v, const dowel_object_event *event, const char *name) {
    char *to = event->to ? dowel_printable(event->to, false) : NULL;
    bool move = is_called(event->what, "move");
    cli_progress_end(&v->progress);
    if (to)
        printf("%s %s -> %s\n", v->dry_run ? move ? "would move" : "would copy" : move ? "moved" : "copied", name, to);
    else
        printf("%s %s\n", v->dry_run ? "would remove" : "removed", name);
    free(to);
}

static void count(object_view *v, const dowel_object_event *event) {
    bool copied = is_called(event->what, "copy") || is_called(event->what, "move"),
         removed = is_called(event->what, "remove"), unchanged = is_called(event->what, "unchanged");
    if (copied || removed || unchanged) cli_progress_count(&v->progress, unchanged);
    v->copied += copied;
    v->copied_bytes += copied ? event->size : 0;
    v->removed += removed;
    v->unchanged += unchanged;
    v->left_out += is_called(event->what, "skip");
    v->failures += is_called(event->what, "fail");
    if (is_called(event->what, "object") && !event->object->odd) {
        v->listed++;
        v->bytes += event->size;
    }
}

static void add_row(object_view *v, const dowel_object_event *event) {
    json_t *row = json_pack("{s:o*}", "name", text_of(event->name));
    if (!event->object->is_prefix && !event->object->odd)
        json_object_set_new(row, "size", json_integer((json_int_t)event->size));
    set_object(v, row, event->object);
    if (json_array_append_new(v->rows, row)) v->rows_lost = true;
}

void cli_object_event(void *context, const dowel_object_event *event) {
    object_view *v = context;
    const char *what = event->what;
    count(v, event);
    if (is_called(what, "unchanged")) return;
    if (v->rows && event->object) {
        add_row(v, event);
        return;
    }
    if (v->c->json) {
        if (!v->quiet) print_event_json(v, event);
        return;
    }
    if (is_called(what, "kept") || is_called(what, "unmatched")) return; /* the log has a warning */
    bool skipped = is_called(what, "skip") || is_called(what, "incomplete");
    char *name = dowel_printable(event->name, false);
    if (!name) return;
    if (event->object)
        print_listed(v, event, name);
    else if (is_called(what, "usage"))
        print_usage(v, event->size, event->count, name);
    else if (is_called(what, "fail") || skipped)
        print_trouble(v, event, name, skipped);
    else if ((v->verbose || v->dry_run) && !v->quiet)
        print_done(v, event, name);
    free(name);
}

/* ---- at the end ---- */

static long long count_of(const json_t *result, const char *member) {
    return (long long)json_integer_value(json_object_get(result, member));
}

/* "3 copied (1.5 MiB), 2 unchanged, 1 skipped", or "would copy 3 (1.5 MiB), 2 unchanged"; counts of 0 are left out, except the first. */
static void print_summary(const object_view *v, const json_t *result) {
    static const char *const names[] = {"copied", "moved", "removed", "unchanged", "skipped", "incomplete", "failed"};
    static const char *const would[] = {"would copy", "would move", "would remove"};
    char bytes[32];
    bool any = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool subject = json_object_get(result, names[i]) && !any;
        long long n = count_of(result, names[i]);
        if (!n && !subject) continue;
        if (any) printf(", ");
        any = true;
        if (v->dry_run && i < sizeof would / sizeof would[0])
            printf("%s %lld", would[i], n);
        else
            printf("%lld %s", n, names[i]);
        if (i > 1) continue;
        cli_size_text((double)count_of(result, "bytes"), bytes);
        printf(" (%s)", bytes);
    }
    putchar('\n');
}

/* Only on a terminal or with -l: the plain list is for other programs to read. */
static void print_total(const object_view *v) {
    char bytes[32];
    if (!v->list_long && !(v->recursive && isatty(STDOUT_FILENO))) return;
    if (v->human)
        cli_size_text((double)v->bytes, bytes);
    else
        snprintf(bytes, sizeof bytes, "%lld bytes", v->bytes);
    printf("total: %lld object%s, %s\n", v->listed, v->listed == 1 ? "" : "s", bytes);
}

static void humanize(json_t *object) {
    char text[32];
    cli_size_text((double)json_integer_value(json_object_get(object, "size")), text);
    json_object_set_new(object, "size", json_string(text));
}

static void print_details(const object_view *v, json_t *result) {
    json_t *objects = json_object_get(result, "objects"), *object;
    size_t i;
    if (!objects) {
        if (v->human) humanize(result);
        cli_print_value(v->c, result);
        return;
    }
    json_array_foreach(objects, i, object) {
        if (i) putchar('\n');
        if (v->human) humanize(object);
        cli_print_value(v->c, object);
    }
}

static void print_counts_json(const char *event, json_t *result) {
    json_t *done = json_copy(result);
    json_object_del(done, "folders");
    json_object_set_new(done, "event", json_string(event));
    cli_print_json_line(done);
    json_decref(done);
}

static bool runs(const object_view *v, const char *task) {
    return !strcmp(v->command->task, task);
}

int cli_object_rows(object_view *v) {
    static const char *const shown[] = {"name", "size", "modified", NULL}, *const all[] = {"name",     "size",
                                                                                           "modified", "etag",
                                                                                           "version",  "storage_class",
                                                                                           NULL};
    if (v->rows_lost) return dowel_no_memory(&v->c->err), cli_failed(v->c);
    return cli_list(v->c, v->rows, cli_wants_table(v->c) ? shown : all, "no objects");
}

void cli_object_failures(const object_view *v) {
    bool moves = runs(v, "objects.move"), removes = runs(v, "objects.remove"),
         copies = moves || runs(v, "objects.copy") || runs(v, "objects.sync");
    if (!v->failures || v->quiet || !v->whole || !(copies || removes)) return;
    json_t *counts = json_object();
    if (copies) json_object_set_new(counts, moves ? "moved" : "copied", json_integer(v->copied));
    if (copies) json_object_set_new(counts, "bytes", json_integer(v->copied_bytes));
    if (copies) json_object_set_new(counts, "unchanged", json_integer(v->unchanged));
    json_object_set_new(counts, "skipped", json_integer(v->left_out));
    if (!moves) json_object_set_new(counts, "removed", json_integer(v->removed));
    json_object_set_new(counts, "failed", json_integer(v->failures));
    if (v->c->json)
        print_counts_json("summary", counts);
    else
        print_summary(v, counts);
    json_decref(counts);
}

void cli_object_result(object_view *v, json_t *result) {
    bool list = runs(v, "objects.list"), usage = runs(v, "objects.usage"), stat = runs(v, "objects.stat");
    const char *url = json_string_value(json_object_get(result, "url"));
    if (v->quiet || v->rows || (list && v->c->json)) return;
    if (v->c->json && (url || stat)) {
        cli_print_json(result);
    } else if (v->c->json) {
        print_counts_json("done", result);
    } else if (url) {
        puts(url);
    } else if (list) {
        print_total(v);
    } else if (stat) {
        print_details(v, result);
    } else if (usage) {
        if (v->whole) print_usage(v, count_of(result, "size"), count_of(result, "objects"), "total");
    } else if (v->whole) {
        print_summary(v, result);
    }
}
