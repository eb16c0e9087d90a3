/* Deletes many objects: 100 in a request ("Sending batch requests"), or one by one if the server has no batches. */
#include "batch_answer.h"
#include "client.h"
#include "tasks.h"

#include <dowel/transfer.h>

#include <pthread.h>
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
    void (*failed)(void *context, const char *name, const dowel_error *why);
    void *context;
    atomic_bool no_batches;
    pthread_mutex_t lock;
    int rc; /* the first failure */
    dowel_error first;
} removal;

static void fail(removal *all, const char *name, const dowel_error *why) {
    pthread_mutex_lock(&all->lock);
    if (!all->rc) {
        all->rc = why->code;
        all->first = *why;
    }
    if (all->failed) all->failed(all->context, name, why);
    pthread_mutex_unlock(&all->lock);
}

/* A missing object counts as deleted. A missing bucket is an error, although its answer has the same status and reason. */
static bool is_gone(int status, const char *message) {
    return status == 404 && !(message && strstr(message, "bucket does not exist"));
}

static void remove_one(removal *all, dowel_gcs_client *c, const char *name) {
    dowel_error err;
    dowel_http_request *r = dowel_gcs_request(c, "DELETE", name);
    int rc = dowel_http_send(c->d, r, NULL, &err);
    dowel_http_free(r);
    if (rc && !is_gone(err.http_status, err.message)) fail(all, name, &err);
}

/* ---- batches ---- */

static int write_call(FILE *out, dowel_gcs_client *c, const char *boundary, size_t index, const char *name) {
    char *full = dowel_gcs_full_name(c, name), *object = full ? dowel_percent_encode(full, NULL) : NULL,
         *bucket = dowel_percent_encode(c->bucket->bucket, NULL),
         *payer = dowel_percent_encode(c->bucket->user_project ? c->bucket->user_project : "", NULL);
    bool good = object && bucket && payer;
    if (good)
        fprintf(out,
                "--%s\r\nContent-Type: application/http\r\nContent-ID: <%zu>\r\n\r\n"
                "DELETE /storage/v1/b/%s/o/%s%s%s HTTP/1.1\r\nContent-Length: 0\r\n\r\n\r\n",
                boundary, index, bucket, object, *payer ? "?userProject=" : "", payer);
    free(full);
    free(object);
    free(bucket);
    free(payer);
    return good;
}

static int send_batch(dowel_gcs_client *c, const char *const *names, size_t count, dowel_http_response **response,
                      dowel_error *err) {
    static const char boundary[] = "dowel_batch_of_deletions";
    char *body = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&body, &size);
    if (!out) return dowel_no_memory(err);
    bool good = true;
    for (size_t i = 0; i < count && good; i++) good = write_call(out, c, boundary, i, names[i]);
    fprintf(out, "--%s--\r\n", boundary);
    if (fclose(out) || !good) {
        free(body);
        return dowel_no_memory(err);
    }
    dowel_http_request *r = dowel_http_new(c->service, c->credentials, "POST", c->base);
    dowel_http_path(r, "batch", "storage", "v1", NULL);
    dowel_http_header(r, "Content-Type", "multipart/mixed; boundary=dowel_batch_of_deletions");
    dowel_http_body(r, body, size);
    dowel_http_idempotent(r, true);
    int rc = dowel_http_send(c->d, r, response, err);
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
        fail(b->all, b->names[call], &why);
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
    removal all = {.client = c, .names = names, .count = count, .failed = failed, .context = context};
    if (!count) return 0;
    pthread_mutex_init(&all.lock, NULL);
    const dowel_parts parts = {.count = (int64_t)((count + BATCH - 1) / BATCH),
                               .width = WIDTH,
                               .total = -1,
                               .part = remove_batch,
                               .context = &all};
    int rc = dowel_parts_run(c->d, &parts, err);
    pthread_mutex_destroy(&all.lock);
    if (!rc && all.rc) {
        rc = all.rc;
        if (err) *err = all.first;
    }
    return rc;
}

/* ---- the task ---- */

static const dowel_field fields[] = {DOWEL_GCS_BUCKET_FIELD(dowel_gcs_delete_many_args),
                                     {DOWEL_AT(dowel_gcs_delete_many_args, names), .kind = DOWEL_LIST,
                                      .flags = DOWEL_REQUIRED, .doc = "Object names, relative to the block's folder.",
                                      .example = "old/a.csv"},
                                     {DOWEL_GIVEN_AT(dowel_gcs_delete_many_args)},
                                     {0}};
static const dowel_table table = {"gcs.delete_many", sizeof(dowel_gcs_delete_many_args), fields, NULL};

typedef struct failures {
    size_t count, used;
    char lines[sizeof((dowel_error *)NULL)->detail];
} failures;

static void note(void *context, const char *name, const dowel_error *why) {
    failures *all = context;
    all->count++;
    int n = snprintf(all->lines + all->used, sizeof all->lines - all->used, "%s%s: %s", all->used ? "\n" : "", name,
                     why->message);
    if (n > 0 && (size_t)n < sizeof all->lines - all->used)
        all->used += (size_t)n;
    else
        all->lines[all->used] = 0; /* whole lines only */
}

static int run(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_gcs_delete_many_args *args = data;
    size_t count = 0;
    while (args->names[count]) count++;
    dowel_gcs_client c;
    failures bad = {0};
    int rc = dowel_gcs_client_open(d, args->bucket, &c, err);
    if (!rc) rc = dowel_gcs_remove(&c, args->names, count, note, &bad, err);
    if (!rc) {
        *result = json_pack("{s:s,s:I}", "bucket", c.bucket->bucket, "deleted", (json_int_t)count);
    } else if (bad.count) {
        dowel_error_prefix(err, "%zu of %zu objects could not be deleted; the first: ", bad.count, count);
        if (err) memcpy(err->detail, bad.lines, sizeof err->detail);
    }
    return rc;
}

const dowel_task dowel_gcs_task_delete_many = {.size = sizeof(dowel_task),
                                               .name = "gcs.delete_many",
                                               .doc = "Deletes many objects. A missing object counts as deleted.",
                                               .args = &table,
                                               .run = run,
                                               .example =
                                                   "--bucket gcs-bucket/landing --names old/a.csv --names old/b.csv"};
