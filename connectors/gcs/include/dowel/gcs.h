/* dowel/gcs.h: Google Cloud Storage (JSON API, version 1). Every function is a task: retries, history and cancellation hold. *result
 * (may be NULL) is a new reference. */
#ifndef DOWEL_GCS_H
#define DOWEL_GCS_H

#include <dowel/dowel.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_gcs_connector;

/* Block type "gcs-bucket". Keeps results of tasks under its folder; holds objects (dowel/objects.h). */
typedef struct dowel_gcs_bucket {
    const char *bucket;
    const char *folder;         /* in front of every object name; names are relative to it */
    dowel_block *credentials;   /* gcp-credentials; NULL: Application Default Credentials */
    const char *endpoint;       /* NULL: STORAGE_EMULATOR_HOST, else https://storage.googleapis.com */
    const char *user_project;   /* billed for requests, where the requester pays */
    const char *encryption_key; /* the caller's own: 32 bytes in base64 (secret) */
} dowel_gcs_bucket;

DOWEL_API extern const dowel_block_type dowel_gcs_bucket_type;

/* Members that begin with if_ are preconditions: generations as text, "0" where there must be no such object. With one, a request whose
 * answer was lost can safely be repeated, and is. */

typedef struct dowel_gcs_upload_args {
    dowel_block *bucket;
    const char *name; /* of the object; NULL: the file's own name */
    const char *file; /* exactly one of file and data; "-" is standard input */
    dowel_bytes data;
    const char *content_type; /* NULL: guessed from the name */
    const dowel_pair *metadata;
    const char *if_generation_match; /* a generation; "0": only when there is no such object */
    int64_t resumable_threshold;     /* larger objects go up in a resumable session */
    int64_t chunk_size;              /* held of what cannot be read twice (a pipe); a multiple of 256 KiB */
    const char *content_encoding, *content_language, *content_disposition, *cache_control;
    const char *storage_class;
    const char *predefined_acl;
    const char *kms_key; /* projects/P/locations/L/keyRings/R/cryptoKeys/K */
    const char *if_generation_not_match, *if_metageneration_match, *if_metageneration_not_match;
    int64_t
        concurrency; /* more than 1: a large file goes up in so many parts at a time, which are composed and deleted */
    int64_t part_size; /* of those parts; larger where there would be more than 32 */
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_upload_args;

typedef struct dowel_gcs_download_args {
    dowel_block *bucket;
    const char *name;
    const char *file; /* "-" is standard output */
    const char *generation;
    int64_t part_size;   /* bytes of one request; larger objects come in several */
    int64_t concurrency; /* requests at a time; 0: a few, and more as long as that is faster */
    bool decompress;     /* what is stored with Content-Encoding: gzip; otherwise it comes as it is stored */
    const char *if_generation_match, *if_generation_not_match, *if_metageneration_match, *if_metageneration_not_match;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_download_args;

typedef struct dowel_gcs_list_args {
    dowel_block *bucket;
    const char *prefix;
    const char *delimiter;
    int64_t limit;
    const char *start_offset; /* names from this one on */
    const char *end_offset;   /* names before this one */
    bool versions;            /* also those that are not current */
    const char *given;        /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_list_args;

typedef struct dowel_gcs_object_args { /* stat, delete */
    dowel_block *bucket;
    const char *name;
    const char *generation;
    const char *if_generation_match, *if_generation_not_match, *if_metageneration_match, *if_metageneration_not_match;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_object_args;

typedef struct dowel_gcs_delete_many_args {
    dowel_block *bucket;
    const char *const *names;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_delete_many_args;

typedef struct dowel_gcs_update_args {
    dowel_block *bucket;
    const char *name;
    const char *generation;
    const char *content_type, *content_encoding, *content_language, *content_disposition, *cache_control;
    const dowel_pair *metadata;         /* set; others stay */
    const char *const *remove_metadata; /* names */
    const char *predefined_acl;
    const char *if_generation_match, *if_generation_not_match, *if_metageneration_match, *if_metageneration_not_match;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_update_args;

typedef struct dowel_gcs_copy_args {
    dowel_block *bucket;
    const char *name;
    const char *to_name;
    dowel_block *to_bucket; /* NULL: the same */
    const char *generation; /* NULL: the newest */
    const char *storage_class, *predefined_acl, *kms_key;
    /* Of the copy that is overwritten. */
    const char *if_generation_match, *if_generation_not_match, *if_metageneration_match, *if_metageneration_not_match;
    const char *if_source_generation_match, *if_source_metageneration_match;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_copy_args;

typedef struct dowel_gcs_compose_args {
    dowel_block *bucket;
    const char *name;         /* of the whole */
    const char *const *parts; /* names of up to 32 objects */
    const char *content_type;
    const dowel_pair *metadata;
    const char *storage_class, *predefined_acl, *kms_key;
    const char *if_generation_match, *if_metageneration_match;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_compose_args;

typedef struct dowel_gcs_create_bucket_args {
    dowel_block *bucket;
    const char *project; /* NULL: the credentials' */
    const char *location;
    const char *storage_class;
    bool versioning;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_create_bucket_args;

typedef struct dowel_gcs_bucket_args { /* get_bucket, delete_bucket */
    dowel_block *bucket;
    const char *if_metageneration_match, *if_metageneration_not_match;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_bucket_args;

typedef struct dowel_gcs_list_buckets_args {
    dowel_block *credentials; /* gcp-credentials; NULL: Application Default Credentials */
    const char *project;      /* NULL: the credentials' */
    const char *prefix;
    int64_t limit;
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_list_buckets_args;

typedef struct dowel_gcs_abort_stale_args {
    dowel_block *bucket;
    const char *prefix;
    double older_than; /* seconds */
    bool dry_run;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_abort_stale_args;

typedef enum dowel_gcs_url_style {
    DOWEL_GCS_PATH_STYLE,     /* https://storage.googleapis.com/BUCKET/NAME */
    DOWEL_GCS_VIRTUAL_HOSTED, /* https://BUCKET.storage.googleapis.com/NAME */
    DOWEL_GCS_BUCKET_BOUND,   /* https://HOST/NAME: a domain that leads to the bucket */
} dowel_gcs_url_style;

typedef struct dowel_gcs_presign_args {
    dowel_block *bucket;
    const char *name;          /* NULL: the bucket itself */
    int method;                /* DOWEL_PRESIGN_GET, PUT, DELETE, HEAD, RESUMABLE */
    double expires;            /* seconds, up to 7 days */
    int style;                 /* dowel_gcs_url_style */
    const char *host;          /* bucket-bound: [scheme://]host */
    const dowel_pair *headers; /* that the request must then have */
    const dowel_pair *query;   /* parameters of the URL */
    const char *given;         /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_presign_args;

typedef struct dowel_gcs_presign_post_args {
    dowel_block *bucket;
    const char *name;
    double expires;
    int style;
    const char *host;
    const dowel_pair *fields; /* of the form: what the object will have */
    json_t *conditions;       /* array: ["starts-with", "$x", "y"], ["content-length-range", min, max], {"x": "y"} */
    const char *given;        /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_presign_post_args;

/* The object's resource: {bucket, name, size, generation, crc32c, content_type, updated, ...}. Its CRC32C is checked at both ends. */
static inline int dowel_gcs_upload(dowel *d, const dowel_gcs_upload_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.upload", args, sizeof *args, NULL, result, err);
}
/* {bucket, name, size, generation, file}. The file appears whole, checked, or not at all. */
static inline int dowel_gcs_download(dowel *d, const dowel_gcs_download_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.download", args, sizeof *args, NULL, result, err);
}
/* {objects: [...], prefixes: [text], truncated}. dowel_objects.list streams. */
static inline int dowel_gcs_list(dowel *d, const dowel_gcs_list_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.list", args, sizeof *args, NULL, result, err);
}
/* The object's resource. */
static inline int dowel_gcs_stat(dowel *d, const dowel_gcs_object_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.stat", args, sizeof *args, NULL, result, err);
}
/* {bucket, name}. */
static inline int dowel_gcs_delete(dowel *d, const dowel_gcs_object_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.delete", args, sizeof *args, NULL, result, err);
}
/* {bucket, deleted}: how many. A name that is not there counts as deleted. Where some could not be, the error names them, one in each line of its
 * detail. */
static inline int dowel_gcs_delete_many(dowel *d, const dowel_gcs_delete_many_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "gcs.delete_many", args, sizeof *args, NULL, result, err);
}
/* The object's resource. */
static inline int dowel_gcs_update(dowel *d, const dowel_gcs_update_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.update", args, sizeof *args, NULL, result, err);
}
/* The copy's resource. Server-side, whatever the size. */
static inline int dowel_gcs_copy(dowel *d, const dowel_gcs_copy_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.copy", args, sizeof *args, NULL, result, err);
}
/* The whole's resource. */
static inline int dowel_gcs_compose(dowel *d, const dowel_gcs_compose_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.compose", args, sizeof *args, NULL, result, err);
}
/* {bucket, location}. EXISTS when the name is taken. */
static inline int dowel_gcs_create_bucket(dowel *d, const dowel_gcs_create_bucket_args *args, json_t **result,
                                          dowel_error *err) {
    return dowel_call(d, "gcs.create_bucket", args, sizeof *args, NULL, result, err);
}
/* The bucket's resource: {bucket, location, location_type, storage_class, versioning, lifecycle, metageneration, ...}. */
static inline int dowel_gcs_get_bucket(dowel *d, const dowel_gcs_bucket_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.get_bucket", args, sizeof *args, NULL, result, err);
}
/* {bucket}. The bucket must be empty. */
static inline int dowel_gcs_delete_bucket(dowel *d, const dowel_gcs_bucket_args *args, json_t **result,
                                          dowel_error *err) {
    return dowel_call(d, "gcs.delete_bucket", args, sizeof *args, NULL, result, err);
}
/* {buckets: [resource], truncated}. */
static inline int dowel_gcs_list_buckets(dowel *d, const dowel_gcs_list_buckets_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "gcs.list_buckets", args, sizeof *args, NULL, result, err);
}
/* {bucket, removed: [name]}, in a dry run {bucket, found: [name]}: parts of uploads with concurrency whose process was killed and never resumed. */
static inline int dowel_gcs_abort_stale(dowel *d, const dowel_gcs_abort_stale_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "gcs.abort_stale", args, sizeof *args, NULL, result, err);
}
/* {url, method, headers, expires}: who has the URL may do what it says. */
static inline int dowel_gcs_presign(dowel *d, const dowel_gcs_presign_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.presign", args, sizeof *args, NULL, result, err);
}
/* {url, fields, expires}: a form with these fields and then a file, sent there, becomes the object. */
static inline int dowel_gcs_presign_post(dowel *d, const dowel_gcs_presign_post_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "gcs.presign_post", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
