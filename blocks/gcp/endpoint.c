/* Requests to the endpoints that a credentials file names: token endpoints and credential sources. */
#include "gcp.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMEOUT 60
#define TIMEOUT_HURRIED 10
#define SPACE " \t\r\n"

/* ---- token endpoints ---- */

/* An OAuth error such as {"error": "invalid_grant", "error_description": "..."} is about the credentials, not about the request. */
static void explain(const dowel_http_response *response, dowel_error *err) {
    dowel_gcp_explain(response, err);
    if (dowel_http_status(response) >= 500 || dowel_http_status(response) == 429) return;
    err->code = DOWEL_E_CREDENTIALS;
    if (!strcmp(err->reason, "invalid_grant"))
        dowel_error_hint(err,
                         "the key or the user's permission was deleted, disabled or has expired, or the clock of this "
                         "machine is wrong: create a new key, or log in again");
    else if (!strcmp(err->reason, "invalid_client") || !strcmp(err->reason, "unauthorized_client"))
        dowel_error_hint(err, "the client is not allowed to do this: check client_id and client_secret, or the "
                              "domain-wide delegation for `subject`");
    else
        dowel_error_hint(err, "check the credentials, their scopes and token_uri");
}

/* The pairs as application/x-www-form-urlencoded; wipe it. */
static char *form(const char *const pairs[][2], size_t count, dowel_error *err) {
    dowel_text text = {0};
    for (size_t i = 0; i < count; i++)
        if (pairs[i][1]) dowel_text_add_pair(&text, pairs[i][0], pairs[i][1]);
    return dowel_text_take(&text, err);
}

/* HTTP Basic authentication. */
static int add_client(dowel_http_request *request, const dowel_gcp_identity *client, dowel_error *err) {
    dowel_text pair = {0}, value = {0};
    dowel_text_format(&pair, "%s:%s", client->client_id, client->client_secret ? client->client_secret : "");
    char *encoded = pair.failed ? NULL : dowel_base64(pair.data, pair.size);
    dowel_text_free(&pair);
    if (!encoded) return dowel_no_memory(err);
    dowel_text_put(&value, "Basic ");
    dowel_text_put(&value, encoded);
    dowel_wipe(encoded);
    char *header = dowel_text_take(&value, err);
    if (!header) return DOWEL_E_NO_MEMORY;
    dowel_http_secret_header(request, "Authorization", header);
    dowel_wipe(header);
    return 0;
}

int dowel_gcp_post_form(dowel *d, const char *url, const char *const pairs[][2], size_t count,
                        const dowel_gcp_identity *client, bool hurried, json_t **answer, dowel_error *err) {
    static const dowel_retry_rule retry[] = {{408, NULL, true}, {429, NULL, true}, {500, NULL, true}, {502, NULL, true},
                                             {503, NULL, true}, {504, NULL, true}, {0, NULL, false}};
    static const dowel_http_service service = {.name = "Google OAuth",
                                               .names = &dowel_gcp_names,
                                               .retry = retry,
                                               .max_attempts = 4,
                                               .backoff = 0.5,
                                               .backoff_limit = 8,
                                               .explain = explain},
                                    once = {.name = "Google OAuth",
                                            .names = &dowel_gcp_names,
                                            .max_attempts = 1,
                                            .explain = explain};
    if (!dowel_url_is_safe(url)) return dowel_fail(err, DOWEL_E_CREDENTIALS, "the token endpoint is not https");
    char *body = form(pairs, count, err);
    if (!body) return DOWEL_E_NO_MEMORY;
    dowel_http_request *request = dowel_http_new_url(hurried ? &once : &service, NULL, "POST", url);
    dowel_http_header(request, "Content-Type", "application/x-www-form-urlencoded");
    dowel_http_header(request, "Accept", "application/json");
    dowel_http_body(request, body, strlen(body));
    dowel_wipe(body);
    dowel_http_secret_body(request);
    dowel_http_idempotent(request, true); /* a second token does no harm */
    dowel_http_timeout(request, hurried ? TIMEOUT_HURRIED : TIMEOUT);
    int rc = client && client->client_id ? add_client(request, client, err) : 0;
    if (!rc) return dowel_http_fetch_json(d, request, answer, err);
    dowel_http_free(request);
    return rc;
}

static void overwrite(json_t *text) {
    if (json_is_string(text)) OPENSSL_cleanse((char *)json_string_value(text), json_string_length(text));
}

int dowel_gcp_read_answer(const json_t *document, const char *member, dowel_gcp_answer *answer, dowel_error *err) {
    json_t *value = json_object_get(document, member), *life = json_object_get(document, "expires_in"),
           *refresh = json_object_get(document, "refresh_token");
    const char *text = json_string_value(value);
    if (!text || !*text || strpbrk(text, "\r\n"))
        return dowel_fail(err, DOWEL_E_PROTOCOL, "the token endpoint answered without \"%s\"", member);
    /* Some endpoints send the number as text. */
    double lifetime = json_is_string(life) ? dowel_read_real(json_string_value(life), NULL) : json_number_value(life);
    if (!(lifetime > 0 && lifetime < 1e7)) lifetime = DOWEL_GCP_TOKEN_LIFETIME;
    answer->expires = ((int64_t)time(NULL) + (int64_t)lifetime) * 1000000;
    answer->token = strdup(text);
    answer->refresh_token = json_is_string(refresh) ? strdup(json_string_value(refresh)) : NULL;
    overwrite(value);
    overwrite(refresh);
    if (answer->token && (answer->refresh_token || !json_is_string(refresh))) return 0;
    dowel_wipe(answer->token);
    answer->token = NULL;
    return dowel_no_memory(err);
}

/* ---- credential sources ---- */

static void explain_source(const dowel_http_response *response, dowel_error *err) {
    (void)response;
    dowel_error_hint(err, "the address is in credential_source of the credentials file");
}

static const dowel_retry_rule source_retry[] = {
    {429, NULL, true}, {500, NULL, true}, {503, NULL, true}, {0, NULL, false}};
const dowel_http_service dowel_gcp_source = {.name = "credential source",
                                             .names = &dowel_gcp_names,
                                             .retry = source_retry,
                                             .max_attempts = 3,
                                             .backoff = 0.3,
                                             .explain = explain_source};

int dowel_gcp_subject_get(dowel *d, const char *url, const json_t *headers, char **text, dowel_error *err) {
    dowel_http_request *request = dowel_http_new_url(&dowel_gcp_source, NULL, "GET", url);
    dowel_http_response *response = NULL;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)headers, name, value)
        dowel_http_secret_header(request, name, json_string_value(value));
    dowel_http_secret_body(request);
    dowel_http_timeout(request, DOWEL_GCP_SOURCE_TIMEOUT);
    if (!strncmp(url, "http://", 7)) dowel_http_direct(request); /* a service of this machine: no proxy */
    int rc = dowel_http_send(d, request, &response, err);
    if (!rc) {
        dowel_bytes body = dowel_http_response_body(response);
        const char *start = (const char *)body.data + strspn(body.data, SPACE);
        size_t size = strlen(start);
        while (size && strchr(SPACE, start[size - 1])) size--;
        if (!(*text = strndup(start, size))) rc = dowel_no_memory(err);
        OPENSSL_cleanse((void *)body.data, body.size);
    }
    dowel_http_response_free(response);
    dowel_http_free(request);
    return rc;
}
