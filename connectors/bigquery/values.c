/* Values: rows of the wire as JSON by their schema. */
#include "client.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *scalar(const char *type, const char *text) {
    char *end;
    if (!strcmp(type, "INTEGER") || !strcmp(type, "INT64")) {
        errno = 0;
        long long value = strtoll(text, &end, 10);
        return !errno && !*end && end != text ? json_integer(value) : json_string(text);
    }
    if (!strcmp(type, "FLOAT") || !strcmp(type, "FLOAT64")) {
        double value = strtod(text, &end);
        if (*end || end == text) return json_string(text);
        /* JSON has no such numbers: the names that Google's JSON gives them. */
        if (isnan(value)) return json_string("NaN");
        if (isinf(value)) return json_string(value > 0 ? "Infinity" : "-Infinity");
        return json_real(value);
    }
    if (!strcmp(type, "BOOLEAN") || !strcmp(type, "BOOL"))
        return json_boolean(!strcmp(text, "true") || !strcmp(text, "TRUE"));
    if (!strcmp(type, "TIMESTAMP")) {
        /* Microseconds as asked for; some servers send seconds with a fraction. */
        char when[DOWEL_TIME_TEXT_SIZE];
        double seconds = strtod(text, &end);
        if (*end || end == text) return json_string(text);
        dowel_format_time(strpbrk(text, ".eE") ? llround(seconds * 1e6) : strtoll(text, NULL, 10), when);
        return json_string(when);
    }
    return json_string(text);
}

static json_t *value_of(const json_t *field, const json_t *cell, bool element) {
    const char *type = json_string_value(json_object_get(field, "type")),
               *mode = json_string_value(json_object_get(field, "mode"));
    if (!type) type = "STRING";
    if (!element && mode && !strcmp(mode, "REPEATED")) {
        json_t *array = json_array(), *item;
        size_t i;
        json_array_foreach((json_t *)cell, i, item)
            json_array_append_new(array, value_of(field, json_object_get(item, "v"), true));
        return array;
    }
    if (!cell || json_is_null(cell)) return json_null();
    if (!strcmp(type, "RECORD") || !strcmp(type, "STRUCT")) return dowel_bq_row(json_object_get(field, "fields"), cell);
    if (json_is_string(cell)) return scalar(type, json_string_value(cell));
    return json_incref((json_t *)cell);
}

json_t *dowel_bq_row(const json_t *fields, const json_t *row) {
    json_t *object = json_object(), *field;
    const json_t *cells = json_object_get(row, "f");
    size_t i;
    json_array_foreach((json_t *)fields, i, field) {
        char name[160];
        const char *given = json_string_value(json_object_get(field, "name"));
        snprintf(name, sizeof name, "%s", given ? given : "");
        /* Two columns may have one name; neither may be lost. */
        for (int n = 1; json_object_get(object, name) && n < 1000; n++)
            snprintf(name, sizeof name, "%.140s_%d", given ? given : "", n);
        json_object_set_new(object, name, value_of(field, json_object_get(json_array_get(cells, i), "v"), false));
    }
    return object;
}
