/* Signed URLs and forms ("Authenticating Requests: Using Query Parameters", "Browser-Based Uploads Using POST"). */
#include "tasks.h"

#include <dowel/buckets.h>
#include <dowel/text.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int dowel_s3_presign_url(dowel_s3_client *c, const char *method, const dowel_s3_presign_args *args, char **url,
                         dowel_error *err) {
    int64_t seconds;
    int rc = dowel_presign_lifetime(args->expires, &seconds, err);
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

typedef struct policy {
    dowel_builder conditions, fields;
} policy;

/* A field of the form with a condition that requires its value. */
static void require(policy *p, const char *name, const char *value) {
    if (!value) return;
    dowel_builder condition = dowel_build(json_object());
    json_t *built = NULL;
    dowel_build_text(&condition, name, value);
    if (!p->conditions.failed) p->conditions.failed = dowel_build_end(&condition, &built, NULL);
    dowel_build_item(&p->conditions, built);
    dowel_build_text(&p->fields, name, value);
}

static void require_key(policy *p, const char *key) {
    static const char variable[] = "${filename}";
    size_t length = strlen(key), suffix = sizeof variable - 1;
    if (length < suffix || strcmp(key + length - suffix, variable) != 0) {
        require(p, "key", key);
        return;
    }
    dowel_build_item(&p->conditions, json_pack("[s,s,o]", "starts-with", "$key", json_stringn(key, length - suffix)));
    dowel_build_text(&p->fields, "key", key);
}

/* The policy document; *fields receives the fields of the form. New references. */
static int policy_of(const dowel_s3_client *c, const dowel_s3_presign_post_args *args, const char *key,
                     const dowel_aws_form *form, int64_t seconds, json_t **document, json_t **fields,
                     dowel_error *err) {
    char expiration[DOWEL_TIME_TEXT_SIZE];
    json_t *condition, *conditions = NULL;
    size_t i;
    policy p = {dowel_build(json_array()), dowel_build(json_object())};
    dowel_format_time((form->time + seconds) * 1000000, expiration);
    dowel_build_item(&p.conditions, json_pack("{s:s}", "bucket", c->bucket->bucket));
    require_key(&p, key);
    for (const dowel_pair *pair = args->fields; pair && pair->name; pair++) require(&p, pair->name, pair->value);
    json_array_foreach(args->conditions, i, condition) dowel_build_item(&p.conditions, json_incref(condition));
    require(&p, "x-amz-algorithm", "AWS4-HMAC-SHA256");
    require(&p, "x-amz-credential", form->credential);
    require(&p, "x-amz-date", form->date);
    require(&p, "x-amz-security-token", form->session_token);
    int rc = dowel_build_end(&p.conditions, &conditions, err),
        failed = dowel_build_end(&p.fields, fields, rc ? NULL : err);
    if (rc || failed) {
        json_decref(conditions);
        json_decref(*fields);
        *fields = NULL;
        return rc ? rc : failed;
    }
    *document = json_pack("{s:s,s:o}", "expiration", expiration, "conditions", conditions);
    return *document ? 0 : dowel_no_memory(err);
}

static int presign_form(dowel_s3_client *c, const dowel_s3_presign_post_args *args, json_t **result, dowel_error *err) {
    int64_t seconds;
    dowel_aws_form form = {0};
    int rc = dowel_presign_lifetime(args->expires, &seconds, err);
    if (!rc) rc = dowel_aws_form_begin(c->d, &c->signing, c->base, &form, err);
    if (rc) return rc;
    char *key = dowel_s3_full_key(c, args->key), signature[65];
    json_t *fields = NULL, *document = NULL;
    rc = key ? policy_of(c, args, key, &form, seconds, &document, &fields, err) : dowel_no_memory(err);
    char *text = document ? dowel_json_dump(document, 0) : NULL,
         *base64 = text ? dowel_base64(text, strlen(text)) : NULL;
    dowel_http_request *r = dowel_s3_request(c, "POST", NULL);
    if (!rc) rc = base64 && r ? dowel_aws_form_sign(&form, base64, signature, err) : dowel_no_memory(err);
    if (!rc) {
        dowel_builder signed_fields = dowel_build(json_incref(fields));
        dowel_build_text(&signed_fields, "policy", base64);
        dowel_build_text(&signed_fields, "x-amz-signature", signature);
        rc = dowel_build_end(&signed_fields, NULL, err);
    }
    if (!rc && !(*result = json_pack("{s:s,s:O}", "url", dowel_http_url(r), "fields", fields)))
        rc = dowel_no_memory(err);
    dowel_http_free(r);
    free(base64);
    free(text);
    free(key);
    json_decref(document);
    json_decref(fields);
    dowel_aws_form_clear(&form);
    return rc;
}

/* ---- tasks ---- */

static const char *const methods[] = {"GET", "PUT", "DELETE", "HEAD", NULL};

static const dowel_field presign_fields[] = {DOWEL_S3_BUCKET_FIELD(dowel_s3_presign_args),
                                             DOWEL_S3_KEY_FIELD(dowel_s3_presign_args),
                                             {DOWEL_AT(dowel_s3_presign_args, method), .kind = DOWEL_ENUM,
                                              .values = methods, .doc = "Method that the URL allows."},
                                             DOWEL_PRESIGN_EXPIRES_FIELD(dowel_s3_presign_args),
                                             DOWEL_PRESIGN_HEADERS_FIELD(dowel_s3_presign_args),
                                             DOWEL_PRESIGN_QUERY_FIELD(dowel_s3_presign_args),
                                             {DOWEL_GIVEN_AT(dowel_s3_presign_args)},
                                             {0}};
static const dowel_table presign_table = {"s3.presign", sizeof(dowel_s3_presign_args), presign_fields, NULL};

static int run_presign(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_presign_args *args = data;
    const char *method = methods[args->method];
    dowel_s3_client c;
    char *url = NULL;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    rc = dowel_s3_presign_url(&c, method, args, &url, err);
    dowel_s3_client_close(&c);
    int64_t end = (int64_t)time(NULL) + (int64_t)args->expires;
    if (!rc) rc = dowel_presign_result(url, method, args->headers, end, result, err);
    dowel_wipe(url);
    return rc;
}

static const dowel_field post_fields[] = {
    DOWEL_S3_BUCKET_FIELD(dowel_s3_presign_post_args),
    {DOWEL_AT(dowel_s3_presign_post_args, key), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,
     .doc = "Key of the object that the form creates, relative to the block's folder. It may end with ${filename}.",
     .example = "inbox/photo.jpg"},
    DOWEL_PRESIGN_EXPIRES_FIELD(dowel_s3_presign_post_args),
    {DOWEL_AT(dowel_s3_presign_post_args, fields), .kind = DOWEL_MAP,
     .doc = "Form fields, such as Content-Type, acl, success_action_status.", .example = "Content-Type=image/jpeg"},
    DOWEL_PRESIGN_CONDITIONS_FIELD(dowel_s3_presign_post_args),
    {DOWEL_GIVEN_AT(dowel_s3_presign_post_args)},
    {0}};

static int check_post(const void *data, dowel_error *err) {
    return dowel_presign_check_conditions(((const dowel_s3_presign_post_args *)data)->conditions, err);
}

static const dowel_table post_table = {"s3.presign_post", sizeof(dowel_s3_presign_post_args), post_fields, check_post};

static int run_presign_post(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_s3_presign_post_args *args = data;
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    rc = presign_form(&c, args, result, err);
    dowel_s3_client_close(&c);
    return rc;
}

DOWEL_S3_TASK(presign, "Creates a presigned URL: it grants access to one object until it expires.", presign_table,
              run_presign, "--bucket s3-bucket/reports --key report.json --expires 10m");
DOWEL_S3_TASK(presign_post, "Creates a presigned form: it lets its holder upload one object until it expires.",
              post_table, run_presign_post, "--bucket s3-bucket/reports --key inbox/report.json");
