/* dowel/object_tasks.h: copying, syncing, listing and removing objects, whatever keeps them.
 *
 * A place is
 *     gs://bucket/path, s3://bucket/path     an object, or a folder of objects, in a bucket
 *     gcs-bucket/landing:path                the same in a saved block, with its credentials, endpoint and folder
 *     a/path, file:///a/path                 a file or folder on this machine
 *     -                                      standard input or output
 * The schemes are those of the block types that hold objects (dowel/objects.h), of whatever connector. A path that ends with a slash is a
 * folder. Who calls at the place of a URL is said by `credentials`; without, it is what the provider's own tools would find.
 *
 * Every function is a task: history, timeouts and cancellation hold. *result (may be NULL) is a new reference. */
#ifndef DOWEL_OBJECT_TASKS_H
#define DOWEL_OBJECT_TASKS_H

#include <dowel/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

DOWEL_API extern const dowel_connector dowel_objects_connector;

/* One thing that was done, would be done (dry run), was left out or failed. Borrowed. */
typedef struct dowel_object_event {
    /* "copy", "incomplete", "remove", "kept", "unchanged", "skip", "fail", "object", "prefix" (listings) */
    const char *what;
    const char *name; /* of the object, with its place in front: a place of its own; of "kept": the place */
    const char *to;   /* of a copy; else NULL */
    const char *why;  /* of what was left out or kept; of "incomplete": what of its description was; else NULL */
    const dowel_error *error;
    const struct dowel_object *object; /* of listings; else NULL */
    int64_t size;                      /* of "kept": how many would have been removed if nothing had failed */
} dowel_object_event;

/* Called from any thread, one call at a time. */
typedef struct dowel_object_reporter {
    void (*event)(void *context, const dowel_object_event *event);
    void *context;
} dowel_object_reporter;

/* Who calls at a place that is a URL: fields of the block that is made for it. */
#define DOWEL_CALLER_MEMBERS                                                                                           \
    const char *credentials; /* a saved block: "gcp-credentials/prod", or its name alone */                            \
    const char *endpoint;                                                                                              \
    const char *region;

/* Symbolic links among files that are copied: left out with a warning, read, or an error. */
enum { DOWEL_LINKS_SKIP, DOWEL_LINKS_FOLLOW, DOWEL_LINKS_FAIL };
/* By what an object counts as the same: size and time, size, size and checksum. */
enum { DOWEL_COMPARE_TIME, DOWEL_COMPARE_SIZE, DOWEL_COMPARE_CHECKSUM };

typedef struct dowel_objects_copy_args {
    const char *source, *destination;
    DOWEL_CALLER_MEMBERS /* of both places */
        const char *from_credentials,
        *from_endpoint, *from_region;                     /* of the source alone */
    const char *to_credentials, *to_endpoint, *to_region; /* of the destination alone */
    const char *const *include;                           /* globs of names below the source; NULL: all */
    const char *const *exclude;
    int symlinks; /* DOWEL_LINKS_* */
    bool dry_run;
    int64_t concurrency; /* objects at a time */
    const dowel_object_reporter *reporter;
    /* copy */
    bool recursive;
    bool skip_existing;
    const char *content_type, *cache_control, *storage_class;
    const dowel_pair *metadata;
    /* sync */
    int compare; /* DOWEL_COMPARE_* */
    bool delete_extraneous;
    /* both: how a large object is cut up; 0: as the protocol does by itself */
    int64_t part_size;        /* bytes of a part */
    int64_t part_concurrency; /* parts of one object at a time */
    const char *given;        /* members that are zero on purpose (dowel/fields.h) */
    /* sync */
    bool
        allow_empty; /* with delete_extraneous: a source with nothing in it empties the destination, which else is an error */
} dowel_objects_copy_args;

typedef struct dowel_objects_place_args { /* list, remove, stat, presign */
    const char *place;
    DOWEL_CALLER_MEMBERS
    /* list, remove */
    bool recursive;
    const char *const *include, *const *exclude;
    const dowel_object_reporter *reporter;
    int64_t limit; /* list: objects in the result; a reporter gets them all, and the result none */
    bool dry_run;  /* remove */
    /* presign */
    int method; /* DOWEL_PRESIGN_GET, PUT, DELETE, HEAD */
    double expires;
    const char *content_type;
    const char *given; /* members that are zero on purpose (dowel/fields.h) */
} dowel_objects_place_args;

/* One object, or with `recursive` all that are below the source's folder, under the same names below the destination's.
 * {copied, bytes, unchanged, skipped, removed}, and incomplete, the number of copies that lack something that went along with the object (metadata
 * that the destination cannot hold), where there are such. When some fail, the others are copied nevertheless, and the error counts and names them: its code is
 * that of all failures, REMOTE when they differ. */
static inline int dowel_objects_copy(dowel *d, const dowel_objects_copy_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "objects.copy", args, sizeof *args, NULL, result, err);
}
/* Makes the destination's folder hold what the source's holds: copies what differs, and with `delete_extraneous` removes what only the
 * destination has, at the end and only when everything could be listed and nothing failed: else nothing is removed, and the error says so. A source with nothing to copy is an error then (`allow_empty`), and so is a
 * source that lies in the destination, however both are spelled. */
static inline int dowel_objects_sync(dowel *d, const dowel_objects_copy_args *args, json_t **result, dowel_error *err) {
    return dowel_call(d, "objects.sync", args, sizeof *args, NULL, result, err);
}
/* {objects: [{name, size, modified ...}], prefixes, truncated}. */
static inline int dowel_objects_list(dowel *d, const dowel_objects_place_args *args, json_t **result,
                                     dowel_error *err) {
    return dowel_call(d, "objects.list", args, sizeof *args, NULL, result, err);
}
/* {name, size, modified, content_type, etag, version, crc32c ...}. */
static inline int dowel_objects_stat(dowel *d, const dowel_objects_place_args *args, json_t **result,
                                     dowel_error *err) {
    return dowel_call(d, "objects.stat", args, sizeof *args, NULL, result, err);
}
/* {removed}. */
static inline int dowel_objects_remove(dowel *d, const dowel_objects_place_args *args, json_t **result,
                                       dowel_error *err) {
    return dowel_call(d, "objects.remove", args, sizeof *args, NULL, result, err);
}
/* {url}: a secret, because whoever has it may do what it says. */
static inline int dowel_objects_presign(dowel *d, const dowel_objects_place_args *args, json_t **result,
                                        dowel_error *err) {
    return dowel_call(d, "objects.presign", args, sizeof *args, NULL, result, err);
}

#ifdef __cplusplus
}
#endif
#endif
