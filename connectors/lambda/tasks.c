/* The block type, the task and the descriptor of the lambda connector. */
#include "invoke.h"

static const dowel_field function_fields[] = {
    {DOWEL_AT(dowel_lambda_function, function_name), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,
     .doc = "Name or ARN of the function.", .example = "summarise"},
    {DOWEL_AT(dowel_lambda_function, qualifier), .kind = DOWEL_STRING, .doc = "Version or alias of the function.",
     .example = "live"},
    {DOWEL_AT(dowel_lambda_function, credentials), .kind = DOWEL_BLOCK, .setting = "aws-credentials",
     .blocks = "aws-credentials", .doc = "Credentials to use. Default: the same as the AWS CLI would use."},
    {DOWEL_AT(dowel_lambda_function, region), .kind = DOWEL_STRING, .setting = "aws-region",
     .doc = "Region of the function. Default: the region in its ARN, otherwise the region of the credentials.",
     .example = "eu-west-1"},
    {DOWEL_AT(dowel_lambda_function, endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,
     .doc = "Base URL of a server that implements the Lambda API. Default: Amazon's.",
     .example = "http://127.0.0.1:3002"},
    {0}};
static const dowel_table function_table = {"lambda-function", sizeof(dowel_lambda_function), function_fields, NULL};

const dowel_block_type dowel_lambda_function_type = {.size = sizeof(dowel_block_type),
                                                     .name = "lambda-function",
                                                     .doc = "A function of AWS Lambda.",
                                                     .table = &function_table,
                                                     .version = 1,
                                                     .check = dowel_lambda_check};

static const char *const modes[] = {"request-response", "event", "dry-run", NULL};
/* Values of X-Amz-Invocation-Type that differ in more than case. */
static const char *const invocation_types[] = {"RequestResponse", "", "DryRun", NULL};

static const dowel_field invoke_fields[] = {
    {DOWEL_AT(dowel_lambda_invoke_args, function), .kind = DOWEL_BLOCK, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,
     .blocks = "lambda-function", .doc = "Function to invoke.", .example = "lambda-function/summarise"},
    {DOWEL_AT(dowel_lambda_invoke_args, payload), .kind = DOWEL_JSON, .flags = DOWEL_VERBATIM,
     .doc = "Payload for the function, as JSON. @FILE reads a file, - standard input.", .example = "{\"n\": 1}"},
    {DOWEL_AT(dowel_lambda_invoke_args, mode), .kind = DOWEL_ENUM, .values = modes, .synonyms = invocation_types,
     .doc = "Wait for the answer, queue the event, or only check the permission."},
    {DOWEL_AT(dowel_lambda_invoke_args, tail), .kind = DOWEL_BOOL,
     .doc = "Return the last 4 KiB of the function's log."},
    {DOWEL_AT(dowel_lambda_invoke_args, client_context), .kind = DOWEL_JSON,
     .doc = "Client context to pass to the function, as JSON."},
    {DOWEL_AT(dowel_lambda_invoke_args, qualifier), .kind = DOWEL_STRING,
     .doc = "Version or alias of the function. Default: the block's."},
    {DOWEL_GIVEN_AT(dowel_lambda_invoke_args)},
    {DOWEL_AT(dowel_lambda_invoke_args, idempotent), .kind = DOWEL_BOOL,
     .doc = "Repeat a request whose outcome is unknown: the function may run twice for one call."},
    {0}};
static const dowel_table invoke_table = {"lambda.invoke", sizeof(dowel_lambda_invoke_args), invoke_fields, NULL};

static const dowel_task task_invoke = {.size = sizeof(dowel_task),
                                       .name = "lambda.invoke",
                                       .doc = "Invokes a function and returns its answer.",
                                       .args = &invoke_table,
                                       .run = dowel_lambda_run_invoke,
                                       .example = "--function lambda-function/summarise --payload @report.json"};

static const dowel_task *const tasks[] = {&task_invoke, NULL};
static const dowel_block_type *const types[] = {&dowel_lambda_function_type, NULL};

const dowel_connector dowel_lambda_connector = {.abi = DOWEL_ABI,
                                                .size = sizeof(dowel_connector),
                                                .name = "lambda",
                                                .version = "0.1.0",
                                                .doc = "AWS Lambda.",
                                                .block_types = types,
                                                .tasks = tasks};
