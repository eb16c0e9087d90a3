/* Reading JSON text, with errors that say where but never quote what may be secret. */
#include <dowel/fields.h>

#include <stdio.h>
#include <string.h>

int dowel_json_parse(const char *text, size_t size, const char *origin, json_t **document, dowel_error *err) {
    json_error_t problem;
    json_t *value = json_loadb(text ? text : "", size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    if (value) {
        *document = value;
        return 0;
    }
    /* jansson quotes the text beside the error and bad escapes; keep only what comes before that. */
    char said[sizeof problem.text];
    snprintf(said, sizeof said, "%s", problem.text);
    char *near = strstr(said, " near ");
    if (near) *near = 0;
    char *escape = strncmp(said, "invalid Unicode", 15) ? NULL : strchr(said, '\'');
    if (escape && escape > said) escape[-1] = 0;
    return dowel_fail(err, DOWEL_E_INVALID, "%s: not valid JSON at line %d, column %d: %s", origin,
                      problem.line > 0 ? problem.line : 1, problem.column > 0 ? problem.column : 1,
                      size ? said : "it is empty");
}
