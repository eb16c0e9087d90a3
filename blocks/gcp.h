/* What the files about Google credentials share. */
#ifndef DOWEL_GCP_H
#define DOWEL_GCP_H

#include <dowel/credentials.h>

#define DOWEL_GCP_SCOPE "https://www.googleapis.com/auth/cloud-platform"

typedef enum dowel_gcp_kind {
    DOWEL_GCP_ANONYMOUS,
    DOWEL_GCP_TOKEN,
    DOWEL_GCP_SERVICE_ACCOUNT,
    DOWEL_GCP_AUTHORIZED_USER,
} dowel_gcp_kind;

/* Who calls: what a credentials file or a block comes down to. */
typedef struct dowel_gcp_identity {
    dowel_gcp_kind kind;
    char *origin;                                    /* for messages: a path, or "service_account_info" */
    char *email, *private_key, *private_key_id;      /* service account */
    char *client_id, *client_secret, *refresh_token; /* authorized user */
    char *token_uri, *project, *quota_project;
    char *token;              /* an access token as it is */
    char *scopes, *subject;   /* scopes separated by spaces */
    unsigned char digest[32]; /* of everything that decides which token this identity gets */
} dowel_gcp_identity;

void dowel_gcp_identity_clear(dowel_gcp_identity *identity);

/* Fills from a parsed credentials file. */
int dowel_gcp_parse(const json_t *document, const char *origin, dowel_gcp_identity *identity, dowel_error *err);
/* Reads and parses a credentials file. */
int dowel_gcp_read(const char *path, dowel_gcp_identity *identity, dowel_error *err);

/* The identity of a block; NULL: Application Default Credentials. Read anew each time. */
int dowel_gcp_identify(dowel_block *credentials, dowel_gcp_identity *identity, dowel_error *err);

/* Asks the identity's token endpoint. *expires: µs since the epoch. */
int dowel_gcp_request_token(dowel *d, const dowel_gcp_identity *identity, char **token, int64_t *expires,
                            dowel_error *err);

/* A copy of the cached identity of the block, or of the default. */
int dowel_gcp_known_identity(dowel *d, dowel_block *credentials, dowel_gcp_identity *identity, dowel_error *err);

/* The same as dowel_gcp_token for callers who know which token was refused: it is replaced only if it is still the cached one. */
int dowel_gcp_token_after(dowel *d, dowel_block *credentials, const char *refused, bool again, char **token,
                          int64_t *expires, char **quota_project, dowel_error *err);

/* RSA SHA-256 with the identity's own key. *signature is newly allocated. */
int dowel_gcp_sign_with_key(const dowel_gcp_identity *identity, const void *data, size_t size, void **signature,
                            size_t *signature_size, dowel_error *err);

/* check of the block type */
int dowel_gcp_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

/* https, or http to this machine: where secrets may be sent. */
bool dowel_gcp_safe_url(const char *url);

#endif
