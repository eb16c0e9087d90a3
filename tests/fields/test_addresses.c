/* An address that is given and empty is refused, in every block type and every task: it would silently mean the cloud itself. */
#include "../test.h"

static dowel *d;

static bool ends_with(const char *name, const char *end) {
    size_t length = strlen(name), wanted = strlen(end);
    return length >= wanted && !strcmp(name + length - wanted, end);
}

static bool is_called_so(const char *name) {
    static const char *const ends[] = {"endpoint", "url", "uri", "host", "address", "server"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ends_with(name, ends[i])) return true;
    return false;
}

/* Whether that is the error of the field, and no other one. */
static bool refuses(int rc, const dowel_error *error, const char *name) {
    char wanted[160];
    snprintf(wanted, sizeof wanted, "field \"%s\": the address is empty", name);
    return rc == DOWEL_E_INVALID && strstr(error->message, wanted);
}

/* The table itself, of which other fields are not required here. */
static dowel_table alone(const dowel_table *table, const dowel_field *field, dowel_field fields[2]) {
    fields[0] = *field;
    fields[1] = (dowel_field){0};
    return (dowel_table){table->name, table->size, fields, NULL};
}

static void check_field(const dowel_table *table, const dowel_field *field) {
    static const char *const empty[] = {"", " ", "\t\r\n "};
    dowel_field fields[2];
    const dowel_table one = alone(table, field, fields);
    void *args = calloc(1, table->size);
    dowel_record *record;
    assert_non_null(args);
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        dowel_error error = {0};
        json_t *document = json_pack("{s:s}", field->name, empty[i]);
        int rc = dowel_record_decode(&one, document, NULL, &record, &error);
        json_decref(document);
        if (!refuses(rc, &error, field->name)) fail_msg("%s.%s in JSON: %s", table->name, field->name, error.message);
        memcpy((char *)args + field->offset, &empty[i], sizeof empty[i]);
        rc = dowel_record_copy(&one, args, table->size, &record, &error);
        if (!refuses(rc, &error, field->name)) fail_msg("%s.%s in C: %s", table->name, field->name, error.message);
    }
    free(args);
    json_t *nothing = json_object(), *null = json_pack("{s:n}", field->name);
    for (int i = 0; i < 2; i++) { /* left out, which is what null says too */
        assert_ok(dowel_record_decode(&one, i ? null : nothing, NULL, &record, err));
        dowel_record_free(record);
    }
    json_decref(nothing);
    json_decref(null);
}

static int check_table(const dowel_table *table) {
    int found = 0;
    for (const dowel_field *field = table ? table->fields : NULL; field && field->name; field++) {
        if (field->table) found += check_table(field->table);
        if (field->kind == DOWEL_STRING && (field->flags & DOWEL_ADDRESS || is_called_so(field->name))) {
            check_field(table, field);
            found++;
        }
    }
    return found;
}

static void test_every_table(void **state) {
    (void)state;
    int types = 0, tasks = 0;
    const dowel_block_type *type;
    const dowel_task *task;
    for (size_t i = 0; (type = dowel_block_type_at(d, i)); i++) types += check_table(type->table);
    for (size_t i = 0; (task = dowel_task_at(d, i)); i++) tasks += check_table(task->args);
    assert_true(types >= 5);
    assert_true(tasks >= 10);
}

/* An endpoint is not taken for the cloud's own on its way through other documents. */
static void test_in_calls(void **state) {
    (void)state;
    static const struct {
        const char *task, *args, *field;
    } calls[] = {
        {"gcs.list", "{\"bucket\": {\"bucket\": \"b\", \"endpoint\": \"\"}}", "endpoint"},
        {"s3.list", "{\"bucket\": {\"bucket\": \"b\", \"credentials\": {\"endpoint\": \"\"}}}", "endpoint"},
        {"bigquery.query", "{\"query\": \"SELECT 1\", \"credentials\": {\"token_uri\": \"\"}}", "token_uri"},
        {"objects.list", "{\"place\": \"s3://b/\", \"endpoint\": \"\"}", "endpoint"},
        {"objects.copy", "{\"source\": \"gs://b/x\", \"destination\": \"x\", \"from_endpoint\": \"\"}",
         "from_endpoint"},
        {"objects.sync", "{\"source\": \"a/\", \"destination\": \"s3://b/\", \"to_endpoint\": \"\"}", "to_endpoint"},
        {"objects.list", "{\"place\": \"s3://b/\", \"credentials\": \"{\\\"endpoint\\\": \\\"\\\"}\"}", "endpoint"},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        dowel_error error = {0};
        json_t *args = json_loads(calls[i].args, 0, NULL), *result = NULL;
        assert_non_null(args);
        int rc = dowel_call_json(d, calls[i].task, args, NULL, &result, &error);
        if (!refuses(rc, &error, calls[i].field)) fail_msg("%s %s: %s", calls[i].task, calls[i].args, error.message);
        json_decref(args);
        json_decref(result);
    }
}

static void test_the_database(void **state) {
    (void)state;
    const dowel_options options = {.size = sizeof options, .database_url = ""};
    dowel_error error = {0};
    dowel *other = NULL;
    assert_int_equal(dowel_open(&other, &options, &error), DOWEL_E_INVALID);
    assert_non_null(strstr(error.message, "database_url"));
    assert_null(other);
}

static int begin(void **state) {
    (void)state;
    const dowel_options options = {.size = sizeof options, .database_url = "memory:"};
    return dowel_open(&d, &options, NULL);
}

static int end(void **state) {
    (void)state;
    dowel_close(d);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_table), cmocka_unit_test(test_in_calls),
                                       cmocka_unit_test(test_the_database)};
    return cmocka_run_group_tests(tests, begin, end);
}
