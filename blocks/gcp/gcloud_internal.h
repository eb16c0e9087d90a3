/* Where gcloud keeps its configurations. */
#ifndef DOWEL_GCLOUD_INTERNAL_H
#define DOWEL_GCLOUD_INTERNAL_H

#include <stddef.h>

/* $CLOUDSDK_CONFIG or ~/.config/gcloud; "" when there is none. */
void dowel_gcp_gcloud_folder(char *path, size_t size);

#endif
