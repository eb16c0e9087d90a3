/* Where keys come from: every case of the third-party suites in $DOWEL_CONFORMANCE/aws-credentials. Recorded traffic is replayed, and what is
 * asked must be what was recorded. */
#include "test.h"

#include "plan.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static bool absent; /* some suite is not here */
static int wrong;   /* cases that went wrong; the others are run all the same */
static char suites[2048];

static json_t *load(const char *format, const char *a, const char *b) {
    char path[4096];
    snprintf(path, sizeof path, format, suites, a, b);
    json_t *document = json_load_file(path, 0, NULL);
    if (!document && !strstr(format, "%s/%s/%s")) {
        print_message("SKIPPED: %s is not there\n", path);
        absent = true;
        skip();
    }
    return document;
}

static const char *text(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static void complain(const char *name, const char *format, ...) DOWEL_PRINTF(2, 3);
static void complain(const char *name, const char *format, ...) {
    char what[8192];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    print_error("WRONG: %s: %s\n", name, what);
    wrong++;
}

static void end_of_suite(size_t count, const char *what) {
    print_message("%zu cases of %s\n", count, what);
    int failed = wrong;
    wrong = 0;
    if (failed) fail_msg("%d cases of %s went wrong", failed, what);
}

/* ---- roles after one another ---- */

static json_t *described(const dowel_aws_plan *plan) {
    json_t *chain = json_array(), *source = NULL;
    switch (plan->source) {
    case DOWEL_AWS_STATIC:
        source =
            json_pack("{s:{s:s,s:s,s:s*,s:s*}}", "AccessKey", "access_key_id", plan->access_key_id, "secret_access_key",
                      plan->secret_access_key, "session_token", plan->session_token, "account_id", plan->account_id);
        break;
    case DOWEL_AWS_WEB_IDENTITY:
        source = json_pack("{s:{s:s,s:s,s:s*}}", "WebIdentityToken", "role_arn", plan->web_identity.role_arn,
                           "web_identity_token_file", plan->web_identity_token_file, "role_session_name",
                           plan->web_identity.session_name);
        break;
    case DOWEL_AWS_SSO:
        source = json_pack("{s:{s:s,s:s,s:s,s:s,s:s*}}", "Sso", "sso_account_id", plan->sso.account_id, "sso_region",
                           plan->sso.region, "sso_role_name", plan->sso.role_name, "sso_start_url", plan->sso.start_url,
                           "sso_session", plan->sso.session);
        break;
    case DOWEL_AWS_PROCESS:
        source =
            json_pack("{s:{s:s,s:s*}}", "CredentialProcess", "command", plan->command, "account_id", plan->account_id);
        break;
    case DOWEL_AWS_ENVIRONMENT: source = json_pack("{s:s}", "NamedSource", "Environment"); break;
    case DOWEL_AWS_CONTAINER: source = json_pack("{s:s}", "NamedSource", "EcsContainer"); break;
    case DOWEL_AWS_INSTANCE: source = json_pack("{s:s}", "NamedSource", "Ec2InstanceMetadata"); break;
    }
    json_array_append_new(chain, source);
    for (size_t i = plan->role_count; i > 0; i--) {
        const dowel_aws_role *role = &plan->roles[i - 1];
        json_array_append_new(chain,
                              json_pack("{s:{s:s,s:s*,s:s*}}", "AssumeRole", "role_arn", role->role_arn, "external_id",
                                        role->external_id, "role_session_name", role->session_name));
    }
    return chain;
}

static void add_sections(dowel_aws_profiles *profiles, const char *word, json_t *sections) {
    const char *name, *setting;
    json_t *settings, *value;
    json_object_foreach(sections, name, settings) {
        char line[8192];
        size_t used = (size_t)snprintf(line, sizeof line, "[%s %s]\n", word, name);
        json_object_foreach(settings, setting, value) used +=
            (size_t)snprintf(line + used, sizeof line - used, "%s = %s\n", setting, json_string_value(value));
        assert_true(used < sizeof line);
        assert_ok(dowel_aws_profiles_parse(profiles, line, used, false, "config", err));
    }
}

static void roles_of_the_suite(void **state) {
    (void)state;
    json_t *tests = load("%s/assume-role-tests.json", NULL, NULL), *test;
    size_t i;
    json_array_foreach(tests, i, test) {
        json_t *input = json_object_get(test, "input"), *output = json_object_get(test, "output"),
               *wanted = json_object_get(output, "ProfileChain");
        dowel_aws_profiles *profiles = dowel_aws_profiles_new();
        add_sections(profiles, "profile", json_object_get(input, "profiles"));
        add_sections(profiles, "sso-session", json_object_get(input, "sso_sessions"));
        dowel_aws_plan plan;
        dowel_error err = {0};
        int rc = dowel_aws_plan_profile(profiles, text(input, "selected_profile"), &plan, &err);
        if (wanted) {
            json_t *got = rc == 1 ? described(&plan) : NULL;
            if (rc != 1) {
                complain(text(test, "docs"), "%d %s", rc, err.message);
            } else if (!json_equal(got, wanted)) {
                char *g = json_dumps(got, 0), *w = json_dumps(wanted, 0);
                complain(text(test, "docs"), "\nwanted: %s\ngot:    %s", w, g);
                free(g);
                free(w);
            }
            json_decref(got);
        } else {
            if (rc > 0) complain(text(test, "docs"), "no error, expected one such as: %s", text(output, "Error"));
            print_message("%s\n  there: %s\n  here:  %s\n", text(test, "docs"), text(output, "Error"), err.message);
        }
        dowel_aws_profiles_free(profiles);
    }
    json_decref(tests);
    end_of_suite(i, "roles");
}

/* ---- a world for a case: environment, files, traffic ---- */

static char root[256]; /* what is / there */

/* Puts the root in front of every path of the case that stands in the text; newly allocated. */
static char *moved(const char *content, char **paths) {
    char *result = strdup(content);
    for (; *paths; paths++) {
        size_t length = strlen(*paths), from = 0;
        for (char *at; (at = strstr(result + from, *paths));) {
            size_t before = (size_t)(at - result), room = strlen(result) + strlen(root) + 1;
            char *grown = malloc(room);
            snprintf(grown, room, "%.*s%s%s", (int)before, result, root, at);
            free(result);
            result = grown;
            from = before + strlen(root) + length;
        }
    }
    return result;
}

typedef struct world {
    char *paths[64]; /* of the files, as the case sees them */
    size_t count;
    char *known; /* everything that the case says: variables, files, answers */
} world;

static void know(world *w, const char *more) {
    size_t used = w->known ? strlen(w->known) : 0, room = used + strlen(more) + 2;
    w->known = realloc(w->known, room);
    snprintf(w->known + used, room - used, "\n%s", more);
}

static void find_files(world *w, const char *folder, const char *below) {
    char path[4096];
    snprintf(path, sizeof path, "%s%s", folder, below);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (*e->d_name == '.' && (!e->d_name[1] || e->d_name[1] == '.')) continue;
        struct stat st;
        char inner[4096], whole[8300];
        snprintf(inner, sizeof inner, "%.2000s/%s", below, e->d_name);
        snprintf(whole, sizeof whole, "%s%s", folder, inner);
        assert_int_equal(stat(whole, &st), 0);
        if (S_ISDIR(st.st_mode)) {
            char target[4600];
            snprintf(target, sizeof target, "%s%s", root, inner);
            mkdir(target, 0700);
            find_files(w, folder, inner);
        } else {
            assert_true(w->count < 63);
            w->paths[w->count++] = strdup(inner);
        }
    }
    if (dir) closedir(dir);
}

static void write_text(const char *path, const char *content) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    assert_int_equal(fclose(file), 0);
}

static void copy_files(world *w, const char *folder) {
    find_files(w, folder, "");
    for (size_t i = 0; i < w->count; i++) {
        char from[4096], to[4096];
        snprintf(from, sizeof from, "%s%s", folder, w->paths[i]);
        snprintf(to, sizeof to, "%s%s", root, w->paths[i]);
        char *content = read_file(from, NULL), *here = moved(content, w->paths);
        write_text(to, here);
        know(w, content);
        free(content);
        free(here);
    }
}

static void set_environment(world *w, const json_t *variables) {
    clearenv();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)variables, name, value) {
        char *here = moved(json_string_value(value), w->paths);
        if (!strcmp(name, "HOME")) {
            free(here);
            here = malloc(1024);
            snprintf(here, 1024, "%s%s", root, json_string_value(value));
        }
        setenv(name, here, 1);
        know(w, json_string_value(value));
        free(here);
    }
}

static void end_world(world *w) {
    for (size_t i = 0; i < w->count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s%s", root, w->paths[i]);
        unlink(path);
        free(w->paths[i]);
    }
    free(w->known);
    memset(w, 0, sizeof *w);
}

/* ---- the transport ---- */

typedef struct traffic {
    dowel_transport base;
    world *world;
    json_t *events; /* NULL: nobody answers, and the first address is kept */
    size_t next;
    char first[1024];
    char problem[2048];
} traffic;

static void differs(traffic *t, const char *format, const char *a, const char *b) {
    if (!*t->problem) {
        int n = snprintf(t->problem, sizeof t->problem, "request %zu: ", t->next);
        snprintf(t->problem + n, sizeof t->problem - (size_t)n, format, a, b);
    }
}

static bool known(const traffic *t, const char *value) {
    return t->world->known && strstr(t->world->known, value);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* name=value&name=value in order of the names. */
static size_t cut(char *form, char **parts, size_t room) {
    size_t n = 0;
    for (char *save = NULL, *p = strtok_r(form, "&", &save); p && n < room; p = strtok_r(NULL, "&", &save))
        parts[n++] = p;
    qsort(parts, n, sizeof *parts, by_text);
    return n;
}

static char *decoded(const char *value) {
    char *result = malloc(strlen(value) + 1), *out = result;
    for (; *value; value++) {
        if (*value == '%' && value[1] && value[2]) {
            char digits[] = {value[1], value[2], 0};
            *out++ = (char)strtol(digits, NULL, 16);
            value += 2;
        } else {
            *out++ = *value;
        }
    }
    *out = 0;
    return result;
}

/* The recordings were anonymised afterwards, each text by itself: a value is right that is the recorded one or that the case's files say. */
static void compare_forms(traffic *t, const char *recorded, const char *actual) {
    char *r = strdup(recorded), *a = strdup(actual), *rs[32], *as[32];
    size_t rn = cut(r, rs, 32), an = cut(a, as, 32);
    if (rn != an) differs(t, "body %s, recorded %s", actual, recorded);
    for (size_t i = 0; i < rn && i < an; i++) {
        size_t name = strcspn(rs[i], "=");
        if (strncmp(rs[i], as[i], name + 1) != 0) differs(t, "body %s, recorded %s", actual, recorded);
        bool session = !strncmp(rs[i], "RoleSessionName=", 16) && !known(t, as[i] + 16); /* made up with the time */
        if (session || !strcmp(rs[i], as[i]) || !as[i][name]) continue;
        char *value = decoded(as[i] + name + 1);
        if (!known(t, value)) differs(t, "body has %s, recorded %s", as[i], rs[i]);
        free(value);
    }
    free(r);
    free(a);
}

/* The same for a JSON object. */
static void compare_documents(traffic *t, const char *recorded, const char *actual) {
    json_t *r = json_loads(recorded, 0, NULL), *a = json_loads(actual, 0, NULL), *wanted;
    const char *name;
    if (json_object_size(r) != json_object_size(a)) differs(t, "body %s, recorded %s", actual, recorded);
    json_object_foreach(r, name, wanted) {
        json_t *got = json_object_get(a, name);
        if (!json_equal(got, wanted) && !(json_is_string(got) && known(t, json_string_value(got))))
            differs(t, "body %s, recorded %s", actual, recorded);
    }
    json_decref(r);
    json_decref(a);
}

static void compare_places(traffic *t, const char *recorded, const char *actual) {
    char *r = strdup(recorded), *a = strdup(actual), *rs[32], *as[32];
    char *rq = strchr(r, '?'), *aq = strchr(a, '?');
    if (rq) *rq++ = 0;
    if (aq) *aq++ = 0;
    size_t rl = strlen(r), al = strlen(a);
    if (rl && r[rl - 1] == '/') r[rl - 1] = 0;
    if (al && a[al - 1] == '/') a[al - 1] = 0;
    size_t rn = rq ? cut(rq, rs, 32) : 0, an = aq ? cut(aq, as, 32) : 0;
    bool same = !strcmp(r, a) && rn == an;
    for (size_t i = 0; same && i < rn; i++) same = !strcmp(rs[i], as[i]);
    if (!same) differs(t, "%s, recorded %s", actual, recorded);
    free(r);
    free(a);
}

static const char *header_of(const dowel_exchange *x, const char *name) {
    for (const dowel_header *h = x->headers; h && h->name; h++)
        if (!strcasecmp(h->name, name)) return h->value;
    return NULL;
}

static void compare_headers(traffic *t, json_t *recorded, const dowel_exchange *x) {
    static const char *const apart[] = {"user-agent",      "x-amz-user-agent",      "authorization",
                                        "x-amz-date",      "content-length",        "host",
                                        "amz-sdk-request", "amz-sdk-invocation-id", "accept-encoding"};
    const char *name;
    json_t *values;
    const char *signature = NULL;
    json_object_foreach(recorded, name, values) {
        bool skipped = false;
        for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++) skipped |= !strcasecmp(apart[i], name);
        const char *value = json_string_value(json_array_get(values, 0)), *actual = header_of(x, name);
        if (!strcasecmp(name, "authorization")) signature = value;
        if (!skipped && (!actual || (strcmp(actual, value) != 0 && !known(t, actual))))
            differs(t, "header %s is not as recorded: %s", name, actual ? actual : "(missing)");
    }
    const char *actual = header_of(x, "authorization");
    if (signature) {
        char id[256] = "", service[64] = "";
        if (!actual ||
            sscanf(actual, "AWS4-HMAC-SHA256 Credential=%255[^/]/%*[^/]/%*[^/]/%63[^/]/aws4_request", id, service) !=
                2 ||
            !known(t, id) || !strstr(signature, service))
            differs(t, "signed as %s, recorded %s", actual ? actual : "(not signed)", signature);
    } else if (actual && !known(t, actual)) {
        differs(t, "Authorization %s%s, recorded without", actual, "");
    }
}

static char *data_of(const json_t *events, json_int_t connection, const char *direction) {
    size_t i, used = 0;
    json_t *event;
    char *all = calloc(1, 1);
    json_array_foreach(events, i, event) {
        const json_t *data = json_object_get(json_object_get(event, "action"), "Data");
        if (json_integer_value(json_object_get(event, "connection_id")) != connection || !data ||
            strcmp(text(data, "direction"), direction) != 0)
            continue;
        const json_t *given = json_object_get(data, "data");
        void *bytes = NULL;
        size_t size = 0;
        if (text(given, "Base64")) assert_false(dowel_base64_decode(text(given, "Base64"), &bytes, &size));
        char *piece = bytes ? strndup(bytes, size) : strdup(text(given, "Utf8") ? text(given, "Utf8") : "");
        assert_true(!bytes || strlen(piece) == size);
        all = realloc(all, used + strlen(piece) + 1);
        memcpy(all + used, piece, strlen(piece) + 1);
        used += strlen(piece);
        free(piece);
        free(bytes);
    }
    return all;
}

static int answer(traffic *t, json_int_t connection, dowel_exchange *x, dowel_error *err) {
    size_t i;
    json_t *event, *response = NULL;
    json_array_foreach(t->events, i, event) {
        json_t *found = json_object_get(json_object_get(event, "action"), "Response");
        if (found && json_integer_value(json_object_get(event, "connection_id")) == connection)
            response = json_object_get(json_object_get(found, "response"), "Ok");
    }
    if (!response) return dowel_fail(err, DOWEL_E_NETWORK, "recorded: no answer");
    x->status = (int)json_integer_value(json_object_get(response, "status"));
    const char *name;
    json_t *values;
    json_object_foreach(json_object_get(response, "headers"), name, values)
        x->on_header(x, name, json_string_value(json_array_get(values, 0)));
    char *body = data_of(t->events, connection, "Response");
    know(t->world, body);
    if (*body) x->on_body(x, body, strlen(body));
    free(body);
    return 0;
}

static int perform(dowel_transport *base, dowel *d, dowel_exchange *x, dowel_error *err) {
    (void)d;
    traffic *t = (traffic *)base;
    x->sent = true;
    if (!*t->first) snprintf(t->first, sizeof t->first, "%s", x->url);
    if (!t->events) return dowel_fail(err, DOWEL_E_NETWORK, "nobody answers in this test");
    const json_t *event = NULL, *request = NULL;
    while (!request && (event = json_array_get(t->events, t->next++)))
        request = json_object_get(json_object_get(json_object_get(event, "action"), "Request"), "request");
    if (!request) {
        differs(t, "%s %s, and nothing more was recorded", x->method, x->url);
        return dowel_fail(err, DOWEL_E_NETWORK, "nothing more was recorded");
    }
    json_int_t connection = json_integer_value(json_object_get(event, "connection_id"));
    if (strcmp(text(request, "method"), x->method) != 0)
        differs(t, "method %s, recorded %s", x->method, text(request, "method"));
    compare_places(t, text(request, "uri"), x->url);
    compare_headers(t, json_object_get(request, "headers"), x);
    char *body = data_of(t->events, connection, "Request"), actual[8192];
    snprintf(actual, sizeof actual, "%.*s", (int)x->body.size, x->body.size ? (const char *)x->body.data : "");
    if (*body == '{')
        compare_documents(t, body, actual);
    else if (*body || strcmp(x->method, "POST") != 0) /* what an application sent may have been left out */
        compare_forms(t, body, actual);
    free(body);
    return answer(t, connection, x, err);
}

static bool asked_for_all(const traffic *t) {
    for (size_t i = t->next; i < json_array_size(t->events); i++)
        if (json_object_get(json_object_get(json_array_get(t->events, i), "action"), "Request")) return false;
    return true;
}

static void quiet(void *context, dowel_log_level level, const char *line) {
    (void)context, (void)level, (void)line;
}

static int find_keys(traffic *t, const char *profile, dowel_aws_keys *keys, dowel_error *err) {
    dowel *d;
    dowel_block *block = NULL;
    const dowel_aws_credentials fields = {.profile = profile};
    if (profile)
        assert_int_equal(dowel_block_from(&dowel_aws_credentials_type, NULL, &fields, sizeof fields, &block, err), 0);
    t->base.perform = perform;
    dowel_options options = {.size = sizeof options, .database_url = "memory:", .transport = &t->base, .log = quiet};
    assert_int_equal(dowel_open(&d, &options, err), 0);
    int rc = dowel_aws_get_keys(d, block, false, keys, err);
    dowel_block_free(block);
    dowel_close(d);
    return rc;
}

/* ---- folders with recorded traffic ---- */

static void expect_text(const char *name, const char *what, const char *wanted, const char *got) {
    if (!wanted != !got || (wanted && strcmp(wanted, got) != 0))
        complain(name, "%s is %s, expected %s", what, got ? got : "(none)", wanted ? wanted : "(none)");
}

static void expect_keys(const char *name, const json_t *wanted, const dowel_aws_keys *keys) {
    expect_text(name, "access_key_id", text(wanted, "access_key_id"), keys->access_key_id);
    expect_text(name, "secret_access_key", text(wanted, "secret_access_key"), keys->secret_access_key);
    expect_text(name, "session_token", text(wanted, "session_token"), keys->session_token);
    expect_text(name, "account_id", text(wanted, "account_id"), keys->account_id);
    json_int_t end = json_integer_value(json_object_get(wanted, "expiry"));
    if (end != keys->expires / 1000000)
        complain(name, "they end at %lld, expected %lld", (long long)(keys->expires / 1000000), (long long)end);
}

static void run_case(const char *suite, const char *name, bool profile_alone) {
    char folder[4096];
    json_t *environment = load("%s/%s/%s/env.json", suite, name),
           *recorded = load("%s/%s/%s/http-traffic.json", suite, name),
           *test = load("%s/%s/%s/test-case.json", suite, name), *nothing = json_array();
    json_t *result = json_object_get(test, "result"), *wanted = json_object_get(result, "Ok");
    if (!result) {
        complain(name, "there is no test-case.json, or none with a result");
    } else if (wanted && !text(wanted, "access_key_id")) {
        print_message("%s\n  not run: it is about a bearer token, and dowel speaks to no service that takes one\n",
                      name);
    } else {
        snprintf(folder, sizeof folder, "%s/%s/%s/fs", suites, suite, name);
        world w = {0};
        copy_files(&w, folder);
        set_environment(&w, environment);
        setenv("PATH", "/usr/bin:/bin", 1);
        traffic t = {.world = &w, .events = recorded ? json_object_get(recorded, "events") : nothing};
        dowel_aws_keys keys = {0};
        dowel_error err = {0};
        const char *selected = getenv("AWS_PROFILE") ? getenv("AWS_PROFILE") : "default";
        /* A block that names the profile: no other place is looked at. */
        int rc = find_keys(&t, profile_alone ? selected : NULL, &keys, &err);
        if (*t.problem) complain(name, "%s", t.problem);
        if (!asked_for_all(&t)) complain(name, "more was recorded than asked for: %s", rc ? err.message : "found");
        if (wanted && rc) {
            complain(name, "%s", err.message);
        } else if (wanted) {
            expect_keys(name, wanted, &keys);
            print_message("%s\n  keys of %s\n", name, keys.origin);
        } else {
            if (!rc) complain(name, "found keys, expected an error such as: %s", text(result, "ErrorContains"));
            print_message("%s\n  there: %s\n  here:  %s\n", name, text(result, "ErrorContains"), err.message);
        }
        dowel_aws_keys_clear(&keys);
        end_world(&w);
    }
    json_decref(environment);
    json_decref(recorded);
    json_decref(nothing);
    json_decref(test);
}

static void run_folder(const char *suite, bool profile_alone) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", suites, suite);
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort);
    size_t cases = 0;
    if (n < 0) {
        print_message("SKIPPED: %s is not there\n", path);
        absent = true;
        skip();
    }
    for (int i = 0; i < n; i++) {
        if (*names[i]->d_name != '.') {
            run_case(suite, names[i]->d_name, profile_alone);
            cases++;
        }
        free(names[i]);
    }
    free(names);
    end_of_suite(cases, suite);
}

static void default_chain_of_the_suite(void **state) {
    (void)state;
    run_folder("default-credential-provider-chain", false);
}

static void profiles_of_the_suite(void **state) {
    (void)state;
    run_folder("profile-provider", true);
}

/* ---- where containers and instances are asked ---- */

static void containers_of_the_suite(void **state) {
    (void)state;
    json_t *document = load("%s/ecs-tests.json", NULL, NULL), *test;
    size_t i;
    json_array_foreach(json_object_get(document, "tests"), i, test) {
        world w = {0};
        set_environment(&w, json_object_get(test, "env"));
        setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
        traffic t = {.world = &w};
        dowel_aws_keys keys;
        dowel_error err;
        if (!find_keys(&t, NULL, &keys, &err)) complain(text(test, "docs"), "keys without an answer");
        const char *wanted = text(json_object_get(test, "result"), "Ok");
        expect_text(text(test, "docs"), "address", wanted ? wanted : "", t.first);
        end_world(&w);
    }
    json_decref(document);
    end_of_suite(i, "containers");
}

static void instances_of_the_suite(void **state) {
    (void)state;
    json_t *document = load("%s/imds-endpoint-tests.json", NULL, NULL), *test;
    size_t i;
    assert_int_equal(chdir(root), 0);
    json_array_foreach(json_object_get(document, "tests"), i, test) {
        world w = {0};
        const char *name, *endpoint = text(test, "endpoint_override"), *mode = text(test, "mode_override");
        json_t *content;
        json_object_foreach(json_object_get(test, "fs"), name, content) {
            write_text(name, json_string_value(content));
            char path[300];
            snprintf(path, sizeof path, "/%s", name);
            w.paths[w.count++] = strdup(path);
        }
        set_environment(&w, json_object_get(test, "env"));
        /* What a program sets there in its code, dowel takes from the environment alone. */
        if (endpoint) setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint, 1);
        if (mode) setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", mode, 1);
        traffic t = {.world = &w};
        dowel_aws_keys keys;
        dowel_error err;
        if (!find_keys(&t, NULL, &keys, &err)) complain(text(test, "docs"), "keys without an answer");
        const char *wanted = text(json_object_get(test, "result"), "Ok");
        expect_text(text(test, "docs"), "address", wanted ? wanted : "", t.first);
        if (!wanted)
            print_message("%s\n  there: %s\n  here:  %s\n", text(test, "docs"),
                          text(json_object_get(test, "result"), "Err"), err.message);
        end_world(&w);
    }
    json_decref(document);
    assert_int_equal(chdir("/"), 0);
    end_of_suite(i, "instances");
}

int main(void) {
    snprintf(suites, sizeof suites, "%s/aws-credentials", variable("DOWEL_CONFORMANCE"));
    char here[2048];
    if (*suites != '/' && getcwd(here, sizeof here)) {
        char whole[5000];
        snprintf(whole, sizeof whole, "%s/%s", here, suites);
        snprintf(suites, sizeof suites, "%.2000s", whole);
    }
    const char *temporary = getenv("TMPDIR");
    snprintf(root, sizeof root, "%.200s/dowel-aws-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(root)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_of_the_suite),     cmocka_unit_test(default_chain_of_the_suite),
        cmocka_unit_test(profiles_of_the_suite),  cmocka_unit_test(containers_of_the_suite),
        cmocka_unit_test(instances_of_the_suite),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    setenv("PATH", "/usr/bin:/bin", 1);
    if (system(command)) failed = 1;
    return failed ? failed : absent ? 77 : 0;
}
