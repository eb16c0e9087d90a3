/* gcloud: where it keeps its configurations, and importing them. */
#ifndef DOWEL_GCLOUD_INTERNAL_H
#define DOWEL_GCLOUD_INTERNAL_H

#include <dowel/connector.h>

/* $CLOUDSDK_CONFIG or ~/.config/gcloud; "" when there is none. */
void dowel_gcp_gcloud_folder(char *path, size_t size);

extern const dowel_import_source dowel_gcloud_import;

#endif
