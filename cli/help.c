/* Help for tables of fields. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

void cli_help_fields(const cli *c, const dowel_table *table) {
    for (const dowel_field *f = table->fields; f->name; f++) {
        if (f->kind == DOWEL_POINTER) continue;
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
