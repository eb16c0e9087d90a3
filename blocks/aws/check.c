/* Who aws-credentials are: GetCallerIdentity, which needs no permission. */
#include "aws.h"

#include <stdlib.h>

static int report_keys(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    dowel_aws_keys keys;
    int rc = dowel_aws_get_keys(d, block, false, &keys, err);
    if (rc) return rc;
    json_object_set_new(report, "keys_from", json_string(keys.origin));
    if (keys.expires) {
        char text[DOWEL_TIME_TEXT_SIZE];
        dowel_format_time(keys.expires, text);
        json_object_set_new(report, "keys_expire", json_string(text));
    }
    dowel_aws_keys_clear(&keys);
    return 0;
}

int dowel_aws_check(dowel *d, dowel_block *block, json_t *report, dowel_error *err) {
    if (dowel_aws_block_data(block)->anonymous) {
        json_object_set_new(report, "identity", json_string("anonymous"));
        return 0;
    }
    dowel_aws_settings settings;
    char *region = NULL, *url = NULL, *named = NULL, *arn = NULL, *account = NULL;
    int rc = dowel_aws_settings_open(d, block, &settings, err);
    if (rc) return rc;
    rc = dowel_aws_find_sts(&settings, &url, &region, err);
    if (!rc) rc = dowel_aws_find_region(&settings, NULL, &named, err);
    dowel_aws_settings_close(&settings);
    if (!rc) rc = report_keys(d, block, report, err);
    if (!rc) {
        dowel_aws_signing signing = {block, region, "sts"};
        json_object_set_new(report, "region", named ? json_string(named) : json_null());
        rc = dowel_aws_caller(d, url, &signing, &arn, &account, err);
    }
    if (!rc) {
        json_object_set_new(report, "identity", json_string(arn));
        json_object_set_new(report, "account", json_string(account));
    }
    free(arn);
    free(account);
    free(url);
    free(named);
    free(region);
    return rc;
}
