/* The import source "gcloud": a configuration as a block of gcp-credentials. */
#include "gcloud_internal.h"
#include "import_internal.h"

#include <dowel/credentials.h>
#include <dowel/file.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int convert(dowel_importing *in, const char *name, const json_t *sections, const json_t *credentials) {
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
    dowel_import_set(in, document, "project", PROPERTY("core", "project"));
    quota = PROPERTY("billing", "quota_project");
    /* "CURRENT_PROJECT" and "LEGACY" are gcloud's own words for "none of its own". */
    if (quota && strncmp(quota, "CURRENT_PROJECT", 15) != 0 && strcmp(quota, "LEGACY") != 0)
        dowel_import_set(in, document, "quota_project", quota);
    chain = PROPERTY("auth", "impersonate_service_account");
    disabled = PROPERTY("auth", "disable_credentials");
#undef PROPERTY
    snprintf(what, sizeof what, "gcloud configuration %.200s", name);
    int rc = dowel_import_left_out(in, what, left);
    if (!rc && credentials && !json_is_object(credentials))
        rc = dowel_fail(in->err, DOWEL_E_CREDENTIALS, "%s: its credentials are not a JSON object", what);
    else if (!rc && !credentials && chain && *chain)
        rc = dowel_fail(in->err, DOWEL_E_CREDENTIALS, "%s impersonates %.200s, but has no account", what, chain);
    if (rc) {
        json_decref(document);
        return rc;
    }
    if (disabled && !dowel_casecmp(disabled, "true"))
        dowel_import_put(in, document, "anonymous", json_true());
    else if (credentials)
        dowel_import_put(in, document, "service_account_info",
                         chain && *chain ? dowel_import_impersonated(chain, credentials) : json_deep_copy(credentials));
    else
        dowel_import_warn(in, "%s has no account: the block uses the Application Default Credentials", what);
    return dowel_import_add(in, "gcp-credentials", in->name ? in->name : name, document, NULL);
}

static int read_json(const char *path, json_t **document, dowel_error *err) {
    char *text = NULL;
    size_t size = 0;
    int rc = dowel_file_read(path, DOWEL_IMPORT_FILE_LIMIT, &text, &size, err);
    if (!rc) rc = dowel_json_read(text, size, DOWEL_JSON_EXACT, path, document, err);
    dowel_wipe_bytes(text, size);
    return rc;
}

static const char *variable(const char *text) {
    return text && *text ? text : NULL;
}

static const char *property(const json_t *sections, const char *section, const char *name) {
    return variable(json_string_value(json_object_get(json_object_get(sections, section), name)));
}

static void active_configuration(const char *folder, char name[256]) {
    char path[PATH_MAX];
    const char *said = variable(getenv("CLOUDSDK_ACTIVE_CONFIG_NAME"));
    snprintf(name, 256, "%s", said ? said : "");
    snprintf(path, sizeof path, "%s/active_config", folder);
    FILE *file = said ? NULL : fopen(path, "re");
    if (file) {
        if (!fgets(name, 256, file)) *name = 0;
        fclose(file);
    }
    name[strcspn(name, " \t\r\n")] = 0;
    if (!*name) snprintf(name, 256, "default");
}

/* `which` NULL or "active": the active configuration. */
static int read_gcloud(dowel *d, const dowel_import_request *request, dowel_importing *in, dowel_error *err) {
    (void)d;
    (void)err; /* in->err */
    const char *which = request->which && strcmp(request->which, "active") != 0 ? request->which : NULL;
    char folder[PATH_MAX - 1024], path[PATH_MAX], name[256];
    json_t *sections = json_object(), *credentials = NULL;
    dowel_gcp_gcloud_folder(folder, sizeof folder);
    if (!*folder) {
        json_decref(sections);
        return dowel_fail(in->err, DOWEL_E_NOT_FOUND, "gcloud's folder is not known: set HOME or CLOUDSDK_CONFIG");
    }
    active_configuration(folder, name);
    if (which) snprintf(name, sizeof name, "%s", which);
    if (strchr(name, '/') || *name == '.') {
        json_decref(sections);
        return dowel_fail(in->err, DOWEL_E_INVALID, "\"%.100s\" is not the name of a gcloud configuration", name);
    }
    snprintf(path, sizeof path, "%s/properties", folder);
    int rc = dowel_import_read_sections(path, false, sections, in->err);
    snprintf(path, sizeof path, "%s/configurations/config_%s", folder, name);
    if (!rc) rc = dowel_import_read_sections(path, true, sections, in->err);
    if (rc == DOWEL_E_NOT_FOUND) {
        dowel_fail(in->err, rc, "there is no gcloud configuration \"%.100s\": %.600s does not exist", name, path);
        dowel_error_hint(in->err, "`gcloud config configurations list` shows them");
    }
    const char *file = property(sections, "auth", "credential_file_override"),
               *account = property(sections, "core", "account");
    if (!rc && (file || account)) {
        if (file)
            snprintf(path, sizeof path, "%s", file);
        else
            snprintf(path, sizeof path, "%s/legacy_credentials/%.500s/adc.json", folder, account);
        bool outside = !file && (strchr(account, '/') || *account == '.');
        rc = outside ? dowel_fail(in->err, DOWEL_E_INVALID, "gcloud's account \"%.100s\" is not valid", account)
                     : read_json(path, &credentials, in->err);
        if (rc == DOWEL_E_NOT_FOUND) {
            rc = dowel_fail(in->err, DOWEL_E_CREDENTIALS, "gcloud has no credentials for %.200s: %.600s does not exist",
                            file ? "this configuration" : account, path);
            dowel_error_hint(in->err, "log in with `gcloud auth login` first");
        }
    }
    if (!rc) rc = convert(in, name, sections, credentials);
    dowel_json_cleanse(credentials);
    dowel_json_cleanse(sections);
    return rc;
}

const dowel_import_source dowel_gcloud_import = {
    .size = sizeof(dowel_import_source),
    .name = "gcloud",
    .value = "CONFIGURATION",
    .doc = "a configuration of gcloud, or `active`",
    .input = DOWEL_IMPORT_NAMED,
    .read = read_gcloud,
};
