/* At-most-once invocation: the run's record gets a mark before the request is sent. */
#include "invoke.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MARK "lambda.sent"
#define REASON "OutcomeUnknown"

static void say_what_to_do(dowel_error *err) {
    dowel_error_hint(err, "check the function's log; to invoke it again, call it with another run key or without one "
                          "(with --idempotent, requests may be repeated)");
}

int dowel_lambda_begin(dowel_lambda_once *once, dowel_error *err) {
    char *sent = NULL;
    if (once->repeatable) return 0;
    int rc = dowel_recall_started(once->d, MARK, &sent, err);
    if (!rc && sent) {
        rc = dowel_fail(err, DOWEL_E_CONFLICT,
                        "Lambda function %s may have run already and is not invoked again: this run sent its request "
                        "at %s",
                        once->function, sent);
        if (err) {
            snprintf(err->reason, sizeof err->reason, REASON);
            err->permanent = true;
        }
        say_what_to_do(err);
    }
    free(sent);
    if (rc) return rc;
    dowel_format_time((int64_t)time(NULL) * 1000000, once->sent);
    rc = dowel_remember(once->d, MARK, once->sent, false, err);
    if (rc) dowel_error_prefix(err, "Lambda function %s was not invoked: ", once->function);
    return rc;
}

void dowel_lambda_reopen(dowel_lambda_once *once) {
    if (!once->repeatable) dowel_forget(once->d, MARK);
}

int dowel_lambda_leave_in_doubt(dowel_lambda_once *once, dowel_error *err) {
    if (once->repeatable) return err->code;
    char mark[sizeof err->message + DOWEL_TIME_TEXT_SIZE + 16];
    snprintf(mark, sizeof mark, "%s (%s)", once->sent, err->message);
    (void)dowel_remember(once->d, MARK, mark, false, NULL); /* the mark without the reason is enough */
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used,
             "; the function may have run, so it is not invoked again");
    err->retryable = false;
    err->permanent = true;
    if (!*err->reason) snprintf(err->reason, sizeof err->reason, REASON);
    say_what_to_do(err);
    return err->code;
}
