/* A gcloud configuration as a block of gcp-credentials. */
#include "import_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *dowel_import_impersonated(const char *chain, const json_t *source) {
    json_t *delegates = json_array();
    const char *target = chain;
    for (const char *comma; (comma = strchr(target, ',')); target = comma + 1)
        json_array_append_new(delegates, json_stringn(target, (size_t)(comma - target)));
    char url[512];
    snprintf(url, sizeof url,
             "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/%.300s:generateAccessToken", target);
    json_t *info = json_pack("{s:s,s:s,s:o}", "type", "impersonated_service_account",
                             "service_account_impersonation_url", url, "source_credentials", json_deep_copy(source));
    if (json_array_size(delegates)) json_object_set(info, "delegates", delegates);
    json_decref(delegates);
    return info;
}

int dowel_import_gcloud(dowel_importing *in, const char *name, const json_t *sections, const json_t *credentials) {
    static const struct {
        const char *section, *property;
    } used[] = {{"core", "account"},
                {"core", "project"},
                {"auth", "credential_file_override"},
                {"auth", "impersonate_service_account"},
                {"auth", "disable_credentials"},
                {"billing", "quota_project"}};
    json_t *document = json_object(), *left = json_array(), *section, *value;
    const char *section_name, *key, *chain = NULL, *quota = NULL, *disabled = NULL;
    char path[160], what[300];
    json_object_foreach((json_t *)sections, section_name, section) {
        json_object_foreach(section, key, value) {
            bool known = false;
            for (size_t i = 0; i < sizeof used / sizeof used[0]; i++)
                known = known || (!strcmp(used[i].section, section_name) && !strcmp(used[i].property, key));
            snprintf(path, sizeof path, "%.60s/%.60s", section_name, key);
            if (!known) dowel_import_leave(in, left, path, value);
        }
    }
#define PROPERTY(section, name) json_string_value(json_object_get(json_object_get(sections, section), name))
    dowel_import_set(document, "project", PROPERTY("core", "project"));
    quota = PROPERTY("billing", "quota_project");
    /* "CURRENT_PROJECT" and "LEGACY" are gcloud's own words for "none of its own". */
    if (quota && strncmp(quota, "CURRENT_PROJECT", 15) != 0 && strcmp(quota, "LEGACY") != 0)
        dowel_import_set(document, "quota_project", quota);
    chain = PROPERTY("auth", "impersonate_service_account");
    disabled = PROPERTY("auth", "disable_credentials");
#undef PROPERTY
    snprintf(what, sizeof what, "gcloud configuration %.200s", name);
    int rc = dowel_import_left_out(in, what, left);
    if (!rc && credentials && !json_is_object(credentials))
        rc = dowel_fail(in->err, DOWEL_E_CREDENTIALS, "%s: its credentials are not a JSON object", what);
    else if (!rc && !credentials && chain && *chain)
        rc = dowel_fail(in->err, DOWEL_E_CREDENTIALS, "%s acts as %.200s, but has no account that could", what, chain);
    if (rc) {
        json_decref(document);
        return rc;
    }
    if (disabled && !dowel_casecmp(disabled, "true"))
        json_object_set_new(document, "anonymous", json_true());
    else if (credentials)
        json_object_set_new(document, "service_account_info",
                            chain && *chain ? dowel_import_impersonated(chain, credentials)
                                            : json_deep_copy(credentials));
    else
        dowel_import_warn(in, "%s has no account: the block uses what Google's own tools would find", what);
    return dowel_import_add(in, "gcp-credentials", in->name ? in->name : name, document, NULL);
}
