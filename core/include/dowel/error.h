/* dowel/error.h: how dowel functions report errors.
 *
 * A function that can fail returns 0 on success and a negative `dowel_code` on failure, and then fills
 * the `dowel_error` that its last argument points to (NULL is allowed everywhere and means "only the code").
 * On success the error is left untouched; it needs no initialisation and no freeing, and may live on the stack.
 * Nothing here keeps global state, prints (except `dowel_error_print`), or aborts. No field ever holds a secret. */
#ifndef DOWEL_ERROR_H
#define DOWEL_ERROR_H

#include <dowel/ascii.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DOWEL_API __attribute__((visibility("default")))
#define DOWEL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define DOWEL_API
#define DOWEL_PRINTF(fmt, args)
#endif

/* What kind of failure it was. The numbers are part of the ABI and never change meaning. */
enum dowel_code {
    DOWEL_OK = 0,
    DOWEL_E_INVALID = -1,     /* bad input: a field, a name, a document; nothing was changed */
    DOWEL_E_NOT_FOUND = -2,   /* no such block, task, run, bucket, object, table, function or job */
    DOWEL_E_EXISTS = -3,      /* it exists and overwriting was not requested */
    DOWEL_E_CREDENTIALS = -4, /* no usable credentials were given or found */
    DOWEL_E_PERMISSION = -5,  /* the provider rejected the credentials (401) or denied access (403) */
    DOWEL_E_NETWORK = -6,     /* no connection, or it broke */
    DOWEL_E_TIMEOUT = -7,     /* a deadline passed */
    DOWEL_E_CANCELLED = -8,   /* the call was cancelled */
    DOWEL_E_UNAVAILABLE = -9, /* the provider answered 429 or 5xx until retries ran out */
    DOWEL_E_REMOTE = -10,     /* remote work was accepted, ran and failed: a job, a query, a function */
    DOWEL_E_REFUSED = -11,    /* the provider refused the request as such (other 4xx) */
    DOWEL_E_CONFLICT = -12,   /* a precondition did not hold, or a concurrent change won */
    DOWEL_E_PROTOCOL = -13,   /* the provider's answer is invalid */
    DOWEL_E_CORRUPT = -14,    /* bytes do not match their checksum; a file or document is damaged */
    DOWEL_E_IO = -15,         /* a local file could not be read or written */
    DOWEL_E_DATABASE = -16,   /* the registry or history database failed */
    DOWEL_E_KEY = -17,        /* no sealing key, or not the key that sealed the document */
    DOWEL_E_DEPENDENCY = -18, /* not run, because a run that it depends on failed */
    DOWEL_E_NO_MEMORY = -19,
    DOWEL_E_INTERNAL = -20, /* a defect in dowel or in a connector */
};

typedef struct dowel_error {
    int code;             /* enum dowel_code */
    int http_status;      /* of the response that caused it; 0 without a response */
    bool retryable;       /* the same call may succeed later */
    double retry_after;   /* seconds that the provider asked to wait; 0: it did not */
    char message[1024];   /* one line: what failed, on what, and what the provider said */
    char hint[512];       /* one line: what to do next; may be empty */
    char reason[128];     /* the provider's own error code or type, such as "NoSuchBucket" */
    char request_id[128]; /* the provider's request id */
    char subject[256];    /* the block, task or field it came from, such as "objects.copy" */
    char detail[2048];    /* several lines, such as a remote stack trace; may be empty */
    bool permanent;       /* the same call fails again until something is changed: a syntax error, a missing image */
} dowel_error;

/* Overwrites `err` (all other members are zero) and returns `code`, so that `return dowel_fail(...)` is a complete error path. A message
 * that does not fit is cut. Thread-safe; `err` may be NULL. The arguments may point into `err`. */
DOWEL_API int dowel_fail(dowel_error *err, int code, const char *format, ...) DOWEL_PRINTF(3, 4);

/* Like dowel_fail() for a system call that failed with the errno `why`: appends its text to the message and calls dowel_error_errno(). Sets
 * `reason` to "ENOSPC", "EDQUOT" or "EROFS" if other writes would fail, too. */
DOWEL_API int dowel_fail_system(dowel_error *err, int code, int why, const char *format, ...) DOWEL_PRINTF(4, 5);

/* Fills `err` with "out of memory" and returns DOWEL_E_NO_MEMORY. */
DOWEL_API int dowel_no_memory(dowel_error *err);

#if defined(__clang_analyzer__) && !defined(__cplusplus)
/* Tells the analyzer which code is returned. */
#define dowel_fail(err, code, ...) ((void)(dowel_fail)((err), (code), __VA_ARGS__), (int)(code))
#define dowel_fail_system(err, code, why, ...)                                                                         \
    ((void)(dowel_fail_system)((err), (code), (why), __VA_ARGS__), (int)(code))
#define dowel_no_memory(err) ((void)(dowel_no_memory)(err), (int)DOWEL_E_NO_MEMORY)
#endif

/* Puts text before the message ("block local-file-system/results: ...") and keeps everything else. Returns err->code
 * (DOWEL_E_INTERNAL when `err` is NULL). */
DOWEL_API int dowel_error_prefix(dowel_error *err, const char *format, ...) DOWEL_PRINTF(2, 3);

/* Replaces the hint: what to do next, in one line. */
DOWEL_API void dowel_error_hint(dowel_error *err, const char *format, ...) DOWEL_PRINTF(2, 3);

/* The name of the code in JSON, such as "not_found". Never NULL. */
DOWEL_API const char *dowel_code_name(int code);

/* The code with that name; 0 (DOWEL_OK) if there is none. */
DOWEL_API int dowel_code_named(const char *name);

/* Sets `permanent` if waiting does not help against `why`, the errno of a failed file operation (no permission, a folder instead of a
 * file). Returns err->code. */
DOWEL_API int dowel_error_errno(dowel_error *err, int why);

/* The exit status that the `dowel` command uses for a code: 0 ok, 2 bad input, 3 not found, 4 credentials or permission,
 * 5 network, unavailable or timeout, 6 remote work failed, 7 conflict or exists, 130 cancelled, 1 everything else. */
DOWEL_API int dowel_exit_status(int code);

/* Writes "dowel: MESSAGE", the detail and the hint to stderr and returns dowel_exit_status(err->code). */
DOWEL_API int dowel_error_print(const dowel_error *err);
/* The same with another program name. */
DOWEL_API int dowel_error_print_as(const dowel_error *err, const char *program);

/* snprintf() and vsnprintf() with a decimal point in every locale. Error messages and log lines use them. */
DOWEL_API int dowel_format(char *text, size_t size, const char *format, ...) DOWEL_PRINTF(3, 4);
DOWEL_API int dowel_vformat(char *text, size_t size, const char *format, va_list args) DOWEL_PRINTF(3, 0);

/* A copy of untrusted text (a message of a service, a cell of a table) that is safe to show on a terminal: control characters, characters
 * that reorder text, and bytes that are not UTF-8 become \n, \x1b, \u202e. `lines` keeps newlines and tabs. The caller frees the copy; NULL:
 * out of memory. */
DOWEL_API char *dowel_printable(const char *text, bool lines);
/* The same for text with NULs, which become \x00. */
DOWEL_API char *dowel_printable_bytes(const char *text, size_t size, bool lines);
/* Whether dowel_printable() keeps this code point as it is. */
DOWEL_API bool dowel_is_printable(unsigned long character);

/* The error as an object: code, message, and every other member that is set. New reference; NULL: out of memory. */
DOWEL_API json_t *dowel_error_json(const dowel_error *err);

#ifdef __cplusplus
}
#endif
#endif
