/* Requests to the EC2 instance metadata service: the only place that knows its headers. */
#include "aws.h"
#include "metadata_internal.h"

#include <stdio.h>
#include <string.h>

#define SPACE " \t\r\n"

static dowel_http_request *request_for(const dowel_aws_metadata *ask) {
    char lifetime[16];
    dowel_http_request *r = dowel_http_new_url(ask->service, NULL, ask->lifetime ? "PUT" : "GET", ask->url);
    if (r && ask->settings) dowel_aws_trust(r, ask->settings);
    if (ask->lifetime) {
        snprintf(lifetime, sizeof lifetime, "%d", ask->lifetime);
        dowel_http_header(r, "x-aws-ec2-metadata-token-ttl-seconds", lifetime);
        dowel_http_body(r, "", 0);
    } else if (ask->token) {
        dowel_http_secret_header(r, "x-aws-ec2-metadata-token", ask->token);
    }
    if (ask->optional) dowel_http_accept(r, 404);
    dowel_http_timeout(r, ask->timeout);
    dowel_http_secret_body(r);
    dowel_http_direct(r); /* a proxy would be asked about its own machine */
    return r;
}

static int take_text(const dowel_aws_metadata *ask, dowel_bytes body, char **text, dowel_error *err) {
    if (memchr(body.data, 0, body.size))
        return dowel_fail(err, DOWEL_E_PROTOCOL, "%s: the answer contains a NUL", ask->service->name);
    const char *start = (const char *)body.data + strspn(body.data, SPACE);
    size_t size = strlen(start);
    while (size && strchr(SPACE, start[size - 1])) size--;
    *text = strndup(start, size);
    return *text ? 0 : dowel_no_memory(err);
}

int dowel_aws_metadata_ask(dowel *d, const dowel_aws_metadata *ask, char **text, dowel_error *err) {
    dowel_http_request *r = request_for(ask);
    dowel_http_response *response = NULL;
    *text = NULL;
    int rc = dowel_http_send(d, r, &response, err);
    if (!rc && dowel_http_status(response) != 404) rc = take_text(ask, dowel_http_response_body(response), text, err);
    dowel_http_response_free(response);
    dowel_http_free(r);
    return rc;
}
