/* Cloud Storage: what the files of the connector share. */
#ifndef DOWEL_GCS_CLIENT_H
#define DOWEL_GCS_CLIENT_H

#include <dowel/gcs.h>
#include <dowel/objects.h>

typedef struct dowel_gcs_client {
    dowel *d;
    const dowel_gcs_bucket *bucket;
    dowel_block *credentials;
    const dowel_http_service *service, *once; /* `once`: without retries */
    const dowel_http_service *alone;          /* without retries and without credentials */
    char base[512];
    bool last_wins; /* retry writes without a precondition too: the caller accepts that the last write wins */
} dowel_gcs_client;

int dowel_gcs_client_open(dowel *d, dowel_block *block, dowel_gcs_client *client, dowel_error *err);
/* Without a bucket: for requests about a project. */
int dowel_gcs_client_open_project(dowel *d, dowel_block *credentials, const char *endpoint, dowel_gcs_client *client,
                                  dowel_error *err);

/* The base URL: the block's endpoint, otherwise the emulator of the environment, otherwise Google. https unless the endpoint says http or comes from
 * the environment. Nonzero: too long for `base`. */
int dowel_gcs_endpoint(const char *given, const char *emulator, char *base, size_t size);

/* A request under /storage/v1/b/BUCKET or, with a name, under its object. */
dowel_http_request *dowel_gcs_request(dowel_gcs_client *client, const char *method, const char *name);
/* A request that starts an upload. */
dowel_http_request *dowel_gcs_upload_request(dowel_gcs_client *client, const char *kind);
/* Adds the customer-supplied encryption key if the bucket's block has one; `source`: for the source of a copy. */
void dowel_gcs_encrypt(dowel_http_request *request, const dowel_gcs_bucket *bucket, bool source);

/* Preconditions on an object or bucket. */
typedef struct dowel_gcs_conditions {
    const char *generation_match, *generation_not_match, *metageneration_match, *metageneration_not_match;
} dowel_gcs_conditions;
#define DOWEL_GCS_CONDITIONS(args)                                                                                     \
    ((dowel_gcs_conditions){(args)->if_generation_match, (args)->if_generation_not_match,                              \
                            (args)->if_metageneration_match, (args)->if_metageneration_not_match})
void dowel_gcs_condition(dowel_http_request *request, dowel_gcs_conditions conditions);

/* ---- names and resources (resource.c) ---- */

/* The object name with the folder in front. Newly allocated. */
char *dowel_gcs_full_name(const dowel_gcs_client *client, const char *name);
/* The name without the folder, as a JSON string. New reference. */
json_t *dowel_gcs_relative(const dowel_gcs_client *client, const json_t *name);
/* Whether a JSON string contains a NUL byte. */
bool dowel_gcs_has_nul(const json_t *text);
/* The string with NUL bytes shown as \x00. Newly allocated. */
char *dowel_gcs_shown(const json_t *text);
/* The name without the folder; borrowed. */
const char *dowel_gcs_without_folder(const dowel_gcs_client *client, const char *name);
/* An object's resource as tasks return it. New reference; NULL: out of memory. */
json_t *dowel_gcs_describe(const dowel_gcs_client *client, const json_t *resource);
/* The same as a dowel_object, which borrows from the resource. If the object has metadata, it is not `described` until dowel_gcs_object_metadata. */
void dowel_gcs_object(const dowel_gcs_client *client, const json_t *resource, dowel_object *object);
/* Adds the metadata, which borrows from the resource; free *metadata. */
int dowel_gcs_object_metadata(const json_t *resource, dowel_object *object, dowel_pair **metadata, dowel_error *err);
/* The members of a resource that dowel_gcs_describe and dowel_gcs_object read, for the parameter `fields`. */
extern const char dowel_gcs_object_members[];
/* The metadata that records the time of a file. */
#define DOWEL_GCS_MTIME_PAIRS 2
bool dowel_gcs_is_mtime(const char *name);
void dowel_gcs_record_mtime(int64_t modified, char text[2][DOWEL_TIME_TEXT_SIZE],
                            dowel_pair pairs[DOWEL_GCS_MTIME_PAIRS]);
/* The resource that an upload sends. New reference; NULL: out of memory. */
json_t *dowel_gcs_resource(const dowel_gcs_client *client, const dowel_gcs_upload_args *args);
/* Ends the digest: CRC32C as big-endian bytes in base64. */
void dowel_gcs_crc32c_text(dowel_digest *digest, char text[9]);

/* ---- check.c ---- */

int dowel_gcs_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

/* ---- uploads ---- */

/* The metadata by which a conditional upload recognizes its object if the answer was lost. */
#define DOWEL_GCS_MARK "dowel-run"
/* The query parameters of an upload: preconditions, ACL, KMS key. */
void dowel_gcs_upload_query(const dowel_gcs_client *client, dowel_http_request *request,
                            const dowel_gcs_upload_args *args);
/* With a buffer (a multiple of 256 KiB, filled with `got` bytes): in chunks. Without: as one stream, which needs a source of known size that can seek.
 * `crc` receives the CRC32C of the bytes sent. */
int dowel_gcs_upload_session(dowel_gcs_client *client, const dowel_gcs_upload_args *args, dowel_source *source,
                             int64_t total, char *buffer, size_t room, size_t got, char crc[9], json_t **resource,
                             dowel_error *err);
/* *resource is the object's resource. New reference. */
int dowel_gcs_upload_source(dowel_gcs_client *client, const dowel_gcs_upload_args *args, dowel_source *source,
                            json_t **resource, dowel_error *err);

/* composite.c: parallel uploads */
#define DOWEL_GCS_PART_MARK ".dowel-part-" /* between the name of the object and the token of the upload */
bool dowel_gcs_is_composite(const dowel_gcs_client *client, const dowel_gcs_upload_args *args,
                            const dowel_source *source);
int dowel_gcs_upload_composite(dowel_gcs_client *client, const dowel_gcs_upload_args *args, dowel_source *source,
                               char crc[9], json_t **resource, dowel_error *err);

typedef struct dowel_gcs_source {
    const char *name, *generation; /* generation NULL: the newest */
} dowel_gcs_source;
/* Composes one object; `parts` ends with a name that is NULL. */
int dowel_gcs_join(dowel_gcs_client *client, const dowel_gcs_upload_args *args, const dowel_gcs_source *parts,
                   json_t **resource, dowel_error *err);

/* ---- downloads ---- */

/* Verifies the checksum and does not commit. *response (may be NULL) is the first answer; the caller frees it. */
int dowel_gcs_download_sink(dowel_gcs_client *client, const dowel_gcs_download_args *args, dowel_sink *sink,
                            int64_t *size, dowel_http_response **response, dowel_error *err);

/* ---- listing (list.c) ---- */

typedef struct dowel_gcs_query {
    const char *prefix, *delimiter, *start_offset, *end_offset; /* relative to the folder */
    bool versions;
    int64_t limit; /* 0: none */
} dowel_gcs_query;

/* Receives, in the order of names, a resource or (resource NULL) a prefix, both with the folder. A nonzero result ends the listing with that code. */
typedef int (*dowel_gcs_visitor)(void *context, const json_t *resource, const char *prefix, dowel_error *err);
/* *more (may be NULL): the limit cut the listing. Holds one page in memory. */
int dowel_gcs_walk(dowel_gcs_client *client, const dowel_gcs_query *query, dowel_gcs_visitor visit, void *context,
                   bool *more, dowel_error *err);

/* ---- single objects ---- */

/* Copies within Cloud Storage. *resource (`resource` may be NULL) is the copy's; new reference. */
int dowel_gcs_rewrite(dowel_gcs_client *from, dowel_gcs_client *to, const dowel_gcs_copy_args *args, json_t **resource,
                      dowel_error *err);
/* Removes the object if this is its current generation; CONFLICT if another one is. NULL: whatever is there. */
int dowel_gcs_remove_generation(dowel_gcs_client *client, const char *name, const char *generation, dowel_error *err);
/* Deletes many objects in batches, or one by one if the server has no batches. A missing object counts as deleted. `failed` (may be NULL) is called for each
 * object that could not be deleted, by one thread at a time; the result is the code of the first. */
int dowel_gcs_remove(dowel_gcs_client *client, const char *const *names, size_t count,
                     void (*failed)(void *context, const char *name, const dowel_error *why), void *context,
                     dowel_error *err);

/* ---- presign.c ---- */

/* `signing` has style, method, headers and query. *url is a secret; the caller cleanses and frees it. */
struct dowel_gcs_signing;
int dowel_gcs_presigned(dowel_gcs_client *client, const char *name, const char *host, double expires,
                        struct dowel_gcs_signing *signing, char **url, dowel_error *err);

/* ---- objects.c ---- */

extern const dowel_objects dowel_gcs_objects;

#endif
