/* Buckets in another region than the block says. The service answers with the right region; requests are then signed for it and, at Amazon, sent to it.
 * The region is remembered while the block is loaded. */
#include "client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct place {
    pthread_mutex_t lock;
    char region[64]; /* "": the block's */
} place;

static const char place_key;

static void *make_place(dowel_block *block) {
    (void)block;
    place *p = calloc(1, sizeof *p);
    if (p) pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void end_place(void *value) {
    place *p = value;
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static place *place_of(const dowel_s3_client *c) {
    return c->block ? dowel_block_attach(c->block, &place_key, make_place, end_place) : NULL;
}

/* The remembered region; false: none. */
static bool found(const dowel_s3_client *c, char region[64]) {
    place *p = place_of(c);
    if (!p) return false;
    pthread_mutex_lock(&p->lock);
    memcpy(region, p->region, sizeof p->region);
    pthread_mutex_unlock(&p->lock);
    return *region;
}

int dowel_s3_authorize(dowel *d, dowel_http_request *r, void *client, bool again, dowel_error *err) {
    dowel_s3_client *c = client;
    dowel_aws_signing signing = c->signing;
    char region[64], base[512];
    bool path_style, own;
    if (found(c, region)) {
        int rc = c->amazon ? dowel_s3_base(d, c->bucket, region, base, &path_style, &own, err) : 0;
        if (rc) return rc;
        if (c->amazon) dowel_http_rebase(r, c->base, base);
        signing.region = region;
    }
    return dowel_aws_authorize(d, r, &signing, again, err);
}

/* The region that the answer names; false: none. */
static bool told(const dowel_http_response *response, const dowel_error *err, char region[64]) {
    bool elsewhere = err->http_status == 301 || err->http_status == 307 || !strcmp(err->reason, "PermanentRedirect") ||
                     !strcmp(err->reason, "AuthorizationHeaderMalformed") ||
                     (err->http_status == 400 && !*err->reason); /* an answer to HEAD */
    if (!elsewhere) return false;
    dowel_xml *root = NULL;
    dowel_bytes body = dowel_http_response_body(response);
    const char *name = dowel_http_response_header(response, "x-amz-bucket-region");
    if (!name && body.size && !dowel_xml_parse(body.data, body.size, &root, NULL))
        name = dowel_xml_child_text(root, "Region");
    /* It becomes part of a host name. */
    size_t size = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") : 0;
    bool good = size && size < 64 && !name[size] && *name != '-';
    if (good) memcpy(region, name, size + 1);
    dowel_xml_free(root);
    return good;
}

bool dowel_s3_reauthorize(dowel *d, const dowel_http_request *r, const dowel_http_response *response,
                          const dowel_error *err, void *client, bool *again) {
    dowel_s3_client *c = client;
    char region[64], scope[80];
    place *p = place_of(c);
    *again = false;
    if (p && told(response, err, region)) {
        const char *authorization = dowel_http_get_header(r, "Authorization");
        snprintf(scope, sizeof scope, "/%s/s3/", region);
        if (authorization && !strstr(authorization, scope)) {
            pthread_mutex_lock(&p->lock);
            bool first = strcmp(p->region, region) != 0; /* only one of several threads logs it */
            memcpy(p->region, region, sizeof p->region);
            pthread_mutex_unlock(&p->lock);
            if (first)
                dowel_log(d, DOWEL_LOG_INFO, "bucket %s is in region %s: set the block's region to save a request",
                          c->bucket->bucket, region);
            return true;
        }
    }
    return dowel_aws_reauthorize(d, r, response, err, &c->signing, again);
}

int dowel_s3_attempts(dowel *d, void *client) {
    return dowel_aws_attempts(d, &((dowel_s3_client *)client)->signing);
}
