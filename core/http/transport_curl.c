/* The libcurl transport. Idle connections are reused by any thread. */
#include "handle_internal.h"
#include "http_internal.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDLE_HANDLES 32
#define LONGEST_HEADER ((size_t)16 << 10) /* that is sent */
#define LONGEST_ANSWER_HEADER ((size_t)8 << 10)

/* A multi handle of our own for each easy one: its connections live there, and we choose how often on_tick is asked. */
typedef struct handle {
    CURL *easy;
    CURLM *multi;
} handle;

typedef struct curl_transport {
    dowel_transport base;
    pthread_mutex_t lock;
    handle idle[IDLE_HANDLES];
    int idle_count;
} curl_transport;

typedef struct call {
    CURL *curl;
    dowel_exchange *exchange;
    dowel_error *err;
    int failed;    /* a code that a callback ended the transfer with */
    double ticked; /* when on_tick was last asked */
    bool headers_ended;
    char *file, *folder; /* SSL_CERT_FILE and SSL_CERT_DIR; NULL: not set */
    char reason[CURL_ERROR_SIZE];
} call;

static void start_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t read_body(char *buffer, size_t size, size_t count, void *context) {
    call *c = context;
    size_t got = 0;
    int rc = dowel_source_read(c->exchange->source, buffer, size * count, &got, c->err);
    if (!rc) return got;
    c->failed = rc;
    return CURL_READFUNC_ABORT;
}

/* libcurl rewinds the body if a reused connection turns out to be dead before an answer arrives. */
static int seek_body(void *context, curl_off_t offset, int origin) {
    call *c = context;
    if (origin != SEEK_SET || offset != 0) return CURL_SEEKFUNC_CANTSEEK;
    return dowel_source_rewind(c->exchange->source, NULL) ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

static size_t take_header(char *line, size_t size, size_t count, void *context) {
    call *c = context;
    size_t length = size * count;
    if (length >= 5 && !strncmp(line, "HTTP/", 5)) {
        long status = 0;
        const char *space = memchr(line, ' ', length);
        if (space) status = strtol(space, NULL, 10);
        c->exchange->status = (int)status;
        c->headers_ended = false;
        return length;
    }
    if (*line == '\r' || *line == '\n') c->headers_ended = true;
    if (c->exchange->status < 200 || length >= LONGEST_ANSWER_HEADER) return length;
    char *text = strndup(line, length);
    if (!text) {
        c->failed = dowel_no_memory(c->err);
        return 0;
    }
    text[strcspn(text, "\r\n")] = 0;
    char *colon = strchr(text, ':');
    int rc = 0;
    if (colon) {
        *colon++ = 0;
        while (*colon == ' ' || *colon == '\t') colon++;
        for (char *end = colon + strlen(colon); end > colon && (end[-1] == ' ' || end[-1] == '\t'); end--) end[-1] = 0;
        rc = c->exchange->on_header(c->exchange, text, colon);
    }
    OPENSSL_cleanse(text, length); /* cookies, upload sessions */
    free(text);
    if (!rc) return length;
    c->failed = DOWEL_E_CANCELLED;
    return 0;
}

static size_t take_body(char *data, size_t size, size_t count, void *context) {
    call *c = context;
    if (c->exchange->on_body(c->exchange, data, size * count)) {
        c->failed = DOWEL_E_CANCELLED;
        return 0;
    }
    return size * count;
}

static int tick(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up) {
    (void)down_total, (void)down, (void)up_total;
    call *c = context;
    double now = dowel_clock();
    if (now - c->ticked < 0.05) return 0; /* libcurl asks after every piece */
    c->ticked = now;
    if (!c->exchange->on_tick(c->exchange, (int64_t)up)) return 0;
    c->failed = DOWEL_E_CANCELLED;
    return 1;
}

/* Child processes must not inherit connections. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)context, (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void end_handle(handle h) {
    if (h.easy) curl_easy_cleanup(h.easy);
    if (h.multi) curl_multi_cleanup(h.multi);
}

static handle borrow(curl_transport *t) {
    handle h = {NULL, NULL};
    pthread_mutex_lock(&t->lock);
    if (t->idle_count) h = t->idle[--t->idle_count];
    pthread_mutex_unlock(&t->lock);
    if (!h.easy) {
        h = (handle){curl_easy_init(), curl_multi_init()};
        if (!h.easy || !h.multi) {
            end_handle(h);
            h = (handle){NULL, NULL};
        }
    }
    return h;
}

static void give_back(curl_transport *t, handle h) {
    curl_easy_reset(h.easy); /* connections and sessions stay */
    pthread_mutex_lock(&t->lock);
    bool kept = t->idle_count < IDLE_HANDLES;
    if (kept) t->idle[t->idle_count++] = h;
    pthread_mutex_unlock(&t->lock);
    if (!kept) end_handle(h);
}

static CURLcode run(handle h) {
    if (curl_multi_add_handle(h.multi, h.easy)) return CURLE_OUT_OF_MEMORY;
    CURLcode code = CURLE_OK;
    int running = 1;
    while (running) {
        CURLMcode failed = curl_multi_perform(h.multi, &running);
        if (!failed && running) failed = curl_multi_poll(h.multi, NULL, 0, 100, NULL);
        if (failed) {
            code = failed == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_FAILED_INIT;
            break;
        }
    }
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(h.multi, &left));)
        if (message->msg == CURLMSG_DONE) code = message->data.result;
    curl_multi_remove_handle(h.multi, h.easy);
    return code;
}

/* Frees the list; headers may be secrets, and libcurl only frees them. */
static void drop_headers(struct curl_slist *list) {
    for (struct curl_slist *item = list; item; item = item->next) OPENSSL_cleanse(item->data, strlen(item->data));
    curl_slist_free_all(list);
}

static struct curl_slist *add_header(struct curl_slist *list, const dowel_header *h) {
    size_t size = strlen(h->name) + strlen(h->value) + 3;
    char *line = size <= LONGEST_HEADER ? malloc(size) : NULL;
    if (!line) return NULL;
    /* libcurl drops "Name:" without a value; "Name;" sends it empty. */
    snprintf(line, size, *h->value ? "%s: %s" : "%s;%s", h->name, h->value);
    struct curl_slist *longer = curl_slist_append(list, line);
    OPENSSL_cleanse(line, size);
    free(line);
    return longer;
}

static struct curl_slist *header_list(const dowel_exchange *x) {
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    bool has_type = false, has_accept = false;
    for (const dowel_header *h = x->headers; list && h->name; h++) {
        has_type |= !dowel_casecmp(h->name, "Content-Type");
        has_accept |= !dowel_casecmp(h->name, "Accept");
        struct curl_slist *longer = add_header(list, h);
        if (!longer) {
            drop_headers(list);
            return NULL;
        }
        list = longer;
    }
    /* Headers that libcurl adds by itself would not be signed. */
    if (list && !has_type) list = curl_slist_append(list, "Content-Type:");
    if (list && !has_accept) list = curl_slist_append(list, "Accept: */*");
    return list;
}

static void set_body(CURL *curl, const dowel_exchange *x, call *c) {
    bool has_body = x->source || x->body.data;
    if (!strcmp(x->method, "HEAD")) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (!strcmp(x->method, "GET") && !has_body) {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
        return;
    }
    if (x->source) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->source_size);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_body);
        curl_easy_setopt(curl, CURLOPT_READDATA, c);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, seek_body);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, c);
        curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 262144L);
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    } else if (has_body || !strcmp(x->method, "POST") || !strcmp(x->method, "PUT") || !strcmp(x->method, "PATCH")) {
        /* A small one goes out together with the headers. */
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.size);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, x->body.data ? x->body.data : "");
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, x->method);
}

/* ---- which certificates are trusted ---- */

static bool is_folder(const char *path) {
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* The setting that names the trusted authorities, and its value; NULL: none is set. */
static const char *trusted(const call *c, const char **path) {
    const dowel_exchange *x = c->exchange;
    *path = x->authorities ? x->authorities : c->file ? c->file : c->folder;
    return x->authorities ? x->authorities_setting : c->file ? "SSL_CERT_FILE" : c->folder ? "SSL_CERT_DIR" : NULL;
}

static int trust(call *c) {
    CURL *curl = c->curl;
    const dowel_exchange *x = c->exchange;
    c->file = dowel_variable("SSL_CERT_FILE");
    c->folder = dowel_variable("SSL_CERT_DIR");
    const char *path, *setting = trusted(c, &path), *folder = c->folder;
    if (dowel_ncasecmp(x->url, "https:", 6) != 0) return 0;
    bool list = setting && !strcmp(setting, "SSL_CERT_DIR"); /* missing folders of a list are skipped */
    if (path && !list && access(path, R_OK)) {
        int rc = dowel_fail(c->err, DOWEL_E_IO, "the file of trusted certificates cannot be read: %s: %s", path,
                            strerror(errno));
        dowel_error_hint(c->err, "correct %s", setting);
        return rc;
    }
    if (path && !list) curl_easy_setopt(curl, is_folder(path) ? CURLOPT_CAPATH : CURLOPT_CAINFO, path);
    if (folder && !x->authorities && !(path && !list && is_folder(path)))
        curl_easy_setopt(curl, CURLOPT_CAPATH, folder);
    return 0;
}

static void end_trust(call *c) {
    free(c->file);
    free(c->folder);
}

static void hint_at_trust(const call *c) {
    const char *path, *setting = trusted(c, &path);
    if (!setting)
        dowel_error_hint(c->err, "name the authority's certificate with SSL_CERT_FILE");
    else if (is_folder(path))
        dowel_error_hint(c->err,
                         "%s names the folder %s: put the authority's certificate there, and run `openssl rehash`",
                         setting, path);
    else
        dowel_error_hint(c->err, "%s names %s: add the authority's certificate to it, or correct %s", setting, path,
                         setting);
}

/* ---- errors ---- */

/* The proxy refused CONNECT. */
static int refused_by_proxy(call *c, long status) {
    const char *variable = dowel_proxy_variable(c->exchange->url);
    if (!variable) variable = "the proxy's variable";
    int rc = dowel_fail(c->err, status < 500 ? DOWEL_E_REFUSED : DOWEL_E_NETWORK,
                        "the proxy answered HTTP %ld to CONNECT", status);
    if (status == 407)
        dowel_error_hint(c->err, "the proxy requires a user and a password: %s=http://USER:PASSWORD@HOST:PORT",
                         variable);
    else
        dowel_error_hint(c->err,
                         "the proxy of %s does not connect to this host: ask its operator, or add the host to NO_PROXY",
                         variable);
    return rc;
}

/* libcurl quotes a proxy that it cannot use, with its password: "Unsupported proxy syntax in '...'". */
static bool is_unusable_proxy(CURLcode code, const char *said) {
    return !strncmp(said, "Unsupported proxy", 17) || (code == CURLE_COULDNT_RESOLVE_PROXY && strchr(said, '\''));
}

static int no_connection(call *c, CURLcode code, const char *said) {
    const char *variable = c->exchange->direct ? NULL : dowel_proxy_variable(c->exchange->url);
    if (variable && is_unusable_proxy(code, said)) {
        int rc = dowel_fail(c->err, DOWEL_E_INVALID, "%s is not the address of a usable proxy", variable);
        dowel_error_hint(c->err,
                         "write %s=http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with / ? # @ %% and blanks of "
                         "the password as %%2F %%3F %%23 %%40 %%25 %%20",
                         variable);
        return rc;
    }
    int rc = dowel_fail(c->err, DOWEL_E_NETWORK, "no connection: %s", said);
    if (code == CURLE_COULDNT_RESOLVE_PROXY && variable)
        dowel_error_hint(c->err, "the proxy's host name cannot be resolved: correct %s", variable);
    else if (variable)
        dowel_error_hint(
            c->err,
            "check the endpoint, the network, and the proxy that %s names (NO_PROXY: hosts to reach without it)",
            variable);
    else
        dowel_error_hint(c->err, "check the endpoint, the network and any proxy");
    return rc;
}

static bool was_connected(const call *c) {
    curl_off_t connected = 0;
    return !curl_easy_getinfo(c->curl, CURLINFO_CONNECT_TIME_T, &connected) && connected > 0;
}

/* libcurl accepts an answer that ends within its headers as a complete one without a body. */
static int check_headers(const call *c) {
    if (c->headers_ended) return 0;
    return dowel_fail(c->err, DOWEL_E_NETWORK, "the connection broke: the answer ended within its headers");
}

static int explain(call *c, CURLcode code) {
    const char *said = *c->reason ? c->reason : curl_easy_strerror(code);
    long connected = 0;
    curl_easy_getinfo(c->curl, CURLINFO_HTTP_CONNECTCODE, &connected);
    if (connected >= 300 && !c->exchange->status) return refused_by_proxy(c, connected);
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
    case CURLE_SSL_CONNECT_ERROR: return no_connection(c, code, said);
    case CURLE_PEER_FAILED_VERIFICATION: {
        int rc = dowel_fail(c->err, DOWEL_E_REFUSED, "the server's certificate is not trusted: %s", said);
        hint_at_trust(c);
        return rc;
    }
    case CURLE_SSL_CACERT_BADFILE: {
        const char *path, *setting = trusted(c, &path);
        int rc = dowel_fail(c->err, DOWEL_E_IO, "the file of trusted certificates cannot be read: %s", said);
        dowel_error_hint(c->err, "correct %s", setting ? setting : "the system's certificates");
        return rc;
    }
    case CURLE_OPERATION_TIMEDOUT: return dowel_fail(c->err, DOWEL_E_TIMEOUT, "no answer in time: %s", said);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        if (was_connected(c)) return dowel_fail(c->err, DOWEL_E_PROTOCOL, "the answer is not HTTP: %s", said);
        return dowel_fail(c->err, DOWEL_E_INVALID, "the address is not valid: %s", said);
    case CURLE_OUT_OF_MEMORY: return dowel_no_memory(c->err);
    default: return dowel_fail(c->err, DOWEL_E_NETWORK, "the connection broke: %s", said);
    }
}

/* Set here because libcurl would not trim the line breaks that mounted files leave in the variables. */
static int set_proxy(CURL *curl, const dowel_exchange *x, dowel_error *err) {
    const char *variable = x->direct ? NULL : dowel_proxy_variable(x->url);
    char *proxy = variable ? dowel_variable(variable) : NULL, *no_proxy = variable ? dowel_no_proxy(x->url) : NULL;
    bool failed = (variable && !proxy) || curl_easy_setopt(curl, CURLOPT_PROXY, proxy ? proxy : "") ||
                  (no_proxy && curl_easy_setopt(curl, CURLOPT_NOPROXY, no_proxy));
    if (proxy) OPENSSL_cleanse(proxy, strlen(proxy));
    free(proxy); /* libcurl has a copy */
    free(no_proxy);
    return failed ? dowel_no_memory(err) : 0;
}

static int perform(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)d;
    curl_transport *t = (curl_transport *)base;
    handle h = borrow(t);
    CURL *curl = h.easy;
    struct curl_slist *headers = curl ? header_list(x) : NULL;
    if (!headers) {
        if (curl) give_back(t, h);
        return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory, or a header of more than 16 KiB");
    }
    call c = {.curl = curl, .exchange = x, .err = err};
    curl_easy_setopt(curl, CURLOPT_URL, x->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c.reason);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &c);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &c);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, tick);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &c);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 262144L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 60L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 30L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
    /* Detect dead connections by silence, not by a limit on the whole transfer. */
    if (!x->patient) {
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
    }
    if (x->timeout > 0) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(x->timeout * 1000) + 1);
    /* On a reused connection that died, libcurl would send the request again by itself. */
    if (x->once) curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    int rc = set_proxy(curl, x, err);
    if (!rc) rc = trust(&c);
    if (rc) {
        drop_headers(headers);
        end_trust(&c);
        give_back(t, h);
        return rc;
    }
    set_body(curl, x, &c);

    CURLcode code = run(h);
    long request_bytes = 0, tunnel = 0;
    curl_off_t connected = 0;
    curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &request_bytes);
    curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected);
    curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &tunnel);
    bool refused = tunnel >= 300 && !x->status; /* from the proxy: nothing was sent to the server */
    x->sent = !refused && (request_bytes > 0 ||
                           (code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST &&
                            code != CURLE_COULDNT_RESOLVE_PROXY && code != CURLE_SSL_CONNECT_ERROR &&
                            code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE &&
                            code != CURLE_URL_MALFORMAT && !(code == CURLE_OPERATION_TIMEDOUT && connected == 0)));
    /* A server may refuse a body and close the connection early: report its answer, not the broken connection. */
    if ((code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR) && x->status >= 400 && c.headers_ended && !c.failed)
        code = CURLE_OK;
    drop_headers(headers);
    rc = code == CURLE_OK ? check_headers(&c) : c.failed ? c.failed : explain(&c, code);
    end_trust(&c);
    give_back(t, h);
    return rc;
}

static void close_transport(dowel_transport *base) {
    curl_transport *t = (curl_transport *)base;
    while (t->idle_count) end_handle(t->idle[--t->idle_count]);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

int dowel_transport_curl(dowel_transport **transport, dowel_error *err) {
    /* libcurl's own start-up, once in a process; costs milliseconds, so not before the first request. */
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    curl_transport *t = calloc(1, sizeof *t);
    if (!t) return dowel_no_memory(err);
    t->base = (dowel_transport){perform, close_transport};
    pthread_mutex_init(&t->lock, NULL);
    *transport = &t->base;
    return 0;
}

void dowel_transport_close(dowel_transport *transport) {
    if (transport) transport->close(transport);
}

static void *make_transport(dowel *d) {
    (void)d;
    dowel_transport *transport = NULL;
    return dowel_transport_curl(&transport, NULL) ? NULL : transport;
}

static void end_transport(void *value) {
    dowel_transport_close(value);
}

dowel_transport *dowel_transport_of(dowel *d) {
    static const char key;
    struct dowel_transport *given = dowel_option_transport(d);
    return given ? given : dowel_attach(d, &key, make_transport, end_transport);
}
