/* The service that holds a bucket, as one URL: all addresses of an AWS partition lead to the same buckets. */
#include "client.h"

#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *host, const char *ending) {
    size_t length = strlen(host), size = strlen(ending);
    return length >= size && !strcmp(host + length - size, ending);
}

/* Regional, dual-stack, FIPS, accelerated and VPC endpoints have a label that is "s3" or begins with "s3-". */
static bool names_s3(const char *host) {
    for (const char *label = host; label; label = strchr(label, '.')) {
        if (*label == '.') label++;
        if (!strncmp(label, "s3.", 3) || !strncmp(label, "s3-", 3)) return true;
    }
    return false;
}

/* NULL: not Amazon's. */
static const char *partition_of(const char *origin) {
    static const struct {
        const char *ending, *service;
    } all[] = {{".amazonaws.com", "https://s3.amazonaws.com"},   {".amazonaws.com.cn", "https://s3.amazonaws.com.cn"},
               {".c2s.ic.gov", "https://s3.c2s.ic.gov"},         {".sc2s.sgov.gov", "https://s3.sc2s.sgov.gov"},
               {".cloud.adc-e.uk", "https://s3.cloud.adc-e.uk"}, {".csp.hci.ic.gov", "https://s3.csp.hci.ic.gov"},
               {".amazonaws.eu", "https://s3.amazonaws.eu"}};
    const char *host = strstr(origin, "://");
    if (!host || !names_s3(host + 3)) return NULL;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (ends_with(host, all[i].ending))
            return i == 0 && strstr(host, "us-gov-") ? "https://s3.us-gov.amazonaws.com" : all[i].service;
    return NULL;
}

int dowel_s3_service(dowel *d, dowel_block *block, char **url, dowel_error *err) {
    dowel_s3_client c;
    *url = NULL;
    int rc = dowel_s3_client_open(d, block, &c, err);
    if (rc) return rc;
    /* Without the bucket in front of the host. */
    char base[sizeof c.base], *host = strstr(strcpy(base, c.base), "://");
    size_t bucket = strlen(c.bucket->bucket) + 1;
    if (host && !c.path_style) memmove(host + 3, host + 3 + bucket, strlen(host + 3 + bucket) + 1);
    char *origin = dowel_url_origin(base);
    const char *partition = origin ? partition_of(origin) : NULL;
    *url = partition ? strdup(partition) : origin ? strdup(origin) : NULL;
    free(origin);
    dowel_s3_client_close(&c);
    return *url ? 0 : dowel_no_memory(err);
}
