/* Where Amazon's settings come from: the block, the environment, the selected profile, in this order. */
#ifndef DOWEL_AWS_SETTINGS_H
#define DOWEL_AWS_SETTINGS_H

#include "profile_internal.h"

#include <dowel/credentials.h>

typedef struct dowel_aws_settings {
    const dowel_aws_credentials *block; /* never NULL */
    dowel_aws_profiles *profiles;
    const char *profile;         /* which one is selected */
    bool selected;               /* by the block or by the environment: it has to be there */
    struct dowel_aws_kept *kept; /* variables without the white space around them */
} dowel_aws_settings;

/* Reads the shared files (dowel_aws_profiles_load): what they hold that cannot be read is no failure here. The block and the environment must
 * outlive it. */
int dowel_aws_settings_open(dowel *d, dowel_block *credentials, dowel_aws_settings *settings, dowel_error *err);
void dowel_aws_settings_close(dowel_aws_settings *settings);

/* A block's struct; one without a field for NULL. */
const dowel_aws_credentials *dowel_aws_block_data(dowel_block *credentials);
/* The block's own, or that of the block that assumes its role. */
const char *dowel_aws_block_endpoint(const dowel_aws_credentials *block);
/* A variable without the white space around it (a line break that a mounted secret or a CRLF file leaves); NULL when it is not set or blank. Borrowed
 * until the settings are closed. */
const char *dowel_aws_variable(const dowel_aws_settings *settings, const char *name);
/* The profile that the environment selects: AWS_PROFILE, else AWS_DEFAULT_PROFILE as older tools have it. Newly allocated; NULL: none. */
char *dowel_aws_named_profile(void);
/* A setting of the selected profile; NULL when there is none or it is empty. */
const char *dowel_aws_profile_setting(const dowel_aws_settings *settings, const char *name);
/* The variable, or else the setting of the selected profile. Either name may be NULL. */
const char *dowel_aws_configured(const dowel_aws_settings *settings, const char *variable, const char *setting);
/* The same for true and false, in any case; anything else is an error that names its place. `missing` when there is none. */
int dowel_aws_switch(const dowel_aws_settings *settings, const char *variable, const char *setting, bool missing,
                     bool *on, dowel_error *err);

/* How many attempts these settings want at most; 0: they do not say. What makes no sense is passed over, with a warning. */
int dowel_aws_find_attempts(dowel *d, const dowel_aws_settings *settings);
/* Whether it may become part of a host name. */
int dowel_aws_check_region(const char *region, dowel_error *err);
/* The region, newly allocated; *region NULL when none is set. */
int dowel_aws_find_region(const dowel_aws_settings *settings, const char *given, char **region, dowel_error *err);
/* As dowel_aws_service_url. */
int dowel_aws_find_url(const dowel_aws_settings *settings, const char *service, const char *region, const char *given,
                       char **url, bool *configured, dowel_error *err);
/* Where STS is asked and which region its requests are signed for. Both newly allocated. */
int dowel_aws_find_sts(const dowel_aws_settings *settings, char **url, char **region, dowel_error *err);

#endif
