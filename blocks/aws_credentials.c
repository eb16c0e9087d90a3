/* Block type aws-credentials, and keys, region and endpoint as found in blocks, environment and profiles. */
#include "aws_profile.h"

#include "aws.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

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
     .doc = "Region for services that have no region of their own.", .example = "eu-west-1"},
    {DOWEL_AT(dowel_aws_credentials, endpoint), .kind = DOWEL_STRING,
     .doc = "Address for every service: a server that speaks its protocol.", .example = "http://127.0.0.1:9000"},
    {DOWEL_AT(dowel_aws_credentials, anonymous), .kind = DOWEL_BOOL, .doc = "Do not sign: public buckets."},
    {0}};

static int check(const void *data, dowel_error *err) {
    const dowel_aws_credentials *c = data;
    if (!c->access_key_id != !c->secret_access_key)
        return dowel_fail(err, DOWEL_E_INVALID, "field \"%s\" is required beside \"%s\"",
                          c->access_key_id ? "secret_access_key" : "access_key_id",
                          c->access_key_id ? "access_key_id" : "secret_access_key");
    if (c->session_token && !c->access_key_id)
        return dowel_fail(err, DOWEL_E_INVALID, "field \"access_key_id\" is required beside \"session_token\"");
    return 0;
}

static const dowel_table table = {"aws-credentials", sizeof(dowel_aws_credentials), fields, check};

const dowel_block_type dowel_aws_credentials_type = {
    .size = sizeof(dowel_block_type),
    .name = "aws-credentials",
    .doc = "Who calls Amazon's services. With no field: what Amazon's own tools would find.",
    .table = &table,
    .version = 1,
    .check = dowel_aws_check,
};

static const dowel_aws_credentials *data_of(dowel_block *block) {
    static const dowel_aws_credentials none;
    const dowel_aws_credentials *data = dowel_block_data_as(block, &dowel_aws_credentials_type);
    return data ? data : &none;
}

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *profile_name(const dowel_aws_credentials *c) {
    const char *name = c->profile ? c->profile : variable("AWS_PROFILE");
    return name ? name : "default";
}

static void drop(char *secret) {
    if (secret) OPENSSL_cleanse(secret, strlen(secret));
    free(secret);
}

void dowel_aws_keys_clear(dowel_aws_keys *keys) {
    drop(keys->access_key_id);
    drop(keys->secret_access_key);
    drop(keys->session_token);
    memset(keys, 0, sizeof *keys);
}

static int fill(dowel_aws_keys *keys, const char *id, const char *secret, const char *token, dowel_error *err) {
    keys->access_key_id = strdup(id);
    keys->secret_access_key = strdup(secret);
    keys->session_token = token && *token ? strdup(token) : NULL;
    if (keys->access_key_id && keys->secret_access_key && (!token || !*token || keys->session_token)) return 0;
    dowel_aws_keys_clear(keys);
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

/* 1: found. 0: this place has none. Negative: it has, but cannot be used. */
static int from_environment(dowel_aws_keys *keys, dowel_error *err) {
    const char *id = variable("AWS_ACCESS_KEY_ID"), *secret = variable("AWS_SECRET_ACCESS_KEY");
    if (!id && !secret) return 0;
    if (!id || !secret)
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "%s is set but %s is not",
                          id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                          id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    int rc = fill(keys, id, secret, variable("AWS_SESSION_TOKEN"), err);
    return rc ? rc : 1;
}

static int from_profile(const dowel_aws_credentials *c, dowel_aws_keys *keys, dowel_error *err) {
    dowel_aws_profiles *profiles;
    const char *name = profile_name(c);
    bool asked = c->profile || variable("AWS_PROFILE");
    int rc = dowel_aws_profiles_load(&profiles, err);
    if (rc) return rc;
    const char *id = dowel_aws_setting(profiles, DOWEL_AWS_PROFILE, name, "aws_access_key_id");
    const char *secret = dowel_aws_setting(profiles, DOWEL_AWS_PROFILE, name, "aws_secret_access_key");
    static const char *const elsewhere[] = {"role_arn", "sso_session", "sso_start_url", "credential_process",
                                            "web_identity_token_file"};
    if (id && secret) {
        rc = fill(keys, id, secret, dowel_aws_setting(profiles, DOWEL_AWS_PROFILE, name, "aws_session_token"), err);
        if (!rc) rc = 1;
    } else if (id || secret) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "profile \"%s\" has %s but not %s", name,
                        id ? "aws_access_key_id" : "aws_secret_access_key",
                        id ? "aws_secret_access_key" : "aws_access_key_id");
    } else if (!dowel_aws_section_exists(profiles, DOWEL_AWS_PROFILE, name) && asked) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                        "there is no profile \"%s\" in the shared credentials and config files", name);
    } else {
        for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0] && !rc; i++) {
            if (!dowel_aws_setting(profiles, DOWEL_AWS_PROFILE, name, elsewhere[i])) continue;
            rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "profile \"%s\" gets its keys by %s, which is not supported yet",
                            name, elsewhere[i]);
            dowel_error_hint(err,
                             "export keys with `aws configure export-credentials`, or use a profile with static keys");
        }
    }
    dowel_aws_profiles_free(profiles);
    return rc;
}

int dowel_aws_get_keys(dowel *d, dowel_block *credentials, bool again, dowel_aws_keys *keys, dowel_error *err) {
    (void)d, (void)again;
    const dowel_aws_credentials *c = data_of(credentials);
    memset(keys, 0, sizeof *keys);
    if (c->anonymous) {
        keys->anonymous = true;
        return 0;
    }
    if (c->access_key_id) return fill(keys, c->access_key_id, c->secret_access_key, c->session_token, err);
    int rc = c->profile ? 0 : from_environment(keys, err);
    if (!rc) rc = from_profile(c, keys, err);
    if (rc == 1) return 0;
    if (!rc) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                        "no AWS keys: not in the block, not in AWS_ACCESS_KEY_ID, not in profile \"%s\"",
                        profile_name(c));
        dowel_error_hint(
            err, "save an aws-credentials block, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    }
    return rc;
}
