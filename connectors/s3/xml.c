/* XML bodies of requests, and texts of the service as JSON. */
#include "client.h"

#include <dowel/text.h>
#include <stdlib.h>
#include <string.h>

void dowel_s3_add_escaped(dowel_text *text, const char *string) {
    for (; *string; string++) {
        if (strchr("<>&\"'\t", *string))
            dowel_text_format(text, "&#%d;", *string);
        else
            dowel_text_add(text, string, 1);
    }
}

int dowel_s3_set_xml(dowel_http_request *r, const char *body, dowel_error *err) {
    unsigned char md5[DOWEL_DIGEST_MAX];
    dowel_digest *digest = dowel_digest_new(DOWEL_MD5);
    if (digest) dowel_digest_update(digest, body, strlen(body));
    char *check = digest ? dowel_base64(md5, dowel_digest_end(digest, md5)) : NULL;
    dowel_digest_free(digest);
    if (!check) return dowel_no_memory(err);
    dowel_http_header(r, "Content-Type", "application/xml");
    dowel_http_header(r, "Content-MD5", check);
    dowel_http_body(r, body, strlen(body));
    free(check);
    return 0;
}

json_t *dowel_s3_text(const char *text) {
    return dowel_json_text(text ? text : "");
}
