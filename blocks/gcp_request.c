/* Asks Google's token endpoint for an access token: a signed assertion for a service account, a refresh token for a user. */
#include "gcp.h"

#include <jwt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIFETIME 3600
#define TIMEOUT 60

static int no_memory(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

static void wipe(char *text) {
    if (text) OPENSSL_cleanse(text, strlen(text));
    free(text);
}

static int sign_assertion(const dowel_gcp_identity *id, char **assertion, dowel_error *err) {
    jwt_t *jwt = NULL;
    long now = (long)time(NULL);
    const unsigned char *key = (const unsigned char *)id->private_key;
    if (jwt_new(&jwt)) return no_memory(err);
    int failed = jwt_add_grant(jwt, "iss", id->email) || jwt_add_grant(jwt, "scope", id->scopes) ||
                 jwt_add_grant(jwt, "aud", id->token_uri) || jwt_add_grant_int(jwt, "iat", now) ||
                 jwt_add_grant_int(jwt, "exp", now + LIFETIME) ||
                 (id->subject && jwt_add_grant(jwt, "sub", id->subject)) ||
                 (id->private_key_id && jwt_add_header(jwt, "kid", id->private_key_id)) ||
                 jwt_set_alg(jwt, JWT_ALG_RS256, key, (int)strlen(id->private_key));
    *assertion = failed ? NULL : jwt_encode_str(jwt);
    jwt_free(jwt);
    if (*assertion) return 0;
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: its private key cannot sign: it is damaged or not an RSA key",
                        id->origin);
    dowel_error_hint(err, "create a new key for %s and use its file unchanged", id->email);
    return rc;
}

/* name=value pairs, encoded; NULL when out of memory. */
static char *form(const char *const pairs[][2], size_t count) {
    char *text = calloc(1, 1);
    size_t used = 0;
    for (size_t i = 0; i < count && text; i++) {
        char *value = dowel_percent_encode(pairs[i][1], NULL);
        size_t size = value ? used + strlen(pairs[i][0]) + strlen(value) + 3 : 0;
        char *longer = value ? malloc(size) : NULL;
        if (longer) used = (size_t)snprintf(longer, size, "%s%s%s=%s", text, used ? "&" : "", pairs[i][0], value);
        wipe(value);
        wipe(text);
        text = longer;
    }
    return text;
}

static int build_form(const dowel_gcp_identity *id, char **body, dowel_error *err) {
    if (id->kind == DOWEL_GCP_SERVICE_ACCOUNT) {
        char *assertion = NULL;
        int rc = sign_assertion(id, &assertion, err);
        if (rc) return rc;
        const char *const pairs[][2] = {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                                        {"assertion", assertion}};
        *body = form(pairs, 2);
        wipe(assertion);
    } else {
        const char *const pairs[][2] = {{"grant_type", "refresh_token"},
                                        {"client_id", id->client_id},
                                        {"client_secret", id->client_secret},
                                        {"refresh_token", id->refresh_token}};
        *body = form(pairs, 4);
    }
    return *body ? 0 : no_memory(err);
}

static int read_answer(const dowel_http_response *response, char **token, int64_t *expires, dowel_error *err) {
    json_t *answer = NULL;
    int rc = dowel_http_response_json(response, &answer, err);
    if (rc) return rc;
    json_t *value = json_object_get(answer, "access_token");
    const char *text = json_string_value(value);
    double lifetime = json_number_value(json_object_get(answer, "expires_in"));
    if (!text || !*text || strpbrk(text, "\r\n")) {
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "the token endpoint answered without an access token");
    } else if (!(*token = strdup(text))) {
        rc = no_memory(err);
    } else {
        if (!(lifetime > 0 && lifetime < 1e7)) lifetime = LIFETIME;
        *expires = ((int64_t)time(NULL) + (int64_t)lifetime) * 1000000;
    }
    if (text) OPENSSL_cleanse((char *)text, json_string_length(value));
    json_decref(answer);
    return rc;
}

/* Google's {"error": "invalid_grant", "error_description": "..."} is about the credentials, not about what was asked for. */
static void explain(const dowel_http_response *response, dowel_error *err) {
    dowel_gcp_explain(response, err);
    if (dowel_http_status(response) >= 500 || dowel_http_status(response) == 429) return;
    err->code = DOWEL_E_CREDENTIALS;
    if (!strcmp(err->reason, "invalid_grant"))
        dowel_error_hint(
            err, "the key or the user's permission was deleted, disabled or has expired, or this machine's clock is "
                 "wrong; make a new key, or log in again");
    else if (!strcmp(err->reason, "invalid_client") || !strcmp(err->reason, "unauthorized_client"))
        dowel_error_hint(err,
                         "the client is not allowed to do this: check client_id and client_secret, or the domain-wide "
                         "delegation of `subject`");
    else
        dowel_error_hint(err, "check the credentials, their scopes and token_uri");
}

int dowel_gcp_request_token(dowel *d, const dowel_gcp_identity *id, char **token, int64_t *expires, dowel_error *err) {
    static const dowel_retry_rule retry[] = {{408, NULL, true}, {429, NULL, true}, {500, NULL, true}, {502, NULL, true},
                                             {503, NULL, true}, {504, NULL, true}, {0, NULL, false}};
    static const dowel_http_service service = {.name = "Google OAuth",
                                               .retry = retry,
                                               .max_attempts = 4,
                                               .backoff = 0.5,
                                               .backoff_limit = 8,
                                               .explain = explain};
    char *body = NULL;
    if (!dowel_gcp_safe_url(id->token_uri))
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: the token endpoint is not https", id->origin);
    int rc = build_form(id, &body, err);
    if (rc) return rc;
    dowel_http_request *request = dowel_http_new(&service, NULL, "POST", id->token_uri);
    dowel_http_response *response = NULL;
    dowel_http_header(request, "Content-Type", "application/x-www-form-urlencoded");
    dowel_http_header(request, "Accept", "application/json");
    dowel_http_body(request, body, strlen(body));
    wipe(body);
    dowel_http_secret_body(request);
    dowel_http_idempotent(request, true); /* one token more does no harm */
    dowel_http_timeout(request, TIMEOUT);
    rc = dowel_http_send(d, request, &response, err);
    if (!rc) rc = read_answer(response, token, expires, err);
    if (rc) {
        const char *who = id->kind == DOWEL_GCP_SERVICE_ACCOUNT ? id->email : "the user";
        dowel_error_prefix(err, "no access token for %s (%s): ", who, id->origin);
    }
    dowel_http_response_free(response);
    dowel_http_free(request);
    return rc;
}
