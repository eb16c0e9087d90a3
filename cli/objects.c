/* dowel cp, mv, sync, ls, du, stat, rm, cat, presign: thin commands over the tasks in <dowel/object_tasks.h>. */
#include "objects.h"

#include <dowel/objects.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACES                                                                                                         \
    "A place is gs://BUCKET/PATH, s3://BUCKET/PATH, NAME:PATH or TYPE/NAME:PATH (a\n"                                  \
    "saved block, such as landing:2026/), a path on this machine (./a:b if it looks\n"                                 \
    "like a block), or - (standard input or output). A place that ends with a slash\n"                                 \
    "is a folder.\n"
#define PATTERNS                                                                                                       \
    "dowel expands quoted patterns: * and ? do not match a slash, ** does, [a-z]\n"                                    \
    "matches one character, {a,b} either. An object that has exactly the given name\n"                                 \
    "wins; --literal turns patterns off.\n"

const cli_object_command cli_object_commands[] = {
    {.name = "cp",
     .task = "objects.copy",
     .field = "source",
     .more = "more_sources",
     .to = true,
     .usage = "SOURCE... DESTINATION [-r] [-n] [-v] [--field value ...]\n\n"
              "Copies objects and files; with -r everything below a folder. The service\n"
              "itself copies objects within a cloud; copies between clouds do not use the\n"
              "disk. With several sources or a pattern, the destination must be a folder.\n",
     .notes = PATTERNS,
     .examples = "  dowel cp report.csv gs://landing/2026/\n  dowel cp data/*.csv gs://landing/2026/\n"
                 "  dowel cp 'gs://landing/2026-*.csv' out/\n"
                 "  dowel cp -r gs://landing/2026/ s3://archive/2026/ --include '**.{csv,parquet}'\n"
                 "  pg_dump db | dowel cp - s3-bucket/backups:db.sql\n",
     .own = "verbose",
     .shorts = "rnv"},
    {.name = "mv",
     .task = "objects.move",
     .field = "source",
     .more = "more_sources",
     .to = true,
     .usage = "SOURCE... DESTINATION [-r] [-n] [-v] [--field value ...]\n\n"
              "Moves objects and files; with -r everything below a folder. Copies each\n"
              "object, verifies the copy, and only then removes the source.\n",
     .notes = PATTERNS,
     .examples = "  dowel mv gs://landing/a.csv gs://landing/done/a.csv\n"
                 "  dowel mv 's3://landing/*.csv' s3://landing/done/\n"
                 "  dowel mv -r data/2025/ gs://archive/2025/ --dry-run\n",
     .own = "verbose",
     .shorts = "rnv"},
    {.name = "sync",
     .task = "objects.sync",
     .field = "source",
     .to = true,
     .usage = "SOURCE DESTINATION [-n] [-v] [--field value ...]\n\n"
              "Copies what is different or missing below a folder; with --delete, removes\n"
              "what the source does not have.\n",
     .notes = "",
     .examples = "  dowel sync reports/ s3://reports/ --delete --dry-run\n"
                 "  dowel sync gs://landing/ backup/ --exclude 'tmp/'\n",
     .own = "verbose",
     .shorts = "nv"},
    {.name = "ls",
     .task = "objects.list",
     .field = "place",
     .more = "more_places",
     .usage = "PLACE... [-r] [-l] [-h] [--field value ...]\n\n"
              "Lists objects, one a line; gs:// and s3:// list buckets. With several places\n"
              "or a pattern, prints whole places.\n",
     .notes = PATTERNS,
     .examples = "  dowel ls gs://landing/2026/\n  dowel ls -rlh s3-bucket/reports\n"
                 "  dowel ls 'gs://landing/**/*.parquet'\n  dowel ls s3://\n",
     .own = "long human-readable output out",
     .shorts = "rlh"},
    {.name = "du",
     .task = "objects.usage",
     .field = "place",
     .more = "more_places",
     .usage = "PLACE... [-s] [-h] [--depth N] [--field value ...]\n\n"
              "Shows how many objects a place holds and their size: a line for each folder in\n"
              "it, then one for the place.\n",
     .notes = PATTERNS,
     .examples = "  dowel du -h gs://landing/\n  dowel du -sh 's3://reports/2026-*'\n"
                 "  dowel du --depth 2 data/ --include '**.csv'\n",
     .own = "summarize human-readable",
     .shorts = "sh"},
    {.name = "stat",
     .task = "objects.stat",
     .field = "place",
     .more = "more_places",
     .usage = "PLACE... [-h] [--field value ...]\n\n"
              "Shows the size, times, type, checksums and metadata of objects.\n",
     .notes = PATTERNS,
     .examples = "  dowel stat gs://landing/2026/a.csv\n  dowel stat 's3://landing/*.csv' --json\n",
     .own = "human-readable",
     .shorts = "h"},
    {.name = "rm",
     .task = "objects.remove",
     .field = "place",
     .more = "more_places",
     .usage = "PLACE... [-r] [-n] [-v] [--field value ...]\n\n"
              "Removes objects and files; with -r everything below a folder.\n",
     .notes = PATTERNS,
     .examples = "  dowel rm gs://landing/2026/a.csv gs://landing/2026/b.csv\n"
                 "  dowel rm 's3://landing/2025-*' --dry-run\n  dowel rm -r s3://reports/old/ --dry-run\n",
     .own = "verbose",
     .shorts = "rnv"},
    {.name = "cat",
     .task = "objects.copy",
     .field = "source",
     .more = "more_sources",
     .fixed = "-",
     .hides = "destination recursive skip_existing content_type cache_control storage_class metadata symlinks dry_run "
              "concurrency to_credentials to_endpoint to_region",
     .usage = "PLACE... [--field value ...]\n\n"
              "Writes objects to standard output, one after the other.\n",
     .notes = PATTERNS,
     .examples =
         "  dowel cat gs://landing/2026/a.csv | head\n  dowel cat 'gs://landing/2026/part-*.jsonl' > all.jsonl\n",
     .own = "",
     .shorts = ""},
    {.name = "presign",
     .task = "objects.presign",
     .field = "place",
     .usage = "PLACE [--field value ...]\n\n"
              "Prints a presigned URL: it grants access to one object until it expires.\n",
     .notes = "",
     .examples = "  dowel presign gs://landing/2026/a.csv --expires 15m\n",
     .own = "",
     .shorts = ""},
    {.name = NULL}};

/* ---- help ---- */

static const struct {
    char letter;
    const char *flag, *doc;
} switches[] = {{'r', "recursive", NULL},
                {'n', "dry-run", NULL},
                {'v', "verbose", "print a line for each object"},
                {'l', "long", "also print sizes and times, and a total"},
                {'s', "summarize", "print only a total for each place"},
                {'h', "human-readable", "print sizes as 1.5 MiB"}};
enum { SWITCHES = sizeof switches / sizeof switches[0] };

static const cli_verb rows_verb = {.name = "rows", .words = "", .plain = true, .options = {CLI_OUTPUT_OPTIONS}};

static void help(cli *c, const cli_object_command *command, const dowel_task *task) {
    cli_text(c, stdout, "Usage: dowel %s %s\n" PLACES "%s\nFields:\n", command->name, command->usage, command->notes);
    char hidden[400]; /* also the fields that the words fill */
    snprintf(hidden, sizeof hidden, "%s %s %s %s", command->field, command->more ? command->more : "",
             command->to ? "destination" : "", command->hides ? command->hides : "");
    cli_help_other_fields(c, task->args, hidden);
    puts("\nPolicy of the run:");
    cli_help_fields(c, &dowel_policy_table);
    puts("\nOther:");
    cli_help_options(c, &cli_run_verb);
    for (size_t i = 0; i < SWITCHES; i++) {
        char flag[48];
        if (!strchr(command->shorts, switches[i].letter)) continue;
        snprintf(flag, sizeof flag, "-%c, --%s", switches[i].letter, switches[i].flag);
        printf(switches[i].doc ? "  %-22s  %s\n" : "  %s\n", flag, switches[i].doc);
    }
    bool result = !strcmp(command->name, "presign") || !strcmp(command->name, "stat");
    if (cli_has_word(command->own, "output")) cli_help_options(c, &rows_verb);
    cli_text(c, stdout, "  %-22s  %s\n\nExamples:\n%s", "--json",
             result ? "print the result as JSON" : "print each event as a line of JSON", command->examples);
}

/* -h alone asks for help; with other words it may be a letter of the command. */
static bool wants_help(const cli *c, const cli_object_command *command) {
    if (!strchr(command->shorts, 'h')) return cli_wants_help(c);
    for (int i = 0; i < c->argc && strcmp(c->argv[i], "--"); i++)
        if (!strcmp(c->argv[i], "--help")) return true;
    return c->argc == 1 && !strcmp(c->argv[0], "-h");
}

/* ---- places ---- */

static bool exists(const char *path) {
    struct stat st;
    return !lstat(path, &st);
}

static bool holds_objects(cli *c, const char *type_name, size_t length) {
    const dowel_block_type *type;
    for (size_t i = 0; (type = dowel_block_type_at(c->d, i)); i++)
        if (type->objects && strlen(type->name) == length && !strncmp(type->name, type_name, length)) return true;
    return false;
}

/* The only saved block of this name that holds objects, as "TYPE/NAME"; false: there is none, or several. */
static bool find_block(cli *c, const char *name, char reference[160]) {
    json_t *blocks, *block;
    size_t i, found = 0;
    if (dowel_block_list(c->d, NULL, &blocks, NULL)) return false;
    json_array_foreach(blocks, i, block) {
        const char *type = json_string_value(json_object_get(block, "type")),
                   *called = json_string_value(json_object_get(block, "name"));
        if (!type || !called || strcmp(called, name) != 0 || !holds_objects(c, type, strlen(type))) continue;
        snprintf(reference, 160, "%.70s/%.80s", type, called);
        found++;
    }
    json_decref(blocks);
    return found == 1;
}

/* A saved block without the colon: "gcs-bucket/landing", and where a place is only read, "landing". A path that exists wins. */
static json_t *place_of(cli *c, const char *word, bool short_names) {
    const char *slash = strchr(word, '/');
    char reference[160];
    if (strchr(word, ':') || exists(word)) return json_string(word);
    if (slash && slash != word && slash[1] && !strchr(slash + 1, '/') && holds_objects(c, word, (size_t)(slash - word)))
        return json_sprintf("%s:", word);
    if (!slash && short_names && *word && find_block(c, word, reference)) return json_sprintf("%s:", reference);
    return json_string(word);
}

/* ---- the command line ---- */

typedef struct words {
    const char **list;
    size_t count;
} words;

/* -r, -n, -v, -l, -s, -h, also together. */
static int set_switch(const cli_object_command *command, char letter, json_t *args, object_view *v) {
    if (!strchr(command->shorts, letter)) return -1;
    if (letter == 'r') json_object_set_new(args, "recursive", json_true());
    if (letter == 'n') json_object_set_new(args, "dry_run", json_true());
    if (letter == 's') json_object_set_new(args, "depth", json_integer(0));
    v->verbose |= letter == 'v';
    v->list_long |= letter == 'l';
    v->human |= letter == 'h';
    return 0;
}

static int read_letters(const cli_object_command *command, const char *word, json_t *args, object_view *v) {
    for (const char *letter = word + 1; *letter; letter++)
        if (set_switch(command, *letter, args, v)) return -1;
    return 0;
}

/* A switch of the command itself, by its long name. False: there is none. */
static bool read_switch(cli *c, const cli_object_command *command, const cli_flag *flag, json_t *args, object_view *v,
                        int *rc) {
    for (size_t i = 0; i < SWITCHES; i++) {
        bool on;
        if (!cli_flag_is(flag, switches[i].flag) || !cli_has_word(command->own, switches[i].flag)) continue;
        *rc = cli_switch(c, flag, &on);
        if (!*rc && on) (void)set_switch(command, switches[i].letter, args, v);
        return true;
    }
    return false;
}

static int unknown_flag(cli *c, const cli_object_command *command, const cli_flag *flag, const dowel_task *task) {
    const char *names[48] = {"json", "help"};
    char own[SWITCHES][24];
    size_t n = 2;
    for (size_t i = 0; i < SWITCHES; i++) {
        if (!cli_has_word(command->own, switches[i].flag)) continue;
        snprintf(own[i], sizeof own[i], "%s", switches[i].flag);
        for (char *p = own[i]; *p; p++)
            if (*p == '-') *p = '_';
        names[n++] = own[i];
    }
    n += cli_run_flag_names(names + n, 47 - n);
    names[n] = NULL;
    return cli_unknown_flag(c, c->help, flag, task->args, names);
}

static int read_flag(cli *c, const cli_object_command *command, const cli_flag *flag, const dowel_task *task,
                     json_t *args, cli_run *run, object_view *v) {
    const dowel_field *field = dowel_field_find(task->args, flag->name);
    int rc = 0;
    bool taken = false;
    if (cli_has_word(command->own, "output")) rc = cli_output_flag(c, flag, &taken);
    if (taken) return rc ? cli_failed(c) : 0;
    if (field && command->hides && cli_has_word(command->hides, field->name))
        return cli_usage(c, c->help, "dowel %s does not take %.60s", command->name, flag->word);
    if (field)
        rc = cli_set_field(c, task->args, field, flag, args);
    else if (cli_flag_is(flag, "json"))
        rc = cli_switch(c, flag, &c->json);
    else if (!read_switch(c, command, flag, args, v, &rc) && !cli_run_flag(c, flag, run, &rc))
        return unknown_flag(c, command, flag, task);
    return rc ? cli_failed(c) : 0;
}

static int set_place(cli *c, const cli_object_command *command, json_t *args, const char *field, const char *word) {
    json_t *place = place_of(c, word, !command->to && strcmp(command->name, "rm") != 0);
    if (!json_object_set_new(args, field, place)) return 0;
    return cli_usage(c, c->help, "the name of a place is not UTF-8: use -r with the folder that it is in");
}

static int set_places(cli *c, const cli_object_command *command, const words *w, json_t *args) {
    size_t sources = w->count - (command->to && w->count);
    if (command->to && w->count == 1) return cli_usage(c, c->help, "the destination is missing");
    if (!sources)
        return cli_usage(c, c->help, command->to ? "source and destination are missing" : "the place is missing");
    if (sources > 1 && !command->more)
        return cli_usage(c, c->help, "unexpected argument \"%.60s\"", w->list[w->count - 1]);
    int status = set_place(c, command, args, command->field, w->list[0]);
    if (!status && command->to) status = set_place(c, command, args, "destination", w->list[w->count - 1]);
    if (command->fixed) json_object_set_new(args, "destination", json_string(command->fixed));
    json_t *more = sources > 1 ? json_array() : NULL;
    for (size_t i = 1; i < sources && !status; i++) {
        json_t *place = place_of(c, w->list[i], !command->to && strcmp(command->name, "rm") != 0);
        if (json_array_append_new(more, place))
            status = cli_usage(c, c->help, "the name of a place is not UTF-8: use -r with the folder that it is in");
    }
    if (more && !status) json_object_set(args, command->more, more);
    json_decref(more);
    return status;
}

static int read_line(cli *c, const cli_object_command *command, const dowel_task *task, json_t *args, cli_run *run,
                     object_view *v) {
    words w = {.list = malloc(((size_t)c->argc + 1) * sizeof *w.list)};
    int status = 0;
    cli_flag flag;
    if (!w.list) return dowel_no_memory(&c->err), cli_failed(c);
    for (cli_kind kind; !status && (kind = cli_next(c, &flag));) {
        bool letters = kind == CLI_WORD && !c->words_only && flag.word[0] == '-' && flag.word[1];
        if (letters && read_letters(command, flag.word, args, v))
            status = cli_usage(c, c->help, "unknown flag %.60s", flag.word);
        else if (kind == CLI_FLAG)
            status = read_flag(c, command, &flag, task, args, run, v);
        else if (!letters)
            w.list[w.count++] = flag.word;
    }
    if (!status) status = set_places(c, command, &w, args);
    v->whole = w.count > 1 + (size_t)command->to;
    free(w.list);
    if (!status && cli_run_ready(c, run)) status = cli_failed(c);
    if (!status && c->json && c->format_given && cli_output_begin(c)) status = cli_failed(c); /* refuses both */
    return status;
}

/* ---- running ---- */

/* After Ctrl-C: the state that the interrupted command leaves. */
static void tell_what_was_done(const object_view *v) {
    bool moves = !strcmp(v->command->task, "objects.move");
    if (!strcmp(v->command->task, "objects.remove"))
        dowel_error_hint(&v->c->err, "%lld removed; run the same command again to remove the rest", v->removed);
    else
        dowel_error_hint(&v->c->err, "%lld %s, %lld removed; no object was left incomplete%s", v->copied,
                         moves ? "moved" : "copied", v->removed,
                         !v->whole ? ""
                         : moves   ? "; run the same command again to move the rest"
                                   : "; `dowel sync` of the same places copies the rest");
}

typedef union filled_args {
    dowel_objects_copy_args copy;
    dowel_objects_place_args place;
} filled_args;

/* A pattern may mean more than one object. */
static bool may_be_many(const filled_args *filled, bool copies) {
    const char *place = copies ? filled->copy.source : filled->place.place;
    bool literal = copies ? filled->copy.literal : filled->place.literal,
         recursive = copies ? filled->copy.recursive : filled->place.recursive;
    return recursive || (!literal && strpbrk(place, "*?[{"));
}

static void set_up(object_view *v, filled_args *filled, const dowel_object_reporter *reporter, bool copies) {
    bool sync = !strcmp(v->command->task, "objects.sync");
    if (copies) {
        filled->copy.reporter = reporter;
        v->quiet = !strcmp(filled->copy.destination, "-");
        v->dry_run = filled->copy.dry_run;
    } else {
        filled->place.reporter = reporter;
        v->dry_run = filled->place.dry_run;
        v->source_times = filled->place.source_times;
        v->recursive = filled->place.recursive;
    }
    bool usage = !strcmp(v->command->task, "objects.usage");
    if (!usage) v->whole |= sync || may_be_many(filled, copies);
}

static int run(cli *c, const dowel_task *task, const json_t *args, cli_run *call, object_view *v) {
    filled_args filled;
    dowel_record *record;
    json_t *result = NULL;
    if (dowel_record_decode(task->args, args, dowel_get_call_resolver(c->d), &record, &c->err)) return cli_failed(c);
    memcpy(&filled, dowel_record_data(record), task->args->size);
    const dowel_object_reporter reporter = {cli_object_event, v};
    set_up(v, &filled, &reporter, task->args->size == sizeof filled.copy && strcmp(v->command->field, "source") == 0);
    if (c->format_given || c->out_path) v->rows = json_array();
    v->progress.quiet = c->json || c->quiet || (v->quiet && isatty(STDOUT_FILENO));
    call->options.unkept = &result;
    cli_signals_begin();
    int rc = dowel_call(c->d, task->name, &filled, task->args->size, &call->options, &result, &c->err);
    cli_signals_end();
    cli_progress_end(&v->progress);
    if (result) cli_object_result(v, result);
    cli_run_say_kept(c, call);
    int status = !rc && v->rows ? cli_object_rows(v) : 0;
    if (rc && rc != DOWEL_E_CANCELLED) cli_object_failures(v);
    if (rc == DOWEL_E_CANCELLED && !v->dry_run) tell_what_was_done(v);
    if (!c->json) c->err.detail[0] = 0; /* each failure was printed when it happened */
    json_decref(result);
    dowel_record_free(record);
    json_decref(v->rows);
    return rc ? cli_failed(c) : status;
}

static int command_of(cli *c, const char *name) {
    const cli_object_command *command = cli_object_commands;
    while (strcmp(command->name, name)) command++;
    const dowel_task *task;
    object_view v = {.c = c, .command = command, .progress.lock = PTHREAD_MUTEX_INITIALIZER};
    cli_run call;
    c->letters = command->shorts;
    snprintf(c->help, sizeof c->help, "dowel %s --help", command->name);
    if (cli_open(c) || dowel_find_task(c->d, command->task, &task, &c->err)) return cli_failed(c);
    if (wants_help(c, command)) {
        help(c, command, task);
        return 0;
    }
    json_t *args = json_object();
    cli_run_begin(&call, &v.progress);
    int status = read_line(c, command, task, args, &call, &v);
    if (!status) status = run(c, task, args, &call, &v);
    cli_run_end(&call);
    dowel_json_cleanse(args);
    return status;
}

int cli_cp(cli *c) {
    return command_of(c, "cp");
}

int cli_mv(cli *c) {
    return command_of(c, "mv");
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

int cli_du(cli *c) {
    return command_of(c, "du");
}

int cli_stat(cli *c) {
    return command_of(c, "stat");
}

int cli_rm(cli *c) {
    return command_of(c, "rm");
}

int cli_presign(cli *c) {
    return command_of(c, "presign");
}
