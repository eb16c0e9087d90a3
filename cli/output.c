/* Where rows go and in which format: --output table, csv, tsv, json, ndjson; --out FILE. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const cli_formats[] = {"table", "csv", "tsv", "json", "ndjson", NULL};
enum { TABLE, CSV, TSV, JSON, NDJSON };

/* ---- flags ---- */

int cli_output_flag(cli *c, const cli_flag *flag, bool *taken) {
    bool is_format = cli_flag_is(flag, "output");
    *taken = is_format || cli_flag_is(flag, "out");
    if (!*taken) return 0;
    const char *value = cli_flag_value(c, flag);
    if (!value) return c->err.code;
    if (!is_format) {
        c->out_path = value;
        return *value ? 0 : dowel_fail(&c->err, DOWEL_E_INVALID, "--out: expected a file, or - for standard output");
    }
    for (int i = 0; cli_formats[i]; i++) {
        if (dowel_casecmp(cli_formats[i], value) != 0) continue;
        c->format = i;
        c->format_given = true;
        return 0;
    }
    return dowel_fail(&c->err, DOWEL_E_INVALID, "--output: expected table, csv, tsv, json or ndjson, got \"%.60s\"",
                      value);
}

/* The format for the ending of a file name. */
static int format_of(const char *path) {
    static const struct {
        const char *ending;
        int format;
    } endings[] = {{".csv", CSV}, {".tsv", TSV}, {".json", JSON}, {".ndjson", NDJSON}, {".jsonl", NDJSON}};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t size = strlen(endings[i].ending);
        if (length > size && !dowel_casecmp(path + length - size, endings[i].ending)) return endings[i].format;
    }
    return TABLE;
}

static int format_for(const cli *c) {
    return c->format_given || !c->out_path ? c->format : format_of(c->out_path);
}

bool cli_wants_table(const cli *c) {
    return !c->json && format_for(c) == TABLE;
}

static bool is_file(const cli *c) {
    return c->out_path && strcmp(c->out_path, "-") != 0;
}

int cli_output_begin(cli *c) {
    if (c->json && c->format_given)
        return dowel_fail(&c->err, DOWEL_E_INVALID, "give --json (the whole result) or --output (its rows), not both");
    if (!is_file(c)) return 0;
    c->format = format_for(c);
    c->colour = false;
    int rc = dowel_sink_file(c->out_path, &c->out_sink, &c->err);
    if (rc) return rc;
    /* A named pipe or a device gets everything at the end. */
    int fd = dowel_sink_descriptor(c->out_sink), copy = fd < 0 ? -1 : dup(fd);
    c->out = copy >= 0 ? fdopen(copy, "w") : open_memstream(&c->out_text, &c->out_size);
    if (!c->out) {
        rc = dowel_fail(&c->err, DOWEL_E_IO, "cannot write %s: %s", c->out_path, strerror(errno));
        if (copy >= 0) close(copy);
    }
    if (rc) cli_output_end(c, false);
    return rc;
}

int cli_output_end(cli *c, bool keep) {
    int rc = 0;
    bool failed = c->out && (fflush(c->out) || ferror(c->out));
    if (c->out && fclose(c->out)) failed = true;
    if (keep && failed) rc = dowel_fail(&c->err, DOWEL_E_IO, "cannot write %s: %s", c->out_path, strerror(errno));
    if (keep && !rc && c->out_text) rc = dowel_sink_write(c->out_sink, c->out_text, c->out_size, &c->err);
    if (keep && !rc && c->out_sink) rc = dowel_sink_commit(c->out_sink, &c->err);
    dowel_sink_close(c->out_sink);
    free(c->out_text);
    c->out = NULL;
    c->out_sink = NULL;
    c->out_text = NULL;
    return rc;
}

/* ---- CSV and TSV ---- */

/* A value as text; NULL for a null. Newly allocated. */
static char *text_of(const json_t *value, size_t *size) {
    char *text;
    if (json_is_string(value) && !dowel_json_is_exact(value) && !dowel_json_verbatim_text(value, NULL)) {
        *size = json_string_length(value);
        text = malloc(*size + 1);
        if (text) memcpy(text, json_string_value(value), *size + 1);
        return text;
    }
    text = dowel_json_dump(value, 0);
    *size = text ? strlen(text) : 0;
    return text;
}

/* RFC 4180, with the line ends of Unix: NULL is an empty field without quotes, the empty text is "". */
static void print_csv_field(FILE *out, const char *text, size_t size) {
    bool plain = size && *text != ' ' && text[size - 1] != ' ';
    for (size_t i = 0; plain && i < size; i++) plain = !strchr("\",\r\n", text[i]) || !text[i];
    if (plain) {
        fwrite(text, 1, size, out);
        return;
    }
    putc('"', out);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"') putc('"', out);
        putc(text[i], out);
    }
    putc('"', out);
}

/* As PostgreSQL's COPY writes text: NULL is \N, and a tab, line break or backslash in a value is escaped. */
static void print_tsv_field(FILE *out, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        switch (text[i]) {
        case '\t': fputs("\\t", out); break;
        case '\n': fputs("\\n", out); break;
        case '\r': fputs("\\r", out); break;
        case '\\': fputs("\\\\", out); break;
        default: putc(text[i], out);
        }
    }
}

static void print_field(const cli *c, const json_t *value) {
    FILE *out = cli_stream(c);
    size_t size = 0;
    if (!value || json_is_null(value)) {
        if (c->format == TSV) fputs("\\N", out);
        return;
    }
    char *text = text_of(value, &size);
    if (text && !c->out &&
        isatty(STDOUT_FILENO)) { /* files get every byte; a terminal must not get control characters */
        char *safe = dowel_printable_bytes(text, size, true);
        free(text);
        text = safe;
        size = safe ? strlen(safe) : 0;
    }
    if (!text) return;
    if (c->format == CSV)
        print_csv_field(out, text, size);
    else
        print_tsv_field(out, text, size);
    free(text);
}

static void print_separated(const cli *c, const json_t *rows, const json_t *columns) {
    FILE *out = cli_stream(c);
    size_t i, r;
    json_t *name, *row;
    if (!json_array_size(columns)) return;
    json_array_foreach((json_t *)columns, i, name) {
        if (i) putc(c->format == CSV ? ',' : '\t', out);
        print_field(c, name);
    }
    putc('\n', out);
    json_array_foreach((json_t *)rows, r, row) {
        json_array_foreach((json_t *)columns, i, name) {
            if (i) putc(c->format == CSV ? ',' : '\t', out);
            print_field(c, json_object_get(row, json_string_value(name)));
        }
        putc('\n', out);
    }
}

/* Makes rows of any value: an object is one row, and the scalars of an array have the column "value". New reference. */
static json_t *as_rows(const json_t *value) {
    json_t *rows = json_array(), *item;
    size_t i;
    if (json_is_object(value)) {
        json_array_append(rows, (json_t *)value);
    } else if (json_is_array(value)) {
        json_array_foreach((json_t *)value, i, item)
            json_array_append_new(rows, json_is_object(item) ? json_incref(item) : json_pack("{s:O}", "value", item));
    } else if (!json_is_null(value)) {
        json_array_append_new(rows, json_pack("{s:O}", "value", (json_t *)value));
    }
    return rows;
}

/* ---- everything ---- */

static void print_formatted(const cli *c, const json_t *value, const json_t *columns) {
    size_t i;
    json_t *item;
    if (c->format == JSON) {
        cli_write_json(cli_stream(c), value, false);
    } else if (c->format == NDJSON) {
        if (!json_is_array(value)) cli_write_json(cli_stream(c), value, true);
        json_array_foreach((json_t *)value, i, item) cli_write_json(cli_stream(c), item, true);
    } else {
        json_t *rows = as_rows(value), *found = columns ? NULL : cli_columns(rows);
        print_separated(c, rows, columns ? columns : found);
        json_decref(found);
        json_decref(rows);
    }
}

int cli_list(cli *c, const json_t *rows, const char *const *names, const char *none) {
    json_t *columns = json_array();
    for (const char *const *name = names; *name; name++) json_array_append_new(columns, json_string(*name));
    int rc = cli_output_begin(c);
    if (!rc) {
        if (c->json)
            cli_write_json(cli_stream(c), rows, false);
        else if (c->format != TABLE)
            print_formatted(c, rows, columns);
        else if (json_array_size(rows))
            cli_print_table(c, rows, names);
        else
            fprintf(cli_stream(c), "%s\n", none);
        rc = cli_output_end(c, true);
    }
    json_decref(columns);
    return rc ? cli_failed(c) : 0;
}

#define TASK_MEMBER(task, member)                                                                                      \
    ((task)->size >= offsetof(dowel_task, member) + sizeof(task)->member ? (task)->member : NULL)

const char *cli_task_word(const dowel_task *task) {
    return TASK_MEMBER(task, word);
}

/* The summary goes to standard error. If there is no table to show, it is the output. */
static void print_summary(const cli *c, const char *summary, bool alone) {
    char *shown = dowel_printable(summary, false);
    fflush(stdout);
    fprintf(alone && c->format == TABLE && !c->out ? stdout : stderr, "%s\n", shown ? shown : "");
    free(shown);
}

void cli_print_result(const cli *c, const json_t *result, const dowel_task *task) {
    static const dowel_task unknown = {.size = sizeof unknown};
    if (!task) task = &unknown;
    const char *columns_in = TASK_MEMBER(task, table_columns), *summary_in = TASK_MEMBER(task, table_summary);
    const json_t *rows = task->table_rows ? json_object_get(result, task->table_rows) : NULL,
                 *columns = columns_in ? json_object_get(result, columns_in) : NULL;
    const char *summary = summary_in ? json_string_value(json_object_get(result, summary_in)) : NULL;
    if (c->json) {
        cli_write_json(cli_stream(c), result, false);
        return;
    }
    bool has_rows = json_is_array(rows), none = has_rows && !json_array_size(rows);
    if (c->format != TABLE)
        print_formatted(c, has_rows ? rows : result, columns);
    else if (!has_rows)
        cli_print_value(c, result);
    else if (!none)
        cli_print_table(c, rows, NULL);
    else if (!summary)
        fprintf(cli_stream(c), "(no rows)\n");
    if (summary) print_summary(c, summary, none);
}
