/* Keys that run out: one request for all threads, renewed ahead of their end, and a failure to renew what still holds is none. */
#define _GNU_SOURCE /* strptime, timegm */
#include "test.h"

#include "aws.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

/* A container that gives keys with a number in them. */
typedef struct container {
    dowel_transport base;
    atomic_int asked;
    atomic_bool broken;
    atomic_int seconds; /* that the next keys live */
} container;

static int perform(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)d, (void)err;
    container *c = (container *)base;
    int n = atomic_fetch_add(&c->asked, 1) + 1;
    x->sent = true;
    usleep(50000); /* so that others come meanwhile */
    x->status = atomic_load(&c->broken) ? 404 : 200;
    char end[DOWEL_TIME_TEXT_SIZE], body[512];
    dowel_format_time(((int64_t)time(NULL) + atomic_load(&c->seconds)) * 1000000, end);
    snprintf(body, sizeof body,
             "{\"AccessKeyId\":\"AKID%d\",\"SecretAccessKey\":\"secret\",\"Token\":\"token%d\",\"Expiration\":\"%s\"}",
             n, n, end);
    x->on_body(x, body, strlen(body));
    return 0;
}

static void quiet(void *context, dowel_log_level level, const char *line) {
    (void)context, (void)level, (void)line;
}

static dowel *start(container *c, int seconds) {
    clearenv();
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/keys", 1);
    memset(c, 0, sizeof *c);
    c->base.perform = perform;
    atomic_store(&c->seconds, seconds);
    dowel *d;
    dowel_options options = {.size = sizeof options, .database_url = "memory:", .transport = &c->base, .log = quiet};
    assert_ok(dowel_open(&d, &options, err));
    return d;
}

typedef struct asker {
    dowel *d;
    const char *refused;
    int rc;
    dowel_aws_keys keys;
} asker;

static void *ask(void *context) {
    asker *a = context;
    a->rc = dowel_aws_keys_after(a->d, NULL, a->refused, a->refused != NULL, &a->keys, NULL);
    return NULL;
}

#define MANY 64

static void ask_together(dowel *d, const char *refused, const char *wanted) {
    pthread_t threads[MANY];
    asker askers[MANY];
    for (int i = 0; i < MANY; i++) {
        askers[i] = (asker){.d = d, .refused = refused};
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (int i = 0; i < MANY; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(askers[i].rc, 0);
        assert_string_equal(askers[i].keys.access_key_id, wanted);
        dowel_aws_keys_clear(&askers[i].keys);
    }
}

static void one_request_for_all(void **state) {
    (void)state;
    container c;
    dowel *d = start(&c, 3600);
    ask_together(d, NULL, "AKID1");
    assert_int_equal(atomic_load(&c.asked), 1);
    /* All were refused with the same keys: one of them gets new ones. */
    ask_together(d, "token1", "AKID2");
    assert_int_equal(atomic_load(&c.asked), 2);
    /* One that comes late with what was refused before needs no newer ones. */
    dowel_aws_keys keys;
    assert_ok(dowel_aws_keys_after(d, NULL, "token1", true, &keys, err));
    assert_string_equal(keys.access_key_id, "AKID2");
    assert_string_equal(keys.origin, "container, from http://169.254.170.2");
    dowel_aws_keys_clear(&keys);
    assert_int_equal(atomic_load(&c.asked), 2);
    dowel_close(d);
}

static void old_keys_hold_when_renewal_fails(void **state) {
    (void)state;
    container c;
    dowel *d = start(&c, 8);
    dowel_aws_keys keys;
    assert_ok(dowel_aws_get_keys(d, NULL, false, &keys, err));
    dowel_aws_keys_clear(&keys);
    atomic_store(&c.broken, true);
    int failures = 0;
    while (atomic_load(&c.asked) < 2) { /* until it is tried to renew them, ahead of their end */
        failures += dowel_aws_get_keys(d, NULL, false, &keys, NULL) != 0;
        dowel_aws_keys_clear(&keys);
        usleep(20000);
    }
    assert_int_equal(failures, 0);
    /* Not for each caller anew. */
    assert_ok(dowel_aws_get_keys(d, NULL, false, &keys, err));
    assert_string_equal(keys.access_key_id, "AKID1");
    dowel_aws_keys_clear(&keys);
    assert_int_equal(atomic_load(&c.asked), 2);
    /* After their end they are not given any more. */
    dowel_error err;
    while (!dowel_aws_get_keys(d, NULL, false, &keys, &err)) {
        dowel_aws_keys_clear(&keys);
        usleep(50000);
    }
    assert_int_equal(err.http_status, 404);
    dowel_close(d);
}

/* ---- keys that a service says have expired ---- */

static void explain(const dowel_http_response *response, dowel_error *err) {
    (void)response;
    snprintf(err->reason, sizeof err->reason, "ExpiredTokenException");
}

static int refuse_first(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    if (strstr(x->url, "169.254.170.2")) return perform(base, d, x, err);
    bool fresh = false;
    for (const dowel_header *h = x->headers; h->name; h++)
        fresh |= !strcmp(h->name, "x-amz-security-token") && strcmp(h->value, "token1") != 0;
    x->sent = true;
    x->status = fresh ? 200 : 403;
    return 0;
}

static int send(dowel *d, dowel_block *credentials) {
    static const dowel_http_service service = {
        .name = "test", .authorize = dowel_aws_authorize, .reauthorize = dowel_aws_reauthorize, .explain = explain};
    dowel_aws_signing signing = {credentials, "eu-west-1", "lambda"};
    dowel_http_request *r = dowel_http_new(&service, &signing, "POST", "http://127.0.0.1:9");
    int rc = dowel_http_send(d, r, NULL, NULL);
    dowel_http_free(r);
    return rc;
}

static void expired_keys_are_got_anew(void **state) {
    (void)state;
    container c;
    dowel *d = start(&c, 3600);
    c.base.perform = refuse_first;
    assert_int_equal(send(d, NULL), 0);
    assert_int_equal(atomic_load(&c.asked), 2);
    /* Those that a block holds cannot be: one request, and the refusal is told. */
    const dowel_aws_credentials fixed = {.access_key_id = "AKID", .secret_access_key = "s", .session_token = "token1"};
    dowel_block *block;
    assert_ok(dowel_block_from(&dowel_aws_credentials_type, NULL, &fixed, sizeof fixed, &block, err));
    assert_int_equal(send(d, block), DOWEL_E_PERMISSION);
    assert_int_equal(atomic_load(&c.asked), 2);
    dowel_block_free(block);
    dowel_close(d);
}

/* ---- a service whose clock is ahead ---- */

#define AHEAD 18000

static int be_ahead(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)base, (void)d, (void)err;
    char date[64];
    time_t then = time(NULL) + AHEAD;
    struct tm tm;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &tm));
    x->sent = true;
    x->status = 403;
    x->on_header(x, "Date", date);
    return 0;
}

static void say_skewed(const dowel_http_response *response, dowel_error *err) {
    (void)response;
    snprintf(err->reason, sizeof err->reason, "RequestTimeTooSkewed");
}

static void expect_ahead(const char *date) {
    struct tm tm = {0};
    assert_non_null(strptime(date, "%Y%m%dT%H%M%SZ", &tm));
    int64_t off = (int64_t)timegm(&tm) - (int64_t)time(NULL) - AHEAD;
    assert_true(off > -60 && off < 60);
}

static void signatures_that_travel_follow_the_services_clock(void **state) {
    (void)state;
    static const dowel_http_service service = {
        .name = "test", .authorize = dowel_aws_authorize, .reauthorize = dowel_aws_reauthorize, .explain = say_skewed};
    container c;
    dowel *d = start(&c, 3600);
    c.base.perform = be_ahead;
    const dowel_aws_credentials fixed = {.access_key_id = "AKID", .secret_access_key = "s"};
    dowel_block *block;
    assert_ok(dowel_block_from(&dowel_aws_credentials_type, NULL, &fixed, sizeof fixed, &block, err));
    dowel_aws_signing signing = {block, "eu-west-1", "s3"};
    dowel_http_request *r = dowel_http_new(&service, &signing, "GET", "https://bucket.example.com/key");
    assert_int_not_equal(dowel_http_send(d, r, NULL, NULL), 0);
    dowel_http_free(r);
    char *url;
    r = dowel_http_new(&service, &signing, "GET", "https://bucket.example.com/key");
    assert_ok(dowel_aws_presign(d, r, &signing, 60, &url, err));
    expect_ahead(strstr(url, "X-Amz-Date=") + 11);
    dowel_http_free(r);
    free(url);
    dowel_aws_form form;
    assert_ok(dowel_aws_form_begin(d, &signing, "https://bucket.example.com", &form, err));
    expect_ahead(form.date);
    assert_true(form.time > (int64_t)time(NULL) + AHEAD - 60);
    dowel_aws_form_clear(&form);
    dowel_block_free(block);
    dowel_close(d);
}

static void keys_past_their_end_are_used(void **state) {
    (void)state;
    container c;
    dowel *d = start(&c, -3600); /* this machine's clock may be the one that is wrong */
    ask_together(d, NULL, "AKID1");
    assert_int_equal(atomic_load(&c.asked), 1);
    dowel_close(d);
}

static void blocks_have_keys_of_their_own(void **state) {
    (void)state;
    container c;
    dowel *d = start(&c, 3600);
    const dowel_aws_credentials first = {.region = "eu-west-1"},
                                fixed = {.access_key_id = "AKIDFIXED", .secret_access_key = "s"};
    dowel_block *a, *b;
    assert_ok(dowel_block_from(&dowel_aws_credentials_type, NULL, &first, sizeof first, &a, err));
    assert_ok(dowel_block_from(&dowel_aws_credentials_type, NULL, &fixed, sizeof fixed, &b, err));
    dowel_aws_keys keys;
    assert_ok(dowel_aws_get_keys(d, a, false, &keys, err));
    assert_string_equal(keys.access_key_id, "AKID1");
    dowel_aws_keys_clear(&keys);
    assert_ok(dowel_aws_get_keys(d, NULL, false, &keys, err));
    assert_string_equal(keys.access_key_id, "AKID2");
    dowel_aws_keys_clear(&keys);
    assert_ok(dowel_aws_get_keys(d, b, false, &keys, err));
    assert_string_equal(keys.access_key_id, "AKIDFIXED");
    dowel_aws_keys_clear(&keys);
    assert_int_equal(atomic_load(&c.asked), 2);
    dowel_block_free(a);
    dowel_block_free(b);
    dowel_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_request_for_all),
        cmocka_unit_test(old_keys_hold_when_renewal_fails),
        cmocka_unit_test(expired_keys_are_got_anew),
        cmocka_unit_test(keys_past_their_end_are_used),
        cmocka_unit_test(blocks_have_keys_of_their_own),
        cmocka_unit_test(signatures_that_travel_follow_the_services_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
