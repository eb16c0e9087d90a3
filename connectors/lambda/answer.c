/* The answer of a function: its payload, its error, its log. */
#include "invoke.h"

#include <dowel/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The stack trace: one line per entry, with (Python) or without (Node) a line break. */
static void copy_trace(const json_t *payload, dowel_error *err) {
    json_t *trace = json_object_get(payload, "stackTrace");
    if (!json_is_array(trace)) trace = json_object_get(payload, "trace");
    size_t i, used = strlen(err->detail); /* after a long message */
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

/* Adds the log after the trace. If it does not fit, its end: the last lines tell the cause. */
static void copy_log(const char *log, dowel_error *err) {
    size_t used = strlen(err->detail), length = strlen(log);
    if (used && used + 64 < sizeof err->detail) used += (size_t)sprintf(err->detail + used, "log:\n");
    size_t room = sizeof err->detail - used - 1;
    if (length > room) log += length - room;
    while ((*log & 0xc0) == 0x80) log++; /* not in the middle of a character */
    snprintf(err->detail + used, room + 1, "%s", log);
}

/* The error's message, or the whole answer if it has none. A message that is not text is shown as JSON. Newly allocated. */
static char *words_of(const json_t *payload, dowel_bytes body) {
    const json_t *message = json_object_get(payload, "errorMessage"), *text = message ? message : payload;
    if (json_is_string(text) && !dowel_json_is_exact(text))
        return dowel_printable_bytes(json_string_value(text), json_string_length(text), !message);
    if (!message || json_is_null(message)) return dowel_printable_bytes(body.data, body.size, true);
    char *dumped = dowel_json_dump(message, 0), *safe = dumped ? dowel_printable(dumped, false) : NULL;
    free(dumped);
    return safe;
}

/* Puts the first line into the message and, if there is more, everything into the detail. */
static void copy_words(const char *words, dowel_error *err) {
    enum { LONGEST = 700 };
    size_t used = strlen(err->message), line = strcspn(words, "\r\n"), length = line < LONGEST ? line : LONGEST;
    while (length < line && (words[length] & 0xc0) == 0x80) length--; /* not in the middle of a character */
    snprintf(err->message + used, sizeof err->message - used, ": %.*s", (int)length, words);
    if (words[length]) snprintf(err->detail, sizeof err->detail - 1, "%s", words);
    size_t said = strlen(err->detail);
    if (said && err->detail[said - 1] != '\n') memcpy(err->detail + said, "\n", 2);
}

static int function_failed(const dowel_lambda_function *f, const char *kind, dowel_bytes body, const char *log,
                           dowel_error *err) {
    json_t *payload = NULL;
    if (dowel_json_read(body.data, body.size, DOWEL_JSON_EXACT | DOWEL_JSON_NUL | DOWEL_JSON_DUPLICATES, "the answer",
                        &payload, NULL))
        payload = NULL;
    const char *type = json_string_value(json_object_get(payload, "errorType"));
    dowel_fail(err, DOWEL_E_REMOTE, "Lambda function %s failed: %s", f->function_name, type ? type : kind);
    snprintf(err->reason, sizeof err->reason, "%s", type ? type : kind);
    char *words = body.size ? words_of(payload, body) : NULL;
    bool only_type = type && json_object_size(payload) == 1;
    if (words && *words && !only_type) copy_words(words, err);
    free(words);
    copy_trace(payload, err);
    if (log)
        copy_log(log, err);
    else
        dowel_error_hint(err, "call it again with --tail to see the function's log");
    json_decref(payload);
    return DOWEL_E_REMOTE;
}

/* The log of the answer, newly allocated. The service may cut its beginning in the middle of a character. */
static char *log_of(const dowel_http_response *response) {
    const char *encoded = dowel_http_response_header(response, "X-Amz-Log-Result");
    void *data;
    size_t size;
    if (!encoded || dowel_base64_decode(encoded, &data, &size)) return NULL;
    unsigned char *bytes = data;
    size_t start = 0;
    while (start < size && start < 3 && (bytes[start] & 0xc0) == 0x80) start++;
    for (size_t i = start; i < size; i++)
        if (!bytes[i]) bytes[i] = '?'; /* keeps the text after it */
    char *text = strndup((const char *)data + start, size - start);
    free(data);
    json_t *utf8 = text ? json_string(text) : NULL;
    if (text && !utf8) {
        char *safe = dowel_printable(text, true);
        free(text);
        text = safe;
    }
    json_decref(utf8);
    return text;
}

/* Sets payload: JSON (plain values if they can hold it), otherwise text, otherwise null with the bytes in payload_base64. */
static int read_payload(dowel_bytes body, json_t *result, dowel_error *err) {
    json_t *payload = body.size ? NULL : json_null();
    const char *format = NULL;
    if (!payload && dowel_json_read(body.data, body.size, DOWEL_JSON_EXACT | DOWEL_JSON_NUL, "", &payload, NULL))
        payload = dowel_json_verbatim(body.data, body.size);
    if (!payload && (payload = json_stringn(body.data, body.size))) format = "text";
    dowel_builder all = dowel_build(json_incref(result));
    if (!payload) {
        char *encoded = dowel_base64(body.data, body.size);
        dowel_build_json(&all, "payload_base64", encoded ? json_string(encoded) : NULL);
        free(encoded);
        payload = json_null();
        format = "base64";
    }
    dowel_build_json(&all, "payload", payload);
    dowel_build_text(&all, "payload_format", format);
    return dowel_build_end(&all, NULL, err);
}

int dowel_lambda_read_answer(const dowel_lambda_function *f, const dowel_http_response *response, json_t **result,
                             dowel_error *err) {
    const char *failed = dowel_http_response_header(response, "X-Amz-Function-Error");
    const char *version = dowel_http_response_header(response, "X-Amz-Executed-Version");
    dowel_bytes body = dowel_http_response_body(response);
    char *log = log_of(response);
    int rc = 0;
    if (failed) {
        rc = function_failed(f, failed, body, log, err);
    } else {
        *result = json_pack("{s:i,s:n,s:o*,s:o*}", "status", dowel_http_status(response), "payload", "executed_version",
                            version ? json_string(version) : NULL, "log", log ? json_string(log) : NULL);
        rc = *result ? read_payload(body, *result, err) : dowel_no_memory(err);
        if (rc) {
            json_decref(*result);
            *result = NULL;
        }
    }
    free(log);
    return rc;
}
