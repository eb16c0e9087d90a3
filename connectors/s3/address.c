/* Which bucket names can be part of a host name ("Bucket naming rules", "Virtual hosting of buckets"). */
#include "client.h"

#include <dowel/url.h>

#include <arpa/inet.h>
#include <string.h>

static bool is_ipv4(const char *text, size_t size) {
    char copy[INET_ADDRSTRLEN];
    struct in_addr address;
    if (size >= sizeof copy) return false;
    memcpy(copy, text, size);
    copy[size] = 0;
    return inet_pton(AF_INET, copy, &address) == 1;
}

/* One label of a host name. */
static bool is_label(const char *text, size_t size) {
    return size && size <= 63 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") >= size && *text != '-' &&
           text[size - 1] != '-';
}

/* Host names have no case, and a certificate for "*.s3..." covers one label. */
static bool is_hostable(const char *bucket, bool tls) {
    size_t length = strlen(bucket);
    if (length < 3 || length > 63 || is_ipv4(bucket, length)) return false;
    if (tls && strchr(bucket, '.')) return false;
    for (const char *p = bucket;; p++) {
        size_t size = strcspn(p, ".");
        if (!is_label(p, size)) return false;
        p += size;
        if (!*p) return true;
    }
}

/* Whether the host is an IP address, to which no bucket can be prefixed. */
static bool is_address(const char *endpoint) {
    dowel_url parts;
    if (dowel_url_split(endpoint, &parts, NULL)) return false;
    bool address = *parts.host == '[' || is_ipv4(parts.host, strlen(parts.host));
    dowel_url_clear(&parts);
    return address;
}

bool dowel_s3_path_style(const dowel_s3_bucket *of, const char *endpoint, bool own) {
    bool tls = !dowel_ncasecmp(endpoint, "https:", 6);
    if (!*of->bucket || of->addressing == DOWEL_S3_ADDRESSING_PATH) return true;
    if (of->addressing == DOWEL_S3_ADDRESSING_AUTO && own) return true;
    return !is_hostable(of->bucket, tls) || is_address(endpoint);
}
