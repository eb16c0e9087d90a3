/* Converts query parameters from JSON, with given or inferred types, to QueryParameterType and QueryParameterValue of the API. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 15 /* the limit of BigQuery */

/* The position in the parameters, for messages. */
typedef struct place {
    char path[200];
    dowel_error *err;
} place;

static int wrong(const place *at, const char *what) {
    return dowel_fail(at->err, DOWEL_E_INVALID, "field \"%s\": %s", at->path, what);
}

static place below(const place *at, const char *name, size_t index) {
    place inner = {.err = at->err};
    if (name)
        snprintf(inner.path, sizeof inner.path, "%.150s.%.40s", at->path, name);
    else
        snprintf(inner.path, sizeof inner.path, "%.150s[%zu]", at->path, index);
    return inner;
}

/* ---- types: INT64, ARRAY<DATE>, STRUCT<x INT64, y ARRAY<STRING>>, RANGE<DATE> ---- */

static void skip_spaces(const char **text) {
    while (dowel_is_space((unsigned char)**text)) ++*text;
}

static size_t word_length(const char *text) {
    size_t n = 0;
    while (dowel_is_alnum((unsigned char)text[n]) || text[n] == '_') n++;
    return n;
}

static int read_type(const place *at, const char **text, int depth, json_t **type);

/* The members of a STRUCT, up to its '>'. */
static int read_members(const place *at, const char **text, int depth, json_t *list) {
    do {
        ++*text; /* '<' or ',' */
        skip_spaces(text);
        size_t length = word_length(*text);
        const char *name = *text;
        *text += length;
        skip_spaces(text);
        if (!length || **text == '<' || **text == ',' || **text == '>')
            return wrong(at, "every field of a STRUCT needs a name: STRUCT<x INT64, y STRING>");
        json_t *member = NULL;
        int rc = read_type(at, text, depth, &member);
        if (rc) return rc;
        json_array_append_new(list, json_pack("{s:s%,s:o}", "name", name, length, "type", member));
        skip_spaces(text);
    } while (**text == ',');
    return 0;
}

static int read_type(const place *at, const char **text, int depth, json_t **type) {
    char name[32];
    skip_spaces(text);
    size_t length = word_length(*text);
    if (!length || length >= sizeof name) return wrong(at, "not a type of BigQuery");
    if (depth > DEEPEST) return wrong(at, "the type is nested too deeply");
    for (size_t i = 0; i < length; i++) name[i] = (char)dowel_upper((unsigned char)(*text)[i]);
    name[length] = 0;
    *text += length;
    skip_spaces(text);
    bool is_array = !strcmp(name, "ARRAY"), is_struct = !strcmp(name, "STRUCT"), is_range = !strcmp(name, "RANGE");
    *type = json_pack("{s:s}", "type", name);
    if (!is_array && !is_struct && !is_range) return 0;
    int rc = 0;
    if (**text != '<') {
        rc = wrong(at, "ARRAY, STRUCT and RANGE need an element type: ARRAY<INT64>");
    } else if (is_struct) {
        json_t *list = json_array();
        json_object_set_new(*type, "structTypes", list);
        rc = read_members(at, text, depth + 1, list);
    } else {
        json_t *inner = NULL;
        ++*text;
        rc = read_type(at, text, depth + 1, &inner);
        if (!rc && is_array && !strcmp(json_string_value(json_object_get(inner, "type")), "ARRAY"))
            rc = wrong(at, "BigQuery does not support arrays of arrays");
        if (inner) json_object_set_new(*type, is_array ? "arrayType" : "rangeElementType", inner);
        skip_spaces(text);
    }
    if (!rc && *(*text)++ != '>') rc = wrong(at, "the type lacks a closing >");
    if (rc) {
        json_decref(*type);
        *type = NULL;
    }
    return rc;
}

/* The inferred type of a scalar; NULL: the value is not a scalar. */
static const char *plain_type(const json_t *value) {
    if (dowel_json_is_exact(value)) return strpbrk(json_string_value(value), ".eE") ? "FLOAT64" : "INT64";
    switch (json_typeof(value)) {
    case JSON_INTEGER: return "INT64";
    case JSON_REAL: return "FLOAT64";
    case JSON_TRUE:
    case JSON_FALSE: return "BOOL";
    case JSON_STRING:
    case JSON_NULL: return "STRING";
    default: return NULL;
    }
}

static int guess_array(const place *at, const json_t *array, json_t **type) {
    const char *all = NULL;
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)array, i, item) {
        place inner = below(at, NULL, i);
        const char *found = plain_type(item);
        if (!found)
            return wrong(&inner,
                         "an array of objects needs {\"type\", \"value\"}; BigQuery does not support arrays of arrays");
        if (json_is_null(item)) continue;
        if (!all || (dowel_json_is_number(item) && !strcmp(all, "INT64")))
            all = found;
        else if (strcmp(all, found) != 0 && !(!strcmp(found, "INT64") && !strcmp(all, "FLOAT64")))
            return wrong(&inner, "all items of an array must have the same type; give it as {\"type\", \"value\"}");
    }
    *type = json_pack("{s:s,s:{s:s}}", "type", "ARRAY", "arrayType", "type", all ? all : "STRING");
    return 0;
}

/* ---- values ---- */

static int encode(const place *at, const json_t *type, const json_t *value, json_t **out);

static int encode_array(const place *at, const json_t *type, const json_t *value, json_t **out) {
    if (!json_is_array(value)) return wrong(at, "expected an array");
    json_t *list = json_array(), *item, *one;
    size_t i;
    *out = json_pack("{s:o}", "arrayValues", list);
    json_array_foreach((json_t *)value, i, item) {
        place inner = below(at, NULL, i);
        int rc = encode(&inner, json_object_get(type, "arrayType"), item, &one);
        if (rc) return rc;
        json_array_append_new(list, one);
    }
    return 0;
}

static int encode_struct(const place *at, const json_t *type, const json_t *value, json_t **out) {
    if (!json_is_object(value)) return wrong(at, "expected an object");
    json_t *values = json_object(), *member, *one;
    const json_t *members = json_object_get(type, "structTypes");
    size_t i, known = 0;
    *out = json_pack("{s:o}", "structValues", values);
    json_array_foreach((json_t *)members, i, member) {
        const char *name = json_string_value(json_object_get(member, "name"));
        const json_t *given = json_object_get(value, name), *null = json_null();
        place inner = below(at, name, 0);
        known += given != NULL;
        int rc = encode(&inner, json_object_get(member, "type"), given ? given : null, &one);
        if (rc) return rc;
        json_object_set_new(values, name, one);
    }
    if (known != json_object_size(value)) return wrong(at, "the value has a member that its type does not have");
    return 0;
}

static int encode_range(const place *at, const json_t *type, const json_t *value, json_t **out) {
    static const char *const ends[] = {"start", "end"};
    if (!json_is_object(value)) return wrong(at, "expected an object {\"start\", \"end\"}");
    json_t *range = json_object();
    *out = json_pack("{s:o}", "rangeValue", range);
    for (size_t i = 0; i < 2; i++) {
        const json_t *given = json_object_get(value, ends[i]);
        json_t *one;
        place inner = below(at, ends[i], 0);
        if (!given || json_is_null(given)) continue; /* unbounded */
        int rc = encode(&inner, json_object_get(type, "rangeElementType"), given, &one);
        if (rc) return rc;
        json_object_set_new(range, ends[i], one);
    }
    return 0;
}

/* *out is a new reference even on failure. */
static int encode_value(const place *at, const json_t *type, const json_t *value, json_t **out) {
    const char *name = json_string_value(json_object_get(type, "type"));
    bool composite = !strcmp(name, "ARRAY") || !strcmp(name, "STRUCT") || !strcmp(name, "RANGE");
    if (json_is_null(value)) {
        *out = composite ? json_object() : json_pack("{s:n}", "value");
        return 0;
    }
    if (!strcmp(name, "ARRAY")) return encode_array(at, type, value, out);
    if (!strcmp(name, "STRUCT")) return encode_struct(at, type, value, out);
    if (!strcmp(name, "RANGE")) return encode_range(at, type, value, out);
    if (json_is_string(value) && !dowel_json_is_exact(value)) {
        *out = json_pack("{s:O}", "value", (json_t *)value);
        return 0;
    }
    if (strcmp(name, "JSON") != 0 && (json_is_object(value) || json_is_array(value)))
        return wrong(at, "expected a scalar, not an array or object");
    char *text = dowel_json_dump(value, 0);
    *out = json_pack("{s:s}", "value", text ? text : "");
    free(text);
    return 0;
}

static int encode(const place *at, const json_t *type, const json_t *value, json_t **out) {
    *out = NULL;
    int rc = encode_value(at, type, value, out);
    if (!rc && !*out) rc = dowel_no_memory(at->err);
    if (rc) json_decref(*out);
    return rc;
}

/* Whether a value is {"type", "value"}. */
static bool is_typed(const json_t *value) {
    return json_object_size(value) == 2 && json_is_string(json_object_get(value, "type")) &&
           json_object_get(value, "value");
}

/* Appends one parameter to the list. `name` NULL: positional. `given`: the type as in SQL; NULL: inferred from the value. */
static int add(const place *at, const char *name, const char *given, const json_t *value, json_t *list) {
    json_t *type = NULL, *encoded = NULL;
    int rc;
    if (!given && json_is_object(value)) {
        if (!is_typed(value)) return wrong(at, "an object must be {\"type\", \"value\"}");
        given = json_string_value(json_object_get(value, "type"));
        value = json_object_get(value, "value");
    }
    if (given) {
        rc = read_type(at, &given, 0, &type);
        if (!rc && *given)
            rc = wrong(at, *given == '(' ? "a parameter type cannot have a (precision) or (length)"
                                         : "unexpected text after the type");
    } else if (json_is_array(value)) {
        rc = guess_array(at, value, &type);
    } else {
        type = json_pack("{s:s}", "type", plain_type(value));
        rc = 0;
    }
    if (!rc) rc = encode(at, type, value, &encoded);
    if (rc) {
        json_decref(type);
        return rc;
    }
    json_array_append_new(list,
                          json_pack("{s:s*,s:o,s:o}", "name", name, "parameterType", type, "parameterValue", encoded));
    return 0;
}

/* The key is "NAME" or "NAME:TYPE": parameter names cannot have a colon. */
static int add_named(const place *at, const char *key, const json_t *value, json_t *list) {
    const char *colon = strchr(key, ':');
    char name[200];
    place inner = below(at, key, 0);
    if (!colon) return add(&inner, key, NULL, value, list);
    if ((size_t)(colon - key) >= sizeof name) return wrong(&inner, "the name is too long");
    snprintf(name, sizeof name, "%.*s", (int)(colon - key), key);
    return add(&inner, name, colon + 1, value, list);
}

int dowel_bq_parameters(const json_t *parameters, json_t **list, dowel_error *err) {
    const place at = {.path = "parameters", .err = err};
    json_t *out = json_array(), *value;
    const char *name;
    size_t i;
    int rc = 0;
    if (json_is_array(parameters)) {
        json_array_foreach((json_t *)parameters, i, value) {
            place inner = below(&at, NULL, i);
            if (!rc) rc = add(&inner, NULL, NULL, value, out);
        }
    } else if (json_is_object(parameters)) {
        json_object_foreach((json_t *)parameters, name, value) {
            if (!rc) rc = add_named(&at, name, value, out);
        }
    } else {
        rc = wrong(&at, "expected NAME=VALUE, an object for @NAME or an array for ?");
    }
    if (rc)
        json_decref(out);
    else
        *list = out;
    return rc;
}
