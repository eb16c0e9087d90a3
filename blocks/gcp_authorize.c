/* Puts an access token on a request, where it is safe to send one. */
#include "gcp.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set_header(dowel_http_request *request, const char *token, dowel_error *err) {
    size_t size = strlen(token) + sizeof "Bearer ";
    char *value = malloc(size);
    if (!value) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    snprintf(value, size, "Bearer %s", token);
    dowel_http_secret_header(request, "Authorization", value);
    OPENSSL_cleanse(value, size);
    free(value);
    return 0;
}

static int refuse(const dowel_block *credentials, const char *url, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "no access token is sent over plain http to %.*s",
                        (int)(7 + strcspn(url + 7, "/?#")), url);
    dowel_error_hint(err, "use https; for a stand-in server save %s with `anonymous`",
                     credentials ? dowel_block_reference(credentials) : "a gcp-credentials block");
    return rc;
}

int dowel_gcp_authorize(dowel *d, dowel_http_request *request, void *context, bool again, dowel_error *err) {
    static const char scheme[] = "Bearer ";
    dowel_block *credentials = context;
    const char *sent = dowel_http_get_header(request, "Authorization");
    char *token, *quota_project, *refused = NULL;
    if (again && sent && !strncmp(sent, scheme, sizeof scheme - 1) && !(refused = strdup(sent + sizeof scheme - 1)))
        return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    int rc = dowel_gcp_token_after(d, credentials, refused, again, &token, NULL, &quota_project, err);
    if (refused) OPENSSL_cleanse(refused, strlen(refused));
    free(refused);
    if (rc) return rc;
    const char *url = dowel_http_url(request);
    if (!token)
        dowel_http_header(request, "Authorization", NULL);
    else
        rc = url && dowel_gcp_safe_url(url) ? set_header(request, token, err)
                                            : refuse(credentials, url ? url : "http://", err);
    dowel_http_header(request, "X-Goog-User-Project", token ? quota_project : NULL);
    if (token) OPENSSL_cleanse(token, strlen(token));
    free(token);
    free(quota_project);
    return rc;
}
