/* A bucket as the connector works with it: where it is, who signs. */
#ifndef DOWEL_S3_CLIENT_H
#define DOWEL_S3_CLIENT_H

#include <dowel/objects.h>
#include <dowel/s3.h>
#include <dowel/transfer.h>
#include <dowel/xml.h>

typedef struct dowel_s3_client {
    dowel *d;
    dowel_block *block; /* borrowed */
    const dowel_s3_bucket *bucket;
    dowel_aws_signing signing;
    char *region;
    char base[512]; /* of the bucket's requests */
    bool path_style;
    bool tls;
    bool guarded;   /* nobody on the way can change a body: TLS, or this machine */
    bool anonymous; /* nothing is signed */
    bool amazon;    /* no other endpoint was asked for: its address has the region in it */
    int64_t memory; /* for an upload of what cannot be read again; 0: as suits */
} dowel_s3_client;

int dowel_s3_client_open(dowel *d, dowel_block *block, dowel_s3_client *client, dowel_error *err);
/* Of a bucket that no block describes; without a name: of the account. Borrows `bucket`. */
int dowel_s3_client_open_for(dowel *d, const dowel_s3_bucket *bucket, dowel_s3_client *client, dowel_error *err);
void dowel_s3_client_close(dowel_s3_client *client);

/* A request for an object (key relative to the folder) or, key NULL, for the bucket. */
dowel_http_request *dowel_s3_request(dowel_s3_client *client, const char *method, const char *key);
/* The key with the folder in front. Newly allocated. */
char *dowel_s3_full_key(const dowel_s3_client *client, const char *key);
/* An ETag without its quotes; "" for NULL. New reference, never NULL but for lack of memory. */
json_t *dowel_s3_etag(const char *etag);
/* Sends, reads the XML answer, frees the request. */
int dowel_s3_fetch_xml(dowel_s3_client *client, dowel_http_request *request, dowel_xml **root, dowel_error *err);
/* What an answer must be, by the name of its root; else the root is freed: a proxy's page of 200 is no success. */
int dowel_s3_expect(const dowel_s3_client *client, dowel_xml **root, const char *name, dowel_error *err);
/* Does not free the request. */
int dowel_s3_send_xml(dowel_s3_client *client, dowel_http_request *request, dowel_xml **root, dowel_error *err);

/* Whether requests to an endpoint (`own`: not Amazon's) name the bucket in the path: asked for, or its name cannot be part of a host name. */
bool dowel_s3_path_style(const dowel_s3_bucket *bucket, const char *endpoint, bool own);
/* Where requests for a bucket go when it is in a region. */
int dowel_s3_base(dowel *d, const dowel_s3_bucket *bucket, const char *region, char base[512], bool *path_style,
                  bool *own_endpoint, dowel_error *err);

/* region.c: for the service; `client` is the request's. A bucket that is elsewhere is followed, once that is said. */
int dowel_s3_authorize(dowel *d, dowel_http_request *request, void *client, bool again, dowel_error *err);
bool dowel_s3_reauthorize(dowel *d, const dowel_http_request *request, const dowel_http_response *response,
                          const dowel_error *err, void *client, bool *again);
int dowel_s3_attempts(dowel *d, void *client);

/* check.c */
int dowel_s3_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

/* checksum.c */
extern const char *const dowel_s3_checksum_names[];
typedef struct dowel_s3_checksum {
    dowel_digest_kind kind;
    const char *algorithm, *header, *element;
} dowel_s3_checksum;
/* NULL for MD5 and none, which are not of the flexible kind. */
const dowel_s3_checksum *dowel_s3_checksum_of(int choice);
/* The first one that an answer's headers or an element has, with its value; NULL: none. */
const dowel_s3_checksum *dowel_s3_checksum_in_headers(const dowel_http_response *response, const char **value);
const dowel_s3_checksum *dowel_s3_checksum_in_xml(const dowel_xml *element, const char **value);
/* A part's bytes as an aws-chunked body with the checksum behind them. */
dowel_source *dowel_s3_trailed_source(dowel_upload_part *part, const dowel_s3_checksum *checksum);
/* Whether the failure may be that of a server that does not know these checksums. */
bool dowel_s3_refuses_checksums(const dowel_error *err);
/* Whether only the old Content-MD5 is used: asked for, or found out. */
bool dowel_s3_plain(const dowel_s3_client *client);
void dowel_s3_set_plain(const dowel_s3_client *client, const dowel_error *why);

/* describe.c */
extern const char *const dowel_s3_encryption_names[];
int dowel_s3_check_description(const dowel_s3_put_args *args, dowel_error *err);
bool dowel_s3_fits_header(const char *text);
int dowel_s3_check_customer_key(const char *field, const char *key, dowel_error *err);
int dowel_s3_customer_key(dowel_http_request *request, const char *key, bool of_copy_source, dowel_error *err);
/* What was refused may be for lack of the right key; `key`: the one that was given. */
void dowel_s3_hint_at_key(const char *key, dowel_error *err);

/* put.c */
typedef struct dowel_s3_stored {
    int64_t size, parts;
    json_t *etag;
    char *version;
    dowel_digest_kind check_kind;
    size_t check_size;
    unsigned char check[DOWEL_DIGEST_MAX];
} dowel_s3_stored;
void dowel_s3_stored_clear(dowel_s3_stored *stored);
int dowel_s3_put_source(dowel_s3_client *client, const dowel_s3_put_args *args, dowel_source *source,
                        dowel_s3_stored *stored, dowel_error *err);

/* multipart.c */
typedef struct dowel_s3_part {
    char *etag;
    int64_t size;
    bool held;      /* the server had it before */
    char check[48]; /* base64 */
} dowel_s3_part;
typedef struct dowel_s3_upload {
    dowel_s3_client *client;
    const dowel_s3_put_args *args;
    char *id;
    dowel_s3_part *parts;
    int64_t count;
    json_t *etag; /* of the object */
    char *version;
    char mark[DOWEL_RUN_ID_SIZE]; /* of a conditional upload; else "" */
} dowel_s3_upload;
int dowel_s3_start_parts(dowel *d, void *upload, int64_t size, int64_t part_size, dowel_error *err);
int dowel_s3_part_is_there(dowel_s3_upload *upload, dowel_upload_part *part, bool *there, dowel_error *err);
/* `etag` NULL: the one that is known. */
int dowel_s3_note_part(dowel_s3_upload *upload, dowel_upload_part *part, const char *etag, dowel_error *err);
int dowel_s3_finish_parts(dowel *d, void *upload, const dowel_uploaded *done, dowel_error *err);
void dowel_s3_abort_parts(dowel *d, void *upload, const dowel_error *why);
void dowel_s3_upload_clear(dowel_s3_upload *upload);
/* Gives up a multipart upload; a failure is logged. */
void dowel_s3_abort(dowel_s3_client *client, const char *key, const char *upload);

int dowel_s3_describe(dowel_http_request *request, const dowel_s3_upload *upload, dowel_error *err); /* describe.c */

/* condition.c */
#define DOWEL_S3_MARK "x-amz-meta-dowel-run"
int dowel_s3_mark(dowel_s3_upload *upload, dowel_error *err);
void dowel_s3_condition(dowel_http_request *request, const dowel_s3_put_args *args);
bool dowel_s3_is_marked(const dowel_s3_upload *upload, const dowel_http_response *head, int64_t size);
/* What an upload that failed with `err` came to: 0 and what HEAD says where the object is ours after all; else err->code. `in_doubt`: an earlier
 * attempt may have been carried out. */
int dowel_s3_settle(dowel_s3_upload *upload, int64_t size, bool in_doubt, dowel_http_response **head, dowel_error *err);

/* head.c */
enum { DOWEL_S3_ETAG_SIZE = 256 };
/* `part` > 0: of that part of a multipart object, its size and how many there are. */
int dowel_s3_head_object(dowel_s3_client *client, const char *key, const char *version, const char *customer_key,
                         int64_t part, dowel_http_response **response, dowel_error *err);
/* Borrows from the answer and from `etag`. */
dowel_object dowel_s3_object_of(const char *name, const dowel_http_response *response, char etag[DOWEL_S3_ETAG_SIZE]);
/* Of x-amz-meta-mtime; 0: it is none. */
int64_t dowel_s3_recorded_time(const char *text);

/* metadata.c */
/* The user's metadata as Unicode; `with_own`: also the time that copying programs record, and marks of conditional uploads. */
dowel_pair *dowel_s3_metadata(const dowel_http_response *response, bool with_own);
void dowel_s3_metadata_free(dowel_pair *metadata);
/* How many entries the service holds and does not return. */
int64_t dowel_s3_missing_metadata(const dowel_http_response *response);
int dowel_s3_check_metadata(const dowel_pair *metadata, dowel_error *err);
int dowel_s3_describe_metadata(dowel_http_request *request, const dowel_pair *metadata, dowel_error *err);
/* The metadata that S3 can hold; the rest is told to `unheld`, which must be there. Newly allocated, borrows the texts. NULL: out of memory. */
dowel_pair *dowel_s3_holdable(const dowel_object_put_options *options);

/* Unless it is encrypted with a key of the bucket's or the caller's own, or came in parts. */
bool dowel_s3_etag_is_md5(const dowel_http_response *response);

/* list.c */
/* Page after page of at most `page` names. */
int dowel_s3_list_each(dowel_s3_client *client, const dowel_objects_query *query, int64_t page,
                       dowel_object_visitor visit, void *context, dowel_error *err);
/* A key as a listing has it; where it holds a NUL byte (*has_nul), text that only shows it. Newly allocated. */
char *dowel_s3_decoded(const char *text, bool encoded, bool *has_nul);
const char *dowel_s3_unquoted(const char *etag, char text[DOWEL_S3_ETAG_SIZE]);
/* Whether the ETag, which may be NULL, has the form of an MD5. */
bool dowel_s3_read_md5(const char *etag, unsigned char md5[16]);
/* Where the ETag has the form of an MD5; also as the check, where no better one is known. */
void dowel_s3_md5_of_etag(dowel_object *object);

/* remove.c */
int dowel_s3_delete_object(dowel_s3_client *client, const char *key, const char *version, dowel_error *err);
int dowel_s3_remove(dowel_s3_client *client, const char *const *names, size_t count,
                    void (*failed)(void *context, const char *name, const dowel_error *why), void *context,
                    dowel_error *err);

/* copy.c */
int dowel_s3_copy_object(dowel_s3_client *from, dowel_s3_client *to, const dowel_s3_copy_args *args, json_t **etag,
                         dowel_error *err);

/* tags.c */
int dowel_s3_tags(dowel_s3_client *client, const char *key, const char *version, json_t **tags, dowel_error *err);

/* presign.c */
enum { DOWEL_S3_SIGNED_MOST = 7 * 24 * 3600 };
int dowel_s3_presign_url(dowel_s3_client *client, const char *method, const dowel_s3_presign_args *args, char **url,
                         dowel_error *err);
int dowel_s3_presign_form(dowel_s3_client *client, const dowel_s3_presign_post_args *args, json_t **result,
                          dowel_error *err);

/* service.c */
int dowel_s3_service(dowel *d, dowel_block *block, char **url, dowel_error *err);

/* objects.c */
extern const dowel_objects dowel_s3_objects;

/* What a run's record calls the transfer of one of many objects. Newly allocated. */
char *dowel_s3_handle_name(const dowel_s3_client *client, const char *what, const char *key);

/* get.c */
/* Does not commit. */
int dowel_s3_get_sink(dowel_s3_client *client, const dowel_s3_get_args *args, dowel_sink *sink, json_t **result,
                      dowel_error *err);
/* The same; `visit` (may be NULL) is told what the answer says of the object. Its size is that of what came. */
int dowel_s3_get_told(dowel_s3_client *client, const dowel_s3_get_args *args, dowel_sink *sink, json_t **result,
                      dowel_object_visitor visit, void *context, dowel_error *err);

#endif
