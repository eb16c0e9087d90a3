/* Values for people: tables, "name: value" lines. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

FILE *cli_stream(const cli *c) {
    return c->out ? c->out : stdout;
}

/* Whether it is an array of objects that is not empty. */
static bool is_table(const json_t *value) {
    if (!json_is_array(value) || !json_array_size(value)) return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_object(json_array_get(value, i))) return false;
    return true;
}

/* Text of several lines, each indented. */
static void print_lines(FILE *out, const char *text) {
    char *lines = dowel_printable(text, true), *rest = lines;
    for (char *line; rest && *rest && (line = strsep(&rest, "\n"));) fprintf(out, "  %s\n", line);
    free(lines);
}

static bool has_lines(const json_t *value) {
    return json_is_string(value) && memchr(json_string_value(value), '\n', json_string_length(value)) &&
           !memchr(json_string_value(value), 0, json_string_length(value));
}

static void print_member(const cli *c, const char *key, const json_t *member, size_t longest) {
    FILE *out = cli_stream(c);
    char *name = dowel_printable(key, false);
    if (is_table(member) || has_lines(member)) {
        fprintf(out, "%s:\n", name ? name : "");
        if (has_lines(member))
            print_lines(out, json_string_value(member));
        else
            cli_print_table(c, member, NULL);
    } else {
        size_t used = name ? cli_width(name) : 0;
        char *text = cli_cell(member);
        fprintf(out, "%s:%*s %s\n", name ? name : "", (int)(longest > used ? longest - used : 0), "", text ? text : "");
        free(text);
    }
    free(name);
}

/* Name and value, one a line. */
static void print_members(const cli *c, const json_t *value) {
    size_t longest = 0;
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member) {
        size_t w = is_table(member) ? 0 : cli_width(key);
        if (w > longest) longest = w;
    }
    json_object_foreach((json_t *)value, key, member) print_member(c, key, member, longest);
}

void cli_print_value(const cli *c, const json_t *value) {
    if (is_table(value)) {
        cli_print_table(c, value, NULL);
    } else if (json_is_object(value)) {
        print_members(c, value);
    } else {
        char *text = cli_cell(value);
        fprintf(cli_stream(c), "%s\n", text ? text : "");
        free(text);
    }
}

void cli_references(json_t *document) {
    const char *key;
    json_t *value;
    json_object_foreach(document, key, value) {
        const char *block = json_string_value(json_object_get(value, "$block"));
        if (block) json_object_set_new(document, key, json_string(block));
    }
}

void cli_say_written(const cli *c, const char *what, const char *path) {
    char *shown = dowel_printable(path, false);
    json_t *said = json_pack("{s:s}", what, shown ? shown : "");
    if (c->json)
        cli_print_json(said);
    else
        printf("wrote %s\n", shown ? shown : "");
    json_decref(said);
    free(shown);
}
