/* dowel block import: the blocks that people have already, with other tools. */
#include "cli.h"

#include <dowel/import.h>

#include <stdlib.h>
#include <string.h>

typedef struct importing {
    dowel_import_request request;
    const dowel_import_source *source; /* NULL: none given yet */
    const char *given;                 /* the value of its flag */
    const char *flag;                  /* "from-gcloud" */
    const char *config;
    const char *reference; /* TYPE/NAME, or a name alone */
    bool overwrite, dry_run;
    dowel_sink *text;
    char name[128], type[64];
} importing;

/* The values of the sources' flags; the targets of the verb's other options come first. */
typedef struct source_flags {
    size_t count;
    const char **given;
    cli_target *targets;
} source_flags;

enum { OTHER_OPTIONS = 3 };

static int make_flags(cli *c, importing *in, source_flags *f) {
    const cli_option *o = NULL;
    while (dowel_import_source_at(c->d, f->count)) f->count++;
    f->given = calloc(f->count + 1, sizeof *f->given);
    f->targets = calloc(OTHER_OPTIONS + f->count + 1, sizeof *f->targets);
    if (!f->given || !f->targets) return dowel_no_memory(&c->err);
    f->targets[0] = (cli_target){.name = "config", .text = &in->config};
    f->targets[1] = (cli_target){.name = "overwrite", .on = &in->overwrite};
    f->targets[2] = (cli_target){.name = "dry-run", .on = &in->dry_run};
    for (size_t i = 0; i < f->count; i++) {
        o = cli_next_option(c, c->verb, o); /* the flags of the sources come first, in the order of the sources */
        if (!o) return dowel_no_memory(&c->err);
        f->targets[OTHER_OPTIONS + i] = (cli_target){.name = o->name, .text = &f->given[i]};
    }
    return 0;
}

/* Exit status. */
static int choose_source(cli *c, importing *in, const source_flags *f) {
    for (size_t i = 0; i < f->count; i++) {
        const char *flag = f->targets[OTHER_OPTIONS + i].name;
        if (!f->given[i]) continue;
        if (in->source)
            return cli_usage(c, c->help, "--%s and --%s are both given; import from one source at a time", in->flag,
                             flag);
        in->given = f->given[i];
        in->flag = flag;
        in->source = dowel_import_source_at(c->d, i);
    }
    if (!in->source) return cli_usage(c, c->help, "no source given, such as --from-aws-profile PROFILE");
    if (in->config && !in->source->config) return cli_usage(c, c->help, "--%s takes no --config", in->flag);
    return 0;
}

/* Exit status. */
static int read_flags(cli *c, importing *in) {
    source_flags f = {0};
    int status = make_flags(c, in, &f) ? cli_failed(c) : cli_read(c, f.targets, &in->reference, 1);
    if (!status) status = choose_source(c, in, &f);
    free(f.given);
    free(f.targets);
    return status;
}

static int read_file(cli *c, importing *in, const char *flag, const char *path) {
    int rc = cli_read_text(c, flag, path, &in->text);
    if (rc) return rc;
    in->request.text = dowel_sink_bytes(in->text).data;
    in->request.size = dowel_sink_bytes(in->text).size;
    if (!in->request.text) in->request.text = "";
    in->request.origin = strcmp(path, "-") ? path : "standard input";
    return 0;
}

static int read_variable(cli *c, importing *in, const char *name) {
    const char *prefix = in->source->variable;
    in->request.text = getenv(name);
    in->request.origin = name;
    if (!in->request.text || !*in->request.text)
        return dowel_fail(&c->err, DOWEL_E_INVALID, "--%s: the variable %s is not set", in->flag, name);
    in->request.size = strlen(in->request.text);
    if (prefix && !strncmp(name, prefix, strlen(prefix))) in->request.which = name + strlen(prefix);
    return 0;
}

/* Arguments are visible to other users, so a text with a secret in it is never one. */
static int read_secret(cli *c, importing *in) {
    const char *given = in->given, *prefix = in->source->variable;
    if (!strncmp(given, "env:", 4)) return read_variable(c, in, given + 4);
    if (*given == '@') return read_file(c, in, in->flag, given + 1);
    if (!strcmp(given, "-")) return read_file(c, in, in->flag, given);
    dowel_fail(&c->err, DOWEL_E_INVALID,
               "--%s: the text holds a secret and must not be an argument, because other users can read arguments",
               in->flag);
    if (prefix)
        dowel_error_hint(&c->err, "give @FILE, - (standard input) or env:VARIABLE, such as env:%sMAIN", prefix);
    else
        dowel_error_hint(&c->err, "give @FILE, - (standard input) or env:VARIABLE");
    return DOWEL_E_INVALID;
}

static int prepare(cli *c, importing *in) {
    if (in->reference) {
        const char *slash = strchr(in->reference, '/');
        snprintf(in->type, sizeof in->type, "%.*s", slash ? (int)(slash - in->reference) : 0, in->reference);
        snprintf(in->name, sizeof in->name, "%.120s", slash ? slash + 1 : in->reference);
        in->request.name = in->name;
        const dowel_block_type *type;
        if (*in->type && dowel_find_block_type(c->d, in->type, &type, &c->err)) return c->err.code;
        /* Importers make names of what other tools allow; who says a name gets that one. */
        size_t length = strlen(in->name), good = strspn(in->name, "abcdefghijklmnopqrstuvwxyz0123456789-");
        if (!length || good != length || length > 63 || *in->name == '-' || in->name[length - 1] == '-')
            return dowel_fail(&c->err, DOWEL_E_INVALID,
                              "\"%.70s\" is not a block name: use up to 63 of a-z, 0-9, and - between them", in->name);
    }
    in->request.which = in->source->input == DOWEL_IMPORT_NAMED ? in->given : NULL;
    if (in->source->input == DOWEL_IMPORT_FILE) return read_file(c, in, in->flag, in->given);
    if (in->source->input == DOWEL_IMPORT_SECRET) return read_secret(c, in);
    return in->config ? read_file(c, in, "config", in->config) : 0;
}

/* Blocks of the import refer to one another, and to what is saved. */
typedef struct checking {
    cli *c;
    const json_t *blocks;
    int depth;
} checking;

static int make_block(checking *k, const char *reference, const json_t *document, dowel_block **block,
                      dowel_error *err);

static int by_name(void *context, const char *reference, const char *types, dowel_block **block, dowel_error *err) {
    checking *k = context;
    size_t i;
    json_t *entry;
    json_array_foreach((json_t *)k->blocks, i, entry) {
        if (!strcmp(json_string_value(json_object_get(entry, "block")), reference))
            return make_block(k, reference, json_object_get(entry, "document"), block, err);
    }
    const dowel_resolver *saved = dowel_get_resolver(k->c->d);
    return saved->by_name(saved->context, reference, types, block, err);
}

static int by_document(void *context, const json_t *document, const char *types, dowel_block **block,
                       dowel_error *err) {
    const dowel_resolver *saved = dowel_get_resolver(((checking *)context)->c->d);
    return saved->by_document(saved->context, document, types, block, err);
}

/* The whole block, with every rule that saving it would apply. */
static int make_block(checking *k, const char *reference, const json_t *document, dowel_block **block,
                      dowel_error *err) {
    const dowel_resolver resolver = {by_name, by_document, k, NULL};
    const dowel_block_type *type;
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(reference, "/"), reference);
    int rc = dowel_find_block_type(k->c->d, name, &type, err);
    if (!rc && ++k->depth > 16)
        rc = dowel_fail(err, DOWEL_E_INVALID, "block %s: the references form a cycle", reference);
    if (!rc) rc = dowel_block_new(type, NULL, document, &resolver, block, err);
    k->depth--;
    if (!rc && type->size >= offsetof(dowel_block_type, check_save) + sizeof type->check_save && type->check_save) {
        rc = type->check_save(k->c->d, *block, err);
        if (rc) dowel_block_free(*block);
    }
    return rc;
}

/* Each document as it would be saved; a mistake in one is found here, before anything is. */
static int check_blocks(cli *c, const importing *in, const json_t *blocks, json_t *masked) {
    size_t i, count = json_array_size(blocks);
    json_t *entry;
    json_array_foreach((json_t *)blocks, i, entry) {
        char name[128];
        const char *reference = json_string_value(json_object_get(entry, "block"));
        const json_t *document = json_object_get(entry, "document");
        snprintf(name, sizeof name, "%.*s", (int)strcspn(reference, "/"), reference);
        if (i + 1 == count && *in->type && strcmp(in->type, name) != 0)
            return dowel_fail(&c->err, DOWEL_E_INVALID, "--%s gives a block of type %s, not %s", in->flag, name,
                              in->type);
        const dowel_block_type *type;
        dowel_record *record;
        dowel_block *block = NULL;
        checking k = {c, blocks, 0};
        int rc = dowel_find_block_type(c->d, name, &type, &c->err);
        if (!rc) rc = dowel_record_decode(type->table, document, NULL, &record, &c->err);
        if (rc) return rc;
        dowel_record_free(record);
        if (in->dry_run) rc = make_block(&k, reference, document, &block, &c->err);
        dowel_block_free(block);
        if (rc) return rc;
        json_array_append_new(
            masked, json_pack("{s:s,s:o}", "block", reference, "document", dowel_fields_mask(type->table, document)));
    }
    return 0;
}

static void print_warnings(const cli *c, const json_t *warnings) {
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)warnings, i, one) {
        char *text = dowel_printable(json_string_value(one), false);
        fprintf(stderr, "%s: warning: %s\n", c->program, text ? text : "");
        free(text);
    }
}

static void print_masked(cli *c, const json_t *masked, const json_t *warnings) {
    size_t i;
    json_t *entry;
    if (c->json) {
        json_t *all = json_pack("{s:O,s:O}", "blocks", (json_t *)masked, "warnings", (json_t *)warnings);
        cli_print_json(all);
        json_decref(all);
        return;
    }
    json_array_foreach((json_t *)masked, i, entry) {
        json_t *document = json_object_get(entry, "document");
        cli_references(document);
        printf("%s%s\n", i ? "\n" : "", json_string_value(json_object_get(entry, "block")));
        cli_print_value(c, document);
    }
    puts("\nnothing was saved");
}

static void print_saved(cli *c, const json_t *saved, const json_t *warnings) {
    size_t i;
    json_t *entry;
    if (c->json) {
        json_t *all = json_pack("{s:O,s:O}", "blocks", (json_t *)saved, "warnings", (json_t *)warnings);
        cli_print_json(all);
        json_decref(all);
        return;
    }
    json_array_foreach((json_t *)saved, i, entry) {
        printf("saved %s (revision %lld)\n", json_string_value(json_object_get(entry, "block")),
               (long long)json_integer_value(json_object_get(entry, "revision")));
    }
}

int cli_block_import(cli *c) {
    importing in = {0};
    json_t *imported = NULL, *saved = NULL, *masked = json_array();
    int status = read_flags(c, &in);
    if (status || !in.source) {
        json_decref(masked);
        return status;
    }
    int rc = prepare(c, &in);
    if (!rc) rc = dowel_import(c->d, in.source->name, &in.request, &imported, &c->err);
    const json_t *blocks = json_object_get(imported, "blocks"), *warnings = json_object_get(imported, "warnings");
    if (!rc) rc = check_blocks(c, &in, blocks, masked);
    if (!rc && !in.dry_run)
        rc = dowel_blocks_save(c->d, blocks, in.overwrite ? DOWEL_SAVE_OVERWRITE : DOWEL_SAVE_NEW, &saved, &c->err);
    if (rc == DOWEL_E_EXISTS)
        dowel_error_hint(&c->err, "use --overwrite to replace it, or give another name; nothing was saved");
    if (!rc && !c->json) print_warnings(c, warnings);
    size_t i;
    json_t *entry;
    json_array_foreach(saved, i, entry) cli_note_paths(c, json_string_value(json_object_get(entry, "block")),
                                                       json_object_get(json_array_get(blocks, i), "document"));
    if (!rc && in.dry_run) print_masked(c, masked, warnings);
    if (!rc && saved) print_saved(c, saved, warnings);
    json_decref(saved);
    json_decref(masked);
    dowel_import_free(imported);
    dowel_sink_close(in.text);
    return rc ? cli_failed(c) : 0;
}
