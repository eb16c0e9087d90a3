/* Settings of block, environment and profile; the region. */
#include "aws_settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const dowel_aws_credentials *dowel_aws_block_data(dowel_block *credentials) {
    static const dowel_aws_credentials none;
    const dowel_aws_credentials *data =
        credentials ? dowel_block_data_as(credentials, &dowel_aws_credentials_type) : NULL;
    return data ? data : &none;
}

const char *dowel_aws_block_region(const dowel_aws_credentials *block) {
    while (!block->region && block->source) block = dowel_aws_block_data(block->source);
    return block->region;
}

const char *dowel_aws_block_endpoint(const dowel_aws_credentials *block) {
    while (!block->endpoint && block->source) block = dowel_aws_block_data(block->source);
    return block->endpoint;
}

const char *dowel_aws_variable(const char *name) {
    const char *value = getenv(name);
    return value && value[strspn(value, " \t\r\n")] ? value : NULL;
}

const char *dowel_aws_named_profile(void) {
    const char *profile = dowel_aws_variable("AWS_PROFILE");
    return profile ? profile : dowel_aws_variable("AWS_DEFAULT_PROFILE");
}

int dowel_aws_settings_open(dowel_block *credentials, dowel_aws_settings *settings, dowel_error *err) {
    const dowel_aws_credentials *block = dowel_aws_block_data(credentials);
    const char *profile = block->profile ? block->profile : dowel_aws_named_profile();
    *settings = (dowel_aws_settings){block, NULL, profile ? profile : "default", profile != NULL};
    return dowel_aws_profiles_load(&settings->profiles, err);
}

void dowel_aws_settings_close(dowel_aws_settings *settings) {
    dowel_aws_profiles_free(settings->profiles);
    settings->profiles = NULL;
}

const char *dowel_aws_profile_setting(const dowel_aws_settings *settings, const char *name) {
    const char *value = dowel_aws_setting(settings->profiles, DOWEL_AWS_PROFILE, settings->profile, name);
    return value && *value ? value : NULL;
}

const char *dowel_aws_configured(const dowel_aws_settings *settings, const char *variable, const char *setting) {
    const char *value = variable ? dowel_aws_variable(variable) : NULL;
    return value || !setting ? value : dowel_aws_profile_setting(settings, setting);
}

int dowel_aws_switch(const dowel_aws_settings *settings, const char *variable, const char *setting, bool missing,
                     bool *on, dowel_error *err) {
    const char *value = dowel_aws_configured(settings, variable, setting);
    *on = value ? !strcasecmp(value, "true") : missing;
    if (!value || *on || !strcasecmp(value, "false")) return 0;
    if (variable && dowel_aws_variable(variable))
        return dowel_fail(err, DOWEL_E_INVALID, "%s is \"%.60s\": expected true or false", variable, value);
    return dowel_fail(err, DOWEL_E_INVALID, "profile \"%s\": %s is \"%.60s\": expected true or false",
                      settings->profile, setting, value);
}

int dowel_aws_check_region(const char *region, dowel_error *err) {
    size_t size = 0;
    while (isalnum((unsigned char)region[size]) || region[size] == '-') size++;
    if (size && size <= 63 && !region[size] && *region != '-') return 0;
    return dowel_fail(err, DOWEL_E_INVALID, "\"%.60s\" is no region", region);
}

int dowel_aws_find_region(const dowel_aws_settings *settings, const char *given, char **region, dowel_error *err) {
    const char *found = given ? given : dowel_aws_block_region(settings->block);
    if (!found) found = dowel_aws_variable("AWS_REGION");
    if (!found) found = dowel_aws_configured(settings, "AWS_DEFAULT_REGION", "region");
    *region = NULL;
    if (!found) return 0;
    int rc = dowel_aws_check_region(found, err);
    if (rc) return rc;
    *region = strdup(found);
    return *region ? 0 : dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

int dowel_aws_region(dowel *d, dowel_block *credentials, const char *given, const char *otherwise, char **region,
                     dowel_error *err) {
    (void)d;
    dowel_aws_settings settings;
    *region = NULL;
    int rc = dowel_aws_settings_open(credentials, &settings, err);
    if (rc) return rc;
    rc = dowel_aws_find_region(&settings, given, region, err);
    dowel_aws_settings_close(&settings);
    if (!rc && !*region && otherwise && !(*region = strdup(otherwise)))
        rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    if (rc || *region) return rc;
    rc = dowel_fail(err, DOWEL_E_INVALID, "no AWS region is set");
    dowel_error_hint(err, "give it in the block (region), or set AWS_REGION");
    return rc;
}
