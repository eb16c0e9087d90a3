/* Signed URLs: the canonical request, the string to sign, the URL ("Canonical requests", "V4 signing process"). */
#include "sign.h"

#include "client.h"

#include <dowel/canonical.h>
#include <dowel/text.h>
#include <dowel/url.h>

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- shared by URLs and policies ---- */

static char *credential(const dowel_gcs_signing *s, const dowel_gcs_stamp *stamp) {
    dowel_text text = {0};
    dowel_text_format(&text, "%s/%s", s->email, stamp->scope);
    return dowel_text_take(&text, NULL);
}

/* "https://host:port", with the bucket before the host where the style asks for it. */
static int find_host(const dowel_gcs_signing *s, dowel_gcs_stamp *stamp, dowel_error *err) {
    dowel_url url;
    dowel_text base = {0}, host = {0};
    int rc = dowel_url_split(s->endpoint, &url, NULL);
    if (rc == DOWEL_E_NO_MEMORY) return dowel_no_memory(err);
    if (rc || url.user || url.rest[strspn(url.rest, "/")]) {
        dowel_url_clear(&url);
        return dowel_fail(err, DOWEL_E_INVALID, "cannot sign a URL for the endpoint %s: expected scheme://host",
                          s->endpoint);
    }
    if (s->style == DOWEL_GCS_VIRTUAL_HOSTED) dowel_text_format(&host, "%s.", s->bucket);
    dowel_text_put(&host, url.host);
    stamp->host = dowel_text_take(&host, NULL);
    if (stamp->host) dowel_text_format(&base, "%s://%s", url.scheme, stamp->host);
    if (url.port) dowel_text_format(&base, ":%s", url.port);
    stamp->base = dowel_text_take(&base, NULL);
    dowel_url_clear(&url);
    return stamp->host && stamp->base ? 0 : dowel_no_memory(err);
}

int dowel_gcs_stamp_make(const dowel_gcs_signing *s, dowel_gcs_stamp *stamp, dowel_error *err) {
    memset(stamp, 0, sizeof *stamp);
    if (s->seconds < 1 || s->seconds > DOWEL_GCS_SIGNED_MOST)
        return dowel_fail(err, DOWEL_E_INVALID, "a signature is valid for 1 second to 7 days, not for %lld s",
                          (long long)s->seconds);
    time_t when = (time_t)s->time;
    struct tm tm;
    gmtime_r(&when, &tm);
    strftime(stamp->day, sizeof stamp->day, "%Y%m%d", &tm);
    strftime(stamp->moment, sizeof stamp->moment, "%Y%m%dT%H%M%SZ", &tm);
    snprintf(stamp->scope, sizeof stamp->scope, "%s/auto/storage/goog4_request", stamp->day);
    int rc = find_host(s, stamp, err);
    if (!rc && !(stamp->credential = credential(s, stamp))) rc = dowel_no_memory(err);
    if (rc) dowel_gcs_stamp_clear(stamp);
    return rc;
}

void dowel_gcs_stamp_clear(dowel_gcs_stamp *stamp) {
    free(stamp->credential);
    free(stamp->base);
    free(stamp->host);
    stamp->credential = stamp->base = stamp->host = NULL;
}

void dowel_gcs_signable_clear(dowel_gcs_signable *signable) {
    free(signable->url);
    free(signable->canonical);
    free(signable->text);
    json_decref(signable->fields);
    memset(signable, 0, sizeof *signable);
}

/* ---- headers ---- */

static int check_header(const dowel_pair *header, dowel_error *err) {
    bool good = *header->name != 0;
    for (const char *p = header->name; *p; p++)
        good &= dowel_is_alnum((unsigned char)*p) || strchr("!#$%&'*+-.^_`|~", *p);
    for (const char *p = header->value; *p; p++) good &= *p == '\t' || ((unsigned char)*p >= ' ' && *p != 0x7f);
    return good ? 0 : dowel_fail(err, DOWEL_E_INVALID, "header \"%s\": not a valid HTTP header", header->name);
}

static bool has_header(const dowel_header *list, const char *name) {
    for (; list->name; list++)
        if (!dowel_casecmp(list->name, name)) return true;
    return false;
}

/* The caller's headers, and the host unless the caller names it. */
static int collect_headers(const dowel_gcs_signing *s, const char *host, dowel_header **list, dowel_error *err) {
    size_t count = 0;
    while (s->headers && s->headers[count].name) count++;
    dowel_header *all = *list = calloc(count + 2, sizeof *all);
    if (!all) return dowel_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        int rc = check_header(&s->headers[i], err);
        if (rc) return rc;
        if (has_header(all, s->headers[i].name))
            return dowel_fail(err, DOWEL_E_INVALID, "header \"%s\" is given twice", s->headers[i].name);
        all[i] = (dowel_header){s->headers[i].name, s->headers[i].value};
    }
    if (!has_header(all, "host")) all[count] = (dowel_header){"host", host};
    return 0;
}

/* ---- the canonical request ---- */

typedef struct parts {
    dowel_text headers, names, path, query, payload;
} parts;

static void clear(parts *p) {
    dowel_text *const all[] = {&p->headers, &p->names, &p->path, &p->query, &p->payload};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) dowel_text_free(all[i]);
}

static void make_path(const dowel_gcs_signing *s, dowel_text *path) {
    dowel_text_put(path, "/");
    if (s->style == DOWEL_GCS_PATH_STYLE) dowel_text_add_encoded(path, s->bucket, NULL);
    if (s->style == DOWEL_GCS_PATH_STYLE && s->object) dowel_text_put(path, "/");
    if (s->object) dowel_text_add_encoded(path, s->object, "/");
}

static void make_query(const dowel_gcs_signing *s, const dowel_gcs_stamp *stamp, const char *names, dowel_text *query) {
    dowel_text given = {0};
    dowel_text_add_pair(&given, "X-Goog-Algorithm", DOWEL_GCS_ALGORITHM);
    dowel_text_add_pair(&given, "X-Goog-Credential", stamp->credential);
    dowel_text_add_pair(&given, "X-Goog-Date", stamp->moment);
    dowel_text_format(&given, "&X-Goog-Expires=%lld", (long long)s->seconds);
    dowel_text_add_pair(&given, "X-Goog-SignedHeaders", names);
    for (const dowel_pair *pair = s->query; pair && pair->name; pair++)
        dowel_text_add_pair(&given, pair->name, pair->value);
    if (given.failed)
        query->failed = true;
    else
        dowel_canonical_query(query, given.data);
    dowel_text_free(&given);
}

/* The body's SHA-256 if the caller signs it as a header. The header "host" comes before it, so a line break does too. */
static void make_payload(const char *headers, dowel_text *payload) {
    static const char mark[] = "\nx-goog-content-sha256:";
    const char *line = strstr(headers, mark), *value = line ? line + sizeof mark - 1 : "UNSIGNED-PAYLOAD";
    dowel_text_add(payload, value, strcspn(value, "\n"));
}

/* Whether there was memory for all of it. */
static bool make_parts(const dowel_gcs_signing *s, const dowel_gcs_stamp *stamp, const dowel_header *headers,
                       parts *p) {
    dowel_canonical_headers((const dowel_header *const[]){headers, NULL}, NULL, &p->headers, &p->names);
    if (p->headers.failed || p->names.failed) return false;
    make_path(s, &p->path);
    make_query(s, stamp, p->names.data, &p->query);
    make_payload(p->headers.data, &p->payload);
    return !p->path.failed && !p->query.failed && !p->payload.failed;
}

static char *canonical_request(const char *method, const parts *p) {
    dowel_text text = {0};
    dowel_canonical_request(&text, &(dowel_canonical){method, p->path.data, p->query.data, p->headers.data,
                                                      p->names.data, p->payload.data});
    return dowel_text_take(&text, NULL);
}

static char *string_to_sign(const dowel_gcs_stamp *stamp, const char *canonical) {
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)canonical, strlen(canonical), hash);
    char *hex = dowel_hex(hash, sizeof hash);
    if (!hex) return NULL;
    dowel_text text = {0};
    dowel_text_format(&text, DOWEL_GCS_ALGORITHM "\n%s\n%s\n%s", stamp->moment, stamp->scope, hex);
    free(hex);
    return dowel_text_take(&text, NULL);
}

static char *url_of(const dowel_gcs_stamp *stamp, const parts *p) {
    dowel_text text = {0};
    dowel_text_format(&text, "%s%s?%s", stamp->base, p->path.data, p->query.data);
    return dowel_text_take(&text, NULL);
}

int dowel_gcs_sign_url(const dowel_gcs_signing *s, dowel_gcs_signable *signable, dowel_error *err) {
    memset(signable, 0, sizeof *signable);
    dowel_gcs_stamp stamp;
    dowel_header *headers = NULL;
    parts p = {.headers = {0}};
    int rc = dowel_gcs_stamp_make(s, &stamp, err);
    if (rc) return rc;
    rc = collect_headers(s, stamp.host, &headers, err);
    if (!rc && make_parts(s, &stamp, headers, &p)) {
        signable->canonical = canonical_request(s->method, &p);
        signable->text = signable->canonical ? string_to_sign(&stamp, signable->canonical) : NULL;
        signable->url = url_of(&stamp, &p);
    }
    if (!rc && (!signable->url || !signable->text)) rc = dowel_no_memory(err);
    if (rc) dowel_gcs_signable_clear(signable);
    clear(&p);
    free(headers);
    dowel_gcs_stamp_clear(&stamp);
    return rc;
}
