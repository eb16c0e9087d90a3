/* IAM Identity Center: the token that `aws sso login` left is exchanged for the keys of a role, and renewed where it can be. */
#include "aws.h"

#include <dowel/clock.h>
#include <dowel/file.h>
#include <dowel/stream.h>

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND ((int64_t)1000000)
#define EARLY (15 * 60 * SECOND) /* a token is renewed this long before its end, as the AWS CLI does */

static void explain(const dowel_http_response *response, dowel_error *err) {
    const char *type = dowel_http_response_header(response, "x-amzn-errortype");
    json_t *body = NULL;
    (void)dowel_http_response_json(response, &body, NULL);
    const char *message = json_string_value(json_object_get(body, "message"));
    if (!message) message = json_string_value(json_object_get(body, "error_description"));
    if (!type) type = json_string_value(json_object_get(body, "error"));
    if (type) snprintf(err->reason, sizeof err->reason, "%.*s", (int)strcspn(type, ":"), type);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, " %s%s%s", err->reason, message ? ": " : "",
             message ? message : "");
    json_decref(body);
}

static const dowel_retry_rule retry[] = {{429, NULL, true}, {500, NULL, true}, {502, NULL, true},
                                         {503, NULL, true}, {504, NULL, true}, {0}};

static int attempts(dowel *d, void *settings) {
    return dowel_aws_find_attempts(d, settings);
}

static int authorize(dowel *d, dowel_http_request *request, void *settings, bool again, dowel_error *err) {
    (void)d, (void)again, (void)err;
    dowel_aws_trust(request, settings);
    return 0;
}

static const dowel_http_service portal = {.name = "IAM Identity Center",
                                          .names = &dowel_aws_names,
                                          .retry = retry,
                                          .backoff = 0.2,
                                          .authorize = authorize,
                                          .explain = explain,
                                          .attempts = attempts};

/* ---- the token's file, as the AWS CLI writes it ---- */

static bool token_path(const dowel_aws_sso *sso, char path[DOWEL_AWS_PATH_SIZE]) {
    const char *key = sso->session ? sso->session : sso->start_url;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!EVP_Digest(key, strlen(key), digest, &size, EVP_sha1(), NULL)) return false;
    char *name = dowel_hex(digest, size), below[128];
    snprintf(below, sizeof below, ".aws/sso/cache/%s.json", name ? name : "");
    bool found = name && dowel_aws_home(below, path);
    free(name);
    return found;
}

static const char *text_of(const json_t *token, const char *name) {
    const char *text = json_string_value(json_object_get(token, name));
    return text && *text ? text : NULL;
}

/* 0: none, or none that can be read. */
static int64_t time_of(const json_t *token, const char *name) {
    const char *text = text_of(token, name);
    int64_t time = 0;
    return !text || dowel_aws_parse_time(text, &time) ? 0 : time;
}

static int log_in_first(const char *profile, const char *why, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "profile \"%s\": %s", profile, why);
    dowel_error_hint(err, "run `aws sso login --profile %s`", profile);
    return rc;
}

static int read_cache(const char *path, const char *profile, json_t **token, dowel_error *err) {
    char *text = NULL;
    size_t size = 0;
    dowel_error why;
    int rc = dowel_file_read(path, 1u << 16, &text, &size, &why);
    if (rc) return log_in_first(profile, why.message, err);
    rc = dowel_json_read(text, size, DOWEL_JSON_EXACT, path, token, &why);
    dowel_wipe_bytes(text, size);
    if (rc || !text_of(*token, "accessToken")) {
        dowel_json_cleanse(*token);
        *token = NULL;
        char what[DOWEL_AWS_PATH_SIZE + 64];
        snprintf(what, sizeof what, "%s holds no token", path);
        return log_in_first(profile, what, err);
    }
    return 0;
}

/* So that the next process does not renew again. A failure is only logged, because this process has the token. */
static void write_cache(dowel *d, const char *path, const json_t *token) {
    dowel_error why;
    char *text = dowel_json_dump(token, JSON_INDENT(2));
    int rc = text ? dowel_file_save(path, text, strlen(text), 0, NULL, &why) : dowel_no_memory(&why);
    if (rc) dowel_log(d, DOWEL_LOG_WARNING, "the renewed SSO token was not saved: %s", why.message);
    dowel_wipe(text);
}

/* CreateToken (IAM Identity Center OIDC API reference) with the refresh token of the file. */
static int renew(dowel *d, const dowel_aws_settings *settings, const dowel_aws_sso *sso, json_t *token,
                 dowel_error *err) {
    char *url = NULL;
    int rc = dowel_aws_find_url(settings, "sso_oidc", sso->region, NULL, &url, NULL, err);
    if (rc) return rc;
    dowel_http_request *r = dowel_http_new(&portal, (void *)settings, "POST", url);
    dowel_http_path(r, "token", NULL);
    json_t *body = json_pack("{s:s,s:s,s:s,s:s}", "clientId", text_of(token, "clientId"), "clientSecret",
                             text_of(token, "clientSecret"), "refreshToken", text_of(token, "refreshToken"),
                             "grantType", "refresh_token");
    dowel_http_json(r, body);
    dowel_http_secret_body(r);
    json_t *answer = NULL;
    rc = dowel_http_fetch_json(d, r, &answer, err);
    const char *fresh = text_of(answer, "accessToken");
    json_int_t lifetime = json_integer_value(json_object_get(answer, "expiresIn"));
    if (!rc && (!fresh || lifetime <= 0))
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "IAM Identity Center answered without a token");
    if (!rc) {
        char end[DOWEL_TIME_TEXT_SIZE];
        dowel_format_time((dowel_now() / SECOND + lifetime) * SECOND, end);
        dowel_builder b = dowel_build(json_incref(token));
        dowel_build_text(&b, "accessToken", fresh);
        dowel_build_text(&b, "expiresAt", end);
        dowel_build_text(&b, "refreshToken", text_of(answer, "refreshToken"));
        rc = dowel_build_end(&b, NULL, err);
    }
    dowel_json_cleanse(body);
    dowel_json_cleanse(answer);
    free(url);
    return rc;
}

static int current_token(dowel *d, const dowel_aws_settings *settings, const dowel_aws_plan *plan, json_t **token,
                         dowel_error *err) {
    char path[DOWEL_AWS_PATH_SIZE];
    if (!token_path(&plan->sso, path)) return log_in_first(plan->profile, "HOME is not set: there is no token", err);
    int rc = read_cache(path, plan->profile, token, err);
    if (rc) return rc;
    int64_t end = time_of(*token, "expiresAt"), registered = time_of(*token, "registrationExpiresAt");
    bool renewable = plan->sso.session && text_of(*token, "refreshToken") && text_of(*token, "clientId") &&
                     text_of(*token, "clientSecret") && registered > dowel_now();
    if (renewable && end < dowel_now() + EARLY) {
        dowel_error why;
        rc = renew(d, settings, &plan->sso, *token, &why);
        if (!rc) {
            write_cache(d, path, *token);
            return 0;
        }
        if (end <= dowel_now()) {
            dowel_json_cleanse(*token);
            *token = NULL;
            if (err) *err = why;
            dowel_error_hint(err, "run `aws sso login --profile %s`", plan->profile);
            return rc;
        }
        dowel_log(d, DOWEL_LOG_WARNING, "the SSO token could not be renewed; it is used until it expires: %s",
                  why.message);
        return 0;
    }
    if (end > dowel_now()) return 0;
    dowel_json_cleanse(*token);
    *token = NULL;
    return log_in_first(plan->profile, end ? "the SSO session has expired" : "the SSO token's expiresAt is not a time",
                        err);
}

int dowel_aws_from_sso(dowel *d, const dowel_aws_settings *settings, const dowel_aws_plan *plan, dowel_aws_keys *keys,
                       dowel_error *err) {
    const dowel_aws_sso *sso = &plan->sso;
    char *url = NULL;
    json_t *token = NULL, *answer = NULL;
    int rc = dowel_aws_find_url(settings, "sso", sso->region, NULL, &url, NULL, err);
    if (!rc) rc = current_token(d, settings, plan, &token, err);
    if (!rc) {
        dowel_http_request *r = dowel_http_new(&portal, (void *)settings, "GET", url);
        dowel_http_path(r, "federation", "credentials", NULL);
        dowel_http_query(r, "role_name", sso->role_name);
        dowel_http_query(r, "account_id", sso->account_id);
        dowel_http_secret_header(r, "x-amz-sso_bearer_token", text_of(token, "accessToken"));
        dowel_http_secret_body(r);
        dowel_error why;
        rc = dowel_http_fetch_json(d, r, &answer, &why);
        if (rc && err) *err = why;
        if (rc && why.http_status == 401) dowel_error_hint(err, "run `aws sso login --profile %s`", plan->profile);
        if (rc && why.http_status == 403)
            dowel_error_hint(
                err,
                "the account or the permission set is not assigned to you: check sso_account_id and sso_role_name");
    }
    if (!rc) {
        const json_t *given = json_object_get(answer, "roleCredentials");
        const char *id = text_of(given, "accessKeyId"), *secret = text_of(given, "secretAccessKey");
        if (!id || !secret)
            rc = dowel_fail(err, DOWEL_E_PROTOCOL, "IAM Identity Center answered without keys");
        else
            rc = dowel_aws_keys_set(keys, id, secret, text_of(given, "sessionToken"), sso->account_id,
                                    json_integer_value(json_object_get(given, "expiration")) * 1000, err);
        if (!rc)
            rc = dowel_aws_keys_origin(keys, err, "profile \"%s\", SSO role %s in account %s", plan->profile,
                                       sso->role_name, sso->account_id);
    }
    dowel_json_cleanse(token);
    dowel_json_cleanse(answer);
    free(url);
    return rc;
}
