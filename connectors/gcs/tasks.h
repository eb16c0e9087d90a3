/* The tasks of the gcs connector, each defined in the file of its subject, and the fields that many of them share. */
#ifndef DOWEL_GCS_TASKS_H
#define DOWEL_GCS_TASKS_H

#include <dowel/gcs.h>

extern const dowel_task dowel_gcs_task_upload, dowel_gcs_task_download, dowel_gcs_task_list, dowel_gcs_task_stat,
    dowel_gcs_task_delete, dowel_gcs_task_delete_many, dowel_gcs_task_update, dowel_gcs_task_copy,
    dowel_gcs_task_compose, dowel_gcs_task_create_bucket, dowel_gcs_task_get_bucket, dowel_gcs_task_delete_bucket,
    dowel_gcs_task_list_buckets, dowel_gcs_task_abort_stale, dowel_gcs_task_presign, dowel_gcs_task_presign_post;

extern const dowel_table dowel_gcs_upload_table;
int dowel_gcs_run_upload(dowel *d, const void *args, json_t **result, dowel_error *err);

#define DOWEL_GCS_BUCKET_FIELD(type)                                                                                   \
    {                                                                                                                  \
        DOWEL_AT(type, bucket), .kind = DOWEL_BLOCK, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT, .blocks = "gcs-bucket",  \
                                .doc = "Bucket to use.", .example = "gcs-bucket/landing"                               \
    }
#define DOWEL_GCS_NAME_FIELD(type)                                                                                     \
    {                                                                                                                  \
        DOWEL_AT(type, name), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,                           \
                              .doc = "Object name, relative to the block's folder.", .example = "airports.csv"         \
    }
#define DOWEL_GCS_GENERATION_FIELD(type)                                                                               \
    { DOWEL_AT(type, generation), .kind = DOWEL_STRING, .doc = "Generation of the object. Default: the newest." }
#define DOWEL_GCS_TEXT_FIELD(type, member, text)                                                                       \
    { DOWEL_AT(type, member), .kind = DOWEL_STRING, .doc = text }

/* Headers of an object's content. */
#define DOWEL_GCS_CONTENT_FIELDS(type)                                                                                 \
    DOWEL_GCS_TEXT_FIELD(type, content_encoding, "Content-Encoding of the object, such as gzip."),                     \
        DOWEL_GCS_TEXT_FIELD(type, content_language, "Content-Language of the object."),                               \
        DOWEL_GCS_TEXT_FIELD(type, content_disposition, "Content-Disposition of the object."),                         \
        DOWEL_GCS_TEXT_FIELD(type, cache_control, "Cache-Control of the object.")
/* How an object is stored. */
#define DOWEL_GCS_KEPT_FIELDS(type)                                                                                    \
    {DOWEL_AT(type, storage_class), .kind = DOWEL_STRING, .doc = "Storage class. Default: the bucket's.",              \
     .example = "NEARLINE"},                                                                                           \
        {DOWEL_AT(type, predefined_acl), .kind = DOWEL_STRING, .doc = "Predefined ACL. Default: the bucket's.",        \
         .example = "publicRead"},                                                                                     \
    {                                                                                                                  \
        DOWEL_AT(type, kms_key), .kind = DOWEL_STRING,                                                                 \
                                 .doc = "Cloud KMS key to encrypt the object with. Default: the bucket's key, "        \
                                        "otherwise a key managed by Google.",                                          \
                                 .example = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"                          \
    }

#define DOWEL_GCS_IF_GENERATION_MATCH(type)                                                                            \
    {                                                                                                                  \
        DOWEL_AT(type, if_generation_match),                                                                           \
            .kind = DOWEL_STRING,                                                                                      \
            .doc = "Proceed only if the object has this generation. 0: only if it does not exist."                     \
    }
#define DOWEL_GCS_IF_METAGENERATION_MATCH(type)                                                                        \
    DOWEL_GCS_TEXT_FIELD(type, if_metageneration_match, "Proceed only if the metadata has this generation.")
#define DOWEL_GCS_IF_METAGENERATION_NOT_MATCH(type)                                                                    \
    DOWEL_GCS_TEXT_FIELD(type, if_metageneration_not_match, "Proceed only if the metadata has another generation.")
#define DOWEL_GCS_CONDITION_FIELDS(type)                                                                               \
    DOWEL_GCS_IF_GENERATION_MATCH(type),                                                                               \
        DOWEL_GCS_TEXT_FIELD(type, if_generation_not_match,                                                            \
                             "Proceed only if the object has another generation. 0: only if it exists."),              \
        DOWEL_GCS_IF_METAGENERATION_MATCH(type), DOWEL_GCS_IF_METAGENERATION_NOT_MATCH(type)

#endif
