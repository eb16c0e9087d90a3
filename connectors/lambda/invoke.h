/* Lambda: what the files of the connector share. */
#ifndef DOWEL_LAMBDA_INVOKE_H
#define DOWEL_LAMBDA_INVOKE_H

#include <dowel/lambda.h>

int dowel_lambda_run_invoke(dowel *d, const void *args, json_t **result, dowel_error *err);

/* refusal.c */
extern const dowel_http_service dowel_lambda_service;
/* Whether the function may have run although the request failed. */
bool dowel_lambda_may_have_run(const dowel_http_request *request, const dowel_error *err);

/* once.c: at-most-once invocation. */
typedef struct dowel_lambda_once {
    dowel *d;
    const char *function;
    bool repeatable; /* the call may be repeated: nothing is recorded */
    char sent[DOWEL_TIME_TEXT_SIZE];
} dowel_lambda_once;

/* Records that the request is about to be sent. CONFLICT if an earlier attempt of the run sent one whose outcome is unknown. */
int dowel_lambda_begin(dowel_lambda_once *once, dowel_error *err);
/* The function did not run, or it failed: another attempt may send a request. */
void dowel_lambda_reopen(dowel_lambda_once *once);
/* The request failed but the function may have run: adds that to `err`. Returns err->code. */
int dowel_lambda_leave_in_doubt(dowel_lambda_once *once, dowel_error *err);

/* answer.c */
int dowel_lambda_read_answer(const dowel_lambda_function *function, const dowel_http_response *response,
                             json_t **result, dowel_error *err);

/* check.c */
int dowel_lambda_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

#endif
