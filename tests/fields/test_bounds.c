/* Every number that a task or a block takes has bounds: what no service could mean is refused before anything is done, and a zero is
 * either a value or refused, never taken for "not given". */
#include "../test.h"

#include <math.h>

static dowel *d;

static bool is_number(const dowel_field *f) {
    return f->kind == DOWEL_INT || f->kind == DOWEL_SIZE || f->kind == DOWEL_DURATION || f->kind == DOWEL_FLOAT;
}

/* Whether a document with this one value is refused because of it. */
static bool refuses(const dowel_table *table, const dowel_field *f, json_t *value) {
    json_t *document = json_pack("{s:o}", f->name, value);
    dowel_record *record = NULL;
    dowel_error why = {0};
    int rc = dowel_record_decode(table, document, NULL, &record, &why);
    json_decref(document);
    if (!rc) dowel_record_free(record);
    return rc == DOWEL_E_INVALID && strstr(why.message, f->name) && !strstr(why.message, "is required");
}

static size_t numbers_of(const dowel_table *table) {
    size_t count = 0;
    for (const dowel_field *f = table ? table->fields : NULL; f && f->name; f++) {
        if (f->kind == DOWEL_TABLE || f->kind == DOWEL_TABLES) count += numbers_of(f->table);
        if (!is_number(f)) continue;
        count++;
        static const int64_t never[] = {-1, -9223372036854775807, 4611686018427387904};
        for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
            if (!refuses(table, f, json_integer(never[i])))
                fail_msg("%s: %s takes %lld", table->name, f->name, (long long)never[i]);
        if (f->kind != DOWEL_FLOAT && f->kind != DOWEL_DURATION) {
            assert_true(refuses(table, f, json_real(0.5)));
            assert_true(refuses(table, f, json_real(1e300)));
        }
        /* Zero is below the least, or is a value. */
        if ((f->minimum > 0) != refuses(table, f, json_integer(0)))
            fail_msg("%s: %s: zero is neither refused nor a value", table->name, f->name);
    }
    return count;
}

static void every_number_has_bounds(void **state) {
    (void)state;
    const dowel_task *task;
    const dowel_block_type *type;
    size_t count = numbers_of(&dowel_policy_table);
    for (size_t i = 0; (task = dowel_task_at(d, i)); i++) count += numbers_of(task->args);
    for (size_t i = 0; (type = dowel_block_type_at(d, i)); i++) count += numbers_of(type->table);
    assert_true(count > 30); /* or the tables were not found */
}

int main(void) {
    if (dowel_open(&d, NULL, NULL)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_number_has_bounds)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dowel_close(d);
    return failed;
}
