/* Keys of the instance's role: the EC2 instance metadata service, version 2 (EC2 User Guide, "Use the Instance Metadata Service"). */
#include "aws.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROLES "/latest/meta-data/iam/security-credentials/"
#define ATTEMPTS 4 /* at a service that is there but in trouble */
#define LONGEST 3600

static const dowel_retry_rule retry[] = {{429, NULL, true}, {500, NULL, true}, {502, NULL, true},
                                         {503, NULL, true}, {504, NULL, true}, {0}};
/* Away from EC2 nothing answers: then one attempt must do. */
static const dowel_http_service probing = {.name = "instance metadata", .names = &dowel_aws_names, .max_attempts = 1};
static const dowel_http_service metadata = {
    .name = "instance metadata", .names = &dowel_aws_names, .retry = retry, .max_attempts = ATTEMPTS, .backoff = 0.2};

/* The service to ask, and what each request to it needs. */
typedef struct session {
    const dowel_aws_settings *settings;
    char *endpoint;
    bool asked;     /* a profile names the instance */
    bool version_1; /* is allowed */
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

static dowel_http_request *request_for(const dowel_http_service *service, const char *method, const session *s,
                                       const char *path) {
    dowel_http_request *r = dowel_http_new(service, NULL, method, s->endpoint);
    dowel_aws_trust(r, s->settings);
    dowel_http_path_raw(r, path);
    dowel_http_timeout(r, number_in(s->settings, "AWS_METADATA_SERVICE_TIMEOUT", 1));
    dowel_http_secret_body(r);
    dowel_http_direct(r);
    return r;
}

/* One line of an answer. */
static char *line_of(const dowel_http_response *response) {
    dowel_bytes body = dowel_http_response_body(response);
    const char *text = body.data;
    text += strspn(text, " \t\r\n");
    return strndup(text, strcspn(text, "\r\n"));
}

/* 1 with a token; 1 without where version 1 is allowed and all there is; 0 where nothing answers, or something else (then `err` says what). */
static int get_token(dowel *d, session *s, dowel_error *err) {
    bool asked = s->asked;
    dowel_http_request *r = request_for(asked ? &metadata : &probing, "PUT", s, "/latest/api/token");
    dowel_http_header(r, "x-aws-ec2-metadata-token-ttl-seconds", "21600");
    dowel_http_body(r, "", 0);
    dowel_http_response *response = NULL;
    dowel_error why;
    /* `metadata` tries again by itself. */
    int rc = 0, most = asked ? 1 : (int)number_in(s->settings, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1);
    for (int attempt = 1;; attempt++) {
        rc = dowel_http_send(d, r, &response, &why);
        if (!rc || !why.retryable || asked || attempt >= (why.http_status && most < ATTEMPTS ? ATTEMPTS : most)) break;
        if (dowel_sleep(d, 0.2, NULL)) break;
    }
    dowel_http_free(r);
    if (!rc) {
        s->token = line_of(response);
        dowel_http_response_free(response);
        return s->token ? 1 : dowel_no_memory(err);
    }
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
    /* Other clouds have a service of their own at the same address. */
    return !asked && status >= 400 && status < 500 ? 0 : rc;
}

/* A GET of the metadata. *response NULL: it is not there. */
static int get(dowel *d, session *s, const char *path, dowel_http_response **response, dowel_error *err) {
    dowel_error why = {0};
    int rc = 0;
    for (int round = 1;; round++) {
        dowel_http_request *r = request_for(&metadata, "GET", s, path);
        if (s->token) dowel_http_secret_header(r, "x-aws-ec2-metadata-token", s->token);
        dowel_http_accept(r, 404);
        rc = dowel_http_send(d, r, response, &why);
        dowel_http_free(r);
        if (!rc || why.http_status != 401 || round == 2) break;
        /* The token holds no more: the instance was stopped, or the clock jumped. */
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
    if (!rc && dowel_http_status(*response) == 404) {
        dowel_http_response_free(*response);
        *response = NULL;
    }
    return rc;
}

static int get_keys(dowel *d, session *s, dowel_aws_keys *keys, dowel_error *err) {
    dowel_http_response *response = NULL;
    int rc = get(d, s, ROLES, &response, err);
    if (rc || !response) return rc;
    char *role = line_of(response), path[512];
    dowel_http_response_free(response);
    response = NULL;
    if (!role) return dowel_no_memory(err);
    char *coded = dowel_percent_encode(role, "+=,@");
    int n = snprintf(path, sizeof path, ROLES "%s", coded ? coded : "");
    free(coded);
    if (!*role || n >= (int)sizeof path)
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "the instance metadata service answered without a role's name");
    if (!rc) rc = get(d, s, path, &response, err);
    bool found = response != NULL;
    if (!rc && found) {
        dowel_bytes body = dowel_http_response_body(response);
        rc = dowel_aws_keys_parse(body.data, body.size, "Token", "the instance metadata service", keys, err);
        if (!rc) rc = dowel_aws_keys_origin(keys, err, "instance metadata, role %s", role);
    }
    dowel_http_response_free(response);
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
