/* Google credentials against the token server of tests/emulators/oauth.py, which verifies with Google's own library. */
#include <dowel/dowel.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 32

static const char *server, *keys;

typedef struct world {
    dowel *d;
    dowel_error err;
} world;

#define assert_ok(w, expression)                                                                                       \
    do {                                                                                                               \
        if (expression) fail_msg("%s: %s", #expression, (w)->err.message);                                             \
    } while (0)
#define assert_says(text, part)                                                                                        \
    do {                                                                                                               \
        if (!strstr(text, part)) fail_msg("\"%s\" does not say \"%s\"", text, part);                                   \
    } while (0)

/* A request to the server itself, without credentials. */
static json_t *admin(world *w, const char *action, json_t *body) {
    static const dowel_http_service service = {.name = "admin"};
    dowel_http_request *request = dowel_http_new(&service, NULL, "POST", server);
    dowel_http_path(request, "admin", action, NULL);
    if (body) dowel_http_json(request, body);
    json_decref(body);
    json_t *answer = NULL;
    assert_ok(w, dowel_http_fetch_json(w->d, request, &answer, &w->err));
    return answer;
}

static void order(world *w, const char *action, json_t *body) {
    json_decref(admin(w, action, body));
}

static int requests(world *w) {
    json_t *stats = admin(w, "stats", NULL);
    int count = (int)json_integer_value(json_object_get(stats, "requests"));
    json_decref(stats);
    return count;
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    const dowel_connector *connectors[] = {&dowel_blocks_connector, &dowel_aws_connector, &dowel_gcp_connector, NULL};
    dowel_options options = {.size = sizeof options, .database_url = "memory:", .connectors = connectors};
    if (dowel_open_with(&w->d, &options, &w->err)) return -1;
    unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
    unsetenv("GOOGLE_CLOUD_PROJECT");
    unsetenv("CLOUDSDK_CONFIG");
    order(w, "reset", NULL);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    dowel_close(w->d);
    free(w);
    return 0;
}

static dowel_block *block_of(world *w, json_t *document) {
    dowel_block *block = NULL;
    assert_ok(w,
              dowel_block_new(&dowel_gcp_credentials_type, NULL, document, dowel_get_resolver(w->d), &block, &w->err));
    json_decref(document);
    return block;
}

static json_t *key_file(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", keys, name);
    return json_pack("{s:s}", "service_account_file", path);
}

static void drop(char *token) {
    free(token);
}

static int protected_call(world *w, dowel_block *credentials, json_t **answer) {
    static const dowel_http_service service = {
        .name = "Protected", .authorize = dowel_gcp_authorize, .explain = dowel_gcp_explain};
    dowel_http_request *request = dowel_http_new(&service, credentials, "GET", server);
    dowel_http_path(request, "protected", "thing", NULL);
    return dowel_http_fetch_json(w->d, request, answer, &w->err);
}

static const char *header_of(json_t *answer, const char *name) {
    return json_string_value(json_object_get(json_object_get(answer, "headers"), name));
}

static void signs_an_assertion(void **state) {
    world *w = *state;
    json_t *document = key_file("service-account.json");
    json_object_set_new(document, "subject", json_string("somebody@example.com"));
    json_object_set_new(document, "scopes", json_pack("[s,s]", "scope-a", "scope-b"));
    dowel_block *block = block_of(w, document);
    char *token;
    int64_t expires;
    assert_ok(w, dowel_gcp_token(w->d, block, false, &token, &expires, &w->err));
    assert_says(token, "ya29.");
    assert_true(expires > 0);
    drop(token);
    json_t *stats = admin(w, "stats", NULL), *last = json_object_get(stats, "last"),
           *claims = json_object_get(last, "claims");
    assert_string_equal(json_string_value(json_object_get(claims, "sub")), "somebody@example.com");
    assert_string_equal(json_string_value(json_object_get(claims, "scope")), "scope-a scope-b");
    assert_int_equal(
        json_integer_value(json_object_get(claims, "exp")) - json_integer_value(json_object_get(claims, "iat")), 3600);
    json_decref(stats);
    dowel_block_free(block);
}

/* The key as the content of a block that was saved, sealed, and loaded again. */
static void uses_a_saved_key(void **state) {
    world *w = *state;
    char path[512];
    snprintf(path, sizeof path, "%s/service-account.json", keys);
    json_t *info = json_load_file(path, 0, NULL), *document = json_pack("{s:o}", "service_account_info", info);
    setenv("DOWEL_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1);
    assert_ok(w, dowel_block_save(w->d, "gcp-credentials/prod", document, DOWEL_SAVE_NEW, NULL, &w->err));
    json_decref(document);
    json_t *shown;
    assert_ok(w, dowel_block_show(w->d, "gcp-credentials/prod", DOWEL_SECRETS_MASKED, &shown, &w->err));
    char *text = json_dumps(shown, 0);
    assert_null(strstr(text, "PRIVATE KEY"));
    free(text);
    json_decref(shown);
    dowel_block *block;
    assert_ok(w, dowel_block_load(w->d, "gcp-credentials/prod", &block, &w->err));
    json_t *answer;
    assert_ok(w, protected_call(w, block, &answer));
    assert_says(header_of(answer, "authorization"), "Bearer ya29.");
    assert_null(header_of(answer, "x-goog-user-project"));
    json_decref(answer);
    char *project;
    assert_ok(w, dowel_gcp_project(w->d, block, NULL, &project, &w->err));
    assert_string_equal(project, "test-project");
    free(project);
    dowel_block_free(block);
}

static void refreshes_a_user(void **state) {
    world *w = *state;
    dowel_block *block = block_of(w, key_file("authorized-user.json"));
    json_t *answer;
    assert_ok(w, protected_call(w, block, &answer));
    assert_string_equal(header_of(answer, "x-goog-user-project"), "quota-project");
    json_decref(answer);
    char *project;
    assert_int_equal(dowel_gcp_project(w->d, block, NULL, &project, &w->err), DOWEL_E_INVALID);
    assert_says(w->err.hint, "GOOGLE_CLOUD_PROJECT");
    setenv("GOOGLE_CLOUD_PROJECT", "from-environment", 1);
    assert_ok(w, dowel_gcp_project(w->d, block, NULL, &project, &w->err));
    assert_string_equal(project, "from-environment");
    free(project);
    dowel_block_free(block);
}

static void finds_the_default_file(void **state) {
    world *w = *state;
    char path[600], folder[] = "/tmp/dowel-gcloud-XXXXXX";
    assert_non_null(mkdtemp(folder));
    setenv("CLOUDSDK_CONFIG", folder, 1);
    json_t *answer;
    assert_int_equal(protected_call(w, NULL, &answer), DOWEL_E_CREDENTIALS);
    assert_says(w->err.hint, "gcloud auth application-default login");
    char target[600];
    snprintf(target, sizeof target, "%s/application_default_credentials.json", folder);
    snprintf(path, sizeof path, "%s/authorized-user.json", keys);
    assert_int_equal(symlink(path, target), 0);
    assert_ok(w, protected_call(w, NULL, &answer));
    json_decref(answer);
    json_t *stats = admin(w, "stats", NULL);
    assert_string_equal(json_string_value(json_object_get(json_object_get(stats, "last"), "grant_type")),
                        "refresh_token");
    json_decref(stats);
    /* The environment's file wins; a new handle, since what was found is kept. */
    dowel_close(w->d);
    snprintf(path, sizeof path, "%s/service-account.json", keys);
    setenv("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
    const dowel_connector *connectors[] = {&dowel_blocks_connector, &dowel_aws_connector, &dowel_gcp_connector, NULL};
    dowel_options options = {.size = sizeof options, .database_url = "memory:", .connectors = connectors};
    assert_ok(w, dowel_open_with(&w->d, &options, &w->err));
    assert_ok(w, protected_call(w, NULL, &answer));
    json_decref(answer);
    stats = admin(w, "stats", NULL);
    assert_says(json_string_value(json_object_get(json_object_get(stats, "last"), "grant_type")), "jwt-bearer");
    json_decref(stats);
    unlink(target);
    rmdir(folder);
}

static void sends_tokens_and_nothing(void **state) {
    world *w = *state;
    char *token;
    dowel_block *given = block_of(w, json_pack("{s:s}", "token", "mine")),
                *none = block_of(w, json_pack("{s:b}", "anonymous", 1));
    assert_ok(w, dowel_gcp_token(w->d, given, false, &token, NULL, &w->err));
    assert_string_equal(token, "mine");
    drop(token);
    json_t *answer;
    assert_int_equal(protected_call(w, given, &answer), DOWEL_E_PERMISSION);
    assert_string_equal(w->err.reason, "authError");
    assert_null(strstr(w->err.message, "mine"));
    assert_ok(w, dowel_gcp_token(w->d, none, false, &token, NULL, &w->err));
    assert_null(token);
    assert_int_equal(protected_call(w, none, &answer), DOWEL_E_PERMISSION);
    assert_int_equal(requests(w), 0);
    dowel_block_free(given);
    dowel_block_free(none);
}

static void never_sends_a_token_in_the_clear(void **state) {
    world *w = *state;
    static const char *const bad[] = {"http://storage.example.com",
                                      "http://127.0.0.1.example.com",
                                      "http://localhost.example.com",
                                      "http://127.0.0.1@example.com",
                                      "http://10.0.0.1",
                                      "ftp://127.0.0.1",
                                      "http://127.0.0.1:1@example.com"};
    static const char *const good[] = {"http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9",
                                       "https://example.com"};
    static const dowel_http_service service = {.name = "Test"};
    dowel_block *block = block_of(w, json_pack("{s:s}", "token", "mine"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dowel_http_request *request = dowel_http_new(&service, NULL, "GET", bad[i]);
        assert_int_equal(dowel_gcp_authorize(w->d, request, block, false, &w->err), DOWEL_E_CREDENTIALS);
        assert_null(dowel_http_get_header(request, "Authorization"));
        dowel_http_free(request);
        json_t *document = json_pack("{s:s}", "token_uri", bad[i]);
        dowel_block *refused;
        assert_int_equal(
            dowel_block_new(&dowel_gcp_credentials_type, NULL, document, dowel_get_resolver(w->d), &refused, &w->err),
            DOWEL_E_INVALID);
        json_decref(document);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        dowel_http_request *request = dowel_http_new(&service, NULL, "GET", good[i]);
        assert_ok(w, dowel_gcp_authorize(w->d, request, block, false, &w->err));
        assert_string_equal(dowel_http_get_header(request, "Authorization"), "Bearer mine");
        dowel_http_free(request);
    }
    dowel_block_free(block);
}

/* ---- signatures ---- */

static bool verified(world *w, const char *email, const char *data, const void *signature, size_t size) {
    char *text = dowel_base64(data, strlen(data)), *signed_text = dowel_base64(signature, size);
    json_t *answer =
        admin(w, "verify", json_pack("{s:s,s:s,s:s}", "email", email, "data", text, "signature", signed_text));
    bool good = json_is_true(json_object_get(answer, "good"));
    json_decref(answer);
    free(text);
    free(signed_text);
    return good;
}

static void signs_bytes_with_the_key(void **state) {
    world *w = *state;
    static const char data[] = "GOOG4-RSA-SHA256\n20260101T000000Z\n";
    dowel_block *block = block_of(w, key_file("service-account.json")),
                *wrong = block_of(w, key_file("wrong-key.json")),
                *given = block_of(w, json_pack("{s:s}", "token", "mine"));
    char *email;
    void *signature;
    size_t size;
    assert_ok(w, dowel_gcp_sign(w->d, block, data, strlen(data), &email, &signature, &size, &w->err));
    assert_int_equal(size, 256);
    assert_true(verified(w, email, data, signature, size));
    assert_false(verified(w, email, "other data", signature, size));
    free(email);
    free(signature);
    assert_ok(w, dowel_gcp_sign(w->d, wrong, data, strlen(data), &email, &signature, &size, &w->err));
    assert_false(verified(w, email, data, signature, size));
    free(email);
    free(signature);
    assert_int_equal(dowel_gcp_sign(w->d, given, data, strlen(data), &email, &signature, &size, &w->err),
                     DOWEL_E_CREDENTIALS);
    assert_says(w->err.message, "cannot sign");
    assert_int_equal(requests(w), 0);
    dowel_block_free(block);
    dowel_block_free(wrong);
    dowel_block_free(given);
}

/* ---- the cache ---- */

typedef struct asking {
    world *w;
    dowel_block *block;
    pthread_barrier_t *start;
    int rc;
    bool again;
    char *token;
} asking;

static void *ask(void *context) {
    asking *a = context;
    dowel_error err;
    pthread_barrier_wait(a->start);
    a->rc = dowel_gcp_token(a->w->d, a->block, a->again, &a->token, NULL, &err);
    return NULL;
}

static void ask_at_once(world *w, dowel_block **blocks, size_t count, bool again, int code) {
    pthread_t threads[THREADS];
    asking asks[THREADS];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        asks[i] = (asking){w, blocks[i % count], &start, 0, again, NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &asks[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(asks[i].rc, code);
        if (!code) assert_string_equal(asks[i].token, asks[0].token);
    }
    for (size_t i = 0; i < THREADS; i++) drop(asks[i].token);
    pthread_barrier_destroy(&start);
}

static void asks_once_for_many_threads(void **state) {
    world *w = *state;
    dowel_block *blocks[] = {block_of(w, key_file("service-account.json")),
                             block_of(w, key_file("service-account.json"))};
    order(w, "fault", json_pack("{s:f}", "delay", 0.2));
    ask_at_once(w, blocks, 2, false, 0);
    assert_int_equal(requests(w), 1);
    /* Another subject is another token. */
    json_t *other = key_file("service-account.json");
    json_object_set_new(other, "subject", json_string("x@example.com"));
    dowel_block *third = block_of(w, other);
    char *token;
    assert_ok(w, dowel_gcp_token(w->d, third, false, &token, NULL, &w->err));
    drop(token);
    assert_int_equal(requests(w), 2);
    dowel_block_free(blocks[0]);
    dowel_block_free(blocks[1]);
    dowel_block_free(third);
}

static void fails_once_for_many_threads(void **state) {
    world *w = *state;
    dowel_block *block = block_of(w, key_file("wrong-key.json"));
    order(w, "fault", json_pack("{s:f}", "delay", 0.3));
    ask_at_once(w, &block, 1, false, DOWEL_E_CREDENTIALS);
    /* A thread that came after the failure may ask once more for itself. */
    assert_true(requests(w) <= 4);
    dowel_block_free(block);
}

static void renews_before_the_end(void **state) {
    world *w = *state;
    dowel_block *block = block_of(w, key_file("service-account.json"));
    char *first, *second, *third;
    order(w, "fault", json_pack("{s:i,s:i}", "expires_in", 200, "count", 1));
    assert_ok(w, dowel_gcp_token(w->d, block, false, &first, NULL, &w->err));
    assert_ok(w, dowel_gcp_token(w->d, block, false, &second, NULL, &w->err));
    assert_ok(w, dowel_gcp_token(w->d, block, false, &third, NULL, &w->err));
    assert_string_not_equal(first, second);
    assert_string_equal(second, third);
    assert_int_equal(requests(w), 2);
    drop(first);
    drop(second);
    drop(third);
    dowel_block_free(block);
}

static void keeps_the_old_token_when_renewal_fails(void **state) {
    world *w = *state;
    dowel_block *block = block_of(w, key_file("service-account.json"));
    char *first, *second;
    order(w, "fault", json_pack("{s:i,s:i}", "expires_in", 200, "count", 1));
    assert_ok(w, dowel_gcp_token(w->d, block, false, &first, NULL, &w->err));
    order(w, "fault", json_pack("{s:i,s:s}", "status", 400, "error", "invalid_grant"));
    for (int i = 0; i < 3; i++) {
        assert_ok(w, dowel_gcp_token(w->d, block, false, &second, NULL, &w->err));
        assert_string_equal(first, second);
        drop(second);
    }
    assert_int_equal(requests(w), 2);
    /* But a caller whose token was refused is told. */
    assert_int_equal(dowel_gcp_token(w->d, block, true, &second, NULL, &w->err), DOWEL_E_CREDENTIALS);
    drop(first);
    dowel_block_free(block);
}

static void replaces_a_revoked_token(void **state) {
    world *w = *state;
    dowel_block *block = block_of(w, key_file("service-account.json"));
    json_t *answer;
    assert_ok(w, protected_call(w, block, &answer));
    json_decref(answer);
    order(w, "revoke", NULL);
    assert_ok(w, protected_call(w, block, &answer));
    json_decref(answer);
    assert_int_equal(requests(w), 2);
    dowel_block_free(block);
}

static void retries_what_passes(void **state) {
    world *w = *state;
    dowel_block *block = block_of(w, key_file("service-account.json"));
    char *token;
    order(w, "fault", json_pack("{s:i,s:i}", "status", 503, "count", 2));
    assert_ok(w, dowel_gcp_token(w->d, block, false, &token, NULL, &w->err));
    assert_int_equal(requests(w), 3);
    drop(token);
    dowel_block_free(block);
}

static void says_what_google_said(void **state) {
    world *w = *state;
    dowel_block *block = block_of(w, key_file("service-account.json"));
    char *token;
    order(w, "fault",
          json_pack("{s:i,s:s,s:s}", "status", 400, "error", "invalid_grant", "error_description",
                    "Invalid JWT: Token must be a short-lived token"));
    assert_int_equal(dowel_gcp_token(w->d, block, false, &token, NULL, &w->err), DOWEL_E_CREDENTIALS);
    assert_string_equal(w->err.reason, "invalid_grant");
    assert_says(w->err.message, "short-lived token");
    assert_says(w->err.message, "robot@test-project");
    assert_says(w->err.hint, "clock");
    assert_int_equal(requests(w), 1);
    dowel_block_free(block);
}

/* ---- files ---- */

static void refuses_bad_files(void **state) {
    world *w = *state;
    char path[] = "/tmp/dowel-credentials-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "empty"},
        {"{\"type\": \"service_account\",\n \"client_", "line 2"},
        {"[]", "not a Google credentials file"},
        {"{}", "no \"type\""},
        {"{\"installed\": {\"client_id\": \"x\"}}", "OAuth client file"},
        {"{\"type\": \"gdch_service_account\"}", "\"gdch_service_account\" are not supported"},
        {"{\"type\": \"service_account\"}", "\"client_email\" is missing"},
        {"{\"type\": \"service_account\", \"client_email\": \"a\", \"private_key\": \"b\"}", "PEM"},
        {"{\"type\": \"service_account\", \"client_email\": \"a\", \"private_key\": \"-----BEGIN PRIVATE "
         "KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\\n\"}",
         "cannot sign"},
        {"{\"type\": \"service_account\", \"client_email\": \"a\", \"private_key\": \"-----BEGIN PRIVATE KEY-----\", "
         "\"token_uri\": \"http://evil.example.com\"}",
         "not https"},
        {"{\"type\": \"authorized_user\", \"client_id\": \"a\", \"client_secret\": \"b\"}",
         "\"refresh_token\" is missing"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        FILE *file = fopen(path, "w");
        fputs(rows[i].text, file);
        fclose(file);
        dowel_block *block = block_of(w, json_pack("{s:s}", "service_account_file", path));
        char *token;
        assert_int_equal(dowel_gcp_token(w->d, block, false, &token, NULL, &w->err), DOWEL_E_CREDENTIALS);
        assert_says(w->err.message, rows[i].says);
        assert_true(*w->err.hint);
        dowel_block_free(block);
    }
    unlink(path);
    dowel_block *block = block_of(w, json_pack("{s:s}", "service_account_file", path));
    char *token;
    assert_int_equal(dowel_gcp_token(w->d, block, false, &token, NULL, &w->err), DOWEL_E_CREDENTIALS);
    assert_says(w->err.message, "No such file");
    dowel_block_free(block);
    json_t *both = json_pack("{s:s,s:b}", "token", "x", "anonymous", 1);
    assert_int_equal(
        dowel_block_new(&dowel_gcp_credentials_type, NULL, both, dowel_get_resolver(w->d), &block, &w->err),
        DOWEL_E_INVALID);
    json_decref(both);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    server = getenv("DOWEL_TEST_OAUTH_URL");
    keys = getenv("DOWEL_TEST_OAUTH_KEYS");
    if (!server || !keys) {
        puts("SKIPPED: run it with tests/servers/with.py oauth");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        CASE(signs_an_assertion),         CASE(uses_a_saved_key),
        CASE(refreshes_a_user),           CASE(finds_the_default_file),
        CASE(sends_tokens_and_nothing),   CASE(never_sends_a_token_in_the_clear),
        CASE(asks_once_for_many_threads), CASE(fails_once_for_many_threads),
        CASE(renews_before_the_end),      CASE(keeps_the_old_token_when_renewal_fails),
        CASE(replaces_a_revoked_token),   CASE(retries_what_passes),
        CASE(says_what_google_said),      CASE(refuses_bad_files),
        CASE(signs_bytes_with_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
