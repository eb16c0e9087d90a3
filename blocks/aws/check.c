/* Check of aws-credentials: GetCallerIdentity, which needs no permission, names the identity that the keys belong to. */
#include "aws.h"

#include <stdlib.h>

static int report_keys(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    dowel_aws_keys keys;
    int rc = dowel_aws_get_keys(d, block, false, &keys, err);
    if (rc) return rc;
    dowel_builder b = dowel_build(json_incref(report));
    dowel_build_text(&b, "keys_from", keys.origin);
    if (keys.expires) {
        char text[DOWEL_TIME_TEXT_SIZE];
        dowel_format_time(keys.expires, text);
        dowel_build_text(&b, "keys_expire", text);
    }
    rc = dowel_build_end(&b, NULL, err);
    dowel_aws_keys_clear(&keys);
    return rc;
}

/* Adds texts to the report; a text that is NULL becomes null. */
static int report_pair(json_t *report, const char *first, const char *a, const char *second, const char *b_text,
                       dowel_error *err) {
    dowel_builder b = dowel_build(json_incref(report));
    dowel_build_json(&b, first, dowel_json_text(a));
    if (second) dowel_build_json(&b, second, dowel_json_text(b_text));
    return dowel_build_end(&b, NULL, err);
}

int dowel_aws_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    if (dowel_aws_block_data(block)->anonymous) return report_pair(report, "identity", "anonymous", NULL, NULL, err);
    dowel_aws_settings settings;
    char *region = NULL, *url = NULL, *named = NULL, *arn = NULL, *account = NULL;
    int rc = dowel_aws_settings_open(d, block, &settings, err);
    if (rc) return rc;
    rc = dowel_aws_find_sts(&settings, &url, &region, err);
    if (!rc) rc = dowel_aws_find_region(&settings, NULL, &named, err);
    dowel_aws_settings_close(&settings);
    if (!rc) rc = report_keys(d, block, report, err);
    if (!rc) rc = report_pair(report, "region", named, NULL, NULL, err);
    if (!rc) {
        dowel_aws_signing signing = {block, region, "sts"};
        rc = dowel_aws_caller(d, url, &signing, &arn, &account, err);
    }
    if (!rc) rc = report_pair(report, "identity", arn, "account", account, err);
    free(arn);
    free(account);
    free(url);
    free(named);
    free(region);
    return rc;
}
