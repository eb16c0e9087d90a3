/* IAM's Service Account Credentials API: tokens and signatures for an account that the caller may impersonate. */
#include "gcp.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT 60
#define TIMEOUT_HURRIED 10

static void explain(const dowel_http_response *response, dowel_error *err) {
    dowel_gcp_explain(response, err);
    int status = dowel_http_status(response);
    if (status >= 500 || status == 429) return;
    err->code = DOWEL_E_CREDENTIALS;
    if (status == 403 || status == 404)
        dowel_error_hint(err, "check that the service account exists, that the API iamcredentials.googleapis.com is "
                              "enabled, and that the "
                              "caller has the role roles/iam.serviceAccountTokenCreator on the account");
}

static const dowel_retry_rule retry[] = {{429, NULL, true}, {500, NULL, true}, {502, NULL, true},
                                         {503, NULL, true}, {504, NULL, true}, {0, NULL, false}};
static const dowel_http_service service = {.name = "Google IAM",
                                           .names = &dowel_gcp_names,
                                           .retry = retry,
                                           .max_attempts = 4,
                                           .backoff = 0.5,
                                           .backoff_limit = 8,
                                           .authorize = dowel_gcp_authorize_as,
                                           .explain = explain},
                                once = {.name = "Google IAM",
                                        .names = &dowel_gcp_names,
                                        .max_attempts = 1,
                                        .authorize = dowel_gcp_authorize_as,
                                        .explain = explain};

/* The URL of the account: the file's, or the standard one at the endpoint that gcloud would use. */
static int resource(dowel *d, const dowel_gcp_identity *about, char **url, dowel_error *err) {
    if (about->iam) return (*url = strdup(about->iam)) ? 0 : dowel_no_memory(err);
    char *email = NULL;
    int rc = dowel_gcp_email(d, about, &email, err);
    if (rc) return rc;
    if (!email)
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: these credentials are not a service account", about->origin);
    char *other = dowel_variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS");
    size_t length = other ? strlen(other) : 0;
    while (length && other[length - 1] == '/') length--;
    dowel_text text = {0};
    if (length)
        dowel_text_add(&text, other, length);
    else
        dowel_text_format(&text, "https://iamcredentials.%s", about->universe ? about->universe : DOWEL_GCP_UNIVERSE);
    dowel_text_format(&text, "/v1/projects/-/serviceAccounts/%s", email);
    free(email);
    free(other);
    return (*url = dowel_text_take(&text, err)) ? 0 : DOWEL_E_NO_MEMORY;
}

int dowel_gcp_iam(dowel *d, const dowel_gcp_identity *caller, const dowel_gcp_identity *about, const char *verb,
                  json_t *body, bool hurried, json_t **answer, dowel_error *err) {
    char *url = NULL;
    dowel_builder full = dowel_build(body);
    if (about->delegates) dowel_build_json(&full, "delegates", json_incref(about->delegates));
    int rc = dowel_build_end(&full, &body, err);
    if (!rc) rc = resource(d, about, &url, err);
    if (!rc) {
        dowel_http_request *request = dowel_http_new_url(hurried ? &once : &service, (void *)caller, "POST", url);
        dowel_http_path_raw(request, ":");
        dowel_http_path_raw(request, verb);
        dowel_http_json(request, body);
        dowel_http_secret_body(request);
        dowel_http_idempotent(request, true);
        dowel_http_timeout(request, hurried ? TIMEOUT_HURRIED : TIMEOUT);
        rc = dowel_http_fetch_json(d, request, answer, err);
    }
    free(url);
    json_decref(body);
    return rc;
}
