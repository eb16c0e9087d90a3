/* Says which paths of a block were saved as other text than was given: blocks hold absolute paths. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static void compare(const cli *c, const json_t *given, const json_t *saved, const char *name) {
    const char *before = json_string_value(given), *after = json_string_value(saved), *key;
    json_t *inner;
    size_t i;
    if (before && after && *after == '/' && *before != '/') {
        char *shown = dowel_printable(after, false);
        fprintf(stderr, "%s: note: %s is saved as %s\n", c->program, name, shown ? shown : "an absolute path");
        free(shown);
    }
    json_object_foreach((json_t *)given, key, inner) compare(c, inner, json_object_get(saved, key), key);
    json_array_foreach(given, i, inner) compare(c, inner, json_array_get(saved, i), name);
}

void cli_note_paths(cli *c, const char *reference, const json_t *given) {
    json_t *shown = NULL;
    if (dowel_block_show(c->d, reference, DOWEL_SECRETS_MASKED, &shown, NULL)) return;
    compare(c, given, json_object_get(shown, "document"), "");
    json_decref(shown);
}
