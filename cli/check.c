/* dowel block check: asks the provider whether a block works. */
#include "cli.h"

#include <string.h>

/* Prints the reports of the blocks that it uses, then its own. */
static void print(const cli *c, json_t *report) {
    json_t *used, *permissions = json_object_get(report, "permissions"), *held, *shown = json_copy(report);
    size_t i;
    json_array_foreach(json_object_get(report, "uses"), i, used) {
        print(c, used);
        putchar('\n');
    }
    json_object_del(shown, "uses");
    json_object_del(shown, "permissions");
    const char *name;
    json_object_foreach(permissions, name, held)
        json_object_set_new(shown, name, json_string(json_is_true(held) ? "yes" : "no"));
    json_t *fix = json_incref(json_object_get(shown, "fix"));
    if (fix) {
        json_object_del(shown, "fix"); /* it is printed last */
        json_object_set(shown, "fix", fix);
    }
    cli_print_value(c, shown);
    json_decref(fix);
    json_decref(shown);
}

int cli_block_check(cli *c, const char *reference) {
    json_t *report = NULL, *args = json_pack("{s:s}", "block", reference);
    const dowel_call_options options = {.size = sizeof options, .cancelled = cli_interrupted};
    cli_signals_begin();
    int rc = dowel_call_json(c->d, "block.check", args, &options, &report, &c->err);
    cli_signals_end();
    dowel_json_cleanse(args);
    if (!rc) {
        if (c->json)
            cli_print_json(report);
        else
            print(c, report);
        json_decref(report);
    }
    return rc ? cli_failed(c) : 0;
}
