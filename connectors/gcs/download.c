/* Downloads of one generation of an object, checked by its CRC32C. */
#include "client.h"

#include <dowel/buckets.h>
#include <dowel/transfer.h>

#include <stdlib.h>
#include <string.h>

/* The CRC32C of the stored bytes from x-goog-hash: "crc32c=AAAAAA==,md5=...", in one header or several. */
static bool stored_crc(const dowel_http_response *response, char crc[9]) {
    dowel_header header;
    for (size_t i = 0; (header = dowel_http_response_header_at(response, i)).name; i++) {
        if (dowel_casecmp(header.name, "x-goog-hash")) continue;
        const char *found = strstr(header.value, "crc32c=");
        if (!found || strlen(found + 7) < 8) continue;
        memcpy(crc, found + 7, 8);
        crc[8] = 0;
        return true;
    }
    return false;
}

/* The object to download. */
typedef struct object {
    dowel_gcs_client *client;
    const dowel_gcs_download_args *args;
} object;

static dowel_http_request *request(void *context, const dowel_http_response *pinned) {
    const object *o = context;
    dowel_http_request *r = dowel_gcs_request(o->client, "GET", o->args->name);
    dowel_gcs_conditions when = DOWEL_GCS_CONDITIONS(o->args);
    /* Later requests read the generation of the first answer. */
    if (pinned) when.generation_match = dowel_http_response_header(pinned, "x-goog-generation");
    dowel_http_query(r, "alt", "media");
    dowel_http_query(r, "generation", o->args->generation);
    dowel_gcs_condition(r, when);
    dowel_gcs_encrypt(r, o->client->bucket, false);
    /* As stored: otherwise the service may decompress gzip, and the checksum would not match. */
    dowel_http_header(r, "Accept-Encoding", "gzip");
    return r;
}

/* The answer to a range may lack the checksum of the whole object; its resource has it. */
static bool asked_crc(const object *o, const dowel_http_response *response, char crc[9]) {
    const char *generation = dowel_http_response_header(response, "x-goog-generation");
    dowel_http_request *r = dowel_gcs_request(o->client, "GET", o->args->name);
    dowel_gcs_encrypt(r, o->client->bucket, false);
    dowel_http_query(r, "generation", generation ? generation : o->args->generation);
    dowel_http_query(r, "fields", "crc32c");
    json_t *resource = NULL;
    bool known = !dowel_http_fetch_json(o->client->d, r, &resource, NULL);
    const char *text = json_string_value(json_object_get(resource, "crc32c"));
    known = known && text && strlen(text) == 8;
    if (known) memcpy(crc, text, 9);
    json_decref(resource);
    return known;
}

static int verify(void *context, const dowel_downloaded *got, dowel_error *err) {
    const object *o = context;
    char wanted[9];
    bool range = dowel_http_status(got->response) == 206;
    if (!stored_crc(got->response, wanted) && !(range && asked_crc(o, got->response, wanted))) return 0;
    char *crc = dowel_base64(got->check, got->check_size);
    if (!crc) return dowel_no_memory(err);
    int rc = 0;
    if (strcmp(wanted, crc)) {
        rc = dowel_fail(err, DOWEL_E_CORRUPT,
                        "Cloud Storage: %s/%s: the downloaded bytes differ from the stored ones (CRC32C %s, stored %s)",
                        o->client->bucket->bucket, o->args->name, crc, wanted);
        if (err) err->retryable = true;
    }
    free(crc);
    return rc;
}

int dowel_gcs_download_sink(dowel_gcs_client *c, const dowel_gcs_download_args *args, dowel_sink *sink, int64_t *size,
                            dowel_http_response **response, dowel_error *err) {
    object o = {c, args};
    char *handle = dowel_bucket_handle_name("gcs.download", c->bucket->bucket, c->bucket->folder, args->name);
    const dowel_download plan = {.sink = sink,
                                 .digest = DOWEL_CRC32C,
                                 .part_size = args->part_size,
                                 .width = (int)args->concurrency,
                                 .request = request,
                                 .verify = verify,
                                 .context = &o,
                                 .remember = handle,
                                 .version_header = "x-goog-generation"};
    dowel_downloaded got;
    int rc = handle ? dowel_download_run(c->d, &plan, &got, err) : dowel_no_memory(err);
    if (!handle) got.response = NULL;
    free(handle);
    bool conditional = args->if_generation_match || args->if_generation_not_match || args->if_metageneration_match ||
                       args->if_metageneration_not_match;
    if (rc == DOWEL_E_CONFLICT && !conditional)
        dowel_error_hint(err, "the object was replaced during the download; download it again, or give a generation");
    if (!rc && size) *size = got.size;
    if (response)
        *response = got.response;
    else
        dowel_http_response_free(got.response);
    return rc;
}
