/* Says in JSON what dowel finds in its environment, for tests that compare it with Amazon's own library:
 *   aws_probe url SERVICE [REGION ...]   an array: the address of a service in each region
 *   aws_probe bucket NAME [REGION ...]   an array: the address that S3 is asked at for a bucket in each region
 *   aws_probe region
 *   aws_probe keys                       the keys themselves: the tests' own, never real ones */
#include <dowel/dowel.h>
#include <dowel/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *find_url(dowel *d, const char *service, const char *given) {
    dowel_error err;
    char *region = NULL, *url = NULL;
    bool configured = false;
    int rc = dowel_aws_region(d, NULL, given, NULL, &region, &err);
    if (!rc) rc = dowel_aws_service_url(d, NULL, service, region, NULL, &url, &configured, &err);
    json_t *found = rc ? dowel_error_json(&err) : json_pack("{s:s,s:b}", "url", url, "configured", configured);
    free(url);
    free(region);
    return found;
}

/* A transport that answers nothing and keeps the address. */
static int keep_address(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err);
static struct keeper {
    dowel_transport base;
    char url[1024];
} keeper = {{keep_address, NULL}, ""};

static int keep_address(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)base, (void)d;
    snprintf(keeper.url, sizeof keeper.url, "%.*s", (int)strcspn(x->url, "?"), x->url);
    return dowel_fail(err, DOWEL_E_INVALID, "nobody answers");
}

static json_t *find_bucket(dowel *d, const char *bucket, const char *region) {
    dowel_error err;
    json_t *args = json_pack("{s:{s:s,s:s*}}", "bucket", "bucket", bucket, "region", region);
    *keeper.url = 0;
    (void)dowel_call_json(d, "s3.list", args, NULL, NULL, &err);
    json_decref(args);
    return *keeper.url ? json_pack("{s:s}", "url", keeper.url) : dowel_error_json(&err);
}

static json_t *find_region(dowel *d) {
    dowel_error err;
    char *region = NULL;
    int rc = dowel_aws_region(d, NULL, NULL, NULL, &region, &err);
    json_t *found = rc ? dowel_error_json(&err) : json_pack("{s:s}", "region", region);
    free(region);
    return found;
}

static json_t *find_keys(dowel *d) {
    dowel_error err;
    dowel_aws_keys keys;
    if (dowel_aws_get_keys(d, NULL, false, &keys, &err)) return dowel_error_json(&err);
    json_t *found = json_pack("{s:s,s:s,s:s*,s:s*,s:I,s:s}", "access_key_id", keys.access_key_id, "secret_access_key",
                              keys.secret_access_key, "session_token", keys.session_token, "account_id",
                              keys.account_id, "expires", (json_int_t)(keys.expires / 1000000), "origin", keys.origin);
    dowel_aws_keys_clear(&keys);
    return found;
}

int main(int argc, char **argv) {
    dowel *d;
    dowel_error err;
    if (argc < 2) return 2;
    bool buckets = !strcmp(argv[1], "bucket");
    dowel_options options = {
        .size = sizeof options, .database_url = "memory:", .transport = buckets ? &keeper.base : NULL};
    if (dowel_open(&d, &options, &err)) return dowel_error_print(&err);
    json_t *found = NULL;
    if (!strcmp(argv[1], "keys")) found = find_keys(d);
    if (!strcmp(argv[1], "region")) found = find_region(d);
    if ((buckets || !strcmp(argv[1], "url")) && argc > 2) {
        found = json_array();
        for (int i = 3; i < argc || i == 3; i++) {
            const char *region = i < argc ? argv[i] : NULL;
            json_array_append_new(found, buckets ? find_bucket(d, argv[2], region) : find_url(d, argv[2], region));
        }
    }
    dowel_close(d);
    int rc = found ? json_dumpf(found, stdout, JSON_SORT_KEYS) : 2;
    json_decref(found);
    return rc;
}
