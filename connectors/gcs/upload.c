/* Uploads: small objects in one request that the service checks, large ones in a resumable session ("Resumable uploads"). */
#include "client.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define QUANTUM (256 * 1024)
#define SESSION_ATTEMPTS 8

static const char *guess_type(const char *name) {
    static const struct {
        const char *ending, *type;
    } types[] = {{".csv", "text/csv"},
                 {".json", "application/json"},
                 {".txt", "text/plain"},
                 {".html", "text/html"},
                 {".xml", "application/xml"},
                 {".gz", "application/gzip"},
                 {".parquet", "application/vnd.apache.parquet"},
                 {".png", "image/png"},
                 {".jpg", "image/jpeg"},
                 {".jpeg", "image/jpeg"},
                 {".pdf", "application/pdf"},
                 {".zip", "application/zip"},
                 {".md", "text/markdown"},
                 {".jsonl", "application/jsonl"},
                 {".ndjson", "application/x-ndjson"},
                 {".yaml", "application/yaml"},
                 {".svg", "image/svg+xml"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (!strcasecmp(dot, types[i].ending)) return types[i].type;
    return "application/octet-stream";
}

static json_t *resource_of(const dowel_gcs_client *c, const dowel_gcs_upload_args *args) {
    char *name = dowel_gcs_full_name(c, args->name);
    json_t *resource = json_pack("{s:s,s:s}", "name", name ? name : "", "contentType",
                                 args->content_type ? args->content_type : guess_type(args->name));
    free(name);
    json_t *metadata = args->metadata ? json_object() : NULL;
    for (const dowel_pair *pair = args->metadata; pair && pair->name; pair++)
        json_object_set_new(metadata, pair->name, json_string(pair->value));
    if (metadata) json_object_set_new(resource, "metadata", metadata);
    return resource;
}

static int fill(dowel_source *source, char *buffer, size_t size, size_t *got, dowel_error *err) {
    *got = 0;
    while (*got < size) {
        size_t n;
        int rc = dowel_source_read(source, buffer + *got, size - *got, &n, err);
        if (rc) return rc;
        if (!n) break;
        *got += n;
    }
    return 0;
}

static void condition(dowel_http_request *r, const dowel_gcs_upload_args *args) {
    dowel_http_query(r, "ifGenerationMatch", args->if_generation_match);
    /* With a precondition a second try cannot overwrite what the first one wrote. */
    if (args->if_generation_match) dowel_http_idempotent(r, true);
}

/* ---- one request: metadata and content in a multipart/related body ---- */

static int upload_simple(dowel_gcs_client *c, const dowel_gcs_upload_args *args, const char *data, size_t size,
                         json_t **result, dowel_error *err) {
    char crc[9], boundary[48], id[DOWEL_RUN_ID_SIZE];
    dowel_digest *digest = dowel_digest_new(DOWEL_CRC32C);
    json_t *resource = resource_of(c, args);
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
    snprintf(id, sizeof id, "%s", dowel_run_id(c->d));
    snprintf(boundary, sizeof boundary, "dowel-%.36s", *id ? id : "boundary");
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
        condition(r, args);
        rc = source ? dowel_http_fetch_json(c->d, r, result, err) : dowel_gcs_no_memory(err);
        dowel_source_close(source);
    }
    free(head);
    free(metadata);
    json_decref(resource);
    return rc;
}

/* ---- a resumable session ---- */

static int start_session(dowel_gcs_client *c, const dowel_gcs_upload_args *args, int64_t total, char **session,
                         dowel_error *err) {
    dowel_http_request *r = dowel_gcs_upload_request(c, "resumable");
    json_t *resource = resource_of(c, args);
    const char *type = json_string_value(json_object_get(resource, "contentType"));
    dowel_http_json(r, resource);
    dowel_http_header(r, "X-Upload-Content-Type", type);
    if (total >= 0) {
        char length[32];
        snprintf(length, sizeof length, "%lld", (long long)total);
        dowel_http_header(r, "X-Upload-Content-Length", length);
    }
    condition(r, args);
    /* A session that nobody writes to leaves nothing behind. */
    dowel_http_idempotent(r, true);
    dowel_http_response *response;
    int rc = dowel_http_send(c->d, r, &response, err);
    dowel_http_free(r);
    json_decref(resource);
    if (rc) return rc;
    const char *location = dowel_http_response_header(response, "Location");
    *session = location ? strdup(location) : NULL;
    dowel_http_response_free(response);
    if (!*session) return dowel_fail(err, DOWEL_E_PROTOCOL, "Cloud Storage: %s: no session in the answer", args->name);
    return 0;
}

/* A request to the session's own URL, which is a credential by itself. */
static dowel_http_request *session_request(dowel_gcs_client *c, const char *method, const char *session) {
    size_t base = strcspn(session, "?");
    char *start = strndup(session, base);
    const char *slash = start ? strstr(start, "://") : NULL;
    slash = slash ? strchr(slash + 3, '/') : NULL;
    char *host = slash ? strndup(start, (size_t)(slash - start)) : NULL;
    dowel_http_request *r = host ? dowel_http_new(c->once, c->credentials, method, host) : NULL;
    if (r) {
        dowel_http_path_raw(r, slash);
        if (session[base]) dowel_http_path_raw(r, session + base);
        dowel_http_secret_url(r);
        dowel_http_idempotent(r, true);
    }
    free(host);
    free(start);
    return r;
}

/* How far the service is: *held bytes, or the finished object's resource. */
static int read_state(const dowel_http_response *response, int64_t *held, json_t **resource, dowel_error *err) {
    if (dowel_http_status(response) != 308) return dowel_http_response_json(response, resource, err);
    const char *range = dowel_http_response_header(response, "Range");
    long long last;
    *held = range && sscanf(range, "bytes=0-%lld", &last) == 1 ? last + 1 : 0; /* no header: nothing has arrived */
    return 0;
}

/* Sends [at, at + size) of the object, or with size 0 asks how far it is. `total` -1: not known yet. */
static int send_chunk(dowel_gcs_client *c, const char *session, const char *data, size_t size, int64_t at,
                      int64_t total, bool query, int64_t *held, json_t **resource, dowel_error *err) {
    char range[96], whole[32] = "*";
    if (total >= 0) snprintf(whole, sizeof whole, "%lld", (long long)total);
    if (query || !size)
        snprintf(range, sizeof range, "bytes */%s", whole);
    else
        snprintf(range, sizeof range, "bytes %lld-%lld/%s", (long long)at, (long long)at + (long long)size - 1, whole);
    dowel_http_request *r = session_request(c, "PUT", session);
    dowel_source *source = size ? dowel_source_memory(data, size) : NULL;
    if (!r || (size && !source)) {
        dowel_http_free(r);
        return dowel_gcs_no_memory(err);
    }
    dowel_http_header(r, "Content-Range", range);
    if (source) {
        dowel_http_source(r, source);
        dowel_http_progress(r, at, total);
    } else {
        dowel_http_body(r, "", 0);
    }
    dowel_http_accept(r, 308);
    dowel_http_response *response;
    int rc = dowel_http_send(c->d, r, &response, err);
    if (!rc) {
        rc = read_state(response, held, resource, err);
        dowel_http_response_free(response);
    }
    dowel_source_close(source);
    dowel_http_free(r);
    return rc;
}

static void cancel_session(dowel_gcs_client *c, const char *session) {
    dowel_http_request *r = session_request(c, "DELETE", session);
    dowel_http_accept(r, 499); /* how the service confirms it */
    dowel_http_accept(r, 404);
    dowel_http_accept(r, 410);
    dowel_error ignored;
    if (dowel_http_send(dowel_cleanup(c->d), r, NULL, &ignored))
        dowel_log(c->d, DOWEL_LOG_WARNING, "the upload session could not be cancelled; it ends by itself in a week");
    dowel_http_free(r);
}

static bool worth_another_try(int rc, const dowel_error *err) {
    return rc == DOWEL_E_NETWORK || rc == DOWEL_E_UNAVAILABLE || (rc == DOWEL_E_TIMEOUT && err->retryable);
}

/* One buffer's worth: sends, and after any fault asks how far the service is before sending the rest. */
static int push(dowel_gcs_client *c, const char *session, const char *buffer, size_t size, int64_t at, int64_t total,
                bool last, json_t **resource, dowel_error *err) {
    int64_t end = at + (int64_t)size, held = at;
    int tries = 0;
    bool first = true;
    while (first || (!*resource && (last || held < end))) {
        first = false;
        if (held < at || held > end)
            return dowel_fail(err, DOWEL_E_CORRUPT, "Cloud Storage: the session holds %lld bytes, %lld were sent",
                              (long long)held, (long long)end);
        int64_t before = held;
        int rc = send_chunk(c, session, buffer + (held - at), (size_t)(end - held), held, total, false, &held, resource,
                            err);
        while (rc && worth_another_try(rc, err) && ++tries < SESSION_ATTEMPTS) {
            double wait = fmin(30, 0.25 * exp2(tries)) * (0.5 + 0.5 / tries);
            if (err->retry_after > wait) wait = err->retry_after;
            dowel_log(c->d, DOWEL_LOG_INFO, "%s; asking how far the upload is in %.2f s", err->message, wait);
            rc = dowel_sleep(c->d, wait, err);
            if (!rc) rc = send_chunk(c, session, NULL, 0, 0, total, true, &held, resource, err);
        }
        if (rc) return rc;
        if (held > before)
            tries = 0;
        else if (!*resource && ++tries >= SESSION_ATTEMPTS)
            return dowel_fail(err, DOWEL_E_UNAVAILABLE, "Cloud Storage: the session takes no more bytes");
    }
    return 0;
}

static int upload_session(dowel_gcs_client *c, const dowel_gcs_upload_args *args, dowel_source *source, int64_t total,
                          char *buffer, size_t room, size_t got, json_t **resource, dowel_error *err) {
    char *session = NULL, crc[9];
    dowel_digest *digest = dowel_digest_new(DOWEL_CRC32C);
    int64_t at = 0;
    int rc = digest ? start_session(c, args, total, &session, err) : dowel_gcs_no_memory(err);
    if (!rc) rc = dowel_remember(c->d, "gcs.session", session, true, err);
    while (!rc && !*resource) {
        dowel_digest_update(digest, buffer, got);
        bool last = got < room || at + (int64_t)got == total;
        int64_t whole = total >= 0 ? total : last ? at + (int64_t)got : -1;
        rc = push(c, session, buffer, got, at, whole, last, resource, err);
        at += (int64_t)got;
        if (!rc && !last) rc = fill(source, buffer, room, &got, err);
    }
    if (!rc) {
        dowel_gcs_crc32c_text(digest, crc);
        const char *stored = json_string_value(json_object_get(*resource, "crc32c")),
                   *generation = json_string_value(json_object_get(*resource, "generation"));
        if (stored && strcmp(stored, crc)) {
            dowel_http_request *r = dowel_gcs_request(c, "DELETE", args->name);
            dowel_http_query(r, "generation", generation); /* that and no other */
            dowel_http_send(dowel_cleanup(c->d), r, NULL, NULL);
            dowel_http_free(r);
            rc = dowel_fail(
                err, DOWEL_E_CORRUPT,
                "Cloud Storage: %s: what was stored differs from what was sent (CRC32C %s, sent %s); it was deleted",
                args->name, stored, crc);
            err->retryable = true;
        }
    } else if (session) {
        cancel_session(c, session);
    }
    dowel_digest_free(digest);
    free(session);
    return rc;
}

int dowel_gcs_upload_source(dowel_gcs_client *c, const dowel_gcs_upload_args *args, dowel_source *source,
                            json_t **result, dowel_error *err) {
    int64_t total = dowel_source_size(source), threshold = args->resumable_threshold,
            chunk = args->chunk_size / QUANTUM * QUANTUM;
    if (chunk < QUANTUM) chunk = QUANTUM;
    bool small = total >= 0 && total <= threshold;
    size_t room = (size_t)(small ? (total ? total : 1) : chunk), got;
    char *buffer = malloc(room);
    json_t *resource = NULL;
    int rc = buffer ? fill(source, buffer, room, &got, err) : dowel_gcs_no_memory(err);
    if (!rc && (small || (total < 0 && got < room)))
        rc = upload_simple(c, args, buffer, got, &resource, err);
    else if (!rc)
        rc = upload_session(c, args, source, total, buffer, room, got, &resource, err);
    if (!rc)
        *result = dowel_gcs_describe(c, resource);
    else
        dowel_error_prefix(err, "%s: ", args->name);
    json_decref(resource);
    free(buffer);
    return rc;
}
