/* dowel_http_service.authorize: keys for a request, then its signature. */
#include "aws.h"

#include <stdlib.h>
#include <string.h>

/* Which keys the last attempt was signed with, as far as the request shows: newly allocated. */
static char *keys_used(const dowel_http_request *request) {
    const char *token = dowel_http_get_header(request, "x-amz-security-token"),
               *authorization = dowel_http_get_header(request, "Authorization"),
               *id = authorization ? strstr(authorization, "Credential=") : NULL;
    if (token) return strdup(token);
    return id ? strndup(id + 11, strcspn(id + 11, "/")) : NULL;
}

int dowel_aws_authorize(dowel *d, dowel_http_request *request, void *context, bool again, dowel_error *err) {
    const dowel_aws_signing *signing = context;
    dowel_aws_keys keys;
    char *refused = again ? keys_used(request) : NULL;
    int rc = dowel_aws_keys_after(d, signing->credentials, refused, again, &keys, err);
    dowel_wipe(refused);
    if (!rc) rc = dowel_aws_trust_of(d, request, signing->credentials, err);
    if (!rc && !keys.anonymous) rc = dowel_aws_sign(d, request, &keys, signing->region, signing->service, err);
    dowel_aws_keys_clear(&keys);
    return rc;
}
