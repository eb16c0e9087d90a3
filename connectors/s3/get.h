/* Shared by the files about downloads. */
#ifndef DOWEL_S3_GET_H
#define DOWEL_S3_GET_H

#include "client.h"

/* The object to download, and how it is verified. */
typedef struct dowel_s3_object {
    dowel_s3_client *client;
    const dowel_s3_get_args *args;
    char pinned[DOWEL_S3_ETAG_SIZE]; /* its ETag as the header has it, if a HEAD request came first */
    char check[96];                  /* as the service gives it: base64, or MD5 in hex */
    const char *kind;                /* name for messages; NULL: no check */
    int64_t *part_sizes;             /* of a multipart object that is checked by its parts */
    bool late;                       /* the answer may still have an MD5 */
    bool thorough;                   /* the first verification failed: ask for the size of every part */
} dowel_s3_object;

/* verify.c: callbacks of dowel_download. */
int dowel_s3_choose_check(dowel *d, void *object, const dowel_http_response *first, dowel_download_check *check,
                          dowel_error *err);
int dowel_s3_verify(void *object, const dowel_downloaded *got, dowel_error *err);

/* part_sizes.c: the sizes of the parts that an object was uploaded in, newly allocated; NULL: unknown. `listed`: the service may list the parts, because
 * it has a checksum of each. */
int64_t *dowel_s3_part_sizes(const dowel_s3_object *object, int64_t total, int64_t count, bool listed);

#endif
