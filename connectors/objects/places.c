#include "places.h"

#include <stdlib.h>
#include <string.h>

size_t dowel_places_count(const dowel_objects_place_args *args) {
    size_t count = 1;
    while (args->more_places && args->more_places[count - 1]) count++;
    return count;
}

const char *dowel_places_text(const dowel_objects_place_args *args, size_t index) {
    return index ? args->more_places[index - 1] : args->place;
}

static int refuse(dowel_place *place, const char *text, const char *why, dowel_error *err) {
    dowel_place_close(place);
    return dowel_fail(err, DOWEL_E_INVALID, "%.200s %s", text, why);
}

static dowel_caller caller_of(const dowel_objects_place_args *args, const char *text) {
    bool url = strstr(text, "://") && strncmp(text, "file://", 7) != 0;
    /* One of several places may be a file; a single one that takes no credentials is an error. */
    if (!url && args->more_places && *args->more_places) return (dowel_caller){NULL, NULL, NULL};
    return (dowel_caller){args->credentials, args->endpoint, args->region};
}

int dowel_places_open(dowel *d, const dowel_objects_place_args *args, size_t index, dowel_place_use use,
                      dowel_place *place, dowel_error *err) {
    const char *text = dowel_places_text(args, index);
    const dowel_caller caller = caller_of(args, text);
    int rc = dowel_place_find(d, text, use, args->literal, &caller, false, place, err);
    return rc || !place->stream ? rc : refuse(place, text, "is neither an object nor a folder", err);
}

int dowel_places_open_object(dowel *d, const dowel_objects_place_args *args, dowel_place *place, dowel_error *err) {
    const dowel_caller caller = caller_of(args, args->place);
    int rc = dowel_place_open(d, args->place, DOWEL_PLACE_ONE, &caller, false, place, err);
    if (rc) return rc;
    if (place->stream) return refuse(place, args->place, "is neither an object nor a folder", err);
    return place->folder ? refuse(place, args->place, "is a folder, not an object", err) : 0;
}

/* ---- as JSON ---- */

json_t *dowel_name_json(const char *text) {
    json_t *value = text ? json_string(text) : NULL;
    char *shown = text && !value ? dowel_printable(text, false) : NULL;
    if (shown) value = json_string(shown);
    free(shown);
    return value;
}

static void set_time(json_t *shown, const char *member, int64_t time) {
    char when[DOWEL_TIME_TEXT_SIZE];
    if (!time) return;
    dowel_format_time(time, when);
    json_object_set_new(shown, member, json_string(when));
}

static void set_check(json_t *shown, const char *member, const void *bytes, size_t size) {
    char *text = size ? dowel_base64(bytes, size) : NULL;
    if (text) json_object_set_new(shown, member, json_string(text));
    free(text);
}

static void set_details(json_t *shown, const dowel_object *object) {
    const struct {
        const char *name, *value;
    } more[] = {{"content_encoding", object->content_encoding},
                {"content_language", object->content_language},
                {"content_disposition", object->content_disposition},
                {"cache_control", object->cache_control}};
    if (object->own_time) set_time(shown, "source_modified", object->modified);
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        if (more[i].value) json_object_set_new(shown, more[i].name, dowel_name_json(more[i].value));
    json_t *metadata = object->metadata ? json_object() : NULL;
    for (const dowel_pair *pair = object->metadata; metadata && pair->name; pair++)
        json_object_set_new(metadata, pair->name, dowel_name_json(pair->value));
    if (json_object_size(metadata)) json_object_set(shown, "metadata", metadata);
    json_decref(metadata);
}

json_t *dowel_object_describe(const dowel_object *object, const char *name, bool all) {
    static const char *const kinds[] = {"crc32c", "md5", "sha256", "crc32", "crc64nvme"};
    json_t *shown = json_pack("{s:o*,s:I}", "name", dowel_name_json(name), "size", (json_int_t)object->size);
    if (!shown) return NULL;
    set_time(shown, "modified", object->stored ? object->stored : object->modified);
    const struct {
        const char *name, *value;
    } more[] = {{"content_type", object->content_type},
                {"storage_class", object->storage_class},
                {"etag", object->etag},
                {"version", object->version},
                {"skipped", object->odd}};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        if (more[i].value) json_object_set_new(shown, more[i].name, dowel_name_json(more[i].value));
    if (all) set_details(shown, object);
    if (object->check_size) set_check(shown, kinds[object->check_kind], object->check, object->check_size);
    if (all && object->has_md5) set_check(shown, "md5", object->md5, sizeof object->md5);
    return shown;
}
