/* The tasks of this connector, each described in the file of its subject; fields that many of them have. */
#ifndef DOWEL_GCS_TASKS_H
#define DOWEL_GCS_TASKS_H

#include <dowel/gcs.h>

extern const dowel_task dowel_gcs_task_presign, dowel_gcs_task_presign_post;

#define DOWEL_GCS_BUCKET_FIELD(type)                                                                                   \
    {                                                                                                                  \
        DOWEL_AT(type, bucket), .kind = DOWEL_BLOCK, .flags = DOWEL_REQUIRED, .blocks = "gcs-bucket",                  \
                                .doc = "The bucket.", .example = "gcs-bucket/landing"                                  \
    }
#define DOWEL_GCS_NAME_FIELD(type)                                                                                     \
    {                                                                                                                  \
        DOWEL_AT(type, name), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED,                                           \
                              .doc = "The object's name, relative to the block's folder.", .example = "airports.csv"   \
    }
#define DOWEL_GCS_GENERATION_FIELD(type)                                                                               \
    { DOWEL_AT(type, generation), .kind = DOWEL_STRING, .doc = "Generation of the object; without: the newest." }

#endif
