/* dowel/objects.h: one interface to named objects, whatever stores them.
 *
 * A block type that holds objects (a bucket, a folder) fills a `dowel_objects`. Listing, copying, syncing, removing and presigning are written once,
 * over this interface, and know no provider. Names are relative to the block's folder, use `/` between their parts, and may hold any byte but NUL.
 * Every function may be called from any thread and obeys the run of `d`. */
#ifndef DOWEL_OBJECTS_H
#define DOWEL_OBJECTS_H

#include <dowel/block.h>
#include <dowel/stream.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One object, as far as it is known. Borrowed: valid until the function that receives it returns. */
typedef struct dowel_object {
    const char *name;
    bool is_prefix;   /* not an object: a common prefix of several names, up to the delimiter */
    bool is_deleted;  /* a deletion marker; only in listings of versions */
    bool is_current;  /* the newest version */
    int64_t size;     /* bytes */
    int64_t modified; /* µs since the epoch; 0: unknown, 1: the epoch itself */
    bool own_time;    /* `modified` is the file's own time, recorded by the writer; else when the object was stored */
    const char *version;      /* generation or version id; NULL: none */
    const char *etag;         /* without quotes; NULL: none */
    const char *content_type; /* NULL: unknown (some listings omit it) */
    const char *storage_class;
    /* The description. `described`: the members below and content_type are known; otherwise call `stat`. */
    bool described;
    const char *content_encoding, *content_language, *content_disposition, *cache_control; /* NULL: none */
    const dowel_pair *metadata;   /* the user's, without the recorded time; ended by {NULL, NULL}; NULL: none */
    dowel_digest_kind check_kind; /* of a checksum of the whole content */
    size_t check_size;            /* 0: no checksum is known */
    unsigned char check[DOWEL_DIGEST_MAX];
    bool has_md5; /* a second checksum, which most services have for small objects */
    unsigned char md5[16];
    /* Not an object, but something else under this name: "a symbolic link", or a folder that could not be read. NULL: an object. */
    const char *odd;
    int odd_code; /* 0: skipped because of its kind; else the code of the failure: more names below it may be missing */
    /* `modified` is when the object was stored; only `stat` tells whether the file's own time is recorded (in some listings). */
    bool time_untold;
    /* A sentence on a part of the description that cannot be read: "2 entries of its metadata are not returned". NULL: nothing is missing. */
    const char *untold;
    int64_t stored; /* when the service stored the object (its last-modified time), µs since the epoch; 0: `modified` */
    int64_t created; /* files: when the file was created, µs since the epoch; only `stat` tells it; 0: unknown */
} dowel_object;

/* Receives objects one by one. A nonzero return value ends the listing, which returns it: a code with `err` filled, or a positive number for "enough". */
typedef int (*dowel_object_visitor)(void *context, const dowel_object *object, dowel_error *err);

/* Identifies a folder of this machine, whatever path leads to it. */
typedef struct dowel_folder_id {
    uint64_t device, number;
} dowel_folder_id;

typedef struct dowel_objects_query {
    size_t size;             /* sizeof(dowel_objects_query) */
    const char *prefix;      /* NULL: all names */
    const char *delimiter;   /* NULL: no common prefixes */
    const char *start_after; /* only names after this one, in byte order; NULL: all */
    bool versions;           /* every version, and deletion markers */
    /* Files only: a folder that is not entered, but reported as odd with the code CONFLICT. NULL: none. */
    const dowel_folder_id *apart;
} dowel_objects_query;

/* How a large object is split. Zero: the provider's default. */
typedef struct dowel_object_parts {
    int64_t size;        /* bytes of a part */
    int64_t concurrency; /* parts at a time; 0: starts with a few and adds more as long as that is faster */
} dowel_object_parts;

typedef struct dowel_object_put_options {
    size_t size;              /* sizeof(dowel_object_put_options) */
    const char *content_type; /* NULL: guessed from the name */
    const char *content_encoding, *content_language, *content_disposition, *cache_control, *storage_class;
    const dowel_pair *metadata; /* ended by {NULL, NULL} */
    int64_t modified; /* µs since the epoch: the file's time, recorded for later listings and stat; 0: none */
    bool if_absent;   /* CONFLICT if the object exists */
    dowel_object_parts parts;
    int64_t memory; /* bytes for buffering a source that cannot be read again; 0: the default */
    /* The caller named this one object. Files: a symbolic link under the name is followed and its target replaced; without `named`, as in a tree, the
     * link is in the way (EXISTS). */
    bool named;
    /* Called for each part of the description that the service cannot store ("metadata.title"), with the reason; the object is stored without it.
     * NULL: such a part is an error. */
    void (*unheld)(void *context, const char *part, const char *why);
    void *unheld_context;
} dowel_object_put_options;

typedef struct dowel_presign_options {
    size_t size;        /* sizeof(dowel_presign_options) */
    const char *method; /* "GET", "PUT", "DELETE", "HEAD"; NULL: GET */
    double seconds;     /* validity; 0: one hour */
    const char *content_type;
} dowel_presign_options;

typedef struct dowel_objects {
    size_t size;        /* sizeof(dowel_objects) */
    const char *scheme; /* of URLs: "file" */
    const char *place;  /* field that a URL's authority fills when a block is made from a URL: "bucket" */
    /* Calls `visit` in byte order of names, common prefixes included. Memory use does not depend on the number of objects. Names with a NUL byte, which
     * `name` cannot express, are reported as odd. */
    int (*list)(dowel *d, dowel_block *block, const dowel_objects_query *query, dowel_object_visitor visit,
                void *context, dowel_error *err);
    /* `version` NULL: the newest. NOT_FOUND if there is none. */
    int (*stat)(dowel *d, dowel_block *block, const char *name, const char *version, dowel_object_visitor visit,
                void *context, dowel_error *err);
    /* Writes the content to the sink and verifies the provider's checksum; does not commit. `parts` may be NULL. */
    int (*get)(dowel *d, dowel_block *block, const char *name, const char *version, const dowel_object_parts *parts,
               dowel_sink *sink, dowel_error *err);
    /* `visit` (may be NULL) receives the stored object. */
    int (*put)(dowel *d, dowel_block *block, const char *name, dowel_source *source,
               const dowel_object_put_options *options, dowel_object_visitor visit, void *context, dowel_error *err);
    /* Copies on the server. Both blocks are of this type. NULL: not supported. */
    int (*copy)(dowel *d, dowel_block *from, const char *name, const char *version, dowel_block *to,
                const char *to_name, dowel_error *err);
    /* Removes many objects. A missing object is not a failure. `failed` is called for each object that could not be removed; the first one's code is
     * returned. */
    int (*remove)(dowel *d, dowel_block *block, const char *const *names, size_t count,
                  void (*failed)(void *context, const char *name, const dowel_error *why), void *context,
                  dowel_error *err);
    /* *url is newly allocated, and secret: it grants access to one object until it expires. NULL: not supported. */
    int (*presign)(dowel *d, dowel_block *block, const char *name, const dowel_presign_options *options, char **url,
                   dowel_error *err);

    /* ---- for block types whose objects are files; NULL in others ---- */

    /* Whether an object may have this name. Changes nothing. NULL: any name. */
    int (*check_name)(dowel_block *block, const char *name, dowel_error *err);
    /* Opens the content, and reports the object as it is then (`visit` may be NULL). */
    int (*source)(dowel *d, dowel_block *block, const char *name, dowel_source **source, dowel_object_visitor visit,
                  void *context, dowel_error *err);
    /* Opens a sink; committing it creates or replaces the object. EXISTS if something that is not an object has the name. */
    int (*sink)(dowel *d, dowel_block *block, const char *name, const dowel_object_put_options *options,
                dowel_sink **sink, dowel_error *err);

    /* ---- since version 2 of this interface; each comment says what NULL means ---- */

    /* The URL of the service that holds the objects, without bucket and path, in one spelling however the block, its credentials or the environment
     * spell it: "https://storage.example.com". Newly allocated. Sends no request. NULL: the block's field "endpoint". */
    int (*service)(dowel *d, dowel_block *block, char **url, dowel_error *err);
    /* Like `get`, and reports what the answer says of the object, such as its recorded time. `visit` is called after the last byte. NULL: `stat`, then
     * `get`. */
    int (*fetch)(dowel *d, dowel_block *block, const char *name, const char *version, const dowel_object_parts *parts,
                 dowel_sink *sink, dowel_object_visitor visit, void *context, dowel_error *err);
    /* Files only: makes the folder `name` ("" or ending in a slash) and its parents. EXISTS if a file or link is in the way. */
    int (*make_folder)(dowel *d, dowel_block *block, const char *name, dowel_error *err);

    /* ---- since version 3 of this interface ---- */

    /* The task that lists the buckets of the caller: {buckets: [{bucket, created}]}. NULL: there is none. */
    const char *buckets_task;

    /* ---- since version 4 of this interface ---- */

    /* Removes the object if it still is the one that `object` describes (name, version, etag). CONFLICT: it is not. A missing object is not a failure.
     * NULL: the caller compares the object right before it removes it. */
    int (*remove_exact)(dowel *d, dowel_block *block, const dowel_object *object, dowel_error *err);
    /* The time of the service's clock, µs since the epoch: whatever is stored from now on has this `stored` time or a later one. 0: the service does not
     * tell it. NULL: the objects are files, or the clock is unknown. */
    int (*now)(dowel *d, dowel_block *block, int64_t *time, dowel_error *err);
} dowel_objects;

/* The media type that the extension of a name suggests; "application/octet-stream" if none. */
DOWEL_API const char *dowel_content_type(const char *name);

#ifdef __cplusplus
}
#endif
#endif
