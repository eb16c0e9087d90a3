/* Answers. */
#include "http_internal.h"

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
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm = {.tm_mday = 0};
    char month[4] = "";
    int year = 0;
    if (!text) return 0;
    /* As they are written now, and in the two older ways (RFC 9110, section 5.6.7). */
    if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d", &tm.tm_mday, month, &year, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec) != 6 &&
        sscanf(text, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d", &tm.tm_mday, month, &year, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec) != 6 &&
        sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d", month, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec, &year) != 6)
        return 0;
    const char *found = strlen(month) == 3 ? strstr(months, month) : NULL;
    if (!found || (found - months) % 3 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 ||
        tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60 || year < 0)
        return 0;
    tm.tm_mon = (int)(found - months) / 3;
    if (year < 100) year += year < 70 ? 2000 : 1900;
    tm.tm_year = year - 1900;
    return (int64_t)timegm(&tm);
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
