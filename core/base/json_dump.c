/* Writing JSON: no number changes. */
#include <dowel/json.h>
#include <dowel/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct out {
    dowel_text text;
    size_t flags; /* of json_dumps() */
} out;

static void put(out *o, const char *text, size_t size) {
    dowel_text_add(&o->text, text, size);
}

static void put_escape(out *o, uint32_t character) {
    char text[16];
    int n = character > 0xffff ? snprintf(text, sizeof text, "\\u%04X\\u%04X", (unsigned)(0xd7c0 + (character >> 10)),
                                          (unsigned)(0xdc00 + (character & 0x3ff)))
                               : snprintf(text, sizeof text, "\\u%04X", (unsigned)character);
    put(o, text, (size_t)n);
}

static bool is_escaped(const out *o, uint32_t character) {
    return character < 0x20 || (character > 0x7e && o->flags & JSON_ENSURE_ASCII);
}

/* Writes runs of characters that need no escape in one piece. */
static void put_text(out *o, const char *text, size_t size) {
    static const char escaped[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    size_t from = 0, length = 0;
    put(o, "\"", 1);
    for (size_t at = 0; at < size; at += length) {
        uint32_t character = 0;
        length = dowel_utf8_read((const unsigned char *)text + at, size - at, &character);
        const char *named = length == 1 && character ? strchr(escaped, (int)character) : NULL;
        if (!length) { /* jansson refuses other text unless checking is off */
            o->text.failed = true;
            return;
        }
        if (!named && !is_escaped(o, character)) continue;
        put(o, text + from, at - from);
        from = at + length;
        if (named) {
            put(o, "\\", 1);
            put(o, names + (named - escaped), 1);
        } else {
            put_escape(o, character);
        }
    }
    put(o, text + from, size - from);
    put(o, "\"", 1);
}

/* On one line: line breaks stand between values only. */
static void put_verbatim(out *o, const char *text, size_t size) {
    size_t from = 0, length = 0;
    for (size_t at = 0; at < size; at += length) {
        uint32_t character = 0;
        length = dowel_utf8_read((const unsigned char *)text + at, size - at, &character);
        if (!length) {
            o->text.failed = true;
            return;
        }
        if (!is_escaped(o, character)) continue;
        put(o, text + from, at - from);
        from = at + length;
        if (character < 0x20)
            put(o, " ", 1);
        else
            put_escape(o, character);
    }
    put(o, text + from, size - from);
}

static void put_line(out *o, size_t depth) {
    size_t indent = o->flags & 0x1f; /* JSON_INDENT */
    if (!indent) return;
    put(o, "\n", 1);
    for (size_t i = 0; i < indent * depth; i++) put(o, " ", 1);
}

static void put_value(out *o, const json_t *value, size_t depth);

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_object(out *o, const json_t *object, size_t depth) {
    size_t count = json_object_size(object), i = 0;
    const char **names = calloc(count + 1, sizeof *names), *name;
    json_t *value;
    if (!names) {
        o->text.failed = true;
        return;
    }
    json_object_foreach((json_t *)object, name, value) names[i++] = name;
    count = i;
    if (o->flags & JSON_SORT_KEYS) qsort(names, count, sizeof *names, by_name);
    put(o, "{", 1);
    for (i = 0; i < count; i++) {
        if (i) put(o, ",", 1);
        put_line(o, depth + 1);
        put_text(o, names[i], strlen(names[i]));
        put(o, ": ", o->flags & 0x1f ? 2 : 1);
        put_value(o, json_object_get(object, names[i]), depth + 1);
    }
    if (count) put_line(o, depth);
    put(o, "}", 1);
    free(names);
}

static void put_array(out *o, const json_t *array, size_t depth) {
    size_t count = json_array_size(array);
    put(o, "[", 1);
    for (size_t i = 0; i < count; i++) {
        if (i) put(o, ",", 1);
        put_line(o, depth + 1);
        put_value(o, json_array_get(array, i), depth + 1);
    }
    if (count) put_line(o, depth);
    put(o, "]", 1);
}

static void put_value(out *o, const json_t *value, size_t depth) {
    if (depth > 2048) value = NULL; /* jansson reads no deeper */
    char *number = value ? dowel_json_number_text(value) : NULL;
    size_t size;
    const char *verbatim = dowel_json_verbatim_text(value, &size);
    if (number) {
        put(o, number, strlen(number));
    } else if (verbatim) {
        put_verbatim(o, verbatim, size);
    } else if (json_is_string(value)) {
        put_text(o, json_string_value(value), json_string_length(value));
    } else if (json_is_object(value)) {
        put_object(o, value, depth);
    } else if (json_is_array(value)) {
        put_array(o, value, depth);
    } else if (json_is_boolean(value)) {
        put(o, json_is_true(value) ? "true" : "false", json_is_true(value) ? 4 : 5);
    } else if (json_is_null(value)) {
        put(o, "null", 4);
    } else {
        o->text.failed = true; /* no value, too deep, or out of memory */
    }
    free(number);
}

char *dowel_json_dump(const json_t *value, size_t flags) {
    out o = {.flags = flags};
    put_value(&o, value, 0);
    return dowel_text_take(&o.text, NULL);
}
