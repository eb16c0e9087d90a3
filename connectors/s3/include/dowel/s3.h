#ifndef DOWEL_S3_H
#define DOWEL_S3_H
#include <dowel/dowel.h>
DOWEL_API extern const dowel_connector dowel_s3_connector;
#endif
