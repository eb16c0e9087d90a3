/* Invocation, from the inside. */
#ifndef DOWEL_LAMBDA_INVOKE_H
#define DOWEL_LAMBDA_INVOKE_H

#include <dowel/lambda.h>

int dowel_lambda_run_invoke(dowel *d, const void *args, json_t **result, dowel_error *err);

/* check.c */
int dowel_lambda_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err);

#endif
