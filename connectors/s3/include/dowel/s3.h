/* dowel/s3.h: Amazon S3 and servers that speak its protocol (Amazon S3 API Reference, version 2006-03-01).
 *
 * Every function is a task: retries, history and cancellation hold. *result (may be NULL) is a new reference. */
#ifndef DOWEL_S3_H
#define DOWEL_S3_H

#include <dowel/dowel.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_s3_connector;

/* Values of members that are enumerations; the first is the default. */
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

/* Block type "s3-bucket". Keeps results of tasks under its folder. */
typedef struct dowel_s3_bucket {
    const char *bucket;
    const char *folder;       /* in front of every key; keys are relative to it */
    dowel_block *credentials; /* aws-credentials; NULL: what Amazon's tools would find */
    const char *region;
    const char *endpoint; /* a server that speaks S3; plain http only where this says so */
    int addressing; /* DOWEL_S3_ADDRESSING_*; auto: host at Amazon, path elsewhere and where no host can have the name */
    int checksums;  /* DOWEL_S3_WHEN_*; when required: only Content-MD5, for servers that know no other */
    bool requester_pays; /* who calls agrees to be billed */
} dowel_s3_bucket;

DOWEL_API extern const dowel_block_type dowel_s3_bucket_type;

typedef struct dowel_s3_put_args {
    dowel_block *bucket;
    const char *key;
    const char *file; /* exactly one of file and data; "-" is standard input */
    dowel_bytes data;
    const char *content_type;
    const dowel_pair *metadata;
    int64_t part_size;           /* parts of a multipart upload; grows where 10,000 parts would not do */
    int64_t multipart_threshold; /* larger objects go up in parts */
    int64_t concurrency;         /* parts at a time; 0: a few, and more as long as that is faster */
    int checksum;                /* DOWEL_S3_CRC32 ... DOWEL_S3_NONE */
    const char *content_encoding, *cache_control, *content_disposition;
    const char *storage_class, *acl; /* as S3 names them: "STANDARD_IA", "public-read" */
    int encryption;                  /* DOWEL_S3_BUCKET_DEFAULT ... DOWEL_S3_KMS_DSSE */
    const char *kms_key_id;
    const char *customer_key; /* base64 of 32 bytes (SSE-C) */
    const dowel_pair *tags;
    int64_t modified;     /* recorded as x-amz-meta-mtime, where a copying program looks for it */
    bool if_absent;       /* only where there is no such object */
    const char *if_match; /* only in place of the object with this ETag */
    bool bucket_key;      /* with aws:kms: the bucket keeps a key for a while, for fewer calls to KMS */
    const char *content_language;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_put_args;

typedef struct dowel_s3_get_args {
    dowel_block *bucket;
    const char *key;
    const char *file; /* "-" is standard output */
    const char *version_id;
    int64_t part_size;   /* bytes of one request; larger objects come in several */
    int64_t concurrency; /* requests at a time; 0: a few, and more as long as that is faster */
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
    const char *const *keys;  /* delete only: many, in place of key */
    const char *given;        /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_object_args;

typedef struct dowel_s3_copy_args {
    dowel_block *bucket;
    const char *key;
    const char *to_key;
    dowel_block *to_bucket; /* NULL: the same */
    const char *version_id;
    const char *storage_class;
    int64_t multipart_threshold; /* larger objects are copied in parts; at most 5 GiB */
    int64_t part_size;
    int64_t concurrency;                        /* parts at a time; 0: a few, and more as long as that is faster */
    const char *customer_key, *to_customer_key; /* of what is copied, of the copy */
    const char *given;                          /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_copy_args;

typedef struct dowel_s3_presign_args {
    dowel_block *bucket;
    const char *key;
    int method;                /* DOWEL_PRESIGN_GET, PUT, DELETE, HEAD */
    double expires;            /* seconds, up to 7 days */
    const dowel_pair *headers; /* that the request must then have */
    const dowel_pair *query;   /* parameters of the URL */
    const char *given;         /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_presign_args;

typedef struct dowel_s3_presign_post_args {
    dowel_block *bucket;
    const char *key; /* may end with ${filename} */
    double expires;
    const dowel_pair *fields; /* of the form: what the object will have */
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
    dowel_block *credentials; /* aws-credentials; NULL: what Amazon's tools would find */
    const char *region;
    const char *endpoint;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_list_buckets_args;

typedef struct dowel_s3_abort_stale_args {
    dowel_block *bucket;
    const char *prefix;
    double older_than; /* seconds since an upload began */
    bool dry_run;      /* only tells which it would be */
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_s3_abort_stale_args;

/* {bucket, key, size, etag, parts, version_id}. One request up to the threshold, else a multipart upload that is aborted when it fails. With
 * if_absent or if_match the object has the metadata "dowel-run", by which a later attempt knows what an earlier one wrote. */
static inline int dowel_s3_put(dowel *d, const dowel_s3_put_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.put", args, sizeof *args, NULL, result, err);
}
/* {bucket, key, size, etag, content_type, checked_by, file}. The file appears whole, checked, or not at all. checked_by: CRC32, CRC32C, CRC64NVME,
 * SHA256 (of the whole, or of those of parts), MD5, ETag (MD5 of the parts' MD5s); size where the service has nothing else. */
static inline int dowel_s3_get(dowel *d, const dowel_s3_get_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.get", args, sizeof *args, NULL, result, err);
}
/* {objects: [{key, size, etag, last_modified}], prefixes: [text], truncated}; of versions also version_id,
 * latest, deleted. */
static inline int dowel_s3_list(dowel *d, const dowel_s3_list_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.list", args, sizeof *args, NULL, result, err);
}
/* {key, size, etag, content_type, last_modified, metadata}. */
static inline int dowel_s3_head(dowel *d, const dowel_s3_object_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.head", args, sizeof *args, NULL, result, err);
}
/* {key}, or {deleted, failed: [{key, error}]} of many. An object that is not there is no error, as the service has it. */
static inline int dowel_s3_delete(dowel *d, const dowel_s3_object_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.delete", args, sizeof *args, NULL, result, err);
}
/* {bucket, key, etag}. By the service itself; above 5 GiB in parts. */
static inline int dowel_s3_copy(dowel *d, const dowel_s3_copy_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.copy", args, sizeof *args, NULL, result, err);
}
/* {bucket, region, created}. A bucket that is ours already is no error (created: false). */
static inline int dowel_s3_create_bucket(dowel *d, const dowel_s3_create_bucket_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "s3.create_bucket", args, sizeof *args, NULL, result, err);
}
/* {bucket, region, versioning, lifecycle}: versioning is Enabled, Suspended or empty, lifecycle a list of rules as S3 has them. */
static inline int dowel_s3_get_bucket(dowel *d, const dowel_s3_bucket_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.get_bucket", args, sizeof *args, NULL, result, err);
}
/* {bucket}. The bucket must be empty. */
static inline int dowel_s3_delete_bucket(dowel *d, const dowel_s3_bucket_args *args, json_t **result,
                                         dowel_error *err) {
    return dowel_call(d, "s3.delete_bucket", args, sizeof *args, NULL, result, err);
}
/* {buckets: [{bucket, created}]}. */
static inline int dowel_s3_list_buckets(dowel *d, const dowel_s3_list_buckets_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "s3.list_buckets", args, sizeof *args, NULL, result, err);
}
/* {uploads: [{key, upload_id, initiated}], aborted}. Multipart uploads that nobody finished are billed until they are aborted. */
static inline int dowel_s3_abort_stale(dowel *d, const dowel_s3_abort_stale_args *args, json_t **result,
                                       dowel_error *err) {
    return dowel_call(d, "s3.abort_stale", args, sizeof *args, NULL, result, err);
}
/* {url, method, headers, expires}: who has the URL may do what it says. */
static inline int dowel_s3_presign(dowel *d, const dowel_s3_presign_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "s3.presign", args, sizeof *args, NULL, result, err);
}
/* {url, fields}: a form for a browser. */
static inline int dowel_s3_presign_post(dowel *d, const dowel_s3_presign_post_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "s3.presign_post", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
