/* AWS Signature Version 4: canonical request, string to sign, signature; in a header or in the query. */
#include "sigv4_internal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Text that grows. */
typedef struct text {
    char *data;
    size_t size, room;
    bool failed;
} text;

static void drop_text(text *t) {
    if (t->data) OPENSSL_cleanse(t->data, t->room);
    free(t->data);
    t->data = NULL;
}

static void drop(char *secret) {
    if (secret) OPENSSL_cleanse(secret, strlen(secret));
    free(secret);
}

static void add(text *t, const char *data, size_t size) {
    if (t->failed) return;
    if (t->size + size + 1 > t->room) {
        size_t room = (t->size + size + 1) * 2;
        char *grown = malloc(room); /* realloc would leave a copy behind: there may be a session token in it */
        if (!grown) {
            t->failed = true;
            return;
        }
        if (t->size) memcpy(grown, t->data, t->size);
        drop_text(t);
        t->data = grown;
        t->room = room;
    }
    if (size) memcpy(t->data + t->size, data, size);
    t->size += size;
    t->data[t->size] = 0;
}

static void add_text(text *t, const char *data) {
    add(t, data, strlen(data));
}

static void add_encoded(text *t, const char *data, size_t size, bool keep_slash) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        if ((c < 128 && dowel_is_alnum(c)) || strchr("-._~", c) || (keep_slash && c == '/')) {
            add(t, (const char *)&c, 1);
        } else {
            char code[4];
            snprintf(code, sizeof code, "%%%02X", c);
            add(t, code, 3);
        }
    }
}

/* ---- path ---- */

/* RFC 3986, 5.2.4, and one slash for several. */
static void add_normalized(text *out, const char *path) {
    text clean = {0};
    add(&clean, "", 0);
    const char *p = path;
    bool folder = true;
    while (*p && !clean.failed) {
        while (*p == '/') p++;
        const char *end = p + strcspn(p, "/");
        size_t size = (size_t)(end - p);
        folder = true;
        if (size == 0) break;
        if (size == 2 && p[0] == '.' && p[1] == '.') {
            while (clean.size && clean.data[--clean.size] != '/') continue;
        } else if (!(size == 1 && *p == '.')) {
            add(&clean, "/", 1);
            add(&clean, p, size);
            folder = *end == '/';
        }
        p = end;
    }
    if (folder) add(&clean, "/", 1);
    if (clean.failed)
        out->failed = true;
    else
        add_encoded(out, clean.data, clean.size, true);
    free(clean.data);
}

/* ---- query ---- */

typedef struct parameter {
    char *name, *value; /* encoded */
} parameter;

static int compare_parameters(const void *a, const void *b) {
    const parameter *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->value, y->value);
}

static int hex_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decodes what is percent-encoded, then encodes everything that has to be. */
static char *recode(const char *data, size_t size) {
    char *plain = malloc(size + 1);
    size_t n = 0;
    if (!plain) return NULL;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '%' && i + 2 < size && hex_value(data[i + 1]) >= 0 && hex_value(data[i + 2]) >= 0) {
            plain[n++] = (char)(hex_value(data[i + 1]) * 16 + hex_value(data[i + 2]));
            i += 2;
        } else {
            plain[n++] = data[i];
        }
    }
    text out = {0};
    add(&out, "", 0);
    add_encoded(&out, plain, n, false);
    OPENSSL_cleanse(plain, size + 1);
    free(plain);
    if (out.failed) drop_text(&out);
    return out.data;
}

static void add_canonical_query(text *out, const char *query) {
    size_t count = 0, room = 1;
    for (const char *p = query; *p; p++) room += *p == '&';
    parameter *list = calloc(room, sizeof *list);
    if (!list) {
        out->failed = true;
        return;
    }
    for (const char *p = query; *p;) {
        const char *end = p + strcspn(p, "&"), *equals = memchr(p, '=', (size_t)(end - p));
        if (end > p) {
            list[count].name = recode(p, (size_t)((equals ? equals : end) - p));
            list[count].value = equals ? recode(equals + 1, (size_t)(end - equals - 1)) : strdup("");
            if (!list[count].name || !list[count].value) out->failed = true;
            count++;
        }
        p = *end ? end + 1 : end;
    }
    if (!out->failed) qsort(list, count, sizeof *list, compare_parameters);
    for (size_t i = 0; i < count; i++) {
        if (!out->failed) {
            if (i) add(out, "&", 1);
            add_text(out, list[i].name);
            add(out, "=", 1);
            add_text(out, list[i].value);
        }
        drop(list[i].name);
        drop(list[i].value);
    }
    free(list);
}

/* ---- headers ---- */

typedef struct signed_header {
    char *name; /* lower case */
    const char *value;
    size_t order;
} signed_header;

static int compare_headers(const void *a, const void *b) {
    const signed_header *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

/* What proxies and libraries change on the way is not signed. */
static bool is_signed(const char *name) {
    static const char *const skipped[] = {"authorization",          "connection",        "expect",  "sec-websocket-key",
                                          "sec-websocket-protocol", "transfer-encoding", "upgrade", "user-agent",
                                          "x-amzn-trace-id"};
    for (size_t i = 0; i < sizeof skipped / sizeof skipped[0]; i++)
        if (!dowel_casecmp(name, skipped[i])) return false;
    return true;
}

/* Outer white space off, inner runs to one space. */
static void add_header_value(text *out, const char *value) {
    bool gap = false, begun = false;
    for (const char *p = value; *p; p++) {
        if (dowel_is_space((unsigned char)*p)) {
            gap = begun;
            continue;
        }
        if (gap) add(out, " ", 1);
        gap = false;
        begun = true;
        add(out, p, 1);
    }
}

/* Fills the canonical headers and the list of their names. `extra` are headers that signing itself adds. */
static int canonical_headers(const dowel_sigv4_request *r, const dowel_header *extra, text *canonical, text *names) {
    size_t count = 0, n = 0;
    while (r->headers[count].name) count++;
    for (const dowel_header *h = extra; h->name; h++) count++;
    signed_header *list = calloc(count + 1, sizeof *list);
    if (!list) return -1;
    for (int part = 0; part < 2; part++) {
        for (const dowel_header *h = part ? extra : r->headers; h->name; h++) {
            if (!is_signed(h->name)) continue;
            list[n] = (signed_header){strdup(h->name), h->value, n};
            if (!list[n].name) canonical->failed = true;
            for (char *c = list[n].name; c && *c; c++) *c = (char)dowel_lower((unsigned char)*c);
            n++;
        }
    }
    if (!canonical->failed) qsort(list, n, sizeof *list, compare_headers);
    for (size_t i = 0; i < n && !canonical->failed; i++) {
        if (i && !strcmp(list[i].name, list[i - 1].name)) {
            canonical->data[--canonical->size] = 0; /* the line break */
            add(canonical, ",", 1);
        } else {
            if (names->size) add(names, ";", 1);
            add_text(names, list[i].name);
            add_text(canonical, list[i].name);
            add(canonical, ":", 1);
        }
        add_header_value(canonical, list[i].value);
        add(canonical, "\n", 1);
    }
    for (size_t i = 0; i < n; i++) free(list[i].name);
    free(list);
    return canonical->failed || names->failed ? -1 : 0;
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

static char *taken(text *t) {
    if (t->failed) drop_text(t);
    return t->data;
}

int dowel_sigv4_sign(const dowel_sigv4_request *r, dowel_sigv4 *out, dowel_error *err) {
    memset(out, 0, sizeof *out);
    time_t when = (time_t)r->time;
    struct tm tm;
    gmtime_r(&when, &tm);
    strftime(out->date, sizeof out->date, "%Y%m%dT%H%M%SZ", &tm);
    char day[9];
    memcpy(day, out->date, 8);
    day[8] = 0;
    char scope[192];
    snprintf(scope, sizeof scope, "%s/%s/%s/aws4_request", day, r->region, r->service);

    bool token = r->session_token && *r->session_token;
    dowel_header extra[4] = {{NULL, NULL}};
    size_t n = 0;
    if (!r->presign) {
        extra[n++] = (dowel_header){"x-amz-date", out->date};
        if (r->sign_payload_header) extra[n++] = (dowel_header){"x-amz-content-sha256", r->payload_hash};
        if (token && !r->omit_session_token) extra[n++] = (dowel_header){"x-amz-security-token", r->session_token};
        extra[n] = (dowel_header){NULL, NULL};
    }
    text headers = {0}, names = {0}, query = {0}, canonical = {0}, to_sign = {0}, result = {0};
    add(&headers, "", 0);
    add(&names, "", 0);
    int rc = canonical_headers(r, extra, &headers, &names);

    add_text(&query, r->query);
    if (r->presign && !rc) {
        if (query.size) add(&query, "&", 1);
        add_text(&query, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
        add_encoded(&query, r->access_key_id, strlen(r->access_key_id), false);
        add_text(&query, "%2F");
        add_encoded(&query, scope, strlen(scope), false);
        add_text(&query, "&X-Amz-Date=");
        add_text(&query, out->date);
        add_text(&query, "&X-Amz-SignedHeaders=");
        add_encoded(&query, names.data, names.size, false);
        char expires[48];
        snprintf(expires, sizeof expires, "&X-Amz-Expires=%lld", (long long)r->expires);
        add_text(&query, expires);
        if (token && !r->omit_session_token) {
            add_text(&query, "&X-Amz-Security-Token=");
            add_encoded(&query, r->session_token, strlen(r->session_token), false);
        }
    }

    add_text(&canonical, r->method);
    add(&canonical, "\n", 1);
    if (r->s3)
        add_text(&canonical, r->path);
    else if (r->normalize)
        add_normalized(&canonical, r->path);
    else
        add_encoded(&canonical, r->path, strlen(r->path), true);
    add(&canonical, "\n", 1);
    if (!query.failed) add_canonical_query(&canonical, query.data);
    add(&canonical, "\n", 1);
    if (!rc) add_text(&canonical, headers.data);
    add(&canonical, "\n", 1);
    if (!rc) add_text(&canonical, names.data);
    add(&canonical, "\n", 1);
    add_text(&canonical, r->payload_hash);

    if (!rc && !canonical.failed) {
        unsigned char digest[32];
        char hex[65];
        rc = EVP_Digest(canonical.data, canonical.size, digest, NULL, EVP_sha256(), NULL) ? 0 : -1;
        to_hex(digest, hex);
        const char *parts[] = {"AWS4-HMAC-SHA256\n", out->date, "\n", scope, "\n", hex};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) add_text(&to_sign, parts[i]);
        if (!rc && !to_sign.failed)
            rc = dowel_sigv4_sign_text(r->secret_access_key, day, r->region, r->service, to_sign.data, out->signature);
    }
    if (!rc && r->presign) {
        add_text(&query, "&X-Amz-Signature=");
        add_text(&query, out->signature);
        if (token && r->omit_session_token) {
            /* Sent, not signed: in front of the signature, where the reference puts it. */
            query.size -= strlen("&X-Amz-Signature=") + 64;
            add_text(&query, "&X-Amz-Security-Token=");
            add_encoded(&query, r->session_token, strlen(r->session_token), false);
            add_text(&query, "&X-Amz-Signature=");
            add_text(&query, out->signature);
        }
    } else if (!rc) {
        const char *parts[] = {"AWS4-HMAC-SHA256 Credential=",
                               r->access_key_id,
                               "/",
                               scope,
                               ", SignedHeaders=",
                               names.data,
                               ", Signature=",
                               out->signature};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) add_text(&result, parts[i]);
    }
    bool failed = rc || canonical.failed || to_sign.failed || query.failed || result.failed;
    drop_text(&headers); /* the session token is one of them */
    out->canonical_request = taken(&canonical);
    out->string_to_sign = taken(&to_sign);
    out->signed_headers = taken(&names);
    out->query = taken(&query);
    out->authorization = taken(&result);
    if (!failed) return 0;
    return rc == TOO_LONG ? dowel_fail(err, DOWEL_E_CREDENTIALS, "the secret access key is longer than %d characters",
                                       LONGEST_SECRET)
                          : dowel_fail(err, DOWEL_E_NO_MEMORY, "the request could not be signed");
}

void dowel_sigv4_clear(dowel_sigv4 *s) {
    drop(s->canonical_request);
    drop(s->string_to_sign);
    drop(s->signed_headers);
    drop(s->authorization);
    drop(s->query);
    memset(s, 0, sizeof *s);
}
