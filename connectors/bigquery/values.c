/* Converts rows of the API to JSON by their schema. */
#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_type(const char *type, const char *legacy, const char *standard) {
    return !strcmp(type, legacy) || !strcmp(type, standard);
}

/* ---- times ---- */

enum { DIGITS = 12 }; /* picoseconds */

/* Reads "-1700000000.123456789012" or "1.70000000025E9" as whole seconds and DIGITS decimal digits, rounded down. It does not
 * use a double, which would lose digits. */
static bool read_seconds(const char *text, int64_t *seconds, int64_t *fraction) {
    char digits[64];
    bool negative = *text == '-';
    long point = -1, exponent = 0, used = 0;
    for (text += negative || *text == '+'; (*text >= '0' && *text <= '9') || (*text == '.' && point < 0); text++) {
        if (*text == '.')
            point = used;
        else if (used == sizeof digits)
            return false;
        else
            digits[used++] = *text;
    }
    if (!used) return false;
    if (point < 0) point = used;
    if (*text == 'e' || *text == 'E') {
        char *end;
        exponent = strtol(text + 1, &end, 10);
        if (end == text + 1 || labs(exponent) > 40) return false;
        text = end;
    }
    point += exponent;
    if (*text || point > 15) return false;
    *seconds = *fraction = 0;
    for (long i = 0; i < point; i++) *seconds = *seconds * 10 + (i < used ? digits[i] - '0' : 0);
    for (long i = point; i < point + DIGITS; i++)
        *fraction = *fraction * 10 + (i >= 0 && i < used ? digits[i] - '0' : 0);
    if (negative) {
        *seconds = -*seconds - (*fraction != 0);
        if (*fraction) *fraction = INT64_C(1000000000000) - *fraction;
    }
    return true;
}

/* RFC 3339 without a fraction, with microseconds or with picoseconds, as the value needs. */
static json_t *time_text(int64_t seconds, int64_t picoseconds) {
    char text[DOWEL_TIME_TEXT_SIZE];
    /* The years 1 to 9999; NULL for any other, whose text is kept. */
    if (seconds < INT64_C(-62135596800) || seconds > INT64_C(253402300799)) return NULL;
    dowel_format_time(seconds * 1000000, text);
    text[strlen(text) - 1] = 0; /* Z */
    if (!picoseconds) return json_sprintf("%sZ", text);
    if (picoseconds % 1000000) return json_sprintf("%s.%012" PRId64 "Z", text, picoseconds);
    return json_sprintf("%s.%06" PRId64 "Z", text, picoseconds / 1000000);
}

/* Reads "2023-11-14T22:13:20.123456000000Z", the format ISO8601_STRING. */
static json_t *iso_time(const char *text) {
    int64_t microseconds, picoseconds = 0;
    const char *point = strchr(text, '.');
    size_t length = strlen(text);
    if (dowel_parse_time(text, &microseconds) || text[length - 1] != 'Z') return NULL;
    int64_t seconds = microseconds / 1000000 - (microseconds % 1000000 < 0);
    size_t digits = point ? strspn(point + 1, "0123456789") : 0;
    if (digits > DIGITS) return NULL;
    for (size_t i = 0; i < DIGITS; i++) picoseconds = picoseconds * 10 + (i < digits ? point[i + 1] - '0' : 0);
    return time_text(seconds, picoseconds);
}

/* Reads a timestamp in any form that servers send: microseconds (which were requested), seconds with a fraction, ISO 8601. */
static json_t *timestamp(const char *text) {
    int64_t seconds, fraction = 0;
    char *end;
    errno = 0;
    long long microseconds = strtoll(text, &end, 10);
    json_t *value = NULL;
    if (!*end && end != text) {
        if (errno) return json_string(text);
        seconds = microseconds / 1000000 - (microseconds % 1000000 < 0);
        fraction = (microseconds - seconds * 1000000) * 1000000;
        value = time_text(seconds, fraction);
    } else if (read_seconds(text, &seconds, &fraction)) {
        value = time_text(seconds, fraction);
    } else {
        value = iso_time(text);
    }
    return value ? value : json_string(text);
}

/* "[START, END)", either of which may be UNBOUNDED. */
static json_t *range(const json_t *element, const char *text) {
    const char *type = json_string_value(json_object_get(element, "type")), *comma = strstr(text, ", ");
    size_t length = strlen(text);
    if (!type || strcmp(type, "TIMESTAMP") != 0 || !comma || *text != '[' || text[length - 1] != ')')
        return json_string(text);
    char *ends[2] = {strndup(text + 1, (size_t)(comma - text) - 1),
                     strndup(comma + 2, (size_t)(text + length - 1 - (comma + 2)))};
    json_t *first = ends[0] ? timestamp(ends[0]) : NULL, *second = ends[1] ? timestamp(ends[1]) : NULL;
    json_t *value =
        first && second ? json_sprintf("[%s, %s)", json_string_value(first), json_string_value(second)) : NULL;
    json_decref(first);
    json_decref(second);
    free(ends[0]);
    free(ends[1]);
    return value;
}

/* ---- other values ---- */

static json_t *real(const char *text) {
    char *end;
    errno = 0;
    double value = dowel_read_real(text, &end);
    if (*end || end == text) return json_string(text);
    /* JSON cannot write these numbers; the names are those of Google's JSON. */
    if (isnan(value)) return json_string("NaN");
    if (isinf(value)) return errno ? json_string(text) : json_string(value > 0 ? "Infinity" : "-Infinity");
    return json_real(value);
}

static json_t *scalar(const json_t *field, const char *type, const json_t *cell) {
    const char *text = json_string_value(cell);
    char *end;
    if (strlen(text) != json_string_length(cell)) return json_stringn(text, json_string_length(cell));
    if (is_type(type, "INTEGER", "INT64")) {
        errno = 0;
        long long value = strtoll(text, &end, 10);
        return !errno && !*end && end != text ? json_integer(value) : json_string(text);
    }
    if (is_type(type, "FLOAT", "FLOAT64")) return real(text);
    if (is_type(type, "BOOLEAN", "BOOL")) {
        bool yes = !strcmp(text, "true") || !strcmp(text, "TRUE"),
             no = !strcmp(text, "false") || !strcmp(text, "FALSE");
        return yes || no ? json_boolean(yes) : json_string(text);
    }
    if (!strcmp(type, "TIMESTAMP")) return timestamp(text);
    if (!strcmp(type, "RANGE")) return range(json_object_get(field, "rangeElementType"), text);
    return json_string(text);
}

/* ---- rows ---- */

static json_t *value_of(const json_t *field, const json_t *cell, bool element) {
    const char *type = json_string_value(json_object_get(field, "type")),
               *mode = json_string_value(json_object_get(field, "mode"));
    if (!type) type = "STRING";
    if (!element && mode && !strcmp(mode, "REPEATED")) {
        json_t *array = json_array(), *item;
        size_t i;
        json_array_foreach((json_t *)cell, i, item) {
            if (!json_array_append_new(array, value_of(field, json_object_get(item, "v"), true))) continue;
            json_decref(array);
            return NULL;
        }
        return array;
    }
    if (!cell || json_is_null(cell)) return json_null();
    if (is_type(type, "RECORD", "STRUCT")) return dowel_bq_row(json_object_get(field, "fields"), cell);
    if (json_is_string(cell)) return scalar(field, type, cell);
    return json_incref((json_t *)cell);
}

json_t *dowel_bq_row(const json_t *fields, const json_t *row) {
    json_t *object = json_object(), *field;
    const json_t *cells = json_object_get(row, "f");
    size_t i;
    if (json_array_size(cells) != json_array_size(fields)) {
        json_decref(object);
        return NULL;
    }
    json_array_foreach((json_t *)fields, i, field) {
        const char *key = json_string_value(json_object_get(field, DOWEL_BQ_KEY));
        json_t *value = value_of(field, json_object_get(json_array_get(cells, i), "v"), false);
        if (key && value && !json_object_set_new(object, key, value)) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

/* ---- the keys of rows: the name of the column, with a number if an earlier column has the same name ---- */

/* `taken`: keys in use and the names of later columns. */
static json_t *free_key(const char *name, const json_t *taken) {
    for (int n = 1;; n++) {
        json_t *key = json_sprintf("%s_%d", name, n);
        if (!key || !json_object_get(taken, json_string_value(key))) return key;
        json_decref(key);
    }
}

static int give_keys(json_t *fields) {
    json_t *taken = json_object(), *used = json_object(), *field;
    size_t i;
    int rc = taken && used ? 0 : -1;
    json_array_foreach(fields, i, field) {
        const char *name = json_string_value(json_object_get(field, "name"));
        rc |= json_object_set_new(taken, name ? name : "", json_true());
    }
    json_array_foreach(fields, i, field) {
        const char *given = json_string_value(json_object_get(field, "name")), *name = given ? given : "";
        json_t *key = json_object_get(used, name) ? free_key(name, taken) : json_string(name);
        rc |= json_object_set(used, json_string_value(key), json_true());
        rc |= json_object_set(taken, json_string_value(key), json_true());
        rc |= json_object_set_new(field, DOWEL_BQ_KEY, key);
        json_t *inner = json_object_get(field, "fields");
        if (inner) rc |= give_keys(inner);
    }
    json_decref(taken);
    json_decref(used);
    return rc;
}

json_t *dowel_bq_columns(const json_t *schema) {
    json_t *columns = json_deep_copy(schema);
    if (columns && give_keys(columns)) {
        json_decref(columns);
        return NULL;
    }
    return columns;
}

bool dowel_bq_has_picoseconds(const json_t *schema) {
    json_t *field;
    size_t i;
    json_array_foreach((json_t *)schema, i, field) {
        const json_t *element = json_object_get(field, "rangeElementType");
        if (dowel_bq_int(field, "timestampPrecision") > 6 || dowel_bq_int(element, "timestampPrecision") > 6 ||
            dowel_bq_has_picoseconds(json_object_get(field, "fields")))
            return true;
    }
    return false;
}
