/* The connector "blocks": the registry and the block types that belong to no cloud. */
#include "keyring_internal.h"
#include "stored.h"
#include "types.h"

#include <dowel/credentials.h>

static const dowel_block_type *const block_types[] = {
    &dowel_secret_type,
    &dowel_config_type,
    NULL,
};

static const dowel_task *const tasks[] = {&dowel_block_check_task, NULL};

static int open_registry(dowel *d, dowel_error *err) {
    (void)err;
    dowel_resolver_install(d);
    dowel_set_sealer(d, &dowel_handle_sealer);
    return 0;
}

const dowel_connector dowel_blocks_connector = {
    .abi = DOWEL_ABI,
    .size = sizeof(dowel_connector),
    .name = "blocks",
    .version = "0.1.0",
    .doc = "Named blocks and their registry.",
    .block_types = block_types,
    .tasks = tasks,
    .open = open_registry,
};
