/* Reads members of a credentials file. */
#include "gcp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int dowel_gcp_bad_file(dowel_error *err, const char *origin, const char *format, ...) {
    char what[512];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: %s", origin, what);
    dowel_error_hint(err, "use the file as Google created it; it may have been cut short or edited");
    return rc;
}

int dowel_gcp_take(const json_t *document, const char *member, bool required, const char *origin, char **out,
                   dowel_error *err) {
    const json_t *value = json_object_get(document, member);
    const char *text = json_string_value(value);
    if (text && *text && strlen(text) == json_string_length(value)) {
        *out = strdup(text);
        return *out ? 0 : dowel_no_memory(err);
    }
    if (!required && (!value || json_is_null(value) || (text && !*text))) return 0;
    return dowel_gcp_bad_file(err, origin, "\"%s\" is missing or not text", member);
}

int dowel_gcp_take_scopes(const json_t *document, dowel_gcp_identity *id, dowel_error *err) {
    const json_t *scopes = json_object_get(document, "scopes");
    if (!json_is_array(scopes)) return dowel_gcp_take(document, "scopes", false, id->origin, &id->scopes, err);
    dowel_text text = {0};
    size_t i;
    json_t *scope;
    json_array_foreach(scopes, i, scope) {
        if (!json_is_string(scope)) {
            dowel_text_free(&text);
            return dowel_gcp_bad_file(err, id->origin, "\"scopes[%zu]\" is not text", i);
        }
        if (i) dowel_text_put(&text, " ");
        dowel_text_put(&text, json_string_value(scope));
    }
    if (!i) return 0;
    id->scopes = dowel_text_take(&text, err);
    return id->scopes ? 0 : DOWEL_E_NO_MEMORY;
}
