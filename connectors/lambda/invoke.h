/* Invocation, from the inside. */
#ifndef DOWEL_LAMBDA_INVOKE_H
#define DOWEL_LAMBDA_INVOKE_H

#include <dowel/lambda.h>

int dowel_lambda_run_invoke(dowel *d, const void *args, json_t **result, dowel_error *err);

/* refusal.c */
extern const dowel_http_service dowel_lambda_service;
/* After a request that failed: whether the function may have run all the same. */
bool dowel_lambda_may_have_run(const dowel_http_request *request, const dowel_error *err);

/* once.c: an invocation is not repeated when it may have arrived. `once` is what it knows of one call. */
typedef struct dowel_lambda_once {
    dowel *d;
    const char *function;
    bool repeatable; /* nothing is remembered: the call may be repeated */
    char sent[DOWEL_TIME_TEXT_SIZE];
} dowel_lambda_once;

/* Remembers that the request is about to be sent. CONFLICT when an earlier attempt of the run sent one whose outcome is not known. */
int dowel_lambda_begin(dowel_lambda_once *once, dowel_error *err);
/* The function certainly did not run, or it failed: another attempt may send a request. */
void dowel_lambda_reopen(dowel_lambda_once *once);
/* The request failed and the function may have run: says so in `err`. Returns err->code. */
int dowel_lambda_leave_in_doubt(dowel_lambda_once *once, dowel_error *err);

/* answer.c */
int dowel_lambda_read_answer(const dowel_lambda_function *function, const dowel_http_response *response,
                             json_t **result, dowel_error *err);

/* check.c */
int dowel_lambda_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

#endif
