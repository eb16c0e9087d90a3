/* An external account that is an AWS role: its subject token is a signed sts:GetCallerIdentity request, which Google sends. */
#include "gcp.h"
#include "sigv4_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHA256_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

typedef struct keys {
    char *id, *secret, *session_token;
} keys;

static char *copy_of(const char *text) {
    return text ? strdup(text) : NULL;
}

/* ---- from the environment, else from EC2's metadata service ---- */

/* Version 2 of the service wants a session token; NULL headers: the file asks for version 1. */
static int imds_session(dowel *d, const json_t *source, json_t **headers, dowel_error *err) {
    const char *url = json_string_value(json_object_get(source, "imdsv2_session_token_url"));
    char *token = NULL;
    *headers = NULL;
    if (!url) return 0;
    json_t *lifetime = json_pack("{s:s}", "X-aws-ec2-metadata-token-ttl-seconds", "300");
    int rc = dowel_gcp_subject_get(d, "PUT", url, lifetime, &token, err);
    json_decref(lifetime);
    if (!rc && !(*headers = json_pack("{s:s}", "X-aws-ec2-metadata-token", token))) rc = dowel_no_memory(err);
    dowel_gcp_wipe(token);
    return rc;
}

static int find_region(dowel *d, const json_t *source, char **region, dowel_error *err) {
    *region = dowel_variable("AWS_REGION");
    if (!*region) *region = dowel_variable("AWS_DEFAULT_REGION");
    if (*region) return 0;
    const char *url = json_string_value(json_object_get(source, "region_url"));
    if (!url) {
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "the AWS region is not known");
        dowel_error_hint(err, "set AWS_REGION, or name region_url in credential_source");
        return rc;
    }
    json_t *headers;
    int rc = imds_session(d, source, &headers, err);
    if (!rc) rc = dowel_gcp_subject_get(d, "GET", url, headers, region, err);
    json_decref(headers);
    if (!rc && strlen(*region) < 2) rc = dowel_fail(err, DOWEL_E_PROTOCOL, "%s names no availability zone", url);
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
    dowel_gcp_wipe(k->id);
    dowel_gcp_wipe(k->secret);
    dowel_gcp_wipe(k->session_token);
    *k = (keys){NULL, NULL, NULL};
    if (!url) {
        int rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "there are no AWS keys to sign with");
        dowel_error_hint(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name url in credential_source");
        return rc;
    }
    json_t *headers;
    char *role = NULL, *text = NULL, *place = NULL;
    int rc = imds_session(d, source, &headers, err);
    if (!rc) rc = dowel_gcp_subject_get(d, "GET", url, headers, &role, err);
    size_t size = strlen(url) + (role ? strlen(role) : 0) + 2;
    if (!rc && !(place = malloc(size))) rc = dowel_no_memory(err);
    if (!rc) {
        snprintf(place, size, "%s/%s", url, role);
        rc = dowel_gcp_subject_get(d, "GET", place, headers, &text, err);
    }
    if (!rc) rc = read_keys(text, place, k, err);
    json_decref(headers);
    dowel_gcp_wipe(text);
    free(role);
    free(place);
    return rc;
}

/* ---- the signed request ---- */

typedef struct address {
    char *host, *path; /* the path starts with / */
    const char *query;
} address;

/* `url` outlives the address. */
static int split(const char *url, address *a, dowel_error *err) {
    const char *host = url + 8;
    size_t size = !dowel_ncasecmp(url, "https://", 8) ? strcspn(host, "/?#") : 0;
    const char *path = host + size, *query = size ? path + strcspn(path, "?#") : NULL;
    if (size && memchr(host, '@', size)) size = 0;
    size_t name = size ? strcspn(host, ":/?#") : 0;
    if (!name)
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "credential_source.regional_cred_verification_url is not https");
    a->host = strndup(host, name);
    a->path = query == path ? strdup("/") : strndup(path, (size_t)(query - path));
    a->query = *query == '?' ? query + 1 : "";
    return a->host && a->path ? 0 : dowel_no_memory(err);
}

/* "{region}" in the address of AWS's service. */
static char *fill_region(const char *form, const char *region) {
    static const char mark[] = "{region}";
    size_t size = strlen(form) + 1;
    for (const char *p = form; (p = strstr(p, mark)); p += sizeof mark - 1) size += strlen(region);
    char *url = malloc(size);
    size_t used = 0;
    for (const char *p = form; url && *p;) {
        const char *next = strstr(p, mark);
        size_t plain = next ? (size_t)(next - p) : strlen(p);
        used += (size_t)snprintf(url + used, size - used, "%.*s%s", (int)plain, p, next ? region : "");
        p += plain + (next ? sizeof mark - 1 : 0);
    }
    if (url) url[used] = 0;
    return url;
}

static bool add(json_t *list, const char *key, const char *value) {
    return !value || !json_array_append_new(list, json_pack("{s:s, s:s}", "key", key, "value", value));
}

/* As Google's libraries write it down: sorted, compact JSON, percent-encoded. */
static int write_down(const char *url, const address *a, const keys *k, const dowel_sigv4 *signature,
                      const char *audience, char **token, dowel_error *err) {
    json_t *headers = json_array(), *request;
    bool whole = add(headers, "Authorization", signature->authorization) && add(headers, "host", a->host) &&
                 add(headers, "x-amz-date", signature->date) &&
                 add(headers, "x-amz-security-token", k->session_token) &&
                 add(headers, "x-goog-cloud-target-resource", audience);
    request = json_pack("{s:s, s:s, s:o}", "url", url, "method", "POST", "headers", headers);
    char *text = whole && request ? dowel_json_dump(request, JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;
    *token = text ? dowel_percent_encode(text, "/") : NULL;
    dowel_gcp_wipe(text);
    json_decref(request);
    return *token ? 0 : dowel_no_memory(err);
}

static int sign(const char *url, const keys *k, const char *region, const char *audience, char **token,
                dowel_error *err) {
    address a = {NULL, NULL, NULL};
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
                                             .query = a.query,
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
    }
    free(a.host);
    free(a.path);
    return rc;
}

int dowel_gcp_subject_from_aws(dowel *d, const dowel_gcp_identity *id, char **token, dowel_error *err) {
    const json_t *source = id->credential_source;
    char *region = NULL, *url = NULL;
    keys k = {NULL, NULL, NULL};
    int rc = find_region(d, source, &region, err);
    if (!rc) rc = find_keys(d, source, &k, err);
    if (!rc &&
        !(url = fill_region(json_string_value(json_object_get(source, "regional_cred_verification_url")), region)))
        rc = dowel_no_memory(err);
    if (!rc) rc = sign(url, &k, region, id->audience, token, err);
    free(region);
    free(url);
    dowel_gcp_wipe(k.id);
    dowel_gcp_wipe(k.secret);
    dowel_gcp_wipe(k.session_token);
    return rc;
}
