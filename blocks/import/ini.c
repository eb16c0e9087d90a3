/* Files of "[section]" and "key = value" lines, as gcloud and rclone write them. Amazon's shared files have another grammar, which is read in
 * blocks/aws/profile.c: settings that continue on indented lines, kinds of sections, colons, and a later value that replaces an earlier one. */
#include "import_internal.h"

#include <dowel/file.h>
#include <stdlib.h>
#include <string.h>

enum { MALFORMED = -1, GIVEN_TWICE = -2 }; /* what can be wrong with a line */

static const char *trim(const char *text, size_t *length) {
    while (*length && strchr(" \t\r", *text)) {
        text++;
        --*length;
    }
    while (*length && strchr(" \t\r", text[*length - 1])) --*length;
    return text;
}

/* A setting that is given twice with different values: which one its tool uses is not ours to guess. */
static int set_value(json_t *section, const char *key, json_t *value) {
    const json_t *before = json_object_get(section, key);
    if (before) return json_equal(before, value) ? 0 : GIVEN_TWICE;
    return json_object_set(section, key, value);
}

/* One line; *section is the open section. 0, MALFORMED or GIVEN_TWICE. */
static int read_line(const char *line, size_t length, json_t *sections, json_t **section) {
    line = trim(line, &length);
    if (!length || *line == '#' || *line == ';') return 0;
    if (*line == '[') {
        if (length < 3 || line[length - 1] != ']') return MALFORMED;
        size_t size = length - 2;
        const char *text = trim(line + 1, &size);
        json_t *key = json_stringn(text, size);
        const char *name = json_string_value(key);
        if (name && strlen(name) == size) {
            *section = json_object_get(sections, name);
            if (!*section && !json_object_set_new(sections, name, json_object()))
                *section = json_object_get(sections, name);
        } else {
            *section = NULL;
        }
        json_decref(key);
        return *section ? 0 : MALFORMED;
    }
    const char *equals = memchr(line, '=', length);
    if (!equals || equals == line || !*section) return MALFORMED;
    size_t key_size = (size_t)(equals - line), size = length - key_size - 1;
    const char *text = trim(equals + 1, &size);
    trim(line, &key_size);
    json_t *key = json_stringn(line, key_size), *value = json_stringn(text, size);
    bool good = key && value && strlen(json_string_value(key)) == key_size && strlen(json_string_value(value)) == size;
    int bad = good ? set_value(*section, json_string_value(key), value) : MALFORMED;
    json_decref(key);
    if (bad)
        dowel_json_cleanse(value);
    else
        json_decref(value);
    return bad;
}

int dowel_import_ini(const char *text, size_t size, const char *origin, json_t **sections, dowel_error *err) {
    json_t *all = json_object(), *section = NULL;
    int number = 0, rc = dowel_text_check(origin, &text, &size, err);
    if (rc) {
        json_decref(all);
        return rc;
    }
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;
        number++;
        int bad = read_line(text + at, length, all, &section);
        if (bad) {
            dowel_json_cleanse(all);
            return dowel_fail(err, DOWEL_E_INVALID, "%s: line %d %s", origin, number,
                              bad == GIVEN_TWICE ? "gives a setting of its section a second value"
                                                 : "is not a section, \"key = value\" or a comment");
        }
        at += length + 1;
    }
    *sections = all;
    return 0;
}

int dowel_import_read_sections(const char *path, bool needed, json_t *into, dowel_error *err) {
    char *text = NULL;
    size_t size = 0;
    json_t *sections = NULL, *section;
    const char *name;
    dowel_error why;
    int rc = dowel_file_read(path, DOWEL_IMPORT_FILE_LIMIT, &text, &size, &why);
    if (rc == DOWEL_E_NOT_FOUND && !needed) return 0;
    if (!rc) rc = dowel_import_ini(text, size, path, &sections, &why);
    json_object_foreach(sections, name, section) {
        json_t *there = json_object_get(into, name);
        int failed = there ? json_object_update(there, section) : json_object_set(into, name, section);
        if (failed) rc = dowel_no_memory(&why);
    }
    json_decref(sections);
    dowel_wipe_bytes(text, size);
    if (rc && err) *err = why;
    return rc;
}
