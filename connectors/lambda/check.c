/* `dowel block check`: a dry run, which checks the permission without running the function. */
#include "invoke.h"

int dowel_lambda_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    const dowel_lambda_invoke_args args = {.function = block, .mode = DOWEL_LAMBDA_DRY_RUN};
    json_t *answer = NULL;
    int rc = dowel_lambda_run_invoke(d, &args, &answer, err);
    if (!rc && json_object_set_new(report, "permissions", json_pack("{s:b}", "lambda:InvokeFunction", 1)))
        rc = dowel_no_memory(err);
    json_decref(answer);
    return rc;
}
