/* Google credentials: identities, credentials files, tokens. Private to this folder. */
#ifndef DOWEL_GCP_H
#define DOWEL_GCP_H

#include "gcloud_internal.h"

#include <dowel/credentials.h>
#include <dowel/text.h>
#include <stdatomic.h>

#define DOWEL_GCP_SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define DOWEL_GCP_IAM_SCOPE "https://www.googleapis.com/auth/iam"
#define DOWEL_GCP_TOKEN_URI "https://oauth2.googleapis.com/token"
#define DOWEL_GCP_UNIVERSE "googleapis.com"
#define DOWEL_GCP_TOKEN_LIFETIME 3600 /* seconds: what is asked for, and what is assumed if an answer does not say */

typedef enum dowel_gcp_kind {
    DOWEL_GCP_ANONYMOUS,
    DOWEL_GCP_TOKEN,
    DOWEL_GCP_SERVICE_ACCOUNT,
    DOWEL_GCP_AUTHORIZED_USER,
    DOWEL_GCP_IMPERSONATED,     /* a service account that `source` impersonates */
    DOWEL_GCP_EXTERNAL_ACCOUNT, /* workload or workforce identity federation */
    DOWEL_GCP_EXTERNAL_USER,    /* a logged-in workforce user */
    DOWEL_GCP_METADATA,         /* the service account of this machine */
} dowel_gcp_kind;

/* Where an external account's subject token comes from. */
typedef enum dowel_gcp_subject_kind {
    DOWEL_GCP_SUBJECT_FILE,
    DOWEL_GCP_SUBJECT_URL,
    DOWEL_GCP_SUBJECT_AWS,
    DOWEL_GCP_SUBJECT_EXECUTABLE,
} dowel_gcp_subject_kind;

/* The caller of Google's APIs, as read from a block, a credentials file or this machine. Reference counted, and immutable after
 * dowel_gcp_seal_identity(). */
typedef struct dowel_gcp_identity {
    atomic_int references;
    dowel_gcp_kind kind;
    char *origin;                                           /* for messages: a path, or "service_account_info" */
    char *email, *private_key, *private_key_id;             /* service account */
    char *client_id, *client_secret, *refresh_token, *rapt; /* user; client of a federation */
    char *token_uri, *token_info_uri;
    char *project, *quota_project;
    char *token;   /* an access token from the block or the file */
    char *expiry;  /* when that token expires, as the file has it */
    char *scopes;  /* separated by spaces; NULL: none are requested */
    char *subject; /* user to act for */
    char *universe;
    char *iam; /* impersonated: URL of the account in IAM's API, without verb */
    char *audience, *subject_token_type, *user_project; /* external account */
    char *acts_as;                       /* external account: the service account that its tokens are for */
    dowel_gcp_subject_kind subject_kind; /* external account */
    json_t *credential_source;           /* external account */
    json_t *delegates;                   /* impersonated: array of accounts, or NULL */
    int64_t lifetime;                    /* impersonated: seconds; 0: DOWEL_GCP_TOKEN_LIFETIME */
    struct dowel_gcp_identity *source;   /* impersonated: the identity that impersonates */
    bool once;                           /* read from a pipe, which cannot be read again */
    bool asks;                           /* the block sets token_uri, so that endpoint must be used */
    unsigned char digest[32];            /* of every member that decides which token this identity gets */
} dowel_gcp_identity;

/* ---- identity.c ---- */

dowel_gcp_identity *dowel_gcp_identity_new(dowel_gcp_kind kind, const char *origin); /* NULL: out of memory */
dowel_gcp_identity *dowel_gcp_identity_hold(dowel_gcp_identity *identity);
void dowel_gcp_identity_drop(dowel_gcp_identity *identity); /* NULL is allowed */
/* Replaces a text. NULL and "" leave it unchanged. */
int dowel_gcp_set(char **out, const char *text, dowel_error *err);
/* Computes the digests of an identity and its sources: the last step of making one. */
int dowel_gcp_seal_identity(dowel_gcp_identity *identity, dowel_error *err);
bool dowel_gcp_default_universe(const dowel_gcp_identity *identity);
/* For messages: "service account". */
const char *dowel_gcp_kind_name(dowel_gcp_kind kind);

/* ---- member.c: members of a credentials file ---- */

/* Copies a member that is text. If it is absent, null or "", *out stays NULL, which is an error if it is `required`. */
int dowel_gcp_take(const json_t *document, const char *member, bool required, const char *origin, char **out,
                   dowel_error *err);
/* Copies "scopes": an array or one text. */
int dowel_gcp_take_scopes(const json_t *document, dowel_gcp_identity *identity, dowel_error *err);
/* Fails with CREDENTIALS: the file at `origin` is wrong. */
int dowel_gcp_bad_file(dowel_error *err, const char *origin, const char *format, ...) DOWEL_PRINTF(3, 4);

/* ---- file.c, external.c, impersonated.c: credentials files ---- */

/* Makes an identity from a parsed credentials file. The caller drops *identity. */
int dowel_gcp_parse(const json_t *document, const char *origin, dowel_gcp_identity **identity, dowel_error *err);
/* Reads and parses a credentials file. */
int dowel_gcp_read(const char *path, dowel_gcp_identity **identity, dowel_error *err);
/* Refuses a file that could never be used, before a block with its path is saved. A file that does not exist here, but may on another
 * machine, is accepted with a warning. */
int dowel_gcp_check_file(dowel *d, const char *path, dowel_error *err);
/* The field service_account_info as an object: the command line stores an object, other programs its text. New reference. */
int dowel_gcp_info_object(const json_t *info, json_t **object, dowel_error *err);
/* On failure, the parsers below may leave an incomplete identity in *identity, which the caller drops. */
int dowel_gcp_parse_external_account(const json_t *document, const char *origin, dowel_gcp_identity **identity,
                                     dowel_error *err);
int dowel_gcp_parse_external_user(const json_t *document, const char *origin, dowel_gcp_identity **identity,
                                  dowel_error *err);
int dowel_gcp_parse_impersonated(const json_t *document, const char *origin, dowel_gcp_identity **identity,
                                 dowel_error *err);
/* Makes an identity that impersonates the account in `url` (".../ACCOUNT:generateAccessToken"), with `source` as the caller. Takes the
 * reference to `source`, also on failure. `url_as_given`: the URL is used as it is, not only its account. */
int dowel_gcp_act_as(const char *url, bool url_as_given, const json_t *document, dowel_gcp_identity *source,
                     dowel_gcp_identity **identity, dowel_error *err);

/* ---- gcloud.c ---- */

/* The project of gcloud's active configuration. Newly allocated; NULL: none. */
char *dowel_gcp_gcloud_project(void);

/* ---- default.c, token.c: which identity, which token ---- */

/* Finds the identity of a block, or for NULL the Application Default Credentials. Not cached. */
int dowel_gcp_identify(dowel *d, dowel_block *credentials, dowel_gcp_identity **identity, dowel_error *err);
/* The same, cached in the block, or in the handle for NULL. `again`: read it again, because the file may have been replaced. */
int dowel_gcp_known_identity(dowel *d, dowel_block *credentials, bool again, dowel_gcp_identity **identity,
                             dowel_error *err);

/* A token to request. */
typedef struct dowel_gcp_asking {
    const dowel_gcp_identity *identity;
    const char *audience;      /* of an ID token; NULL: an access token */
    const char *refresh_token; /* a newer one than the identity's; NULL: none */
    bool self_signed;          /* the private key signs it, no request is made */
    bool hurried;              /* the old token is still valid: one short attempt */
} dowel_gcp_asking;

typedef struct dowel_gcp_answer {
    char *token;
    int64_t expires;     /* microseconds since the epoch */
    char *refresh_token; /* replaces the one that was used; NULL: unchanged */
} dowel_gcp_answer;

/* Returns a token from the handle's cache or requests one. `again`: a service refused `refused` (may be NULL); it is replaced only if it is
 * still the cached token. */
int dowel_gcp_cached_token(dowel *d, const dowel_gcp_asking *asking, const char *refused, bool again, char **token,
                           int64_t *expires, dowel_error *err);
/* dowel_http_service.authorize with an identity as context. */
int dowel_gcp_authorize_as(dowel *d, dowel_http_request *request, void *identity, bool again, dowel_error *err);

/* ---- request.c: requests a token from the provider ---- */

int dowel_gcp_request_token(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err);
int dowel_gcp_request_id_token(dowel *d, const dowel_gcp_asking *asking, dowel_gcp_answer *answer, dowel_error *err);

/* ---- endpoint.c ---- */

/* Posts a form to a token endpoint. Pairs with a NULL value are left out. `client` (may be NULL): sent as HTTP Basic authentication. */
int dowel_gcp_post_form(dowel *d, const char *url, const char *const pairs[][2], size_t count,
                        const dowel_gcp_identity *client, bool hurried, json_t **answer, dowel_error *err);
/* Takes the token out of an OAuth answer and overwrites it there. */
int dowel_gcp_read_answer(const json_t *document, const char *member, dowel_gcp_answer *answer, dowel_error *err);
/* The service that a credential source is, for its requests. */
#define DOWEL_GCP_SOURCE_TIMEOUT 20 /* seconds */
extern const dowel_http_service dowel_gcp_source;
/* Requests a subject token. *text: the body, without surrounding white space; newly allocated. */
int dowel_gcp_subject_get(dowel *d, const char *url, const json_t *headers, char **text, dowel_error *err);

/* ---- private_key.c, jwt.c ---- */

/* Checks that the private keys of an identity and its sources can sign. */
int dowel_gcp_check_keys(const dowel_gcp_identity *identity, dowel_error *err);
/* Signs with RSA and SHA-256. *signature: newly allocated. */
int dowel_gcp_sign_with_key(const dowel_gcp_identity *identity, const void *data, size_t size, void **signature,
                            size_t *signature_size, dowel_error *err);
/* Fails with CREDENTIALS: the private key cannot sign. */
int dowel_gcp_unusable_key(const dowel_gcp_identity *identity, dowel_error *err);
/* Makes a JWT with these claims, signed with RS256. */
int dowel_gcp_sign_jwt(const dowel_gcp_identity *identity, const json_t *claims, char **jwt, dowel_error *err);
/* When a JWT expires, in microseconds since the epoch; 0: it does not say. The signature is not checked. */
int64_t dowel_gcp_jwt_expiry(const char *jwt);

/* ---- subject.c, subject_aws.c, subject_executable.c: subject tokens of external accounts ---- */

int dowel_gcp_subject_token(dowel *d, const dowel_gcp_identity *identity, char **token, dowel_error *err);
int dowel_gcp_subject_from_aws(dowel *d, const dowel_gcp_identity *identity, char **token, dowel_error *err);
int dowel_gcp_subject_from_executable(dowel *d, const dowel_gcp_identity *identity, char **token, dowel_error *err);

/* ---- iam.c, metadata.c ---- */

/* Calls a method of IAM's Service Account Credentials API, such as "generateIdToken", as `caller` for the account of `about`. Takes the
 * reference to `body`; NULL counts as out of memory. */
int dowel_gcp_iam(dowel *d, const dowel_gcp_identity *caller, const dowel_gcp_identity *about, const char *verb,
                  json_t *body, bool hurried, json_t **answer, dowel_error *err);

bool dowel_gcp_metadata_present(dowel *d);
/* GET /computeMetadata/v1/PATH. Parameters with a NULL value are left out. *text: the answer, newly allocated. */
int dowel_gcp_metadata_get(dowel *d, const char *path, const char *const parameters[][2], size_t count, char **text,
                           dowel_error *err);
int dowel_gcp_metadata_token(dowel *d, const dowel_gcp_identity *identity, dowel_gcp_answer *answer, dowel_error *err);
/* The identity's e-mail address, if necessary from the metadata server. Newly allocated; NULL: it has none. */
int dowel_gcp_email(dowel *d, const dowel_gcp_identity *identity, char **email, dowel_error *err);

/* ---- check.c ---- */

/* `check` of the block type. */
int dowel_gcp_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

#endif
