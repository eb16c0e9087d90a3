#include <dowel/s3.h>
const dowel_connector dowel_s3_connector = {
    .abi = DOWEL_ABI, .size = sizeof(dowel_connector), .name = "s3", .version = "0.1.0", .doc = "."};
