/* AWS Signature Version 4 (IAM User Guide, "AWS Signature Version 4 for API requests"). */
#ifndef DOWEL_AWS_SIGV4_H
#define DOWEL_AWS_SIGV4_H

#include <dowel/http.h>

typedef struct dowel_sigv4_request {
    const char *method;
    const char *path;            /* as on the wire, without the query; starts with / */
    const char *query;           /* as on the wire, without ?; "" when there is none */
    const dowel_header *headers; /* ended by {NULL, NULL}; with Host; in order; names may repeat */
    const char *payload_hash;    /* hex SHA-256, or UNSIGNED-PAYLOAD */
    const char *access_key_id, *secret_access_key, *session_token; /* the last may be NULL */
    const char *region, *service;
    int64_t time;             /* seconds since the epoch */
    bool s3;                  /* the path is signed as it is: neither normalised nor encoded again */
    bool normalize;           /* remove dot segments and double slashes from the path (not for S3) */
    bool sign_payload_header; /* add x-amz-content-sha256 and sign it */
    bool omit_session_token;  /* the token goes along unsigned */
    bool presign;             /* into the query, valid for `expires` seconds */
    int64_t expires;
} dowel_sigv4_request;

/* Every intermediate text, as the specification names them; NUL-terminated. */
typedef struct dowel_sigv4 {
    char *canonical_request;
    char *string_to_sign;
    char *signed_headers;
    char date[20];       /* 20150830T123600Z */
    char signature[65];  /* hex */
    char *authorization; /* of the header form */
    char *query;         /* of the query form: the original query and all X-Amz parameters */
} dowel_sigv4;

/* The caller ends it with dowel_sigv4_clear, also after a failure. */
int dowel_sigv4_sign(const dowel_sigv4_request *request, dowel_sigv4 *out, dowel_error *err);
/* The signature of any text, such as a form's policy, with the key of a day (`date` begins with YYYYMMDD). 0 on success. */
int dowel_sigv4_sign_text(const char *secret_access_key, const char *date, const char *region, const char *service,
                          const char *string_to_sign, char signature[65]);
void dowel_sigv4_clear(dowel_sigv4 *signature);

#endif
