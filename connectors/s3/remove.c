/* Deletes many objects with DeleteObjects, 1,000 in a request. */
#include "client.h"

#include <dowel/text.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 1000

typedef struct removal {
    dowel_s3_client *client;
    dowel_removal outcome;
    dowel_error why; /* of the object or batch at hand; here, because errors are large and stacks may be small */
} removal;

/* XML 1.0 cannot represent most control characters. */
static bool fits_xml(const char *name) {
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        if (*p < ' ' && *p != '\t') return false;
    json_t *text = json_string(name); /* NULL for what is not UTF-8 */
    json_decref(text);
    return text != NULL && !strstr(name, "\xef\xbf\xbe") && !strstr(name, "\xef\xbf\xbf");
}

int dowel_s3_delete_object(dowel_s3_client *c, const char *key, const char *version, const char *etag,
                           dowel_error *err) {
    dowel_http_request *r = dowel_s3_request(c, "DELETE", key);
    dowel_http_query(r, "versionId", version);
    dowel_s3_match(r, etag);
    dowel_error why;
    int rc = dowel_http_send(c->d, r, NULL, &why);
    dowel_http_free(r);
    /* A service without conditional deletion: the caller has compared the object right before. */
    if (rc && etag && why.http_status == 501) return dowel_s3_delete_object(c, key, version, NULL, err);
    if (rc == DOWEL_E_NOT_FOUND && strcmp(why.reason, "NoSuchBucket"))
        return 0; /* some servers answer so for a missing key */
    if (rc && err) *err = why;
    return rc;
}

static void remove_one(removal *r, const char *name) {
    if (dowel_s3_delete_object(r->client, name, NULL, NULL, &r->why)) dowel_removal_fail(&r->outcome, name, &r->why);
}

static char *batch_body(const dowel_s3_client *c, const char *const *names, size_t count, dowel_error *err) {
    dowel_text text = {0};
    dowel_text_put(&text, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
    for (size_t i = 0; i < count; i++) {
        char *key = dowel_s3_full_key(c, names[i]);
        if (!key) {
            dowel_text_free(&text);
            (void)dowel_no_memory(err);
            return NULL;
        }
        dowel_text_put(&text, "<Object><Key>");
        dowel_s3_add_escaped(&text, key);
        dowel_text_put(&text, "</Key></Object>");
        free(key);
    }
    dowel_text_put(&text, "</Delete>");
    return dowel_text_take(&text, err);
}

static int code_of(const char *code) {
    if (!strcmp(code, "AccessDenied")) return DOWEL_E_PERMISSION;
    if (!strcmp(code, "InternalError") || !strcmp(code, "SlowDown") || !strcmp(code, "ServiceUnavailable"))
        return DOWEL_E_UNAVAILABLE;
    return DOWEL_E_REFUSED;
}

/* Reads the objects that were not deleted. */
static void read_errors(removal *r, const dowel_xml *root) {
    for (const dowel_xml *e = dowel_xml_child(root, "Error"); e; e = dowel_xml_next(e, "Error")) {
        const char *key = dowel_xml_child_text(e, "Key"), *code = dowel_xml_child_text(e, "Code"),
                   *message = dowel_xml_child_text(e, "Message");
        const char *name = dowel_bucket_relative_name(r->client->bucket->folder, key ? key : "");
        if (code && !strcmp(code, "NoSuchKey")) continue;
        dowel_error *why = &r->why;
        dowel_fail(why, code_of(code ? code : ""), "S3: %s/%s could not be deleted: %s: %s", r->client->bucket->bucket,
                   name, code ? code : "error", message ? message : "");
        snprintf(why->reason, sizeof why->reason, "%s", code ? code : "");
        why->retryable = why->code == DOWEL_E_UNAVAILABLE;
        /* Retry one object that was busy. */
        if (why->retryable)
            remove_one(r, name);
        else
            dowel_removal_fail(&r->outcome, name, why);
    }
}

static int remove_batch(removal *r, const char *const *names, size_t count, dowel_error *err) {
    char *text = batch_body(r->client, names, count, err);
    if (!text) return DOWEL_E_NO_MEMORY;
    dowel_http_request *request = dowel_s3_request(r->client, "POST", NULL);
    dowel_http_query(request, "delete", "");
    int rc = dowel_s3_set_xml(request, text, err);
    dowel_http_idempotent(request, true); /* a missing object is not an error */
    free(text);
    if (rc) {
        dowel_http_free(request);
        return rc;
    }
    dowel_xml *root = NULL;
    rc = dowel_s3_fetch_xml(r->client, request, &root, &r->why);
    if (rc && (r->why.http_status == 501 || r->why.http_status == 405)) { /* a server without DeleteObjects */
        for (size_t i = 0; i < count; i++) remove_one(r, names[i]);
        return 0;
    }
    if (rc) {
        if (err) *err = r->why;
        return rc;
    }
    rc = dowel_s3_expect(r->client, &root, "DeleteResult", err);
    if (!rc) read_errors(r, root);
    dowel_xml_free(root);
    return rc;
}

int dowel_s3_remove(dowel_s3_client *c, const char *const *names, size_t count,
                    void (*failed)(void *context, const char *name, const dowel_error *why), void *context,
                    dowel_error *err) {
    removal r = {.client = c};
    const char **batch = malloc((count < BATCH ? count ? count : 1 : BATCH) * sizeof *batch);
    if (!batch) return dowel_no_memory(err);
    dowel_removal_begin(&r.outcome, failed, context);
    int rc = 0;
    size_t held = 0;
    for (size_t i = 0; i <= count && !rc; i++) {
        if (i < count && !*names[i]) {
            /* A DELETE without a key would delete the bucket. */
            rc = dowel_fail(err, DOWEL_E_INVALID, "the key of an object is empty");
        } else if (i < count && !fits_xml(names[i])) {
            remove_one(&r, names[i]);
        } else if (i < count) {
            batch[held++] = names[i];
        }
        if (!rc && held && (held == BATCH || i == count)) {
            rc = held == 1 ? (remove_one(&r, batch[0]), 0) : remove_batch(&r, batch, held, err);
            held = 0;
        }
    }
    free(batch);
    return dowel_removal_end(&r.outcome, rc, err);
}
