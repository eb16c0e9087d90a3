#ifndef DOWEL_LAMBDA_H
#define DOWEL_LAMBDA_H
#include <dowel/dowel.h>
DOWEL_API extern const dowel_connector dowel_lambda_connector;
#endif
