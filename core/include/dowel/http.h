/* dowel/http.h: builds, sends, retries and logs HTTP requests.
 *
 * A connector describes its service once (`dowel_http_service`: who signs, what is retried, how errors read), creates a request, and sends it. Sending
 * blocks. It obeys the run's deadline and cancellation, retries as the service's table says, waits as long as the server asks (Retry-After, up to
 * DOWEL_LONGEST_WAIT), and fills the error from the provider's answer.
 *
 * A request belongs to one thread. Setters remember their first failure (out of memory, an invalid header) and sending reports it, so that building a
 * request needs no checks. Strings passed to setters are copied. */
#ifndef DOWEL_HTTP_H
#define DOWEL_HTTP_H

#include <dowel/runtime.h>
#include <dowel/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dowel_http_request dowel_http_request;
typedef struct dowel_http_response dowel_http_response;

/* What a presigned URL allows: the field `method` of tasks that make one. RESUMABLE starts an upload session, for services that have them. */
enum { DOWEL_PRESIGN_GET, DOWEL_PRESIGN_PUT, DOWEL_PRESIGN_DELETE, DOWEL_PRESIGN_HEAD, DOWEL_PRESIGN_RESUMABLE };

typedef struct dowel_header {
    const char *name;
    const char *value;
} dowel_header;

/* ---- services ---- */

/* When an answer is retried. IDEMPOTENT: only if the request is idempotent. ALWAYS: even if it is not, because the answer says that nothing was done.
 * NEVER: nothing was done, and the same request would fail again. */
enum { DOWEL_RETRY_IDEMPOTENT, DOWEL_RETRY_ALWAYS, DOWEL_RETRY_NEVER };

/* One row of a retry table; the first match applies. Network failures before any byte was sent are always retried, later ones if the request is
 * idempotent. */
typedef struct dowel_retry_rule {
    int status;         /* 0 ends the table */
    const char *reason; /* the provider's error code; NULL: any */
    int when;           /* DOWEL_RETRY_...; true is ALWAYS, false is IDEMPOTENT */
} dowel_retry_rule;

/* A provider's own names of headers and query parameters. Lists end with NULL, and may be NULL; case does not matter. Logs and recordings mask the
 * values of generic names (Authorization, Cookie, and names that end in the word "token", "signature", "key", "secret", ...) whether listed or not. */
typedef struct dowel_http_names {
    const char *const *secret_headers;    /* of requests and answers: their values are masked */
    const char *const *secret_parameters; /* of URLs: their values are masked */
    /* Headers of answers with the id under which the provider finds a request; the first one present becomes the error's request_id. X-Request-Id is
     * tried last. A name that is also in secret_headers is skipped for requests with a secret URL. */
    const char *const *request_ids;
} dowel_http_names;

typedef struct dowel_http_service {
    const char *name;              /* for messages: "My Storage" */
    const dowel_http_names *names; /* NULL: only generic names are masked */
    const dowel_retry_rule *retry; /* NULL: answers are not retried */
    int max_attempts;              /* 0: 5 */
    double backoff;       /* seconds: the n-th wait is random between 0 and backoff * 2^n (full jitter). 0: 1 */
    double backoff_limit; /* seconds: upper limit of a wait. 0: 32 */
    /* Adds credentials to a request. Called before every attempt, because signatures carry the time. `again`: cached credentials were refused (401)
     * and must be fetched anew. NULL: requests are sent as they are. */
    int (*authorize)(dowel *d, dowel_http_request *request, void *context, bool again, dowel_error *err);
    /* Fills code, reason, message and retryable from an answer that is not a success. `err` holds a general message already. May be NULL. */
    void (*explain)(const dowel_http_response *response, dowel_error *err);
    /* Whether authorizing the request anew, with *again as `again`, may change this answer (explained in `err`): a clock was corrected, expired
     * credentials can be renewed. Asked once for each dowel_http_send; not for 401, which is always authorized anew. May be NULL. */
    bool (*reauthorize)(dowel *d, const dowel_http_request *request, const dowel_http_response *response,
                        const dowel_error *err, void *context, bool *again);
    /* The user's limit of attempts; 0: max_attempts. Asked at most once for each dowel_http_send, after a failure. May be NULL. */
    int (*attempts)(dowel *d, void *context);
} dowel_http_service;

/* ---- building requests ---- */

/* `base` is scheme://host[:port][/path]. `service` is borrowed until the request is freed; `context` is passed to its functions. NULL when out of
 * memory; the other functions accept NULL, and sending it fails with NO_MEMORY. */
DOWEL_API dowel_http_request *dowel_http_new(const dowel_http_service *service, void *context, const char *method,
                                             const char *base);
/* The same for a URL that may have a query: its path, trailing slash and query are sent unchanged. */
DOWEL_API dowel_http_request *dowel_http_new_url(const dowel_http_service *service, void *context, const char *method,
                                                 const char *url);
/* Appends path segments, percent-encoded: only unreserved characters (RFC 3986) stay, `/` becomes %2F. The list ends with NULL. */
DOWEL_API void dowel_http_path(dowel_http_request *request, ...) __attribute__((sentinel));
/* Appends "/" and text whose slashes separate segments, such as the key of an object. */
DOWEL_API void dowel_http_path_slashes(dowel_http_request *request, const char *text);
/* Appends encoded text unchanged: ":run". */
DOWEL_API void dowel_http_path_raw(dowel_http_request *request, const char *text);
/* Appends name=value, both encoded; value NULL: nothing. */
DOWEL_API void dowel_http_query(dowel_http_request *request, const char *name, const char *value);
DOWEL_API void dowel_http_query_int(dowel_http_request *request, const char *name, int64_t value);
/* Sets or replaces a header (case does not matter); value NULL removes it. Logs and recordings mask the values of generic secret names
 * (Authorization), of names listed by the service, and of headers set by dowel_http_secret_header. All values are cleansed after use. */
DOWEL_API void dowel_http_header(dowel_http_request *request, const char *name, const char *value);
DOWEL_API void dowel_http_secret_header(dowel_http_request *request, const char *name, const char *value);
/* The body: JSON, encoded at once (borrowed reference), with Content-Type application/json unless one is set; memory, copied; or a source, borrowed,
 * read while it is sent and rewound for a retry. A source that cannot be rewound is not sent again once a byte was read. */
DOWEL_API void dowel_http_json(dowel_http_request *request, const json_t *document);
DOWEL_API void dowel_http_body(dowel_http_request *request, const void *data, size_t size);
DOWEL_API void dowel_http_source(dowel_http_request *request, dowel_source *source);
/* Writes a 2xx body to the sink (borrowed) as it arrives. After a broken connection the sink is restarted if it can be; otherwise the request
 * continues with `Range: bytes=N-` and `If-Match`, and fails if the object has changed. */
DOWEL_API void dowel_http_sink(dowel_http_request *request, dowel_sink *sink);
/* Updates the digest (borrowed) with every byte that is written to the sink; resets it when the sink is restarted. */
DOWEL_API void dowel_http_digest(dowel_http_request *request, dowel_digest *digest);
/* Whether the request may be sent twice. Default: true, except for POST and PATCH. */
DOWEL_API void dowel_http_idempotent(dowel_http_request *request, bool idempotent);
/* Treats a status outside 2xx (308, 404) as success. At most 8 of them. */
DOWEL_API void dowel_http_accept(dowel_http_request *request, int status);
/* The URL is a secret (an upload session): logs and errors show only scheme and host. */
DOWEL_API void dowel_http_secret_url(dowel_http_request *request);
/* Query and body hold secrets (a token exchange): logs show neither. The answer may have at most 1 MiB. */
DOWEL_API void dowel_http_secret_body(dowel_http_request *request);
/* Seconds for one attempt, the whole answer included; 0: only the run's deadline limits it. A stalled connection is given up in any case. */
DOWEL_API void dowel_http_timeout(dowel_http_request *request, double seconds);
/* The answer may take long by design (a synchronous invocation): a silent connection is not given up. */
DOWEL_API void dowel_http_patient(dowel_http_request *request);
/* Never uses a proxy: for services of this machine. */
DOWEL_API void dowel_http_direct(dowel_http_request *request);
/* Trusts the certificate authorities in a PEM file, or in a folder prepared by `openssl rehash`. NULL: SSL_CERT_FILE and SSL_CERT_DIR, else the
 * system's. Errors name `setting`, the one to correct. */
DOWEL_API void dowel_http_authorities_of(dowel_http_request *request, const char *path, const char *setting);
/* Reports the progress of the body (uploads) or the answer (downloads) with dowel_progress. `offset` and `total` are of the whole transfer, in bytes. */
DOWEL_API void dowel_http_progress(dowel_http_request *request, int64_t offset, int64_t total);
DOWEL_API void dowel_http_free(dowel_http_request *request);

/* ---- for authorize functions ---- */

DOWEL_API const char *dowel_http_method(const dowel_http_request *request);
/* The whole encoded URL as it is sent. Borrowed until the request changes. */
DOWEL_API const char *dowel_http_url(dowel_http_request *request);
/* Replaces the base `from` by `to`, if the URL starts with `from`. */
DOWEL_API void dowel_http_rebase(dowel_http_request *request, const char *from, const char *to);
DOWEL_API const char *dowel_http_get_header(const dowel_http_request *request, const char *name); /* NULL: not set */
DOWEL_API const dowel_header *dowel_http_headers(const dowel_http_request *request); /* ended by {NULL, NULL} */
/* The body in memory; {NULL, 0} if it is a source or there is none. */
DOWEL_API dowel_bytes dowel_http_body_bytes(const dowel_http_request *request);
DOWEL_API dowel_source *dowel_http_body_source(const dowel_http_request *request); /* NULL: not a source */

/* ---- sending ---- */

/* Sends a request, which may be sent again afterwards. On success *response (may be NULL) is the answer, freed by the caller. On failure it is NULL,
 * and err holds message, HTTP status, reason, request id and whether a retry may help. */
DOWEL_API int dowel_http_send(dowel *d, dowel_http_request *request, dowel_http_response **response, dowel_error *err);

/* Waits before a connector's own retry after the failure `err`: for `seconds`, or as long as the server asked. `next` describes the retry in the log:
 * "attempt 2 of 5". Fails with the code of `err` and leaves it as it is if the wait would pass the deadline or DOWEL_LONGEST_WAIT; fails with TIMEOUT or
 * CANCELLED if the run is stopped. */
DOWEL_API int dowel_http_wait(dowel *d, double seconds, const char *next, dowel_error *err);

/* After sending: whether an attempt without an answer, or with a 5xx answer, may have been carried out. Answers that the service's table marks ALWAYS
 * or NEVER were not. */
DOWEL_API bool dowel_http_in_doubt(const dowel_http_request *request);

/* ---- answers ---- */

DOWEL_API int dowel_http_status(const dowel_http_response *response);
/* NULL: no such header. */
DOWEL_API const char *dowel_http_response_header(const dowel_http_response *response, const char *name);
/* The n-th header, from 0; {NULL, NULL} past the last. */
DOWEL_API dowel_header dowel_http_response_header_at(const dowel_http_response *response, size_t n);
/* The service's clock (Date), in seconds since the epoch; 0: unknown. */
DOWEL_API int64_t dowel_http_response_time(const dowel_http_response *response);
/* The body in memory, followed by a NUL that is not counted; empty if it went to a sink. At most 64 MiB, more than any page of a listing or of rows:
 * sending fails with PROTOCOL if an answer is larger. Larger content goes to a sink. */
DOWEL_API dowel_bytes dowel_http_response_body(const dowel_http_response *response);
/* The body as JSON, a new reference. PROTOCOL if it is not JSON. */
DOWEL_API int dowel_http_response_json(const dowel_http_response *response, json_t **document, dowel_error *err);
DOWEL_API void dowel_http_response_free(dowel_http_response *response);
/* Sends, parses the answer as JSON, and frees both request and response: enough for most calls of a REST API. An empty 2xx body gives NULL. */
DOWEL_API int dowel_http_fetch_json(dowel *d, dowel_http_request *request, json_t **document, dowel_error *err);
/* The same, parsed with flags of dowel_json_read(). */
DOWEL_API int dowel_http_fetch_document(dowel *d, dowel_http_request *request, unsigned flags, json_t **document,
                                        dowel_error *err);

/* Parses an HTTP date ("Sun, 06 Nov 1994 08:49:37 GMT", and the two obsolete formats) into seconds since the epoch; 0 if it is not one, or NULL. */
DOWEL_API int64_t dowel_http_parse_date(const char *text);
/* A header value as UTF-8; invalid bytes are read as ISO-8859-1. Newly allocated. */
DOWEL_API char *dowel_http_header_text(const char *value);
/* The same with encoded words (RFC 2047: "=?UTF-8?Q?gro=C3=9F?=") decoded. Words in charsets other than UTF-8, US-ASCII and ISO-8859-1 stay as they
 * are. Newly allocated. */
DOWEL_API char *dowel_http_decode_text(const char *value);
/* The reverse: text that a header cannot carry unchanged (not ASCII, leading or trailing blanks, what looks like an encoded word) becomes encoded
 * words. Newly allocated; NULL: not UTF-8, or out of memory. */
DOWEL_API char *dowel_http_encode_text(const char *text);

/* ---- transports ---- */

/* One attempt, as a transport sees it. Borrowed until `perform` returns. */
typedef struct dowel_exchange {
    const char *method;
    const char *url;
    const dowel_header *headers; /* ended by {NULL, NULL} */
    dowel_bytes body;
    dowel_source *source;    /* replaces `body`; NULL: none */
    int64_t source_size;     /* bytes; -1: unknown (chunked) */
    double timeout;          /* seconds; 0: none */
    bool patient;            /* a silent connection is not given up */
    bool direct;             /* not through a proxy */
    const char *authorities; /* file or folder of trusted certificates; NULL: the default */
    bool once;               /* must not be repeated by the transport on its own */
    /* What a transport that records exchanges must mask: */
    const dowel_http_names *names; /* may be NULL */
    const bool *secret_headers;    /* one for each header; may be NULL */
    bool secret_url, secret_body;
    /* Filled by the transport. `sent`: some byte of the request may have reached the server. */
    bool sent;
    int status;
    /* Called by the transport, for each header and then for each piece of the body. A nonzero return value stops the exchange. */
    int (*on_header)(struct dowel_exchange *exchange, const char *name, const char *value);
    int (*on_body)(struct dowel_exchange *exchange, const void *data, size_t size);
    /* Called several times a second; a nonzero return value stops the exchange. */
    int (*on_tick)(struct dowel_exchange *exchange, int64_t uploaded);
    void *context;
    const char *authorities_setting; /* for messages: the setting that named `authorities` */
} dowel_exchange;

/* libcurl in production, a recorder or replayer in tests. `perform` returns 0 if a whole answer arrived, whatever its status; otherwise it fills err
 * with NETWORK, TIMEOUT, CANCELLED (a callback stopped it) or IO (the source failed). Called from many threads. */
typedef struct dowel_transport {
    int (*perform)(struct dowel_transport *transport, dowel *d, dowel_exchange *exchange, dowel_error *err);
    void (*close)(struct dowel_transport *transport);
} dowel_transport;

DOWEL_API int dowel_transport_curl(dowel_transport **transport, dowel_error *err);
/* Answers from a recording, in order: a JSON array of {"request": {method, uri, headers, body}, "response": {status, headers, body}}. A request that
 * differs from the recorded one (only recorded headers are compared) fails with INVALID, and the message shows the difference. */
DOWEL_API int dowel_transport_replay(const json_t *recording, dowel_transport **transport, dowel_error *err);
/* The number of recorded requests that were not sent. */
DOWEL_API size_t dowel_transport_replay_left(dowel_transport *transport);
/* Passes exchanges on to `under` (borrowed) and records them, with secrets masked. */
DOWEL_API int dowel_transport_record(dowel_transport *under, dowel_transport **transport, dowel_error *err);
DOWEL_API json_t *dowel_transport_recording(dowel_transport *transport); /* new reference */
DOWEL_API void dowel_transport_close(dowel_transport *transport);

/* ---- URLs ---- */

/* Percent-encodes all but unreserved characters and those in `keep` (may be NULL). Newly allocated. */
DOWEL_API char *dowel_percent_encode(const char *text, const char *keep);
/* Whether an http or https URL is of this machine: localhost or a loopback address, which nobody can intercept. */
DOWEL_API bool dowel_url_is_local(const char *url);
/* Whether secrets may be sent to a URL: https, or http to this machine. */
DOWEL_API bool dowel_url_is_safe(const char *url);
/* An http or https URL up to its path, in one spelling: scheme and host in lower case, addresses as numbers, without user, default port, query and
 * trailing slashes. Other text is returned unchanged. Newly allocated; NULL when out of memory. */
DOWEL_API char *dowel_url_origin(const char *url);

#ifdef __cplusplus
}
#endif
#endif
