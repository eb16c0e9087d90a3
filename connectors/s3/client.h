/* A bucket as the connector works with it: where it is, who signs. */
#ifndef DOWEL_S3_CLIENT_H
#define DOWEL_S3_CLIENT_H

#include <dowel/s3.h>
#include <dowel/xml.h>

typedef struct dowel_s3_client {
    dowel *d;
    const dowel_s3_bucket *bucket;
    dowel_aws_signing signing;
    char *region;
    char base[512]; /* of the bucket's requests */
    bool path_style;
    bool tls;
} dowel_s3_client;

int dowel_s3_client_open(dowel *d, dowel_block *block, dowel_s3_client *client, dowel_error *err);
void dowel_s3_client_close(dowel_s3_client *client);

/* A request for an object (key relative to the folder) or, key NULL, for the bucket. */
dowel_http_request *dowel_s3_request(dowel_s3_client *client, const char *method, const char *key);
/* The key with the folder in front. Newly allocated. */
char *dowel_s3_full_key(const dowel_s3_client *client, const char *key);
/* An ETag without its quotes; "" for NULL. New reference, never NULL but for lack of memory. */
json_t *dowel_s3_etag(const char *etag);
/* Sends, reads the XML answer, frees the request. */
int dowel_s3_fetch_xml(dowel_s3_client *client, dowel_http_request *request, dowel_xml **root, dowel_error *err);

/* check.c */
int dowel_s3_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

/* put.c */
/* Gives up a multipart upload; a failure is logged. */
void dowel_s3_abort(dowel_s3_client *client, const char *key, const char *upload);
int dowel_s3_put_source(dowel_s3_client *client, const dowel_s3_put_args *args, dowel_source *source, json_t **result,
                        dowel_error *err);
/* get.c */
int dowel_s3_get_sink(dowel_s3_client *client, const dowel_s3_get_args *args, dowel_sink *sink, json_t **result,
                      dowel_error *err);

#endif
