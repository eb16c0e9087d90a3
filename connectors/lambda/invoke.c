/* Invokes a function and reads its answer, its error and its log. */
#include "invoke.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Throttling means that nothing ran; of everything else a synchronous invocation cannot know. */
static const dowel_retry_rule retry[] = {{429, NULL, true},  {500, NULL, false}, {502, NULL, false},
                                         {503, NULL, false}, {504, NULL, false}, {0}};

static void explain(const dowel_http_response *response, dowel_error *err) {
    const char *type = dowel_http_response_header(response, "x-amzn-errortype");
    json_t *body = NULL;
    (void)dowel_http_response_json(response, &body, NULL);
    const char *message = json_string_value(json_object_get(body, "Message"));
    if (!message) message = json_string_value(json_object_get(body, "message"));
    if (type) snprintf(err->reason, sizeof err->reason, "%.*s", (int)strcspn(type, ":"), type);
    /* Which limit it was that throttled: "ReservedFunctionConcurrentInvocationLimitExceeded". */
    const char *limit = json_string_value(json_object_get(body, "Reason"));
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, " %s%s%s%s%s%s", err->reason, message ? ": " : "",
             message ? message : "", limit ? " (" : "", limit ? limit : "", limit ? ")" : "");
    if (!strcmp(err->reason, "ResourceNotFoundException"))
        dowel_error_hint(err, "check the function's name, its region and the qualifier");
    if (!strcmp(err->reason, "AccessDeniedException"))
        dowel_error_hint(err, "these credentials lack lambda:InvokeFunction");
    if (!strcmp(err->reason, "TooManyRequestsException"))
        dowel_error_hint(err, "wait, or raise the concurrency of the function or of the account");
    json_decref(body);
}

static const dowel_http_service service = {.name = "Lambda",
                                           .retry = retry,
                                           .backoff = 0.5,
                                           .authorize = dowel_aws_authorize,
                                           .reauthorize = dowel_aws_reauthorize,
                                           .attempts = dowel_aws_attempts,
                                           .explain = explain};

/* The trace that runtimes give: lines (Python), or one per entry (Node). */
static void copy_trace(const json_t *payload, dowel_error *err) {
    json_t *trace = json_object_get(payload, "stackTrace");
    if (!json_is_array(trace)) trace = json_object_get(payload, "trace");
    size_t i, used = 0;
    json_t *line;
    json_array_foreach(trace, i, line) {
        const char *text = json_string_value(line);
        if (!text || used >= sizeof err->detail - 1) continue;
        size_t length = strlen(text);
        int n = snprintf(err->detail + used, sizeof err->detail - used, "%s%s", text,
                         length && text[length - 1] == '\n' ? "" : "\n");
        used += n > 0 ? (size_t)n : 0;
    }
}

/* The log comes after the trace, its end where there is no room for all: the last lines say why. */
static void copy_log(const char *log, dowel_error *err) {
    size_t used = strlen(err->detail), length = strlen(log);
    if (used && used + 64 < sizeof err->detail) used += (size_t)sprintf(err->detail + used, "log:\n");
    size_t room = sizeof err->detail - used - 1;
    if (length > room) log += length - room;
    snprintf(err->detail + used, room + 1, "%s", log);
}

static int function_failed(const dowel_lambda_function *f, const char *kind, const json_t *payload, const char *log,
                           dowel_error *err) {
    const char *type = json_string_value(json_object_get(payload, "errorType")),
               *message = json_string_value(json_object_get(payload, "errorMessage"));
    dowel_error local;
    if (!err) err = &local;
    dowel_fail(err, DOWEL_E_REMOTE, "Lambda function %s failed: %s%s%s", f->function_name, type ? type : kind,
               message ? ": " : "", message ? message : "");
    snprintf(err->reason, sizeof err->reason, "%s", type ? type : kind);
    copy_trace(payload, err);
    if (log)
        copy_log(log, err);
    else
        dowel_error_hint(err, "the function's own log says more: --tail");
    return DOWEL_E_REMOTE;
}

/* The log that came with the answer; newly allocated text. */
static char *log_of(const dowel_http_response *response) {
    const char *encoded = dowel_http_response_header(response, "X-Amz-Log-Result");
    void *data;
    size_t size;
    if (!encoded || dowel_base64_decode(encoded, &data, &size)) return NULL;
    char *text = strndup(data, size);
    free(data);
    return text;
}

static int read_answer(const dowel_lambda_function *f, const dowel_http_response *response, json_t **result,
                       dowel_error *err) {
    const char *failed = dowel_http_response_header(response, "X-Amz-Function-Error");
    const char *version = dowel_http_response_header(response, "X-Amz-Executed-Version");
    dowel_bytes body = dowel_http_response_body(response);
    json_t *payload = NULL;
    if (body.size && dowel_json_parse(body.data, body.size, "the function's answer", &payload, NULL))
        payload = json_stringn(body.data, body.size);
    char *log = log_of(response);
    int rc = 0;
    if (failed) {
        rc = function_failed(f, failed, payload, log, err);
        json_decref(payload);
    } else if (body.size && !payload) {
        rc = dowel_fail(err, DOWEL_E_PROTOCOL, "Lambda function %s: the answer is not UTF-8", f->function_name);
    } else {
        *result = json_pack("{s:i,s:o,s:s*,s:s*}", "status", dowel_http_status(response), "payload",
                            payload ? payload : json_null(), "executed_version", version, "log", log);
        if (!*result) rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    free(log);
    return rc;
}

int dowel_lambda_run_invoke(dowel *d, const void *data, json_t **result, dowel_error *err) {
    static const char *const types[] = {"RequestResponse", "Event", "DryRun"};
    const dowel_lambda_invoke_args *args = data;
    const dowel_lambda_function *f = dowel_block_data_as(args->function, &dowel_lambda_function_type);
    if (!f) return dowel_fail(err, DOWEL_E_INVALID, "expected a lambda-function block");
    char *region = NULL, *endpoint = NULL, *context = NULL;
    /* The region is part of an ARN: arn:aws:lambda:REGION:... */
    char arn_region[64] = "";
    const char *given = f->region;
    if (!given && sscanf(f->function_name, "arn:%*[^:]:lambda:%63[^:]:", arn_region) == 1) given = arn_region;
    int rc = dowel_aws_region(d, f->credentials, given, NULL, &region, err);
    if (!rc) rc = dowel_aws_service_url(d, f->credentials, "lambda", region, f->endpoint, &endpoint, NULL, err);
    if (rc) {
        free(region);
        return rc;
    }
    dowel_aws_signing signing = {f->credentials, region, "lambda"};
    dowel_http_request *r = dowel_http_new(&service, &signing, "POST", endpoint);
    dowel_http_path(r, "2015-03-31", "functions", f->function_name, "invocations", NULL);
    dowel_http_query(r, "Qualifier", args->qualifier ? args->qualifier : f->qualifier);
    dowel_http_header(r, "X-Amz-Invocation-Type", types[args->mode]);
    if (args->tail && args->mode == DOWEL_LAMBDA_REQUEST_RESPONSE) dowel_http_header(r, "X-Amz-Log-Type", "Tail");
    if (args->client_context) {
        char *text = json_dumps(args->client_context, JSON_COMPACT);
        context = text ? dowel_base64(text, strlen(text)) : NULL;
        dowel_http_header(r, "X-Amz-Client-Context", context);
        free(text);
    }
    if (args->payload) dowel_http_json(r, args->payload);
    /* An asynchronous one is queued at least once anyway; a dry run does nothing. */
    dowel_http_idempotent(r, args->mode != DOWEL_LAMBDA_REQUEST_RESPONSE);
    dowel_http_patient(r);
    dowel_http_response *response;
    rc = dowel_http_send(d, r, &response, err);
    if (!rc) {
        rc = read_answer(f, response, result, err);
        dowel_http_response_free(response);
    }
    dowel_http_free(r);
    free(context);
    free(endpoint);
    free(region);
    return rc;
}
