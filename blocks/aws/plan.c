/* Follows a profile to where its keys come from (AWS SDKs and Tools Reference Guide, "Assume role credential provider"). */
#include "plan.h"

#include <dowel/fields.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *get(const dowel_aws_profiles *profiles, const char *profile, const char *name) {
    const char *value = dowel_aws_setting(profiles, DOWEL_AWS_PROFILE, profile, name);
    return value && *value ? value : NULL;
}

static int lacks(dowel_error *err, const char *profile, const char *has, const char *lacking) {
    return dowel_fail(err, DOWEL_E_CREDENTIALS, "profile \"%s\" has %s but not %s", profile, has, lacking);
}

#define SHOWN 8 /* names of profiles, at most */

int dowel_aws_no_such_profile(const dowel_aws_profiles *profiles, const char *name, const char *from,
                              dowel_error *err) {
    const char *names[64], *files = dowel_aws_profiles_files(profiles);
    size_t count = 0;
    while (count < 63 && (names[count] = dowel_aws_section_at(profiles, DOWEL_AWS_PROFILE, count))) count++;
    names[count] = NULL;
    const char *near = dowel_nearest(name, names);
    int rc =
        from
            ? dowel_fail(
                  err, DOWEL_E_CREDENTIALS,
                  "profile \"%s\" names source_profile \"%s\", which is not in the shared config and credentials files",
                  from, name)
            : dowel_fail(err, DOWEL_E_CREDENTIALS,
                         "there is no profile \"%s\" in the shared credentials and config files", name);
    if (err && *files) {
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, ": %s", files);
    }
    char listed[256] = "";
    for (size_t i = 0, used = 0; i < count && i <= SHOWN && used < sizeof listed; i++)
        used +=
            (size_t)snprintf(listed + used, sizeof listed - used, "%s%s", i ? ", " : "", i < SHOWN ? names[i] : "...");
    if (count == 0)
        dowel_error_hint(err,
                         "there are no profiles at all: see HOME, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE");
    else if (near)
        dowel_error_hint(err, "did you mean \"%s\"? There are: %s", near, listed);
    else
        dowel_error_hint(err, "there are: %s", listed);
    return rc;
}

/* 1: there. 0: none. Negative: half of them. */
static int plan_static(const dowel_aws_profiles *profiles, const char *profile, dowel_aws_plan *plan,
                       dowel_error *err) {
    plan->source = DOWEL_AWS_STATIC;
    plan->access_key_id = get(profiles, profile, "aws_access_key_id");
    plan->secret_access_key = get(profiles, profile, "aws_secret_access_key");
    plan->session_token = get(profiles, profile, "aws_security_token"); /* its older name, which comes first */
    if (!plan->session_token) plan->session_token = get(profiles, profile, "aws_session_token");
    plan->account_id = get(profiles, profile, "aws_account_id");
    if (!plan->access_key_id != !plan->secret_access_key)
        return plan->access_key_id ? lacks(err, profile, "aws_access_key_id", "aws_secret_access_key")
                                   : lacks(err, profile, "aws_secret_access_key", "aws_access_key_id");
    return plan->access_key_id ? 1 : 0;
}

static int read_role(const dowel_aws_profiles *profiles, const char *profile, dowel_aws_role *role, dowel_error *err) {
    *role = (dowel_aws_role){.role_arn = get(profiles, profile, "role_arn"),
                             .session_name = get(profiles, profile, "role_session_name"),
                             .external_id = get(profiles, profile, "external_id"),
                             .mfa_serial = get(profiles, profile, "mfa_serial"),
                             .mfa_process = get(profiles, profile, "mfa_process")};
    const char *duration = get(profiles, profile, "duration_seconds");
    if (duration) {
        char *end;
        role->duration = strtol(duration, &end, 10);
        if (*end || role->duration < 1)
            return dowel_fail(err, DOWEL_E_CREDENTIALS,
                              "profile \"%s\": duration_seconds is \"%.40s\": expected a number", profile, duration);
    }
    return 0;
}

/* A device's code is needed, and only a program can say it here. */
static int check_code(const char *profile, const dowel_aws_role *role, dowel_error *err) {
    if (!role->mfa_serial || role->mfa_process) return 0;
    int rc = dowel_fail(
        err, DOWEL_E_CREDENTIALS,
        "profile \"%s\" assumes its role with a code of the device %s (mfa_serial), and nobody is here to type it",
        profile, role->mfa_serial);
    dowel_error_hint(
        err,
        "set mfa_process in the profile to a command that prints the code, or get temporary keys with a code first: "
        "`aws configure export-credentials --profile %s`",
        profile);
    return rc;
}

static int plan_web_identity(const dowel_aws_profiles *profiles, const char *profile, dowel_aws_plan *plan,
                             dowel_error *err) {
    plan->web_identity_token_file = get(profiles, profile, "web_identity_token_file");
    if (!plan->web_identity_token_file) return 0;
    plan->source = DOWEL_AWS_WEB_IDENTITY;
    if (!get(profiles, profile, "role_arn")) return lacks(err, profile, "web_identity_token_file", "role_arn");
    int rc = read_role(profiles, profile, &plan->web_identity, err);
    return rc ? rc : 1;
}

/* A setting of the session, which the profile may repeat but not change. */
static int session_setting(const dowel_aws_profiles *profiles, const char *profile, const char *session,
                           const char *name, const char **value, dowel_error *err) {
    const char *own = get(profiles, profile, name);
    *value = dowel_aws_setting(profiles, DOWEL_AWS_SSO_SESSION, session, name);
    if (*value && !**value) *value = NULL;
    if (own && (!*value || strcmp(own, *value) != 0))
        return dowel_fail(err, DOWEL_E_CREDENTIALS,
                          "profile \"%s\" sets %s although it uses sso_session \"%s\": set it in [sso-session %s]",
                          profile, name, session, session);
    if (!*value)
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "[sso-session %s], which profile \"%s\" uses, has no %s", session,
                          profile, name);
    return 0;
}

static int plan_sso(const dowel_aws_profiles *profiles, const char *profile, dowel_aws_plan *plan, dowel_error *err) {
    dowel_aws_sso *sso = &plan->sso;
    *sso = (dowel_aws_sso){get(profiles, profile, "sso_session"), get(profiles, profile, "sso_start_url"),
                           get(profiles, profile, "sso_region"), get(profiles, profile, "sso_account_id"),
                           get(profiles, profile, "sso_role_name")};
    if (!sso->session && !sso->start_url && !sso->region && !sso->account_id && !sso->role_name) return 0;
    plan->source = DOWEL_AWS_SSO;
    if (sso->session) {
        if (!dowel_aws_section_exists(profiles, DOWEL_AWS_SSO_SESSION, sso->session))
            return dowel_fail(err, DOWEL_E_CREDENTIALS,
                              "profile \"%s\" names sso_session \"%s\", and there is no [sso-session %s]", profile,
                              sso->session, sso->session);
        int rc = session_setting(profiles, profile, sso->session, "sso_region", &sso->region, err);
        if (!rc) rc = session_setting(profiles, profile, sso->session, "sso_start_url", &sso->start_url, err);
        if (rc) return rc;
        if (!sso->account_id && !sso->role_name) {
            rc = dowel_fail(
                err, DOWEL_E_CREDENTIALS,
                "profile \"%s\" has an sso_session but neither sso_account_id nor sso_role_name: it provides "
                "a token but no keys",
                profile);
            dowel_error_hint(err, "`aws configure sso --profile %s` chooses account and role", profile);
            return rc;
        }
    }
    const struct {
        const char *value, *name;
    } needed[] = {{sso->start_url, "sso_start_url"},
                  {sso->region, "sso_region"},
                  {sso->account_id, "sso_account_id"},
                  {sso->role_name, "sso_role_name"}};
    const char *has = NULL;
    for (size_t i = 0; i < 4; i++)
        if (needed[i].value) has = needed[i].name;
    for (size_t i = 0; i < 4; i++)
        if (!needed[i].value) return lacks(err, profile, has, needed[i].name);
    return 1;
}

static int plan_process(const dowel_aws_profiles *profiles, const char *profile, dowel_aws_plan *plan) {
    plan->command = get(profiles, profile, "credential_process");
    if (!plan->command) return 0;
    plan->source = DOWEL_AWS_PROCESS;
    plan->account_id = get(profiles, profile, "aws_account_id");
    return 1;
}

static int plan_named(const char *profile, const char *name, dowel_aws_plan *plan, dowel_error *err) {
    static const struct {
        const char *name;
        dowel_aws_source source;
    } sources[] = {{"Environment", DOWEL_AWS_ENVIRONMENT},
                   {"EcsContainer", DOWEL_AWS_CONTAINER},
                   {"Ec2InstanceMetadata", DOWEL_AWS_INSTANCE}};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        if (dowel_casecmp(sources[i].name, name) != 0) continue;
        plan->source = sources[i].source;
        return 1;
    }
    return dowel_fail(
        err, DOWEL_E_CREDENTIALS,
        "profile \"%s\": credential_source is \"%.60s\": expected Environment, EcsContainer or Ec2InstanceMetadata",
        profile, name);
}

/* Where the first keys are. */
static int plan_source(const dowel_aws_profiles *profiles, const char *profile, dowel_aws_plan *plan,
                       dowel_error *err) {
    plan->profile = profile;
    const char *named = get(profiles, profile, "credential_source");
    if (named) return plan_named(profile, named, plan, err);
    int rc = plan_web_identity(profiles, profile, plan, err);
    if (!rc) rc = plan_sso(profiles, profile, plan, err);
    if (!rc) rc = plan_process(profiles, profile, plan);
    if (!rc) rc = plan_static(profiles, profile, plan, err);
    return rc;
}

/* Adds the profile's role and says whose keys assume it; *source NULL: the profile's own. */
static int add_role(const dowel_aws_profiles *profiles, const char *profile, dowel_aws_plan *plan, const char **source,
                    dowel_error *err) {
    const char *named = get(profiles, profile, "credential_source");
    *source = get(profiles, profile, "source_profile");
    if (*source && named)
        return dowel_fail(
            err, DOWEL_E_CREDENTIALS,
            "profile \"%s\" has both source_profile and credential_source: one of them says whose keys assume the role",
            profile);
    if (!*source && !named) return lacks(err, profile, "role_arn", "source_profile or credential_source");
    if (*source && !strcmp(*source, profile)) *source = NULL;
    if (plan->role_count == DOWEL_AWS_ROLES)
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "profile \"%s\": more than %d roles after one another", profile,
                          DOWEL_AWS_ROLES);
    dowel_aws_role *role = &plan->roles[plan->role_count++];
    int rc = read_role(profiles, profile, role, err);
    return rc ? rc : check_code(profile, role, err);
}

int dowel_aws_plan_profile(const dowel_aws_profiles *profiles, const char *profile, dowel_aws_plan *plan,
                           dowel_error *err) {
    const char *visited[DOWEL_AWS_ROLES + 1], *from = NULL, *at = profile;
    memset(plan, 0, sizeof *plan);
    for (size_t n = 0;; n++) {
        if (!dowel_aws_section_exists(profiles, DOWEL_AWS_PROFILE, at))
            return dowel_aws_no_such_profile(profiles, at, from, err);
        for (size_t i = 0; i < n; i++)
            if (!strcmp(visited[i], at))
                return dowel_fail(err, DOWEL_E_CREDENTIALS, "source_profile forms a cycle: from \"%s\" back to \"%s\"",
                                  from, at);
        visited[n] = at;
        /* Keys of a profile that others refer to win over its role. */
        plan->profile = at;
        if (n && plan_static(profiles, at, plan, NULL) == 1) return 1;
        const char *next = NULL;
        bool has_role = get(profiles, at, "role_arn") && !get(profiles, at, "web_identity_token_file");
        int rc = has_role ? add_role(profiles, at, plan, &next, err) : 0;
        if (rc) return rc;
        if (!next) {
            rc = plan_source(profiles, at, plan, err);
            if (rc || (!n && !has_role)) return rc;
            return dowel_fail(err, DOWEL_E_CREDENTIALS,
                              "profile \"%s\" assumes a role with keys of profile \"%s\", which has none", profile, at);
        }
        from = at;
        at = next;
    }
}
