/* The Security Token Service: roles that are assumed with keys or with a token, and who one is (AWS STS API reference). */
#include "aws.h"

#include <dowel/stream.h>
#include <dowel/xml.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void explain(const dowel_http_response *response, dowel_error *err) {
    dowel_bytes body = dowel_http_response_body(response);
    dowel_xml *root;
    if (!body.size || dowel_xml_parse(body.data, body.size, &root, NULL)) return;
    const dowel_xml *several = dowel_xml_child(root, "Errors"),
                    *error = dowel_xml_child(several ? several : root, "Error");
    const char *code = dowel_xml_child_text(error, "Code"), *message = dowel_xml_child_text(error, "Message");
    if (code) {
        snprintf(err->reason, sizeof err->reason, "%s", code);
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, " %s%s%s", code, message ? ": " : "",
                 message ? message : "");
        static const struct {
            const char *code, *hint;
        } hints[] = {
            {"AccessDenied",
             "the role's trust policy must allow the caller, and the caller needs sts:AssumeRole on the role"},
            {"ExpiredTokenException", "the token has expired: get a new one"},
            {"InvalidIdentityToken", "the role's trust policy and its identity provider must know the token's issuer"},
            {"RegionDisabledException", "activate STS in the region, or choose another one"},
            {"ValidationError", "check role_arn, role_session_name, external_id and duration"},
        };
        dowel_error_hint(
            err, "the access key id or the secret access key is wrong, or the keys have expired or were deleted");
        for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
            if (!strcmp(hints[i].code, code)) dowel_error_hint(err, "%s", hints[i].hint);
    }
    dowel_xml_free(root);
}

/* Keys that belong to no block. */
typedef struct by_keys {
    const dowel_aws_keys *keys;
    const char *region;
    const dowel_aws_settings *settings;
} by_keys;

static int authorize_with_keys(dowel *d, dowel_http_request *request, void *context, bool again, dowel_error *err) {
    (void)again;
    const by_keys *by = context;
    dowel_aws_trust(request, by->settings);
    return by->keys ? dowel_aws_sign(d, request, by->keys, by->region, "sts", err) : 0;
}

static int attempts(dowel *d, void *context) {
    const by_keys *by = context;
    return dowel_aws_find_attempts(d, by->settings);
}

static bool reauthorize(dowel *d, const dowel_http_request *request, const dowel_http_response *response,
                        const dowel_error *err, void *context, bool *again) {
    /* Only the clock is ours to correct: whose keys they are decides who renews them. */
    (void)context;
    const dowel_aws_signing nobody = {NULL, NULL, NULL};
    return dowel_aws_reauthorize(d, request, response, err, (void *)&nobody, again) && !*again;
}

static const dowel_retry_rule retry[] = {{400, "Throttling", true}, {400, "IDPCommunicationError", true},
                                         {429, NULL, true},         {500, NULL, true},
                                         {502, NULL, true},         {503, NULL, true},
                                         {504, NULL, true},         {0}};
static const dowel_http_service with_keys = {.name = "STS",
                                             .names = &dowel_aws_names,
                                             .retry = retry,
                                             .backoff = 0.2,
                                             .authorize = authorize_with_keys,
                                             .reauthorize = reauthorize,
                                             .attempts = attempts,
                                             .explain = explain};
static const dowel_http_service with_block = {.name = "STS",
                                              .names = &dowel_aws_names,
                                              .retry = retry,
                                              .backoff = 0.2,
                                              .authorize = dowel_aws_authorize,
                                              .reauthorize = dowel_aws_reauthorize,
                                              .attempts = dowel_aws_attempts,
                                              .explain = explain};

/* A value that is NULL leaves the parameter out. */
static void add(dowel_text *form, const char *name, const char *value) {
    if (value) dowel_text_add_pair(form, name, value);
}

/* Sends the form, which is empty afterwards, and finds the element `result` of the answer. The caller frees *root. */
static int ask(dowel *d, const dowel_http_service *service, void *context, const char *url, dowel_text *form,
               const char *result, dowel_xml **root, const dowel_xml **found, dowel_error *err) {
    *root = NULL;
    size_t size = form->size;
    char *text = dowel_text_take(form, err);
    if (!text) return DOWEL_E_NO_MEMORY;
    dowel_http_request *r = dowel_http_new(service, context, "POST", url);
    dowel_http_header(r, "Content-Type", "application/x-www-form-urlencoded");
    dowel_http_body(r, text, size);
    dowel_http_secret_body(r);
    dowel_http_idempotent(r, true); /* one session more does no harm */
    dowel_wipe(text);
    dowel_http_response *response = NULL;
    int rc = dowel_http_send(d, r, &response, err);
    if (!rc) {
        dowel_bytes body = dowel_http_response_body(response);
        rc = dowel_xml_parse(body.data, body.size, root, err);
        if (rc) dowel_error_prefix(err, "STS: ");
        *found = rc ? NULL : dowel_xml_child(*root, result);
        if (!rc && !*found) rc = dowel_fail(err, DOWEL_E_PROTOCOL, "STS answered without a %s", result);
    }
    dowel_http_response_free(response);
    dowel_http_free(r);
    return rc;
}

/* arn:aws:sts::ACCOUNT:assumed-role/... */
static char *account_of(const char *arn) {
    for (int i = 0; arn && i < 4; i++) arn = (arn = strchr(arn, ':')) ? arn + 1 : NULL;
    return arn ? strndup(arn, strcspn(arn, ":")) : NULL;
}

static int keys_of(const dowel_xml *result, dowel_aws_keys *keys, dowel_error *err) {
    const dowel_xml *given = dowel_xml_child(result, "Credentials");
    const char *id = dowel_xml_child_text(given, "AccessKeyId"),
               *secret = dowel_xml_child_text(given, "SecretAccessKey"),
               *token = dowel_xml_child_text(given, "SessionToken"), *end = dowel_xml_child_text(given, "Expiration");
    int64_t expires = 0;
    if (!id || !secret || !token || !end || dowel_aws_parse_time(end, &expires))
        return dowel_fail(err, DOWEL_E_PROTOCOL, "STS answered without complete credentials");
    char *account = account_of(dowel_xml_child_text(dowel_xml_child(result, "AssumedRoleUser"), "Arn"));
    int rc = dowel_aws_keys_set(keys, id, secret, token, account, expires, err);
    free(account);
    return rc;
}

/* The code of the profile's device: six digits. */
static int read_code(dowel *d, const dowel_aws_role *role, char code[7], dowel_error *err) {
    char *text = NULL;
    size_t size = 0;
    int rc = dowel_aws_run(d, role->mfa_process, &text, &size, err);
    if (!rc) {
        size_t digits = strspn(text, "0123456789");
        if (digits != 6 || text[digits + strspn(text + digits, " \t\r\n")])
            rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "its output is not a code of six digits");
        else
            memcpy(code, text, 6);
        code[6] = 0;
        dowel_wipe_bytes(text, size);
    }
    if (rc) dowel_error_prefix(err, "mfa_process: ");
    return rc;
}

int dowel_aws_assume_role(dowel *d, const dowel_aws_settings *settings, const dowel_aws_role *role,
                          const dowel_aws_keys *by, const char *token_file, dowel_aws_keys *keys, dowel_error *err) {
    char *url = NULL, *region = NULL, *token = NULL, session[48], duration[24], code[7] = "";
    int rc = dowel_aws_find_sts(settings, &url, &region, err);
    if (!rc && !by) rc = dowel_aws_read_token(token_file, &token, err);
    bool with_code = by && role->mfa_serial && role->mfa_process;
    if (!rc && with_code) rc = read_code(d, role, code, err);
    snprintf(session, sizeof session, "dowel-%lld", (long long)time(NULL));
    snprintf(duration, sizeof duration, "%lld", (long long)role->duration);
    const char *action = by ? "AssumeRole" : "AssumeRoleWithWebIdentity";
    dowel_text form = {0};
    dowel_xml *root = NULL;
    if (!rc) {
        const dowel_xml *result = NULL;
        by_keys context = {by, region, settings};
        add(&form, "Action", action);
        add(&form, "Version", "2011-06-15");
        add(&form, "RoleArn", role->role_arn);
        add(&form, "RoleSessionName", role->session_name ? role->session_name : session);
        add(&form, "WebIdentityToken", token);
        add(&form, "ExternalId", by ? role->external_id : NULL);
        add(&form, "DurationSeconds", role->duration ? duration : NULL);
        add(&form, "SerialNumber", with_code ? role->mfa_serial : NULL);
        add(&form, "TokenCode", with_code ? code : NULL);
        rc = ask(d, &with_keys, &context, url, &form, by ? "AssumeRoleResult" : "AssumeRoleWithWebIdentityResult",
                 &root, &result, err);
        if (!rc) rc = keys_of(result, keys, err);
        dowel_xml_free(root);
    }
    if (rc) dowel_error_prefix(err, "role %s: ", role->role_arn);
    dowel_wipe(token);
    free(url);
    free(region);
    if (rc) return rc;
    if (by) return dowel_aws_keys_origin(keys, err, "role %s, assumed by keys of %s", role->role_arn, by->origin);
    return dowel_aws_keys_origin(keys, err, "role %s, assumed with the token in %s", role->role_arn, token_file);
}

int dowel_aws_caller(dowel *d, const char *url, dowel_aws_signing *signing, char **arn, char **account,
                     dowel_error *err) {
    dowel_text form = {0};
    dowel_xml *root = NULL;
    const dowel_xml *result = NULL;
    add(&form, "Action", "GetCallerIdentity");
    add(&form, "Version", "2011-06-15");
    int rc = ask(d, &with_block, signing, url, &form, "GetCallerIdentityResult", &root, &result, err);
    if (!rc) {
        const char *a = dowel_xml_child_text(result, "Arn"), *n = dowel_xml_child_text(result, "Account");
        *arn = strdup(a ? a : "");
        *account = strdup(n ? n : "");
        if (!a) rc = dowel_fail(err, DOWEL_E_PROTOCOL, "STS answered without an identity");
        if (!rc && (!*arn || !*account)) rc = dowel_no_memory(err);
        if (rc) {
            free(*arn);
            free(*account);
            *arn = *account = NULL;
        }
    }
    dowel_xml_free(root);
    return rc;
}
