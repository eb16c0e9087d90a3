/* Bodies that come from a source: sent whole or not at all, and never a second time with what is left of them. */
#include "test.h"

#include <dowel/http.h>
#include <dowel/transfer.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy.h"

static const dowel_retry_rule rules[] = {{503, NULL, true}, {0, NULL, false}};
static const dowel_http_service service = {.name = "Faults", .retry = rules, .max_attempts = 4, .backoff = 0.001};

enum { SMALL = 1000, LARGE = 300000 };

/* A source that says one size and gives another; without a seek, as of a pipe. */
typedef struct stream {
    int64_t real, at;
    size_t step;   /* at most so many bytes at once */
    bool overruns; /* says that it gave more than there was room for */
    int rewinds;
} stream;

static int stream_read(void *context, void *buffer, size_t size, size_t *got, dowel_error *err) {
    (void)err;
    stream *s = context;
    size_t n = size < s->step ? size : s->step;
    if ((int64_t)n > s->real - s->at) n = (size_t)(s->real - s->at);
    memset(buffer, 'a' + (int)(s->at % 7), n);
    s->at += (int64_t)n;
    *got = n + (s->overruns ? size : 0);
    return 0;
}

static int stream_seek(void *context, int64_t offset, dowel_error *err) {
    (void)err;
    stream *s = context;
    s->at = offset;
    s->rewinds++;
    return 0;
}

static const dowel_source_ops pipe_ops = {stream_read, NULL, NULL}, seek_ops = {stream_read, stream_seek, NULL};

/* A transport that keeps what it was given to send, and fails as it is told. */
typedef struct wire {
    dowel_transport base;
    int codes[8], statuses[8]; /* of each attempt */
    bool sent[8];
    int attempts;
    char *body;
    size_t size;
} wire;

static int perform(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)d;
    wire *w = (wire *)base;
    int n = w->attempts++, rc = 0;
    free(w->body);
    w->body = malloc(LARGE * 2);
    w->size = 0;
    if (x->source) {
        size_t got = 1;
        while (!rc && got) {
            rc = dowel_source_read(x->source, w->body + w->size, 4096, &got, err);
            w->size += got;
        }
    } else if (x->body.data) {
        memcpy(w->body, x->body.data, x->body.size);
        w->size = x->body.size;
    }
    x->sent = w->sent[n];
    x->status = w->statuses[n];
    if (rc) return rc;
    return w->codes[n] ? dowel_fail(err, w->codes[n], "no connection") : 0;
}

static void close_wire(dowel_transport *base) {
    (void)base;
}

static int put_with(wire *w, dowel_source *source, int sendings, dowel_error *why) {
    dowel *d = NULL;
    w->base = (dowel_transport){perform, close_wire};
    assert_ok(dowel_open_with(
        &d,
        &(dowel_options){
            .size = sizeof(dowel_options), .database_url = "memory:", .no_history = true, .transport = &w->base},
        err));
    dowel_http_request *r = dowel_http_new(&service, NULL, "PUT", "http://127.0.0.1:9");
    dowel_http_source(r, source);
    int rc = 0;
    while (sendings-- > 0) rc = dowel_http_send(d, r, NULL, why);
    dowel_http_free(r);
    dowel_close(d);
    return rc;
}

/* Of any size, said or not, and also where nothing of the request left this machine: the bytes are gone. */
static void a_pipe_is_sent_once(void **state) {
    (void)state;
    static const struct {
        int64_t said, real;
        int code, status;
        bool sent;
        int expected;
    } cases[] = {
        {SMALL, SMALL, 0, 503, true, DOWEL_E_UNAVAILABLE},
        {LARGE, LARGE, 0, 503, true, DOWEL_E_UNAVAILABLE},
        {-1, SMALL, 0, 503, true, DOWEL_E_UNAVAILABLE},
        {SMALL, SMALL, DOWEL_E_NETWORK, 0, false, DOWEL_E_NETWORK},
        {LARGE, LARGE, DOWEL_E_NETWORK, 0, false, DOWEL_E_NETWORK},
        {-1, LARGE, DOWEL_E_NETWORK, 0, false, DOWEL_E_NETWORK},
        {SMALL, SMALL, DOWEL_E_NETWORK, 0, true, DOWEL_E_NETWORK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stream s = {.real = cases[i].real, .step = 777};
        wire w = {.codes = {cases[i].code}, .statuses = {cases[i].status, 200, 200, 200}, .sent = {cases[i].sent}};
        dowel_source *source = dowel_source_new(&pipe_ops, &s, cases[i].said);
        dowel_error err = {0};
        int rc = put_with(&w, source, 1, &err);
        if (rc != cases[i].expected || w.attempts != 1)
            fail_msg("case %zu: %d after %d attempts: %s", i, rc, w.attempts, err.message);
        assert_int_equal(w.size, cases[i].real);
        assert_false(dowel_source_can_restart(source));
        dowel_source_close(source);
        free(w.body);
    }
}

/* What can be read again is sent whole each time. */
static void what_can_seek_is_sent_again(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, 1, SMALL, 65536, 65537, LARGE};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        stream s = {.real = sizes[i], .step = 1000};
        wire w = {.codes = {DOWEL_E_NETWORK}, .statuses = {0, 503, 200, 200}, .sent = {false, true, true}};
        dowel_source *source = dowel_source_new(&seek_ops, &s, sizes[i]);
        assert_ok(put_with(&w, source, 1, err));
        assert_int_equal(w.attempts, 3);
        assert_int_equal(w.size, sizes[i]);
        dowel_source_close(source);
        free(w.body);
    }
}

static void a_request_that_is_sent_twice(void **state) {
    (void)state;
    for (int seeks = 0; seeks < 2; seeks++) {
        static const int64_t sizes[] = {SMALL, LARGE, -1};
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            stream s = {.real = sizes[i] < 0 ? SMALL : sizes[i], .step = 1000};
            wire w = {.statuses = {200, 200}, .sent = {true, true}};
            dowel_source *source = dowel_source_new(seeks ? &seek_ops : &pipe_ops, &s, sizes[i]);
            dowel_error err = {0};
            int rc = put_with(&w, source, 2, &err);
            assert_int_equal(rc, seeks ? 0 : DOWEL_E_IO);
            assert_int_equal(w.attempts, seeks ? 2 : 1);
            assert_int_equal(w.size, s.real);
            dowel_source_close(source);
            free(w.body);
        }
    }
}

static void a_source_that_lies_about_its_size(void **state) {
    (void)state;
    static const struct {
        int64_t said, real;
        bool overruns;
        int code;
    } cases[] = {
        {SMALL, SMALL - 1, false, DOWEL_E_IO},  {SMALL, 0, false, DOWEL_E_IO},
        {LARGE, LARGE - 1, false, DOWEL_E_IO},  {SMALL, SMALL + 1, false, DOWEL_E_IO},
        {LARGE, LARGE * 2, false, DOWEL_E_IO},  {SMALL, SMALL, true, DOWEL_E_INTERNAL},
        {LARGE, LARGE, true, DOWEL_E_INTERNAL}, {-1, SMALL, true, DOWEL_E_INTERNAL},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        size_t n = i / 2;
        stream s = {.real = cases[n].real, .step = 500, .overruns = cases[n].overruns};
        wire w = {.statuses = {200, 200, 200, 200}};
        dowel_source *source = dowel_source_new(i % 2 ? &seek_ops : &pipe_ops, &s, cases[n].said);
        dowel_error err = {0};
        int rc = put_with(&w, source, 1, &err);
        if (rc != cases[n].code) fail_msg("case %zu: %d: %s", n, rc, err.message);
        /* Never whole: a server cannot have stored it. */
        if (w.attempts) assert_true((int64_t)w.size < cases[n].said || cases[n].said < 0);
        dowel_source_close(source);
        free(w.body);
    }
}

/* ---- files ---- */

static char path[256];

static void write_file(size_t size, char byte) {
    snprintf(path, sizeof path, "%s/body.bin", variable("DOWEL_TEST_TMP"));
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < size; i++) putc(byte, file);
    fclose(file);
}

static void change(int how) {
    FILE *file = fopen(path, how == 1 ? "ab" : "r+b");
    assert_non_null(file);
    if (how == 0) assert_int_equal(truncate(path, SMALL / 2), 0);
    if (how == 1) fputs("more", file);
    if (how == 2) fputs("other", file); /* of the same size: the time tells */
    fclose(file);
    struct timespec times[2] = {{1000, 5}, {1000, 5}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static int read_whole(dowel_source *source, size_t *size, dowel_error *err) {
    char buffer[4096];
    size_t got = 1;
    int rc = 0;
    for (*size = 0; !rc && got; *size += got) rc = dowel_source_read(source, buffer, 997, &got, err);
    return rc;
}

static void a_file_that_changes_while_it_is_read(void **state) {
    (void)state;
    for (int how = 0; how < 3; how++) {
        for (int part = 0; part < 2; part++) {
            write_file(SMALL * 5, 'x');
            dowel_source *whole, *source = NULL;
            size_t size = 0, got;
            char byte;
            assert_ok(dowel_source_file(path, &whole, err));
            if (part) assert_ok(dowel_source_part(whole, 10, SMALL * 5 - 10, &source, err));
            assert_ok(dowel_source_read(part ? source : whole, &byte, 1, &got, err));
            change(how);
            dowel_error err = {0};
            int rc = read_whole(part ? source : whole, &size, &err);
            if (rc != (how ? DOWEL_E_CONFLICT : DOWEL_E_IO)) fail_msg("%d %d: %d %s", how, part, rc, err.message);
            assert_non_null(strstr(err.message, how ? "body.bin changed while it was read" : "shrink"));
            assert_true(size < SMALL * 5 - 1);
            dowel_source_close(source);
            dowel_source_close(whole);
        }
    }
}

/* The kernel copies what is there, and the rest would be zeros. */
static void a_file_that_shrinks_while_it_is_copied(void **state) {
    (void)state;
    dowel *d = NULL;
    assert_ok(dowel_open_with(
        &d, &(dowel_options){.size = sizeof(dowel_options), .database_url = "memory:", .no_history = true}, err));
    char copy[300];
    write_file(SMALL * 5, 'x');
    snprintf(copy, sizeof copy, "%s.copy", path);
    int from = open(path, O_RDONLY), to = open(copy, O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct stat st;
    assert_int_equal(fstat(from, &st), 0);
    assert_ok(dowel_local_copy(d, "body.bin", from, &st, to, err));
    for (int64_t left = SMALL; left >= 0; left -= SMALL) {
        assert_int_equal(truncate(path, left), 0);
        dowel_error err = {0};
        assert_int_equal(dowel_local_copy(d, "body.bin", from, &st, to, &err), DOWEL_E_IO);
        assert_non_null(strstr(err.message, "body.bin was truncated during the copy"));
    }
    close(from);
    close(to);
    dowel_close(d);
}

/* ---- against a server ---- */

static dowel *d_of_server;

static int request(const char *method, const char *first, const char *second, const char *body, json_t **answer) {
    dowel_http_request *r = dowel_http_new(&service, NULL, method, variable("DOWEL_TEST_FAULT_URL"));
    dowel_http_path(r, first, second, NULL);
    if (body) dowel_http_body(r, body, strlen(body));
    dowel_error err = {0};
    return dowel_http_fetch_json(d_of_server, r, answer, &err);
}

static int open_server(void **state) {
    (void)state;
    return dowel_open_with(
        &d_of_server, &(dowel_options){.size = sizeof(dowel_options), .database_url = "memory:", .no_history = true},
        NULL);
}

static int close_server(void **state) {
    (void)state;
    dowel_close(d_of_server);
    return 0;
}

/* A pipe of the system, through libcurl: one attempt, the server's error, nothing sent again. */
static void a_pipe_and_a_server_in_trouble(void **state) {
    (void)state;
    json_t *nothing = NULL, *log = NULL;
    for (int known = 0; known < 2; known++) {
        assert_int_equal(request("POST", "_script", "pipe", "[{\"status\": 503}, {}]", &nothing), 0);
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], "0123456789", 10), 10);
        close(ends[1]);
        stream s = {.real = 10, .step = 3};
        dowel_source *source = NULL;
        if (known)
            source = dowel_source_new(&pipe_ops, &s, 10);
        else
            assert_ok(dowel_source_descriptor(ends[0], "a pipe", &source, err));
        if (known) close(ends[0]);
        dowel_http_request *r = dowel_http_new(&service, NULL, "PUT", variable("DOWEL_TEST_FAULT_URL"));
        dowel_http_path(r, "pipe", NULL);
        dowel_http_source(r, source);
        dowel_error err = {0};
        assert_int_equal(dowel_http_send(d_of_server, r, NULL, &err), DOWEL_E_UNAVAILABLE);
        assert_int_equal(err.http_status, 503);
        dowel_http_free(r);
        dowel_source_close(source);
        assert_int_equal(request("GET", "_log", "pipe", NULL, &log), 0);
        assert_int_equal(json_array_size(log), 1);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(log, 0), "size")), 10);
        json_decref(log);
    }
}

typedef struct tape {
    char data[100];
    size_t size;
} tape;

static int tape_write(void *context, const void *data, size_t size, dowel_error *err) {
    tape *t = context;
    if (t->size + size > sizeof t->data) return dowel_fail(err, DOWEL_E_IO, "the tape is full");
    memcpy(t->data + t->size, data, size);
    t->size += size;
    return 0;
}

static const dowel_sink_ops tape_ops = {.write = tape_write};

/* The rest of an object is taken only from where it was broken off. */
static void the_rest_from_another_byte(void **state) {
    (void)state;
    static const struct {
        const char *range;
        int code;
    } cases[] = {{"bytes 4-9/10", 0},
                 {"bytes 5-9/10", DOWEL_E_CONFLICT},
                 {"bytes 0-9/10", DOWEL_E_CONFLICT},
                 {"bytes 3-9/10", DOWEL_E_CONFLICT},
                 {"bytes */10", DOWEL_E_CONFLICT},
                 {"bytes -4-9/10", DOWEL_E_CONFLICT},
                 {"4-9/10", DOWEL_E_CONFLICT},
                 {"", DOWEL_E_CONFLICT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char steps[512];
        snprintf(steps, sizeof steps,
                 "[{\"body\": \"0123456789\", \"truncate\": 4, \"headers\": {\"ETag\": \"\\\"e\\\"\"}},"
                 " {\"status\": 206, \"body\": \"456789\", \"headers\": {\"ETag\": \"\\\"e\\\"\"%s%s%s}}]",
                 *cases[i].range ? ", \"Content-Range\": \"" : "", cases[i].range, *cases[i].range ? "\"" : "");
        json_t *nothing = NULL;
        assert_int_equal(request("POST", "_script", "tape", steps, &nothing), 0);
        tape t = {.size = 0};
        dowel_sink *sink = dowel_sink_new(&tape_ops, &t);
        dowel_http_request *r = dowel_http_new(&service, NULL, "GET", variable("DOWEL_TEST_FAULT_URL"));
        dowel_http_path(r, "tape", NULL);
        dowel_http_sink(r, sink);
        dowel_error err = {0};
        int rc = dowel_http_send(d_of_server, r, NULL, &err);
        if (rc != cases[i].code) fail_msg("%s: %d: %s", cases[i].range, rc, err.message);
        assert_int_equal(t.size, rc ? 4 : 10);
        assert_memory_equal(t.data, "0123456789", t.size);
        dowel_http_free(r);
        dowel_sink_close(sink);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_is_sent_once),
        cmocka_unit_test(what_can_seek_is_sent_again),
        cmocka_unit_test(a_request_that_is_sent_twice),
        cmocka_unit_test(a_source_that_lies_about_its_size),
        cmocka_unit_test(a_file_that_changes_while_it_is_read),
        cmocka_unit_test(a_file_that_shrinks_while_it_is_copied),
        cmocka_unit_test_setup_teardown(a_pipe_and_a_server_in_trouble, open_server, close_server),
        cmocka_unit_test_setup_teardown(the_rest_from_another_byte, open_server, close_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
