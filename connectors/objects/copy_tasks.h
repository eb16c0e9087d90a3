/* The tasks of this connector. */
#ifndef DOWEL_COPY_TASKS_H
#define DOWEL_COPY_TASKS_H

#include <dowel/object_tasks.h>

extern const dowel_task dowel_objects_copy_task, dowel_objects_sync_task; /* copy_tasks.c */

/* Fields of `members` that many tables have. */
#define DOWEL_CALLER_FIELDS(type)                                                                                      \
    {DOWEL_AT(type, credentials), .kind = DOWEL_STRING, .flags = DOWEL_BLOCK_TEXT,                                     \
     .doc = "Saved block of credentials for places that are URLs; without: what the provider's own tools find."},      \
        {DOWEL_AT(type, endpoint), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,                                       \
         .doc = "Address of the service, for places that are URLs."},                                                  \
    {                                                                                                                  \
        DOWEL_AT(type, region), .kind = DOWEL_STRING, .doc = "Region, for places that are URLs."                       \
    }
#define DOWEL_GLOB_FIELDS(type)                                                                                        \
    {DOWEL_AT(type, include), .kind = DOWEL_LIST,                                                                      \
     .doc = "Only names below the folder that match this glob: * stays between slashes, ** crosses them.",             \
     .example = "'**.csv'"},                                                                                           \
    {                                                                                                                  \
        DOWEL_AT(type, exclude), .kind = DOWEL_LIST, .doc = "Not names that match this glob; wins over include."       \
    }

#endif
