/* dowel/buckets.h: shared by connectors for object stores. For modules of dowel, not for programs. */
#ifndef DOWEL_BUCKETS_H
#define DOWEL_BUCKETS_H

#include <dowel/http.h>
#include <dowel/objects.h>
#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- names ---- */

/* FOLDER/NAME, or NAME if the folder is NULL or empty; slashes at the end of the folder do not count. Newly allocated; NULL: out of memory. */
char *dowel_bucket_full_name(const char *folder, const char *name);
/* The part of a full name after its folder; a name outside the folder stays as it is. Borrowed. */
const char *dowel_bucket_relative_name(const char *folder, const char *name);
/* The name of an object's transfer in the run's record: "WHAT BUCKET/FOLDER/NAME". Newly allocated; NULL: out of memory. */
char *dowel_bucket_handle_name(const char *what, const char *bucket, const char *folder, const char *name);

/* ---- uploads ---- */

/* INVALID unless exactly one of a file and data is given. */
int dowel_bucket_check_input(const char *file, dowel_bytes data, dowel_error *err);
/* The source of an upload. Close it with dowel_input_close(), whose path is `file` or "" for data. */
int dowel_bucket_open_input(dowel *d, const char *file, dowel_bytes data, dowel_source **source, dowel_error *err);
/* The mark by which a conditional upload recognizes its object if the answer was lost: the run's id, or a new one outside a run. */
void dowel_bucket_mark(const dowel *d, char mark[DOWEL_RUN_ID_SIZE]);
/* Whether the caller of `put` asked for reports of description that is left out (dowel_object_put_options.unheld). */
bool dowel_bucket_reports_unheld(const dowel_object_put_options *options);
/* Reports the user metadata NAME as left out. */
void dowel_bucket_report_metadata(const dowel_object_put_options *options, const char *name, const char *why);

/* ---- encryption keys of the customer ---- */

/* INVALID unless the key is NULL or 32 bytes in base64. */
int dowel_bucket_check_key(const char *field, const char *key, dowel_error *err);
/* Sets the headers PREFIX-algorithm, PREFIX-key and PREFIX-SUFFIX, which is the key's digest in base64. Does nothing if the key is NULL. */
int dowel_bucket_set_key(dowel_http_request *request, const char *prefix, const char *key, dowel_digest_kind kind,
                         const char *suffix, dowel_error *err);

/* ---- deleting many objects ---- */

/* The failures of one call of dowel_objects.remove, from several threads. */
typedef struct dowel_removal {
    void (*failed)(void *context, const char *name, const dowel_error *why); /* may be NULL */
    void *context;
    pthread_mutex_t lock;
    int rc; /* of the first failure */
    dowel_error first;
} dowel_removal;

void dowel_removal_begin(dowel_removal *removal,
                         void (*failed)(void *context, const char *name, const dowel_error *why), void *context);
/* Records that an object was not deleted, and tells the caller. */
void dowel_removal_fail(dowel_removal *removal, const char *name, const dowel_error *why);
/* Ends it. Returns `rc` (with `err` filled) unless it is 0, otherwise the first failure. */
int dowel_removal_end(dowel_removal *removal, int rc, dowel_error *err);

/* The failures of a task that deletes objects by name, for its error. Starts as {0}. */
typedef struct dowel_removal_lines {
    size_t count, used;
    char text[sizeof((dowel_error *)NULL)->detail];
} dowel_removal_lines;

/* For `failed` of a removal; `lines` is a dowel_removal_lines. */
void dowel_removal_note(void *lines, const char *name, const dowel_error *why);
/* Adds to the error how many of `total` objects were not deleted, and a line of detail for each. */
void dowel_removal_explain(const dowel_removal_lines *lines, size_t total, dowel_error *err);

/* ---- page tokens of listings ---- */

/* Starts as {0}. */
typedef struct dowel_pages {
    char *token; /* of the page to read; NULL: the first one */
    char *seen;  /* an earlier token, replaced at growing distances: finds every cycle */
    int64_t count, next_seen;
} dowel_pages;

/* Moves to the page of `token`; NULL or "" ends the listing (*more false). PROTOCOL if the token does not advance: the listing would never end. */
int dowel_pages_next(dowel_pages *pages, const char *token, bool *more, dowel_error *err);
void dowel_pages_clear(dowel_pages *pages);

/* ---- signed URLs and forms ---- */

#define DOWEL_PRESIGN_MOST 604800 /* seconds: 7 days */

/* Fields of the tasks that sign. */
#define DOWEL_PRESIGN_EXPIRES_FIELD(type)                                                                              \
    {                                                                                                                  \
        DOWEL_AT(type, expires), .kind = DOWEL_DURATION, .fallback = "1h", .minimum = 1,                               \
                                 .maximum = DOWEL_PRESIGN_MOST, .doc = "Lifetime, at most 7 days."                     \
    }
#define DOWEL_PRESIGN_HEADERS_FIELD(type)                                                                              \
    {                                                                                                                  \
        DOWEL_AT(type, headers), .kind = DOWEL_MAP,                                                                    \
                                 .doc = "Headers that the request must send, such as content-type.",                   \
                                 .example = "content-type=text/csv"                                                    \
    }
#define DOWEL_PRESIGN_QUERY_FIELD(type)                                                                                \
    {                                                                                                                  \
        DOWEL_AT(type, query), .kind = DOWEL_MAP, .doc = "Query parameters to add to the URL.",                        \
                               .example = "response-content-disposition=attachment"                                    \
    }
#define DOWEL_PRESIGN_CONDITIONS_FIELD(type)                                                                           \
    {                                                                                                                  \
        DOWEL_AT(type, conditions), .kind = DOWEL_JSON,                                                                \
                                    .doc = "Further conditions of the policy document, as a JSON array.",              \
                                    .example = "[[\"content-length-range\", 1, 1048576]]"                              \
    }

/* INVALID unless `conditions` is NULL or an array of arrays of three elements and objects of one member. */
int dowel_presign_check_conditions(const json_t *conditions, dowel_error *err);
/* The lifetime in whole seconds: an hour for 0, at least a second. INVALID above DOWEL_PRESIGN_MOST. */
int dowel_presign_lifetime(double expires, int64_t *seconds, dowel_error *err);
/* The result of a task that signs a URL: {url, method, headers, expires}; `end` is in seconds since the epoch. */
int dowel_presign_result(const char *url, const char *method, const dowel_pair *headers, int64_t end, json_t **result,
                         dowel_error *err);

#ifdef __cplusplus
}
#endif
#endif
