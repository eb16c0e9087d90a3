/* What a function answered: its payload, its error, its log. */
#include "invoke.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int dowel_lambda_read_answer(const dowel_lambda_function *f, const dowel_http_response *response, json_t **result,
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
