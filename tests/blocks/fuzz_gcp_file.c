/* Any bytes as a Google credentials file. */
#include "gcp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *document = NULL;
    dowel_error err;
    dowel_gcp_identity *identity;
    if (dowel_json_parse((const char *)data, size, "fuzz", &document, &err)) return 0;
    if (!dowel_gcp_parse(document, "fuzz", &identity, &err)) {
        for (const dowel_gcp_identity *id = identity; id; id = id->source)
            if (id->token_uri && !dowel_gcp_safe_url(id->token_uri)) abort();
        if (identity->iam && !dowel_gcp_safe_url(identity->iam)) abort();
        dowel_gcp_identity_drop(identity);
    }
    json_decref(document);
    return 0;
}
