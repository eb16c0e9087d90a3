/* Reads table schemas in the forms that the console exports and `bq show --format=json` prints. */
#include "client.h"

#include <stdio.h>

static int wrong(const char *path, const char *what, dowel_error *err) {
    return dowel_fail(err, DOWEL_E_INVALID, "field \"%s\": %s", path, what);
}

static int check_columns(const json_t *columns, const char *path, int depth, dowel_error *err) {
    size_t i;
    json_t *column;
    if (!json_is_array(columns)) return wrong(path, "expected an array of columns", err);
    if (depth > 15) return wrong(path, "the columns are nested too deeply", err);
    json_array_foreach((json_t *)columns, i, column) {
        char at[160];
        snprintf(at, sizeof at, "%.130s[%zu]", path, i);
        const char *name = json_string_value(json_object_get(column, "name"));
        if (!json_is_object(column)) return wrong(at, "expected an object {\"name\", \"type\"}", err);
        if (!name || !*name) return wrong(at, "the column has no \"name\"", err);
        if (!json_is_string(json_object_get(column, "type"))) return wrong(at, "the column has no \"type\"", err);
        const json_t *inner = json_object_get(column, "fields");
        snprintf(at, sizeof at, "%.130s[%zu].fields", path, i);
        int rc = inner ? check_columns(inner, at, depth + 1, err) : 0;
        if (rc) return rc;
    }
    return 0;
}

int dowel_bq_schema(const json_t *given, json_t **schema, dowel_error *err) {
    const json_t *inner = json_object_get(given, "schema"), *columns = given;
    if (json_is_object(inner)) given = inner;
    if (json_is_object(given)) columns = json_object_get(given, "fields");
    if (!columns)
        return wrong("schema", "expected an array of columns, or an object with \"fields\" or \"schema\"", err);
    int rc = check_columns(columns, "schema", 0, err);
    if (rc) return rc;
    *schema = json_pack("{s:O}", "fields", (json_t *)columns);
    return *schema ? 0 : dowel_no_memory(err);
}
