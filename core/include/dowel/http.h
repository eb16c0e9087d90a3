/* dowel/http.h: one place builds, sends, retries and logs requests.
 *
 * A connector describes its service once (a `dowel_http_service`: who signs, what is retried, how errors read), makes a request, and
 * sends it. Sending blocks, obeys the run's deadline and cancellation, retries as the service's table says, and fills the error
 * from the provider's answer. It waits as long as the server asks (Retry-After), up to DOWEL_LONGEST_WAIT. A request belongs to one thread. Setters remember the first failure (out of memory, bad header),
 * and sending reports it, so that building needs no checks. */
#ifndef DOWEL_HTTP_H
#define DOWEL_HTTP_H

#include <dowel/runtime.h>
#include <dowel/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dowel_http_request dowel_http_request;
typedef struct dowel_http_response dowel_http_response;

/* What a signed URL lets its holder do: `method` of the tasks that make one. RESUMABLE begins an upload session, for services that have them. */
enum { DOWEL_PRESIGN_GET, DOWEL_PRESIGN_PUT, DOWEL_PRESIGN_DELETE, DOWEL_PRESIGN_HEAD, DOWEL_PRESIGN_RESUMABLE };

typedef struct dowel_header {
    const char *name;
    const char *value;
} dowel_header;

/* ---- what a service is ---- */

/* When an answer is retried. ALWAYS and NEVER are for answers by which the provider says that it did nothing: ALWAYS also when the request is
 * not idempotent; NEVER where the same request would fail again. */
enum { DOWEL_RETRY_IDEMPOTENT, DOWEL_RETRY_ALWAYS, DOWEL_RETRY_NEVER };

/* One row of a retry table; the first that fits counts. Network failures before a request was sent are always retried; later ones when the
 * request is idempotent. */
typedef struct dowel_retry_rule {
    int status;         /* 0 ends the table */
    const char *reason; /* the provider's code; NULL: any */
    int when;           /* true is DOWEL_RETRY_ALWAYS */
} dowel_retry_rule;

/* Names that one provider gave to headers and query parameters. Lists end with NULL, and may be NULL; case does not matter. Values under the
 * generic names (Authorization, Cookie; names that end in "token", "signature", "key", "secret" ...) are masked whether listed or not. */
typedef struct dowel_http_names {
    const char *const *secret_headers;    /* of requests and answers: logs and recordings mask their values */
    const char *const *secret_parameters; /* of queries: the same */
    /* Headers of answers that hold the id under which the provider finds a request; the first that is there becomes the error's request_id.
     * X-Request-Id is tried last. One that is also in secret_headers is not used for requests with a secret URL. */
    const char *const *request_ids;
} dowel_http_names;

typedef struct dowel_http_service {
    const char *name;              /* for messages: "My Storage" */
    const dowel_http_names *names; /* NULL: only the generic names are masked */
    const dowel_retry_rule *retry;
    int max_attempts;     /* 0: 5 */
    double backoff;       /* seconds: the n-th wait is random between 0 and backoff * 2^n (full jitter). 0: 1 */
    double backoff_limit; /* seconds: 0: 32 */
    /* Adds credentials to a request; called before every attempt (signatures carry the time). `again` after a 401: what was
     * cached is to be fetched anew. */
    int (*authorize)(dowel *d, dowel_http_request *request, void *context, bool again, dowel_error *err);
    /* Fills code, reason, message, retryable from an answer that is not a success. `err` arrives filled with a general message
     * that it may keep. May be NULL. */
    void (*explain)(const dowel_http_response *response, dowel_error *err);
    /* Whether such an answer (explained in `err`) may be another one when the request is authorized anew, with *again as `again`: a clock was
     * corrected, credentials have expired that can be renewed. Asked for the first such answer of a sending; 401 needs no asking. May be
     * NULL. */
    bool (*reauthorize)(dowel *d, const dowel_http_request *request, const dowel_http_response *response,
                        const dowel_error *err, void *context, bool *again);
    /* How many attempts the user wants at most; 0: max_attempts. Asked once for a sending, when an attempt has failed. May be NULL. */
    int (*attempts)(dowel *d, void *context);
} dowel_http_service;

/* ---- requests ---- */

/* `base` is scheme://host[:port][/path]. `service` is borrowed until the request is freed; `context` goes to its authorize. NULL
 * when out of memory (sending NULL fails with NO_MEMORY). */
DOWEL_API dowel_http_request *dowel_http_new(const dowel_http_service *service, void *context, const char *method,
                                             const char *base);
/* Appends path segments, each percent-encoded (RFC 3986 unreserved characters stay; `/` becomes %2F). Ends with NULL. */
DOWEL_API void dowel_http_path(dowel_http_request *request, ...) __attribute__((sentinel));
/* Appends "/" and text in which `/` separates segments: for keys of objects. */
DOWEL_API void dowel_http_path_slashes(dowel_http_request *request, const char *text);
/* Appends text that is encoded already, as it is: ":run". */
DOWEL_API void dowel_http_path_raw(dowel_http_request *request, const char *text);
/* Appends name=value, both encoded; value NULL: the parameter is left out. */
DOWEL_API void dowel_http_query(dowel_http_request *request, const char *name, const char *value);
DOWEL_API void dowel_http_query_int(dowel_http_request *request, const char *name, int64_t value);
/* Sets or replaces a header (names compare without case); value NULL removes it. Logs and recordings mask the values of
 * generic secret names (Authorization), of those in the service's `names`, and all that dowel_http_secret_header sets. */
DOWEL_API void dowel_http_header(dowel_http_request *request, const char *name, const char *value);
DOWEL_API void dowel_http_secret_header(dowel_http_request *request, const char *name, const char *value);
/* The body. JSON is encoded at once (borrowed reference) with Content-Type application/json; a source is borrowed, read when
 * sent, rewound for a retry (a source that cannot be read twice makes the request unrepeatable once a byte was read). */
DOWEL_API void dowel_http_json(dowel_http_request *request, const json_t *document);
DOWEL_API void dowel_http_body(dowel_http_request *request, const void *data, size_t size); /* copied */
DOWEL_API void dowel_http_source(dowel_http_request *request, dowel_source *source);
/* A 2xx body goes to the sink (borrowed) as it arrives. When it breaks midway and the sink can restart, it is restarted; else
 * the request continues with `Range: bytes=N-` and `If-Match` on the ETag that it saw, and fails if the object changed. */
DOWEL_API void dowel_http_sink(dowel_http_request *request, dowel_sink *sink);
/* Sees every piece of a 2xx body that went to the sink; `restart` is called when it begins anew. For checksums, progress. */
DOWEL_API void dowel_http_digest(dowel_http_request *request, dowel_digest *digest);
/* GET, HEAD, PUT, DELETE and OPTIONS are idempotent unless told otherwise; POST and PATCH are not. */
DOWEL_API void dowel_http_idempotent(dowel_http_request *request, bool idempotent);
/* A status outside 2xx that is a success here (308, 404). May be called several times. */
DOWEL_API void dowel_http_accept(dowel_http_request *request, int status);
/* The URL itself is a secret (an upload session): logs and errors show scheme and host only. */
DOWEL_API void dowel_http_secret_url(dowel_http_request *request);
/* Query and body hold secrets (token exchange): logs show neither. The answer, a token or a few, may have 1 MiB. */
DOWEL_API void dowel_http_secret_body(dowel_http_request *request);
/* Seconds for the whole answer; 0: none but the run's deadline. Lost connections are noticed anyway (low-speed limit). */
DOWEL_API void dowel_http_timeout(dowel_http_request *request, double seconds);
/* For a wait that is long by design (a synchronous invocation): no low-speed limit. */
DOWEL_API void dowel_http_patient(dowel_http_request *request);
/* For services of this machine (metadata): never through a proxy. */
DOWEL_API void dowel_http_direct(dowel_http_request *request);
/* A file of certificates (PEM, copied), or a folder of them as `openssl rehash` leaves it, of those authorities that the server is trusted by;
 * NULL: those of SSL_CERT_FILE and SSL_CERT_DIR, else the system's. */
DOWEL_API void dowel_http_authorities(dowel_http_request *request, const char *path);
/* The same, with the name of the setting that decided: errors say what to correct. */
DOWEL_API void dowel_http_authorities_of(dowel_http_request *request, const char *path, const char *setting);
/* Progress of the body (upload) or the answer (download) is reported with dowel_progress; `offset` and `total` place it in the
 * whole transfer. */
DOWEL_API void dowel_http_progress(dowel_http_request *request, int64_t offset, int64_t total);
DOWEL_API void dowel_http_free(dowel_http_request *request);

/* For authorize functions. */
DOWEL_API const char *dowel_http_method(const dowel_http_request *request);
/* The whole URL as it goes on the wire, path and query encoded. Borrowed until the next change. */
DOWEL_API const char *dowel_http_url(dowel_http_request *request);
/* Goes to `to` in place of `from`, if that is the base that it was made with. */
DOWEL_API void dowel_http_rebase(dowel_http_request *request, const char *from, const char *to);
DOWEL_API const char *dowel_http_get_header(const dowel_http_request *request, const char *name);
DOWEL_API const dowel_header *dowel_http_headers(const dowel_http_request *request); /* ended by {NULL, NULL} */
/* The body as memory; {NULL, 0} when it is a source or there is none. */
DOWEL_API dowel_bytes dowel_http_body_bytes(const dowel_http_request *request);
DOWEL_API dowel_source *dowel_http_body_source(const dowel_http_request *request); /* NULL when it is memory */

/* ---- sending ---- */

/* On success *response (may be NULL) is the answer, freed by the caller. On failure it is NULL and err is filled:
 * message, HTTP status, reason, request id, retryable. The request may be sent again. */
DOWEL_API int dowel_http_send(dowel *d, dowel_http_request *request, dowel_http_response **response, dowel_error *err);

/* For retries of a connector's own: waits before what failed with `err` is tried again, for `seconds` or as long as the server asked.
 * A failure leaves `err` as it was when the server asks for too long a wait, or the deadline would come first; else it is TIMEOUT or
 * CANCELLED. `next` is what the log says will be done: "attempt 2 of 5". */
DOWEL_API int dowel_http_wait(dowel *d, double seconds, const char *next, dowel_error *err);

/* After sending: whether an attempt that got no answer, or one of 5xx, may have been carried out all the same. An answer for which the
 * service's table says ALWAYS or NEVER was not. */
DOWEL_API bool dowel_http_in_doubt(const dowel_http_request *request);

DOWEL_API int dowel_http_status(const dowel_http_response *response);
DOWEL_API const char *dowel_http_response_header(const dowel_http_response *response, const char *name);
/* When the service says that it answered (Date), in seconds since the epoch; 0 when it does not. */
DOWEL_API int64_t dowel_http_response_time(const dowel_http_response *response);
/* Seconds since the epoch of a date as HTTP writes it ("Sun, 06 Nov 1994 08:49:37 GMT", and the two older ways); 0 when it is none, or NULL. */
DOWEL_API int64_t dowel_http_parse_date(const char *text);
/* A header's value as UTF-8: bytes that are not are read as ISO-8859-1. Newly allocated. */
DOWEL_API char *dowel_http_header_text(const char *value);
/* The same with encoded words (RFC 2047: "=?UTF-8?Q?gro=C3=9F?=") decoded. Words in other charsets than UTF-8, US-ASCII and ISO-8859-1 stay as they
 * are. Newly allocated. */
DOWEL_API char *dowel_http_decode_text(const char *value);
/* The reverse: text that a header would not give back as it is (not ASCII, blanks at its ends, what looks like a word) becomes encoded words.
 * Newly allocated; NULL: not UTF-8, or out of memory. */
DOWEL_API char *dowel_http_encode_text(const char *text);
/* The n-th header; {NULL, NULL} past the last. */
DOWEL_API dowel_header dowel_http_response_header_at(const dowel_http_response *response, size_t n);
/* The body in memory (empty when it went to a sink), always followed by a NUL that does not count. At most 64 MiB, which is more than any
 * page of a listing or of rows: sending ends with PROTOCOL where an answer is larger. What may be larger goes to a sink. */
DOWEL_API dowel_bytes dowel_http_response_body(const dowel_http_response *response);
/* The body as JSON; PROTOCOL when it is none. New reference. */
DOWEL_API int dowel_http_response_json(const dowel_http_response *response, json_t **document, dowel_error *err);
DOWEL_API void dowel_http_response_free(dowel_http_response *response);
/* Sends, expects JSON, frees both request and response: most calls of a REST API. An empty 2xx body gives NULL. */
DOWEL_API int dowel_http_fetch_json(dowel *d, dowel_http_request *request, json_t **document, dowel_error *err);
/* The same, read with flags of dowel_json_read(). */
DOWEL_API int dowel_http_fetch_document(dowel *d, dowel_http_request *request, unsigned flags, json_t **document,
                                        dowel_error *err);

/* ---- the transport under it ---- */

/* One request on its way, as the transport sees it. */
typedef struct dowel_exchange {
    const char *method;
    const char *url;
    const dowel_header *headers; /* ended by {NULL, NULL} */
    dowel_bytes body;
    dowel_source *source; /* wins over body */
    int64_t source_size;  /* -1: chunked */
    double timeout;       /* seconds, 0: none */
    bool patient;
    bool direct;             /* not through a proxy */
    const char *authorities; /* a file or folder of certificates; NULL: as anybody */
    bool once;               /* must not be repeated by the transport on its own */
    /* For a transport that records exchanges: what it must mask. */
    const dowel_http_names *names; /* may be NULL */
    const bool *secret_headers;    /* one for each of headers; may be NULL */
    bool secret_url, secret_body;
    /* Filled by the transport. `sent`: some byte of the request may have reached the server. */
    bool sent;
    int status;
    /* Called by the transport: for each header, then each piece of the body. Nonzero stops the exchange. */
    int (*on_header)(struct dowel_exchange *exchange, const char *name, const char *value);
    int (*on_body)(struct dowel_exchange *exchange, const void *data, size_t size);
    /* Asked several times a second; nonzero stops the exchange. */
    int (*on_tick)(struct dowel_exchange *exchange, int64_t uploaded);
    void *context;
    const char *authorities_setting; /* what messages call the setting that named them */
} dowel_exchange;

/* libcurl in production, a recorder or replayer in tests. perform returns 0 when an answer arrived whole (any status), else fills
 * err with NETWORK, TIMEOUT, CANCELLED (a callback stopped it) or IO (the source failed). Called from many threads. */
typedef struct dowel_transport {
    int (*perform)(struct dowel_transport *transport, dowel *d, dowel_exchange *exchange, dowel_error *err);
    void (*close)(struct dowel_transport *transport);
} dowel_transport;

DOWEL_API int dowel_transport_curl(dowel_transport **transport, dowel_error *err);
/* Answers from a recording: a JSON array of {"request": {method, uri, headers, body}, "response": {status, headers, body}} in
 * order; a request that differs from the recorded one (listed headers only) fails and says how. */
DOWEL_API int dowel_transport_replay(const json_t *recording, dowel_transport **transport, dowel_error *err);
/* How many recorded requests were not asked for. */
DOWEL_API size_t dowel_transport_replay_left(dowel_transport *transport);
/* Passes on to `under` (borrowed) and writes down what went by, secrets masked. */
DOWEL_API int dowel_transport_record(dowel_transport *under, dowel_transport **transport, dowel_error *err);
DOWEL_API json_t *dowel_transport_recording(dowel_transport *transport); /* new reference */
DOWEL_API void dowel_transport_close(dowel_transport *transport);

/* Percent-encodes; keeps unreserved characters and those in `keep` (may be NULL). Newly allocated. */
DOWEL_API char *dowel_percent_encode(const char *text, const char *keep);
/* Whether an http or https URL is of this machine: localhost or a loopback address. Nobody can listen on the way. */
DOWEL_API bool dowel_url_is_local(const char *url);
/* Whether secrets may be sent to a URL: https, or http to this machine. */
DOWEL_API bool dowel_url_is_safe(const char *url);
/* An http or https URL up to its path, in one spelling: scheme and host in lower case, addresses as numbers, without user, default port, query and
 * slashes at the end. Any other text comes back as it is. Newly allocated; NULL when out of memory. */
DOWEL_API char *dowel_url_origin(const char *url);

#ifdef __cplusplus
}
#endif
#endif
