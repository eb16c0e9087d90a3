/* Values on the screen: tables, key and value lines. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Text for the screen. Newly allocated. */
static char *cell(const json_t *value) {
    if (dowel_json_is_exact(value)) return dowel_json_number_text(value);
    if (json_is_string(value) && !dowel_json_verbatim_text(value, NULL))
        return dowel_printable_bytes(json_string_value(value), json_string_length(value), false);
    if (!value || json_is_null(value)) return strdup("NULL");
    char *raw = dowel_json_dump(value, 0);
    char *shown = raw ? dowel_printable(raw, false) : NULL;
    free(raw);
    return shown;
}

/* One character of UTF-8, and how many bytes it has. */
static unsigned long character(const char *text, size_t *size) {
    const unsigned char *t = (const unsigned char *)text;
    size_t n = *t < 0xc0 ? 1 : *t < 0xe0 ? 2 : *t < 0xf0 ? 3 : 4;
    unsigned long c = n == 1 ? *t : *t & (0x7fu >> n);
    size_t i = 1;
    for (; i < n && (t[i] & 0xc0) == 0x80; i++) c = c << 6 | (t[i] & 0x3f);
    *size = i;
    return c;
}

/* Columns of a terminal that a character takes: marks that combine take none, East Asian ones and most emoji two. What the C
 * library's wcwidth says depends on the locale. */
static size_t columns_of(unsigned long c) {
    static const unsigned long none[][2] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},
                                            {0x64b, 0x65f},   {0x93c, 0x93c},   {0x941, 0x948},   {0xe31, 0xe31},
                                            {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
                                            {0x200b, 0x200d}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}},
                               two[][2] = {
                                   {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2614, 0x2615},
                                   {0x26a1, 0x26a1},   {0x2705, 0x2705},   {0x274c, 0x274c},   {0x2728, 0x2728},
                                   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
                                   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
                                   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    if (c < 0x300) return 1;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (c >= none[i][0] && c <= none[i][1]) return 0;
    for (size_t i = 0; i < sizeof two / sizeof two[0]; i++)
        if (c >= two[i][0] && c <= two[i][1]) return 2;
    return 1;
}

static size_t width(const char *text) {
    size_t n = 0;
    for (size_t size; *text; text += size) n += columns_of(character(text, &size));
    return n;
}

size_t cli_terminal_width(void) {
    struct winsize size;
    if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col > 20) return size.ws_col;
    return 0;
}

typedef struct column {
    char *key, *title;
    size_t room;
    bool numeric;
} column;

static bool is_empty(const json_t *rows, const char *key) {
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row) if (json_object_get(row, key)) return false;
    return json_array_size(rows);
}

/* Every member that any row has, in the order of their first appearance; or those that are asked for and not empty. */
static column *find_columns(const json_t *rows, const char *const *names, size_t *count) {
    json_t *seen = json_object(), *row;
    bool asked = names;
    size_t i, n = 0;
    const char *key;
    json_t *value;
    for (; names && *names; names++) json_object_set_new(seen, *names, json_null());
    if (!json_object_size(seen)) {
        json_array_foreach((json_t *)rows, i, row) json_object_foreach(row, key, value) if (!json_object_get(seen, key))
            json_object_set_new(seen, key, json_null());
    }
    column *columns = calloc(json_object_size(seen) + 1, sizeof *columns);
    if (columns) {
        json_object_foreach(seen, key, value) {
            if (asked && is_empty(rows, key)) continue;
            columns[n].key = strdup(key);
            columns[n].title = dowel_printable(key, false);
            n++;
        }
    }
    json_decref(seen);
    *count = n;
    return columns;
}

static void print_padded(const char *text, size_t room, bool right, bool last, bool cut) {
    size_t w = width(text);
    if (w > room && cut) {
        size_t n = 0;
        for (size_t size, more; *text; text += size, n += more) {
            more = columns_of(character(text, &size));
            if (n + more > room - 1) break;
            fwrite(text, 1, size, stdout);
        }
        fputs("\xe2\x80\xa6", stdout);
        if (!last) printf("%*s", (int)(room - 1 - n), "");
        return;
    }
    size_t padding = w < room ? room - w : 0;
    if (right) printf("%*s", (int)padding, "");
    fputs(text, stdout);
    if (!right && !last) printf("%*s", (int)padding, "");
}

/* Where nothing limits the width, one huge cell must not pad every other row to its size. */
#define WIDEST 100

static void measure(const json_t *rows, column *columns, size_t n, size_t limit) {
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        column *col = &columns[i];
        col->room = width(col->title ? col->title : "");
        col->numeric = json_array_size(rows) > 0;
        for (size_t r = 0; r < json_array_size(rows); r++) {
            json_t *value = json_object_get(json_array_get(rows, r), col->key);
            char *text = value ? cell(value) : NULL;
            size_t w = text ? width(text) : 0;
            if (w > WIDEST && !limit) w = WIDEST;
            if (w > col->room) col->room = w;
            if (value && !dowel_json_is_number(value) && !json_is_null(value)) col->numeric = false;
            free(text);
        }
        total += col->room + 2;
    }
    while (limit && total > limit + 2) { /* the widest column gives way */
        size_t widest = n;
        for (size_t i = 0; i < n; i++) /* but never an id, which is there to be copied */
            if (strcmp(columns[i].key, "id") != 0 && (widest == n || columns[i].room > columns[widest].room))
                widest = i;
        if (widest == n || columns[widest].room <= 8) break;
        columns[widest].room--;
        total--;
    }
}

void cli_print_table(const cli *c, const json_t *rows, const char *const *names) {
    size_t n, limit = cli_terminal_width();
    column *columns = find_columns(rows, names, &n);
    if (!columns) return;
    measure(rows, columns, n, limit);
    for (size_t i = 0; i < n; i++) {
        if (c->colour) fputs("\033[1m", stdout);
        print_padded(columns[i].title ? columns[i].title : "", columns[i].room, columns[i].numeric, i + 1 == n, limit);
        fputs(c->colour ? "\033[0m" : "", stdout);
        fputs(i + 1 < n ? "  " : "\n", stdout);
    }
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *row = json_array_get(rows, r);
        size_t used = n; /* nothing is printed behind the last cell that holds something */
        while (used > 1 && !json_object_get(row, columns[used - 1].key)) used--;
        for (size_t i = 0; i < used; i++) {
            json_t *value = json_object_get(row, columns[i].key);
            char *text = value ? cell(value) : strdup("");
            print_padded(text ? text : "", columns[i].room, columns[i].numeric, i + 1 == used, limit);
            fputs(i + 1 < used ? "  " : "\n", stdout);
            free(text);
        }
    }
    for (size_t i = 0; i < n; i++) {
        free(columns[i].key);
        free(columns[i].title);
    }
    free(columns);
}

static bool is_table(const json_t *value) {
    if (!json_is_array(value) || !json_array_size(value)) return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_object(json_array_get(value, i))) return false;
    return true;
}

/* Text of several lines, each indented. */
static void print_lines(const char *text) {
    char *lines = dowel_printable(text, true), *rest = lines;
    for (char *line; rest && *rest && (line = strsep(&rest, "\n"));) printf("  %s\n", line);
    free(lines);
}

/* Name and value, one a line. */
static void print_members(const cli *c, const json_t *value) {
    size_t longest = 0;
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member) if (!is_table(member) && width(key) > longest) longest =
        width(key);
    json_object_foreach((json_t *)value, key, member) {
        char *name = dowel_printable(key, false);
        bool lines = json_is_string(member) && memchr(json_string_value(member), '\n', json_string_length(member)) &&
                     !memchr(json_string_value(member), 0, json_string_length(member));
        if (is_table(member) || lines) {
            printf("%s:\n", name ? name : "");
            if (lines)
                print_lines(json_string_value(member));
            else
                cli_print_table(c, member, NULL);
        } else {
            size_t used = name ? width(name) : 0;
            char *text = cell(member);
            printf("%s:%*s %s\n", name ? name : "", (int)(longest > used ? longest - used : 0), "", text ? text : "");
            free(text);
        }
        free(name);
    }
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
    print_members(c, value);
}

void cli_print_result(const cli *c, const json_t *result, const dowel_task *task) {
    json_t *notes = json_object(), *note;
    const json_t *rows = task->table_rows ? json_object_get(result, task->table_rows) : NULL;
    for (const char *const *name = json_is_array(rows) ? task->table_notes : NULL; name && *name; name++)
        if ((note = json_object_get(result, *name)) && !json_is_null(note)) json_object_set(notes, *name, note);
    bool noted = json_object_size(notes);
    /* The notes tell why there are no rows. */
    if (!noted || json_array_size(rows)) cli_print_value(c, result, task->table_rows);
    if (noted) print_members(c, notes);
    json_decref(notes);
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
