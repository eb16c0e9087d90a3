/* Credentials files of type impersonated_service_account, and impersonation for other types. */
#include "gcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB ":generateAccessToken"

/* The URL of an account in IAM's API. */
static char *standard_resource(const char *universe, const char *email) {
    dowel_text text = {0};
    dowel_text_format(&text, "https://iamcredentials.%s/v1/projects/-/serviceAccounts/%s", universe, email);
    return dowel_text_take(&text, NULL);
}

static int take_delegates(const json_t *document, dowel_gcp_identity *id, dowel_error *err) {
    const json_t *delegates = json_object_get(document, "delegates");
    if (!delegates || json_is_null(delegates)) return 0;
    if (!json_is_array(delegates)) return dowel_gcp_bad_file(err, id->origin, "\"delegates\" is not a list");
    for (size_t i = 0; i < json_array_size(delegates); i++)
        if (!json_is_string(json_array_get(delegates, i)))
            return dowel_gcp_bad_file(err, id->origin, "\"delegates[%zu]\" is not text", i);
    id->delegates = json_deep_copy(delegates);
    return id->delegates ? 0 : dowel_no_memory(err);
}

static int take_lifetime(const json_t *document, dowel_gcp_identity *id, dowel_error *err) {
    const json_t *seconds =
        json_object_get(json_object_get(document, "service_account_impersonation"), "token_lifetime_seconds");
    if (!seconds || json_is_null(seconds)) return 0;
    id->lifetime = json_integer_value(seconds);
    if (id->lifetime > 0 && id->lifetime <= 43200) return 0;
    return dowel_gcp_bad_file(err, id->origin,
                              "\"service_account_impersonation.token_lifetime_seconds\" is not between 1 and 43200");
}

int dowel_gcp_act_as(const char *url, bool url_as_given, const json_t *document, dowel_gcp_identity *source,
                     dowel_gcp_identity **out, dowel_error *err) {
    dowel_gcp_identity *id = *out = dowel_gcp_identity_new(DOWEL_GCP_IMPERSONATED, source->origin);
    const char *verb = strstr(url, VERB), *slash = strrchr(url, '/');
    if (!id) {
        dowel_gcp_identity_drop(source);
        return dowel_no_memory(err);
    }
    id->source = source;
    if (!verb || !slash || slash + 1 >= verb)
        return dowel_gcp_bad_file(err, id->origin,
                                  "\"service_account_impersonation_url\" does not name a service account");
    if (!dowel_url_is_safe(url)) {
        int rc =
            dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: \"service_account_impersonation_url\" is not https", id->origin);
        dowel_error_hint(err, "plain http is accepted only for addresses of this machine");
        return rc;
    }
    id->email = strndup(slash + 1, (size_t)(verb - slash - 1));
    if (!id->email) return dowel_no_memory(err);
    int rc = dowel_gcp_set(&id->universe, source->universe, err);
    if (!rc) rc = dowel_gcp_set(&source->acts_as, id->email, err);
    if (rc) return rc;
    id->iam = url_as_given || dowel_url_is_local(url)
                  ? strndup(url, (size_t)(verb - url))
                  : standard_resource(id->universe ? id->universe : DOWEL_GCP_UNIVERSE, id->email);
    if (!id->iam) return dowel_no_memory(err);
    return take_lifetime(document, id, err);
}

int dowel_gcp_parse_impersonated(const json_t *document, const char *origin, dowel_gcp_identity **out,
                                 dowel_error *err) {
    const json_t *inner = json_object_get(document, "source_credentials");
    const char *type = json_string_value(json_object_get(inner, "type"));
    char *url = NULL;
    dowel_gcp_identity *source = NULL;
    if (!json_is_object(inner)) return dowel_gcp_bad_file(err, origin, "\"source_credentials\" is missing");
    if (!type || (strcmp(type, "service_account") != 0 && strcmp(type, "authorized_user") != 0 &&
                  strcmp(type, "external_account_authorized_user") != 0)) {
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: \"source_credentials\" of type \"%.60s\" are not supported",
                            origin, type ? type : "");
        dowel_error_hint(err, "supported: service_account, authorized_user, external_account_authorized_user");
        return rc;
    }
    int rc = dowel_gcp_take(document, "service_account_impersonation_url", true, origin, &url, err);
    if (!rc && (rc = dowel_gcp_parse(inner, origin, &source, err))) dowel_error_prefix(err, "source_credentials: ");
    /* Like Google's libraries: only the account is taken from the URL. */
    if (!rc) rc = dowel_gcp_act_as(url, false, document, source, out, err);
    if (!rc) rc = take_delegates(document, *out, err);
    if (!rc) rc = dowel_gcp_take_scopes(document, *out, err);
    free(url);
    return rc;
}
