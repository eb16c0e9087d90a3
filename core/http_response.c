/* Answers. */
#include "http_private.h"

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
    struct tm tm;
    memset(&tm, 0, sizeof tm);
    char month[4] = "";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (sscanf(text, "%*3s, %d %3s %d %d:%d:%d", &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec) != 6)
        return 0;
    const char *found = strstr(months, month);
    tm.tm_mon = found ? (int)(found - months) / 3 : 0;
    tm.tm_year -= 1900;
    return (int64_t)timegm(&tm);
}

int64_t dowel_http_response_time(const dowel_http_response *response) {
    const char *date = dowel_headers_get(&response->headers, "Date");
    return date ? dowel_http_parse_date(date) : 0;
}

dowel_bytes dowel_http_response_body(const dowel_http_response *response) {
    return (dowel_bytes){response->body.data ? response->body.data : "", response->body.size};
}

int dowel_http_response_json(const dowel_http_response *response, json_t **document, dowel_error *err) {
    int rc = dowel_json_parse(response->body.data, response->body.size, "the answer", document, err);
    if (rc && err) err->code = DOWEL_E_PROTOCOL;
    return rc ? DOWEL_E_PROTOCOL : 0;
}

void dowel_http_response_free(dowel_http_response *response) {
    if (!response) return;
    dowel_headers_free(&response->headers);
    dowel_text_free(&response->body);
    free(response);
}

int dowel_http_fetch_json(dowel *d, dowel_http_request *request, json_t **document, dowel_error *err) {
    dowel_http_response *response;
    *document = NULL;
    int rc = dowel_http_send(d, request, &response, err);
    if (!rc) {
        if (response->body.size) rc = dowel_http_response_json(response, document, err);
        if (rc) dowel_error_prefix(err, "%s: ", request->service->name);
        dowel_http_response_free(response);
    }
    dowel_http_free(request);
    return rc;
}
