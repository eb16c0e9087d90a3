/* dowel/lambda.h: AWS Lambda (API Reference, version 2015-03-31, "Invoke"). Every function is a task. */
#ifndef DOWEL_LAMBDA_H
#define DOWEL_LAMBDA_H

#include <dowel/dowel.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_lambda_connector;

/* Block type "lambda-function". */
typedef struct dowel_lambda_function {
    const char *function_name; /* name, or ARN */
    const char *qualifier;     /* version or alias */
    dowel_block *credentials;  /* aws-credentials; NULL: what Amazon's tools would find */
    const char *region;
    const char *endpoint;
} dowel_lambda_function;

DOWEL_API extern const dowel_block_type dowel_lambda_function_type;

/* How to invoke: the values of dowel_lambda_invoke_args.mode. */
enum { DOWEL_LAMBDA_REQUEST_RESPONSE, DOWEL_LAMBDA_EVENT, DOWEL_LAMBDA_DRY_RUN };

typedef struct dowel_lambda_invoke_args {
    dowel_block *function;
    json_t *payload; /* NULL: none. dowel_json_verbatim() makes a value that is sent byte for byte */
    int mode;
    bool tail;              /* fetch the last 4 KiB of the log */
    json_t *client_context; /* passed to the function */
    const char *qualifier;  /* wins over the block's */
    const char *given;      /* members that are zero on purpose (dowel/fields.h) */
    bool idempotent;        /* the function may run twice for this call: repeat a request whose outcome is not known */
} dowel_lambda_invoke_args;

/* {status, payload, executed_version, log}. An answer that is not JSON is text as payload, with payload_format "text"; bytes that are not
 * UTF-8 are payload_base64, with payload_format "base64". Numbers of the payload may be exact ones, and the payload a verbatim value where jansson
 * cannot hold it (dowel/json.h). A function that fails is DOWEL_E_REMOTE with the function's own error type as reason, its
 * message, and its trace as detail. Unless `idempotent` is set, the function is invoked at most once: a request that may have reached the service
 * is not sent again, neither by this call, nor by the policy's retries, nor by a resumed run, and the error says that the function may have run
 * (reason "OutcomeUnknown" where the service gave none). */
static inline int dowel_lambda_invoke(dowel *d, const dowel_lambda_invoke_args *args, json_t **result,
                                      dowel_error *err) {
    return dowel_call(d, "lambda.invoke", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
