/* Flags from tables: --name value, --name=value, --switch. */
#include "cli.h"

#include <dowel/stream.h>

#include <errno.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

/* Whether the word is a flag that every command has; `own` are letters that mean something else to this one. */
static bool take_global(cli *c, const char *word) {
    const char *own = c->letters ? c->letters : "";
    int level = !strcmp(word, "-v") && !strchr(own, 'v') ? DOWEL_LOG_INFO
                : !strcmp(word, "-vv")                   ? DOWEL_LOG_DEBUG
                : !strcmp(word, "-q")                    ? DOWEL_LOG_ERROR
                                                         : -1;
    if (level < 0) return false;
    c->log_level = level + 1;
    c->quiet = level == DOWEL_LOG_ERROR;
    if (c->d) dowel_set_log_level(c->d, (dowel_log_level)level);
    return true;
}

void cli_take_globals(cli *c) {
    while (c->argc && take_global(c, *c->argv)) {
        c->argc--;
        c->argv++;
    }
}

cli_kind cli_next(cli *c, cli_flag *flag) {
    memset(flag, 0, sizeof *flag);
    if (!c->words_only) cli_take_globals(c);
    if (c->argc && !c->words_only && !strcmp(c->argv[0], "--")) {
        c->words_only = true;
        c->argc--;
        c->argv++;
    }
    if (!c->argc) return CLI_END;
    const char *word = *c->argv++;
    c->argc--;
    flag->word = word;
    /* "-- a comment" begins SQL. */
    if (c->words_only || strncmp(word, "--", 2) || dowel_is_space((unsigned char)word[2])) return CLI_WORD;
    word += 2;
    size_t length = strcspn(word, "=");
    if (word[length]) flag->inline_value = word + length + 1;
    if (length >= sizeof flag->name) length = sizeof flag->name - 1;
    memcpy(flag->name, word, length);
    return CLI_FLAG;
}

const char *cli_flag_value(cli *c, const cli_flag *flag) {
    if (flag->inline_value) return flag->inline_value;
    if (!c->argc) {
        dowel_fail(&c->err, DOWEL_E_INVALID, "--%s needs a value", flag->name);
        return NULL;
    }
    c->argc--;
    return *c->argv++;
}

int cli_switch(cli *c, const cli_flag *flag, bool *on) {
    const char *value = flag->inline_value;
    *on = !value || !strcmp(value, "true");
    if (*on || !strcmp(value, "false")) return 0;
    return dowel_fail(&c->err, DOWEL_E_INVALID, "--%s: expected true or false, got \"%.60s\"", flag->name, value);
}

/* Standard input can be read once. */
static int take_input(cli *c, const char *flag) {
    if (c->input_taken)
        return dowel_fail(&c->err, DOWEL_E_INVALID, "--%s: --%s has read standard input already", flag, c->input_taken);
    c->input_taken = flag;
    return 0;
}

/* Waits until a line can be read. False: a signal arrived, also if it arrived just before the wait. */
static bool wait_for_line(int fd) {
    sigset_t ours, before;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    int ready = -1;
    while (ready < 0 && !cli_interrupted(NULL)) {
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(fd, &readable);
        ready = pselect(fd + 1, &readable, NULL, NULL, NULL, &before);
        if (ready < 0 && errno != EINTR) break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ready > 0;
}

char *cli_prompt(const char *name) {
    struct termios before, quiet;
    FILE *terminal = fopen("/dev/tty", "r+e");
    if (!terminal) return NULL;
    int fd = fileno(terminal);
    bool changed = !tcgetattr(fd, &before);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    cli_signals_begin(); /* Ctrl-C must not leave a terminal without echo */
    /* Echo is off before the prompt appears, so that the answer is neither shown nor flushed. */
    if (changed) tcsetattr(fd, TCSAFLUSH, &quiet);
    fprintf(terminal, "%s: ", name);
    fflush(terminal);
    char *line = NULL;
    size_t room = 0;
    ssize_t size = wait_for_line(fd) ? getline(&line, &room, terminal) : -1;
    if (changed) tcsetattr(fd, TCSAFLUSH, &before);
    cli_signals_end();
    fputc('\n', terminal);
    fclose(terminal);
    if (size > 0 && line[size - 1] == '\n') line[--size] = 0;
    if (size > 0) return line;
    free(line);
    return NULL;
}

/* Asks twice, because the typed text is not shown. */
int cli_new_passphrase(cli *c, json_t *object) {
    char *first = cli_prompt("new passphrase"), *second = first ? cli_prompt("repeat the passphrase") : NULL;
    int rc = 0;
    if (!first || !second)
        rc = dowel_fail(&c->err, DOWEL_E_INVALID, "no passphrase was entered; give --passphrase");
    else if (strcmp(first, second) != 0)
        rc = dowel_fail(&c->err, DOWEL_E_INVALID, "the passphrases differ; nothing was changed");
    else if (json_object_set_new(object, "passphrase", json_string(first)))
        rc = dowel_fail(&c->err, DOWEL_E_INVALID, "the passphrase is not UTF-8");
    if (first) OPENSSL_cleanse(first, strlen(first));
    if (second) OPENSSL_cleanse(second, strlen(second));
    free(first);
    free(second);
    return rc;
}

/* Every user of the machine can read arguments, so a secret must not be one. */
static int set_secret(cli *c, const dowel_table *table, const dowel_field *field, const char *value, json_t *object) {
    if (!strncmp(value, "env:", 4)) {
        const char *text = getenv(value + 4);
        if (!text || !*text)
            return dowel_fail(&c->err, DOWEL_E_INVALID, "%s: field \"%s\": the variable %s is not set", table->name,
                              field->name, value + 4);
        if (field->kind == DOWEL_JSON) return dowel_field_parse(table, field, text, object, &c->err);
        /* A final newline is not part of the secret, as in a file or standard input. */
        size_t size = strlen(text);
        const char *newline = strchr(text, '\n');
        if (newline && !newline[1]) size -= newline > text && newline[-1] == '\r' ? 2 : 1;
        if (!size)
            return dowel_fail(&c->err, DOWEL_E_INVALID, "%s: field \"%s\": the variable %s is empty", table->name,
                              field->name, value + 4);
        return json_object_set_new(object, field->name, json_stringn(text, size))
                   ? dowel_fail(&c->err, DOWEL_E_INVALID, "%s: field \"%s\": not UTF-8", table->name, field->name)
                   : 0;
    }
    if (!strcmp(value, "prompt")) {
        char *text = cli_prompt(field->name);
        if (!text && cli_interrupted(NULL)) return dowel_fail(&c->err, DOWEL_E_CANCELLED, "interrupted");
        if (!text)
            return dowel_fail(&c->err, DOWEL_E_INVALID, "%s: field \"%s\": nothing was entered", table->name,
                              field->name);
        int rc = json_object_set_new(object, field->name, json_string(text))
                     ? dowel_fail(&c->err, DOWEL_E_INVALID, "%s: field \"%s\": not UTF-8", table->name, field->name)
                     : 0;
        OPENSSL_cleanse(text, strlen(text));
        free(text);
        return rc;
    }
    if (*value == '@' || !strcmp(value, "-")) return dowel_field_parse(table, field, value, object, &c->err);
    dowel_fail(&c->err, DOWEL_E_INVALID,
               "%s: field \"%s\" is a secret: it must not be an argument, because other users can read arguments",
               table->name, field->name);
    dowel_error_hint(&c->err, "give @FILE, - (standard input), env:VARIABLE or prompt");
    return DOWEL_E_INVALID;
}

/* The name of the first secret in the document of an unsaved block, or NULL. `types` as in dowel_field.blocks. */
static const char *secret_in(cli *c, const char *types, const json_t *document) {
    const char *named = json_string_value(json_object_get(document, "$type"));
    const dowel_block_type *type;
    char name[64];
    snprintf(name, sizeof name, "%.*s", named ? 63 : (int)strcspn(types ? types : "", "|"),
             named   ? named
             : types ? types
                     : "");
    if (dowel_find_block_type(c->d, name, &type, NULL)) return NULL;
    for (const dowel_field *f = type->table->fields; f->name; f++) {
        const json_t *value = json_object_get(document, f->name);
        if (f->flags & DOWEL_SECRET && value && !json_is_null(value)) return f->name;
        const char *below = f->kind == DOWEL_BLOCK && json_is_object(value) ? secret_in(c, f->blocks, value) : NULL;
        if (below) return below;
    }
    return NULL;
}

/* Sets a block that an argument gives as JSON. */
static int set_document(cli *c, const dowel_table *table, const dowel_field *field, const char *value, json_t *object) {
    int rc = dowel_field_parse(table, field, value, object, &c->err);
    const char *secret = rc ? NULL : secret_in(c, field->blocks, json_object_get(object, field->name));
    if (!secret) return rc;
    json_object_del(object, field->name);
    dowel_fail(&c->err, DOWEL_E_INVALID,
               "%s: field \"%s\": \"%s\" in it is a secret: it must not be an argument, because other users can read "
               "arguments",
               table->name, field->name, secret);
    dowel_error_hint(&c->err, "save the block, or give its JSON as @FILE or - (standard input)");
    return DOWEL_E_INVALID;
}

int cli_set_field(cli *c, const dowel_table *table, const dowel_field *field, const cli_flag *flag, json_t *object) {
    bool word_follows = c->argc && (!strcmp(c->argv[0], "true") || !strcmp(c->argv[0], "false"));
    if (field->kind == DOWEL_BOOL && !flag->inline_value && !word_follows) {
        json_object_set_new(object, field->name, json_true());
        return 0;
    }
    const char *value = cli_flag_value(c, flag);
    if (!value) return c->err.code;
    bool reads = field->flags & (DOWEL_SECRET | DOWEL_MULTILINE) || field->kind == DOWEL_BYTES ||
                 field->kind == DOWEL_JSON || field->kind == DOWEL_TABLE || field->kind == DOWEL_TABLES ||
                 field->kind == DOWEL_BLOCK;
    if (reads && !strcmp(value, "-")) {
        int rc = take_input(c, field->name);
        if (rc) return rc;
    }
    if (field->kind == DOWEL_BLOCK && *value == '{') return set_document(c, table, field, value, object);
    if (field->flags & DOWEL_SECRET) return set_secret(c, table, field, value, object);
    return dowel_field_parse(table, field, value, object, &c->err);
}

int cli_unknown_flag(cli *c, const char *help, const cli_flag *flag, const dowel_table *table,
                     const char *const *others) {
    const char *names[256];
    size_t n = 0;
    for (const dowel_field *f = table ? table->fields : NULL; f && f->name && n < 200; f++)
        if (!dowel_field_c_only(f)) names[n++] = f->name;
    for (; others && *others && n < 255; others++) names[n++] = *others;
    names[n] = NULL;
    char typed[sizeof flag->name], shown[128] = "";
    snprintf(typed, sizeof typed, "%s", flag->name);
    for (char *p = typed; *p; p++)
        if (*p == '-') *p = '_';
    const char *near = dowel_nearest(typed, names);
    snprintf(shown, sizeof shown, "%s", near ? near : "");
    for (char *p = shown; *p; p++)
        if (*p == '_') *p = '-';
    return cli_usage(c, help, "unknown flag --%s%s%s%s", flag->name, near ? "; did you mean --" : "", shown,
                     near ? "?" : "");
}

int cli_read_text(cli *c, const char *flag, const char *path, dowel_sink **text) {
    dowel_source *source;
    int rc = flag && !strcmp(path, "-") ? take_input(c, flag) : 0;
    if (!rc) rc = dowel_source_file(path, &source, &c->err);
    if (rc) return rc;
    dowel_sink *sink = dowel_sink_memory(64u << 20);
    char buffer[4096];
    size_t got = 1;
    if (!sink) rc = dowel_no_memory(&c->err);
    while (!rc && got) {
        rc = dowel_source_read(source, buffer, sizeof buffer, &got, &c->err);
        if (!rc && got) rc = dowel_sink_write(sink, buffer, got, &c->err);
    }
    OPENSSL_cleanse(buffer, sizeof buffer);
    dowel_source_close(source);
    if (rc)
        dowel_sink_close(sink);
    else
        *text = sink;
    return rc;
}

static int read_object(cli *c, const char *flag, const char *path, json_t *object) {
    dowel_sink *text;
    int rc = cli_read_text(c, flag, path, &text);
    if (rc) return rc;
    const char *name = strcmp(path, "-") ? path : "standard input";
    json_t *document = NULL;
    rc = dowel_json_read(dowel_sink_bytes(text).data, dowel_sink_bytes(text).size, DOWEL_JSON_EXACT, name, &document,
                         &c->err);
    if (!rc && !json_is_object(document)) rc = dowel_fail(&c->err, DOWEL_E_INVALID, "%s: expected a JSON object", name);
    if (!rc) json_object_update(object, document);
    dowel_json_cleanse(document);
    dowel_sink_close(text);
    return rc;
}

int cli_read_file(cli *c, const char *path, json_t *object) {
    return read_object(c, NULL, path, object);
}

int cli_read_document(cli *c, const cli_flag *flag, json_t *object) {
    const char *path = cli_flag_value(c, flag);
    return path ? read_object(c, "from", path, object) : c->err.code;
}
