/* The descriptor of Amazon Web Services: its credentials, and what its own tool knows of them. */
#include "aws.h"

#include <dowel/credentials.h>

static const dowel_block_type *const block_types[] = {&dowel_aws_credentials_type, NULL};
static const dowel_import_source *const imports[] = {&dowel_aws_profile_import, NULL};

const dowel_connector dowel_aws_connector = {
    .abi = DOWEL_ABI,
    .size = sizeof(dowel_connector),
    .name = "aws",
    .version = "0.1.0",
    .doc = "Credentials for Amazon Web Services.",
    .block_types = block_types,
    .imports = imports,
};
