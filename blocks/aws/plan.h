/* How a profile gets its keys: where the first ones are, and which roles are assumed with them. Decided without asking anyone. */
#ifndef DOWEL_AWS_PLAN_H
#define DOWEL_AWS_PLAN_H

#include "profile_internal.h"

#include <stdint.h>

#define DOWEL_AWS_ROLES 16

typedef enum dowel_aws_source {
    DOWEL_AWS_STATIC,
    DOWEL_AWS_WEB_IDENTITY,
    DOWEL_AWS_SSO,
    DOWEL_AWS_PROCESS,
    /* credential_source */
    DOWEL_AWS_ENVIRONMENT,
    DOWEL_AWS_CONTAINER,
    DOWEL_AWS_INSTANCE,
} dowel_aws_source;

typedef struct dowel_aws_role {
    const char *role_arn, *session_name, *external_id;
    int64_t duration;                     /* seconds; 0: as STS has it */
    const char *mfa_serial, *mfa_process; /* the device, and the program that says its code; NULL: none is asked for */
} dowel_aws_role;

typedef struct dowel_aws_sso {
    const char *session; /* NULL: as profiles were before sessions */
    const char *start_url, *region, *account_id, *role_name;
} dowel_aws_sso;

/* Everything is borrowed from the profiles. */
typedef struct dowel_aws_plan {
    dowel_aws_source source;
    const char *profile;                                                        /* that holds the source */
    const char *access_key_id, *secret_access_key, *session_token, *account_id; /* STATIC; account_id also PROCESS */
    dowel_aws_role web_identity;                                                /* WEB_IDENTITY */
    const char *web_identity_token_file;
    dowel_aws_sso sso;                     /* SSO */
    const char *command;                   /* PROCESS */
    dowel_aws_role roles[DOWEL_AWS_ROLES]; /* the last is assumed first */
    size_t role_count;
} dowel_aws_plan;

/* The error for a profile that is not there; `from` NULL, or the profile that names it. */
int dowel_aws_no_such_profile(const dowel_aws_profiles *profiles, const char *name, const char *from, dowel_error *err);

/* 1, or 0 where the profile says nothing of keys; a profile that is not there, or says nonsense, is an error. */
int dowel_aws_plan_profile(const dowel_aws_profiles *profiles, const char *profile, dowel_aws_plan *plan,
                           dowel_error *err);

#endif
