/* Writing JSON: no number changes. */

#include <dowel/json.h>
#include <dowel/text.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text that grows. What it held is overwritten when it moves: it may be secret. */
typedef struct out {
    char *text;
    size_t used, room, flags;
    bool failed;
} out;

static void put(out *o, const char *text, size_t size) {
    if (o->failed) return;
    if (o->room - o->used <= size) {
        size_t room = 2 * (o->used + size) + 64;
        char *grown = malloc(room);
        if (!grown) {
            o->failed = true;
            return;
        }
        if (o->text) {
            memcpy(grown, o->text, o->used);
            OPENSSL_cleanse(o->text, o->used);
            free(o->text);
        }
        o->text = grown;
        o->room = room;
    }
    memcpy(o->text + o->used, text, size);
    o->used += size;
}

static void put_escape(out *o, uint32_t character) {
    char text[16];
    int n = character > 0xffff ? snprintf(text, sizeof text, "\\u%04X\\u%04X", (unsigned)(0xd7c0 + (character >> 10)),
                                          (unsigned)(0xdc00 + (character & 0x3ff)))
                               : snprintf(text, sizeof text, "\\u%04X", (unsigned)character);
    put(o, text, (size_t)n);
}

static void put_text(out *o, const char *text, size_t size) {
    static const char escaped[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const unsigned char *p = (const unsigned char *)text;
    put(o, "\"", 1);
    for (size_t at = 0; at < size;) {
        uint32_t character = 0;
        size_t length = dowel_utf8_read(p + at, size - at, &character);
        const char *named = length == 1 && character ? strchr(escaped, (int)character) : NULL;
        if (!length) { /* jansson lets nothing else in, unless it was told not to check */
            o->failed = true;
            return;
        }
        if (named) {
            put(o, "\\", 1);
            put(o, names + (named - escaped), 1);
        } else if (character < 0x20 || (character > 0x7e && o->flags & JSON_ENSURE_ASCII)) {
            put_escape(o, character);
        } else {
            put(o, text + at, length);
        }
        at += length;
    }
    put(o, "\"", 1);
}

/* On one line: what breaks lines stands between values only. */
static void put_verbatim(out *o, const char *text, size_t size) {
    const unsigned char *p = (const unsigned char *)text;
    for (size_t at = 0; at < size;) {
        uint32_t character = 0;
        size_t length = dowel_utf8_read(p + at, size - at, &character);
        if (!length) {
            o->failed = true;
            return;
        }
        if (character < 0x20)
            put(o, " ", 1);
        else if (character > 0x7e && o->flags & JSON_ENSURE_ASCII)
            put_escape(o, character);
        else
            put(o, text + at, length);
        at += length;
    }
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
        o->failed = true;
        return;
    }
    json_object_foreach((json_t *)object, name, value) names[i++] = name;
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
        o->failed = true; /* no value, too deep, or out of memory */
    }
    free(number);
}

char *dowel_json_dump(const json_t *value, size_t flags) {
    out o = {.flags = flags};
    put_value(&o, value, 0);
    put(&o, "", 1);
    if (!o.failed) return o.text;
    if (o.text) OPENSSL_cleanse(o.text, o.used);
    free(o.text);
    return NULL;
}
