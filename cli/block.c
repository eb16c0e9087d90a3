/* dowel block: the registry from the shell. */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TARGET "TYPE/NAME"

const cli_verb cli_block_verbs[] = {
    {.name = "types",
     .words = "",
     .doc = "lists the block types; with --json, their JSON Schemas",
     .example = "block types",
     .options = {CLI_OUTPUT_OPTIONS}},
    {.name = "save",
     .words = TARGET " [--field value ...]",
     .doc = "saves a block; `dowel block save TYPE --help` lists the type's fields",
     .example = "block save gcp-credentials/prod --service-account-file key.json",
     .options = {{"from", "FILE|-", "read fields from a JSON object; flags override them", false},
                 {"overwrite", NULL, "replace an existing block", false}},
     .own_help = true},
    {.name = "create",
     .words = TARGET " [--field value ...]",
     .doc = "saves a new block; never replaces one",
     .example = "block create gcs-bucket/landing --bucket acme-landing --credentials prod",
     .options = {{"from", "FILE|-", "read fields from a JSON object; flags override them", false}},
     .own_help = true},
    {.name = "show",
     .words = TARGET,
     .doc = "shows a block, secrets masked",
     .example = "block show gcp-credentials/prod",
     .options = {{"show-secrets", NULL, "show secrets in the clear", false}}},
    {.name = "list",
     .words = "",
     .doc = "lists the saved blocks",
     .alias = "ls",
     .example = "block list --type gcs-bucket",
     .options = {{"type", "TYPE", "list only blocks of this type", false}, CLI_OUTPUT_OPTIONS}},
    {.name = "delete",
     .words = TARGET,
     .doc = "deletes a block that no other block refers to",
     .alias = "rm",
     .example = "block delete gcs-bucket/old",
     .options = {{"force", NULL, "delete it even if other blocks refer to it", false}}},
    {.name = "rename",
     .words = TARGET " NEW-NAME",
     .doc = "gives a block another name, also in the blocks that refer to it",
     .example = "block rename gcs-bucket/landing arrivals"},
    {.name = "edit",
     .words = TARGET,
     .doc = "edits a block as JSON in $VISUAL or $EDITOR",
     .example = "block edit s3-bucket/reports"},
    {.name = "check",
     .words = TARGET,
     .doc = "asks the provider whether a block works: identity and permissions",
     .example = "block check gcp-credentials/prod"},
    {.name = "import",
     .words = "SOURCE [TYPE/NAME]",
     .doc = "saves settings of another tool as blocks; SOURCE is one of the --from flags",
     .example = "block import --from-aws-profile work --dry-run",
     .options = {{"config", "FILE|-", "the source's configuration file; default: its usual place", false},
                 {"overwrite", NULL, "replace existing blocks", false},
                 {"dry-run", NULL, "show the blocks and save nothing", false}},
     .imports = true},
    {.name = "export",
     .words = "[TYPE/NAME ...] (--bundle FILE | --template FILE)",
     .doc = "writes blocks and the blocks that they refer to into a file; without names, all blocks",
     .example = "block export --bundle blocks.bundle",
     .options = {{"bundle", "FILE", "include secrets, encrypted with a passphrase; - is standard output", true},
                 {"template", "FILE", "write readable JSON with masked secrets; - is standard output", true},
                 {"passphrase", "@FILE|-|env:VAR|prompt", "passphrase of the bundle; default: ask for it", false}}},
    {.name = "restore",
     .words = "FILE",
     .doc = "saves the blocks of a bundle, or of a template with its masks replaced: all or none",
     .example = "block restore blocks.bundle",
     .options = {{"passphrase", "@FILE|-|env:VAR|prompt", "passphrase of the bundle; default: ask for it", false},
                 {"overwrite", NULL, "replace existing blocks", false}}},
    {.name = NULL}};

static int types(cli *c) {
    dowel_builder rows = dowel_build(json_array());
    const dowel_block_type *type;
    for (size_t i = 0; (type = dowel_block_type_at(c->d, i)); i++) {
        dowel_builder row = dowel_build(json_object());
        json_t *value = NULL;
        dowel_build_text(&row, "type", type->name);
        dowel_build_text(&row, "what", type->doc ? type->doc : "");
        dowel_build_json(&row, "schema", dowel_fields_schema(type->table));
        (void)dowel_build_end(&row, &value, NULL);
        dowel_build_item(&rows, value);
    }
    json_t *list;
    if (dowel_build_end(&rows, &list, &c->err)) return cli_failed(c);
    int status = cli_list(c, list, (const char *const[]){"type", "what", NULL}, "no block types");
    json_decref(list);
    return status;
}

/* The type of "type/name" or "type". */
static int find_type(cli *c, const char *reference, const dowel_block_type **type) {
    char name[128];
    size_t length = strcspn(reference, "/");
    snprintf(name, sizeof name, "%.*s", (int)(length < 120 ? length : 120), reference);
    return dowel_find_block_type(c->d, name, type, &c->err);
}

static void save_help(cli *c, const dowel_block_type *type) {
    cli_text(c, stdout, "Usage: dowel block %s %s/NAME [--field value ...] [--from FILE|-]%s\n\n%s\n\nFields:\n",
             c->verb->name, type->name, strcmp(c->verb->name, "save") ? "" : " [--overwrite]", type->doc);
    cli_help_fields(c, type->table);
    puts("\nOther:");
    cli_help_options(c, c->verb);
    cli_text(c, stdout, "\nExample:\n  dowel block %s %s/example", c->verb->name, type->name);
    cli_help_example(type->table);
    putchar('\n');
}

static int read_fields(cli *c, const dowel_block_type *type, json_t *fields, dowel_save_mode *mode) {
    json_t *document = json_object();
    bool overwrite = false;
    int status = 0;
    cli_flag flag;
    for (cli_kind kind; !status && (kind = cli_next(c, &flag));) {
        const dowel_field *field = kind == CLI_FLAG ? dowel_field_find(type->table, flag.name) : NULL;
        int rc = 0;
        if (kind == CLI_WORD)
            status = cli_usage(c, c->help, "unexpected argument \"%.60s\"", flag.word);
        else if (field)
            rc = cli_set_field(c, type->table, field, &flag, fields);
        else if (cli_flag_is(&flag, "overwrite") && !strcmp(c->verb->name, "save"))
            rc = cli_switch(c, &flag, &overwrite);
        else if (cli_flag_is(&flag, "json"))
            rc = cli_switch(c, &flag, &c->json);
        else if (cli_flag_is(&flag, "from"))
            rc = cli_read_document(c, &flag, document);
        else
            status = cli_unknown_option(c, &flag, type->table);
        if (rc) status = cli_failed(c);
    }
    json_object_update_missing(fields, document); /* flags override, in any order */
    dowel_json_cleanse(document);
    *mode = overwrite ? DOWEL_SAVE_OVERWRITE : DOWEL_SAVE_NEW;
    return status;
}

static void say_saved(const cli *c, const char *reference, int64_t revision) {
    if (!c->json) {
        printf("saved %s (revision %lld)\n", reference, (long long)revision);
        return;
    }
    json_t *saved = json_pack("{s:s,s:I}", "block", reference, "revision", (json_int_t)revision);
    cli_print_json(saved);
    json_decref(saved);
}

static int save(cli *c) {
    cli_flag first;
    if (!c->argc || cli_next(c, &first) != CLI_WORD)
        return cli_usage(c, c->help, "missing TYPE/NAME: dowel block %s TYPE/NAME ...", c->verb->name);
    const char *reference = first.word;
    const dowel_block_type *type;
    if (find_type(c, reference, &type)) return cli_failed(c);
    snprintf(c->help, sizeof c->help, "dowel block %s %s --help", c->verb->name, type->name);
    if (cli_wants_help(c)) {
        save_help(c, type);
        return 0;
    }
    if (!strchr(reference, '/')) return cli_usage(c, c->help, "\"%.60s\" has no name: expected TYPE/NAME", reference);
    dowel_save_mode mode;
    json_t *fields = json_object();
    int status = read_fields(c, type, fields, &mode);
    int64_t revision;
    if (!status && (cli_take_url(c, type, fields) || cli_fill_defaults(c, type, fields))) status = cli_failed(c);
    if (!status) {
        if (dowel_block_save(c->d, reference, fields, mode, &revision, &c->err)) {
            if (c->err.code == DOWEL_E_EXISTS)
                dowel_error_hint(&c->err, strcmp(c->verb->name, "save") ? "`dowel block save --overwrite` replaces it"
                                                                        : "use --overwrite to replace it");
            status = cli_failed(c);
        } else {
            cli_note_paths(c, reference, fields);
            say_saved(c, reference, revision);
        }
    }
    dowel_json_cleanse(fields);
    return status;
}

/* No block has that name: suggests the nearest one, with its type. */
static int unknown_name(cli *c, const char *given, const json_t *blocks) {
    const char **names = calloc(json_array_size(blocks) + 1, sizeof *names), *near = NULL, *type = NULL;
    size_t i;
    json_t *block;
    json_array_foreach(blocks, i, block) if (names) names[i] = json_string_value(json_object_get(block, "name"));
    if (names) near = dowel_nearest(given, names);
    json_array_foreach(blocks, i, block) if (near && names[i] == near) type =
        json_string_value(json_object_get(block, "type"));
    dowel_fail(&c->err, DOWEL_E_NOT_FOUND, "no block \"%.100s\"%s%s%s%s%s", given, near ? "; did you mean \"" : "",
               near ? type : "", near ? "/" : "", near ? near : "", near ? "\"?" : "");
    if (!near) dowel_error_hint(&c->err, "`dowel block list` shows the saved blocks");
    free(names);
    return DOWEL_E_NOT_FOUND;
}

/* A name without a type is enough if it is unique. */
static int complete_reference(cli *c, const char *given, char reference[160]) {
    snprintf(reference, 160, "%s", given);
    if (strchr(given, '/')) return 0;
    json_t *blocks;
    int rc = dowel_block_list(c->d, NULL, &blocks, &c->err), found = 0;
    if (rc) return rc;
    char candidates[512] = "";
    size_t i, used = 0;
    json_t *block;
    json_array_foreach(blocks, i, block) {
        const char *name = json_string_value(json_object_get(block, "name")),
                   *type = json_string_value(json_object_get(block, "type"));
        if (!name || !type || strcmp(name, given)) continue;
        if (!found++) snprintf(reference, 160, "%s/%s", type, name);
        int size = snprintf(candidates + used, sizeof candidates - used, "%s%s/%s", used ? ", " : "", type, name);
        if (size > 0 && used + (size_t)size < sizeof candidates) used += (size_t)size;
    }
    if (!found) rc = unknown_name(c, given, blocks);
    json_decref(blocks);
    if (found > 1) {
        rc = dowel_fail(&c->err, DOWEL_E_INVALID, "several blocks are called \"%.100s\": %s", given, candidates);
        dowel_error_hint(&c->err, "add the type: TYPE/NAME");
    }
    return rc;
}

static int show(cli *c, const char *reference, bool secrets) {
    json_t *shown;
    if (dowel_block_show(c->d, reference, secrets ? DOWEL_SECRETS_SHOWN : DOWEL_SECRETS_MASKED, &shown, &c->err))
        return cli_failed(c);
    if (c->json) {
        cli_print_json(shown);
    } else {
        json_t *document = json_incref(json_object_get(shown, "document"));
        json_object_del(shown, "document");
        cli_print_value(c, shown);
        cli_references(document);
        putchar('\n');
        cli_print_value(c, document);
        dowel_json_cleanse(document);
    }
    dowel_json_cleanse(shown);
    return 0;
}

static int list(cli *c, const char *type) {
    json_t *blocks;
    const dowel_block_type *known;
    if (type && dowel_find_block_type(c->d, type, &known, &c->err)) return cli_failed(c);
    if (dowel_block_list(c->d, type, &blocks, &c->err)) return cli_failed(c);
    int status = cli_list(c, blocks, (const char *const[]){"type", "name", "revision", "updated", "source", NULL},
                          type ? "no blocks of this type yet" : "no blocks yet");
    json_decref(blocks);
    return status;
}

/* An unchanged mask keeps the secret. */
static void keep_masked(json_t *edited, const json_t *masked, const json_t *whole) {
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(edited, next, key, value) {
        json_t *mask = json_object_get(masked, key), *secret = json_object_get(whole, key);
        if (!mask || !secret) continue;
        if (json_equal(value, mask) && !json_equal(mask, secret))
            json_object_set(edited, key, secret);
        else if (json_is_object(value))
            keep_masked(value, mask, secret);
    }
}

static int run_editor(cli *c, const char *path) {
    const char *editor = getenv("VISUAL");
    if (!editor || !*editor) editor = getenv("EDITOR");
    if (!editor || !*editor) editor = "vi";
    pid_t child = fork();
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        execl("/bin/sh", "sh", "-c", "exec $0 \"$1\"", editor, path, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    /* Ctrl-C is for the editor while it runs. */
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGINT, &ignore, &before);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    sigaction(SIGINT, &before, NULL);
    if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
        return dowel_fail(&c->err, DOWEL_E_IO, "the editor (%s) failed; nothing was changed", editor);
    return 0;
}

/* Another process may have saved the block while the editor was open. */
static int still_the_same(cli *c, const char *reference, const json_t *revision) {
    json_t *now;
    int rc = dowel_block_show(c->d, reference, DOWEL_SECRETS_MASKED, &now, &c->err);
    if (rc) return rc;
    if (!json_equal(json_object_get(now, "revision"), revision))
        rc = dowel_fail(&c->err, DOWEL_E_CONFLICT, "block %s was changed by another process meanwhile", reference);
    json_decref(now);
    return rc;
}

static int edit(cli *c, const char *reference) {
    json_t *shown = NULL, *full = NULL;
    if (dowel_block_show(c->d, reference, DOWEL_SECRETS_MASKED, &shown, &c->err)) return cli_failed(c);
    int rc = dowel_block_show(c->d, reference, DOWEL_SECRETS_SHOWN, &full, &c->err);
    json_t *masked = json_object_get(shown, "document"), *whole = json_object_get(full, "document");
    const char *folder = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/dowel-edit-XXXXXX.json", folder && *folder ? folder : "/tmp");
    int fd = rc ? -1 : mkstemps(path, 5);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!rc && !file) rc = dowel_fail(&c->err, DOWEL_E_IO, "cannot write %s: %s", path, strerror(errno));
    if (file) {
        char *text = dowel_json_dump(masked, JSON_INDENT(2));
        bool written = text && fprintf(file, "%s\n", text) > 0;
        free(text);
        if (fclose(file) || !written)
            rc = dowel_fail(&c->err, DOWEL_E_IO, "cannot write %s: %s", path, strerror(errno));
    }
    if (!rc) rc = run_editor(c, path);
    json_t *edited = json_object();
    bool read = !rc;
    if (!rc) rc = cli_read_file(c, path, edited);
    int64_t revision = 0;
    bool same = !rc && json_equal(edited, masked);
    if (!rc && !same) {
        keep_masked(edited, masked, whole);
        rc = still_the_same(c, reference, json_object_get(shown, "revision"));
    }
    if (!rc && !same) {
        rc = dowel_block_save(c->d, reference, edited, DOWEL_SAVE_OVERWRITE, &revision, &c->err);
    }
    if (rc && read)
        dowel_error_hint(&c->err, "nothing was changed; your text is in %s", path);
    else if (file)
        unlink(path);
    if (!rc && !same) cli_note_paths(c, reference, edited);
    if (!rc && same)
        printf("%s: unchanged\n", reference);
    else if (!rc)
        say_saved(c, reference, revision);
    dowel_json_cleanse(edited);
    json_decref(shown);
    dowel_json_cleanse(full);
    return rc ? cli_failed(c) : 0;
}

static int delete_block(cli *c, const char *reference, bool force) {
    if (dowel_block_delete(c->d, reference, force, &c->err)) return cli_failed(c);
    if (c->json) {
        json_t *deleted = json_pack("{s:s,s:b}", "block", reference, "deleted", 1);
        cli_print_json(deleted);
        json_decref(deleted);
    } else {
        printf("deleted %s\n", reference);
    }
    return 0;
}

static int rename_block(cli *c) {
    const char *words[2] = {NULL, NULL};
    json_t *rewritten = NULL, *one;
    size_t i;
    int status = cli_read(c, (const cli_target[]){{.name = NULL}}, words, 2);
    if (status) return status;
    if (!words[1]) return cli_usage(c, c->help, "missing NEW-NAME: dowel block rename TYPE/NAME NEW-NAME");
    char from[160], to[160];
    if (complete_reference(c, words[0], from)) return cli_failed(c);
    if (strchr(words[1], '/'))
        snprintf(to, sizeof to, "%s", words[1]);
    else
        snprintf(to, sizeof to, "%.*s/%s", (int)strcspn(from, "/"), from, words[1]);
    if (dowel_block_rename(c->d, from, to, &rewritten, &c->err)) return cli_failed(c);
    if (c->json) {
        json_t *renamed = json_pack("{s:s,s:s,s:O}", "block", to, "renamed_from", from, "rewritten", rewritten);
        cli_print_json(renamed);
        json_decref(renamed);
    } else {
        printf("renamed %s to %s\n", from, to);
        json_array_foreach(rewritten, i, one) printf("%s refers to it by the new name\n", json_string_value(one));
    }
    json_decref(rewritten);
    return 0;
}

/* The verbs that take one block, or a type. */
static int one_block(cli *c) {
    const char *verb = c->verb->name, *name = NULL, *type = NULL;
    bool force = false, secrets = false, lists = !strcmp(verb, "list");
    /* Each verb accepts only the flags in its table. */
    const cli_target list_targets[] = {{.name = "type", .text = &type}, {.name = NULL}},
                     show_targets[] = {{.name = "show-secrets", .on = &secrets}, {.name = NULL}},
                     delete_targets[] = {{.name = "force", .on = &force}, {.name = NULL}}, none[] = {{.name = NULL}};
    int status = cli_read(c,
                          lists                     ? list_targets
                          : !strcmp(verb, "show")   ? show_targets
                          : !strcmp(verb, "delete") ? delete_targets
                                                    : none,
                          &name, strcmp(verb, "types") != 0);
    if (status) return status;
    if (!strcmp(verb, "types")) return types(c);
    if (lists) return list(c, type ? type : name);
    if (!name) return cli_usage(c, c->help, "missing TYPE/NAME: dowel block %s TYPE/NAME", verb);
    char reference[160];
    if (complete_reference(c, name, reference)) return cli_failed(c);
    if (!strcmp(verb, "show")) return show(c, reference, secrets);
    if (!strcmp(verb, "edit")) return edit(c, reference);
    if (!strcmp(verb, "check")) return cli_block_check(c, reference);
    return delete_block(c, reference, force);
}

int cli_block(cli *c) {
    int status;
    if (!cli_read_verb(c, cli_find_command("block"), &status)) return status;
    if (cli_open(c)) return cli_failed(c);
    static const struct {
        const char *verb;
        int (*run)(cli *);
    } own[] = {{"save", save},
               {"create", save},
               {"rename", rename_block},
               {"import", cli_block_import},
               {"export", cli_block_export},
               {"restore", cli_block_restore}};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (!strcmp(own[i].verb, c->verb->name)) return own[i].run(c);
    return one_block(c);
}
