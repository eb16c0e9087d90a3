/* The task lambda.invoke: request, at-most-once sending, outcome. */
#include "invoke.h"

#include <dowel/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sends the payload byte for byte as it was given. */
static void set_payload(dowel_http_request *r, const json_t *payload) {
    size_t size;
    const char *verbatim = dowel_json_verbatim_text(payload, &size);
    if (!verbatim) {
        dowel_http_json(r, payload);
        return;
    }
    dowel_http_header(r, "Content-Type", "application/json");
    dowel_http_body(r, verbatim, size);
}

static dowel_http_request *make_request(const dowel_lambda_invoke_args *args, const dowel_lambda_function *f,
                                        dowel_aws_signing *signing, const char *endpoint) {
    static const char *const types[] = {"RequestResponse", "Event", "DryRun"};
    dowel_http_request *r = dowel_http_new(&dowel_lambda_service, signing, "POST", endpoint);
    dowel_http_path(r, "2015-03-31", "functions", f->function_name, "invocations", NULL);
    dowel_http_query(r, "Qualifier", args->qualifier ? args->qualifier : f->qualifier);
    dowel_http_header(r, "X-Amz-Invocation-Type", types[args->mode]);
    if (args->tail && args->mode == DOWEL_LAMBDA_REQUEST_RESPONSE) dowel_http_header(r, "X-Amz-Log-Type", "Tail");
    if (args->client_context) {
        char *text = dowel_json_dump(args->client_context, 0),
             *context = text ? dowel_base64(text, strlen(text)) : NULL;
        dowel_http_header(r, "X-Amz-Client-Context", context);
        free(context);
        free(text);
    }
    if (args->payload) set_payload(r, args->payload);
    dowel_http_idempotent(r, args->idempotent || args->mode == DOWEL_LAMBDA_DRY_RUN);
    dowel_http_patient(r);
    return r;
}

/* Sends the request, at most once unless it may be repeated. */
static int send_once(dowel *d, const dowel_lambda_invoke_args *args, const dowel_lambda_function *f,
                     dowel_http_request *r, json_t **result, dowel_error *err) {
    dowel_lambda_once once = {
        .d = d, .function = f->function_name, .repeatable = args->idempotent || args->mode == DOWEL_LAMBDA_DRY_RUN};
    dowel_http_response *response;
    int rc = dowel_lambda_begin(&once, err);
    if (rc) return rc;
    rc = dowel_http_send(d, r, &response, err);
    if (rc) {
        if (dowel_lambda_may_have_run(r, err)) return dowel_lambda_leave_in_doubt(&once, err);
        dowel_lambda_reopen(&once);
        return rc;
    }
    rc = dowel_lambda_read_answer(f, response, result, err);
    /* A function that failed may be invoked again by a retry or a resumed run. After a success the mark stays, in case the run ends before its
     * result is recorded. */
    if (rc == DOWEL_E_REMOTE) dowel_lambda_reopen(&once);
    dowel_http_response_free(response);
    return rc;
}

int dowel_lambda_run_invoke(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_lambda_invoke_args *args = data;
    const dowel_lambda_function *f = dowel_block_data_as(args->function, &dowel_lambda_function_type);
    if (!f) return dowel_fail(err, DOWEL_E_INVALID, "expected a lambda-function block");
    char *region = NULL, *endpoint = NULL;
    dowel_error local;
    if (!err) err = &local;
    /* An ARN contains the region: arn:aws:lambda:REGION:... The function is there, whatever the default region is. */
    char arn_region[64] = "";
    const char *given = f->region;
    if (sscanf(f->function_name, "arn:%*[^:]:lambda:%63[^:]:", arn_region) == 1) given = arn_region;
    int rc = dowel_aws_region(d, f->credentials, given, NULL, &region, err);
    if (!rc) rc = dowel_aws_service_url(d, f->credentials, "lambda", region, f->endpoint, &endpoint, NULL, err);
    if (!rc) {
        dowel_aws_signing signing = {f->credentials, region, "lambda"};
        dowel_http_request *r = make_request(args, f, &signing, endpoint);
        rc = send_once(d, args, f, r, result, err);
        dowel_http_free(r);
    }
    free(endpoint);
    free(region);
    return rc;
}
