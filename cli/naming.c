/* The name of the command. Texts are written for the dowel command. A program that calls dowel_cli has another name, which replaces
 * "dowel" in every command line of a text. */
#include "cli.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NAME "dowel"
enum { NAME_SIZE = sizeof NAME - 1 };

/* Whether a command line begins here: the name, a blank, then a command, a placeholder (COMMAND) or a connector. */
static bool is_command_line(const cli *c, const char *start, const char *text) {
    if (strncmp(text, NAME " ", NAME_SIZE + 1) != 0) return false;
    if (text > start && (dowel_is_alnum((unsigned char)text[-1]) || strchr("-_./", text[-1]))) return false;
    char word[32];
    const char *next = text + NAME_SIZE + 1;
    size_t size = strspn(next, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    if (isupper((unsigned char)*next)) return true;
    if (!size || size >= sizeof word || dowel_is_alnum((unsigned char)next[size])) return false;
    snprintf(word, sizeof word, "%.*s", (int)size, next);
    /* In a sentence ("dowel runs ...") the verb is not a command: a command line is between backticks or at the start of a line. */
    bool quoted = text == start || strchr("`\n (", text[-1]);
    return quoted && (cli_find_command(word) || !strcmp(word, "s3") || !strcmp(word, "help") ||
                      (c->d && cli_is_connector((cli *)c, word)));
}

/* Newly allocated; NULL when out of memory. */
static char *with_own_name(const cli *c, const char *text) {
    size_t count = 0, length = strlen(c->program);
    for (const char *p = text; (p = strstr(p, NAME)); p += NAME_SIZE) count++;
    char *renamed = malloc(strlen(text) + count * length + 1), *out = renamed;
    if (!renamed) return NULL;
    for (const char *p = text; *p;) {
        if (strcmp(c->program, NAME) != 0 && is_command_line(c, text, p)) {
            memcpy(out, c->program, length);
            out += length;
            p += NAME_SIZE;
        } else {
            *out++ = *p++;
        }
    }
    *out = 0;
    return renamed;
}

void cli_text(const cli *c, FILE *out, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = size >= 0 ? malloc((size_t)size + 1) : NULL, *renamed = NULL;
    if (text) {
        vsnprintf(text, (size_t)size + 1, format, again);
        renamed = with_own_name(c, text);
    }
    va_end(again);
    if (renamed) fputs(renamed, out);
    free(renamed);
    free(text);
}

static void rename_in(const cli *c, char *text, size_t size) {
    char *renamed = *text ? with_own_name(c, text) : NULL;
    if (renamed) snprintf(text, size, "%s", renamed);
    free(renamed);
}

void cli_rename_error(cli *c) {
    if (!strcmp(c->program, NAME)) return;
    rename_in(c, c->err.message, sizeof c->err.message);
    rename_in(c, c->err.hint, sizeof c->err.hint);
    rename_in(c, c->err.detail, sizeof c->err.detail);
}
