#include <dowel/cloud_run.h>
const dowel_connector dowel_cloud_run_connector = {
    .abi = DOWEL_ABI, .size = sizeof(dowel_connector), .name = "cloud_run", .version = "0.1.0", .doc = "."};
