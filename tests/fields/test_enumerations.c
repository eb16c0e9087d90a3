/* The numbers of the public headers stand for what the tables call them. */
#include "../test.h"

#include <dowel/bigquery.h>
#include <dowel/gcs.h>
#include <dowel/lambda.h>
#include <dowel/object_tasks.h>
#include <dowel/s3.h>

static dowel *d;

static void check(const dowel_table *table, const char *field, int value, const char *name) {
    const dowel_field *found = dowel_field_find(table, field);
    assert_non_null(found);
    for (int i = 0; i <= value; i++) assert_non_null(found->values[i]);
    assert_string_equal(found->values[value], name);
}

static const dowel_table *of(const char *task) {
    const dowel_task *found = NULL;
    assert_ok(dowel_find_task(d, task, &found, err));
    return found->args;
}

/* Other words for values stand in the order of the values, one entry each. */
static void check_synonyms(const dowel_table *table) {
    for (const dowel_field *f = table ? table->fields : NULL; f && f->name; f++) {
        if (!f->synonyms) continue;
        size_t i = 0;
        for (; f->values[i]; i++) assert_non_null(f->synonyms[i]);
        assert_null(f->synonyms[i]);
    }
}

static void test_synonyms(void **state) {
    (void)state;
    const dowel_task *task;
    const dowel_block_type *type;
    for (size_t i = 0; (task = dowel_task_at(d, i)); i++) check_synonyms(task->args);
    for (size_t i = 0; (type = dowel_block_type_at(d, i)); i++) check_synonyms(type->table);
    assert_string_equal(dowel_field_find(of("lambda.invoke"), "mode")->synonyms[DOWEL_LAMBDA_DRY_RUN], "DryRun");
}

static void test_numbers(void **state) {
    (void)state;
    check(&dowel_policy_table, "retry_backoff", DOWEL_BACKOFF_EXPONENTIAL, "exponential");
    check(of("bigquery.query"), "dialect", DOWEL_BIGQUERY_LEGACY, "legacy");
    check(of("bigquery.query"), "write_disposition", DOWEL_BIGQUERY_WRITE_EMPTY, "empty");
    check(of("bigquery.query"), "write_disposition", DOWEL_BIGQUERY_WRITE_TRUNCATE, "truncate");
    check(of("bigquery.load"), "write_disposition", DOWEL_BIGQUERY_WRITE_APPEND, "append");
    check(of("bigquery.load"), "format", DOWEL_BIGQUERY_CSV, "csv");
    check(of("bigquery.load"), "format", DOWEL_BIGQUERY_JSON, "json");
    check(of("bigquery.load"), "format", DOWEL_BIGQUERY_PARQUET, "parquet");
    check(of("bigquery.load"), "format", DOWEL_BIGQUERY_AVRO, "avro");
    check(of("bigquery.load"), "format", DOWEL_BIGQUERY_ORC, "orc");
    check(of("lambda.invoke"), "mode", DOWEL_LAMBDA_REQUEST_RESPONSE, "request-response");
    check(of("lambda.invoke"), "mode", DOWEL_LAMBDA_EVENT, "event");
    check(of("lambda.invoke"), "mode", DOWEL_LAMBDA_DRY_RUN, "dry-run");
    check(dowel_s3_bucket_type.table, "addressing", DOWEL_S3_ADDRESSING_AUTO, "auto");
    check(dowel_s3_bucket_type.table, "addressing", DOWEL_S3_ADDRESSING_PATH, "path");
    check(dowel_s3_bucket_type.table, "addressing", DOWEL_S3_ADDRESSING_VIRTUAL, "virtual");
    check(dowel_s3_bucket_type.table, "checksums", DOWEL_S3_WHEN_REQUIRED, "when_required");
    check(of("s3.put"), "checksum", DOWEL_S3_CRC32, "crc32");
    check(of("s3.put"), "checksum", DOWEL_S3_CRC32C, "crc32c");
    check(of("s3.put"), "checksum", DOWEL_S3_CRC64NVME, "crc64nvme");
    check(of("s3.put"), "checksum", DOWEL_S3_SHA256, "sha256");
    check(of("s3.put"), "checksum", DOWEL_S3_MD5, "md5");
    check(of("s3.put"), "checksum", DOWEL_S3_NONE, "none");
    check(of("s3.put"), "encryption", DOWEL_S3_AES256, "AES256");
    check(of("s3.put"), "encryption", DOWEL_S3_KMS, "aws:kms");
    check(of("s3.put"), "encryption", DOWEL_S3_KMS_DSSE, "aws:kms:dsse");
    check(of("gcs.presign"), "style", DOWEL_GCS_VIRTUAL_HOSTED, "virtual-hosted");
    check(of("gcs.presign"), "style", DOWEL_GCS_BUCKET_BOUND, "bucket-bound");
    check(of("objects.sync"), "compare", DOWEL_COMPARE_SIZE, "size");
    check(of("objects.sync"), "compare", DOWEL_COMPARE_CHECKSUM, "checksum");
    check(of("objects.copy"), "symlinks", DOWEL_LINKS_FOLLOW, "follow");
    check(of("objects.copy"), "symlinks", DOWEL_LINKS_FAIL, "fail");
    static const char *const presigns[] = {"gcs.presign", "s3.presign", "objects.presign"};
    for (size_t i = 0; i < 3; i++) {
        check(of(presigns[i]), "method", DOWEL_PRESIGN_GET, "GET");
        check(of(presigns[i]), "method", DOWEL_PRESIGN_PUT, "PUT");
        check(of(presigns[i]), "method", DOWEL_PRESIGN_DELETE, "DELETE");
        check(of(presigns[i]), "method", DOWEL_PRESIGN_HEAD, "HEAD");
    }
    check(of("gcs.presign"), "method", DOWEL_PRESIGN_RESUMABLE, "RESUMABLE");
}

int main(void) {
    if (dowel_open(&d, NULL, NULL)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_synonyms)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dowel_close(d);
    return failed;
}
