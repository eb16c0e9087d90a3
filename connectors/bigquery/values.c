/* Values: rows of the wire as JSON by their schema, parameters the other way. */
#include "client.h"

#include <ctype.h>
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
        return !*end && end != text && isfinite(value) ? json_real(value) : json_string(text);
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

/* ---- parameters ---- */

static int encode(const json_t *value, json_t **type, json_t **encoded, dowel_error *err);

static int encode_typed(const char *type, const json_t *value, json_t **out_type, json_t **out, dowel_error *err) {
    size_t length = strlen(type);
    if (!strncmp(type, "ARRAY<", 6) && type[length - 1] == '>') {
        char inner[64];
        json_t *items = json_array(), *item, *item_type = NULL;
        size_t i;
        snprintf(inner, sizeof inner, "%.*s", (int)(length - 7), type + 6);
        json_array_foreach((json_t *)value, i, item) {
            json_t *one = NULL, *ignored = NULL;
            int rc = encode_typed(inner, item, &ignored, &one, err);
            json_decref(ignored);
            if (rc) {
                json_decref(items);
                return rc;
            }
            json_array_append_new(items, one);
        }
        item_type = json_pack("{s:s}", "type", inner);
        *out_type = json_pack("{s:s,s:o}", "type", "ARRAY", "arrayType", item_type);
        *out = json_pack("{s:o}", "arrayValues", items);
        return 0;
    }
    *out_type = json_pack("{s:s}", "type", type);
    if (json_is_null(value)) {
        *out = json_pack("{s:n}", "value");
    } else if (json_is_string(value)) {
        *out = json_pack("{s:O}", "value", (json_t *)value);
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        *out = json_pack("{s:s}", "value", text ? text : "");
        free(text);
    }
    return *out_type && *out ? 0 : dowel_fail(err, DOWEL_E_INVALID, "a parameter of type %.40s cannot be sent", type);
}

static int encode(const json_t *value, json_t **type, json_t **encoded, dowel_error *err) {
    switch (json_typeof(value)) {
    case JSON_OBJECT: {
        const char *given = json_string_value(json_object_get(value, "type"));
        const json_t *inner = json_object_get(value, "value");
        if (!given || !inner)
            return dowel_fail(err, DOWEL_E_INVALID, "field \"parameters\": an object must be {\"type\", \"value\"}");
        return encode_typed(given, inner, type, encoded, err);
    }
    case JSON_ARRAY: {
        const json_t *first = json_array_get(value, 0);
        const char *inner = json_is_integer(first)   ? "ARRAY<INT64>"
                            : json_is_real(first)    ? "ARRAY<FLOAT64>"
                            : json_is_boolean(first) ? "ARRAY<BOOL>"
                                                     : "ARRAY<STRING>";
        return encode_typed(inner, value, type, encoded, err);
    }
    case JSON_INTEGER: return encode_typed("INT64", value, type, encoded, err);
    case JSON_REAL: return encode_typed("FLOAT64", value, type, encoded, err);
    case JSON_TRUE:
    case JSON_FALSE: return encode_typed("BOOL", value, type, encoded, err);
    default: return encode_typed("STRING", value, type, encoded, err);
    }
}

int dowel_bq_parameters(const json_t *parameters, json_t **list, dowel_error *err) {
    json_t *out = json_array();
    int rc = 0;
    size_t i;
    const char *name = NULL;
    json_t *value, *type, *encoded;
    if (json_is_array(parameters)) {
        json_array_foreach((json_t *)parameters, i, value) {
            rc = encode(value, &type, &encoded, err);
            if (rc) break;
            json_array_append_new(out, json_pack("{s:o,s:o}", "parameterType", type, "parameterValue", encoded));
        }
    } else if (json_is_object(parameters)) {
        json_object_foreach((json_t *)parameters, name, value) {
            rc = encode(value, &type, &encoded, err);
            if (rc) break;
            json_array_append_new(
                out, json_pack("{s:s,s:o,s:o}", "name", name, "parameterType", type, "parameterValue", encoded));
        }
    } else {
        rc = dowel_fail(err, DOWEL_E_INVALID, "field \"parameters\": expected an array for ? or an object for @name");
    }
    if (rc)
        json_decref(out);
    else
        *list = out;
    return rc;
}
