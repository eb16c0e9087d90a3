/* dowel/lambda.h: AWS Lambda (API Reference, version 2015-03-31, "Invoke").
 *
 * The function calls a task (dowel/runtime.h): the call blocks, is recorded in the history, obeys the policy and can be cancelled. It returns 0 or a
 * negative dowel_code with `err` filled. *result (`result` may be NULL) is a new reference; release it with json_decref(). */
#ifndef DOWEL_LAMBDA_H
#define DOWEL_LAMBDA_H

#include <dowel/dowel.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_lambda_connector;

/* Block type "lambda-function": one function. */
typedef struct dowel_lambda_function {
    const char *function_name; /* name, or ARN */
    const char *qualifier;     /* version or alias */
    dowel_block *credentials;  /* aws-credentials; NULL: the same as the AWS CLI would use */
    const char *region;
    const char *endpoint;
} dowel_lambda_function;

DOWEL_API extern const dowel_block_type dowel_lambda_function_type;

/* Values of dowel_lambda_invoke_args.mode; the first is the default. */
enum { DOWEL_LAMBDA_REQUEST_RESPONSE, DOWEL_LAMBDA_EVENT, DOWEL_LAMBDA_DRY_RUN };

typedef struct dowel_lambda_invoke_args {
    dowel_block *function;
    json_t *payload; /* NULL: none. A value of dowel_json_verbatim() is sent byte for byte */
    int mode;
    bool tail;              /* return the last 4 KiB of the log */
    json_t *client_context; /* passed to the function */
    const char *qualifier;  /* NULL: the block's */
    const char *given;      /* members that are zero on purpose (dowel/fields.h) */
    bool idempotent;        /* repeat a request whose outcome is unknown: the function may run twice */
} dowel_lambda_invoke_args;

/* Invokes a function and waits for its answer, unless `mode` says otherwise: {status: integer, payload: any JSON, executed_version, log: text}.
 *
 * If the answer is not JSON, payload is text and payload_format is "text"; if it is not UTF-8, payload is null, payload_base64 has the bytes and
 * payload_format is "base64". Numbers of the payload may be exact numbers, and the payload may be a verbatim value (dowel/json.h).
 *
 * A function that fails is REMOTE: its error type is the reason, its stack trace (and the log, with `tail`) the detail. NOT_FOUND: no such function.
 *
 * Unless `idempotent` is set, the function is invoked at most once: a request that may have reached the service is not sent again by this call, by
 * the policy's retries or by a resumed run. The error then says that the function may have run, with reason "OutcomeUnknown" if the service gave
 * none. */
static inline int dowel_lambda_invoke(dowel *d, const dowel_lambda_invoke_args *args, json_t **result,
                                      dowel_error *err) {
    return dowel_call(d, "lambda.invoke", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
