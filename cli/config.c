/* dowel config: where things are, what the environment says. */
#include "cli.h"

#include <dowel/database.h>
#include <stdlib.h>
#include <string.h>

/* Which block comes from where; an unreachable registry is said in their place. */
static json_t *sources(cli *c) {
    json_t *blocks = NULL, *entry;
    dowel_error err;
    if (dowel_block_list(c->d, NULL, &blocks, &err)) return json_string(err.message);
    json_t *found = json_object();
    size_t i;
    json_array_foreach(blocks, i, entry) {
        char reference[160];
        snprintf(reference, sizeof reference, "%s/%s", json_string_value(json_object_get(entry, "type")),
                 json_string_value(json_object_get(entry, "name")));
        json_object_set(found, reference, json_object_get(entry, "source"));
    }
    json_decref(blocks);
    return found;
}

int cli_config(cli *c) {
    static const struct {
        const char *name;
        bool secret;
    } variables[] = {{"DOWEL_DATABASE_URL", true},
                     {"DOWEL_BLOCKS_DIR", false},
                     {"DOWEL_KEY", true},
                     {"DOWEL_KEY_FILE", false},
                     {"DOWEL_KEY_PASSPHRASE", true},
                     {"DOWEL_LOG", false},
                     {"DOWEL_WORKERS", false},
                     {"GOOGLE_APPLICATION_CREDENTIALS", false},
                     {"GOOGLE_CLOUD_PROJECT", false},
                     {"GCLOUD_PROJECT", false},
                     {"GOOGLE_CLOUD_QUOTA_PROJECT", false},
                     {"CLOUDSDK_CONFIG", false},
                     {"CLOUDSDK_CORE_PROJECT", false},
                     {"CLOUDSDK_ACTIVE_CONFIG_NAME", false},
                     {"CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", false},
                     {"CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER", false},
                     {"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", false},
                     {"GCE_METADATA_HOST", false},
                     {"GCE_METADATA_ROOT", false},
                     {"GCE_METADATA_IP", false},
                     {"GCE_METADATA_TIMEOUT", false},
                     {"GCE_METADATA_DETECT_RETRIES", false},
                     {"NO_GCE_CHECK", false},
                     {"RCLONE_CONFIG", false},
                     {"STORAGE_EMULATOR_HOST", false},
                     {"BIGQUERY_EMULATOR_HOST", false},
                     {"AWS_PROFILE", false},
                     {"AWS_DEFAULT_PROFILE", false},
                     {"AWS_REGION", false},
                     {"AWS_DEFAULT_REGION", false},
                     {"AWS_ACCESS_KEY_ID", false},
                     {"AWS_SECRET_ACCESS_KEY", true},
                     {"AWS_SESSION_TOKEN", true},
                     {"AWS_ACCOUNT_ID", false},
                     {"AWS_ROLE_ARN", false},
                     {"AWS_ROLE_SESSION_NAME", false},
                     {"AWS_WEB_IDENTITY_TOKEN_FILE", false},
                     {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", true},
                     {"AWS_CONTAINER_CREDENTIALS_FULL_URI", true},
                     {"AWS_CONTAINER_AUTHORIZATION_TOKEN", true},
                     {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", false},
                     {"AWS_EC2_METADATA_DISABLED", false},
                     {"AWS_EC2_METADATA_SERVICE_ENDPOINT", false},
                     {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", false},
                     {"AWS_EC2_METADATA_V1_DISABLED", false},
                     {"AWS_METADATA_SERVICE_TIMEOUT", false},
                     {"AWS_METADATA_SERVICE_NUM_ATTEMPTS", false},
                     {"AWS_ENDPOINT_URL", false},
                     {"AWS_ENDPOINT_URL_S3", false},
                     {"AWS_ENDPOINT_URL_LAMBDA", false},
                     {"AWS_ENDPOINT_URL_STS", false},
                     {"AWS_ENDPOINT_URL_SSO", false},
                     {"AWS_ENDPOINT_URL_SSO_OIDC", false},
                     {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", false},
                     {"AWS_USE_FIPS_ENDPOINT", false},
                     {"AWS_USE_DUALSTACK_ENDPOINT", false},
                     {"AWS_STS_REGIONAL_ENDPOINTS", false},
                     {"AWS_CONFIG_FILE", false},
                     {"AWS_SHARED_CREDENTIALS_FILE", false},
                     {"AWS_MAX_ATTEMPTS", false},
                     {"AWS_RETRY_MODE", false},
                     {"AWS_CA_BUNDLE", false},
                     {"SSL_CERT_FILE", false},
                     {"SSL_CERT_DIR", false},
                     {"HTTPS_PROXY", true},
                     {"https_proxy", true},
                     {"http_proxy", true},
                     {"ALL_PROXY", true},
                     {"all_proxy", true},
                     {"NO_PROXY", false},
                     {"no_proxy", false},
                     {"XDG_DATA_HOME", false},
                     {"XDG_CONFIG_HOME", false},
                     {"TMPDIR", false},
                     {"VISUAL", false},
                     {"EDITOR", false},
                     {"NO_COLOR", false}};
    if (cli_wants_help(c)) {
        cli_text(c, stdout, "%s",
                 "Usage: dowel config [--json]\n\nShows the version, the database in use, the variables that dowel "
                 "honours and that are set, and where each block comes from.\n\nExample:\n  dowel config --json\n");
        return 0;
    }
    cli_flag flag;
    for (cli_kind kind; (kind = cli_next(c, &flag));) {
        if (kind == CLI_WORD) return cli_usage(c, "dowel config --help", "\"%.60s\" is not a flag", flag.word);
        if (strcmp(flag.name, "json"))
            return cli_unknown_flag(c, "dowel config --help", &flag, NULL, (const char *const[]){"json", NULL});
        if (cli_switch(c, &flag, &c->json)) return cli_failed(c);
    }
    if (cli_open(c)) return cli_failed(c);
    json_t *environment = json_object();
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i].name);
        if (value && *value)
            json_object_set_new(environment, variables[i].name, json_string(variables[i].secret ? "(set)" : value));
    }
    json_t *blocks = sources(c);
    json_t *config = json_pack("{s:s,s:s,s:o,s:o}", "version", dowel_version(), "database", dowel_database_url(c->d),
                               "environment", environment, "blocks", blocks);
    if (c->json) {
        cli_print_json(config);
    } else {
        printf("version:  %s\ndatabase: %s\n", dowel_version(), dowel_database_url(c->d));
        if (json_object_size(environment)) puts("\nenvironment:");
        cli_print_value(c, environment);
        if (json_object_size(blocks)) puts("\nblocks:");
        if (json_is_string(blocks))
            printf("\nblocks: cannot be listed: %s\n", json_string_value(blocks));
        else
            cli_print_value(c, blocks);
    }
    json_decref(config);
    return 0;
}
