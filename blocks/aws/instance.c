/* Keys of the instance's role: the EC2 instance metadata service, version 2 (EC2 User Guide, "Use the Instance Metadata Service"). */
#include "aws.h"
#include "metadata_internal.h"

#include <stdlib.h>
#include <string.h>

#define ROLES "/latest/meta-data/iam/security-credentials/"
#define ATTEMPTS 4 /* when the service answers with an error */
#define LONGEST 3600
#define TOKEN_LIFETIME 21600

static const dowel_retry_rule retry[] = {{429, NULL, true}, {500, NULL, true}, {502, NULL, true},
                                         {503, NULL, true}, {504, NULL, true}, {0}};
/* Outside EC2 nothing answers: one attempt only. */
static const dowel_http_service probing = {.name = "instance metadata", .names = &dowel_aws_names, .max_attempts = 1};
static const dowel_http_service metadata = {
    .name = "instance metadata", .names = &dowel_aws_names, .retry = retry, .max_attempts = ATTEMPTS, .backoff = 0.2};

typedef struct session {
    const dowel_aws_settings *settings;
    char *endpoint;
    bool asked;     /* a profile names the instance: the service must answer */
    bool version_1; /* version 1 is allowed */
    char *token;    /* NULL: version 1 */
} session;

static int find_endpoint(const dowel_aws_settings *settings, char **endpoint, dowel_error *err) {
    const char *given =
        dowel_aws_configured(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint");
    const char *mode =
        dowel_aws_configured(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
    if (!given && mode && dowel_casecmp(mode, "IPv4") != 0 && dowel_casecmp(mode, "IPv6") != 0)
        return dowel_fail(err, DOWEL_E_CREDENTIALS,
                          "ec2_metadata_service_endpoint_mode is \"%.60s\": expected IPv4 or IPv6", mode);
    bool six = mode && !dowel_casecmp(mode, "IPv6");
    *endpoint = strdup(given ? given : six ? "http://[fd00:ec2::254]" : "http://169.254.169.254");
    return *endpoint ? 0 : dowel_no_memory(err);
}

static double number_in(const dowel_aws_settings *settings, const char *variable, double missing) {
    const char *text = dowel_aws_variable(settings, variable);
    char *end = NULL;
    double value = text ? dowel_read_real(text, &end) : missing;
    if (end && (*end || !(value > 0))) return missing;
    return value < LONGEST ? value : LONGEST;
}

static int ask(dowel *d, const session *s, dowel_aws_metadata request, const char *path, char **text,
               dowel_error *err) {
    size_t size = strlen(s->endpoint);
    while (size && s->endpoint[size - 1] == '/') size--;
    dowel_text url = {0};
    dowel_text_format(&url, "%.*s%s", (int)size, s->endpoint, path);
    char *full = dowel_text_take(&url, err);
    if (!full) return DOWEL_E_NO_MEMORY;
    request.url = full;
    request.settings = s->settings;
    request.timeout = number_in(s->settings, "AWS_METADATA_SERVICE_TIMEOUT", 1);
    int rc = dowel_aws_metadata_ask(d, &request, text, err);
    free(full);
    return rc;
}

/* Requests the session token, again if the service may only be slow. */
static int request_token(dowel *d, session *s, dowel_error *why) {
    /* `metadata` repeats by itself. */
    int rc = 0, most = s->asked ? 1 : (int)number_in(s->settings, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1);
    for (int attempt = 1;; attempt++) {
        rc = ask(d, s, (dowel_aws_metadata){.service = s->asked ? &metadata : &probing, .lifetime = TOKEN_LIFETIME},
                 "/latest/api/token", &s->token, why);
        if (!rc || !why->retryable || s->asked || attempt >= (why->http_status && most < ATTEMPTS ? ATTEMPTS : most))
            return rc;
        if (dowel_sleep(d, 0.2, NULL)) return rc;
    }
}

/* 1: there is a token, or only version 1 and it is allowed. 0: there is no such service here; `err` may say why. */
static int get_token(dowel *d, session *s, dowel_error *err) {
    dowel_error why;
    int rc = request_token(d, s, &why);
    if (!rc) return 1;
    bool asked = s->asked;
    int status = why.http_status;
    if (!status && !asked && rc != DOWEL_E_INVALID && rc != DOWEL_E_CANCELLED && dowel_time_left(d) != 0) return 0;
    if (s->version_1 && (status == 404 || status == 405 || (!status && rc != DOWEL_E_INVALID))) return 1;
    if (status == 403) {
        rc = dowel_fail(&why, DOWEL_E_CREDENTIALS,
                        "the instance metadata service refuses (HTTP 403): it is disabled on this instance");
    } else if (status == 404 || status == 405) {
        rc = dowel_fail(&why, DOWEL_E_CREDENTIALS,
                        "the instance metadata service does not know version 2 (HTTP %d), and version 1 is refused",
                        status);
        dowel_error_hint(&why, "set AWS_EC2_METADATA_V1_DISABLED=false to allow version 1");
    }
    if (err) *err = why;
    /* Other clouds have their own service at the same address. */
    return !asked && status >= 400 && status < 500 ? 0 : rc;
}

/* Gets metadata. *text NULL: it does not exist. */
static int get(dowel *d, session *s, const char *path, char **text, dowel_error *err) {
    dowel_error why = {0};
    int rc = 0;
    for (int round = 1;; round++) {
        rc = ask(d, s, (dowel_aws_metadata){.service = &metadata, .token = s->token, .optional = true}, path, text,
                 &why);
        if (!rc || why.http_status != 401 || round == 2) break;
        /* The token is not valid any more: the instance was stopped, or the clock jumped. */
        dowel_wipe(s->token);
        s->token = NULL;
        dowel_error failure = why;
        int got = get_token(d, s, &failure);
        if (got == 1) continue;
        rc = got ? got : rc;
        why = failure;
        break;
    }
    if (rc && err) *err = why;
    return rc;
}

static int role_path(const char *role, char **path, dowel_error *err) {
    if (!*role)
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "the instance metadata service answered without a role's name");
    dowel_text text = {0};
    dowel_text_put(&text, ROLES);
    dowel_text_add_encoded(&text, role, "+=,@");
    *path = dowel_text_take(&text, err);
    return *path ? 0 : DOWEL_E_NO_MEMORY;
}

static int get_keys(dowel *d, session *s, dowel_aws_keys *keys, dowel_error *err) {
    char *role = NULL, *path = NULL, *text = NULL;
    int rc = get(d, s, ROLES, &role, err);
    if (rc || !role) return rc;
    role[strcspn(role, "\r\n")] = 0;
    rc = role_path(role, &path, err);
    if (!rc) rc = get(d, s, path, &text, err);
    bool found = text != NULL;
    if (found) rc = dowel_aws_keys_parse(text, strlen(text), "Token", "the instance metadata service", keys, err);
    if (found && !rc) rc = dowel_aws_keys_origin(keys, err, "instance metadata, role %s", role);
    dowel_wipe(text);
    free(path);
    free(role);
    return rc ? rc : found;
}

int dowel_aws_from_instance(dowel *d, const dowel_aws_settings *settings, bool asked, dowel_aws_keys *keys,
                            dowel_error *err) {
    bool disabled = false, refuse_1 = true;
    int rc = dowel_aws_switch(settings, "AWS_EC2_METADATA_DISABLED", NULL, false, &disabled, err);
    if (rc || disabled) return rc;
    rc = dowel_aws_switch(settings, "AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled", true, &refuse_1, err);
    if (rc) return rc;
    session s = {.settings = settings, .asked = asked, .version_1 = !refuse_1};
    rc = find_endpoint(settings, &s.endpoint, err);
    if (!rc) rc = get_token(d, &s, err);
    if (rc == 1) rc = get_keys(d, &s, keys, err);
    dowel_wipe(s.token);
    free(s.endpoint);
    return rc;
}
