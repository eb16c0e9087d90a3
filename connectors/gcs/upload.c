/* Uploads: small objects in one request that the service checks, large ones in a resumable session ("Resumable uploads"). */
#include "client.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUANTUM (256 * 1024)

void dowel_gcs_upload_query(const dowel_gcs_client *c, dowel_http_request *r, const dowel_gcs_upload_args *args) {
    dowel_http_query(r, "predefinedAcl", args->predefined_acl);
    dowel_http_query(r, "kmsKeyName", args->kms_key);
    dowel_gcs_condition(r, DOWEL_GCS_CONDITIONS(args));
    /* With a generation a second try cannot overwrite what the first one wrote. */
    dowel_http_idempotent(r, args->if_generation_match || c->last_wins);
}

/* ---- one request: metadata and content in a multipart/related body ---- */

static int upload_simple(dowel_gcs_client *c, const dowel_gcs_upload_args *args, const char *data, size_t size,
                         char crc[9], json_t **result, dowel_error *err) {
    char boundary[48];
    unsigned char noise[16] = {0};
    dowel_digest *digest = dowel_digest_new(DOWEL_CRC32C);
    json_t *resource = dowel_gcs_resource(c, args);
    if (!digest || !resource) {
        dowel_digest_free(digest);
        json_decref(resource);
        return dowel_gcs_no_memory(err);
    }
    dowel_digest_update(digest, data, size);
    dowel_gcs_crc32c_text(digest, crc);
    dowel_digest_free(digest);
    json_object_set_new(resource, "crc32c", json_string(crc)); /* the service refuses what differs */
    char *metadata = json_dumps(resource, JSON_COMPACT);
    RAND_bytes(noise, sizeof noise);
    char *id = dowel_hex(noise, sizeof noise);
    snprintf(boundary, sizeof boundary, "dowel-%s", id ? id : "");
    free(id);
    char *head = NULL;
    size_t head_size = 0;
    const char *type = json_string_value(json_object_get(resource, "contentType"));
    FILE *out = metadata ? open_memstream(&head, &head_size) : NULL;
    if (out) {
        fprintf(out,
                "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n%s\r\n--%s\r\nContent-Type: %s\r\n\r\n",
                boundary, metadata, boundary, type);
        fwrite(data, 1, size, out);
        fprintf(out, "\r\n--%s--\r\n", boundary);
        if (fclose(out)) head = NULL;
    }
    int rc = head ? 0 : dowel_gcs_no_memory(err);
    if (!rc) {
        dowel_http_request *r = dowel_gcs_upload_request(c, "multipart");
        dowel_source *source = dowel_source_memory(head, head_size);
        char content_type[96];
        snprintf(content_type, sizeof content_type, "multipart/related; boundary=%s", boundary);
        dowel_http_header(r, "Content-Type", content_type);
        dowel_http_source(r, source);
        dowel_http_progress(r, 0, (int64_t)head_size);
        dowel_gcs_upload_query(c, r, args);
        rc = source ? dowel_http_fetch_json(c->d, r, result, err) : dowel_gcs_no_memory(err);
        dowel_source_close(source);
    }
    free(head);
    free(metadata);
    json_decref(resource);
    return rc;
}

/* Services check what they are told; this notices one that did not. */
static int verify(dowel_gcs_client *c, const char *name, const char *sent, const json_t *resource, dowel_error *err) {
    const char *stored = json_string_value(json_object_get(resource, "crc32c")),
               *generation = json_string_value(json_object_get(resource, "generation"));
    if (!stored || !strcmp(stored, sent)) return 0;
    dowel_http_request *r = dowel_gcs_request(c, "DELETE", name);
    dowel_http_query(r, "generation", generation); /* that and no other */
    bool deleted = generation && !dowel_http_send(dowel_cleanup(c->d), r, NULL, NULL);
    dowel_http_free(r);
    dowel_fail(err, DOWEL_E_CORRUPT,
               "Cloud Storage: what was stored differs from what was sent (CRC32C %s, sent %s); it %s", stored, sent,
               deleted ? "was deleted" : "could not be deleted");
    err->retryable = true;
    return DOWEL_E_CORRUPT;
}

int dowel_gcs_upload_source(dowel_gcs_client *c, const dowel_gcs_upload_args *args, dowel_source *source,
                            json_t **resource, dowel_error *err) {
    bool parallel = dowel_gcs_is_composite(c, args, source);
    int64_t total = dowel_source_size(source), chunk = args->chunk_size / QUANTUM * QUANTUM;
    if (chunk < QUANTUM) chunk = QUANTUM;
    bool small = total >= 0 && total <= args->resumable_threshold,
         streamed = !small && total >= 0 && dowel_source_can_seek(source);
    size_t room = (size_t)(small ? (total ? total : 1) : chunk), got = 0;
    char *buffer = streamed || parallel ? NULL : malloc(room), crc[9];
    *resource = NULL;
    int rc = 0;
    if (!streamed && !parallel)
        rc = buffer ? dowel_source_fill(source, buffer, room, &got, err) : dowel_gcs_no_memory(err);
    if (parallel)
        rc = dowel_gcs_upload_composite(c, args, source, crc, resource, err);
    else if (!rc && (small || (total < 0 && got < room)))
        rc = upload_simple(c, args, buffer, got, crc, resource, err);
    else if (!rc)
        rc = dowel_gcs_upload_session(c, args, source, total, buffer, room, got, crc, resource, err);
    if (!rc) rc = verify(c, args->name, crc, *resource, err);
    if (rc) {
        json_decref(*resource);
        *resource = NULL;
        dowel_error_prefix(err, "%s: ", args->name);
    }
    free(buffer);
    return rc;
}
