/* Objects made from other objects by the service: copies (rewrite) and compositions (compose). */
#include "client.h"
#include "tasks.h"

#include <dowel/json.h>
#include <stdlib.h>
#include <string.h>

/* ---- copy ---- */

static const dowel_field copy_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_copy_args),
    DOWEL_GCS_NAME_FIELD(dowel_gcs_copy_args),
    {DOWEL_AT(dowel_gcs_copy_args, to_name), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED,
     .doc = "Name of the copy, relative to the folder of its block."},
    {DOWEL_AT(dowel_gcs_copy_args, to_bucket), .kind = DOWEL_BLOCK, .blocks = "gcs-bucket",
     .doc = "Bucket of the copy. Default: the same bucket."},
    DOWEL_GCS_GENERATION_FIELD(dowel_gcs_copy_args),
    DOWEL_GCS_KEPT_FIELDS(dowel_gcs_copy_args),
    DOWEL_GCS_CONDITION_FIELDS(dowel_gcs_copy_args),
    DOWEL_GCS_TEXT_FIELD(dowel_gcs_copy_args, if_source_generation_match,
                         "Proceed only if the source object has this generation."),
    DOWEL_GCS_TEXT_FIELD(dowel_gcs_copy_args, if_source_metageneration_match,
                         "Proceed only if the metadata of the source object has this generation."),
    {DOWEL_GIVEN_AT(dowel_gcs_copy_args)},
    {0}};
static const dowel_table copy_table = {"gcs.copy", sizeof(dowel_gcs_copy_args), copy_fields, NULL};

static dowel_http_request *rewrite_request(dowel_gcs_client *from, dowel_gcs_client *to, const char *target,
                                           const dowel_gcs_copy_args *args, const char *token) {
    dowel_http_request *r = dowel_gcs_request(from, "POST", args->name);
    dowel_http_path(r, "rewriteTo", "b", to->bucket->bucket, "o", target, NULL);
    /* One project is billed for both buckets. */
    if (!from->bucket->user_project) dowel_http_query(r, "userProject", to->bucket->user_project);
    dowel_http_query(r, "sourceGeneration", args->generation);
    dowel_http_query(r, "destinationKmsKeyName", args->kms_key);
    dowel_http_query(r, "destinationPredefinedAcl", args->predefined_acl);
    dowel_gcs_condition(r, DOWEL_GCS_CONDITIONS(args));
    dowel_http_query(r, "ifSourceGenerationMatch", args->if_source_generation_match);
    dowel_http_query(r, "ifSourceMetagenerationMatch", args->if_source_metageneration_match);
    dowel_http_query(r, "rewriteToken", token);
    dowel_gcs_encrypt(r, from->bucket, true);
    dowel_gcs_encrypt(r, to->bucket, false);
    if (args->storage_class) {
        json_t *change = json_pack("{s:s}", "storageClass", args->storage_class);
        dowel_http_json(r, change);
        json_decref(change);
    }
    /* A token continues a copy that was started. */
    dowel_http_idempotent(r, token || args->if_generation_match || to->last_wins);
    return r;
}

int dowel_gcs_rewrite(dowel_gcs_client *from, dowel_gcs_client *to, const dowel_gcs_copy_args *args, json_t **resource,
                      dowel_error *err) {
    char *target = dowel_gcs_full_name(to, args->to_name), *token = NULL;
    bool done = false;
    int rc = target ? 0 : dowel_no_memory(err);
    /* Large objects take several calls; each continues with the token of the one before. */
    while (!rc && !done) {
        json_t *answer = NULL;
        rc = dowel_http_fetch_json(from->d, rewrite_request(from, to, target, args, token), &answer, err);
        if (rc) break;
        done = json_is_true(json_object_get(answer, "done"));
        const char *next = json_string_value(json_object_get(answer, "rewriteToken")),
                   *written = json_string_value(json_object_get(answer, "totalBytesRewritten")),
                   *size = json_string_value(json_object_get(answer, "objectSize"));
        free(token);
        token = next ? strdup(next) : NULL;
        if (written && size) dowel_progress(from->d, strtoll(written, NULL, 10), strtoll(size, NULL, 10));
        if (done && resource)
            *resource = json_incref(json_object_get(answer, "resource"));
        else if (!done && !token)
            rc = dowel_fail(err, DOWEL_E_PROTOCOL,
                            "Cloud Storage: copying %s: the answer is neither done nor has a rewriteToken", args->name);
        json_decref(answer);
    }
    free(token);
    free(target);
    return rc;
}

static int run_copy(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_copy_args *args = data;
    dowel_gcs_client from, to;
    json_t *resource = NULL;
    int rc = dowel_gcs_client_open(d, args->bucket, &from, err);
    if (!rc) rc = dowel_gcs_client_open(d, args->to_bucket ? args->to_bucket : args->bucket, &to, err);
    if (!rc) rc = dowel_gcs_rewrite(&from, &to, args, &resource, err);
    if (!rc && !(*result = dowel_gcs_describe(&to, resource))) rc = dowel_no_memory(err);
    json_decref(resource);
    return rc;
}

const dowel_task dowel_gcs_task_copy = {
    .size = sizeof(dowel_task),
    .name = "gcs.copy",
    .doc = "Copies an object within Cloud Storage.",
    .args = &copy_table,
    .run = run_copy,
    .example = "--bucket gcs-bucket/landing --name airports.csv --to-name old/airports.csv",
    .amount = "size=bytes"};

/* ---- compose ---- */

#define COMPOSED_MOST 32 /* limit of the service */

static const dowel_field compose_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_compose_args),
    {DOWEL_AT(dowel_gcs_compose_args, name), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,
     .doc = "Name of the composed object, relative to the block's folder.", .example = "all.csv"},
    {DOWEL_AT(dowel_gcs_compose_args, parts), .kind = DOWEL_LIST, .flags = DOWEL_REQUIRED,
     .doc = "Names of the objects to compose, in order, at most 32. They are not deleted.", .example = "part-1.csv"},
    {DOWEL_AT(dowel_gcs_compose_args, content_type), .kind = DOWEL_STRING,
     .doc = "Content-Type of the object. Default: guessed from its name.", .example = "text/csv"},
    {DOWEL_AT(dowel_gcs_compose_args, metadata), .kind = DOWEL_MAP, .doc = "User metadata of the object."},
    DOWEL_GCS_KEPT_FIELDS(dowel_gcs_compose_args),
    DOWEL_GCS_IF_GENERATION_MATCH(dowel_gcs_compose_args),
    DOWEL_GCS_IF_METAGENERATION_MATCH(dowel_gcs_compose_args),
    {DOWEL_GIVEN_AT(dowel_gcs_compose_args)},
    {0}};

static int check_compose(const void *data, dowel_error *err) {
    const dowel_gcs_compose_args *args = data;
    size_t count = 0;
    while (args->parts[count]) count++;
    return count <= 32 ? 0
                       : dowel_fail(err, DOWEL_E_INVALID,
                                    "field \"parts\": %zu names; Cloud Storage composes at most 32", count);
}

static const dowel_table compose_table = {"gcs.compose", sizeof(dowel_gcs_compose_args), compose_fields, check_compose};

/* The body of a composition. New reference; NULL: out of memory. */
static json_t *composition(const dowel_gcs_client *c, const dowel_gcs_upload_args *args,
                           const dowel_gcs_source *parts) {
    dowel_builder list = dowel_build(json_array()), document = dowel_build(json_object());
    json_t *built;
    for (; parts->name; parts++) {
        char *full = dowel_gcs_full_name(c, parts->name);
        dowel_build_item(&list, full ? json_pack("{s:s,s:s*}", "name", full, "generation", parts->generation) : NULL);
        free(full);
    }
    (void)dowel_build_end(&list, &built, NULL);
    dowel_build_json(&document, "sourceObjects", built);
    dowel_build_json(&document, "destination", dowel_gcs_resource(c, args));
    (void)dowel_build_end(&document, &built, NULL);
    return built;
}

int dowel_gcs_join(dowel_gcs_client *c, const dowel_gcs_upload_args *args, const dowel_gcs_source *parts,
                   json_t **resource, dowel_error *err) {
    json_t *document = composition(c, args, parts);
    if (!document) return dowel_no_memory(err);
    dowel_http_request *r = dowel_gcs_request(c, "POST", args->name);
    dowel_http_path(r, "compose", NULL);
    dowel_http_query(r, "kmsKeyName", args->kms_key);
    dowel_http_query(r, "destinationPredefinedAcl", args->predefined_acl);
    dowel_gcs_condition(r, DOWEL_GCS_CONDITIONS(args));
    dowel_gcs_encrypt(r, c->bucket, false);
    dowel_http_json(r, document);
    dowel_http_idempotent(r, args->if_generation_match || c->last_wins);
    int rc = dowel_http_fetch_json(c->d, r, resource, err);
    json_decref(document);
    return rc;
}

static int run_compose(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_compose_args *args = data;
    dowel_gcs_client c;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    dowel_gcs_source parts[COMPOSED_MOST + 1] = {{NULL, NULL}};
    for (size_t i = 0; args->parts[i]; i++) parts[i].name = args->parts[i];
    const dowel_gcs_upload_args whole = {.name = args->name,
                                         .content_type = args->content_type,
                                         .metadata = args->metadata,
                                         .storage_class = args->storage_class,
                                         .predefined_acl = args->predefined_acl,
                                         .kms_key = args->kms_key,
                                         .if_generation_match = args->if_generation_match,
                                         .if_metageneration_match = args->if_metageneration_match};
    json_t *resource = NULL;
    rc = dowel_gcs_join(&c, &whole, parts, &resource, err);
    if (!rc && !(*result = dowel_gcs_describe(&c, resource))) rc = dowel_no_memory(err);
    json_decref(resource);
    return rc;
}

const dowel_task dowel_gcs_task_compose = {
    .size = sizeof(dowel_task),
    .name = "gcs.compose",
    .doc = "Concatenates objects into one within Cloud Storage.",
    .args = &compose_table,
    .run = run_compose,
    .example = "--bucket gcs-bucket/landing --name all.csv --parts part-1.csv --parts part-2.csv",
    .amount = "size=bytes"};
