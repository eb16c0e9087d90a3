/* dowel/object_tasks.h: copy, move, sync, list and remove objects of every service, and files.
 *
 * A place is
 *     gs://bucket/path, s3://bucket/path     an object or a folder of objects in a bucket
 *     gcs-bucket/landing:path                the same in a saved block, with its credentials, endpoint and folder
 *     a/path, file:///a/path                 a file or folder on this machine
 *     -                                      standard input or output
 * The schemes are those of the block types that hold objects (dowel/objects.h), of any connector. A path that ends with a slash is a folder. For a
 * URL, `credentials` says which credentials to use; the default is what the provider's own tools find.
 *
 * A source may be a pattern: * and ? stop at slashes, ** crosses them, [a-z] is one character, {a,b} is either, \ makes the next character literal. It
 * is a pattern only if no object or folder has exactly this name; `literal` turns patterns off. Destinations are never patterns.
 *
 * Every function runs a task: it is recorded in the history, and timeouts and cancellation apply. *result (may be NULL) is a new reference. */
#ifndef DOWEL_OBJECT_TASKS_H
#define DOWEL_OBJECT_TASKS_H

#include <dowel/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_objects_connector;

/* One thing that was done, would be done (dry run), was skipped or failed. Borrowed. */
typedef struct dowel_object_event {
    /* "copy", "move", "incomplete", "remove", "kept", "unchanged", "skip", "unmatched", "fail"; of listings "object", "prefix", "usage" */
    const char *what;
    const char *name; /* the object as a place; "kept", "unmatched", "usage": the place */
    const char *to;   /* of copy and move; else NULL */
    const char
        *why; /* skip, kept: the reason; incomplete: what was not copied; unmatched: the include pattern; else NULL */
    const dowel_error *error;
    const struct dowel_object *object; /* of listings; else NULL */
    int64_t size;                      /* bytes; "kept": the number of objects that were not removed */
    int64_t count;                     /* "usage": the number of objects */
} dowel_object_event;

/* Called from any thread, one call at a time. */
typedef struct dowel_object_reporter {
    void (*event)(void *context, const dowel_object_event *event);
    void *context;
} dowel_object_reporter;

/* For places that are URLs: fields of the block that is made for the place. */
#define DOWEL_CALLER_MEMBERS                                                                                           \
    const char *credentials; /* a saved block: "gcp-credentials/prod", or its name alone */                            \
    const char *endpoint;                                                                                              \
    const char *region;

/* Symbolic links among the files of the source: skip them, follow them, or fail. */
enum { DOWEL_LINKS_SKIP, DOWEL_LINKS_FOLLOW, DOWEL_LINKS_FAIL };
/* What makes two objects equal: size and time, size, or size and checksum. */
enum { DOWEL_COMPARE_TIME, DOWEL_COMPARE_SIZE, DOWEL_COMPARE_CHECKSUM };

typedef struct dowel_objects_copy_args { /* copy, move, sync */
    const char *source, *destination;
    DOWEL_CALLER_MEMBERS /* of both places */
        const char *from_credentials,
        *from_endpoint, *from_region;                     /* of the source only */
    const char *to_credentials, *to_endpoint, *to_region; /* of the destination only */
    const char *const *include;                           /* patterns of names below the source; NULL: all */
    const char *const *exclude;
    int symlinks; /* DOWEL_LINKS_* */
    bool dry_run;
    int64_t concurrency; /* objects at a time */
    const dowel_object_reporter *reporter;
    /* copy, move */
    bool recursive;
    bool skip_existing;
    const char *content_type, *cache_control, *storage_class;
    const dowel_pair *metadata;
    /* sync */
    int compare; /* DOWEL_COMPARE_* */
    bool delete_extraneous;
    /* all: how to split a large object; 0: the protocol's default */
    int64_t part_size;        /* bytes of a part */
    int64_t part_concurrency; /* parts of one object at a time */
    const char *given;        /* members that are zero on purpose (dowel/fields.h) */
    /* sync */
    bool allow_empty; /* with delete_extraneous: an empty source empties the destination, instead of an error */
    /* copy, move */
    const char *const *more_sources; /* after `source`; the destination must then be a folder. NULL: none */
    bool literal;                    /* sources are not patterns */
} dowel_objects_copy_args;

typedef struct dowel_objects_place_args { /* list, remove, stat, usage, presign */
    const char *place;
    DOWEL_CALLER_MEMBERS
    /* list, remove */
    bool recursive;
    /* list, remove, usage */
    const char *const *include, *const *exclude;
    const dowel_object_reporter *reporter;
    int64_t
        limit; /* list: objects in the result. With a reporter, it gets all of them and the result their number (`reported`) */
    bool dry_run; /* remove */
    /* presign */
    int method; /* DOWEL_PRESIGN_GET, PUT, DELETE, HEAD */
    double expires;
    const char *content_type;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
    /* all but presign */
    const char *const *more_places; /* after `place`; NULL: none */
    bool literal;                   /* places are not patterns */
    bool source_times; /* list: also the recorded time of the source file; S3 needs a request for each object */
    int64_t depth;     /* usage: levels of folders below each place */
} dowel_objects_place_args;

/* Copies one object, with `recursive` everything below the source's folder, or everything that matches a pattern, under the same names below the
 * destination's folder. With several sources each keeps the last part of its name. {copied, bytes, unchanged, skipped, removed}, and incomplete: the
 * number of copies without a part of their metadata, which the destination cannot hold. If some objects fail, the others are copied; the error then
 * counts and names the failures, and has their code, or REMOTE if the codes differ. A resumed run skips what it has copied already. */
static inline int dowel_objects_copy(dowel *d, const dowel_objects_copy_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "objects.copy", args, sizeof *args, NULL, result, err);
}
/* Copies like dowel_objects_copy, and removes each object of the source after its copy was verified: it has the same size and checksum, and the source
 * did not change meanwhile. Otherwise the source is kept and the object fails. {moved, bytes, unchanged, skipped}. */
static inline int dowel_objects_move(dowel *d, const dowel_objects_copy_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "objects.move", args, sizeof *args, NULL, result, err);
}
/* Makes the destination's folder equal to the source's: copies what differs, and with `delete_extraneous` removes what only the destination has. It
 * removes at the end, and only if everything could be listed and nothing failed. Then a source with nothing to copy is an error (`allow_empty`), and
 * so is a source that lies in the destination. */
static inline int dowel_objects_sync(dowel *d, const dowel_objects_copy_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "objects.sync", args, sizeof *args, NULL, result, err);
}
/* {objects: [{name, size, modified ...}], prefixes, truncated}. Names are relative to the place; with several places or a pattern they are whole
 * places. "gs://" and "s3://" list buckets as prefixes. `modified` is when the service stored the object. */
static inline int dowel_objects_list(dowel *d, const dowel_objects_place_args *args, json_t **result,
                                     dowel_error *err) {
    return dowel_call(d, "objects.list", args, sizeof *args, NULL, result, err);
}
/* {name, size, modified, source_modified, content_type, etag, version, crc32c, metadata ...}; of several places or a pattern {objects: [...]}. */
static inline int dowel_objects_stat(dowel *d, const dowel_objects_place_args *args, json_t **result,
                                     dowel_error *err) {
    return dowel_call(d, "objects.stat", args, sizeof *args, NULL, result, err);
}
/* {folders: [{name, size, objects}], size, objects}: the folders down to `depth`, each before the one that it lies in, and the place itself. */
static inline int dowel_objects_usage(dowel *d, const dowel_objects_place_args *args, json_t **result,
                                      dowel_error *err) {
    return dowel_call(d, "objects.usage", args, sizeof *args, NULL, result, err);
}
/* {removed, skipped}. A resumed run does not remove objects that were stored after it began. */
static inline int dowel_objects_remove(dowel *d, const dowel_objects_place_args *args, json_t **result,
                                       dowel_error *err) {
    return dowel_call(d, "objects.remove", args, sizeof *args, NULL, result, err);
}
/* {url}: a presigned URL. It is a secret: it grants access to the object until it expires. */
static inline int dowel_objects_presign(dowel *d, const dowel_objects_place_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "objects.presign", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
