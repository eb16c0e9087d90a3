/* Block type "secret". */
#include "types.h"

static const dowel_field fields[] = {{DOWEL_AT(dowel_secret, value), .kind = DOWEL_STRING,
                                      .flags = DOWEL_REQUIRED | DOWEL_SECRET | DOWEL_MULTILINE,
                                      .doc = "The secret text."},
                                     {0}};
static const dowel_table table = {"secret", sizeof(dowel_secret), fields, NULL};

const dowel_block_type dowel_secret_type = {
    .size = sizeof(dowel_block_type),
    .name = "secret",
    .doc = "One secret text, such as a password or an API key.",
    .table = &table,
    .version = 1,
};
