/* Keys of a container: ECS, EKS pod identity, and whoever else speaks their protocol. */
#include "aws.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void explain(const dowel_http_response *response, dowel_error *err) {
    json_t *body = NULL;
    (void)dowel_http_response_json(response, &body, NULL);
    const char *code = json_string_value(json_object_get(body, "code")),
               *message = json_string_value(json_object_get(body, "message"));
    if (code) snprintf(err->reason, sizeof err->reason, "%s", code);
    size_t used = strlen(err->message);
    if (message) snprintf(err->message + used, sizeof err->message - used, " %s", message);
    json_decref(body);
}

static const dowel_retry_rule retry[] = {{429, NULL, true}, {500, NULL, true}, {502, NULL, true},
                                         {503, NULL, true}, {504, NULL, true}, {0}};
static const dowel_http_service service = {.name = "container credentials",
                                           .names = &dowel_aws_names,
                                           .retry = retry,
                                           .max_attempts = 3,
                                           .backoff = 0.2,
                                           .explain = explain};

/* Over plain http, only to this machine and to the two addresses that ECS and EKS answer at. */
static bool is_allowed_host(const char *host) {
    struct in_addr four;
    struct in6_addr six;
    if (!strcmp(host, "localhost")) return true;
    if (inet_pton(AF_INET, host, &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127 || !strcmp(host, "169.254.170.2") || !strcmp(host, "169.254.170.23");
    struct in6_addr eks = {{{0}}};
    inet_pton(AF_INET6, "fd00:ec2::23", &eks);
    return inet_pton(AF_INET6, host, &six) == 1 && (IN6_IS_ADDR_LOOPBACK(&six) || !memcmp(&six, &eks, sizeof six));
}

static int check_url(const char *url, dowel_error *err) {
    if (!strncmp(url, "https://", 8)) return 0;
    int rc = 0;
    if (strncmp(url, "http://", 7) != 0) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI: \"%.100s\" begins with neither https:// nor http://", url);
    } else {
        const char *start = url + 7;
        bool bracketed = *start == '[';
        size_t length = bracketed ? strcspn(++start, "]") : strcspn(start, ":/?#");
        char host[256];
        snprintf(host, sizeof host, "%.*s", (int)(length < sizeof host ? length : sizeof host - 1), start);
        if (!is_allowed_host(host))
            rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                            "AWS_CONTAINER_CREDENTIALS_FULL_URI: host %.100s may not be asked for keys over plain http",
                            host);
    }
    if (rc) dowel_error_hint(err, "use https, this machine (127.0.0.1), or the address that ECS or EKS sets by itself");
    return rc;
}

static int authorization(dowel_http_request *request, const dowel_aws_settings *settings, dowel_error *err) {
    const char *file = dowel_aws_variable(settings, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
               *value = dowel_aws_variable(settings, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    char *token = NULL;
    if (file) {
        int rc = dowel_aws_read_token(file, &token, err);
        if (rc) return rc;
        value = token;
    }
    if (value) dowel_http_header(request, "Authorization", value);
    dowel_wipe(token);
    return 0;
}

int dowel_aws_from_container(dowel *d, const dowel_aws_settings *settings, dowel_aws_keys *keys, dowel_error *err) {
    const char *relative = dowel_aws_variable(settings, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
               *full = dowel_aws_variable(settings, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!relative && !full) return 0;
    if (relative && *relative != '/')
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a /");
    int rc = relative ? 0 : check_url(full, err);
    if (rc) return rc;
    const char *url = relative ? relative : full;
    size_t scheme = relative ? 0 : (size_t)(strstr(url, "://") - url) + 3,
           host = relative ? 0 : strcspn(url + scheme, "/?");
    char *base = relative ? strdup("http://169.254.170.2") : strndup(url, scheme + host);
    if (!base) return dowel_no_memory(err);
    dowel_http_request *r = dowel_http_new(&service, NULL, "GET", base);
    dowel_http_path_raw(r, relative ? relative : url + scheme + host);
    dowel_http_header(r, "Accept", "application/json");
    dowel_http_secret_body(r);
    dowel_http_timeout(r, 5);
    dowel_http_direct(r);
    dowel_aws_trust(r, settings);
    rc = r ? authorization(r, settings, err) : 0;
    dowel_http_response *response = NULL;
    if (!rc) rc = dowel_http_send(d, r, &response, err);
    if (!rc) {
        dowel_bytes body = dowel_http_response_body(response);
        rc = dowel_aws_keys_parse(body.data, body.size, "Token", "the container's credentials endpoint", keys, err);
        if (!rc) rc = dowel_aws_keys_origin(keys, err, "container, from %s", base);
    } else if (rc == DOWEL_E_PERMISSION || rc == DOWEL_E_NOT_FOUND) {
        dowel_error_hint(err, "check the task's or the pod's role, and the authorization token");
    }
    dowel_http_response_free(response);
    dowel_http_free(r);
    free(base);
    return rc ? rc : 1;
}
