/* Listings, one page in memory at a time: ListObjectsV2, or ListObjectVersions for versions. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Keys are percent-encoded (encoding-type=url), because XML cannot hold every character; a server without that parameter sends them as they are. A NUL
 * byte becomes \x00 for display; the result is then not a key. */
char *dowel_s3_decoded(const char *text, bool encoded, bool *has_nul) {
    size_t size = text ? strlen(text) + 1 : 1;
    char *plain = malloc(size + size / 3), *out = plain; /* %00 grows by one */
    *has_nul = false;
    if (plain) memcpy(plain, text ? text : "", size);
    if (!plain || !encoded) return plain;
    for (const char *p = text ? text : ""; *p; p++) {
        if (!strncmp(p, "%00", 3)) {
            memcpy(out, "\\x00", 4);
            out += 4;
            p += 2;
            *has_nul = true;
        } else if (*p == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
            *out++ = (char)(hex(p[1]) << 4 | hex(p[2]));
            p += 2;
        } else {
            *out++ = *p == '+' ? ' ' : *p;
        }
    }
    *out = 0;
    return plain;
}

const char *dowel_s3_unquoted(const char *etag, char text[DOWEL_S3_ETAG_SIZE]) {
    if (!etag) return NULL;
    size_t length = strlen(etag);
    bool quoted = length >= 2 && *etag == '"' && etag[length - 1] == '"';
    snprintf(text, DOWEL_S3_ETAG_SIZE, "%.*s", quoted ? (int)length - 2 : (int)length, etag + quoted);
    return text;
}

bool dowel_s3_read_md5(const char *etag, unsigned char md5[16]) {
    char text[DOWEL_S3_ETAG_SIZE];
    const char *digits = dowel_s3_unquoted(etag, text);
    if (!digits || strlen(digits) != 32) return false;
    for (size_t i = 0; i < 16; i++) {
        int high = hex(digits[2 * i]), low = hex(digits[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        md5[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

void dowel_s3_md5_of_etag(dowel_object *object) {
    object->has_md5 = object->etag && dowel_s3_read_md5(object->etag, object->md5);
    if (!object->has_md5 || object->check_size) return;
    memcpy(object->check, object->md5, sizeof object->md5);
    object->check_kind = DOWEL_MD5;
    object->check_size = sizeof object->md5;
}

/* The position of a listing. */
typedef struct listing {
    dowel_s3_client *client;
    const dowel_objects_query *query;
    dowel_object_visitor visit;
    void *context;
    char *prefix, *start_after;        /* with the folder */
    size_t folder;                     /* length of the folder in front of each key */
    char *key_marker, *version_marker; /* of versions */
    dowel_pages pages;                 /* of ListObjectsV2 */
    bool encoded;
} listing;

/* A listing that is not whole must not pass for one: what is missing in it would be removed elsewhere. */
static int broken(const listing *l, const char *what, dowel_error *err) {
    return dowel_fail(err, DOWEL_E_PROTOCOL, "S3: bucket %s: the listing is incomplete: %s", l->client->bucket->bucket,
                      what);
}

/* A key with a NUL byte cannot be passed on: it is reported, and nothing is done to the object. */
static int visit_unnameable(listing *l, const char *shown, dowel_error *err) {
    const dowel_object object = {.name = strlen(shown) >= l->folder ? shown + l->folder : shown,
                                 .odd = "its key contains a NUL byte",
                                 .odd_code = DOWEL_E_REFUSED};
    return l->visit(l->context, &object, err);
}

static int visit_prefix(listing *l, const dowel_xml *entry, dowel_error *err) {
    bool has_nul;
    char *name = dowel_s3_decoded(dowel_xml_child_text(entry, "Prefix"), l->encoded, &has_nul);
    if (!name) return dowel_no_memory(err);
    if (strncmp(name, l->prefix, strlen(l->prefix)) != 0) {
        free(name);
        return broken(l, "a prefix outside the requested prefix", err);
    }
    const dowel_object object = {.name = strlen(name) >= l->folder ? name + l->folder : name, .is_prefix = true};
    int rc = has_nul ? visit_unnameable(l, name, err) : l->visit(l->context, &object, err);
    free(name);
    return rc;
}

static int visit_object(listing *l, const dowel_xml *entry, dowel_error *err) {
    const char *key = dowel_xml_child_text(entry, "Key");
    if (!key || !*key) return broken(l, "an object without a key", err);
    bool has_nul;
    char *name = dowel_s3_decoded(key, l->encoded, &has_nul), etag[DOWEL_S3_ETAG_SIZE];
    if (!name) return dowel_no_memory(err);
    /* Keys from listings are deleted later: a key outside the prefix must not get through. */
    if (strncmp(name, l->prefix, strlen(l->prefix)) != 0) {
        free(name);
        return broken(l, "a key outside the requested prefix", err);
    }
    /* Some servers ignore start-after, and one compares it with encoded keys. */
    if (!has_nul && l->start_after && strcmp(name, l->start_after) <= 0) {
        free(name);
        return 0;
    }
    if (has_nul) {
        int told = visit_unnameable(l, name, err);
        free(name);
        return told;
    }
    const char *size = dowel_xml_child_text(entry, "Size"), *when = dowel_xml_child_text(entry, "LastModified"),
               *latest = dowel_xml_child_text(entry, "IsLatest");
    dowel_object object = {.name = strlen(name) >= l->folder ? name + l->folder : name,
                           .is_deleted = !strcmp(dowel_xml_name(entry), "DeleteMarker"),
                           .is_current = !latest || !strcmp(latest, "true"),
                           .size = size && *size != '-' ? strtoll(size, NULL, 10) : 0,
                           .version = dowel_xml_child_text(entry, "VersionId"),
                           .etag = dowel_s3_unquoted(dowel_xml_child_text(entry, "ETag"), etag),
                           .storage_class = dowel_xml_child_text(entry, "StorageClass"),
                           .time_untold = true};
    if (when) dowel_parse_time(when, &object.modified);
    object.stored = object.modified;
    dowel_s3_md5_of_etag(&object);
    int rc = l->visit(l->context, &object, err);
    free(name);
    return rc;
}

/* Merges the objects and prefixes of a page in the order of their encoded names. */
static int visit_page(listing *l, const dowel_xml *root, dowel_error *err) {
    int rc = 0;
    const dowel_xml *prefix = dowel_xml_child(root, "CommonPrefixes"), *object = dowel_xml_child(root, NULL);
    const char *const wanted[] = {l->query->versions ? "Version" : "Contents",
                                  l->query->versions ? "DeleteMarker" : "Contents"};
    while (!rc) {
        while (object && strcmp(dowel_xml_name(object), wanted[0]) && strcmp(dowel_xml_name(object), wanted[1]))
            object = dowel_xml_next(object, NULL);
        if (!prefix && !object) break;
        const char *key = dowel_xml_child_text(object, "Key"), *name = dowel_xml_child_text(prefix, "Prefix");
        if (!object || (name && key && strcmp(name, key) < 0)) {
            rc = visit_prefix(l, prefix, err);
            prefix = dowel_xml_next(prefix, "CommonPrefixes");
        } else {
            rc = visit_object(l, object, err);
            object = dowel_xml_next(object, NULL);
        }
    }
    return rc;
}

static dowel_http_request *page_request(const listing *l, int64_t page) {
    dowel_http_request *r = dowel_s3_request(l->client, "GET", NULL);
    if (l->query->versions) {
        dowel_http_query(r, "versions", "");
        dowel_http_query(r, "key-marker", l->key_marker ? l->key_marker : l->start_after);
        dowel_http_query(r, "version-id-marker", l->version_marker);
    } else {
        dowel_http_query(r, "list-type", "2");
        dowel_http_query(r, "continuation-token", l->pages.token);
        if (!l->pages.token) dowel_http_query(r, "start-after", l->start_after);
    }
    dowel_http_query(r, "encoding-type", "url");
    dowel_http_query(r, "prefix", *l->prefix ? l->prefix : NULL);
    dowel_http_query(r, "delimiter", l->query->delimiter);
    dowel_http_query_int(r, "max-keys", page);
    return r;
}

/* A listing of at most one key: it needs no permission that removing a tree does not need. */
int dowel_s3_now(dowel_s3_client *c, int64_t *time, dowel_error *err) {
    char *folder = dowel_s3_full_key(c, "");
    dowel_http_response *response = NULL;
    dowel_http_request *r = dowel_s3_request(c, "GET", NULL);
    dowel_http_query(r, "list-type", "2");
    dowel_http_query(r, "prefix", folder && *folder ? folder : NULL);
    dowel_http_query_int(r, "max-keys", 1);
    int rc = folder ? dowel_http_send(c->d, r, &response, err) : dowel_no_memory(err);
    *time = rc ? 0 : dowel_http_response_time(response) * 1000000;
    dowel_http_response_free(response);
    dowel_http_free(r);
    free(folder);
    return rc;
}

static bool is_listing(const dowel_xml *root) {
    const char *name = dowel_xml_name(root);
    return !strcmp(name, "ListBucketResult") || !strcmp(name, "ListVersionsResult") ||
           dowel_xml_child(root, "IsTruncated");
}

/* Moves to the next page of versions, whose position is a key and a version. */
static int next_versions(listing *l, const dowel_xml *root, dowel_error *err) {
    const char *next = dowel_xml_child_text(root, "NextVersionIdMarker");
    bool has_nul = false, has_version = next && *next;
    char *key = dowel_s3_decoded(dowel_xml_child_text(root, "NextKeyMarker"), l->encoded, &has_nul),
         *version = has_version ? strdup(next) : NULL;
    bool complete = key && (version || !has_version);
    bool other_version = next && (!l->version_marker || strcmp(next, l->version_marker));
    bool moved = complete && *key && !has_nul && (!l->key_marker || strcmp(l->key_marker, key) || other_version);
    free(l->key_marker);
    free(l->version_marker);
    l->key_marker = key;
    l->version_marker = version;
    return moved ? 0 : complete ? broken(l, "its markers do not advance", err) : dowel_no_memory(err);
}

/* Moves to the next page; *more false: the listing is complete. */
static int go_on(listing *l, const dowel_xml *root, bool *more, dowel_error *err) {
    const char *truncated = dowel_xml_child_text(root, "IsTruncated"),
               *next = dowel_xml_child_text(root, "NextContinuationToken");
    *more = !truncated ? next != NULL : (!dowel_casecmp(truncated, "true") || !strcmp(truncated, "1"));
    if (!*more) return 0;
    if (l->query->versions) return next_versions(l, root, err);
    int rc = dowel_pages_next(&l->pages, next, more, err);
    bool stuck = rc == DOWEL_E_PROTOCOL || (!rc && !*more);
    return stuck ? broken(l, "its markers do not advance", err) : rc;
}

int dowel_s3_list_each(dowel_s3_client *c, const dowel_objects_query *query, int64_t page, dowel_object_visitor visit,
                       void *context, dowel_error *err) {
    listing l = {.client = c, .query = query, .visit = visit, .context = context};
    char *folder = dowel_s3_full_key(c, "");
    l.prefix = dowel_s3_full_key(c, query->prefix ? query->prefix : "");
    l.start_after = query->start_after ? dowel_s3_full_key(c, query->start_after) : NULL;
    int rc = folder && l.prefix && (l.start_after || !query->start_after) ? 0 : dowel_no_memory(err);
    l.folder = folder ? strlen(folder) : 0;
    free(folder);
    for (bool more = true; more && !rc;) {
        dowel_xml *root;
        rc = dowel_s3_fetch_xml(c, page_request(&l, page), &root, err);
        if (rc) break;
        const char *encoding = dowel_xml_child_text(root, "EncodingType");
        l.encoded = encoding && !strcmp(encoding, "url");
        rc = is_listing(root) ? visit_page(&l, root, err) : broken(&l, "the answer is not a listing", err);
        if (!rc) rc = go_on(&l, root, &more, err);
        dowel_xml_free(root);
        if (!rc && more) rc = dowel_check(c->d, err);
    }
    free(l.prefix);
    free(l.start_after);
    free(l.key_marker);
    dowel_pages_clear(&l.pages);
    free(l.version_marker);
    return rc;
}
