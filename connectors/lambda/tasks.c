#include <dowel/lambda.h>
const dowel_connector dowel_lambda_connector = {
    .abi = DOWEL_ABI, .size = sizeof(dowel_connector), .name = "lambda", .version = "0.1.0", .doc = "."};
