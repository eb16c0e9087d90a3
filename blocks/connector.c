/* The connector descriptor of this module. */
#include <dowel/registry.h>
const dowel_connector dowel_blocks_connector = {.abi = DOWEL_ABI, .size = sizeof(dowel_connector), .name = "blocks"};
