/* The subject token of an external account that is an AWS role: a signed sts:GetCallerIdentity request, which Google sends to AWS. */
#include "gcp.h"
#include "metadata_internal.h"
#include "sigv4_internal.h"
#include <dowel/url.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKEN_LIFETIME 300 /* seconds, as Google's libraries ask for */
#define SHA256_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

typedef struct keys {
    char *id, *secret, *session_token;
} keys;

static char *copy_of(const char *text) {
    return text ? strdup(text) : NULL;
}

/* ---- region and keys, from the environment or EC2's metadata service ---- */

static int ask(dowel *d, dowel_aws_metadata request, char **text, dowel_error *err) {
    request.service = &dowel_gcp_source;
    request.timeout = DOWEL_GCP_SOURCE_TIMEOUT;
    return dowel_aws_metadata_ask(d, &request, text, err);
}

/* Version 2 of the service requires a session token. *token stays NULL for version 1. */
static int imds_session(dowel *d, const json_t *source, char **token, dowel_error *err) {
    const char *url = json_string_value(json_object_get(source, "imdsv2_session_token_url"));
    *token = NULL;
    return url ? ask(d, (dowel_aws_metadata){.url = url, .lifetime = TOKEN_LIFETIME}, token, err) : 0;
}

static int find_region(dowel *d, const json_t *source, char **region, dowel_error *err) {
    *region = dowel_variable("AWS_REGION");
    if (!*region) *region = dowel_variable("AWS_DEFAULT_REGION");
    if (*region) return 0;
    const char *url = json_string_value(json_object_get(source, "region_url"));
    if (!url) {
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "the AWS region is not set");
        dowel_error_hint(err, "set AWS_REGION, or region_url in credential_source");
        return rc;
    }
    char *token;
    int rc = imds_session(d, source, &token, err);
    if (!rc) rc = ask(d, (dowel_aws_metadata){.url = url, .token = token}, region, err);
    dowel_wipe(token);
    if (!rc && strlen(*region) < 2)
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "%s did not answer with an availability zone", url);
    if (!rc) (*region)[strlen(*region) - 1] = 0; /* us-east-2b is a zone of us-east-2 */
    return rc;
}

static int read_keys(const char *text, const char *place, keys *k, dowel_error *err) {
    json_t *document = json_loads(text, 0, NULL);
    const char *id = json_string_value(json_object_get(document, "AccessKeyId")),
               *secret = json_string_value(json_object_get(document, "SecretAccessKey")),
               *token = json_string_value(json_object_get(document, "Token"));
    int rc = 0;
    if (!id || !secret) {
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "%s answered without AccessKeyId and SecretAccessKey", place);
    } else {
        *k = (keys){strdup(id), strdup(secret), copy_of(token)};
        if (!k->id || !k->secret || (token && !k->session_token)) rc = dowel_no_memory(err);
    }
    dowel_json_cleanse(document);
    return rc;
}

static int find_keys(dowel *d, const json_t *source, keys *k, dowel_error *err) {
    const char *url = json_string_value(json_object_get(source, "url"));
    *k = (keys){dowel_variable("AWS_ACCESS_KEY_ID"), dowel_variable("AWS_SECRET_ACCESS_KEY"),
                dowel_variable("AWS_SESSION_TOKEN")};
    if (k->id && k->secret) return 0;
    dowel_wipe(k->id);
    dowel_wipe(k->secret);
    dowel_wipe(k->session_token);
    *k = (keys){NULL, NULL, NULL};
    if (!url) {
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "no AWS keys to sign with");
        dowel_error_hint(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or url in credential_source");
        return rc;
    }
    char *token, *role = NULL, *text = NULL, *place = NULL;
    int rc = imds_session(d, source, &token, err);
    if (!rc) rc = ask(d, (dowel_aws_metadata){.url = url, .token = token}, &role, err);
    dowel_text full = {0};
    if (!rc) {
        dowel_text_format(&full, "%s/%s", url, role);
        if (!(place = dowel_text_take(&full, err))) rc = DOWEL_E_NO_MEMORY;
    }
    if (!rc) rc = ask(d, (dowel_aws_metadata){.url = place, .token = token}, &text, err);
    if (!rc) rc = read_keys(text, place, k, err);
    dowel_wipe(token);
    dowel_wipe(text);
    free(role);
    free(place);
    return rc;
}

/* ---- the signed request ---- */

/* Only https, without user or password: the request is signed for this host. */
static int split(const char *url, dowel_url *parts, dowel_error *err) {
    int rc = dowel_url_split(url, parts, NULL);
    if (rc == DOWEL_E_NO_MEMORY) return dowel_no_memory(err);
    if (!rc && !strcmp(parts->scheme, "https") && !parts->user && !parts->password) return 0;
    if (!rc) dowel_url_clear(parts);
    return dowel_fail(err, DOWEL_E_CREDENTIALS,
                      "credential_source.regional_cred_verification_url is not an https URL without user and password");
}

/* Replaces "{region}" in the URL of AWS's service. */
static char *fill_region(const char *form, const char *region, dowel_error *err) {
    static const char mark[] = "{region}";
    dowel_text url = {0};
    for (const char *next; (next = strstr(form, mark)); form = next + sizeof mark - 1) {
        dowel_text_add(&url, form, (size_t)(next - form));
        dowel_text_put(&url, region);
    }
    dowel_text_put(&url, form);
    return dowel_text_take(&url, err);
}

static void add(dowel_builder *list, const char *key, const char *value) {
    if (value) dowel_build_item(list, json_pack("{s:s, s:s}", "key", key, "value", value));
}

/* Like Google's libraries: sorted, compact JSON, percent-encoded. */
static int write_down(const char *url, const dowel_url *a, const keys *k, const dowel_sigv4 *signature,
                      const char *audience, char **token, dowel_error *err) {
    dowel_builder headers = dowel_build(json_array()), request = dowel_build(json_object());
    json_t *list = NULL, *document = NULL;
    add(&headers, "Authorization", signature->authorization);
    add(&headers, "host", a->host);
    add(&headers, "x-amz-date", signature->date);
    add(&headers, "x-amz-security-token", k->session_token);
    add(&headers, "x-goog-cloud-target-resource", audience);
    (void)dowel_build_end(&headers, &list, NULL);
    dowel_build_text(&request, "url", url);
    dowel_build_text(&request, "method", "POST");
    dowel_build_json(&request, "headers", list);
    int rc = dowel_build_end(&request, &document, err);
    if (rc) return rc;
    char *text = dowel_json_dump(document, JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    *token = text ? dowel_percent_encode(text, "/") : NULL;
    dowel_wipe(text);
    dowel_json_cleanse(document);
    return *token ? 0 : dowel_no_memory(err);
}

static int sign(const char *url, const keys *k, const char *region, const char *audience, char **token,
                dowel_error *err) {
    dowel_url a;
    dowel_sigv4 signature = {0};
    char service[64];
    int rc = split(url, &a, err);
    if (!rc) {
        /* sts.us-east-1.amazonaws.com, sts-fips.us-east-1.amazonaws.com */
        size_t size = strcspn(a.host, ".");
        if (size > 5 && !strncmp(a.host + size - 5, "-fips", 5)) size -= 5;
        snprintf(service, sizeof service, "%.*s", (int)size, a.host);
        const dowel_header headers[] = {{"host", a.host}, {NULL, NULL}};
        const dowel_sigv4_request request = {.method = "POST",
                                             .path = a.path,
                                             .query = a.query ? a.query : "",
                                             .headers = headers,
                                             .payload_hash = SHA256_OF_NOTHING,
                                             .access_key_id = k->id,
                                             .secret_access_key = k->secret,
                                             .session_token = k->session_token,
                                             .region = region,
                                             .service = service,
                                             .time = (int64_t)time(NULL),
                                             .normalize = true};
        rc = dowel_sigv4_sign(&request, &signature, err);
        if (!rc) rc = write_down(url, &a, k, &signature, audience, token, err);
        dowel_sigv4_clear(&signature);
        dowel_url_clear(&a);
    }
    return rc;
}

int dowel_gcp_subject_from_aws(dowel *d, const dowel_gcp_identity *id, char **token, dowel_error *err) {
    const json_t *source = id->credential_source;
    char *region = NULL, *url = NULL;
    keys k = {NULL, NULL, NULL};
    int rc = find_region(d, source, &region, err);
    if (!rc) rc = find_keys(d, source, &k, err);
    const char *form = json_string_value(json_object_get(source, "regional_cred_verification_url"));
    if (!rc && !(url = fill_region(form, region, err))) rc = DOWEL_E_NO_MEMORY;
    if (!rc) rc = sign(url, &k, region, id->audience, token, err);
    free(region);
    free(url);
    dowel_wipe(k.id);
    dowel_wipe(k.secret);
    dowel_wipe(k.session_token);
    return rc;
}
