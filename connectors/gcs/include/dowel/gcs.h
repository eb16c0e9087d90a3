/* dowel/gcs.h: Google Cloud Storage (JSON API, version 1).
 *
 * Every function calls a task (dowel/runtime.h): the call blocks, is recorded in the history, obeys the policy and can be cancelled. It returns 0 or
 * a negative dowel_code with `err` filled. *result (`result` may be NULL) is a new reference; release it with json_decref().
 *
 * Common errors: NOT_FOUND (no such bucket or object), PERMISSION, CONFLICT (a precondition did not hold), CORRUPT (checksums differ), UNAVAILABLE
 * and NETWORK after the retries. */
#ifndef DOWEL_GCS_H
#define DOWEL_GCS_H

#include <dowel/dowel.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_gcs_connector;

/* Block type "gcs-bucket": a bucket and a folder in it. It can store results of tasks and holds objects (dowel/objects.h). */
typedef struct dowel_gcs_bucket {
    const char *bucket;
    const char *folder;         /* prefix of every object name; names are relative to it */
    dowel_block *credentials;   /* gcp-credentials; NULL: Application Default Credentials */
    const char *endpoint;       /* NULL: STORAGE_EMULATOR_HOST, otherwise https://storage.googleapis.com */
    const char *user_project;   /* project to bill for requests to a requester-pays bucket */
    const char *encryption_key; /* customer-supplied key: 32 bytes in base64 (secret) */
} dowel_gcs_bucket;

DOWEL_API extern const dowel_block_type dowel_gcs_bucket_type;

/* Members that begin with if_ are preconditions: a generation as text; "0" means that the object must not exist. A precondition that does not hold is
 * CONFLICT. A write with a precondition on the generation is retried if its answer was lost; one without is not. */

typedef struct dowel_gcs_upload_args {
    dowel_block *bucket;
    const char *name; /* object name; NULL: the name of the file */
    const char *file; /* exactly one of file and data; "-" is standard input */
    dowel_bytes data;
    const char *content_type; /* NULL: guessed from the object name */
    const dowel_pair *metadata;
    const char *if_generation_match; /* "0": only if the object does not exist */
    int64_t resumable_threshold;     /* bytes; larger objects are uploaded in a resumable session */
    int64_t chunk_size; /* bytes of each request for a source that cannot be read twice; a multiple of 256 KiB */
    const char *content_encoding, *content_language, *content_disposition, *cache_control;
    const char *storage_class;
    const char *predefined_acl;
    const char *kms_key; /* projects/P/locations/L/keyRings/R/cryptoKeys/K */
    const char *if_generation_not_match, *if_metageneration_match, *if_metageneration_not_match;
    int64_t concurrency; /* parallel parts of a large file, which are composed and deleted; 1: no parts */
    int64_t part_size;   /* bytes of a part; larger if there would be more than 32 */
    const char *given;   /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_upload_args;

typedef struct dowel_gcs_download_args {
    dowel_block *bucket;
    const char *name;
    const char *file; /* "-" is standard output */
    const char *generation;
    int64_t part_size;   /* bytes of one request */
    int64_t concurrency; /* parallel requests; 0: a few, and more while that is faster */
    bool decompress;     /* decompress an object with Content-Encoding: gzip */
    const char *if_generation_match, *if_generation_not_match, *if_metageneration_match, *if_metageneration_not_match;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_download_args;

typedef struct dowel_gcs_list_args {
    dowel_block *bucket;
    const char *prefix;
    const char *delimiter;
    int64_t limit;
    const char *start_offset; /* list names from this one on */
    const char *end_offset;   /* list names before this one */
    bool versions;            /* list noncurrent generations too */
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
    const dowel_pair *metadata;         /* to set; other metadata stays */
    const char *const *remove_metadata; /* names, NULL-terminated */
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
    /* Preconditions on the object that the copy replaces. */
    const char *if_generation_match, *if_generation_not_match, *if_metageneration_match, *if_metageneration_not_match;
    const char *if_source_generation_match, *if_source_metageneration_match;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_copy_args;

typedef struct dowel_gcs_compose_args {
    dowel_block *bucket;
    const char *name;         /* of the composed object */
    const char *const *parts; /* names of 1 to 32 objects, NULL-terminated */
    const char *content_type;
    const dowel_pair *metadata;
    const char *storage_class, *predefined_acl, *kms_key;
    const char *if_generation_match, *if_metageneration_match;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_compose_args;

typedef struct dowel_gcs_create_bucket_args {
    dowel_block *bucket;
    const char *project; /* NULL: the project of the credentials */
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
    const char *project;      /* NULL: the project of the credentials */
    const char *prefix;
    int64_t limit;
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_list_buckets_args;

typedef struct dowel_gcs_abort_stale_args {
    dowel_block *bucket;
    const char *prefix;
    double older_than; /* seconds since a part was stored */
    bool dry_run;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_abort_stale_args;

typedef enum dowel_gcs_url_style {
    DOWEL_GCS_PATH_STYLE,     /* https://storage.googleapis.com/BUCKET/NAME */
    DOWEL_GCS_VIRTUAL_HOSTED, /* https://BUCKET.storage.googleapis.com/NAME */
    DOWEL_GCS_BUCKET_BOUND,   /* https://HOST/NAME: a domain that serves the bucket */
} dowel_gcs_url_style;

typedef struct dowel_gcs_presign_args {
    dowel_block *bucket;
    const char *name;          /* NULL: the bucket itself */
    int method;                /* DOWEL_PRESIGN_GET, PUT, DELETE, HEAD, RESUMABLE */
    double expires;            /* seconds, up to 7 days */
    int style;                 /* dowel_gcs_url_style */
    const char *host;          /* bucket-bound: [scheme://]host */
    const dowel_pair *headers; /* that the request must send */
    const dowel_pair *query;   /* query parameters to add to the URL */
    const char *given;         /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_presign_args;

typedef struct dowel_gcs_presign_post_args {
    dowel_block *bucket;
    const char *name;
    double expires;
    int style;
    const char *host;
    const dowel_pair *fields; /* of the form */
    json_t *conditions;       /* array: ["starts-with", "$x", "y"], ["content-length-range", min, max], {"x": "y"} */
    const char *given;        /* members that are zero on purpose (dowel/fields.h) */
} dowel_gcs_presign_post_args;

/* Uploads a file, bytes or standard input. The result is the object:
 *
 *     {name, bucket, generation, metageneration, content_type, crc32c, md5, etag, storage_class, created, updated: text, size: integer,
 *      metadata: {name: text}, ...}
 *
 * Sizes are bytes, times RFC 3339, checksums base64; members that the service does not give are left out. The service verifies the CRC32C, and dowel
 * compares it with the answer. */
static inline int dowel_gcs_upload(dowel *d, const dowel_gcs_upload_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.upload", args, sizeof *args, NULL, result, err);
}
/* Downloads an object. {bucket, name, generation, file: text, size: integer}. The file appears only when it is complete and its CRC32C is verified. */
static inline int dowel_gcs_download(dowel *d, const dowel_gcs_download_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.download", args, sizeof *args, NULL, result, err);
}
/* Lists objects in memory. {objects: [object], prefixes: [text], truncated: boolean}. For listings of any size use dowel_objects.list, which streams. */
static inline int dowel_gcs_list(dowel *d, const dowel_gcs_list_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.list", args, sizeof *args, NULL, result, err);
}
/* The object, as dowel_gcs_upload gives it. */
static inline int dowel_gcs_stat(dowel *d, const dowel_gcs_object_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.stat", args, sizeof *args, NULL, result, err);
}
/* Deletes an object. {bucket, name: text}. */
static inline int dowel_gcs_delete(dowel *d, const dowel_gcs_object_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.delete", args, sizeof *args, NULL, result, err);
}
/* Deletes many objects. {bucket: text, deleted: integer}. A missing object counts as deleted. If some could not be deleted, the detail of the error has a
 * line for each. */
static inline int dowel_gcs_delete_many(dowel *d, const dowel_gcs_delete_many_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "gcs.delete_many", args, sizeof *args, NULL, result, err);
}
/* Changes metadata. The object. */
static inline int dowel_gcs_update(dowel *d, const dowel_gcs_update_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.update", args, sizeof *args, NULL, result, err);
}
/* Copies within Cloud Storage, whatever the size. The copy. */
static inline int dowel_gcs_copy(dowel *d, const dowel_gcs_copy_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.copy", args, sizeof *args, NULL, result, err);
}
/* Concatenates objects within Cloud Storage. The composed object. */
static inline int dowel_gcs_compose(dowel *d, const dowel_gcs_compose_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.compose", args, sizeof *args, NULL, result, err);
}
/* {bucket, location: text}. EXISTS if the name is taken. */
static inline int dowel_gcs_create_bucket(dowel *d, const dowel_gcs_create_bucket_args *args, json_t **result,
                                          dowel_error *err) {
    return dowel_call(d, "gcs.create_bucket", args, sizeof *args, NULL, result, err);
}
/* {bucket, location, location_type, storage_class, metageneration, created: text, versioning, requester_pays: boolean, lifecycle: object, ...}. */
static inline int dowel_gcs_get_bucket(dowel *d, const dowel_gcs_bucket_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.get_bucket", args, sizeof *args, NULL, result, err);
}
/* {bucket: text}. CONFLICT unless the bucket is empty. */
static inline int dowel_gcs_delete_bucket(dowel *d, const dowel_gcs_bucket_args *args, json_t **result,
                                          dowel_error *err) {
    return dowel_call(d, "gcs.delete_bucket", args, sizeof *args, NULL, result, err);
}
/* {buckets: [as above], truncated: boolean}. */
static inline int dowel_gcs_list_buckets(dowel *d, const dowel_gcs_list_buckets_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "gcs.list_buckets", args, sizeof *args, NULL, result, err);
}
/* Deletes parts of parallel uploads that were killed and never resumed. {bucket: text, removed: [name]}; in a dry run {bucket, found: [name]}. */
static inline int dowel_gcs_abort_stale(dowel *d, const dowel_gcs_abort_stale_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "gcs.abort_stale", args, sizeof *args, NULL, result, err);
}
/* A signed URL, which is a secret: {url, method: text, headers: {name: text}, expires: RFC 3339}. The request must send these headers. */
static inline int dowel_gcs_presign(dowel *d, const dowel_gcs_presign_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "gcs.presign", args, sizeof *args, NULL, result, err);
}
/* A signed form: {url: text, fields: {name: text}, expires: RFC 3339}. POST the fields and then the file to the URL as multipart/form-data. */
static inline int dowel_gcs_presign_post(dowel *d, const dowel_gcs_presign_post_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "gcs.presign_post", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
