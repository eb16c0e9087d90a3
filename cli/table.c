/* Tables for people: columns that fit the terminal, or one column on each line if they cannot. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- the width of text ---- */

/* The character at `text`, and the number of bytes that it has. */
static unsigned long character(const char *text, size_t *size) {
    const unsigned char *t = (const unsigned char *)text;
    size_t n = *t < 0xc0 ? 1 : *t < 0xe0 ? 2 : *t < 0xf0 ? 3 : 4;
    unsigned long c = n == 1 ? *t : *t & (0x7fu >> n);
    size_t i = 1;
    for (; i < n && (t[i] & 0xc0) == 0x80; i++) c = c << 6 | (t[i] & 0x3f);
    *size = i;
    return c;
}

typedef struct range {
    unsigned long first, last;
} range;

static bool is_in(const range *ranges, size_t count, unsigned long c) {
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    return false;
}

/* Terminal cells of a character: combining marks take none, East Asian characters and most emoji take two. wcwidth() would depend
 * on the locale. */
static size_t cells_of(unsigned long c) {
    static const range none[] = {
        {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},    {0x5bf, 0x5bf},   {0x5c1, 0x5c2},   {0x5c4, 0x5c5},
        {0x5c7, 0x5c7},   {0x610, 0x61a},   {0x64b, 0x65f},    {0x670, 0x670},   {0x6d6, 0x6dc},   {0x6df, 0x6e4},
        {0x6e7, 0x6e8},   {0x6ea, 0x6ed},   {0x93c, 0x93c},    {0x941, 0x948},   {0x94d, 0x94d},   {0xe31, 0xe31},
        {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0x1ab0, 0x1aff},  {0x1dc0, 0x1dff}, {0x200b, 0x200d}, {0x20d0, 0x20ff},
        {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef}};
    static const range two[] = {
        {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x23f0, 0x23f0},   {0x23f3, 0x23f3},
        {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267f, 0x267f},   {0x2693, 0x2693},
        {0x26a1, 0x26a1},   {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x26ce, 0x26ce},
        {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},   {0x26fa, 0x26fa},
        {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},   {0x274c, 0x274c},
        {0x274e, 0x274e},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27b0, 0x27b0},
        {0x27bf, 0x27bf},   {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},   {0x2e80, 0x303e},
        {0x3041, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
        {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e},
        {0x1f191, 0x1f19a}, {0x1f200, 0x1f265}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb},
        {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd}};
    if (c < 0x300) return 1;
    if (is_in(none, sizeof none / sizeof none[0], c)) return 0;
    return is_in(two, sizeof two / sizeof two[0], c) ? 2 : 1;
}

size_t cli_width(const char *text) {
    size_t n = 0;
    for (size_t size; *text; text += size) n += cells_of(character(text, &size));
    return n;
}

size_t cli_terminal_width(void) {
    struct winsize size;
    if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col > 20) return size.ws_col;
    return 0;
}

/* ---- cells ---- */

char *cli_cell(const json_t *value) {
    if (dowel_json_is_exact(value)) return dowel_json_number_text(value);
    if (json_is_string(value) && !dowel_json_verbatim_text(value, NULL))
        return dowel_printable_bytes(json_string_value(value), json_string_length(value), false);
    if (!value || json_is_null(value)) return strdup("NULL");
    char *raw = dowel_json_dump(value, 0);
    char *shown = raw ? dowel_printable(raw, false) : NULL;
    free(raw);
    return shown;
}

/* A number, also one that a service sends as text to keep its digits. */
static bool is_numeric(const json_t *value) {
    if (dowel_json_is_number(value)) return true;
    json_t *number = json_is_string(value) && !dowel_json_verbatim_text(value, NULL)
                         ? dowel_json_number(json_string_value(value), json_string_length(value))
                         : NULL;
    json_decref(number);
    return number != NULL;
}

/* Prints text in `room` cells. `cut`: longer text is cut with an ellipsis. `last`: the last of its line, which gets no padding behind it. */
static void print_padded(FILE *out, const char *text, size_t room, bool right, bool last, bool cut) {
    size_t w = cli_width(text);
    if (w > room && cut) {
        size_t n = 0;
        for (size_t size, more; *text; text += size, n += more) {
            more = cells_of(character(text, &size));
            if (n + more > room - 1) break;
            fwrite(text, 1, size, out);
        }
        fputs("\xe2\x80\xa6", out);
        if (!last) fprintf(out, "%*s", (int)(room - 1 - n), "");
        return;
    }
    size_t padding = w < room ? room - w : 0;
    if (right) fprintf(out, "%*s", (int)padding, "");
    fputs(text, out);
    if (!right && !last) fprintf(out, "%*s", (int)padding, "");
}

/* ---- columns ---- */

typedef struct column {
    char *key, *title;
    size_t room, least; /* cells: as many as it has, and the fewest that it may be cut to */
    bool numeric, soft; /* soft: cut before the others */
} column;

typedef struct table {
    const cli *c;
    FILE *out;
    const json_t *rows;
    column *columns;
    size_t count;
    size_t limit; /* cells of a line; 0: any number */
} table;

static bool is_empty(const json_t *rows, const char *key) {
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row) if (json_object_get(row, key)) return false;
    return json_array_size(rows);
}

json_t *cli_columns(const json_t *rows) {
    json_t *seen = json_object(), *names = json_array(), *row, *value;
    size_t i;
    const char *key;
    json_array_foreach(rows, i, row) {
        json_object_foreach(row, key, value) {
            if (json_object_get(seen, key)) continue;
            json_object_set_new(seen, key, json_null());
            json_array_append_new(names, json_string(key));
        }
    }
    json_decref(seen);
    return names;
}

/* Every member that any row has, or those of `names` that are not empty. A name with ~ in front is a soft column. */
static void find_columns(table *t, const char *const *names) {
    json_t *keys = names && *names ? json_array() : cli_columns(t->rows), *name;
    size_t i;
    for (const char *const *asked = names; asked && *asked; asked++)
        if (!is_empty(t->rows, *asked + (**asked == '~'))) json_array_append_new(keys, json_string(*asked));
    t->columns = calloc(json_array_size(keys) + 1, sizeof *t->columns);
    json_array_foreach(keys, i, name) {
        if (!t->columns) break;
        column *col = &t->columns[t->count++];
        const char *key = json_string_value(name);
        col->soft = names && *key == '~';
        col->key = strdup(key + col->soft);
        col->title = dowel_printable(key + col->soft, false);
    }
    json_decref(keys);
}

static void free_columns(table *t) {
    for (size_t i = 0; i < t->count; i++) {
        free(t->columns[i].key);
        free(t->columns[i].title);
    }
    free(t->columns);
}

static const char *title_of(const column *col) {
    return col->title ? col->title : "";
}

/* Without a limit, one huge cell must not pad all other rows to its width. */
#define WIDEST 100

static void measure(table *t, column *col, size_t least) {
    size_t title = cli_width(title_of(col));
    col->room = title;
    col->numeric = json_array_size(t->rows) > 0;
    for (size_t r = 0; r < json_array_size(t->rows); r++) {
        json_t *value = json_object_get(json_array_get(t->rows, r), col->key);
        char *text = value ? cli_cell(value) : NULL;
        size_t w = text ? cli_width(text) : 0;
        if (w > WIDEST && !t->limit) w = WIDEST;
        if (w > col->room) col->room = w;
        if (value && !json_is_null(value) && !is_numeric(value)) col->numeric = false;
        free(text);
    }
    /* A number that is cut would be another number, and an id is there to be copied. */
    bool whole = col->numeric || !strcmp(col->key, "id");
    col->least = whole || col->room < least ? col->room : least;
}

/* The widest column that can be cut, of the soft ones if any of them can; NULL: none. */
static column *widest_of(table *t) {
    column *widest = NULL;
    for (column *col = t->columns; col < t->columns + t->count; col++) {
        bool soft = !widest || col->soft == widest->soft ? col->room > (widest ? widest->room : 0) : col->soft;
        if (col->room > col->least && soft) widest = col;
    }
    return widest;
}

/* Cuts the widest columns until all fit. False: they cannot. */
static bool fit(table *t) {
    size_t total = 0, least = 0;
    for (size_t i = 0; i < t->count; i++) {
        total += t->columns[i].room + 2;
        least += t->columns[i].least + 2;
    }
    if (!t->limit || total <= t->limit + 2) return true;
    if (least > t->limit + 2) return false;
    for (; total > t->limit + 2; total--) widest_of(t)->room--;
    return true;
}

/* ---- printing ---- */

/* NULL is dim, which tells it from the text "NULL", and visible, which tells it from the empty text. */
static void print_cell(const table *t, const json_t *value, size_t room, bool right, bool last) {
    char *text = value ? cli_cell(value) : strdup("");
    bool dim = t->c->colour && json_is_null(value);
    if (dim) fputs("\033[2m", t->out);
    print_padded(t->out, text ? text : "", room, right, last, t->limit);
    if (dim) fputs("\033[0m", t->out);
    free(text);
}

static void print_title(const table *t, const column *col, size_t room, bool right, bool last) {
    if (t->c->colour) fputs("\033[1m", t->out);
    print_padded(t->out, title_of(col), room, right, last, t->limit);
    if (t->c->colour) fputs("\033[0m", t->out);
}

static void print_columns(const table *t) {
    for (size_t i = 0; i < t->count; i++) {
        print_title(t, &t->columns[i], t->columns[i].room, t->columns[i].numeric, i + 1 == t->count);
        fputs(i + 1 < t->count ? "  " : "\n", t->out);
    }
    for (size_t r = 0; r < json_array_size(t->rows); r++) {
        const json_t *row = json_array_get(t->rows, r);
        size_t used = t->count; /* no padding after the last cell that has a value */
        while (used > 1 && !json_object_get(row, t->columns[used - 1].key)) used--;
        for (size_t i = 0; i < used; i++) {
            const column *col = &t->columns[i];
            print_cell(t, json_object_get(row, col->key), col->room, col->numeric, i + 1 == used);
            fputs(i + 1 < used ? "  " : "\n", t->out);
        }
    }
}

/* One column on each line, as psql's \x does. */
static void print_records(const table *t) {
    size_t names = 0;
    for (size_t i = 0; i < t->count; i++)
        if (cli_width(title_of(&t->columns[i])) > names) names = cli_width(title_of(&t->columns[i]));
    if (names > t->limit / 2) names = t->limit / 2;
    size_t room = t->limit - names - 2;
    for (size_t r = 0; r < json_array_size(t->rows); r++) {
        fprintf(t->out, "-[ row %zu ]-\n", r + 1);
        for (size_t i = 0; i < t->count; i++) {
            const json_t *value = json_object_get(json_array_get(t->rows, r), t->columns[i].key);
            if (!value) continue;
            print_title(t, &t->columns[i], names, false, false);
            fputs("  ", t->out);
            print_cell(t, value, room, false, true);
            putc('\n', t->out);
        }
    }
}

void cli_print_table(const cli *c, const json_t *rows, const char *const *names) {
    /* Columns that a command has chosen may be cut further: they stay a table. */
    enum { LEAST_OF_DATA = 12, LEAST_OF_CHOSEN = 8 };
    table t = {.c = c, .out = cli_stream(c), .rows = rows, .limit = c->out ? 0 : cli_terminal_width()};
    find_columns(&t, names);
    for (size_t i = 0; i < t.count; i++) measure(&t, &t.columns[i], names ? LEAST_OF_CHOSEN : LEAST_OF_DATA);
    if (fit(&t))
        print_columns(&t);
    else
        print_records(&t);
    free_columns(&t);
}
