/* dowel/s3.h: Amazon S3 and servers with the same API (Amazon S3 API Reference, version 2006-03-01).
 *
 * Every function calls a task (dowel/runtime.h): the call blocks, is recorded in the history, obeys the policy and can be cancelled. It returns 0 or
 * a negative dowel_code with `err` filled. *result (`result` may be NULL) is a new reference; release it with json_decref().
 *
 * Common errors: NOT_FOUND (no such bucket or key), PERMISSION, CONFLICT (if_absent or if_match did not hold), CORRUPT (checksums differ), UNAVAILABLE
 * and NETWORK after the retries. */
#ifndef DOWEL_S3_H
#define DOWEL_S3_H

#include <dowel/dowel.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_s3_connector;

/* Values of enumeration members; the first is the default. */
enum {
    DOWEL_S3_ADDRESSING_AUTO,
    DOWEL_S3_ADDRESSING_PATH,
    DOWEL_S3_ADDRESSING_VIRTUAL
};                                                        /* dowel_s3_bucket.addressing */
enum { DOWEL_S3_WHEN_SUPPORTED, DOWEL_S3_WHEN_REQUIRED }; /* dowel_s3_bucket.checksums */
/* dowel_s3_put_args.checksum */
enum { DOWEL_S3_CRC32, DOWEL_S3_CRC32C, DOWEL_S3_CRC64NVME, DOWEL_S3_SHA256, DOWEL_S3_MD5, DOWEL_S3_NONE };
/* dowel_s3_put_args.encryption */
enum { DOWEL_S3_BUCKET_DEFAULT, DOWEL_S3_AES256, DOWEL_S3_KMS, DOWEL_S3_KMS_DSSE };

/* Block type "s3-bucket": a bucket and a folder in it. It can store results of tasks and holds objects (dowel/objects.h). */
typedef struct dowel_s3_bucket {
    const char *bucket;
    const char *folder;       /* prefix of every key; keys are relative to it */
    dowel_block *credentials; /* aws-credentials; NULL: the same as the AWS CLI would use */
    const char *region;
    const char *endpoint; /* base URL of a server with the S3 API; NULL: Amazon's */
    int addressing;       /* DOWEL_S3_ADDRESSING_*; auto: virtual at Amazon if the name allows it, otherwise path */
    int checksums;        /* DOWEL_S3_WHEN_*; when required: only Content-MD5, for servers without other checksums */
    bool requester_pays;  /* the caller agrees to pay for requests */
} dowel_s3_bucket;

DOWEL_API extern const dowel_block_type dowel_s3_bucket_type;

typedef struct dowel_s3_put_args {
    dowel_block *bucket;
    const char *key;
    const char *file; /* exactly one of file and data; "-" is standard input */
    dowel_bytes data;
    const char *content_type;
    const dowel_pair *metadata;
    int64_t part_size;           /* bytes of a part; larger if there would be more than 10,000 parts */
    int64_t multipart_threshold; /* bytes; larger objects are uploaded in parts */
    int64_t concurrency;         /* parallel parts; 0: a few, and more while that is faster */
    int checksum;                /* DOWEL_S3_CRC32 ... DOWEL_S3_NONE */
    const char *content_encoding, *cache_control, *content_disposition;
    const char *storage_class, *acl; /* names of S3: "STANDARD_IA", "public-read" */
    int encryption;                  /* DOWEL_S3_BUCKET_DEFAULT ... DOWEL_S3_KMS_DSSE */
    const char *kms_key_id;
    const char *customer_key; /* base64 of 32 bytes (SSE-C) */
    const dowel_pair *tags;
    int64_t modified;     /* microseconds since the epoch; recorded as x-amz-meta-mtime */
    bool if_absent;       /* only if the object does not exist */
    const char *if_match; /* only if the object has this ETag */
    bool bucket_key;      /* use an S3 Bucket Key with aws:kms */
    const char *content_language;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_put_args;

typedef struct dowel_s3_get_args {
    dowel_block *bucket;
    const char *key;
    const char *file; /* "-" is standard output */
    const char *version_id;
    int64_t part_size;   /* bytes of one request */
    int64_t concurrency; /* parallel requests; 0: a few, and more while that is faster */
    const char *customer_key;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_get_args;

typedef struct dowel_s3_list_args {
    dowel_block *bucket;
    const char *prefix;
    const char *delimiter;
    int64_t limit;
    const char *start_after;
    bool versions;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_list_args;

typedef struct dowel_s3_object_args { /* head, delete */
    dowel_block *bucket;
    const char *key;
    const char *version_id;
    const char *customer_key; /* head only */
    const char *const *keys;  /* delete only: several keys, NULL-terminated, instead of key */
    const char *given;        /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_object_args;

typedef struct dowel_s3_copy_args {
    dowel_block *bucket;
    const char *key;
    const char *to_key;
    dowel_block *to_bucket; /* NULL: the same */
    const char *version_id;
    const char *storage_class;
    int64_t multipart_threshold; /* bytes; larger objects are copied in parts; at most 5 GiB */
    int64_t part_size;
    int64_t concurrency;                        /* parallel parts; 0: a few, and more while that is faster */
    const char *customer_key, *to_customer_key; /* of the source, of the copy */
    const char *given;                          /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_copy_args;

typedef struct dowel_s3_presign_args {
    dowel_block *bucket;
    const char *key;
    int method;                /* DOWEL_PRESIGN_GET, PUT, DELETE, HEAD */
    double expires;            /* seconds, up to 7 days */
    const dowel_pair *headers; /* that the request must send */
    const dowel_pair *query;   /* query parameters to add to the URL */
    const char *given;         /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_presign_args;

typedef struct dowel_s3_presign_post_args {
    dowel_block *bucket;
    const char *key; /* may end with ${filename} */
    double expires;
    const dowel_pair *fields; /* of the form */
    json_t *conditions;       /* array: ["starts-with", "$x", "y"], ["content-length-range", min, max], {"x": "y"} */
    const char *given;        /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_presign_post_args;

typedef struct dowel_s3_create_bucket_args {
    dowel_block *bucket;
    bool versioning;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_create_bucket_args;

typedef struct dowel_s3_bucket_args { /* get_bucket, delete_bucket */
    dowel_block *bucket;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_bucket_args;

typedef struct dowel_s3_list_buckets_args {
    dowel_block *credentials; /* aws-credentials; NULL: the same as the AWS CLI would use */
    const char *region;
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_list_buckets_args;

typedef struct dowel_s3_abort_stale_args {
    dowel_block *bucket;
    const char *prefix;
    double older_than; /* seconds since an upload began */
    bool dry_run;      /* list the uploads without aborting them */
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_abort_stale_args;

/* Uploads a file, bytes or standard input. {bucket, key, etag, version_id: text, size: integer (bytes), parts: integer}. Up to multipart_threshold in one
 * request, otherwise as a multipart upload, which is aborted on failure. With if_absent or if_match the object has the metadata "dowel-run", by which a
 * later attempt recognizes the object of an earlier one. */
static inline int dowel_s3_put(dowel *d, const dowel_s3_put_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.put", args, sizeof *args, NULL, result, err);
}
/* Downloads an object. {bucket, key, etag, content_type, checked_by, file: text, size: integer}. The file appears only when it is complete and verified.
 * checked_by is CRC32, CRC32C, CRC64NVME or SHA256 (of the object or of its parts' checksums), MD5, ETag (MD5 of the parts' MD5s), or size if the
 * service has no checksum. */
static inline int dowel_s3_get(dowel *d, const dowel_s3_get_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.get", args, sizeof *args, NULL, result, err);
}
/* Lists objects in memory. {objects: [{key, etag, storage_class: text, size: integer, last_modified: RFC 3339}], prefixes: [text], truncated: boolean}.
 * Versions also have version_id: text, latest, deleted: boolean. For listings of any size use dowel_objects.list, which streams. */
static inline int dowel_s3_list(dowel *d, const dowel_s3_list_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.list", args, sizeof *args, NULL, result, err);
}
/* Describes an object. {key, etag, content_type, last_modified: text, size: integer, metadata: {name: text}, checksum: {algorithm, value}, ...}. */
static inline int dowel_s3_head(dowel *d, const dowel_s3_object_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.head", args, sizeof *args, NULL, result, err);
}
/* Deletes one object: {key: text}; or several: {deleted: integer}. A missing object is not an error. If some of several could not be deleted, the detail of
 * the error has a line for each. */
static inline int dowel_s3_delete(dowel *d, const dowel_s3_object_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.delete", args, sizeof *args, NULL, result, err);
}
/* Copies within S3; above 5 GiB in parts. {bucket, key, etag: text}. */
static inline int dowel_s3_copy(dowel *d, const dowel_s3_copy_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.copy", args, sizeof *args, NULL, result, err);
}
/* {bucket, region: text, created: boolean}. created is false if the account already owns the bucket. EXISTS if another account does. */
static inline int dowel_s3_create_bucket(dowel *d, const dowel_s3_create_bucket_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "s3.create_bucket", args, sizeof *args, NULL, result, err);
}
/* {bucket, region, versioning: text, lifecycle: [rule]}. versioning is "Enabled", "Suspended" or ""; rules have the element names of S3. */
static inline int dowel_s3_get_bucket(dowel *d, const dowel_s3_bucket_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.get_bucket", args, sizeof *args, NULL, result, err);
}
/* {bucket: text}. The bucket must be empty. */
static inline int dowel_s3_delete_bucket(dowel *d, const dowel_s3_bucket_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "s3.delete_bucket", args, sizeof *args, NULL, result, err);
}
/* {buckets: [{bucket: text, created: RFC 3339}]}. */
static inline int dowel_s3_list_buckets(dowel *d, const dowel_s3_list_buckets_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "s3.list_buckets", args, sizeof *args, NULL, result, err);
}
/* Aborts old multipart uploads, which are billed until they are completed or aborted. {uploads: [{key, upload_id, initiated: text}], aborted: integer}. */
static inline int dowel_s3_abort_stale(dowel *d, const dowel_s3_abort_stale_args *args, json_t **result,
                                       dowel_error *err) {
    return dowel_call(d, "s3.abort_stale", args, sizeof *args, NULL, result, err);
}
/* A presigned URL, which is a secret: {url, method: text, headers: {name: text}, expires: RFC 3339}. The request must send these headers. */
static inline int dowel_s3_presign(dowel *d, const dowel_s3_presign_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.presign", args, sizeof *args, NULL, result, err);
}
/* A presigned form: {url: text, fields: {name: text}}. POST the fields and then the file to the URL as multipart/form-data. */
static inline int dowel_s3_presign_post(dowel *d, const dowel_s3_presign_post_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "s3.presign_post", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
