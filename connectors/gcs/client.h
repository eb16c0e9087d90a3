/* A bucket as the connector works with it. */
#ifndef DOWEL_GCS_CLIENT_H
#define DOWEL_GCS_CLIENT_H

#include <dowel/gcs.h>
#include <dowel/objects.h>

typedef struct dowel_gcs_client {
    dowel *d;
    const dowel_gcs_bucket *bucket;
    dowel_block *credentials;
    const dowel_http_service *service, *once; /* `once` does not retry by itself */
    const dowel_http_service *alone;          /* neither that, nor says who calls */
    char base[512];
    bool
        last_wins; /* writes without a precondition are repeated too: the caller's contract is that the last one stays */
} dowel_gcs_client;

int dowel_gcs_client_open(dowel *d, dowel_block *block, dowel_gcs_client *client, dowel_error *err);
/* Without a bucket: for calls that are about a project. */
int dowel_gcs_client_open_project(dowel *d, dowel_block *credentials, const char *endpoint, dowel_gcs_client *client,
                                  dowel_error *err);

/* Where requests go: what the block says, else what the environment does, else Google. Nonzero: too long for `base`. Plain http only where
 * it is said, or where the environment names an emulator. */
int dowel_gcs_endpoint(const char *given, const char *emulator, char *base, size_t size);

/* A request under /storage/v1/b/BUCKET, or (name given) under its object. */
dowel_http_request *dowel_gcs_request(dowel_gcs_client *client, const char *method, const char *name);
/* A request that starts an upload. */
dowel_http_request *dowel_gcs_upload_request(dowel_gcs_client *client, const char *kind);
/* The customer's own encryption key, where the bucket's block has one; `source`: of the object that a copy is made of. */
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
/* The reverse, as a JSON string. New reference. */
json_t *dowel_gcs_relative(const dowel_gcs_client *client, const json_t *name);
/* Whether a NUL byte makes it longer than any C text of it. */
bool dowel_gcs_has_nul(const json_t *text);
/* With such bytes as \x00. Newly allocated. */
char *dowel_gcs_shown(const json_t *text);
/* The same; borrowed. */
const char *dowel_gcs_without_folder(const dowel_gcs_client *client, const char *name);
/* What tasks give of an object's resource. New reference. */
json_t *dowel_gcs_describe(const dowel_gcs_client *client, const json_t *resource);
/* The same for dowel/objects.h; borrows from the resource. An object that has metadata is not `described` until that is asked for. */
void dowel_gcs_object(const dowel_gcs_client *client, const json_t *resource, dowel_object *object);
/* Its metadata, which borrows from the resource too; newly allocated. */
int dowel_gcs_object_metadata(const json_t *resource, dowel_object *object, dowel_pair **metadata, dowel_error *err);
/* The members of a resource that dowel_gcs_describe and dowel_gcs_object read: the parameter `fields`. */
extern const char dowel_gcs_object_members[];
/* Metadata under which the time of a file is kept. NULL-terminated pairs with room for `text`; 0: none. */
#define DOWEL_GCS_MTIME_PAIRS 2
bool dowel_gcs_is_mtime(const char *name);
void dowel_gcs_record_mtime(int64_t modified, char text[2][DOWEL_TIME_TEXT_SIZE],
                            dowel_pair pairs[DOWEL_GCS_MTIME_PAIRS]);
/* What an upload says of its object. New reference. */
json_t *dowel_gcs_resource(const dowel_gcs_client *client, const dowel_gcs_upload_args *args);
/* Sets a member where there is a value. */
void dowel_gcs_set(json_t *resource, const char *member, const char *value);
/* CRC32C in Google's form: big-endian, base64. */
void dowel_gcs_crc32c_text(dowel_digest *digest, char text[9]);

/* ---- check.c ---- */

int dowel_gcs_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

/* ---- uploads ---- */

/* The metadata by which a conditional upload in one request knows its object, where the answer was lost. */
#define DOWEL_GCS_MARK "dowel-run"
/* Preconditions and what else of an upload's arguments is in its URL. */
void dowel_gcs_upload_query(const dowel_gcs_client *client, dowel_http_request *request,
                            const dowel_gcs_upload_args *args);
/* With a buffer (of a whole number of 256 KiB, whose first `got` bytes are read): chunk by chunk; without, as one stream, which
 * needs a source that can seek and whose size is known. `crc` receives the CRC32C of what was sent. */
int dowel_gcs_upload_session(dowel_gcs_client *client, const dowel_gcs_upload_args *args, dowel_source *source,
                             int64_t total, char *buffer, size_t room, size_t got, char crc[9], json_t **resource,
                             dowel_error *err);
/* *resource is the service's own. New reference. */
int dowel_gcs_upload_source(dowel_gcs_client *client, const dowel_gcs_upload_args *args, dowel_source *source,
                            json_t **resource, dowel_error *err);

/* composite.c: parts as objects of their own, several at a time. */
#define DOWEL_GCS_PART_MARK ".dowel-part-" /* between the object's name and what tells the parts apart */
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

/* Checks and does not commit. *response (may be NULL) is the first answer. */
int dowel_gcs_download_sink(dowel_gcs_client *client, const dowel_gcs_download_args *args, dowel_sink *sink,
                            int64_t *size, dowel_http_response **response, dowel_error *err);

/* ---- listing (list.c) ---- */

typedef struct dowel_gcs_query {
    const char *prefix, *delimiter, *start_offset, *end_offset; /* relative to the folder */
    bool versions;
    int64_t limit; /* 0: none */
} dowel_gcs_query;

/* In the order of names: a resource, or (NULL) a prefix, both with the folder. Anything but 0 ends the listing with that code. */
typedef int (*dowel_gcs_visitor)(void *context, const json_t *resource, const char *prefix, dowel_error *err);
/* *more (may be NULL): it was cut by the limit. Holds one page at a time. */
int dowel_gcs_walk(dowel_gcs_client *client, const dowel_gcs_query *query, dowel_gcs_visitor visit, void *context,
                   bool *more, dowel_error *err);

/* ---- single objects ---- */

/* Within Cloud Storage; *resource (may be NULL) is that of the copy. New reference. */
int dowel_gcs_rewrite(dowel_gcs_client *from, dowel_gcs_client *to, const dowel_gcs_copy_args *args, json_t **resource,
                      dowel_error *err);
/* Removes many in batches, or one by one where the server has none; a name that is not there counts as removed. `failed` is told of each one
 * that could not be removed, by one thread at a time; the result is the first one's code. */
int dowel_gcs_remove(dowel_gcs_client *client, const char *const *names, size_t count,
                     void (*failed)(void *context, const char *name, const dowel_error *why), void *context,
                     dowel_error *err);

/* ---- presign.c ---- */

/* `signing` says style, method, headers and query. *url is newly allocated, and a secret. */
struct dowel_gcs_signing;
int dowel_gcs_presigned(dowel_gcs_client *client, const char *name, const char *host, double expires,
                        struct dowel_gcs_signing *signing, char **url, dowel_error *err);

/* ---- objects.c ---- */

extern const dowel_objects dowel_gcs_objects;

#endif
