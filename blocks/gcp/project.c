/* Finds the project: in the call, the block, the environment, the credentials or gcloud's configuration. */
#include "gcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *from_environment(void) {
    char *project = dowel_variable("GOOGLE_CLOUD_PROJECT");
    return project ? project : dowel_variable("GCLOUD_PROJECT");
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

/* NULL: not known, or this identity may not see it. */
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
        dowel_log(d, DOWEL_LOG_INFO, "cannot find the id of project %s (%s): %s", number, id->origin, why.message);
    else if (json_string_value(json_object_get(answer, "projectId")))
        project = strdup(json_string_value(json_object_get(answer, "projectId")));
    json_decref(answer);
    return project;
}

/* ---- the search ---- */

int dowel_gcp_project(dowel *d, dowel_block *credentials, const char *given, char **project, dowel_error *err) {
    const dowel_gcp_credentials *c = credentials ? dowel_block_data_as(credentials, &dowel_gcp_credentials_type) : NULL;
    const char *found = given && *given ? given : c && c->project && *c->project ? c->project : NULL;
    dowel_gcp_identity *id = NULL;
    char *asked = NULL;
    /* The project of a file that the block names comes before the environment, that of the default credentials after it. */
    bool named = c && (c->service_account_info || c->service_account_file);
    if (!found && !named) found = asked = from_environment();
    /* Missing credentials are not an error here. */
    dowel_error ignored;
    if (!found && !dowel_gcp_known_identity(d, credentials, false, &id, &ignored)) found = id->project;
    if (!found && named) found = asked = from_environment();
    if (!found && id) found = asked = ask_for_project(d, id);
    if (!found) found = asked = dowel_gcp_gcloud_project();
    int rc = 0;
    if (found) {
        *project = strdup(found);
        if (!*project) rc = dowel_no_memory(err);
    } else if (!(rc = dowel_check(d, err))) {
        rc = dowel_fail(err, DOWEL_E_INVALID, "no Google Cloud project is set%s%s", credentials ? " for " : "",
                        credentials ? dowel_block_reference(credentials) : "");
        dowel_error_hint(err, "set `project` in the call or the credentials block, or GOOGLE_CLOUD_PROJECT");
    }
    free(asked);
    dowel_gcp_identity_drop(id);
    return rc;
}
