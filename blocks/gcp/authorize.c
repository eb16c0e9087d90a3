/* Adds an access token to a request, if the token may be sent there. */
#include "gcp.h"

#include <dowel/url.h>

#include <string.h>

static int set_header(dowel_http_request *request, const char *token, dowel_error *err) {
    dowel_text text = {0};
    dowel_text_put(&text, "Bearer ");
    dowel_text_put(&text, token);
    char *value = dowel_text_take(&text, err);
    if (!value) return DOWEL_E_NO_MEMORY;
    dowel_http_secret_header(request, "Authorization", value);
    dowel_wipe(value);
    return 0;
}

/* Whether the host of an https URL is the domain or below it. */
static bool is_within(const char *url, const char *domain) {
    dowel_url parts;
    if (dowel_url_split(url, &parts, NULL)) return false;
    size_t size = strlen(parts.host), tail = strlen(domain);
    bool within = !strcmp(parts.scheme, "https") && !parts.user && size >= tail &&
                  !dowel_casecmp(parts.host + size - tail, domain) &&
                  (size == tail || parts.host[size - tail - 1] == '.');
    dowel_url_clear(&parts);
    return within;
}

static int check_target(const dowel_gcp_identity *id, const char *url, dowel_error *err) {
    if (!*url) return dowel_fail(err, DOWEL_E_INVALID, "cannot authorize a request without a URL");
    if (!dowel_url_is_safe(url)) {
        const char *host = strstr(url, "://");
        host = host ? host + strlen("://") : url;
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "refusing to send an access token over plain http to %.*s",
                            (int)((size_t)(host - url) + strcspn(host, "/?#")), url);
        dowel_error_hint(err, "use https; for a stand-in server use a gcp-credentials block with `anonymous`");
        return rc;
    }
    if (!dowel_gcp_default_universe(id) && is_within(url, DOWEL_GCP_UNIVERSE)) {
        int rc =
            dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: credentials of universe %s cannot be used with services of %s",
                       id->origin, id->universe, DOWEL_GCP_UNIVERSE);
        dowel_error_hint(err, "set `endpoint` of the bucket's or service's block to an address in %s", id->universe);
        return rc;
    }
    return 0;
}

/* Google's APIs accept a token that the service account signed itself (google.aip.dev/auth/4111), which saves a request; in another universe
 * it is the only kind. A token endpoint that the block or the file chooses is used, though. */
static bool signs_itself(const dowel_gcp_identity *id, const char *url) {
    if (id->kind != DOWEL_GCP_SERVICE_ACCOUNT || id->subject) return false;
    if (!dowel_gcp_default_universe(id)) return true;
    return !id->asks && !strcmp(id->token_uri, DOWEL_GCP_TOKEN_URI) && is_within(url, DOWEL_GCP_UNIVERSE);
}

int dowel_gcp_authorize_as(dowel *d, dowel_http_request *request, void *identity, bool again, dowel_error *err) {
    static const char scheme[] = "Bearer ";
    dowel_gcp_identity *id = identity;
    const char *url = dowel_http_url(request), *sent = dowel_http_get_header(request, "Authorization");
    char *token = NULL, *refused = NULL;
    dowel_http_header(request, "X-Goog-User-Project", id->kind == DOWEL_GCP_ANONYMOUS ? NULL : id->quota_project);
    if (id->kind == DOWEL_GCP_ANONYMOUS) {
        dowel_http_header(request, "Authorization", NULL);
        return 0;
    }
    int rc = check_target(id, url, err);
    if (!rc && id->kind == DOWEL_GCP_TOKEN) return set_header(request, id->token, err);
    if (!rc && again && sent && !strncmp(sent, scheme, sizeof scheme - 1) &&
        !(refused = strdup(sent + sizeof scheme - 1)))
        rc = dowel_no_memory(err);
    const dowel_gcp_asking asking = {.identity = id, .self_signed = !rc && signs_itself(id, url)};
    if (!rc) rc = dowel_gcp_cached_token(d, &asking, refused, again, &token, NULL, err);
    if (!rc) rc = set_header(request, token, err);
    dowel_wipe(refused);
    dowel_wipe(token);
    return rc;
}

int dowel_gcp_authorize(dowel *d, dowel_http_request *request, void *context, bool again, dowel_error *err) {
    dowel_block *credentials = context;
    dowel_gcp_identity *id;
    int rc = dowel_gcp_known_identity(d, credentials, again, &id, err);
    if (rc) return rc;
    rc = dowel_gcp_authorize_as(d, request, id, again, err);
    if (rc && credentials) dowel_error_prefix(err, "block %s: ", dowel_block_reference(credentials));
    dowel_gcp_identity_drop(id);
    return rc;
}
