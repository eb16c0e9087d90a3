/* How often and how a task is tried. */
#include "run.h"

#include <math.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const backoffs[] = {"fixed", "exponential", NULL};

static const dowel_field fields[] = {
    {DOWEL_AT(dowel_policy, retries), .kind = DOWEL_INT, .maximum = 1000,
     .doc = "Maximum number of retries after the first attempt.", .example = "3"},
    {DOWEL_AT(dowel_policy, retry_delay), .kind = DOWEL_DURATION,
     .doc = "Time to wait before each retry; 0: none. Default: 1 s, which doubles after each retry.", .example = "5s"},
    {DOWEL_AT(dowel_policy, retry_delays), .kind = DOWEL_LIST,
     .doc = "Times to wait before the first, second, ... retry; the last one repeats."},
    {DOWEL_AT(dowel_policy, retry_backoff), .kind = DOWEL_ENUM, .values = backoffs,
     .doc = "How the delay grows: fixed, or exponential (doubles after each retry)."},
    {DOWEL_AT(dowel_policy, retry_jitter), .kind = DOWEL_FLOAT, .maximum = 1,
     .doc = "Lengthens each delay by a random fraction of up to this much, from 0 to 1."},
    {DOWEL_AT(dowel_policy, retry_delay_max), .kind = DOWEL_DURATION,
     .doc = "Longest delay, jitter included. Default: 5 minutes, or the longest delay given.", .example = "1m"},
    {DOWEL_AT(dowel_policy, retry_on), .kind = DOWEL_LIST,
     .doc = "Errors to retry after, such as timeout, unavailable, not_found. Default: errors that may pass."},
    {DOWEL_AT(dowel_policy, timeout), .kind = DOWEL_DURATION, .doc = "Time limit of each attempt.", .example = "10m"},
    {DOWEL_AT(dowel_policy, persist_result), .kind = DOWEL_BOOL, .doc = "Store the result in result_storage."},
    {DOWEL_GIVEN_AT(dowel_policy)},
    {DOWEL_AT(dowel_policy, result_storage), .kind = DOWEL_BLOCK,
     .doc = "Block that stores results, such as local-file-system/results."},
    {0}};

const dowel_table dowel_policy_table = {.name = "policy", .size = sizeof(dowel_policy), .fields = fields};

dowel_policy dowel_policy_merge(const dowel_policy *own, const dowel_policy *over, const dowel_policy *inherited) {
    dowel_policy p = *own;
    if (inherited && !DOWEL_WAS_GIVEN(own, persist_result) && !p.result_storage) {
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
    if (DOWEL_WAS_GIVEN(over, retry_delay_max)) p.retry_delay_max = over->retry_delay_max;
    if (over->retry_on) p.retry_on = over->retry_on;
    if (DOWEL_WAS_GIVEN(over, timeout)) p.timeout = over->timeout;
    if (DOWEL_WAS_GIVEN(over, persist_result)) p.persist_result = over->persist_result;
    if (over->result_storage) p.result_storage = over->result_storage;
    return p;
}

enum { DELAY_MAX = 300 }; /* without retry_delay_max */

static double delay_at(const dowel_policy *policy, size_t i) {
    double seconds = 0;
    (void)dowel_parse_duration(policy->retry_delays[i], &seconds); /* which was checked */
    return seconds;
}

static double longest(const dowel_policy *policy) {
    if (DOWEL_WAS_GIVEN(policy, retry_delay_max)) return policy->retry_delay_max;
    double most = fmax(policy->retry_delay, DELAY_MAX);
    for (size_t i = 0; policy->retry_delays && policy->retry_delays[i]; i++) most = fmax(most, delay_at(policy, i));
    return most;
}

static bool never_retried(int code) {
    return code == DOWEL_OK || code == DOWEL_E_CANCELLED || code == DOWEL_E_DEPENDENCY || code == DOWEL_E_NO_MEMORY;
}

static int check_retry_on(const char *name, dowel_error *err) {
    static const char *const names[] = {"invalid", "not_found",   "exists",   "credentials", "permission", "network",
                                        "timeout", "unavailable", "remote",   "refused",     "conflict",   "protocol",
                                        "corrupt", "io",          "database", "key",         "internal",   NULL};
    if (!never_retried(dowel_code_named(name))) return 0;
    const char *near = dowel_nearest(name, names);
    dowel_fail(err, DOWEL_E_INVALID,
               "policy: field \"retry_on\": \"%.40s\" is not the name of an error that can be retried%s%s%s", name,
               near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    dowel_error_hint(err,
                     "errors are network, timeout, unavailable, remote, io, database, protocol, internal, not_found, "
                     "permission, refused, conflict, exists, credentials, corrupt, key, invalid");
    return DOWEL_E_INVALID;
}

static int check(const dowel_policy *policy, dowel_error *err) {
    double seconds;
    for (const char *const *delay = policy->retry_delays; delay && *delay; delay++)
        if (dowel_parse_duration(*delay, &seconds) || seconds > DOWEL_LONGEST)
            return dowel_fail(err, DOWEL_E_INVALID,
                              "policy: field \"retry_delays\": expected a duration such as 5s, got \"%.40s\"", *delay);
    for (const char *const *name = policy->retry_on; name && *name; name++) {
        int rc = check_retry_on(*name, err);
        if (rc) return rc;
    }
    if (policy->persist_result && !policy->result_storage) {
        dowel_fail(err, DOWEL_E_INVALID, "policy: field \"result_storage\" is required to persist a result");
        dowel_error_hint(err, "name a block that can store results, such as local-file-system/results");
        return DOWEL_E_INVALID;
    }
    if (policy->persist_result && !dowel_block_type_of(policy->result_storage)->storage)
        return dowel_fail(err, DOWEL_E_INVALID,
                          "policy: field \"result_storage\": a block of type %s cannot store results",
                          dowel_block_type_of(policy->result_storage)->name);
    /* Before the work: its result could not be found again. */
    if (policy->persist_result && !dowel_block_name(policy->result_storage)) {
        dowel_fail(err, DOWEL_E_INVALID,
                   "policy: field \"result_storage\" must be a saved block, so that results can be found again");
        dowel_error_hint(err, "save it with `dowel block save` and give its name");
        return DOWEL_E_INVALID;
    }
    return 0;
}

/* Where results are kept if nothing says where. The caller frees *storage. */
static int default_storage(dowel_run *run, dowel_policy *policy, dowel_block **storage, dowel_error *err) {
    const dowel_resolver *resolver = dowel_get_call_resolver(&run->scope);
    char *name = NULL;
    if (!policy->persist_result || policy->result_storage || !resolver || !resolver->preset) return 0;
    int rc = resolver->preset(resolver->context, "result-storage", &name, err);
    if (!rc && name) rc = resolver->by_name(resolver->context, name, NULL, storage, err);
    if (rc) dowel_error_prefix(err, "policy: field \"result_storage\": the default result-storage: ");
    free(name);
    policy->result_storage = *storage;
    return rc;
}

int dowel_policy_settle(dowel_run *run, const dowel_policy *inherited, dowel_error *err) {
    const dowel_policy *own = &run->task->policy, *over = &run->options.policy;
    dowel_policy merged = dowel_policy_merge(own, over, inherited);
    dowel_block *storage = NULL;
    int rc = default_storage(run, &merged, &storage, err);
    if (rc) return rc;
    /* The zeros of both: the history keeps them, so that a resumed run has them too. */
    size_t size = (own->given ? strlen(own->given) : 0) + (over->given ? strlen(over->given) : 0) + 2;
    char *given = malloc(size);
    if (!given) {
        dowel_block_free(storage);
        return dowel_no_memory(err);
    }
    snprintf(given, size, "%s %s", own->given ? own->given : "", over->given ? over->given : "");
    merged.given = given;
    rc = dowel_record_copy(&dowel_policy_table, &merged, sizeof merged, &run->policy_record, err);
    free(given);
    dowel_block_free(storage);
    if (rc) return rc;
    memcpy(&run->policy, dowel_record_data(run->policy_record), sizeof run->policy);
    return check(&run->policy, err);
}

bool dowel_policy_retries(const dowel_policy *policy, const dowel_error *err, bool done) {
    if (never_retried(err->code)) return false;
    if (policy->retry_on) {
        for (const char *const *name = policy->retry_on; *name; name++)
            if (!strcmp(*name, dowel_code_name(err->code))) return true;
        return false;
    }
    if (done) return false;
    if (err->retryable) return true;
    switch (err->code) {
    case DOWEL_E_NETWORK:
    case DOWEL_E_TIMEOUT:
    case DOWEL_E_UNAVAILABLE:
    case DOWEL_E_PROTOCOL:
    case DOWEL_E_IO:
    case DOWEL_E_DATABASE:
    case DOWEL_E_REMOTE:
    case DOWEL_E_INTERNAL: return !err->permanent;
    default: return false;
    }
}

/* The waits of a policy that gives none: 1 s, 2 s, 4 s ..., each up to half as long again. */
static void default_delays(dowel_policy *policy) {
    if (DOWEL_WAS_GIVEN(policy, retry_delay) || (policy->retry_delays && policy->retry_delays[0])) return;
    policy->retry_delay = 1;
    if (!DOWEL_WAS_GIVEN(policy, retry_backoff)) policy->retry_backoff = DOWEL_BACKOFF_EXPONENTIAL;
    if (!DOWEL_WAS_GIVEN(policy, retry_jitter)) policy->retry_jitter = 0.5;
}

double dowel_policy_delay(const dowel_policy *own, int retry) {
    dowel_policy filled = *own;
    const dowel_policy *policy = &filled;
    default_delays(&filled);
    double delay = policy->retry_delay;
    if (policy->retry_delays && policy->retry_delays[0]) {
        size_t i = 0;
        while (i + 1 < (size_t)retry && policy->retry_delays[i + 1]) i++;
        delay = delay_at(policy, i);
    } else if (policy->retry_backoff == DOWEL_BACKOFF_EXPONENTIAL) {
        delay *= exp2(retry < 32 ? retry - 1 : 31);
    }
    if (policy->retry_jitter > 0) {
        uint32_t noise = 0;
        RAND_bytes((unsigned char *)&noise, sizeof noise);
        delay *= 1 + policy->retry_jitter * (noise / 4294967296.0);
    }
    return fmin(delay, longest(policy));
}
