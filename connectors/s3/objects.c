/* Buckets as dowel_objects (dowel/objects.h). */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int list(dowel *d, dowel_block *block, const dowel_objects_query *query, dowel_object_visitor visit,
                void *context, dowel_error *err) {
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, block, &c, err);
    if (rc) return rc;
    rc = dowel_s3_list_each(&c, query, 1000, visit, context, err);
    dowel_s3_client_close(&c);
    return rc;
}

/* Headers may be ISO-8859-1; descriptions of objects are UTF-8. */
static int visit_told(dowel_object *object, dowel_object_visitor visit, void *context, dowel_error *err) {
    const char **const texts[] = {&object->content_type, &object->content_encoding, &object->content_language,
                                  &object->content_disposition, &object->cache_control};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    char *own[COUNT] = {NULL};
    bool complete = true;
    for (size_t i = 0; i < COUNT; i++) {
        if (!*texts[i]) continue;
        *texts[i] = own[i] = dowel_http_header_text(*texts[i]);
        complete &= own[i] != NULL;
    }
    int rc = complete ? visit(context, object, err) : dowel_no_memory(err);
    for (size_t i = 0; i < COUNT; i++) free(own[i]);
    return rc;
}

static int stat_object(dowel *d, dowel_block *block, const char *name, const char *version, dowel_object_visitor visit,
                       void *context, dowel_error *err) {
    dowel_s3_client c;
    dowel_http_response *response;
    char etag[DOWEL_S3_ETAG_SIZE];
    int rc = dowel_s3_client_open(d, block, &c, err);
    if (rc) return rc;
    rc = dowel_s3_head_object(&c, name, version, NULL, 0, &response, err);
    if (!rc) {
        dowel_object object = dowel_s3_object_of(name, response, etag);
        dowel_pair *metadata = dowel_s3_metadata(response, false);
        char untold[96];
        int64_t missing = dowel_s3_missing_metadata(response);
        object.metadata = metadata && metadata->name ? metadata : NULL;
        object.described = true;
        if (missing > 0) {
            snprintf(untold, sizeof untold, "metadata that S3 does not return (x-amz-missing-meta: %" PRId64 ")",
                     missing);
            object.untold = untold;
        }
        rc = metadata ? visit_told(&object, visit, context, err) : dowel_no_memory(err);
        dowel_s3_metadata_free(metadata);
        dowel_http_response_free(response);
    }
    dowel_s3_client_close(&c);
    return rc;
}

static int fetch(dowel *d, dowel_block *block, const char *name, const char *version, const dowel_object_parts *parts,
                 dowel_sink *sink, dowel_object_visitor visit, void *context, dowel_error *err) {
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, block, &c, err);
    if (rc) return rc;
    const dowel_s3_get_args args = {.bucket = block,
                                    .key = name,
                                    .version_id = version,
                                    .part_size = parts ? parts->size : 0,
                                    .concurrency = parts ? parts->concurrency : 0};
    rc = dowel_s3_get_told(&c, &args, sink, NULL, visit, context, err);
    dowel_s3_client_close(&c);
    return rc;
}

static int get(dowel *d, dowel_block *block, const char *name, const char *version, const dowel_object_parts *parts,
               dowel_sink *sink, dowel_error *err) {
    return fetch(d, block, name, version, parts, sink, NULL, NULL, err);
}

/* Drops, and reports, description that does not fit into a header. */
static void drop_unheld(dowel_object_put_options *o) {
    const struct {
        const char *name, **text;
    } headers[] = {{"content_type", &o->content_type},
                   {"content_encoding", &o->content_encoding},
                   {"content_language", &o->content_language},
                   {"content_disposition", &o->content_disposition},
                   {"cache_control", &o->cache_control}};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        if (!*headers[i].text || dowel_s3_fits_header(*headers[i].text)) continue;
        o->unheld(o->unheld_context, headers[i].name, "a header holds only printable ASCII");
        *headers[i].text = NULL;
    }
}

static int put_held(dowel *d, dowel_block *block, const char *name, dowel_source *source,
                    const dowel_object_put_options *o, dowel_object_visitor visit, void *context, dowel_error *err) {
    const dowel_s3_put_args args = {.bucket = block,
                                    .key = name,
                                    .content_type = o->content_type,
                                    .content_encoding = o->content_encoding,
                                    .content_language = o->content_language,
                                    .content_disposition = o->content_disposition,
                                    .cache_control = o->cache_control,
                                    .storage_class = o->storage_class,
                                    .metadata = o->metadata,
                                    .modified = o->modified,
                                    .if_absent = o->if_absent,
                                    .part_size = o->parts.size ? o->parts.size
                                                 : o->memory   ? 5 << 20
                                                               : 0,
                                    .multipart_threshold = 8 << 20,
                                    .concurrency = o->parts.concurrency};
    dowel_s3_client c;
    dowel_s3_stored stored;
    int rc = dowel_s3_check_description(&args, err);
    if (!rc) rc = dowel_s3_client_open(d, block, &c, err);
    if (rc) return rc;
    c.memory = o->memory;
    rc = dowel_s3_put_source(&c, &args, source, &stored, err);
    if (!rc && visit) {
        dowel_object object = {.name = name,
                               .is_current = true,
                               .size = stored.size,
                               .modified = o->modified,
                               .own_time = o->modified != 0,
                               .version = stored.version,
                               .etag = json_string_value(stored.etag),
                               .content_type = o->content_type ? o->content_type : dowel_content_type(name),
                               .storage_class = o->storage_class,
                               .check_kind = stored.check_kind,
                               .check_size = stored.check_size};
        memcpy(object.check, stored.check, stored.check_size);
        rc = visit(context, &object, err);
    }
    dowel_s3_stored_clear(&stored);
    dowel_s3_client_close(&c);
    return rc;
}

static int put(dowel *d, dowel_block *block, const char *name, dowel_source *source,
               const dowel_object_put_options *options, dowel_object_visitor visit, void *context, dowel_error *err) {
    static const dowel_object_put_options none;
    if (!options || !dowel_bucket_reports_unheld(options))
        return put_held(d, block, name, source, options ? options : &none, visit, context, err);
    dowel_object_put_options held = *options;
    dowel_pair *metadata = dowel_s3_holdable(options);
    if (!metadata) return dowel_no_memory(err);
    held.metadata = metadata;
    drop_unheld(&held);
    int rc = put_held(d, block, name, source, &held, visit, context, err);
    free(metadata);
    return rc;
}

static int copy(dowel *d, dowel_block *from, const char *name, const char *version, dowel_block *to,
                const char *to_name, dowel_error *err) {
    dowel_s3_client source, target;
    json_t *etag = NULL;
    int rc = dowel_s3_client_open(d, from, &source, err);
    if (rc) return rc;
    rc = dowel_s3_client_open(d, to, &target, err);
    if (!rc) {
        const dowel_s3_copy_args args = {.key = name,
                                         .version_id = version,
                                         .to_key = to_name,
                                         .multipart_threshold = 5LL << 30,
                                         .part_size = 128 << 20};
        rc = dowel_s3_copy_object(&source, &target, &args, &etag, err);
        dowel_s3_client_close(&target);
    }
    json_decref(etag);
    dowel_s3_client_close(&source);
    return rc;
}

static int remove_objects(dowel *d, dowel_block *block, const char *const *names, size_t count,
                          void (*failed)(void *context, const char *name, const dowel_error *why), void *context,
                          dowel_error *err) {
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, block, &c, err);
    if (rc) return rc;
    rc = dowel_s3_remove(&c, names, count, failed, context, err);
    dowel_s3_client_close(&c);
    return rc;
}

static int remove_exact(dowel *d, dowel_block *block, const dowel_object *object, dowel_error *err) {
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, block, &c, err);
    if (rc) return rc;
    rc = dowel_s3_delete_object(&c, object->name, NULL, object->etag, err);
    dowel_s3_client_close(&c);
    return rc;
}

static int now(dowel *d, dowel_block *block, int64_t *time, dowel_error *err) {
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, block, &c, err);
    if (rc) return rc;
    rc = dowel_s3_now(&c, time, err);
    dowel_s3_client_close(&c);
    return rc;
}

static int presign(dowel *d, dowel_block *block, const char *name, const dowel_presign_options *options, char **url,
                   dowel_error *err) {
    static const dowel_presign_options none;
    const dowel_presign_options *o = options ? options : &none;
    const dowel_pair headers[] = {{o->content_type ? "Content-Type" : NULL, o->content_type}, {NULL, NULL}};
    const dowel_s3_presign_args args = {.bucket = block, .key = name, .expires = o->seconds, .headers = headers};
    dowel_s3_client c;
    int rc = dowel_s3_client_open(d, block, &c, err);
    if (rc) return rc;
    rc = dowel_s3_presign_url(&c, o->method ? o->method : "GET", &args, url, err);
    dowel_s3_client_close(&c);
    return rc;
}

const dowel_objects dowel_s3_objects = {.size = sizeof(dowel_objects),
                                        .scheme = "s3",
                                        .place = "bucket",
                                        .list = list,
                                        .stat = stat_object,
                                        .get = get,
                                        .put = put,
                                        .copy = copy,
                                        .remove = remove_objects,
                                        .presign = presign,
                                        .service = dowel_s3_service,
                                        .fetch = fetch,
                                        .buckets_task = "s3.list_buckets",
                                        .remove_exact = remove_exact,
                                        .now = now};
