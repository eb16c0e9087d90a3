/* Signed URLs and forms: they let a holder without credentials act until they expire. */
#include "sign.h"

#include "client.h"
#include "tasks.h"

#include <dowel/buckets.h>
#include <dowel/text.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- signing ---- */

/* The signer's email address is part of the signed text, so it is needed first. */
static int signer(const dowel_gcs_client *c, char **email, dowel_error *err) {
    return dowel_gcp_sign(c->d, c->credentials, NULL, 0, email, NULL, NULL, err);
}

/* The signature in hexadecimal; newly allocated. */
static int sign(const dowel_gcs_client *c, const char *text, char **hex, dowel_error *err) {
    char *email = NULL;
    void *signature = NULL;
    size_t size = 0;
    int rc = dowel_gcp_sign(c->d, c->credentials, text, strlen(text), &email, &signature, &size, err);
    *hex = rc ? NULL : dowel_hex(signature, size);
    if (!rc && !*hex) rc = dowel_no_memory(err);
    if (!rc) dowel_wipe_bytes(signature, size);
    free(email);
    return rc;
}

/* Fills in signer, address and lifetime; `owned` receives what the caller frees with release(). */
static int prepare(const dowel_gcs_client *c, const char *name, const char *host, double expires,
                   dowel_gcs_signing *signing, char *owned[3], dowel_error *err) {
    owned[0] = owned[1] = owned[2] = NULL;
    signing->bucket = c->bucket->bucket;
    signing->endpoint = c->base;
    signing->time = (int64_t)time(NULL);
    int rc = dowel_presign_lifetime(expires, &signing->seconds, err);
    if (rc) return rc;
    if (signing->style == DOWEL_GCS_BUCKET_BOUND) {
        size_t size = strlen(host) + sizeof "https://";
        if (!(owned[0] = malloc(size))) return dowel_no_memory(err);
        snprintf(owned[0], size, "%s%s", strstr(host, "://") ? "" : "https://", host);
        signing->endpoint = owned[0];
    }
    if (name && !(owned[1] = dowel_gcs_full_name(c, name))) return dowel_no_memory(err);
    signing->object = owned[1];
    rc = signer(c, &owned[2], err);
    signing->email = owned[2];
    return rc;
}

static void release(char *owned[3]) {
    for (int i = 0; i < 3; i++) free(owned[i]);
}

static bool has_pair(const dowel_pair *pairs, const char *name) {
    for (; pairs && pairs->name; pairs++)
        if (!dowel_casecmp(pairs->name, name)) return true;
    return false;
}

/* The query with the billing project, which a holder of the URL cannot add. Newly allocated. */
static int with_payer(const dowel_gcs_client *c, const dowel_pair *query, dowel_pair **all, dowel_error *err) {
    size_t count = 0;
    while (query && query[count].name) count++;
    *all = calloc(count + 2, sizeof **all);
    if (!*all) return dowel_no_memory(err);
    if (count) memcpy(*all, query, count * sizeof **all);
    if (c->bucket->user_project && !has_pair(query, "userProject"))
        (*all)[count] = (dowel_pair){"userProject", c->bucket->user_project};
    return 0;
}

/* The service refuses a URL that does not sign the headers of the encryption key. */
static int check_key(const dowel_gcs_client *c, const dowel_gcs_signing *signing, dowel_error *err) {
    static const char header[] = "x-goog-encryption-key";
    if (!c->bucket->encryption_key || has_pair(signing->headers, header)) return 0;
    dowel_fail(err, DOWEL_E_INVALID, "bucket %s: a signed URL cannot contain the customer-supplied encryption key",
               c->bucket->bucket);
    dowel_error_hint(
        err, "sign the headers with gcs.presign --headers %s=... and the other two; the client must send them", header);
    return DOWEL_E_INVALID;
}

int dowel_gcs_presigned(dowel_gcs_client *c, const char *name, const char *host, double expires,
                        dowel_gcs_signing *signing, char **url, dowel_error *err) {
    char *owned[3] = {NULL}, *hex = NULL;
    dowel_gcs_signable signable = {0};
    dowel_pair *query = NULL;
    *url = NULL;
    int rc = check_key(c, signing, err);
    if (!rc) rc = with_payer(c, signing->query, &query, err);
    signing->query = query;
    if (!rc) rc = prepare(c, name, host, expires, signing, owned, err);
    if (!rc) rc = dowel_gcs_sign_url(signing, &signable, err);
    if (!rc) rc = sign(c, signable.text, &hex, err);
    dowel_text text = {0};
    if (!rc) {
        dowel_text_format(&text, "%s&X-Goog-Signature=%s", signable.url, hex);
        *url = dowel_text_take(&text, err);
        rc = *url ? 0 : DOWEL_E_NO_MEMORY;
    }
    dowel_wipe(hex);
    dowel_gcs_signable_clear(&signable);
    release(owned);
    signing->query = NULL;
    free(query);
    return rc;
}

/* ---- fields of both tasks ---- */

static const char *const styles[] = {"path", "virtual-hosted", "bucket-bound", NULL};

#define STYLE(type)                                                                                                    \
    {                                                                                                                  \
        DOWEL_AT(type, style),                                                                                         \
            .kind = DOWEL_ENUM, .values = styles,                                                                      \
            .doc = "Position of the bucket in the URL: in the path, in the host name, or in neither."                  \
    }
#define HOST(type)                                                                                                     \
    {                                                                                                                  \
        DOWEL_AT(type, host), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,                                            \
                              .doc = "Host name that serves the bucket, for the style bucket-bound.",                  \
                              .example = "downloads.example.com"                                                       \
    }

static int check_host(int style, const char *host, dowel_error *err) {
    if (style == DOWEL_GCS_BUCKET_BOUND && !host)
        return dowel_fail(err, DOWEL_E_INVALID, "field \"host\" is required for the style bucket-bound");
    if (style != DOWEL_GCS_BUCKET_BOUND && host)
        return dowel_fail(err, DOWEL_E_INVALID, "field \"host\" is for the style bucket-bound only");
    return 0;
}

static void format_end(const dowel_gcs_signing *signing, char text[DOWEL_TIME_TEXT_SIZE]) {
    dowel_format_time((signing->time + signing->seconds) * 1000000, text);
}

/* ---- URLs ---- */

static const char *const methods[] = {"GET", "PUT", "DELETE", "HEAD", "RESUMABLE", NULL};

static const dowel_field presign_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_presign_args),
    {DOWEL_AT(dowel_gcs_presign_args, name), .kind = DOWEL_STRING, .flags = DOWEL_SUBJECT,
     .doc = "Object name, relative to the block's folder. Default: the bucket itself.", .example = "airports.csv"},
    {DOWEL_AT(dowel_gcs_presign_args, method), .kind = DOWEL_ENUM, .values = methods,
     .doc = "Method that the URL allows. RESUMABLE is the POST that starts a resumable upload."},
    DOWEL_PRESIGN_EXPIRES_FIELD(dowel_gcs_presign_args),
    STYLE(dowel_gcs_presign_args),
    HOST(dowel_gcs_presign_args),
    DOWEL_PRESIGN_HEADERS_FIELD(dowel_gcs_presign_args),
    DOWEL_PRESIGN_QUERY_FIELD(dowel_gcs_presign_args),
    {DOWEL_GIVEN_AT(dowel_gcs_presign_args)},
    {0}};

static int check_presign(const void *data, dowel_error *err) {
    const dowel_gcs_presign_args *args = data;
    for (const dowel_pair *pair = args->query; pair && pair->name; pair++)
        if (!dowel_ncasecmp(pair->name, "x-goog-signature", 17) || !dowel_casecmp(pair->name, "x-goog-signedheaders"))
            return dowel_fail(err, DOWEL_E_INVALID, "field \"query.%s\": set by dowel, cannot be given", pair->name);
    return check_host(args->style, args->host, err);
}

static const dowel_table presign_table = {"gcs.presign", sizeof(dowel_gcs_presign_args), presign_fields, check_presign};

/* The caller's headers, plus the header that starts a resumable upload. Newly allocated. */
static dowel_pair *headers_of(const dowel_gcs_presign_args *args, bool resumable) {
    size_t count = 0;
    while (args->headers && args->headers[count].name) count++;
    dowel_pair *all = calloc(count + 2, sizeof *all);
    if (!all) return NULL;
    bool named = false;
    for (size_t i = 0; i < count; i++) {
        all[i] = args->headers[i];
        named |= !dowel_casecmp(all[i].name, "x-goog-resumable");
    }
    if (resumable && !named) all[count] = (dowel_pair){"x-goog-resumable", "start"};
    return all;
}

static int run_presign(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_presign_args *args = data;
    bool resumable = !strcmp(methods[args->method], "RESUMABLE");
    dowel_gcs_client c;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    dowel_pair *headers = headers_of(args, resumable);
    if (!headers) return dowel_no_memory(err);
    dowel_gcs_signing signing = {.style = (dowel_gcs_url_style)args->style,
                                 .method = resumable ? "POST" : methods[args->method],
                                 .headers = headers,
                                 .query = args->query};
    char *url;
    rc = dowel_gcs_presigned(&c, args->name, args->host, args->expires, &signing, &url, err);
    if (!rc) rc = dowel_presign_result(url, signing.method, headers, signing.time + signing.seconds, result, err);
    dowel_wipe(url);
    free(headers);
    return rc;
}

const dowel_task dowel_gcs_task_presign = {.size = sizeof(dowel_task),
                                           .name = "gcs.presign",
                                           .doc =
                                               "Creates a signed URL: it grants access to one object until it expires.",
                                           .args = &presign_table,
                                           .run = run_presign,
                                           .example = "--bucket gcs-bucket/landing --name airports.csv --expires 15m"};

/* ---- forms ---- */

static const dowel_field post_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_presign_post_args),
    {DOWEL_AT(dowel_gcs_presign_post_args, name), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,
     .doc = "Name of the object that the form creates, relative to the block's folder.", .example = "inbox/photo.jpg"},
    DOWEL_PRESIGN_EXPIRES_FIELD(dowel_gcs_presign_post_args),
    STYLE(dowel_gcs_presign_post_args),
    HOST(dowel_gcs_presign_post_args),
    {DOWEL_AT(dowel_gcs_presign_post_args, fields), .kind = DOWEL_MAP,
     .doc = "Form fields, such as content-type, cache-control, acl, success_action_status.",
     .example = "content-type=image/jpeg"},
    DOWEL_PRESIGN_CONDITIONS_FIELD(dowel_gcs_presign_post_args),
    {DOWEL_GIVEN_AT(dowel_gcs_presign_post_args)},
    {0}};

static int check_post(const void *data, dowel_error *err) {
    const dowel_gcs_presign_post_args *args = data;
    int rc = dowel_presign_check_conditions(args->conditions, err);
    return rc ? rc : check_host(args->style, args->host, err);
}

static const dowel_table post_table = {"gcs.presign_post", sizeof(dowel_gcs_presign_post_args), post_fields,
                                       check_post};

static int run_presign_post(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_presign_post_args *args = data;
    dowel_gcs_client c;
    dowel_gcs_signing signing = {
        .style = (dowel_gcs_url_style)args->style, .fields = args->fields, .conditions = args->conditions};
    dowel_gcs_signable signable = {0};
    char *owned[3] = {NULL}, *hex = NULL, end[DOWEL_TIME_TEXT_SIZE];
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (!rc) rc = prepare(&c, args->name, args->host, args->expires, &signing, owned, err);
    if (!rc) rc = dowel_gcs_sign_policy(&signing, &signable, err);
    if (!rc) rc = sign(&c, signable.text, &hex, err);
    if (!rc) {
        format_end(&signing, end);
        if (!json_object_set_new(signable.fields, "x-goog-signature", json_string(hex)))
            *result = json_pack("{s:s,s:O,s:s}", "url", signable.url, "fields", signable.fields, "expires", end);
        if (!*result) rc = dowel_no_memory(err);
    }
    dowel_wipe(hex);
    dowel_gcs_signable_clear(&signable);
    release(owned);
    return rc;
}

const dowel_task dowel_gcs_task_presign_post = {
    .size = sizeof(dowel_task),
    .name = "gcs.presign_post",
    .doc = "Creates a signed form: it lets its holder upload one object until it expires.",
    .args = &post_table,
    .run = run_presign_post,
    .example = "--bucket gcs-bucket/landing --name inbox/photo.jpg --fields content-type=image/jpeg"};
