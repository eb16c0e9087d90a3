/* Credentials files of federated identities: external_account (google.aip.dev/auth/4117) and external_account_authorized_user. */
#include "gcp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AWS_TOKEN_TYPE "urn:ietf:params:aws:token-type:aws4_request"

static bool given(const json_t *object, const char *member) {
    const json_t *value = json_object_get(object, member);
    return value && !json_is_null(value);
}

static bool has_text(const json_t *object, const char *member) {
    const json_t *value = json_object_get(object, member);
    return json_string_length(value) && strlen(json_string_value(value)) == json_string_length(value);
}

/* ---- where the subject token comes from ---- */

static int check_aws(const json_t *source, const char *origin, dowel_error *err) {
    const char *environment = json_string_value(json_object_get(source, "environment_id"));
    static const char *const urls[] = {"region_url", "url", "imdsv2_session_token_url"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        if (given(source, urls[i]) && !has_text(source, urls[i]))
            return dowel_gcp_bad_file(err, origin, "\"credential_source.%s\" is not text", urls[i]);
    if (!environment || strncmp(environment, "aws", 3) != 0 || !isdigit((unsigned char)environment[3]) ||
        environment[3 + strspn(environment + 3, "0123456789")])
        return dowel_gcp_bad_file(err, origin, "\"credential_source.environment_id\" is not \"aws1\"");
    if (!has_text(source, "regional_cred_verification_url"))
        return dowel_gcp_bad_file(err, origin, "\"credential_source.regional_cred_verification_url\" is missing");
    if (strtol(environment + 3, NULL, 10) == 1) return 0;
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: environment \"%.20s\" is not supported", origin, environment);
    dowel_error_hint(err, "supported: aws1");
    return rc;
}

static int check_executable(const json_t *source, const char *origin, dowel_error *err) {
    const json_t *executable = json_object_get(source, "executable"),
                 *timeout = json_object_get(executable, "timeout_millis"),
                 *interactive = json_object_get(executable, "interactive_timeout_millis");
    if (!has_text(executable, "command"))
        return dowel_gcp_bad_file(err, origin, "\"credential_source.executable.command\" is missing");
    if (given(executable, "output_file") && !has_text(executable, "output_file"))
        return dowel_gcp_bad_file(err, origin, "\"credential_source.executable.output_file\" is not text");
    int64_t ms = json_integer_value(timeout);
    if (given(executable, "timeout_millis") && (!json_is_integer(timeout) || (ms && (ms < 5000 || ms > 120000))))
        return dowel_gcp_bad_file(err, origin,
                                  "\"credential_source.executable.timeout_millis\" is not between 5 and 120 seconds");
    ms = json_integer_value(interactive);
    if (given(executable, "interactive_timeout_millis") &&
        (!json_is_integer(interactive) || (ms && (ms < 30000 || ms > 1800000))))
        return dowel_gcp_bad_file(
            err, origin,
            "\"credential_source.executable.interactive_timeout_millis\" is not between 30 seconds and 30 "
            "minutes");
    return 0;
}

static int check_format(const json_t *source, const char *origin, dowel_error *err) {
    const json_t *format = json_object_get(source, "format"), *headers = json_object_get(source, "headers");
    const char *type = json_string_value(json_object_get(format, "type"));
    if (given(format, "type") && (!type || (*type && strcmp(type, "text") != 0 && strcmp(type, "json") != 0)))
        return dowel_gcp_bad_file(err, origin, "\"credential_source.format.type\" is neither \"text\" nor \"json\"");
    if (type && !strcmp(type, "json") && !has_text(format, "subject_token_field_name"))
        return dowel_gcp_bad_file(err, origin, "\"credential_source.format.subject_token_field_name\" is missing");
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)headers, name, value) if (!json_is_string(value)) return dowel_gcp_bad_file(
        err, origin, "\"credential_source.headers.%.60s\" is not text", name);
    return 0;
}

static int check_source(const json_t *source, dowel_gcp_identity *id, dowel_error *err) {
    if (!json_is_object(source)) return dowel_gcp_bad_file(err, id->origin, "\"credential_source\" is missing");
    if (!strcmp(id->subject_token_type, AWS_TOKEN_TYPE)) {
        id->subject_kind = DOWEL_GCP_SUBJECT_AWS;
        return check_aws(source, id->origin, err);
    }
    if (given(source, "executable")) {
        id->subject_kind = DOWEL_GCP_SUBJECT_EXECUTABLE;
        return check_executable(source, id->origin, err);
    }
    if (json_object_get(source, "environment_id"))
        return dowel_gcp_bad_file(err, id->origin,
                                  "\"credential_source.environment_id\" requires the subject token type of AWS");
    int sources = given(source, "file") + given(source, "url") + given(source, "certificate");
    if (sources != 1)
        return dowel_gcp_bad_file(err, id->origin,
                                  "\"credential_source\" has %s of file, url, executable and certificate",
                                  sources ? "more than one" : "none");
    if (given(source, "certificate")) {
        int rc =
            dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: X.509 certificates as credentials are not supported", id->origin);
        dowel_error_hint(err, "use a credential source of file, url, AWS or executable");
        return rc;
    }
    id->subject_kind = given(source, "file") ? DOWEL_GCP_SUBJECT_FILE : DOWEL_GCP_SUBJECT_URL;
    const char *member = id->subject_kind == DOWEL_GCP_SUBJECT_FILE ? "file" : "url";
    if (!has_text(source, member))
        return dowel_gcp_bad_file(err, id->origin, "\"credential_source.%s\" is not text", member);
    return check_format(source, id->origin, err);
}

/* ---- external_account ---- */

/* //iam.googleapis.com/locations/LOCATION/workforcePools/... */
static bool is_workforce(const char *audience) {
    static const char start[] = "//iam.googleapis.com/locations/", pools[] = "/workforcePools/";
    if (strncmp(audience, start, sizeof start - 1) != 0) return false;
    const char *location = audience + sizeof start - 1;
    size_t size = strcspn(location, "/");
    return size && !strncmp(location + size, pools, sizeof pools - 1);
}

/* The URL may have a placeholder for its domain: "https://sts.{universe_domain}/v1/token". */
static int fill_universe(dowel_gcp_identity *id, dowel_error *err) {
    static const char form[] = "https://sts.{universe_domain}/v1/token";
    char url[512];
    if (strcmp(id->token_uri, form) != 0) return 0;
    snprintf(url, sizeof url, "https://sts.%.400s/v1/token", id->universe ? id->universe : DOWEL_GCP_UNIVERSE);
    return dowel_gcp_set(&id->token_uri, url, err);
}

int dowel_gcp_parse_external_account(const json_t *document, const char *origin, dowel_gcp_identity **out,
                                     dowel_error *err) {
    dowel_gcp_identity *id = *out = dowel_gcp_identity_new(DOWEL_GCP_EXTERNAL_ACCOUNT, origin);
    const json_t *source = json_object_get(document, "credential_source");
    char *impersonation = NULL;
    if (!id) return dowel_no_memory(err);
    int rc = dowel_gcp_take(document, "audience", true, origin, &id->audience, err);
    if (!rc) rc = dowel_gcp_take(document, "subject_token_type", true, origin, &id->subject_token_type, err);
    if (!rc) rc = dowel_gcp_take(document, "token_url", true, origin, &id->token_uri, err);
    if (!rc) rc = dowel_gcp_take(document, "token_info_url", false, origin, &id->token_info_uri, err);
    if (!rc) rc = dowel_gcp_take(document, "client_id", false, origin, &id->client_id, err);
    if (!rc) rc = dowel_gcp_take(document, "client_secret", false, origin, &id->client_secret, err);
    if (!rc) rc = dowel_gcp_take(document, "workforce_pool_user_project", false, origin, &id->user_project, err);
    if (!rc) rc = dowel_gcp_take(document, "universe_domain", false, origin, &id->universe, err);
    if (!rc) rc = fill_universe(id, err);
    if (!rc && id->user_project && !is_workforce(id->audience))
        rc = dowel_gcp_bad_file(err, origin, "\"workforce_pool_user_project\" is for workforce pools only");
    if (!rc) rc = check_source(source, id, err);
    if (!rc && !(id->credential_source = json_deep_copy(source))) rc = dowel_no_memory(err);
    if (!rc) rc = dowel_gcp_take(document, "service_account_impersonation_url", false, origin, &impersonation, err);
    if (!rc && impersonation) rc = dowel_gcp_act_as(impersonation, true, document, id, out, err);
    free(impersonation);
    return rc;
}

/* ---- external_account_authorized_user ---- */

int dowel_gcp_parse_external_user(const json_t *document, const char *origin, dowel_gcp_identity **out,
                                  dowel_error *err) {
    dowel_gcp_identity *id = *out = dowel_gcp_identity_new(DOWEL_GCP_EXTERNAL_USER, origin);
    if (!id) return dowel_no_memory(err);
    int rc = dowel_gcp_take(document, "audience", false, origin, &id->audience, err);
    if (!rc) rc = dowel_gcp_take(document, "refresh_token", false, origin, &id->refresh_token, err);
    if (!rc) rc = dowel_gcp_take(document, "token_url", false, origin, &id->token_uri, err);
    if (!rc) rc = dowel_gcp_take(document, "token_info_url", false, origin, &id->token_info_uri, err);
    if (!rc) rc = dowel_gcp_take(document, "client_id", false, origin, &id->client_id, err);
    if (!rc) rc = dowel_gcp_take(document, "client_secret", false, origin, &id->client_secret, err);
    if (!rc) rc = dowel_gcp_take(document, "token", false, origin, &id->token, err);
    if (!rc) rc = dowel_gcp_take(document, "expiry", false, origin, &id->expiry, err);
    if (!rc) rc = dowel_gcp_take_scopes(document, id, err);
    if (rc) return rc;
    bool renews = id->refresh_token && id->token_uri && id->client_id && id->client_secret;
    if (!renews && !id->token)
        return dowel_gcp_bad_file(
            err, origin, "the file needs a token, or all of refresh_token, token_url, client_id and client_secret");
    return 0;
}
