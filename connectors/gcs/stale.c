/* Removes temporary objects of parallel uploads whose process was killed and never resumed. */
#include "client.h"
#include "tasks.h"

#include <dowel/clock.h>

#include <stdlib.h>
#include <string.h>

static const dowel_field fields[] = {
    DOWEL_GCS_BUCKET_FIELD(dowel_gcs_abort_stale_args),
    {DOWEL_AT(dowel_gcs_abort_stale_args, prefix), .kind = DOWEL_STRING, .flags = DOWEL_SUBJECT,
     .doc = "Remove only parts of objects whose names begin with this."},
    {DOWEL_AT(dowel_gcs_abort_stale_args, older_than), .kind = DOWEL_DURATION, .fallback = "1d", .minimum = 1e-6,
     .doc = "Minimum age of a part."},
    {DOWEL_AT(dowel_gcs_abort_stale_args, dry_run), .kind = DOWEL_BOOL, .doc = "List the parts without removing them."},
    {DOWEL_GIVEN_AT(dowel_gcs_abort_stale_args)},
    {0}};
static const dowel_table table = {"gcs.abort_stale", sizeof(dowel_gcs_abort_stale_args), fields, NULL};

/* Whether a name has exactly the form NAME.dowel-part-0123456789abcdef-00. */
static bool is_part(const char *name) {
    static const size_t token = 16, number = 3, mark = sizeof DOWEL_GCS_PART_MARK - 1;
    size_t length = strlen(name);
    if (length <= mark + token + number) return false;
    const char *end = name + length - number, *start = end - token - mark;
    return !strncmp(start, DOWEL_GCS_PART_MARK, mark) && strspn(start + mark, "0123456789abcdef") == token &&
           *end == '-' && strspn(end + 1, "0123456789") == number - 1;
}

typedef struct finding {
    const dowel_gcs_client *client;
    int64_t before; /* µs */
    json_t *names;
} finding;

static int find(void *context, const json_t *resource, const char *prefix, dowel_error *err) {
    const finding *all = context;
    int64_t created;
    const json_t *text = json_object_get(resource, "name");
    const char *name = dowel_gcs_has_nul(text) ? NULL : json_string_value(text),
               *time = json_string_value(json_object_get(resource, "timeCreated"));
    (void)prefix;
    if (!name || !is_part(name) || !time || dowel_parse_time(time, &created) || created >= all->before) return 0;
    return json_array_append_new(all->names, dowel_gcs_relative(all->client, text)) ? dowel_no_memory(err) : 0;
}

static int remove_all(dowel_gcs_client *c, const json_t *list, dowel_error *err) {
    size_t count = json_array_size(list), i;
    json_t *name;
    const char **names = malloc((count + 1) * sizeof *names);
    if (!names) return dowel_no_memory(err);
    json_array_foreach(list, i, name) names[i] = json_string_value(name);
    int rc = dowel_gcs_remove(c, names, count, NULL, NULL, err);
    free(names);
    return rc;
}

static int run(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_abort_stale_args *args = data;
    dowel_gcs_client c;
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (rc) return rc;
    finding all = {&c, dowel_now() - (int64_t)(args->older_than * 1e6), json_array()};
    rc = dowel_gcs_walk(&c, &(dowel_gcs_query){.prefix = args->prefix}, find, &all, NULL, err);
    if (!rc && !args->dry_run) rc = remove_all(&c, all.names, err);
    if (!rc)
        *result = json_pack("{s:s,s:O}", "bucket", c.bucket->bucket, args->dry_run ? "found" : "removed", all.names);
    json_decref(all.names);
    return rc;
}

const dowel_task dowel_gcs_task_abort_stale = {
    .size = sizeof(dowel_task),
    .name = "gcs.abort_stale",
    .doc = "Removes parts left by parallel uploads that were killed and never resumed.",
    .args = &table,
    .run = run,
    .example = "--bucket gcs-bucket/landing --older-than 1d",
    .amount = "removed=objects"};
