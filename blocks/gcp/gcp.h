/* What the files about Google credentials share. */
#ifndef DOWEL_GCP_H
#define DOWEL_GCP_H

#include "gcloud_internal.h"

#include <dowel/credentials.h>
#include <stdatomic.h>

#define DOWEL_GCP_SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define DOWEL_GCP_IAM_SCOPE "https://www.googleapis.com/auth/iam"
#define DOWEL_GCP_TOKEN_URI "https://oauth2.googleapis.com/token"
#define DOWEL_GCP_UNIVERSE "googleapis.com"

typedef enum dowel_gcp_kind {
    DOWEL_GCP_ANONYMOUS,
    DOWEL_GCP_TOKEN,
    DOWEL_GCP_SERVICE_ACCOUNT,
    DOWEL_GCP_AUTHORIZED_USER,
    DOWEL_GCP_IMPERSONATED,     /* a service account that `source` acts as */
    DOWEL_GCP_EXTERNAL_ACCOUNT, /* workload or workforce identity federation */
    DOWEL_GCP_EXTERNAL_USER,    /* a workforce user who logged in */
    DOWEL_GCP_METADATA,         /* the service account of this machine */
} dowel_gcp_kind;

/* Where an external account's subject token comes from. */
typedef enum dowel_gcp_subject_kind {
    DOWEL_GCP_SUBJECT_FILE,
    DOWEL_GCP_SUBJECT_URL,
    DOWEL_GCP_SUBJECT_AWS,
    DOWEL_GCP_SUBJECT_EXECUTABLE,
} dowel_gcp_subject_kind;

/* Who calls: what a credentials file, a block or this machine comes down to. Immutable once it is made; counted. */
typedef struct dowel_gcp_identity {
    atomic_int references;
    dowel_gcp_kind kind;
    char *origin;                                           /* for messages: a path, or "service_account_info" */
    char *email, *private_key, *private_key_id;             /* service account */
    char *client_id, *client_secret, *refresh_token, *rapt; /* users; the client of a federation */
    char *token_uri, *token_info_uri;
    char *project, *quota_project;
    char *token;   /* an access token as it is */
    char *expiry;  /* of that token, as the file says it */
    char *scopes;  /* separated by spaces; NULL: none are asked for */
    char *subject; /* user to act for */
    char *universe;
    char *iam;                                          /* impersonated: its resource in IAM's API, without the verb */
    char *audience, *subject_token_type, *user_project; /* external account */
    char *acts_as;                       /* external account: the service account that it gets tokens of */
    dowel_gcp_subject_kind subject_kind; /* external account */
    json_t *credential_source;           /* external account */
    json_t *delegates;                   /* impersonated: array of accounts, or NULL */
    int64_t lifetime;                    /* impersonated: seconds; 0: an hour */
    struct dowel_gcp_identity *source;   /* impersonated: who acts */
    bool once;                           /* it came from a pipe, which cannot be read again */
    bool asks;                           /* the block names the token endpoint: it is asked */
    unsigned char digest[32];            /* of everything that decides which token this identity gets */
} dowel_gcp_identity;

/* ---- gcp_identity.c ---- */

dowel_gcp_identity *dowel_gcp_identity_new(dowel_gcp_kind kind, const char *origin); /* NULL: out of memory */
dowel_gcp_identity *dowel_gcp_identity_hold(dowel_gcp_identity *identity);
void dowel_gcp_identity_drop(dowel_gcp_identity *identity); /* NULL is allowed */
/* Replaces a text; NULL and "" change nothing. */
int dowel_gcp_set(char **out, const char *text, dowel_error *err);
/* Overwrites, then frees. NULL is allowed. */
void dowel_gcp_wipe(char *text);
/* Computes the digests of an identity and of those behind it: the last step of making one. */
int dowel_gcp_seal_identity(dowel_gcp_identity *identity, dowel_error *err);
bool dowel_gcp_default_universe(const dowel_gcp_identity *identity);
/* "a service account's key": for messages. */
const char *dowel_gcp_kind_name(dowel_gcp_kind kind);

/* ---- credentials files ---- */

/* From a parsed credentials file. The caller drops *identity. */
int dowel_gcp_parse(const json_t *document, const char *origin, dowel_gcp_identity **identity, dowel_error *err);
/* Reads and parses a credentials file. */
int dowel_gcp_read(const char *path, dowel_gcp_identity **identity, dowel_error *err);
/* Before a block with this path is saved: refuses a file that could never be used. One that is not here, as on another machine, may be saved. */
int dowel_gcp_check_file(dowel *d, const char *path, dowel_error *err);
/* A member that is text. Absent, null and "" leave *out NULL, and are an error when it is `required`. */
int dowel_gcp_take(const json_t *document, const char *member, bool required, const char *origin, char **out,
                   dowel_error *err);
/* Scopes as an array or as one text. */
int dowel_gcp_take_scopes(const json_t *document, dowel_gcp_identity *identity, dowel_error *err);
int dowel_gcp_bad_file(dowel_error *err, const char *origin, const char *format, ...) DOWEL_PRINTF(3, 4);
/* The types about other identities: gcp_external.c, gcp_impersonated.c. */
int dowel_gcp_parse_external_account(const json_t *document, const char *origin, dowel_gcp_identity **identity,
                                     dowel_error *err);
int dowel_gcp_parse_external_user(const json_t *document, const char *origin, dowel_gcp_identity **identity,
                                  dowel_error *err);
int dowel_gcp_parse_impersonated(const json_t *document, const char *origin, dowel_gcp_identity **identity,
                                 dowel_error *err);
/* Who acts becomes the source of an identity that acts as the account that the URL of generateAccessToken names. `source` is dropped on
 * failure. */
int dowel_gcp_act_as(const char *url, bool url_as_given, const json_t *document, dowel_gcp_identity *source,
                     dowel_gcp_identity **identity, dowel_error *err);

/* The field service_account_info as an object: a command line gives one, other programs store its text. New reference. */
int dowel_gcp_info_object(const json_t *info, json_t **object, dowel_error *err);

/* ---- finding out who calls ---- */

/* The identity of a block; NULL: Application Default Credentials. Found anew each time. */
int dowel_gcp_identify(dowel *d, dowel_block *credentials, dowel_gcp_identity **identity, dowel_error *err);
/* The same, kept with the block, or with the handle for the default. `again`: a file may have been replaced since. */
int dowel_gcp_known_identity(dowel *d, dowel_block *credentials, bool again, dowel_gcp_identity **identity,
                             dowel_error *err);

/* ---- tokens ---- */

/* One token that is asked for. */
typedef struct dowel_gcp_asking {
    const dowel_gcp_identity *identity;
    const char *audience;      /* of an ID token; NULL: an access token */
    const char *refresh_token; /* newer than the identity's; NULL: none */
    bool self_signed;          /* signed here instead of asked for */
    bool hurried;              /* the old token still holds: one short attempt */
} dowel_gcp_asking;

typedef struct dowel_gcp_answer {
    char *token;
    int64_t expires;     /* µs since the epoch */
    char *refresh_token; /* the one to use from now on; NULL: as before */
} dowel_gcp_answer;

/* Asks the provider. */
int dowel_gcp_request_token(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err);
int dowel_gcp_request_id_token(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err);
/* Through the cache. `refused`: the token that a service did not accept; it is replaced only if it is still the cached one. */
int dowel_gcp_cached_token(dowel *d, const dowel_gcp_asking *asking, const char *refused, bool again, char **token,
                           int64_t *expires, dowel_error *err);
/* dowel_http_service.authorize with an identity as context. */
int dowel_gcp_authorize_as(dowel *d, dowel_http_request *request, void *identity, bool again, dowel_error *err);

/* A request to an address as a credentials file gives it: path, slash at the end, query and all. */
dowel_http_request *dowel_gcp_request(const dowel_http_service *service, void *context, const char *method,
                                      const char *url);
/* A POST to a token endpoint; pairs without a value are left out. `client`: goes along as Basic authentication. */
int dowel_gcp_post_form(dowel *d, const char *url, const char *const pairs[][2], size_t count,
                        const dowel_gcp_identity *client, bool hurried, json_t **answer, dowel_error *err);
/* The token of an OAuth answer. */
int dowel_gcp_read_answer(const json_t *document, const char *member, dowel_gcp_answer *answer, dowel_error *err);
/* A JWT with these claims (borrowed), signed with the identity's key. */
int dowel_gcp_sign_jwt(const dowel_gcp_identity *identity, const json_t *claims, char **jwt, dowel_error *err);
/* µs since the epoch at which a JWT ends; 0: it does not say. */
int64_t dowel_gcp_jwt_expiry(const char *jwt);
/* Whether the keys of the identity, and of those behind it, can sign at all. */
int dowel_gcp_check_keys(const dowel_gcp_identity *identity, dowel_error *err);
/* Fails: the identity's private key cannot sign. */
int dowel_gcp_unusable_key(const dowel_gcp_identity *identity, dowel_error *err);

/* What an external account proves itself with at the token endpoint: gcp_subject*.c. */
int dowel_gcp_subject_token(dowel *d, const dowel_gcp_identity *identity, char **token, dowel_error *err);
int dowel_gcp_subject_from_aws(dowel *d, const dowel_gcp_identity *identity, char **token, dowel_error *err);
int dowel_gcp_subject_from_executable(dowel *d, const dowel_gcp_identity *identity, char **token, dowel_error *err);
/* A small GET for a subject token: its body as text, white space around it removed. */
int dowel_gcp_subject_get(dowel *d, const char *method, const char *url, const json_t *headers, char **text,
                          dowel_error *err);

/* Calls IAM's API as `caller` about the account `email`: "generateIdToken". `body` is stolen. */
int dowel_gcp_iam(dowel *d, const dowel_gcp_identity *caller, const dowel_gcp_identity *about, const char *verb,
                  json_t *body, bool hurried, json_t **answer, dowel_error *err);

/* ---- the metadata server ---- */

bool dowel_gcp_metadata_present(dowel *d);
/* *text: the answer to GET /computeMetadata/v1/PATH; a parameter without a value is left out. */
int dowel_gcp_metadata_get(dowel *d, const char *path, const char *const parameters[][2], size_t count, char **text,
                           dowel_error *err);
int dowel_gcp_metadata_token(dowel *d, const dowel_gcp_identity *identity, dowel_gcp_answer *answer, dowel_error *err);

/* The address of who it is: asked from the metadata server where nothing else says it. NULL: not known. Newly allocated. */
int dowel_gcp_email(dowel *d, const dowel_gcp_identity *identity, char **email, dowel_error *err);

/* check of the block type */
int dowel_gcp_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

#endif
