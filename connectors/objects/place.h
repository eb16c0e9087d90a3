/* Where objects are: what a person writes, made into a block and a name in it. */
#ifndef DOWEL_PLACE_H
#define DOWEL_PLACE_H

#include <dowel/objects.h>
#include <dowel/runtime.h>

typedef struct dowel_caller {
    const char *credentials, *endpoint, *region;
} dowel_caller;

typedef struct dowel_place {
    dowel_block *block; /* NULL: `stream` */
    const dowel_objects *objects;
    char *path;    /* the object's name, or the folder's, which ends with a slash unless it is empty */
    char *shown;   /* what makes a place of a name in the block, in front of it: "gs://bucket/" */
    char *stream;  /* "-", a device or a pipe: bytes without a name */
    char *service; /* that holds the objects, in one spelling (dowel_objects.service) */
    bool folder;
    bool files; /* on this machine */
} dowel_place;

typedef enum dowel_place_use {
    DOWEL_PLACE_ONE,  /* an object, or where it goes */
    DOWEL_PLACE_TREE, /* a folder with all that is below it */
} dowel_place_use;

int dowel_place_open(dowel *d, const char *text, dowel_place_use use, const dowel_caller *caller, bool follow_links,
                     dowel_place *place, dowel_error *err);
void dowel_place_close(dowel_place *place);
/* "gs://bucket/a/name": newly allocated, NULL when out of memory. `name` is the whole name in the block. */
char *dowel_place_name(const dowel_place *place, const char *name);
/* The place's path and behind it `name`. Newly allocated. */
char *dowel_place_join(const dowel_place *place, const char *name);
/* Whether an object there can have this (whole) name: a file's, or UTF-8. */
int dowel_place_check_name(const dowel_place *place, const char *name, dowel_error *err);
/* Explains how to write a saved block's place, if `text` was read as a file that is missing. */
void dowel_place_hint_missing(const dowel_place *place, const char *text, dowel_error *err);
/* Whether both are served by the same service at the same address, so that it can copy by itself. */
bool dowel_place_same_service(const dowel_place *a, const dowel_place *b);
/* Whether the same caller is named for both. */
bool dowel_place_same_caller(const dowel_place *a, const dowel_place *b);
/* ---- overlap.c ---- */

/* Whether folder `b` is `a` or lies below it, as far as that can be told from what both are called: by the service, bucket and path that are meant,
 * however they are spelled; for files by the folders themselves, whatever path leads to them. */
bool dowel_place_holds(const dowel_place *a, const dowel_place *b);
/* Whether both are one object, or one file. */
bool dowel_place_is_same(const dowel_place *a, const dowel_place *b);
/* Of a folder of this machine. False: it is none, or not there yet. */
bool dowel_place_folder_id(const dowel_place *place, dowel_folder_id *id);
/* Remembers what the place means, and refuses to go on where a resumed run would work on another one: a saved block may have changed since the run
 * began, and so may the environment that says where a bucket is. */
int dowel_place_keep(dowel *d, const char *handle, const dowel_place *place, dowel_error *err);
/* Asks both services, where the addresses alone do not tell whether one folder lies in the other: one bucket may be served at several addresses.
 * *overlap: an object of the source was found at the destination under its own whole name, with all that is known of it the same; *inside: the
 * destination's name lies in the source's. */
int dowel_place_probe(dowel *d, const dowel_place *from, const dowel_place *to, bool *overlap, bool *inside,
                      dowel_error *err);

#endif
