/* dowel/objects.h: named objects in one vocabulary, whatever keeps them.
 *
 * A block type that holds objects (a bucket, a folder) fills a `dowel_objects`; listing, copying, syncing, removing and presigning work
 * over that interface and know no provider. Names are relative to the block's own folder, have `/` between their parts, and may
 * hold any byte but NUL. Every function may be called from any thread and obeys the run of `d`. */
#ifndef DOWEL_OBJECTS_H
#define DOWEL_OBJECTS_H

#include <dowel/block.h>
#include <dowel/stream.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is known of one object. Borrowed: lives until the function that it was handed to returns. */
typedef struct dowel_object {
    const char *name;
    bool is_prefix;   /* no object, but what several names begin with, up to the delimiter */
    bool is_deleted;  /* a marker of a deletion; only where versions were asked for */
    bool is_current;  /* the newest version */
    int64_t size;     /* bytes */
    int64_t modified; /* µs since the epoch; 0: unknown, 1: the epoch itself */
    bool
        own_time; /* `modified` is the file's own time, recorded by the writer; else it is when the object was stored */
    const char *version;      /* generation or version id; NULL: none */
    const char *etag;         /* without quotes; NULL: none */
    const char *content_type; /* NULL: not told (some listings do not) */
    const char *storage_class;
    /* What goes along with the content. `described`: they are told, and content_type too; else only `stat` tells them. */
    bool described;
    const char *content_encoding, *content_language, *content_disposition, *cache_control; /* NULL: none */
    const dowel_pair *metadata;   /* the user's own, without the recorded time; ended by {NULL, NULL}; NULL: none */
    dowel_digest_kind check_kind; /* a check of the whole content; check_size 0: none known */
    size_t check_size;
    unsigned char check[DOWEL_DIGEST_MAX];
    bool has_md5; /* a second check, which many know of what is not large */
    unsigned char md5[16];
    /* Something that is no object stands under this name: "a symbolic link", or a folder that could not be read. NULL for objects. */
    const char *odd;
    int odd_code; /* 0: left out by its nature; else the code of what went wrong there, and more names may be missing */
    /* `modified` is when the object was stored, and only `stat` tells whether a file's own time is recorded (of some listings). */
    bool time_untold;
    /* What goes along with the content and cannot be told, as a sentence: "2 entries of its metadata are not returned". NULL: nothing. */
    const char *untold;
} dowel_object;

/* Receives objects one by one. Anything but 0 ends the listing, which then returns it: a code with `err` filled, or a number above 0
 * that means "enough". */
typedef int (*dowel_object_visitor)(void *context, const dowel_object *object, dowel_error *err);

/* A folder of this machine, whatever path leads to it. */
typedef struct dowel_folder_id {
    uint64_t device, number;
} dowel_folder_id;

typedef struct dowel_objects_query {
    size_t size;
    const char *prefix;      /* NULL: all */
    const char *delimiter;   /* NULL: no prefixes */
    const char *start_after; /* names after this one, in the byte order of UTF-8 */
    bool versions;           /* every version, and markers of deletion */
    /* Of files: a folder that is not entered, but told as odd with the code CONFLICT. NULL: none. */
    const dowel_folder_id *apart;
} dowel_objects_query;

/* How a large object is cut up. Zeros: as the provider does by itself. */
typedef struct dowel_object_parts {
    int64_t size; /* bytes of a part */
    int64_t
        concurrency; /* parts at a time; 0: a few, and more as long as that is faster, where the protocol knows parts */
} dowel_object_parts;

typedef struct dowel_object_put_options {
    size_t size;
    const char *content_type; /* NULL: guessed from the name */
    const char *content_encoding, *content_language, *content_disposition, *cache_control, *storage_class;
    const dowel_pair *metadata; /* ended by {NULL, NULL} */
    int64_t modified;           /* the file's time, recorded so that a later listing or stat can tell it; 0: none */
    bool if_absent;             /* CONFLICT where there is such an object already */
    dowel_object_parts parts;
    int64_t memory; /* bytes that may be held of a source that cannot be read again; 0: as suits */
    bool
        named; /* the caller named this one object. Of files: a symbolic link under the name stays, and what it leads to is replaced; without, as in
                     * a tree, it is in the way (EXISTS) */
    /* Called for each part of the description that the service cannot hold ("metadata.title") with the reason; the object is stored without it.
     * NULL: such a part is an error. */
    void (*unheld)(void *context, const char *part, const char *why);
    void *unheld_context;
} dowel_object_put_options;

typedef struct dowel_presign_options {
    size_t size;
    const char *method; /* "GET" (also for NULL), "PUT", "DELETE", "HEAD" */
    double seconds;     /* how long it is good for; 0: an hour */
    const char *content_type;
} dowel_presign_options;

typedef struct dowel_objects {
    size_t size;        /* sizeof(dowel_objects) */
    const char *scheme; /* of URLs: "file" */
    const char *place;  /* the field that a URL's authority fills in a block that is made on the fly: "bucket" */
    /* In the byte order of names; with a delimiter, prefixes among them. Memory does not grow with the number of objects. Names that hold
     * NUL, which no `name` can say, are told as odd. */
    int (*list)(dowel *d, dowel_block *block, const dowel_objects_query *query, dowel_object_visitor visit,
                void *context, dowel_error *err);
    /* `version` NULL: the newest. NOT_FOUND when there is none. */
    int (*stat)(dowel *d, dowel_block *block, const char *name, const char *version, dowel_object_visitor visit,
                void *context, dowel_error *err);
    /* Writes the content into the sink, checked against what the provider says of it; does not commit. `parts` may be NULL. */
    int (*get)(dowel *d, dowel_block *block, const char *name, const char *version, const dowel_object_parts *parts,
               dowel_sink *sink, dowel_error *err);
    /* `visit` (may be NULL) is told what was stored. */
    int (*put)(dowel *d, dowel_block *block, const char *name, dowel_source *source,
               const dowel_object_put_options *options, dowel_object_visitor visit, void *context, dowel_error *err);
    /* Within the provider, without fetching. Both blocks are of this type. NULL: cannot. */
    int (*copy)(dowel *d, dowel_block *from, const char *name, const char *version, dowel_block *to,
                const char *to_name, dowel_error *err);
    /* Removes many. A name that is not there is no failure. `failed` is told of each one that could not be removed; the result is then the
     * first one's code. */
    int (*remove)(dowel *d, dowel_block *block, const char *const *names, size_t count,
                  void (*failed)(void *context, const char *name, const dowel_error *why), void *context,
                  dowel_error *err);
    /* *url is newly allocated, and a secret: who has it may do what it says. NULL: cannot. */
    int (*presign)(dowel *d, dowel_block *block, const char *name, const dowel_presign_options *options, char **url,
                   dowel_error *err);

    /* ---- where objects are files; NULL elsewhere ---- */

    /* Whether an object may have this name; NULL: any. Changes nothing. */
    int (*check_name)(dowel_block *block, const char *name, dowel_error *err);
    /* The content, and what is known of it at that moment (`visit` may be NULL). */
    int (*source)(dowel *d, dowel_block *block, const char *name, dowel_source **source, dowel_object_visitor visit,
                  void *context, dowel_error *err);
    /* What is committed there becomes the object. EXISTS where something that is no object is in the way. */
    int (*sink)(dowel *d, dowel_block *block, const char *name, const dowel_object_put_options *options,
                dowel_sink **sink, dowel_error *err);

    /* ---- since version 2 of this interface; NULL: what is said beside it ---- */

    /* The service that holds the objects, as a URL without bucket and path, in one spelling, however the block, its credentials or the
     * environment spell it: "https://storage.example.com". Newly allocated. Sends nothing. NULL: the block's field "endpoint". */
    int (*service)(dowel *d, dowel_block *block, char **url, dowel_error *err);
    /* As `get`, and tells what the answer says of the object: its recorded time. `visit` is called after the last byte. NULL: `stat` and `get`. */
    int (*fetch)(dowel *d, dowel_block *block, const char *name, const char *version, const dowel_object_parts *parts,
                 dowel_sink *sink, dowel_object_visitor visit, void *context, dowel_error *err);
    /* Of files: makes the folder `name` ("" or ending with a slash) and those above it. EXISTS where a file or link is in the way. */
    int (*make_folder)(dowel *d, dowel_block *block, const char *name, dowel_error *err);
} dowel_objects;

/* What the ending of a name suggests; "application/octet-stream" where it suggests nothing. */
DOWEL_API const char *dowel_content_type(const char *name);

#ifdef __cplusplus
}
#endif
#endif
