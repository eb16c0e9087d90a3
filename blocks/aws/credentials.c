/* Block type aws-credentials. */
#include "aws.h"

static const dowel_field fields[] = {
    {DOWEL_AT(dowel_aws_credentials, access_key_id), .kind = DOWEL_STRING, .doc = "Access key id.",
     .example = "AKIAIOSFODNN7EXAMPLE"},
    {DOWEL_AT(dowel_aws_credentials, secret_access_key), .kind = DOWEL_STRING, .flags = DOWEL_SECRET,
     .doc = "Secret access key."},
    {DOWEL_AT(dowel_aws_credentials, session_token), .kind = DOWEL_STRING, .flags = DOWEL_SECRET,
     .doc = "Session token of temporary keys."},
    {DOWEL_AT(dowel_aws_credentials, profile), .kind = DOWEL_STRING,
     .doc = "Profile of the shared credentials and config files.", .example = "work"},
    {DOWEL_AT(dowel_aws_credentials, region), .kind = DOWEL_STRING,
     .doc = "Region for services whose block names none.", .example = "eu-west-1"},
    {DOWEL_AT(dowel_aws_credentials, endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,
     .doc = "URL of every service, for servers that are compatible with AWS.", .example = "http://127.0.0.1:9000"},
    {DOWEL_AT(dowel_aws_credentials, anonymous), .kind = DOWEL_BOOL,
     .doc = "Send unsigned requests, for public buckets."},
    {DOWEL_AT(dowel_aws_credentials, role_arn), .kind = DOWEL_STRING,
     .doc = "Role to assume, with these keys, this profile, the source, or the default credentials.",
     .example = "arn:aws:iam::123456789012:role/reports"},
    {DOWEL_AT(dowel_aws_credentials, role_session_name), .kind = DOWEL_STRING,
     .doc = "Name of the session in the account's logs.", .example = "nightly"},
    {DOWEL_AT(dowel_aws_credentials, external_id), .kind = DOWEL_STRING,
     .doc = "External id that the role's trust policy requires."},
    {DOWEL_AT(dowel_aws_credentials, role_duration), .kind = DOWEL_DURATION, .minimum = 900, .maximum = 43200,
     .doc = "Lifetime of the session before it is renewed; an hour by default.", .example = "30m"},
    {DOWEL_AT(dowel_aws_credentials, web_identity_token_file), .kind = DOWEL_PATH,
     .doc = "File with a token of an identity provider that the role trusts, instead of keys.",
     .example = "/var/run/secrets/token"},
    {DOWEL_AT(dowel_aws_credentials, source), .kind = DOWEL_BLOCK, .blocks = "aws-credentials",
     .doc = "Credentials that assume the role.", .example = "aws-credentials/base"},
    {0}};

static int check_words(const dowel_aws_credentials *c, dowel_error *err) {
    const char *const words[][2] = {{"field \"access_key_id\"", c->access_key_id},
                                    {"field \"secret_access_key\"", c->secret_access_key},
                                    {"field \"session_token\"", c->session_token}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        int rc = !words[i][1] ? 0
                 : i == 1     ? dowel_aws_check_secret(words[i][0], words[i][1], err)
                              : dowel_aws_check_key(words[i][0], words[i][1], err);
        if (rc && err) err->code = DOWEL_E_INVALID;
        if (rc) return DOWEL_E_INVALID;
    }
    return 0;
}

static int check(const void *data, dowel_error *err) {
    const dowel_aws_credentials *c = data;
    int words = check_words(c, err);
    if (words) return words;
    if (!c->access_key_id != !c->secret_access_key)
        return dowel_fail(err, DOWEL_E_INVALID, "field \"%s\" is required beside \"%s\"",
                          c->access_key_id ? "secret_access_key" : "access_key_id",
                          c->access_key_id ? "access_key_id" : "secret_access_key");
    const struct {
        bool given, needed;
        const char *name, *needs;
    } pairs[] = {
        {c->session_token, c->access_key_id, "session_token", "access_key_id"},
        {c->role_session_name, c->role_arn, "role_session_name", "role_arn"},
        {c->external_id, c->role_arn, "external_id", "role_arn"},
        {c->role_duration != 0, c->role_arn, "role_duration", "role_arn"},
        {c->web_identity_token_file, c->role_arn, "web_identity_token_file", "role_arn"},
        {c->source, c->role_arn, "source", "role_arn"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i].given && !pairs[i].needed)
            return dowel_fail(err, DOWEL_E_INVALID, "field \"%s\" is required beside \"%s\"", pairs[i].needs,
                              pairs[i].name);
    const char *const ways[] = {c->access_key_id ? "access_key_id" : NULL, c->profile ? "profile" : NULL,
                                c->web_identity_token_file ? "web_identity_token_file" : NULL,
                                c->source ? "source" : NULL};
    const char *first = NULL;
    for (size_t i = c->role_arn ? 0 : 4; i < 4; i++) {
        if (first && ways[i])
            return dowel_fail(err, DOWEL_E_INVALID, "fields \"%s\" and \"%s\": set only one, to assume the role with",
                              first, ways[i]);
        if (ways[i]) first = ways[i];
    }
    return 0;
}

static const dowel_table table = {"aws-credentials", sizeof(dowel_aws_credentials), fields, check};

const dowel_block_type dowel_aws_credentials_type = {
    .size = sizeof(dowel_block_type),
    .name = "aws-credentials",
    .doc = "Credentials for AWS. Without fields, they are found as Amazon's own tools find them.",
    .table = &table,
    .version = 1,
    .check = dowel_aws_check,
};
