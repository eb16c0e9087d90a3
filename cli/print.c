/* Values on the screen: tables, key and value lines, JSON. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void cli_print_json(const json_t *value) {
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    putchar('\n');
}

/* Text for the screen; control characters, which could drive the terminal, are shown as what they are. */
static char *cell(const json_t *value) {
    char *raw = json_is_string(value) ? strdup(json_string_value(value))
                : !value || json_is_null(value)
                    ? strdup("NULL")
                    : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    char *out = raw ? malloc(strlen(raw) * 4 + 1) : NULL, *q = out;
    for (const unsigned char *p = (const unsigned char *)raw; q && *p; p++) {
        /* C1 controls come as 0xC2 0x80-0x9F in UTF-8 */
        if (*p < 0x20 || *p == 0x7f)
            q += sprintf(q, "\\x%02x", *p);
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            q += sprintf(q, "\\x%02x", *++p);
        else
            *q++ = (char)*p;
    }
    if (q) *q = 0;
    free(raw);
    return out;
}

/* Columns that text takes: characters, not bytes. */
static size_t width(const char *text) {
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static size_t terminal_width(void) {
    struct winsize size;
    if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col > 20) return size.ws_col;
    return 0;
}

static void print_padded(const char *text, size_t room, bool right, bool last) {
    size_t w = width(text);
    if (w > room) {
        size_t n = 0;
        for (; *text; text++) {
            if (((unsigned char)*text & 0xc0) != 0x80 && n++ == room - 1) break;
            putchar(*text);
        }
        fputs("\xe2\x80\xa6", stdout);
        return;
    }
    if (right) printf("%*s", (int)(room - w), "");
    fputs(text, stdout);
    if (!right && !last) printf("%*s", (int)(room - w), "");
}

void cli_print_table(const cli *c, const json_t *rows, const char *const *columns) {
    const char *names[64];
    size_t n = 0, room[64], total = 0;
    bool numeric[64];
    if (columns) {
        while (columns[n] && n < 64) {
            names[n] = columns[n];
            n++;
        }
    } else {
        const char *key;
        json_t *value;
        json_object_foreach(json_array_get(rows, 0), key, value) if (n < 64) names[n++] = key;
    }
    for (size_t i = 0; i < n; i++) {
        room[i] = width(names[i]);
        numeric[i] = json_array_size(rows) > 0;
        for (size_t r = 0; r < json_array_size(rows); r++) {
            json_t *value = json_object_get(json_array_get(rows, r), names[i]);
            char *text = cell(value);
            size_t w = text ? width(text) : 0;
            if (w > room[i]) room[i] = w;
            if (value && !json_is_number(value) && !json_is_null(value)) numeric[i] = false;
            free(text);
        }
        total += room[i] + 2;
    }
    size_t limit = terminal_width();
    while (limit && total > limit) { /* the widest column gives way */
        size_t widest = 0;
        for (size_t i = 1; i < n; i++)
            if (room[i] > room[widest]) widest = i;
        if (room[widest] <= 8) break;
        room[widest]--;
        total--;
    }
    for (size_t i = 0; i < n; i++) {
        if (c->colour) fputs("\033[1m", stdout);
        print_padded(names[i], room[i], numeric[i], i + 1 == n);
        fputs(c->colour ? "\033[0m" : "", stdout);
        fputs(i + 1 < n ? "  " : "\n", stdout);
    }
    for (size_t r = 0; r < json_array_size(rows); r++) {
        for (size_t i = 0; i < n; i++) {
            json_t *value = json_object_get(json_array_get(rows, r), names[i]);
            char *text = columns && !value ? strdup("") : cell(value);
            print_padded(text ? text : "", room[i], numeric[i], i + 1 == n);
            fputs(i + 1 < n ? "  " : "\n", stdout);
            free(text);
        }
    }
}

static bool is_table(const json_t *value) {
    return json_is_array(value) && json_array_size(value) && json_is_object(json_array_get(value, 0));
}

void cli_print_value(const cli *c, const json_t *value, const char *rows) {
    if (is_table(value)) {
        cli_print_table(c, value, NULL);
        return;
    }
    if (!json_is_object(value)) {
        char *text = cell(value);
        puts(text ? text : "");
        free(text);
        return;
    }
    const json_t *table = rows ? json_object_get(value, rows) : NULL;
    if (json_is_array(table)) {
        if (json_array_size(table))
            cli_print_table(c, table, NULL);
        else
            puts("(no rows)");
        return;
    }
    size_t longest = 0;
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member) if (!is_table(member) && width(key) > longest) longest =
        width(key);
    json_object_foreach((json_t *)value, key, member) {
        if (is_table(member)) {
            printf("%s:\n", key);
            cli_print_table(c, member, NULL);
            continue;
        }
        char *text = json_is_string(member) && strchr(json_string_value(member), '\n') ? NULL : cell(member);
        if (text) {
            printf("%s:%*s %s\n", key, (int)(longest - width(key)), "", text);
        } else {
            printf("%s:\n", key);
            char *lines = strdup(json_string_value(member)), *rest = lines;
            for (char *line; rest && (line = strsep(&rest, "\n"));) {
                json_t *one = json_string(line);
                char *shown = cell(one);
                printf("  %s\n", shown ? shown : "");
                free(shown);
                json_decref(one);
            }
            free(lines);
        }
        free(text);
    }
}
