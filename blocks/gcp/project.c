/* Which project: what was said, what the credentials belong to, what gcloud is set to. */
#include "gcp.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *from_environment(void) {
    char *project = dowel_variable("GOOGLE_CLOUD_PROJECT");
    return project ? project : dowel_variable("GCLOUD_PROJECT");
}

/* ---- gcloud's configuration ---- */

static void first_line(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "re");
    if (!file) return;
    if (!fgets(out, (int)size, file)) *out = 0;
    fclose(file);
    out[strcspn(out, " \t\r\n")] = 0;
}

static char *trimmed(char *text) {
    text += strspn(text, " \t\r\n");
    size_t size = strlen(text);
    while (size && strchr(" \t\r\n", text[size - 1])) text[--size] = 0;
    return text;
}

/* The value of `project` in the section [core]. */
static char *project_in(const char *path) {
    char line[1024], *found = NULL;
    bool core = false;
    FILE *file = fopen(path, "re");
    if (!file) return NULL;
    while (!found && fgets(line, sizeof line, file)) {
        char *text = trimmed(line), *equals = strpbrk(text, "=:");
        if (*text == '[') {
            core = !strcmp(text, "[core]");
        } else if (core && equals && *text != '#' && *text != ';') {
            *equals = 0;
            if (!strcmp(trimmed(text), "project") && *trimmed(equals + 1)) found = strdup(trimmed(equals + 1));
        }
    }
    fclose(file);
    return found;
}

static char *from_gcloud(void) {
    char folder[PATH_MAX - 384], path[PATH_MAX], name[256] = "";
    char *project = dowel_variable("CLOUDSDK_CORE_PROJECT");
    if (project) return project;
    dowel_gcp_gcloud_folder(folder, sizeof folder);
    if (!*folder) return NULL;
    char *active = dowel_variable("CLOUDSDK_ACTIVE_CONFIG_NAME");
    snprintf(name, sizeof name, "%s", active ? active : "");
    free(active);
    if (!*name) {
        snprintf(path, sizeof path, "%s/active_config", folder);
        first_line(path, name, sizeof name);
    }
    if (strchr(name, '/')) return NULL;
    snprintf(path, sizeof path, "%s/configurations/config_%s", folder, *name ? name : "default");
    return project_in(path);
}

/* ---- the project of a federated identity ---- */

/* "//iam.googleapis.com/projects/NUMBER/..." */
static void project_number(const dowel_gcp_identity *id, char *out, size_t size) {
    const char *found = id->audience ? strstr(id->audience, "/projects/") : NULL;
    *out = 0;
    if (found)
        snprintf(out, size, "%.*s", (int)strcspn(found + 10, "/"), found + 10);
    else if (id->user_project)
        snprintf(out, size, "%s", id->user_project);
}

static const dowel_retry_rule retry[] = {{429, NULL, true}, {500, NULL, true}, {503, NULL, true}, {0, NULL, false}};
static const dowel_http_service resource_manager = {.name = "Google Cloud Resource Manager",
                                                    .names = &dowel_gcp_names,
                                                    .retry = retry,
                                                    .max_attempts = 3,
                                                    .backoff = 0.5,
                                                    .authorize = dowel_gcp_authorize_as,
                                                    .explain = dowel_gcp_explain};

/* NULL: not known, or not to be seen by this identity. */
static char *ask_for_project(dowel *d, dowel_gcp_identity *id) {
    const dowel_gcp_identity *federated = id->source ? id->source : id;
    char number[128], base[512];
    if (federated->kind != DOWEL_GCP_EXTERNAL_ACCOUNT) return NULL;
    project_number(federated, number, sizeof number);
    if (!*number) return NULL;
    char *other = dowel_variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER");
    size_t length = other ? strlen(other) : 0;
    while (length && other[length - 1] == '/') length--;
    if (other)
        snprintf(base, sizeof base, "%.*s", (int)length, other);
    else
        snprintf(base, sizeof base, "https://cloudresourcemanager.%s",
                 id->universe ? id->universe : DOWEL_GCP_UNIVERSE);
    free(other);
    dowel_http_request *request = dowel_http_new(&resource_manager, id, "GET", base);
    dowel_http_path(request, "v1", "projects", number, NULL);
    dowel_http_timeout(request, 20);
    json_t *answer = NULL;
    char *project = NULL;
    dowel_error why;
    if (dowel_http_fetch_json(d, request, &answer, &why))
        dowel_log(d, DOWEL_LOG_INFO, "the project %s of %s: %s", number, id->origin, why.message);
    else if (json_string_value(json_object_get(answer, "projectId")))
        project = strdup(json_string_value(json_object_get(answer, "projectId")));
    json_decref(answer);
    return project;
}

/* ---- the order ---- */

int dowel_gcp_project(dowel *d, dowel_block *credentials, const char *given, char **project, dowel_error *err) {
    const dowel_gcp_credentials *c = credentials ? dowel_block_data_as(credentials, &dowel_gcp_credentials_type) : NULL;
    const char *found = given && *given ? given : c && c->project && *c->project ? c->project : NULL;
    dowel_gcp_identity *id = NULL;
    char *asked = NULL;
    /* The project of a key that was named beats the environment; that of a key that was only found does not. */
    bool named = c && (c->service_account_info || c->service_account_file);
    if (!found && !named) found = asked = from_environment();
    /* Whoever names a project can do without credentials here. */
    dowel_error ignored;
    if (!found && !dowel_gcp_known_identity(d, credentials, false, &id, &ignored)) found = id->project;
    if (!found && named) found = asked = from_environment();
    if (!found && id) found = asked = ask_for_project(d, id);
    if (!found) found = asked = from_gcloud();
    int rc = 0;
    if (found) {
        *project = strdup(found);
        if (!*project) rc = dowel_no_memory(err);
    } else if (!(rc = dowel_check(d, err))) {
        rc = dowel_fail(err, DOWEL_E_INVALID, "no Google Cloud project is known%s%s", credentials ? " for " : "",
                        credentials ? dowel_block_reference(credentials) : "");
        dowel_error_hint(err, "give `project` in the call or the credentials block, or set GOOGLE_CLOUD_PROJECT");
    }
    free(asked);
    dowel_gcp_identity_drop(id);
    return rc;
}
