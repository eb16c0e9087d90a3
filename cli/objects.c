/* dowel cp, sync, ls, rm, cat, presign: for people, over the tasks of the same subjects. */
#include "cli.h"

#include <dowel/object_tasks.h>
#include <dowel/objects.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACES                                                                                                         \
    "A place is gs://BUCKET/PATH, s3://BUCKET/PATH, TYPE/NAME:PATH (a saved block, such as "                           \
    "gcs-bucket/landing:2026/),\n"                                                                                     \
    "a path of this machine, or - (standard input or output). What ends with a slash is a folder.\n"

const cli_object_command cli_object_commands[] = {
    {"cp",
     "objects.copy",
     {"source", "destination"},
     NULL,
     "SOURCE DESTINATION [-r] [-n] [-v] [--field value ...]\n\nCopies an object or a file; with -r everything below a "
     "folder. Within a cloud nothing is fetched; between\nclouds nothing touches the disk.\n",
     "  dowel cp report.csv gs://landing/2026/\n  dowel cp -r gs://landing/2026/ s3://archive/2026/ --include "
     "'**.csv'\n  pg_dump db | dowel cp - s3-bucket/backups:db.sql\n",
     "verbose",
     "rnv"},
    {"sync",
     "objects.sync",
     {"source", "destination"},
     NULL,
     "SOURCE DESTINATION [-n] [-v] [--field value ...]\n\nCopies what is different or missing below a "
     "folder.\n",
     "  dowel sync reports/ s3://reports/ --delete --dry-run\n  dowel sync gs://landing/ backup/ --exclude 'tmp/'\n",
     "verbose",
     "nv"},
    {"ls",
     "objects.list",
     {"place"},
     NULL,
     "PLACE [-r] [-l] [--field value ...]\n\nLists objects, one on a line.\n",
     "  dowel ls gs://landing/2026/\n  dowel ls -r -l s3-bucket/reports:\n",
     "long",
     "rl"},
    {"rm",
     "objects.remove",
     {"place"},
     NULL,
     "PLACE [-r] [-n] [-v] [--field value ...]\n\nRemoves an object; with -r everything below a folder.\n",
     "  dowel rm gs://landing/2026/a.csv\n  dowel rm -r s3://reports/old/ --dry-run\n",
     "verbose",
     "rnv"},
    {"cat",
     "objects.copy",
     {"source"},
     "-",
     "PLACE [--field value ...]\n\nWrites an object to standard output.\n",
     "  dowel cat gs://landing/2026/a.csv | head\n",
     "",
     ""},
    {"presign",
     "objects.presign",
     {"place"},
     NULL,
     "PLACE [--field value ...]\n\nPrints a URL that lets whoever has it fetch (or "
     "store) this one object for a while.\n",
     "  dowel presign gs://landing/2026/a.csv --expires 15m\n",
     "",
     ""},
    {NULL}};

enum { TOLD = 50 }; /* failures, and names that were left out, that have a line each; more are counted only */

typedef struct view {
    cli *c;
    const cli_object_command *command;
    cli_progress progress;
    bool verbose, dry_run, list_long, quiet;
    int failed, skipped; /* lines of */
    long long copied, removed;
} view;

/* ---- what happens, as it happens ---- */

static json_t *text_of(const char *text) {
    json_t *value = text ? json_string(text) : NULL;
    char *shown = text && !value ? dowel_printable(text, false) : NULL;
    if (shown) value = json_string(shown);
    free(shown);
    return value;
}

static void print_event_json(const view *v, const dowel_object_event *event) {
    json_t *line = json_pack("{s:s,s:o*,s:o*,s:o*}", "event", event->what, "name", text_of(event->name), "to",
                             text_of(event->to), "why", text_of(event->why));
    const dowel_object *object = event->object;
    if (!strcmp(event->what, "copy") || (object && !object->is_prefix && !object->odd))
        json_object_set_new(line, "size", json_integer((json_int_t)event->size));
    if (!strcmp(event->what, "kept")) json_object_set_new(line, "count", json_integer((json_int_t)event->size));
    if (object && object->modified) {
        char when[DOWEL_TIME_TEXT_SIZE];
        dowel_format_time(object->modified, when);
        json_object_set_new(line, "modified", json_string(when));
    }
    if (object && object->etag) json_object_set_new(line, "etag", text_of(object->etag));
    if (object && object->version) json_object_set_new(line, "version", text_of(object->version));
    if (object && object->storage_class) json_object_set_new(line, "storage_class", text_of(object->storage_class));
    if (object && object->odd) json_object_set_new(line, "why", text_of(object->odd));
    if (event->error) json_object_set_new(line, "error", dowel_error_json(event->error));
    if (v->dry_run) json_object_set_new(line, "dry_run", json_true());
    cli_print_json_line(line);
    json_decref(line);
}

static void print_listed(const view *v, const dowel_object_event *event, const char *name) {
    char when[DOWEL_TIME_TEXT_SIZE] = "";
    if (event->object->modified) dowel_format_time(event->object->modified, when);
    if (!*name) name = "./"; /* the object of the folder itself */
    if (!v->list_long)
        puts(name);
    else if (event->object->is_prefix || event->object->odd)
        printf("%14s  %-27s  %s%s%s\n", "-", "", name, event->object->odd ? "  " : "",
               event->object->odd ? event->object->odd : "");
    else
        printf("%14" PRId64 "  %-27s  %s\n", event->size, when, name);
}

/* What went wrong, or was left out; after so many of a kind only that there are more. */
static void print_trouble(view *v, const dowel_object_event *event, const char *name, bool skipped) {
    bool lacking = !strcmp(event->what, "incomplete");
    int *lines = skipped ? &v->skipped : &v->failed;
    if (!v->verbose && *lines > TOLD) return;
    cli_progress_end(&v->progress);
    if (!v->verbose && *lines == TOLD)
        fprintf(stderr, "%s: more %s; --verbose or --json tells of each\n", v->c->program,
                skipped ? "is left out" : "fails");
    else
        fprintf(stderr, "%s: %s: %s%s\n", v->c->program, name,
                lacking   ? "not carried over: "
                : skipped ? "left out: "
                          : "",
                skipped ? event->why : event->error->message);
    ++*lines;
}

static void on_event(void *context, const dowel_object_event *event) {
    view *v = context;
    bool copied = !strcmp(event->what, "copy"), removed = !strcmp(event->what, "remove"),
         failed = !strcmp(event->what, "fail"),
         skipped = !strcmp(event->what, "skip") || !strcmp(event->what, "incomplete");
    bool unchanged = !strcmp(event->what, "unchanged");
    if (copied || removed || unchanged) cli_progress_count(&v->progress, unchanged);
    v->copied += copied;
    v->removed += removed;
    if (unchanged) return;
    if (v->c->json) {
        if (!v->quiet) print_event_json(v, event);
        return;
    }
    if (!strcmp(event->what, "kept")) return; /* the log has warned of it */
    char *name = dowel_printable(event->name, false), *to = event->to ? dowel_printable(event->to, false) : NULL;
    if (!name) return;
    if (event->object) {
        print_listed(v, event, name);
    } else if (failed || skipped) {
        print_trouble(v, event, name, skipped);
    } else if ((v->verbose || v->dry_run) && !v->quiet) {
        cli_progress_end(&v->progress);
        if (copied)
            printf("%s %s -> %s\n", v->dry_run ? "would copy" : "copied", name, to ? to : "");
        else
            printf("%s %s\n", v->dry_run ? "would remove" : "removed", name);
    }
    free(name);
    free(to);
}

static json_int_t count_of(const json_t *result, const char *member) {
    return json_integer_value(json_object_get(result, member));
}

static void print_summary(const view *v, const json_t *result) {
    char bytes[32];
    const char *would = v->dry_run ? "would be " : "";
    if (!json_object_get(result, "copied")) {
        printf("%s%lld removed\n", would, (long long)count_of(result, "removed"));
        return;
    }
    cli_size_text((double)count_of(result, "bytes"), bytes);
    printf("%s%lld copied (%s), %lld unchanged, %lld left out, %s%lld removed", would,
           (long long)count_of(result, "copied"), bytes, (long long)count_of(result, "unchanged"),
           (long long)count_of(result, "skipped"), would, (long long)count_of(result, "removed"));
    if (count_of(result, "incomplete")) printf(", %lld incomplete", (long long)count_of(result, "incomplete"));
    putchar('\n');
}

static void print_result(const view *v, json_t *result, bool whole) {
    const char *url = json_string_value(json_object_get(result, "url"));
    bool listing = !strcmp(v->command->task, "objects.list");
    if (v->quiet || (listing && !v->c->json)) return;
    if (url && !v->c->json) {
        puts(url);
    } else if (v->c->json && !url) {
        json_t *done = listing ? json_object() : json_copy(result);
        json_object_set_new(done, "event", json_string("done"));
        if (!listing) cli_print_json_line(done);
        json_decref(done);
    } else if (url) {
        cli_print_json(result);
    } else if (whole) {
        print_summary(v, result);
    }
}

/* ---- the command line ---- */

static void help(const cli *c, const cli_object_command *command, const dowel_task *task) {
    cli_text(c, stdout, "Usage: dowel %s %s\n" PLACES "\nFields:\n", command->name, command->usage);
    cli_help_fields(c, task->args);
    puts("\nOther:");
    if (strchr(command->shorts, 'r')) puts("  -r                 --recursive");
    if (strchr(command->shorts, 'n')) puts("  -n                 --dry-run");
    if (strstr(command->own, "verbose")) puts("  -v, --verbose      a line for each object");
    if (strstr(command->own, "long")) puts("  -l, --long         sizes and times");
    cli_text(c, stdout, "  --json             %s\n\nExamples:\n%s",
             strcmp(command->name, "presign") ? "an event on each line, as JSON" : "the result as JSON",
             command->examples);
}

/* -r, -n, -v, -l, also together. */
static int read_letters(const cli_object_command *command, const char *word, json_t *args, view *v) {
    for (const char *letter = word + 1; *letter; letter++) {
        if (!strchr(command->shorts, *letter)) return -1;
        if (*letter == 'r') json_object_set_new(args, "recursive", json_true());
        if (*letter == 'n') json_object_set_new(args, "dry_run", json_true());
        v->verbose |= *letter == 'v';
        v->list_long |= *letter == 'l';
    }
    return 0;
}

static int read_line(cli *c, const cli_object_command *command, const dowel_task *task, json_t *args, view *v) {
    char where[64];
    size_t words = 0;
    snprintf(where, sizeof where, "dowel %s --help", command->name);
    cli_flag flag;
    for (cli_kind kind; (kind = cli_next(c, &flag));) {
        const dowel_field *field = kind == CLI_FLAG ? dowel_field_find(task->args, flag.name) : NULL;
        bool letters = kind == CLI_WORD && !c->words_only && flag.word[0] == '-' && flag.word[1];
        int rc = 0;
        if (letters) {
            if (read_letters(command, flag.word, args, v)) return cli_usage(c, where, "unknown flag %.60s", flag.word);
        } else if (kind == CLI_WORD) {
            if (!command->words[words]) return cli_usage(c, where, "\"%.60s\" is too much", flag.word);
            if (json_object_set_new(args, command->words[words++], json_string(flag.word)))
                return cli_usage(c, where, "a place that is not UTF-8: give the folder that it is in");
        } else if (field) {
            rc = cli_set_field(c, task->args, field, &flag, args);
        } else if (!strcmp(flag.name, "json")) {
            rc = cli_switch(c, &flag, &c->json);
        } else if (!strcmp(flag.name, "verbose") && strstr(command->own, "verbose")) {
            rc = cli_switch(c, &flag, &v->verbose);
        } else if (!strcmp(flag.name, "long") && strstr(command->own, "long")) {
            rc = cli_switch(c, &flag, &v->list_long);
        } else {
            const char *const others[] = {"json", "help", *command->own ? command->own : NULL, NULL};
            return cli_unknown_flag(c, where, &flag, task->args, others);
        }
        if (rc) return cli_failed(c);
    }
    if (command->words[words])
        return cli_usage(c, where, "%s?",
                         words               ? "where to"
                         : command->words[1] ? "from where to where"
                                             : "which place");
    if (command->fixed) json_object_set_new(args, "destination", json_string(command->fixed));
    return 0;
}

/* After Ctrl-C: what the interrupted command leaves behind. */
static void tell_what_was_done(const view *v, bool whole) {
    bool removes = !strcmp(v->command->task, "objects.remove");
    if (removes)
        dowel_error_hint(&v->c->err, "%lld removed; the rest is there; the same command goes on", v->removed);
    else
        dowel_error_hint(&v->c->err, "%lld copied, %lld removed; nothing is there in part%s", v->copied, v->removed,
                         whole ? "; `dowel sync` of the same places goes on" : "");
}

static int run(cli *c, const dowel_task *task, const json_t *args, view *v) {
    union {
        dowel_objects_copy_args copy;
        dowel_objects_place_args place;
    } filled;
    dowel_record *record;
    json_t *result = NULL;
    if (dowel_record_decode(task->args, args, dowel_get_resolver(c->d), &record, &c->err)) return cli_failed(c);
    memcpy(&filled, dowel_record_data(record), task->args->size);
    const dowel_object_reporter reporter = {on_event, v};
    bool copies = !strcmp(task->name, "objects.copy") || !strcmp(task->name, "objects.sync"), whole;
    if (copies) {
        filled.copy.reporter = &reporter;
        v->quiet = !strcmp(filled.copy.destination, "-");
        v->dry_run = filled.copy.dry_run;
        whole = filled.copy.recursive || !strcmp(task->name, "objects.sync");
    } else {
        filled.place.reporter = &reporter;
        v->dry_run = filled.place.dry_run;
        whole = filled.place.recursive;
    }
    const dowel_call_options options = {.size = sizeof options,
                                        .progress = cli_progress_show,
                                        .progress_context = &v->progress,
                                        .cancelled = cli_interrupted};
    v->progress.quiet = c->json || (v->quiet && isatty(STDOUT_FILENO));
    cli_signals_begin();
    int rc = dowel_call(c->d, task->name, &filled, task->args->size, &options, &result, &c->err);
    cli_signals_end();
    cli_progress_end(&v->progress);
    if (!rc) print_result(v, result, whole);
    if (rc == DOWEL_E_CANCELLED && !v->dry_run) tell_what_was_done(v, whole);
    if (!c->json) c->err.detail[0] = 0; /* each failure has had its line */
    json_decref(result);
    dowel_record_free(record);
    return rc ? cli_failed(c) : 0;
}

static int command_of(cli *c, const char *name) {
    const cli_object_command *command = cli_object_commands;
    while (strcmp(command->name, name)) command++;
    const dowel_task *task;
    view v = {.c = c, .command = command, .progress.lock = PTHREAD_MUTEX_INITIALIZER};
    if (cli_open(c) || dowel_find_task(c->d, command->task, &task, &c->err)) return cli_failed(c);
    if (cli_wants_help(c)) {
        help(c, command, task);
        return 0;
    }
    json_t *args = json_object();
    int status = read_line(c, command, task, args, &v);
    if (!status) status = run(c, task, args, &v);
    dowel_json_cleanse(args);
    return status;
}

int cli_cp(cli *c) {
    return command_of(c, "cp");
}

int cli_sync(cli *c) {
    return command_of(c, "sync");
}

int cli_cat(cli *c) {
    return command_of(c, "cat");
}

int cli_ls(cli *c) {
    return command_of(c, "ls");
}

int cli_rm(cli *c) {
    return command_of(c, "rm");
}

int cli_presign(cli *c) {
    return command_of(c, "presign");
}
