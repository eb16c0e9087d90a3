/* How often and how a task is tried. */
#include "run.h"

#include <math.h>
#include <openssl/rand.h>
#include <string.h>

static const char *const backoffs[] = {"fixed", "exponential", NULL};

static const dowel_field fields[] = {
    {DOWEL_AT(dowel_policy, retries), .kind = DOWEL_INT, .maximum = 1000, .doc = "Attempts after the first.",
     .example = "3"},
    {DOWEL_AT(dowel_policy, retry_delay), .kind = DOWEL_DURATION, .doc = "Wait before each retry.", .example = "5s"},
    {DOWEL_AT(dowel_policy, retry_delays), .kind = DOWEL_LIST,
     .doc = "Waits before the first, second ... retry; the last repeats."},
    {DOWEL_AT(dowel_policy, retry_backoff), .kind = DOWEL_ENUM, .values = backoffs,
     .doc = "Whether the delay doubles each time."},
    {DOWEL_AT(dowel_policy, retry_jitter), .kind = DOWEL_FLOAT, .maximum = 1,
     .doc = "Stretches each delay by a random share up to this much."},
    {DOWEL_AT(dowel_policy, timeout), .kind = DOWEL_DURATION, .doc = "Limit of each attempt.", .example = "10m"},
    {DOWEL_AT(dowel_policy, persist_result), .kind = DOWEL_BOOL, .doc = "Keep the result in result_storage."},
    {DOWEL_GIVEN_AT(dowel_policy)},
    {DOWEL_AT(dowel_policy, result_storage), .kind = DOWEL_BLOCK,
     .doc = "Block that keeps results, such as gcs-bucket/results."},
    {0}};

const dowel_table dowel_policy_table = {.name = "policy", .size = sizeof(dowel_policy), .fields = fields};

dowel_policy dowel_policy_merge(const dowel_policy *own, const dowel_policy *over, const dowel_policy *inherited) {
    dowel_policy p = *own;
    if (inherited && !p.persist_result && !p.result_storage) {
        p.persist_result = inherited->persist_result;
        p.result_storage = inherited->result_storage;
    }
    if (DOWEL_WAS_GIVEN(over, retries)) p.retries = over->retries;
    if (DOWEL_WAS_GIVEN(over, retry_delay)) {
        p.retry_delay = over->retry_delay;
        p.retry_delays = NULL;
    }
    if (over->retry_delays) p.retry_delays = over->retry_delays;
    if (DOWEL_WAS_GIVEN(over, retry_backoff)) p.retry_backoff = over->retry_backoff;
    if (DOWEL_WAS_GIVEN(over, retry_jitter)) p.retry_jitter = over->retry_jitter;
    if (DOWEL_WAS_GIVEN(over, timeout)) p.timeout = over->timeout;
    if (DOWEL_WAS_GIVEN(over, persist_result)) p.persist_result = over->persist_result;
    if (over->result_storage) p.result_storage = over->result_storage;
    p.given = over->given; /* the history keeps its zeros, so that a resumed run has them too */
    return p;
}

static int check(const dowel_policy *policy, dowel_error *err) {
    double seconds;
    for (const char *const *delay = policy->retry_delays; delay && *delay; delay++)
        if (dowel_parse_duration(*delay, &seconds))
            return dowel_fail(err, DOWEL_E_INVALID,
                              "policy: field \"retry_delays\": expected a duration such as 5s, got \"%.40s\"", *delay);
    if (policy->persist_result && !policy->result_storage) {
        dowel_fail(err, DOWEL_E_INVALID, "policy: field \"result_storage\" is required to persist a result");
        dowel_error_hint(err, "name a block that keeps bytes, such as local-file-system/results");
        return DOWEL_E_INVALID;
    }
    if (policy->persist_result && !dowel_block_type_of(policy->result_storage)->storage)
        return dowel_fail(err, DOWEL_E_INVALID,
                          "policy: field \"result_storage\": a block of type %s cannot keep results",
                          dowel_block_type_of(policy->result_storage)->name);
    return 0;
}

int dowel_policy_settle(dowel_run *run, const dowel_policy *inherited, dowel_error *err) {
    const dowel_policy merged = dowel_policy_merge(&run->task->policy, &run->options.policy, inherited);
    int rc = dowel_record_copy(&dowel_policy_table, &merged, sizeof merged, &run->policy_record, err);
    if (rc) return rc;
    memcpy(&run->policy, dowel_record_data(run->policy_record), sizeof run->policy);
    return check(&run->policy, err);
}

double dowel_policy_delay(const dowel_policy *policy, int retry) {
    double delay = policy->retry_delay;
    if (policy->retry_delays && policy->retry_delays[0]) {
        int i = 0;
        while (i + 1 < retry && policy->retry_delays[i + 1]) i++;
        (void)dowel_parse_duration(policy->retry_delays[i], &delay);
    } else if (policy->retry_backoff == DOWEL_BACKOFF_EXPONENTIAL) {
        delay *= exp2(retry < 32 ? retry - 1 : 31);
    }
    if (policy->retry_jitter > 0) {
        uint32_t noise = 0;
        RAND_bytes((unsigned char *)&noise, sizeof noise);
        delay *= 1 + policy->retry_jitter * (noise / 4294967296.0);
    }
    return delay;
}
