/* Object names with and without the block's folder; object resources as read and as sent. */
#include "client.h"

#include <dowel/buckets.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

char *dowel_gcs_full_name(const dowel_gcs_client *c, const char *name) {
    return dowel_bucket_full_name(c->bucket->folder, name);
}

const char *dowel_gcs_without_folder(const dowel_gcs_client *c, const char *name) {
    return dowel_bucket_relative_name(c->bucket->folder, name);
}

bool dowel_gcs_has_nul(const json_t *text) {
    return json_is_string(text) && strlen(json_string_value(text)) != json_string_length(text);
}

char *dowel_gcs_shown(const json_t *text) {
    const char *p = json_string_value(text), *end = p + json_string_length(text);
    char *shown = malloc(4 * (size_t)(end - p) + 1), *out = shown;
    for (; shown && p < end; p++) {
        if (*p)
            *out++ = *p;
        else
            out = (char *)memcpy(out, "\\x00", 4) + 4;
    }
    if (shown) *out = 0;
    return shown;
}

json_t *dowel_gcs_relative(const dowel_gcs_client *c, const json_t *name) {
    const char *text = json_is_string(name) ? json_string_value(name) : "", *rest = dowel_gcs_without_folder(c, text);
    return json_stringn(rest, json_string_length(name) - (size_t)(rest - text));
}

/* ---- resources as read ---- */

const char dowel_gcs_object_members[] =
    "name,bucket,size,generation,metageneration,contentType,contentEncoding,contentLanguage,contentDisposition,"
    "cacheControl,crc32c,md5Hash,etag,storageClass,kmsKeyName,customerEncryption,componentCount,timeCreated,updated,"
    "timeDeleted,metadata";

static const struct {
    const char *name, *member;
} members[] = {{"bucket", "bucket"},
               {"generation", "generation"},
               {"metageneration", "metageneration"},
               {"content_type", "contentType"},
               {"content_encoding", "contentEncoding"},
               {"content_language", "contentLanguage"},
               {"content_disposition", "contentDisposition"},
               {"cache_control", "cacheControl"},
               {"crc32c", "crc32c"},
               {"md5", "md5Hash"},
               {"etag", "etag"},
               {"storage_class", "storageClass"},
               {"kms_key", "kmsKeyName"},
               {"component_count", "componentCount"},
               {"created", "timeCreated"},
               {"updated", "updated"},
               {"deleted", "timeDeleted"},
               {"metadata", "metadata"}};

static int64_t size_of(const json_t *resource) {
    const char *size = json_string_value(json_object_get(resource, "size"));
    return size ? strtoll(size, NULL, 10) : 0;
}

json_t *dowel_gcs_describe(const dowel_gcs_client *c, const json_t *resource) {
    dowel_builder object = dowel_build(json_object());
    json_t *described;
    dowel_build_json(&object, "name", dowel_gcs_relative(c, json_object_get(resource, "name")));
    dowel_build_int(&object, "size", size_of(resource));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        json_t *value = json_object_get(resource, members[i].member);
        const char *text = json_string_value(value);
        if (value && !(text && !*text)) dowel_build_json(&object, members[i].name, json_incref(value));
    }
    const char *key = json_string_value(json_object_get(json_object_get(resource, "customerEncryption"), "keySha256"));
    if (key && *key) dowel_build_text(&object, "encryption_key_sha256", key);
    (void)dowel_build_end(&object, &described, NULL);
    return described;
}

#define MTIME "mtime"                            /* RFC 3339, as rclone writes it */
#define MTIME_SECONDS "goog-reserved-file-mtime" /* as gcloud storage and gsutil write it */

void dowel_gcs_record_mtime(int64_t modified, char text[2][DOWEL_TIME_TEXT_SIZE],
                            dowel_pair pairs[DOWEL_GCS_MTIME_PAIRS]) {
    int64_t seconds = modified / 1000000 - (modified % 1000000 < 0);
    dowel_format_time(modified, text[0]);
    snprintf(text[1], DOWEL_TIME_TEXT_SIZE, "%" PRId64, seconds);
    pairs[0] = (dowel_pair){MTIME, text[0]};
    pairs[1] = (dowel_pair){MTIME_SECONDS, text[1]};
}

bool dowel_gcs_is_mtime(const char *name) {
    return !strcmp(name, MTIME) || !strcmp(name, MTIME_SECONDS);
}

/* Microseconds since the epoch; 0: none. The epoch itself becomes 1. */
static int64_t time_of(const json_t *object, const char *member) {
    int64_t time;
    const char *text = json_string_value(json_object_get(object, member));
    if (!text || dowel_parse_time(text, &time)) return 0;
    return time ? time : 1;
}

static int64_t stored_of(const json_t *resource) {
    int64_t time = time_of(resource, "timeCreated");
    return time ? time : time_of(resource, "updated");
}

static int64_t modified_of(const json_t *resource, bool *own) {
    const json_t *metadata = json_object_get(resource, "metadata");
    int64_t time = time_of(metadata, MTIME);
    const char *seconds = json_string_value(json_object_get(metadata, MTIME_SECONDS));
    if (!time && seconds) {
        char *end;
        long long value = strtoll(seconds, &end, 10);
        bool whole = end != seconds && !*end && value > -62135596800LL && value < 253402300800LL;
        if (whole) time = value ? value * 1000000 : 1;
    }
    *own = time != 0;
    return time ? time : stored_of(resource);
}

static bool is_seconds(const char *text) {
    text += *text == '-';
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* Whether dowel or another copying program recorded it; the user may use the same names for other values. */
static bool is_own(const char *name, const json_t *value) {
    int64_t time;
    const char *text = json_string_value(value);
    return !strcmp(name, DOWEL_GCS_MARK) || (!strcmp(name, MTIME) && text && !dowel_parse_time(text, &time)) ||
           (!strcmp(name, MTIME_SECONDS) && text && is_seconds(text));
}

/* Whether there is user metadata besides recorded times and the mark of a conditional upload. */
static bool has_metadata(const json_t *resource) {
    json_t *all = json_object_get(resource, "metadata"), *value;
    const char *name;
    json_object_foreach(all, name, value) {
        if (!is_own(name, value)) return true;
    }
    return false;
}

static const char *text_of(const json_t *resource, const char *member) {
    const char *text = json_string_value(json_object_get(resource, member));
    return text && *text ? text : NULL;
}

static void md5_of(const json_t *resource, dowel_object *object) {
    void *bytes;
    size_t size;
    const char *text = text_of(resource, "md5Hash");
    if (!text || dowel_base64_decode(text, &bytes, &size)) return;
    object->has_md5 = size == sizeof object->md5;
    if (object->has_md5) memcpy(object->md5, bytes, size);
    free(bytes);
}

static void check_of(const json_t *resource, dowel_object *object) {
    void *bytes;
    size_t size;
    const char *text = text_of(resource, "crc32c");
    if (!text || dowel_base64_decode(text, &bytes, &size)) return;
    if (size == 4) {
        object->check_kind = DOWEL_CRC32C;
        object->check_size = size;
        memcpy(object->check, bytes, size);
    }
    free(bytes);
}

void dowel_gcs_object(const dowel_gcs_client *c, const json_t *resource, dowel_object *object) {
    const char *name = text_of(resource, "name");
    bool own_time;
    int64_t modified = modified_of(resource, &own_time);
    *object = (dowel_object){.name = name ? dowel_gcs_without_folder(c, name) : "",
                             .is_current = !json_object_get(resource, "timeDeleted"),
                             .size = size_of(resource),
                             .modified = modified,
                             .stored = own_time ? stored_of(resource) : modified,
                             .own_time = own_time,
                             .version = text_of(resource, "generation"),
                             .etag = text_of(resource, "etag"),
                             .content_type = text_of(resource, "contentType"),
                             .storage_class = text_of(resource, "storageClass"),
                             .described = !has_metadata(resource),
                             .content_encoding = text_of(resource, "contentEncoding"),
                             .content_language = text_of(resource, "contentLanguage"),
                             .content_disposition = text_of(resource, "contentDisposition"),
                             .cache_control = text_of(resource, "cacheControl")};
    check_of(resource, object);
    md5_of(resource, object);
}

int dowel_gcs_object_metadata(const json_t *resource, dowel_object *object, dowel_pair **metadata, dowel_error *err) {
    json_t *all = json_object_get(resource, "metadata"), *value;
    const char *name;
    size_t count = 0;
    *metadata = calloc(json_object_size(all) + 1, sizeof **metadata);
    if (!*metadata) return dowel_no_memory(err);
    json_object_foreach(all, name, value) {
        if (is_own(name, value) || !json_is_string(value)) continue;
        if (dowel_gcs_has_nul(value)) {
            object->untold = "values of its metadata that contain a NUL byte";
            continue;
        }
        (*metadata)[count++] = (dowel_pair){name, json_string_value(value)};
    }
    object->metadata = count ? *metadata : NULL;
    object->described = true;
    return 0;
}

/* ---- resources as sent ---- */

static json_t *metadata_of(const dowel_pair *pairs) {
    dowel_builder metadata = dowel_build(json_object());
    json_t *built;
    for (; pairs->name; pairs++) dowel_build_text(&metadata, pairs->name, pairs->value);
    (void)dowel_build_end(&metadata, &built, NULL);
    return built;
}

json_t *dowel_gcs_resource(const dowel_gcs_client *c, const dowel_gcs_upload_args *args) {
    dowel_builder resource = dowel_build(json_object());
    json_t *built;
    char *name = dowel_gcs_full_name(c, args->name);
    dowel_build_json(&resource, "name", name ? json_string(name) : NULL);
    free(name);
    dowel_build_text(&resource, "contentType",
                     args->content_type ? args->content_type : dowel_content_type(args->name));
    dowel_build_text(&resource, "contentEncoding", args->content_encoding);
    dowel_build_text(&resource, "contentLanguage", args->content_language);
    dowel_build_text(&resource, "contentDisposition", args->content_disposition);
    dowel_build_text(&resource, "cacheControl", args->cache_control);
    dowel_build_text(&resource, "storageClass", args->storage_class);
    if (args->metadata) dowel_build_json(&resource, "metadata", metadata_of(args->metadata));
    (void)dowel_build_end(&resource, &built, NULL);
    return built;
}

void dowel_gcs_crc32c_text(dowel_digest *digest, char text[9]) {
    unsigned char bytes[DOWEL_DIGEST_MAX];
    char *base64 = dowel_base64(bytes, dowel_digest_end(digest, bytes));
    snprintf(text, 9, "%s", base64 ? base64 : "");
    free(base64);
}
