/* AWS Signature Version 4: string to sign, signature; in a header or in the query. */
#include "sigv4_internal.h"

#include <dowel/canonical.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Headers that proxies and libraries change on the way are not signed. */
static bool is_unsigned(const char *name) {
    static const char *const skipped[] = {"authorization",          "connection",        "expect",  "sec-websocket-key",
                                          "sec-websocket-protocol", "transfer-encoding", "upgrade", "user-agent",
                                          "x-amzn-trace-id"};
    for (size_t i = 0; i < sizeof skipped / sizeof skipped[0]; i++)
        if (!dowel_casecmp(name, skipped[i])) return true;
    return false;
}

/* ---- signature ---- */

static int hmac(const void *key, size_t key_size, const char *data, unsigned char out[32]) {
    unsigned size = 0;
    return HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)data, strlen(data), out, &size) ? 0 : -1;
}

static void to_hex(const unsigned char *data, char out[65]) {
    for (int i = 0; i < 32; i++) snprintf(out + 2 * i, 3, "%02x", data[i]);
}

#define LONGEST_SECRET 507
#define TOO_LONG (-2)

int dowel_sigv4_sign_text(const char *secret_access_key, const char *date, const char *region, const char *service,
                          const char *string_to_sign, char signature[65]) {
    char secret[LONGEST_SECRET + 5], day[9];
    /* A key of its own for each step: HMAC may not read from where it writes to. */
    unsigned char keys[2][32];
    const char *const steps[] = {region, service, "aws4_request", string_to_sign};
    if (strlen(secret_access_key) > LONGEST_SECRET) return TOO_LONG;
    snprintf(secret, sizeof secret, "AWS4%s", secret_access_key);
    snprintf(day, sizeof day, "%.8s", date);
    int rc = hmac(secret, strlen(secret), day, keys[0]);
    for (size_t i = 0; !rc && i < sizeof steps / sizeof steps[0]; i++)
        rc = hmac(keys[i % 2], sizeof keys[0], steps[i], keys[(i + 1) % 2]);
    if (!rc) to_hex(keys[0], signature);
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(keys, sizeof keys);
    return rc ? -1 : 0;
}

/* What a signature is put together from. */
typedef struct parts {
    char scope[192];
    bool token; /* there is a session token */
    dowel_text headers, names, query, canonical, to_sign;
} parts;

static void set_date(const dowel_sigv4_request *r, dowel_sigv4 *out, parts *p) {
    time_t when = (time_t)r->time;
    struct tm tm;
    gmtime_r(&when, &tm);
    strftime(out->date, sizeof out->date, "%Y%m%dT%H%M%SZ", &tm);
    snprintf(p->scope, sizeof p->scope, "%.8s/%s/%s/aws4_request", out->date, r->region, r->service);
}

static void collect_headers(const dowel_sigv4_request *r, const dowel_sigv4 *out, parts *p) {
    dowel_header added[4] = {{NULL, NULL}};
    size_t n = 0;
    if (!r->presign) {
        added[n++] = (dowel_header){"x-amz-date", out->date};
        if (r->sign_payload_header) added[n++] = (dowel_header){"x-amz-content-sha256", r->payload_hash};
        if (p->token && !r->omit_session_token) added[n++] = (dowel_header){"x-amz-security-token", r->session_token};
    }
    dowel_text_put(&p->headers, "");
    dowel_text_put(&p->names, "");
    dowel_canonical_headers((const dowel_header *const[]){r->headers, added, NULL}, is_unsigned, &p->headers,
                            &p->names);
}

static void add_session_token(const dowel_sigv4_request *r, dowel_text *query) {
    dowel_text_put(query, "&X-Amz-Security-Token=");
    dowel_text_add_encoded(query, r->session_token, NULL);
}

static void make_query(const dowel_sigv4_request *r, const dowel_sigv4 *out, parts *p) {
    dowel_text *query = &p->query;
    dowel_text_put(query, r->query);
    if (!r->presign || p->names.failed) return;
    dowel_text_add_pair(query, "X-Amz-Algorithm", "AWS4-HMAC-SHA256");
    dowel_text_put(query, "&X-Amz-Credential=");
    dowel_text_add_encoded(query, r->access_key_id, NULL);
    dowel_text_put(query, "%2F");
    dowel_text_add_encoded(query, p->scope, NULL);
    dowel_text_add_pair(query, "X-Amz-Date", out->date);
    dowel_text_add_pair(query, "X-Amz-SignedHeaders", p->names.data);
    dowel_text_format(query, "&X-Amz-Expires=%lld", (long long)r->expires);
    if (p->token && !r->omit_session_token) add_session_token(r, query);
}

static void make_canonical(const dowel_sigv4_request *r, parts *p) {
    dowel_text path = {0}, query = {0};
    dowel_text_put(&path, "");
    dowel_text_put(&query, "");
    if (r->s3)
        dowel_text_put(&path, r->path);
    else if (r->normalize)
        dowel_canonical_path(&path, r->path);
    else
        dowel_text_add_encoded(&path, r->path, "/");
    if (!p->query.failed) dowel_canonical_query(&query, p->query.data);
    bool failed = path.failed || query.failed || p->query.failed || p->headers.failed || p->names.failed;
    if (failed)
        p->canonical.failed = true;
    else
        dowel_canonical_request(&p->canonical, &(dowel_canonical){r->method, path.data, query.data, p->headers.data,
                                                                  p->names.data, r->payload_hash});
    dowel_text_free(&path);
    dowel_text_free(&query);
}

/* 0, TOO_LONG or -1. */
static int make_signature(const dowel_sigv4_request *r, dowel_sigv4 *out, parts *p) {
    unsigned char digest[32];
    char hex[65];
    if (p->canonical.failed || !EVP_Digest(p->canonical.data, p->canonical.size, digest, NULL, EVP_sha256(), NULL))
        return -1;
    to_hex(digest, hex);
    dowel_text_format(&p->to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", out->date, p->scope, hex);
    return p->to_sign.failed ? -1
                             : dowel_sigv4_sign_text(r->secret_access_key, out->date, r->region, r->service,
                                                     p->to_sign.data, out->signature);
}

/* The signature where the service looks for it: in the Authorization header or in the query. */
static void place_signature(const dowel_sigv4_request *r, const dowel_sigv4 *out, parts *p, dowel_text *header) {
    if (!r->presign) {
        dowel_text_format(header, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", r->access_key_id,
                          p->scope, p->names.data, out->signature);
        return;
    }
    /* A token that is sent unsigned stands before the signature, where the reference puts it. */
    if (p->token && r->omit_session_token) add_session_token(r, &p->query);
    dowel_text_add_pair(&p->query, "X-Amz-Signature", out->signature);
}

int dowel_sigv4_sign(const dowel_sigv4_request *r, dowel_sigv4 *out, dowel_error *err) {
    parts p = {.token = r->session_token && *r->session_token};
    dowel_text header = {0};
    memset(out, 0, sizeof *out);
    set_date(r, out, &p);
    collect_headers(r, out, &p);
    make_query(r, out, &p);
    make_canonical(r, &p);
    int rc = make_signature(r, out, &p);
    if (!rc) place_signature(r, out, &p, &header);
    dowel_text_free(&p.headers); /* the session token is one of them */
    if (rc == TOO_LONG)
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "the secret access key is longer than %d characters", LONGEST_SECRET);
    else if (rc || p.query.failed || header.failed)
        rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory while signing the request");
    out->canonical_request = dowel_text_take(&p.canonical, NULL);
    out->string_to_sign = dowel_text_take(&p.to_sign, NULL);
    out->signed_headers = dowel_text_take(&p.names, NULL);
    out->query = dowel_text_take(&p.query, NULL);
    out->authorization = r->presign ? NULL : dowel_text_take(&header, NULL);
    if (rc) dowel_sigv4_clear(out);
    if (!rc && !(out->canonical_request && out->string_to_sign && out->signed_headers && out->query))
        rc = dowel_no_memory(err);
    return rc;
}

void dowel_sigv4_clear(dowel_sigv4 *s) {
    dowel_wipe(s->canonical_request);
    dowel_wipe(s->string_to_sign);
    dowel_wipe(s->signed_headers);
    dowel_wipe(s->authorization);
    dowel_wipe(s->query);
    memset(s, 0, sizeof *s);
}
