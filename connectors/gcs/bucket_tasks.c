/* Tasks on buckets: create, get, delete, list. */
#include "client.h"
#include "tasks.h"

#include <dowel/buckets.h>
#include <dowel/json.h>
#include <stdlib.h>
#include <string.h>

/* A bucket's resource as tasks return it. New reference; NULL: out of memory. */
static json_t *describe(const json_t *resource) {
    static const struct {
        const char *name, *member;
    } members[] = {{"bucket", "name"},
                   {"location", "location"},
                   {"location_type", "locationType"},
                   {"storage_class", "storageClass"},
                   {"metageneration", "metageneration"},
                   {"created", "timeCreated"},
                   {"updated", "updated"},
                   {"lifecycle", "lifecycle"},
                   {"labels", "labels"},
                   {"retention_policy", "retentionPolicy"},
                   {"soft_delete_policy", "softDeletePolicy"},
                   {"encryption", "encryption"},
                   {"iam_configuration", "iamConfiguration"},
                   {"autoclass", "autoclass"}};
    dowel_builder bucket = dowel_build(json_object());
    json_t *described;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        json_t *value = json_object_get(resource, members[i].member);
        if (value) dowel_build_json(&bucket, members[i].name, json_incref(value));
    }
    json_t *versioning = json_object_get(json_object_get(resource, "versioning"), "enabled"),
           *payer = json_object_get(json_object_get(resource, "billing"), "requesterPays");
    dowel_build_bool(&bucket, "versioning", json_is_true(versioning));
    dowel_build_bool(&bucket, "requester_pays", json_is_true(payer));
    (void)dowel_build_end(&bucket, &described, NULL);
    return described;
}

/* ---- create ---- */

static const dowel_field create_fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_create_bucket_args),
    {DOWEL_AT(dowel_gcs_create_bucket_args, project), .kind = DOWEL_STRING, .setting = "project",
     .doc = "Project to create the bucket in. Default: the project of the credentials."},
    {DOWEL_AT(dowel_gcs_create_bucket_args, location), .kind = DOWEL_STRING, .setting = "location",
     .doc = "Region, dual-region or multi-region. Default: the multi-region US.", .example = "europe-west1"},
    {DOWEL_AT(dowel_gcs_create_bucket_args, storage_class), .kind = DOWEL_STRING,
     .doc = "Default storage class of the bucket's objects.", .example = "STANDARD"},
    {DOWEL_AT(dowel_gcs_create_bucket_args, versioning), .kind = DOWEL_BOOL,
     .doc = "Keep generations that are overwritten or deleted."},
    {DOWEL_GIVEN_AT(dowel_gcs_create_bucket_args)},
    {0}};
static const dowel_table create_table = {"gcs.create_bucket", sizeof(dowel_gcs_create_bucket_args), create_fields,
                                         NULL};

static int run_create(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_create_bucket_args *args = data;
    dowel_gcs_client c;
    char *project = NULL;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (!rc) rc = dowel_gcp_project(d, c.credentials, args->project, &project, err);
    if (rc) return rc;
    json_t *resource = json_pack("{s:s,s:s*,s:s*}", "name", c.bucket->bucket, "location", args->location,
                                 "storageClass", args->storage_class),
           *made = NULL;
    if (!resource ||
        (args->versioning && json_object_set_new(resource, "versioning", json_pack("{s:b}", "enabled", 1)))) {
        json_decref(resource);
        free(project);
        return dowel_no_memory(err);
    }
    dowel_http_request *r = dowel_http_new(c.service, c.credentials, "POST", c.base);
    dowel_http_path(r, "storage", "v1", "b", NULL);
    dowel_http_query(r, "project", project);
    dowel_http_query(r, "userProject", c.bucket->user_project);
    dowel_http_json(r, resource);
    /* A name can be taken only once, so a repeated request cannot create a second bucket. */
    dowel_http_idempotent(r, true);
    rc = dowel_http_fetch_json(d, r, &made, err);
    if (rc && err && err->http_status == 409) {
        err->code = rc = DOWEL_E_EXISTS;
        dowel_error_hint(err, "bucket names are global: choose another name, or use the bucket if it is yours");
    }
    const char *location = json_string_value(json_object_get(made, "location"));
    if (!rc) *result = json_pack("{s:s,s:s*}", "bucket", c.bucket->bucket, "location", location);
    json_decref(made);
    json_decref(resource);
    free(project);
    return rc;
}

const dowel_task dowel_gcs_task_create_bucket = {.size = sizeof(dowel_task),
                                                 .name = "gcs.create_bucket",
                                                 .doc = "Creates the block's bucket.",
                                                 .args = &create_table,
                                                 .run = run_create,
                                                 .example = "--bucket gcs-bucket/landing --location europe-west1"};

/* ---- get, delete ---- */

static const dowel_field bucket_fields[] = {DOWEL_GCS_BUCKET_FIELD(dowel_gcs_bucket_args),
                                            DOWEL_GCS_IF_METAGENERATION_MATCH(dowel_gcs_bucket_args),
                                            DOWEL_GCS_IF_METAGENERATION_NOT_MATCH(dowel_gcs_bucket_args),
                                            {DOWEL_GIVEN_AT(dowel_gcs_bucket_args)},
                                            {0}};
static const dowel_table get_table = {"gcs.get_bucket", sizeof(dowel_gcs_bucket_args), bucket_fields, NULL};
static const dowel_table delete_table = {"gcs.delete_bucket", sizeof(dowel_gcs_bucket_args), bucket_fields, NULL};

static int send(dowel *d, const char *method, const dowel_gcs_bucket_args *args, dowel_gcs_client *c, json_t **answer,
                dowel_error *err) {
    int rc = dowel_gcs_client_open(d, args->bucket, c, err);
    if (rc) return rc;
    dowel_http_request *r = dowel_gcs_request(c, method, NULL);
    dowel_gcs_condition(r, (dowel_gcs_conditions){.metageneration_match = args->if_metageneration_match,
                                                  .metageneration_not_match = args->if_metageneration_not_match});
    return dowel_http_fetch_json(d, r, answer, err);
}

static int run_get(dowel *d, const void *data, json_t **result, dowel_error *err) {
    dowel_gcs_client c;
    json_t *resource = NULL;
    int rc = send(d, "GET", data, &c, &resource, err);
    if (!rc && !(*result = describe(resource))) rc = dowel_no_memory(err);
    json_decref(resource);
    return rc;
}

static int run_delete(dowel *d, const void *data, json_t **result, dowel_error *err) {
    dowel_gcs_client c;
    json_t *nothing = NULL;
    int rc = send(d, "DELETE", data, &c, &nothing, err);
    if (!rc) *result = json_pack("{s:s}", "bucket", c.bucket->bucket);
    if (rc == DOWEL_E_CONFLICT && err && err->http_status == 409)
        dowel_error_hint(
            err, "delete the objects first, noncurrent generations included: only an empty bucket can be deleted");
    json_decref(nothing);
    return rc;
}

const dowel_task dowel_gcs_task_get_bucket = {.size = sizeof(dowel_task),
                                              .name = "gcs.get_bucket",
                                              .doc =
                                                  "Shows a bucket's location, storage class, versioning and lifecycle.",
                                              .args = &get_table,
                                              .run = run_get,
                                              .example = "--bucket gcs-bucket/landing"};
const dowel_task dowel_gcs_task_delete_bucket = {.size = sizeof(dowel_task),
                                                 .name = "gcs.delete_bucket",
                                                 .doc = "Deletes the block's bucket, which must be empty.",
                                                 .args = &delete_table,
                                                 .run = run_delete,
                                                 .example = "--bucket gcs-bucket/landing"};

/* ---- list ---- */

static const dowel_field list_fields[] = {
    {DOWEL_AT(dowel_gcs_list_buckets_args, credentials), .kind = DOWEL_BLOCK, .setting = "gcp-credentials",
     .blocks = "gcp-credentials", .doc = "Credentials to use. Default: Application Default Credentials.",
     .example = "gcp-credentials/prod"},
    {DOWEL_AT(dowel_gcs_list_buckets_args, project), .kind = DOWEL_STRING, .setting = "project",
     .doc = "Project whose buckets to list. Default: the project of the credentials."},
    {DOWEL_AT(dowel_gcs_list_buckets_args, prefix), .kind = DOWEL_STRING,
     .doc = "List only names that begin with this."},
    {DOWEL_AT(dowel_gcs_list_buckets_args, limit), .kind = DOWEL_INT, .fallback = "1000", .minimum = 1, .maximum = 1e15,
     .doc = "Maximum number of buckets to list."},
    {DOWEL_AT(dowel_gcs_list_buckets_args, endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,
     .doc = "Base URL of a server that implements the Cloud Storage JSON API. Default: STORAGE_EMULATOR_HOST, "
            "otherwise Google's."},
    {DOWEL_GIVEN_AT(dowel_gcs_list_buckets_args)},
    {0}};
static const dowel_table list_table = {"gcs.list_buckets", sizeof(dowel_gcs_list_buckets_args), list_fields, NULL};

static int list_page(dowel_gcs_client *c, const dowel_gcs_list_buckets_args *args, const char *project,
                     dowel_pages *pages, json_t *buckets, bool *more, dowel_error *err) {
    dowel_http_request *r = dowel_http_new(c->service, c->credentials, "GET", c->base);
    json_t *page = NULL, *item;
    size_t i, left = (size_t)args->limit - json_array_size(buckets);
    dowel_http_path(r, "storage", "v1", "b", NULL);
    dowel_http_query(r, "project", project);
    dowel_http_query(r, "prefix", args->prefix);
    dowel_http_query(r, "pageToken", pages->token);
    dowel_http_query_int(r, "maxResults", left < 1000 ? (int64_t)left : 1000);
    int rc = dowel_http_fetch_json(c->d, r, &page, err);
    json_array_foreach(json_object_get(page, "items"), i, item) {
        if (rc || !left) break;
        if (json_array_append_new(buckets, describe(item))) rc = dowel_no_memory(err);
        left--;
    }
    *more = i < json_array_size(json_object_get(page, "items"));
    bool further = false;
    if (!rc) rc = dowel_pages_next(pages, json_string_value(json_object_get(page, "nextPageToken")), &further, err);
    if (rc == DOWEL_E_PROTOCOL) dowel_error_prefix(err, "Cloud Storage: the list of buckets is incomplete: ");
    *more |= further;
    json_decref(page);
    return rc;
}

static int run_list(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_list_buckets_args *args = data;
    dowel_gcs_client c;
    char *project = NULL;
    dowel_pages pages = {0};
    int rc = dowel_gcs_client_open_project(d, args->credentials, args->endpoint, &c, err);
    if (!rc) rc = dowel_gcp_project(d, c.credentials, args->project, &project, err);
    if (rc) return rc;
    json_t *buckets = json_array();
    bool more = true;
    do rc = list_page(&c, args, project, &pages, buckets, &more, err);
    while (!rc && pages.token && json_array_size(buckets) < (size_t)args->limit);
    if (!rc) *result = json_pack("{s:O,s:b}", "buckets", buckets, "truncated", more);
    json_decref(buckets);
    free(project);
    dowel_pages_clear(&pages);
    return rc;
}

const dowel_task dowel_gcs_task_list_buckets = {.size = sizeof(dowel_task),
                                                .name = "gcs.list_buckets",
                                                .doc = "Lists the buckets of a project.",
                                                .args = &list_table,
                                                .run = run_list,
                                                .example = "--credentials gcp-credentials/prod",
                                                .table_rows = "buckets",
                                                .amount = "buckets=buckets"};
