/* IAM's API for service accounts (Service Account Credentials API): tokens and signatures of an account that another identity may act as. */
#include "gcp.h"

#include <stdio.h>
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
        dowel_error_hint(
            err, "does the service account exist, is IAM's API (iamcredentials.googleapis.com) enabled, and does "
                 "the caller have the role roles/iam.serviceAccountTokenCreator on it?");
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

/* The account's resource: as its file says, or the standard one, at the address that gcloud would use. */
static int resource(dowel *d, const dowel_gcp_identity *about, char *url, size_t size, dowel_error *err) {
    static const char too_long[] = "%s: the address of the service account is too long";
    if (about->iam) {
        if (strlen(about->iam) >= size) return dowel_fail(err, DOWEL_E_CREDENTIALS, too_long, about->origin);
        strcpy(url, about->iam);
        return 0;
    }
    char *email = NULL;
    int rc = dowel_gcp_email(d, about, &email, err);
    if (rc) return rc;
    if (!email)
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: these credentials are not a service account's", about->origin);
    char *other = dowel_variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS");
    size_t length = other ? strlen(other) : 0;
    while (length && other[length - 1] == '/') length--;
    int n = 0;
    if (length)
        n = snprintf(url, size, "%.*s/v1/projects/-/serviceAccounts/%s", (int)length, other, email);
    else
        n = snprintf(url, size, "https://iamcredentials.%s/v1/projects/-/serviceAccounts/%s",
                     about->universe ? about->universe : DOWEL_GCP_UNIVERSE, email);
    free(email);
    free(other);
    if (n > 0 && (size_t)n < size) return 0;
    return dowel_fail(err, DOWEL_E_CREDENTIALS, too_long, about->origin);
}

int dowel_gcp_iam(dowel *d, const dowel_gcp_identity *caller, const dowel_gcp_identity *about, const char *verb,
                  json_t *body, bool hurried, json_t **answer, dowel_error *err) {
    char url[1024];
    if (!body || (about->delegates && json_object_set(body, "delegates", about->delegates))) {
        json_decref(body);
        return dowel_no_memory(err);
    }
    int rc = resource(d, about, url, sizeof url, err);
    if (!rc) {
        dowel_http_request *request = dowel_gcp_request(hurried ? &once : &service, (void *)caller, "POST", url);
        dowel_http_path_raw(request, ":");
        dowel_http_path_raw(request, verb);
        dowel_http_json(request, body);
        dowel_http_secret_body(request);
        dowel_http_idempotent(request, true);
        dowel_http_timeout(request, hurried ? TIMEOUT_HURRIED : TIMEOUT);
        rc = dowel_http_fetch_json(d, request, answer, err);
    }
    json_decref(body);
    return rc;
}
