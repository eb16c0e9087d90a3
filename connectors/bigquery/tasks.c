#include <dowel/bigquery.h>
const dowel_connector dowel_bigquery_connector = {
    .abi = DOWEL_ABI, .size = sizeof(dowel_connector), .name = "bigquery", .version = "0.1.0", .doc = "."};
