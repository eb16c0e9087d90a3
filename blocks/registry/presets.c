/* Saved defaults: what fills fields that a call does not give. They are one block, config/defaults, so that they are sealed, exported and
 * protected from the deletion of what they name, as blocks are. */
#include "stored.h"
#include "types.h"

#include <dowel/text.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCE "config/defaults"
#define NAME "defaults"

typedef struct config {
    dowel_block *gcp_credentials, *aws_credentials;
    const char *project, *gcp_region, *location, *aws_region;
    dowel_block *result_storage;
} config;

static const dowel_field fields[] = {
    {DOWEL_AT(config, gcp_credentials), .kind = DOWEL_BLOCK, .blocks = "gcp-credentials",
     .doc = "Credentials for calls to Google Cloud.", .example = "prod"},
    {DOWEL_AT(config, project), .kind = DOWEL_STRING, .doc = "Google Cloud project.", .example = "acme-prod"},
    {DOWEL_AT(config, gcp_region), .kind = DOWEL_STRING, .doc = "Google Cloud region of jobs.",
     .example = "europe-west1"},
    {DOWEL_AT(config, location), .kind = DOWEL_STRING, .doc = "Google Cloud location of data: datasets, new buckets.",
     .example = "EU"},
    {DOWEL_AT(config, aws_credentials), .kind = DOWEL_BLOCK, .blocks = "aws-credentials",
     .doc = "Credentials for calls to AWS.", .example = "work"},
    {DOWEL_AT(config, aws_region), .kind = DOWEL_STRING, .doc = "AWS region of buckets and functions.",
     .example = "eu-west-1"},
    {DOWEL_AT(config, result_storage), .kind = DOWEL_BLOCK, .doc = "Block that keeps results of --persist-result.",
     .example = "local-file-system/results"},
    {0}};
static const dowel_table table = {.name = "config", .size = sizeof(config), .fields = fields};

const dowel_block_type dowel_config_type = {
    .size = sizeof(dowel_block_type),
    .name = "config",
    .doc = "Defaults for fields that a call does not give: see `dowel config set`.",
    .table = &table,
    .version = 1};

/* Variables that decide instead of the saved default: one whose value is used, and those that the cloud's own tools read, which are left to the
 * cloud's own rules. */
static const struct {
    const char *name, *own, *clouds[5];
} variables[] = {{"gcp_credentials", "DOWEL_GCP_CREDENTIALS", {"GOOGLE_APPLICATION_CREDENTIALS"}},
                 {"project", "DOWEL_PROJECT", {"GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"}},
                 {"gcp_region", "DOWEL_GCP_REGION", {NULL}},
                 {"location", "DOWEL_LOCATION", {NULL}},
                 {"aws_credentials",
                  "DOWEL_AWS_CREDENTIALS",
                  {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"}},
                 {"aws_region", "DOWEL_AWS_REGION", {"AWS_REGION", "AWS_DEFAULT_REGION"}},
                 {"result_storage", "DOWEL_RESULT_STORAGE", {NULL}}};

static size_t place_of(const dowel_field *field) {
    size_t i = 0;
    while (strcmp(variables[i].name, field->name) != 0) i++;
    return i;
}

/* The name of the variable of a cloud's tools that decides, with its value; NULL: none is set. The caller frees *value. */
static const char *cloud_variable(const dowel_field *field, char **value) {
    *value = NULL;
    const char *const *names = variables[place_of(field)].clouds;
    for (; *names; names++)
        if ((*value = dowel_variable(*names))) return *names;
    return NULL;
}

/* ---- the saved block ---- */

static int exists(dowel *d, bool *there, dowel_error *err) {
    char origin[DOWEL_ORIGIN_SIZE];
    dowel_db *db = NULL;
    dowel_rows *rows = NULL;
    *there = dowel_readonly_find(&dowel_config_type, NAME, origin);
    if (*there) return 0;
    int rc = dowel_registry_database(d, &db, err);
    if (!rc)
        rc = dowel_db_query(db, "SELECT 1 FROM blocks WHERE type = $1 AND name = $2",
                            DOWEL_VALUES(DOWEL_TEXT(dowel_config_type.name), DOWEL_TEXT(NAME)), &rows, err);
    if (!rc) rc = dowel_rows_next(rows, err);
    *there = rc == 1;
    dowel_rows_free(rows);
    dowel_database_release(d, db);
    return rc < 0 ? rc : 0;
}

/* The document, empty if there is none. *origin: where it is from. */
static int read_saved(dowel *d, json_t **document, char origin[DOWEL_ORIGIN_SIZE], dowel_error *err) {
    bool there;
    int rc = exists(d, &there, err);
    if (rc) return rc;
    dowel_stored stored;
    snprintf(origin, DOWEL_ORIGIN_SIZE, "registry");
    *document = there ? NULL : json_object();
    if (!there) return *document ? 0 : dowel_no_memory(err);
    rc = dowel_stored_read(d, NULL, &dowel_config_type, NAME, &stored, err);
    if (rc) return rc;
    rc = dowel_stored_open(d, &stored, true, err);
    if (!rc) *document = json_incref(stored.document);
    if (stored.readonly) snprintf(origin, DOWEL_ORIGIN_SIZE, "%s", stored.origin);
    dowel_stored_clear(&stored);
    return rc;
}

/* A member as text; references in their short form. */
static const char *text_of(const json_t *document, const dowel_field *field) {
    const json_t *value = json_object_get(document, field->name);
    return json_string_value(json_is_object(value) ? json_object_get(value, "$block") : value);
}

/* A name alone, of a field that takes one type only, with its type. Newly allocated. */
static char *full_name(const dowel_field *field, const char *name) {
    if (field->kind != DOWEL_BLOCK || strchr(name, '/') || !field->blocks) return strdup(name);
    dowel_text full = {.limit = 1024};
    dowel_text_format(&full, "%s/%s", field->blocks, name);
    return dowel_text_take(&full, NULL);
}

/* ---- looking up ---- */

static void *make_warned(dowel *d) {
    (void)d;
    return calloc(1, sizeof(atomic_flag));
}

/* As the history, defaults do without a database that cannot be reached, but not in silence. */
static void warn(dowel *d, const dowel_error *why) {
    static const char key;
    atomic_flag *warned = dowel_attach(d, &key, make_warned, free);
    if (warned && !atomic_flag_test_and_set(warned))
        dowel_log(d, DOWEL_LOG_WARNING, "the saved defaults (`dowel config`) cannot be read, and none is used: %s",
                  why->message);
}

/* *text: newly allocated, or NULL if there is no default. */
static int look_up(dowel *d, const char *setting, char **text, dowel_error *err) {
    const dowel_field *field = dowel_field_find(&table, setting);
    char origin[DOWEL_ORIGIN_SIZE], *value = NULL;
    *text = NULL;
    if (!field) return dowel_fail(err, DOWEL_E_INTERNAL, "there is no default called %s", setting);
    char *own = dowel_variable(variables[place_of(field)].own);
    bool by_cloud = !own && cloud_variable(field, &value);
    dowel_wipe(value);
    if (by_cloud) return 0;
    json_t *document = NULL;
    int rc = own ? 0 : read_saved(d, &document, origin, err);
    const char *found = own ? own : text_of(document, field);
    if (!rc && found && !(*text = full_name(field, found))) rc = dowel_no_memory(err);
    json_decref(document);
    free(own);
    return rc;
}

int dowel_preset(void *context, const char *setting, char **text, dowel_error *err) {
    dowel_error why;
    int rc = look_up(context, setting, text, &why);
    bool away = rc == DOWEL_E_DATABASE || rc == DOWEL_E_IO || rc == DOWEL_E_NETWORK || rc == DOWEL_E_TIMEOUT;
    if (away) warn(context, &why);
    if (rc && err) *err = why;
    return away ? 0 : rc;
}

/* ---- for people ---- */

static int unknown(const char *name, dowel_error *err) {
    const char *names[16] = {NULL};
    dowel_text list = {.limit = 512};
    for (size_t i = 0; fields[i].name; i++) {
        char *shown = strdup(fields[i].name);
        for (char *p = shown; p && *p; p++)
            if (*p == '_') *p = '-';
        dowel_text_format(&list, "%s%s", i ? ", " : "", shown ? shown : "");
        free(shown);
        names[i] = fields[i].name;
    }
    const char *near = dowel_nearest(name, names);
    dowel_fail(err, DOWEL_E_INVALID, "there is no default called \"%.60s\"", name);
    if (!strcmp(name, "region")) near = NULL;
    dowel_error_hint(err, "%s%s%s%s", near ? "did you mean " : "defaults are ",
                     near        ? near
                     : list.data ? list.data
                                 : "",
                     near ? "?" : "", "");
    dowel_text_free(&list);
    return DOWEL_E_INVALID;
}

/* europe-west1 is Google's, eu-west-1 Amazon's. NULL: neither. */
static const char *region_of(const char *value) {
    size_t size = strlen(value), digits = 0;
    while (digits < size && value[size - digits - 1] >= '0' && value[size - digits - 1] <= '9') digits++;
    if (!digits || digits + 2 > size || !strchr(value, '-')) return NULL;
    return value[size - digits - 1] == '-' ? "aws_region" : "gcp_region";
}

/* "region" is the one of the cloud whose regions look like the value. */
static int find(const char *name, const char *value, const dowel_field **field, dowel_error *err) {
    const char *meant = !strcmp(name, "region") && value ? region_of(value) : NULL;
    *field = dowel_field_find(&table, meant ? meant : name);
    if (*field) return 0;
    int rc = unknown(name, err);
    if (!strcmp(name, "region"))
        dowel_error_hint(err, "say of which cloud: gcp-region (europe-west1) or aws-region (eu-west-1)");
    return rc;
}

static int check_value(dowel *d, const dowel_field *field, const char *value, json_t *document, dowel_error *err) {
    char full[DOWEL_REFERENCE_SIZE];
    bool region = strstr(field->name, "region") != NULL;
    const char *cloud = region ? region_of(value) : NULL;
    if (!*value || value[strspn(value, " \t\r\n")] == 0) {
        dowel_fail(err, DOWEL_E_INVALID, "the value of %s is empty", field->name);
        dowel_error_hint(err, "`dowel config unset` removes a default");
        return DOWEL_E_INVALID;
    }
    if (cloud && strcmp(cloud, field->name) != 0)
        return dowel_fail(err, DOWEL_E_INVALID, "\"%.60s\" looks like a region of %s", value,
                          !strcmp(cloud, "aws_region") ? "AWS: use aws-region" : "Google Cloud: use gcp-region");
    int rc = field->kind == DOWEL_BLOCK ? dowel_reference_complete(d, NULL, value, field->blocks, full, err) : 0;
    if (rc) return rc;
    return json_object_set_new(document, field->name, json_string(field->kind == DOWEL_BLOCK ? full : value))
               ? dowel_fail(err, DOWEL_E_INVALID, "the value of %s is not UTF-8", field->name)
               : 0;
}

int dowel_default_set(dowel *d, const char *name, const char *value, dowel_error *err) {
    const dowel_field *field;
    json_t *document = NULL;
    char origin[DOWEL_ORIGIN_SIZE];
    int rc = find(name, value, &field, err);
    if (!rc) rc = read_saved(d, &document, origin, err);
    if (rc) return rc;
    bool saved = json_object_get(document, field->name) != NULL;
    rc = value ? check_value(d, field, value, document, err) : 0;
    if (!rc && !value) json_object_del(document, field->name);
    if (!rc && (value || saved)) rc = dowel_block_save(d, REFERENCE, document, DOWEL_SAVE_OVERWRITE, NULL, err);
    json_decref(document);
    return rc;
}

static json_t *shown(const dowel_field *field, const char *value, const char *source, const char *detail) {
    char name[64];
    snprintf(name, sizeof name, "%s", field->name);
    for (char *p = name; *p; p++)
        if (*p == '_') *p = '-';
    return json_pack("{s:s,s:s?,s:o,s:s}", "name", name, "value", value, "source",
                     json_sprintf("%s%s%s", source, *detail ? " " : "", detail), "doc", field->doc);
}

static json_t *show_one(const dowel_field *field, const json_t *document, const char *origin) {
    const char *variable = variables[place_of(field)].own;
    char *value = NULL, *own = dowel_variable(variable), *full = own ? full_name(field, own) : NULL;
    const char *cloud = own ? NULL : cloud_variable(field, &value), *saved = text_of(document, field);
    bool secret = cloud && field->kind == DOWEL_BLOCK; /* a key id, a path: shown by the variable's name alone */
    json_t *row = own     ? shown(field, full, "variable", variable)
                  : cloud ? shown(field, secret ? NULL : value, "variable", cloud)
                  : saved ? shown(field, saved, origin, "")
                          : shown(field, NULL, "default", "");
    dowel_wipe(value);
    free(full);
    free(own);
    return row;
}

int dowel_defaults_show(dowel *d, const char *name, json_t **list, dowel_error *err) {
    const dowel_field *only = NULL;
    json_t *document = NULL, *rows = NULL;
    char origin[DOWEL_ORIGIN_SIZE];
    int rc = name ? find(name, NULL, &only, err) : 0;
    if (!rc) rc = read_saved(d, &document, origin, err);
    if (!rc && !(rows = json_array())) rc = dowel_no_memory(err);
    for (const dowel_field *field = fields; !rc && field->name; field++)
        if ((!only || only == field) && json_array_append_new(rows, show_one(field, document, origin)))
            rc = dowel_no_memory(err);
    json_decref(document);
    if (rc)
        json_decref(rows);
    else
        *list = rows;
    return rc;
}

int dowel_defaults_fill(dowel *d, const dowel_table *of, json_t *document, json_t **filled, dowel_error *err) {
    char *text;
    json_t *added = json_object();
    bool others = false;
    int rc = added ? 0 : dowel_no_memory(err);
    for (int blocks = 1; blocks >= 0; blocks--) { /* credentials first: other defaults go with the default ones */
        for (const dowel_field *field = of->fields; !rc && field->name; field++) {
            if (!field->setting || (field->kind == DOWEL_BLOCK) != (blocks == 1)) continue;
            const json_t *value = json_object_get(document, field->name);
            if (!blocks && (value || others)) continue;
            rc = look_up(d, field->setting, &text, err);
            if (!rc && value)
                others = !text || !text_of(document, field) ||
                         (strcmp(text, text_of(document, field)) != 0 &&
                          strcmp(strchr(text, '/') + 1, text_of(document, field)) != 0);
            else if (!rc && text &&
                     (json_object_set_new(document, field->name, json_string(text)) ||
                      json_object_set_new(added, field->name, json_string(text))))
                rc = dowel_no_memory(err);
            free(text);
        }
    }
    if (rc)
        json_decref(added);
    else
        *filled = added;
    return rc;
}
