/* Any bytes as a Google credentials file, and as the end of one of each type, so that they are reached. */
#include "gcp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const starts[] = {
    "",
    "{\"type\":\"service_account\",\"client_email\":\"a@b\",\"private_key\":\"-----BEGIN \",",
    "{\"type\":\"authorized_user\",\"client_id\":\"a\",\"client_secret\":\"b\",\"refresh_token\":\"c\",",
    "{\"type\":\"external_account_authorized_user\",",
    "{\"type\":\"impersonated_service_account\",\"source_credentials\":{\"type\":\"authorized_user\",\"client_id\":"
    "\"a\","
    "\"client_secret\":\"b\",\"refresh_token\":\"c\"},\"service_account_impersonation_url\":\"",
    "{\"type\":\"external_account\",\"audience\":\"a\",\"token_url\":\"https://a\",\"subject_token_type\":\"b\","
    "\"credential_source\":{",
    "{\"type\":\"external_account\",\"audience\":\"a\",\"token_url\":\"https://a\",\"subject_token_type\":"
    "\"urn:ietf:params:aws:token-type:aws4_request\",\"credential_source\":{",
};

static void parse(const char *text, size_t size) {
    json_t *document = NULL;
    dowel_error err;
    dowel_gcp_identity *identity;
    if (dowel_json_parse(text, size, "fuzz", &document, &err)) return;
    if (!dowel_gcp_parse(document, "fuzz", &identity, &err)) {
        for (const dowel_gcp_identity *id = identity; id; id = id->source)
            if (id->token_uri && !dowel_gcp_safe_url(id->token_uri)) abort();
        if (identity->iam && !dowel_gcp_safe_url(identity->iam)) abort();
        if (dowel_gcp_seal_identity(identity, &err)) abort();
        dowel_gcp_identity_drop(identity);
    }
    json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    const char *start = starts[data[0] % (sizeof starts / sizeof starts[0])];
    size_t length = strlen(start);
    char *text = malloc(length + size);
    if (!text) return 0;
    memcpy(text, start, length);
    memcpy(text + length, data + 1, size - 1);
    parse(text, length + size - 1);
    free(text);
    return 0;
}
