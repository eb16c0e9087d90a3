/* dowel/credentials.h: credential blocks and what they can do.
 *
 * Connectors hand `dowel_gcp_authorize` or `dowel_aws_authorize` to their dowel_http_service. */
#ifndef DOWEL_CREDENTIALS_H
#define DOWEL_CREDENTIALS_H

#include <dowel/connector.h>
#include <dowel/http.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The descriptors of the two clouds. dowel_open has them; a program that calls dowel_open_with names those that it uses. */
DOWEL_API extern const dowel_connector dowel_aws_connector, dowel_gcp_connector;

/* What every dowel_http_service of one of these clouds names as its `names`: secrets are masked, request ids are found. */
DOWEL_API extern const dowel_http_names dowel_aws_names, dowel_gcp_names;

/* ---- a secret text ---- */

/* Block type "secret". A connector's own block names one in a field of kind DOWEL_BLOCK with .blocks = "secret", and reads it with
 * dowel_block_data_as(block, &dowel_secret_type). */
typedef struct dowel_secret {
    const char *value;
} dowel_secret;

DOWEL_API extern const dowel_block_type dowel_secret_type;

/* ---- Google ---- */

/* Block type "gcp-credentials". With no field: what Google's libraries would find (Application Default Credentials, AIP-4110). */
typedef struct dowel_gcp_credentials {
    json_t *service_account_info;     /* a credentials file's content (secret) */
    const char *service_account_file; /* path of a credentials file of any type that Google's libraries read */
    const char *token;                /* an access token as it is (secret) */
    bool anonymous;                   /* send none: for stand-in servers and public data */
    const char *project;              /* project id; found in the file or the environment when not set */
    const char *quota_project;        /* whom to bill: X-Goog-User-Project */
    const char *subject;              /* user to act for (domain-wide delegation) */
    const char *const *scopes;        /* default: https://www.googleapis.com/auth/cloud-platform */
    const char *token_uri;            /* overrides the file's token endpoint */
} dowel_gcp_credentials;

DOWEL_API extern const dowel_block_type dowel_gcp_credentials_type;

/* dowel_http_service.authorize with `context` a dowel_block * of gcp-credentials, or NULL for the default credentials. Sets
 * Authorization and X-Goog-User-Project. Never sends a token over plain http to a host that is not loopback. */
DOWEL_API int dowel_gcp_authorize(dowel *d, dowel_http_request *request, void *context, bool again, dowel_error *err);
/* An access token, from the cache or new. Newly allocated: overwrite it before free(). *expires (may be NULL): µs since the
 * epoch, 0 unknown. *token is NULL for anonymous credentials. */
DOWEL_API int dowel_gcp_token(dowel *d, dowel_block *credentials, bool again, char **token, int64_t *expires,
                              dowel_error *err);
/* An ID token for an audience, such as "https://my-service.run.app": of a service account by its key, by impersonation, or of this
 * machine. From the same cache. Newly allocated: overwrite it before free(). */
DOWEL_API int dowel_gcp_id_token(dowel *d, dowel_block *credentials, const char *audience, bool again, char **token,
                                 int64_t *expires, dowel_error *err);
/* The project to use: `given` when not NULL, the block's, GOOGLE_CLOUD_PROJECT, GCLOUD_PROJECT, the credentials file's or the metadata
 * server's, gcloud's configuration, or an error that says how to set it. A file that the block names comes before the environment. Newly
 * allocated. */
DOWEL_API int dowel_gcp_project(dowel *d, dowel_block *credentials, const char *given, char **project,
                                dowel_error *err);
/* Signs bytes (RSA SHA-256) as the identity of the credentials: with its private key, or through IAM's signBlob where there is none. *email (who
 * signed) and *signature are newly allocated. `signature` NULL: nothing is signed, and *email is who would. */
DOWEL_API int dowel_gcp_sign(dowel *d, dowel_block *credentials, const void *data, size_t size, char **email,
                             void **signature, size_t *signature_size, dowel_error *err);
/* Fills code, reason and message from Google's JSON error shape (AIP-193): for dowel_http_service.explain. */
DOWEL_API void dowel_gcp_explain(const dowel_http_response *response, dowel_error *err);

/* ---- Amazon ---- */

/* Block type "aws-credentials". With no field: what Amazon's SDKs would find (SDKs and Tools reference guide): the environment, the selected
 * profile, web identity of the environment, the container, the instance. */
typedef struct dowel_aws_credentials {
    const char *access_key_id;
    const char *secret_access_key; /* secret */
    const char *session_token;     /* secret */
    const char *profile;           /* of the shared credentials and config files */
    const char *region;
    const char *endpoint; /* for every service, unless a block that uses these credentials has its own */
    bool anonymous;       /* do not sign: public buckets */
    const char *
        role_arn; /* assume this role with the keys, the profile or the source; with no such field: with what SDKs would find */
    const char *role_session_name;
    const char *external_id;
    double role_duration;                /* seconds; 0: as STS has it, an hour */
    const char *web_identity_token_file; /* assume the role with this token, read anew each time, in place of keys */
    dowel_block *source;                 /* aws-credentials that assume the role */
} dowel_aws_credentials;

DOWEL_API extern const dowel_block_type dowel_aws_credentials_type;

/* Keys as they are used. */
typedef struct dowel_aws_keys {
    char *access_key_id, *secret_access_key, *session_token; /* owned; session_token may be NULL */
    int64_t expires;                                         /* µs since the epoch; 0: never */
    bool anonymous;
    char *account_id; /* where the source of the keys says it; else NULL */
    char *origin;     /* where they were found, for people: "profile \"work\"", "role ... assumed by ..." */
} dowel_aws_keys;

/* Keys from the cache or new. What expires is kept in the handle and renewed ahead of its end by one thread at a time; a renewal that fails
 * while the old keys hold is no failure. `again`: what is kept was refused. */
DOWEL_API int dowel_aws_get_keys(dowel *d, dowel_block *credentials, bool again, dowel_aws_keys *keys,
                                 dowel_error *err);
DOWEL_API void dowel_aws_keys_clear(dowel_aws_keys *keys); /* cleanses, frees, zeroes */

/* The region: `given` when not NULL, the block's, AWS_REGION, AWS_DEFAULT_REGION, the profile's, `otherwise`; an error when none. Newly
 * allocated. */
DOWEL_API int dowel_aws_region(dowel *d, dowel_block *credentials, const char *given, const char *otherwise,
                               char **region, dowel_error *err);
/* The address of a service ("s3", "lambda", "sts", "sso", "sso_oidc") for requests: what was configured for it, which is `given`, the
 * block's endpoint, AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's services section, the profile's endpoint_url; else Amazon's
 * own in the region, as its partition, FIPS and dual-stack settings have it. *configured (may be NULL): it is not Amazon's own. Newly
 * allocated. */
DOWEL_API int dowel_aws_service_url(dowel *d, dowel_block *credentials, const char *service, const char *region,
                                    const char *given, char **url, bool *configured, dowel_error *err);

/* The context of dowel_aws_authorize. */
typedef struct dowel_aws_signing {
    dowel_block *credentials; /* NULL: the default chain */
    const char *region;
    const char *service;
} dowel_aws_signing;

/* Signs with SigV4 (Authorization header). S3: double encoding off, path not normalised, X-Amz-Content-Sha256 set (the request's own value of
 * that header wins: "UNSIGNED-PAYLOAD"). */
DOWEL_API int dowel_aws_authorize(dowel *d, dowel_http_request *request, void *context, bool again, dowel_error *err);
/* dowel_http_service.reauthorize beside it: once more when keys that can be renewed have expired, and when the service's clock (its Date) and
 * this machine's differ, which later signatures for that host take into account. */
DOWEL_API bool dowel_aws_reauthorize(dowel *d, const dowel_http_request *request, const dowel_http_response *response,
                                     const dowel_error *err, void *context, bool *again);

/* dowel_http_service.attempts with a dowel_aws_signing as context: AWS_MAX_ATTEMPTS or the profile's max_attempts, else what AWS_RETRY_MODE or
 * the profile's retry_mode stands for; 0 where nobody says. */
DOWEL_API int dowel_aws_attempts(dowel *d, void *context);

/* A URL by which its holder may do, for so many seconds, what the request says; its headers are to be sent along as they are. Never sent by
 * us. Newly allocated, and a secret. */
DOWEL_API int dowel_aws_presign(dowel *d, dowel_http_request *request, const dowel_aws_signing *signing,
                                int64_t seconds, char **url, dowel_error *err);

/* What a signed form (a POST from a browser) says of who signed it. */
typedef struct dowel_aws_form {
    char *credential; /* key id and scope */
    char date[20];
    int64_t time;              /* the same in seconds since the epoch */
    const char *session_token; /* NULL: none */
    dowel_aws_keys keys;
    char *region, *service;
} dowel_aws_form;
/* Dated by the clock of the service at `url`. The caller ends it with dowel_aws_form_clear after success. */
DOWEL_API int dowel_aws_form_begin(dowel *d, const dowel_aws_signing *signing, const char *url, dowel_aws_form *form,
                                   dowel_error *err);
/* Of the policy in base64. */
DOWEL_API int dowel_aws_form_sign(const dowel_aws_form *form, const char *policy, char signature[65], dowel_error *err);
DOWEL_API void dowel_aws_form_clear(dowel_aws_form *form);

#ifdef __cplusplus
}
#endif
#endif
