/* JSON for machines: numbers that read back as the same, and nothing that could drive a terminal. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* jansson writes strings; control characters and characters that reorder text are escaped here. */
static void print_string(FILE *out, const json_t *value) {
    char *text = dowel_json_dump(value, 0);
    for (const unsigned char *p = (unsigned char *)text; p && *p;) {
        unsigned long c = *p;
        size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (length > 1) c &= 0x7ful >> length;
        for (size_t i = 1; i < length; i++) c = c << 6 | (p[i] & 0x3fu);
        if (dowel_is_printable(c))
            fwrite(p, 1, length, out);
        else
            fprintf(out, "\\u%04lx", c);
        p += length;
    }
    free(text);
}

enum { ONE_LINE = -1 };

/* What stands before an item, or with `separator` empty before the first one. */
static void begin_item(FILE *out, const char *separator, int depth) {
    fputs(separator, out);
    if (depth != ONE_LINE) fprintf(out, "\n%*s", 2 * (depth + 1), "");
}

static void end_items(FILE *out, int depth) {
    if (depth != ONE_LINE) fprintf(out, "\n%*s", 2 * depth, "");
}

/* `depth` is how far the value is indented, or ONE_LINE. */
static void print(FILE *out, const json_t *value, int depth) {
    const char *separator = "";
    int inner = depth == ONE_LINE ? ONE_LINE : depth + 1;
    if (json_is_array(value) && json_array_size(value)) {
        putc('[', out);
        for (size_t i = 0; i < json_array_size(value); i++) {
            begin_item(out, separator, depth);
            print(out, json_array_get(value, i), inner);
            separator = ",";
        }
        end_items(out, depth);
        putc(']', out);
    } else if (json_is_object(value) && json_object_size(value)) {
        const char *key;
        json_t *member;
        putc('{', out);
        json_object_foreach((json_t *)value, key, member) {
            json_t *name = json_string(key);
            begin_item(out, separator, depth);
            print_string(out, name);
            json_decref(name);
            fputs(depth == ONE_LINE ? ":" : ": ", out);
            print(out, member, inner);
            separator = ",";
        }
        end_items(out, depth);
        putc('}', out);
    } else if (dowel_json_is_number(value)) {
        char *number = dowel_json_number_text(value);
        fputs(number ? number : "null", out);
        free(number);
    } else if (json_is_string(value)) {
        print_string(out, value);
    } else {
        fputs(json_is_array(value)    ? "[]"
              : json_is_object(value) ? "{}"
              : json_is_true(value)   ? "true"
              : json_is_false(value)  ? "false"
                                      : "null",
              out);
    }
}

void cli_write_json(FILE *out, const json_t *value, bool one_line) {
    print(out, value, one_line ? ONE_LINE : 0);
    putc('\n', out);
}

void cli_print_json(const json_t *value) {
    cli_write_json(stdout, value, false);
}

void cli_print_json_line(const json_t *value) {
    char *text = dowel_json_dump(value, JSON_ENSURE_ASCII);
    for (const char *p = text; p && *p; p++) {
        if (*p == 0x7f)
            fputs("\\u007f", stdout);
        else
            putchar(*p);
    }
    putchar('\n');
    free(text);
}
