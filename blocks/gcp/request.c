/* Asks Google for an access token, in the way that each kind of identity does. */
#include "gcp.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIFETIME 3600
#define TIMEOUT 60
#define TIMEOUT_HURRIED 10
#define JWT_BEARER "urn:ietf:params:oauth:grant-type:jwt-bearer"

/* ---- the token endpoint ---- */

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

dowel_http_request *dowel_gcp_request(const dowel_http_service *service, void *context, const char *method,
                                      const char *url) {
    const char *scheme = strstr(url, "://");
    size_t start = scheme ? (size_t)(scheme - url) + 3 : 0, host = start + strcspn(url + start, "/?");
    char *base = strndup(url, host);
    dowel_http_request *request = base ? dowel_http_new(service, context, method, base) : NULL;
    if (url[host] == '?') dowel_http_path_raw(request, "/");
    dowel_http_path_raw(request, url + host);
    free(base);
    return request;
}

/* name=value pairs, encoded; NULL when out of memory. */
static char *form(const char *const pairs[][2], size_t count) {
    char *text = calloc(1, 1);
    size_t used = 0;
    for (size_t i = 0; i < count && text; i++) {
        if (!pairs[i][1]) continue;
        char *value = dowel_percent_encode(pairs[i][1], NULL);
        size_t size = value ? used + strlen(pairs[i][0]) + strlen(value) + 3 : 0;
        char *longer = value ? malloc(size) : NULL;
        if (longer) used = (size_t)snprintf(longer, size, "%s%s%s=%s", text, used ? "&" : "", pairs[i][0], value);
        dowel_gcp_wipe(value);
        dowel_gcp_wipe(text);
        text = longer;
    }
    return text;
}

static int add_client(dowel_http_request *request, const dowel_gcp_identity *client, dowel_error *err) {
    const char *secret = client->client_secret ? client->client_secret : "";
    size_t size = strlen(client->client_id) + strlen(secret) + 2;
    char *pair = malloc(size);
    if (!pair) return dowel_no_memory(err);
    snprintf(pair, size, "%s:%s", client->client_id, secret);
    char *encoded = dowel_base64(pair, size - 1);
    dowel_gcp_wipe(pair);
    size = encoded ? strlen(encoded) + sizeof "Basic " : 0;
    char *value = encoded ? malloc(size) : NULL;
    if (value) snprintf(value, size, "Basic %s", encoded);
    dowel_gcp_wipe(encoded);
    if (!value) return dowel_no_memory(err);
    dowel_http_secret_header(request, "Authorization", value);
    dowel_gcp_wipe(value);
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
    char *body = form(pairs, count);
    if (!body) return dowel_no_memory(err);
    dowel_http_request *request = dowel_gcp_request(hurried ? &once : &service, NULL, "POST", url);
    dowel_http_header(request, "Content-Type", "application/x-www-form-urlencoded");
    dowel_http_header(request, "Accept", "application/json");
    dowel_http_body(request, body, strlen(body));
    dowel_gcp_wipe(body);
    dowel_http_secret_body(request);
    dowel_http_idempotent(request, true); /* one token more does no harm */
    dowel_http_timeout(request, hurried ? TIMEOUT_HURRIED : TIMEOUT);
    int rc = client && client->client_id ? add_client(request, client, err) : 0;
    if (!rc) return dowel_http_fetch_json(d, request, answer, err);
    dowel_http_free(request);
    return rc;
}

int dowel_gcp_read_answer(const json_t *document, const char *member, dowel_gcp_answer *answer, dowel_error *err) {
    json_t *value = json_object_get(document, member), *life = json_object_get(document, "expires_in"),
           *refresh = json_object_get(document, "refresh_token");
    const char *text = json_string_value(value);
    if (!text || !*text || strpbrk(text, "\r\n"))
        return dowel_fail(err, DOWEL_E_PROTOCOL, "the token endpoint answered without \"%s\"", member);
    /* Some write the number as text. */
    double lifetime = json_is_string(life) ? dowel_read_real(json_string_value(life), NULL) : json_number_value(life);
    if (!(lifetime > 0 && lifetime < 1e7)) lifetime = LIFETIME;
    answer->expires = ((int64_t)time(NULL) + (int64_t)lifetime) * 1000000;
    answer->token = strdup(text);
    answer->refresh_token = json_is_string(refresh) ? strdup(json_string_value(refresh)) : NULL;
    OPENSSL_cleanse((char *)text, json_string_length(value));
    if (json_is_string(refresh)) OPENSSL_cleanse((char *)json_string_value(refresh), json_string_length(refresh));
    if (answer->token && (answer->refresh_token || !json_is_string(refresh))) return 0;
    dowel_gcp_wipe(answer->token);
    answer->token = NULL;
    return dowel_no_memory(err);
}

static int exchange(dowel *d, const char *url, const char *const pairs[][2], size_t count,
                    const dowel_gcp_identity *client, bool hurried, dowel_gcp_answer *answer, dowel_error *err) {
    json_t *document = NULL;
    int rc = dowel_gcp_post_form(d, url, pairs, count, client, hurried, &document, err);
    if (!rc) rc = dowel_gcp_read_answer(document, "access_token", answer, err);
    json_decref(document);
    return rc;
}

/* ---- service accounts ---- */

static int grant(dowel *d, const dowel_gcp_asking *asking, const char *url, const char *assertion,
                 dowel_gcp_answer *answer, dowel_error *err) {
    const char *const pairs[][2] = {{"grant_type", JWT_BEARER}, {"assertion", assertion}};
    return exchange(d, url, pairs, 2, NULL, asking->hurried, answer, err);
}

/* The audience is Google's endpoint even where the request goes through another address to it (Private Service Connect). */
static int ask_as_service_account(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer,
                                  dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    json_int_t now = (json_int_t)time(NULL);
    json_t *claims = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s*}", "iss", id->email, "scope", id->scopes, "aud",
                               DOWEL_GCP_TOKEN_URI, "iat", now, "exp", now + LIFETIME, "sub", id->subject);
    char *assertion = NULL;
    int rc = claims ? dowel_gcp_sign_jwt(id, claims, &assertion, err) : dowel_no_memory(err);
    if (!rc) rc = grant(d, asking, id->token_uri, assertion, answer, err);
    dowel_gcp_wipe(assertion);
    json_decref(claims);
    return rc;
}

/* AIP-4111: a token that the APIs themselves accept, without anybody being asked. */
static int sign_token(const dowel_gcp_identity *id, dowel_gcp_answer *answer, dowel_error *err) {
    json_int_t now = (json_int_t)time(NULL);
    json_t *claims = json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", id->email, "sub", id->email, "scope", id->scopes,
                               "iat", now, "exp", now + LIFETIME);
    int rc = claims ? dowel_gcp_sign_jwt(id, claims, &answer->token, err) : dowel_no_memory(err);
    answer->expires = (now + LIFETIME) * 1000000;
    json_decref(claims);
    return rc;
}

/* ---- users ---- */

static int refresh(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    const char *token = asking->refresh_token ? asking->refresh_token : id->refresh_token;
    if (id->kind == DOWEL_GCP_AUTHORIZED_USER && !dowel_gcp_default_universe(id)) {
        /* The token endpoint would give one for Google's services, which is not to go to another universe's. */
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "a user's token is for %s alone, and the file is of universe %s",
                            DOWEL_GCP_UNIVERSE, id->universe);
        dowel_error_hint(err, "use a service account of that universe");
        return rc;
    }
    if (id->kind == DOWEL_GCP_AUTHORIZED_USER) {
        const char *const pairs[][2] = {
            {"grant_type", "refresh_token"}, {"client_id", id->client_id}, {"client_secret", id->client_secret},
            {"refresh_token", token},        {"scope", id->scopes},        {"rapt", id->rapt}};
        return exchange(d, id->token_uri, pairs, 6, NULL, asking->hurried, answer, err);
    }
    const char *const pairs[][2] = {{"grant_type", "refresh_token"}, {"refresh_token", token}};
    return exchange(d, id->token_uri, pairs, 2, id, asking->hurried, answer, err);
}

/* A file may hold a token and nothing to renew it with. */
static int use_token_of_file(const dowel_gcp_identity *id, dowel_gcp_answer *answer, dowel_error *err) {
    int64_t now = (int64_t)time(NULL) * 1000000, expires = now + LIFETIME * (int64_t)1000000;
    if (id->expiry && dowel_parse_time(id->expiry, &expires))
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "\"expiry\" is not a time");
    if (expires <= now) {
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "its token has expired, and nothing is there to renew it with");
        dowel_error_hint(err, "log in again");
        return rc;
    }
    answer->token = strdup(id->token);
    answer->expires = expires;
    return answer->token ? 0 : dowel_no_memory(err);
}

/* ---- external accounts ---- */

static int exchange_subject(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    char *subject = NULL, *options = NULL;
    int rc = dowel_gcp_subject_token(d, id, &subject, err);
    if (rc) return rc;
    if (id->user_project && !id->client_id) {
        json_t *object = json_pack("{s:s}", "userProject", id->user_project);
        char *text = object ? json_dumps(object, 0) : NULL; /* byte for byte as Google's libraries send it */
        options = text ? dowel_percent_encode(text, "/") : NULL;
        free(text);
        json_decref(object);
        if (!options) rc = dowel_no_memory(err);
    }
    const char *const pairs[][2] = {{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                                    {"audience", id->audience},
                                    {"scope", id->scopes},
                                    {"requested_token_type", "urn:ietf:params:oauth:token-type:access_token"},
                                    {"subject_token", subject},
                                    {"subject_token_type", id->subject_token_type},
                                    {"options", options}};
    if (!rc) rc = exchange(d, id->token_uri, pairs, sizeof pairs / sizeof pairs[0], id, asking->hurried, answer, err);
    dowel_gcp_wipe(subject);
    free(options);
    return rc;
}

/* ---- acting as a service account ---- */

static json_t *scope_list(const char *scopes) {
    json_t *list = json_array();
    for (const char *s = scopes; list && *s;) {
        size_t size = strcspn(s, " ");
        if (size) json_array_append_new(list, json_stringn(s, size));
        s += size + (s[size] != 0);
    }
    return list;
}

static int act(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    char lifetime[32];
    snprintf(lifetime, sizeof lifetime, "%llds", (long long)(id->lifetime ? id->lifetime : LIFETIME));
    json_t *document = NULL, *body = json_pack("{s:o, s:s}", "scope", scope_list(id->scopes), "lifetime", lifetime);
    int rc = dowel_gcp_iam(d, id->source, id, "generateAccessToken", body, asking->hurried, &document, err);
    if (rc) return rc;
    const char *end = json_string_value(json_object_get(document, "expireTime"));
    rc = dowel_gcp_read_answer(document, "accessToken", answer, err);
    if (!rc && (!end || dowel_parse_time(end, &answer->expires))) {
        dowel_gcp_wipe(answer->token);
        answer->token = NULL;
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "IAM does not say when the token ends");
    }
    dowel_json_cleanse(document);
    return rc;
}

/* Domain-wide delegation: IAM signs the assertion that the account's key would sign. */
static int act_for_subject(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    json_int_t now = (json_int_t)time(NULL);
    json_t *document = NULL,
           *claims = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "iss", id->email, "scope", id->scopes, "sub",
                               id->subject, "aud", DOWEL_GCP_TOKEN_URI, "iat", now, "exp", now + LIFETIME);
    char *payload = claims ? dowel_json_dump(claims, 0) : NULL;
    json_decref(claims);
    if (!payload) return dowel_no_memory(err);
    int rc = dowel_gcp_iam(d, id->source, id, "signJwt", json_pack("{s:s}", "payload", payload), asking->hurried,
                           &document, err);
    free(payload);
    if (rc) return rc;
    const char *jwt = json_string_value(json_object_get(document, "signedJwt"));
    rc = jwt ? grant(d, asking, id->token_uri ? id->token_uri : DOWEL_GCP_TOKEN_URI, jwt, answer, err)
             : dowel_fail(err, DOWEL_E_PROTOCOL, "IAM answered without a signed JWT");
    dowel_json_cleanse(document);
    return rc;
}

/* ---- all of them ---- */

static int ask(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    switch (id->kind) {
    case DOWEL_GCP_SERVICE_ACCOUNT:
        return asking->self_signed ? sign_token(id, answer, err) : ask_as_service_account(d, asking, answer, err);
    case DOWEL_GCP_EXTERNAL_USER:
        if (!id->refresh_token || !id->token_uri || !id->client_id || !id->client_secret)
            return use_token_of_file(id, answer, err);
        return refresh(d, asking, answer, err);
    case DOWEL_GCP_AUTHORIZED_USER: return refresh(d, asking, answer, err);
    case DOWEL_GCP_EXTERNAL_ACCOUNT: return exchange_subject(d, asking, answer, err);
    case DOWEL_GCP_IMPERSONATED:
        return id->subject ? act_for_subject(d, asking, answer, err) : act(d, asking, answer, err);
    case DOWEL_GCP_METADATA: return dowel_gcp_metadata_token(d, id, answer, err);
    case DOWEL_GCP_ANONYMOUS:
    case DOWEL_GCP_TOKEN: break;
    }
    return dowel_fail(err, DOWEL_E_INTERNAL, "%s: there is no token to ask for", id->origin);
}

int dowel_gcp_request_token(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    *answer = (dowel_gcp_answer){0};
    int rc = ask(d, asking, answer, err);
    if (rc)
        dowel_error_prefix(err, "no access token for %s (%s): ", id->email ? id->email : dowel_gcp_kind_name(id->kind),
                           id->origin);
    return rc;
}
