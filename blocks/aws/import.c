/* The import source "aws-profile": a profile as a block of aws-credentials, and each profile that it assumes its role with as another one. */
#include "aws.h"
#include "import_internal.h"
#include "profile_internal.h"

#include <stdlib.h>
#include <string.h>

#define DEEPEST 8 /* roles assumed by roles */

typedef struct taken {
    const char *setting, *field;
} taken;

static const taken of_keys[] = {{"aws_access_key_id", "access_key_id"},
                                {"aws_secret_access_key", "secret_access_key"},
                                {"aws_session_token", "session_token"},
                                {"aws_security_token", "session_token"},
                                {"region", "region"},
                                {"endpoint_url", "endpoint"},
                                {NULL, NULL}};
/* `field` NULL: taken in another way. */
static const taken of_a_role[] = {{"role_arn", "role_arn"},
                                  {"role_session_name", "role_session_name"},
                                  {"external_id", "external_id"},
                                  {"web_identity_token_file", "web_identity_token_file"},
                                  {"region", "region"},
                                  {"endpoint_url", "endpoint"},
                                  {"duration_seconds", NULL},
                                  {"source_profile", NULL},
                                  {NULL, NULL}};
static const taken of_both[] = {{"aws_access_key_id", NULL},
                                {"aws_secret_access_key", NULL},
                                {"aws_session_token", NULL},
                                {"aws_security_token", NULL},
                                {NULL, NULL}};

static const char *setting(const dowel_aws_profiles *profiles, const char *profile, const char *name) {
    return dowel_aws_setting(profiles, DOWEL_AWS_PROFILE, profile, name);
}

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

/* Where the keys come from when a block cannot say it by itself, in the order that Amazon's tools look; NULL: it can. */
static const char *elsewhere(const dowel_aws_profiles *profiles, const char *profile) {
    bool role = setting(profiles, profile, "role_arn");
    if (role && setting(profiles, profile, "mfa_serial")) return "a role that asks for the code of a device";
    if (role && (setting(profiles, profile, "source_profile") || setting(profiles, profile, "web_identity_token_file")))
        return NULL;
    if (role) return "a role that this machine assumes";
    if (setting(profiles, profile, "sso_session") || setting(profiles, profile, "sso_start_url"))
        return "single sign-on";
    bool keys = setting(profiles, profile, "aws_access_key_id") || setting(profiles, profile, "aws_secret_access_key");
    return !keys && setting(profiles, profile, "credential_process") ? "a program" : NULL;
}

static void take(dowel_importing *in, const dowel_aws_profiles *profiles, const char *profile, const taken *list,
                 json_t *document) {
    for (; list->setting; list++)
        if (list->field) dowel_import_set(in, document, list->field, setting(profiles, profile, list->setting));
}

static bool is_in(const taken *list, const char *name) {
    while (list->setting && strcmp(list->setting, name) != 0) list++;
    return list->setting != NULL;
}

/* Amazon's tools have one order in which they look: a setting left out here is none that they would use to call. */
static void leave_out(dowel_importing *in, const dowel_aws_profiles *profiles, const char *profile, const taken *list,
                      const taken *more) {
    json_t *left = json_array();
    const char *name;
    for (size_t n = 0; (name = dowel_aws_setting_at(profiles, DOWEL_AWS_PROFILE, profile, n)); n++)
        if (!is_in(list, name) && !(more && is_in(more, name)))
            in->no_memory |= json_array_append_new(left, dowel_json_text(name)) != 0;
    json_t *what = json_sprintf("AWS profile \"%.100s\"", profile);
    (void)dowel_import_left_out(in, json_string_value(what), left);
    json_decref(what);
}

static int take_keys(dowel_importing *in, const dowel_aws_profiles *profiles, const char *profile, json_t *document) {
    const char *id = setting(profiles, profile, "aws_access_key_id"),
               *secret = setting(profiles, profile, "aws_secret_access_key");
    if (!id && !secret)
        return dowel_fail(in->err, DOWEL_E_CREDENTIALS, "AWS profile \"%.100s\" holds no credentials", profile);
    if (!id || !secret)
        return dowel_fail(in->err, DOWEL_E_CREDENTIALS, "AWS profile \"%.100s\" has %s without %s", profile,
                          id ? "aws_access_key_id" : "aws_secret_access_key",
                          id ? "aws_secret_access_key" : "aws_access_key_id");
    take(in, profiles, profile, of_keys, document);
    return 0;
}

static int convert(dowel_importing *in, const dowel_aws_profiles *profiles, const char *profile, const char *name,
                   int depth, char reference[DOWEL_IMPORT_REFERENCE_SIZE]);

static int take_role(dowel_importing *in, const dowel_aws_profiles *profiles, const char *profile, int depth,
                     json_t *document) {
    char source[DOWEL_IMPORT_REFERENCE_SIZE];
    const char *from = setting(profiles, profile, "source_profile"),
               *duration = setting(profiles, profile, "duration_seconds");
    int rc = 0;
    bool itself = from && !strcmp(from, profile);
    if (itself) {
        rc = take_keys(in, profiles, profile, document);
    } else if (from) {
        rc = convert(in, profiles, from, from, depth + 1, source);
        if (!rc) dowel_import_put(in, document, "source", dowel_import_reference(source));
    }
    if (rc) return rc;
    take(in, profiles, profile, of_a_role, document);
    if (from) json_object_del(document, "web_identity_token_file");
    if (duration) dowel_import_put(in, document, "role_duration", json_integer(strtoll(duration, NULL, 10)));
    leave_out(in, profiles, profile, of_a_role, itself ? of_both : NULL);
    return 0;
}

static int convert(dowel_importing *in, const dowel_aws_profiles *profiles, const char *profile, const char *name,
                   int depth, char reference[DOWEL_IMPORT_REFERENCE_SIZE]) {
    if (!dowel_aws_section_exists(profiles, DOWEL_AWS_PROFILE, profile)) return unknown(in, profiles, profile);
    if (depth > DEEPEST)
        return dowel_fail(in->err, DOWEL_E_CREDENTIALS, "AWS profile \"%.100s\": its source_profile forms a cycle",
                          profile);
    const char *where = elsewhere(profiles, profile);
    json_t *document = json_object();
    int rc = 0;
    if (where) {
        dowel_import_set(in, document, "profile", profile);
        dowel_import_set(in, document, "region", setting(profiles, profile, "region"));
        dowel_import_warn(
            in, "AWS profile \"%.100s\" gets its keys from %s: the block refers to the profile, so keep the profile",
            profile, where);
    } else if (setting(profiles, profile, "role_arn")) {
        rc = take_role(in, profiles, profile, depth, document);
    } else {
        rc = take_keys(in, profiles, profile, document);
        if (!rc) leave_out(in, profiles, profile, of_keys, NULL);
    }
    if (rc) {
        json_decref(document);
        return rc;
    }
    return dowel_import_add(in, "aws-credentials", name, document, reference);
}

static int read_profile(dowel *d, const dowel_import_request *request, dowel_importing *in, dowel_error *err) {
    (void)d; /* the files are read without it: each problem is an error here, not a warning in the log */
    const char *profile = request->which ? request->which : "default";
    dowel_aws_profiles *profiles = NULL;
    int rc = dowel_aws_profiles_load(NULL, &profiles, err);
    const dowel_error *problem = rc ? NULL : dowel_aws_profiles_problem(profiles);
    if (problem) { /* the unreadable line or file may be the profile that is wanted */
        rc = problem->code;
        if (err) *err = *problem;
    }
    if (!rc) rc = convert(in, profiles, profile, in->name ? in->name : profile, 0, NULL);
    dowel_aws_profiles_release(profiles);
    return rc;
}

const dowel_import_source dowel_aws_profile_import = {
    .size = sizeof(dowel_import_source),
    .name = "aws-profile",
    .value = "PROFILE",
    .doc = "a profile of the AWS CLI",
    .input = DOWEL_IMPORT_NAMED,
    .read = read_profile,
};
