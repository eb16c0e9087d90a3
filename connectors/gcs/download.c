/* Downloads: one generation, checked, and never half under the final name. */
#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The CRC32C of the stored bytes: "crc32c=AAAAAA==,md5=...", in one header or several. */
static bool stored_crc(const dowel_http_response *response, char crc[9]) {
    dowel_header header;
    for (size_t i = 0; (header = dowel_http_response_header_at(response, i)).name; i++) {
        if (strcasecmp(header.name, "x-goog-hash")) continue;
        const char *found = strstr(header.value, "crc32c=");
        if (!found || strlen(found + 7) < 8) continue;
        memcpy(crc, found + 7, 8);
        crc[8] = 0;
        return true;
    }
    return false;
}

int dowel_gcs_download_sink(dowel_gcs_client *c, const char *name, const char *generation, dowel_sink *sink,
                            json_t **result, dowel_error *err) {
    dowel_http_request *r = dowel_gcs_request(c, "GET", name);
    dowel_digest *digest = dowel_digest_new(DOWEL_CRC32C);
    dowel_http_response *response = NULL;
    dowel_http_query(r, "alt", "media");
    dowel_http_query(r, "generation", generation);
    dowel_http_sink(r, sink);
    dowel_http_digest(r, digest);
    dowel_http_progress(r, 0, -1);
    /* As stored: otherwise the service may unpack gzip on the way, and no checksum would fit. */
    dowel_http_header(r, "Accept-Encoding", "gzip");
    int rc = r && digest ? dowel_http_send(c->d, r, &response, err) : dowel_gcs_no_memory(err);
    char wanted[9], got[9];
    if (!rc && stored_crc(response, wanted)) {
        dowel_gcs_crc32c_text(digest, got);
        if (strcmp(wanted, got)) {
            rc = dowel_fail(err, DOWEL_E_CORRUPT,
                            "Cloud Storage: %s/%s: what arrived differs from what is stored (CRC32C %s, stored %s)",
                            c->bucket->bucket, name, got, wanted);
            if (err) err->retryable = true;
        }
    }
    int64_t size = dowel_sink_written(sink);
    if (!rc) rc = dowel_sink_commit(sink, err);
    if (!rc && result) {
        const char *pinned = dowel_http_response_header(response, "x-goog-generation");
        *result = json_pack("{s:s,s:s,s:I,s:s*}", "bucket", c->bucket->bucket, "name", name, "size", (json_int_t)size,
                            "generation", pinned);
        if (!*result) rc = dowel_gcs_no_memory(err);
    }
    dowel_http_response_free(response);
    dowel_digest_free(digest);
    dowel_http_free(r);
    return rc;
}
