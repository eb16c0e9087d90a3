/* The descriptor of Google Cloud: its credentials, and what its own tool knows of them. */
#include "gcloud_internal.h"

#include <dowel/credentials.h>

static const dowel_block_type *const block_types[] = {&dowel_gcp_credentials_type, NULL};
static const dowel_import_source *const imports[] = {&dowel_gcloud_import, NULL};

const dowel_connector dowel_gcp_connector = {
    .abi = DOWEL_ABI,
    .size = sizeof(dowel_connector),
    .name = "gcp",
    .version = "0.1.0",
    .doc = "Credentials for Google Cloud.",
    .block_types = block_types,
    .imports = imports,
};
