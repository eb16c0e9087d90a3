/* Where a service is: what was configured for it, or Amazon's own address in the region. */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How Amazon divides the world: the start of a region's name says which part it is in. */
typedef struct partition {
    const char *prefix, *suffix, *dual_stack_suffix;
} partition;

static const partition *partition_of(const char *region) {
    static const partition all[] = {{"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
                                    {"us-gov-", "amazonaws.com", "api.aws"},
                                    {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
                                    {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
                                    {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
                                    {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
                                    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
                                    {"", "amazonaws.com", "api.aws"}};
    const partition *p = all;
    while (strncmp(region, p->prefix, strlen(p->prefix)) != 0) p++;
    return p;
}

/* Services whose first label is not their name. */
static const char *label_of(const char *service) {
    if (!strcmp(service, "sso")) return "portal.sso";
    if (!strcmp(service, "sso_oidc")) return "oidc";
    return service;
}

static int own_url(const char *service, const char *region, bool fips, bool dual_stack, char url[512],
                   dowel_error *err) {
    const partition *p = partition_of(region);
    const char *label = label_of(service), *suffix = dual_stack ? p->dual_stack_suffix : p->suffix, *between = ".";
    bool s3 = !strcmp(service, "s3"), government = !strcmp(p->prefix, "us-gov-");
    if (s3) { /* its names are older than the rule */
        suffix = p->suffix;
        if (dual_stack) between = ".dualstack.";
        if (fips && !strcmp(p->prefix, "cn-"))
            return dowel_fail(err, DOWEL_E_INVALID, "S3 has no FIPS endpoints in the regions of China (%s)", region);
    }
    /* There, these are FIPS endpoints as they are. */
    if (government && !dual_stack && !s3 && strcmp(service, "lambda") != 0) fips = false;
    snprintf(url, 512, "https://%s%s%s%s.%s", label, fips ? "-fips" : "", between, region, suffix);
    return 0;
}

/* The address that was configured; borrowed, or in *made. */
static const char *configured_url(const dowel_aws_settings *settings, const char *service, char **made) {
    char name[64];
    int n = snprintf(name, sizeof name, "AWS_ENDPOINT_URL_%s", service);
    for (int i = 0; i < n; i++) name[i] = (char)dowel_upper((unsigned char)name[i]);
    const char *found = dowel_aws_variable(settings, name);
    if (!found) found = dowel_aws_variable(settings, "AWS_ENDPOINT_URL");
    if (found) return found;
    const char *services = dowel_aws_profile_setting(settings, "services");
    const char *own = services ? dowel_aws_setting(settings->profiles, DOWEL_AWS_SERVICES, services, service) : NULL;
    *made = dowel_aws_sub_setting(own, "endpoint_url");
    return *made && **made ? *made : dowel_aws_profile_setting(settings, "endpoint_url");
}

int dowel_aws_find_url(const dowel_aws_settings *settings, const char *service, const char *region, const char *given,
                       char **url, bool *configured, dowel_error *err) {
    char own[512], *made = NULL;
    bool ignored = false, fips = false, dual_stack = false;
    *url = NULL;
    int rc = dowel_aws_switch(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls", false,
                              &ignored, err);
    if (rc) return rc;
    const char *found = given ? given : dowel_aws_block_endpoint(settings->block);
    if (!found && !ignored) found = configured_url(settings, service, &made);
    if (configured) *configured = found != NULL;
    if (!found) {
        rc = dowel_aws_switch(settings, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", false, &fips, err);
        if (!rc)
            rc = dowel_aws_switch(settings, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint", false, &dual_stack,
                                  err);
        if (!rc) rc = dowel_aws_check_region(region, err);
        if (!rc) rc = own_url(service, region, fips, dual_stack, own, err);
        found = own;
    }
    if (!rc && !(*url = strdup(found))) rc = dowel_no_memory(err);
    free(made);
    return rc;
}

int dowel_aws_service_url(dowel *d, dowel_block *credentials, const char *service, const char *region,
                          const char *given, char **url, bool *configured, dowel_error *err) {
    dowel_aws_settings settings;
    *url = NULL;
    int rc = dowel_aws_settings_open(d, credentials, &settings, err);
    if (rc) return rc;
    rc = dowel_aws_find_url(&settings, service, region, given, url, configured, err);
    dowel_aws_settings_close(&settings);
    return rc;
}

/* The regions for which "legacy" means the one address for all. */
static bool has_legacy_sts(const char *region) {
    static const char *const regions[] = {"ap-northeast-1", "ap-south-1",   "ap-southeast-1", "ap-southeast-2",
                                          "ca-central-1",   "eu-central-1", "eu-north-1",     "eu-west-1",
                                          "eu-west-2",      "eu-west-3",    "sa-east-1",      "us-east-1",
                                          "us-east-2",      "us-west-1",    "us-west-2",      "aws-global"};
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++)
        if (!strcmp(regions[i], region)) return true;
    return false;
}

int dowel_aws_find_sts(const dowel_aws_settings *settings, char **url, char **region, dowel_error *err) {
    const char *kind = dowel_aws_configured(settings, "AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints");
    bool legacy = kind && !dowel_casecmp(kind, "legacy"), configured = false;
    *url = NULL;
    if (kind && !legacy && dowel_casecmp(kind, "regional") != 0)
        return dowel_fail(err, DOWEL_E_INVALID, "sts_regional_endpoints is \"%.60s\": expected regional or legacy",
                          kind);
    int rc = dowel_aws_find_region(settings, NULL, region, err);
    bool global = !rc && (!*region || !strcmp(*region, "aws-global"));
    if (global) {
        free(*region);
        *region = strdup("us-east-1");
        if (!*region) rc = dowel_no_memory(err);
    }
    if (!rc) rc = dowel_aws_find_url(settings, "sts", *region, NULL, url, &configured, err);
    static const char one_for_all[] = "https://sts.amazonaws.com";
    char *regional = NULL;
    bool plain = !rc && !configured && strncmp(*url, "https://sts.", 12) == 0 && strstr(*url, ".amazonaws.com");
    if (plain && (global || (legacy && has_legacy_sts(*region)))) {
        regional = *url;
        *url = strdup(one_for_all);
        free(*region);
        *region = strdup("us-east-1");
        if (!*url || !*region) rc = dowel_no_memory(err);
    }
    free(regional);
    if (rc) {
        free(*url);
        free(*region);
        *url = *region = NULL;
    }
    return rc;
}
