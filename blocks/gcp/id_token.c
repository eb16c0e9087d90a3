/* ID tokens: who calls, said to one audience, such as a private Cloud Run service. */
#include "gcp.h"

#include <string.h>
#include <time.h>

static int from_token_endpoint(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    json_int_t now = (json_int_t)time(NULL);
    json_t *document = NULL,
           *claims = json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", id->email, "aud", DOWEL_GCP_TOKEN_URI,
                               "target_audience", asking->audience, "iat", now, "exp", now + 3600);
    char *assertion = NULL;
    int rc = claims ? dowel_gcp_sign_jwt(id, claims, &assertion, err) : dowel_no_memory(err);
    const char *const pairs[][2] = {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                                    {"assertion", assertion}};
    if (!rc) rc = dowel_gcp_post_form(d, id->token_uri, pairs, 2, NULL, asking->hurried, &document, err);
    if (!rc) rc = dowel_gcp_read_answer(document, "id_token", answer, err);
    json_decref(document);
    json_decref(claims);
    dowel_gcp_wipe(assertion);
    return rc;
}

static int from_iam(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    json_t *document = NULL;
    int rc = dowel_gcp_iam(d, id->source ? id->source : id, id, "generateIdToken",
                           json_pack("{s:s, s:b}", "audience", asking->audience, "includeEmail", 1), asking->hurried,
                           &document, err);
    if (!rc) rc = dowel_gcp_read_answer(document, "token", answer, err);
    json_decref(document);
    return rc;
}

static int from_metadata(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const char *const parameters[][2] = {{"audience", asking->audience}, {"format", "full"}};
    int rc =
        dowel_gcp_metadata_get(d, "instance/service-accounts/default/identity", parameters, 2, &answer->token, err);
    if (!rc) answer->token[strcspn(answer->token, " \t\r\n")] = 0;
    return rc;
}

static int ask(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    if (id->kind == DOWEL_GCP_SERVICE_ACCOUNT && dowel_gcp_default_universe(id))
        return from_token_endpoint(d, asking, answer, err);
    if (id->kind == DOWEL_GCP_SERVICE_ACCOUNT || id->kind == DOWEL_GCP_IMPERSONATED)
        return from_iam(d, asking, answer, err);
    if (id->kind == DOWEL_GCP_METADATA) return from_metadata(d, asking, answer, err);
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "credentials of this kind have none");
    dowel_error_hint(err, "use a service account: its key, impersonation, or the machine that it is attached to");
    return rc;
}

int dowel_gcp_request_id_token(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err) {
    const dowel_gcp_identity *id = asking->identity;
    *answer = (dowel_gcp_answer){0};
    int rc = ask(d, asking, answer, err);
    if (!rc && !(answer->expires = dowel_gcp_jwt_expiry(answer->token))) {
        dowel_gcp_wipe(answer->token);
        answer->token = NULL;
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "what the provider answered is not an ID token");
    }
    if (rc)
        dowel_error_prefix(err, "no ID token for %s (%s): ", id->email ? id->email : dowel_gcp_kind_name(id->kind),
                           id->origin);
    return rc;
}

int dowel_gcp_id_token(dowel *d, dowel_block *credentials, const char *audience, bool again, char **token,
                       int64_t *expires, dowel_error *err) {
    dowel_gcp_identity *id;
    *token = NULL;
    if (!audience || !*audience) return dowel_fail(err, DOWEL_E_INVALID, "an ID token needs an audience");
    int rc = dowel_gcp_known_identity(d, credentials, again, &id, err);
    if (rc) return rc;
    const dowel_gcp_asking asking = {.identity = id, .audience = audience};
    rc = dowel_gcp_cached_token(d, &asking, NULL, again, token, expires, err);
    if (rc && credentials) dowel_error_prefix(err, "block %s: ", dowel_block_reference(credentials));
    dowel_gcp_identity_drop(id);
    return rc;
}
