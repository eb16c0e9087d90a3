/* AWS's names of headers and query parameters. */
#include <dowel/credentials.h>

static const char *const secret_headers[] = {"X-Amz-Security-Token", "X-aws-ec2-metadata-token",
                                             "X-Amz-Server-Side-Encryption-Customer-Key",
                                             "X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key", NULL};
static const char *const secret_parameters[] = {"X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Credential",
                                                "uploadId", NULL};
static const char *const request_ids[] = {"x-amz-request-id", "x-amzn-requestid", NULL};

const dowel_http_names dowel_aws_names = {
    .secret_headers = secret_headers, .secret_parameters = secret_parameters, .request_ids = request_ids};
