/* Block type "gcp-credentials". */
#include "gcp.h"

#include <string.h>

static const dowel_field fields[] = {
    {DOWEL_AT(dowel_gcp_credentials, service_account_info), .kind = DOWEL_JSON, .flags = DOWEL_SECRET | DOWEL_MULTILINE,
     .doc = "Content of a credentials file, such as a service account key.", .example = "@key.json"},
    {DOWEL_AT(dowel_gcp_credentials, service_account_file), .kind = DOWEL_PATH,
     .doc = "Path of a credentials file of any type that Google's libraries read.", .example = "key.json"},
    {DOWEL_AT(dowel_gcp_credentials, token), .kind = DOWEL_STRING, .flags = DOWEL_SECRET,
     .doc = "An access token to use as it is."},
    {DOWEL_AT(dowel_gcp_credentials, anonymous), .kind = DOWEL_BOOL,
     .doc = "Send no credentials, for stand-in servers and public data."},
    {DOWEL_AT(dowel_gcp_credentials, project), .kind = DOWEL_STRING,
     .doc = "Project id. Default: the project of the key file or the environment.", .example = "my-project"},
    {DOWEL_AT(dowel_gcp_credentials, quota_project), .kind = DOWEL_STRING,
     .doc = "Project to charge for quota and billing."},
    {DOWEL_AT(dowel_gcp_credentials, subject), .kind = DOWEL_STRING,
     .doc = "User to act for, with domain-wide delegation.", .example = "somebody@example.com"},
    {DOWEL_AT(dowel_gcp_credentials, scopes), .kind = DOWEL_LIST,
     .doc = "OAuth scopes. Default: the cloud-platform scope.", .example = DOWEL_GCP_SCOPE},
    {DOWEL_AT(dowel_gcp_credentials, token_uri), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,
     .doc = "Token endpoint to use instead of the one in the key file."},
    {0}};

static int check(const void *data, dowel_error *err) {
    const dowel_gcp_credentials *c = data;
    int sources =
        (c->service_account_info != NULL) + (c->service_account_file != NULL) + (c->token != NULL) + c->anonymous;
    if (sources > 1)
        return dowel_fail(err, DOWEL_E_INVALID,
                          "service_account_info, service_account_file, token and anonymous exclude each other");
    for (const char *p = c->token; p && *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f) /* it becomes part of a header */
            return dowel_fail(err, DOWEL_E_INVALID, "field \"token\": %s at character %zu",
                              *p == '\n' || *p == '\r' ? "a line break"
                              : *p == ' '              ? "a space"
                                                       : "a character that a token cannot contain",
                              (size_t)(p - c->token) + 1);
    if (c->token_uri && !dowel_url_is_safe(c->token_uri))
        return dowel_fail(err, DOWEL_E_INVALID,
                          "field \"token_uri\": neither an https URL nor an http URL of this machine");
    if (!c->service_account_info) return 0;
    json_t *object;
    dowel_gcp_identity *identity;
    int rc = dowel_gcp_info_object(c->service_account_info, &object, err);
    if (rc) return rc;
    rc = dowel_gcp_parse(object, "service_account_info", &identity, err);
    if (!rc) rc = dowel_gcp_check_keys(identity, err);
    dowel_gcp_identity_drop(identity);
    if (rc == DOWEL_E_CREDENTIALS) {
        rc = DOWEL_E_INVALID;
        if (err) err->code = rc;
    }
    dowel_json_cleanse(object);
    return rc;
}

/* A relative path in the content of an external account would mean another file wherever the block is used. */
static int check_paths(const json_t *info, dowel_error *err) {
    const json_t *source = json_object_get(info, "credential_source"),
                 *paths[] = {json_object_get(source, "file"),
                             json_object_get(json_object_get(source, "executable"), "output_file")};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *path = json_string_value(paths[i]);
        if (!path || *path == '/') continue;
        return dowel_fail(err, DOWEL_E_INVALID,
                          "field \"service_account_info\": credential_source has a relative path: %.200s", path);
    }
    return 0;
}

static int check_save(dowel *d, dowel_block *block, dowel_error *err) {
    const dowel_gcp_credentials *c = dowel_block_data(block);
    json_t *info = NULL;
    if (c->service_account_file) return dowel_gcp_check_file(d, c->service_account_file, err);
    int rc = c->service_account_info ? dowel_gcp_info_object(c->service_account_info, &info, err) : 0;
    if (!rc) rc = check_paths(info, err);
    dowel_json_cleanse(info);
    return rc;
}

static const dowel_table table = {"gcp-credentials", sizeof(dowel_gcp_credentials), fields, check};

const dowel_block_type dowel_gcp_credentials_type = {
    .size = sizeof(dowel_block_type),
    .name = "gcp-credentials",
    .doc = "Credentials for Google Cloud: a service account, a user, or the credentials of the environment.",
    .table = &table,
    .version = 1,
    .check = dowel_gcp_check,
    .check_save = check_save,
};
