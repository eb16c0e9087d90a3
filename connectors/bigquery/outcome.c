/* The effects of a query: as members of its result, and as one sentence for people. */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "1258291" as "1.2 MiB". */
static void size_text(int64_t bytes, char text[40]) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;
    if (bytes < 1024) {
        snprintf(text, 40, "%" PRId64 " bytes", bytes);
        return;
    }
    for (; value >= 1024 && unit < 4; unit++) value /= 1024;
    dowel_format(text, 40, "%.1f %s", value, units[unit]);
}

static const char *text_in(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* ---- the sentence, part by part ---- */

typedef struct sentence {
    char text[600];
    size_t used;
} sentence;

static void add(sentence *s, const char *separator, const char *text) {
    if (s->used >= sizeof s->text - 1) return;
    int n = snprintf(s->text + s->used, sizeof s->text - s->used, "%s%s", s->used ? separator : "", text);
    s->used += n > 0 ? (size_t)n : 0;
}

/* Adds "3 rows inserted". False: the count is 0. */
static bool add_rows(sentence *s, int64_t count, const char *what) {
    char text[80];
    if (!count) return false;
    snprintf(text, sizeof text, "%" PRId64 " row%s %s", count, count == 1 ? "" : "s", what);
    add(s, ", ", text);
    return true;
}

static void add_changes(sentence *s, const json_t *statistics, int64_t affected) {
    const json_t *counts = json_object_get(statistics, "dmlStats");
    char text[80];
    bool any = add_rows(s, dowel_bq_int(counts, "insertedRowCount"), "inserted");
    any |= add_rows(s, dowel_bq_int(counts, "updatedRowCount"), "updated");
    any |= add_rows(s, dowel_bq_int(counts, "deletedRowCount"), "deleted");
    if (any) return;
    snprintf(text, sizeof text, "%" PRId64 " row%s affected", affected, affected == 1 ? "" : "s");
    add(s, ", ", text);
}

/* "TABLE_AS_SELECT" is a table, "SCHEMA" a dataset. */
static void kind_of(const char *statement_type, char kind[40]) {
    const char *object = strchr(statement_type, '_'), *tail = object ? strstr(object, "_AS_SELECT") : NULL;
    size_t length = object ? (tail ? (size_t)(tail - object) : strlen(object)) : 0;
    snprintf(kind, 40, "%.*s", length > 1 && length < 40 ? (int)length - 1 : 5,
             length > 1 && length < 40 ? object + 1 : "table");
    for (char *p = kind; *p; p++) *p = *p == '_' ? ' ' : (char)dowel_lower((unsigned char)*p);
    if (!strcmp(kind, "schema")) snprintf(kind, 40, "dataset");
}

static void add_definition(sentence *s, const char *statement_type, const char *operation, const char *target) {
    static const char *const verbs[][2] = {{"CREATE", "created"},
                                           {"REPLACE", "replaced"},
                                           {"DROP", "dropped"},
                                           {"ALTER", "altered"},
                                           {"UNDROP", "restored"}};
    char kind[40], text[400];
    const char *verb = NULL;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (!strcmp(verbs[i][0], operation)) verb = verbs[i][1];
    kind_of(statement_type, kind);
    if (verb)
        snprintf(text, sizeof text, "%s %s%s%.300s", verb, kind, *target ? " " : "", target);
    else if (!strcmp(operation, "SKIP"))
        snprintf(text, sizeof text, "%s %.300s %s: nothing was changed", kind, target,
                 strncmp(statement_type, "DROP", 4) ? "exists already" : "does not exist");
    else
        snprintf(text, sizeof text, "%.30s %s %.300s", operation, kind, target);
    add(s, ", ", text);
}

/* The number of rows, and how many of them were fetched. */
static void add_fetched(sentence *s, const dowel_bigquery_query_args *args, int64_t fetched, int64_t total) {
    char text[400];
    if (args->destination)
        snprintf(text, sizeof text, "%" PRId64 " row%s written to %.200s, %" PRId64 " fetched", total,
                 total == 1 ? "" : "s", args->destination, fetched);
    else if (fetched < total)
        snprintf(text, sizeof text, "%" PRId64 " of %" PRId64 " rows fetched (--max-rows)", fetched, total);
    else
        snprintf(text, sizeof text, "%" PRId64 " row%s", total, total == 1 ? "" : "s");
    add(s, ", ", text);
}

static void add_cost(sentence *s, const json_t *result, bool cache_hit) {
    char size[40], text[80];
    if (cache_hit) {
        add(s, "; ", "from the cache, nothing billed");
        return;
    }
    size_text(dowel_bq_int(result, "bytes_processed"), size);
    snprintf(text, sizeof text, "%s processed", size);
    add(s, "; ", text);
    if (!json_object_get(result, "bytes_billed")) return;
    size_text(dowel_bq_int(result, "bytes_billed"), size);
    snprintf(text, sizeof text, "%s billed", size);
    add(s, ", ", text);
}

static void add_dry_run(sentence *s, int64_t bytes) {
    char size[40], text[160];
    size_text(bytes, size);
    if (bytes < 1024)
        snprintf(text, sizeof text, "dry run: the query would process %s; nothing was run", size);
    else
        snprintf(text, sizeof text, "dry run: the query would process %s (%" PRId64 " bytes); nothing was run", size,
                 bytes);
    add(s, "", text);
}

/* ---- members ---- */

/* The table, dataset or routine that a statement created, changed or dropped, as PROJECT.DATASET.NAME. New reference, or NULL. */
static json_t *target_of(const json_t *statistics) {
    static const char *const members[][2] = {{"ddlTargetTable", "tableId"},
                                             {"ddlTargetRoutine", "routineId"},
                                             {"ddlTargetRowAccessPolicy", "policyId"},
                                             {"ddlTargetDataset", NULL}};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *found = json_object_get(statistics, members[i][0]);
        const char *name = members[i][1] ? text_in(found, members[i][1]) : "";
        if (*text_in(found, members[i][1] ? members[i][1] : "datasetId"))
            return json_sprintf("%s.%s%s%s", text_in(found, "projectId"), text_in(found, "datasetId"), *name ? "." : "",
                                name);
    }
    return NULL;
}

static json_t *number_of(const json_t *object, const char *name) {
    return json_integer((json_int_t)dowel_bq_int(object, name));
}

static int set_members(const dowel_bigquery_query_args *args, const json_t *job, json_t *result) {
    const json_t *general = json_object_get(job, "statistics"), *statistics = json_object_get(general, "query");
    const char *type = text_in(statistics, "statementType"), *operation = text_in(statistics, "ddlOperationPerformed");
    json_t *target = target_of(statistics);
    int64_t bytes = dowel_bq_int(statistics, "totalBytesProcessed");
    if (!bytes) bytes = dowel_bq_int(general, "totalBytesProcessed");
    int rc = json_object_set_new(result, "bytes_processed", json_integer((json_int_t)bytes));
    if (json_object_get(statistics, "totalBytesBilled") && !args->dry_run)
        rc |= json_object_set_new(result, "bytes_billed", number_of(statistics, "totalBytesBilled"));
    rc |= json_object_set_new(result, "cache_hit", json_boolean(json_is_true(json_object_get(statistics, "cacheHit"))));
    if (*type) rc |= json_object_set_new(result, "statement_type", json_string(type));
    if (*operation) rc |= json_object_set_new(result, "operation", json_string(operation));
    if (target) rc |= json_object_set_new(result, "target", target);
    if (json_object_get(statistics, "numDmlAffectedRows"))
        rc |= json_object_set_new(result, "affected_rows", number_of(statistics, "numDmlAffectedRows"));
    if (args->dry_run) rc |= json_object_set_new(result, "bytes_to_process", json_integer((json_int_t)bytes));
    if (!args->destination || args->dry_run) return rc;
    rc |= json_object_set_new(result, "destination", json_string(args->destination));
    return rc | json_object_set(result, "destination_rows", json_object_get(result, "total_rows"));
}

int dowel_bq_outcome(const dowel_bigquery_query_args *args, const json_t *job, json_t *result, dowel_error *err) {
    const json_t *statistics = json_object_get(json_object_get(job, "statistics"), "query");
    int64_t total = dowel_bq_int(result, "total_rows"),
            fetched = (int64_t)json_array_size(json_object_get(result, "rows"));
    sentence s = {.used = 0};
    int rc = set_members(args, job, result);
    if (total > fetched && !args->destination)
        rc |= json_object_set_new(result, "rows_not_fetched", json_integer((json_int_t)(total - fetched)));
    const char *operation = text_in(result, "operation");
    if (args->dry_run) {
        add_dry_run(&s, dowel_bq_int(result, "bytes_processed"));
    } else {
        if (*operation) add_definition(&s, text_in(result, "statement_type"), operation, text_in(result, "target"));
        if (json_object_get(result, "affected_rows"))
            add_changes(&s, statistics, dowel_bq_int(result, "affected_rows"));
        if (!s.used || total) add_fetched(&s, args, fetched, total);
        add_cost(&s, result, json_is_true(json_object_get(result, "cache_hit")));
    }
    rc |= json_object_set_new(result, "summary", json_string(s.text));
    return rc ? dowel_no_memory(err) : 0;
}
