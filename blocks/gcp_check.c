/* Who gcp-credentials are: a token is fetched, and its owner is what the file says or Google's tokeninfo answers. */
#include "gcp.h"

#include <dowel/stream.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const dowel_http_service service = {.name = "Google OAuth", .max_attempts = 2, .backoff = 0.2};

/* Of a token whose credentials do not name their owner. No failure: the token works, only its owner is unknown. */
static void ask_owner(dowel *d, const char *token_uri, const char *token, json_t *report) {
    char base[512];
    const char *known = token_uri ? token_uri : "https://oauth2.googleapis.com/token";
    size_t length = strlen(known);
    if (length > 6 && !strcmp(known + length - 6, "/token")) length -= 6;
    snprintf(base, sizeof base, "%.*s", (int)length, known);
    size_t size = strlen(token) + 16;
    char *body = malloc(size);
    if (!body) return;
    snprintf(body, size, "access_token=%s", token);
    dowel_http_request *r = dowel_http_new(&service, NULL, "POST", base);
    dowel_http_path(r, "tokeninfo", NULL);
    dowel_http_header(r, "Content-Type", "application/x-www-form-urlencoded");
    dowel_http_secret_body(r);
    dowel_http_body(r, body, strlen(body));
    dowel_http_timeout(r, 10);
    json_t *info = NULL;
    if (!dowel_http_fetch_json(d, r, &info, NULL)) {
        const char *email = json_string_value(json_object_get(info, "email"));
        if (email) json_object_set_new(report, "identity", json_string(email));
        json_t *scope = json_object_get(info, "scope");
        if (scope) json_object_set(report, "scope", scope);
    }
    json_decref(info);
    OPENSSL_cleanse(body, size);
    free(body);
}

int dowel_gcp_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    char *token = NULL, *project = NULL;
    int64_t expires = 0;
    dowel_gcp_identity identity;
    int rc = dowel_gcp_token(d, block, false, &token, &expires, err);
    if (rc) return rc;
    if (!token) {
        json_object_set_new(report, "identity", json_string("anonymous"));
    } else if (!(rc = dowel_gcp_known_identity(d, block, &identity, err))) {
        if (identity.email)
            json_object_set_new(report, "identity", json_string(identity.email));
        else
            ask_owner(d, identity.token_uri, token, report);
        if (identity.origin) json_object_set_new(report, "from", json_string(identity.origin));
        dowel_gcp_identity_clear(&identity);
    }
    if (!rc && expires) {
        char text[DOWEL_TIME_TEXT_SIZE];
        dowel_format_time(expires, text);
        json_object_set_new(report, "token_expires", json_string(text));
    }
    if (!rc && !dowel_gcp_project(d, block, NULL, &project, NULL))
        json_object_set_new(report, "project", json_string(project));
    if (token) OPENSSL_cleanse(token, strlen(token));
    free(token);
    free(project);
    return rc;
}
