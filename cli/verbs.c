/* The words and flags of every command, from one table each: usage, help, reading and completion. */
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

/* The flags of the import sources. The last option has a value but no name: the verb's own options follow. The names are stored behind
 * the options. NULL: no memory, or no handle. */
static cli_option *import_options(cli *c) {
    enum { NAME = 40 };
    const dowel_import_source *source;
    size_t n = 0;
    if (cli_open(c)) return NULL;
    while (dowel_import_source_at(c->d, n)) n++;
    cli_option *options = calloc(1, (n + 1) * sizeof *options + n * NAME);
    if (!options) return NULL;
    char *names = (char *)(options + n + 1);
    for (size_t i = 0; i < n; i++) {
        source = dowel_import_source_at(c->d, i);
        snprintf(names + i * NAME, NAME, "from-%s", source->name);
        options[i] = (cli_option){names + i * NAME, source->value, source->doc, false};
    }
    options[n].value = "";
    return options;
}

const cli_option *cli_next_option(cli *c, const cli_verb *verb, const cli_option *option) {
    if (verb->imports && !c->imports) c->imports = import_options(c);
    const cli_option *next = option ? option + 1 : verb->imports && c->imports ? c->imports : verb->options;
    if (!next->name && next->value) next = verb->options;
    return next->name ? next : NULL;
}

/* ---- help ---- */

enum { WIDTH = 110 };

/* Ends a line where the next piece does not fit. */
static void piece(FILE *out, size_t *at, const char *format, ...) DOWEL_PRINTF(3, 4);
static void piece(FILE *out, size_t *at, const char *format, ...) {
    char text[200];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (*at + (size_t)size > WIDTH) {
        fputs("\n            ", out);
        *at = 12;
    }
    fputs(text, out);
    *at += (size_t)size;
}

static void usage_line(cli *c, FILE *out, const char *first, const cli_command *command, const cli_verb *verb) {
    size_t at = 0;
    piece(out, &at, "%s %s %s", first, c->program, command->name);
    if (!verb->silent && *verb->name) piece(out, &at, " %s", verb->name);
    if (*verb->words) piece(out, &at, " %s", verb->words);
    for (const cli_option *o = NULL; (o = cli_next_option(c, verb, o));)
        if (!o->in_words) piece(out, &at, o->value ? " [--%s %s]" : " [--%s]", o->name, o->value);
    if (!verb->plain) piece(out, &at, " [--json]");
    fputc('\n', out);
}

void cli_help_options(cli *c, const cli_verb *verb) {
    size_t room = 6;
    for (const cli_option *o = NULL; (o = cli_next_option(c, verb, o));) {
        size_t size = strlen(o->name) + (o->value ? strlen(o->value) + 3 : 2);
        if (size > room) room = size;
    }
    for (const cli_option *o = NULL; (o = cli_next_option(c, verb, o));) {
        char text[128];
        snprintf(text, sizeof text, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("  %-*s  %s\n", (int)room, text, o->doc);
    }
    if (!verb->plain) printf("  %-*s  the result, or the error, as JSON\n", (int)room, "--json");
}

static void command_help(cli *c, FILE *out, const cli_command *command) {
    for (const cli_verb *v = command->verbs; v->name; v++)
        usage_line(c, out, v == command->verbs ? "Usage:" : "      ", command, v);
    size_t room = 0;
    for (const cli_verb *v = command->verbs; v->name; v++)
        if (strlen(v->name) > room) room = strlen(v->name);
    fputc('\n', out);
    for (const cli_verb *v = command->verbs; v->name; v++)
        cli_text(c, out, "  %-*s  %s%s%s%s\n", (int)room, v->name, v->doc, v->alias ? " (also: " : "",
                 v->alias ? v->alias : "", v->alias ? ")" : "");
    cli_text(c, out, "\n`dowel %s VERB --help` describes each of them. %s\n\nExamples:\n", command->name,
             command->notes);
    for (const cli_verb *v = command->verbs; v->name; v++) cli_text(c, out, "  dowel %s\n", v->example);
}

static void verb_help(cli *c, const cli_command *command, const cli_verb *verb) {
    usage_line(c, stdout, "Usage:", command, verb);
    cli_text(c, stdout, "\n%c%s%s%s%s.\n", dowel_upper((unsigned char)*verb->doc), verb->doc + 1,
             verb->alias ? " (also: " : "", verb->alias ? verb->alias : "", verb->alias ? ")" : "");
    /* What the notes are about: ids, secrets. */
    bool noted = verb->own_help || !strncmp(verb->words, "ID", 2);
    for (const cli_option *o = NULL; (o = cli_next_option(c, verb, o));)
        noted |= o->value && strstr(o->value, "prompt");
    if (noted) cli_text(c, stdout, "%s\n", command->notes);
    putchar('\n');
    cli_help_options(c, verb);
    cli_text(c, stdout, "\nExample:\n  dowel %s\n", verb->example);
}

/* ---- reading ---- */

static const cli_verb *find_verb(const cli_command *command, const char *name) {
    const cli_verb *verb = command->verbs;
    while (verb->name && strcmp(verb->name, name) && (!verb->alias || strcmp(verb->alias, name))) verb++;
    return verb->name ? verb : NULL;
}

static void set_help(cli *c, const cli_command *command, const cli_verb *verb) {
    snprintf(c->help, sizeof c->help, "dowel %s%s%s --help", command->name, verb ? " " : "", verb ? verb->name : "");
}

const cli_verb *cli_read_verb(cli *c, const cli_command *command, int *status) {
    const cli_verb *silent = command->verbs->silent ? command->verbs : NULL, *verb;
    cli_take_globals(c);
    bool word = c->argc && c->argv[0][0] != '-';
    set_help(c, command, NULL);
    if (!word && (!silent || cli_wants_help(c))) {
        *status = cli_wants_help(c) ? 0 : 2;
        command_help(c, *status ? stderr : stdout, command);
        return NULL;
    }
    verb = word ? find_verb(command, c->argv[0]) : silent;
    if (!verb) {
        const char *names[16] = {NULL};
        for (size_t i = 0; i < 15 && command->verbs[i].name; i++) names[i] = command->verbs[i].name;
        char what[64];
        snprintf(what, sizeof what, "%s command", command->name);
        *status = cli_unknown_word(c, c->help, what, c->argv[0], names);
        return NULL;
    }
    c->argc -= word;
    c->argv += word;
    c->verb = verb;
    set_help(c, command, verb);
    if (!cli_wants_help(c) || (verb->own_help && c->argv[0][0] != '-')) return verb;
    verb_help(c, command, verb);
    *status = 0;
    return NULL;
}

bool cli_flag_is(const cli_flag *flag, const char *name) {
    const char *p = flag->name;
    while (*p && (*p == *name || (*p == '_' && *name == '-'))) p++, name++;
    return !*p && !*name;
}

int cli_unknown_option(cli *c, const cli_flag *flag, const dowel_table *table) {
    const char *names[24] = {c->verb->plain ? "help" : "json", "help"};
    char texts[20][32];
    size_t n = 0;
    for (const cli_option *o = NULL; n < 20 && (o = cli_next_option(c, c->verb, o)); n++) {
        snprintf(texts[n], sizeof texts[n], "%s", o->name);
        for (char *p = texts[n]; *p; p++)
            if (*p == '-') *p = '_';
        names[n + 2] = texts[n];
    }
    return cli_unknown_flag(c, c->help, flag, table, names);
}

static bool has_option(const cli_verb *verb, const char *name) {
    for (const cli_option *o = verb->options; o->name; o++)
        if (!strcmp(o->name, name)) return true;
    return false;
}

int cli_read(cli *c, const cli_target *targets, const char **words, size_t most) {
    cli_flag flag;
    size_t n = 0;
    for (cli_kind kind; (kind = cli_next(c, &flag));) {
        int rc = 0;
        bool taken = false;
        if (kind == CLI_WORD) {
            if (n == most) return cli_usage(c, c->help, "unexpected argument \"%.60s\"", flag.word);
            words[n++] = flag.word;
            continue;
        }
        if (has_option(c->verb, "output")) rc = cli_output_flag(c, &flag, &taken);
        const cli_target *t = targets;
        while (t->name && !cli_flag_is(&flag, t->name)) t++;
        if (taken) { /* rc says how it went */
        } else if (cli_flag_is(&flag, "json") && !c->verb->plain)
            rc = cli_switch(c, &flag, &c->json);
        else if (!t->name)
            return cli_unknown_option(c, &flag, NULL);
        else if (t->on)
            rc = cli_switch(c, &flag, t->on);
        else if (t->text)
            rc = (*t->text = cli_flag_value(c, &flag)) ? 0 : c->err.code;
        else
            rc = cli_set_field(c, t->table, dowel_field_find(t->table, t->name), &flag, t->object);
        if (rc) return cli_failed(c);
    }
    return 0;
}
