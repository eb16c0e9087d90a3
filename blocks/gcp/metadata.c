/* The metadata server (google.aip.dev/auth/4115): gives a virtual machine, a pod or a Cloud Run job tokens of its service account. */
#include "gcp.h"
#include <dowel/file.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAVOR "Metadata-Flavor"

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

#define HOST_SIZE 480

static void host(char name[HOST_SIZE]) {
    char *given = dowel_variable("GCE_METADATA_HOST");
    if (!given) given = dowel_variable("GCE_METADATA_ROOT");
    snprintf(name, HOST_SIZE, "%s", given ? given : "metadata.google.internal");
    free(given);
}

/* A small number from the environment. */
static long number(const char *name, long fallback) {
    char *text = dowel_variable(name), *end = NULL;
    long value = text ? strtol(text, &end, 10) : 0;
    if (!text || end == text || *end || value <= 0 || value > 600) value = fallback;
    free(text);
    return value;
}

/* ---- detection ---- */

/* Whether the environment looks like Google Cloud: then it is worth waiting for a slow server. */
static bool looks_like_google(void) {
    static const char *const set_there[] = {"K_SERVICE",   "CLOUD_RUN_JOB",   "CLOUD_RUN_WORKER_POOL",
                                            "GAE_SERVICE", "FUNCTION_TARGET", "KUBERNETES_SERVICE_HOST"};
    for (size_t i = 0; i < sizeof set_there / sizeof set_there[0]; i++)
        if (variable(set_there[i])) return true;
    return variable("GCE_METADATA_HOST") || variable("GCE_METADATA_ROOT") || variable("GCE_METADATA_IP");
}

static bool made_by_google(void) {
    char *name = NULL;
    size_t size;
    if (dowel_file_read("/sys/class/dmi/id/product_name", 4096, &name, &size, NULL)) return false;
    bool google = !strncmp(name + strspn(name, " \t\r\n"), "Google", 6);
    free(name);
    return google;
}

/* Outside of Google Cloud, packets to that address often vanish without an error, so the wait must be short. */
static bool probe(dowel *d, bool patient) {
    const dowel_http_service service = {.name = "Google metadata server",
                                        .names = &dowel_gcp_names,
                                        .max_attempts = (int)number("GCE_METADATA_DETECT_RETRIES", patient ? 3 : 1),
                                        .backoff = 0.3};
    char *ip = dowel_variable("GCE_METADATA_IP"), named[HOST_SIZE] = "169.254.169.254", url[512];
    if (!ip && variable("GCE_METADATA_HOST")) host(named);
    snprintf(url, sizeof url, "http://%.480s", ip ? ip : named);
    free(ip);
    dowel_http_request *request = dowel_http_new(&service, NULL, "GET", url);
    dowel_http_header(request, FLAVOR, "Google");
    dowel_http_timeout(request, (double)number("GCE_METADATA_TIMEOUT", patient ? 3 : 1));
    dowel_http_direct(request);
    dowel_http_response *response = NULL;
    dowel_error why;
    bool there = false;
    if (dowel_http_send(d, request, &response, &why)) {
        dowel_log(d, DOWEL_LOG_DEBUG, "no metadata server: %s", why.message);
    } else {
        const char *flavor = dowel_http_response_header(response, FLAVOR);
        there = dowel_http_status(response) == 200 && flavor && !strcmp(flavor, "Google");
        if (!there) dowel_log(d, DOWEL_LOG_INFO, "the server at %s is not Google's metadata server", url);
    }
    dowel_http_response_free(response);
    dowel_http_free(request);
    return there;
}

bool dowel_gcp_metadata_present(dowel *d) {
    char *disabled = dowel_variable("NO_GCE_CHECK");
    bool off = disabled && !strcmp(disabled, "true");
    free(disabled);
    if (off) return false;
    bool google = made_by_google();
    return probe(d, google || looks_like_google()) || google;
}

/* ---- requests ---- */

static void explain(const dowel_http_response *response, dowel_error *err) {
    if (dowel_http_status(response) == 404)
        dowel_error_hint(err, "attach a service account to this machine, or save a gcp-credentials block");
    else if (dowel_http_status(response) == 403)
        dowel_error_hint(
            err, "this workload may not use the metadata server; check the pod's service account and its binding");
}

int dowel_gcp_metadata_get(dowel *d, const char *path, const char *const parameters[][2], size_t count, char **text,
                           dowel_error *err) {
    static const dowel_retry_rule retry[] = {{408, NULL, true}, {429, NULL, true}, {500, NULL, true}, {502, NULL, true},
                                             {503, NULL, true}, {504, NULL, true}, {0, NULL, false}};
    static const dowel_http_service service = {.name = "Google metadata server",
                                               .names = &dowel_gcp_names,
                                               .retry = retry,
                                               .max_attempts = 5,
                                               .backoff = 0.5,
                                               .backoff_limit = 4,
                                               .explain = explain};
    char url[512], named[HOST_SIZE];
    host(named);
    snprintf(url, sizeof url, "http://%.400s/computeMetadata/v1", named);
    dowel_http_request *request = dowel_http_new(&service, NULL, "GET", url);
    dowel_http_path_raw(request, "/");
    dowel_http_path_raw(request, path);
    for (size_t i = 0; i < count; i++) dowel_http_query(request, parameters[i][0], parameters[i][1]);
    dowel_http_header(request, FLAVOR, "Google");
    dowel_http_secret_body(request);
    dowel_http_timeout(request, (double)number("GCE_METADATA_TIMEOUT", 3));
    dowel_http_direct(request);
    dowel_http_response *response = NULL;
    int rc = dowel_http_send(d, request, &response, err);
    if (!rc) {
        dowel_bytes body = dowel_http_response_body(response);
        if (!body.size || memchr(body.data, 0, body.size))
            rc = dowel_fail(err, DOWEL_E_PROTOCOL, "the metadata server has no value for %s", path);
        else if (!(*text = strdup(body.data)))
            rc = dowel_no_memory(err);
    }
    dowel_http_response_free(response);
    dowel_http_free(request);
    return rc;
}

int dowel_gcp_metadata_token(dowel *d, const dowel_gcp_identity *id, dowel_gcp_answer *answer, dowel_error *err) {
    char *scopes = id->scopes ? strdup(id->scopes) : NULL, *text = NULL;
    if (id->scopes && !scopes) return dowel_no_memory(err);
    for (char *c = scopes; c && *c; c++)
        if (*c == ' ') *c = ',';
    const char *const parameters[][2] = {{"scopes", scopes}};
    int rc = dowel_gcp_metadata_get(d, "instance/service-accounts/default/token", parameters, 1, &text, err);
    json_t *document = NULL;
    if (!rc) rc = dowel_json_parse(text, strlen(text), "the metadata server's answer", &document, err);
    if (!rc) rc = dowel_gcp_read_answer(document, "access_token", answer, err);
    json_decref(document);
    dowel_wipe(text);
    free(scopes);
    return rc;
}

int dowel_gcp_email(dowel *d, const dowel_gcp_identity *id, char **email, dowel_error *err) {
    *email = NULL;
    if (id->email) return (*email = strdup(id->email)) ? 0 : dowel_no_memory(err);
    if (id->kind != DOWEL_GCP_METADATA) return 0;
    int rc = dowel_gcp_metadata_get(d, "instance/service-accounts/default/email", NULL, 0, email, err);
    if (!rc) (*email)[strcspn(*email, " \t\r\n")] = 0;
    return rc;
}
