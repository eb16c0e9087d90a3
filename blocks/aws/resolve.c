/* Where keys come from: what the block says, or every place that Amazon's SDKs look at, in their order. */
#include "aws.h"
#include <dowel/renewed.h>

#include <dowel/stream.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The keys that a profile's roles are assumed with, or that it just has. */
static int from_source(dowel *d, const dowel_aws_settings *settings, const dowel_aws_plan *plan, dowel_aws_keys *keys,
                       dowel_error *err) {
    static const char *const lacking[] = {[DOWEL_AWS_ENVIRONMENT] = "Environment, and AWS_ACCESS_KEY_ID is not set",
                                          [DOWEL_AWS_CONTAINER] = "EcsContainer, and this container provides no keys",
                                          [DOWEL_AWS_INSTANCE] =
                                              "Ec2InstanceMetadata, and no role is attached, or it is disabled"};
    int rc = 0;
    switch (plan->source) {
    case DOWEL_AWS_STATIC:
        rc = dowel_aws_keys_set(keys, plan->access_key_id, plan->secret_access_key, plan->session_token,
                                plan->account_id, 0, err);
        return rc ? rc : dowel_aws_keys_origin(keys, err, "profile \"%s\"", plan->profile);
    case DOWEL_AWS_WEB_IDENTITY:
        return dowel_aws_assume_role(d, settings, &plan->web_identity, NULL, plan->web_identity_token_file, keys, err);
    case DOWEL_AWS_SSO: return dowel_aws_from_sso(d, settings, plan, keys, err);
    case DOWEL_AWS_PROCESS: return dowel_aws_from_process(d, plan, keys, err);
    case DOWEL_AWS_ENVIRONMENT: rc = dowel_aws_from_environment(keys, err); break;
    case DOWEL_AWS_CONTAINER: rc = dowel_aws_from_container(d, settings, keys, err); break;
    case DOWEL_AWS_INSTANCE: rc = dowel_aws_from_instance(d, settings, true, keys, err); break;
    }
    if (rc == 0)
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "profile \"%s\" has credential_source = %s", plan->profile,
                          lacking[plan->source]);
    return rc == 1 ? 0 : rc;
}

/* 1 found, 0 where the profile says nothing of keys. */
static int from_profile(dowel *d, const dowel_aws_settings *settings, dowel_aws_keys *keys, dowel_error *err) {
    dowel_aws_plan plan;
    const dowel_error *problem = dowel_aws_profiles_problem(settings->profiles);
    if (problem && err) *err = *problem;
    if (problem) return problem->code; /* what could not be read may be what counts */
    if (!settings->selected && !dowel_aws_section_exists(settings->profiles, DOWEL_AWS_PROFILE, settings->profile))
        return 0;
    int rc = dowel_aws_plan_profile(settings->profiles, settings->profile, &plan, err);
    if (rc != 1) return rc;
    rc = from_source(d, settings, &plan, keys, err);
    for (size_t i = plan.role_count; i > 0 && !rc; i--) {
        dowel_aws_keys by = *keys;
        memset(keys, 0, sizeof *keys);
        rc = dowel_aws_assume_role(d, settings, &plan.roles[i - 1], &by, NULL, keys, err);
        dowel_aws_keys_clear(&by);
    }
    return rc ? rc : 1;
}

static int from_web_identity(dowel *d, const dowel_aws_settings *settings, dowel_aws_keys *keys, dowel_error *err) {
    const char *file = dowel_aws_variable(settings, "AWS_WEB_IDENTITY_TOKEN_FILE");
    const dowel_aws_role role = {.role_arn = dowel_aws_variable(settings, "AWS_ROLE_ARN"),
                                 .session_name = dowel_aws_variable(settings, "AWS_ROLE_SESSION_NAME")};
    if (!file) return 0;
    if (!role.role_arn)
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");
    int rc = dowel_aws_assume_role(d, settings, &role, NULL, file, keys, err);
    return rc ? rc : 1;
}

static int from_fields(const dowel_aws_credentials *block, dowel_aws_keys *keys, dowel_error *err) {
    int rc =
        dowel_aws_keys_set(keys, block->access_key_id, block->secret_access_key, block->session_token, NULL, 0, err);
    return rc ? rc : dowel_aws_keys_origin(keys, err, "fields of the block");
}

/* The keys of the block without its role. */
static int from_places(dowel *d, const dowel_aws_settings *settings, dowel_aws_keys *keys, dowel_error *err) {
    const dowel_aws_credentials *block = settings->block;
    if (block->access_key_id) return from_fields(block, keys, err);
    int rc = block->profile ? 0 : dowel_aws_from_environment(keys, err);
    if (!rc) rc = from_profile(d, settings, keys, err);
    if (!rc && block->profile) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "profile \"%s\" has no keys, and no setting says where to get them",
                        block->profile);
        dowel_error_hint(err,
                         "in the credentials file the keys stand below [%s], in the config file below [profile %s]",
                         block->profile, block->profile);
        return rc;
    }
    if (!rc) rc = from_web_identity(d, settings, keys, err);
    if (!rc) rc = dowel_aws_from_container(d, settings, keys, err);
    dowel_error why = {0};
    if (!rc) {
        rc = dowel_aws_from_instance(d, settings, false, keys, &why);
        if (rc < 0 && err) *err = why;
    }
    if (rc) return rc == 1 ? 0 : rc;
    rc = dowel_fail(
        err, DOWEL_E_CREDENTIALS,
        "no AWS keys: not in the block, not in AWS_ACCESS_KEY_ID, not in profile \"%s\", no web identity, no "
        "container, no instance metadata%s%s%s",
        settings->profile, *why.message ? " (" : "", why.message, *why.message ? ")" : "");
    dowel_error_hint(
        err, "%s",
        *why.hint ? why.hint
                  : "save keys with `dowel block save aws-credentials/NAME` and name them (--credentials NAME, also of "
                    "a bucket), or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    return rc;
}

/* Resolves the block's keys, or the keys that Amazon's SDKs would find. Does not cache: dowel_aws_get_keys does. */
static int resolve(dowel *d, dowel_block *credentials, bool again, dowel_aws_keys *keys, dowel_error *err) {
    dowel_aws_settings settings;
    memset(keys, 0, sizeof *keys);
    int rc = dowel_aws_settings_open(d, credentials, &settings, err);
    if (rc) return rc;
    const dowel_aws_credentials *block = settings.block;
    const dowel_aws_role role = {block->role_arn, block->role_session_name, block->external_id,
                                 (int64_t)block->role_duration};
    if (!block->role_arn) {
        rc = from_places(d, &settings, keys, err);
    } else if (block->web_identity_token_file) {
        rc = dowel_aws_assume_role(d, &settings, &role, NULL, block->web_identity_token_file, keys, err);
    } else {
        dowel_aws_keys by = {0};
        rc =
            block->source ? dowel_aws_get_keys(d, block->source, again, &by, err) : from_places(d, &settings, &by, err);
        if (!rc) rc = dowel_aws_assume_role(d, &settings, &role, &by, NULL, keys, err);
        dowel_aws_keys_clear(&by);
    }
    dowel_aws_settings_close(&settings);
    return rc;
}

/* ---- the cache ---- */

static int fetch(dowel *d, const dowel_renewal *renewal, void **value, int64_t *expires, dowel_error *err) {
    dowel_aws_keys *keys = calloc(1, sizeof *keys);
    if (!keys) return dowel_no_memory(err);
    int rc = resolve(d, renewal->context, renewal->again, keys, err);
    if (rc) {
        free(keys);
        return rc;
    }
    dowel_log(d, DOWEL_LOG_DEBUG, "AWS keys of %s", keys->origin);
    *value = keys;
    *expires = keys->expires;
    return 0;
}

static void end_keys(void *value) {
    dowel_aws_keys_clear(value);
    free(value);
}

static void *copy_keys(const void *value) {
    dowel_aws_keys *copy = calloc(1, sizeof *copy);
    if (!copy || !dowel_aws_keys_copy(value, copy, NULL)) return copy;
    free(copy);
    return NULL;
}

static bool are_keys(const void *value, const char *refused) {
    const dowel_aws_keys *keys = value;
    return !strcmp(keys->session_token ? keys->session_token : keys->access_key_id, refused);
}

static void *make_cache(dowel *d) {
    (void)d;
    static const dowel_renewed_type type = {.name = "AWS keys",
                                            .early = (int64_t)300 * 1000000,
                                            .quarter = true,
                                            .fetch = fetch,
                                            .copy = copy_keys,
                                            .end = end_keys,
                                            .is = are_keys};
    return dowel_renewed_new(&type);
}

/* What decides whose keys they are, and who is asked for them. */
static void mix(dowel_digest *digest, dowel_block *credentials) {
    const dowel_aws_credentials *c = dowel_aws_block_data(credentials);
    char *named = c->profile ? NULL : dowel_aws_named_profile();
    const char *const texts[] = {c->access_key_id,
                                 c->secret_access_key,
                                 c->session_token,
                                 c->profile,
                                 c->region,
                                 c->endpoint,
                                 c->role_arn,
                                 c->role_session_name,
                                 c->external_id,
                                 c->web_identity_token_file,
                                 named,
                                 c->source ? "source" : NULL};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        dowel_digest_update(digest, texts[i] ? texts[i] : "\xff", texts[i] ? strlen(texts[i]) + 1 : 1);
    dowel_digest_update(digest, &c->role_duration, sizeof c->role_duration);
    free(named);
    if (c->source) mix(digest, c->source);
}

int dowel_aws_keys_after(dowel *d, dowel_block *credentials, const char *refused, bool again, dowel_aws_keys *keys,
                         dowel_error *err) {
    static const char key;
    const dowel_aws_credentials *block = dowel_aws_block_data(credentials);
    memset(keys, 0, sizeof *keys);
    int rc = 0;
    if (block->anonymous) {
        keys->anonymous = true;
        return 0;
    }
    /* What is at hand need not be kept; and so the environment is followed. */
    if (!block->role_arn && block->access_key_id) return from_fields(block, keys, err);
    if (!block->role_arn && !block->profile) {
        rc = dowel_aws_from_environment(keys, err);
        if (rc) return rc == 1 ? 0 : rc;
    }
    dowel_renewed *cache = dowel_attach(d, &key, make_cache, dowel_renewed_end);
    dowel_digest *digest = cache ? dowel_digest_new(DOWEL_SHA256) : NULL;
    if (!digest) return dowel_no_memory(err);
    unsigned char whose[DOWEL_DIGEST_MAX];
    mix(digest, credentials);
    dowel_digest_end(digest, whose);
    dowel_digest_free(digest);
    void *found = NULL;
    rc = dowel_renewed_get(d, cache, whose, credentials, refused, again, &found, err);
    if (rc) {
        if (credentials) dowel_error_prefix(err, "block %s: ", dowel_block_reference(credentials));
        return rc;
    }
    *keys = *(dowel_aws_keys *)found;
    free(found);
    return 0;
}

int dowel_aws_get_keys(dowel *d, dowel_block *credentials, bool again, dowel_aws_keys *keys, dowel_error *err) {
    return dowel_aws_keys_after(d, credentials, NULL, again, keys, err);
}
