#ifndef DOWEL_CLOUD_RUN_H
#define DOWEL_CLOUD_RUN_H
#include <dowel/dowel.h>
DOWEL_API extern const dowel_connector dowel_cloud_run_connector;
#endif
