/* Tasks on single objects that transfer no content: stat, delete, update. */
#include "client.h"
#include "tasks.h"

#include <dowel/json.h>
#include <string.h>

/* ---- stat, delete ---- */

static const dowel_field object_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_object_args),     DOWEL_GCS_NAME_FIELD(dowel_gcs_object_args),
    DOWEL_GCS_GENERATION_FIELD(dowel_gcs_object_args), DOWEL_GCS_CONDITION_FIELDS(dowel_gcs_object_args),
    {DOWEL_GIVEN_AT(dowel_gcs_object_args)},           {0}};
static const dowel_table stat_table = {"gcs.stat", sizeof(dowel_gcs_object_args), object_fields, NULL};
static const dowel_table delete_table = {"gcs.delete", sizeof(dowel_gcs_object_args), object_fields, NULL};

static int run_stat(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_object_args *args = data;
    dowel_gcs_client c;
    json_t *resource = NULL;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    dowel_http_request *r = dowel_gcs_request(&c, "GET", args->name);
    dowel_gcs_encrypt(r, c.bucket, false); /* otherwise the service leaves out the checksums */
    dowel_http_query(r, "generation", args->generation);
    dowel_gcs_condition(r, DOWEL_GCS_CONDITIONS(args));
    rc = dowel_http_fetch_json(d, r, &resource, err);
    if (!rc && !(*result = dowel_gcs_describe(&c, resource))) rc = dowel_no_memory(err);
    json_decref(resource);
    return rc;
}

const dowel_task dowel_gcs_task_stat = {.size = sizeof(dowel_task),
                                        .name = "gcs.stat",
                                        .doc = "Shows an object's size, generation, checksums and metadata.",
                                        .args = &stat_table,
                                        .run = run_stat,
                                        .example = "--bucket gcs-bucket/landing --name airports.csv"};

static int run_delete(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_object_args *args = data;
    dowel_gcs_client c;
    json_t *nothing = NULL;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    dowel_http_request *r = dowel_gcs_request(&c, "DELETE", args->name);
    dowel_http_query(r, "generation", args->generation);
    dowel_gcs_condition(r, DOWEL_GCS_CONDITIONS(args));
    /* Without a generation, a repeated request could delete an object written in between. */
    dowel_http_idempotent(r, args->generation || args->if_generation_match);
    rc = dowel_http_fetch_json(d, r, &nothing, err);
    if (!rc) *result = json_pack("{s:s,s:s}", "bucket", c.bucket->bucket, "name", args->name);
    json_decref(nothing);
    return rc;
}

const dowel_task dowel_gcs_task_delete = {.size = sizeof(dowel_task),
                                          .name = "gcs.delete",
                                          .doc = "Deletes an object.",
                                          .args = &delete_table,
                                          .run = run_delete,
                                          .example = "--bucket gcs-bucket/landing --name airports.csv"};

/* ---- update ---- */

static const dowel_field update_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_update_args),
    DOWEL_GCS_NAME_FIELD(dowel_gcs_update_args),
    DOWEL_GCS_GENERATION_FIELD(dowel_gcs_update_args),
    {DOWEL_AT(dowel_gcs_update_args, content_type), .kind = DOWEL_STRING, .doc = "Content-Type of the object.",
     .example = "text/csv"},
    DOWEL_GCS_CONTENT_FIELDS(dowel_gcs_update_args),
    {DOWEL_AT(dowel_gcs_update_args, metadata), .kind = DOWEL_MAP,
     .doc = "User metadata to set. Other metadata stays."},
    {DOWEL_AT(dowel_gcs_update_args, remove_metadata), .kind = DOWEL_LIST, .doc = "Names of user metadata to remove."},
    DOWEL_GCS_TEXT_FIELD(dowel_gcs_update_args, predefined_acl, "Predefined ACL to apply."),
    DOWEL_GCS_CONDITION_FIELDS(dowel_gcs_update_args),
    {DOWEL_GIVEN_AT(dowel_gcs_update_args)},
    {0}};

static const char *const *contents(const dowel_gcs_update_args *args, const char *values[5]) {
    values[0] = args->content_type;
    values[1] = args->content_encoding;
    values[2] = args->content_language;
    values[3] = args->content_disposition;
    values[4] = args->cache_control;
    return values;
}

static int check_update(const void *data, dowel_error *err) {
    const dowel_gcs_update_args *args = data;
    const char *values[5];
    bool any = args->metadata || args->remove_metadata || args->predefined_acl;
    contents(args, values);
    for (int i = 0; i < 5; i++) any |= values[i] != NULL;
    return any ? 0
               : dowel_fail(err, DOWEL_E_INVALID, "nothing to update: give content_type, metadata or another field");
}

static const dowel_table update_table = {"gcs.update", sizeof(dowel_gcs_update_args), update_fields, check_update};

static json_t *changes(const dowel_gcs_update_args *args) {
    static const char *const names[5] = {"contentType", "contentEncoding", "contentLanguage", "contentDisposition",
                                         "cacheControl"};
    const char *values[5];
    dowel_builder patch = dowel_build(json_object()), metadata = dowel_build(json_object());
    json_t *built;
    contents(args, values);
    for (int i = 0; i < 5; i++) dowel_build_text(&patch, names[i], values[i]);
    for (const char *const *name = args->remove_metadata; name && *name; name++)
        dowel_build_json(&metadata, *name, json_null());
    for (const dowel_pair *pair = args->metadata; pair && pair->name; pair++)
        dowel_build_text(&metadata, pair->name, pair->value);
    int rc = dowel_build_end(&metadata, &built, NULL);
    if (rc || json_object_size(built))
        dowel_build_json(&patch, "metadata", built);
    else
        json_decref(built);
    (void)dowel_build_end(&patch, &built, NULL);
    return built;
}

static int run_update(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_update_args *args = data;
    dowel_gcs_client c;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    json_t *patch = changes(args), *resource = NULL;
    if (!patch) return dowel_no_memory(err);
    dowel_http_request *r = dowel_gcs_request(&c, "PATCH", args->name);
    dowel_http_query(r, "generation", args->generation);
    dowel_http_query(r, "predefinedAcl", args->predefined_acl);
    dowel_gcs_condition(r, DOWEL_GCS_CONDITIONS(args));
    dowel_http_json(r, patch);
    /* Without it, a repeated request could undo a change made in between. */
    dowel_http_idempotent(r, args->if_metageneration_match != NULL);
    rc = dowel_http_fetch_json(d, r, &resource, err);
    if (!rc && !(*result = dowel_gcs_describe(&c, resource))) rc = dowel_no_memory(err);
    json_decref(patch);
    json_decref(resource);
    return rc;
}

const dowel_task dowel_gcs_task_update = {
    .size = sizeof(dowel_task),
    .name = "gcs.update",
    .doc = "Changes an object's metadata, not its content.",
    .args = &update_table,
    .run = run_update,
    .example = "--bucket gcs-bucket/landing --name airports.csv --content-type text/csv --metadata owner=data"};
