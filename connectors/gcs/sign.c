/* Signed URLs: the canonical request, the string to sign, the URL ("Canonical requests", "V4 signing process"). */
#include "sign.h"

#include "client.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- what URLs and policies share ---- */

static char *format(const char *template, const char *a, const char *b, const char *c) {
    size_t size = (size_t)snprintf(NULL, 0, template, a, b, c) + 1;
    char *text = malloc(size);
    if (text) snprintf(text, size, template, a, b, c);
    return text;
}

int dowel_gcs_stamp_make(const dowel_gcs_signing *s, dowel_gcs_stamp *stamp, dowel_error *err) {
    memset(stamp, 0, sizeof *stamp);
    if (s->seconds < 1 || s->seconds > DOWEL_GCS_SIGNED_MOST)
        return dowel_fail(err, DOWEL_E_INVALID, "a signature is good for between a second and 7 days, not %lld s",
                          (long long)s->seconds);
    time_t when = (time_t)s->time;
    struct tm tm;
    gmtime_r(&when, &tm);
    strftime(stamp->day, sizeof stamp->day, "%Y%m%d", &tm);
    strftime(stamp->moment, sizeof stamp->moment, "%Y%m%dT%H%M%SZ", &tm);
    snprintf(stamp->scope, sizeof stamp->scope, "%s/auto/storage/goog4_request", stamp->day);
    stamp->credential = format("%s/%s%s", s->email, stamp->scope, "");
    const char *host = strstr(s->endpoint, "://");
    size_t length = strlen(s->endpoint);
    while (length && s->endpoint[length - 1] == '/') length--;
    if (!host || strcspn(host + 3, "/?#@") < length - (size_t)(host + 3 - s->endpoint) || !length) {
        dowel_gcs_stamp_clear(stamp);
        return dowel_fail(err, DOWEL_E_INVALID, "%s: expected scheme://host, to make a signed URL for", s->endpoint);
    }
    char *scheme = strndup(s->endpoint, (size_t)(host + 3 - s->endpoint)),
         *rest = strndup(host + 3, length - (size_t)(host + 3 - s->endpoint));
    if (scheme && rest)
        stamp->base = s->style == DOWEL_GCS_VIRTUAL_HOSTED ? format("%s%s.%s", scheme, s->bucket, rest)
                                                           : format("%s%s%s", scheme, rest, "");
    free(scheme);
    free(rest);
    if (stamp->credential && stamp->base) return 0;
    dowel_gcs_stamp_clear(stamp);
    return dowel_no_memory(err);
}

void dowel_gcs_stamp_clear(dowel_gcs_stamp *stamp) {
    free(stamp->credential);
    free(stamp->base);
    stamp->credential = stamp->base = NULL;
}

void dowel_gcs_signable_clear(dowel_gcs_signable *signable) {
    free(signable->url);
    free(signable->canonical);
    free(signable->text);
    json_decref(signable->fields);
    memset(signable, 0, sizeof *signable);
}

/* ---- sorted pairs ---- */

typedef struct pairs {
    char *(*items)[2];
    size_t count, room;
    bool failed;
} pairs;

/* Takes both texts over. */
static void add(pairs *list, char *name, char *value) {
    if (name && value && list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 8;
        char *(*items)[2] = realloc(list->items, room * sizeof *items);
        if (items) list->items = items, list->room = room;
    }
    if (!name || !value || list->count == list->room) {
        free(name);
        free(value);
        list->failed = true;
        return;
    }
    list->items[list->count][0] = name;
    list->items[list->count++][1] = value;
}

static int by_name(const void *a, const void *b) {
    char *const *first = a, *const *second = b;
    int order = strcmp(first[0], second[0]);
    return order ? order : strcmp(first[1], second[1]);
}

static void sort(pairs *list) {
    if (list->count) qsort(list->items, list->count, sizeof *list->items, by_name);
}

static void clear(pairs *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i][0]);
        free(list->items[i][1]);
    }
    free(list->items);
}

/* ---- headers ---- */

static char *lower(const char *text) {
    char *copy = strdup(text);
    for (char *p = copy; p && *p; p++) *p = (char)dowel_lower((unsigned char)*p);
    return copy;
}

/* Without blanks at the ends, and with one space for each run of them. */
static char *folded(const char *value) {
    char *copy = malloc(strlen(value) + 1), *to = copy;
    if (!copy) return NULL;
    bool blank = false;
    for (; *value; value++) {
        if (*value == ' ' || *value == '\t') {
            blank = to != copy;
            continue;
        }
        if (blank) *to++ = ' ';
        blank = false;
        *to++ = *value;
    }
    *to = 0;
    return copy;
}

static int check_header(const dowel_pair *header, dowel_error *err) {
    bool good = *header->name != 0;
    for (const char *p = header->name; *p; p++)
        good &= dowel_is_alnum((unsigned char)*p) || strchr("!#$%&'*+-.^_`|~", *p);
    for (const char *p = header->value; *p; p++) good &= *p == '\t' || ((unsigned char)*p >= ' ' && *p != 0x7f);
    return good ? 0 : dowel_fail(err, DOWEL_E_INVALID, "header \"%s\": not a header of HTTP", header->name);
}

/* The host as it is signed: without a port. */
static char *signed_host(const char *base) {
    const char *host = strstr(base, "://") + 3;
    size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    return strndup(host, length);
}

static int collect_headers(const dowel_gcs_signing *s, const char *base, pairs *headers, dowel_error *err) {
    bool has_host = false;
    for (const dowel_pair *header = s->headers; header && header->name; header++) {
        int rc = check_header(header, err);
        if (rc) return rc;
        add(headers, lower(header->name), folded(header->value));
        has_host |= !headers->failed && !strcmp(headers->items[headers->count - 1][0], "host");
    }
    if (!has_host) add(headers, strdup("host"), signed_host(base));
    if (headers->failed) return dowel_no_memory(err);
    sort(headers);
    for (size_t i = 1; i < headers->count; i++)
        if (!strcmp(headers->items[i - 1][0], headers->items[i][0]))
            return dowel_fail(err, DOWEL_E_INVALID, "header \"%s\" is given twice", headers->items[i][0]);
    return 0;
}

static char *join_names(const pairs *headers) {
    size_t size = 1;
    for (size_t i = 0; i < headers->count; i++) size += strlen(headers->items[i][0]) + 1;
    char *names = malloc(size), *to = names;
    for (size_t i = 0; names && i < headers->count; i++)
        to += snprintf(to, size - (size_t)(to - names), "%s%s", i ? ";" : "", headers->items[i][0]);
    if (names) *to = 0;
    return names;
}

/* ---- the parts of the URL ---- */

static char *path(const dowel_gcs_signing *s) {
    char *bucket = s->style == DOWEL_GCS_PATH_STYLE ? dowel_percent_encode(s->bucket, NULL) : strdup(""),
         *object = s->object ? dowel_percent_encode(s->object, "/") : strdup(""), *text = NULL;
    if (bucket && object)
        text = *bucket ? format(s->object ? "/%s/%s%s" : "/%s%s%s", bucket, object, "")
                       : format("/%s%s%s", object, "", "");
    free(bucket);
    free(object);
    return text;
}

static char *query(const dowel_gcs_signing *s, const dowel_gcs_stamp *stamp, const char *signed_names) {
    char expires[32], *text = NULL;
    size_t size;
    snprintf(expires, sizeof expires, "%lld", (long long)s->seconds);
    const dowel_pair own[] = {{"X-Goog-Algorithm", DOWEL_GCS_ALGORITHM},
                              {"X-Goog-Credential", stamp->credential},
                              {"X-Goog-Date", stamp->moment},
                              {"X-Goog-Expires", expires},
                              {"X-Goog-SignedHeaders", signed_names},
                              {NULL, NULL}};
    pairs all = {0};
    for (const dowel_pair *pair = own; pair->name; pair++)
        add(&all, strdup(pair->name), dowel_percent_encode(pair->value, NULL));
    for (const dowel_pair *pair = s->query; pair && pair->name; pair++)
        add(&all, dowel_percent_encode(pair->name, NULL), dowel_percent_encode(pair->value, NULL));
    sort(&all);
    FILE *out = all.failed ? NULL : open_memstream(&text, &size);
    for (size_t i = 0; out && i < all.count; i++)
        fprintf(out, "%s%s=%s", i ? "&" : "", all.items[i][0], all.items[i][1]);
    if (out && fclose(out)) {
        free(text);
        text = NULL;
    }
    clear(&all);
    return text;
}

/* The body's SHA-256 where the caller signs it as a header. */
static const char *payload(const pairs *headers) {
    for (size_t i = 0; i < headers->count; i++)
        if (!strcmp(headers->items[i][0], "x-goog-content-sha256")) return headers->items[i][1];
    return "UNSIGNED-PAYLOAD";
}

static char *canonical_request(const char *method, const char *where, const char *parameters, const pairs *headers,
                               const char *names) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return NULL;
    fprintf(out, "%s\n%s\n%s\n", method, where, parameters);
    for (size_t i = 0; i < headers->count; i++) fprintf(out, "%s:%s\n", headers->items[i][0], headers->items[i][1]);
    fprintf(out, "\n%s\n%s", names, payload(headers));
    if (!fclose(out)) return text;
    free(text);
    return NULL;
}

static char *string_to_sign(const dowel_gcs_stamp *stamp, const char *canonical) {
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)canonical, strlen(canonical), hash);
    char *hex = dowel_hex(hash, sizeof hash),
         *text = hex ? format(DOWEL_GCS_ALGORITHM "\n%s\n%s\n%s", stamp->moment, stamp->scope, hex) : NULL;
    free(hex);
    return text;
}

int dowel_gcs_sign_url(const dowel_gcs_signing *s, dowel_gcs_signable *signable, dowel_error *err) {
    memset(signable, 0, sizeof *signable);
    dowel_gcs_stamp stamp;
    pairs headers = {0};
    int rc = dowel_gcs_stamp_make(s, &stamp, err);
    if (rc) return rc;
    rc = collect_headers(s, stamp.base, &headers, err);
    char *names = rc ? NULL : join_names(&headers), *where = path(s),
         *parameters = names ? query(s, &stamp, names) : NULL;
    if (parameters && where) {
        signable->canonical = canonical_request(s->method, where, parameters, &headers, names);
        signable->text = signable->canonical ? string_to_sign(&stamp, signable->canonical) : NULL;
        char *beginning = format("%s%s?%s", stamp.base, where, parameters);
        signable->url = beginning;
    }
    if (!rc && (!signable->url || !signable->text)) rc = dowel_no_memory(err);
    if (rc) dowel_gcs_signable_clear(signable);
    free(names);
    free(where);
    free(parameters);
    clear(&headers);
    dowel_gcs_stamp_clear(&stamp);
    return rc;
}
