/* Requests and responses from the inside. */
#ifndef DOWEL_HTTP_PRIVATE_H
#define DOWEL_HTTP_PRIVATE_H

#include "fields_internal.h"

#include <dowel/clock.h>
#include <dowel/http.h>
#include <dowel/text.h>

typedef struct dowel_header_list {
    dowel_header *items; /* ended by {NULL, NULL} */
    bool *secret;
    size_t count;
    bool failed;
} dowel_header_list;

void dowel_headers_set(dowel_header_list *list, const char *name, const char *value, bool secret);
void dowel_headers_add(dowel_header_list *list, const char *name, const char *value);
const char *dowel_headers_get(const dowel_header_list *list, const char *name);
void dowel_headers_free(dowel_header_list *list); /* cleanses */

struct dowel_http_request {
    const dowel_http_service *service;
    void *context;
    char method[16];
    dowel_text path;  /* base and path */
    dowel_text query; /* without ? */
    dowel_text url;   /* both, made when asked for */
    dowel_header_list headers;
    dowel_text body;
    bool has_body;
    dowel_source *source;
    dowel_sink *sink;
    dowel_digest *digest;
    int accept[8];
    int accept_count;
    bool idempotent, secret_url, secret_body, patient, direct;
    bool in_doubt; /* an attempt may have been carried out although no answer arrived */
    double timeout;
    char *authorities, *authorities_setting;
    bool progress;
    int64_t progress_offset, progress_total;
    char problem[160]; /* the first failure of a setter */
};

struct dowel_http_response {
    int status;
    dowel_header_list headers;
    dowel_text body;
};

/* dowel_http_response_json with flags of dowel_json_read(). */
int dowel_http_response_document(const dowel_http_response *response, unsigned flags, json_t **document,
                                 dowel_error *err);

/* Scheme, host and path for messages, without the query and without a secret path. Borrowed until the next call. */
void dowel_http_place(const dowel_http_request *request, char place[256]);
void dowel_http_log_request(dowel *d, dowel_http_request *request, int attempt);
/* One line for each request that was sent: its status, or the code of the error. */
void dowel_http_log_end(dowel *d, const dowel_http_request *request, int code, int status, double seconds);
/* Appends the URL as logs may show it, with secret parameters masked. `secret_url` masks path and query, `secret_query` all of the query.
 * `names` may be NULL. */
void dowel_http_mask_url(dowel_text *line, const char *url, const dowel_http_names *names, bool secret_url,
                         bool secret_query);
bool dowel_http_secret_header_name(const dowel_http_names *names, const char *header);
dowel_transport *dowel_transport_of(dowel *d);

/* The variable that names the proxy for a URL; NULL: there is none. */
const char *dowel_proxy_variable(const char *url);
/* NO_PROXY as libcurl understands it: entries with a port count for that port only. Newly allocated; NULL: not set, or out of memory. */
char *dowel_no_proxy(const char *url);

#endif
