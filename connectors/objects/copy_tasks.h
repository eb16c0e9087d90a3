/* The tasks of this connector, and the fields that several of them have. */
#ifndef DOWEL_COPY_TASKS_H
#define DOWEL_COPY_TASKS_H

#include <dowel/object_tasks.h>

/* copy_tasks.c */
extern const dowel_task dowel_objects_copy_task, dowel_objects_move_task, dowel_objects_sync_task;
/* list_tasks.c, usage.c, remove_task.c */
extern const dowel_task dowel_objects_list_task, dowel_objects_stat_task, dowel_objects_usage_task,
    dowel_objects_remove_task;

#define DOWEL_CALLER_FIELDS(type)                                                                                      \
    {DOWEL_AT(type, credentials), .kind = DOWEL_STRING, .flags = DOWEL_BLOCK_TEXT,                                     \
     .doc = "Saved block of credentials for places that are URLs; default: what the provider's own tools find."},      \
        {DOWEL_AT(type, endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,                                       \
         .doc = "Address of the service, for places that are URLs."},                                                  \
    {                                                                                                                  \
        DOWEL_AT(type, region), .kind = DOWEL_STRING, .doc = "Region, for places that are URLs."                       \
    }
#define DOWEL_MORE_PLACES(type)                                                                                        \
    {DOWEL_AT(type, more_places), .kind = DOWEL_LIST, .flags = DOWEL_PLACE | DOWEL_SUBJECT,                            \
     .doc = "More places, after the first."},                                                                          \
    {                                                                                                                  \
        DOWEL_AT(type, literal), .kind = DOWEL_BOOL,                                                                   \
                                 .doc = "Take * ? [ and { in the places as characters of names, not as patterns."      \
    }
#define DOWEL_GLOB_FIELDS(type)                                                                                        \
    {DOWEL_AT(type, include), .kind = DOWEL_LIST,                                                                      \
     .doc = "Only names below the folder that match this pattern: * stops at slashes, ** crosses them, {a,b} is "      \
            "either.",                                                                                                 \
     .example = "'**.csv'"},                                                                                           \
    {                                                                                                                  \
        DOWEL_AT(type, exclude), .kind = DOWEL_LIST, .doc = "Skip names that match this pattern; wins over include."   \
    }

#endif
