/* dowel key: the keys that seal the registry's secrets. */
#include "cli.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

const cli_verb cli_key_verbs[] = {
    {.name = "show-id",
     .words = "",
     .doc = "lists the keys (the first seals, all open) and how many blocks and handles of runs each has sealed",
     .example = "key show-id"},
    {.name = "add",
     .words = "",
     .doc = "adds a key that only opens: the given one, or a new one",
     .example = "key add --key @old-key",
     .options = {{"key", "@FILE|-|env:VAR|prompt", "the key in base64 or hexadecimal", false}}},
    {.name = "rotate",
     .words = "",
     .doc = "seals everything again with a new or an added key; run it again if it was interrupted",
     .example = "key rotate",
     .options = {{"to", "KEY", "id of an added key; default: create a new key", false}}},
    {.name = "protect",
     .words = "",
     .doc = "encrypts the key file with a passphrase, or decrypts it",
     .example = "key protect",
     .options = {{"passphrase", "@FILE|-|env:VAR|prompt", "the passphrase; default: ask for it", false},
                 {"remove", NULL, "store the keys without a passphrase", false}}},
    {.name = NULL}};

typedef struct inputs {
    const char *key, *passphrase;
} inputs;

static const dowel_field fields[] = {
    {DOWEL_AT(inputs, key), .kind = DOWEL_STRING, .flags = DOWEL_SECRET | DOWEL_MULTILINE, .doc = "A sealing key."},
    {DOWEL_AT(inputs, passphrase), .kind = DOWEL_STRING, .flags = DOWEL_SECRET, .doc = "A passphrase."},
    {0}};
static const dowel_table table = {"key", sizeof(inputs), fields, NULL};

static void say(cli *c, json_t *value) {
    if (c->json)
        cli_print_json(value);
    else
        cli_print_value(c, value);
    json_decref(value);
}

static int show_id(cli *c) {
    json_t *keys, *origin = NULL;
    if (dowel_keys_show(c->d, &keys, &origin, &c->err)) return cli_failed(c);
    if (c->json) {
        say(c, json_pack("{s:o,s:o}", "origin", origin, "keys", keys));
        return 0;
    }
    if (json_array_size(keys))
        cli_print_table(c, keys, (const char *const[]){"id", "use", "blocks", "handles", NULL});
    else
        printf("no key yet; saving the first block creates %s\n", json_string_value(origin));
    json_decref(keys);
    json_decref(origin);
    return 0;
}

static int add(cli *c, const json_t *given) {
    json_t *id;
    if (dowel_keys_add(c->d, json_string_value(json_object_get(given, "key")), &id, &c->err)) return cli_failed(c);
    say(c, json_pack("{s:o}", "added", id));
    return 0;
}

static int rotate(cli *c, const char *to) {
    json_t *report;
    if (dowel_keys_rotate(c->d, to, &report, &c->err)) return cli_failed(c);
    say(c, report);
    return 0;
}

static int protect(cli *c, json_t *given, bool remove) {
    if (remove && json_object_size(given)) return cli_usage(c, c->help, "--passphrase and --remove exclude each other");
    if (!remove && !json_object_size(given) && cli_new_passphrase(c, given)) return cli_failed(c);
    const char *passphrase = remove ? NULL : json_string_value(json_object_get(given, "passphrase"));
    if (!remove && (!passphrase || !*passphrase)) {
        dowel_fail(&c->err, DOWEL_E_INVALID, "the passphrase is empty");
        return cli_failed(c);
    }
    if (dowel_keys_protect(c->d, passphrase, &c->err)) return cli_failed(c);
    say(c, json_pack("{s:b}", "protected", !remove));
    return 0;
}

int cli_key(cli *c) {
    int status;
    if (!cli_read_verb(c, cli_find_command("key"), &status)) return status;
    const char *verb = c->verb->name, *to = NULL;
    bool remove = false;
    json_t *given = json_object();
    const cli_target adding[] = {{.name = "key", .table = &table, .object = given}, {.name = NULL}},
                     rotating[] = {{.name = "to", .text = &to}, {.name = NULL}},
                     protecting[] = {{.name = "passphrase", .table = &table, .object = given},
                                     {.name = "remove", .on = &remove},
                                     {.name = NULL}};
    const cli_target *targets = *verb == 'a'   ? adding
                                : *verb == 'p' ? protecting
                                : *verb == 'r' ? rotating
                                               : adding + 1;
    status = cli_read(c, targets, NULL, 0);
    if (!status && cli_open(c)) status = cli_failed(c);
    if (!status)
        status = *verb == 's'   ? show_id(c)
                 : *verb == 'a' ? add(c, given)
                 : *verb == 'r' ? rotate(c, to)
                                : protect(c, given, remove);
    const json_t *text = json_object_get(given, *verb == 'a' ? "key" : "passphrase");
    if (text) OPENSSL_cleanse((char *)json_string_value(text), json_string_length(text));
    json_decref(given);
    return status;
}
