/* Every signing case of the third-party suite in $DOWEL_CONFORMANCE/sigv4, all intermediate texts, both forms. */
#include "test.h"

#include "sigv4_internal.h"

#include <dirent.h>
#include <dowel/stream.h>

static char folder[1024];

static char *case_file(const char *name, const char *file) {
    char path[2048];
    snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    return read_file(path, NULL);
}

static void expect(const char *name, const char *file, const char *got) {
    char *wanted = case_file(name, file);
    if (!wanted) fail_msg("%s/%s cannot be read", name, file);
    if (strcmp(wanted, got)) fail_msg("%s/%s\nwanted:\n%s\ngot:\n%s", name, file, wanted, got);
    free(wanted);
}

typedef struct parsed {
    char *text, *method, *path, *query, *target, *body;
    dowel_header headers[32];
} parsed;

/* The raw request of a case: lines end with \n, header values may be continued on indented lines. */
static void parse(char *text, parsed *p) {
    memset(p, 0, sizeof *p);
    p->text = text;
    p->method = text;
    char *line_end = strchr(text, '\n');
    char *next = line_end ? line_end + 1 : text + strlen(text);
    if (line_end) *line_end = 0;
    p->path = strchr(text, ' ');
    *p->path++ = 0;
    *strstr(p->path, " HTTP/") = 0;
    p->target = strdup(p->path);
    p->query = strchr(p->path, '?');
    if (p->query)
        *p->query++ = 0;
    else
        p->query = "";
    size_t n = 0;
    while (*next && *next != '\n') {
        char *end = next, *rest;
        for (;;) { /* to the end of the last continued line */
            end += strcspn(end, "\n");
            rest = *end ? end + 1 : end;
            if (*rest != ' ' && *rest != '\t') break;
            end = rest;
        }
        *end = 0;
        char *colon = strchr(next, ':');
        *colon = 0;
        p->headers[n++] = (dowel_header){next, colon + 1};
        next = rest;
    }
    p->body = *next == '\n' ? next + 1 : "";
}

static void run_case(const char *name) {
    dowel_error err;
    char *context_text = case_file(name, "context.json");
    json_t *context = json_loads(context_text, 0, NULL);
    assert_non_null(context);
    json_t *credentials = json_object_get(context, "credentials");
    int64_t time;
    assert_int_equal(dowel_parse_time(json_string_value(json_object_get(context, "timestamp")), &time), 0);
    bool sign_body = json_is_true(json_object_get(context, "sign_body"));
    char *request = case_file(name, "request.txt");
    parsed p;
    parse(request, &p);
    dowel_digest *digest = dowel_digest_new(DOWEL_SHA256);
    unsigned char bytes[DOWEL_DIGEST_MAX];
    dowel_digest_update(digest, p.body, sign_body ? strlen(p.body) : 0);
    char *hash = dowel_hex(bytes, dowel_digest_end(digest, bytes));
    dowel_digest_free(digest);

    dowel_sigv4_request r = {
        .method = p.method,
        .path = p.path,
        .query = p.query,
        .headers = p.headers,
        .payload_hash = hash,
        .access_key_id = json_string_value(json_object_get(credentials, "access_key_id")),
        .secret_access_key = json_string_value(json_object_get(credentials, "secret_access_key")),
        .session_token = json_string_value(json_object_get(credentials, "token")),
        .region = json_string_value(json_object_get(context, "region")),
        .service = json_string_value(json_object_get(context, "service")),
        .time = time / 1000000,
        .normalize = json_is_true(json_object_get(context, "normalize")),
        .omit_session_token = json_is_true(json_object_get(context, "omit_session_token")),
        .sign_payload_header = sign_body,
        .expires = json_integer_value(json_object_get(context, "expiration_in_seconds")),
    };
    for (int presign = 0; presign < 2; presign++) {
        r.presign = presign;
        r.sign_payload_header = sign_body && !presign;
        dowel_sigv4 s;
        if (dowel_sigv4_sign(&r, &s, &err)) fail_msg("%s: %s", name, err.message);
        expect(name, presign ? "query-canonical-request.txt" : "header-canonical-request.txt", s.canonical_request);
        expect(name, presign ? "query-string-to-sign.txt" : "header-string-to-sign.txt", s.string_to_sign);
        expect(name, presign ? "query-signature.txt" : "header-signature.txt", s.signature);

        char *signed_request = NULL;
        size_t size;
        FILE *out = open_memstream(&signed_request, &size);
        if (presign)
            fprintf(out, "%s %s?%s HTTP/1.1\n", p.method, p.path, s.query);
        else
            fprintf(out, "%s %s HTTP/1.1\n", p.method, p.target);
        for (dowel_header *h = p.headers; h->name; h++) fprintf(out, "%s:%s\n", h->name, h->value);
        if (!presign) {
            if (r.session_token) fprintf(out, "X-Amz-Security-Token:%s\n", r.session_token);
            fprintf(out, "X-Amz-Date:%s\n", s.date);
            if (r.sign_payload_header) fprintf(out, "x-amz-content-sha256:%s\n", hash);
            fprintf(out, "Authorization:%s\n", s.authorization);
        }
        fprintf(out, "\n%s", p.body);
        fclose(out);
        expect(name, presign ? "query-signed-request.txt" : "header-signed-request.txt", signed_request);
        free(signed_request);
        dowel_sigv4_clear(&s);
    }
    free(p.target);
    free(hash);
    free(request);
    json_decref(context);
    free(context_text);
}

static void test_vectors(void **state) {
    (void)state;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char *context = *entry->d_name == '.' ? NULL : case_file(entry->d_name, "context.json");
        if (!context) continue;
        free(context);
        run_case(entry->d_name);
        count++;
    }
    closedir(dir);
    print_message("%d cases\n", count);
    assert_true(count > 0);
}

int main(void) {
    const char *conformance = getenv("DOWEL_CONFORMANCE");
    snprintf(folder, sizeof folder, "%s/sigv4", conformance ? conformance : "../shared/conformance");
    DIR *dir = opendir(folder);
    if (!dir) {
        printf("SKIPPED: no signing cases in %s\n", folder);
        return 77;
    }
    closedir(dir);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
