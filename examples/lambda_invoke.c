/* Invokes a function with a JSON payload and prints its answer: lambda_invoke lambda-function/NAME JSON */
#include <dowel/lambda.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: lambda_invoke lambda-function/NAME JSON\n"), 2;
    dowel *d;
    dowel_error err;
    dowel_block *function = NULL;
    json_t *payload = NULL, *result = NULL;
    if (dowel_open(&d, NULL, &err)) return dowel_error_print(&err);
    int rc = dowel_json_parse(argv[2], strlen(argv[2]), "payload", &payload, &err);
    if (!rc) rc = dowel_block_load(d, argv[1], &function, &err);
    if (!rc)
        rc = dowel_lambda_invoke(d, &(dowel_lambda_invoke_args){.function = function, .payload = payload}, &result,
                                 &err);
    if (!rc) json_dumpf(json_object_get(result, "payload"), stdout, JSON_ENCODE_ANY | JSON_COMPACT);
    json_decref(result);
    json_decref(payload);
    dowel_block_free(function);
    dowel_close(d);
    return rc ? dowel_error_print(&err) : 0; /* a function that threw: its error type, message and trace */
}
