/* Deletes many objects: 100 in a request ("Sending batch requests"), or one by one if the server has no batches. */
#include "batch_answer.h"
#include "client.h"
#include "tasks.h"

#include <dowel/buckets.h>
#include <dowel/text.h>
#include <dowel/transfer.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 100 /* calls in a request: limit of the service */
#define WIDTH 4   /* batches at a time */

typedef struct removal {
    dowel_gcs_client *client;
    const char *const *names;
    size_t count;
    atomic_bool no_batches;
    dowel_removal outcome;
} removal;

/* A missing object counts as deleted. A missing bucket is an error, although its answer has the same status and reason. */
static bool is_gone(int status, const char *message) {
    return status == 404 && !(message && strstr(message, "bucket does not exist"));
}

int dowel_gcs_remove_generation(dowel_gcs_client *c, const char *name, const char *generation, dowel_error *err) {
    dowel_error why;
    dowel_http_request *r = dowel_gcs_request(c, "DELETE", name);
    dowel_http_query(r, "ifGenerationMatch", generation);
    int rc = dowel_http_send(c->d, r, NULL, &why);
    dowel_http_free(r);
    if (!rc || is_gone(why.http_status, why.message)) return 0;
    if (err) *err = why;
    return rc;
}

static void remove_one(removal *all, dowel_gcs_client *c, const char *name) {
    dowel_error err;
    if (dowel_gcs_remove_generation(c, name, NULL, &err)) dowel_removal_fail(&all->outcome, name, &err);
}

/* ---- batches ---- */

#define BOUNDARY "dowel_batch_of_deletions"

static int add_call(dowel_text *text, const dowel_gcs_client *c, size_t index, const char *name, dowel_error *err) {
    char *full = dowel_gcs_full_name(c, name);
    if (!full) return dowel_no_memory(err);
    dowel_text_format(text, "--" BOUNDARY "\r\nContent-Type: application/http\r\nContent-ID: <%zu>\r\n\r\n", index);
    dowel_text_put(text, "DELETE /storage/v1/b/");
    dowel_text_add_encoded(text, c->bucket->bucket, NULL);
    dowel_text_put(text, "/o/");
    dowel_text_add_encoded(text, full, NULL);
    if (c->bucket->user_project) {
        dowel_text_put(text, "?userProject=");
        dowel_text_add_encoded(text, c->bucket->user_project, NULL);
    }
    dowel_text_put(text, " HTTP/1.1\r\nContent-Length: 0\r\n\r\n\r\n");
    free(full);
    return 0;
}

static int send_batch(dowel_gcs_client *c, const char *const *names, size_t count, dowel_http_response **response,
                      dowel_error *err) {
    dowel_text text = {0};
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) rc = add_call(&text, c, i, names[i], err);
    dowel_text_put(&text, "--" BOUNDARY "--\r\n");
    size_t size = text.size;
    char *body = dowel_text_take(&text, rc ? NULL : err);
    if (rc || !body) {
        free(body);
        return rc ? rc : DOWEL_E_NO_MEMORY;
    }
    dowel_http_request *r = dowel_http_new(c->service, c->credentials, "POST", c->base);
    dowel_http_path(r, "batch", "storage", "v1", NULL);
    dowel_http_header(r, "Content-Type", "multipart/mixed; boundary=" BOUNDARY);
    dowel_http_body(r, body, size);
    dowel_http_idempotent(r, true);
    rc = dowel_http_send(c->d, r, response, err);
    dowel_http_free(r);
    free(body);
    return rc;
}

/* The state of one batch while its answer is read. */
typedef struct batch {
    removal *all;
    const char *const *names;
    size_t count;
    bool settled[BATCH]; /* calls with a final outcome; the others are repeated one by one */
} batch;

static void read_outcome(void *context, size_t call, int status, const char *body, size_t size) {
    batch *b = context;
    if (call >= b->count || b->settled[call] || status == 408 || status == 429 || status >= 500) return;
    b->settled[call] = true;
    if (status >= 200 && status < 300) return;
    json_t *document = json_loadb(body, size, JSON_DISABLE_EOF_CHECK, NULL),
           *error = json_object_get(document, "error");
    const char *message = json_string_value(json_object_get(error, "message")),
               *reason =
                   json_string_value(json_object_get(json_array_get(json_object_get(error, "errors"), 0), "reason"));
    if (!is_gone(status, message)) {
        dowel_error why;
        dowel_fail(&why,
                   status == 404                    ? DOWEL_E_NOT_FOUND
                   : status == 401 || status == 403 ? DOWEL_E_PERMISSION
                   : status == 409 || status == 412 ? DOWEL_E_CONFLICT
                                                    : DOWEL_E_REFUSED,
                   "Cloud Storage: DELETE %s: HTTP %d: %s", b->names[call], status,
                   message ? message : "no explanation");
        why.http_status = status;
        if (reason) snprintf(why.reason, sizeof why.reason, "%s", reason);
        if (status == 403) dowel_error_hint(&why, "grant the credentials storage.objects.delete on the bucket");
        dowel_removal_fail(&b->all->outcome, b->names[call], &why);
    }
    json_decref(document);
}

static int remove_batch(dowel *d, void *context, int64_t index, dowel_error *err) {
    removal *all = context;
    dowel_gcs_client c = *all->client;
    c.d = d;
    size_t left = all->count - (size_t)index * BATCH;
    batch b = {.all = all, .names = all->names + index * BATCH, .count = left < BATCH ? left : BATCH};
    dowel_http_response *response = NULL;
    if (b.count > 1 && !atomic_load(&all->no_batches)) {
        dowel_error why;
        int rc = send_batch(&c, b.names, b.count, &response, &why);
        if (!rc) {
            dowel_bytes body = dowel_http_response_body(response);
            dowel_gcs_read_batch(dowel_http_response_header(response, "Content-Type"), body.data, body.size,
                                 read_outcome, &b);
        } else if (why.http_status == 404 || why.http_status == 405 || why.http_status == 501) {
            atomic_store(&all->no_batches, true);
        }
        dowel_http_response_free(response);
    }
    /* Repeats the calls without a final outcome one by one. */
    for (size_t i = 0; i < b.count; i++) {
        if (b.settled[i]) continue;
        int rc = dowel_check(d, err);
        if (rc) return rc;
        remove_one(all, &c, b.names[i]);
    }
    return 0;
}

int dowel_gcs_remove(dowel_gcs_client *c, const char *const *names, size_t count,
                     void (*failed)(void *context, const char *name, const dowel_error *why), void *context,
                     dowel_error *err) {
    removal all = {.client = c, .names = names, .count = count};
    if (!count) return 0;
    dowel_removal_begin(&all.outcome, failed, context);
    const dowel_parts parts = {.count = (int64_t)((count + BATCH - 1) / BATCH),
                               .width = WIDTH,
                               .total = -1,
                               .part = remove_batch,
                               .context = &all};
    return dowel_removal_end(&all.outcome, dowel_parts_run(c->d, &parts, err), err);
}

/* ---- the task ---- */

static const dowel_field fields[] = {DOWEL_GCS_BUCKET_FIELD(dowel_gcs_delete_many_args),
                                     {DOWEL_AT(dowel_gcs_delete_many_args, names), .kind = DOWEL_LIST,
                                      .flags = DOWEL_REQUIRED | DOWEL_SUBJECT,
                                      .doc = "Object names, relative to the block's folder.", .example = "old/a.csv"},
                                     {DOWEL_GIVEN_AT(dowel_gcs_delete_many_args)},
                                     {0}};
static const dowel_table table = {"gcs.delete_many", sizeof(dowel_gcs_delete_many_args), fields, NULL};

static int run(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_delete_many_args *args = data;
    size_t count = 0;
    while (args->names[count]) count++;
    dowel_gcs_client c;
    dowel_removal_lines failed = {0};
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (!rc) rc = dowel_gcs_remove(&c, args->names, count, dowel_removal_note, &failed, err);
    if (rc) {
        dowel_removal_explain(&failed, count, err);
        return rc;
    }
    *result = json_pack("{s:s,s:I}", "bucket", c.bucket->bucket, "deleted", (json_int_t)count);
    return *result ? 0 : dowel_no_memory(err);
}

const dowel_task dowel_gcs_task_delete_many = {.size = sizeof(dowel_task),
                                               .name = "gcs.delete_many",
                                               .doc = "Deletes many objects. A missing object counts as deleted.",
                                               .args = &table,
                                               .run = run,
                                               .example =
                                                   "--bucket gcs-bucket/landing --names old/a.csv --names old/b.csv",
                                               .amount = "deleted=objects"};
