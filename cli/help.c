/* Help for tables of fields. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

bool cli_has_word(const char *words, const char *word) {
    size_t size = strlen(word);
    for (const char *p = words; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strcspn(p, " ") == size && !strncmp(p, word, size)) return true;
    return false;
}

void cli_help_fields(const cli *c, const dowel_table *table) {
    cli_help_other_fields(c, table, "");
}

void cli_help_other_fields(const cli *c, const dowel_table *table, const char *hidden) {
    for (const dowel_field *f = table->fields; f->name; f++) {
        if (dowel_field_c_only(f) || cli_has_word(hidden, f->name)) continue;
        char *kind = dowel_field_kind_name(f), flag[200], name[128];
        snprintf(name, sizeof name, "%s", f->name);
        for (char *p = name; *p; p++)
            if (*p == '_') *p = '-';
        if (f->kind == DOWEL_BOOL)
            snprintf(flag, sizeof flag, "--%s", name);
        else
            snprintf(flag, sizeof flag, "--%s %s", name,
                     f->flags & DOWEL_SECRET ? "@FILE|-|env:VAR|prompt"
                     : kind                  ? kind
                                             : "");
        printf("  %s%s%s\n      %s", c->colour ? "\033[1m" : "", flag, c->colour ? "\033[0m" : "",
               f->doc ? f->doc : "");
        if (f->flags & DOWEL_REQUIRED) printf(" Required.");
        if (f->fallback)
            printf(" Default: %s.", f->fallback);
        else if (f->kind == DOWEL_ENUM)
            printf(" Default: %s.", f->values[0]);
        if (f->example) printf(" Example: %s", f->example);
        putchar('\n');
        free(kind);
    }
}

void cli_help_example(const dowel_table *table) {
    size_t shown = 0;
    for (int required = 1; required >= 0; required--) {
        for (const dowel_field *f = table->fields; f->name; f++) {
            bool secret = f->flags & DOWEL_SECRET, needed = f->flags & DOWEL_REQUIRED;
            const char *value = !secret ? f->example : f->kind == DOWEL_JSON ? "@FILE" : "prompt";
            if (needed != (required == 1) || (!needed && (shown || secret)) || !value) continue;
            fputs(" --", stdout);
            for (const char *p = f->name; *p; p++) putchar(*p == '_' ? '-' : *p);
            printf(strpbrk(value, " $&;*?()<>|\"{}[]") ? " '%s'" : " %s", value);
            shown++;
        }
    }
}
