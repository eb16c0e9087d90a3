/* Resumable sessions ("Resumable uploads"). A source that can be read again is sent as one stream, any other in chunks. After a fault the upload
 * continues at the byte that the service has. A resumed run continues the session in its record. */
#include "client.h"

#include <dowel/buckets.h>
#include <dowel/url.h>
#include <math.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSION_ATTEMPTS 8 /* in a row without progress */
#define SESSIONS 3         /* a session that the service lost is started again */

typedef struct upload {
    dowel_gcs_client *client;
    const dowel_gcs_upload_args *args;
    dowel_source *source;
    char *url;     /* of the session: grants access by itself */
    int64_t total; /* -1: not known yet */
    int64_t held;  /* bytes that the service has */
    int64_t read;  /* bytes that are in the digest and may have been sent */
    dowel_digest *digest;
    json_t *resource; /* of the finished object */
    int failures;     /* in a row */
    bool streamed;    /* instead of in chunks */
    char *handle;     /* name of the session in the run's record; NULL: not recorded */
    char crc[9];      /* of the whole if known before sending; otherwise empty */
} upload;

/* ---- the session in the run's record: "SIZE URL" ---- */

static int remember(upload *u, dowel_error *err) {
    if (!u->handle) return 0;
    size_t size = strlen(u->url) + 32;
    char *text = malloc(size);
    if (!text) return dowel_no_memory(err);
    snprintf(text, size, "%lld %s", (long long)u->total, u->url);
    int rc = dowel_remember(u->client->d, u->handle, text, true, err);
    OPENSSL_cleanse(text, size);
    free(text);
    return rc;
}

/* Continues the session of an earlier attempt of this run if it was for the same number of bytes. */
static bool recall(upload *u) {
    char *text = u->handle ? dowel_recall(u->client->d, u->handle) : NULL, *end = NULL;
    bool same = text && strtoll(text, &end, 10) == u->total && *end == ' ' && (u->url = strdup(end + 1));
    if (text) OPENSSL_cleanse(text, strlen(text));
    free(text);
    return same;
}

static void forget(upload *u) {
    if (u->handle) dowel_forget(dowel_cleanup(u->client->d), u->handle);
}

/* ---- requests ---- */

static int start(upload *u, dowel_error *err) {
    dowel_gcs_client *c = u->client;
    json_t *description = dowel_gcs_resource(c, u->args);
    if (!description) return dowel_no_memory(err);
    dowel_http_request *r = dowel_gcs_upload_request(c, "resumable");
    dowel_http_json(r, description);
    dowel_http_header(r, "X-Upload-Content-Type", json_string_value(json_object_get(description, "contentType")));
    if (u->total >= 0) {
        char length[32];
        snprintf(length, sizeof length, "%lld", (long long)u->total);
        dowel_http_header(r, "X-Upload-Content-Length", length);
    }
    dowel_gcs_upload_query(c, r, u->args);
    /* An unused session leaves nothing behind, so the request may be repeated. */
    dowel_http_idempotent(r, true);
    dowel_http_response *response;
    int rc = dowel_http_send(c->d, r, &response, err);
    dowel_http_free(r);
    json_decref(description);
    if (rc) return rc;
    const char *location = dowel_http_response_header(response, "Location");
    free(u->url);
    u->url = location ? strdup(location) : NULL;
    u->held = 0;
    u->failures = 0;
    dowel_http_response_free(response);
    if (!u->url)
        return dowel_fail(err, DOWEL_E_PROTOCOL, "Cloud Storage: the answer has no session URL (Location header)");
    if (!strncmp(c->base, "https://", 8) && strncmp(u->url, "https://", 8) != 0)
        return dowel_fail(err, DOWEL_E_PROTOCOL, "Cloud Storage: the session URL is not https although %s is", c->base);
    return remember(u, err);
}

/* Whether the session is on the host of our requests. */
static bool is_ours(const upload *u) {
    const char *base = u->client->base;
    dowel_url parts;
    if (dowel_url_split(u->url, &parts, NULL)) return false;
    size_t host = (size_t)(parts.rest - u->url);
    dowel_url_clear(&parts);
    return !strncmp(base, u->url, host) && (!base[host] || base[host] == '/');
}

static dowel_http_request *session_request(const upload *u, const char *method) {
    const dowel_gcs_client *c = u->client;
    /* The URL grants access by itself: a foreign host gets no token. */
    bool ours = is_ours(u);
    dowel_http_request *r = dowel_http_new_url(ours ? c->once : c->alone, ours ? c->credentials : NULL, method, u->url);
    if (r) {
        dowel_http_secret_url(r);
        dowel_gcs_encrypt(r, u->client->bucket, false);
        dowel_http_idempotent(r, true);
    }
    return r;
}

static void cancel(upload *u) {
    dowel_http_request *r = session_request(u, "DELETE");
    dowel_http_accept(r, 499); /* confirms the cancellation */
    dowel_http_accept(r, 404);
    dowel_http_accept(r, 410);
    dowel_error ignored;
    if (dowel_http_send(dowel_cleanup(u->client->d), r, NULL, &ignored))
        dowel_log(u->client->d, DOWEL_LOG_WARNING, "the upload session could not be cancelled; it expires in a week");
    dowel_http_free(r);
}

/* Sends `size` bytes from `held` on; with size 0, asks how many bytes the service has (which also finalizes a complete upload). */
static int put(upload *u, dowel_source *body, int64_t size, dowel_error *err) {
    char range[96], whole[32] = "*";
    if (u->total >= 0) snprintf(whole, sizeof whole, "%lld", (long long)u->total);
    if (size)
        snprintf(range, sizeof range, "bytes %lld-%lld/%s", (long long)u->held, (long long)(u->held + size - 1), whole);
    else
        snprintf(range, sizeof range, "bytes */%s", whole);
    dowel_http_request *r = session_request(u, "PUT");
    dowel_http_header(r, "Content-Range", range);
    if (*u->crc) { /* the service refuses any other content */
        char hash[32];
        snprintf(hash, sizeof hash, "crc32c=%s", u->crc);
        dowel_http_header(r, "X-Goog-Hash", hash);
    }
    if (size) {
        dowel_http_source(r, body);
        /* On a dead keep-alive connection libcurl would resend everything without asking what is missing. */
        dowel_http_idempotent(r, !u->streamed);
        dowel_http_progress(r, u->held, u->total);
    } else {
        dowel_http_body(r, "", 0);
    }
    dowel_http_accept(r, 308);
    dowel_http_response *response = NULL;
    int rc = r ? dowel_http_send(u->client->d, r, &response, err)
               : dowel_fail(err, DOWEL_E_PROTOCOL, "Cloud Storage: the session URL is not valid");
    if (!rc && dowel_http_status(response) != 308) {
        rc = dowel_http_response_json(response, &u->resource, err);
    } else if (!rc) {
        const char *held = dowel_http_response_header(response, "Range");
        long long last;
        u->held = held && sscanf(held, "bytes=0-%lld", &last) == 1 ? last + 1 : 0; /* no header: no byte has arrived */
    }
    dowel_http_response_free(response);
    dowel_http_free(r);
    return rc;
}

static bool worth_another_try(int rc, const dowel_error *err) {
    return rc == DOWEL_E_NETWORK || rc == DOWEL_E_UNAVAILABLE || (rc == DOWEL_E_TIMEOUT && err->retryable);
}

/* Sends, and after a fault asks for the service's position. On success `held` is that position, or `resource` the finished object. */
static int advance(upload *u, dowel_source *body, int64_t size, dowel_error *err) {
    int64_t before = u->held;
    int rc = put(u, body, size, err);
    while ((rc && worth_another_try(rc, err)) || (!rc && !u->resource && u->held <= before)) {
        if (!rc) rc = dowel_fail(err, DOWEL_E_UNAVAILABLE, "Cloud Storage: the session accepts no more bytes");
        if (++u->failures >= SESSION_ATTEMPTS) {
            size_t used = strlen(err->message);
            snprintf(err->message + used, sizeof err->message - used, " (after %d attempts)", u->failures);
            err->retryable = true;
            return rc;
        }
        double wait = fmin(30, 0.25 * exp2(u->failures)) * (0.5 + 0.5 / u->failures);
        rc = dowel_http_wait(u->client->d, wait, "asking for the position of the upload", err);
        if (!rc) rc = put(u, NULL, 0, err);
        if (!rc) break;
    }
    if (rc) return rc;
    if (u->held > before) u->failures = 0;
    if (!u->resource && u->held > u->read)
        return dowel_fail(err, DOWEL_E_CORRUPT, "Cloud Storage: the session has %lld bytes, but %lld were sent",
                          (long long)u->held, (long long)u->read);
    return 0;
}

/* ---- as one stream ---- */

/* The rest of a file. Bytes that are read for the first time go into the digest. */
typedef struct rest {
    upload *upload;
    int64_t start, at;
} rest;

static int rest_read(void *context, void *buffer, size_t size, size_t *got, dowel_error *err) {
    rest *f = context;
    upload *u = f->upload;
    int rc = dowel_source_read(u->source, buffer, size, got, err);
    if (rc) return rc;
    f->at += (int64_t)*got;
    if (f->at > u->read) {
        size_t fresh = (size_t)(f->at - u->read);
        dowel_digest_update(u->digest, (const char *)buffer + *got - fresh, fresh);
        u->read = f->at;
    }
    return 0;
}

static int rest_seek(void *context, int64_t offset, dowel_error *err) {
    rest *f = context;
    if (offset) return dowel_fail(err, DOWEL_E_INTERNAL, "the rest of a file can only be read from its start");
    f->at = f->start;
    return dowel_source_rewind(f->upload->source, err);
}

static const dowel_source_ops rest_ops = {rest_read, rest_seek, NULL};

/* Continues a session of an earlier process. Reads the file for its checksum first, because the file may have changed since: the service then
 * refuses a mixture. */
static int take_up(upload *u, dowel_error *err) {
    int rc = dowel_source_window(u->source, 0, u->total, err);
    if (!rc) rc = dowel_source_digest(u->source, u->digest, err);
    if (rc) return rc;
    dowel_gcs_crc32c_text(u->digest, u->crc);
    u->read = u->total;
    u->held = -1;
    return advance(u, NULL, 0, err);
}

static int start_anew(upload *u, dowel_error *err) {
    *u->crc = 0;
    u->read = 0;
    dowel_digest_reset(u->digest);
    return start(u, err);
}

static int send_rest(upload *u, dowel_error *err) {
    rest f = {u, u->held, u->held};
    int rc = dowel_source_window(u->source, u->held, u->total - u->held, err);
    dowel_source *body = rc ? NULL : dowel_source_new(&rest_ops, &f, u->total - u->held);
    if (!rc) rc = body ? advance(u, body, u->total - u->held, err) : dowel_no_memory(err);
    dowel_source_close(body);
    return rc;
}

/* The earlier process had finished the session with other content: the file has changed since. */
static bool is_of_another(const upload *u) {
    const char *stored = json_string_value(json_object_get(u->resource, "crc32c"));
    return u->resource && stored && strcmp(stored, u->crc) != 0;
}

static int stream(upload *u, bool recalled, dowel_error *err) {
    int rc = recalled ? take_up(u, err) : 0, sessions = 1;
    if (recalled && !rc)
        dowel_log(u->client->d, DOWEL_LOG_INFO, "%s: continuing at byte %lld of %lld", u->args->name,
                  (long long)u->held, (long long)u->total);
    if (recalled && !rc && is_of_another(u)) {
        json_decref(u->resource);
        u->resource = NULL;
        recalled = false;
        rc = start_anew(u, err);
    }
    for (;;) {
        bool lost = rc && (err->http_status == 404 || err->http_status == 410),
             refused = rc && recalled && err->http_status >= 400 && err->http_status < 500;
        if ((lost || refused) && sessions++ < SESSIONS) {
            dowel_log(u->client->d, DOWEL_LOG_WARNING, "%s; starting the upload again", err->message);
            if (refused && !lost) cancel(u);
            recalled = false;
            rc = start_anew(u, err);
        }
        if (rc || u->resource) return rc;
        rc = send_rest(u, err);
    }
}

/* ---- chunk by chunk ---- */

static int chunks(upload *u, char *buffer, size_t room, size_t got, dowel_error *err) {
    for (;;) {
        int64_t at = u->read, end = at + (int64_t)got;
        bool last = got < room || end == u->total;
        if (last) u->total = end;
        dowel_digest_update(u->digest, buffer, got);
        u->read = end;
        if (last) dowel_gcs_crc32c_text(u->digest, u->crc);
        do {
            dowel_source *body = dowel_source_memory(buffer + (u->held - at), (size_t)(end - u->held));
            int rc = body ? advance(u, body, end - u->held, err) : dowel_no_memory(err);
            dowel_source_close(body);
            if (rc) return rc;
            if (u->resource) return 0;
            if (u->held < at)
                return dowel_fail(err, DOWEL_E_CORRUPT, "Cloud Storage: the session lost bytes that it had confirmed");
        } while (last || u->held < end);
        int rc = dowel_source_fill(u->source, buffer, room, &got, err);
        if (rc) return rc;
    }
}

/* ---- the whole ---- */

/* Whether nothing is left to cancel. */
static bool is_over(const dowel_error *why) {
    int status = why->http_status;
    return status >= 400 && status < 500 && status != 408 && status != 429;
}

int dowel_gcs_upload_session(dowel_gcs_client *c, const dowel_gcs_upload_args *args, dowel_source *source,
                             int64_t total, char *buffer, size_t room, size_t got, char crc[9], json_t **resource,
                             dowel_error *err) {
    upload u = {.client = c, .args = args, .source = source, .total = total, .streamed = !buffer};
    u.digest = dowel_digest_new(DOWEL_CRC32C);
    u.handle =
        u.streamed ? dowel_bucket_handle_name("gcs.session", c->bucket->bucket, c->bucket->folder, args->name) : NULL;
    bool recalled = recall(&u);
    int rc = !u.digest || (u.streamed && !u.handle) ? dowel_no_memory(err) : recalled ? 0 : start(&u, err);
    if (!rc) rc = u.streamed ? stream(&u, recalled, err) : chunks(&u, buffer, room, got, err);
    if (!rc && *u.crc)
        memcpy(crc, u.crc, sizeof u.crc);
    else if (!rc)
        dowel_gcs_crc32c_text(u.digest, crc);
    else if (u.url && !is_over(err))
        cancel(&u);
    if (u.url) forget(&u);
    *resource = u.resource;
    dowel_digest_free(u.digest);
    if (u.url) OPENSSL_cleanse(u.url, strlen(u.url));
    free(u.url);
    free(u.handle);
    return rc;
}
