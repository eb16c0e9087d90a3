/* Programs that a profile names: credential_process, which writes keys as JSON (SDKs and Tools Reference Guide, "Process credential provider"),
 * and mfa_process, which writes a code. */
#include "aws.h"
#include <dowel/program.h>

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 65536
#define LIMIT 60.0 /* seconds; Amazon's SDK for Go waits as long, the one for Python for ever */

/* The one version of the answer's form that there is. */
static int check_version(const char *text, size_t size, dowel_error *err) {
    json_t *document = NULL;
    if (dowel_json_parse(text, size, "", &document, NULL)) return 0; /* the reader of the keys says so */
    json_int_t version = json_integer_value(json_object_get(document, "Version"));
    bool object = json_is_object(document);
    dowel_json_cleanse(document);
    if (!object || version == 1) return 0;
    return dowel_fail(err, DOWEL_E_CREDENTIALS, "its answer has \"Version\" %lld: expected 1", (long long)version);
}

int dowel_aws_run(dowel *d, const char *command, char **text, size_t *size, dowel_error *err) {
    char *line = strdup(command);
    if (!line) return dowel_no_memory(err);
    char *const words[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, line, NULL};
    const dowel_program program = {
        .words = words,
        .largest = LARGEST,
        .limit = LIMIT,
        .asks = true,
        .late = "run it by hand to see what it waits for; at a terminal it has no time limit",
    };
    int rc = dowel_program_run(d, &program, text, size, err);
    free(line);
    return rc;
}

int dowel_aws_from_process(dowel *d, const dowel_aws_plan *plan, dowel_aws_keys *keys, dowel_error *err) {
    size_t size = 0;
    char *text = NULL;
    int rc = dowel_aws_run(d, plan->command, &text, &size, err);
    if (!rc) {
        rc = check_version(text, size, err);
        if (!rc) rc = dowel_aws_keys_parse(text, size, "SessionToken", "it", keys, err);
        dowel_wipe_bytes(text, size);
    }
    if (rc) {
        dowel_error_prefix(err, "profile \"%s\": credential_process: ", plan->profile);
        return rc;
    }
    if (!keys->account_id && plan->account_id && !(keys->account_id = strdup(plan->account_id))) {
        dowel_aws_keys_clear(keys);
        return dowel_no_memory(err);
    }
    return dowel_aws_keys_origin(keys, err, "profile \"%s\", credential_process", plan->profile);
}
