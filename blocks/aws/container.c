/* Keys of a container: ECS, EKS pod identity, and other servers of their protocol. */
#include "aws.h"

#include <dowel/url.h>

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
    char plain[INET6_ADDRSTRLEN] = ""; /* without brackets */
    if (*host == '[') snprintf(plain, sizeof plain, "%.*s", (int)strcspn(host + 1, "]"), host + 1);
    return inet_pton(AF_INET6, plain, &six) == 1 && (IN6_IS_ADDR_LOOPBACK(&six) || !memcmp(&six, &eks, sizeof six));
}

/* Keys travel over plain http only to this machine and to the addresses of ECS and EKS. */
static int check_url(const char *url, dowel_error *err) {
    dowel_url parts;
    dowel_error why;
    int rc = dowel_url_split(url, &parts, &why);
    if (rc == DOWEL_E_NO_MEMORY) return dowel_no_memory(err);
    if (rc)
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "AWS_CONTAINER_CREDENTIALS_FULL_URI: %s", why.message);
    else if (strcmp(parts.scheme, "https") != 0 && strcmp(parts.scheme, "http") != 0)
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI: \"%.100s\" does not begin with https:// or http://", url);
    else if (strcmp(parts.scheme, "https") != 0 && !is_allowed_host(parts.host))
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI: refusing to ask host %.100s for keys over plain http",
                        parts.host);
    if (rc) dowel_error_hint(err, "use https, this machine (127.0.0.1), or the address that ECS or EKS sets by itself");
    dowel_url_clear(&parts);
    return rc;
}

static int find_url(const dowel_aws_settings *settings, char **url, dowel_error *err) {
    const char *relative = dowel_aws_variable(settings, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
               *full = dowel_aws_variable(settings, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    *url = NULL;
    if (!relative && !full) return 0;
    if (relative && *relative != '/')
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a /");
    int rc = relative ? 0 : check_url(full, err);
    if (rc) return rc;
    dowel_text text = {0};
    dowel_text_format(&text, "%s%s", relative ? "http://169.254.170.2" : "", relative ? relative : full);
    *url = dowel_text_take(&text, err);
    return *url ? 0 : DOWEL_E_NO_MEMORY;
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

static int name_origin(const char *url, dowel_aws_keys *keys, dowel_error *err) {
    dowel_url parts;
    int rc = dowel_url_split(url, &parts, err);
    if (!rc) rc = dowel_aws_keys_origin(keys, err, "container, from %.*s", (int)(parts.rest - url), url);
    dowel_url_clear(&parts);
    return rc;
}

int dowel_aws_from_container(dowel *d, const dowel_aws_settings *settings, dowel_aws_keys *keys, dowel_error *err) {
    char *url;
    int rc = find_url(settings, &url, err);
    if (rc || !url) return rc;
    dowel_http_request *r = dowel_http_new_url(&service, NULL, "GET", url);
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
        if (!rc) rc = name_origin(url, keys, err);
    } else if (rc == DOWEL_E_PERMISSION || rc == DOWEL_E_NOT_FOUND) {
        dowel_error_hint(err, "check the task's or the pod's role, and the authorization token");
    }
    dowel_http_response_free(response);
    dowel_http_free(r);
    free(url);
    return rc ? rc : 1;
}
