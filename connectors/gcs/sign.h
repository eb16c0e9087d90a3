/* Builds the text that a version 4 signature of Cloud Storage covers ("V4 signing process"); signs nothing. Pure functions. */
#ifndef DOWEL_GCS_SIGN_H
#define DOWEL_GCS_SIGN_H

#include <dowel/gcs.h>

#define DOWEL_GCS_SIGNED_MOST 604800 /* seconds: a week */

/* What to sign. */
typedef struct dowel_gcs_signing {
    const char *endpoint; /* scheme://host[:port] of Cloud Storage; bucket-bound: of the bucket */
    dowel_gcs_url_style style;
    const char *bucket, *object; /* object NULL: the bucket itself */
    const char *email;           /* of the signer */
    int64_t time;                /* seconds since the epoch: begin of validity */
    int64_t seconds;             /* of validity */
    /* URLs */
    const char *method;
    const dowel_pair *headers; /* that the request must send */
    const dowel_pair *query;
    /* policies */
    const dowel_pair *fields; /* of the form */
    const json_t *conditions; /* array */
} dowel_gcs_signing;

/* The text to sign and what goes with it; all newly allocated. */
typedef struct dowel_gcs_signable {
    char *url;       /* without its signature; of a policy: where the form goes */
    char *canonical; /* request */
    char *text;      /* to sign; of a policy: the policy in base64 */
    json_t *fields;  /* of a policy: of the form, without the signature */
} dowel_gcs_signable;

int dowel_gcs_sign_url(const dowel_gcs_signing *signing, dowel_gcs_signable *signable, dowel_error *err);
int dowel_gcs_sign_policy(const dowel_gcs_signing *signing, dowel_gcs_signable *signable, dowel_error *err);
void dowel_gcs_signable_clear(dowel_gcs_signable *signable);

/* Shared by the two. */
#define DOWEL_GCS_ALGORITHM "GOOG4-RSA-SHA256"

typedef struct dowel_gcs_stamp {
    char day[16], moment[24]; /* 20190201, 20190201T090000Z */
    char scope[48];           /* 20190201/auto/storage/goog4_request */
    /* newly allocated */
    char *credential;
    char *base; /* scheme://host[:port]; the host begins with the bucket if the style is virtual-hosted */
    char *host; /* as it is signed: without the port */
} dowel_gcs_stamp;

int dowel_gcs_stamp_make(const dowel_gcs_signing *signing, dowel_gcs_stamp *stamp, dowel_error *err);
void dowel_gcs_stamp_clear(dowel_gcs_stamp *stamp);

#endif
