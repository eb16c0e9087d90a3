#ifndef DOWEL_GCS_H
#define DOWEL_GCS_H
#include <dowel/dowel.h>
DOWEL_API extern const dowel_connector dowel_gcs_connector;
#endif
