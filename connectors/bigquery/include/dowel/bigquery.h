#ifndef DOWEL_BIGQUERY_H
#define DOWEL_BIGQUERY_H
#include <dowel/dowel.h>
DOWEL_API extern const dowel_connector dowel_bigquery_connector;
#endif
