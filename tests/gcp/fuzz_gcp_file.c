/* Any bytes as a Google credentials file; and as what takes the place of members of a whole one of each type, which lets no input end at the first
 * member that is missing. */
#include "gcp.h"
#include "sealing_internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const whole[] = {
    "{\"type\":\"service_account\",\"client_email\":\"a@b\",\"private_key\":\"-----BEGIN "
    "X\",\"token_uri\":\"https://a/b\"}",
    "{\"type\":\"authorized_user\",\"client_id\":\"a\",\"client_secret\":\"b\",\"refresh_token\":\"c\"}",
    "{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"https://a/b/"
    "c:generateAccessToken\","
    "\"source_credentials\":{\"type\":\"authorized_user\",\"client_id\":\"a\",\"client_secret\":\"b\",\"refresh_"
    "token\":\"c\"}}",
    "{\"type\":\"external_account\",\"audience\":\"//iam.googleapis.com/locations/a/workforcePools/b\","
    "\"subject_token_type\":\"urn:ietf:params:oauth:token-type:jwt\",\"token_url\":\"https://sts.{universe_domain}/v1/"
    "token\","
    "\"service_account_impersonation_url\":\"https://a/b/"
    "c:generateAccessToken\",\"credential_source\":{\"file\":\"a\"}}",
    "{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"urn:ietf:params:aws:token-type:aws4_"
    "request\","
    "\"token_url\":\"https://a/"
    "b\",\"credential_source\":{\"environment_id\":\"aws1\",\"regional_cred_verification_url\":\"https://a\"}}",
    "{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"urn:ietf:params:oauth:token-type:"
    "saml2\","
    "\"token_url\":\"https://a/b\",\"credential_source\":{\"executable\":{\"command\":\"a\",\"timeout_millis\":5000}}}",
    "{\"type\":\"external_account_authorized_user\",\"audience\":\"a\",\"token_url\":\"https://a/"
    "b\",\"client_id\":\"a\","
    "\"client_secret\":\"b\",\"refresh_token\":\"c\",\"token\":\"d\",\"expiry\":\"2999-01-01T00:00:00Z\"}",
};
#define WHOLE (sizeof whole / sizeof whole[0])

/* Names that a fuzzer would have to guess. */
static const char *const members[] = {"type",
                                      "client_email",
                                      "private_key",
                                      "private_key_id",
                                      "token_uri",
                                      "project_id",
                                      "client_id",
                                      "client_secret",
                                      "refresh_token",
                                      "rapt_token",
                                      "scopes",
                                      "quota_project_id",
                                      "universe_domain",
                                      "audience",
                                      "subject_token_type",
                                      "token_url",
                                      "token_info_url",
                                      "service_account_impersonation_url",
                                      "service_account_impersonation",
                                      "token_lifetime_seconds",
                                      "delegates",
                                      "source_credentials",
                                      "credential_source",
                                      "file",
                                      "url",
                                      "headers",
                                      "format",
                                      "subject_token_field_name",
                                      "executable",
                                      "command",
                                      "timeout_millis",
                                      "interactive_timeout_millis",
                                      "output_file",
                                      "certificate",
                                      "environment_id",
                                      "region_url",
                                      "regional_cred_verification_url",
                                      "imdsv2_session_token_url",
                                      "workforce_pool_user_project",
                                      "token",
                                      "expiry",
                                      "installed",
                                      "web"};

static void check(const json_t *document) {
    dowel_error err;
    dowel_gcp_identity *identity;
    if (dowel_gcp_parse(document, "fuzz", &identity, &err)) {
        if (identity || !*err.message) abort();
        return;
    }
    for (const dowel_gcp_identity *id = identity; id; id = id->source)
        if (id->token_uri && !dowel_url_is_safe(id->token_uri)) abort();
    if (identity->iam && !dowel_url_is_safe(identity->iam)) abort();
    if (dowel_gcp_seal_identity(identity, &err)) abort();
    dowel_gcp_identity_drop(identity);
}

/* Members of `from`, each under the name that its own name's first byte stands for, take the place of those of `into`. */
static void overlay(json_t *into, json_t *from, int depth) {
    const char *name;
    json_t *value;
    json_object_foreach(from, name, value) {
        const char *member = members[(unsigned char)*name % (sizeof members / sizeof members[0])];
        json_t *old = json_object_get(into, member);
        if (json_is_object(value) && depth < 8) {
            json_t *inner = json_is_object(old) ? json_deep_copy(old) : json_object();
            overlay(inner, value, depth + 1);
            json_object_set_new(into, member, inner);
        } else if (json_is_null(value)) {
            json_object_del(into, member);
        } else {
            json_object_set(into, member, value);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *document = NULL;
    if (dowel_json_parse((const char *)data, size, "fuzz", &document, NULL)) return 0;
    check(document);
    for (size_t i = 0; i < WHOLE && json_is_object(document); i++) {
        json_t *file = json_loads(whole[i], 0, NULL);
        if (!file) abort();
        check(file);
        overlay(file, document, 0);
        check(file);
        json_decref(file);
    }
    json_decref(document);
    return 0;
}
