/* Keys in memory, and as JSON documents give them. */
#include "aws.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dowel_aws_keys_clear(dowel_aws_keys *keys) {
    dowel_wipe(keys->access_key_id);
    dowel_wipe(keys->secret_access_key);
    dowel_wipe(keys->session_token);
    free(keys->account_id);
    free(keys->origin);
    memset(keys, 0, sizeof *keys);
}

#define WHITE " \t\r\n\v\f"

/* Without the white space around it, as it comes from files and variables. */
static char *word(const char *text) {
    text += strspn(text, WHITE);
    size_t size = strlen(text);
    while (size && strchr(WHITE, text[size - 1])) size--;
    return strndup(text, size);
}

/* What has a line break in it was cut out wrongly, and would only be told by the service, as a signature that does not match. `words`: blanks and
 * letters of any language are allowed. */
static int check_text(const char *what, const char *text, bool words, dowel_error *err) {
    const char *end = text + strlen(text);
    while (end > text && strchr(WHITE, end[-1])) end--;
    for (const char *p = text + strspn(text, WHITE); p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if ((c > ' ' && c < 0x7f) || (words && (c == ' ' || c > 0x7f))) continue;
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s has a %s in it, at character %zu", what,
                            c == ' ' || c == '\t'    ? "blank"
                            : c == '\r' || c == '\n' ? "line break"
                            : c < 0x7f               ? "control character"
                                                     : "character that is not ASCII",
                            (size_t)(p - text) + 1);
        dowel_error_hint(err, "copy it again, without the text around it");
        return rc;
    }
    return 0;
}

int dowel_aws_check_key(const char *what, const char *text, dowel_error *err) {
    return check_text(what, text, false, err);
}

int dowel_aws_check_secret(const char *what, const char *text, dowel_error *err) {
    return check_text(what, text, true, err);
}

int dowel_aws_keys_set(dowel_aws_keys *keys, const char *id, const char *secret, const char *token,
                       const char *account_id, int64_t expires, dowel_error *err) {
    if (token && !*token) token = NULL;
    if (account_id && !*account_id) account_id = NULL;
    int rc = dowel_aws_check_key("the access key id", id, err);
    if (!rc) rc = dowel_aws_check_secret("the secret access key", secret, err);
    if (!rc && token) rc = dowel_aws_check_key("the session token", token, err);
    if (rc) {
        memset(keys, 0, sizeof *keys);
        return rc;
    }
    *keys = (dowel_aws_keys){.access_key_id = word(id),
                             .secret_access_key = word(secret),
                             .session_token = token ? word(token) : NULL,
                             .account_id = account_id ? strdup(account_id) : NULL,
                             .expires = expires};
    if (keys->access_key_id && keys->secret_access_key && !token == !keys->session_token &&
        !account_id == !keys->account_id)
        return 0;
    dowel_aws_keys_clear(keys);
    return dowel_no_memory(err);
}

int dowel_aws_keys_origin(dowel_aws_keys *keys, dowel_error *err, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *copy = strdup(text);
    free(keys->origin);
    keys->origin = copy;
    if (copy) return 0;
    dowel_aws_keys_clear(keys);
    return dowel_no_memory(err);
}

int dowel_aws_keys_copy(const dowel_aws_keys *from, dowel_aws_keys *to, dowel_error *err) {
    int rc = dowel_aws_keys_set(to, from->access_key_id, from->secret_access_key, from->session_token, from->account_id,
                                from->expires, err);
    return rc ? rc : dowel_aws_keys_origin(to, err, "%s", from->origin ? from->origin : "");
}

static const char *member(const json_t *document, const char *name) {
    const json_t *value = json_object_get(document, name);
    const char *text = json_string_value(value);
    return text && *text && strlen(text) == json_string_length(value) ? text : NULL;
}

/* Not there, null or empty. */
static bool is_absent(const json_t *document, const char *name) {
    const json_t *value = json_object_get(document, name);
    return !value || json_is_null(value) || (json_is_string(value) && !json_string_length(value));
}

int dowel_aws_keys_parse(const char *text, size_t size, const char *token, const char *origin, dowel_aws_keys *keys,
                         dowel_error *err) {
    json_t *document = NULL;
    dowel_error why;
    if (dowel_json_parse(text, size, origin, &document, &why) || !json_is_object(document)) {
        dowel_json_cleanse(document);
        /* The text itself may be a secret: what the parser says of it is not repeated. */
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "the answer of %s is not a JSON object", origin);
    }
    const char *id = member(document, "AccessKeyId"), *secret = member(document, "SecretAccessKey"),
               *expiration = member(document, "Expiration"), *code = member(document, "Code");
    int64_t expires = 0;
    int rc = 0;
    if (code && strcmp(code, "Success") != 0)
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s answered %.100s%s%.300s", origin, code,
                        member(document, "Message") ? ": " : "",
                        member(document, "Message") ? member(document, "Message") : "");
    else if (!id || !secret)
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s answered without %s", origin,
                        id ? "SecretAccessKey" : "AccessKeyId");
    else if (expiration ? dowel_aws_parse_time(expiration, &expires) : !is_absent(document, "Expiration"))
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                        "%s answered with an Expiration that is not a time (expected one such as 2026-01-31T12:00:00Z)",
                        origin);
    if (!rc)
        rc = dowel_aws_keys_set(keys, id, secret, member(document, token), member(document, "AccountId"), expires, err);
    dowel_json_cleanse(document);
    return rc;
}

int dowel_aws_from_environment(dowel_aws_keys *keys, dowel_error *err) {
    char *id = dowel_variable("AWS_ACCESS_KEY_ID"), *secret = dowel_variable("AWS_SECRET_ACCESS_KEY"),
         *token = dowel_variable("AWS_SESSION_TOKEN"), *account = dowel_variable("AWS_ACCOUNT_ID");
    int rc = 0;
    if (id && secret) {
        rc = dowel_aws_keys_set(keys, id, secret, token, account, 0, err);
        if (rc == DOWEL_E_CREDENTIALS) dowel_error_prefix(err, "environment variables: ");
        if (!rc) rc = dowel_aws_keys_origin(keys, err, "environment variables");
    } else if (id || secret) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s is set but %s is not",
                        id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                        id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
        dowel_error_hint(err, "set both, or neither to have the profile used");
    }
    bool found = id && secret;
    dowel_wipe(id);
    dowel_wipe(secret);
    dowel_wipe(token);
    dowel_wipe(account);
    return rc ? rc : found;
}
