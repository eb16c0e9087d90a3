/* Uploads: small objects in one request, large ones in a resumable session ("Resumable uploads"). */
#include "client.h"

#include <dowel/buckets.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUANTUM (256 * 1024)

/* ---- one request: metadata and content in a multipart/related body; the content is not copied ---- */

typedef struct enclosed {
    const char *head, *tail;
    size_t head_size, tail_size;
    dowel_source *content;
    int64_t size, at; /* size of the content; position in the body */
} enclosed;

static int enclosed_read(void *context, void *buffer, size_t size, size_t *got, dowel_error *err) {
    enclosed *e = context;
    int64_t head = (int64_t)e->head_size, content = e->at - head, tail = content - e->size;
    const char *text = e->at < head ? e->head + e->at : tail >= 0 ? e->tail + tail : NULL;
    size_t left = (size_t)(e->at < head ? head - e->at : tail < 0 ? e->size - content : (int64_t)e->tail_size - tail);
    *got = size < left ? size : left;
    if (text) {
        memcpy(buffer, text, *got);
    } else {
        int rc = dowel_source_read(e->content, buffer, *got, got, err);
        if (rc) return rc;
        if (!*got)
            return dowel_fail(err, DOWEL_E_IO,
                              "the source ended after %lld of %lld bytes: was the file truncated during the upload?",
                              (long long)e->size, (long long)content);
    }
    e->at += (int64_t)*got;
    return 0;
}

static int enclosed_seek(void *context, int64_t offset, dowel_error *err) {
    enclosed *e = context;
    if (offset) return dowel_fail(err, DOWEL_E_INTERNAL, "a multipart body can only be read from its start");
    e->at = 0;
    return dowel_source_rewind(e->content, err);
}

static const dowel_source_ops enclosed_ops = {enclosed_read, enclosed_seek, NULL};

static char *boundary_of(char boundary[48]) {
    unsigned char noise[16];
    char *id = RAND_bytes(noise, sizeof noise) == 1 ? dowel_hex(noise, sizeof noise) : NULL;
    snprintf(boundary, 48, "dowel-%s", id ? id : "");
    return id;
}

/* `resource` is the metadata of the object. */
static int send_enclosed(dowel_gcs_client *c, const dowel_gcs_upload_args *args, const json_t *resource,
                         dowel_source *content, int64_t size, json_t **result, dowel_error *err) {
    static const char template[] =
        "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n%s\r\n--%s\r\nContent-Type: %s\r\n\r\n";
    char boundary[48], content_type[96], tail[64], *metadata = dowel_json_dump(resource, 0), *head = NULL,
                                                   *id = boundary_of(boundary);
    const char *type = json_string_value(json_object_get(resource, "contentType"));
    size_t room = metadata ? sizeof template + strlen(metadata) + strlen(type) + 2 * sizeof boundary : 0;
    if (metadata && id && (head = malloc(room))) snprintf(head, room, template, boundary, metadata, boundary, type);
    snprintf(tail, sizeof tail, "\r\n--%s--\r\n", boundary);
    enclosed whole = {head, tail, head ? strlen(head) : 0, strlen(tail), content, size, 0};
    int64_t length = size + (int64_t)(whole.head_size + whole.tail_size);
    dowel_source *body = head ? dowel_source_new(&enclosed_ops, &whole, length) : NULL;
    int rc = body ? 0 : dowel_no_memory(err);
    if (!rc) {
        dowel_http_request *r = dowel_gcs_upload_request(c, "multipart");
        snprintf(content_type, sizeof content_type, "multipart/related; boundary=%s", boundary);
        dowel_http_header(r, "Content-Type", content_type);
        dowel_http_source(r, body);
        dowel_http_progress(r, 0, length);
        dowel_gcs_upload_query(c, r, args);
        rc = dowel_http_fetch_json(c->d, r, result, err);
    }
    dowel_source_close(body);
    free(head);
    free(metadata);
    free(id);
    return rc;
}

/* If the answer to a conditional upload is lost, the next attempt conflicts with the object that the first one stored. Equal bytes do not prove that it is
 * ours, so the object is marked with the run's id. */
static int mark(const dowel_gcs_client *c, json_t *resource, char text[DOWEL_RUN_ID_SIZE], dowel_error *err) {
    dowel_bucket_mark(c->d, text);
    json_t *metadata = json_object_get(resource, "metadata");
    if (!metadata && json_object_set_new(resource, "metadata", metadata = json_object())) return dowel_no_memory(err);
    return json_object_set_new(metadata, DOWEL_GCS_MARK, json_string(text)) ? dowel_no_memory(err) : 0;
}

/* Whether the object that caused the conflict is ours. */
static bool is_ours(dowel_gcs_client *c, const char *name, const char *text, const char *crc, json_t **result) {
    json_t *found = NULL;
    dowel_http_request *r = dowel_gcs_request(c, "GET", name);
    dowel_gcs_encrypt(r, c->bucket, false);
    dowel_error ignored;
    if (dowel_http_fetch_json(c->d, r, &found, &ignored)) return false;
    const char *marked = json_string_value(json_object_get(json_object_get(found, "metadata"), DOWEL_GCS_MARK)),
               *stored = json_string_value(json_object_get(found, "crc32c"));
    bool ours = marked && stored && !strcmp(marked, text) && !strcmp(stored, crc);
    if (ours)
        *result = found;
    else
        json_decref(found);
    return ours;
}

/* Reads the content twice: for the checksum that the service verifies, and to send it. */
static int upload_simple(dowel_gcs_client *c, const dowel_gcs_upload_args *args, dowel_source *content, int64_t size,
                         char crc[9], json_t **result, dowel_error *err) {
    for (const char *p = args->content_type; p && *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return dowel_fail(err, DOWEL_E_INVALID, "field \"content_type\" contains a control character");
    dowel_digest *digest = dowel_digest_new(DOWEL_CRC32C);
    json_t *resource = dowel_gcs_resource(c, args);
    int rc = digest && resource ? dowel_source_window(content, 0, size, err) : dowel_no_memory(err);
    if (!rc) rc = dowel_source_digest(content, digest, err);
    if (!rc) rc = dowel_source_rewind(content, err);
    if (!rc) {
        dowel_gcs_crc32c_text(digest, crc);
        if (json_object_set_new(resource, "crc32c", json_string(crc))) rc = dowel_no_memory(err);
        char text[DOWEL_RUN_ID_SIZE] = "";
        if (!rc && args->if_generation_match) rc = mark(c, resource, text, err);
        if (!rc) rc = send_enclosed(c, args, resource, content, size, result, err);
        if (rc == DOWEL_E_CONFLICT && *text && is_ours(c, args->name, text, crc, result)) rc = 0;
    }
    dowel_digest_free(digest);
    json_decref(resource);
    return rc;
}

/* Detects a server that did not verify the checksum. */
static int verify(dowel_gcs_client *c, const char *name, const char *sent, const json_t *resource, dowel_error *err) {
    const char *stored = json_string_value(json_object_get(resource, "crc32c")),
               *generation = json_string_value(json_object_get(resource, "generation"));
    if (!stored || !strcmp(stored, sent)) return 0;
    dowel_http_request *r = dowel_gcs_request(c, "DELETE", name);
    dowel_http_query(r, "generation", generation); /* delete exactly that generation */
    bool deleted = generation && !dowel_http_send(dowel_cleanup(c->d), r, NULL, NULL);
    dowel_http_free(r);
    dowel_fail(err, DOWEL_E_CORRUPT,
               "Cloud Storage: the stored bytes differ from the uploaded ones (CRC32C %s, uploaded %s); the object %s",
               stored, sent, deleted ? "was deleted" : "could not be deleted");
    err->retryable = true;
    return DOWEL_E_CORRUPT;
}

/* A source that cannot be read twice: reads its beginning into memory, which may be all of it. */
static int upload_read_once(dowel_gcs_client *c, const dowel_gcs_upload_args *args, dowel_source *source, int64_t total,
                            char crc[9], json_t **resource, dowel_error *err) {
    int64_t chunk = args->chunk_size / QUANTUM * QUANTUM;
    if (chunk < QUANTUM) chunk = QUANTUM;
    bool small = total >= 0 && total <= args->resumable_threshold;
    size_t room = (size_t)(small ? (total ? total : 1) : chunk), got = 0;
    char *buffer = dowel_buffer_new(room);
    int rc = buffer ? dowel_source_fill(source, buffer, room, &got, err) : dowel_no_memory(err);
    if (!rc && (small || (total < 0 && got < room))) {
        dowel_source *content = dowel_source_memory(buffer, got);
        rc = content ? upload_simple(c, args, content, (int64_t)got, crc, resource, err) : dowel_no_memory(err);
        dowel_source_close(content);
    } else if (!rc) {
        rc = dowel_gcs_upload_session(c, args, source, total, buffer, room, got, crc, resource, err);
    }
    dowel_buffer_free(buffer, room);
    return rc;
}

int dowel_gcs_upload_source(dowel_gcs_client *c, const dowel_gcs_upload_args *args, dowel_source *source,
                            json_t **resource, dowel_error *err) {
    int64_t total = dowel_source_size(source);
    char crc[9];
    int rc;
    *resource = NULL;
    if (dowel_gcs_is_composite(c, args, source))
        rc = dowel_gcs_upload_composite(c, args, source, crc, resource, err);
    else if (total < 0 || !dowel_source_can_seek(source))
        rc = upload_read_once(c, args, source, total, crc, resource, err);
    else if (total <= args->resumable_threshold)
        rc = upload_simple(c, args, source, total, crc, resource, err);
    else
        rc = dowel_gcs_upload_session(c, args, source, total, NULL, 0, 0, crc, resource, err);
    if (!rc) rc = verify(c, args->name, crc, *resource, err);
    if (rc) {
        json_decref(*resource);
        *resource = NULL;
        dowel_error_prefix(err, "%s: ", args->name);
    }
    return rc;
}
