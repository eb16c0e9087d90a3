/* Listing, one page in memory at a time. */
#include "client.h"
#include "tasks.h"

#include <dowel/buckets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 1000 /* maximum of the service */

static dowel_http_request *page_request(dowel_gcs_client *c, const dowel_gcs_query *query, const char *const range[3],
                                        const char *token, int64_t most) {
    char fields[512];
    dowel_http_request *r = dowel_gcs_request(c, "GET", NULL);
    dowel_http_path(r, "o", NULL);
    dowel_http_query(r, "prefix", *range[0] ? range[0] : NULL);
    dowel_http_query(r, "delimiter", query->delimiter);
    dowel_http_query(r, "startOffset", query->start_offset ? range[1] : NULL);
    dowel_http_query(r, "endOffset", query->end_offset ? range[2] : NULL);
    dowel_http_query(r, "versions", query->versions ? "true" : NULL);
    dowel_http_query(r, "pageToken", token);
    dowel_http_query_int(r, "maxResults", most);
    snprintf(fields, sizeof fields, "nextPageToken,prefixes,items(%s)", dowel_gcs_object_members);
    dowel_http_query(r, "fields", fields);
    return r;
}

/* An incomplete listing must be an error: sync --delete would remove whatever is missing from it. */
static int broken(const dowel_gcs_client *c, const char *what, dowel_error *err) {
    return dowel_fail(err, DOWEL_E_PROTOCOL, "Cloud Storage: bucket %s: the listing is incomplete: %s",
                      c->bucket->bucket, what);
}

static int check_page(const dowel_gcs_client *c, const json_t *page, const char *prefix, dowel_error *err) {
    const json_t *more = json_object_get(page, "nextPageToken");
    const char *next = json_string_value(more);
    json_t *item;
    size_t i;
    const json_t *items = json_object_get(page, "items"), *prefixes = json_object_get(page, "prefixes");
    if (!json_is_object(page) || json_object_get(page, "error") || (items && !json_is_array(items)) ||
        (prefixes && !json_is_array(prefixes)) || (more && !next))
        return broken(c, "the answer is not a listing", err);
    json_array_foreach(items, i, item) {
        const json_t *text = json_object_get(item, "name");
        const char *name = json_string_value(text);
        if (!name || !json_string_length(text)) return broken(c, "an object without a name", err);
        if (strncmp(name, prefix, strlen(prefix)) != 0) return broken(c, "an object outside the requested prefix", err);
    }
    return 0;
}

/* Merges the items and prefixes of a page, two lists in the order of names. */
static int visit_page(const json_t *page, int64_t *left, dowel_gcs_visitor visit, void *context, bool *cut,
                      dowel_error *err) {
    const json_t *items = json_object_get(page, "items"), *prefixes = json_object_get(page, "prefixes");
    size_t i = 0, j = 0;
    int rc = 0;
    for (;;) {
        const json_t *item = json_array_get(items, i);
        const char *name = json_string_value(json_object_get(item, "name")),
                   *prefix = json_string_value(json_array_get(prefixes, j));
        if ((!item && !prefix) || rc) return rc;
        if (!*left) {
            *cut = true;
            return 0;
        }
        --*left;
        if (item && (!prefix || strcmp(name ? name : "", prefix) <= 0)) {
            rc = visit(context, item, NULL, err);
            i++;
        } else {
            char *shown = dowel_gcs_shown(json_array_get(prefixes, j));
            rc = shown ? visit(context, NULL, shown, err) : dowel_no_memory(err);
            free(shown);
            j++;
        }
    }
}

/* Reads one page and moves on to the next. */
static int walk_page(dowel_gcs_client *c, const dowel_gcs_query *query, const char *const range[3], dowel_pages *pages,
                     int64_t *left, dowel_gcs_visitor visit, void *context, bool *cut, bool *more, dowel_error *err) {
    json_t *page = NULL;
    dowel_http_request *r = page_request(c, query, range, pages->token, *left < PAGE ? *left : PAGE);
    int rc = dowel_http_fetch_document(c->d, r, DOWEL_JSON_NUL, &page, err);
    if (!rc) rc = check_page(c, page, range[0], err);
    if (!rc) rc = visit_page(page, left, visit, context, cut, err);
    if (!rc) {
        rc = dowel_pages_next(pages, json_string_value(json_object_get(page, "nextPageToken")), more, err);
        if (rc == DOWEL_E_PROTOCOL) rc = broken(c, "the page token does not advance", err);
    }
    json_decref(page);
    return rc;
}

int dowel_gcs_walk(dowel_gcs_client *c, const dowel_gcs_query *query, dowel_gcs_visitor visit, void *context,
                   bool *more, dowel_error *err) {
    char *prefix = dowel_gcs_full_name(c, query->prefix ? query->prefix : ""),
         *start = dowel_gcs_full_name(c, query->start_offset ? query->start_offset : ""),
         *end = dowel_gcs_full_name(c, query->end_offset ? query->end_offset : "");
    int64_t left = query->limit > 0 ? query->limit : INT64_MAX;
    bool cut = false, further = true;
    dowel_pages pages = {0};
    int rc = prefix && start && end ? 0 : dowel_no_memory(err);
    while (!rc && further && !cut && left)
        rc = walk_page(c, query, (const char *const[]){prefix, start, end}, &pages, &left, visit, context, &cut,
                       &further, err);
    if (more) *more = cut || further;
    dowel_pages_clear(&pages);
    free(prefix);
    free(start);
    free(end);
    return rc;
}

/* ---- the task ---- */

static const dowel_field fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_list_args),
    {DOWEL_AT(dowel_gcs_list_args, prefix), .kind = DOWEL_STRING, .flags = DOWEL_SUBJECT,
     .doc = "List only names that begin with this."},
    {DOWEL_AT(dowel_gcs_list_args, delimiter), .kind = DOWEL_STRING,
     .doc = "Group names that contain this after the prefix, as folders group files.", .example = "/"},
    {DOWEL_AT(dowel_gcs_list_args, limit), .kind = DOWEL_INT, .fallback = "1000", .minimum = 1, .maximum = 1e15,
     .doc = "Maximum number of objects and prefixes to list."},
    {DOWEL_AT(dowel_gcs_list_args, start_offset), .kind = DOWEL_STRING,
     .doc = "List only names from this one on, in byte order."},
    {DOWEL_AT(dowel_gcs_list_args, end_offset), .kind = DOWEL_STRING,
     .doc = "List only names before this one, in byte order."},
    {DOWEL_AT(dowel_gcs_list_args, versions), .kind = DOWEL_BOOL, .doc = "List noncurrent generations too."},
    {DOWEL_GIVEN_AT(dowel_gcs_list_args)},
    {0}};
static const dowel_table table = {"gcs.list", sizeof(dowel_gcs_list_args), fields, NULL};

typedef struct collection {
    const dowel_gcs_client *client;
    json_t *objects, *prefixes;
} collection;

static int collect(void *context, const json_t *resource, const char *prefix, dowel_error *err) {
    collection *all = context;
    int failed = resource
                     ? json_array_append_new(all->objects, dowel_gcs_describe(all->client, resource))
                     : json_array_append_new(all->prefixes, json_string(dowel_gcs_without_folder(all->client, prefix)));
    return failed ? dowel_no_memory(err) : 0;
}

static int run(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_list_args *args = data;
    dowel_gcs_client c;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    collection all = {&c, json_array(), json_array()};
    const dowel_gcs_query query = {.prefix = args->prefix,
                                   .delimiter = args->delimiter,
                                   .start_offset = args->start_offset,
                                   .end_offset = args->end_offset,
                                   .versions = args->versions,
                                   .limit = args->limit};
    bool more = false;
    rc = dowel_gcs_walk(&c, &query, collect, &all, &more, err);
    if (!rc) *result = json_pack("{s:O,s:O,s:b}", "objects", all.objects, "prefixes", all.prefixes, "truncated", more);
    if (!rc && !*result) rc = dowel_no_memory(err);
    json_decref(all.objects);
    json_decref(all.prefixes);
    return rc;
}

const dowel_task dowel_gcs_task_list = {.size = sizeof(dowel_task),
                                        .name = "gcs.list",
                                        .doc = "Lists objects.",
                                        .args = &table,
                                        .run = run,
                                        .example = "--bucket gcs-bucket/landing --prefix 2026/",
                                        .table_rows = "objects",
                                        .amount = "objects=objects"};
