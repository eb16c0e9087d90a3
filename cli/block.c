/* dowel block: the registry from the shell. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const usage =
    "Usage: dowel block types [--json]\n"
    "       dowel block save TYPE/NAME [--field value ...] [--from FILE|-] [--overwrite]\n"
    "       dowel block show TYPE/NAME [--json] [--show-secrets]\n"
    "       dowel block list [--type TYPE] [--json]\n"
    "       dowel block delete TYPE/NAME [--force]\n"
    "       dowel block edit TYPE/NAME\n\n"
    "Secrets are given as @FILE, - (standard input), env:VARIABLE or prompt, never as they are: arguments can be seen "
    "by others.\n"
    "`dowel block save TYPE --help` lists a type's fields.\n\n"
    "Examples:\n"
    "  dowel block save gcp-credentials/prod --service-account-file key.json\n"
    "  dowel block save aws-credentials/prod --access-key-id AKIA... --secret-access-key prompt --region eu-west-1\n"
    "  dowel block save s3-bucket/reports --bucket reports --credentials prod\n";

static int types(cli *c) {
    json_t *rows = json_array();
    const dowel_block_type *type;
    for (size_t i = 0; (type = dowel_block_type_at(c->d, i)); i++) {
        json_t *row = json_pack("{s:s,s:s}", "type", type->name, "what", type->doc ? type->doc : "");
        if (c->json) json_object_set_new(row, "schema", dowel_fields_schema(type->table));
        json_array_append_new(rows, row);
    }
    if (c->json)
        cli_print_json(rows);
    else
        cli_print_table(c, rows, NULL);
    json_decref(rows);
    return 0;
}

/* The type of "type/name" or "type". */
static int find_type(cli *c, const char *reference, const dowel_block_type **type) {
    char name[128];
    size_t length = strcspn(reference, "/");
    snprintf(name, sizeof name, "%.*s", (int)(length < 120 ? length : 120), reference);
    return dowel_find_block_type(c->d, name, type, &c->err);
}

static int save(cli *c) {
    if (!c->argc) return cli_usage("dowel block --help", "dowel block save TYPE/NAME");
    const char *reference = *c->argv++;
    c->argc--;
    const dowel_block_type *type;
    if (find_type(c, reference, &type)) return cli_failed(c);
    if (cli_wants_help(c)) {
        printf("Usage: dowel block save %s/NAME [--field value ...] [--from FILE|-] [--overwrite]\n\n%s\n\nFields:\n",
               type->name, type->doc);
        cli_help_fields(c, type->table);
        return 0;
    }
    if (!strchr(reference, '/')) return cli_usage("dowel block --help", "\"%.60s\" has no name: TYPE/NAME", reference);
    dowel_save_mode mode = DOWEL_SAVE_NEW;
    json_t *document = json_object();
    int status = 0;
    cli_flag flag;
    while (c->argc && !status) {
        int rc = 0;
        const dowel_field *field;
        if (!cli_next_flag(c, &flag)) {
            status = cli_usage("dowel block --help", "\"%.60s\" is not a flag", c->argv[0]);
        } else if ((field = dowel_field_find(type->table, flag.name))) {
            rc = cli_set_field(c, type->table, field, &flag, document);
        } else if (!strcmp(flag.name, "overwrite")) {
            mode = DOWEL_SAVE_OVERWRITE;
        } else if (!strcmp(flag.name, "json")) {
            c->json = true;
        } else if (!strcmp(flag.name, "from")) {
            const char *path = cli_flag_value(c, &flag);
            rc = path ? cli_read_document(c, path, document)
                      : dowel_fail(&c->err, DOWEL_E_INVALID, "--from needs a file");
        } else {
            status = cli_unknown_flag("dowel block --help", &flag, type->table,
                                      (const char *const[]){"overwrite", "from", "json", NULL});
        }
        if (rc) status = cli_failed(c);
    }
    int64_t revision;
    if (!status) {
        if (dowel_block_save(c->d, reference, document, mode, &revision, &c->err)) {
            if (c->err.code == DOWEL_E_EXISTS) dowel_error_hint(&c->err, "--overwrite replaces it");
            status = cli_failed(c);
        } else if (c->json) {
            printf("{\"block\": \"%s\", \"revision\": %lld}\n", reference, (long long)revision);
        } else {
            printf("saved %s (revision %lld)\n", reference, (long long)revision);
        }
    }
    json_decref(document);
    return status;
}

/* A name alone is enough where it is unique. */
static int complete_reference(cli *c, const char *given, char reference[160]) {
    snprintf(reference, 160, "%s", given);
    if (strchr(given, '/')) return 0;
    json_t *blocks;
    int rc = dowel_block_list(c->d, NULL, &blocks, &c->err), found = 0;
    if (rc) return rc;
    size_t i;
    json_t *block;
    json_array_foreach(blocks, i, block) {
        const char *name = json_string_value(json_object_get(block, "name")),
                   *type = json_string_value(json_object_get(block, "type"));
        if (!name || !type || strcmp(name, given)) continue;
        if (!found++) snprintf(reference, 160, "%s/%s", type, name);
    }
    json_decref(blocks);
    if (!found) rc = dowel_fail(&c->err, DOWEL_E_NOT_FOUND, "no block \"%.100s\"", given);
    if (found > 1)
        rc = dowel_fail(&c->err, DOWEL_E_INVALID, "several blocks are called \"%.100s\": give TYPE/NAME", given);
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
        cli_print_value(c, shown, NULL);
        const char *key;
        json_t *value;
        json_object_foreach(document, key, value) {
            const char *block = json_string_value(json_object_get(value, "$block"));
            if (block) json_object_set_new(document, key, json_string(block));
        }
        putchar('\n');
        cli_print_value(c, document, NULL);
        json_decref(document);
    }
    json_decref(shown);
    return 0;
}

static int list(cli *c, const char *type) {
    json_t *blocks;
    if (dowel_block_list(c->d, type, &blocks, &c->err)) return cli_failed(c);
    if (c->json)
        cli_print_json(blocks);
    else if (!json_array_size(blocks))
        puts("no blocks yet");
    else
        cli_print_table(c, blocks, (const char *const[]){"type", "name", "revision", "updated", "source", NULL});
    json_decref(blocks);
    return 0;
}

/* Masks that were left as they are mean: keep the secret. */
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
        execl("/bin/sh", "sh", "-c", "exec $0 \"$1\"", editor, path, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
        return dowel_fail(&c->err, DOWEL_E_IO, "the editor (%s) failed; nothing was changed", editor);
    return 0;
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
        json_dumpf(masked, file, JSON_INDENT(2));
        fputc('\n', file);
        if (fclose(file)) rc = dowel_fail(&c->err, DOWEL_E_IO, "cannot write %s: %s", path, strerror(errno));
    }
    if (!rc) rc = run_editor(c, path);
    json_t *edited = json_object();
    bool read = !rc;
    if (!rc) rc = cli_read_document(c, path, edited);
    int64_t revision = 0;
    bool same = !rc && json_equal(edited, masked);
    if (!rc && !same) {
        keep_masked(edited, masked, whole);
        rc = dowel_block_save(c->d, reference, edited, DOWEL_SAVE_OVERWRITE, &revision, &c->err);
    }
    if (rc && read)
        dowel_error_hint(&c->err, "nothing was changed; your text is in %s", path);
    else if (file)
        unlink(path);
    if (!rc) {
        if (same)
            printf("%s: unchanged\n", reference);
        else
            printf("saved %s (revision %lld)\n", reference, (long long)revision);
    }
    json_decref(edited);
    json_decref(shown);
    json_decref(full);
    return rc ? cli_failed(c) : 0;
}

int cli_block(cli *c) {
    static const char *const verbs[] = {"types", "save", "show", "list", "delete", "edit", NULL};
    if (!c->argc || !strcmp(c->argv[0], "--help") || !strcmp(c->argv[0], "-h")) {
        fputs(usage, c->argc ? stdout : stderr);
        return c->argc ? 0 : 2;
    }
    const char *verb = *c->argv++;
    c->argc--;
    if (cli_wants_help(c) && strcmp(verb, "save")) {
        fputs(usage, stdout);
        return 0;
    }
    if (cli_open(c)) return cli_failed(c);
    if (!strcmp(verb, "save")) return save(c);
    const char *name = NULL, *type = NULL;
    bool force = false, secrets = false;
    cli_flag flag;
    while (c->argc) {
        if (!cli_next_flag(c, &flag)) {
            if (name) return cli_usage("dowel block --help", "\"%.60s\" is too much", c->argv[0]);
            name = *c->argv++;
            c->argc--;
        } else if (!strcmp(flag.name, "json"))
            c->json = true;
        else if (!strcmp(flag.name, "force"))
            force = true;
        else if (!strcmp(flag.name, "show-secrets"))
            secrets = true;
        else if (!strcmp(flag.name, "type"))
            type = cli_flag_value(c, &flag);
        else
            return cli_unknown_flag("dowel block --help", &flag, NULL,
                                    (const char *const[]){"json", "force", "show_secrets", "type", NULL});
    }
    if (!strcmp(verb, "types")) return types(c);
    if (!strcmp(verb, "list")) return list(c, type ? type : name);
    bool is_show = !strcmp(verb, "show"), is_delete = !strcmp(verb, "delete"), is_edit = !strcmp(verb, "edit");
    if (!is_show && !is_delete && !is_edit) {
        const char *near = dowel_nearest(verb, verbs);
        return cli_usage("dowel block --help", "no command \"block %.60s\"%s%s%s", verb,
                         near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (!name) return cli_usage("dowel block --help", "which block? TYPE/NAME");
    char reference[160];
    if (complete_reference(c, name, reference)) return cli_failed(c);
    if (is_show) return show(c, reference, secrets);
    if (is_edit) return edit(c, reference);
    if (dowel_block_delete(c->d, reference, force, &c->err)) return cli_failed(c);
    printf("deleted %s\n", reference);
    return 0;
}
