/* Signed URLs and policy documents, version 4: every case that lies in gcs/v4_signatures.json of the conformance folder, and what must be
 * refused. The service account's key is not there, so signatures are made with a key of the test and verified with its public half. */
#include "test.h"

#include "client.h"
#include "sign.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#define EMAIL "test-iam-credentials@dummy-project-id.iam.gserviceaccount.com"

static json_t *suite;

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

/* A JSON object of texts as pairs; borrowed texts. */
static dowel_pair *pairs_of(json_t *object) {
    dowel_pair *pairs = calloc(json_object_size(object) + 1, sizeof *pairs), *to = pairs;
    const char *name;
    json_t *value;
    assert_non_null(pairs);
    json_object_foreach(object, name, value) *to++ = (dowel_pair){name, json_string_value(value)};
    return pairs;
}

static dowel_gcs_url_style style_of(const json_t *input) {
    const char *style = text_of(input, "urlStyle");
    if (!style || !strcmp(style, "PATH_STYLE")) return DOWEL_GCS_PATH_STYLE;
    return !strcmp(style, "VIRTUAL_HOSTED_STYLE") ? DOWEL_GCS_VIRTUAL_HOSTED : DOWEL_GCS_BUCKET_BOUND;
}

static void endpoint_of(const json_t *input, char base[512]) {
    const char *scheme = text_of(input, "scheme"), *universe = text_of(input, "universeDomain"),
               *client = text_of(input, "clientEndpoint"), *host = text_of(input, "hostname"),
               *bound = text_of(input, "bucketBoundHostname");
    char given[512];
    if (!scheme || !*scheme) scheme = "https";
    if (bound && *bound)
        snprintf(given, sizeof given, "%s://%s", scheme, bound);
    else if (client && *client)
        snprintf(given, sizeof given, "%s", client);
    else if (host && *host)
        snprintf(given, sizeof given, "%s://%s", scheme, host);
    else if (universe && *universe)
        snprintf(given, sizeof given, "%s://storage.%s", scheme, universe);
    else
        *given = 0;
    assert_int_equal(dowel_gcs_endpoint(*given ? given : NULL, text_of(input, "emulatorHostname"), base, 512), 0);
}

static dowel_gcs_signing signing_of(const json_t *input, char base[512]) {
    int64_t time;
    assert_int_equal(dowel_parse_time(text_of(input, "timestamp"), &time), 0);
    endpoint_of(input, base);
    return (dowel_gcs_signing){.endpoint = base,
                               .style = style_of(input),
                               .bucket = text_of(input, "bucket"),
                               .object = text_of(input, "object"),
                               .email = EMAIL,
                               .time = time / 1000000,
                               .seconds = json_integer_value(json_object_get(input, "expiration")),
                               .method = text_of(input, "method"),
                               .headers = pairs_of(json_object_get(input, "headers")),
                               .query = pairs_of(json_object_get(input, "queryParameters")),
                               .fields = pairs_of(json_object_get(input, "fields"))};
}

static void free_signing(dowel_gcs_signing *signing) {
    free((void *)signing->headers);
    free((void *)signing->query);
    free((void *)signing->fields);
}

/* What is signed verifies with the public half of the key, and a changed byte does not. */
static void check_signature(const char *text) {
    static EVP_PKEY *key;
    unsigned char signature[512];
    size_t size = sizeof signature;
    if (!key) key = EVP_RSA_gen(2048);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &size, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_reset(context);
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(context, signature, size, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(context);
}

/* A few cases contradict themselves: what must be signed is the hash, so that decides. */
static bool hash_fits(const char *canonical, const char *to_sign) {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size;
    EVP_Digest(canonical, strlen(canonical), hash, &size, EVP_sha256(), NULL);
    char *hex = dowel_hex(hash, size);
    bool fits = !strcmp(to_sign + strlen(to_sign) - strlen(hex), hex);
    free(hex);
    return fits;
}

static void test_urls(void **state) {
    (void)state;
    json_t *test;
    size_t i;
    json_array_foreach(json_object_get(suite, "signingV4Tests"), i, test) {
        char base[512], expected[4096];
        const char *description = text_of(test, "description"), *to_sign = text_of(test, "expectedStringToSign"),
                   *canonical = text_of(test, "expectedCanonicalRequest");
        print_message("%s\n", description);
        dowel_gcs_signing signing = signing_of(test, base);
        dowel_gcs_signable made;
        dowel_error err;
        assert_int_equal(dowel_gcs_sign_url(&signing, &made, &err), 0);
        assert_string_equal(made.text, to_sign);
        if (hash_fits(canonical, to_sign))
            assert_string_equal(made.canonical, canonical);
        else
            print_message("  its canonical request is not what its string to sign is of\n");
        snprintf(expected, sizeof expected, "%s", text_of(test, "expectedUrl"));
        char *signature = strstr(expected, "&X-Goog-Signature=");
        assert_non_null(signature);
        *signature = 0;
        assert_string_equal(made.url, expected);
        check_signature(made.text);
        dowel_gcs_signable_clear(&made);
        free_signing(&signing);
    }
}

/* As the case has them: what begins with a name, and how long the content may be. */
static json_t *conditions_of(json_t *given) {
    json_t *conditions = json_array(), *values, *value;
    const char *name;
    size_t i;
    json_object_foreach(given, name, values) {
        bool prefix = !strcmp(name, "startsWith");
        json_t *condition = json_pack("[s]", prefix ? "starts-with" : "content-length-range");
        json_array_foreach(values, i, value) json_array_append(condition, value);
        json_array_append_new(conditions, condition);
    }
    return conditions;
}

static void test_policies(void **state) {
    (void)state;
    json_t *test;
    size_t i;
    json_array_foreach(json_object_get(suite, "postPolicyV4Tests"), i, test) {
        char base[512];
        print_message("%s\n", text_of(test, "description"));
        json_t *input = json_object_get(test, "policyInput"), *output = json_object_get(test, "policyOutput");
        dowel_gcs_signing signing = signing_of(input, base);
        json_t *conditions = conditions_of(json_object_get(input, "conditions"));
        signing.conditions = conditions;
        dowel_gcs_signable made;
        dowel_error err;
        assert_int_equal(dowel_gcs_sign_policy(&signing, &made, &err), 0);
        assert_string_equal(made.url, text_of(output, "url"));
        void *decoded;
        size_t size;
        assert_int_equal(dowel_base64_decode(made.text, &decoded, &size), 0);
        json_t *policy = json_loadb(decoded, size, 0, NULL),
               *expected = json_loads(text_of(output, "expectedDecodedPolicy"), 0, NULL),
               *fields = json_deep_copy(json_object_get(output, "fields"));
        assert_non_null(policy);
        assert_true(json_equal(policy, expected));
        json_object_del(fields, "x-goog-signature");
        assert_string_equal(made.text, text_of(fields, "policy"));
        assert_true(json_equal(made.fields, fields));
        check_signature(made.text);
        free(decoded);
        json_decref(policy);
        json_decref(expected);
        json_decref(fields);
        json_decref(conditions);
        dowel_gcs_signable_clear(&made);
        free_signing(&signing);
    }
}

/* The port is in the URL but not in the signed host; the digest of the body takes the place of UNSIGNED-PAYLOAD. */
static void test_port_and_digest(void **state) {
    (void)state;
    const dowel_pair headers[] = {{"X-Goog-Content-SHA256", " 00ff "}, {NULL, NULL}};
    const dowel_gcs_signing signing = {.endpoint = "http://[::1]:9000//",
                                       .bucket = "b",
                                       .object = "o",
                                       .email = EMAIL,
                                       .method = "PUT",
                                       .headers = headers,
                                       .seconds = 1};
    dowel_gcs_signable made;
    dowel_error err;
    assert_int_equal(dowel_gcs_sign_url(&signing, &made, &err), 0);
    assert_memory_equal(made.url, "http://[::1]:9000/b/o?X-Goog-Algorithm=", 39);
    assert_non_null(
        strstr(made.canonical, "\nhost:[::1]\nx-goog-content-sha256:00ff\n\nhost;x-goog-content-sha256\n00ff"));
    dowel_gcs_signable_clear(&made);
}

static void refused(dowel_gcs_signing signing, const char *saying) {
    dowel_gcs_signable made;
    dowel_error err;
    assert_int_equal(dowel_gcs_sign_url(&signing, &made, &err), DOWEL_E_INVALID);
    assert_non_null(strstr(err.message, saying));
    assert_null(made.url);
}

static void test_refused(void **state) {
    (void)state;
    const dowel_gcs_signing good = {.endpoint = "https://storage.googleapis.com",
                                    .bucket = "b",
                                    .object = "o",
                                    .email = EMAIL,
                                    .method = "GET",
                                    .seconds = 1};
    dowel_gcs_signing bad = good;
    bad.seconds = DOWEL_GCS_SIGNED_MOST + 1;
    refused(bad, "7 days");
    bad.seconds = 0;
    refused(bad, "7 days");
    bad = good;
    bad.endpoint = "storage.googleapis.com";
    refused(bad, "scheme://host");
    bad.endpoint = "https://storage.googleapis.com/path";
    refused(bad, "scheme://host");
    bad.endpoint = "https://user@storage.googleapis.com";
    refused(bad, "scheme://host");
    const dowel_pair twice[] = {{"x-a", "1"}, {"X-A", "2"}, {NULL, NULL}},
                     broken[] = {{"x-a", "1\r\nx-b: 2"}, {NULL, NULL}}, unnamed[] = {{"x a", "1"}, {NULL, NULL}};
    bad = good;
    bad.headers = twice;
    refused(bad, "given twice");
    bad.headers = broken;
    refused(bad, "not a valid HTTP header");
    bad.headers = unnamed;
    refused(bad, "not a valid HTTP header");
}

int main(void) {
    const char *folder = getenv("DOWEL_CONFORMANCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/gcs/v4_signatures.json", folder ? folder : "");
    suite = json_load_file(path, 0, NULL);
    if (!suite) {
        printf("SKIPPED: no gcs/v4_signatures.json in DOWEL_CONFORMANCE\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_urls), cmocka_unit_test(test_policies),
                                       cmocka_unit_test(test_port_and_digest), cmocka_unit_test(test_refused)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(suite);
    return failed;
}
