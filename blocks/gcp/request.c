/* Requests access tokens and ID tokens, in the way of each kind of identity. */
#include "gcp.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIFETIME DOWEL_GCP_TOKEN_LIFETIME
#define JWT_BEARER "urn:ietf:params:oauth:grant-type:jwt-bearer"

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

/* The audience is Google's endpoint even if the request goes to another address of it (Private Service Connect). */
static int ask_as_service_account(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer,
                                  dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    json_int_t now = (json_int_t)time(NULL);
    json_t *claims = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s*}", "iss", id->email, "scope", id->scopes, "aud",
                               DOWEL_GCP_TOKEN_URI, "iat", now, "exp", now + LIFETIME, "sub", id->subject);
    char *assertion = NULL;
    int rc = claims ? dowel_gcp_sign_jwt(id, claims, &assertion, err) : dowel_no_memory(err);
    if (!rc) rc = grant(d, asking, id->token_uri, assertion, answer, err);
    dowel_wipe(assertion);
    json_decref(claims);
    return rc;
}

/* A token that the APIs accept without a request to a token endpoint (google.aip.dev/auth/4111). */
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
        /* The token endpoint would issue a token for Google's services, which must not be sent to another universe. */
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                            "a user's token is valid only for %s, but the credentials file is for universe %s",
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

/* A file may hold a token, but nothing to renew it with. */
static int use_token_of_file(const dowel_gcp_identity *id, dowel_gcp_answer *answer, dowel_error *err) {
    int64_t now = (int64_t)time(NULL) * 1000000, expires = now + LIFETIME * (int64_t)1000000;
    if (id->expiry && dowel_parse_time(id->expiry, &expires))
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "\"expiry\" is not a time");
    if (expires <= now) {
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                            "the token in the file has expired, and the file has nothing to renew it with");
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
        char *text = object ? json_dumps(object, 0) : NULL; /* the same bytes that Google's libraries send */
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
    dowel_wipe(subject);
    free(options);
    return rc;
}

/* ---- impersonation ---- */

static json_t *scope_list(const char *scopes) {
    dowel_builder list = dowel_build(json_array());
    json_t *value = NULL;
    for (const char *s = scopes; s && *s;) {
        size_t size = strcspn(s, " ");
        if (size) dowel_build_item(&list, json_stringn(s, size));
        s += size + (s[size] != 0);
    }
    (void)dowel_build_end(&list, &value, NULL);
    return value;
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
        dowel_wipe(answer->token);
        answer->token = NULL;
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "IAM answered without the time when the token expires");
    }
    dowel_json_cleanse(document);
    return rc;
}

/* Domain-wide delegation without a private key: IAM signs the assertion. */
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

/* ---- access tokens ---- */

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
    return dowel_fail(err, DOWEL_E_INTERNAL, "internal error: %s: credentials of this kind request no token",
                      id->origin);
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

/* ---- ID tokens ---- */

static int id_token_from_endpoint(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer,
                                  dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    json_int_t now = (json_int_t)time(NULL);
    json_t *document = NULL,
           *claims = json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", id->email, "aud", DOWEL_GCP_TOKEN_URI,
                               "target_audience", asking->audience, "iat", now, "exp", now + LIFETIME);
    char *assertion = NULL;
    int rc = claims ? dowel_gcp_sign_jwt(id, claims, &assertion, err) : dowel_no_memory(err);
    const char *const pairs[][2] = {{"grant_type", JWT_BEARER}, {"assertion", assertion}};
    if (!rc) rc = dowel_gcp_post_form(d, id->token_uri, pairs, 2, NULL, asking->hurried, &document, err);
    if (!rc) rc = dowel_gcp_read_answer(document, "id_token", answer, err);
    json_decref(document);
    json_decref(claims);
    dowel_wipe(assertion);
    return rc;
}

static int id_token_from_iam(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    json_t *document = NULL;
    int rc = dowel_gcp_iam(d, id->source ? id->source : id, id, "generateIdToken",
                           json_pack("{s:s, s:b}", "audience", asking->audience, "includeEmail", 1), asking->hurried,
                           &document, err);
    if (!rc) rc = dowel_gcp_read_answer(document, "token", answer, err);
    json_decref(document);
    return rc;
}

static int id_token_from_metadata(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer,
                                  dowel_error *err) {
    const char *const parameters[][2] = {{"audience", asking->audience}, {"format", "full"}};
    int rc =
        dowel_gcp_metadata_get(d, "instance/service-accounts/default/identity", parameters, 2, &answer->token, err);
    if (!rc) answer->token[strcspn(answer->token, " \t\r\n")] = 0;
    return rc;
}

static int ask_id_token(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    if (id->kind == DOWEL_GCP_SERVICE_ACCOUNT && dowel_gcp_default_universe(id))
        return id_token_from_endpoint(d, asking, answer, err);
    if (id->kind == DOWEL_GCP_SERVICE_ACCOUNT || id->kind == DOWEL_GCP_IMPERSONATED)
        return id_token_from_iam(d, asking, answer, err);
    if (id->kind == DOWEL_GCP_METADATA) return id_token_from_metadata(d, asking, answer, err);
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "credentials of this kind have no ID token");
    dowel_error_hint(err, "use a service account: its key, impersonation, or a machine that it is attached to");
    return rc;
}

int dowel_gcp_request_id_token(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    *answer = (dowel_gcp_answer){0};
    int rc = ask_id_token(d, asking, answer, err);
    if (!rc && !(answer->expires = dowel_gcp_jwt_expiry(answer->token))) {
        dowel_wipe(answer->token);
        answer->token = NULL;
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "the provider's answer is not an ID token");
    }
    if (rc)
        dowel_error_prefix(err, "no ID token for %s (%s): ", id->email ? id->email : dowel_gcp_kind_name(id->kind),
                           id->origin);
    return rc;
}
