/* The descriptor of the files connector. */
#include "file_system.h"

#include <dowel/files.h>

static const dowel_block_type *const block_types[] = {&dowel_local_file_system_type, NULL};

const dowel_connector dowel_files_connector = {
    .abi = DOWEL_ABI,
    .size = sizeof(dowel_connector),
    .name = "files",
    .version = "0.1.0",
    .doc = "Files of this machine as objects.",
    .block_types = block_types,
};
