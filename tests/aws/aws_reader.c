/* Says in JSON what the shared files of profiles hold, for a test that compares it with botocore's reading: {"profiles", "sso_sessions", "services",
 * "problem" (null, or the first line that cannot be read)}. */
#include "profile_internal.h"

#include <dowel/dowel.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *sections(const dowel_aws_profiles *profiles, dowel_aws_section kind) {
    json_t *all = json_object();
    const char *section, *name;
    for (size_t i = 0; (section = dowel_aws_section_at(profiles, kind, i)); i++) {
        json_t *settings = json_object();
        for (size_t j = 0; (name = dowel_aws_setting_at(profiles, kind, section, j)); j++)
            json_object_set_new(settings, name, json_string(dowel_aws_setting(profiles, kind, section, name)));
        json_object_set_new(all, section, settings);
    }
    return all;
}

int main(void) {
    dowel_aws_profiles *profiles;
    dowel_error err;
    if (dowel_aws_profiles_load(NULL, &profiles, &err)) return dowel_error_print(&err);
    const dowel_error *problem = dowel_aws_profiles_problem(profiles);
    json_t *said = json_pack("{s:o,s:o,s:o,s:s?}", "profiles", sections(profiles, DOWEL_AWS_PROFILE), "sso_sessions",
                             sections(profiles, DOWEL_AWS_SSO_SESSION), "services",
                             sections(profiles, DOWEL_AWS_SERVICES), "problem", problem ? problem->message : NULL);
    int rc = json_dumpf(said, stdout, JSON_COMPACT);
    json_decref(said);
    dowel_aws_profiles_release(profiles);
    return rc ? 1 : 0;
}
