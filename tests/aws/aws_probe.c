/* Says in JSON what dowel finds in its environment, for tests that compare it with Amazon's own library:
 *   aws_probe url SERVICE [REGION ...]   an array: the address of a service in each region
 *   aws_probe region
 *   aws_probe keys                       the keys themselves: the tests' own, never real ones */
#include <dowel/dowel.h>
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
    if (dowel_open(&d, &(dowel_options){.size = sizeof(dowel_options), .database_url = "memory:"}, &err))
        return dowel_error_print(&err);
    json_t *found = NULL;
    if (!strcmp(argv[1], "keys")) found = find_keys(d);
    if (!strcmp(argv[1], "region")) found = find_region(d);
    if (!strcmp(argv[1], "url") && argc > 2) {
        found = json_array();
        for (int i = 3; i < argc || i == 3; i++)
            json_array_append_new(found, find_url(d, argv[2], i < argc ? argv[i] : NULL));
    }
    dowel_close(d);
    int rc = found ? json_dumpf(found, stdout, JSON_SORT_KEYS) : 2;
    json_decref(found);
    return rc;
}
