#include <dowel/gcs.h>
const dowel_connector dowel_gcs_connector = {
    .abi = DOWEL_ABI, .size = sizeof(dowel_connector), .name = "gcs", .version = "0.1.0", .doc = "."};
