/* Answers. */
#include "http_internal.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int dowel_http_status(const dowel_http_response *response) {
    return response->status;
}

const char *dowel_http_response_header(const dowel_http_response *response, const char *name) {
    return dowel_headers_get(&response->headers, name);
}

dowel_header dowel_http_response_header_at(const dowel_http_response *response, size_t n) {
    return n < response->headers.count ? response->headers.items[n] : (dowel_header){NULL, NULL};
}

int64_t dowel_http_parse_date(const char *text) {
    /* curl reads more than HTTP's three formats (RFC 9110, section 5.6.7); each of these has a time of day. */
    time_t time = text && strchr(text, ':') ? curl_getdate(text, NULL) : -1;
    return time > 0 ? (int64_t)time : 0;
}

int64_t dowel_http_response_time(const dowel_http_response *response) {
    return dowel_http_parse_date(dowel_headers_get(&response->headers, "Date"));
}

dowel_bytes dowel_http_response_body(const dowel_http_response *response) {
    return (dowel_bytes){response->body.data ? response->body.data : "", response->body.size};
}

int dowel_http_response_document(const dowel_http_response *response, unsigned flags, json_t **document,
                                 dowel_error *err) {
    int rc = dowel_json_read(response->body.data, response->body.size, flags, "the answer", document, err);
    if (rc && err) err->code = DOWEL_E_PROTOCOL;
    return rc ? DOWEL_E_PROTOCOL : 0;
}

int dowel_http_response_json(const dowel_http_response *response, json_t **document, dowel_error *err) {
    return dowel_http_response_document(response, 0, document, err);
}

void dowel_http_response_free(dowel_http_response *response) {
    if (!response) return;
    dowel_headers_free(&response->headers);
    dowel_text_free(&response->body);
    free(response);
}
