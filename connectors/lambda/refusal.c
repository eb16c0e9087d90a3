/* Errors by which Lambda reports that it could not run the function: which are retried, and hints for the others. Types and statuses: API reference,
 * "Invoke", "Errors". */
#include "invoke.h"

#include <stdio.h>
#include <string.h>

/* Every 4xx, and every 502 with a type, is an error "that prevents your function from executing". After an untyped 5xx (a gateway) or a
 * ServiceException (an internal error) the function may have run. */
static const dowel_retry_rule retry[] = {{429, NULL, DOWEL_RETRY_ALWAYS},
                                         {409, "SnapStartNotReadyException", DOWEL_RETRY_ALWAYS},
                                         {409, "CodeArtifactUserPendingException", DOWEL_RETRY_ALWAYS},
                                         {408, "SnapStartTimeoutException", DOWEL_RETRY_ALWAYS},
                                         {408, "EFSMountTimeoutException", DOWEL_RETRY_ALWAYS},
                                         {408, "S3FilesMountTimeoutException", DOWEL_RETRY_ALWAYS},
                                         {502, "EC2ThrottledException", DOWEL_RETRY_ALWAYS},
                                         {502, "EC2UnexpectedException", DOWEL_RETRY_ALWAYS},
                                         {502, "ENILimitReachedException", DOWEL_RETRY_ALWAYS},
                                         {502, "ENINotReadyException", DOWEL_RETRY_ALWAYS},
                                         {502, "ResourceNotReadyException", DOWEL_RETRY_ALWAYS},
                                         {502, "SubnetIPAddressLimitReachedException", DOWEL_RETRY_ALWAYS},
                                         {502, "EC2AccessDeniedException", DOWEL_RETRY_NEVER},
                                         {502, "InvalidRuntimeException", DOWEL_RETRY_NEVER},
                                         {502, "InvalidSecurityGroupIDException", DOWEL_RETRY_NEVER},
                                         {502, "InvalidSubnetIDException", DOWEL_RETRY_NEVER},
                                         {502, "InvalidZipFileException", DOWEL_RETRY_NEVER},
                                         {502, "KMSAccessDeniedException", DOWEL_RETRY_NEVER},
                                         {502, "KMSDisabledException", DOWEL_RETRY_NEVER},
                                         {502, "KMSInvalidStateException", DOWEL_RETRY_NEVER},
                                         {502, "KMSNotFoundException", DOWEL_RETRY_NEVER},
                                         {408, "EFSMountConnectivityException", DOWEL_RETRY_NEVER},
                                         {408, "S3FilesMountConnectivityException", DOWEL_RETRY_NEVER},
                                         {408, NULL, DOWEL_RETRY_IDEMPOTENT},
                                         {410, "EFSIOException", DOWEL_RETRY_IDEMPOTENT},
                                         {500, NULL, DOWEL_RETRY_IDEMPOTENT},
                                         {502, NULL, DOWEL_RETRY_IDEMPOTENT},
                                         {503, NULL, DOWEL_RETRY_IDEMPOTENT},
                                         {504, NULL, DOWEL_RETRY_IDEMPOTENT},
                                         {0}};

/* Hints by the beginning of the error type; the first match counts. */
static const struct {
    const char *type, *hint;
} hints[] = {
    {"ResourceNotFound", "check the function's name, its region and the qualifier; `dowel block edit "
                         "lambda-function/NAME` changes the block"},
    {"AccessDenied", "grant the credentials lambda:InvokeFunction on the function"},
    {"TooManyRequests", "call it again later, or raise the concurrency limit of the function or account"},
    {"SnapStartNotReady", "Lambda is still preparing the function; call it when its state is Active"},
    {"SnapStart", "the function's runtime hook or snapshot failed; see its log"},
    {"CodeArtifactUserPending", "Lambda is still preparing the function; call it when its state is Active"},
    {"ResourceConflict", "the function is being created or updated; call it when its state is Active"},
    {"EC2AccessDenied", "attach AWSLambdaVPCAccessExecutionRole to the function's execution role, for its VPC"},
    {"EC2", "Amazon EC2 could not attach the function to its VPC; call it again later"},
    {"ENILimitReached",
     "the VPC has no network interface left for the function; request a higher quota, or use fewer subnets"},
    {"ENINotReady", "the function's network interface is still being created; call it again in a minute"},
    {"ResourceNotReady", "the function was idle and its VPC connection is being restored; call it again in a minute"},
    {"SubnetIPAddressLimitReached", "the function's subnets have no free IP address; add a larger subnet"},
    {"InvalidSubnetID", "correct the subnets in the function's VPC configuration"},
    {"InvalidSecurityGroupID", "correct the security groups in the function's VPC configuration"},
    {"InvalidRuntime", "the function's runtime is no longer supported; update the function"},
    {"InvalidZipFile", "the function's deployment package is damaged; deploy it again"},
    {"KMS", "Lambda cannot decrypt the function's environment variables; check its KMS key and the key's policy"},
    {"EFSIO", "Lambda stopped the function because of a file system error; it may have done part of its work"},
    {"EFS", "the function's file system cannot be mounted; check its mount targets, security groups and access point"},
    {"S3Files", "the function's S3 Files access point cannot be mounted; check its permissions and network"},
    {"RequestTooLarge", "the limit is 6 MB, for events 1 MB; store larger data in an object and pass its name"},
};

/* The error type as botocore reads it: from a header ("Type:http://..."), otherwise from the body ("namespace#Type"). */
static void copy_type(const dowel_http_response *response, const json_t *body, dowel_error *err) {
    const char *type = dowel_http_response_header(response, "x-amzn-errortype");
    if (!type) type = json_string_value(json_object_get(body, "code"));
    if (!type) type = json_string_value(json_object_get(body, "__type"));
    if (!type) return;
    const char *hash = strchr(type, '#');
    if (hash) type = hash + 1;
    snprintf(err->reason, sizeof err->reason, "%.*s", (int)strcspn(type, ":"), type);
}

static void explain(const dowel_http_response *response, dowel_error *err) {
    json_t *body = NULL;
    (void)dowel_http_response_json(response, &body, NULL);
    const char *message = json_string_value(json_object_get(body, "Message"));
    if (!message) message = json_string_value(json_object_get(body, "message"));
    copy_type(response, body, err);
    /* The limit that throttled the call: "ReservedFunctionConcurrentInvocationLimitExceeded". */
    const char *limit = json_string_value(json_object_get(body, "Reason"));
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, " %s%s%s%s%s%s", err->reason, message ? ": " : "",
             message ? message : "", limit ? " (" : "", limit ? limit : "", limit ? ")" : "");
    for (size_t i = 0; i < sizeof hints / sizeof hints[0] && !*err->hint; i++)
        if (!strncmp(err->reason, hints[i].type, strlen(hints[i].type))) dowel_error_hint(err, "%s", hints[i].hint);
    for (const dowel_retry_rule *rule = retry; rule->status; rule++)
        if (rule->when == DOWEL_RETRY_NEVER && !strcmp(rule->reason, err->reason)) err->code = DOWEL_E_REFUSED;
    if (!strcmp(err->reason, "EFSIOException")) err->code = DOWEL_E_REMOTE; /* the function ran */
    json_decref(body);
}

const dowel_http_service dowel_lambda_service = {.name = "Lambda",
                                                 .names = &dowel_aws_names,
                                                 .retry = retry,
                                                 .backoff = 0.5,
                                                 .authorize = dowel_aws_authorize,
                                                 .reauthorize = dowel_aws_reauthorize,
                                                 .attempts = dowel_aws_attempts,
                                                 .explain = explain};

bool dowel_lambda_may_have_run(const dowel_http_request *request, const dowel_error *err) {
    if (dowel_http_in_doubt(request)) return true;
    /* A 408 without a type does not come from Lambda; EFSIOException stops a running function. */
    return (err->http_status == 408 && !*err->reason) || !strcmp(err->reason, "EFSIOException");
}
