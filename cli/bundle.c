/* dowel block export and restore. */
#include "cli.h"

#include <dowel/stream.h>
#include <dowel/text.h>

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct inputs {
    const char *passphrase;
} inputs;

static const dowel_field fields[] = {
    {DOWEL_AT(inputs, passphrase), .kind = DOWEL_STRING, .flags = DOWEL_SECRET, .doc = "The bundle's passphrase."},
    {0}};
static const dowel_table table = {"bundle", sizeof(inputs), fields, NULL};

static const char *given_passphrase(const json_t *given) {
    return json_string_value(json_object_get(given, "passphrase"));
}

static void forget(json_t *given) {
    const char *text = given_passphrase(given);
    if (text) OPENSSL_cleanse((char *)text, strlen(text));
    json_decref(given);
}

/* Replaces the file atomically, readable only by this user. */
static int write_file(cli *c, const char *path, const json_t *value) {
    char *text = dowel_json_dump(value, JSON_INDENT(2));
    dowel_sink *sink = NULL;
    if (!text) return dowel_no_memory(&c->err);
    mode_t before = umask(077);
    int rc = dowel_sink_file(path, &sink, &c->err);
    umask(before);
    if (!rc) rc = dowel_sink_write(sink, text, strlen(text), &c->err);
    if (!rc) rc = dowel_sink_write(sink, "\n", 1, &c->err);
    if (!rc) rc = dowel_sink_commit(sink, &c->err);
    dowel_sink_close(sink);
    free(text);
    return rc;
}

typedef struct leaving {
    const char **references;
    const char *bundle, *template;
    json_t *given;
} leaving;

static int read_export(cli *c, leaving *out) {
    const cli_target targets[] = {{.name = "bundle", .text = &out->bundle},
                                  {.name = "template", .text = &out->template},
                                  {.name = "passphrase", .table = &table, .object = out->given},
                                  {.name = NULL}};
    int status = cli_read(c, targets, out->references, (size_t)c->argc);
    if (status) return status;
    if (!out->bundle == !out->template)
        return cli_usage(c, c->help, "expected either --bundle FILE or --template FILE");
    if (out->template && given_passphrase(out->given))
        return cli_usage(c, c->help, "--passphrase needs --bundle: the secrets of a template are masked");
    if (out->bundle && !given_passphrase(out->given) && cli_new_passphrase(c, out->given)) return cli_failed(c);
    return 0;
}

int cli_block_export(cli *c) {
    leaving out = {.references = calloc((size_t)c->argc + 1, sizeof *out.references), .given = json_object()};
    json_t *exported = NULL;
    int status = out.references && out.given ? read_export(c, &out) : 1;
    const char *path = out.bundle ? out.bundle : out.template;
    if (!status && (dowel_blocks_export(c->d, out.references, out.bundle ? given_passphrase(out.given) : NULL,
                                        &exported, &c->err) ||
                    write_file(c, path, exported)))
        status = cli_failed(c);
    /* Standard output gets only the file. */
    if (!status && strcmp(path, "-") != 0) cli_say_written(c, out.bundle ? "bundle" : "template", path);
    json_decref(exported);
    forget(out.given);
    free(out.references);
    return status;
}

/* Only if the file is a bundle. */
static int ask_passphrase(const json_t *exported, json_t *given) {
    if (given_passphrase(given) || !json_object_get(exported, "sealed")) return 0;
    char *typed = cli_prompt("passphrase");
    if (!typed) return 0;
    int rc = json_object_set_new(given, "passphrase", json_string(typed));
    dowel_wipe(typed);
    return rc;
}

int cli_block_restore(cli *c) {
    json_t *given = json_object(), *exported = json_object(), *saved = NULL;
    const char *path = NULL;
    bool overwrite = false;
    const cli_target targets[] = {{.name = "overwrite", .on = &overwrite},
                                  {.name = "passphrase", .table = &table, .object = given},
                                  {.name = NULL}};
    int status = cli_read(c, targets, &path, 1);
    if (!status && !path) status = cli_usage(c, c->help, "missing FILE: dowel block restore FILE");
    if (!status && cli_read_file(c, path, exported)) status = cli_failed(c);
    if (!status && path) {
        (void)ask_passphrase(exported, given);
        if (dowel_blocks_restore(c->d, exported, strcmp(path, "-") ? path : "standard input", given_passphrase(given),
                                 overwrite ? DOWEL_SAVE_OVERWRITE : DOWEL_SAVE_NEW, &saved, &c->err)) {
            if (c->err.code == DOWEL_E_EXISTS)
                dowel_error_hint(&c->err, "nothing was changed; use --overwrite to replace it");
            status = cli_failed(c);
        } else if (c->json) {
            cli_print_json(saved);
        } else {
            cli_print_table(c, saved, (const char *const[]){"block", "revision", NULL});
        }
    }
    json_decref(saved);
    dowel_json_cleanse(exported);
    forget(given);
    return status;
}
