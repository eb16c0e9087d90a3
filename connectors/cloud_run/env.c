/* Environment variables: literal text, or a secret of Secret Manager. */
#include "client.h"

#include <dowel/json.h>
#include <string.h>

/* {"secret": "NAME", "version": "5"} as the API has it; NULL: the text means itself, or what {"value": ...} says in *literal. */
static json_t *secret_of(const json_t *document, const char **literal) {
    const char *secret = json_string_value(json_object_get(document, "secret")),
               *version = json_string_value(json_object_get(document, "version")),
               *value = json_string_value(json_object_get(document, "value"));
    size_t members = json_object_size(document);
    if (value && members == 1) *literal = value;
    if (!secret || !*secret || members != (version ? 2u : 1u)) return NULL;
    return json_pack("{s:{s:s,s:s}}", "secretKeyRef", "secret", secret, "version", version ? version : "latest");
}

json_t *dowel_run_env(const dowel_pair *env) {
    json_t *array = json_array();
    for (; env && env->name; env++) {
        json_t *document = NULL;
        const char *literal = env->value;
        if (*env->value == '{' && dowel_json_parse(env->value, strlen(env->value), env->name, &document, NULL))
            document = NULL;
        json_t *source = secret_of(document, &literal);
        json_array_append_new(array, source ? json_pack("{s:s,s:o}", "name", env->name, "valueSource", source)
                                            : json_pack("{s:s,s:s}", "name", env->name, "value", literal));
        json_decref(document);
    }
    return array;
}
