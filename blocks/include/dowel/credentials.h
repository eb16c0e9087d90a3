/* dowel/credentials.h: credential blocks, and the tokens and signatures that they provide.
 *
 * A connector sets dowel_gcp_authorize() or dowel_aws_authorize() as `authorize` of its dowel_http_service. Any thread may call the functions
 * of this header. They return 0 or a negative dowel_code, and set outputs only on success. CREDENTIALS: the credentials are missing,
 * incomplete or refused. PERMISSION, UNAVAILABLE and other codes are the provider's. */
#ifndef DOWEL_CREDENTIALS_H
#define DOWEL_CREDENTIALS_H

#include <dowel/connector.h>
#include <dowel/http.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The connectors of the two clouds. dowel_open() includes them; a program that calls dowel_open_with() lists those that it uses. */
DOWEL_API extern const dowel_connector dowel_aws_connector, dowel_gcp_connector;

/* For dowel_http_service.names of services of these clouds: which headers and query parameters are secret, and which identify a request. */
DOWEL_API extern const dowel_http_names dowel_aws_names, dowel_gcp_names;

/* ---- a secret text ---- */

/* Block type "secret": one text, such as a password. A connector refers to it by a field of kind DOWEL_BLOCK with .blocks = "secret", and
 * reads it with dowel_block_data_as(block, &dowel_secret_type). */
typedef struct dowel_secret {
    const char *value;
} dowel_secret;

DOWEL_API extern const dowel_block_type dowel_secret_type;

/* ---- Google ---- */

/* Block type "gcp-credentials". Set at most one of service_account_info, service_account_file, token and anonymous. With none of them, the
 * Application Default Credentials are used (google.aip.dev/auth/4110): GOOGLE_APPLICATION_CREDENTIALS, the file of
 * `gcloud auth application-default login`, the metadata server. */
typedef struct dowel_gcp_credentials {
    json_t *service_account_info;     /* content of a credentials file, as an object or its text; secret */
    const char *service_account_file; /* path of a credentials file of any type that Google's libraries read */
    const char *token;                /* an access token, used as it is; secret */
    bool anonymous;                   /* send no credentials: stand-in servers, public data */
    const char *project;              /* project id; default: see dowel_gcp_project() */
    const char *quota_project;        /* project to bill and to charge quota to (X-Goog-User-Project) */
    const char *subject;              /* user to act for, with domain-wide delegation */
    const char *const *scopes;        /* OAuth scopes; default: https://www.googleapis.com/auth/cloud-platform */
    const char *token_uri;            /* token endpoint instead of the one in the credentials file */
} dowel_gcp_credentials;

DOWEL_API extern const dowel_block_type dowel_gcp_credentials_type;

/* For dowel_http_service.authorize: sets the headers Authorization and X-Goog-User-Project. `context` is a dowel_block * of type
 * gcp-credentials, or NULL for the Application Default Credentials. `again`: the server refused the last token. Fails with CREDENTIALS instead
 * of sending a token over plain http to another host. */
DOWEL_API int dowel_gcp_authorize(dowel *d, dowel_http_request *request, void *context, bool again, dowel_error *err);
/* Returns an access token. The handle caches tokens and renews them before they expire; `again` fetches a new one. The caller overwrites
 * *token and frees it. It is NULL for anonymous credentials. *expires (may be NULL): microseconds since the epoch; 0 if unknown. */
DOWEL_API int dowel_gcp_token(dowel *d, dowel_block *credentials, bool again, char **token, int64_t *expires,
                              dowel_error *err);
/* Returns an ID token for an audience, such as "https://my-service.run.app". The credentials must be a service account: its key, impersonation,
 * or the service account of this machine. Otherwise as dowel_gcp_token(). */
DOWEL_API int dowel_gcp_id_token(dowel *d, dowel_block *credentials, const char *audience, bool again, char **token,
                                 int64_t *expires, dowel_error *err);
/* Returns the project id, newly allocated. The first of: `given`; the block's `project`; GOOGLE_CLOUD_PROJECT; GCLOUD_PROJECT; the project of
 * the credentials (file, metadata server); the project of gcloud's active configuration. If the block names a credentials file, its project
 * comes before the environment. INVALID: none is known. */
DOWEL_API int dowel_gcp_project(dowel *d, dowel_block *credentials, const char *given, char **project,
                                dowel_error *err);
/* Signs `size` bytes with RSA and SHA-256 (PKCS #1 v1.5): with the private key of the service account, or with IAM's signBlob if there is no
 * private key. *email (the service account that signed) and *signature are newly allocated. `signature` NULL: nothing is signed; *email is the
 * account that would sign. CREDENTIALS: the credentials are not a service account. */
DOWEL_API int dowel_gcp_sign(dowel *d, dowel_block *credentials, const void *data, size_t size, char **email,
                             void **signature, size_t *signature_size, dowel_error *err);
/* For dowel_http_service.explain: sets code, reason, message and hint from the JSON error of a Google API (google.aip.dev/193) or of an OAuth
 * endpoint (RFC 6749, section 5.2). */
DOWEL_API void dowel_gcp_explain(const dowel_http_response *response, dowel_error *err);

/* ---- Amazon ---- */

/* Block type "aws-credentials". Without any field, credentials are looked for as Amazon's SDKs do (SDKs and Tools Reference Guide):
 * environment, selected profile, web identity of the environment, container, instance. */
typedef struct dowel_aws_credentials {
    const char *access_key_id;
    const char *secret_access_key; /* secret */
    const char *session_token;     /* secret */
    const char *profile;           /* of the shared credentials and config files */
    const char *region;
    const char *endpoint; /* for every service, unless a block that uses these credentials has its own */
    bool anonymous;       /* do not sign: for public buckets */
    const char
        *role_arn; /* role to assume, with the keys, profile or source; without them, with the default credentials */
    const char *role_session_name;
    const char *external_id;
    double role_duration; /* seconds; 0: the default of STS, an hour */
    const char
        *web_identity_token_file; /* assume the role with this token instead of keys; the file is read each time */
    dowel_block *source;          /* aws-credentials to assume the role with */
} dowel_aws_credentials;

DOWEL_API extern const dowel_block_type dowel_aws_credentials_type;

/* Access keys, ready to sign with. */
typedef struct dowel_aws_keys {
    char *access_key_id, *secret_access_key, *session_token; /* owned; session_token may be NULL */
    int64_t expires;                                         /* µs since the epoch; 0: never */
    bool anonymous;
    char *account_id; /* NULL if the source of the keys does not have it */
    char *origin;     /* for people: "profile \"work\"", "role ... assumed by ..." */
} dowel_aws_keys;

/* Returns keys from the handle's cache, or fetches them. Temporary keys are renewed before they expire, by one thread at a time. If a renewal
 * fails while the old keys are still valid, the call returns the old keys. `again`: the service refused the cached keys; fetch new ones. */
DOWEL_API int dowel_aws_get_keys(dowel *d, dowel_block *credentials, bool again, dowel_aws_keys *keys,
                                 dowel_error *err);
DOWEL_API void dowel_aws_keys_clear(dowel_aws_keys *keys); /* overwrites, frees and zeroes the members */

/* Finds the region. The first that is set wins: `given`, the block's, AWS_REGION, AWS_DEFAULT_REGION, the profile's, `otherwise`. Fails if
 * none is. Newly allocated. */
DOWEL_API int dowel_aws_region(dowel *d, dowel_block *credentials, const char *given, const char *otherwise,
                               char **region, dowel_error *err);
/* Finds the URL of a service ("s3", "lambda", "sts", "sso", "sso_oidc"). The first that is set wins: `given`, the block's endpoint,
 * AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's services section, the profile's endpoint_url; then Amazon's own endpoint for
 * the region's partition and the FIPS and dual-stack settings. *configured (may be NULL) is true if it is not Amazon's own. Newly allocated. */
DOWEL_API int dowel_aws_service_url(dowel *d, dowel_block *credentials, const char *service, const char *region,
                                    const char *given, char **url, bool *configured, dowel_error *err);

/* The context of dowel_aws_authorize. */
typedef struct dowel_aws_signing {
    dowel_block *credentials; /* NULL: the default chain */
    const char *region;
    const char *service;
} dowel_aws_signing;

/* dowel_http_service.authorize with `context` a dowel_aws_signing: adds a SigV4 Authorization header. For S3 the path is signed as it is
 * sent, and X-Amz-Content-Sha256 is set unless the request has it ("UNSIGNED-PAYLOAD"). */
DOWEL_API int dowel_aws_authorize(dowel *d, dowel_http_request *request, void *context, bool again, dowel_error *err);
/* dowel_http_service.reauthorize with the same context. The request is sent once more if renewable keys have expired, or if the service's
 * clock (its Date header) and this machine's differ; later signatures for that host use the service's clock. */
DOWEL_API bool dowel_aws_reauthorize(dowel *d, const dowel_http_request *request, const dowel_http_response *response,
                                     const dowel_error *err, void *context, bool *again);

/* dowel_http_service.attempts with the same context: AWS_MAX_ATTEMPTS, the profile's max_attempts, or the number that AWS_RETRY_MODE or the
 * profile's retry_mode stands for; 0 if none is set. */
DOWEL_API int dowel_aws_attempts(dowel *d, void *context);

/* Makes a presigned URL: it grants the request for `seconds`, to everyone who has it. The sender must add the request's headers unchanged.
 * Nothing is sent. *url is newly allocated, and a secret. */
DOWEL_API int dowel_aws_presign(dowel *d, dowel_http_request *request, const dowel_aws_signing *signing,
                                int64_t seconds, char **url, dowel_error *err);

/* The signer's part of a POST policy form, which a browser sends. */
typedef struct dowel_aws_form {
    char *credential; /* key id and scope: X-Amz-Credential */
    char date[20];
    int64_t time;              /* the same in seconds since the epoch */
    const char *session_token; /* NULL: none */
    dowel_aws_keys keys;
    char *region, *service;
} dowel_aws_form;
/* Fills the form, dated by the clock of the service at `url`. After success, end it with dowel_aws_form_clear. */
DOWEL_API int dowel_aws_form_begin(dowel *d, const dowel_aws_signing *signing, const char *url, dowel_aws_form *form,
                                   dowel_error *err);
/* Signs the policy, which is base64 text. */
DOWEL_API int dowel_aws_form_sign(const dowel_aws_form *form, const char *policy, char signature[65], dowel_error *err);
DOWEL_API void dowel_aws_form_clear(dowel_aws_form *form);

#ifdef __cplusplus
}
#endif
#endif
