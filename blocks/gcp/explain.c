/* Reads the error answers of Google's APIs (google.aip.dev/193 and older) and of OAuth endpoints. */
#include <dowel/credentials.h>

#include <stdio.h>
#include <string.h>

static void set(char *out, size_t size, const char *text) {
    size_t length = strcspn(text, "\r\n");
    snprintf(out, size, "%.*s", (int)(length < size ? length : size - 1), text);
}

/* "notFound" from errors[], else the reason of an ErrorInfo detail, else the status "NOT_FOUND". */
static const char *reason_of(const json_t *error) {
    const char *reason =
        json_string_value(json_object_get(json_array_get(json_object_get(error, "errors"), 0), "reason"));
    const json_t *details = json_object_get(error, "details");
    for (size_t i = 0; !reason && i < json_array_size(details); i++)
        reason = json_string_value(json_object_get(json_array_get(details, i), "reason"));
    return reason ? reason : json_string_value(json_object_get(error, "status"));
}

/* Errors that the HTTP status alone does not tell apart. */
static const struct {
    const char *reason;
    int code;
    bool retryable;
    const char *hint;
} known[] = {
    {"rateLimitExceeded", DOWEL_E_UNAVAILABLE, true, NULL},
    {"userRateLimitExceeded", DOWEL_E_UNAVAILABLE, true, NULL},
    {"jobRateLimitExceeded", DOWEL_E_UNAVAILABLE, true, NULL},
    {"RATE_LIMIT_EXCEEDED", DOWEL_E_UNAVAILABLE, true, NULL},
    {"quotaExceeded", DOWEL_E_PERMISSION, false, "a quota of the project is exhausted; raise it or wait"},
    {"duplicate", DOWEL_E_EXISTS, false, NULL},
    {"alreadyExists", DOWEL_E_EXISTS, false, NULL},
    {"ALREADY_EXISTS", DOWEL_E_EXISTS, false, NULL},
    {"accessNotConfigured", DOWEL_E_PERMISSION, false, "enable the API in the project, or check the project id"},
    {"SERVICE_DISABLED", DOWEL_E_PERMISSION, false, "enable the API in the project, or check the project id"},
    {"authError", DOWEL_E_PERMISSION, false, "the token was refused: check the credentials"},
    {"UNAUTHENTICATED", DOWEL_E_PERMISSION, false, "the token was refused: check the credentials"},
    {"forbidden", DOWEL_E_PERMISSION, false, "grant the caller a role that allows this"},
    {"PERMISSION_DENIED", DOWEL_E_PERMISSION, false, "grant the caller a role that allows this"},
};

static void judge(dowel_error *err) {
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].reason, err->reason) != 0) continue;
        err->code = known[i].code;
        if (known[i].retryable) err->retryable = true;
        if (known[i].hint && !*err->hint) dowel_error_hint(err, "%s", known[i].hint);
    }
}

void dowel_gcp_explain(const dowel_http_response *response, dowel_error *err) {
    if (!err) return;
    json_t *answer = NULL;
    if (dowel_http_response_json(response, &answer, NULL)) return;
    /* Some endpoints wrap the object in an array. */
    const json_t *body = json_is_array(answer) ? json_array_get(answer, 0) : answer;
    const json_t *error = json_object_get(body, "error");
    const char *message, *reason;
    if (json_is_string(error)) {
        reason = json_string_value(error);
        message = json_string_value(json_object_get(body, "error_description"));
    } else {
        reason = reason_of(error);
        message = json_string_value(json_object_get(error, "message"));
    }
    if (reason) set(err->reason, sizeof err->reason, reason);
    char said[768] = "";
    if (message) set(said, sizeof said, message);
    size_t used = strlen(err->message), room = sizeof err->message - used;
    if (*said && *err->reason)
        snprintf(err->message + used, room, ": %s (%s)", said, err->reason);
    else if (*said || *err->reason)
        snprintf(err->message + used, room, ": %s", *said ? said : err->reason);
    judge(err);
    json_decref(answer);
}
