/* The descriptor, and objects.presign. */
#include "copy_tasks.h"
#include "places.h"

#include <stdlib.h>

typedef dowel_objects_place_args args_t;

static const char *const methods[] = {"GET", "PUT", "DELETE", "HEAD", NULL};
static const dowel_field fields[] = {
    {DOWEL_AT(args_t, place), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_PLACE | DOWEL_SUBJECT,
     .doc = "Object; it need not exist.", .example = "gs://landing/2026/a.csv"},
    {DOWEL_AT(args_t, method), .kind = DOWEL_ENUM, .values = methods, .doc = "HTTP method that the URL is for."},
    {DOWEL_AT(args_t, expires), .kind = DOWEL_DURATION, .fallback = "1h", .minimum = 1, .maximum = 604800,
     .doc = "How long the URL is valid."},
    {DOWEL_AT(args_t, content_type), .kind = DOWEL_STRING, .doc = "Content type that a PUT must send."},
    DOWEL_CALLER_FIELDS(args_t),
    {DOWEL_GIVEN_AT(args_t)},
    {0}};
static const dowel_table table = {"objects.presign", sizeof(args_t), fields, NULL};

static int run_presign(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const args_t *args = data;
    dowel_place place;
    char *url = NULL;
    int rc = dowel_places_open_object(d, args, &place, err);
    if (rc) return rc;
    const dowel_presign_options options = {.size = sizeof options,
                                           .method = methods[args->method],
                                           .seconds = args->expires,
                                           .content_type = args->content_type};
    if (!place.objects->presign)
        rc = dowel_fail(err, DOWEL_E_INVALID, "%.200s is a file; only objects in a bucket have URLs", args->place);
    else
        rc = place.objects->presign(d, place.block, place.path, &options, &url, err);
    if (!rc) *result = json_pack("{s:s}", "url", url);
    free(url);
    dowel_place_close(&place);
    return rc;
}

static const dowel_task presign = {.size = sizeof(dowel_task),
                                   .name = "objects.presign",
                                   .doc = "Makes a presigned URL: it grants access to one object until it expires.",
                                   .args = &table,
                                   .run = run_presign,
                                   .example = "--place gs://landing/a.csv --expires 15m"};

static const dowel_task *const tasks[] = {&dowel_objects_copy_task,
                                          &dowel_objects_move_task,
                                          &dowel_objects_sync_task,
                                          &dowel_objects_list_task,
                                          &dowel_objects_stat_task,
                                          &dowel_objects_usage_task,
                                          &dowel_objects_remove_task,
                                          &presign,
                                          NULL};

const dowel_connector dowel_objects_connector = {
    .abi = DOWEL_ABI,
    .size = sizeof(dowel_connector),
    .name = "objects",
    .version = "0.1.0",
    .doc = "Copies, moves, syncs, lists and removes objects of every service, and files.",
    .tasks = tasks};
