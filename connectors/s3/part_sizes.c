/* The sizes of the parts that an object was uploaded in, which checksums of part checksums need. */
#include "get.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ASKED 64 /* most parts to ask for one by one */

/* Sizes from GetObjectAttributes, 1,000 parts in a request. */
static bool from_list(const dowel_s3_object *o, int64_t count, int64_t *sizes) {
    dowel_s3_client *c = o->client;
    char *marker = NULL;
    int64_t found = 0;
    for (bool more = true; more;) {
        dowel_http_request *r = dowel_s3_request(c, "GET", o->args->key);
        dowel_xml *root;
        dowel_error why;
        dowel_http_query(r, "attributes", "");
        dowel_http_query(r, "versionId", o->args->version_id);
        dowel_http_header(r, "x-amz-object-attributes", "ObjectParts");
        dowel_http_header(r, "x-amz-max-parts", "1000");
        dowel_http_header(r, "x-amz-part-number-marker", marker);
        free(marker);
        marker = NULL;
        if (dowel_s3_customer_key(r, o->args->customer_key, false, &why)) {
            dowel_http_free(r);
            return false;
        }
        if (dowel_s3_fetch_xml(c, r, &root, &why)) return false;
        const dowel_xml *parts = dowel_xml_child(root, "ObjectParts");
        int64_t before = found;
        for (const dowel_xml *e = dowel_xml_child(parts, "Part"); e; e = dowel_xml_next(e, "Part")) {
            const char *size = dowel_xml_child_text(e, "Size");
            if (found < count) sizes[found] = size ? strtoll(size, NULL, 10) : 0;
            found++;
        }
        const char *truncated = dowel_xml_child_text(parts, "IsTruncated"),
                   *next = dowel_xml_child_text(parts, "NextPartNumberMarker");
        more = truncated && !strcmp(truncated, "true") && next && found > before && found < count;
        if (more && !(marker = strdup(next))) more = false;
        dowel_xml_free(root);
    }
    return found == count;
}

/* The size of one part; 0: unknown. */
static int64_t size_of(const dowel_s3_object *o, int64_t part, int64_t count) {
    dowel_http_response *head;
    if (dowel_s3_head_object(o->client, o->args->key, o->args->version_id, o->args->customer_key, part, &head, NULL))
        return 0;
    const char *length = dowel_http_response_header(head, "Content-Length"),
               *parts = dowel_http_response_header(head, "x-amz-mp-parts-count");
    int64_t size = length ? strtoll(length, NULL, 10) : 0;
    if (parts && strtoll(parts, NULL, 10) != count) size = 0;
    dowel_http_response_free(head);
    return size;
}

/* Most uploads have parts of one size except the last: then two answers are enough. */
static bool one_by_one(const dowel_s3_object *o, int64_t total, int64_t count, int64_t *sizes) {
    int64_t first = size_of(o, 1, count), last = 0;
    if (first <= 0 || first > total) return false;
    if ((total + first - 1) / first == count && !o->thorough) {
        last = count == 1 ? first : size_of(o, count, count);
        if (last == total - (count - 1) * first) {
            for (int64_t i = 0; i < count; i++) sizes[i] = i + 1 < count ? first : last;
            return true;
        }
    }
    if (count > MOST_ASKED && !o->thorough) return false;
    sizes[0] = first;
    for (int64_t i = 1; i < count; i++)
        if ((sizes[i] = i + 1 == count && last ? last : size_of(o, i + 1, count)) <= 0) return false;
    return true;
}

static bool add_up(const int64_t *sizes, int64_t count, int64_t total) {
    for (int64_t i = 0; i < count; i++) {
        if (sizes[i] <= 0 || sizes[i] > total) return false;
        total -= sizes[i];
    }
    return total == 0;
}

int64_t *dowel_s3_part_sizes(const dowel_s3_object *o, int64_t total, int64_t count, bool listed) {
    if (count < 1 || count > 10000 || total < count) return NULL;
    int64_t *sizes = calloc((size_t)count, sizeof *sizes);
    if (!sizes) return NULL;
    if (listed && from_list(o, count, sizes) && add_up(sizes, count, total)) return sizes;
    if (one_by_one(o, total, count, sizes) && add_up(sizes, count, total)) return sizes;
    free(sizes);
    return NULL;
}
