/* Shared by the tasks of the s3 connector. */
#ifndef DOWEL_S3_TASKS_H
#define DOWEL_S3_TASKS_H

#include "client.h"

#define DOWEL_S3_BUCKET_FIELD(type)                                                                                    \
    {                                                                                                                  \
        DOWEL_AT(type, bucket), .kind = DOWEL_BLOCK, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT, .blocks = "s3-bucket",   \
                                .doc = "Bucket to use.", .example = "s3-bucket/reports"                                \
    }
#define DOWEL_S3_KEY_FIELD(type)                                                                                       \
    {                                                                                                                  \
        DOWEL_AT(type, key), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,                            \
                             .doc = "Object key, relative to the block's folder.", .example = "report.json"            \
    }
#define DOWEL_S3_CUSTOMER_KEY_FIELD(type, member, what)                                                                \
    { DOWEL_AT(type, member), .kind = DOWEL_STRING, .flags = DOWEL_SECRET, .doc = what }
#define DOWEL_S3_TASK(id, what, args_table, body, ...)                                                                 \
    const dowel_task dowel_s3_task_##id = {.size = sizeof(dowel_task),                                                 \
                                           .name = "s3." #id,                                                          \
                                           .doc = what,                                                                \
                                           .args = &args_table,                                                        \
                                           .run = body,                                                                \
                                           .example = __VA_ARGS__}

extern const dowel_task dowel_s3_task_presign, dowel_s3_task_presign_post, dowel_s3_task_create_bucket,
    dowel_s3_task_get_bucket, dowel_s3_task_delete_bucket, dowel_s3_task_list_buckets, dowel_s3_task_abort_stale;

#endif
