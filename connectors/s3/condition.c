/* Conditional uploads. If the answer to an attempt is lost, the next attempt conflicts with the object that the first one stored. So a conditional
 * upload marks its object with the run's id and looks for the mark after a conflict. Equal bytes are no proof: two clients may upload the same. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool conditional(const dowel_s3_put_args *args) {
    return args->if_absent || args->if_match;
}

void dowel_s3_mark(dowel_s3_upload *u) {
    if (conditional(u->args)) dowel_bucket_mark(u->client->d, u->mark);
}

void dowel_s3_match(dowel_http_request *r, const char *etag) {
    char quoted[300];
    if (!etag) return;
    snprintf(quoted, sizeof quoted, *etag == '"' ? "%s" : "\"%s\"", etag);
    dowel_http_header(r, "If-Match", quoted);
}

/* The service evaluates conditions when the object appears: for a multipart upload, at its completion. */
void dowel_s3_condition(dowel_http_request *r, const dowel_s3_put_args *args) {
    if (args->if_absent) dowel_http_header(r, "If-None-Match", "*");
    dowel_s3_match(r, args->if_match);
}

bool dowel_s3_is_marked(const dowel_s3_upload *u, const dowel_http_response *head, int64_t size) {
    const char *mark = dowel_http_response_header(head, DOWEL_S3_MARK),
               *length = dowel_http_response_header(head, "Content-Length");
    return mark && *u->mark && !strcmp(mark, u->mark) && length && strtoll(length, NULL, 10) == size;
}

int dowel_s3_settle(dowel_s3_upload *u, int64_t size, bool in_doubt, dowel_http_response **head, dowel_error *err) {
    dowel_error why;
    *head = NULL;
    if (err->code != DOWEL_E_CONFLICT || !*u->mark) return err->code;
    int rc = dowel_s3_head_object(u->client, u->args->key, NULL, u->args->customer_key, 0, head, &why);
    if (!rc && dowel_s3_is_marked(u, *head, size)) {
        dowel_log(u->client->d, DOWEL_LOG_INFO, "%s: stored by an earlier attempt whose answer was lost", u->args->key);
        return 0;
    }
    dowel_http_response_free(*head);
    *head = NULL;
    size_t used = strlen(err->message);
    if (in_doubt || dowel_attempt(u->client->d) > 1)
        snprintf(err->message + used, sizeof err->message - used, "%s%s",
                 rc ? "; cannot tell whether an earlier attempt stored the object: "
                    : "; the answer to an earlier attempt was lost, and the object is not from this run",
                 rc ? why.message : "");
    return err->code;
}
