/* A place that a caller names, as a block and a name in it. */
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
    char *pattern; /* of names below the folder (glob.h); NULL: none */
    char *shown;   /* the text that turns a name in the block into a place: "gs://bucket/" */
    char *stream;  /* "-", a device or a pipe: bytes without a name */
    char *service; /* the address of the service, normalised (dowel_objects.service) */
    bool folder;
    bool files; /* a path on this machine */
} dowel_place;

typedef enum dowel_place_use {
    DOWEL_PLACE_ONE,  /* an object, or where it goes */
    DOWEL_PLACE_TREE, /* a folder with everything below it */
    DOWEL_PLACE_ANY,  /* a file on this machine, or else a folder with everything below it; for dowel_place_find */
} dowel_place_use;

int dowel_place_open(dowel *d, const char *text, dowel_place_use use, const dowel_caller *caller, bool follow_links,
                     dowel_place *place, dowel_error *err);
/* The same for a source. Unless `literal`, a text with * ? [ or { is a pattern if no object or folder has exactly this name: the place is then the
 * folder in front of the first of these characters, and `pattern` the rest. */
int dowel_place_find(dowel *d, const char *text, dowel_place_use use, bool literal, const dowel_caller *caller,
                     bool follow_links, dowel_place *place, dowel_error *err);
/* The block type whose objects have URLs of this scheme ("gs"). */
const dowel_block_type *dowel_place_type(dowel *d, const char *scheme, dowel_error *err);
/* NOT_FOUND for a place in which nothing was found. */
int dowel_place_nothing(const dowel_place *place, dowel_error *err);
void dowel_place_close(dowel_place *place);
/* "gs://bucket/a/name": newly allocated, NULL when out of memory. `name` is the whole name in the block. */
char *dowel_place_name(const dowel_place *place, const char *name);
/* The place's path, followed by `name`. Newly allocated. */
char *dowel_place_join(const dowel_place *place, const char *name);
/* Checks that an object there may have this (whole) name. */
int dowel_place_check_name(const dowel_place *place, const char *name, dowel_error *err);
/* Adds a hint about the syntax of saved blocks to an error about a missing file. */
void dowel_place_hint_missing(const dowel_place *place, const char *text, dowel_error *err);
/* Whether one service holds both, so that it can copy without sending the bytes here. */
bool dowel_place_same_service(const dowel_place *a, const dowel_place *b);
/* Whether both use the same credentials. */
bool dowel_place_same_caller(const dowel_place *a, const dowel_place *b);
/* ---- overlap.c ---- */

/* Whether folder `b` is `a` or lies below it. Buckets are compared by service, bucket and path in normalised form, files by the folders themselves
 * (device and inode). Sends nothing. */
bool dowel_place_holds(const dowel_place *a, const dowel_place *b);
/* Whether names that match the pattern of `a` may lie below folder `b`, which is in the pattern's folder. */
bool dowel_place_reaches(const dowel_place *a, const dowel_place *b);
/* Whether both are one object, or one file. */
bool dowel_place_is_same(const dowel_place *a, const dowel_place *b);
/* The identity of a folder on this machine. False: it is not such a folder, or does not exist yet. */
bool dowel_place_folder_id(const dowel_place *place, dowel_folder_id *id);
/* Remembers what the place refers to, and fails when a resumed run finds it referring to something else: a saved block or the environment may have
 * changed since the run began. */
int dowel_place_keep(dowel *d, const char *handle, const dowel_place *place, dowel_error *err);
/* Asks both services when the addresses do not show whether one folder lies in the other: one bucket may be served at several addresses.
 * *overlap: an object of the source exists at the destination under its own whole name, with the same metadata; *inside: the destination's name
 * lies in the source's. */
int dowel_place_probe(dowel *d, const dowel_place *from, const dowel_place *to, bool *overlap, bool *inside,
                      dowel_error *err);

#endif
