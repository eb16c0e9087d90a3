/* Numbers, times and enumerations are held to the same rules in JSON and in a C caller's struct, at any depth, with the field's path; so is text. */
#include "../test.h"

#include <math.h>

static const char *const shapes[] = {"round", "square", NULL};
typedef struct inner_args {
    double share, pause;
    int64_t bytes;
    const char *given;
} inner_args;
static const dowel_field inner_fields[] = {{DOWEL_AT(inner_args, share), .kind = DOWEL_FLOAT, .minimum = -1,
                                            .maximum = 1, .fallback = "0.5", .doc = "A share."},
                                           {DOWEL_AT(inner_args, pause), .kind = DOWEL_DURATION, .doc = "A duration."},
                                           {DOWEL_AT(inner_args, bytes), .kind = DOWEL_SIZE, .doc = "A size."},
                                           {DOWEL_GIVEN_AT(inner_args)},
                                           {0}};
static const dowel_table inner_table = {"inner", sizeof(inner_args), inner_fields, NULL};

typedef struct words_args {
    const char *text, *file, *place;
    const char *const *list;
    const dowel_pair *map;
} words_args;
static const dowel_field words_fields[] = {{DOWEL_AT(words_args, text), .kind = DOWEL_STRING},
                                           {DOWEL_AT(words_args, file), .kind = DOWEL_PATH},
                                           {DOWEL_AT(words_args, place), .kind = DOWEL_STRING, .flags = DOWEL_PLACE},
                                           {DOWEL_AT(words_args, list), .kind = DOWEL_LIST},
                                           {DOWEL_AT(words_args, map), .kind = DOWEL_MAP},
                                           {0}};
static const dowel_table words_table = {"words", sizeof(words_args), words_fields, NULL};

typedef struct outer_args {
    int64_t count, bytes, when;
    double share, pause;
    int shape;
    dowel_bytes data;
    const inner_args *one;
    const inner_args *const *many;
    const char *given;
} outer_args;
static const dowel_field outer_fields[] = {
    {DOWEL_AT(outer_args, count), .kind = DOWEL_INT, .minimum = 1, .maximum = 64, .doc = "A number."},
    {DOWEL_AT(outer_args, bytes), .kind = DOWEL_SIZE, .doc = "A size."},
    {DOWEL_AT(outer_args, when), .kind = DOWEL_TIME, .doc = "A time."},
    {DOWEL_AT(outer_args, share), .kind = DOWEL_FLOAT, .doc = "Any number."},
    {DOWEL_AT(outer_args, pause), .kind = DOWEL_DURATION, .doc = "A duration."},
    {DOWEL_AT(outer_args, shape), .kind = DOWEL_ENUM, .values = shapes, .doc = "A shape."},
    {DOWEL_AT(outer_args, data), .kind = DOWEL_BYTES, .doc = "Bytes."},
    {DOWEL_AT(outer_args, one), .kind = DOWEL_TABLE, .table = &inner_table, .doc = "One."},
    {DOWEL_AT(outer_args, many), .kind = DOWEL_TABLES, .table = &inner_table, .doc = "Many."},
    {DOWEL_GIVEN_AT(outer_args)},
    {0}};
static const dowel_table outer_table = {"outer", sizeof(outer_args), outer_fields, NULL};

static void struct_refused(const outer_args *args, const char *message) {
    dowel_record *record;
    dowel_error why = {0};
    assert_int_equal(dowel_record_copy(&outer_table, args, sizeof *args, &record, &why), DOWEL_E_INVALID);
    if (!strstr(why.message, message)) fail_msg("\"%s\" lacks \"%s\"", why.message, message);
}

static void test_structs(void **state) {
    (void)state;
    struct_refused(&(outer_args){.count = -1}, "outer: field \"count\": -1 is not between 1 and 64");
    struct_refused(&(outer_args){.count = 65}, "outer: field \"count\"");
    struct_refused(&(outer_args){.given = "count"}, "outer: field \"count\": 0 is not between");
    struct_refused(&(outer_args){.bytes = -1}, "outer: field \"bytes\": -1 is negative");
    struct_refused(&(outer_args){.bytes = INT64_MIN}, "outer: field \"bytes\"");
    struct_refused(&(outer_args){.share = NAN}, "outer: field \"share\"");
    struct_refused(&(outer_args){.share = INFINITY}, "outer: field \"share\"");
    struct_refused(&(outer_args){.pause = NAN}, "outer: field \"pause\"");
    struct_refused(&(outer_args){.pause = -0.001}, "outer: field \"pause\": -0.001 is negative");
    struct_refused(&(outer_args){.pause = -INFINITY}, "outer: field \"pause\"");
    struct_refused(&(outer_args){.pause = INFINITY}, "outer: field \"pause\"");
    struct_refused(&(outer_args){.pause = 1e18}, "outer: field \"pause\": 1e+18 s is longer than 100 years");
    struct_refused(&(outer_args){.shape = 2}, "outer: field \"shape\": 2 is not one of its 2 values");
    struct_refused(&(outer_args){.shape = -1}, "outer: field \"shape\": -1");
    struct_refused(&(outer_args){.when = INT64_MAX}, "outer: field \"when\"");
    struct_refused(&(outer_args){.when = INT64_MIN}, "outer: field \"when\"");
    struct_refused(&(outer_args){.data = {NULL, 5}}, "outer: field \"data\": 5 bytes at NULL");
    const inner_args nan = {.share = NAN}, negative = {.bytes = -7}, good = {.share = -1}, odd = {.given = "nothing"};
    struct_refused(&(outer_args){.one = &nan}, "outer: field \"one.share\"");
    struct_refused(&(outer_args){.one = &odd}, "outer: field \"one.given\": no field \"nothing\"");
    const inner_args *const many[] = {&good, &negative, NULL};
    struct_refused(&(outer_args){.many = many}, "outer: field \"many[1].bytes\": -7 is negative");

    dowel_record *record;
    const inner_args zero = {.given = "share"};
    const outer_args fine = {
        .count = 64, .bytes = INT64_MAX, .when = -1, .share = -1e300, .pause = 3e9, .shape = 1, .one = &zero};
    assert_ok(dowel_record_copy(&outer_table, &fine, sizeof fine, &record, err));
    const outer_args *copy = dowel_record_data(record);
    assert_true(copy->bytes == INT64_MAX && copy->when == -1 && copy->one->share == 0.0);
    dowel_record_free(record);
}

static void words_refused(const words_args *args, const char *field) {
    dowel_record *record;
    dowel_error why = {0};
    char message[64];
    snprintf(message, sizeof message, "words: field \"%s\": expected UTF-8 text", field);
    assert_int_equal(dowel_record_copy(&words_table, args, sizeof *args, &record, &why), DOWEL_E_INVALID);
    assert_string_equal(why.message, message);
}

static void test_text(void **state) {
    (void)state;
    const char *const wrong[] = {"\xff", "a\xe9", "\xed\xa0\x80", "\xc0\xaf", "cut \xe3\x81"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *const list[] = {"good", wrong[i], NULL};
        const dowel_pair name[] = {{wrong[i], "good"}, {0}}, value[] = {{"good", wrong[i]}, {0}};
        words_refused(&(words_args){.text = wrong[i]}, "text");
        words_refused(&(words_args){.list = list}, "list");
        words_refused(&(words_args){.map = name}, "map");
        words_refused(&(words_args){.map = value}, "map");
    }
    dowel_record *record;
    const char *const list[] = {"", "\xc3\xbc", NULL};
    const words_args fine = {.text = "\xf0\x9f\x98\x80", .file = "\xff", .place = "\xff", .list = list};
    assert_ok(dowel_record_copy(&words_table, &fine, sizeof fine, &record, err));
    const words_args *copy = dowel_record_data(record);
    assert_string_equal(copy->file, "\xff");
    assert_string_equal(copy->list[1], list[1]);
    dowel_record_free(record);
}

static void test_documents(void **state) {
    (void)state;
    static const struct {
        const char *document, *message; /* NULL: it is taken */
    } cases[] = {
        {"{\"count\": 0}", "field \"count\": 0 is not between 1 and 64"},
        {"{\"bytes\": -5}", "field \"bytes\": -5 is negative"},
        {"{\"bytes\": -5.0}", "field \"bytes\": -5 is negative"},
        {"{\"bytes\": \"-5\"}", "field \"bytes\""},
        {"{\"pause\": -1}", "field \"pause\": -1 is negative"},
        {"{\"pause\": \"-1s\"}", "field \"pause\""},
        {"{\"pause\": 1e300}", "longer than 100 years"},
        {"{\"pause\": \"40000d\"}", "longer than 100 years"},
        {"{\"share\": \"nan\"}", "field \"share\""},
        {"{\"shape\": \"oval\"}", "field \"shape\""},
        {"{\"shape\": 0}", "field \"shape\""},
        {"{\"one\": {\"bytes\": -1}}", "field \"one.bytes\": -1 is negative"},
        {"{\"many\": [{}, {\"pause\": -1}]}", "field \"many[1].pause\": -1 is negative"},
        {"{\"bytes\": 0, \"pause\": 0, \"share\": 0, \"one\": {\"share\": 0}}", NULL},
        {"{\"bytes\": 9223372036854775807, \"pause\": \"36500d\"}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *document = json_loads(cases[i].document, 0, NULL);
        dowel_record *record = NULL;
        dowel_error why = {0};
        int rc = dowel_record_decode(&outer_table, document, NULL, &record, &why);
        if (rc != (cases[i].message ? DOWEL_E_INVALID : 0)) fail_msg("%s: %d", cases[i].document, rc);
        if (rc && !strstr(why.message, cases[i].message))
            fail_msg("\"%s\" lacks \"%s\"", why.message, cases[i].message);
        dowel_record_free(record);
        json_decref(document);
    }
}

/* The tables of every task: a size or duration that is negative never reaches a body, by whichever door it comes. */
static void test_every_task(void **state) {
    (void)state;
    dowel *d;
    int seen = 0;
    assert_ok(dowel_open(&d, &(dowel_options){.size = sizeof(dowel_options), .no_history = true}, err));
    const dowel_task *task;
    for (size_t n = 0; (task = dowel_task_at(d, n)); n++) {
        for (const dowel_field *f = task->args ? task->args->fields : NULL; f && f->name; f++) {
            if (f->kind != DOWEL_SIZE && f->kind != DOWEL_DURATION) continue;
            char where[128];
            dowel_error why = {0};
            dowel_record *record;
            json_t *document = json_pack("{s:i}", f->name, -5);
            snprintf(where, sizeof where, "%s: field \"%s\": -5 is negative", task->args->name, f->name);
            assert_int_equal(dowel_record_decode(task->args, document, NULL, &record, &why), DOWEL_E_INVALID);
            assert_string_equal(why.message, where);
            json_decref(document);
            char *data = calloc(1, task->args->size);
            assert_non_null(data);
            if (f->kind == DOWEL_SIZE)
                *(int64_t *)(void *)(data + f->offset) = -5;
            else
                *(double *)(void *)(data + f->offset) = -5;
            assert_int_equal(dowel_record_copy(task->args, data, task->args->size, &record, &why), DOWEL_E_INVALID);
            assert_string_equal(why.message, where);
            free(data);
            seen++;
        }
    }
    assert_true(seen > 5);
    /* Every task's struct can say that a zero is meant. */
    for (size_t n = 0; (task = dowel_task_at(d, n)); n++) {
        bool can = !task->args;
        for (const dowel_field *f = task->args ? task->args->fields : NULL; f && f->name; f++)
            can = can || f->kind == DOWEL_GIVEN;
        if (!can) fail_msg("%s has no \"given\"", task->name);
    }
    dowel_close(d);
}

static void test_other_structs(void **state) {
    (void)state;
    dowel *d = NULL;
    dowel_error why = {0};
    json_t *runs = NULL;
    dowel_options options = {.size = sizeof options, .database_url = "memory:", .workers = -1};
    assert_int_equal(dowel_open(&d, &options, &why), DOWEL_E_INVALID);
    assert_string_equal(why.message, "options: field \"workers\": -1 is not between 0 and 1024");
    options.workers = 1025;
    assert_int_equal(dowel_open(&d, &options, &why), DOWEL_E_INVALID);
    options.workers = 0;
    assert_ok(dowel_open(&d, &options, err));
    dowel_runs_query query = {.size = sizeof query, .limit = -1};
    assert_int_equal(dowel_runs_list(d, &query, &runs, &why), DOWEL_E_INVALID);
    assert_string_equal(why.message, "runs: field \"limit\": -1 is negative");
    query = (dowel_runs_query){.size = sizeof query, .state = "done"};
    assert_int_equal(dowel_runs_list(d, &query, &runs, &why), DOWEL_E_INVALID);
    query.state = "faild";
    assert_int_equal(dowel_runs_list(d, &query, &runs, &why), DOWEL_E_INVALID);
    assert_string_equal(why.message, "runs: field \"state\": no state \"faild\"; did you mean \"failed\"?");
    static const char *const states[] = {"pending",   "running", "retrying", "completed", "failed",
                                         "cancelled", "crashed", "",         NULL};
    for (size_t i = 0; i < 9; i++) {
        query.state = states[i];
        assert_ok(dowel_runs_list(d, &query, &runs, err));
        json_decref(runs);
    }
    const dowel_call_options old = {.size = offsetof(dowel_call_options, run_key)};
    assert_int_equal(dowel_call(d, "objects.stat", NULL, 0, &old, NULL, &why), DOWEL_E_INVALID);
    assert_non_null(strstr(why.message, "built for another version"));
    dowel_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structs),    cmocka_unit_test(test_text),          cmocka_unit_test(test_documents),
        cmocka_unit_test(test_every_task), cmocka_unit_test(test_other_structs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
