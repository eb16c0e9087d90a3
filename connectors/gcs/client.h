/* A bucket as the connector works with it. */
#ifndef DOWEL_GCS_CLIENT_H
#define DOWEL_GCS_CLIENT_H

#include <dowel/gcs.h>

typedef struct dowel_gcs_client {
    dowel *d;
    const dowel_gcs_bucket *bucket;
    dowel_block *credentials;
    const dowel_http_service *service, *once; /* `once` does not retry by itself */
    char base[512];
} dowel_gcs_client;

int dowel_gcs_client_open(dowel *d, dowel_block *block, dowel_gcs_client *client, dowel_error *err);

/* Where requests go: what the block says, else what the environment does, else Google. Nonzero: too long for `base`. Plain http only where
 * it is said, or where the environment names an emulator. */
int dowel_gcs_endpoint(const char *given, const char *emulator, char *base, size_t size);

/* A request under /storage/v1/b/BUCKET, or (name given) under its object. */
dowel_http_request *dowel_gcs_request(dowel_gcs_client *client, const char *method, const char *name);
/* A request that starts an upload. */
dowel_http_request *dowel_gcs_upload_request(dowel_gcs_client *client, const char *kind);
/* The object name with the folder in front. Newly allocated. */
char *dowel_gcs_full_name(const dowel_gcs_client *client, const char *name);
/* The reverse, as a JSON string. New reference. */
json_t *dowel_gcs_relative(const dowel_gcs_client *client, const char *name);
/* What tasks give of an object's resource. New reference. */
json_t *dowel_gcs_describe(const dowel_gcs_client *client, const json_t *resource);
int dowel_gcs_no_memory(dowel_error *err);
/* CRC32C in Google's form: big-endian, base64. */
void dowel_gcs_crc32c_text(dowel_digest *digest, char text[9]);

/* presign.c: `signing` says style, method, headers and query. *url is newly allocated, and a secret. */
struct dowel_gcs_signing;
int dowel_gcs_presigned(dowel_gcs_client *client, const char *name, const char *host, double expires,
                        struct dowel_gcs_signing *signing, char **url, dowel_error *err);

/* check.c */
int dowel_gcs_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

/* What an upload says of its object. New reference. */
json_t *dowel_gcs_resource(const dowel_gcs_client *client, const dowel_gcs_upload_args *args);
void dowel_gcs_condition(dowel_http_request *request, const dowel_gcs_upload_args *args);
/* Reads until the buffer is full or the source at its end. */
int dowel_gcs_fill(dowel_source *source, char *buffer, size_t size, size_t *got, dowel_error *err);

/* With a buffer (of a whole number of 256 KiB, whose first `got` bytes are read): chunk by chunk; without, as one stream, which
 * needs a source that can seek and whose size is known. `crc` receives the CRC32C of what was sent. */
int dowel_gcs_upload_session(dowel_gcs_client *client, const dowel_gcs_upload_args *args, dowel_source *source,
                             int64_t total, char *buffer, size_t room, size_t got, char crc[9], json_t **resource,
                             dowel_error *err);
int dowel_gcs_upload_source(dowel_gcs_client *client, const dowel_gcs_upload_args *args, dowel_source *source,
                            json_t **result, dowel_error *err);
int dowel_gcs_download_sink(dowel_gcs_client *client, const dowel_gcs_download_args *args, dowel_sink *sink,
                            json_t **result, dowel_error *err);

#endif
