/* dowel config: where things are, what the environment says, and defaults for fields that a call does not give. */
#include "cli.h"

#include <dowel/database.h>
#include <stdlib.h>
#include <string.h>

const cli_verb cli_config_verbs[] = {
    {.name = "show",
     .words = "",
     .doc = "shows version, database, key, defaults, the variables that dowel honours and that are set, and where each "
            "block "
            "comes from",
     .example = "config --json",
     .silent = true},
    {.name = "set",
     .words = "NAME VALUE",
     .doc = "saves a default for fields that a call does not give",
     .example = "config set gcp-credentials prod"},
    {.name = "get", .words = "NAME", .doc = "prints the default that is in effect", .example = "config get project"},
    {.name = "unset", .words = "NAME", .doc = "removes a saved default", .example = "config unset project"},
    {.name = NULL}};

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

static const struct {
    const char *name;
    bool secret;
} variables[] = {{"DOWEL_DATABASE_URL", true},
                 {"DOWEL_BLOCKS_DIR", false},
                 {"DOWEL_KEY", true},
                 {"DOWEL_KEY_FILE", false},
                 {"DOWEL_KEY_PASSPHRASE", true},
                 {"DOWEL_LOG", false},
                 {"DOWEL_GCP_CREDENTIALS", false},
                 {"DOWEL_PROJECT", false},
                 {"DOWEL_GCP_REGION", false},
                 {"DOWEL_LOCATION", false},
                 {"DOWEL_AWS_CREDENTIALS", false},
                 {"DOWEL_AWS_REGION", false},
                 {"DOWEL_RESULT_STORAGE", false},
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

/* Where the sealing key is. */
static json_t *key_place(cli *c) {
    json_t *keys = NULL, *origin = NULL;
    dowel_error err;
    if (dowel_keys_show(c->d, &keys, &origin, &err)) return json_string(err.message);
    json_decref(keys);
    return origin;
}

static json_t *set_variables(void) {
    json_t *environment = json_object();
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i].name);
        if (value && *value)
            json_object_set_new(environment, variables[i].name, json_string(variables[i].secret ? "(set)" : value));
    }
    return environment;
}

static json_t *defaults(cli *c) {
    json_t *list = NULL;
    dowel_error err;
    return dowel_defaults_show(c->d, NULL, &list, &err) ? json_string(err.message) : list;
}

static void print_defaults(const cli *c, const json_t *list) {
    if (json_is_array(list)) {
        puts("\ndefaults:");
        cli_print_table(c, list, (const char *const[]){"name", "value", "source", NULL});
    } else {
        printf("\ndefaults: cannot be read: %s\n", json_string_value(list));
    }
}

static int show(cli *c) {
    json_t *environment = set_variables(), *blocks = sources(c), *list = defaults(c), *key = key_place(c);
    json_t *config =
        json_pack("{s:s,s:s,s:o,s:o,s:o,s:o}", "version", dowel_version(), "database", dowel_database_url(c->d), "key",
                  key, "defaults", list, "environment", environment, "blocks", blocks);
    if (c->json) {
        cli_print_json(config);
    } else {
        printf("version:  %s\ndatabase: %s\nkey:      %s\n", dowel_version(), dowel_database_url(c->d),
               json_string_value(key));
        print_defaults(c, list);
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

/* The row of one default, or NULL with the error in c->err. */
static json_t *row_of(cli *c, const char *name, json_t **list) {
    return dowel_defaults_show(c->d, name, list, &c->err) ? NULL : json_array_get(*list, 0);
}

static int get(cli *c, const char *name) {
    json_t *list = NULL, *row = row_of(c, name, &list);
    int rc = row ? 0 : c->err.code;
    const char *value = json_string_value(json_object_get(row, "value")),
               *source = json_string_value(json_object_get(row, "source"));
    if (row && !value) {
        rc = dowel_fail(&c->err, DOWEL_E_NOT_FOUND, "%s is not set%s%s", name,
                        !strcmp(source, "default") ? "" : " here: it comes from the ",
                        !strcmp(source, "default") ? "" : source);
        dowel_error_hint(&c->err, "`dowel config set %s VALUE` saves it", name);
    } else if (row && c->json) {
        cli_print_json(row);
    } else if (row) {
        puts(value);
    }
    json_decref(list);
    return rc ? cli_failed(c) : 0;
}

/* "region" is one of two. */
static bool is_named(const char *name, const char *given) {
    size_t size = strlen(name), length = strlen(given);
    return !strcmp(name, given) || (!strcmp(given, "region") && size > length && !strcmp(name + size - length, given));
}

/* What is in effect now: a variable may override what was saved. */
static int say_set(cli *c, const char *given, const char *value) {
    json_t *list = NULL, *row;
    size_t i;
    char name[64];
    snprintf(name, sizeof name, "%s", given);
    for (char *p = name; *p; p++)
        if (*p == '_') *p = '-';
    if (dowel_defaults_show(c->d, NULL, &list, &c->err)) return cli_failed(c);
    json_array_foreach(list, i, row) {
        const char *called = json_string_value(json_object_get(row, "name")),
                   *source = json_string_value(json_object_get(row, "source")),
                   *now = json_string_value(json_object_get(row, "value"));
        if (!is_named(called, name) || (!strcmp(name, "region") && (!now || strcmp(now, value) != 0))) continue;
        if (c->json)
            cli_print_json(row);
        else if (strncmp(source, "variable", 8) != 0)
            printf("%s: %s\n", called, now ? now : "not set");
        else
            printf("%s: %s, but the %s overrides it\n", called, *value ? "saved" : "removed", source);
    }
    json_decref(list);
    return 0;
}

int cli_config(cli *c) {
    int status;
    const char *words[2] = {NULL, NULL};
    if (!cli_read_verb(c, cli_find_command("config"), &status)) return status;
    bool shows = !strcmp(c->verb->name, "show"), sets = !strcmp(c->verb->name, "set");
    if ((status = cli_read(c, (const cli_target[]){{.name = NULL}}, words, shows ? 0 : 1 + sets))) return status;
    if (!shows && (!words[0] || (sets && !words[1])))
        return cli_usage(c, c->help, "missing %s: dowel config %s %s", words[0] ? "VALUE" : "NAME", c->verb->name,
                         c->verb->words);
    if (cli_open(c)) return cli_failed(c);
    if (shows) return show(c);
    if (!strcmp(c->verb->name, "get")) return get(c, words[0]);
    if (dowel_default_set(c->d, words[0], sets ? words[1] : NULL, &c->err)) return cli_failed(c);
    return say_set(c, words[0], sets ? words[1] : "");
}
