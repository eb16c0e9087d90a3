/* User metadata: Unicode for the caller, encoded words (RFC 2047) in headers, as S3 defines it. */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "x-amz-meta-"
enum { PREFIX_SIZE = sizeof PREFIX - 1, MOST_BYTES = 2048 /* limit of S3 for all names and values together */ };

/* ---- reading ---- */

static bool is_metadata(const dowel_header *header) {
    return !dowel_ncasecmp(header->name, PREFIX, PREFIX_SIZE);
}

/* Recorded by copying programs and conditional uploads. */
static bool is_own(const dowel_header *header) {
    return (!dowel_casecmp(header->name, PREFIX "mtime") && dowel_s3_recorded_time(header->value)) ||
           !dowel_casecmp(header->name, DOWEL_S3_MARK);
}

void dowel_s3_metadata_free(dowel_pair *metadata) {
    for (dowel_pair *pair = metadata; pair && (pair->name || pair->value); pair++) {
        free((char *)pair->name);
        free((char *)pair->value);
    }
    free(metadata);
}

dowel_pair *dowel_s3_metadata(const dowel_http_response *response, bool with_own) {
    size_t count = 0;
    dowel_header header;
    for (size_t i = 0; (header = dowel_http_response_header_at(response, i)).name; i++)
        if (is_metadata(&header)) count++;
    dowel_pair *metadata = calloc(count + 1, sizeof *metadata), *next = metadata;
    for (size_t i = 0; metadata && (header = dowel_http_response_header_at(response, i)).name; i++) {
        if (!is_metadata(&header) || (!with_own && is_own(&header))) continue;
        next->name = dowel_http_header_text(header.name + PREFIX_SIZE);
        next->value = dowel_http_decode_text(header.value);
        if (!next->name || !next->value) {
            dowel_s3_metadata_free(metadata);
            return NULL;
        }
        next++;
    }
    return metadata;
}

int64_t dowel_s3_missing_metadata(const dowel_http_response *response) {
    const char *count = dowel_http_response_header(response, "x-amz-missing-meta");
    return count ? strtoll(count, NULL, 10) : 0;
}

/* ---- checking and sending ---- */

/* Why the pair cannot be a header; NULL: it can. */
static const char *problem_of(const dowel_pair *pair) {
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
    size_t length = strlen(pair->name);
    if (!length || length > 200 || length != strspn(pair->name, token)) return "not a valid header name";
    for (const unsigned char *p = (const unsigned char *)pair->value; *p; p++)
        if ((*p < ' ' && *p != '\t') || *p == 0x7f) return "S3 does not return values with control characters";
    char *value = dowel_http_encode_text(pair->value);
    const char *problem = value ? NULL : "its value is not UTF-8";
    free(value);
    return problem;
}

/* Header names have no case. */
static bool comes_before(const dowel_pair *all, const dowel_pair *pair) {
    for (; all < pair; all++)
        if (all->name && !dowel_casecmp(all->name, pair->name)) return true;
    return false;
}

int dowel_s3_check_metadata(const dowel_pair *metadata, dowel_error *err) {
    for (const dowel_pair *pair = metadata; pair && pair->name; pair++) {
        const char *problem = problem_of(pair);
        if (!problem && comes_before(metadata, pair)) problem = "given twice: S3 ignores the case of names";
        if (problem) return dowel_fail(err, DOWEL_E_INVALID, "field \"metadata\": \"%.80s\": %s", pair->name, problem);
    }
    return 0;
}

int dowel_s3_describe_metadata(dowel_http_request *r, const dowel_pair *metadata, dowel_error *err) {
    for (const dowel_pair *pair = metadata; pair && pair->name; pair++) {
        char name[256], *value = dowel_http_encode_text(pair->value);
        if (!value) return dowel_no_memory(err);
        snprintf(name, sizeof name, PREFIX "%s", pair->name);
        dowel_http_header(r, name, value);
        free(value);
    }
    return 0;
}

/* ---- metadata from other services ---- */

static int64_t size_of(const dowel_pair *pair) {
    char *value = dowel_http_encode_text(pair->value);
    int64_t size = (int64_t)(strlen(pair->name) + (value ? strlen(value) : 0));
    free(value);
    return size;
}

/* Drops the largest pairs first, so that as many as possible stay. */
static void fit(const dowel_object_put_options *options, dowel_pair *kept, size_t *count) {
    int64_t total = options->modified ? 32 : 0;
    for (size_t i = 0; i < *count; i++) total += size_of(&kept[i]);
    while (total > MOST_BYTES && *count) {
        size_t largest = 0;
        for (size_t i = 1; i < *count; i++)
            if (size_of(&kept[i]) > size_of(&kept[largest])) largest = i;
        char why[128];
        int64_t size = size_of(&kept[largest]);
        snprintf(why, sizeof why, "S3 stores at most %d bytes of metadata; this pair has %" PRId64, MOST_BYTES, size);
        dowel_bucket_report_metadata(options, kept[largest].name, why);
        total -= size;
        memmove(kept + largest, kept + largest + 1, (*count - largest) * sizeof *kept);
        --*count;
    }
}

static bool has_capital(const char *name) {
    for (; *name; name++)
        if (dowel_lower(*name) != *name) return true;
    return false;
}

dowel_pair *dowel_s3_holdable(const dowel_object_put_options *options) {
    size_t count = 0, all = 0;
    while (options->metadata && options->metadata[all].name) all++;
    dowel_pair *kept = calloc(all + 1, sizeof *kept);
    for (size_t i = 0; kept && i < all; i++) {
        kept[count] = options->metadata[i];
        const char *name = kept[count].name, *problem = problem_of(&kept[count]);
        if (!problem && comes_before(kept, kept + count))
            problem = "another pair has the same name: S3 ignores the case of names";
        if (!problem && options->modified && !dowel_casecmp(name, "mtime"))
            problem = "dowel records the time of the file under this name";
        if (!problem && !dowel_casecmp(name, &DOWEL_S3_MARK[PREFIX_SIZE])) problem = "reserved by dowel";
        if (problem) {
            dowel_bucket_report_metadata(options, kept[count].name, problem);
            kept[count] = (dowel_pair){NULL, NULL};
            continue;
        }
        if (has_capital(name))
            dowel_bucket_report_metadata(options, kept[count].name, "S3 stores its name in lower case");
        count++;
    }
    if (kept) fit(options, kept, &count);
    return kept;
}
