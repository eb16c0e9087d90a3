/* dowel key: the keys that seal the registry's secrets. */
#include "cli.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static const char *const usage =
    "Usage: dowel key show-id [--json]\n"
    "       dowel key add [--key @FILE|-|env:VAR|prompt] [--json]\n"
    "       dowel key rotate [--to ID] [--json]\n"
    "       dowel key protect [--passphrase @FILE|-|env:VAR|prompt] [--remove] [--json]\n\n"
    "show-id  which keys there are: the first seals, all of them open; how many blocks each has sealed\n"
    "add      adds a key that opens: the given one, or a new one\n"
    "rotate   seals every block with a new key, or with one that was added; run it again when it was interrupted\n"
    "protect  puts the key file under a passphrase, or no more\n\n"
    "Keys come from DOWEL_KEY, from the file that DOWEL_KEY_FILE names, or from the key file of the config folder.\n\n"
    "Examples:\n"
    "  dowel key show-id\n"
    "  dowel key rotate\n"
    "  dowel key add --key @old-key\n";

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
        cli_print_value(c, value, NULL);
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
        cli_print_table(c, keys, (const char *const[]){"id", "use", "blocks", NULL});
    else
        printf("no key yet; the first secret makes %s\n", json_string_value(origin));
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
    if (remove && json_object_size(given))
        return cli_usage(c, "dowel key --help", "--passphrase or --remove, not both");
    if (!remove && !json_object_size(given) && cli_new_passphrase(c, given)) return cli_failed(c);
    const char *passphrase = remove ? NULL : json_string_value(json_object_get(given, "passphrase"));
    if (!remove && (!passphrase || !*passphrase)) {
        dowel_fail(&c->err, DOWEL_E_INVALID, "an empty passphrase protects nothing");
        return cli_failed(c);
    }
    if (dowel_keys_protect(c->d, passphrase, &c->err)) return cli_failed(c);
    say(c, json_pack("{s:b}", "protected", !remove));
    return 0;
}

static int read_flags(cli *c, const char *verb, json_t *given, const char **to, bool *remove) {
    static const char *const names[] = {"json", "key", "to", "passphrase", "remove", NULL};
    const char *own = !strcmp(verb, "add") ? "key" : !strcmp(verb, "protect") ? "passphrase" : "";
    cli_flag flag;
    for (cli_kind kind; (kind = cli_next(c, &flag));) {
        int rc = 0;
        if (kind == CLI_WORD) return cli_usage(c, "dowel key --help", "\"%.60s\" is too much", flag.word);
        if (!strcmp(flag.name, "json"))
            rc = cli_switch(c, &flag, &c->json);
        else if (*own && !strcmp(flag.name, own))
            rc = cli_set_field(c, &table, dowel_field_find(&table, own), &flag, given);
        else if (!strcmp(flag.name, "to") && !strcmp(verb, "rotate"))
            rc = (*to = cli_flag_value(c, &flag)) ? 0 : c->err.code;
        else if (!strcmp(flag.name, "remove") && !strcmp(verb, "protect"))
            rc = cli_switch(c, &flag, remove);
        else
            return cli_unknown_flag(c, "dowel key --help", &flag, NULL, names);
        if (rc) return cli_failed(c);
    }
    return 0;
}

int cli_key(cli *c) {
    static const char *const verbs[] = {"show-id", "add", "rotate", "protect", NULL};
    if (!c->argc || cli_wants_help(c)) {
        fputs(usage, c->argc ? stdout : stderr);
        return c->argc ? 0 : 2;
    }
    const char *verb = *c->argv++, *to = NULL;
    c->argc--;
    bool known = false, remove = false;
    for (size_t i = 0; verbs[i]; i++) known |= !strcmp(verb, verbs[i]);
    if (!known) return cli_unknown_word(c, "dowel key --help", "key command", verb, verbs);
    json_t *given = json_object();
    int status = read_flags(c, verb, given, &to, &remove);
    if (!status && cli_open(c)) status = cli_failed(c);
    if (!status)
        status = !strcmp(verb, "show-id")  ? show_id(c)
                 : !strcmp(verb, "add")    ? add(c, given)
                 : !strcmp(verb, "rotate") ? rotate(c, to)
                                           : protect(c, given, remove);
    const json_t *text = json_object_get(given, *verb == 'a' ? "key" : "passphrase");
    if (text) OPENSSL_cleanse((char *)json_string_value(text), json_string_length(text));
    json_decref(given);
    return status;
}
