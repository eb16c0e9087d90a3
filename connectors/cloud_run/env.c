/* Environment variables: literal text, or a reference to a secret of Secret Manager. */
#include "client.h"

#include <dowel/json.h>
#include <stdlib.h>
#include <string.h>

/* A version as text: "latest", "5" or 5. Newly allocated; NULL: not a version. */
static char *version_of(const json_t *version) {
    const char *text = json_string_value(version);
    if (!version) return strdup("latest");
    if (json_is_integer(version) && json_integer_value(version) > 0) return dowel_json_number_text(version);
    return text && *text && !dowel_json_is_exact(version) ? strdup(text) : NULL;
}

/* The value as a JSON object (NULL: it is text), and in *source the secret that it names (NULL: none). New references. */
static json_t *read_value(const char *name, const char *value, json_t **source) {
    json_t *document = NULL;
    *source = NULL;
    if (*value != '{' || dowel_json_parse(value, strlen(value), name, &document, NULL)) return NULL;
    const char *secret = json_string_value(json_object_get(document, "secret"));
    const json_t *version = json_object_get(document, "version");
    char *text = secret && *secret ? version_of(version) : NULL;
    if (text && json_object_size(document) == (version ? 2u : 1u))
        *source = json_pack("{s:{s:s,s:s}}", "secretKeyRef", "secret", secret, "version", text);
    free(text);
    return document;
}

json_t *dowel_cloud_run_env(const dowel_pair *env) {
    dowel_builder all = dowel_build(json_array());
    json_t *array;
    for (; env && env->name; env++) {
        json_t *source, *document = read_value(env->name, env->value, &source);
        const char *inner =
            json_object_size(document) == 1 ? json_string_value(json_object_get(document, "value")) : NULL;
        dowel_build_item(&all, source ? json_pack("{s:s,s:o}", "name", env->name, "valueSource", source)
                                      : json_pack("{s:s,s:s}", "name", env->name, "value", inner ? inner : env->value));
        json_decref(document);
    }
    (void)dowel_build_end(&all, &array, NULL);
    return array;
}

json_t *dowel_cloud_run_texts(const char *const *list) {
    dowel_builder all = dowel_build(json_array());
    json_t *array;
    for (; *list; list++) dowel_build_item(&all, json_string(*list));
    (void)dowel_build_end(&all, &array, NULL);
    return array;
}

int dowel_cloud_run_env_check(const dowel_pair *env, dowel_error *err) {
    int rc = 0;
    for (; env && env->name && !rc; env++) {
        if (!*env->name || strchr(env->name, '='))
            return dowel_fail(err, DOWEL_E_INVALID,
                              "field \"env\": \"%.100s\" is not the name of an environment variable", env->name);
        json_t *source, *document = read_value(env->name, env->value ? env->value : "", &source);
        if (!source && json_is_string(json_object_get(document, "secret"))) {
            rc = dowel_fail(
                err, DOWEL_E_INVALID,
                "field \"env.%.100s\": expected {\"secret\": \"NAME\", \"version\": \"latest\"}, got an object with "
                "other members or an invalid version",
                env->name);
            dowel_error_hint(err, "to set the variable to this JSON text, write {\"value\": \"JSON as text\"}");
        }
        json_decref(source);
        json_decref(document);
    }
    return rc;
}
