/* An AWS profile as a block of aws-credentials. */
#include "aws_profile.h"
#include "import.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *setting, *field;
} taken[] = {{"aws_access_key_id", "access_key_id"},
             {"aws_secret_access_key", "secret_access_key"},
             {"aws_session_token", "session_token"},
             {"region", "region"},
             {"endpoint_url", "endpoint"}};
#define TAKEN (sizeof taken / sizeof taken[0])

static int unknown(dowel_importing *in, const dowel_aws_profiles *profiles, const char *profile) {
    const char *names[64] = {NULL};
    for (size_t i = 0; i < 63 && (names[i] = dowel_aws_section_at(profiles, DOWEL_AWS_PROFILE, i)); i++) continue;
    const char *near = dowel_nearest(profile, names);
    dowel_fail(in->err, DOWEL_E_NOT_FOUND, "there is no AWS profile \"%.100s\"%s%s%s", profile,
               near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    char path[DOWEL_AWS_PATH_SIZE];
    if (dowel_aws_profiles_path(false, path)) dowel_error_hint(in->err, "profiles are looked for in %.300s", path);
    return DOWEL_E_NOT_FOUND;
}

int dowel_import_aws(dowel_importing *in, const dowel_aws_profiles *profiles, const char *profile) {
    if (!dowel_aws_section_exists(profiles, DOWEL_AWS_PROFILE, profile)) return unknown(in, profiles, profile);
#define SETTING(name) dowel_aws_setting(profiles, DOWEL_AWS_PROFILE, profile, name)
    const char *id = SETTING("aws_access_key_id"), *secret = SETTING("aws_secret_access_key");
    /* What Amazon's own tools look at before keys, and after them. */
    const char *fetched = SETTING("role_arn")                               ? "a role"
                          : SETTING("sso_session")                          ? "single sign-on"
                          : SETTING("sso_start_url")                        ? "single sign-on"
                          : !id && !secret && SETTING("credential_process") ? "a program"
                                                                            : NULL;
    if (!fetched && !id != !secret)
        return dowel_fail(in->err, DOWEL_E_CREDENTIALS, "AWS profile \"%.100s\" has %s without %s", profile,
                          id ? "aws_access_key_id" : "aws_secret_access_key",
                          id ? "aws_secret_access_key" : "aws_access_key_id");
    if (!fetched && !id)
        return dowel_fail(in->err, DOWEL_E_CREDENTIALS, "AWS profile \"%.100s\" holds no credentials", profile);
    json_t *document = json_object(), *left = json_array();
    if (fetched) {
        dowel_import_set(document, "profile", profile);
        dowel_import_set(document, "region", SETTING("region"));
        dowel_import_warn(
            in, "AWS profile \"%.100s\" gets its keys from %s: the block refers to the profile, which has to stay",
            profile, fetched);
    } else {
        for (size_t i = 0; i < TAKEN; i++) dowel_import_set(document, taken[i].field, SETTING(taken[i].setting));
        const char *name;
        for (size_t n = 0; (name = dowel_aws_setting_at(profiles, DOWEL_AWS_PROFILE, profile, n)); n++) {
            bool known = false;
            for (size_t i = 0; i < TAKEN; i++) known = known || !strcmp(taken[i].setting, name);
            if (!known) json_array_append_new(left, json_string(name));
        }
    }
#undef SETTING
    dowel_import_left_out(in, "AWS profile", left);
    return dowel_import_add(in, "aws-credentials", in->name ? in->name : profile, document, NULL);
}
