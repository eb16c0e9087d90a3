/* Parallel uploads ("Parallel composite uploads"): each part is uploaded as a temporary object NAME.dowel-part-TOKEN-NN; the parts are composed into
 * the object and deleted. A resumed run keeps the parts that exist. */
#include "client.h"

#include <dowel/buckets.h>
#include <dowel/transfer.h>

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PARTS 32 /* limit of one composition */
#define NAME_MOST 1024

typedef struct part {
    char *name; /* relative to the folder */
    char generation[32];
    uint64_t crc;
    bool begun;
} part;

typedef struct composite {
    dowel_gcs_client *client;
    const dowel_gcs_upload_args *args;
    dowel_source *source;
    int64_t total, part_size, count;
    part parts[MOST_PARTS];
    char token[17];
    char *handle;
    bool recalled; /* an earlier process of this run may have uploaded parts */
} composite;

bool dowel_gcs_is_composite(const dowel_gcs_client *c, const dowel_gcs_upload_args *args, const dowel_source *source) {
    if (args->concurrency < 2 || dowel_source_size(source) <= args->part_size || !dowel_source_has_parts(source))
        return false;
    char *full = dowel_gcs_full_name(c, args->name);
    bool room = full && strlen(full) + sizeof DOWEL_GCS_PART_MARK + 24 <= NAME_MOST;
    free(full);
    return room;
}

/* ---- the upload in the run's record: "SIZE PART-SIZE TOKEN" ---- */

static bool recall(composite *u) {
    char *text = dowel_recall(u->client->d, u->handle);
    int64_t total, part_size;
    char token[17];
    bool same = text && sscanf(text, "%" SCNd64 " %" SCNd64 " %16[0-9a-f]", &total, &part_size, token) == 3 &&
                total == u->total && part_size == u->part_size;
    if (same) memcpy(u->token, token, sizeof token);
    free(text);
    return same;
}

static int begin(composite *u, dowel_error *err) {
    unsigned char noise[8];
    char text[96];
    RAND_bytes(noise, sizeof noise);
    for (size_t i = 0; i < sizeof noise; i++) snprintf(u->token + 2 * i, 3, "%02x", noise[i]);
    snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %s", u->total, u->part_size, u->token);
    return dowel_remember(u->client->d, u->handle, text, false, err);
}

static int plan(composite *u, dowel_error *err) {
    const dowel_gcs_bucket *bucket = u->client->bucket;
    u->handle = dowel_bucket_handle_name("gcs.composite", bucket->bucket, bucket->folder, u->args->name);
    if (!u->handle) return dowel_no_memory(err);
    /* At most as many parts as one composition takes. */
    u->part_size = u->args->part_size;
    if (u->total > u->part_size * MOST_PARTS) u->part_size = (u->total + MOST_PARTS - 1) / MOST_PARTS;
    u->count = (u->total + u->part_size - 1) / u->part_size;
    u->recalled = recall(u);
    if (!u->recalled) {
        int rc = begin(u, err);
        if (rc) return rc;
    }
    size_t room = strlen(u->args->name) + sizeof DOWEL_GCS_PART_MARK + sizeof u->token + 8;
    /* The caller frees the names, also after a failure. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    for (int64_t i = 0; i < u->count; i++) {
        if (!(u->parts[i].name = malloc(room))) return dowel_no_memory(err);
        snprintf(u->parts[i].name, room, "%s%s%s-%02d", u->args->name, DOWEL_GCS_PART_MARK, u->token, (int)i);
    }
    return 0;
}

/* ---- parts ---- */

/* The CRC32C of a resource as a number; false if it has none. */
static bool crc_of(const json_t *resource, uint64_t *crc) {
    const char *text = json_string_value(json_object_get(resource, "crc32c"));
    void *bytes;
    size_t size;
    if (!text || dowel_base64_decode(text, &bytes, &size)) return false;
    const unsigned char *b = bytes;
    bool whole = size == 4;
    if (whole) *crc = (uint64_t)b[0] << 24 | (uint64_t)b[1] << 16 | (uint64_t)b[2] << 8 | b[3];
    free(bytes);
    return whole;
}

static int note(part *p, const json_t *resource, dowel_error *err) {
    const char *generation = json_string_value(json_object_get(resource, "generation"));
    if (!generation || !crc_of(resource, &p->crc))
        return dowel_fail(err, DOWEL_E_PROTOCOL, "Cloud Storage: %s: the answer has no generation or no CRC32C",
                          p->name);
    snprintf(p->generation, sizeof p->generation, "%s", generation);
    return 0;
}

/* Whether an earlier process of this run uploaded the part, with the same bytes. */
static int look(dowel_gcs_client *c, part *p, dowel_source *source, bool *there, dowel_error *err) {
    json_t *resource = NULL;
    dowel_error missing;
    dowel_http_request *r = dowel_gcs_request(c, "GET", p->name);
    dowel_gcs_encrypt(r, c->bucket, false);
    int rc = dowel_http_fetch_json(c->d, r, &resource, &missing);
    *there = false;
    if (rc == DOWEL_E_NOT_FOUND) return 0;
    if (rc) {
        if (err) *err = missing;
        return rc;
    }
    dowel_digest *digest = dowel_digest_new(DOWEL_CRC32C);
    rc = digest ? dowel_source_digest(source, digest, err) : dowel_no_memory(err);
    uint64_t crc = 0;
    if (!rc && crc_of(resource, &crc) && crc == dowel_digest_crc(digest)) {
        *there = true;
        rc = note(p, resource, err);
    }
    if (!rc && !*there) rc = dowel_source_rewind(source, err);
    dowel_digest_free(digest);
    json_decref(resource);
    return rc;
}

static int put_part(dowel *d, void *context, int64_t index, dowel_error *err) {
    composite *u = context;
    part *p = &u->parts[index];
    dowel_gcs_client c = *u->client;
    c.d = d;
    c.last_wins = true; /* the name is unique to this upload */
    p->begun = true;
    int64_t offset = index * u->part_size, left = u->total - offset;
    int64_t size = left < u->part_size ? left : u->part_size;
    dowel_source *source = NULL;
    bool there = false;
    int rc = dowel_source_part(u->source, offset, size, &source, err);
    if (!rc && u->recalled) rc = look(&c, p, source, &there, err);
    if (!rc && !there) {
        json_t *resource = NULL;
        const dowel_gcs_upload_args args = {.name = p->name,
                                            .content_type = "application/octet-stream",
                                            .kms_key = u->args->kms_key,
                                            .resumable_threshold = u->args->resumable_threshold,
                                            .chunk_size = u->args->chunk_size};
        rc = dowel_gcs_upload_source(&c, &args, source, &resource, err);
        if (!rc) rc = note(p, resource, err);
        json_decref(resource);
    }
    dowel_source_close(source);
    return rc;
}

/* ---- the whole ---- */

static uint64_t whole_crc(const composite *u) {
    uint64_t crc = u->parts[0].crc;
    for (int64_t i = 1; i < u->count; i++) {
        int64_t left = u->total - i * u->part_size;
        crc = dowel_crc_join(DOWEL_CRC32C, crc, u->parts[i].crc, left < u->part_size ? left : u->part_size);
    }
    return crc;
}

static int join(composite *u, json_t **resource, dowel_error *err) {
    dowel_gcs_source parts[MOST_PARTS + 1] = {{NULL, NULL}};
    for (int64_t i = 0; i < u->count; i++) parts[i] = (dowel_gcs_source){u->parts[i].name, u->parts[i].generation};
    return dowel_gcs_join(u->client, u->args, parts, resource, err);
}

/* Whether an earlier process of this run composed the object before it died: then a precondition fails now. */
static bool is_done(const composite *u, json_t **resource) {
    json_t *found = NULL;
    uint64_t crc;
    dowel_http_request *r = dowel_gcs_request(u->client, "GET", u->args->name);
    dowel_gcs_encrypt(r, u->client->bucket, false);
    dowel_error ignored;
    bool same = !dowel_http_fetch_json(u->client->d, r, &found, &ignored) && crc_of(found, &crc) && crc == whole_crc(u);
    if (same)
        *resource = found;
    else
        json_decref(found);
    return same;
}

/* Deletes the parts; `lost`: only those whose upload got no answer. */
static int remove_parts(const composite *u, dowel_gcs_client *c, bool lost, size_t *count, dowel_error *err) {
    const char *names[MOST_PARTS];
    *count = 0;
    for (int64_t i = 0; i < u->count; i++) {
        const part *p = &u->parts[i];
        if (p->name && (!lost || (p->begun && !*p->generation))) names[(*count)++] = p->name;
    }
    return dowel_gcs_remove(c, names, *count, NULL, NULL, err);
}

static void clean_up(const composite *u) {
    size_t count = 0;
    dowel_gcs_client c = *u->client;
    dowel_error err;
    c.d = dowel_cleanup(c.d);
    /* The service may store a part after the connection broke: delete those again a little later. */
    remove_parts(u, &c, true, &count, &err);
    if (count) dowel_sleep(c.d, 0.5, &err);
    if (remove_parts(u, &c, false, &count, &err))
        dowel_log(c.d, DOWEL_LOG_WARNING,
                  "%s: parts of the upload (%s) were not deleted: %s; gcs.abort_stale deletes them later",
                  u->args->name, DOWEL_GCS_PART_MARK, err.message);
    else
        dowel_forget(c.d, u->handle);
}

int dowel_gcs_upload_composite(dowel_gcs_client *c, const dowel_gcs_upload_args *args, dowel_source *source,
                               char crc[9], json_t **resource, dowel_error *err) {
    composite u = {.client = c, .args = args, .source = source, .total = dowel_source_size(source)};
    int rc = plan(&u, err);
    const dowel_parts parts = {
        .count = u.count, .width = (int)args->concurrency, .total = u.total, .part = put_part, .context = &u};
    if (!rc) rc = dowel_parts_run(c->d, &parts, err);
    if (!rc) {
        unsigned char bytes[DOWEL_DIGEST_MAX];
        char *text = dowel_base64(bytes, dowel_crc_write(DOWEL_CRC32C, whole_crc(&u), bytes));
        snprintf(crc, 9, "%s", text ? text : "");
        free(text);
        rc = join(&u, resource, err);
        if (rc == DOWEL_E_CONFLICT && u.recalled && is_done(&u, resource)) rc = 0;
    }
    if (u.handle) clean_up(&u);
    for (int64_t i = 0; i < u.count; i++) free(u.parts[i].name);
    free(u.handle);
    return rc;
}
