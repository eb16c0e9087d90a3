/* dowel/transfer.h: work that is done in parts, several at a time: large objects. */
#ifndef DOWEL_TRANSFER_H
#define DOWEL_TRANSFER_H

#include <dowel/http.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dowel_parts {
    int64_t count; /* of parts; -1: until `part` returns 1, which means that this one and those after it are none */
    /* How many at a time; the calling thread is one of them. 0: a few to begin with, and more as long as that makes it faster. */
    int width;
    int64_t total; /* bytes of the whole, for progress; -1: unknown */
    int64_t done;  /* bytes of the whole that were there before */
    /* Does part `index`. `d` is this thread's own view of the handle: what the part reports with dowel_progress counts as its share of the
     * whole, and dowel_check fails when another part has failed. Called from several threads, each index once. */
    int (*part)(dowel *d, void *context, int64_t index, dowel_error *err);
    void *context;
    /* NULL: `total`. For work that is found while it is done: the bytes known of by now. Called from any of the threads. */
    int64_t (*total_now)(void *context);
} dowel_parts;

/* Does every part, in order of index as threads come free. Returns when all threads have ended. When a part fails, no further
 * one begins, those on their way are stopped, and the first failure is what comes back. */
DOWEL_API int dowel_parts_run(dowel *d, const dowel_parts *parts, dowel_error *err);

/* ---- what a task reads ---- */

/* Opens a file that a task was given; "-" is standard input. A pipe that an earlier attempt of the same run has read is refused with IO,
 * instead of the rest of it being taken for the whole. */
DOWEL_API int dowel_input_open(dowel *d, const char *path, dowel_source **source, dowel_error *err);
/* Closes it (NULL is allowed). `rc` and `err` are the outcome of the attempt: a failure after a pipe was read is marked as not retryable. */
DOWEL_API void dowel_input_close(dowel *d, const char *path, dowel_source *source, int rc, dowel_error *err);

/* ---- downloads ---- */

struct dowel_downloaded;

/* What the provider offers to check an object by. */
typedef struct dowel_download_check {
    bool none;
    dowel_digest_kind kind;
    /* The check of the checks of so many parts of these sizes (borrowed until the download ends); parts 0: of the whole. */
    const int64_t *part_sizes;
    size_t parts;
} dowel_download_check;

/* What a protocol fills in. */
typedef struct dowel_download {
    dowel_sink *sink;
    dowel_digest_kind digest; /* the check that the provider may offer for the whole */
    int64_t part_size;        /* bytes of one request */
    int width;                /* requests at a time, as in dowel_parts */
    /* A new GET of the object. `pinned` NULL: the newest; else the first answer, and the request must fail when the object is no
     * longer the one of that answer. Called from several threads. */
    dowel_http_request *(*request)(void *context, const dowel_http_response *pinned);
    /* Compares what arrived with what the provider says of it: CORRUPT when they differ, and then all is fetched once more where the sink can
     * restart. */
    int (*verify)(void *context, const struct dowel_downloaded *done, dowel_error *err);
    /* Where only the object tells what it can be checked by, in place of `digest`: asked after the first answer, or where the bytes come in
     * order, before the request (`first` NULL). May send requests of its own. NULL: `digest` it is. */
    int (*check)(dowel *d, void *context, const dowel_http_response *first, dowel_download_check *check,
                 dowel_error *err);
    void *context;
    /* The name by which the run's record knows what is there, so that a resumed run fetches the rest only; NULL: nothing is kept. */
    const char *remember;
    const char *version_header; /* of the answer that tells which version it is of; NULL: ETag */
} dowel_download;

typedef struct dowel_downloaded {
    int64_t size;
    dowel_http_response *response;         /* the first answer, with its headers; the caller's to free */
    unsigned char check[DOWEL_DIGEST_MAX]; /* of what arrived */
    size_t check_size;                     /* 0: there is none to check by */
} dowel_downloaded;

/* Fetches an object into the sink, and does not commit it. A sink with parts gets a first range, and when there is more, the rest in parallel
 * ranges of the same version; another sink gets the bytes in order. Memory does not grow with the object. */
DOWEL_API int dowel_download_run(dowel *d, const dowel_download *download, dowel_downloaded *done, dowel_error *err);

/* ---- uploads ---- */

/* One request's share of an object: the whole of a small one, a part of a large one. For one thread. */
typedef struct dowel_upload_part {
    int64_t index; /* from 0 */
    int64_t offset, size;
    dowel_source *source; /* its bytes; may be rewound and read again */
    /* Of the engine: */
    dowel_digest *digest;
    unsigned char check[DOWEL_DIGEST_MAX];
    size_t check_size;
} dowel_upload_part;

/* The check of a part whose source has been read to its end. Lives until the source is rewound. Returns its size. */
DOWEL_API size_t dowel_upload_check(dowel_upload_part *part, const unsigned char **check);

typedef struct dowel_uploaded {
    int64_t size, parts; /* parts 0: it went in one request */
    unsigned char check[DOWEL_DIGEST_MAX];
    size_t check_size; /* of the whole; 0 where that of parts does not give it */
} dowel_uploaded;

/* What a protocol fills in. A part may be put by any thread, several at a time; the rest is called by the one that runs the upload. */
typedef struct dowel_upload {
    dowel_source *source;
    dowel_digest_kind digest;
    int64_t one_request;    /* up to so many bytes go in one request; -1: none does */
    int64_t part_size;      /* wanted; larger where the number of parts would not do */
    int64_t most_part_size; /* what the provider takes; 0: any */
    int64_t most_parts;
    int width;      /* parts at a time, as in dowel_parts; of a pipe, as many as `memory` allows */
    int64_t memory; /* for what cannot be read again (pipes); 0: 24 MiB. Sources that have parts need none */
    int (*put_whole)(dowel *d, void *context, dowel_upload_part *part, dowel_error *err);
    /* Begins an upload in parts, or goes on with one that an earlier attempt of this run began. `size` -1: not known. */
    int (*start)(dowel *d, void *context, int64_t size, int64_t part_size, dowel_error *err);
    int (*put_part)(dowel *d, void *context, dowel_upload_part *part, dowel_error *err);
    int (*finish)(dowel *d, void *context, const dowel_uploaded *done, dowel_error *err);
    /* Undoes what was started; `why` is not to be changed. Send through dowel_cleanup(d). */
    void (*abort)(dowel *d, void *context, const dowel_error *why);
    void *context;
} dowel_upload;

/* Sends a source. What is read once only is buffered, so that every part can be repeated; memory does not grow with the object. */
DOWEL_API int dowel_upload_run(dowel *d, const dowel_upload *upload, dowel_uploaded *done, dowel_error *err);

#ifdef __cplusplus
}
#endif
#endif
