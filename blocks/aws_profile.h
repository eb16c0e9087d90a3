/* The shared credentials and config files (AWS SDKs and Tools Reference Guide, "Shared config and credentials files"). */
#ifndef DOWEL_AWS_PROFILE_H
#define DOWEL_AWS_PROFILE_H

#include <dowel/error.h>

typedef struct dowel_aws_profiles dowel_aws_profiles;

/* Reads the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, else those in ~/.aws. Absent files are empty. */
int dowel_aws_profiles_load(dowel_aws_profiles **profiles, dowel_error *err);
void dowel_aws_profiles_free(dowel_aws_profiles *profiles);

/* Adds the text of one file; `credentials`: section names are profile names as they are. */
int dowel_aws_profiles_parse(dowel_aws_profiles *profiles, const char *text, size_t size, bool credentials,
                             const char *origin, dowel_error *err);
dowel_aws_profiles *dowel_aws_profiles_new(void);

bool dowel_aws_profile_exists(const dowel_aws_profiles *profiles, const char *profile);
/* The setting, or NULL; the credentials file wins. Borrowed. Sub-properties are "parent.name". */
const char *dowel_aws_profile_get(const dowel_aws_profiles *profiles, const char *profile, const char *setting);

#endif
