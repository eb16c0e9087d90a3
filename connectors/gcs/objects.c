/* Buckets as dowel_objects (dowel/objects.h). Writes are retried even without a precondition: the last write wins. */
#include "client.h"
#include "sign.h"

#include <dowel/buckets.h>
#include <dowel/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_bucket(dowel *d, dowel_block *block, dowel_gcs_client *c, dowel_error *err) {
    int rc = dowel_gcs_client_open(d, block, c, err);
    c->last_wins = true;
    return rc;
}

/* ---- list ---- */

typedef struct listing {
    const dowel_gcs_client *client;
    const char *after; /* startOffset of the service is inclusive */
    dowel_object_visitor visit;
    void *context;
} listing;

/* A name with a NUL byte cannot be passed on: it is reported, and nothing is done to the object. */
static int visit_unnameable(const listing *all, const json_t *name, dowel_error *err) {
    char *shown = dowel_gcs_shown(name);
    if (!shown) return dowel_no_memory(err);
    const dowel_object object = {.name = dowel_gcs_without_folder(all->client, shown),
                                 .odd = "its name contains a NUL byte",
                                 .odd_code = DOWEL_E_REFUSED};
    int rc = all->visit(all->context, &object, err);
    free(shown);
    return rc;
}

static int visit_one(void *context, const json_t *resource, const char *prefix, dowel_error *err) {
    const listing *all = context;
    dowel_object object = {.is_prefix = true};
    const json_t *name = json_object_get(resource, "name");
    if (dowel_gcs_has_nul(name)) return visit_unnameable(all, name, err);
    if (resource)
        dowel_gcs_object(all->client, resource, &object);
    else
        object.name = dowel_gcs_without_folder(all->client, prefix);
    if (all->after && !strcmp(object.name, all->after)) return 0;
    return all->visit(all->context, &object, err);
}

static int list(dowel *d, dowel_block *block, const dowel_objects_query *query, dowel_object_visitor visit,
                void *context, dowel_error *err) {
    dowel_gcs_client c;
    int rc = open_bucket(d, block, &c, err);
    if (rc) return rc;
    const dowel_gcs_query inner = {.prefix = query->prefix,
                                   .delimiter = query->delimiter,
                                   .start_offset = query->start_after,
                                   .versions = query->versions};
    listing all = {&c, query->start_after, visit, context};
    return dowel_gcs_walk(&c, &inner, visit_one, &all, NULL, err);
}

/* ---- one object ---- */

static int stat(dowel *d, dowel_block *block, const char *name, const char *version, dowel_object_visitor visit,
                void *context, dowel_error *err) {
    dowel_gcs_client c;
    json_t *resource = NULL;
    int rc = open_bucket(d, block, &c, err);
    if (rc) return rc;
    dowel_http_request *r = dowel_gcs_request(&c, "GET", name);
    dowel_gcs_encrypt(r, c.bucket, false);
    dowel_http_query(r, "generation", version);
    rc = dowel_http_fetch_document(d, r, DOWEL_JSON_NUL, &resource, err);
    if (!rc) {
        dowel_object object;
        dowel_pair *metadata;
        dowel_gcs_object(&c, resource, &object);
        rc = dowel_gcs_object_metadata(resource, &object, &metadata, err);
        if (!rc) rc = visit(context, &object, err);
        free(metadata);
    }
    json_decref(resource);
    return rc;
}

static int get(dowel *d, dowel_block *block, const char *name, const char *version, const dowel_object_parts *parts,
               dowel_sink *sink, dowel_error *err) {
    dowel_gcs_client c;
    int rc = open_bucket(d, block, &c, err);
    const dowel_gcs_download_args args = {.name = name,
                                          .generation = version,
                                          .part_size = parts && parts->size ? parts->size : 16 << 20,
                                          .concurrency = parts ? parts->concurrency : 0};
    return rc ? rc : dowel_gcs_download_sink(&c, &args, sink, NULL, NULL, err);
}

/* The caller's metadata with the file's time. Newly allocated; NULL: out of memory. */
static dowel_pair *metadata_of(const dowel_object_put_options *options, char text[2][DOWEL_TIME_TEXT_SIZE]) {
    size_t count = 0;
    while (options->metadata && options->metadata[count].name) count++;
    dowel_pair *all = calloc(count + DOWEL_GCS_MTIME_PAIRS + 1, sizeof *all);
    if (!all) return NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (options->modified && dowel_gcs_is_mtime(options->metadata[i].name))
            dowel_bucket_report_metadata(options, options->metadata[i].name,
                                         "dowel records the time of the file under this name");
        else
            all[kept++] = options->metadata[i];
    }
    if (options->modified) dowel_gcs_record_mtime(options->modified, text, all + kept);
    return all;
}

static int put(dowel *d, dowel_block *block, const char *name, dowel_source *source,
               const dowel_object_put_options *options, dowel_object_visitor visit, void *context, dowel_error *err) {
    static const dowel_object_put_options defaults = {.size = sizeof defaults};
    if (!options) options = &defaults;
    dowel_gcs_client c;
    char text[2][DOWEL_TIME_TEXT_SIZE];
    json_t *resource = NULL;
    int rc = open_bucket(d, block, &c, err);
    if (rc) return rc;
    dowel_pair *metadata = metadata_of(options, text);
    if (!metadata) return dowel_no_memory(err);
    const dowel_gcs_upload_args args = {.name = name,
                                        .content_type = options->content_type,
                                        .content_encoding = options->content_encoding,
                                        .content_language = options->content_language,
                                        .content_disposition = options->content_disposition,
                                        .cache_control = options->cache_control,
                                        .storage_class = options->storage_class,
                                        .metadata = metadata[0].name ? metadata : NULL,
                                        .if_generation_match = options->if_absent ? "0" : NULL,
                                        .resumable_threshold = 8 << 20,
                                        .chunk_size =
                                            options->memory && options->memory < 8 << 20 ? options->memory : 8 << 20,
                                        .part_size = options->parts.size ? options->parts.size : 64 << 20,
                                        .concurrency = options->parts.concurrency};
    rc = dowel_gcs_upload_source(&c, &args, source, &resource, err);
    if (!rc && visit) {
        dowel_object object;
        dowel_gcs_object(&c, resource, &object);
        rc = visit(context, &object, err);
    }
    json_decref(resource);
    free(metadata);
    return rc;
}

static int copy(dowel *d, dowel_block *from, const char *name, const char *version, dowel_block *to,
                const char *to_name, dowel_error *err) {
    dowel_gcs_client source, target;
    int rc = open_bucket(d, from, &source, err);
    if (!rc) rc = open_bucket(d, to, &target, err);
    const dowel_gcs_copy_args args = {.name = name, .generation = version, .to_name = to_name};
    return rc ? rc : dowel_gcs_rewrite(&source, &target, &args, NULL, err);
}

/* ---- remove, presign, service ---- */

static int remove_all(dowel *d, dowel_block *block, const char *const *names, size_t count,
                      void (*failed)(void *context, const char *name, const dowel_error *why), void *context,
                      dowel_error *err) {
    dowel_gcs_client c;
    int rc = open_bucket(d, block, &c, err);
    return rc ? rc : dowel_gcs_remove(&c, names, count, failed, context, err);
}

static int remove_exact(dowel *d, dowel_block *block, const dowel_object *object, dowel_error *err) {
    dowel_gcs_client c;
    int rc = open_bucket(d, block, &c, err);
    return rc ? rc : dowel_gcs_remove_generation(&c, object->name, object->version, err);
}

/* A listing of at most one object: it needs no permission that removing a tree does not need. */
static int now(dowel *d, dowel_block *block, int64_t *time, dowel_error *err) {
    dowel_gcs_client c;
    dowel_http_response *response = NULL;
    int rc = open_bucket(d, block, &c, err);
    if (rc) return rc;
    char *prefix = dowel_gcs_full_name(&c, "");
    dowel_http_request *r = dowel_gcs_request(&c, "GET", NULL);
    dowel_http_path(r, "o", NULL);
    dowel_http_query(r, "prefix", prefix && *prefix ? prefix : NULL);
    dowel_http_query_int(r, "maxResults", 1);
    dowel_http_query(r, "fields", "kind");
    rc = prefix ? dowel_http_send(d, r, &response, err) : dowel_no_memory(err);
    *time = rc ? 0 : dowel_http_response_time(response) * 1000000;
    dowel_http_response_free(response);
    dowel_http_free(r);
    free(prefix);
    return rc;
}

static int presign(dowel *d, dowel_block *block, const char *name, const dowel_presign_options *options, char **url,
                   dowel_error *err) {
    dowel_gcs_client c;
    int rc = open_bucket(d, block, &c, err);
    if (rc) return rc;
    const dowel_pair type[] = {{options->content_type ? "content-type" : NULL, options->content_type}, {NULL, NULL}};
    dowel_gcs_signing signing = {.method = options->method ? options->method : "GET", .headers = type};
    return dowel_gcs_presigned(&c, name, NULL, options->seconds, &signing, url, err);
}

/* All of Google's addresses (mutual TLS, restricted) lead to the same buckets. */
static int service(dowel *d, dowel_block *block, char **url, dowel_error *err) {
    static const char google[] = ".googleapis.com";
    dowel_gcs_client c;
    *url = NULL;
    int rc = open_bucket(d, block, &c, err);
    char *origin = rc ? NULL : dowel_url_origin(c.base);
    size_t length = origin ? strlen(origin) : 0;
    bool own = length >= sizeof google && !strcmp(origin + length - (sizeof google - 1), google);
    *url = own ? strdup("https://storage.googleapis.com") : origin ? strdup(origin) : NULL;
    free(origin);
    return rc || *url ? rc : dowel_no_memory(err);
}

const dowel_objects dowel_gcs_objects = {.size = sizeof(dowel_objects),
                                         .scheme = "gs",
                                         .place = "bucket",
                                         .list = list,
                                         .stat = stat,
                                         .get = get,
                                         .put = put,
                                         .copy = copy,
                                         .remove = remove_all,
                                         .presign = presign,
                                         .service = service,
                                         .buckets_task = "gcs.list_buckets",
                                         .remove_exact = remove_exact,
                                         .now = now};
