/* Which certificates Amazon's services are trusted by, in the order of the AWS CLI: AWS_CA_BUNDLE, then the profile's ca_bundle. */
#include "aws.h"

#include <stdlib.h>
#include <string.h>

void dowel_aws_trust(dowel_http_request *request, const dowel_aws_settings *settings) {
    if (!request || strncmp(dowel_http_url(request), "https", 5) != 0) return;
    const char *path = dowel_aws_variable(settings, "AWS_CA_BUNDLE");
    if (path)
        dowel_http_authorities_of(request, path, "AWS_CA_BUNDLE");
    else
        dowel_http_authorities_of(request, dowel_aws_profile_setting(settings, "ca_bundle"), "the profile's ca_bundle");
}

int dowel_aws_trust_of(dowel *d, dowel_http_request *request, dowel_block *credentials, dowel_error *err) {
    if (strncmp(dowel_http_url(request), "https", 5) != 0) return 0;
    dowel_aws_settings settings;
    int rc = dowel_aws_settings_open(d, credentials, &settings, err);
    if (rc) return rc;
    dowel_aws_trust(request, &settings);
    dowel_aws_settings_close(&settings);
    return 0;
}
