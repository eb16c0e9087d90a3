/* What the files about downloads share. */
#ifndef DOWEL_S3_GET_H
#define DOWEL_S3_GET_H

#include "client.h"

/* Which object a download is of, and what it is checked by. */
typedef struct dowel_s3_object {
    dowel_s3_client *client;
    const dowel_s3_get_args *args;
    char pinned[DOWEL_S3_ETAG_SIZE]; /* its ETag as the header has it, where that was asked for first */
    char check[96];                  /* as the service says it: base64, or hex of MD5 */
    const char *kind;                /* how messages call it; NULL: there is none */
    int64_t *part_sizes;             /* of what came in parts and is checked by them */
    bool late;                       /* the answer may still tell an MD5 */
    bool thorough;                   /* what arrived differed: no part's size is taken for granted */
} dowel_s3_object;

/* verify.c: for dowel_download. */
int dowel_s3_choose_check(dowel *d, void *object, const dowel_http_response *first, dowel_download_check *check,
                          dowel_error *err);
int dowel_s3_verify(void *object, const dowel_downloaded *got, dowel_error *err);

/* part_sizes.c: the sizes of the parts that an object came in, newly allocated; NULL: they cannot be told. `listed`: the service may have a list of
 * them, because it has a checksum of each. */
int64_t *dowel_s3_part_sizes(const dowel_s3_object *object, int64_t total, int64_t count, bool listed);

#endif
