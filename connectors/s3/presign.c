/* Signed URLs and forms ("Authenticating Requests: Using Query Parameters", "Browser-Based Uploads Using POST"). */
#include "tasks.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int lifetime(double expires, int64_t *seconds, dowel_error *err) {
    *seconds = expires > 0 ? (int64_t)expires : 3600;
    if (!*seconds) *seconds = 1;
    return *seconds <= DOWEL_S3_SIGNED_MOST
               ? 0
               : dowel_fail(err, DOWEL_E_INVALID, "a signature is valid for at most 7 days");
}

int dowel_s3_presign_url(dowel_s3_client *c, const char *method, const dowel_s3_presign_args *args, char **url,
                         dowel_error *err) {
    int64_t seconds;
    int rc = lifetime(args->expires, &seconds, err);
    if (rc) return rc;
    dowel_http_request *r = dowel_s3_request(c, method, args->key);
    if (c->bucket->requester_pays) { /* a holder of the URL sends no extra headers */
        dowel_http_header(r, "x-amz-request-payer", NULL);
        dowel_http_query(r, "x-amz-request-payer", "requester");
    }
    for (const dowel_pair *pair = args->headers; pair && pair->name; pair++)
        dowel_http_header(r, pair->name, pair->value);
    for (const dowel_pair *pair = args->query; pair && pair->name; pair++) dowel_http_query(r, pair->name, pair->value);
    rc = r ? dowel_aws_presign(c->d, r, &c->signing, seconds, url, err) : dowel_no_memory(err);
    dowel_http_free(r);
    return rc;
}

/* ---- forms ---- */

static void require(json_t *conditions, json_t *fields, const char *name, const char *value) {
    if (!value) return;
    json_t *condition = json_pack("{s:s}", name, value);
    json_array_append_new(conditions, condition);
    json_object_set_new(fields, name, json_string(value));
}

static json_t *policy_of(const dowel_s3_client *c, const dowel_s3_presign_post_args *args, const char *key,
                         const dowel_aws_form *form, int64_t seconds, json_t *fields) {
    char expiration[DOWEL_TIME_TEXT_SIZE];
    json_t *conditions = json_array();
    dowel_format_time((form->time + seconds) * 1000000, expiration);
    json_array_append_new(conditions, json_pack("{s:s}", "bucket", c->bucket->bucket));
    size_t length = strlen(key), suffix = strlen("${filename}");
    if (length >= suffix && !strcmp(key + length - suffix, "${filename}")) {
        json_array_append_new(conditions,
                              json_pack("[s,s,o]", "starts-with", "$key", json_stringn(key, length - suffix)));
        json_object_set_new(fields, "key", json_string(key));
    } else {
        require(conditions, fields, "key", key);
    }
    for (const dowel_pair *pair = args->fields; pair && pair->name; pair++)
        require(conditions, fields, pair->name, pair->value);
    size_t i;
    json_t *condition;
    json_array_foreach(args->conditions, i, condition) json_array_append(conditions, condition);
    require(conditions, fields, "x-amz-algorithm", "AWS4-HMAC-SHA256");
    require(conditions, fields, "x-amz-credential", form->credential);
    require(conditions, fields, "x-amz-date", form->date);
    require(conditions, fields, "x-amz-security-token", form->session_token);
    return json_pack("{s:s,s:o}", "expiration", expiration, "conditions", conditions);
}

int dowel_s3_presign_form(dowel_s3_client *c, const dowel_s3_presign_post_args *args, json_t **result,
                          dowel_error *err) {
    int64_t seconds;
    dowel_aws_form form = {0};
    int rc = lifetime(args->expires, &seconds, err);
    if (!rc) rc = dowel_aws_form_begin(c->d, &c->signing, c->base, &form, err);
    if (rc) return rc;
    char *key = dowel_s3_full_key(c, args->key);
    json_t *fields = json_object(), *policy = key ? policy_of(c, args, key, &form, seconds, fields) : NULL;
    char *text = policy ? dowel_json_dump(policy, 0) : NULL, *base64 = text ? dowel_base64(text, strlen(text)) : NULL;
    dowel_http_request *r = dowel_s3_request(c, "POST", NULL);
    char signature[65];
    rc = base64 && r ? dowel_aws_form_sign(&form, base64, signature, err) : dowel_no_memory(err);
    if (!rc) {
        json_object_set_new(fields, "policy", json_string(base64));
        json_object_set_new(fields, "x-amz-signature", json_string(signature));
        *result = json_pack("{s:s,s:O}", "url", dowel_http_url(r), "fields", fields);
        if (!*result) rc = dowel_no_memory(err);
    }
    dowel_http_free(r);
    free(base64);
    free(text);
    free(key);
    json_decref(policy);
    json_decref(fields);
    dowel_aws_form_clear(&form);
    return rc;
}

/* ---- tasks ---- */

#define EXPIRES(type)                                                                                                  \
    {                                                                                                                  \
        DOWEL_AT(type, expires), .kind = DOWEL_DURATION, .fallback = "1h", .minimum = 1,                               \
                                 .maximum = DOWEL_S3_SIGNED_MOST, .doc = "Lifetime, at most 7 days."                   \
    }

static const char *const methods[] = {"GET", "PUT", "DELETE", "HEAD", NULL};

static const dowel_field presign_fields[] = {DOWEL_S3_BUCKET_FIELD(dowel_s3_presign_args),
                                             DOWEL_S3_KEY_FIELD(dowel_s3_presign_args),
                                             {DOWEL_AT(dowel_s3_presign_args, method), .kind = DOWEL_ENUM,
                                              .values = methods, .doc = "Method that the URL allows."},
                                             EXPIRES(dowel_s3_presign_args),
                                             {DOWEL_AT(dowel_s3_presign_args, headers), .kind = DOWEL_MAP,
                                              .doc = "Headers that the request must send, such as content-type.",
                                              .example = "content-type=text/csv"},
                                             {DOWEL_AT(dowel_s3_presign_args, query), .kind = DOWEL_MAP,
                                              .doc = "Query parameters to add to the URL, such as versionId.",
                                              .example = "response-content-disposition=attachment"},
                                             {DOWEL_GIVEN_AT(dowel_s3_presign_args)},
                                             {0}};
static const dowel_table presign_table = {"s3.presign", sizeof(dowel_s3_presign_args), presign_fields, NULL};

static int run_presign(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_presign_args *args = data;
    dowel_s3_client c;
    char *url = NULL, end[DOWEL_TIME_TEXT_SIZE];
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    rc = dowel_s3_presign_url(&c, methods[args->method], args, &url, err);
    dowel_s3_client_close(&c);
    if (rc) return rc;
    dowel_format_time(((int64_t)time(NULL) + (int64_t)args->expires) * 1000000, end);
    *result = json_pack("{s:s,s:s,s:{},s:s}", "url", url, "method", methods[args->method], "headers", "expires", end);
    for (const dowel_pair *pair = args->headers; *result && pair && pair->name; pair++)
        json_object_set_new(json_object_get(*result, "headers"), pair->name, json_string(pair->value));
    OPENSSL_cleanse(url, strlen(url));
    free(url);
    return *result ? 0 : dowel_no_memory(err);
}

static const dowel_field post_fields[] = {
    DOWEL_S3_BUCKET_FIELD(dowel_s3_presign_post_args),
    {DOWEL_AT(dowel_s3_presign_post_args, key), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED,
     .doc = "Key of the object that the form creates, relative to the block's folder. It may end with ${filename}.",
     .example = "inbox/photo.jpg"},
    EXPIRES(dowel_s3_presign_post_args),
    {DOWEL_AT(dowel_s3_presign_post_args, fields), .kind = DOWEL_MAP,
     .doc = "Form fields, such as Content-Type, acl, success_action_status.", .example = "Content-Type=image/jpeg"},
    {DOWEL_AT(dowel_s3_presign_post_args, conditions), .kind = DOWEL_JSON,
     .doc = "Further conditions of the policy document, as a JSON array.",
     .example = "[[\"content-length-range\", 1, 1048576]]"},
    {DOWEL_GIVEN_AT(dowel_s3_presign_post_args)},
    {0}};

static int check_post(const void *data, dowel_error *err) {
    const dowel_s3_presign_post_args *args = data;
    if (args->conditions && !json_is_array(args->conditions))
        return dowel_fail(err, DOWEL_E_INVALID, "field \"conditions\": expected an array");
    return 0;
}

static const dowel_table post_table = {"s3.presign_post", sizeof(dowel_s3_presign_post_args), post_fields, check_post};

static int run_presign_post(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_presign_post_args *args = data;
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    rc = dowel_s3_presign_form(&c, args, result, err);
    dowel_s3_client_close(&c);
    return rc;
}

DOWEL_S3_TASK(presign, "Creates a presigned URL: it grants access to one object until it expires.", presign_table,
              run_presign, "--bucket s3-bucket/reports --key report.json --expires 10m");
DOWEL_S3_TASK(presign_post, "Creates a presigned form: it lets its holder upload one object until it expires.",
              post_table, run_presign_post, "--bucket s3-bucket/reports --key inbox/report.json");
