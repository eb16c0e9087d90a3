/* JSON for machines: numbers that read back as the same, and nothing that could drive a terminal. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* jansson writes strings; what it leaves of control characters and of those that reorder text is escaped here. */
static void print_string(const json_t *value) {
    char *text = dowel_json_dump(value, 0);
    for (const unsigned char *p = (unsigned char *)text; p && *p;) {
        unsigned long c = *p;
        size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (length > 1) c &= 0x7ful >> length;
        for (size_t i = 1; i < length; i++) c = c << 6 | (p[i] & 0x3fu);
        if (dowel_is_printable(c))
            fwrite(p, 1, length, stdout);
        else
            printf("\\u%04lx", c);
        p += length;
    }
    free(text);
}

static void print(const json_t *value, int depth) {
    const char *separator = "";
    if (json_is_array(value) && json_array_size(value)) {
        putchar('[');
        for (size_t i = 0; i < json_array_size(value); i++) {
            printf("%s\n%*s", separator, 2 * (depth + 1), "");
            print(json_array_get(value, i), depth + 1);
            separator = ",";
        }
        printf("\n%*s]", 2 * depth, "");
    } else if (json_is_object(value) && json_object_size(value)) {
        const char *key;
        json_t *member;
        putchar('{');
        json_object_foreach((json_t *)value, key, member) {
            json_t *name = json_string(key);
            printf("%s\n%*s", separator, 2 * (depth + 1), "");
            print_string(name);
            json_decref(name);
            fputs(": ", stdout);
            print(member, depth + 1);
            separator = ",";
        }
        printf("\n%*s}", 2 * depth, "");
    } else if (dowel_json_is_number(value)) {
        char *number = dowel_json_number_text(value);
        fputs(number ? number : "null", stdout);
        free(number);
    } else if (json_is_string(value)) {
        print_string(value);
    } else {
        fputs(json_is_array(value)    ? "[]"
              : json_is_object(value) ? "{}"
              : json_is_true(value)   ? "true"
              : json_is_false(value)  ? "false"
                                      : "null",
              stdout);
    }
}

void cli_print_json(const json_t *value) {
    print(value, 0);
    putchar('\n');
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
