/* Requests to the EC2 instance metadata service (EC2 User Guide, "Use the Instance Metadata Service"). */
#ifndef DOWEL_AWS_METADATA_H
#define DOWEL_AWS_METADATA_H

#include <dowel/http.h>

struct dowel_aws_settings;

typedef struct dowel_aws_metadata {
    const dowel_http_service *service;
    const char *url;
    int lifetime;      /* requests a session token that is valid for this many seconds; 0: requests metadata */
    const char *token; /* session token; NULL: version 1 of the service */
    double timeout;    /* seconds */
    bool optional;     /* with status 404, *text is NULL and it is not a failure */
    const struct dowel_aws_settings *settings; /* name the certificates to trust; may be NULL */
} dowel_aws_metadata;

/* *text: the answer without surrounding white space. The caller wipes it. */
int dowel_aws_metadata_ask(dowel *d, const dowel_aws_metadata *ask, char **text, dowel_error *err);

#endif
