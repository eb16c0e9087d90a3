/* The address of every kind of bucket name: in the host where a host can be called so, in the path where not. */
#include "test.h"

#include <dowel/http.h>
#include <dowel/objects.h>
#include <dowel/s3.h>

/* A transport that keeps the URL that it was asked for. */
typedef struct wire {
    dowel_transport base;
    char url[1024], host[512];
} wire;

static int perform(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)d, (void)err;
    wire *w = (wire *)base;
    snprintf(w->url, sizeof w->url, "%.*s", (int)strcspn(x->url, "?"), x->url);
    for (const dowel_header *h = x->headers; h->name; h++)
        if (!strcmp(h->name, "Host")) snprintf(w->host, sizeof w->host, "%s", h->value);
    x->sent = true;
    x->status = 200;
    static const char body[] = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    return x->on_body(x, body, sizeof body - 1);
}

static void close_wire(dowel_transport *base) {
    (void)base;
}

static int none(void *context, const dowel_object *object, dowel_error *err) {
    (void)context, (void)object, (void)err;
    return 0;
}

static const char *address(wire *w, const char *bucket, const char *endpoint, const char *addressing) {
    dowel *d;
    *w = (wire){.base = {perform, close_wire}};
    assert_ok(
        dowel_open(&d, &(dowel_options){.database_url = "memory:", .no_history = true, .transport = &w->base}, err));
    json_t *document = json_pack("{s:s,s:s,s:s*,s:s,s:{s:s,s:s,s:s}}", "bucket", bucket, "region", "eu-west-1",
                                 "endpoint", endpoint, "addressing", addressing, "credentials", "$type",
                                 "aws-credentials", "access_key_id", "AKIDEXAMPLE", "secret_access_key", "secret");
    dowel_block *block;
    assert_ok(dowel_block_new(&dowel_s3_bucket_type, NULL, document, dowel_get_resolver(d), &block, err));
    json_decref(document);
    assert_ok(dowel_s3_bucket_type.objects->list(d, block, &(dowel_objects_query){.size = sizeof(dowel_objects_query)},
                                                 none, NULL, err));
    dowel_block_free(block);
    dowel_close(d);
    return w->url;
}

#define LONG63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"

static void every_kind_of_name(void **state) {
    (void)state;
    static const struct {
        const char *bucket, *endpoint, *addressing;
        bool in_host;
    } rows[] = {
        {"reports", NULL, "auto", true},
        {"a-b", NULL, "auto", true},
        {"123", NULL, "auto", true},
        {LONG63, NULL, "auto", true},
        {LONG63 "d", NULL, "auto", false},
        {"ab", NULL, "auto", false},
        {"Reports", NULL, "auto", false},
        {"reportS", NULL, "virtual", false},
        {"my_bucket", NULL, "auto", false},
        {"my_bucket", NULL, "virtual", false},
        {"my.bucket", NULL, "auto", false},
        {"my.bucket", NULL, "virtual", false}, /* no certificate of Amazon's names it */
        {"192.168.0.1", NULL, "virtual", false},
        {"-reports", NULL, "auto", false},
        {"reports-", NULL, "auto", false},
        {"reports", NULL, "path", false},
        {"reports", "https://s3.example.test", "auto", false},
        {"reports", "https://s3.example.test", "virtual", true},
        {"reports", "https://s3.example.test:9000", "virtual", true},
        {"my.bucket", "http://s3.example.test", "virtual", true},
        {"my..bucket", "http://s3.example.test", "virtual", false},
        {"my.-bucket", "http://s3.example.test", "virtual", false},
        {"192.168.0.1", "http://s3.example.test", "virtual", false},
        {"Reports", "http://s3.example.test", "virtual", false},
        {"reports", "http://127.0.0.1:9000", "virtual", false},
        {"reports", "http://[::1]:9000", "virtual", false},
        {"reports", "http://localhost:9000", "virtual", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *endpoint = rows[i].endpoint ? rows[i].endpoint : "https://s3.eu-west-1.amazonaws.com";
        const char *host = strstr(endpoint, "://") + 3;
        char wanted[700];
        wire w;
        snprintf(wanted, sizeof wanted, rows[i].in_host ? "%.*s%s.%s/" : "%.*s%.0s%s/%s", (int)(host - endpoint),
                 endpoint, rows[i].bucket, host, rows[i].bucket);
        const char *got = address(&w, rows[i].bucket, rows[i].endpoint, rows[i].addressing);
        if (strcmp(got, wanted) && strncmp(got, wanted, strlen(wanted)))
            fail_msg("%s at %s, %s: %s, not %s", rows[i].bucket, endpoint, rows[i].addressing, got, wanted);
        assert_int_equal(!strncmp(w.host, rows[i].bucket, strlen(rows[i].bucket)) &&
                             w.host[strlen(rows[i].bucket)] == '.',
                         rows[i].in_host);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_kind_of_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
