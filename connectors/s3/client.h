/* S3: what the files of the connector share. */
#ifndef DOWEL_S3_CLIENT_H
#define DOWEL_S3_CLIENT_H

#include <dowel/buckets.h>
#include <dowel/s3.h>
#include <dowel/transfer.h>
#include <dowel/xml.h>

typedef struct dowel_s3_client {
    dowel *d;
    dowel_block *block; /* borrowed */
    const dowel_s3_bucket *bucket;
    dowel_aws_signing signing;
    char *region;
    char base[512]; /* base URL of requests for the bucket */
    bool path_style;
    bool tls;
    bool guarded;   /* bodies cannot be changed in transit: TLS, or this machine */
    bool anonymous; /* requests are not signed */
    bool amazon;    /* Amazon's endpoint, whose host name contains the region */
    int64_t memory; /* bytes to buffer of a source that cannot be read again; 0: default */
} dowel_s3_client;

int dowel_s3_client_open(dowel *d, dowel_block *block, dowel_s3_client *client, dowel_error *err);
/* Without a block; an empty bucket name is for requests about the account. Borrows `bucket`. */
int dowel_s3_client_open_for(dowel *d, const dowel_s3_bucket *bucket, dowel_s3_client *client, dowel_error *err);
void dowel_s3_client_close(dowel_s3_client *client);

/* A request for an object (key relative to the folder) or, with key NULL, for the bucket. */
dowel_http_request *dowel_s3_request(dowel_s3_client *client, const char *method, const char *key);
/* The key with the folder in front. Newly allocated. */
char *dowel_s3_full_key(const dowel_s3_client *client, const char *key);
/* An ETag without its quotes; "" for NULL. New reference; NULL: out of memory. */
json_t *dowel_s3_etag(const char *etag);
/* Sends, parses the XML answer, frees the request. */
int dowel_s3_fetch_xml(dowel_s3_client *client, dowel_http_request *request, dowel_xml **root, dowel_error *err);
/* Fails and frees the root unless it has that name: a proxy may answer 200 with a page of its own. */
int dowel_s3_expect(const dowel_s3_client *client, dowel_xml **root, const char *name, dowel_error *err);
/* The same without freeing the request. */
int dowel_s3_send_xml(dowel_s3_client *client, dowel_http_request *request, dowel_xml **root, dowel_error *err);

/* Whether requests to an endpoint (`own`: not Amazon's) have the bucket in the path. */
bool dowel_s3_path_style(const dowel_s3_bucket *bucket, const char *endpoint, bool own);
/* The base URL of a bucket in a region. */
int dowel_s3_base(dowel *d, const dowel_s3_bucket *bucket, const char *region, char base[512], bool *path_style,
                  bool *own_endpoint, dowel_error *err);

/* xml.c */
struct dowel_text;
/* Adds a string with the characters escaped that XML cannot hold in text. */
void dowel_s3_add_escaped(struct dowel_text *text, const char *string);
/* Sets an XML body with its Content-MD5, which DeleteObjects and bucket configurations need. The body is copied. */
int dowel_s3_set_xml(dowel_http_request *request, const char *body, dowel_error *err);
/* Text of the service as JSON: "" for NULL, "(not UTF-8)" for other bytes. New reference; NULL: out of memory. */
json_t *dowel_s3_text(const char *text);

/* region.c: callbacks of the service; `client` is a dowel_s3_client. They follow a bucket to its region. */
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
/* NULL for MD5 and none. */
const dowel_s3_checksum *dowel_s3_checksum_of(int choice);
/* The first checksum in the headers or the element, with its value; NULL: none. */
const dowel_s3_checksum *dowel_s3_checksum_in_headers(const dowel_http_response *response, const char **value);
const dowel_s3_checksum *dowel_s3_checksum_in_xml(const dowel_xml *element, const char **value);
/* A part as an aws-chunked body with its checksum as a trailer. */
dowel_source *dowel_s3_trailed_source(dowel_upload_part *part, const dowel_s3_checksum *checksum);
/* Whether the failure may be due to a server without these checksums. */
bool dowel_s3_refuses_checksums(const dowel_error *err);
/* Whether to use only Content-MD5: configured, or detected. */
bool dowel_s3_plain(const dowel_s3_client *client);
void dowel_s3_set_plain(const dowel_s3_client *client, const dowel_error *why);

/* describe.c */
extern const char *const dowel_s3_encryption_names[];
int dowel_s3_check_description(const dowel_s3_put_args *args, dowel_error *err);
bool dowel_s3_fits_header(const char *text);
int dowel_s3_customer_key(dowel_http_request *request, const char *key, bool of_copy_source, dowel_error *err);
/* Adds a hint if a refusal may be due to the wrong or missing customer-provided key `key`. */
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
    bool held;      /* the service had it before */
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
/* `etag` NULL: keep the known one. */
int dowel_s3_note_part(dowel_s3_upload *upload, dowel_upload_part *part, const char *etag, dowel_error *err);
int dowel_s3_finish_parts(dowel *d, void *upload, const dowel_uploaded *done, dowel_error *err);
void dowel_s3_abort_parts(dowel *d, void *upload, const dowel_error *why);
void dowel_s3_upload_clear(dowel_s3_upload *upload);
/* Aborts a multipart upload; logs a failure. */
void dowel_s3_abort(dowel_s3_client *client, const char *key, const char *upload);

int dowel_s3_describe(dowel_http_request *request, const dowel_s3_upload *upload, dowel_error *err); /* describe.c */

/* condition.c */
#define DOWEL_S3_MARK "x-amz-meta-dowel-run"
/* Sets the mark of a conditional upload. */
void dowel_s3_mark(dowel_s3_upload *upload);
void dowel_s3_condition(dowel_http_request *request, const dowel_s3_put_args *args);
bool dowel_s3_is_marked(const dowel_s3_upload *upload, const dowel_http_response *head, int64_t size);
/* After an upload failed with `err`: 0 and the answer to HEAD if the object is ours after all; otherwise err->code. `in_doubt`: an earlier attempt may have
 * been carried out. */
int dowel_s3_settle(dowel_s3_upload *upload, int64_t size, bool in_doubt, dowel_http_response **head, dowel_error *err);

/* head.c */
enum { DOWEL_S3_ETAG_SIZE = 256 };
/* `part` > 0: for that part of a multipart object. */
int dowel_s3_head_object(dowel_s3_client *client, const char *key, const char *version, const char *customer_key,
                         int64_t part, dowel_http_response **response, dowel_error *err);
/* Borrows from the answer and from `etag`. */
dowel_object dowel_s3_object_of(const char *name, const dowel_http_response *response, char etag[DOWEL_S3_ETAG_SIZE]);
/* The time in x-amz-meta-mtime, in microseconds; 0: not a time. */
int64_t dowel_s3_recorded_time(const char *text);

/* metadata.c */
/* The user metadata as Unicode; `with_own`: including recorded times and marks of conditional uploads. */
dowel_pair *dowel_s3_metadata(const dowel_http_response *response, bool with_own);
void dowel_s3_metadata_free(dowel_pair *metadata);
/* Number of entries that the service has but does not return. */
int64_t dowel_s3_missing_metadata(const dowel_http_response *response);
int dowel_s3_check_metadata(const dowel_pair *metadata, dowel_error *err);
int dowel_s3_describe_metadata(dowel_http_request *request, const dowel_pair *metadata, dowel_error *err);
/* The metadata that S3 can hold; reports the rest to `unheld`, which is required. Newly allocated, borrows the texts. NULL: out of memory. */
dowel_pair *dowel_s3_holdable(const dowel_object_put_options *options);

/* Whether the ETag is an MD5, judging by the encryption. */
bool dowel_s3_etag_is_md5(const dowel_http_response *response);

/* list.c */
/* Lists in pages of at most `page` names. */
int dowel_s3_list_each(dowel_s3_client *client, const dowel_objects_query *query, int64_t page,
                       dowel_object_visitor visit, void *context, dowel_error *err);
/* Decodes a key of a listing; if it has a NUL byte (*has_nul), the text is for display only. Newly allocated. */
char *dowel_s3_decoded(const char *text, bool encoded, bool *has_nul);
const char *dowel_s3_unquoted(const char *etag, char text[DOWEL_S3_ETAG_SIZE]);
/* Whether the ETag (may be NULL) has the form of an MD5. */
bool dowel_s3_read_md5(const char *etag, unsigned char md5[16]);
/* Takes the MD5 from the ETag if it has that form; also as the check if there is no better one. */
void dowel_s3_md5_of_etag(dowel_object *object);

/* remove.c */
/* `etag`: CONFLICT if the object has another one. NULL: any. */
int dowel_s3_delete_object(dowel_s3_client *client, const char *key, const char *version, const char *etag,
                           dowel_error *err);
/* Adds If-Match; NULL: adds nothing. */
void dowel_s3_match(dowel_http_request *request, const char *etag);
/* The time of the service's clock, µs since the epoch; 0: unknown. */
int dowel_s3_now(dowel_s3_client *client, int64_t *time, dowel_error *err);
int dowel_s3_remove(dowel_s3_client *client, const char *const *names, size_t count,
                    void (*failed)(void *context, const char *name, const dowel_error *why), void *context,
                    dowel_error *err);

/* copy.c */
int dowel_s3_copy_object(dowel_s3_client *from, dowel_s3_client *to, const dowel_s3_copy_args *args, json_t **etag,
                         dowel_error *err);

/* tags.c */
int dowel_s3_tags(dowel_s3_client *client, const char *key, const char *version, json_t **tags, dowel_error *err);

/* presign.c */
int dowel_s3_presign_url(dowel_s3_client *client, const char *method, const dowel_s3_presign_args *args, char **url,
                         dowel_error *err);

/* service.c */
int dowel_s3_service(dowel *d, dowel_block *block, char **url, dowel_error *err);

/* objects.c */
extern const dowel_objects dowel_s3_objects;

/* The name of an object's transfer in the run's record. Newly allocated. */
char *dowel_s3_handle_name(const dowel_s3_client *client, const char *what, const char *key);

/* get.c */
/* Does not commit. */
int dowel_s3_get_sink(dowel_s3_client *client, const dowel_s3_get_args *args, dowel_sink *sink, json_t **result,
                      dowel_error *err);
/* The same; `visit` (may be NULL) receives the object as the answer describes it, with the size of the download. */
int dowel_s3_get_told(dowel_s3_client *client, const dowel_s3_get_args *args, dowel_sink *sink, json_t **result,
                      dowel_object_visitor visit, void *context, dowel_error *err);

#endif
