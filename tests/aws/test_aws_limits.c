/* What is too much or too long is refused, and in all the forms that a time comes in it is read. */
#include "test.h"

#include "aws.h"
#include "plan.h"
#include "sigv4_internal.h"

/* An encoded NUL stays encoded in the text that is signed, and ends nothing. */
static void a_nul_in_the_query(void **state) {
    (void)state;
    dowel_error err;
    const dowel_header headers[] = {{"Host", "example.test"}, {NULL, NULL}};
    const dowel_sigv4_request request = {.method = "GET",
                                         .path = "/",
                                         .query = "b=%00x&a%2fb=%7e+",
                                         .headers = headers,
                                         .payload_hash = "UNSIGNED-PAYLOAD",
                                         .access_key_id = "AKIDEXAMPLE",
                                         .secret_access_key = "secret",
                                         .region = "us-east-1",
                                         .service = "s3",
                                         .time = 1440938160};
    dowel_sigv4 signature;
    assert_int_equal(dowel_sigv4_sign(&request, &signature, &err), 0);
    assert_non_null(strstr(signature.canonical_request, "GET\n/\na%2Fb=~%2B&b=%00x\nhost:example.test\n"));
    dowel_sigv4_clear(&signature);
}

/* A signature that could not be made: nothing goes out without one. */
static void secrets_that_are_too_long(void **state) {
    (void)state;
    static const struct {
        size_t length;
        int code;
    } rows[] = {{1, 0}, {40, 0}, {507, 0}, {508, DOWEL_E_CREDENTIALS}, {4000, DOWEL_E_CREDENTIALS}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int presign = 0; presign < 2; presign++) {
            char *secret = calloc(1, rows[i].length + 1);
            memset(secret, 's', rows[i].length);
            const dowel_header headers[] = {{"Host", "example.test"}, {NULL, NULL}};
            const dowel_sigv4_request request = {.method = "GET",
                                                 .path = "/",
                                                 .query = "",
                                                 .headers = headers,
                                                 .payload_hash = "UNSIGNED-PAYLOAD",
                                                 .access_key_id = "AKIDEXAMPLE",
                                                 .secret_access_key = secret,
                                                 .region = "us-east-1",
                                                 .service = "s3",
                                                 .time = 1440938160,
                                                 .presign = presign,
                                                 .expires = 60,
                                                 .s3 = true};
            dowel_sigv4 signature;
            dowel_error err = {0};
            int rc = dowel_sigv4_sign(&request, &signature, &err);
            if (rc != rows[i].code) fail_msg("%zu characters: %d: %s", rows[i].length, rc, err.message);
            if (rc) assert_non_null(strstr(err.message, "longer than 507"));
            assert_null(strstr(err.message, "sssss"));
            dowel_sigv4_clear(&signature);
            free(secret);
        }
    }
}

/* Roles that are assumed by roles: each profile names the next. */
static int chain_of(int roles, dowel_aws_plan *plan, dowel_aws_profiles *profiles, dowel_error *why) {
    for (int i = 0; i <= roles; i++) {
        char text[256];
        int n =
            i < roles
                ? snprintf(text, sizeof text,
                           "[profile p%d]\nrole_arn = arn:aws:iam::123456789012:role/r%d\nsource_profile = p%d\n", i, i,
                           i + 1)
                : snprintf(text, sizeof text, "[profile p%d]\naws_access_key_id = a\naws_secret_access_key = b\n", i);
        assert_ok(dowel_aws_profiles_parse(profiles, text, (size_t)n, false, "config", err));
    }
    return dowel_aws_plan_profile(profiles, "p0", plan, why);
}

static void chains_of_roles(void **state) {
    (void)state;
    static const int lengths[] = {1, 2, 15, 16, 17, 18, 40};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        dowel_aws_profiles *profiles = dowel_aws_profiles_new();
        /* Nothing behind the plan may be written to. */
        struct {
            dowel_aws_plan plan;
            unsigned char after[256];
        } room;
        memset(&room, 0x5a, sizeof room);
        dowel_error err = {0};
        int rc = chain_of(lengths[i], &room.plan, profiles, &err);
        for (size_t n = 0; n < sizeof room.after; n++) assert_int_equal(room.after[n], 0x5a);
        if (lengths[i] <= 16) {
            if (rc != 1) fail_msg("%d roles: %d: %s", lengths[i], rc, err.message);
            assert_int_equal(room.plan.role_count, lengths[i]);
            assert_string_equal(room.plan.access_key_id, "a");
        } else {
            assert_int_equal(rc, DOWEL_E_CREDENTIALS);
            assert_non_null(strstr(err.message, "more than 16 roles"));
        }
        dowel_aws_profiles_free(profiles);
    }
}

/* 2026-01-31T12:00:00Z in all forms. */
static void forms_of_a_time(void **state) {
    (void)state;
    const int64_t noon = 1769860800000000;
    static const char *const same[] = {"2026-01-31T12:00:00Z",      "2026-01-31T12:00:00z",
                                       "2026-01-31t12:00:00Z",      "2026-01-31 12:00:00Z",
                                       "2026-01-31T12:00:00UTC",    "2026-01-31 12:00:00 UTC",
                                       "2026-01-31T12:00:00 GMT",   "2026-01-31T12:00:00+00:00",
                                       "2026-01-31T12:00:00+0000",  "2026-01-31T12:00:00+00",
                                       "2026-01-31T12:00:00-00:00", "2026-01-31T12:00:00.000Z",
                                       "2026-01-31T12:00:00,000Z",  "20260131T120000Z",
                                       "20260131T120000+0000",      "20260131T120000+00:00",
                                       "20260131T120000UTC",        "20260131T12:00:00Z",
                                       "2026-01-31T13:00:00+01:00", "2026-01-31T13:00:00+0100",
                                       "2026-01-31T17:30:00+0530",  "2026-01-31T13:00:00+01",
                                       "20260131T040000-0800",      "2026-02-01T01:00:00+13:00",
                                       " 2026-01-31T12:00:00Z\n",   "2026-01-31T12:00:00.000000000Z"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        int64_t time = 0;
        if (dowel_aws_parse_time(same[i], &time) || time != noon) fail_msg("\"%s\": %lld", same[i], (long long)time);
    }
    int64_t time = 0;
    assert_int_equal(dowel_aws_parse_time("2026-01-31T12:00:00.1234567Z", &time), 0);
    assert_int_equal(time, noon + 123456);
    static const char *const none[] = {"",
                                       " ",
                                       "soon",
                                       "2026-01-31",
                                       "2026-01-31T12:00:00",
                                       "20260131T120000",
                                       "2026-01-31T12:00Z",
                                       "2026-13-31T12:00:00Z",
                                       "2026-02-30T12:00:00Z",
                                       "2026-01-31T25:00:00Z",
                                       "2026-01-31T12:00:00X",
                                       "2026-01-31T12:00:00+1",
                                       "2026-01-31T12:00:00+01:0",
                                       "2026-01-31T12:00:00+25:00",
                                       "2026-01-31T12:00:00.Z",
                                       "2026-01-31T12:00:00ZZ",
                                       "2026-0131T12:00:00Z",
                                       "202601-31T12:00:00Z",
                                       "2026-01-31T1200:00Z",
                                       "26-01-31T12:00:00Z",
                                       "1769860800",
                                       "2026-01-31T12:00:00Z and more than the room that there is for such a text"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (!dowel_aws_parse_time(none[i], &time)) fail_msg("\"%s\" was read", none[i]);
}

/* Keys of which nobody knows when they end are not taken for keys that do not. */
static void expiry_of_keys(void **state) {
    (void)state;
    static const struct {
        const char *member;
        int64_t expires; /* -1: refused */
    } rows[] = {{"", 0},
                {",\"Expiration\":null", 0},
                {",\"Expiration\":\"\"", 0},
                {",\"Expiration\":\"20260131T120000+0000\"", 1769860800000000},
                {",\"Expiration\":\"2026-01-31T12:00:00UTC\"", 1769860800000000},
                {",\"Expiration\":\"tomorrow\"", -1},
                {",\"Expiration\":1769860800", -1},
                {",\"Expiration\":true", -1},
                {",\"Expiration\":{}", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        int n = snprintf(text, sizeof text, "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\"%s}", rows[i].member);
        dowel_aws_keys keys = {0};
        dowel_error err = {0};
        int rc = dowel_aws_keys_parse(text, (size_t)n, "Token", "the program", &keys, &err);
        if (rows[i].expires < 0) {
            assert_int_equal(rc, DOWEL_E_CREDENTIALS);
            assert_non_null(strstr(err.message, "Expiration that is not a time"));
        } else {
            if (rc || keys.expires != rows[i].expires) fail_msg("%s: %d: %s", rows[i].member, rc, err.message);
        }
        dowel_aws_keys_clear(&keys);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nul_in_the_query), cmocka_unit_test(secrets_that_are_too_long),
        cmocka_unit_test(chains_of_roles),    cmocka_unit_test(forms_of_a_time),
        cmocka_unit_test(expiry_of_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
