/* The descriptor of the gcs connector. */
#include "tasks.h"

static const dowel_task *const tasks[] = {&dowel_gcs_task_upload,
                                          &dowel_gcs_task_download,
                                          &dowel_gcs_task_list,
                                          &dowel_gcs_task_stat,
                                          &dowel_gcs_task_delete,
                                          &dowel_gcs_task_delete_many,
                                          &dowel_gcs_task_update,
                                          &dowel_gcs_task_copy,
                                          &dowel_gcs_task_compose,
                                          &dowel_gcs_task_create_bucket,
                                          &dowel_gcs_task_get_bucket,
                                          &dowel_gcs_task_delete_bucket,
                                          &dowel_gcs_task_list_buckets,
                                          &dowel_gcs_task_abort_stale,
                                          &dowel_gcs_task_presign,
                                          &dowel_gcs_task_presign_post,
                                          NULL};
static const dowel_block_type *const types[] = {&dowel_gcs_bucket_type, NULL};

const dowel_connector dowel_gcs_connector = {.abi = DOWEL_ABI,
                                             .size = sizeof(dowel_connector),
                                             .name = "gcs",
                                             .version = "0.1.0",
                                             .doc = "Google Cloud Storage.",
                                             .block_types = types,
                                             .tasks = tasks};
