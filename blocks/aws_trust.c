/* Which certificates Amazon's services are trusted by, in the order of the AWS CLI: AWS_CA_BUNDLE, then the profile's ca_bundle. */
#include "aws.h"

#include <stdlib.h>
#include <string.h>

void dowel_aws_trust(dowel_http_request *request, const dowel_aws_settings *settings) {
    const char *path = dowel_aws_variable("AWS_CA_BUNDLE");
    if (path)
        dowel_http_authorities_of(request, path, "AWS_CA_BUNDLE");
    else
        dowel_http_authorities_of(request, dowel_aws_profile_setting(settings, "ca_bundle"), "the profile's ca_bundle");
}

/* Read once for each block, or for the handle: there may be thousands of requests. */
static char *of_profile(dowel_block *credentials) {
    dowel_aws_settings settings;
    const char *path = NULL;
    /* Files that cannot be read are an error where they matter: for the keys. */
    if (!dowel_aws_settings_open(credentials, &settings, NULL))
        path = dowel_aws_profile_setting(&settings, "ca_bundle");
    char *copy = strdup(path ? path : "");
    dowel_aws_settings_close(&settings);
    return copy;
}

static void *of_block(dowel_block *block) {
    return of_profile(block);
}

static void *of_handle(dowel *d) {
    (void)d;
    return of_profile(NULL);
}

int dowel_aws_trust_of(dowel *d, dowel_http_request *request, dowel_block *credentials, dowel_error *err) {
    static const char block_key, handle_key;
    const char *path = dowel_aws_variable("AWS_CA_BUNDLE"), *url = dowel_http_url(request);
    if (strncmp(url, "https", 5) != 0) return 0;
    if (!path)
        path = credentials ? dowel_block_attach(credentials, &block_key, of_block, free)
                           : dowel_attach(d, &handle_key, of_handle, free);
    if (!path) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    dowel_http_authorities(request, *path ? path : NULL);
    return 0;
}
