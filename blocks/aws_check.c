/* Who aws-credentials are: GetCallerIdentity (AWS STS API reference), which needs no permission. */
#include "aws.h"
#include "aws_settings.h"

#include <dowel/xml.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void explain(const dowel_http_response *response, dowel_error *err) {
    dowel_bytes body = dowel_http_response_body(response);
    dowel_xml *root;
    if (!body.size || dowel_xml_parse(body.data, body.size, &root, NULL)) return;
    const dowel_xml *several = dowel_xml_child(root, "Errors"),
                    *error = dowel_xml_child(several ? several : root, "Error");
    const char *code = dowel_xml_child_text(error, "Code"), *message = dowel_xml_child_text(error, "Message");
    if (code) {
        snprintf(err->reason, sizeof err->reason, "%s", code);
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, " %s%s%s", code, message ? ": " : "",
                 message ? message : "");
        dowel_error_hint(
            err, "the access key id or the secret access key is wrong, or the keys have expired or were deleted");
    }
    dowel_xml_free(root);
}

static const dowel_retry_rule retry[] = {{429, NULL, true}, {500, NULL, true}, {503, NULL, true}, {0}};
static const dowel_http_service service = {
    .name = "STS", .retry = retry, .backoff = 0.2, .authorize = dowel_aws_authorize, .explain = explain};

int dowel_aws_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    const dowel_aws_credentials *credentials = dowel_block_data(block);
    if (credentials->anonymous) {
        json_object_set_new(report, "identity", json_string("anonymous"));
        return 0;
    }
    dowel_aws_settings settings;
    char *region = NULL, *url = NULL, *named = NULL;
    int rc = dowel_aws_settings_open(block, &settings, err);
    if (rc) return rc;
    rc = dowel_aws_find_sts(&settings, &url, &region, err);
    if (!rc) rc = dowel_aws_find_region(&settings, NULL, &named, err);
    dowel_aws_settings_close(&settings);
    if (rc) {
        free(url);
        free(region);
        return rc;
    }
    json_object_set_new(report, "region", named ? json_string(named) : json_null());
    dowel_aws_signing signing = {block, region, "sts"};
    static const char body[] = "Action=GetCallerIdentity&Version=2011-06-15";
    dowel_http_request *r = dowel_http_new(&service, &signing, "POST", url);
    dowel_http_header(r, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    dowel_http_body(r, body, sizeof body - 1);
    dowel_http_path_raw(r, "/");
    dowel_http_response *response = NULL;
    dowel_xml *root = NULL;
    rc = dowel_http_send(d, r, &response, err);
    if (!rc) {
        dowel_bytes answer = dowel_http_response_body(response);
        rc = dowel_xml_parse(answer.data, answer.size, &root, err);
    }
    if (!rc) {
        const dowel_xml *result = dowel_xml_child(root, "GetCallerIdentityResult");
        const char *arn = dowel_xml_child_text(result, "Arn"), *account = dowel_xml_child_text(result, "Account");
        json_object_set_new(report, "identity", json_string(arn ? arn : ""));
        json_object_set_new(report, "account", json_string(account ? account : ""));
        if (!arn) rc = dowel_fail(err, DOWEL_E_PROTOCOL, "STS answered without an identity");
    }
    dowel_xml_free(root);
    dowel_http_response_free(response);
    dowel_http_free(r);
    free(url);
    free(named);
    free(region);
    return rc;
}
