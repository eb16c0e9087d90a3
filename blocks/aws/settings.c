/* Settings of block, environment and profile; the region. */
#include "settings.h"
#include "plan.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

const dowel_aws_credentials *dowel_aws_block_data(dowel_block *credentials) {
    static const dowel_aws_credentials none;
    const dowel_aws_credentials *data =
        credentials ? dowel_block_data_as(credentials, &dowel_aws_credentials_type) : NULL;
    return data ? data : &none;
}

/* The block's region, or that of the block that assumes its role. */
static const char *block_region(const dowel_aws_credentials *block) {
    while (!block->region && block->source) block = dowel_aws_block_data(block->source);
    return block->region;
}

const char *dowel_aws_block_endpoint(const dowel_aws_credentials *block) {
    while (!block->endpoint && block->source) block = dowel_aws_block_data(block->source);
    return block->endpoint;
}

/* ---- variables ---- */

struct dowel_aws_kept {
    struct dowel_aws_kept *next;
    char text[];
};

static const char *keep(struct dowel_aws_kept *kept, const char *text) {
    size_t size = strlen(text) + 1;
    struct dowel_aws_kept *one = malloc(sizeof *one + size);
    if (!one) return NULL;
    memcpy(one->text, text, size);
    one->next = kept->next;
    kept->next = one;
    return one->text;
}

static void drop(struct dowel_aws_kept *kept) {
    while (kept) {
        struct dowel_aws_kept *next = kept->next;
        OPENSSL_cleanse(kept->text, strlen(kept->text));
        free(kept);
        kept = next;
    }
}

const char *dowel_aws_variable(const dowel_aws_settings *settings, const char *name) {
    char *text = dowel_variable(name);
    const char *kept = text ? keep(settings->kept, text) : NULL;
    /* Without memory: as it is, and then it may be refused, but never taken as not set. */
    if (!kept) kept = text ? getenv(name) : NULL;
    dowel_wipe(text);
    return kept;
}

char *dowel_aws_named_profile(void) {
    char *profile = dowel_variable("AWS_PROFILE");
    return profile ? profile : dowel_variable("AWS_DEFAULT_PROFILE");
}

int dowel_aws_settings_open(dowel *d, dowel_block *credentials, dowel_aws_settings *settings, dowel_error *err) {
    const dowel_aws_credentials *block = dowel_aws_block_data(credentials);
    *settings = (dowel_aws_settings){.block = block, .kept = calloc(1, sizeof *settings->kept + 1)};
    if (!settings->kept) return dowel_no_memory(err);
    const char *profile = block->profile;
    if (!profile) profile = dowel_aws_variable(settings, "AWS_PROFILE");
    if (!profile) profile = dowel_aws_variable(settings, "AWS_DEFAULT_PROFILE");
    settings->profile = profile ? profile : "default";
    settings->selected = profile != NULL;
    int rc = dowel_aws_profiles_load(d, &settings->profiles, err);
    if (rc) dowel_aws_settings_close(settings);
    return rc;
}

void dowel_aws_settings_close(dowel_aws_settings *settings) {
    dowel_aws_profiles_release(settings->profiles);
    drop(settings->kept);
    settings->profiles = NULL;
    settings->kept = NULL;
}

/* An error when the selected profile is not there, or the files cannot be read well enough to tell. */
static int need_profile(const dowel_aws_settings *settings, dowel_error *err) {
    const dowel_error *problem = dowel_aws_profiles_problem(settings->profiles);
    if (problem && err) *err = *problem;
    if (problem) return problem->code;
    if (!settings->selected || dowel_aws_section_exists(settings->profiles, DOWEL_AWS_PROFILE, settings->profile))
        return 0;
    return dowel_aws_no_such_profile(settings->profiles, settings->profile, NULL, err);
}

const char *dowel_aws_profile_setting(const dowel_aws_settings *settings, const char *name) {
    const char *value = dowel_aws_setting(settings->profiles, DOWEL_AWS_PROFILE, settings->profile, name);
    return value && *value ? value : NULL;
}

const char *dowel_aws_configured(const dowel_aws_settings *settings, const char *variable, const char *setting) {
    const char *value = variable ? dowel_aws_variable(settings, variable) : NULL;
    return value || !setting ? value : dowel_aws_profile_setting(settings, setting);
}

int dowel_aws_switch(const dowel_aws_settings *settings, const char *variable, const char *setting, bool missing,
                     bool *on, dowel_error *err) {
    const char *value = dowel_aws_configured(settings, variable, setting);
    *on = value ? !dowel_casecmp(value, "true") : missing;
    if (!value || *on || !dowel_casecmp(value, "false")) return 0;
    if (variable && dowel_aws_variable(settings, variable))
        return dowel_fail(err, DOWEL_E_INVALID, "%s is \"%.60s\": expected true or false", variable, value);
    return dowel_fail(err, DOWEL_E_INVALID, "profile \"%s\": %s is \"%.60s\": expected true or false",
                      settings->profile, setting, value);
}

int dowel_aws_check_region(const char *region, dowel_error *err) {
    size_t size = 0;
    while (dowel_is_alnum((unsigned char)region[size]) || region[size] == '-') size++;
    if (size && size <= 63 && !region[size] && *region != '-') return 0;
    return dowel_fail(err, DOWEL_E_INVALID, "\"%.60s\" is not a region", region);
}

int dowel_aws_find_region(const dowel_aws_settings *settings, const char *given, char **region, dowel_error *err) {
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    const char *found = given ? given : block_region(settings->block), *from = NULL;
    for (size_t i = 0; !found && i < sizeof variables / sizeof variables[0]; i++) {
        found = dowel_aws_variable(settings, variables[i]);
        from = found ? variables[i] : NULL;
    }
    if (!found && (found = dowel_aws_profile_setting(settings, "region"))) from = "the profile's region";
    *region = NULL;
    if (!found) return 0;
    int rc = dowel_aws_check_region(found, err);
    if (rc && from) dowel_error_prefix(err, "%s: ", from);
    if (rc) return rc;
    *region = strdup(found);
    return *region ? 0 : dowel_no_memory(err);
}

int dowel_aws_region(dowel *d, dowel_block *credentials, const char *given, const char *otherwise, char **region,
                     dowel_error *err) {
    dowel_aws_settings settings;
    *region = NULL;
    int rc = dowel_aws_settings_open(d, credentials, &settings, err);
    if (rc) return rc;
    rc = dowel_aws_find_region(&settings, given, region, err);
    /* A profile that is not there says more than that no region is set. */
    if (!rc && !*region) rc = need_profile(&settings, err);
    dowel_aws_settings_close(&settings);
    if (!rc && !*region && otherwise && !(*region = strdup(otherwise))) rc = dowel_no_memory(err);
    if (rc || *region) return rc;
    rc = dowel_fail(err, DOWEL_E_INVALID, "no AWS region is set");
    dowel_error_hint(err, "give it in the block (region), or set AWS_REGION");
    return rc;
}
