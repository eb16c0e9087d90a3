/* Headers and query parameters of Google: which ones are secret, which ones identify a request. */
#include <dowel/credentials.h>

static const char *const secret_headers[] = {"X-Goog-Api-Key", "X-GUploader-UploadID", "X-Goog-Encryption-Key",
                                             "X-Goog-Copy-Source-Encryption-Key", NULL};
static const char *const secret_parameters[] = {"X-Goog-Signature", "X-Goog-Credential", "upload_id", NULL};
static const char *const request_ids[] = {"x-goog-request-id", "x-guploader-uploadid", "x-request-id",
                                          "x-cloud-trace-context", NULL};

const dowel_http_names dowel_gcp_names = {
    .secret_headers = secret_headers, .secret_parameters = secret_parameters, .request_ids = request_ids};
