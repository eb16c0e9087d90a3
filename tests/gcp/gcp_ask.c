/* Does with Google credentials what lines of JSON on standard input ask for, and answers each with a line: so that a test in Python can ask dowel
 * and Google's own library the same. One handle for all, until "open".
 *
 *   {"do": "resolve" | "token" | "id_token" | "sign" | "project" | "get" | "check" | "setenv" | "open", "block": DOCUMENT or null, ...} */
#include "gcp.h"
#include "test.h"

#include <pthread.h>

#define MOST_THREADS 256

static dowel *handle;

static const char *text_of(const json_t *asked, const char *member) {
    return json_string_value(json_object_get(asked, member));
}

static void put(json_t *answer, const char *member, const char *text) {
    if (text) json_object_set_new(answer, member, json_string(text));
}

static int resolve(dowel_block *block, json_t *answer, dowel_error *err) {
    dowel_gcp_identity *id;
    int rc = dowel_gcp_known_identity(handle, block, false, &id, err);
    if (rc) return rc;
    json_t *into = answer;
    for (const dowel_gcp_identity *who = id; who; who = who->source) {
        if (who != id) {
            json_object_set_new(into, "source", json_object());
            into = json_object_get(into, "source");
        }
        put(into, "kind", dowel_gcp_kind_name(who->kind));
        put(into, "email", who->email);
        put(into, "key_id", who->private_key_id);
        put(into, "client_id", who->client_id);
        put(into, "token_uri", who->token_uri);
        put(into, "token_info_uri", who->token_info_uri);
        put(into, "project", who->project);
        put(into, "quota_project", who->quota_project);
        put(into, "scopes", who->scopes);
        put(into, "subject", who->subject);
        put(into, "universe", who->universe);
        put(into, "iam", who->iam);
        put(into, "audience", who->audience);
        put(into, "subject_token_type", who->subject_token_type);
        put(into, "user_project", who->user_project);
        if (who->delegates) json_object_set(into, "delegates", who->delegates);
        if (who->credential_source) json_object_set(into, "credential_source", who->credential_source);
        if (who->lifetime) json_object_set_new(into, "lifetime", json_integer(who->lifetime));
    }
    dowel_gcp_identity_drop(id);
    return 0;
}

typedef struct asking {
    dowel_block *block;
    const char *audience;
    bool again;
    pthread_barrier_t *start;
    char *token;
    int64_t expires;
    int rc;
    dowel_error err;
} asking;

static void *ask(void *context) {
    asking *a = context;
    pthread_barrier_wait(a->start);
    a->rc = a->audience ? dowel_gcp_id_token(handle, a->block, a->audience, a->again, &a->token, &a->expires, &a->err)
                        : dowel_gcp_token(handle, a->block, a->again, &a->token, &a->expires, &a->err);
    return NULL;
}

/* "threads": that many ask at once; "tokens" are the different ones that they got, "failed" how many got none. */
static int tokens(const json_t *asked, dowel_block *block, json_t *answer, dowel_error *err) {
    static asking asks[MOST_THREADS];
    pthread_t threads[MOST_THREADS];
    pthread_barrier_t start;
    unsigned count = (unsigned)json_integer_value(json_object_get(asked, "threads"));
    if (!count) count = 1;
    if (count > MOST_THREADS) abort();
    pthread_barrier_init(&start, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        asks[i] = (asking){.block = block,
                           .audience = text_of(asked, "audience"),
                           .again = json_is_true(json_object_get(asked, "again")),
                           .start = &start};
        if (pthread_create(&threads[i], NULL, ask, &asks[i])) abort();
    }
    json_t *different = json_object();
    int failed = 0, rc = 0;
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        if (asks[i].rc) {
            rc = asks[i].rc;
            *err = asks[i].err;
            failed++;
        } else if (asks[i].token) {
            json_object_set_new(different, asks[i].token, json_true());
            put(answer, "token", asks[i].token);
            json_object_set_new(answer, "expires", json_integer(asks[i].expires / 1000000));
        }
        dowel_wipe(asks[i].token);
    }
    json_object_set_new(answer, "different", json_integer((json_int_t)json_object_size(different)));
    json_object_set_new(answer, "failed", json_integer(failed));
    json_decref(different);
    pthread_barrier_destroy(&start);
    return rc;
}

static int sign(const json_t *asked, dowel_block *block, json_t *answer, dowel_error *err) {
    const char *data = text_of(asked, "data");
    char *email;
    void *signature;
    size_t size;
    int rc = dowel_gcp_sign(handle, block, data, strlen(data), &email, &signature, &size, err);
    if (rc) return rc;
    char *encoded = dowel_base64(signature, size);
    put(answer, "email", email);
    put(answer, "signature", encoded);
    free(encoded);
    free(email);
    free(signature);
    return 0;
}

static int get(const json_t *asked, dowel_block *block, json_t *answer, dowel_error *err) {
    static const dowel_http_service service = {
        .name = "Test", .max_attempts = 1, .authorize = dowel_gcp_authorize, .explain = dowel_gcp_explain};
    json_t *body = NULL;
    int rc = dowel_http_fetch_json(handle, dowel_http_new(&service, block, "GET", text_of(asked, "url")), &body, err);
    if (!rc) json_object_set_new(answer, "body", body);
    return rc;
}

static int project(const json_t *asked, dowel_block *block, json_t *answer, dowel_error *err) {
    char *found;
    int rc = dowel_gcp_project(handle, block, text_of(asked, "given"), &found, err);
    if (rc) return rc;
    put(answer, "project", found);
    free(found);
    return 0;
}

static int check(dowel_block *block, json_t *answer, dowel_error *err) {
    json_t *report = json_object();
    int rc = dowel_gcp_check(handle, block, report, err);
    json_object_set_new(answer, "report", report);
    return rc;
}

static void open_handle(void) {
    static const dowel_connector *const connectors[] = {&dowel_blocks_connector, &dowel_aws_connector,
                                                        &dowel_gcp_connector, NULL};
    const dowel_options options = {.size = sizeof options, .database_url = "memory:", .connectors = connectors};
    dowel_error err;
    dowel_close(handle);
    if (dowel_open_with(&handle, &options, &err)) exit(dowel_error_print(&err));
}

static int answer_to(const json_t *asked, dowel_block *block, json_t *answer, dowel_error *err) {
    const char *what = text_of(asked, "do");
    if (!strcmp(what, "resolve")) return resolve(block, answer, err);
    if (!strcmp(what, "token") || !strcmp(what, "id_token")) return tokens(asked, block, answer, err);
    if (!strcmp(what, "sign")) return sign(asked, block, answer, err);
    if (!strcmp(what, "get")) return get(asked, block, answer, err);
    if (!strcmp(what, "project")) return project(asked, block, answer, err);
    if (!strcmp(what, "check")) return check(block, answer, err);
    abort();
}

/* Blocks are made once for each document, and live until the handle is opened anew. */
static dowel_block *block_of(json_t *blocks, const json_t *document, dowel_error *err) {
    char *key = json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS);
    dowel_block *block = (dowel_block *)(intptr_t)json_integer_value(json_object_get(blocks, key));
    if (!block &&
        !dowel_block_new(&dowel_gcp_credentials_type, NULL, document, dowel_get_resolver(handle), &block, err))
        json_object_set_new(blocks, key, json_integer((intptr_t)block));
    free(key);
    return block;
}

static void free_blocks(json_t *blocks) {
    const char *key;
    json_t *value;
    json_object_foreach(blocks, key, value) dowel_block_free((dowel_block *)(intptr_t)json_integer_value(value));
    json_object_clear(blocks);
}

int main(void) {
    static char line[1 << 16];
    json_t *blocks = json_object();
    open_handle();
    while (fgets(line, sizeof line, stdin)) {
        json_t *asked = json_loads(line, 0, NULL), *document = json_object_get(asked, "block"), *answer = json_object();
        dowel_error err = {0};
        if (!strcmp(text_of(asked, "do"), "setenv")) {
            if (text_of(asked, "value"))
                setenv(text_of(asked, "name"), text_of(asked, "value"), 1);
            else
                unsetenv(text_of(asked, "name"));
        } else if (!strcmp(text_of(asked, "do"), "open")) {
            free_blocks(blocks);
            open_handle();
        } else {
            dowel_block *block = json_is_object(document) ? block_of(blocks, document, &err) : NULL;
            int rc = err.code;
            if (!rc) rc = answer_to(asked, block, answer, &err);
            if (rc) json_object_set_new(answer, "error", dowel_error_json(&err));
        }
        char *text = json_dumps(answer, JSON_COMPACT);
        puts(text);
        fflush(stdout);
        free(text);
        json_decref(answer);
        json_decref(asked);
    }
    free_blocks(blocks);
    json_decref(blocks);
    dowel_close(handle);
    return 0;
}
