/* Any bytes as the shared config and credentials files. What was read must be found again by its name. */
#include "profile_internal.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dowel_error err;
    dowel_aws_profiles *profiles = dowel_aws_profiles_new();
    if (!profiles) return 0;
    size_t cut = size ? data[0] * size / 256 : 0; /* the first part is the config file */
    if (!dowel_aws_profiles_parse(profiles, (const char *)data, cut, false, "config", &err))
        (void)dowel_aws_profiles_parse(profiles, (const char *)data + cut, size - cut, true, "credentials", &err);
    for (int kind = DOWEL_AWS_PROFILE; kind <= DOWEL_AWS_SERVICES; kind++) {
        const char *section, *name;
        for (size_t i = 0; (section = dowel_aws_section_at(profiles, (dowel_aws_section)kind, i)); i++) {
            if (!dowel_aws_section_exists(profiles, (dowel_aws_section)kind, section)) abort();
            for (size_t j = 0; (name = dowel_aws_setting_at(profiles, (dowel_aws_section)kind, section, j)); j++) {
                const char *value = dowel_aws_setting(profiles, (dowel_aws_section)kind, section, name);
                if (!value) abort();
                free(dowel_aws_sub_setting(value, "endpoint_url"));
            }
        }
    }
    dowel_aws_profiles_free(profiles);
    return 0;
}
