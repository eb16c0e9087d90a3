/* The check of gcp-credentials: gets a token, and finds its owner in the file, on the machine or by asking Google about the token. */
#include "gcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The names come from files and answers, which may hold any bytes. */
static void put(dowel_builder *report, const char *member, const char *text) {
    if (text && *text) dowel_build_json(report, member, dowel_json_text(text));
}

/* For credentials that do not name their owner. Not knowing it is not an error: the token works. */
static void ask_owner_of_user(dowel *d, const char *token_uri, const char *token, dowel_builder *report) {
    char url[512];
    size_t length = strlen(token_uri);
    if (length > 6 && !strcmp(token_uri + length - 6, "/token")) length -= 6;
    int n = snprintf(url, sizeof url, "%.*s/tokeninfo", (int)length, token_uri);
    const char *const pairs[][2] = {{"access_token", token}};
    json_t *info = NULL;
    if (n < (int)sizeof url && !dowel_gcp_post_form(d, url, pairs, 1, NULL, true, &info, NULL)) {
        put(report, "identity", json_string_value(json_object_get(info, "email")));
        put(report, "scope", json_string_value(json_object_get(info, "scope")));
    }
    json_decref(info);
}

/* The token service of a federated identity knows the principal, if the file names token_info_url. */
static void ask_principal(dowel *d, const dowel_gcp_identity *id, const char *token, dowel_builder *report) {
    const char *const pairs[][2] = {{"token", token},
                                    {"token_type_hint", "urn:ietf:params:oauth:token-type:access_token"}};
    json_t *info = NULL;
    if (id->token_info_uri && !dowel_gcp_post_form(d, id->token_info_uri, pairs, 2, id, true, &info, NULL))
        put(report, "identity", json_string_value(json_object_get(info, "username")));
    json_decref(info);
    put(report, "audience", id->audience);
}

static int find_owner(dowel *d, const dowel_gcp_identity *id, const char *token, dowel_builder *report,
                      dowel_error *err) {
    char *email = NULL;
    int rc = dowel_gcp_email(d, id, &email, err);
    if (rc) return rc;
    put(report, "kind", dowel_gcp_kind_name(id->kind));
    put(report, "from", id->origin);
    if (email)
        put(report, "identity", email);
    else if (id->kind == DOWEL_GCP_ANONYMOUS)
        put(report, "identity", "anonymous");
    else if (id->kind == DOWEL_GCP_EXTERNAL_ACCOUNT || id->kind == DOWEL_GCP_EXTERNAL_USER)
        ask_principal(d, id, token, report);
    else
        ask_owner_of_user(d, id->token_uri ? id->token_uri : DOWEL_GCP_TOKEN_URI, token, report);
    put(report, "acts_for", id->subject);
    if (id->source) {
        put(report, "through", dowel_gcp_kind_name(id->source->kind));
        put(report, "through_identity", id->source->email);
        put(report, "audience", id->source->audience);
    }
    put(report, "universe_domain", dowel_gcp_default_universe(id) ? NULL : id->universe);
    free(email);
    return 0;
}

int dowel_gcp_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    char *token = NULL, *project = NULL;
    int64_t expires = 0;
    dowel_gcp_identity *id = NULL;
    dowel_builder found = dowel_build(json_incref(report));
    int rc = dowel_gcp_token(d, block, false, &token, &expires, err);
    if (!rc) rc = dowel_gcp_known_identity(d, block, false, &id, err);
    if (!rc) rc = find_owner(d, id, token, &found, err);
    if (!rc && expires) {
        char text[DOWEL_TIME_TEXT_SIZE];
        dowel_format_time(expires, text);
        put(&found, "token_expires", text);
    }
    if (!rc && !dowel_gcp_project(d, block, NULL, &project, NULL)) put(&found, "project", project);
    if (!rc) put(&found, "quota_project", id->quota_project);
    int built = dowel_build_end(&found, NULL, rc ? NULL : err);
    if (!rc) rc = built;
    dowel_gcp_identity_drop(id);
    dowel_wipe(token);
    free(project);
    return rc;
}
