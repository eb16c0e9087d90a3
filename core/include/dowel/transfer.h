/* dowel/transfer.h: uploads and downloads of large objects, in parts and several at a time.
 *
 * A protocol (a connector) describes how to request, send and finish; this module decides how many parts go at once, computes checksums, reports
 * progress and keeps the state that a resumed run needs. Memory use does not depend on the size of the object. */
#ifndef DOWEL_TRANSFER_H
#define DOWEL_TRANSFER_H

#include <dowel/http.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- parts ---- */

typedef struct dowel_parts {
    int64_t count; /* number of parts; -1: unknown, `part` returns 1 for the first index without a part */
    /* Threads, the calling one included. 0: starts with a few, and adds more as long as that is faster. */
    int width;
    int64_t total; /* bytes, for progress; -1: unknown */
    int64_t done;  /* bytes that were there before */
    /* Does part `index`. `d` is the thread's own view of the handle: dowel_progress reports the bytes of this part, and dowel_check fails once another
     * part has failed. Called from several threads, once for each index. */
    int (*part)(dowel *d, void *context, int64_t index, dowel_error *err);
    void *context;
    /* For work that is discovered on the way: the bytes known so far. Called from any of the threads. NULL: `total`. */
    int64_t (*total_now)(void *context);
} dowel_parts;

/* Does every part, in order of index, and returns when all threads have ended. After a failure no further part starts, running parts are stopped, and
 * the first failure is returned. */
DOWEL_API int dowel_parts_run(dowel *d, const dowel_parts *parts, dowel_error *err);

/* ---- input files ---- */

/* Opens an input file of a task; "-": standard input. IO if it is a pipe that an earlier attempt of the run has read from: the rest would be taken for
 * the whole. */
DOWEL_API int dowel_input_open(dowel *d, const char *path, dowel_source **source, dowel_error *err);
/* Closes it (NULL is allowed). `rc` and `err` are the outcome of the attempt: a failure after reading from a pipe is marked as not retryable. */
DOWEL_API void dowel_input_close(dowel *d, const char *path, dowel_source *source, int rc, dowel_error *err);

/* ---- downloads ---- */

struct dowel_downloaded;

/* The checksum that the provider offers for an object. */
typedef struct dowel_download_check {
    bool none; /* it offers none */
    dowel_digest_kind kind;
    /* A checksum of the checksums of `parts` parts of these sizes (borrowed until the download ends); parts 0: of the whole content. */
    const int64_t *part_sizes;
    size_t parts;
} dowel_download_check;

/* How a protocol downloads one object. */
typedef struct dowel_download {
    dowel_sink *sink;
    dowel_digest_kind digest; /* of the whole content, if the provider offers it */
    int64_t part_size;        /* bytes of one request */
    int width;                /* requests at a time, as in dowel_parts */
    /* Creates a GET request. `pinned` NULL: of the newest version; else the first answer, and the request must fail unless the object is still of
     * that version. Called from several threads. */
    dowel_http_request *(*request)(void *context, const dowel_http_response *pinned);
    /* Compares the checksum of the received bytes with the provider's. CORRUPT if they differ: the object is fetched once more if the sink can
     * restart. */
    int (*verify)(void *context, const struct dowel_downloaded *done, dowel_error *err);
    /* Chooses the checksum if only the object's metadata has it. Called after the first answer; or before the request, with `first` NULL, if the
     * bytes come in order. May send requests. NULL: `digest`. */
    int (*check)(dowel *d, void *context, const dowel_http_response *first, dowel_download_check *check,
                 dowel_error *err);
    void *context;
    /* Name of the handle (dowel_remember) with the received parts, so that a resumed run fetches only the rest; NULL: none is kept. */
    const char *remember;
    const char *version_header; /* header of answers with the object's version; NULL: ETag */
} dowel_download;

typedef struct dowel_downloaded {
    int64_t size;                          /* bytes */
    dowel_http_response *response;         /* the first answer; freed by the caller */
    unsigned char check[DOWEL_DIGEST_MAX]; /* of the received bytes */
    size_t check_size;                     /* 0: there is no checksum to compare */
} dowel_downloaded;

/* Fetches an object into the sink without committing it. A sink with parts gets a first range, then the rest in parallel ranges of the same version.
 * Another sink gets the bytes in order. */
DOWEL_API int dowel_download_run(dowel *d, const dowel_download *download, dowel_downloaded *done, dowel_error *err);

/* ---- uploads ---- */

/* The content of one request: a whole small object, or a part of a large one. Used by one thread. */
typedef struct dowel_upload_part {
    int64_t index; /* from 0 */
    int64_t offset, size;
    dowel_source *source; /* may be rewound and read again */
    /* Private: */
    dowel_digest *digest;
    unsigned char check[DOWEL_DIGEST_MAX];
    size_t check_size;
} dowel_upload_part;

/* The checksum of a part whose source has been read to its end, valid until the source is rewound. Returns its size in bytes. */
DOWEL_API size_t dowel_upload_check(dowel_upload_part *part, const unsigned char **check);

typedef struct dowel_uploaded {
    int64_t size, parts; /* bytes; number of parts, 0: sent in one request */
    unsigned char check[DOWEL_DIGEST_MAX];
    size_t check_size; /* of the whole content; 0: the checksums of parts do not combine */
} dowel_uploaded;

/* How a protocol uploads one object. put_part is called from several threads, the other functions from the thread that runs the upload. */
typedef struct dowel_upload {
    dowel_source *source;
    dowel_digest_kind digest;
    int64_t one_request;    /* content of up to this many bytes is sent in one request; -1: never */
    int64_t part_size;      /* wanted size in bytes; larger if there would be more than most_parts */
    int64_t most_part_size; /* the provider's limit; 0: none */
    int64_t most_parts;     /* the provider's limit */
    int width;              /* parts at a time, as in dowel_parts; for pipes limited by `memory` */
    int64_t memory;         /* bytes for buffering sources that cannot be read again (pipes); 0: 24 MiB */
    int (*put_whole)(dowel *d, void *context, dowel_upload_part *part, dowel_error *err);
    /* Begins an upload in parts, or continues one that an earlier attempt of the run began. `size` -1: unknown. */
    int (*start)(dowel *d, void *context, int64_t size, int64_t part_size, dowel_error *err);
    int (*put_part)(dowel *d, void *context, dowel_upload_part *part, dowel_error *err);
    int (*finish)(dowel *d, void *context, const dowel_uploaded *done, dowel_error *err);
    /* Undoes `start` after the failure `why`. Sends its requests through dowel_cleanup(d). */
    void (*abort)(dowel *d, void *context, const dowel_error *why);
    void *context;
} dowel_upload;

/* Sends a source. Sources that can be read only once are buffered, so that every part can be sent again. */
DOWEL_API int dowel_upload_run(dowel *d, const dowel_upload *upload, dowel_uploaded *done, dowel_error *err);

#ifdef __cplusplus
}
#endif
#endif
